/* Many decisions at once: the sides of outputs, and answers at every frame. What is proved holds
 * for noises, the least of all decides, and what breaks it is heard again. */
#include "tests/certify/small_net.h"

#include "certify/attack/attack.h"
#include "certify/study/study.h"

enum { MOST = 16 * C };
static const double thresholds[C] = {0.3, -0.2, 0.1};

/* The small network without its pool: answers at every frame. */
static void make_every(small *s, uint64_t seed) {
    make(s, seed, false);
    sp_net every;
    assert_int_equal(sp_net_init(NULL, &every, s->net.features), SP_OK);
    for (size_t n = 1; n < s->net.nodes; n++) {
        sp_node node = s->net.node[n];
        sp_term term;
        if (node.kind == SP_NODE_POOL) {
            continue;
        }
        if (node.kind == SP_NODE_AFFINE) {
            term = node.term[0];
            term.input = every.nodes - 1;
            node.term = &term;
        }
        node.input = every.nodes - 1;
        assert_int_equal(sp_net_append(NULL, &every, &node, NULL), SP_OK);
    }
    sp_net_clear(&s->net);
    s->net = every;
    s->net.every = true;
}

static sp_pipeline ask(const small *s, const char *method, sp_decision asks) {
    sp_pipeline pipeline = make_system(s, method);
    pipeline.asks = asks;
    pipeline.thresholds = asks == SP_DECISION_OUTPUTS ? thresholds : NULL;
    return pipeline;
}

static size_t hear_rows(const small *s, double *logits, const double *samples) {
    const size_t frames = sp_front_frames(s->front, s->clip.n);
    double *features = malloc(frames * SMALL_FEATURES * sizeof *features);
    assert_non_null(features);
    assert_int_equal(sp_front_run(NULL, s->front, features, samples, s->clip.n), SP_OK);
    assert_int_equal(sp_net_run_rows(NULL, &s->net, logits, features, frames), SP_OK);
    free(features);
    return sp_net_rows(&s->net, 0, frames) * C;
}

/* Margin k, from its definition; NaN: there is none. */
static double margin_at(const sp_verdict *v, const double *logits, size_t k) {
    const size_t first = k / C * C;
    size_t own = first;
    if (v->sides) {
        const double over = logits[k] - thresholds[k % C];
        return v->logits[k] >= thresholds[k % C] ? over : -over;
    }
    for (size_t j = first; j < first + C; j++) {
        own = v->logits[j] > v->logits[own] ? j : own;
    }
    return k == own ? NAN : logits[own] - logits[k];
}

static double least_margin(const sp_verdict *v, const double *margins) {
    double least = INFINITY;
    for (size_t k = 0; k < v->classes; k++) {
        const bool there = !isnan(margin_at(v, v->logits, k));
        assert_true(there || isnan(margins[k]));
        least = there && !(margins[k] >= least) ? margins[k] : least;
    }
    return least;
}

/* Noises of the set attain no margin below what is proved, and change no decision that is
 * certified.
 */
static void expect_sound(const small *s, const sp_verdict *v, sp_rng *rng, size_t noises) {
    double noisy[SMALL_SAMPLES], logits[MOST];
    for (size_t i = 0; i < noises; i++) {
        for (size_t j = 0; j < s->clip.n; j++) {
            const double u = sp_rng_uniform(rng, -1.0, 1.0);
            noisy[j] = s->clip.samples[j] + v->eps * (i % 2 == 0 ? u : u < 0.0 ? -1.0 : 1.0);
        }
        assert_int_equal(hear_rows(s, logits, noisy), v->classes);
        for (size_t k = 0; k < v->classes; k++) {
            const double attained = margin_at(v, logits, k);
            if (!isnan(attained) && !(attained >= v->margins[k] - 1e-9)) {
                fail_msg("score %zu: %a proved, %a attained", k, v->margins[k], attained);
            }
            assert_false(v->kind == SP_VERDICT_CERTIFIED && attained <= 0.0);
        }
    }
}

static void margins_of_many_decisions_hold_for_noise(void **state) {
    (void)state;
    static const char *const methods[] = {"ibp", "zono", "r2-lp", "exact", "opt"};
    const size_t noises = sp_test_long() ? 2000 : 150;
    size_t certified = 0, unknown = 0;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (uint64_t i = 0; i < 30; i++) {
        const sp_decision asks = i % 2 ? SP_DECISION_OUTPUTS : SP_DECISION_ANSWER;
        const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -70.0 + 2.0 * (double)i};
        small s;
        sp_verdict v;
        sp_error err = {0};
        make_every(&s, sp_test_seed() + i);
        sp_pipeline pipeline = ask(&s, methods[i % 5], asks);
        if (sp_certify(&err, &v, &pipeline, &s.clip, &budget, -1, 0.0) != SP_OK) {
            fail_msg("%s: %s", methods[i % 5], err.text);
        }
        assert_int_equal(v.outputs, C);
        assert_int_equal(v.sides, asks == SP_DECISION_OUTPUTS);
        assert_int_equal(sp_verdict_decisions(&v), v.sides ? v.classes : v.classes / C);
        assert_true(v.label == SP_NO_LABEL && v.predicted == SP_NO_LABEL);
        assert_true(v.margin == least_margin(&v, v.margins));
        assert_true(v.margin == v.margins[sp_verdict_weakest(&v)]);
        assert_int_equal(v.kind == SP_VERDICT_CERTIFIED, v.margin > 0.0);
        expect_sound(&s, &v, &rng, noises);
        certified += v.kind == SP_VERDICT_CERTIFIED;
        unknown += v.kind == SP_VERDICT_UNKNOWN;
        sp_verdict_clear(&v);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
    assert_true(certified > 3 && unknown > 3);
}

/* On its own side of its own threshold: each output alone, as the only logit, has the same margin
 * without noise and is certified where all are. */
static void the_least_of_all_decides(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 6; i++) {
        small s;
        sp_verdict v;
        size_t weakest;
        const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -140.0};
        make(&s, sp_test_seed() + i, false);
        sp_pipeline pipeline = ask(&s, "exact", SP_DECISION_OUTPUTS);
        assert_int_equal(sp_certify(NULL, &v, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        assert_int_equal(v.classes, C);
        assert_int_equal(v.kind, SP_VERDICT_CERTIFIED);
        for (size_t k = 0; k < C; k++) {
            const double clean = fabs(v.logits[k] - thresholds[k]);
            assert_true(v.margins[k] <= clean && v.margins[k] >= clean - 1e-2);
        }
        weakest = sp_verdict_weakest(&v);
        sp_verdict_clear(&v);
        // the threshold at what the weakest one has: nothing can be proved
        double moved[C];
        memcpy(moved, thresholds, sizeof moved);
        pipeline.thresholds = moved;
        assert_int_equal(sp_pipeline_clean(NULL, &pipeline, moved, &s.clip), SP_OK);
        for (size_t k = 0; k < C; k++) {
            moved[k] = k == weakest ? moved[k] : thresholds[k];
        }
        assert_int_equal(sp_certify(NULL, &v, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        assert_int_equal(v.kind, SP_VERDICT_UNKNOWN);
        assert_non_null(strstr(v.reason, "on its threshold"));
        sp_verdict_clear(&v);
        // a label is of one answer
        assert_int_equal(sp_certify(NULL, &v, &pipeline, &s.clip, &budget, 0, 0.0), SP_E_ARGUMENT);
        sp_verdict_clear(&v);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
}

/* The frames of one verdict are those of networks that answer at one frame alone. */
static void frames_are_as_they_are_alone(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -75.0};
    for (uint64_t i = 0; i < 4; i++) {
        small s;
        sp_verdict all, last;
        make_every(&s, sp_test_seed() + i);
        sp_pipeline pipeline = ask(&s, "exact", SP_DECISION_ANSWER);
        assert_int_equal(sp_certify(NULL, &all, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        sp_pipeline_clear(&pipeline);
        clear(&s);
        make(&s, sp_test_seed() + i, false);
        pipeline = ask(&s, "exact", SP_DECISION_ANSWER);
        assert_int_equal(sp_certify(NULL, &last, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        for (size_t k = 0; k < C; k++) {
            const double here = all.margins[all.classes - C + k], alone = last.margins[k];
            assert_int_equal(isnan(here), isnan(alone));
            assert_true(isnan(here) || fabs(here - alone) <= 1e-6 * (1.0 + fabs(alone)));
        }
        sp_verdict_clear(&all);
        sp_verdict_clear(&last);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
}

static void noise_that_breaks_one_of_many_is_heard_again(void **state) {
    (void)state;
    size_t broken = 0, quiet = 0;
    for (uint64_t i = 0; i < 12; i++) {
        const sp_decision asks = i % 2 ? SP_DECISION_OUTPUTS : SP_DECISION_ANSWER;
        const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = i % 3 == 0 ? -110.0 : -20.0};
        const sp_attack_options options = {
            .steps = 10, .starts = 2, .seed = 1, .source = "clip.wav", .suite = i % 4 == 1};
        small s;
        sp_attacker attacker;
        sp_attack attack;
        sp_error err = {0};
        double noisy[SMALL_SAMPLES], logits[MOST];
        make_every(&s, sp_test_seed() + 50 + i);
        sp_pipeline pipeline = ask(&s, "exact", asks);
        assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
        if (sp_attack_budget(&err, &attack, &attacker, &s.clip, &budget, -1, &options) != SP_OK) {
            fail_msg("%s", err.text);
        }
        for (size_t j = 0; j < s.clip.n; j++) {
            noisy[j] = s.clip.samples[j] + attack.noise[j];
            assert_true(fabs(attack.noise[j]) <= attack.verdict.eps * (1.0 + 1e-9));
        }
        hear_rows(&s, logits, noisy);
        double least = INFINITY;
        for (size_t k = 0; k < attack.verdict.classes; k++) {
            const double margin = margin_at(&attack.verdict, logits, k);
            least = isnan(margin) ? least : fmin(least, margin);
        }
        assert_int_equal(least < 0.0, attack.real_broken);
        if (attack.verdict.kind == SP_VERDICT_BROKEN) {
            const double at = margin_at(&attack.verdict, logits, attack.file_answer);
            assert_true(at == least && fabs(at - attack.file_margin) < 1e-9);
            broken++;
        }
        sp_verdict v;
        assert_int_equal(sp_certify(NULL, &v, &pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
        assert_false(v.kind == SP_VERDICT_CERTIFIED && attack.real_broken);
        quiet += v.kind == SP_VERDICT_CERTIFIED;
        sp_verdict_clear(&v);
        sp_attack_clear(&attack);
        sp_attacker_clear(&attacker);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
    assert_true(broken > 2 && quiet > 1);
}

static void radii_of_many_decisions_are_proved_and_broken(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 2; i++) {
        const sp_radius_options options = {.tolerance = 3.0,
                                           .attack = {.steps = 10, .starts = 2, .seed = 1}};
        small s;
        sp_attacker attacker;
        sp_radius radius;
        sp_rng rng;
        sp_rng_init(&rng, sp_test_seed());
        make_every(&s, sp_test_seed() + 80 + i);
        sp_pipeline pipeline = ask(&s, "exact", i ? SP_DECISION_OUTPUTS : SP_DECISION_ANSWER);
        assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
        assert_int_equal(sp_radius_find(NULL, &radius, &attacker, &s.clip, -1, &options), SP_OK);
        assert_true(radius.certified_db < radius.broken_db);
        assert_int_equal(radius.verdict.kind, SP_VERDICT_CERTIFIED);
        expect_sound(&s, &radius.verdict, &rng, 100);
        sp_radius_clear(&radius);
        sp_attacker_clear(&attacker);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_of_many_decisions_hold_for_noise),
        cmocka_unit_test(the_least_of_all_decides),
        cmocka_unit_test(frames_are_as_they_are_alone),
        cmocka_unit_test(noise_that_breaks_one_of_many_is_heard_again),
        cmocka_unit_test(radii_of_many_decisions_are_proved_and_broken),
    };
    return cmocka_run_group_tests_name("certify/decisions", tests, NULL, NULL);
}
