/* The operators that are read: a row for each. */
#include <string.h>

#include "onnx/cell/power.h"
#include "onnx/curve_operators.h"
#include "onnx/impl.h"
#include "onnx/op/spectrum.h"

#define RECURRENT "activation_alpha activation_beta activations clip direction hidden_size layout"

static const sp_onnx_operator operators[] = {
    {"Add", sp_onnx_op_arithmetic, 2, 2, ""},
    {"And", sp_onnx_op_compare, 2, 2, ""},
    {"AveragePool", sp_onnx_op_pool, 1, 1,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"},
    {"BatchNormalization", sp_onnx_op_batch_norm, 5, 5, "epsilon momentum training_mode spatial"},
    {"BlackmanWindow", sp_onnx_op_window, 1, 1, "output_datatype periodic"},
    {"Cast", sp_onnx_op_cast, 1, 1, "to saturate round_mode"},
    {"Clip", sp_onnx_op_clip, 1, 3, "min max"},
    {"Concat", sp_onnx_op_concat, 1, SIZE_MAX, "axis"},
    {"Constant", sp_onnx_op_constant, 0, 0, "value value_float value_floats value_int value_ints"},
    {"ConstantOfShape", sp_onnx_op_constant_of_shape, 1, 1, "value"},
    {"Conv", sp_onnx_op_conv, 2, 3, "auto_pad dilations group kernel_shape pads strides"},
    {"DFT", sp_onnx_op_dft, 1, 3, "axis inverse onesided"},
    {"Div", sp_onnx_op_arithmetic, 2, 2, ""},
    {"Dropout", sp_onnx_op_dropout, 1, 3, "ratio seed"},
    {"Equal", sp_onnx_op_compare, 2, 2, ""},
    {"Expand", sp_onnx_op_expand, 2, 2, ""},
    {"Flatten", sp_onnx_op_flatten, 1, 1, "axis"},
    {"GRU", sp_onnx_op_recurrent, 3, 6, RECURRENT " linear_before_reset"},
    {"Gather", sp_onnx_op_gather, 2, 2, "axis"},
    {"Gelu", sp_onnx_op_gelu, 1, 1, "approximate"},
    {"Gemm", sp_onnx_op_gemm, 2, 3, "alpha beta transA transB"},
    {"GlobalAveragePool", sp_onnx_op_reduce_sum, 1, 1, ""},
    {"GlobalMaxPool", sp_onnx_op_reduce_max, 1, 1, ""},
    {"Greater", sp_onnx_op_compare, 2, 2, ""},
    {"GreaterOrEqual", sp_onnx_op_compare, 2, 2, ""},
    {"HammingWindow", sp_onnx_op_window, 1, 1, "output_datatype periodic"},
    {"HannWindow", sp_onnx_op_window, 1, 1, "output_datatype periodic"},
    {"HardSigmoid", sp_onnx_op_activation, 1, 1, "alpha beta"},
    {"Identity", sp_onnx_op_identity, 1, 1, ""},
    {"If", sp_onnx_op_if, 1, 1, "then_branch else_branch"},
    {"InstanceNormalization", sp_onnx_op_instance_norm, 3, 3, "epsilon"},
    {"LSTM", sp_onnx_op_recurrent, 3, 8, RECURRENT " input_forget"},
    {"LayerNormalization", sp_onnx_op_layer_norm, 2, 3, "axis epsilon stash_type"},
    {"Less", sp_onnx_op_compare, 2, 2, ""},
    {"LessOrEqual", sp_onnx_op_compare, 2, 2, ""},
    {"Log", sp_onnx_op_root, 1, 1, ""},
    {"LogSoftmax", sp_onnx_op_softmax, 1, 1, "axis"},
    {"Loop", sp_onnx_op_loop, 0, SIZE_MAX, "body"},
    {"MatMul", sp_onnx_op_matmul, 2, 2, ""},
    {"Max", sp_onnx_op_limit, 1, SIZE_MAX, ""},
    {"MaxPool", sp_onnx_op_pool, 1, 1,
     "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
    {"MelWeightMatrix", sp_onnx_op_mel_matrix, 5, 5, "output_datatype"},
    {"Min", sp_onnx_op_limit, 1, SIZE_MAX, ""},
    {"Mod", sp_onnx_op_mod, 2, 2, "fmod"},
    {"Mul", sp_onnx_op_arithmetic, 2, 2, ""},
    {"Neg", sp_onnx_op_activation, 1, 1, ""},
    {"Not", sp_onnx_op_not, 1, 1, ""},
    {"Or", sp_onnx_op_compare, 2, 2, ""},
    {"PRelu", sp_onnx_op_prelu, 2, 2, ""},
    {"Pad", sp_onnx_op_pad, 1, 4, "mode pads value"},
    {"Pow", sp_onnx_op_pow, 2, 2, ""},
    {"RNN", sp_onnx_op_recurrent, 3, 6, RECURRENT},
    {"Reciprocal", sp_onnx_op_reciprocal, 1, 1, ""},
    {"ReduceL2", sp_onnx_op_reduce_squares, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceMax", sp_onnx_op_reduce_max, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceMean", sp_onnx_op_reduce_sum, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceProd", sp_onnx_op_reduce_prod, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceSum", sp_onnx_op_reduce_sum, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"ReduceSumSquare", sp_onnx_op_reduce_squares, 1, 2, "axes keepdims noop_with_empty_axes"},
    {"Relu", sp_onnx_op_activation, 1, 1, ""},
    {"Reshape", sp_onnx_op_reshape, 2, 2, "allowzero"},
    {"Shape", sp_onnx_op_shape, 1, 1, "start end"},
    {"Sigmoid", sp_onnx_op_activation, 1, 1, ""},
    {"Size", sp_onnx_op_shape, 1, 1, ""},
    {"ReverseSequence", sp_onnx_op_reverse_sequence, 2, 2, "batch_axis time_axis"},
    {"STFT", sp_onnx_op_stft, 2, 4, "onesided"},
    {"ScatterElements", sp_onnx_op_scatter_elements, 3, 3, "axis reduction"},
    {"Slice", sp_onnx_op_slice, 1, 5, "starts ends axes"},
    {"Softmax", sp_onnx_op_softmax, 1, 1, "axis"},
    {"Split", sp_onnx_op_split, 1, 2, "axis split num_outputs"},
    {"Sqrt", sp_onnx_op_root, 1, 1, ""},
    {"Squeeze", sp_onnx_op_squeeze, 1, 2, "axes"},
    {"Sub", sp_onnx_op_arithmetic, 2, 2, ""},
    {"Tanh", sp_onnx_op_activation, 1, 1, ""},
    {"Tile", sp_onnx_op_tile, 2, 2, ""},
    {"TopK", sp_onnx_op_top_k, 2, 2, "axis largest sorted"},
    {"Transpose", sp_onnx_op_transpose, 1, 1, "perm"},
    {"Unsqueeze", sp_onnx_op_unsqueeze, 1, 2, "axes"},
    {"Where", sp_onnx_op_where, 3, 3, ""},
#define SP_CURVE_ROW(operator, KIND, attributes, alpha, beta)                                      \
    {operator, sp_onnx_op_curve, 1, 1, attributes},
    SP_ONNX_CURVE_LIST(SP_CURVE_ROW)
#undef SP_CURVE_ROW
};

const sp_onnx_operator *sp_onnx_operator_find(const Onnx__NodeProto *node) {
    const char *type = node->op_type ? node->op_type : "";
    const char *domain = node->domain ? node->domain : "";
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].name, type) == 0) {
            return domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0 ? &operators[i] : NULL;
        }
    }
    return NULL;
}

const char *sp_model_operator(size_t index) {
    return index < sizeof operators / sizeof *operators ? operators[index].name : NULL;
}
