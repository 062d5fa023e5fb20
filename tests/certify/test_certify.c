/* Verdicts of a small pipeline: what is proved holds for sampled noise, and every failure fails
 * closed. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/certify/small_net.h"

/* Noise of the set: every sample at an end, or anywhere between. */
static void add_noise(double *noisy, const sp_clip *clip, double eps, sp_rng *rng) {
    const bool ends = sp_rng_below(rng, 2) == 0;
    for (size_t i = 0; i < clip->n; i++) {
        const double u = sp_rng_uniform(rng, -1.0, 1.0);
        noisy[i] = clip->samples[i] + eps * (ends ? (u < 0.0 ? -1.0 : 1.0) : u);
    }
}

/* No sampled noise of the set may bring a logit difference below its proved margin. */
static void check_samples(const small *s, const sp_verdict *verdict, sp_rng *rng, int samples) {
    double noisy[SMALL_SAMPLES], logits[C];
    for (int i = 0; i < samples; i++) {
        add_noise(noisy, &s->clip, verdict->eps, rng);
        run(s, logits, noisy);
        for (size_t k = 0; k < C; k++) {
            if (k == verdict->label) {
                assert_true(isnan(verdict->margins[k]));
                continue;
            }
            const double attained = logits[verdict->label] - logits[k];
            const double size = fabs(logits[verdict->label]) + fabs(logits[k]);
            if (!(attained >= verdict->margins[k] - 1e-9 * size)) {
                fail_msg("margin %a proved, %a attained", verdict->margins[k], attained);
            }
            if (verdict->kind == SP_VERDICT_CERTIFIED) {
                assert_true(attained > 0.0);
            }
        }
    }
}

static void margins_hold_for_sampled_noise(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "r2-lp", "exact", "exact/float32", "opt/float32"};
    enum { METHODS = sizeof methods / sizeof methods[0] };
    const int samples = sp_test_long() ? 20000 : sp_test_sanitized() ? 50 : 500;
    size_t certified = 0, unknown = 0;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (uint64_t seed = 1; seed <= 3; seed++) {
        small s;
        make(&s, sp_test_seed() + seed, false);
        for (size_t m = 0; m < METHODS; m++) {
            sp_pipeline pipeline = make_system(&s, methods[m]);
            for (double db = -90.0; db <= -20.0; db += 17.5) {
                const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
                sp_verdict verdict;
                sp_error err = {0};
                if (sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, -1, 0.0) != SP_OK) {
                    fail_msg("%s", err.text);
                }
                assert_int_equal(verdict.label, verdict.predicted);
                assert_int_equal(verdict.frames, 6); // floor((264 + 50 - 64) / 50) + 1
                assert_true(verdict.scale.db_peak == db);
                assert_true(verdict.error >= 0.0 && verdict.error < (m < 3 ? 1e-6 : 1e-1));
                check_samples(&s, &verdict, &rng, samples);
                certified += verdict.kind == SP_VERDICT_CERTIFIED;
                unknown += verdict.kind == SP_VERDICT_UNKNOWN;
                sp_verdict_clear(&verdict);
            }
            sp_pipeline_clear(&pipeline);
        }
        clear(&s);
    }
    assert_true(certified > 0); // otherwise the test shows nothing
    assert_true(unknown > 0);
}

/* What single precision proves is what double precision proves, but for its error terms. */
static void single_precision_is_near(void **state) {
    static const char *const names[2] = {"exact", "exact/float32"};
    small s;
    sp_verdict verdict[2];
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    (void)state;
    make(&s, sp_test_seed() + 7, false);
    for (size_t m = 0; m < 2; m++) {
        sp_pipeline pipeline = make_system(&s, names[m]);
        assert_int_equal(sp_certify(NULL, &verdict[m], &pipeline, &s.clip, &budget, -1, 0.0),
                         SP_OK);
        assert_int_equal(verdict[m].kind, SP_VERDICT_CERTIFIED);
        sp_pipeline_clear(&pipeline);
    }
    assert_true(verdict[1].error > 100.0 * verdict[0].error); // it was single
    assert_true(fabs(verdict[0].margin - verdict[1].margin) < 20.0 * verdict[1].error);
    sp_verdict_clear(&verdict[0]);
    sp_verdict_clear(&verdict[1]);
    clear(&s);
}

/* The small pipeline with an LSTM of 64 units. */
static void make_wide(small *s, uint64_t seed) {
    enum { WIDE = 64 };
    static double weight[4 * WIDE * SMALL_FEATURES], recurrent[4 * WIDE * WIDE], bias[4 * WIDE];
    static double readout[C * WIDE], offset[C] = {4.0, 0.0, 0.0};
    sp_rng rng;
    make(s, seed, false);
    sp_net_clear(&s->net);
    sp_rng_init(&rng, seed);
    random_list(&rng, weight, 4 * WIDE * SMALL_FEATURES, 0.05);
    random_list(&rng, recurrent, 4 * WIDE * WIDE, 0.1);
    random_list(&rng, bias, 4 * WIDE, 0.5);
    random_list(&rng, readout, C * WIDE, 0.3);
    assert_int_equal(sp_net_init(NULL, &s->net, SMALL_FEATURES), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &s->net, WIDE, weight, recurrent, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &s->net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &s->net, C, readout, offset), SP_OK);
}

/* exact takes single precision for cells of many units by itself, exact/float64 does not. */
static void wide_cells_are_bounded_in_single_precision(void **state) {
    static const char *const names[2] = {"exact/float64", "exact"};
    small s;
    sp_verdict verdict[2];
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    (void)state;
    make_wide(&s, sp_test_seed() + 8);
    for (size_t m = 0; m < 2; m++) {
        sp_pipeline pipeline = make_system(&s, names[m]);
        assert_int_equal(sp_certify(NULL, &verdict[m], &pipeline, &s.clip, &budget, -1, 0.0),
                         SP_OK);
        assert_int_equal(verdict[m].kind, SP_VERDICT_CERTIFIED);
        sp_pipeline_clear(&pipeline);
    }
    assert_true(verdict[1].error > 10.0 * verdict[0].error);
    assert_true(verdict[1].margin <= verdict[0].margin + 1e-9);
    assert_true(verdict[1].margin > 0.99 * verdict[0].margin);
    sp_verdict_clear(&verdict[0]);
    sp_verdict_clear(&verdict[1]);
    clear(&s);
}

static void methods_have_twins(void **state) {
    (void)state;
    assert_ptr_equal(sp_method_precise(sp_method_find("exact"), false),
                     sp_method_find("exact/float64"));
    assert_ptr_equal(sp_method_precise(sp_method_find("exact"), true),
                     sp_method_find("exact/float32"));
    assert_ptr_equal(sp_method_precise(sp_method_find("opt"), true), sp_method_find("opt/float32"));
    assert_null(sp_method_precise(sp_method_find("r2-lp"), true));
    assert_null(sp_method_precise(sp_method_find("exact/float32"), true));
}

/* exact proves the quiet budget, and no more than the clean margin. */
static void a_quiet_budget_is_certified(void **state) {
    (void)state;
    small s;
    sp_verdict verdict;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -120.0};
    double logits[C];
    make(&s, 7, false);
    sp_pipeline pipeline = make_system(&s, "exact");
    assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, -1, 60.0), SP_OK);
    assert_int_equal(verdict.kind, SP_VERDICT_CERTIFIED);
    assert_string_equal(verdict.reason, "");
    assert_true(verdict.scale.vacuous);
    run(&s, logits, s.clip.samples);
    for (size_t k = 0; k < C; k++) {
        assert_true(verdict.logits[k] == logits[k]);
        if (k != verdict.label) {
            assert_true(verdict.margins[k] <= logits[verdict.label] - logits[k] + 1e-9);
        }
    }
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

static void labels_decide(void **state) {
    (void)state;
    small s;
    sp_verdict verdict;
    sp_error err = {0};
    const sp_budget budget = {.unit = SP_BUDGET_LSB, .value = 1.0};
    make(&s, 7, false);
    sp_pipeline pipeline = make_system(&s, "exact");
    assert_int_equal(sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
    const size_t answer = verdict.predicted;
    sp_verdict_clear(&verdict);
    for (size_t label = 0; label < C; label++) {
        assert_int_equal(sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, (long)label, 0.0),
                         SP_OK);
        assert_int_equal(verdict.label, label);
        assert_int_equal(verdict.predicted, answer);
        if (label != answer) {
            assert_int_equal(verdict.kind, SP_VERDICT_MISCLASSIFIED);
            assert_true(isnan(verdict.margin));
            assert_true(isnan(verdict.margins[answer]));
        } else {
            assert_int_not_equal(verdict.kind, SP_VERDICT_MISCLASSIFIED);
        }
        sp_verdict_clear(&verdict);
    }
    assert_int_equal(sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, C, 0.0),
                     SP_E_ARGUMENT);
    assert_int_equal(verdict.kind, SP_VERDICT_ERROR);
    assert_non_null(strstr(verdict.reason, "label 3"));
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

/* Two labels with one logit: neither is the answer for certain. */
static void ties_fail_closed(void **state) {
    (void)state;
    small s;
    sp_verdict verdict;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -120.0};
    make(&s, 7, true);
    sp_pipeline pipeline = make_system(&s, "exact");
    for (long label = -1; label < 2; label++) {
        assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, label, 0.0),
                         SP_OK);
        assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
        sp_verdict_clear(&verdict);
    }
    assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, 2, 0.0), SP_OK);
    assert_int_equal(verdict.kind, SP_VERDICT_MISCLASSIFIED);
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

/* Runs sp_certify where it must fail; the verdict says why and proves nothing. */
static void must_fail(const sp_pipeline *pipeline, const sp_clip *clip, sp_budget budget,
                      double timeout, sp_verdict_kind kind, const char *word) {
    sp_verdict verdict;
    sp_error err = {0};
    assert_int_not_equal(sp_certify(&err, &verdict, pipeline, clip, &budget, -1, timeout), SP_OK);
    assert_int_equal(verdict.kind, kind);
    if (!strstr(verdict.reason, word)) {
        fail_msg("'%s' does not hold '%s'", verdict.reason, word);
    }
    assert_true(isnan(verdict.margin));
    for (size_t k = 0; k < verdict.classes; k++) {
        assert_true(isnan(verdict.margins[k]));
    }
    sp_verdict_clear(&verdict);
}

static void failing_stages_give_a_reason(void **state) {
    (void)state;
    const sp_budget quiet = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0},
                    lsb = {.unit = SP_BUDGET_LSB, .value = 3.0},
                    loud = {.unit = SP_BUDGET_DB_PEAK, .value = 7000.0};
    double samples[SMALL_SAMPLES] = {0.0};
    sp_clip clip;
    small s;
    make(&s, 7, false);
    sp_pipeline pipeline = make_system(&s, "exact");
    must_fail(&pipeline, &s.clip, quiet, 1e-9, SP_VERDICT_TIMEOUT, "no verdict within");
    must_fail(&pipeline, &s.clip, loud, 0.0, SP_VERDICT_ERROR, "");
    assert_int_equal(sp_clip_init(NULL, &clip, samples, SMALL_SAMPLES, SMALL_RATE, 32768.0, 1.0),
                     SP_OK);
    must_fail(&pipeline, &clip, quiet, 0.0, SP_VERDICT_ERROR, "silen");
    sp_clip_clear(&clip);
    samples[3] = 100.0;
    assert_int_equal(sp_clip_init(NULL, &clip, samples, SMALL_SAMPLES, 16000, 32768.0, 1.0), SP_OK);
    must_fail(&pipeline, &clip, quiet, 0.0, SP_VERDICT_ERROR, "16000");
    sp_clip_clear(&clip);
    assert_int_equal(sp_clip_init(NULL, &clip, samples, SMALL_SAMPLES, SMALL_RATE, 1.0, 0.0),
                     SP_OK);
    must_fail(&pipeline, &clip, quiet, 0.0, SP_VERDICT_ERROR, "full scale");
    sp_clip_clear(&clip);
    assert_int_equal(sp_clip_init(NULL, &clip, samples, 10, SMALL_RATE, 32768.0, 1.0), SP_OK);
    must_fail(&pipeline, &clip, quiet, 0.0, SP_VERDICT_ERROR, "10");
    sp_clip_clear(&clip);
    assert_int_equal(sp_clip_init(NULL, &clip, samples, SMALL_SAMPLES, SMALL_RATE, 32768.0, 0.0),
                     SP_OK);
    must_fail(&pipeline, &clip, lsb, 0.0, SP_VERDICT_ERROR, "");
    sp_clip_clear(&clip);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

/* A host that rounds otherwise gets no verdict. */
static void other_rounding_is_refused(void **state) {
    (void)state;
    static const int modes[3] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0};
    small s;
    make(&s, 7, false);
    sp_pipeline pipeline = make_system(&s, "ibp");
    for (int i = 0; i < 3; i++) {
        sp_verdict verdict;
        fesetround(modes[i]);
        const sp_status status = sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, -1, 0.0);
        fesetround(FE_TONEAREST);
        assert_int_equal(status, SP_E_NUMERIC);
        assert_int_equal(verdict.kind, SP_VERDICT_ERROR);
        sp_verdict_clear(&verdict);
    }
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

/* Nor does one that takes subnormal numbers for 0. */
static void flushed_subnormals_are_refused(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0};
    small s;
    make(&s, 7, false);
    sp_pipeline pipeline = make_system(&s, "ibp");
    sp_verdict verdict;
    const bool known = sp_test_flush_subnormals(true);
    const sp_status status = sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, -1, 0.0);
    sp_test_flush_subnormals(false);
    const sp_verdict_kind kind = verdict.kind;
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    clear(&s);
    if (!known) {
        print_message("this test knows no flush-to-zero of this processor\n");
        skip();
    }
    assert_int_equal(status, SP_E_NUMERIC);
    assert_int_equal(kind, SP_VERDICT_ERROR);
}

/* Products of floats leave out coefficients that are too small for them, and pay for each. Here
 * that is every coefficient behind the readout. */
static void small_coefficients_are_paid_for_in_single_precision(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (uint64_t seed = 1; seed <= 12; seed++) {
        small s;
        sp_verdict verdict;
        make(&s, seed, false);
        sp_node *readout = &s.net.node[3];
        for (size_t i = 0; i < C * H; i++) {
            readout->term[0].weight[i] *= 0x1p-70;
        }
        memset(readout->bias, 0, C * sizeof(double));
        sp_pipeline pipeline = make_system(&s, "exact/float32");
        assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        for (size_t k = 0; k < C; k++) {
            const double clean = verdict.logits[verdict.label] - verdict.logits[k];
            assert_true(k == verdict.label || verdict.margins[k] <= clean);
        }
        check_samples(&s, &verdict, &rng, 20);
        sp_verdict_clear(&verdict);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
}

/* One logit against a threshold is the same question as two logits, one of them constant. */
static void one_logit_is_two_answers(void **state) {
    (void)state;
    static const double zero[H] = {0.0};
    size_t certified = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        sp_rng rng;
        small s, two;
        make(&s, seed, false);
        make(&two, seed, false);
        sp_node *readout = &s.net.node[3], *other = &two.net.node[3];
        const double threshold = 0.1 * (double)seed - 0.6;
        readout->width = 1; // the net of one logit is the first row of the readout
        s.net.classes = 1;
        memcpy(other->term[0].weight + H, readout->term[0].weight, H * sizeof(double));
        memcpy(other->term[0].weight, zero, sizeof zero);
        other->bias[1] = readout->bias[0];
        other->bias[0] = threshold;
        other->width = 2;
        two.net.classes = 2;
        sp_rng_init(&rng, seed);
        sp_pipeline a = make_system(&s, "exact"), b = make_system(&two, "exact");
        a.threshold = threshold;
        for (double db = -100.0; db <= -40.0; db += 20.0) {
            const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
            sp_verdict v, w;
            assert_int_equal(sp_certify(NULL, &v, &a, &s.clip, &budget, -1, 0.0), SP_OK);
            assert_int_equal(sp_certify(NULL, &w, &b, &two.clip, &budget, -1, 0.0), SP_OK);
            assert_int_equal(v.classes, 2);
            assert_int_equal(v.label, w.label);
            assert_int_equal(v.kind, w.kind);
            assert_true(v.logits[0] == threshold && fabs(v.logits[1] - w.logits[1]) < 1e-12);
            assert_true(fabs(v.margin - w.margin) < 1e-9 * (1.0 + fabs(w.margin)));
            certified += v.kind == SP_VERDICT_CERTIFIED;
            sp_verdict_clear(&v);
            sp_verdict_clear(&w);
        }
        sp_pipeline_clear(&a);
        sp_pipeline_clear(&b);
        clear(&s);
        clear(&two);
    }
    assert_true(certified > 5);
}

static void parts_must_fit(void **state) {
    (void)state;
    const sp_method *exact = sp_method_find("exact");
    sp_net wide;
    sp_pipeline pipeline;
    sp_error err = {0};
    sp_rng rng;
    small s;
    make(&s, 7, false);
    sp_rng_init(&rng, 1);
    make_net(&wide, &rng, 7, C, false);
    assert_int_equal(sp_pipeline_init(&err, &pipeline, &wide, s.front, exact, exact->front),
                     SP_E_MISMATCH);
    assert_non_null(strstr(err.text, "gives 4 features"));
    assert_non_null(strstr(err.text, "reads 7"));
    assert_null(strstr(err.text, "--steps-axis"));
    wide.steps = 4; // its window may lie the other way
    assert_int_equal(sp_pipeline_fits(&err, &wide, s.front), SP_E_MISMATCH);
    assert_non_null(strstr(err.text, "in windows of 4 frames"));
    assert_non_null(strstr(err.text, "--steps-axis"));
    sp_pipeline_clear(&pipeline);
    sp_net_clear(&wide);
    clear(&s);
}

static void note_margin(void *context, const sp_domain *domain, void *bounds,
                        const sp_front_bound *front, double margin) {
    (void)domain, (void)bounds, (void)front;
    *(double *)context = margin;
}

/* Margins with a certificate are what it can show: not by intervals of what the last layer reads,
 * with which they are larger here and there. */
static void what_is_kept_can_be_shown(void **state) {
    (void)state;
    size_t less = 0, kept = 0;
    for (uint64_t seed = 0; seed < 5; seed++) {
        small s;
        make(&s, sp_test_seed() + seed, false);
        sp_pipeline pipeline = make_system(&s, "exact");
        for (double db = -50.0; db <= 0.0; db += 5.0) {
            const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
            double margin = NAN;
            const sp_certify_keep keep = {note_margin, &margin};
            sp_verdict shown, all;
            assert_int_equal(
                sp_certify_kept(NULL, &shown, &pipeline, &s.clip, &budget, -1, 0.0, &keep), SP_OK);
            assert_int_equal(sp_certify(NULL, &all, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
            assert_true(shown.margin <= all.margin);
            assert_true(isnan(margin) == (shown.kind != SP_VERDICT_CERTIFIED));
            assert_true(isnan(margin) || margin == shown.margin);
            less += shown.margin < all.margin;
            kept += !isnan(margin);
            sp_verdict_clear(&shown);
            sp_verdict_clear(&all);
        }
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
    print_message("%zu margins are kept, %zu are larger by intervals\n", kept, less);
    assert_true(less > 0 && kept > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_hold_for_sampled_noise),
        cmocka_unit_test(single_precision_is_near),
        cmocka_unit_test(wide_cells_are_bounded_in_single_precision),
        cmocka_unit_test(methods_have_twins),
        cmocka_unit_test(a_quiet_budget_is_certified),
        cmocka_unit_test(labels_decide),
        cmocka_unit_test(ties_fail_closed),
        cmocka_unit_test(failing_stages_give_a_reason),
        cmocka_unit_test(other_rounding_is_refused),
        cmocka_unit_test(flushed_subnormals_are_refused),
        cmocka_unit_test(small_coefficients_are_paid_for_in_single_precision),
        cmocka_unit_test(one_logit_is_two_answers),
        cmocka_unit_test(parts_must_fit),
        cmocka_unit_test(what_is_kept_can_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
