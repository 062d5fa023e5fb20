/* Branch and bound over the inputs: the box is bounded; where that does not make every alternative
 * false it is cut in two across the input that moves the constraints most. Rounds of a fixed number
 * of boxes, all at once, make the order the same for any number of threads. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "certify/verify/verify_search.h"
#include "lstm/backsub/backsub.h"

enum { DEAR = 3, ROUND = 32, MANY = 1 << 16, MOST_BOXES = 1 << 20, MOST_MOVING = 64 };

/* piece - a box of inputs, and the alternatives that may hold there. */
typedef struct piece {
    double *lo, *hi; /* [n] owned, one block */
    double *weight;  /* [n] in that block: slopes of lines below the constraints */
    size_t *open;    /* [opens] owned */
    size_t opens;
    double volume;
    /* of the work on it */
    sp_status status;
    sp_error err;
    size_t cut;   /* the input that is cut; SIZE_MAX: none can be */
    bool witness; /* lo is one */
} piece;

typedef struct search {
    const sp_verify_part *part;
    sp_verify_answer *answer;
    const sp_method_pass *pass; /* [passes] of every box */
    size_t passes;
    piece *queue; /* [room] owned; those from `first` to `end` wait */
    size_t first, end, room;
    piece *round; /* those at work */
    bool stuck;   /* some box was left, as it cannot be cut */
} search;

static void clear_piece(piece *p) {
    free(p->lo);
    free(p->open);
    p->lo = p->hi = NULL;
    p->open = NULL;
}

static sp_status out_of_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "out of memory for boxes of inputs");
}

static sp_status make_piece(sp_error *err, piece *p, const sp_verify_part *part, const double *lo,
                            const double *hi, const size_t *open, size_t opens) {
    *p = (piece){.lo = calloc(3 * part->n, sizeof *p->lo),
                 .open = malloc((opens + 1) * sizeof *p->open),
                 .opens = opens};
    if (p->lo == NULL || p->open == NULL) {
        clear_piece(p);
        return out_of_memory(err);
    }
    p->hi = p->lo + part->n;
    p->weight = p->hi + part->n;
    memcpy(p->lo, lo, part->n * sizeof *lo);
    memcpy(p->hi, hi, part->n * sizeof *hi);
    memcpy(p->open, open, opens * sizeof *open);
    return SP_OK;
}

/* ---- one box ---- */

static bool refuted(const sp_verify_row *row, double lower) {
    return row->constraint->strict ? lower >= 0.0 : lower > 0.0; // NaN fails
}

/* The rows of the open alternatives, each once; how many.   O list, at [rows] */
static size_t list_rows(const sp_verify_part *part, const piece *p, size_t *list, size_t *at) {
    size_t count = 0;
    for (size_t r = 0; r < part->rows; r++) {
        at[r] = SIZE_MAX;
    }
    for (size_t i = 0; i < p->opens; i++) {
        const sp_verify_alternative *a = &part->alternative[p->open[i]];
        for (size_t k = 0; k < a->rows; k++) {
            if (at[a->row[k]] == SIZE_MAX) {
                at[a->row[k]] = count;
                list[count++] = a->row[k];
            }
        }
    }
    return count;
}

/* Keeps the alternatives of which no row is false; *distance: how far the worst of them is from
 * being false. weight [n] gets the slopes of the row of each that is nearest to it. */
static void sift(const sp_verify_part *part, piece *p, const double *lower, const double *slope,
                 const size_t *at, double *distance) {
    size_t kept = 0;
    *distance = 0.0;
    memset(p->weight, 0, part->n * sizeof *p->weight);
    for (size_t i = 0; i < p->opens; i++) {
        const sp_verify_alternative *a = &part->alternative[p->open[i]];
        double best = -INFINITY;
        size_t nearest = 0;
        bool gone = false;
        for (size_t k = 0; k < a->rows; k++) {
            const double bound = lower[at[a->row[k]]];
            gone = gone || refuted(&part->row[a->row[k]], bound);
            nearest = bound > best ? at[a->row[k]] : nearest;
            best = bound > best ? bound : best;
        }
        if (gone) {
            continue;
        }
        p->open[kept++] = p->open[i];
        *distance = fmin(*distance, best);
        for (size_t k = 0; slope && a->rows > 0 && k < part->n; k++) {
            p->weight[k] += fabs(slope[nearest * part->n + k]);
        }
    }
    p->opens = kept;
}

static bool moves_few(const sp_verify_part *part) {
    size_t moving = 0;
    for (size_t i = 0; i < part->n; i++) {
        moving += part->inputs->lo[i] < part->inputs->hi[i];
    }
    return moving <= MOST_MOVING;
}

/* Slopes of lines, where cuts read them: [rows, n]; NULL: there are none. */
static double *make_slopes(const sp_verify_part *part) {
    const bool wanted = moves_few(part) && sp_front_width(part->pipeline->front) > 0;
    return wanted ? calloc(part->rows * part->n + 1, sizeof(double)) : NULL;
}

static sp_status bound(sp_error *err, const sp_verify_part *part, piece *p,
                       const sp_method_pass *pass, size_t passes) {
    size_t *list = malloc((2 * part->rows + 1) * sizeof *list), *at = list + part->rows;
    double *lower = malloc((part->rows + 1) * sizeof *lower), distance = 0.0;
    double *slope = make_slopes(part);
    sp_status status = list && lower ? SP_OK : out_of_memory(err);
    for (size_t k = 0; k < passes && status == SP_OK && p->opens > 0; k++) {
        if (k > 0 && pass[k].hopeless < 0.0 && distance < pass[k].hopeless) {
            continue;
        }
        const size_t rows = list_rows(part, p, list, at);
        const sp_verify_bounds bounds = {
            .lo = p->lo, .hi = p->hi, .row = list, .rows = rows, .pass = &pass[k]};
        if (rows == 0) {
            break;
        }
        status = sp_verify_bound(err, part, lower, slope, &bounds);
        if (status == SP_OK) {
            sift(part, p, lower, slope, at, &distance);
        } else if (sp_query_unproved(status) && status != SP_E_TIMEOUT) {
            status = SP_OK; // nothing is proved
        }
    }
    free(list);
    free(lower);
    free(slope);
    return status;
}

/* ---- where to cut ---- */

/* The constraint of an open alternative that a point misses least, or NULL; whether the point is a
 * witness. */
static sp_status look(sp_error *err, const sp_verify_part *part, const piece *p, const double *x,
                      double *y, const sp_vnnlib_constraint **worst, bool *witness) {
    const sp_vnnlib_constraint *here = NULL;
    double least = INFINITY;
    *worst = NULL;
    SP_TRY(sp_verify_outputs(err, part, y, x));
    for (size_t i = 0; i < p->opens; i++) {
        const double excess = sp_verify_excess(part, p->open[i], x, y, &here);
        if (!(excess >= least)) {
            least = excess;
            *worst = here;
        }
    }
    return least <= 0.0 ? sp_verify_prove(err, part, witness, x) : SP_OK;
}

/* What an input can be cut at; NaN: its two ends are neighbours. */
static double middle_of(const piece *p, size_t i) {
    const double x = p->lo[i] + 0.5 * (p->hi[i] - p->lo[i]);
    return p->lo[i] < x && x < p->hi[i] ? x : NAN;
}

/* The widest by slope times width; every input counts a little by its share of the first box. */
static size_t widest(const sp_verify_part *part, const piece *p, const double *slope) {
    size_t best = SIZE_MAX;
    double most = -1.0, scale = 0.0;
    for (size_t i = 0; i < part->n; i++) {
        scale = fmax(scale, slope[i] * (p->hi[i] - p->lo[i]));
    }
    scale = scale > 0.0 ? 0.05 * scale : 1.0;
    for (size_t i = 0; i < part->n; i++) {
        const double width = p->hi[i] - p->lo[i];
        const double whole = part->inputs->hi[i] - part->inputs->lo[i];
        const double score = slope[i] * width + (whole > 0.0 ? scale * width / whole : 0.0);
        const bool cuts = !isnan(middle_of(p, i)) && width > 0x1p-40 * whole;
        if (cuts && (score > most || best == SIZE_MAX)) {
            most = score;
            best = i;
        }
    }
    return best;
}

/* Slopes are those of lines below the constraints, and of the constraints in the middle of the box;
 * where these point to, and opposite, witnesses are looked for too. */
static sp_status choose_cut(sp_error *err, const sp_verify_part *part, piece *p) {
    const size_t n = part->n;
    double *memory = calloc(2 * n + part->classes + 1, sizeof *memory);
    if (memory == NULL) {
        return out_of_memory(err);
    }
    double *x = memory, *gradient = x + n, *y = gradient + n;
    sp_status status = SP_OK;
    for (int k = 0; k < 3 && status == SP_OK && !p->witness; k++) {
        const sp_vnnlib_constraint *worst = NULL;
        for (size_t i = 0; i < n; i++) {
            const bool down = k == 1 ? gradient[i] > 0.0 : gradient[i] <= 0.0;
            const double middle = p->lo[i] + 0.5 * (p->hi[i] - p->lo[i]);
            x[i] = k == 0 ? middle : down ? p->lo[i] : p->hi[i];
        }
        sp_verify_snap(part, x);
        status = look(err, part, p, x, y, &worst, &p->witness);
        if (k == 0 && status == SP_OK && !p->witness && worst != NULL) {
            status = sp_verify_slope(err, part, gradient, x, y, worst);
        }
    }
    if (status == SP_OK && p->witness) {
        memcpy(p->lo, x, n * sizeof *x);
    }
    for (size_t i = 0; i < n; i++) {
        gradient[i] = p->weight[i] + fabs(gradient[i]);
    }
    p->cut = widest(part, p, gradient);
    free(memory);
    return sp_query_unproved(status) && status != SP_E_TIMEOUT ? SP_OK : status;
}

/* Dear passes settle whole subtrees, and cost as much as three cheap ones: every DEAR-th cut. */
static size_t passes_of(const search *s, const piece *p) {
    const int cuts = -ilogb(p->volume);
    return cuts % DEAR == 0 ? s->passes : 1;
}

static void work(void *context, size_t index) {
    search *s = context;
    piece *p = &s->round[index];
    if (sp_clock_passed(s->part->deadline)) {
        p->status = sp_fail(&p->err, SP_E_TIMEOUT, "the time ran out");
        return;
    }
    if (!sp_verify_shrink(s->part, p->lo, p->hi)) {
        p->opens = 0;
        return;
    }
    p->status = bound(&p->err, s->part, p, s->pass, passes_of(s, p));
    if (p->status == SP_OK && p->opens > 0) {
        p->status = choose_cut(&p->err, s->part, p);
    }
}

/* ---- all boxes ---- */

static sp_status push(sp_error *err, search *s, const piece *p) {
    if (s->end == s->room && s->first > s->room / 2) {
        memmove(s->queue, s->queue + s->first, (s->end - s->first) * sizeof *s->queue);
        s->end -= s->first;
        s->first = 0;
    }
    if (s->end == s->room) {
        const size_t room = 2 * s->room + 64;
        piece *grown = realloc(s->queue, room * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(err);
        }
        s->queue = grown;
        s->room = room;
    }
    s->queue[s->end++] = *p;
    return SP_OK;
}

/* The largest boxes come first, so that witnesses are looked for everywhere; when too many wait,
 * the smallest. */
static size_t take_round(search *s, piece *round) {
    const size_t waiting = s->end - s->first, count = waiting < ROUND ? waiting : ROUND;
    if (waiting > MANY) {
        s->end -= count;
        memcpy(round, s->queue + s->end, count * sizeof *round);
    } else {
        memcpy(round, s->queue + s->first, count * sizeof *round);
        s->first += count;
    }
    return count;
}

static sp_status halve(sp_error *err, search *s, const piece *p) {
    const double middle = middle_of(p, p->cut);
    for (int side = 0; side < 2; side++) {
        piece half;
        SP_TRY(make_piece(err, &half, s->part, p->lo, p->hi, p->open, p->opens));
        half.volume = 0.5 * p->volume;
        *(side == 0 ? &half.hi[p->cut] : &half.lo[p->cut]) = middle;
        const sp_status status = push(err, s, &half);
        if (status != SP_OK) {
            clear_piece(&half);
            return status;
        }
    }
    return SP_OK;
}

static void say(sp_verify_answer *answer, sp_verify_kind kind, const char *reason) {
    answer->kind = kind;
    snprintf(answer->reason, sizeof answer->reason, "%s", reason);
}

/* What a box at work has become. *found: it holds a witness. */
static sp_status settle(sp_error *err, search *s, piece *p, double *x, bool *found) {
    if (p->status != SP_OK) {
        *err = p->err;
        return p->status;
    }
    if (p->witness) {
        *found = true;
        memcpy(x, p->lo, s->part->n * sizeof *x);
        return SP_OK;
    }
    if (p->opens == 0) {
        s->answer->volume += p->volume;
        return SP_OK;
    }
    if (p->cut == SIZE_MAX || !moves_few(s->part)) {
        s->stuck = true;
        return SP_OK;
    }
    return halve(err, s, p);
}

static sp_status run_round(sp_error *err, search *s, double *x, bool *found) {
    piece round[ROUND];
    const size_t count = take_round(s, round);
    s->round = round;
    sp_pool_run(count, 0, work, s);
    s->answer->boxes += count;
    sp_status status = SP_OK;
    for (size_t i = 0; i < count; i++) {
        if (status == SP_OK && !*found) {
            status = settle(err, s, &round[i], x, found);
        }
        clear_piece(&round[i]);
    }
    return status;
}

static sp_status run(sp_error *err, search *s, double *x) {
    const sp_verify_options *o = s->part->options;
    bool found = false;
    while (s->end > s->first && !found) {
        if (s->end - s->first > MOST_BOXES ||
            (o->most_boxes > 0 && s->answer->boxes >= o->most_boxes)) {
            say(s->answer, SP_VERIFY_UNKNOWN, "too many boxes of inputs are left");
            return SP_OK;
        }
        SP_TRY(run_round(err, s, x, &found));
    }
    if (found) {
        say(s->answer, SP_VERIFY_SAT, "");
    } else if (s->stuck) {
        say(s->answer, SP_VERIFY_UNKNOWN,
            moves_few(s->part) ? "a box of inputs became too small to be cut"
                               : "bounds do not settle it, and so many inputs are not cut");
    } else {
        say(s->answer, SP_VERIFY_UNSAT, "");
    }
    return SP_OK;
}

/* The box of the part, with all alternatives. */
static sp_status make_first(sp_error *err, const sp_verify_part *part, piece *p) {
    size_t *all = malloc((part->alternatives + 1) * sizeof *all);
    for (size_t i = 0; all != NULL && i < part->alternatives; i++) {
        all[i] = i;
    }
    const sp_status status =
        all ? make_piece(err, p, part, part->inputs->lo, part->inputs->hi, all, part->alternatives)
            : out_of_memory(err);
    p->volume = 1.0;
    free(all);
    return status;
}

sp_status sp_verify_settle(sp_error *err, const sp_verify_part *part, bool *settled) {
    piece p = {0};
    *settled = false;
    SP_TRY(make_first(err, part, &p));
    sp_status status = SP_OK;
    if (sp_verify_shrink(part, p.lo, p.hi)) {
        status = bound(err, part, &p, sp_method_find("exact")->pass, 1);
    } else {
        p.opens = 0;
    }
    *settled = status == SP_OK && p.opens == 0;
    clear_piece(&p);
    return status;
}

/* The first box gets what is dear; the others what is quick. */
static sp_status start(sp_error *err, search *s, double *x, bool *settled) {
    static const sp_backsub_options branched = {.octagons = true,
                                                .box_iterations = 1,
                                                .row_iterations = 8,
                                                .stop_positive = true,
                                                .parts = 32};
    static const sp_method_pass last = {.domain = &sp_domain_backsub, .options = &branched};
    const sp_verify_part *part = s->part;
    const sp_method *opt = sp_method_find("opt");
    bool found = false;
    piece p;
    sp_status status = make_first(err, part, &p);
    SP_TRY(status);
    s->pass = opt->pass;
    s->passes = opt->passes;
    s->round = &p;
    work(s, 0);
    s->answer->boxes++;
    const bool real = part->pipeline->arithmetic == SP_ARITHMETIC_REAL;
    if (p.status == SP_OK && p.opens > 0 && !p.witness && !moves_few(part) && real) {
        p.status = bound(&p.err, part, &p, &last, 1);
    }
    status = settle(err, s, &p, x, &found);
    clear_piece(&p);
    *settled = found;
    return status;
}

sp_status sp_verify_branch(sp_error *err, const sp_verify_part *part, double *x,
                           sp_verify_answer *answer) {
    const sp_method *opt = sp_method_find("opt");
    search s = {.part = part, .answer = answer};
    bool found = false;
    const double done = answer->volume;
    answer->volume = 0.0;
    sp_status status = start(err, &s, x, &found);
    s.pass = opt->pass;
    s.passes = opt->passes;
    if (found) {
        say(answer, SP_VERIFY_SAT, "");
    } else if (status == SP_OK) {
        status = run(err, &s, x);
    }
    for (size_t i = s.first; i < s.end; i++) {
        clear_piece(&s.queue[i]);
    }
    free(s.queue);
    answer->volume += done;
    return status;
}
