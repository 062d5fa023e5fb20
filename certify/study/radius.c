/* The largest certified and the smallest broken budget of a clip, on a grid of decibels. */
#include "certify/study/radius.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "certify/attack/descent.h"

/* Budgets between these are tried, in dB. */
#define QUIETEST (-160.0)
#define LOUDEST 0.0
/* Clicks are heights that add up: as many as make this. */
#define LOUDEST_CLICKS 40.0
/* Where the first certificate is tried, in dB below the smallest broken budget. */
#define CAUTION 13.0

/* Numbers have no loudness that they begin with. */
#define LARGEST_CHANGE 40.0

/* The budget of so many dB that is asked for. */
static sp_budget budget_of(const sp_radius_options *options, const sp_clip *clip, double db) {
    const bool numbers = clip->width > 0;
    return (sp_budget){.unit = numbers ? SP_BUDGET_ABSOLUTE : SP_BUDGET_DB_PEAK,
                       .value = numbers ? pow(10.0, db / 20.0) : db,
                       .set = options->set,
                       .first = options->first,
                       .frames = options->frames,
                       .within = options->within,
                       .least = options->least,
                       .most = options->most,
                       .profile = options->profile,
                       .deployed = options->deployed};
}

double sp_radius_search_db(const sp_radius_search *q, long k) {
    return (double)k * q->options->tolerance;
}

long sp_radius_search_budget(const sp_radius_search *q, double db) {
    const double k = nearbyint(db / q->options->tolerance);
    return k >= (double)q->most ? q->most : k >= (double)q->least ? (long)k : q->least;
}

long sp_radius_search_steps(const sp_radius_search *q, double db) {
    return lrint(fmax(db / q->options->tolerance, 1.0));
}

sp_budget sp_radius_search_set(const sp_radius_search *q, long k) {
    return budget_of(q->options, q->query->clip, sp_radius_search_db(q, k));
}

double sp_radius_search_time(const sp_radius_search *q) {
    const double deadline = q->query->deadline;
    return deadline > 0.0 ? fmax(deadline - sp_clock_wall(), 1e-9) : 0.0;
}

sp_status sp_radius_search_keep(sp_error *err, sp_radius_search *q, const sp_radius_point *point) {
    sp_radius *radius = q->radius;
    sp_radius_point *grown = realloc(radius->point, (radius->points + 1) * sizeof *grown);
    if (!grown) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu tried budgets", radius->points);
    }
    radius->point = grown;
    radius->point[radius->points++] = *point;
    return SP_OK;
}

void sp_radius_init(sp_radius *radius) {
    *radius = (sp_radius){.certified_db = NAN, .broken_db = NAN, .broken_file_db = NAN};
    sp_verdict_init(&radius->verdict);
}

void sp_radius_clear(sp_radius *radius) {
    sp_verdict_clear(&radius->verdict);
    free(radius->point);
    free(radius->file_noise);
    radius->point = NULL;
    radius->file_noise = NULL;
    radius->points = 0;
}

/* The least clean margin, and the budget at which the model linearised at the clip changes its
 * answer. */
static sp_status linear_edge(sp_error *err, sp_radius_search *q, double *db) {
    const sp_verdict *verdict = q->query->verdict;
    sp_attack_descent descent;
    double *linear_margin = malloc(verdict->classes * sizeof *linear_margin);
    double part = INFINITY;
    size_t at = 0;
    sp_status status = linear_margin ? sp_attack_descent_init(err, &descent, q->attacker, q->query)
                                     : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = sp_attack_descent_margins(err, &descent, q->query, linear_margin);
        for (size_t i = 0; status == SP_OK && i < descent.leads; i++) {
            sp_lead lead;
            (void)sp_lead_of(&lead, q->query->pipeline, verdict, descent.lead[i]);
            const double clean = sp_lead_value(&lead, verdict->logits);
            part = fmin(part, clean / (clean - linear_margin[i]));
        }
        sp_attack_descent_clear(&descent);
    }
    q->clean = sp_lead_least(q->query->pipeline, verdict, verdict->logits, &at);
    free(linear_margin);
    *db = 20.0 * log10(part);
    return status;
}

static sp_status search(sp_error *err, sp_radius_search *q) {
    sp_radius *radius = q->radius;
    double edge = 0.0;
    long certified = q->least - 1, broken = q->most + 1, by_file = q->most + 1;
    SP_TRY(linear_edge(err, q, &edge));
    if (!q->options->no_attack && q->options->deployed == SP_BUDGET_AS_REAL) {
        SP_TRY(sp_radius_search_break(err, q, sp_radius_search_budget(q, edge), &broken));
    }
    if (broken <= q->most) {
        radius->broken_db = sp_radius_search_db(q, broken);
    }
    if (!q->late) {
        const double loudest = broken <= q->most ? radius->broken_db : edge;
        SP_TRY(sp_radius_search_certify(err, q, sp_radius_search_budget(q, loudest - CAUTION),
                                        broken - 1, &certified));
    }
    if (certified >= q->least) {
        radius->certified_db = sp_radius_search_db(q, certified);
    }
    if (!q->late && broken <= q->most && q->options->attack.source) {
        SP_TRY(sp_radius_search_break_file(err, q, broken, &by_file));
    }
    if (by_file <= q->most) {
        radius->broken_file_db = sp_radius_search_db(q, by_file);
    }
    return SP_OK;
}

/* The verdict of the search is that of its largest certified budget. */
static void conclude(sp_radius_search *q) {
    sp_verdict *verdict = q->query->verdict;
    if (isnan(q->best.eps)) {
        verdict->eps = NAN;
        verdict->scale = (sp_budget_scale){NAN, NAN, NAN, false};
        verdict->kind = SP_VERDICT_UNKNOWN;
    } else {
        sp_verdict_clear(verdict);
        *verdict = q->best;
    }
    if (q->late) {
        verdict->kind = SP_VERDICT_TIMEOUT;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s: the figures are those found until then",
                 sp_clock_stopped() ? "interrupted" : "the time ran out");
    }
}

static double loudest_of(const sp_noise_set *set, const sp_clip *clip) {
    return clip->width > 0 ? LARGEST_CHANGE : set->box || set->of_energy ? LOUDEST : LOUDEST_CLICKS;
}

static sp_status answer(sp_error *err, sp_query *query, void *context) {
    sp_radius_search *q = context;
    q->query = query;
    q->least = lrint(QUIETEST / q->options->tolerance);
    q->most = lrint(loudest_of(query->noise.set, query->clip) / q->options->tolerance);
    sp_verdict_init(&q->best);
    const sp_status status = search(err, q);
    free(q->hint);
    if (status == SP_OK) {
        conclude(q);
    } else {
        sp_verdict_clear(&q->best);
    }
    return status;
}

sp_status sp_radius_find(sp_error *err, sp_radius *radius, const sp_attacker *attacker,
                         const sp_clip *clip, long label, const sp_radius_options *options) {
    const sp_budget loudest = budget_of(options, clip, 0.0);
    const sp_query_options asked = {&loudest, NULL, label, options->timeout, NULL};
    sp_radius_search q = {.radius = radius, .attacker = attacker, .options = options};
    sp_radius_init(radius);
    radius->first = options->first;
    radius->frames = options->frames;
    return sp_query_answer(err, &radius->verdict, attacker->pipeline, clip, &asked, answer, &q);
}

/* Certified least; among equals, broken by the quietest noise. */
static bool is_weaker(const sp_radius *a, const sp_radius *b) {
    const double p = isnan(a->certified_db) ? -INFINITY : a->certified_db;
    const double q = isnan(b->certified_db) ? -INFINITY : b->certified_db;
    return p < q ||
           (p == q && (isnan(b->broken_db) ? !isnan(a->broken_db) : a->broken_db < b->broken_db));
}

size_t sp_radius_weakest(const sp_radius *radius, size_t count) {
    size_t weakest = 0;
    for (size_t i = 1; i < count; i++) {
        weakest = is_weaker(&radius[i], &radius[weakest]) ? i : weakest;
    }
    return weakest;
}
