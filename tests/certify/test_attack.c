/* Attacks: gradients, noise that stays in its set, files that replay, and what is not called
 * broken. */
#include "tests/certify/attacked.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/pool.h"
#include "certify/attack/descent.h"

static const sp_attack_options quick = {.steps = 20, .starts = 4, .seed = 1};

/* The budgets of these tests, in dB relative to the peak: from hopeless to easy. */
static const double budgets[] = {-90.0, -60.0, -45.0, -35.0, -25.0, -15.0, -8.0};
enum { BUDGETS = sizeof budgets / sizeof budgets[0] };

static void attack(sp_attack *outcome, const attacked *a, double db,
                   const sp_attack_options *options) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
    sp_error err = {0};
    if (sp_attack_budget(&err, outcome, &a->attacker, &a->clip, &budget, -1, options) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

/* Gradients of a margin against central differences, at the clip and at a noisy one. */
static void gradients_are_derivatives(void **state) {
    (void)state;
    attacked a;
    sp_rng rng;
    double weight[C] = {1.0, 0.0, -1.0}, x[SMALL_SAMPLES], logits[C];
    sp_rng_init(&rng, sp_test_seed());
    attacked_init(&a, sp_test_seed() + 1, 3000.0, "exact");
    double *gradient = calloc(a.clip.n, sizeof *gradient);
    assert_non_null(gradient);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < a.clip.n; i++) {
            x[i] = a.clip.samples[i] + (round ? sp_rng_uniform(&rng, -50.0, 50.0) : 0.0);
        }
        assert_int_equal(
            sp_attacker_gradient(NULL, &a.attacker, gradient, x, a.clip.n, weight, 1, 0.0), SP_OK);
        double largest = 0.0;
        for (size_t i = 0; i < a.clip.n; i++) {
            largest = fmax(largest, fabs(gradient[i]));
        }
        assert_true(largest > 0.0);
        for (size_t i = 0; i < a.clip.n; i += 7) {
            const double before = x[i], step = 0.02;
            double value[2];
            for (int side = 0; side < 2; side++) {
                x[i] = before + (side ? step : -step);
                attacked_run(&a, logits, x);
                value[side] = logits[0] - logits[2];
            }
            x[i] = before;
            const double difference = (value[1] - value[0]) / (2.0 * step);
            if (!(fabs(difference - gradient[i]) <= 1e-5 * largest)) {
                fail_msg("sample %zu: %a, not %a", i, gradient[i], difference);
            }
        }
    }
    free(gradient);
    attacked_clear(&a);
}

/* Noise of the set, with the margin that is claimed for it; louder sets are never harder by much.
 * */
static void noise_stays_inside_and_lowers_the_margin(void **state) {
    (void)state;
    const uint64_t nets = sp_test_long() ? 12 : sp_test_sanitized() ? 2 : 4;
    size_t broken = 0, lowered = 0;
    for (uint64_t seed = 1; seed <= nets; seed++) {
        attacked a;
        size_t runner_up = 0;
        attacked_init(&a, sp_test_seed() + seed, 3000.0, "exact");
        const double clean = attacked_margin(&a, a.clip.samples, &runner_up);
        for (int b = 0; b < BUDGETS; b++) {
            sp_attack outcome;
            double x[SMALL_SAMPLES];
            attack(&outcome, &a, budgets[b], &quick);
            const double eps = outcome.verdict.eps;
            for (size_t i = 0; i < a.clip.n; i++) {
                assert_true(fabs(outcome.noise[i]) <= eps);
                x[i] = a.clip.samples[i] + outcome.noise[i];
            }
            const double attained = attacked_margin(&a, x, &runner_up);
            assert_true(fabs(attained - outcome.real_margin) <= 1e-6);
            assert_int_equal(runner_up, outcome.real_answer);
            assert_true(outcome.real_margin <= clean);
            assert_true(outcome.real_broken == (outcome.real_margin < -1e-9));
            // Without a file nothing is broken.
            assert_int_equal(outcome.verdict.kind, SP_VERDICT_UNKNOWN);
            assert_int_not_equal(outcome.verdict.reason[0], 0);
            broken += outcome.real_broken;
            lowered += outcome.real_margin < clean - 1e-6;
            sp_attack_clear(&outcome);
        }
        attacked_clear(&a);
    }
    assert_true(broken >= nets);            // the loudest budgets are easy
    assert_true(lowered == nets * BUDGETS); // every step down counts
}

/* Random noise of the same set does not do what descent does. */
static void descent_beats_chance(void **state) {
    (void)state;
    attacked a;
    sp_attack outcome;
    sp_rng rng;
    size_t runner_up = 0;
    double x[SMALL_SAMPLES], best = INFINITY;
    sp_rng_init(&rng, sp_test_seed());
    attacked_init(&a, sp_test_seed() + 3, 3000.0, "exact");
    attack(&outcome, &a, -80.0, &quick);
    assert_false(outcome.real_broken); // it would have stopped early
    for (int i = 0; i < 300; i++) {
        for (size_t k = 0; k < a.clip.n; k++) {
            const double sign = sp_rng_below(&rng, 2) ? 1.0 : -1.0;
            x[k] = a.clip.samples[k] + sign * outcome.verdict.eps;
        }
        best = fmin(best, attacked_margin(&a, x, &runner_up));
    }
    const double clean = attacked_margin(&a, a.clip.samples, &runner_up);
    assert_true(clean - outcome.real_margin > 1.5 * (clean - best));
    sp_attack_clear(&outcome);
    attacked_clear(&a);
}

/* A broken clip: the file is in the set, in the clip's format, and answered as claimed. */
static void check_file(const attacked *a, const sp_attack *outcome, const char *path) {
    const sp_clip_options wanted = {.rate = SMALL_RATE, .full_scale = 32768.0};
    sp_clip noisy;
    size_t runner_up = 0;
    double largest = 0.0;
    assert_int_equal(sp_clip_read(NULL, &noisy, path, &wanted), SP_OK);
    assert_int_equal(noisy.n, a->clip.n);
    assert_int_equal(noisy.bits, 16);
    for (size_t i = 0; i < noisy.n; i++) {
        const double d = noisy.samples[i] - a->clip.samples[i];
        assert_true(d == floor(d));
        assert_true(fabs(d) <= outcome->verdict.eps);
        assert_true(noisy.samples[i] >= -32768.0 && noisy.samples[i] <= 32767.0);
        largest = fmax(largest, fabs(d));
    }
    const double margin = attacked_margin(a, noisy.samples, &runner_up);
    assert_true(margin < 0.0);
    assert_true(margin == outcome->file_margin);
    assert_true(margin == outcome->verdict.margin);
    assert_int_equal(runner_up, outcome->file_answer);
    assert_int_not_equal(runner_up, a->label);
    assert_true(largest == outcome->file_largest);
    sp_clip_clear(&noisy);
}

static void check_bytes(const char *path, const char *bytes, size_t size) {
    char *data = NULL;
    size_t read = 0;
    assert_int_equal(sp_file_read(NULL, &data, &read, path, 1 << 20), SP_OK);
    assert_int_equal(read, size);
    assert_memory_equal(data, bytes, size);
    free(data);
}

/* What stood at the path stays until a file that breaks the clip takes it. */
static void broken_files_replay(void **state) {
    (void)state;
    static const double loudness[3] = {3000.0, 40.0, 60000.0}; // the last one clips
    size_t broken = 0;
    for (uint64_t seed = 1; seed <= (sp_test_sanitized() ? 3U : 9U); seed++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + seed, loudness[seed % 3], "ibp");
        for (int b = 2; b < BUDGETS; b++) {
            char out[PATH];
            sp_attack outcome;
            sp_attack_options options = quick;
            sp_file_write_text("certify_attacked/broken.wav", out, PATH, "old");
            options.source = a.path;
            options.out = out;
            options.most_bytes = 1 << 20;
            attack(&outcome, &a, budgets[b], &options);
            if (outcome.verdict.kind == SP_VERDICT_BROKEN) {
                assert_true(outcome.real_broken);
                check_file(&a, &outcome, out);
                check_bytes(out, outcome.file, outcome.file_size);
                broken++;
            } else {
                assert_int_equal(outcome.verdict.kind, SP_VERDICT_UNKNOWN);
                assert_null(outcome.file);
                check_bytes(out, "old", 3);
            }
            sp_attack_clear(&outcome);
        }
        attacked_clear(&a);
    }
    assert_true(broken > 0);
}

/* Less than one step: no other clip of the format, and no file. */
static void the_format_may_hold_no_other_clip(void **state) {
    (void)state;
    attacked a;
    sp_attack outcome;
    const sp_budget budget = {.unit = SP_BUDGET_LSB, .value = 0.9};
    sp_attack_options options = quick;
    attacked_init(&a, sp_test_seed() + 3, 2.0, "exact");
    options.source = a.path;
    assert_int_equal(sp_attack_budget(NULL, &outcome, &a.attacker, &a.clip, &budget, -1, &options),
                     SP_OK);
    assert_int_equal(outcome.verdict.kind, SP_VERDICT_UNKNOWN);
    assert_true(outcome.real_broken); // 0.9 of samples of size 2
    assert_true(isnan(outcome.file_margin));
    assert_non_null(strstr(outcome.verdict.reason, "sample format"));
    sp_attack_clear(&outcome);
    attacked_clear(&a);
}

/* A file of floating point: singles (bytes 4) or doubles (8). */
static void write_floats(const char *path, const double *samples, size_t n, uint16_t bytes) {
    const uint32_t size = (uint32_t)n * bytes, rest = size + 36, sixteen = 16, rate = SMALL_RATE,
                   per_second = rate * bytes;
    const uint16_t kind = 3, one = 1, bits = (uint16_t)(8 * bytes);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite("RIFF", 1, 4, file);
    fwrite(&rest, 4, 1, file);
    fwrite("WAVEfmt ", 1, 8, file);
    fwrite(&sixteen, 4, 1, file);
    fwrite(&kind, 2, 1, file);
    fwrite(&one, 2, 1, file);
    fwrite(&rate, 4, 1, file);
    fwrite(&per_second, 4, 1, file);
    fwrite(&bytes, 2, 1, file);
    fwrite(&bits, 2, 1, file);
    fwrite("data", 1, 4, file);
    fwrite(&size, 4, 1, file);
    for (size_t i = 0; i < n; i++) {
        const float single = (float)samples[i];
        fwrite(bytes == 4 ? (const void *)&single : (const void *)&samples[i], bytes, 1, file);
    }
    assert_int_equal(fclose(file), 0);
}

/* Files of singles and doubles hold what the attack found, to the last bit. */
static void floating_formats_replay(void **state) {
    (void)state;
    const sp_clip_options wanted = {.rate = SMALL_RATE, .full_scale = 32768.0};
    size_t broken = 0;
    for (uint16_t bytes = 4; bytes <= 8; bytes += 4) {
        attacked a;
        sp_rng rng;
        double samples[SMALL_SAMPLES];
        char out[PATH];
        sp_rng_init(&rng, sp_test_seed());
        attacked_init(&a, sp_test_seed() + 8, 3000.0, "exact");
        for (size_t i = 0; i < a.clip.n; i++) {
            samples[i] = (a.clip.samples[i] + sp_rng_uniform(&rng, -0.5, 0.5)) / 32768.0;
        }
        write_floats(a.path, samples, a.clip.n, bytes);
        sp_clip_clear(&a.clip);
        assert_int_equal(sp_clip_read(NULL, &a.clip, a.path, &wanted), SP_OK);
        assert_true(a.clip.lsb == 0.0);
        sp_test_scratch("certify_attacked/floats.wav", out, PATH);
        for (int b = 1; b < BUDGETS; b++) {
            sp_attack outcome;
            sp_clip noisy;
            sp_attack_options options = quick;
            options.source = a.path;
            options.out = out;
            attack(&outcome, &a, budgets[b], &options);
            assert_true(outcome.real_broken == (outcome.verdict.kind == SP_VERDICT_BROKEN));
            if (outcome.verdict.kind == SP_VERDICT_BROKEN) {
                assert_int_equal(sp_clip_read(NULL, &noisy, out, &wanted), SP_OK);
                for (size_t i = 0; i < noisy.n; i++) {
                    const double d = noisy.samples[i] - a.clip.samples[i];
                    assert_true(fabs(d) <= outcome.verdict.eps);
                    assert_true(d == outcome.noise[i]);
                }
                sp_clip_clear(&noisy);
                broken++;
            }
            sp_attack_clear(&outcome);
        }
        attacked_clear(&a);
    }
    assert_true(broken > 1);
}

/* The seed decides, and the number of threads does not. */
static void results_are_repeatable(void **state) {
    (void)state;
    attacked a;
    sp_attack first, second;
    attacked_init(&a, sp_test_seed() + 4, 3000.0, "exact");
    attack(&first, &a, -50.0, &quick);
    assert_int_equal(sp_pool_start(3), SP_OK);
    attack(&second, &a, -50.0, &quick);
    sp_pool_stop();
    assert_true(first.real_margin == second.real_margin);
    assert_int_equal(first.steps, second.steps);
    assert_memory_equal(first.noise, second.noise, a.clip.n * sizeof *first.noise);
    sp_attack_clear(&first);
    sp_attack_clear(&second);
    attacked_clear(&a);
}

/* Samples without noise stay what they are. */
static void noise_sets_may_be_partial(void **state) {
    (void)state;
    attacked a;
    sp_attack outcome;
    sp_noise noise;
    attacked_init(&a, sp_test_seed() + 5, 3000.0, "exact");
    assert_int_equal(sp_noise_box(NULL, &noise, a.clip.n, 300.0), SP_OK);
    for (size_t i = 0; i < a.clip.n; i++) {
        noise.radius[i] = i >= 60 && i < 124 ? 300.0 : 0.0;
    }
    assert_int_equal(
        sp_attack_noise(NULL, &outcome, &a.attacker, &a.clip, &noise, (long)a.label, &quick),
        SP_OK);
    size_t moved = 0;
    for (size_t i = 0; i < a.clip.n; i++) {
        assert_true(fabs(outcome.noise[i]) <= noise.radius[i]);
        moved += outcome.noise[i] != 0.0;
    }
    assert_true(moved > 32);
    sp_attack_clear(&outcome);
    sp_noise_clear(&noise);
    attacked_clear(&a);
}

static void failures_are_explained(void **state) {
    (void)state;
    attacked a;
    sp_attack outcome;
    sp_error err = {0};
    const sp_budget loud = {.unit = SP_BUDGET_DB_PEAK, .value = -8.0};
    sp_attack_options options = quick;
    attacked_init(&a, sp_test_seed() + 1, 3000.0, "exact");
    options.source = a.path;
    options.out = "/nonexistent/folder/out.wav";
    assert_int_not_equal(
        sp_attack_budget(&err, &outcome, &a.attacker, &a.clip, &loud, -1, &options), SP_OK);
    assert_int_equal(outcome.verdict.kind, SP_VERDICT_ERROR);
    assert_true(isnan(outcome.verdict.margin));
    assert_non_null(strstr(outcome.verdict.reason, "/nonexistent/folder/out.wav"));
    sp_attack_clear(&outcome);
    options = quick;
    options.timeout = 1e-9;
    assert_int_equal(sp_attack_budget(&err, &outcome, &a.attacker, &a.clip, &loud, -1, &options),
                     SP_E_TIMEOUT);
    assert_int_equal(outcome.verdict.kind, SP_VERDICT_TIMEOUT);
    sp_attack_clear(&outcome);
    const long wrong = (long)((a.label + 1) % C);
    assert_int_equal(sp_attack_budget(&err, &outcome, &a.attacker, &a.clip, &loud, wrong, &quick),
                     SP_OK);
    assert_int_equal(outcome.verdict.kind, SP_VERDICT_MISCLASSIFIED);
    assert_null(outcome.noise);
    sp_attack_clear(&outcome);
    attacked_clear(&a);
}

/* What cannot be certified is attacked; what is certified cannot be broken. */
static void verdicts_and_attacks_agree(void **state) {
    (void)state;
    size_t certified = 0, broken = 0;
    for (uint64_t seed = 1; seed <= (sp_test_sanitized() ? 2U : 5U); seed++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + seed, 3000.0, "exact");
        for (int b = 0; b < BUDGETS; b++) {
            const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = budgets[b]};
            sp_verdict verdict;
            sp_attack outcome;
            assert_int_equal(
                sp_certify(NULL, &verdict, &a.pipeline, &a.clip, &budget, (long)a.label, 0.0),
                SP_OK);
            attack(&outcome, &a, budgets[b], &quick);
            assert_false(verdict.kind == SP_VERDICT_CERTIFIED && outcome.real_broken);
            assert_true(verdict.margin <= outcome.real_margin + 1e-9);
            certified += verdict.kind == SP_VERDICT_CERTIFIED;
            if (verdict.kind == SP_VERDICT_UNKNOWN) {
                sp_attack_options options = quick;
                options.source = a.path;
                sp_attack_verdict(&verdict, &a.attacker, &a.clip, &budget, (long)a.label, &options);
                assert_true(verdict.kind != SP_VERDICT_BROKEN || outcome.real_broken);
                assert_true(verdict.kind == SP_VERDICT_BROKEN ||
                            strstr(verdict.reason, "attacked"));
                broken += verdict.kind == SP_VERDICT_BROKEN;
            }
            sp_attack_clear(&outcome);
            sp_verdict_clear(&verdict);
        }
        attacked_clear(&a);
    }
    assert_true(certified > 0 && broken > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_derivatives),
        cmocka_unit_test(noise_stays_inside_and_lowers_the_margin),
        cmocka_unit_test(descent_beats_chance),
        cmocka_unit_test(broken_files_replay),
        cmocka_unit_test(the_format_may_hold_no_other_clip),
        cmocka_unit_test(floating_formats_replay),
        cmocka_unit_test(results_are_repeatable),
        cmocka_unit_test(noise_sets_may_be_partial),
        cmocka_unit_test(failures_are_explained),
        cmocka_unit_test(verdicts_and_attacks_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
