/* The parts of a query: alternatives that leave the inputs the same box belong together, as one
 * pass over a network bounds what all of them say of the outputs. */
#include <math.h>
#include <string.h>

#include "base/interval.h"
#include "vnnlib/impl.h"

typedef struct sorting {
    sp_vnnlib_reader *r;
    sp_vnnlib_case common, own; /* without `outputs`; own: of the cube at hand */
    size_t *linear;             /* [constraints] memory of own.inputs */
    bool impossible;            /* the cube at hand cannot hold */
} sorting;

static sp_status take_case(sp_vnnlib_reader *r, sp_vnnlib_case *c) {
    const size_t n = r->query->input.size;
    c->lo = sp_region_take(r->memory, 4 * n, sizeof *c->lo);
    if (c->lo == NULL) {
        return sp_vnnlib_out_of_memory(r->err);
    }
    c->hi = c->lo + n;
    c->least = c->hi + n;
    c->most = c->least + n;
    return SP_OK;
}

static void copy_box(sp_vnnlib_case *to, const sp_vnnlib_case *from, size_t n) {
    memcpy(to->lo, from->lo, 4 * n * sizeof *to->lo);
}

/* x <= bound / c, of c > 0; of c < 0 it is x >= bound / c, which the signs turn round. */
static void narrow(sp_vnnlib_case *box, size_t i, double c, const sp_vnnlib_constraint *of) {
    const double sign = c < 0.0 ? -1.0 : 1.0, size = fabs(c);
    const double limit = of->bound / size;
    const double step = of->strict ? nextafter(limit, -INFINITY) : limit;
    const double outer =
        of->error == 0.0 && size == 1.0 ? limit : sp_above(sp_above(of->bound + of->error) / size);
    if (sign > 0.0) {
        box->hi[i] = fmin(box->hi[i], outer);
        box->most[i] = fmin(box->most[i], step);
    } else {
        box->lo[i] = fmax(box->lo[i], -outer);
        box->least[i] = fmax(box->least[i], -step);
    }
}

/* A constraint without terms: 0 <= bound. */
static bool is_false(const sp_vnnlib_constraint *c) {
    const double most = c->bound + c->error;
    return c->terms == 0 && (c->strict ? most <= 0.0 : most < 0.0);
}

/* What a constraint says of the inputs alone; false: it speaks of outputs. */
static bool take_constraint(sorting *s, sp_vnnlib_case *to, size_t number) {
    const sp_vnnlib_constraint *c = &s->r->query->constraint[number];
    if (c->outputs) {
        return false;
    }
    s->impossible = s->impossible || is_false(c);
    if (c->terms == 1 && c->term[0].error == 0.0) {
        narrow(to, c->term[0].variable, c->term[0].coefficient, c);
    } else {
        to->inputs.constraint[to->inputs.constraints++] = number;
    }
    return true;
}

static sp_status start(sorting *s) {
    sp_vnnlib *query = s->r->query;
    const size_t n = query->input.size, all = query->constraints + 1;
    SP_TRY(take_case(s->r, &s->common));
    SP_TRY(take_case(s->r, &s->own));
    s->common.inputs.constraint = sp_region_take(s->r->memory, all, sizeof(size_t));
    s->linear = sp_region_take(s->r->memory, all, sizeof(size_t));
    if (!s->common.inputs.constraint || !s->linear) {
        return sp_vnnlib_out_of_memory(s->r->err);
    }
    for (size_t i = 0; i < n; i++) {
        s->common.lo[i] = s->common.least[i] = -INFINITY;
        s->common.hi[i] = s->common.most[i] = INFINITY;
    }
    for (size_t k = 0; k < query->common.constraints; k++) {
        (void)take_constraint(s, &s->common, query->common.constraint[k]);
    }
    return SP_OK;
}

static bool is_empty(const sp_vnnlib_case *box, size_t n) {
    bool empty = false;
    for (size_t i = 0; i < n; i++) {
        empty = empty || !(box->lo[i] <= box->hi[i]);
    }
    return empty;
}

static sp_status check_bounded(sp_vnnlib_reader *r, const sp_vnnlib_case *box) {
    for (size_t i = 0; i < r->query->input.size; i++) {
        if (!isfinite(box->lo[i]) || !isfinite(box->hi[i])) {
            char name[SP_VNNLIB_NAME + 64];
            sp_vnnlib_variable(name, sizeof name, r->query, i);
            return sp_fail(r->err, SP_E_UNSUPPORTED,
                           "no assertion gives %s a%s bound: inputs between two numbers are "
                           "verified",
                           name, isfinite(box->hi[i]) ? " lower" : "n upper");
        }
    }
    return SP_OK;
}

static bool same_inputs(const sp_vnnlib_case *a, const sp_vnnlib_case *b, size_t n) {
    return a->inputs.constraints == b->inputs.constraints &&
           memcmp(a->lo, b->lo, 4 * n * sizeof *a->lo) == 0 &&
           memcmp(a->inputs.constraint, b->inputs.constraint,
                  a->inputs.constraints * sizeof *a->inputs.constraint) == 0;
}

/* The part whose inputs are those of the cube at hand. */
static sp_status find_part(sorting *s, sp_vnnlib_case **part) {
    sp_vnnlib *query = s->r->query;
    const size_t n = query->input.size;
    for (size_t k = query->parts; k-- > 0;) {
        if (same_inputs(&query->part[k], &s->own, n)) {
            *part = &query->part[k];
            return SP_OK;
        }
    }
    SP_TRY(check_bounded(s->r, &s->own));
    *part = &query->part[query->parts];
    SP_TRY(take_case(s->r, *part));
    copy_box(*part, &s->own, n);
    const size_t count = s->own.inputs.constraints;
    (*part)->inputs.constraints = count;
    (*part)->inputs.constraint = sp_region_take(s->r->memory, count + 1, sizeof(size_t));
    (*part)->outputs = sp_region_take(s->r->memory, query->cubes, sizeof *(*part)->outputs);
    if (!(*part)->inputs.constraint || !(*part)->outputs) {
        return sp_vnnlib_out_of_memory(s->r->err);
    }
    memcpy((*part)->inputs.constraint, s->own.inputs.constraint, count * sizeof(size_t));
    query->parts++;
    return SP_OK;
}

/* What the cube says of outputs, with what all cubes say. */
static sp_status take_outputs(sorting *s, sp_vnnlib_cube *to, const sp_vnnlib_cube *cube) {
    const sp_vnnlib *query = s->r->query;
    const sp_vnnlib_cube *const from[] = {&query->common, cube};
    to->constraint = sp_region_take(s->r->memory, query->common.constraints + cube->constraints + 1,
                                    sizeof *to->constraint);
    if (to->constraint == NULL) {
        return sp_vnnlib_out_of_memory(s->r->err);
    }
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < from[k]->constraints; i++) {
            if (query->constraint[from[k]->constraint[i]].outputs) {
                to->constraint[to->constraints++] = from[k]->constraint[i];
            }
        }
    }
    return SP_OK;
}

static sp_status sort_cube(sorting *s, const sp_vnnlib_cube *cube) {
    const size_t n = s->r->query->input.size, common = s->common.inputs.constraints;
    sp_vnnlib_case *part = NULL;
    copy_box(&s->own, &s->common, n);
    s->own.inputs = (sp_vnnlib_cube){s->linear, common};
    memcpy(s->linear, s->common.inputs.constraint, common * sizeof *s->linear);
    for (size_t i = 0; i < cube->constraints; i++) {
        (void)take_constraint(s, &s->own, cube->constraint[i]);
    }
    if (s->impossible || is_empty(&s->own, n)) {
        return SP_OK;
    }
    SP_TRY(find_part(s, &part));
    return take_outputs(s, &part->outputs[part->alternatives++], cube);
}

sp_status sp_vnnlib_cases(sp_vnnlib_reader *r) {
    sp_vnnlib *query = r->query;
    sorting s = {.r = r};
    query->part = sp_region_take(r->memory, query->cubes + 1, sizeof *query->part);
    if (query->part == NULL) {
        return sp_vnnlib_out_of_memory(r->err);
    }
    SP_TRY(start(&s));
    const bool impossible = s.impossible;
    for (size_t i = 0; i < query->cubes; i++) {
        s.impossible = impossible;
        SP_TRY(sort_cube(&s, &query->cube[i]));
    }
    return SP_OK;
}
