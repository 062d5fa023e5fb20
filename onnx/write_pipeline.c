/* A front end before a network that was read from a file, as one file over samples: the nodes of
 * the front end as convolutions and functions of one number, then the file's own graph as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/file/writer.h"

enum { NODES_PER_STAGE = 8, TENSORS_PER_STAGE = 8 };

static void set_ints(sp_onnx_writer *w, Onnx__NodeProto *n, const char *name, const int64_t *value,
                     size_t count) {
    Onnx__AttributeProto *a =
        sp_onnx_write_attribute(w, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = sp_onnx_write_take(w, count, sizeof *copy);
    if (a && copy) {
        memcpy(copy, value, count * sizeof *copy);
        a->ints = copy;
        a->n_ints = count;
    }
}

/* A list of whole numbers as an initialiser: its name. */
static char *whole_numbers(sp_onnx_writer *w, const int64_t *value, size_t count) {
    char *name = sp_onnx_write_numbered(w, "shape", w->graph.n_initializer + 1);
    const int64_t dim = (int64_t)count;
    Onnx__TensorProto *t =
        sp_onnx_write_tensor(w, name, &dim, 1, ONNX__TENSOR_PROTO__DATA_TYPE__INT64);
    int64_t *data = sp_onnx_write_take(w, count, sizeof *data);
    if (!t || !data) {
        return NULL;
    }
    memcpy(data, value, count * sizeof *data);
    t->int64_data = data;
    t->n_int64_data = count;
    return name;
}

static char *numbers(sp_onnx_writer *w, const double *value, const int64_t *dim, size_t rank,
                     size_t count) {
    float *copy = sp_onnx_write_take(w, count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = (float)value[i];
    }
    return copy ? sp_onnx_write_floats(
                      w, sp_onnx_write_numbered(w, "numbers", w->graph.n_initializer + 1), dim,
                      rank, copy)
                : NULL;
}

/* ---- the nodes of the front end, on [1, width, frames] ---- */

/* weight [out, taps, in] as the kernel [out, in, taps]. */
static char *kernel_of(sp_onnx_writer *w, const sp_term *term, size_t out) {
    const size_t taps = term->timing.taps, in = term->in;
    double *kernel = sp_onnx_write_take(w, out * in * taps, sizeof *kernel);
    for (size_t o = 0; kernel && o < out; o++) {
        for (size_t k = 0; k < taps; k++) {
            for (size_t i = 0; i < in; i++) {
                kernel[(o * in + i) * taps + k] = term->weight[(o * taps + k) * in + i];
            }
        }
    }
    const int64_t dim[] = {(int64_t)out, (int64_t)in, (int64_t)taps};
    return kernel ? numbers(w, kernel, dim, 3, out * in * taps) : NULL;
}

static char *convolve(sp_onnx_writer *w, const sp_node *from, size_t term, char *x, char *bias) {
    const sp_timing *timing = &from->term[term].timing;
    char *input[] = {x, kernel_of(w, &from->term[term], from->width), bias};
    char *output[] = {sp_onnx_write_numbered(w, "value", w->graph.n_node + 1)};
    Onnx__NodeProto *n = sp_onnx_write_node(w, "Conv", input, bias ? 3 : 2, output, 1);
    set_ints(w, n, "strides", (const int64_t[]){(int64_t)timing->stride}, 1);
    set_ints(w, n, "dilations", (const int64_t[]){(int64_t)timing->dilation}, 1);
    set_ints(w, n, "pads", (const int64_t[]){(int64_t)timing->before, (int64_t)timing->after}, 2);
    return n ? output[0] : NULL;
}

static bool all_zero(const double *value, size_t count) {
    bool zero = true;
    for (size_t i = 0; i < count; i++) {
        zero = zero && value[i] == 0.0;
    }
    return zero;
}

/* A sum of convolutions; the first has the bias. */
static char *write_affine(sp_onnx_writer *w, const sp_node *from, char *const *name) {
    const int64_t dim = (int64_t)from->width;
    char *bias =
        all_zero(from->bias, from->width) ? NULL : numbers(w, from->bias, &dim, 1, from->width);
    char *sum = NULL;
    for (size_t i = 0; i < from->terms && !w->failed; i++) {
        char *part = convolve(w, from, i, name[from->term[i].input], i == 0 ? bias : NULL);
        char *both[] = {sum, part};
        sum = i == 0 ? part : sp_onnx_write_step(w, "Add", both, 2);
    }
    return sum;
}

static char *write_curve(sp_onnx_writer *w, const sp_node *from, char *x) {
    const double least = from->curve.alpha;
    char *both[] = {x, x};
    switch (from->curve.kind) {
    case SP_ACTIVATION_SQUARE:
        return sp_onnx_write_step(w, "Mul", both, 2);
    case SP_ACTIVATION_LOG:
        return sp_onnx_write_step(w, "Log", &x, 1);
    case SP_ACTIVATION_SQRT:
        return sp_onnx_write_step(w, "Sqrt", &x, 1);
    case SP_ACTIVATION_RELU:
        return sp_onnx_write_step(w, "Relu", &x, 1);
    case SP_ACTIVATION_AT_LEAST:
        both[1] = numbers(w, &least, (const int64_t[]){1}, 1, 1);
        return sp_onnx_write_step(w, "Max", both, 2);
    default:
        return NULL;
    }
}

static sp_status check_node(sp_error *err, const sp_node *node) {
    const sp_activation_kind curve = node->curve.kind;
    bool written = node->kind == SP_NODE_AFFINE ||
                   (node->kind == SP_NODE_CURVE &&
                    (curve == SP_ACTIVATION_SQUARE || curve == SP_ACTIVATION_LOG ||
                     curve == SP_ACTIVATION_SQRT || curve == SP_ACTIVATION_RELU ||
                     curve == SP_ACTIVATION_AT_LEAST));
    for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
        const sp_timing *timing = &node->term[i].timing;
        written = written && timing->stride > 0 && !timing->repeats && !timing->reflects;
    }
    return written ? SP_OK
                   : sp_fail(err, SP_E_UNSUPPORTED,
                             "a part of the front end that is no convolution, square, logarithm, "
                             "root or floor is not written as ONNX");
}

/* ---- the file's graph ---- */

/* How [1, width, frames] becomes the file's input; NULL: not known. */
static char *turn(sp_onnx_writer *w, const sp_model *model, size_t rank, char *x) {
    static const int64_t first[] = {2, 0, 1}, second[] = {0, 2, 1};
    const long axis = model->steps_axis;
    char *output[] = {sp_onnx_write_numbered(w, "value", w->graph.n_node + 1)};
    if (rank == 3 && axis == 2) {
        return x;
    }
    if (axis < 0 || axis > 1 || rank < 2 || rank > 3) {
        return NULL;
    }
    Onnx__NodeProto *n = sp_onnx_write_node(w, "Transpose", &x, 1, output, 1);
    set_ints(w, n, "perm", rank == 3 && axis == 1 ? second : first, 3);
    if (rank == 3) {
        return output[0];
    }
    const int64_t rows[] = {-1, (int64_t)model->net.features};
    char *both[] = {output[0], whole_numbers(w, rows, 2)};
    return axis == 0 ? sp_onnx_write_step(w, "Reshape", both, 2) : NULL;
}

static void *join_arrays(sp_onnx_writer *w, void *const *list, size_t count, size_t more) {
    void **joined = sp_onnx_write_take(w, count + more, sizeof *joined);
    if (joined && count > 0) {
        memcpy(joined, list, count * sizeof *joined);
    }
    return joined;
}

static sp_status check_file(sp_error *err, const sp_model *model, const Onnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const Onnx__TensorProto *t = graph->initializer[i];
        if (t->has_data_location &&
            t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
            return sp_fail(err, SP_E_UNSUPPORTED, "it keeps numbers in files beside it");
        }
    }
    if (model->recordings > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED, "it takes several recordings at once");
    }
    if (model->inputs[0] != '\0') {
        return sp_fail(err, SP_E_UNSUPPORTED, "it has more than one input");
    }
    return SP_OK;
}

/* Entries but for the description of the front end, which is in the graph now. */
static void copy_metadata(sp_onnx_writer *w, const Onnx__ModelProto *from) {
    w->model.metadata_props =
        sp_onnx_write_take(w, from->n_metadata_props, sizeof *w->model.metadata_props);
    w->model.n_metadata_props = 0;
    for (size_t i = 0; i < from->n_metadata_props && !w->failed; i++) {
        const char *key = from->metadata_props[i]->key;
        if (!key || strcmp(key, "soundproof.front") != 0) {
            w->model.metadata_props[w->model.n_metadata_props++] = from->metadata_props[i];
        }
    }
}

/* peak / max |x| times x; silence stays silent. */
static char *write_gain(sp_onnx_writer *w, char *samples, double peak) {
    static const double least = 0x1p-100; // far below half a unit in the last place of any format
    const int64_t one[] = {1, 1};
    char *loudest = sp_onnx_write_step(w, "Abs", &samples, 1);
    loudest = sp_onnx_write_step(w, "ReduceMax", &loudest, 1); // over all axes, which it keeps
    char *above[] = {loudest, numbers(w, &least, one, 2, 1)};
    char *quotient[] = {numbers(w, &peak, one, 2, 1), sp_onnx_write_step(w, "Max", above, 2)};
    char *both[] = {samples, sp_onnx_write_step(w, "Div", quotient, 2)};
    return sp_onnx_write_step(w, "Mul", both, 2);
}

/* The features that the nodes make, under the name of the file's input. */
static sp_status write_front(sp_error *err, sp_onnx_writer *w, const sp_model *model,
                             const sp_net *front, double peak, char *samples,
                             const Onnx__ValueInfoProto *to) {
    static const int64_t channel[] = {1, 1, -1};
    char **name = sp_onnx_write_take(w, front->nodes, sizeof *name);
    if (!name) {
        return SP_OK; // packing says so
    }
    if (peak > 0.0) {
        samples = write_gain(w, samples, peak);
    }
    char *both[] = {samples, whole_numbers(w, channel, 3)};
    name[0] = sp_onnx_write_step(w, "Reshape", both, 2);
    for (size_t n = 1; n < front->nodes && !w->failed; n++) {
        const sp_node *at = &front->node[n];
        SP_TRY(check_node(err, at));
        name[n] = at->kind == SP_NODE_AFFINE ? write_affine(w, at, name)
                                             : write_curve(w, at, name[at->input]);
    }
    char *last = turn(w, model, to->type->tensor_type->shape->n_dim, name[front->nodes - 1]);
    if (!last && !w->failed) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "its input is no row of features for each step, with or without a batch");
    }
    char *output[] = {sp_onnx_write_text(w, to->name)};
    (void)sp_onnx_write_node(w, "Identity", &last, 1, output, 1);
    return SP_OK;
}

sp_status sp_model_pack_pipeline(sp_error *err, void **data, size_t *size, const sp_model *model,
                                 const sp_net *front, double peak, size_t samples) {
    const Onnx__ModelProto *from = model->reference->proto;
    const Onnx__GraphProto *graph = from->graph;
    const Onnx__ValueInfoProto *features = model->reference->graph.features;
    const int64_t shape[] = {1, (int64_t)samples};
    sp_onnx_writer w = {.prefix = "front.", .region = {.left = SIZE_MAX}};
    *data = NULL;
    *size = 0;
    SP_TRY(check_file(err, model, graph));
    w.model = *from;
    w.graph = *graph;
    w.model.graph = &w.graph;
    if (!w.model.has_ir_version || w.model.ir_version < 4) { // before, initialisers were inputs
        w.model.has_ir_version = 1;
        w.model.ir_version = 4;
    }
    copy_metadata(&w, from);
    w.graph.n_node = 0;
    w.graph.node = sp_onnx_write_take(&w, graph->n_node + NODES_PER_STAGE * (front->nodes + 2),
                                      sizeof(void *));
    w.graph.initializer = join_arrays(&w, (void *const *)graph->initializer, graph->n_initializer,
                                      TENSORS_PER_STAGE * (front->nodes + 2));
    w.graph.input = join_arrays(&w, (void *const *)graph->input, graph->n_input, 0);
    sp_status status = SP_OK;
    if (!w.failed) {
        Onnx__ValueInfoProto *input =
            sp_onnx_write_value_info(&w, sp_onnx_write_text(&w, "front.samples"), shape, 2, "");
        status = input ? write_front(err, &w, model, front, peak, input->name, features) : SP_OK;
        for (size_t i = 0; i < graph->n_input; i++) {
            w.graph.input[i] = graph->input[i] == features ? input : graph->input[i];
        }
        for (size_t i = 0; i < graph->n_node && !w.failed; i++) {
            w.graph.node[w.graph.n_node++] = graph->node[i];
        }
    }
    const sp_status packed = sp_onnx_write_pack(err, &w, data, size);
    if (status != SP_OK) {
        free(*data);
        *data = NULL;
    }
    return status != SP_OK ? status : packed;
}
