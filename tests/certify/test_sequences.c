/* Sequences without audio through every method, noise set and command's core: bounds hold for what
 * noises attain, balls in balls have the larger margins, and attacks stay in the set. */
#include <stdio.h>

#include "certify/attack/attack.h"
#include "certify/study/study.h"
#include "lstm/backsub/backsub.h"
#include "tests/certify/small_net.h"
#include "tests/net/sines.h"

enum { STEPS = 5, N = STEPS * SMALL_FEATURES };

static void make_sequence(small *s, uint64_t seed) {
    sp_rng rng;
    sp_rng_init(&rng, seed);
    make_net(&s->net, &rng, SMALL_FEATURES, C, false);
    assert_int_equal(sp_front_sequence(NULL, &s->front, SMALL_FEATURES), SP_OK);
    s->clip = (sp_clip){
        .samples = malloc(N * sizeof(double)), .n = N, .width = SMALL_FEATURES, .full_scale = 1.0};
    assert_non_null(s->clip.samples);
    random_list(&rng, s->clip.samples, N, 1.0);
}

/* Whether a point x is in the budget's set around the clip. */
static bool is_inside(const small *s, const sp_budget *budget, const double *x) {
    const bool ball = budget->set == &sp_noise_set_l2, sum = budget->set == &sp_noise_set_l1;
    long double size = 0.0L;
    bool inside = true;
    for (size_t i = 0; i < N; i++) {
        const long double d = fabsl((long double)x[i] - s->clip.samples[i]);
        const size_t frame = i / SMALL_FEATURES;
        size = ball ? size + d * d : sum ? size + d : fmaxl(size, d);
        inside = inside && (!budget->within || (x[i] >= budget->least && x[i] <= budget->most));
        inside = inside && (budget->frames == 0 || frame == budget->first || d == 0.0L);
    }
    return inside && (ball ? sqrtl(size) : size) <= (long double)budget->value * (1.0L + 1e-12L);
}

/* A random point of the set, at its edge as often as not. */
static void draw(double *x, const small *s, const sp_budget *budget, sp_rng *rng) {
    double radius[N];
    for (size_t i = 0; i < N; i++) {
        const bool moves = budget->frames == 0 || i / SMALL_FEATURES == budget->first;
        radius[i] = moves ? budget->value : 0.0;
        const double u = sp_rng_uniform(rng, -1.0, 1.0);
        x[i] = radius[i] * (sp_rng_below(rng, 2) ? (u < 0.0 ? -1.0 : 1.0) : 2.0 * u);
    }
    budget->set->project(x, radius, N);
    for (size_t i = 0; i < N; i++) {
        x[i] = s->clip.samples[i] + (1.0 - 1e-9) * x[i];
        if (budget->within) {
            x[i] = fmin(fmax(x[i], budget->least), budget->most);
        }
    }
    assert_true(is_inside(s, budget, x));
}

static void check_points(const small *s, const sp_verdict *verdict, const sp_budget *budget,
                         const char *method, sp_rng *rng, int points) {
    double x[N], logits[C];
    for (int i = 0; i < points; i++) {
        draw(x, s, budget, rng);
        assert_int_equal(sp_net_run(NULL, &s->net, logits, x, STEPS), SP_OK);
        for (size_t k = 0; k < C; k++) {
            const double attained = logits[verdict->label] - logits[k];
            if (k != verdict->label && !(attained >= verdict->margins[k] - 1e-9)) {
                fail_msg("%s, %s: margin %a proved, %a attained", method, budget->set->name,
                         verdict->margins[k], attained);
            }
        }
    }
}

static const sp_noise_set *const sets[] = {&sp_noise_set_box, &sp_noise_set_l2, &sp_noise_set_l1};

/* All frames, one of them, and, of boxes, within an interval. */
static sp_budget budget_of(int set, int kind, double eps) {
    sp_budget budget = {.unit = SP_BUDGET_ABSOLUTE, .value = eps, .set = sets[set]};
    if (kind == 1) {
        budget.first = 2;
        budget.frames = 1;
    } else if (kind == 2) {
        budget.within = true;
        budget.least = -1.0;
        budget.most = 1.0;
    }
    return budget;
}

static void every_method_bounds_what_noises_attain(void **state) {
    (void)state;
    const int points = sp_test_long() ? 5000 : sp_test_sanitized() ? 20 : 200;
    size_t count = 0, proved = 0;
    const sp_method *methods = sp_methods(&count);
    sp_rng rng;
    small s;
    sp_rng_init(&rng, sp_test_seed());
    make_sequence(&s, sp_test_seed() + 3);
    for (size_t m = 0; m < count; m++) {
        sp_pipeline pipeline = make_system(&s, methods[m].name);
        for (int i = 0; i < 3 * 3 * 3; i++) {
            const double eps = (double[]){0.001, 0.03, 0.5}[i / 9];
            const sp_budget budget = budget_of(i % 3, i / 3 % 3, eps);
            sp_verdict verdict;
            if (budget.within && !budget.set->box) {
                continue;
            }
            sp_error err = {0};
            const sp_status status =
                sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, SP_NO_LABEL, 0.0);
            if (status != SP_OK) {
                fail_msg("%s: %s", methods[m].name, err.text);
            }
            assert_int_equal(verdict.frames, STEPS);
            check_points(&s, &verdict, &budget, methods[m].name, &rng, points);
            proved += verdict.kind == SP_VERDICT_CERTIFIED;
            sp_verdict_clear(&verdict);
        }
        sp_pipeline_clear(&pipeline);
    }
    assert_true(proved > count);
    clear(&s);
}

static double margin_of(const small *s, const char *method, const sp_budget *budget) {
    sp_pipeline pipeline = make_system(s, method);
    sp_verdict verdict;
    assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s->clip, budget, SP_NO_LABEL, 0.0),
                     SP_OK);
    const double margin = verdict.margin;
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    return margin;
}

static void smaller_sets_have_larger_margins(void **state) {
    (void)state;
    static const char *const methods[] = {"zono", "interzono", "deepcert", "exact"};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        small s;
        make_sequence(&s, seed);
        for (int m = 0; m < 4; m++) {
            double margin[3][3];
            for (int i = 0; i < 9; i++) {
                const sp_budget budget = budget_of(i % 3, i / 3, 0.05);
                margin[i % 3][i / 3] = budget.within && i % 3 > 0
                                           ? margin[i % 3][0]
                                           : margin_of(&s, methods[m], &budget);
            }
            for (int kind = 0; kind < 2; kind++) {
                assert_true(margin[2][kind] >= margin[1][kind]);
                assert_true(margin[1][kind] >= margin[0][kind]);
            }
            for (int set = 0; set < 3; set++) {
                assert_true(margin[set][1] >= margin[set][0]);
            }
            assert_true(margin[0][2] >= margin[0][0]);
        }
        clear(&s);
    }
}

/* Balls around the input of a network of sines, against figures of a program in another language:
 * supporting planes met with intervals (there a thousandth of their gap lower), and zonotopes. */
static void balls_around_sines(void **state) {
    (void)state;
    enum { POINTS = SINES_FRAMES * SINES_WIDTH };
    static const sp_backsub_options corners = {
        .planes = SP_BACKSUB_RULES,
        .rules = {.plane = SP_PLANE_RULE_CORNERS, .line = SP_LINE_RULE_CHORD, .alone = true}};
    static const sp_method_pass pass = {&sp_domain_backsub, &corners, 0.0};
    const sp_method alone = {
        .name = "corners", .front = SP_FRONT_JOINT, .passes = 1, .pass = &pass};
    static const double wanted[2][2][2] = {/* l2, l1; labels 0 and 2 against 1 */
                                           {{.253559, .354304}, {.258835, .364375}},
                                           {{.250412, .348129}, {.256905, .361543}}};
    double x[POINTS];
    small s = {.clip = {.samples = x, .n = POINTS, .width = SINES_WIDTH, .full_scale = 1.0}};
    sines_input(x);
    sines_make(&s.net, 4);
    assert_int_equal(sp_front_sequence(NULL, &s.front, SINES_WIDTH), SP_OK);
    for (int i = 0; i < 4; i++) {
        const sp_budget budget = budget_of(1 + i % 2, 0, 0.1);
        sp_pipeline pipeline = make_system(&s, "exact");
        sp_verdict verdict;
        pipeline.method = i / 2 ? &alone : pipeline.method;
        assert_int_equal(sp_certify(NULL, &verdict, &pipeline, &s.clip, &budget, 1, 0.0), SP_OK);
        for (int k = 0; k < 2; k++) {
            const double margin = verdict.margins[2 * k];
            const double above = margin - wanted[i / 2][i % 2][k];
            if (!(above >= -1e-6 && above <= (i / 2 ? 1e-6 : 1e-5))) {
                fail_msg("%d: %.8f instead of %f", i, margin, wanted[i / 2][i % 2][k]);
            }
        }
        sp_verdict_clear(&verdict);
        sp_pipeline_clear(&pipeline);
    }
    sp_front_destroy(s.front);
    sp_net_clear(&s.net);
}

/* Of noise in one number all norms say the same. */
static void one_number_has_one_norm(void **state) {
    (void)state;
    small s;
    double margin[3];
    make_sequence(&s, 5);
    for (int set = 0; set < 3; set++) {
        sp_pipeline pipeline = make_system(&s, "exact");
        sp_noise noise;
        sp_verdict verdict;
        assert_int_equal(sp_noise_burst(NULL, &noise, sets[set], N, 0.3, 7, 8), SP_OK);
        assert_int_equal(
            sp_certify_noise(NULL, &verdict, &pipeline, &s.clip, &noise, SP_NO_LABEL, 0.0), SP_OK);
        margin[set] = verdict.margin;
        sp_verdict_clear(&verdict);
        sp_noise_clear(&noise);
        sp_pipeline_clear(&pipeline);
    }
    assert_true(fabs(margin[1] - margin[0]) < 1e-9 && fabs(margin[2] - margin[0]) < 1e-9);
    clear(&s);
}

static void attacks_stay_in_the_set_and_break_nothing_certified(void **state) {
    (void)state;
    const sp_attack_options quick = {.steps = 20, .starts = 4, .seed = 1, .source = "x.npy"};
    size_t broken = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        small s;
        sp_attacker attacker;
        make_sequence(&s, seed);
        sp_pipeline pipeline = make_system(&s, "exact");
        assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
        for (int i = 0; i < 27; i++) {
            const sp_budget budget = budget_of(i % 3, i / 3 % 3, (double[]){0.02, 0.5, 2.0}[i / 9]);
            sp_attack attack;
            double x[N];
            if (budget.within && !budget.set->box) {
                continue;
            }
            assert_int_equal(
                sp_attack_budget(NULL, &attack, &attacker, &s.clip, &budget, -1, &quick), SP_OK);
            for (size_t k = 0; k < N; k++) {
                x[k] = s.clip.samples[k] + attack.noise[k];
            }
            if (!attack.noise || !is_inside(&s, &budget, x)) {
                fail_msg("noise outside of %s, kind %d", budget.set->name, i / 3 % 3);
            }
            if (attack.real_broken) {
                broken++;
                assert_int_equal(attack.verdict.kind, SP_VERDICT_BROKEN);
                assert_true(margin_of(&s, "exact", &budget) <= attack.real_margin + 1e-9);
            }
            sp_attack_clear(&attack);
        }
        sp_attacker_clear(&attacker);
        sp_pipeline_clear(&pipeline);
        clear(&s);
    }
    assert_true(broken > 4);
}

static void radii_are_certified_below_and_broken_above(void **state) {
    (void)state;
    small s;
    sp_attacker attacker;
    make_sequence(&s, 2);
    sp_pipeline pipeline = make_system(&s, "exact");
    assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
    double all = NAN;
    for (size_t frames = 0; frames < 2; frames++) {
        const sp_radius_options options = {.tolerance = 0.5,
                                           .set = &sp_noise_set_box,
                                           .first = 1,
                                           .frames = frames,
                                           .attack = {.steps = 20, .starts = 3, .seed = 1}};
        sp_radius radius;
        assert_int_equal(sp_radius_find(NULL, &radius, &attacker, &s.clip, -1, &options), SP_OK);
        assert_int_equal(radius.verdict.kind, SP_VERDICT_CERTIFIED);
        assert_false(radius.broken_db <= radius.certified_db); // NaN: not broken
        const sp_budget edge = {.unit = SP_BUDGET_ABSOLUTE,
                                .value = pow(10.0, radius.certified_db / 20.0),
                                .first = 1,
                                .frames = frames};
        assert_true(margin_of(&s, "exact", &edge) > 0.0);
        assert_true(frames == 0 || radius.certified_db >= all);
        all = radius.certified_db;
        sp_radius_clear(&radius);
    }
    sp_attacker_clear(&attacker);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

static void numbers_outside_of_the_interval_are_refused(void **state) {
    (void)state;
    small s;
    make_sequence(&s, 3);
    s.clip.samples[4] = 1.5;
    sp_pipeline pipeline = make_system(&s, "exact");
    const sp_budget budget = budget_of(0, 2, 0.1);
    sp_verdict verdict;
    sp_error err = {0};
    assert_int_equal(sp_certify(&err, &verdict, &pipeline, &s.clip, &budget, -1, 0.0),
                     SP_E_MISMATCH);
    assert_int_equal(verdict.kind, SP_VERDICT_ERROR);
    assert_non_null(strstr(verdict.reason, "number 4 is 1.5"));
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_bounds_what_noises_attain),
        cmocka_unit_test(smaller_sets_have_larger_margins),
        cmocka_unit_test(balls_around_sines),
        cmocka_unit_test(one_number_has_one_norm),
        cmocka_unit_test(attacks_stay_in_the_set_and_break_nothing_certified),
        cmocka_unit_test(radii_are_certified_below_and_broken_above),
        cmocka_unit_test(numbers_outside_of_the_interval_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
