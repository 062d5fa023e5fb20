/* Graphs, names, inputs and tensors that are broken or not supported, and what a file says about
 * itself. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onnx/build.h"

static const double weight[6] = {1, 2, 3, 4, 5, 6}; /* 2 x 3 */

/* The smallest model: x [N, 3] -> Gemm -> y. */
static om *dense(void) {
    om *m = om_new(17);
    om_input(m, "x", "N x 3");
    om_reals(m, "w", "2x3", weight);
    Onnx__NodeProto *node = om_node(m, "Gemm", "x,w", "y");
    om_int(m, node, "transB", 1);
    node->name = om_text(m, "dense");
    om_output(m, "y");
    return m;
}

static void metadata(om *m, const char *key, const char *value) {
    Onnx__StringStringEntryProto *entry = om_take(m, 1, sizeof *entry);
    onnx__string_string_entry_proto__init(entry);
    entry->key = om_text(m, key);
    entry->value = om_text(m, value);
    m->metadata[m->model.n_metadata_props++] = entry;
}

static void test_what_a_file_says(void **state) {
    (void)state;
    sp_model model;
    om *m = dense();
    metadata(m, "author", "nobody");
    metadata(m, "soundproof.front", "{\"sample_rate\": 8000}");
    m->model.producer_version = om_text(m, "1.2");
    om_accept(m, &model);
    assert_string_equal(model.front, "{\"sample_rate\": 8000}");
    assert_string_equal(model.producer, "soundproof-tests 1.2");
    assert_string_equal(model.input_name, "x");
    assert_string_equal(model.input_shape, "N x 3");
    assert_int_equal(model.opset, 17);
    assert_int_equal(model.parameters, 8);
    sp_model_clear(&model);
    m = dense();
    m->model.producer_name = NULL;
    m->input[0]->type->tensor_type->shape->dim[0]->value_case =
        ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
    om_accept(m, &model);
    assert_null(model.front);
    assert_string_equal(model.producer, "");
    assert_string_equal(model.input_shape, "? x 3");
    sp_model_clear(&model);
    m = dense();
    metadata(m, "soundproof.front", "a");
    metadata(m, "soundproof.front", "b");
    om_refuse(m, SP_E_FORMAT, "'soundproof.front' is given twice");
}

/* ---- inputs and outputs ---- */

static void test_inputs(void **state) {
    (void)state;
    sp_model model;
    om *m = dense();
    m->graph.n_input = 0;
    om_refuse(m, SP_E_UNSUPPORTED, "no input");
    m = dense();
    om_input(m, "extra", "N x 3");
    om_refuse(m, SP_E_UNSUPPORTED, "several inputs|'x'|'extra'");
    m = dense(); // an initialiser among the inputs, as older files have it
    om_input(m, "w", "2 x 3");
    om_accept(m, &model);
    assert_string_equal(model.input_name, "x");
    sp_model_clear(&model);
    m = dense();
    m->input[0]->type = NULL;
    om_refuse(m, SP_E_UNSUPPORTED, "'x' is not a tensor");
    m = dense();
    m->input[0]->type->value_case = ONNX__TYPE_PROTO__VALUE__NOT_SET;
    om_refuse(m, SP_E_UNSUPPORTED, "'x' is not a tensor");
    m = dense();
    m->input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
    om_refuse(m, SP_E_UNSUPPORTED, "'x' has the element type 10");
    m = dense();
    m->input[0]->type->tensor_type->shape = NULL;
    om_refuse(m, SP_E_UNSUPPORTED, "'x' must have one to four axes");
    m = dense();
    m->input[0]->name = om_text(m, "");
    om_refuse(m, SP_E_FORMAT, "has no name");
    static const struct {
        const char *shape;
        sp_status status;
        const char *parts;
    } shapes[] = {
        {"", SP_E_UNSUPPORTED, "one to four axes"},
        {"1 x 1 x 1 x 1 x 3", SP_E_UNSUPPORTED, "one to four axes|5"},
        {"N x D", SP_E_UNSUPPORTED, "number of features"},
        {"N x ?", SP_E_UNSUPPORTED, "number of features"},
        {"N x 0", SP_E_FORMAT, "length 0 along axis 1"},
        {"0 x 3", SP_E_FORMAT, "length 0 along axis 0"},
        {"-1 x 3", SP_E_FORMAT, "length -1 along axis 0"},
        {"N x -3", SP_E_FORMAT, "length -3 along axis 1"},
        {"N x 4294967299", SP_E_FORMAT, "length 4294967299"},
        {"N x 4", SP_E_FORMAT, "'dense' (Gemm)|4 features"},
        {"2 x 3", SP_E_UNSUPPORTED, "one row per step"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        m = dense();
        m->input[0] = om_value(m, "x", 1, shapes[i].shape);
        om_refuse(m, shapes[i].status, shapes[i].parts);
    }
}

static void test_outputs(void **state) {
    (void)state;
    sp_model with_input;
    om *m = dense();
    m->graph.n_output = 0;
    om_refuse(m, SP_E_UNSUPPORTED, "0 outputs");
    m = dense();
    om_output(m, "x"); // its own input, from which the logits are computed
    om_accept(m, &with_input);
    sp_model_clear(&with_input);
    m = dense();
    m->output[0]->name = om_text(m, "z");
    om_refuse(m, SP_E_FORMAT, "output 'z' of the graph is not defined");
    m = dense();
    m->output[0]->name = om_text(m, "w");
    om_refuse(m, SP_E_UNSUPPORTED, "output 'w' is not a function of the input");
    m = dense();
    om_tensor(m, om_node(m, "Constant", "", "c"), "value",
              om_real_tensor(m, "", "2", weight, OM_RAW));
    m->output[0]->name = om_text(m, "c");
    om_refuse(m, SP_E_UNSUPPORTED, "output 'c' is not a function of the input");
    m = dense();
    m->input[0] = om_value(m, "x", 1, "1 x 3");
    m->output[0]->name = om_text(m, "x");
    om_refuse(m, SP_E_UNSUPPORTED, "output 'x' is the input, without any layer");
}

/* ---- names ---- */

static void test_names(void **state) {
    (void)state;
    sp_model model;
    om *m = dense();
    om_node(m, "Relu", "y", "y");
    om_refuse(m, SP_E_FORMAT, "'y' is defined more than once");
    m = dense();
    om_node(m, "Relu", "y", "x");
    om_refuse(m, SP_E_FORMAT, "'x' is defined more than once");
    m = dense();
    om_node(m, "Relu", "y", "w");
    om_refuse(m, SP_E_FORMAT, "'w' is defined more than once");
    m = dense();
    om_reals(m, "w", "2x3", weight);
    om_refuse(m, SP_E_FORMAT, "'w' is defined more than once");
    m = dense();
    om_input(m, "x", "N x 3");
    om_refuse(m, SP_E_FORMAT, "'x' is defined more than once");
    m = dense();
    m->node[0]->input[1] = om_text(m, "nowhere");
    om_refuse(m, SP_E_FORMAT, "'dense' (Gemm) reads 'nowhere'");
    m = dense(); // also where the result is not needed
    om_node(m, "Relu", "nowhere", "unused");
    om_refuse(m, SP_E_FORMAT, "(Relu) reads 'nowhere'");
    m = dense();
    m->initialiser[0]->name = NULL;
    om_refuse(m, SP_E_FORMAT, "has no name");
    m = dense();
    m->node[0]->op_type = NULL;
    om_refuse(m, SP_E_UNSUPPORTED, "'dense' ()");
    // operators that are not needed are not looked at, and nodes may stand in any order
    m = dense();
    om_node(m, "Conv", "y", "unused");
    m->output[0]->name = om_text(m, "z");
    om_node(m, "Relu", "a", "z");
    om_node(m, "Relu", "y", "a");
    om_accept(m, &model);
    assert_int_equal(model.net.nodes, 5);
    sp_model_clear(&model);
}

static void test_cycles(void **state) {
    (void)state;
    om *m = dense();
    om_node(m, "Relu", "b", "a");
    om_node(m, "Relu", "a", "b");
    m->output[0]->name = om_text(m, "b");
    om_refuse(m, SP_E_FORMAT, "needs its own result: a cycle");
    m = dense();
    om_node(m, "Relu", "a", "a");
    om_refuse(m, SP_E_FORMAT, "(Relu) needs its own result: a cycle");
    m = dense(); // a long chain needs no deep stack of the program
    char from[32] = "y", to[32];
    for (int i = 0; i < 200; i++) {
        snprintf(to, sizeof to, "r%d", i);
        om_node(m, "Relu", from, to);
        memcpy(from, to, sizeof to);
    }
    m->node[0]->input[0] = om_text(m, to);
    om_refuse(m, SP_E_FORMAT, "a cycle");
}

/* ---- tensors ---- */

static void test_tensors(void **state) {
    (void)state;
    om *m = dense();
    m->initialiser[0]->raw_data.len -= 1;
    om_refuse(m, SP_E_FORMAT, "'w' needs 6 numbers|hold 5");
    m = dense();
    m->initialiser[0]->dims[1] = 2;
    om_refuse(m, SP_E_FORMAT, "'w' needs 4 numbers|hold 6");
    m = dense();
    m->initialiser[0]->raw_data.len = 0;
    om_refuse(m, SP_E_FORMAT, "'w' needs 6 numbers|hold 0");
    m = dense();
    m->initialiser[0]->has_raw_data = 0;
    om_refuse(m, SP_E_FORMAT, "'w' needs 6 numbers|hold 0");
    m = dense();
    m->initialiser[0]->dims[1] = 4;
    om_refuse(m, SP_E_FORMAT, "'w' needs 8 numbers|hold 6");
    m = dense();
    m->initialiser[0]->dims[1] = -3;
    om_refuse(m, SP_E_FORMAT, "'w' has the length -3 along axis 1");
    m = dense();
    m->initialiser[0]->dims[0] = INT64_MAX;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' has too many axes (2) or elements");
    m = dense();
    m->initialiser[0]->dims[0] = m->initialiser[0]->dims[1] = INT64_C(1) << 32;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' has too many");
    m = dense();
    m->initialiser[0]->n_dims = 3;
    m->initialiser[0]->dims[0] = 0;
    m->initialiser[0]->dims[1] = m->initialiser[0]->dims[2] = INT64_C(1) << 40;
    m->initialiser[0]->raw_data.len = 0;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' has too many");
    m = dense();
    m->initialiser[0]->dims[0] = INT64_C(1) << 40;
    om_refuse(m, SP_E_FORMAT, "'w' needs 3298534883328 numbers");
    m = dense();
    m->initialiser[0]->n_dims = 9;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' has too many axes (9)");
    m = dense();
    m->initialiser[0]->n_float_data = 6;
    m->initialiser[0]->float_data = om_take(m, 6, sizeof(float));
    om_refuse(m, SP_E_FORMAT, "'w' needs 6 numbers|hold 12");
    static const int types[] = {0, 2, 3, 4, 5, 8, 10, 12, 13, 14, 15, 16, 17, -1, 99};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        m = dense();
        m->initialiser[0]->data_type = types[i];
        om_refuse(m, SP_E_UNSUPPORTED, "tensor 'w' has the type");
    }
    m = dense();
    m->initialiser[0]->has_data_location = 1;
    m->initialiser[0]->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' keeps its numbers in another file");
    m = dense();
    Onnx__StringStringEntryProto *entry = om_take(m, 1, sizeof *entry), *entries[1] = {entry};
    onnx__string_string_entry_proto__init(entry);
    entry->key = om_text(m, "location");
    entry->value = om_text(m, "/etc/passwd");
    m->initialiser[0]->n_external_data = 1;
    m->initialiser[0]->external_data = entries;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' keeps its numbers in another file");
    m = dense();
    Onnx__TensorProto__Segment *segment = om_take(m, 1, sizeof *segment);
    onnx__tensor_proto__segment__init(segment);
    m->initialiser[0]->segment = segment;
    om_refuse(m, SP_E_UNSUPPORTED, "'w' is stored in segments");
    m = dense();
    Onnx__SparseTensorProto *sparse = om_take(m, 1, sizeof *sparse), *all[1] = {sparse};
    onnx__sparse_tensor_proto__init(sparse);
    m->graph.n_sparse_initializer = 1;
    m->graph.sparse_initializer = all;
    om_refuse(m, SP_E_UNSUPPORTED, "sparse initialisers");
}

/* A constant that is larger than any file of this size should need. */
static void test_bombs(void **state) {
    (void)state;
    om *m = dense();
    om_list(m, "huge", 3, (const int64_t[]){1 << 20, 1 << 20, 1});
    om_node(m, "ConstantOfShape", "huge", "zeros");
    om_node(m, "Add", "y,zeros", "z");
    m->output[0]->name = om_text(m, "z");
    om_refuse(m, SP_E_MEMORY, "'zeros' (ConstantOfShape)|memory");
    m = dense();
    om_list(m, "huge", 4, (const int64_t[]){1L << 31, 1L << 31, 1L << 31, 1L << 31});
    om_node(m, "Expand", "w,huge", "zeros");
    om_node(m, "Add", "y,zeros", "z");
    m->output[0]->name = om_text(m, "z");
    om_refuse(m, SP_E_FORMAT, "'zeros' (Expand)");
    m = dense(); // many medium ones
    om_list(m, "large", 1, (const int64_t[]){1 << 20});
    for (int i = 0; i < 40; i++) {
        char name[16], sum[16], inputs[48];
        snprintf(name, sizeof name, "c%d", i);
        snprintf(sum, sizeof sum, "s%d", i);
        om_node(m, "ConstantOfShape", "large", name);
        snprintf(inputs, sizeof inputs, "%s,%s", name, i == 0 ? "c0" : "s0");
        om_node(m, "Add", inputs, sum);
    }
    om_list(m, "axis", 1, (const int64_t[]){0});
    char list[256] = "s0";
    for (int i = 1; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, ",s%d", i);
        strcat(list, name);
    }
    om_int(m, om_node(m, "Concat", list, "all"), "axis", 0);
    om_node(m, "Add", "y,all", "z");
    m->output[0]->name = om_text(m, "z");
    om_refuse(m, SP_E_MEMORY, "memory");
}

/* ---- the file ---- */

static void test_functions(void **state) {
    (void)state;
    om *m = dense();
    Onnx__FunctionProto *function = om_take(m, 1, sizeof *function), *all[1] = {function};
    onnx__function_proto__init(function);
    function->name = om_text(m, "Gemm");
    m->model.n_functions = 1;
    m->model.functions = all;
    om_refuse(m, SP_E_UNSUPPORTED, "functions of its own");
    m = dense();
    m->model.graph = NULL;
    om_refuse(m, SP_E_FORMAT, "holds no graph");
}

static void refuse_bytes(const void *data, size_t size, sp_status status, const char *part) {
    sp_error err = {0};
    sp_model model;
    assert_int_equal(sp_model_parse(&err, &model, data, size, "bytes"), status);
    if (!strstr(err.text, part)) {
        fail_msg("'%s' does not hold '%s'", err.text, part);
    }
    assert_int_equal(sp_model_parse(NULL, &model, data, size, "bytes"), status);
}

static void test_wire(void **state) {
    (void)state;
    refuse_bytes("", 0, SP_E_FORMAT, "holds no graph");
    refuse_bytes("# a text file\n", 14, SP_E_FORMAT, "not an ONNX model");
    refuse_bytes("\x89PNG\r\n\x1a\n", 8, SP_E_FORMAT, "not an ONNX model");
    refuse_bytes("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, SP_E_FORMAT,
                 "ends inside a field");
    refuse_bytes("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, SP_E_FORMAT, "ten bytes");
    refuse_bytes("\x3a\x80", 2, SP_E_FORMAT, "inside a number");
    refuse_bytes("\x00\x00", 2, SP_E_FORMAT, "field number");
    refuse_bytes("\x3b\x3c", 2, SP_E_FORMAT, "unknown kind");
    refuse_bytes("\x12\x03"
                 "a\0b",
                 5, SP_E_FORMAT, "zero byte inside a name");
    refuse_bytes("\x3a\x02\x0a\x05", 4, SP_E_FORMAT, "ends inside a field at byte 2");
    // graph { node { attribute { g { ... } } } }, deeper than any exporter goes, from the inside
    enum { LEVELS = 20000 };
    static const uint8_t tags[4] = {0x32, 0x2a, 0x0a, 0x3a}; // g, attribute, node; graph
    const size_t room = (3 * LEVELS + 1) * 6;
    uint8_t *deep = malloc(room);
    assert_non_null(deep);
    size_t at = room;
    for (size_t i = 0; i <= 3 * LEVELS; i++) {
        uint8_t head[6];
        size_t n = 0, rest = room - at;
        head[n++] = i == 3 * LEVELS ? tags[3] : tags[i % 3];
        for (; rest >= 0x80; rest >>= 7) {
            head[n++] = (uint8_t)(rest | 0x80);
        }
        head[n++] = (uint8_t)rest;
        at -= n;
        memcpy(deep + at, head, n);
    }
    refuse_bytes(deep + at, room - at, SP_E_UNSUPPORTED, "nested more than");
    free(deep);
}

static void refuse_path(const char *path, sp_status status, const char *part) {
    sp_error err = {0};
    sp_model model;
    assert_int_equal(sp_model_read(&err, &model, path), status);
    if (!strstr(err.text, part) || !strstr(err.text, path)) {
        fail_msg("'%s' does not hold '%s' and '%s'", err.text, part, path);
    }
}

static void write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_files(void **state) {
    (void)state;
    char path[512];
    sp_test_scratch("test_graph-folder", path, sizeof path);
    mkdir(path, 0777);
    refuse_path(path, SP_E_IO, "directory");
    sp_test_scratch("test_graph-absent.onnx", path, sizeof path);
    unlink(path);
    refuse_path(path, SP_E_IO, "");
    sp_test_scratch("test_graph-empty.onnx", path, sizeof path);
    write_file(path, "", 0);
    sp_error err = {0};
    sp_model model;
    assert_int_not_equal(sp_model_read(&err, &model, path), SP_OK);
    assert_non_null(strstr(err.text, path));
    sp_test_scratch("test_graph-text.onnx", path, sizeof path);
    write_file(path, "no model\n", 9);
    refuse_path(path, SP_E_FORMAT, "not an ONNX model");
    size_t size;
    om *m = dense();
    uint8_t *data = om_pack(m, &size);
    sp_test_scratch("test_graph-dense.onnx", path, sizeof path);
    write_file(path, data, size);
    assert_int_equal(sp_model_read(&err, &model, path), SP_OK);
    assert_int_equal(model.net.classes, 2);
    sp_model_clear(&model);
    free(data);
    om_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_file_says),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("onnx/graph", tests, NULL, NULL);
}
