/* Bounds of constraints over a box of inputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interval.h"
#include "certify/verify/verify_search.h"

/* The box as a middle and radii, rounded up, in the order of the sequence. */
static void centre(const sp_verify_part *part, double *middle, double *radius, const double *lo,
                   const double *hi) {
    for (size_t i = 0; i < part->n; i++) {
        const double x =
            lo[i] < hi[i] ? fmin(fmax(lo[i] + 0.5 * (hi[i] - lo[i]), lo[i]), hi[i]) : lo[i];
        const double r = fmax(hi[i] - x, x - lo[i]);
        middle[part->place[i]] = x;
        radius[part->place[i]] = r > 0.0 ? sp_above(r) : 0.0;
    }
}

static sp_status bound_front(sp_error *err, const sp_verify_part *part, sp_front_bound *front,
                             sp_noise *noise, double *middle, const double *lo, const double *hi) {
    SP_TRY(sp_noise_box(err, noise, part->n, 0.0));
    centre(part, middle, noise->radius, lo, hi);
    return sp_front_bound_until(err, front, part->pipeline->forms, middle, part->n, noise,
                                part->deadline);
}

/* Lines whose slopes go to slope [rows, n], in the order of the sequence. */
static sp_halfspace *make_lines(double *slope, size_t rows, size_t n) {
    sp_halfspace *line = slope ? calloc(rows + 1, sizeof *line) : NULL;
    for (size_t r = 0; line && r < rows; r++) {
        line[r].slope = slope + r * n;
    }
    return line;
}

/* From the order of the sequence to that of the query.   spare [n] */
static void sort_slopes(const sp_verify_part *part, double *slope, size_t rows, double *spare) {
    for (size_t r = 0; slope && r < rows; r++) {
        memcpy(spare, slope + r * part->n, part->n * sizeof *spare);
        for (size_t i = 0; i < part->n; i++) {
            slope[r * part->n + i] = spare[part->place[i]];
        }
    }
}

sp_status sp_verify_margins(sp_error *err, const sp_verify_part *part, double *lower, double *slope,
                            const double *lo, const double *hi, const sp_method_pass *pass,
                            const double *weight, const double *goal, size_t rows) {
    const bool single = part->pipeline->arithmetic == SP_ARITHMETIC_FLOAT32;
    sp_front_bound front = {0};
    sp_noise noise = {0};
    double *memory = malloc((part->n + 2 * rows + 1) * sizeof *memory);
    sp_halfspace *line = make_lines(slope, rows, part->n);
    if (memory == NULL || (slope != NULL && line == NULL)) {
        free(memory);
        free(line);
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu inputs", part->n);
    }
    const sp_front_bound *const fronts = &front;
    sp_margins margins = {.net = part->pipeline->net,
                          .front = &fronts,
                          .clips = 1,
                          .rows = rows,
                          .weight = weight,
                          .pass = pass,
                          .goal = goal,
                          .deadline = part->deadline,
                          .lower = lower,
                          .error = memory + part->n,
                          .term = memory + part->n + rows,
                          .line = line,
                          .program = single ? &part->pipeline->program : NULL,
                          .float32 = single};
    sp_status status = bound_front(err, part, &front, &noise, memory, lo, hi);
    if (status == SP_OK) {
        status = sp_margins_bound(err, &margins);
    }
    if (status == SP_OK) {
        sort_slopes(part, slope, rows, memory);
    }
    sp_front_bound_clear(&front);
    sp_noise_clear(&noise);
    free(memory);
    free(line);
    return status;
}

/* ---- constraints of the query ---- */

/* The sum of the terms of inputs over the box. */
static sp_iv inputs_of(const sp_vnnlib_constraint *c, size_t n, const double *lo,
                       const double *hi) {
    sp_iv sum = {0.0, 0.0};
    for (size_t i = 0; i < c->terms; i++) {
        const size_t v = c->term[i].variable;
        if (v < n) {
            const sp_iv weight = {c->term[i].coefficient, c->term[i].coefficient};
            sum = sp_iv_add(sum, sp_iv_mul(weight, sp_iv_make(lo[v], hi[v])));
        }
    }
    return sum;
}

static bool has_inputs(const sp_vnnlib_constraint *c, size_t n) {
    return c->terms > 0 && c->term[0].variable < n; // terms stand in the order of variables
}

/* What stands beside weight . y in row - limit at least, in limit - row for `met`. */
static double rest_of(const sp_verify_part *part, const sp_verify_row *row,
                      const sp_verify_bounds *b) {
    const double limit = b->met ? row->slack == 0.0 ? row->limit : sp_below(row->limit - row->slack)
                         : row->slack == 0.0 ? -row->limit
                                             : -sp_above(row->limit + row->slack);
    if (!has_inputs(row->constraint, part->n)) {
        return limit;
    }
    const sp_iv sum = inputs_of(row->constraint, part->n, b->lo, b->hi);
    return sp_below(b->met ? limit - sum.hi : limit + sum.lo);
}

sp_status sp_verify_bound(sp_error *err, const sp_verify_part *part, double *lower, double *slope,
                          const sp_verify_bounds *b) {
    const size_t C = part->classes;
    double *memory = malloc((b->rows * (C + 2) + 1) * sizeof *memory);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu constraints", b->rows);
    }
    double *goal = memory + b->rows * C, *rest = goal + b->rows;
    for (size_t r = 0; r < b->rows; r++) {
        const sp_verify_row *row = &part->row[b->row[r]];
        for (size_t k = 0; k < C; k++) {
            memory[r * C + k] = b->met ? -row->weight[k] : row->weight[k];
        }
        rest[r] = rest_of(part, row, b);
        goal[r] = -rest[r] + 0x1p-40 * fabs(rest[r]);
        lower[r] = -INFINITY;
    }
    const bool single = part->pipeline->arithmetic == SP_ARITHMETIC_FLOAT32;
    const sp_status status = sp_verify_margins(err, part, lower, slope, b->lo, b->hi, b->pass,
                                               memory, single ? NULL : goal, b->rows);
    for (size_t r = 0; r < b->rows; r++) {
        lower[r] = status == SP_OK ? sp_below(lower[r] + rest[r]) : -INFINITY;
    }
    free(memory);
    return status;
}

/* ---- linear constraints of inputs ---- */

/* Cuts every input of the sum by what the others leave it; false: nothing is left. */
static bool shrink_by(const sp_vnnlib_constraint *c, double *lo, double *hi) {
    double least = 0.0; // of the whole sum, with what rounding of the file's numbers can add
    for (size_t i = 0; i < c->terms; i++) {
        const sp_vnnlib_term *t = &c->term[i];
        const size_t v = t->variable;
        const sp_iv weight = {sp_below(t->coefficient - t->error),
                              sp_above(t->coefficient + t->error)};
        least = sp_below(least + sp_iv_mul(weight, sp_iv_make(lo[v], hi[v])).lo);
    }
    const double limit = sp_above(c->bound + c->error);
    if (least > limit) {
        return false;
    }
    for (size_t i = 0; i < c->terms; i++) {
        const sp_vnnlib_term *t = &c->term[i];
        const size_t v = t->variable;
        if (t->error > 0.0 || !isfinite(least)) {
            continue;
        }
        // the sum without this term is at least `others`
        const double a = t->coefficient;
        const double others = sp_below(least - sp_above(a > 0.0 ? a * lo[v] : a * hi[v]));
        const double room = sp_above(limit - others);
        if (a > 0.0) {
            hi[v] = fmin(hi[v], sp_above(room / a));
        } else {
            lo[v] = fmax(lo[v], sp_below(room / a));
        }
        if (!(lo[v] <= hi[v])) {
            return false;
        }
    }
    return true;
}

bool sp_verify_shrink(const sp_verify_part *part, double *lo, double *hi) {
    const sp_vnnlib_cube *linear = &part->inputs->inputs;
    for (size_t i = 0; i < linear->constraints; i++) {
        if (!shrink_by(&part->query->constraint[linear->constraint[i]], lo, hi)) {
            return false;
        }
    }
    return true;
}
