/* Margins under every noise set of radii hold for its members. */
#include "tests/certify/small_net.h"

/* No member of the set, drawn by the set's own projection, brings a difference below its margin. */
static void check_members(const small *s, const sp_verdict *verdict, const sp_noise *noise,
                          sp_rng *rng, int samples) {
    double noisy[SMALL_SAMPLES], logits[C];
    for (int i = 0; i < samples; i++) {
        for (size_t k = 0; k < noise->n; k++) {
            const bool moves = i % 2 == 0 || sp_rng_below(rng, 20) == 0;
            noisy[k] = moves ? noise->radius[k] * sp_rng_normal(rng) : 0.0;
        }
        noise->set->project(noisy, noise->radius, noise->n);
        for (size_t k = 0; k < noise->n; k++) {
            noisy[k] = s->clip.samples[k] + (1.0 - 1e-9) * noisy[k];
        }
        run(s, logits, noisy);
        for (size_t k = 0; k < C; k++) {
            const double attained = logits[verdict->label] - logits[k];
            const double size = fabs(logits[verdict->label]) + fabs(logits[k]);
            if (k != verdict->label && !(attained >= verdict->margins[k] - 1e-9 * size)) {
                fail_msg("%s: margin %a proved, %a attained", noise->set->name, verdict->margins[k],
                         attained);
            }
        }
    }
}

static void margins_hold_under_every_noise_set(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp",     "r2-lp",   "exact",      "opt-rest",
                                          "opt-bab", "opt-max", "opt/float32"};
    enum { METHODS = sizeof methods / sizeof methods[0] };
    const int samples = sp_test_long() ? 5000 : sp_test_sanitized() ? 20 : 200;
    size_t count, proved = 0;
    const sp_noise_set *const *sets = sp_noise_sets(&count);
    sp_rng rng;
    small s;
    sp_rng_init(&rng, sp_test_seed() + 9);
    make(&s, sp_test_seed() + 9, false);
    for (size_t i = 0; i < METHODS * count; i++) {
        sp_pipeline pipeline = make_system(&s, methods[i / count]);
        for (double db = -80.0; db <= -20.0 && !sets[i % count]->path; db += 20.0) {
            const double eps = s.clip.peak * pow(10.0, db / 20.0);
            sp_noise noise;
            sp_verdict verdict;
            assert_int_equal(sp_noise_of(NULL, &noise, sets[i % count], s.clip.n, eps), SP_OK);
            assert_int_equal(
                sp_certify_noise(NULL, &verdict, &pipeline, &s.clip, &noise, SP_NO_LABEL, 0.0),
                SP_OK);
            assert_true(verdict.kind == SP_VERDICT_CERTIFIED || verdict.kind == SP_VERDICT_UNKNOWN);
            check_members(&s, &verdict, &noise, &rng, samples);
            proved += verdict.kind == SP_VERDICT_CERTIFIED;
            sp_verdict_clear(&verdict);
            sp_noise_clear(&noise);
        }
        sp_pipeline_clear(&pipeline);
    }
    assert_true(proved > 0);
    clear(&s);
}

/* Pieces by energies of bands: what they prove holds, and is more than the passes before prove. */
static void pieces_prove_more_and_hold(void **state) {
    (void)state;
    sp_method bare = *sp_method_find("opt-max"), pieces = bare;
    size_t more = 0;
    sp_rng rng;
    bare.refinements = pieces.refinements = bare.pieces = 0;
    sp_rng_init(&rng, sp_test_seed() + 13);
    const uint64_t least = sp_test_sanitized() ? 3 : 12;
    for (uint64_t seed = 0; seed < least || (more == 0 && seed < 20 * least); seed++) {
        small s;
        make(&s, sp_test_seed() + 40 + seed, false);
        sp_pipeline whole = make_system(&s, "opt-max"), cut = whole;
        whole.method = &bare;
        cut.method = &pieces;
        bool certified = true, proved = true;
        for (double db = -40.0; proved && db < 10.0; db += 1.0) {
            sp_noise noise;
            sp_verdict verdict;
            const double eps = s.clip.peak * pow(10.0, db / 20.0);
            assert_int_equal(sp_noise_box(NULL, &noise, s.clip.n, eps), SP_OK);
            assert_int_equal(sp_certify_noise(NULL, &verdict, &cut, &s.clip, &noise, -1, 0.0),
                             SP_OK);
            proved = verdict.kind == SP_VERDICT_CERTIFIED;
            check_members(&s, &verdict, &noise, &rng, 200);
            sp_verdict_clear(&verdict);
            assert_int_equal(sp_certify_noise(NULL, &verdict, &whole, &s.clip, &noise, -1, 0.0),
                             SP_OK);
            certified = verdict.kind == SP_VERDICT_CERTIFIED;
            assert_true(proved || !certified);
            more += proved && !certified;
            sp_verdict_clear(&verdict);
            sp_noise_clear(&noise);
        }
        sp_pipeline_clear(&whole);
        clear(&s);
    }
    print_message("%zu more budgets by pieces\n", more);
    assert_true(more > 0);
}

/* Noise at its loudest, rounded and clipped as a device that hears 16-bit samples does it: towards
 * a label's answer, and at random. */
static void margins_hold_for_clips_that_are_rounded(void **state) {
    (void)state;
    static const double steps[] = {0.3, 0.5, 1.0, 2.5, 40.0};
    const int tries = sp_test_long() ? 2000 : sp_test_sanitized() ? 20 : 200;
    size_t proved = 0;
    sp_rng rng;
    small s;
    sp_rng_init(&rng, sp_test_seed() + 11);
    make(&s, sp_test_seed() + 11, false);
    for (size_t i = 0; i < s.clip.n; i++) {
        s.clip.samples[i] = round(s.clip.samples[i]);
    }
    s.clip.coding = SP_CLIP_INTEGER;
    s.clip.lsb = s.clip.gap = s.clip.full_scale * 0x1p-15;
    sp_pipeline pipeline = make_system(&s, "exact");
    for (size_t b = 0; b < sizeof steps / sizeof steps[0]; b++) {
        const sp_budget budget = {
            .unit = SP_BUDGET_LSB, .value = steps[b], .deployed = SP_BUDGET_AS_INT16};
        const double becomes = floor(steps[b] + 0.5);
        sp_verdict verdict;
        double noisy[SMALL_SAMPLES], logits[C];
        assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        assert_true(verdict.deployed == SP_BUDGET_AS_INT16 && verdict.heard_eps == becomes);
        assert_true(verdict.scale.lsb == steps[b] && verdict.eps >= steps[b]);
        assert_true(verdict.scale.vacuous == (becomes == 0.0));
        for (int i = 0; i < tries; i++) {
            const double bias = sp_rng_uniform(&rng, 0.0, 1.0);
            for (size_t k = 0; k < s.clip.n; k++) {
                const bool up = sp_rng_uniform(&rng, 0.0, 1.0) < bias;
                const double d = up ? verdict.eps : -verdict.eps;
                noisy[k] = sp_clip_round(&s.clip, s.clip.samples[k] + d);
            }
            run(&s, logits, noisy);
            for (size_t k = 0; k < C; k++) {
                const double size = fabs(logits[verdict.label]) + fabs(logits[k]);
                assert_true(k == verdict.label ||
                            logits[verdict.label] - logits[k] >= verdict.margins[k] - 1e-9 * size);
            }
        }
        proved += verdict.kind == SP_VERDICT_CERTIFIED;
        sp_verdict_clear(&verdict);
    }
    assert_true(proved > 0);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(margins_hold_under_every_noise_set),
                                       cmocka_unit_test(pieces_prove_more_and_hold),
                                       cmocka_unit_test(margins_hold_for_clips_that_are_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
