/* Attacks: descents of the margins from several starts, over all real noise of the set, then over
 * the clips of the sample format that lie in it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "certify/attack/descent.h"
#include "certify/attack/replay.h"

/* How much louder than allowed the noise of a ladder is, rung by rung: where the answer changes
 * under louder noise, the descent continues from there in a smaller set. */
static const double ladder[] = {4.0, 2.8, 2.0, 1.4, 1.2, 1.1};
enum { RUNGS = sizeof ladder / sizeof ladder[0], TARGETS = 3 };

/* What one attack works with. */
typedef struct attack_state {
    const sp_query *query;
    const sp_attack_options *options;
    sp_attack_descent descent;
    const double *hint;   /* [n] noise of the first start, or NULL */
    size_t *target_order; /* [leads] owned; their scores, the most promising first */
    double *best;         /* [n] owned; the best point of the set */
    double margin;        /* least margin there; +inf: none yet */
    size_t answer;        /* where that is */
    bool whole;           /* only clips of the sample format */
    bool hopeless;        /* the answer does not change under much louder noise */
} attack_state;

sp_status sp_attacker_init(sp_error *err, sp_attacker *attacker, const sp_pipeline *pipeline) {
    *attacker = (sp_attacker){.pipeline = pipeline, .forms = pipeline->forms};
    if (pipeline->front_rule != SP_FRONT_JOINT) {
        SP_TRY(sp_pipeline_forms(err, &attacker->own, pipeline, SP_FRONT_JOINT));
        attacker->forms = attacker->own;
    }
    return SP_OK;
}

void sp_attacker_clear(sp_attacker *attacker) {
    sp_front_forms_destroy(attacker->own);
    *attacker = (sp_attacker){0};
}

void sp_attack_clear(sp_attack *attack) {
    free(attack->noise);
    free(attack->file);
    free(attack->file_path);
    sp_verdict_clear(&attack->verdict);
    attack->noise = NULL;
    attack->file = NULL;
    attack->file_path = NULL;
}

const char *sp_attack_part_name(size_t part) {
#define SP_ATTACK_TEXT(name, text) text,
    static const char *const names[] = {SP_ATTACK_PARTS(SP_ATTACK_TEXT)};
#undef SP_ATTACK_TEXT
    return names[part];
}

bool sp_attack_is_masked(const sp_attack *attack) {
    for (size_t p = 0; p < SP_ATTACK_SQUARE; p++) {
        if (!(attack->part[p] >= -SP_ATTACK_CLEAR)) { // NaN: no suite
            return false;
        }
    }
    return attack->part[SP_ATTACK_SQUARE] < -SP_ATTACK_CLEAR;
}

bool sp_attack_is_vacuous(const sp_attack *attack) {
    const sp_verdict_kind kind = attack->verdict.kind;
    return attack->verdict.scale.vacuous && kind != SP_VERDICT_ERROR &&
           kind != SP_VERDICT_MISCLASSIFIED;
}

void sp_attack_init(sp_attack *attack) {
    *attack = (sp_attack){.real_margin = NAN,
                          .real_answer = SP_NO_LABEL,
                          .file_margin = NAN,
                          .original_margin = NAN,
                          .file_answer = SP_NO_LABEL,
                          .file_largest = NAN,
                          .file_radius = NAN,
                          .file_snr_db = NAN};
    for (size_t p = 0; p < SP_ATTACK_PART_COUNT; p++) {
        attack->part[p] = NAN;
    }
    sp_verdict_init(&attack->verdict);
}

/* ---- starts ---- */

/* The leads by the margin that the model linearised at the clip reaches in the set. */
static sp_status rank_leads(sp_error *err, attack_state *a) {
    const sp_attack_descent *d = &a->descent;
    const sp_query *query = a->query;
    double *linear_margin = malloc(d->leads * sizeof *linear_margin);
    size_t *order = calloc(d->leads + 1, sizeof *order);
    sp_status status = linear_margin && order
                           ? sp_attack_descent_margins(err, &a->descent, query, linear_margin)
                           : sp_fail(err, SP_E_MEMORY, "out of memory");
    for (size_t i = 0; status == SP_OK && i < d->leads; i++) {
        size_t at = i;
        for (; at > 0 && linear_margin[i] < linear_margin[order[at - 1]]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    for (size_t i = 0; status == SP_OK && i < d->leads; i++) {
        a->target_order[i] = d->lead[order[i]];
    }
    free(order);
    free(linear_margin);
    return status;
}

/* Start 0: the hint or the clip itself; 4, 8, ...: corners of the set; the others: points of it. */
static void take_start(attack_state *a, size_t start) {
    sp_attack_descent *d = &a->descent;
    sp_random random = {sp_random_seed(a->options->seed) + start};
    const bool corner = start > 0 && start % 4 == 0;
    for (size_t i = 0; i < d->n; i++) {
        const double lo = d->lo[i], hi = d->hi[i], u = sp_random_unit(&random);
        double x = d->clean[i];
        if (start == 0 && a->hint) {
            x = a->query->clip->samples[i] + a->hint[i];
        } else if (start > 0) {
            x = !corner ? lo + u * (hi - lo) : u < 0.5 ? lo : hi;
        }
        d->x[i] = x;
        d->noise[i] = u - 0.5;
    }
    if (corner && !d->set->box) {
        d->set->attain(d->noise, d->noise, d->radius, d->n);
        for (size_t i = 0; i < d->n; i++) {
            d->x[i] = d->clean[i] + d->noise[i];
        }
    }
    sp_attack_descent_project(d, d->x);
}

static bool take_set(attack_state *a, double scale) {
    return a->whole ? sp_attack_descent_format_set(&a->descent, a->query, scale)
                    : (sp_attack_descent_real_set(&a->descent, a->query, scale), true);
}

static bool changed(const attack_state *a) {
    return a->margin < -a->descent.clear;
}

/* The best point of all searches is kept. */
static void keep_best(attack_state *a) {
    const sp_attack_descent *d = &a->descent;
    if (d->margin < a->margin) {
        a->margin = d->margin;
        a->answer = d->answer;
        memcpy(a->best, d->best, d->n * sizeof *a->best);
    }
}

/* One descent in the set itself. */
static sp_status descend_once(sp_error *err, attack_state *a, size_t target, size_t steps) {
    a->descent.margin = INFINITY;
    SP_TRY(sp_attack_descent_run(err, &a->descent, target, steps));
    keep_best(a);
    return SP_OK;
}

/* Down the ladder from the clip. */
static sp_status climb_down(sp_error *err, attack_state *a, size_t target, size_t steps) {
    sp_attack_descent *d = &a->descent;
    memcpy(d->x, a->query->clip->samples, d->n * sizeof *d->x);
    for (size_t rung = 0; rung < RUNGS && !a->hopeless; rung++) {
        (void)take_set(a, ladder[rung]);
        sp_attack_descent_project(d, d->x);
        d->margin = INFINITY;
        SP_TRY(sp_attack_descent_run(err, d, target, (steps + 1) / 2));
        memcpy(d->x, sp_attack_descent_changed(d) ? d->best : d->home, d->n * sizeof *d->x);
        a->hopeless = rung == 0 && !sp_attack_descent_changed(d);
    }
    (void)take_set(a, 1.0);
    sp_attack_descent_project(d, d->x);
    return a->hopeless ? SP_OK : descend_once(err, a, target, steps);
}

/* Every second start comes down the ladder; the first two are after any label, the others after
 * the most promising ones. */
static sp_status descend(sp_error *err, attack_state *a) {
    const size_t starts = a->options->starts ? a->options->starts : SP_ATTACK_STARTS;
    const size_t steps = a->options->steps ? a->options->steps : SP_ATTACK_STEPS;
    const size_t leads = a->descent.leads, targets = leads < TARGETS ? leads : TARGETS;
    a->margin = INFINITY;
    for (size_t start = 0; start < starts && !changed(a) && !a->hopeless; start++) {
        const size_t target = start < 2 ? SP_NO_LABEL : a->target_order[(start / 2 - 1) % targets];
        if (start % 2 == 1) {
            SP_TRY(climb_down(err, a, target, steps));
        } else {
            take_start(a, start);
            SP_TRY(descend_once(err, a, target, steps));
        }
    }
    return SP_OK;
}

/* ---- the suite ---- */

/* What the attack does anyway, then every label by itself. */
static sp_status part_margins(sp_error *err, attack_state *a, size_t steps) {
    SP_TRY(descend(err, a));
    for (size_t k = 0; k < a->descent.leads && !changed(a); k++) {
        take_start(a, 0);
        SP_TRY(descend_once(err, a, a->target_order[k], steps));
    }
    return SP_OK;
}

static sp_status part_loss(sp_error *err, attack_state *a, sp_attack_loss loss, size_t steps,
                           size_t starts) {
    a->descent.loss = loss;
    sp_status status = SP_OK;
    for (size_t start = 0; start < starts && status == SP_OK && !changed(a); start++) {
        take_start(a, start);
        status = descend_once(err, a, SP_NO_LABEL, steps);
    }
    a->descent.loss = SP_ATTACK_MARGIN;
    return status;
}

static sp_status run_part(sp_error *err, attack_state *a, size_t part, size_t steps,
                          size_t starts) {
    sp_attack_descent *d = &a->descent;
    a->margin = d->margin = INFINITY;
    a->hopeless = false;
    switch (part) {
    case SP_ATTACK_MARGINS:
        return part_margins(err, a, steps);
    case SP_ATTACK_CROSS_ENTROPY:
        return part_loss(err, a, SP_ATTACK_LIKELIHOOD, steps, starts);
    case SP_ATTACK_DLR:
        return part_loss(err, a, SP_ATTACK_RATIO, steps, starts);
    case SP_ATTACK_FAB:
        SP_TRY(sp_attack_boundary(err, d, a->query, steps * starts));
        break;
    default:
        SP_TRY(sp_attack_square(err, d, a->options->seed, 4 * steps * starts));
        break;
    }
    keep_best(a);
    return SP_OK;
}

/* All parts; the state keeps the best point of all. */
static sp_status run_suite(sp_error *err, attack_state *a, sp_attack *attack) {
    const size_t starts = a->options->starts ? a->options->starts : SP_ATTACK_STARTS;
    const size_t steps = a->options->steps ? a->options->steps : SP_ATTACK_STEPS;
    const size_t bytes = a->descent.n * sizeof *a->best;
    double *best = malloc(bytes), margin = INFINITY;
    size_t answer = SP_NO_LABEL;
    sp_status status =
        best ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", a->descent.n);
    for (size_t p = 0; p < SP_ATTACK_PART_COUNT && status == SP_OK; p++) {
        status = run_part(err, a, p, steps, starts);
        attack->part[p] = status == SP_OK ? a->margin : NAN;
        if (status == SP_OK && a->margin < margin) {
            margin = a->margin;
            answer = a->answer;
            memcpy(best, a->best, bytes);
        }
    }
    if (status == SP_OK) {
        memcpy(a->best, best, bytes);
        a->margin = margin;
        a->answer = answer;
    }
    free(best);
    return status;
}

/* ---- the two searches ---- */

static void take_noise(const attack_state *a, sp_attack *attack) {
    for (size_t i = 0; i < a->descent.n; i++) {
        attack->noise[i] = a->best[i] - a->query->clip->samples[i];
    }
}

/* Where the rounding of float32 may undo the change, the search goes on for one that it cannot
 * undo. */
static sp_status look_further(sp_error *err, attack_state *a, bool *beyond) {
    double term = 0.0;
    SP_TRY(sp_attack_beyond_rounding(err, beyond, &term, a->query, a->best, a->answer, a->margin));
    if (changed(a) && !*beyond) {
        a->descent.clear = SP_ATTACK_CLEAR + 2.0 * term;
        a->hopeless = false;
        SP_TRY(descend(err, a));
        SP_TRY(
            sp_attack_beyond_rounding(err, beyond, &term, a->query, a->best, a->answer, a->margin));
    }
    return SP_OK;
}

static sp_status search_real(sp_error *err, attack_state *a, sp_attack *attack) {
    const sp_attack_descent *d = &a->descent;
    bool beyond = false;
    a->whole = false;
    a->hint = a->options->hint;
    (void)take_set(a, 1.0);
    SP_TRY(a->options->suite ? run_suite(err, a, attack) : descend(err, a));
    SP_TRY(look_further(err, a, &beyond));
    attack->noise = malloc(d->n * sizeof *attack->noise);
    if (!attack->noise) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", d->n);
    }
    take_noise(a, attack);
    attack->real_margin = a->margin;
    attack->real_answer = a->answer;
    attack->real_broken = beyond;
    return SP_OK;
}

static void explain(sp_verdict *verdict, const char *why, const sp_attack *attack) {
    char answer[SP_VERDICT_WHERE];
    if (verdict->outputs > 0) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 verdict->sides
                     ? "real-valued noise of the set moves %s across its threshold, but %s"
                     : "real-valued noise of the set lets %s lead, but %s",
                 sp_verdict_where(answer, verdict, attack->real_answer), why);
        return;
    }
    snprintf(verdict->reason, sizeof verdict->reason,
             "real-valued noise of the set changes the answer to %s, but %s",
             sp_class_text(answer, verdict->names, attack->real_answer), why);
}

static void explain_break(sp_verdict *verdict, const sp_attack *attack, const sp_clip *clip) {
    char own[48], heard[SP_CLASS_TEXT], right[SP_CLASS_TEXT], where[SP_VERDICT_WHERE];
    if (verdict->outputs > 0) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 verdict->sides ? "a %s file within the budget moves %s across its threshold"
                                : "a %s file within the budget lets %s lead",
                 attack->file_format, sp_verdict_where(where, verdict, attack->file_answer));
        return;
    }
    sp_class_text(heard, verdict->names, attack->file_answer);
    sp_class_text(right, verdict->names, verdict->label);
    if (attack->file_own) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 "a file of the clip's sample format within the budget is answered %s, not %s",
                 heard, right);
        return;
    }
    sp_clip_form_name(own, sizeof own, clip, SP_CLIP_OWN);
    snprintf(verdict->reason, sizeof verdict->reason,
             "a %s file within the budget is answered %s, not %s; none was found that is %s, as "
             "the clip is",
             attack->file_format, heard, right, own);
}

/* The best clip of the format is written, read again and heard. */
static sp_status search_format(sp_error *err, attack_state *a, sp_attack *attack) {
    sp_verdict *verdict = a->query->verdict;
    a->whole = true;
    a->hopeless = false;
    a->hint = attack->noise;
    if (!take_set(a, 1.0)) {
        explain(verdict, "no other clip of the file's sample format lies in it", attack);
        return SP_OK;
    }
    SP_TRY(descend(err, a));
    if (!changed(a)) {
        attack->file_margin = a->margin;
        attack->file_answer = a->answer;
        explain(verdict, "none was found that the file's sample format can hold", attack);
        return SP_OK;
    }
    bool beyond = false;
    double term = 0.0;
    SP_TRY(sp_attack_replay(err, attack, a->query, a->best, a->options));
    SP_TRY(sp_attack_beyond_rounding(err, &beyond, &term, a->query, a->best, attack->file_answer,
                                     attack->file_margin));
    if (beyond) {
        verdict->kind = SP_VERDICT_BROKEN;
        take_noise(a, attack);
        explain_break(verdict, attack, a->query->clip);
    } else {
        explain(verdict,
                term > 0.0 ? "rounding in float32 may undo that of the file with it"
                           : "the file with it is not answered wrongly",
                attack);
        if (attack->file_path) { // breaks real numbers only
            (void)remove(attack->file_path);
            free(attack->file_path);
            attack->file_path = NULL;
        }
    }
    return SP_OK;
}

static sp_status run_searches(sp_error *err, attack_state *a, sp_attack *attack) {
    sp_verdict *verdict = a->query->verdict;
    verdict->kind = SP_VERDICT_UNKNOWN;
    SP_TRY(rank_leads(err, a));
    SP_TRY(search_real(err, a, attack));
    SP_TRY(sp_query_attain(err, a->query, a->best));
    if (!attack->real_broken) {
        char answer[SP_VERDICT_WHERE];
        if (attack->real_margin < -SP_ATTACK_CLEAR) {
            explain(verdict, "rounding in float32 may undo that", attack);
            return SP_OK;
        }
        snprintf(verdict->reason, sizeof verdict->reason,
                 "no noise was found that changes the answer: the least margin reached is %.4g, "
                 "%s %s",
                 attack->real_margin, verdict->sides ? "of" : "over",
                 sp_verdict_where(answer, verdict, attack->real_answer));
        return SP_OK;
    }
    if (!a->options->source) {
        explain(verdict, "no file was written", attack);
        return SP_OK;
    }
    return search_format(err, a, attack);
}

typedef struct order {
    sp_attack *attack;
    const sp_attacker *attacker;
    const sp_attack_options *options;
} order;

static sp_status answer(sp_error *err, sp_query *query, void *context) {
    const order *o = context;
    if (query->noise.set->path) {
        return sp_fail(err, SP_E_UNSUPPORTED, "attacks do not search %s", query->noise.set->is);
    }
    attack_state a = {.query = query, .options = o->options};
    SP_TRY(sp_attack_descent_init(err, &a.descent, o->attacker, query));
    a.target_order = calloc(a.descent.leads + 1, sizeof *a.target_order);
    a.best = calloc(a.descent.n, sizeof *a.best);
    const sp_status status = a.target_order && a.best ? run_searches(err, &a, o->attack)
                                                      : sp_fail(err, SP_E_MEMORY, "out of memory");
    o->attack->steps = a.descent.steps;
    for (size_t k = 0; status != SP_OK && k < query->verdict->classes; k++) {
        query->verdict->margins[k] = NAN; // attained, not proved
    }
    free(a.best);
    free(a.target_order);
    sp_attack_descent_clear(&a.descent);
    return status;
}

static sp_status attack_query(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                              const sp_clip *clip, const sp_query_options *asked,
                              const sp_attack_options *options) {
    order o = {attack, attacker, options};
    sp_attack_init(attack);
    return sp_query_answer(err, &attack->verdict, attacker->pipeline, clip, asked, answer, &o);
}

sp_status sp_attack_budget(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                           const sp_clip *clip, const sp_budget *budget, long label,
                           const sp_attack_options *options) {
    const sp_query_options asked = {budget, NULL, label, options->timeout, NULL};
    return attack_query(err, attack, attacker, clip, &asked, options);
}

sp_status sp_attack_noise(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                          const sp_clip *clip, const sp_noise *noise, long label,
                          const sp_attack_options *options) {
    const sp_query_options asked = {NULL, noise, label, options->timeout, NULL};
    return attack_query(err, attack, attacker, clip, &asked, options);
}

void sp_attack_verdict(sp_verdict *verdict, const sp_attacker *attacker, const sp_clip *clip,
                       const sp_budget *budget, long label, const sp_attack_options *options) {
    sp_attack attack;
    (void)sp_attack_budget(NULL, &attack, attacker, clip, budget, label, options);
    if (attack.verdict.kind == SP_VERDICT_BROKEN) {
        verdict->kind = SP_VERDICT_BROKEN;
        snprintf(verdict->reason, sizeof verdict->reason, "%s", attack.verdict.reason);
    } else {
        const size_t used = strlen(verdict->reason);
        snprintf(verdict->reason + used, sizeof verdict->reason - used, "; attacked: %s",
                 attack.verdict.reason);
    }
    verdict->seconds += attack.verdict.seconds;
    verdict->cpu_seconds += attack.verdict.cpu_seconds;
    sp_attack_clear(&attack);
}
