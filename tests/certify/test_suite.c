/* The suite of attacks: its losses, and that each part breaks nets of its own. */
#include "tests/certify/attacked.h"

#include "certify/attack/descent.h"

static void losses_have_their_gradients(void **state) {
    (void)state;
    enum { K = 5 };
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int round = 0; round < 300; round++) {
        double logits[K], weight[K], unused[K];
        size_t other = 0;
        for (size_t k = 0; k < K; k++) {
            logits[k] = sp_rng_uniform(&rng, -3.0, 3.0);
        }
        const size_t label = sp_rng_below(&rng, K);
        for (size_t k = 0; k < K; k++) {
            other = k != label && (other == label || logits[k] > logits[other]) ? k : other;
        }
        other = other == label ? (label + 1) % K : other;
        for (int loss = SP_ATTACK_MARGIN; loss <= SP_ATTACK_RATIO; loss++) {
            (void)sp_attack_loss_value(weight, logits, K, label, other, (sp_attack_loss)loss);
            for (size_t k = 0; k < K; k++) {
                const double before = logits[k], step = 1e-6;
                logits[k] = before + step;
                const double up =
                    sp_attack_loss_value(unused, logits, K, label, other, (sp_attack_loss)loss);
                logits[k] = before - step;
                const double down =
                    sp_attack_loss_value(unused, logits, K, label, other, (sp_attack_loss)loss);
                logits[k] = before;
                const double slope = (up - down) / (2.0 * step);
                if (!(fabs(slope - weight[k]) <= 1e-5 * fmax(1.0, fabs(slope)))) {
                    fail_msg("loss %d, logit %zu: %g instead of %g", loss, k, weight[k], slope);
                }
            }
        }
    }
}

static void attack(sp_attack *outcome, const attacked *a, const sp_noise_set *set, double db,
                   bool suite) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db, .set = set};
    const sp_attack_options options = {.steps = 12, .starts = 3, .seed = 1, .suite = suite};
    sp_error err = {0};
    if (sp_attack_budget(&err, outcome, &a->attacker, &a->clip, &budget, -1, &options) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

/* A suite is no weaker than the attack, in every set; its noise is in the set and attains what is
 * said; every part breaks something; random bursts never alone. */
static void parts_break_clips(void **state) {
    (void)state;
    static const double budgets[] = {-60.0, -40.0, -25.0, -15.0, -5.0};
    size_t sets = 0, broken[SP_ATTACK_PART_COUNT] = {0};
    const sp_noise_set *const *set = sp_noise_sets(&sets);
    for (uint64_t seed = 1; seed <= (sp_test_sanitized() ? 1 : 3); seed++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + seed, 3000.0, "exact");
        for (size_t k = 0; k < 5 * sets; k++) {
            sp_attack plain, suite;
            if (set[k / 5]->path) {
                continue;
            }
            attack(&plain, &a, set[k / 5], budgets[k % 5], false);
            attack(&suite, &a, set[k / 5], budgets[k % 5], true);
            assert_true(isnan(plain.part[0]) && !sp_attack_is_masked(&plain));
            assert_true(suite.real_broken || !plain.real_broken);
            assert_false(sp_attack_is_masked(&suite));
            double least = INFINITY, x[SMALL_SAMPLES];
            size_t runner_up = 0;
            for (size_t p = 0; p < SP_ATTACK_PART_COUNT; p++) {
                least = fmin(least, suite.part[p]);
                broken[p] += suite.part[p] < -SP_ATTACK_CLEAR;
            }
            assert_true(least == suite.real_margin);
            for (size_t i = 0; i < a.clip.n; i++) {
                x[i] = a.clip.samples[i] + suite.noise[i];
            }
            assert_true(fabs(attacked_margin(&a, x, &runner_up) - suite.real_margin) <= 1e-6);
            double *radius = calloc(a.clip.n, sizeof *radius);
            assert_non_null(radius);
            for (size_t i = 0; i < a.clip.n; i++) {
                radius[i] = suite.verdict.eps;
            }
            assert_true(set[k / 5]->size(suite.noise, radius, a.clip.n) <= 1.0);
            free(radius);
            sp_attack_clear(&plain);
            sp_attack_clear(&suite);
        }
        attacked_clear(&a);
    }
    for (size_t p = 0; p < SP_ATTACK_PART_COUNT; p++) {
        print_message("%s breaks %zu\n", sp_attack_part_name(p), broken[p]);
        assert_true(broken[p] > 0 || sp_test_sanitized());
    }
}

/* Only bursts below 0. */
static void masked_is_broken_at_random_alone(void **state) {
    (void)state;
    sp_attack outcome;
    sp_attack_init(&outcome);
    assert_false(sp_attack_is_masked(&outcome));
    for (size_t p = 0; p < SP_ATTACK_PART_COUNT; p++) {
        outcome.part[p] = p == SP_ATTACK_SQUARE ? -0.5 : 0.5;
    }
    assert_true(sp_attack_is_masked(&outcome));
    outcome.part[SP_ATTACK_FAB] = -0.1;
    assert_false(sp_attack_is_masked(&outcome));
    sp_attack_clear(&outcome);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_have_their_gradients),
        cmocka_unit_test(parts_break_clips),
        cmocka_unit_test(masked_is_broken_at_random_alone),
    };
    return cmocka_run_group_tests_name("certify/suite", tests, NULL, NULL);
}
