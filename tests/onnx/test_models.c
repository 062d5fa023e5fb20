/* The shipped FSDD models: both exports give the same network, and the logits that another
 * implementation recorded in double precision. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "tests/onnx/build.h"

enum { BANDS = 10, CLASSES = 10 };

static void read_model(sp_model *model, const char *relative) {
    char path[512];
    sp_error err = {0};
    if (!sp_test_data(relative, path, sizeof path)) {
        print_message("%s is absent: set SOUNDPROOF_DATA\n", relative);
        skip();
    }
    if (sp_model_read(&err, model, path) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

static void test_structure(void **state) {
    (void)state;
    static const struct {
        sp_node_kind kind;
        size_t width;
    } want[] = {{SP_NODE_INPUT, 10}, {SP_NODE_AFFINE, 40}, {SP_NODE_CURVE, 40}, {SP_NODE_CELL, 32},
                {SP_NODE_CELL, 32},  {SP_NODE_POOL, 32},   {SP_NODE_AFFINE, 10}};
    const size_t parameters = 11 * 40 + (40 + 32 + 1) * 4 * 32 + (32 + 32 + 1) * 4 * 32 + 33 * 10;
    sp_model model;
    read_model(&model, "models/fsdd.onnx");
    assert_int_equal(model.net.nodes, 7);
    assert_int_equal(model.net.features, BANDS);
    assert_int_equal(model.net.classes, CLASSES);
    assert_int_equal(model.net.steps, 0);
    for (size_t n = 0; n < 7; n++) {
        assert_int_equal(model.net.node[n].kind, want[n].kind);
        assert_int_equal(model.net.node[n].width, want[n].width);
    }
    assert_int_equal(model.net.node[3].cell.kind, SP_CELL_LSTM);
    assert_int_equal(model.net.node[4].cell.kind, SP_CELL_LSTM);
    assert_int_equal(model.parameters, parameters);
    assert_int_equal(model.opset, 17);
    assert_string_equal(model.input_name, "logmel");
    assert_string_equal(model.input_shape, "frames x batch x 10");
    assert_int_equal(strncmp(model.producer, "pytorch ", 8), 0);
    assert_null(model.front);
    sp_model_clear(&model);
}

static void test_opsets_agree(void **state) {
    (void)state;
    sp_model a, b;
    read_model(&a, "models/fsdd.onnx");
    read_model(&b, "models/fsdd-opset13.onnx");
    assert_int_equal(b.opset, 13);
    om_expect_nodes(&a.net, &b.net);
    sp_model_clear(&a);
    sp_model_clear(&b);
}

/* ---- recorded values ---- */

static const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    assert_non_null(node);
    return node;
}

static void numbers(double *to, const cJSON *array, int count) {
    assert_int_equal(cJSON_GetArraySize(array), count);
    for (int i = 0; i < count; i++) {
        const cJSON *item = cJSON_GetArrayItem(array, i);
        assert_true(cJSON_IsNumber(item));
        to[i] = item->valuedouble;
    }
}

/* Runs the recorded features "log" of every frame and compares the logits. */
static void check_recording(const sp_net *net, const cJSON *pass, double tolerance) {
    double features[64 * BANDS], want[CLASSES], got[CLASSES];
    const cJSON *frames = member(pass, "frames"), *frame;
    size_t steps = 0;
    cJSON_ArrayForEach(frame, frames) {
        assert_true(steps < 64);
        numbers(features + BANDS * steps++, member(frame, "log"), BANDS);
    }
    numbers(want, member(pass, "logits"), CLASSES);
    assert_int_equal(sp_net_run(NULL, net, got, features, steps), SP_OK);
    for (size_t k = 0; k < CLASSES; k++) {
        if (!(fabs(got[k] - want[k]) <= tolerance)) {
            fail_msg("logit %zu: %.17g, recorded %.17g", k, got[k], want[k]);
        }
    }
    // The comparison must notice a step that is missing and one that is changed.
    assert_int_equal(sp_net_run(NULL, net, got, features, steps - 1), SP_OK);
    assert_true(fabs(got[0] - want[0]) > 1e-3);
    features[(steps - 1) * BANDS] += 1e-2;
    assert_int_equal(sp_net_run(NULL, net, got, features, steps), SP_OK);
    assert_true(fabs(got[0] - want[0]) > tolerance);
}

static void check_reference(const char *relative) {
    char path[512];
    sp_model model;
    read_model(&model, "models/fsdd.onnx");
    char *text = NULL;
    size_t size = 0;
    sp_error err = {0};
    if (!sp_test_data(relative, path, sizeof path)) {
        sp_model_clear(&model);
        print_message("%s is absent: set SOUNDPROOF_DATA\n", relative);
        skip();
    }
    assert_int_equal(sp_file_read(&err, &text, &size, path, (size_t)1 << 28), SP_OK);
    cJSON *root = cJSON_ParseWithLength(text, size);
    assert_non_null(root);
    check_recording(&model.net, member(root, "concrete_f64"), 1e-9);
    check_recording(&model.net, member(root, "concrete_f32"), 2e-5);
    cJSON_Delete(root);
    free(text);
    sp_model_clear(&model);
}

static void test_reference_of_theo(void **state) {
    (void)state;
    check_reference("reference/intermediates_4_theo_0_m90.json");
}

static void test_reference_of_yweweler(void **state) {
    (void)state;
    check_reference("reference/intermediates_5_yweweler_0_m90.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_opsets_agree),
        cmocka_unit_test(test_reference_of_theo),
        cmocka_unit_test(test_reference_of_yweweler),
    };
    return cmocka_run_group_tests_name("onnx/models", tests, NULL, NULL);
}
