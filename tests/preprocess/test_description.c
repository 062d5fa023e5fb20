/* Descriptions of front ends: what is read, and what is refused in one clear line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "preprocess/preprocess.h"
#include "tests/preprocess/front_text.h"
#include "tests/support/support.h"

typedef struct refusal {
    const char *key, *value; /* the change */
    const char *says;        /* must stand in the message */
    sp_status code;
} refusal;

static const refusal REFUSED[] = {
    {"sample_rate", NULL, "sample_rate", SP_E_FORMAT},
    {"sample_rate", "\"8000\"", "sample_rate", SP_E_FORMAT},
    {"sample_rate", "0", "sample_rate", SP_E_FORMAT},
    {"sample_rate", "-8000", "sample_rate", SP_E_FORMAT},
    {"sample_rate", "8000.5", "sample_rate", SP_E_FORMAT},
    {"scale", "\"int24\"", "int24", SP_E_UNSUPPORTED},
    {"scale", "32768", "scale", SP_E_FORMAT},
    {"pad", "{\"rule\": \"center\"}", "center", SP_E_UNSUPPORTED},
    {"pad", "{\"rule\": \"centre\"}", "fill", SP_E_FORMAT},
    {"pad", "{\"rule\": \"none\", \"fill\": \"reflect\"}", "fill", SP_E_UNSUPPORTED},
    {"pad", "{\"rule\": \"none\", \"zeros\": 3}", "zeros", SP_E_UNSUPPORTED},
    {"pad", "{\"mode\": \"none\"}", "mode", SP_E_UNSUPPORTED},
    {"pad", "\"none\"", "pad", SP_E_FORMAT},
    {"frame", "-256", "frame", SP_E_FORMAT},
    {"frame", "0", "frame", SP_E_FORMAT},
    {"frame", "256.5", "frame", SP_E_FORMAT},
    {"frame", "1e9", "frame", SP_E_FORMAT},
    {"frame", "1e400", "frame", SP_E_FORMAT},
    {"frame", "[256]", "frame", SP_E_FORMAT},
    {"step", "0", "step", SP_E_FORMAT},
    {"step", "-1", "step", SP_E_FORMAT},
    {"step", "null", "step", SP_E_FORMAT},
    {"preemphasis", "0.97", "preemphasis", SP_E_FORMAT},
    {"preemphasis", "{\"coefficient\": 0.97}", "where", SP_E_FORMAT},
    {"preemphasis", "{\"coefficient\": 0.97, \"where\": \"before framing\"}", "before framing",
     SP_E_UNSUPPORTED},
    {"preemphasis", "{\"coefficient\": 97, \"where\": \"inside each frame\"}", "coefficient",
     SP_E_FORMAT},
    {"preemphasis", "{\"coefficient\": 0.97, \"where\": \"whole clip\", \"first\": \"repeated\"}",
     "first", SP_E_UNSUPPORTED},
    {"window", "\"kaiser\"", "kaiser", SP_E_UNSUPPORTED},
    {"window", "{\"name\": \"hann\", \"length\": 300}", "length", SP_E_FORMAT},
    {"window", "[1, \"2\"]", "window", SP_E_FORMAT},
    {"window", "[0, 0]", "zero", SP_E_FORMAT},
    {"window", NULL, "window", SP_E_FORMAT},
    {"fft", "1", "fft", SP_E_FORMAT},
    {"fft", "131072", "fft", SP_E_FORMAT},
    {"power_norm", "\"N\"", "power_norm", SP_E_UNSUPPORTED},
    {"mel", "10", "mel", SP_E_FORMAT},
    {"mel", "[]", "mel", SP_E_FORMAT},
    {"mel.bands", "0", "bands", SP_E_FORMAT},
    {"mel.bands", "513", "bands", SP_E_FORMAT},
    {"mel.bands", "200", "empty", SP_E_FORMAT},
    {"mel.low_hz", "-1", "low_hz", SP_E_FORMAT},
    {"mel.low_hz", "4000", "low_hz", SP_E_FORMAT},
    {"mel.low_hz", "NaN", "", SP_E_FORMAT},
    {"mel.high_hz", "4000.1", "half the sample rate", SP_E_FORMAT},
    {"mel.formula", "\"bark\"", "bark", SP_E_UNSUPPORTED},
    {"mel.triangles", "\"mel\"", "triangles", SP_E_FORMAT},
    {"mel.rounding", "\"round\"", "round", SP_E_UNSUPPORTED},
    {"mel.norm", "\"area\"", "norm", SP_E_UNSUPPORTED},
    {"bank", "[[1, 2]]", "mel", SP_E_FORMAT},
    {"power", "3", "power", SP_E_FORMAT},
    {"power", "1.5", "power", SP_E_FORMAT},
    {"remove_dc", "1", "remove_dc", SP_E_FORMAT},
    {"top_db", "0", "top_db", SP_E_FORMAT},
    {"reference", "2", "reference", SP_E_FORMAT},
    {"lifter", "{\"length\": 22}", "dct", SP_E_FORMAT},
    {"energy", "{\"of\": \"clip\"}", "clip", SP_E_UNSUPPORTED},
    {"energy", "{\"of\": \"frame\", \"at_least\": 1}", "at_least", SP_E_UNSUPPORTED},
    {"cmvn", "true", "training code", SP_E_FORMAT},
    {"cmvn", "{\"mean\": [1, 2]}", "10 features", SP_E_FORMAT},
    {"cmvn", "{\"std\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]}", "std", SP_E_FORMAT},
    {"cmvn", "{\"mean\": \"mean.npy\"}", "inside a model", SP_E_FORMAT},
    {"map", "{\"matrix\": [[1, 2], [3]]}", "equal length", SP_E_FORMAT},
    {"center", "true", "centre", SP_E_UNSUPPORTED},
    {"dither", "1.0", "without them", SP_E_UNSUPPORTED},
    {"pcen", "{}", "recursion", SP_E_UNSUPPORTED},
    {"pitch", "true", "hold it", SP_E_UNSUPPORTED},
    {"floor", "{\"max\": 1e-10}", "max", SP_E_UNSUPPORTED},
    {"floor", "{\"add\": 0}", "add", SP_E_FORMAT},
    {"floor", "{\"add\": -1e-10}", "add", SP_E_FORMAT},
    {"floor", "{}", "add", SP_E_FORMAT},
    {"floor", NULL, "floor", SP_E_FORMAT},
    {"log", "\"log2\"", "log2", SP_E_UNSUPPORTED},
    {"dct", "{\"kind\": 2}", "dct", SP_E_UNSUPPORTED},
    {"dct", "{\"type\": \"I\", \"norm\": \"orthonormal\", \"coefficients\": 5}", "I",
     SP_E_UNSUPPORTED},
    {"dct", "{\"type\": \"II\", \"norm\": \"unit\", \"coefficients\": 5}", "norm",
     SP_E_UNSUPPORTED},
    {"dct", "{\"type\": \"II\", \"norm\": \"orthonormal\", \"coefficients\": 11}", "coefficients",
     SP_E_FORMAT},
    {"c0", "\"log energy\"", "c0", SP_E_FORMAT},
    {"floor", "{\"add\": 1e-10, \"at_least\": 1e-10}", "at_least", SP_E_FORMAT},
    {"floor", "{\"at_least\": 0}", "at_least", SP_E_FORMAT},
    {"frames", "\"some\"", "some", SP_E_UNSUPPORTED},
    {"name", "3", "name", SP_E_FORMAT},
    {"note", "[]", "note", SP_E_FORMAT},
    {"Frame", "256", "Frame", SP_E_UNSUPPORTED}};

static void expect_refused(const char *text, size_t size, const char *says, sp_status code) {
    sp_front *front = (sp_front *)&size; // must be set to NULL
    sp_error err = {SP_OK, ""};
    const sp_status status = sp_front_parse(&err, &front, text, size, "front.json");
    if (status != code || strstr(err.text, says) == NULL || strchr(err.text, '\n') != NULL) {
        print_error("status %d (expected %d), \"%s\" does not say \"%s\"\n%.*s\n", status, code,
                    err.text, says, (int)size, text);
        fail();
    }
    assert_null(front);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.text, "front.json"));
}

static void test_refusals(void **state) {
    (void)state;
    char text[4096];
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        const front_member change = {REFUSED[i].key, REFUSED[i].value};
        front_text(text, sizeof text, &change, 1);
        expect_refused(text, strlen(text), REFUSED[i].says, REFUSED[i].code);
    }
}

static void test_not_a_description(void **state) {
    (void)state;
    static const char *const texts[] = {"",     "{",         "[]", "3",
                                        "null", "\"front\"", "{}", "{\"mel\": {}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        expect_refused(texts[i], strlen(texts[i]), "", SP_E_FORMAT);
    }
    expect_refused("{\0}", 3, "", SP_E_FORMAT);
}

/* Every prefix of a good description is refused, and nothing is read behind its end. */
static void test_truncated(void **state) {
    (void)state;
    char text[4096];
    front_text(text, sizeof text, NULL, 0);
    const size_t length = strlen(text);
    for (size_t size = 0; size < length; size++) {
        char *exact = malloc(size + 1);
        assert_non_null(exact);
        memcpy(exact, text, size);
        exact[size] = '\xff';
        sp_front *front = NULL;
        sp_error err;
        assert_int_not_equal(sp_front_parse(&err, &front, exact, size, "cut"), SP_OK);
        assert_null(front);
        free(exact);
    }
}

static void test_memory_is_bounded(void **state) {
    (void)state;
    char text[4096];
    const front_member changes[] = {{"frame", "65536"}, {"fft", "65536"}};
    front_text(text, sizeof text, changes, 2);
    expect_refused(text, strlen(text), "MiB", SP_E_UNSUPPORTED);
}

static void test_layout(void **state) {
    (void)state;
    char text[4096];
    sp_front *front = NULL;
    sp_error err;
    front_text(text, sizeof text, NULL, 0);
    assert_int_equal(sp_front_parse(&err, &front, text, strlen(text), "fsdd"), SP_OK);
    const sp_front_layout *l = sp_front_layout_of(front);
    assert_int_equal(l->sample_rate, 8000);
    assert_true(l->full_scale == 32768.0);
    assert_int_equal(l->frame, 256);
    assert_int_equal(l->step, 200);
    assert_int_equal(l->bins, 129);
    assert_int_equal(l->bands, 10);
    assert_int_equal(l->features, 10);
    size_t count = 0;
    const sp_stage *s = sp_front_stages(front, &count);
    assert_int_equal(count, 4);
    assert_int_equal(s[0].kind, SP_STAGE_AFFINE);
    assert_int_equal(s[1].kind, SP_STAGE_SQUARE);
    assert_int_equal(s[2].kind, SP_STAGE_AFFINE);
    assert_int_equal(s[3].kind, SP_STAGE_LOG);
    assert_int_equal(s[0].in, 256);
    assert_int_equal(s[0].out, 258);
    assert_int_equal(s[2].in, 258);
    assert_int_equal(s[2].out, 10);
    for (size_t m = 0; m < 10; m++) {
        assert_true(s[2].bias[m] == 1e-10);
    }
    sp_front_destroy(front);
    sp_front_destroy(NULL);
}

/* Our description and the one in the data folder say the same, number for number. */
static void test_same_as_the_data(void **state) {
    (void)state;
    char path[512];
    sp_front *ours = NULL, *theirs = NULL;
    sp_error err;
    assert_int_equal(sp_front_read(&err, &ours, "examples/fronts/fsdd.json"), SP_OK);
    if (sp_test_data("fsdd-front.json", path, sizeof path) == NULL) {
        sp_front_destroy(ours);
        skip();
    }
    assert_int_equal(sp_front_read(&err, &theirs, path), SP_OK);
    assert_memory_equal(sp_front_layout_of(ours), sp_front_layout_of(theirs),
                        sizeof(sp_front_layout));
    size_t count = 0;
    const sp_stage *a = sp_front_stages(ours, &count), *b = sp_front_stages(theirs, &count);
    for (size_t i = 0; i < count; i += 2) {
        assert_memory_equal(a[i].matrix, b[i].matrix, a[i].in * a[i].out * sizeof(double));
        assert_memory_equal(a[i].bias, b[i].bias, a[i].out * sizeof(double));
    }
    sp_front_destroy(ours);
    sp_front_destroy(theirs);
}

static void test_missing_file(void **state) {
    (void)state;
    sp_front *front = NULL;
    sp_error err;
    assert_int_equal(sp_front_read(&err, &front, "no/such/front.json"), SP_E_IO);
    assert_null(front);
    assert_non_null(strstr(err.text, "no/such/front.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_not_a_description),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_layout),       cmocka_unit_test(test_same_as_the_data),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
