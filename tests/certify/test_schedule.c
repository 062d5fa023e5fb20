/* What certify/ makes of an engine's answers. The engine here is the test's own: it stands in for
 * certify/margins.c, and says what each test wants. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certify/impl.h"
#include "certify/study/study.h"
#include "tests/certify/small.h"
#include "tests/support/support.h"

enum { H = 3, C = 3, WORKS = 5 };

/* ---- the engine ---- */

typedef sp_status (*engine)(sp_margins *margins);
static engine answer_with;
static size_t together = 1; /* clips at once */

sp_status sp_margins_bound(sp_error *err, sp_margins *margins) {
    margins->boxes_seconds = margins->rows_seconds = 0.0;
    (void)err;
    return answer_with(margins);
}

size_t sp_margins_room(const sp_net *net, const sp_front_bound *front, const sp_method_pass *pass) {
    (void)net;
    (void)front;
    (void)pass;
    return together;
}

size_t sp_certify_group(void) {
    return together;
}

/* ---- a system ---- */

typedef struct subject {
    sp_net net;
    sp_front *front;
    sp_clip clip;
    sp_pipeline pipeline;
} subject;

static void make(subject *s, const char *method) {
    double weight[4 * H * SMALL_FEATURES], recurrent[4 * H * H], bias[4 * H], readout[C * H];
    double offset[C] = {0.0}, samples[SMALL_SAMPLES];
    sp_rng rng;
    sp_rng_init(&rng, 5);
    for (size_t i = 0; i < 4 * H * SMALL_FEATURES; i++) {
        weight[i] = sp_rng_uniform(&rng, -0.1, 0.1);
    }
    for (size_t i = 0; i < 4 * H * H; i++) {
        recurrent[i] = sp_rng_uniform(&rng, -0.5, 0.5);
        bias[i % (4 * H)] = sp_rng_uniform(&rng, -0.5, 0.5);
    }
    for (size_t i = 0; i < C * H; i++) {
        readout[i] = sp_rng_uniform(&rng, -3.0, 3.0);
    }
    for (size_t i = 0; i < SMALL_SAMPLES; i++) {
        samples[i] = round(sp_rng_uniform(&rng, -3000.0, 3000.0));
    }
    assert_int_equal(sp_net_init(NULL, &s->net, SMALL_FEATURES), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &s->net, H, weight, recurrent, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &s->net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &s->net, C, readout, offset), SP_OK);
    assert_int_equal(sp_front_parse(NULL, &s->front, small_front, sizeof small_front - 1, "small"),
                     SP_OK);
    assert_int_equal(sp_clip_init(NULL, &s->clip, samples, SMALL_SAMPLES, SMALL_RATE, 32768.0, 1.0),
                     SP_OK);
    const sp_method *row = sp_method_find(method);
    assert_int_equal(sp_pipeline_init(NULL, &s->pipeline, &s->net, s->front, row, row->front),
                     SP_OK);
}

static void clear(subject *s) {
    sp_pipeline_clear(&s->pipeline);
    sp_clip_clear(&s->clip);
    sp_front_destroy(s->front);
    sp_net_clear(&s->net);
    together = 1;
}

/* ---- margins that cannot be ---- */

static double claimed; /* by the engine, of every objective */

static sp_status claim(sp_margins *margins) {
    for (size_t i = 0; i < margins->clips * margins->rows; i++) {
        margins->lower[i] = claimed;
        margins->error[i] = 1e-12;
    }
    return SP_OK;
}

static double least_clean(const sp_verdict *verdict) {
    double least = INFINITY;
    for (size_t k = 0; k < verdict->classes; k++) {
        if (k != verdict->label) {
            least = fmin(least, verdict->logits[verdict->label] - verdict->logits[k]);
        }
    }
    return least;
}

/* No noise is in the set too: a margin above that of the clip itself is no proof of anything. */
static void more_than_the_clip_has_is_an_error(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    subject s;
    sp_verdict verdict;
    sp_error err = {0};
    make(&s, "exact");
    answer_with = claim;
    claimed = -1.0;
    assert_int_equal(sp_certify(&err, &verdict, &s.pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
    assert_int_equal(verdict.kind, SP_VERDICT_UNKNOWN);
    const double clean = least_clean(&verdict);
    sp_verdict_clear(&verdict);
    claimed = clean;
    assert_int_equal(sp_certify(&err, &verdict, &s.pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
    assert_int_equal(verdict.kind, SP_VERDICT_CERTIFIED);
    sp_verdict_clear(&verdict);
    const double more[] = {clean * (1.0 + 1e-9) + 1e-11, 2.0 * clean, 1e300, INFINITY};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        claimed = more[i];
        assert_int_equal(sp_certify(&err, &verdict, &s.pipeline, &s.clip, &budget, -1, 0.0),
                         SP_E_CONTRADICTION);
        assert_int_equal(verdict.kind, SP_VERDICT_ERROR);
        assert_non_null(strstr(verdict.reason, "internal contradiction"));
        assert_true(isnan(verdict.margin));
        for (size_t k = 0; k < verdict.classes; k++) {
            assert_true(isnan(verdict.margins[k]));
        }
        sp_verdict_clear(&verdict);
    }
    clear(&s);
}

/* The best of all passes stays, whatever their order. */
static size_t asked;
static sp_status claim_in_turn(sp_margins *margins) {
    static const double list[] = {-0.5, -0.3, -0.4};
    claimed = list[asked++ % 3];
    return claim(margins);
}

static void the_best_bound_stays(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    subject s;
    sp_verdict verdict;
    make(&s, "opt");
    answer_with = claim_in_turn;
    asked = 0;
    assert_int_equal(sp_certify(NULL, &verdict, &s.pipeline, &s.clip, &budget, -1, 0.0), SP_OK);
    assert_int_equal(asked, 3);
    assert_true(verdict.margin == -0.3);
    sp_verdict_clear(&verdict);
    clear(&s);
}

/* A pass that runs out of time: what was proved before it stays, and the verdict says it. */
static sp_status claim_until_late(sp_margins *margins) {
    if (asked++ > 0) {
        return SP_E_TIMEOUT;
    }
    claimed = -0.5;
    (void)claim(margins);
    margins->lower[0] = 1e-9;
    return SP_OK;
}

static void what_earlier_passes_proved_outlives_a_timeout(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    subject s;
    make(&s, "opt");
    answer_with = claim_until_late;
    for (together = 1; together <= 4; together += 3) {
        sp_verdict verdict;
        const sp_certify_item work = {
            .clip = &s.clip, .budget = &budget, .label = -1, .verdict = &verdict};
        asked = 0;
        assert_int_equal(sp_certify_all(NULL, &s.pipeline, &work, 1, 5.0), SP_OK);
        assert_int_equal(verdict.kind, SP_VERDICT_TIMEOUT);
        assert_true(verdict.margin == -0.5 && verdict.margins[verdict.label == 0] == 1e-9);
        assert_non_null(strstr(verdict.reason, "no verdict within 5 s; until then 1 of 2 margins"));
        sp_verdict_clear(&verdict);
    }
    clear(&s);
}

static void a_batch_keeps_contradictions_to_their_clips(void **state) {
    (void)state;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
    subject s;
    make(&s, "exact");
    answer_with = claim;
    for (together = 1; together <= 4; together += 3) {
        for (int lie = 0; lie < 2; lie++) {
            sp_verdict verdict[WORKS];
            sp_certify_item work[WORKS];
            for (size_t i = 0; i < WORKS; i++) {
                work[i] = (sp_certify_item){
                    .clip = &s.clip, .budget = &budget, .label = -1, .verdict = &verdict[i]};
            }
            claimed = lie ? 1e3 : -1.0;
            assert_int_equal(sp_certify_all(NULL, &s.pipeline, work, WORKS, 0.0), SP_OK);
            for (size_t i = 0; i < WORKS; i++) {
                assert_int_equal(verdict[i].kind, lie ? SP_VERDICT_ERROR : SP_VERDICT_UNKNOWN);
                assert_true(!lie || strstr(verdict[i].reason, "internal contradiction") != NULL);
                sp_verdict_clear(&verdict[i]);
            }
        }
    }
    clear(&s);
}

/* Nothing quieter is certified instead. */
static void a_search_ends_at_a_contradiction(void **state) {
    (void)state;
    const sp_radius_options options = {.tolerance = 0.5, .attack = {.steps = 1, .starts = 1}};
    subject s;
    sp_attacker attacker;
    sp_radius radius;
    sp_error err = {0};
    make(&s, "exact");
    assert_int_equal(sp_attacker_init(NULL, &attacker, &s.pipeline), SP_OK);
    answer_with = claim;
    claimed = 1e3;
    assert_int_equal(sp_radius_find(&err, &radius, &attacker, &s.clip, -1, &options),
                     SP_E_CONTRADICTION);
    assert_int_equal(radius.verdict.kind, SP_VERDICT_ERROR);
    assert_true(isnan(radius.certified_db));
    sp_radius_clear(&radius);
    sp_attacker_clear(&attacker);
    clear(&s);
}

/* ---- refinement, on a square of noises and an objective that is known everywhere ---- */

enum { GRID = 301, PADDED = 2, MOST_PARTS = 8 };
#define RADIUS 2.0

/* objective(d) = clean + slope . d + bend (d_0 - d_1)^2, and the engine's own constant less */
typedef struct truth {
    double clean, slope[PADDED], bend, constant;
    double slack;                   /* of the engine's lines and bounds */
    sp_halfspace asked[MOST_PARTS]; /* the parts that were asked for */
    double asked_slope[MOST_PARTS][PADDED];
    size_t parts;
} truth;
static truth t;

static double objective(const double *d) {
    const double apart = d[0] - d[1];
    return t.clean + t.slope[0] * d[0] + t.slope[1] * d[1] + t.bend * apart * apart;
}

static void grid_point(double *d, size_t i) {
    d[0] = RADIUS * (2.0 * (double)(i % GRID) / (GRID - 1) - 1.0);
    d[1] = RADIUS * (2.0 * (double)(i / GRID) / (GRID - 1) - 1.0);
}

static bool holds(const sp_halfspace *half, const double *d) {
    return !half || half->slope[0] * d[0] + half->slope[1] * d[1] + half->offset <= 0.0;
}

/* The bound by the line through the clean value without the bend, less on smaller parts. */
static sp_status bound_truth(sp_margins *margins) {
    const sp_halfspace *half = margins->within;
    double least = INFINITY, line = INFINITY, d[PADDED];
    for (size_t i = 0; i < (size_t)GRID * GRID; i++) {
        grid_point(d, i);
        if (holds(half, d)) {
            const double flat = t.slope[0] * d[0] + t.slope[1] * d[1];
            least = fmin(least, objective(d));
            line = fmin(line, objective(d) - flat);
        }
    }
    const double slack = half ? 0.25 * t.slack : t.slack;
    margins->lower[0] = least - slack - t.constant;
    margins->error[0] = 0.0;
    if (margins->line) {
        memcpy(margins->line->slope, t.slope, sizeof t.slope);
        margins->line->offset = line - slack - t.constant;
    }
    if (half && t.parts < MOST_PARTS) {
        memcpy(t.asked_slope[t.parts], half->slope, sizeof t.slope);
        t.asked[t.parts] = (sp_halfspace){t.asked_slope[t.parts], half->offset};
        t.parts++;
    }
    return SP_OK;
}

/* The margin that a method proves. */
static double refine(const sp_method *method) {
    const double radius[PADDED] = {RADIUS, RADIUS};
    const sp_front_bound front = {.frames = 1,
                                  .padded = PADDED,
                                  .forms = 1,
                                  .joint = true,
                                  .radius = (double *)(uintptr_t)radius};
    const sp_net net = {.features = 1, .classes = 1};
    sp_objectives o, *const list[] = {&o};
    assert_int_equal(sp_objectives_init(NULL, &o, 1, 1, false), SP_OK);
    o.front = &front;
    o.weight[0] = 1.0;
    o.constant[0] = t.constant;
    o.clean[0] = t.clean;
    answer_with = bound_truth;
    t.parts = 0;
    sp_schedule_run(method, &net, list, 1);
    assert_int_equal(o.status, SP_OK);
    const double proved = o.proved[0];
    sp_objectives_clear(&o);
    return proved;
}

/* What is proved holds everywhere. A part leaves out only noises whose objective is settled by its
 * line, to a margin of 0.005 of the clean one, and no more than that is claimed of them. */
static void refinement_leaves_out_what_is_settled(void **state) {
    (void)state;
    size_t moved = 0, exact = 0, parts = 0;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int round = 0; round < 80; round++) {
        const bool line = round % 2; // the objective is its own line
        double least = INFINITY, left_out = INFINITY, d[PADDED];
        t = (truth){.clean = sp_rng_uniform(&rng, 0.5, 2.0),
                    .bend = line ? 0.0 : sp_rng_uniform(&rng, 0.0, 0.05),
                    .slack = line ? 0.0 : sp_rng_uniform(&rng, 0.0, 0.4),
                    .constant = round % 3 ? sp_rng_uniform(&rng, -2.0, 2.0) : 0.0};
        const double steep = t.clean * (line ? 0.3 : 0.2); // twice 0.25: zero in one corner
        t.slope[0] = steep * sp_rng_uniform(&rng, 0.9, 1.5);
        t.slope[1] = steep * sp_rng_uniform(&rng, 0.9, 1.5);
        const double proved = refine(sp_method_find("opt-rest")), settled = 0.005 * t.clean;
        for (size_t i = 0; i < (size_t)GRID * GRID; i++) {
            grid_point(d, i);
            least = fmin(least, objective(d));
            if (t.parts > 0 && !holds(&t.asked[0], d)) {
                left_out = fmin(left_out, objective(d));
            }
        }
        assert_true(proved <= least + 1e-12);
        if (t.parts > 0) {
            assert_true(left_out >= settled - 1e-12);
            assert_true(proved <= settled + 1e-12);
            assert_true(!line || left_out <= 4.0 * settled); // and little more is bounded again
            moved += proved > 0.0;
            exact += line;
            parts++;
        }
    }
    assert_true(moved > 0 && exact > 5 && parts > exact + 5);
}

/* From which depth of the rest on, and how often: the method says it; what it proves holds. */
static void refinement_goes_as_deep_as_its_method_says(void **state) {
    (void)state;
    sp_method eager = *sp_method_find("opt-rest"), never = eager;
    size_t more = 0, again = 0;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    eager.refinements = 8;
    eager.depth = 0.05;
    never.depth = 2.0;
    for (int round = 0; round < 80; round++) {
        double least = INFINITY, d[PADDED];
        t = (truth){.clean = sp_rng_uniform(&rng, 0.5, 2.0),
                    .bend = sp_rng_uniform(&rng, 0.0, 0.05),
                    .slack = sp_rng_uniform(&rng, 0.0, 0.8)};
        t.slope[0] = 0.15 * t.clean * sp_rng_uniform(&rng, 0.5, 1.5);
        t.slope[1] = 0.15 * t.clean * sp_rng_uniform(&rng, 0.5, 1.5);
        for (size_t i = 0; i < (size_t)GRID * GRID; i++) {
            grid_point(d, i);
            least = fmin(least, objective(d));
        }
        const double usual = refine(sp_method_find("opt-rest"));
        const size_t parts = t.parts;
        const double proved = refine(&eager);
        assert_true(proved >= usual && proved <= least + 1e-12);
        more += parts == 0 && t.parts > 0;
        again += proved > usual;
        assert_true(refine(&never) <= usual && t.parts == 0);
    }
    print_message("%zu of 80 refined only where less depth is asked for, %zu gained\n", more,
                  again);
    assert_true(more > 0 && again > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_the_clip_has_is_an_error),
        cmocka_unit_test(the_best_bound_stays),
        cmocka_unit_test(what_earlier_passes_proved_outlives_a_timeout),
        cmocka_unit_test(a_batch_keeps_contradictions_to_their_clips),
        cmocka_unit_test(a_search_ends_at_a_contradiction),
        cmocka_unit_test(refinement_leaves_out_what_is_settled),
        cmocka_unit_test(refinement_goes_as_deep_as_its_method_says),
    };
    return cmocka_run_group_tests_name("certify/schedule", tests, NULL, NULL);
}
