/* The constraints of a part of a query as rows of weights of the network's outputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interval.h"
#include "certify/verify/verify_search.h"

static sp_status out_of_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "out of memory for the constraints of a query");
}

/* ---- alternatives ---- */

static size_t numbers_in(const sp_vnnlib_case *inputs) {
    size_t sum = 0;
    for (size_t a = 0; a < inputs->alternatives; a++) {
        sum += inputs->outputs[a].constraints;
    }
    return sum;
}

/* row_of [constraints] - the row of a constraint plus 1; 0: it has none yet. */
static void list_rows(sp_verify_part *part, size_t *row_of) {
    size_t *number = part->numbers;
    for (size_t a = 0; a < part->alternatives; a++) {
        const sp_vnnlib_cube *cube = &part->inputs->outputs[a];
        part->alternative[a] = (sp_verify_alternative){number, cube->constraints};
        for (size_t i = 0; i < cube->constraints; i++) {
            size_t *row = &row_of[cube->constraint[i]];
            if (*row == 0) {
                part->row[part->rows].constraint = &part->query->constraint[cube->constraint[i]];
                *row = ++part->rows;
            }
            *number++ = *row - 1;
        }
    }
}

static sp_status take_rows(sp_error *err, sp_verify_part *part) {
    const size_t all = part->query->constraints + 1, numbers = numbers_in(part->inputs);
    const size_t most = numbers < all ? numbers : all;
    size_t *row_of = calloc(all, sizeof *row_of);
    part->alternatives = part->inputs->alternatives;
    part->alternative = calloc(part->alternatives + 1, sizeof *part->alternative);
    part->numbers = calloc(numbers + 1, sizeof *part->numbers);
    part->row = calloc(most + 1, sizeof *part->row);
    const bool taken = row_of && part->alternative && part->numbers && part->row;
    if (taken) {
        list_rows(part, row_of);
        part->weight = calloc(part->rows * part->classes + 1, sizeof *part->weight);
    }
    free(row_of);
    return taken && part->weight ? SP_OK : out_of_memory(err);
}

/* ---- what is rounded ---- */

static double largest_input(const sp_verify_part *part, size_t i) {
    return fmax(fabs(part->inputs->lo[i]), fabs(part->inputs->hi[i]));
}

/* At least |y_k| for all inputs, by intervals; +inf where these know none.   O most [classes] */
static sp_status bound_outputs(sp_error *err, const sp_verify_part *part, double *most) {
    const size_t C = part->classes;
    double *weight = calloc(2 * C * (C + 1), sizeof *weight);
    if (weight == NULL) {
        return out_of_memory(err);
    }
    double *lower = weight + 2 * C * C;
    for (size_t k = 0; k < C; k++) {
        weight[2 * k * C + k] = 1.0;
        weight[(2 * k + 1) * C + k] = -1.0;
        lower[2 * k] = lower[2 * k + 1] = -INFINITY;
    }
    sp_status status = sp_verify_margins(err, part, lower, NULL, part->inputs->lo, part->inputs->hi,
                                         sp_method_find("ibp")->pass, weight, NULL, 2 * C);
    for (size_t k = 0; k < C; k++) {
        most[k] = fmax(-lower[2 * k], -lower[2 * k + 1]);
        most[k] = status == SP_OK && most[k] >= 0.0 ? most[k] : INFINITY;
    }
    free(weight);
    return sp_query_unproved(status) && status != SP_E_TIMEOUT ? SP_OK : status;
}

static bool has_rounded_weights(const sp_verify_part *part) {
    bool any = false;
    for (size_t r = 0; r < part->rows; r++) {
        const sp_vnnlib_constraint *c = part->row[r].constraint;
        for (size_t i = 0; i < c->terms; i++) {
            any = any || (c->term[i].variable >= part->n && c->term[i].error > 0.0);
        }
    }
    return any;
}

static void fill_row(const sp_verify_part *part, size_t r, const double *most) {
    sp_verify_row *row = &part->row[r];
    const sp_vnnlib_constraint *c = row->constraint;
    double *weight = part->weight + r * part->classes;
    row->limit = c->bound;
    row->slack = c->error;
    row->weight = weight;
    for (size_t i = 0; i < c->terms; i++) {
        const sp_vnnlib_term *t = &c->term[i];
        const bool output = t->variable >= part->n;
        if (output) {
            weight[t->variable - part->n] = t->coefficient;
        }
        if (t->error > 0.0) {
            const double size =
                output ? most[t->variable - part->n] : largest_input(part, t->variable);
            row->slack = sp_above(row->slack + sp_above(t->error * size));
        }
    }
}

sp_status sp_verify_part_init(sp_error *err, sp_verify_part *part) {
    double *most = NULL;
    part->classes = part->pipeline->net->classes;
    SP_TRY(take_rows(err, part));
    most = calloc(part->classes + 1, sizeof *most);
    sp_status status = most ? SP_OK : out_of_memory(err);
    if (status == SP_OK && has_rounded_weights(part)) {
        status = bound_outputs(err, part, most);
    }
    for (size_t r = 0; r < part->rows && status == SP_OK; r++) {
        fill_row(part, r, most);
    }
    free(most);
    return status;
}

void sp_verify_part_clear(sp_verify_part *part) {
    free(part->row);
    free(part->weight);
    free(part->alternative);
    free(part->numbers);
    part->row = NULL;
    part->weight = NULL;
    part->alternative = NULL;
    part->numbers = NULL;
}
