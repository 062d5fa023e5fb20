/* Descent of the constraint that a point misses most, over the box of the inputs: steepest steps
 * (signs of the gradient) that become shorter. All alternatives and starts at once; the first of
 * them, in their order, that finds a witness has found it. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "base/random.h"
#include "certify/verify/verify_search.h"

/* By how much constraints should be met, so that a program in single precision meets them too; a
 * share of the largest output. */
#define CLEAR 1e-4

typedef struct start {
    double *x; /* [n] owned: a witness that is proved, or NULL */
    sp_status status;
    sp_error err;
} start;

typedef struct attack {
    const sp_verify_part *part;
    size_t steps, starts;
    start *start;        /* [alternatives, starts] */
    atomic_size_t first; /* of those that have found one */
} attack;

/* One descent. */
typedef struct descent {
    const sp_verify_part *part;
    size_t alternative;
    double *x, *best, *gradient; /* [n] */
    double *y, *weight;          /* [classes] */
    double least;                /* excess of `best` */
    bool proved;                 /* `best` is a witness */
} descent;

/* The first start is the middle of the box, the others are random. */
static void place(const sp_verify_part *part, double *x, size_t number, size_t index) {
    sp_random random = {sp_random_seed(part->options->seed + 1) + sp_random_seed(index)};
    for (size_t i = 0; i < part->n; i++) {
        const double lo = part->inputs->lo[i], hi = part->inputs->hi[i];
        const double share = number == 0 ? 0.5 : sp_random_unit(&random);
        x[i] = lo + share * (hi - lo);
    }
}

/* Keeps a point that is better than all before it. */
static sp_status look(sp_error *err, descent *d, double excess) {
    if (excess < d->least) {
        bool proved = false;
        if (excess <= 0.0) {
            SP_TRY(sp_verify_prove(err, d->part, &proved, d->x));
        }
        if (proved || !d->proved) {
            d->least = excess;
            d->proved = proved;
            memcpy(d->best, d->x, d->part->n * sizeof *d->best);
        }
    }
    return SP_OK;
}

static bool is_clear(const descent *d) {
    double largest = 0.0;
    for (size_t k = 0; k < d->part->classes; k++) {
        largest = fmax(largest, fabs(d->y[k]));
    }
    return d->proved && d->least <= -CLEAR * largest;
}

/* The slope of a constraint by the inputs. */
static sp_status slope_of(sp_error *err, descent *d, const sp_vnnlib_constraint *c) {
    const size_t n = d->part->n;
    SP_TRY(sp_verify_slope(err, d->part, d->gradient, d->x, d->weight, c));
    for (size_t i = 0; i < c->terms && c->term[i].variable < n; i++) {
        d->gradient[c->term[i].variable] += c->term[i].coefficient;
    }
    return SP_OK;
}

static void move(descent *d, double size) {
    for (size_t i = 0; i < d->part->n; i++) {
        const double lo = d->part->inputs->lo[i], hi = d->part->inputs->hi[i];
        const double reach = 0.5 * size * (hi - lo), slope = d->gradient[i];
        d->x[i] += slope > 0.0 ? -reach : slope < 0.0 ? reach : 0.0;
        d->x[i] = fmin(fmax(d->x[i], lo), hi);
    }
}

static sp_status descend(sp_error *err, descent *d, size_t steps) {
    d->least = INFINITY;
    for (size_t i = 0; i <= steps; i++) {
        const sp_vnnlib_constraint *worst = NULL;
        if (sp_clock_passed(d->part->deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "the time ran out in the attack");
        }
        sp_verify_snap(d->part, d->x);
        SP_TRY(sp_verify_outputs(err, d->part, d->y, d->x));
        SP_TRY(look(err, d, sp_verify_excess(d->part, d->alternative, d->x, d->y, &worst)));
        if (is_clear(d) || worst == NULL || i == steps) {
            return SP_OK;
        }
        SP_TRY(slope_of(err, d, worst));
        move(d, 0.5 * pow(0.01, (double)i / (double)steps));
    }
    return SP_OK;
}

static void work(void *context, size_t index) {
    attack *a = context;
    const sp_verify_part *part = a->part;
    start *s = &a->start[index];
    if (atomic_load(&a->first) < index) {
        return;
    }
    double *memory = calloc(3 * part->n + 2 * part->classes, sizeof *memory);
    if (memory == NULL) {
        s->status = sp_fail(&s->err, SP_E_MEMORY, "out of memory for an attack");
        return;
    }
    descent d = {.part = part,
                 .alternative = index / a->starts,
                 .x = memory,
                 .best = memory + part->n,
                 .gradient = memory + 2 * part->n,
                 .y = memory + 3 * part->n,
                 .weight = memory + 3 * part->n + part->classes};
    place(part, d.x, index % a->starts, index);
    s->status = descend(&s->err, &d, a->steps);
    if (d.proved) {
        s->status = SP_OK;
        s->x = memory;
        memcpy(s->x, d.best, part->n * sizeof *s->x);
        size_t first = atomic_load(&a->first);
        while (index < first && !atomic_compare_exchange_weak(&a->first, &first, index)) {
        }
    } else {
        free(memory);
    }
}

/* Values that are not finite on the way prove nothing, and are no failure. */
static sp_status finish(sp_error *err, const attack *a, size_t count, double *x, bool *found) {
    const size_t first = atomic_load(&a->first);
    *found = first < count;
    if (*found) {
        memcpy(x, a->start[first].x, a->part->n * sizeof *x);
        return SP_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const sp_status status = a->start[i].status;
        if (status != SP_OK && (status == SP_E_TIMEOUT || !sp_query_unproved(status))) {
            *err = a->start[i].err;
            return status;
        }
    }
    return SP_OK;
}

sp_status sp_verify_attack(sp_error *err, const sp_verify_part *part, double *x, bool *found,
                           size_t steps, size_t starts) {
    attack a = {.part = part, .steps = steps, .starts = starts};
    const size_t count = part->alternatives * a.starts;
    atomic_init(&a.first, SIZE_MAX);
    *found = false;
    a.start = calloc(count + 1, sizeof *a.start);
    if (a.start == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for an attack");
    }
    sp_pool_run(count, 0, work, &a);
    const sp_status status = finish(err, &a, count, x, found);
    for (size_t i = 0; i < count; i++) {
        free(a.start[i].x);
    }
    free(a.start);
    return status;
}
