/* A published wake-word model on a real recording: bounds at least as tight as those of a plain
 * zonotope, 5 dB louder where single frames are noisy. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lstm/backsub/backsub.h"
#include "lstm/domain.h"
#include "onnx/onnx.h"
#include "tests/support/support.h"

enum { WINDOW = 24000, HOP = 800, FRAMES = 29, HEARD = 512, FEATURES = 13 };

static const double threshold = 2.6295; /* the trigger's logit at its usual sensitivity */

typedef struct wake {
    sp_model model;
    sp_front *front;
    sp_front_forms *forms;
    double samples[WINDOW], features[FRAMES * FEATURES];
    double peak, logit;
} wake;

/* The window of the loudest answer, out of the recording between silences with a noise floor of 30
 * steps. The draw moves that answer between 7.8 and 8.9; this one is near the recorded 8.4. */
static void find_window(wake *w, const sp_clip *clip) {
    const size_t n = WINDOW + clip->n + WINDOW / 2;
    double *x = calloc(n, sizeof *x), features[FRAMES * FEATURES], logit;
    sp_rng rng;
    assert_non_null(x);
    sp_rng_init(&rng, 3);
    memcpy(x + WINDOW, clip->samples, clip->n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[i] = round(x[i] * 32768.0 + 30.0 * sp_rng_normal(&rng)) / 32768.0;
    }
    w->logit = -INFINITY;
    for (size_t end = WINDOW; end <= n; end += HOP) {
        assert_int_equal(sp_front_run(NULL, w->front, features, x + end - WINDOW, WINDOW), SP_OK);
        assert_int_equal(sp_net_run(NULL, &w->model.net, &logit, features, FRAMES), SP_OK);
        if (logit > w->logit) {
            w->logit = logit;
            memcpy(w->features, features, sizeof features);
            memcpy(w->samples, x + end - WINDOW, sizeof w->samples);
        }
    }
    free(x);
}

static bool wake_init(wake *w) {
    char model[512], recording[512];
    sp_clip clip;
    const sp_clip_options options = {.rate = 16000, .full_scale = 1.0};
    if (!sp_test_data("wake/hey_mycroft.onnx", model, sizeof model) ||
        !sp_test_data("wake/core_hey_mycroft.wav", recording, sizeof recording)) {
        print_message("wake/ is absent: set SOUNDPROOF_DATA\n");
        return false;
    }
    assert_int_equal(sp_model_read(NULL, &w->model, model), SP_OK);
    assert_int_equal(sp_front_read(NULL, &w->front, "examples/fronts/precise-sonopy.json"), SP_OK);
    assert_int_equal(sp_front_forms_create(NULL, &w->forms, w->front, SP_FRONT_JOINT), SP_OK);
    assert_int_equal(sp_clip_read(NULL, &clip, recording, &options), SP_OK);
    w->peak = clip.peak;
    find_window(w, &clip);
    sp_clip_clear(&clip);
    assert_true(fabs(w->logit - 8.4) < 0.5);
    return true;
}

static void wake_clear(wake *w) {
    sp_front_forms_destroy(w->forms);
    sp_front_destroy(w->front);
    sp_model_clear(&w->model);
}

/* The range of the logit that is proved. */
static sp_iv prove(const wake *w, const sp_front_bound *front, const sp_backsub_options *options) {
    const double rows[2] = {1.0, -1.0};
    double lower[2];
    const sp_bound_task task = {.net = &w->model.net, .fronts = &front, .clips = 1};
    assert_int_equal(
        sp_domain_bound(NULL, &sp_domain_backsub, &task, options, lower, NULL, rows, 2), SP_OK);
    const sp_iv range = {lower[0], -lower[1]};
    return range;
}

/* A box of radius 3e-3 around the features: the prototype proves a range 0.26 wide. */
static void boxes_of_features(void **state) {
    (void)state;
    wake w;
    if (!wake_init(&w)) {
        skip();
    }
    enum { N = FRAMES * FEATURES };
    const double r = 3e-3;
    const sp_backsub_options exact = {.single = false};
    const sp_backsub_options opt = {.octagons = true};
    double *a = calloc(FRAMES * FEATURES * FEATURES + 5 * N, sizeof *a);
    assert_non_null(a);
    double *lo = a + FRAMES * FEATURES * FEATURES, *hi = lo + N, *one = hi + N, *radius = one + N,
           *most = radius + N;
    for (size_t i = 0; i < N; i++) {
        a[i / FEATURES * FEATURES * FEATURES + i % FEATURES * (FEATURES + 1)] = 1.0;
        one[i] = 1.0;
        most[i] = radius[i] = r;
        lo[i] = w.features[i] - r;
        hi[i] = w.features[i] + r;
    }
    const sp_front_bound front = {.rule = SP_FRONT_JOINT,
                                  .frames = FRAMES,
                                  .bands = FEATURES,
                                  .features = FEATURES,
                                  .frame = FEATURES,
                                  .step = FEATURES,
                                  .padded = N,
                                  .joint = true,
                                  .forms = FEATURES,
                                  .form = a,
                                  .form_max = most,
                                  .lo_w = one,
                                  .up_w = one,
                                  .lo_c = w.features,
                                  .up_c = w.features,
                                  .lo = lo,
                                  .hi = hi,
                                  .feature_lo = lo,
                                  .feature_hi = hi,
                                  .radius = radius};
    const sp_iv first = prove(&w, &front, &exact), second = prove(&w, &front, &opt);
    print_message("logit %.4f: [%.4f, %.4f], with octagons [%.4f, %.4f]\n", w.logit, first.lo,
                  first.hi, second.lo, second.hi);
    assert_true(first.lo <= w.logit && w.logit <= first.hi);
    assert_true(second.lo <= w.logit && w.logit <= second.hi);
    assert_true(first.hi - first.lo <= 0.27 && second.hi - second.lo <= 0.26);
    free(a);
    wake_clear(&w);
}

/* Noise in the samples of one frame, or of all, `db` below the peak. */
static sp_iv prove_noise(const wake *w, size_t frame, double db,
                         const sp_backsub_options *options) {
    const double eps = w->peak * pow(10.0, db / 20.0);
    sp_noise noise;
    sp_front_bound front;
    assert_int_equal(sp_noise_box(NULL, &noise, WINDOW, frame < FRAMES ? 0.0 : eps), SP_OK);
    for (size_t i = 0; frame < FRAMES && i < HEARD; i++) {
        noise.radius[frame * HOP + i] = eps;
    }
    assert_int_equal(sp_front_bound_create(NULL, &front, w->forms, w->samples, WINDOW, &noise),
                     SP_OK);
    const sp_iv range = prove(w, &front, options);
    sp_front_bound_clear(&front);
    sp_noise_clear(&noise);
    return range;
}

static void noise_in_frames(void **state) {
    (void)state;
    static const double zonotope[8] = {-64, -56, -56, -58, -62, -62, -60, -54};
    const sp_backsub_options exact = {.single = false};
    const sp_backsub_options opt = {.octagons = true, .box_iterations = 1, .row_iterations = 4};
    wake w;
    if (!wake_init(&w)) {
        skip();
    }
    for (size_t k = 0; k < 8; k++) {
        const size_t frame = 4 * k;
        const sp_iv plain = prove_noise(&w, frame, zonotope[k] + 1.0, &exact);
        assert_true(plain.lo >= threshold && plain.lo <= w.logit);
        if (k % 2 == 1) {
            continue;
        }
        const sp_iv best = prove_noise(&w, frame, zonotope[k] + 5.0, &opt);
        assert_true(best.lo >= threshold && best.lo <= w.logit && best.hi >= w.logit);
    }
    assert_true(prove_noise(&w, FRAMES, -80.0, &exact).lo >= threshold);
    assert_true(prove_noise(&w, FRAMES, -75.0, &opt).lo >= threshold);
    wake_clear(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_of_features),
        cmocka_unit_test(noise_in_frames),
    };
    return cmocka_run_group_tests_name("certify/wake", tests, NULL, NULL);
}
