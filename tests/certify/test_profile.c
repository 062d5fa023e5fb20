/* Budgets with a profile: the same bounds as sets of radii that say it, wider for more noise, and
 * attacks that keep to it. */
#include "tests/certify/attacked.h"

#include "certify/study/study.h"

static sp_budget budget_of(const sp_noise_set *set, const sp_noise_profile *profile) {
    return (sp_budget){.unit = SP_BUDGET_DB_PEAK,
                       .value = set->box ? -60.0 : -45.0,
                       .set = set,
                       .profile = profile};
}

static double margin(const attacked *a, const sp_budget *budget) {
    sp_error err = {0};
    sp_verdict verdict = {0};
    if (sp_certify(&err, &verdict, &a->pipeline, &a->clip, budget, -1, 0.0) != SP_OK) {
        fail_msg("%s", err.text);
    }
    const double found = verdict.margin;
    assert_true(verdict.shared == (budget->profile != NULL));
    sp_verdict_clear(&verdict);
    return found;
}

/* Shares of 1 are no profile; those of one frame alone are noise in that frame; less of a share is
 * a better bound; samples and frames say the same. */
static void shares_are_radii(void **state) {
    (void)state;
    size_t sets = 0;
    const sp_noise_set *const *set = sp_noise_sets(&sets);
    attacked a;
    attacked_init(&a, sp_test_seed() + 5, 3000.0, "exact");
    const size_t frames = sp_front_frames(a.front, a.clip.n);
    double *share = calloc(a.clip.n + frames, sizeof *share);
    assert_non_null(share);
    sp_noise_profile of_samples = {share, a.clip.n}, of_frames = {share + a.clip.n, frames};
    for (size_t k = 0; k < sets; k++) {
        if (set[k]->path) {
            continue;
        }
        const sp_budget whole = budget_of(set[k], NULL), sampled = budget_of(set[k], &of_samples);
        const sp_budget framed = budget_of(set[k], &of_frames);
        for (size_t i = 0; i < a.clip.n + frames; i++) {
            share[i] = 1.0;
        }
        const double all = margin(&a, &whole);
        assert_true(margin(&a, &sampled) == all);
        assert_true(margin(&a, &framed) == all);
        for (size_t i = 0; i < a.clip.n + frames; i++) {
            share[i] = 0.5;
        }
        const double half = margin(&a, &framed);
        assert_true(half > all && margin(&a, &sampled) == half);
        sp_budget quiet = whole;
        quiet.value += 20.0 * log10(0.5);
        assert_true(fabs(margin(&a, &quiet) - half) <= 1e-9 * fmax(1.0, fabs(half)));
        memset(share, 0, (a.clip.n + frames) * sizeof *share);
        of_frames.share[2] = 1.0;
        sp_budget one = whole;
        one.first = 2;
        one.frames = 1;
        assert_true(margin(&a, &framed) == margin(&a, &one));
    }
    free(share);
    attacked_clear(&a);
}

static void other_lengths_are_refused(void **state) {
    (void)state;
    attacked a;
    attacked_init(&a, sp_test_seed() + 6, 3000.0, "exact");
    double share[3] = {1.0, 1.0, 1.0};
    const sp_noise_profile profile = {share, 3};
    sp_budget budget = budget_of(&sp_noise_set_box, &profile);
    sp_error err = {0};
    sp_verdict verdict = {0};
    assert_int_equal(sp_certify(&err, &verdict, &a.pipeline, &a.clip, &budget, -1, 0.0),
                     SP_E_MISMATCH);
    assert_non_null(strstr(err.text, "3 shares"));
    sp_verdict_clear(&verdict);
    budget.deployed = SP_BUDGET_AS_INT16;
    assert_int_not_equal(sp_certify(&err, &verdict, &a.pipeline, &a.clip, &budget, -1, 0.0), SP_OK);
    sp_verdict_clear(&verdict);
    attacked_clear(&a);
}

/* Whatever the set, a sample without a share does not move, and the set holds the noise. */
static void attacks_keep_to_shares(void **state) {
    (void)state;
    size_t sets = 0, moved = 0;
    const sp_noise_set *const *set = sp_noise_sets(&sets);
    attacked a;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    attacked_init(&a, sp_test_seed() + 7, 3000.0, "exact");
    double *share = calloc(a.clip.n, sizeof *share);
    assert_non_null(share);
    const sp_noise_profile profile = {share, a.clip.n};
    for (size_t i = 0; i < a.clip.n; i++) {
        share[i] = i % 3 == 0 ? 0.0 : sp_rng_uniform(&rng, 0.1, 1.0);
    }
    for (size_t k = 0; k < sets; k++) {
        if (set[k]->path) {
            continue;
        }
        sp_budget budget = budget_of(set[k], &profile);
        const sp_attack_options options = {.steps = 15, .starts = 3, .seed = 1, .source = a.path};
        sp_attack outcome;
        sp_error err = {0};
        budget.value = -20.0;
        assert_int_equal(
            sp_attack_budget(&err, &outcome, &a.attacker, &a.clip, &budget, -1, &options), SP_OK);
        double *radius = calloc(a.clip.n, sizeof *radius);
        assert_non_null(radius);
        for (size_t i = 0; i < a.clip.n; i++) {
            radius[i] = share[i] * outcome.verdict.eps * (1.0 + 1e-12);
            assert_true(share[i] > 0.0 || outcome.noise[i] == 0.0);
            moved += outcome.noise[i] != 0.0;
        }
        assert_true(set[k]->size(outcome.noise, radius, a.clip.n) <= 1.0 + 1e-9);
        free(radius);
        sp_attack_clear(&outcome);
    }
    assert_true(moved > 0);
    free(share);
    attacked_clear(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_radii),
        cmocka_unit_test(other_lengths_are_refused),
        cmocka_unit_test(attacks_keep_to_shares),
    };
    return cmocka_run_group_tests_name("certify/profile", tests, NULL, NULL);
}
