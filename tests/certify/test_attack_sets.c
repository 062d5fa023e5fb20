/* Attacks and radii in balls of noise: noise of the set, files whose noise has its norm, and
 * nothing that is certified is broken. */
#include "certify/attack/descent.h"
#include "tests/certify/attacked.h"

static const sp_attack_options quick = {.steps = 20, .starts = 5, .seed = 1};
static const sp_noise_set *const balls[2] = {&sp_noise_set_l2, &sp_noise_set_l1};

/* From hopeless to easy. */
static const double snr_db[] = {60.0, 45.0, 35.0, 25.0, 15.0, 5.0, -5.0};
enum { BUDGETS = sizeof snr_db / sizeof snr_db[0] };

static sp_budget budget_of(const sp_noise_set *set, double db) {
    return (sp_budget){.unit = SP_BUDGET_DB_SNR, .value = db, .set = set};
}

/* The norm of a noise over the radius, by itself. */
static long double norm_of(const sp_noise_set *set, const double *d, size_t n, double eps) {
    long double sum = 0.0L;
    for (size_t i = 0; i < n; i++) {
        const long double share = fabsl((long double)d[i]) / (long double)eps;
        sum += set == &sp_noise_set_l2 ? share * share : share;
    }
    return set == &sp_noise_set_l2 ? sqrtl(sum) : sum;
}

static void noise_stays_in_the_ball_and_lowers_the_margin(void **state) {
    (void)state;
    const uint64_t nets = sp_test_long() ? 12 : sp_test_sanitized() ? 2 : 4;
    size_t broken = 0, runner_up = 0;
    for (uint64_t round = 0; round < 2 * nets; round++) {
        const sp_noise_set *set = balls[round % 2];
        attacked a;
        attacked_init(&a, sp_test_seed() + round / 2, 3000.0, "exact");
        const double clean = attacked_margin(&a, a.clip.samples, &runner_up);
        for (int b = 0; b < BUDGETS; b++) {
            const sp_budget budget = budget_of(set, snr_db[b]);
            double x[SMALL_SAMPLES];
            sp_attack outcome;
            assert_int_equal(
                sp_attack_budget(NULL, &outcome, &a.attacker, &a.clip, &budget, -1, &quick), SP_OK);
            assert_ptr_equal(outcome.verdict.set, set);
            assert_true(norm_of(set, outcome.noise, a.clip.n, outcome.verdict.eps) <= 1.0L);
            for (size_t i = 0; i < a.clip.n; i++) {
                x[i] = a.clip.samples[i] + outcome.noise[i];
            }
            assert_true(fabs(attacked_margin(&a, x, &runner_up) - outcome.real_margin) <= 1e-6);
            assert_true(outcome.real_margin < clean);
            broken += outcome.real_broken;
            sp_attack_clear(&outcome);
        }
        attacked_clear(&a);
    }
    assert_true(broken >= nets);
}

/* Random noise of the same norm does not do what descent does. */
static void descent_beats_chance_in_balls(void **state) {
    (void)state;
    attacked a;
    sp_rng rng;
    size_t runner_up = 0;
    double x[SMALL_SAMPLES], d[SMALL_SAMPLES];
    sp_rng_init(&rng, sp_test_seed());
    attacked_init(&a, sp_test_seed() + 3, 3000.0, "exact");
    const double clean = attacked_margin(&a, a.clip.samples, &runner_up);
    for (int b = 0; b < 2; b++) {
        const sp_budget budget = budget_of(balls[b], 50.0);
        sp_attack outcome;
        double best = INFINITY, radius[SMALL_SAMPLES];
        assert_int_equal(
            sp_attack_budget(NULL, &outcome, &a.attacker, &a.clip, &budget, -1, &quick), SP_OK);
        assert_false(outcome.real_broken);
        for (int i = 0; i < 300; i++) {
            for (size_t k = 0; k < a.clip.n; k++) {
                radius[k] = outcome.verdict.eps;
                d[k] = sp_rng_normal(&rng);
            }
            balls[b]->attain(d, d, radius, a.clip.n);
            for (size_t k = 0; k < a.clip.n; k++) {
                x[k] = a.clip.samples[k] + d[k];
            }
            best = fmin(best, attacked_margin(&a, x, &runner_up));
        }
        // 300 clicks in 264 samples are nearly all that there are
        assert_true(clean - outcome.real_margin > (b == 0 ? 1.5 : 0.9) * (clean - best));
        sp_attack_clear(&outcome);
    }
    attacked_clear(&a);
}

/* The file is in the clip's format, and it is the noise of the file that lies in the ball. */
static void check_file(const attacked *a, const sp_attack *outcome, const char *path) {
    const sp_clip_options wanted = {.rate = SMALL_RATE, .full_scale = 32768.0};
    const sp_noise_set *set = outcome->verdict.set;
    double d[SMALL_SAMPLES];
    sp_clip noisy;
    size_t runner_up = 0;
    assert_int_equal(sp_clip_read(NULL, &noisy, path, &wanted), SP_OK);
    assert_int_equal(noisy.n, a->clip.n);
    for (size_t i = 0; i < noisy.n; i++) {
        d[i] = noisy.samples[i] - a->clip.samples[i];
        assert_true(d[i] == floor(d[i]));
    }
    const long double norm = norm_of(set, d, noisy.n, outcome->verdict.eps);
    assert_true(norm <= 1.0L);
    assert_true(outcome->file_radius >= norm * (long double)outcome->verdict.eps);
    assert_true(outcome->file_radius <= outcome->verdict.eps * (1.0 + 1e-12));
    const double margin = attacked_margin(a, noisy.samples, &runner_up);
    assert_true(margin < 0.0 && margin == outcome->file_margin);
    assert_int_not_equal(runner_up, a->label);
    sp_clip_clear(&noisy);
}

/* Loud clips whose noise is rounded away from or towards them, and quiet ones where the noise of a
 * sample is less than a step. */
static void files_have_the_norm(void **state) {
    (void)state;
    static const double loudness[3] = {3000.0, 8.0, 60000.0}; // the last one clips
    size_t broken = 0, quiet = 0;
    char out[PATH];
    sp_test_scratch("certify_attack_sets/broken.wav", out, PATH);
    for (uint64_t round = 0; round < (sp_test_sanitized() ? 6U : 24U); round++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + round / 2, loudness[round / 2 % 3], "ibp");
        for (int b = 1; b < BUDGETS; b++) {
            const sp_budget budget = budget_of(balls[round % 2], snr_db[b]);
            sp_attack_options options = quick;
            sp_attack outcome;
            options.source = a.path;
            options.out = out;
            assert_int_equal(
                sp_attack_budget(NULL, &outcome, &a.attacker, &a.clip, &budget, -1, &options),
                SP_OK);
            if (outcome.verdict.kind == SP_VERDICT_BROKEN) {
                check_file(&a, &outcome, out);
                broken++;
                quiet += round / 2 % 3 == 1;
            }
            sp_attack_clear(&outcome);
        }
        attacked_clear(&a);
    }
    assert_true(broken > 0 && quiet > 0);
}

/* A rounded point is one of the format and no louder than the point, and nearly as loud: noise of
 * less than half a step everywhere is not rounded away. */
static void rounding_keeps_the_norm(void **state) {
    (void)state;
    double radius[SMALL_SAMPLES], noise[SMALL_SAMPLES], x[SMALL_SAMPLES], point[SMALL_SAMPLES];
    attacked a;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    attacked_init(&a, sp_test_seed() + 4, 3000.0, "ibp");
    for (int i = 0; i < 200; i++) {
        const sp_noise_set *set = balls[i % 2];
        const double eps = pow(10.0, sp_rng_uniform(&rng, 0.5, 4.0));
        sp_attack_descent d = {.n = a.clip.n,
                               .set = set,
                               .clean = a.clip.samples,
                               .coded = &a.clip,
                               .radius = radius,
                               .noise = noise};
        double before[SMALL_SAMPLES], after[SMALL_SAMPLES];
        for (size_t k = 0; k < a.clip.n; k++) {
            radius[k] = eps;
            before[k] = sp_rng_normal(&rng);
        }
        set->attain(before, before, radius, a.clip.n);
        for (size_t k = 0; k < a.clip.n; k++) { // spread, for clicks too
            before[k] = 0.5 * before[k] + 0.4 * eps / (double)a.clip.n * sp_rng_normal(&rng);
            x[k] = a.clip.samples[k] + before[k];
        }
        const long double loud = norm_of(set, before, a.clip.n, eps);
        assert_true(sp_attack_descent_round(&d, point, x));
        for (size_t k = 0; k < a.clip.n; k++) {
            after[k] = point[k] - a.clip.samples[k];
            assert_true(point[k] == nearbyint(point[k]));
            assert_true(fabs(after[k] - before[k]) < 1.0);
        }
        const long double kept = norm_of(set, after, a.clip.n, eps);
        assert_true(kept <= loud * (1.0L + 1e-9L));
        assert_true(kept >= loud - 2.0L / (long double)eps);
    }
    attacked_clear(&a);
}

/* The edges of every set stand in order, and what was certified is certified. */
static void radii_in_balls(void **state) {
    (void)state;
    for (int b = 0; b < 2; b++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + 5, 3000.0, "exact");
        for (size_t frames = 0; frames <= 2; frames += 2) {
            const sp_radius_options options = {
                .tolerance = 2.0,
                .set = balls[b],
                .first = frames ? 1 : 0,
                .frames = frames,
                .attack = {.steps = 15, .starts = 2, .seed = 1, .source = a.path}};
            sp_radius radius;
            assert_int_equal(
                sp_radius_find(NULL, &radius, &a.attacker, &a.clip, (long)a.label, &options),
                SP_OK);
            assert_int_equal(radius.verdict.kind, SP_VERDICT_CERTIFIED);
            assert_ptr_equal(radius.verdict.set, balls[b]);
            assert_true(!(radius.broken_db <= radius.certified_db));
            assert_true(!(radius.broken_file_db < radius.broken_db));
            assert_true(fabs(radius.verdict.scale.db_peak - radius.certified_db) < 1e-9);
            assert_true(b == 1 || // the energy of the clip is the reference
                        fabs(radius.verdict.scale.snr_db + radius.certified_db) < 1e-6);
            sp_radius_clear(&radius);
        }
        attacked_clear(&a);
    }
}

/* For one radius each ball lies in the next: no margin is proved to be lower in a smaller one. */
static void margins_of_nested_sets_stand_in_order(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "exact", "opt"};
    static const sp_noise_set *const nested[] = {&sp_noise_set_l1, &sp_noise_set_l2,
                                                 &sp_noise_set_box};
    for (int i = 0; i < 3; i++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + 7, 3000.0, methods[i]);
        for (double eps = 0.3; eps < 300.0; eps *= 3.0) {
            double before = INFINITY;
            for (int s = 0; s < 3; s++) {
                sp_noise noise;
                sp_verdict verdict;
                assert_int_equal(sp_noise_of(NULL, &noise, nested[s], a.clip.n, eps), SP_OK);
                assert_int_equal(sp_certify_noise(NULL, &verdict, &a.pipeline, &a.clip, &noise,
                                                  (long)a.label, 0.0),
                                 SP_OK);
                assert_true(verdict.margin <= before + 1e-3 * fabs(verdict.margin));
                before = verdict.margin;
                sp_verdict_clear(&verdict);
                sp_noise_clear(&noise);
            }
        }
        attacked_clear(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_stays_in_the_ball_and_lowers_the_margin),
        cmocka_unit_test(descent_beats_chance_in_balls),
        cmocka_unit_test(files_have_the_norm),
        cmocka_unit_test(rounding_keeps_the_norm),
        cmocka_unit_test(radii_in_balls),
        cmocka_unit_test(margins_of_nested_sets_stand_in_order),
    };
    return cmocka_run_group_tests_name("certify/attack_sets", tests, NULL, NULL);
}
