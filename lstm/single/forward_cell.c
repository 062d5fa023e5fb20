/* A cell, step by step: every variable of its list, and the states once more by derivatives. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lstm/single/impl.h"

/* States are bounded again when what is off has grown by this; and multiplications for all that. */
#define GROWN 3.0
#define MOST_WORK 2e10

typedef struct place {
    const sp_single *s;
    size_t n, step, frame, H;
    double *computed; /* [2, H] */
} place;

static size_t at_of(const place *p, int variable) {
    return sp_single_at(p->s, p->n, p->frame, (size_t)variable);
}

/* The state is what it was one step before; zero before the first. */
static void take_state(const place *p, int v) {
    const sp_single *s = p->s;
    const sp_cell_steps *steps = &s->steps[p->n];
    for (size_t i = 0; p->step > 0 && i < steps->states; i++) {
        if (steps->state[i].before == v) {
            const size_t to = at_of(p, v);
            const size_t from = sp_single_at(s, p->n, sp_single_frame(s, p->n, p->step - 1),
                                             (size_t)steps->state[i].after);
            memcpy(s->lo[p->n] + to, s->lo[p->n] + from, p->H * sizeof(double));
            memcpy(s->hi[p->n] + to, s->hi[p->n] + from, p->H * sizeof(double));
            memcpy(s->error[p->n] + to, s->error[p->n] + from, p->H * sizeof(double));
        }
    }
}

static void take_image(const place *p, int v) {
    const sp_single *s = p->s;
    const sp_node *node = &s->net->node[p->n];
    const sp_cell *cell = &node->cell;
    const sp_cell_variable *image = &s->steps[p->n].variable[v];
    const double one = 1.0;
    for (size_t j = 0; j < p->H; j++) {
        const size_t row = image->block * p->H + j;
        const double bias = image->recurrent_bias ? cell->recurrent_bias[j] : cell->bias[row];
        sp_single_sums sum = {.biases = 2};
        if (image->input) {
            sp_single_add_products(&sum, cell->weight + row * cell->in, s, node->input,
                                   sp_single_input(s, node->input, p->frame), cell->in);
        }
        if (image->a != SP_NO_VARIABLE) {
            sp_single_add_products(&sum, cell->recurrent + row * p->H, s, p->n, at_of(p, image->a),
                                   p->H);
        }
        if (image->b != SP_NO_VARIABLE) {
            sp_single_add_products(&sum, &one, s, p->n, at_of(p, image->b) + j, 1);
        }
        sp_single_finish_sum(s, p->n, at_of(p, v) + j, p->computed + j, p->H, &sum, bias,
                             s->program->biases);
    }
}

static void take_product(const place *p, int v) {
    const sp_single *s = p->s;
    const sp_cell_variable *product = &s->steps[p->n].variable[v];
    for (size_t j = 0; j < p->H; j++) {
        const size_t at = at_of(p, v) + j, a = at_of(p, product->a) + j;
        const size_t b = at_of(p, product->b) + j;
        const sp_iv x = sp_single_range(s, p->n, a), y = sp_single_range(s, p->n, b);
        const sp_iv range = sp_gate_range(&product->map, (sp_box){x, y});
        sp_iv by_a, by_b;
        sp_single_partials(product, x, y, &by_a, &by_b);
        s->local[p->n][at] = sp_single_product_local(s, product, x, y);
        s->error[p->n][at] = fmax(fabs(by_a.lo), fabs(by_a.hi)) * s->error[p->n][a] +
                             fmax(fabs(by_b.lo), fabs(by_b.hi)) * s->error[p->n][b];
        p->computed[j] = range.lo;
        p->computed[p->H + j] = range.hi;
    }
}

/* n + z (h - n) in whatever form: z, n, h and their products within eight roundings. */
static double blend_local(const place *p, int v, size_t j) {
    const sp_single *s = p->s;
    const sp_cell_steps *steps = &s->steps[p->n];
    const sp_cell_variable *gated = &steps->variable[steps->variable[v].b];
    int y = v;
    while (steps->variable[y].op != SP_CELL_DIFFERENCE) {
        y--;
    }
    const sp_iv z = sp_activation_range(gated->f, sp_single_range(s, p->n, at_of(p, gated->a) + j));
    const double gate = fmax(fabs(z.lo), fabs(z.hi));
    const double h = sp_single_largest(s, p->n, at_of(p, steps->variable[y].a) + j);
    const double n = sp_single_largest(s, p->n, at_of(p, steps->variable[y].b) + j);
    return 8.0 * SP_SINGLE_UNIT * ((1.0 + gate) * n + gate * h) + 8.0 * SP_SINGLE_LOST;
}

static void take_sum(const place *p, int v) {
    const sp_single *s = p->s;
    const sp_cell_variable *sum = &s->steps[p->n].variable[v];
    const bool minus = sum->op == SP_CELL_DIFFERENCE;
    for (size_t j = 0; j < p->H; j++) {
        const size_t at = at_of(p, v) + j, a = at_of(p, sum->a) + j, b = at_of(p, sum->b) + j;
        const double lo = s->lo[p->n][a] + (minus ? -s->hi[p->n][b] : s->lo[p->n][b]);
        const double hi = s->hi[p->n][a] + (minus ? -s->lo[p->n][b] : s->hi[p->n][b]);
        s->local[p->n][at] = sp_single_round(fmax(fabs(lo), fabs(hi))) + SP_SINGLE_LOST;
        if (sum->range == SP_CELL_RANGE_BLEND) {
            s->local[p->n][at] += blend_local(p, v, j);
        }
        s->error[p->n][at] = s->error[p->n][a] + s->error[p->n][b];
        p->computed[j] = sp_below(lo);
        p->computed[p->H + j] = sp_above(hi);
    }
}

static void take_curve(const place *p, int v) {
    const sp_cell_variable *curve = &p->s->steps[p->n].variable[v];
    for (size_t j = 0; j < p->H; j++) {
        sp_single_curve_number(p->s, curve->f, p->n, at_of(p, v) + j, p->n, at_of(p, curve->a) + j,
                               p->computed + j, p->H);
    }
}

static void take_variable(const place *p, int v) {
    switch (p->s->steps[p->n].variable[v].op) {
    case SP_CELL_STATE:
        take_state(p, v);
        return;
    case SP_CELL_IMAGE:
        take_image(p, v);
        break;
    case SP_CELL_PRODUCT:
        take_product(p, v);
        break;
    case SP_CELL_CURVE:
        take_curve(p, v);
        break;
    case SP_CELL_SUM:
    case SP_CELL_DIFFERENCE:
        take_sum(p, v);
        break;
    }
    sp_single_take_range(p->s, p->n, p->frame, v, at_of(p, v), p->computed);
    sp_single_widen(p->s, p->n, at_of(p, v));
}

static double largest_state(const place *p) {
    const sp_cell_steps *steps = &p->s->steps[p->n];
    double most = 0.0;
    for (size_t i = 0; i < steps->states; i++) {
        const double *error = p->s->error[p->n] + at_of(p, steps->state[i].after);
        for (size_t j = 0; j < p->H; j++) {
            most = fmax(most, error[j]);
        }
    }
    return most;
}

/* The errors of the states are met with those that derivatives give; ranges stay. */
static sp_status tighten(sp_error *err, sp_single *s, const place *p) {
    const sp_cell_steps *steps = &s->steps[p->n];
    double *sum = calloc(steps->states * p->H, sizeof *sum);
    sp_status status = sum != NULL ? sp_single_states(err, s, sum, p->n, p->step)
                                   : sp_fail(err, SP_E_MEMORY, "out of memory for float32 errors");
    for (size_t i = 0; status == SP_OK && i < steps->states; i++) {
        const size_t at = at_of(p, steps->state[i].after);
        for (size_t j = 0; j < p->H; j++) {
            double *error = &s->error[p->n][at + j];
            const double better = sum[i * p->H + j];
            if (better < *error) {
                s->lo[p->n][at + j] += *error - better;
                s->hi[p->n][at + j] -= *error - better;
                s->lo[p->n][at + j] = sp_below(s->lo[p->n][at + j]);
                s->hi[p->n][at + j] = sp_above(s->hi[p->n][at + j]);
                *error = better;
            }
        }
    }
    free(sum);
    return status;
}

sp_status sp_single_forward_cell(sp_error *err, sp_single *s, size_t n, double *computed) {
    double grown = 0.0;
    for (size_t k = 0; k < s->frames[n]; k++) {
        const place p = {s, n, k, sp_single_frame(s, n, k), s->net->node[n].width, computed};
        if (sp_clock_passed(s->deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "the time ran out at float32 errors");
        }
        for (size_t v = 0; v < s->steps[n].count; v++) {
            take_variable(&p, (int)v);
        }
        const double now = largest_state(&p), work = sp_single_states_work(s, n, k);
        grown = k == 0 ? now : grown;
        if (!(now <= GROWN * grown) && s->work + work <= MOST_WORK) {
            s->work += work;
            SP_TRY(tighten(err, s, &p));
            grown = largest_state(&p);
        }
    }
    return SP_OK;
}
