/* Numbers beside the file: read where they lie in the model's folder, refused everywhere else. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onnx/build.h"

static const float weight[6] = {1, -2, 3, 4, 5, -6};

enum { LEAD = 8 }; /* bytes in front of the weights */

static void write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static char *in_folder(char *path, size_t size, const char *name) {
    char folder[400];
    sp_test_scratch("test_external", folder, sizeof folder);
    mkdir(folder, 0777);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static void entry(om *m, Onnx__TensorProto *tensor, const char *key, const char *value) {
    Onnx__StringStringEntryProto *e = om_take(m, 1, sizeof *e);
    onnx__string_string_entry_proto__init(e);
    e->key = om_text(m, key);
    e->value = om_text(m, value);
    if (!tensor->external_data) {
        tensor->external_data = om_take(m, 4, sizeof *tensor->external_data);
    }
    tensor->external_data[tensor->n_external_data++] = e;
}

/* A dense layer whose weights stand elsewhere, read from its file. */
static sp_status read_dense(sp_error *err, sp_model *model, const char *location,
                            const char *offset, const char *length) {
    static const double none[6];
    char path[512];
    size_t size = 0;
    om *m = om_new(17);
    om_input(m, "x", "N x 3");
    Onnx__TensorProto *w = om_reals(m, "w", "2x3", none);
    w->has_raw_data = 0;
    w->raw_data.len = 0;
    w->has_data_location = 1;
    w->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    if (location) {
        entry(m, w, "location", location);
    }
    entry(m, w, "offset", offset);
    if (length) {
        entry(m, w, "length", length);
    }
    om_int(m, om_node(m, "Gemm", "x,w", "y"), "transB", 1);
    om_output(m, "y");
    uint8_t *data = om_pack(m, &size);
    write_file(in_folder(path, sizeof path, "m.onnx"), data, size);
    free(data);
    om_free(m);
    return sp_model_read(err, model, path);
}

static void write_numbers(const char *name, float first) {
    char path[512], bytes[LEAD + sizeof weight] = {0};
    memcpy(bytes + LEAD, weight, sizeof weight);
    memcpy(bytes + LEAD, &first, sizeof first);
    write_file(in_folder(path, sizeof path, name), bytes, sizeof bytes);
}

static void refuse(const char *location, const char *offset, const char *length, const char *part) {
    sp_error err = {0};
    sp_model model;
    assert_int_not_equal(read_dense(&err, &model, location, offset, length), SP_OK);
    if (!strstr(err.text, part)) {
        fail_msg("'%s' does not hold '%s'", err.text, part);
    }
}

static void numbers_beside_the_file_are_its_weights(void **state) {
    (void)state;
    sp_error err = {0};
    sp_model model;
    char digest[2][SP_DIGEST_TEXT];
    for (size_t i = 0; i < 2; i++) {
        write_numbers("m.data", i == 0 ? 1.0F : 7.0F);
        if (read_dense(&err, &model, i == 0 ? "m.data" : "./m.data", "8", i == 0 ? "24" : NULL) !=
            SP_OK) {
            fail_msg("%s", err.text);
        }
        const double *w = model.net.node[model.net.nodes - 1].term[0].weight;
        for (size_t k = 0; k < 6; k++) {
            const double want = i == 1 && k == 0 ? 7.0 : (double)weight[k];
            assert_true(w[k] == want);
        }
        memcpy(digest[i], model.digest, sizeof digest[i]);
        sp_model_clear(&model);
    }
    assert_string_not_equal(digest[0], digest[1]);
}

static void the_checksum_covers_the_numbers_beside_the_file(void **state) {
    (void)state;
    sp_error err = {0};
    sp_model model;
    char before[SP_DIGEST_TEXT];
    write_numbers("m.data", 1.0F);
    assert_int_equal(read_dense(&err, &model, "m.data", "8", "24"), SP_OK);
    memcpy(before, model.digest, sizeof before);
    sp_model_clear(&model);
    write_numbers("m.data", 2.0F);
    assert_int_equal(read_dense(&err, &model, "m.data", "8", "24"), SP_OK);
    assert_string_not_equal(before, model.digest);
    sp_model_clear(&model);
}

static void only_whole_files_inside_the_folder_are_read(void **state) {
    (void)state;
    char path[512], outside[512];
    write_numbers("m.data", 1.0F);
    refuse(".."
           "/test_external/m.data",
           "8", "24", "own folder");
    refuse("a/../m.data", "8", "24", "own folder");
    refuse("/etc/passwd", "0", "24", "own folder");
    refuse("a\\m.data", "8", "24", "own folder");
    refuse("absent.data", "8", "24", "put both files into one folder");
    refuse(NULL, "8", "24", "does not name");
    refuse("m.data", "12", "24", "ends before");
    refuse("m.data", "999999999999999999", "24", "ends before");
    refuse("m.data", "-8", "24", "no number");
    refuse("m.data", "8", "99999999999999999999", "no number");
    refuse("m.data", "8", "20", "does not say how many bytes");
    mkdir(in_folder(path, sizeof path, "folder"), 0777);
    refuse("folder", "0", "24", "cannot be read");
    sp_test_scratch("test_external-outside.data", outside, sizeof outside);
    write_file(outside, weight, sizeof weight);
    unlink(in_folder(path, sizeof path, "link.data"));
    assert_int_equal(symlink(outside, path), 0);
    refuse("link.data", "0", "24", "leads out of the model's folder");
    unlink(path);
    assert_int_equal(symlink("m.data", path), 0);
    sp_error err = {0};
    sp_model model;
    assert_int_equal(read_dense(&err, &model, "link.data", "8", "24"), SP_OK);
    sp_model_clear(&model);
}

static void an_operator_set_may_be_declared_twice_if_both_agree(void **state) {
    (void)state;
    for (int64_t version = 16; version <= 17; version++) {
        om *m = om_new(17);
        Onnx__OperatorSetIdProto second, *both[2] = {&m->opset, &second};
        onnx__operator_set_id_proto__init(&second);
        second.domain = om_text(m, "ai.onnx");
        second.has_version = 1;
        second.version = version;
        m->model.opset_import = both;
        m->model.n_opset_import = 2;
        om_input(m, "x", "N x 3");
        om_reals(m, "w", "3x1", (const double[]){1, 2, 3});
        om_node(m, "MatMul", "x,w", "y");
        om_output(m, "y");
        if (version != 17) {
            om_refuse(m, SP_E_FORMAT, "declared as 17 and as 16");
            continue;
        }
        sp_model model;
        om_accept(m, &model);
        sp_model_clear(&model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_beside_the_file_are_its_weights),
        cmocka_unit_test(the_checksum_covers_the_numbers_beside_the_file),
        cmocka_unit_test(only_whole_files_inside_the_folder_are_read),
        cmocka_unit_test(an_operator_set_may_be_declared_twice_if_both_agree),
    };
    return cmocka_run_group_tests_name("onnx/external", tests, NULL, NULL);
}
