/* Damaged files never crash the reader: every truncation, random flips of bytes and bits, random
 * pieces moved about. What is accepted must run or say why not. Meant to run under sanitizers. */
#include "base/file.h"
#include "tests/onnx/lstm.h"
#include "tests/onnx/wake.h"

static sp_rng rng;

static int setup(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

/* One LSTM model with shape plumbing, small enough to try every byte. */
static uint8_t *small_model(size_t *size) {
    enum { D = 2, H = 1 };
    om *m = om_new(17);
    om_input(m, "x", "T x 1 x 2");
    const om_lstm l = om_lstm_random(m, &rng, D, H);
    om_lstm_weights(m, &l, "", OM_RAW);
    om_list(m, "axis", 1, (const int64_t[]){0});
    om_list(m, "one", 1, (const int64_t[]){1});
    om_list(m, "ends", 1, (const int64_t[]){INT64_MAX});
    om_list(m, "minus", 1, (const int64_t[]){-1});
    om_node(m, "Shape", "x", "s");
    om_node(m, "Slice", "s,one,ends,axis", "t");
    om_int(m, om_node(m, "Concat", "one,t", "u"), "axis", 0);
    om_node(m, "Slice", "u,axis,minus,axis", "v");
    om_int(m, om_node(m, "Concat", "v,one", "shape"), "axis", 0);
    om_tensor(m, om_node(m, "ConstantOfShape", "shape", "zero"), "value",
              om_real_tensor(m, "", "1", (const double[]){0}, OM_LISTED));
    om_int(m, om_node(m, "LSTM", "x,W,R,B,,zero,zero", "Y,Yh"), "hidden_size", H);
    om_node(m, "Squeeze", "Y,one", "a");
    om_node(m, "Relu", "a", "b");
    om_node(m, "Slice", "b,minus,ends,axis", "c");
    om_ints(m, om_node(m, "Transpose", "c", "d"), "perm", 3, (const int64_t[]){1, 0, 2});
    om_node(m, "Reshape", "d,minus", "y");
    om_output(m, "y");
    uint8_t *data = om_pack(m, size);
    om_free(m);
    return data;
}

/* A small model with a Loop. */
static uint8_t *loop_model(size_t *size, size_t shape) {
    om *m = om_new(18);
    const wake_weights w = wake_weights_random(m, &rng, 1, 1, 2);
    wake_model(m, &w, &wake_shapes[shape]);
    uint8_t *data = om_pack(m, size);
    om_free(m);
    return data;
}

/* Returns whether the bytes were accepted. */
static bool try_bytes(const uint8_t *data, size_t size) {
    // A copy of exactly this size lets the address sanitizer see every byte read beyond it.
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    sp_model model;
    sp_error err = {0};
    const sp_status status = sp_model_parse(&err, &model, copy, size, "damaged");
    free(copy);
    if (status != SP_OK) {
        assert_true(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
        return false;
    }
    if (model.net.features <= 64 && model.net.classes <= 64 && model.net.nodes <= 65) {
        double features[4 * 64], logits[64];
        for (size_t i = 0; i < 4 * 64; i++) {
            features[i] = sp_rng_normal(&rng);
        }
        const size_t steps = model.net.steps > 0 && model.net.steps <= 4 ? model.net.steps : 4;
        const sp_status ran = sp_net_run(&err, &model.net, logits, features, steps);
        assert_true(ran == SP_OK || ran == SP_E_NONFINITE || ran == SP_E_MISMATCH);
    }
    sp_model_clear(&model);
    return true;
}

static void test_truncations(void **state) {
    (void)state;
    size_t size;
    uint8_t *data = small_model(&size);
    assert_true(try_bytes(data, size));
    // The operator set is the last field of the file: no beginning of it is a model.
    for (size_t n = 0; n < size; n++) {
        if (try_bytes(data, n)) {
            fail_msg("the first %zu of %zu bytes were accepted", n, size);
        }
    }
    free(data);
}

static void test_every_byte(void **state) {
    (void)state;
    size_t size;
    uint8_t *data = small_model(&size);
    const int tries = sp_test_long() ? 256 : 4;
    for (size_t n = 0; n < size; n++) {
        const uint8_t keep = data[n];
        for (int i = 0; i < tries; i++) {
            data[n] = (uint8_t)(tries == 256 ? (size_t)i : sp_rng_below(&rng, 256));
            try_bytes(data, size);
        }
        data[n] = keep;
    }
    free(data);
}

static void damage(uint8_t *data, size_t size) {
    const size_t edits = 1 + sp_rng_below(&rng, 8);
    for (size_t e = 0; e < edits; e++) {
        const size_t at = sp_rng_below(&rng, size), from = sp_rng_below(&rng, size);
        const size_t rest = size - (at > from ? at : from);
        switch (sp_rng_below(&rng, 4)) {
        case 0:
            data[at] ^= (uint8_t)(1u << sp_rng_below(&rng, 8));
            break;
        case 1:
            data[at] = (uint8_t)sp_rng_next(&rng);
            break;
        case 2:
            memmove(data + at, data + from, sp_rng_below(&rng, rest < 32 ? rest + 1 : 33));
            break;
        default:
            memset(data + at, 0xff, size - at < 10 ? size - at : 10);
            break;
        }
    }
}

static void damage_many(const uint8_t *data, size_t size, int count) {
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    int accepted = 0;
    for (int i = 0; i < count; i++) {
        memcpy(copy, data, size);
        damage(copy, size);
        accepted += try_bytes(copy, sp_rng_below(&rng, 4) == 0 ? sp_rng_below(&rng, size) : size);
    }
    print_message("%d of %d damaged files were read\n", accepted, count);
    free(copy);
}

/* Every truncation of a model with a Loop, a random change of every byte, and random damage. */
static void test_loops(void **state) {
    (void)state;
    for (size_t shape = 0; shape < 7; shape += sp_test_long() ? 1 : 3) {
        size_t size;
        uint8_t *data = loop_model(&size, shape);
        assert_true(try_bytes(data, size));
        for (size_t n = 0; n < size; n++) {
            const uint8_t keep = data[n];
            assert_false(try_bytes(data, n));
            data[n] = (uint8_t)sp_rng_below(&rng, 256);
            try_bytes(data, size);
            data[n] = keep;
        }
        damage_many(data, size, sp_test_long() ? 100000 : sp_test_sanitized() ? 500 : 2000);
        free(data);
    }
}

static void test_random_damage(void **state) {
    (void)state;
    size_t size;
    uint8_t *data = small_model(&size);
    damage_many(data, size, sp_test_long() ? 400000 : sp_test_sanitized() ? 4000 : 20000);
    free(data);
}

static void test_damaged_fsdd(void **state) {
    (void)state;
    char path[512];
    if (!sp_test_data("models/fsdd.onnx", path, sizeof path)) {
        print_message("models/fsdd.onnx is absent: set SOUNDPROOF_DATA\n");
        skip();
    }
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(sp_file_read(NULL, &data, &size, path, (size_t)1 << 24), SP_OK);
    for (size_t n = 0; n < size; n += 1 + sp_rng_below(&rng, 800)) {
        assert_false(try_bytes((const uint8_t *)data, n));
    }
    damage_many((const uint8_t *)data, size, sp_test_long() ? 20000 : 300);
    // The graph itself, without the weights that stand behind it.
    damage_many((const uint8_t *)data, size < 6000 ? size : 6000, sp_test_long() ? 100000 : 2000);
    free(data);
}

static void test_random_bytes(void **state) {
    (void)state;
    uint8_t data[256];
    const int count = sp_test_long() ? 200000 : 5000;
    for (int i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof data; k++) {
            data[k] = (uint8_t)sp_rng_next(&rng);
        }
        assert_false(try_bytes(data, sp_rng_below(&rng, sizeof data + 1)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncations),   cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_random_damage), cmocka_unit_test(test_damaged_fsdd),
        cmocka_unit_test(test_random_bytes),  cmocka_unit_test(test_loops),
    };
    return cmocka_run_group_tests_name("onnx/damage", tests, setup, NULL);
}
