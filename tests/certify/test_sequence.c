/* Deltas, stacked frames and means of the clip before a network: what is proved holds for noise,
 * and the certified budgets do not vanish. */
#include "tests/certify/small_net.h"

#include "certify/attack/attack.h"

static const char *const SEQUENCES[] = {
    "[{\"deltas\": {\"rule\": \"htk\", \"reach\": 2, \"order\": 2}}]",
    "[{\"deltas\": {\"rule\": \"kaldi\", \"reach\": 1, \"order\": 2}}]",
    "[{\"deltas\": {\"rule\": \"librosa\", \"reach\": 2, \"order\": 2}}]",
    "[{\"subtract\": \"mean of the clip\"}]",
    "[{\"context\": {\"left\": 1, \"right\": 2, \"edges\": \"repeated\"}}]",
    "[{\"context\": {\"left\": 1, \"right\": 0, \"edges\": \"zeros\"}}, "
    "{\"subtract\": \"mean of the clip\"}]"};
enum { SEQUENCE_COUNT = sizeof SEQUENCES / sizeof *SEQUENCES };

static void make_sequence(small *s, size_t which, bool magnitude) {
    char text[2048];
    sp_error err = {0};
    sp_rng rng;
    snprintf(text, sizeof text, "{%s\"sequence\": %s, %s", magnitude ? "\"power\": 1, " : "",
             SEQUENCES[which], small_front + 1);
    if (sp_front_parse(&err, &s->front, text, strlen(text), "sequence") != SP_OK) {
        fail_msg("%s", err.text);
    }
    sp_rng_init(&rng, sp_test_seed() + which);
    make_net(&s->net, &rng, sp_front_layout_of(s->front)->features, C, false);
    make_clip(&s->clip, &rng, SMALL_SAMPLES, 3000.0);
}

static void hear(const small *s, double *logits, const double *samples) {
    const size_t frames = sp_front_frames(s->front, s->clip.n);
    double *features = malloc(frames * s->net.features * sizeof *features);
    assert_non_null(features);
    assert_int_equal(sp_front_run(NULL, s->front, features, samples, s->clip.n), SP_OK);
    assert_int_equal(sp_net_run(NULL, &s->net, logits, features, frames), SP_OK);
    free(features);
}

static void expect_below(const sp_verdict *verdict, const double *logits, size_t which) {
    for (size_t k = 0; k < C; k++) {
        const double attained = logits[verdict->label] - logits[k];
        if (k != verdict->label && !(attained >= verdict->margins[k] - 1e-9)) {
            fail_msg("sequence %zu: margin %a proved, %a attained", which, verdict->margins[k],
                     attained);
        }
    }
}

static void margins_hold_for_noise(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "zono", "r2-lp", "exact"};
    const size_t noises = sp_test_long() ? 5000 : 200;
    size_t certified = 0;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < 2 * SEQUENCE_COUNT; which++) {
        small s;
        make_sequence(&s, which / 2, which % 2 == 1);
        for (size_t m = 0; m < 4; m++) {
            sp_pipeline pipeline = make_system(&s, methods[m]);
            for (double db = -75.0; db <= -30.0; db += 22.5) {
                const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
                sp_verdict verdict;
                sp_error err = {0};
                double noisy[SMALL_SAMPLES], logits[C];
                if (sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, -1, 0.0) != SP_OK) {
                    fail_msg("sequence %zu, %s: %s", which / 2, methods[m], err.text);
                }
                for (size_t i = 0; i < noises; i++) {
                    for (size_t j = 0; j < s.clip.n; j++) {
                        const double u = sp_rng_uniform(&rng, -1.0, 1.0);
                        const double d = i % 2 == 0 ? u : u < 0.0 ? -1.0 : 1.0;
                        noisy[j] = s.clip.samples[j] + verdict.eps * d;
                    }
                    hear(&s, logits, noisy);
                    expect_below(&verdict, logits, which / 2);
                }
                certified += verdict.kind == SP_VERDICT_CERTIFIED;
                sp_verdict_clear(&verdict);
            }
            sp_pipeline_clear(&pipeline);
        }
        clear(&s);
    }
    assert_true(certified >= SEQUENCE_COUNT);
}

/* The strongest noise that an attack finds attains no less than what is proved, and nearly that. */
static void bounds_are_near_what_attacks_attain(void **state) {
    (void)state;
    for (size_t which = 0; which < SEQUENCE_COUNT; which++) {
        small s;
        make_sequence(&s, which, false);
        sp_pipeline pipeline = make_system(&s, "exact");
        sp_attacker attacker;
        sp_attack attack;
        sp_verdict verdict;
        const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
        const sp_attack_options options = {.steps = 40, .starts = 3, .seed = 1};
        assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
        assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        assert_int_equal(sp_attack_budget(NULL, &attack, &attacker, &s.clip, &budget, -1, &options),
                         SP_OK);
        const size_t weakest = verdict.label == 0 ? 1 : 0;
        const double clean = verdict.logits[verdict.label] - verdict.logits[weakest];
        const double proved = verdict.margins[weakest];
        const double attained = attack.verdict.margins[weakest];
        assert_true(proved <= attained + 1e-9);
        if (!(clean - proved <= 3.0 * (clean - attained) + 1e-3)) {
            fail_msg("sequence %zu: clean %g, attained %g, proved %g", which, clean, attained,
                     proved);
        }
        sp_attack_clear(&attack);
        sp_verdict_clear(&verdict);
        sp_attacker_clear(&attacker);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_hold_for_noise),
        cmocka_unit_test(bounds_are_near_what_attacks_attain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
