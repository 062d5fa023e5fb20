/* Assertions in disjunctive normal form. */
#include <stdint.h>
#include <string.h>

#include "vnnlib/impl.h"

/* Numbers of constraints in all alternatives together. */
enum { MOST = 1 << 20 };

/* cubes - alternatives. None: false. One without constraints: true. */
typedef struct cubes {
    sp_vnnlib_cube *cube; /* [count] */
    size_t count;
} cubes;

static sp_status take_cubes(sp_vnnlib_reader *r, cubes *list, size_t count, size_t constraints) {
    if (count > MOST || constraints > MOST || (r->alternatives += count + constraints) > MOST) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "more than %d alternatives, when its ands are taken out of its ors", MOST);
    }
    list->count = count;
    list->cube = sp_region_take(r->memory, count + 1, sizeof *list->cube);
    return list->cube ? SP_OK : sp_vnnlib_out_of_memory(r->err);
}

static sp_status take_constraints(sp_vnnlib_reader *r, sp_vnnlib_cube *cube, size_t count) {
    cube->constraints = count;
    cube->constraint = sp_region_take(r->memory, count + 1, sizeof *cube->constraint);
    return cube->constraint ? SP_OK : sp_vnnlib_out_of_memory(r->err);
}

static size_t numbers_in(const cubes *list) {
    size_t sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        sum += list->cube[i].constraints;
    }
    return sum;
}

static sp_status join(sp_vnnlib_reader *r, cubes *list, const cubes *more) {
    const cubes old = *list;
    SP_TRY(take_cubes(r, list, old.count + more->count, 0));
    for (size_t i = 0; i < list->count; i++) {
        list->cube[i] = i < old.count ? old.cube[i] : more->cube[i - old.count];
    }
    return SP_OK;
}

static sp_status multiply(sp_vnnlib_reader *r, cubes *list, const cubes *more) {
    const cubes old = *list;
    const size_t a = numbers_in(&old), b = numbers_in(more);
    if (more->count > 0 && old.count > SIZE_MAX / MOST / more->count) {
        return take_cubes(r, list, MOST + 1, 0);
    }
    SP_TRY(take_cubes(r, list, old.count * more->count, a * more->count + b * old.count));
    for (size_t i = 0; i < list->count; i++) {
        const sp_vnnlib_cube *x = &old.cube[i / more->count], *y = &more->cube[i % more->count];
        SP_TRY(take_constraints(r, &list->cube[i], x->constraints + y->constraints));
        memcpy(list->cube[i].constraint, x->constraint, x->constraints * sizeof *x->constraint);
        memcpy(list->cube[i].constraint + x->constraints, y->constraint,
               y->constraints * sizeof *y->constraint);
    }
    return SP_OK;
}

static sp_status normalise(sp_vnnlib_reader *r, cubes *list, const sp_vnnlib_expression *e,
                           bool negated);

static sp_status normalise_comparison(sp_vnnlib_reader *r, cubes *list,
                                      const sp_vnnlib_expression *e, bool negated) {
    sp_vnnlib_comparison comparison;
    SP_TRY(sp_vnnlib_compare(r, &comparison, e, negated));
    const size_t count = comparison.either ? comparison.constraints : 1;
    SP_TRY(take_cubes(r, list, count, comparison.constraints));
    for (size_t i = 0; i < count; i++) {
        SP_TRY(take_constraints(r, &list->cube[i], comparison.constraints / count));
        memcpy(list->cube[i].constraint, comparison.constraint + i,
               list->cube[i].constraints * sizeof *list->cube[i].constraint);
    }
    return SP_OK;
}

static sp_status normalise(sp_vnnlib_reader *r, cubes *list, const sp_vnnlib_expression *e,
                           bool negated) {
    const sp_vnnlib_expression *what = e->kind == SP_VNNLIB_LIST ? e->first : NULL;
    const bool all = sp_vnnlib_is_word(what, "and"), any = sp_vnnlib_is_word(what, "or");
    if (sp_vnnlib_compares(what)) {
        return normalise_comparison(r, list, e, negated);
    }
    if (sp_vnnlib_is_word(what, "not") && what->next && !what->next->next) {
        return normalise(r, list, what->next, !negated);
    }
    if (!all && !any) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "a formula is (and ...), (or ...), or a comparison by <=, >=, <, "
                                  ">, == or !=");
    }
    const bool multiplies = all != negated;
    SP_TRY(take_cubes(r, list, multiplies ? 1 : 0, 0));
    if (multiplies) {
        SP_TRY(take_constraints(r, &list->cube[0], 0));
    }
    for (const sp_vnnlib_expression *part = what->next; part; part = part->next) {
        cubes more = {0};
        SP_TRY(normalise(r, &more, part, negated));
        SP_TRY(multiplies ? multiply(r, list, &more) : join(r, list, &more));
    }
    return SP_OK;
}

/* What holds in every alternative is kept once. */
static sp_status take_common(sp_vnnlib_reader *r, const sp_vnnlib_comparison *comparison) {
    sp_vnnlib_cube *common = &r->query->common;
    for (size_t i = 0; i < comparison->constraints; i++) {
        const size_t count = common->constraints;
        if ((count & (count - 1)) == 0) { // the room is a power of two
            size_t *grown = sp_region_take(r->memory, 2 * count + 1, sizeof *grown);
            if (grown == NULL) {
                return sp_vnnlib_out_of_memory(r->err);
            }
            if (count > 0) {
                memcpy(grown, common->constraint, count * sizeof *grown);
            }
            common->constraint = grown;
        }
        common->constraint[common->constraints++] = comparison->constraint[i];
    }
    return SP_OK;
}

sp_status sp_vnnlib_assert(sp_vnnlib_reader *r, const sp_vnnlib_expression *formula) {
    const sp_vnnlib_expression *what = formula->kind == SP_VNNLIB_LIST ? formula->first : NULL;
    if (sp_vnnlib_is_word(what, "and")) {
        for (const sp_vnnlib_expression *part = what->next; part; part = part->next) {
            SP_TRY(sp_vnnlib_assert(r, part));
        }
        return SP_OK;
    }
    if (sp_vnnlib_compares(what) && strcmp(what->text, "!=") != 0) {
        sp_vnnlib_comparison comparison;
        SP_TRY(sp_vnnlib_compare(r, &comparison, formula, false));
        return take_common(r, &comparison);
    }
    cubes list = {r->query->cube, r->query->cubes}, more = {0};
    SP_TRY(normalise(r, &more, formula, false));
    SP_TRY(multiply(r, &list, &more));
    r->query->cube = list.cube;
    r->query->cubes = list.count;
    return SP_OK;
}
