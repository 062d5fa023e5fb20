/* Private to lstm/single/: ranges and errors of all variables, and how slopes go back. */
#ifndef SP_LSTM_SINGLE_IMPL_H
#define SP_LSTM_SINGLE_IMPL_H

#include <math.h>

#include "base/interval.h"
#include "lstm/single/single.h"

/* One rounding, and what underflow may lose of a number, flushed to zero or not. */
#define SP_SINGLE_UNIT 0x1p-24
#define SP_SINGLE_LOST 0x1p-126
/* Doubles of this file stand for reals with far less than this, relatively. */
#define SP_SINGLE_SLACK 0x1p-30

/** sp_single - what is known of the variables of every node at every frame: of a cell those of its
 *  steps, of other nodes their numbers. Arrays are [frames, variables, width]. */
typedef struct sp_single {
    const sp_single_program *program;
    const sp_net *net;
    const sp_domain *domain;
    void *bounds;
    size_t source;
    size_t *frames;       /* [nodes] owned; 0: the output does not depend on it */
    sp_cell_steps *steps; /* [nodes] owned; of cells */
    size_t *variables;    /* [nodes] owned */
    /* [nodes] owned. Every number of a run between the real one and the program's lies in lo .. hi
     * and within `error` of the real one; `local` is what its own operation is off by */
    double **lo, **hi, **error, **local;
    double *most, *least; /* [room] owned: of the terms of the sum at hand */
    double work, deadline;
} sp_single;

/** sp_single_round - the most that rounding a number of at most this size to a float moves it: half
 *  a unit in the last place of the power of two below. */
static inline double sp_single_round(double size) {
    const double above = size * (1.0 + SP_SINGLE_SLACK);
    int power = 0;
    (void)frexp(above, &power);
    return !(above < INFINITY) ? INFINITY // NaN too
           : above > 0.0       ? SP_SINGLE_UNIT * ldexp(1.0, power - 1) + SP_SINGLE_LOST
                               : 0.0;
}

static inline size_t sp_single_at(const sp_single *s, size_t node, size_t frame, size_t variable) {
    return (frame * s->variables[node] + variable) * s->net->node[node].width;
}
static inline double sp_single_largest(const sp_single *s, size_t node, size_t at) {
    return fmax(fabs(s->lo[node][at]), fabs(s->hi[node][at]));
}
static inline sp_iv sp_single_range(const sp_single *s, size_t node, size_t at) {
    return sp_iv_make(s->lo[node][at], s->hi[node][at]);
}
/** sp_single_input - where the numbers of a node that another one reads stand at a frame. */
static inline size_t sp_single_input(const sp_single *s, size_t input, size_t frame) {
    return sp_single_at(s, input, frame,
                        s->steps[input].count > 0 ? (size_t)s->steps[input].output : 0);
}
/** sp_single_frame - the frame of step k of a cell. */
static inline size_t sp_single_frame(const sp_single *s, size_t node, size_t step) {
    return s->net->node[node].cell.reverse ? s->frames[node] - 1 - step : step;
}

/* ---- functions of one and two numbers (local.c) ---- */

/** sp_single_known - whether the curve is analysed. sp_single_slope - the slopes of a curve
 *  between any two points of x. */
bool sp_single_known(sp_activation f);
sp_iv sp_single_slope(sp_activation f, sp_iv x);
/** sp_single_partials - the derivatives of a product by its two operands. */
void sp_single_partials(const sp_cell_variable *v, sp_iv a, sp_iv b, sp_iv *by_a, sp_iv *by_b);
/** sp_single_curve_local, sp_single_product_local - what the program's value is off by at most. */
double sp_single_curve_local(const sp_single *s, sp_activation f, sp_iv x);
double sp_single_product_local(const sp_single *s, const sp_cell_variable *v, sp_iv a, sp_iv b);

/* ---- one number (number.c) ---- */

/** sp_single_take_range - the range that the domain has proved, or `computed` [2, width] where it
 *  has none. sp_single_widen - by what is inherited, which stands in `error`, and local. */
void sp_single_take_range(const sp_single *s, size_t n, size_t frame, int variable, size_t at,
                          const double *computed);
void sp_single_widen(const sp_single *s, size_t n, size_t at);

/** sp_single_sums - a sum of products, whose terms lie in s->least .. s->most. spare: roundings of
 *  the whole sum besides additions. products: what rounding each of them moves. biases: 1, or two
 *  of which the net has the sum. */
typedef struct sp_single_sums {
    double mass, products, error, lo, hi;
    size_t terms, spare, biases;
} sp_single_sums;
/** sp_single_add_products - weight times `count` numbers of a node from `from` on.
 *  sp_single_finish_sum - with its bias: local error, inherited error and range. */
void sp_single_add_products(sp_single_sums *to, const double *weight, const sp_single *s,
                            size_t node, size_t from, size_t count);
void sp_single_finish_sum(const sp_single *s, size_t n, size_t at, double *computed, size_t width,
                          sp_single_sums *sum, double bias, double extra);
/** sp_single_curve_number - number `at` of node n is a curve of number `from` of node `input`. */
void sp_single_curve_number(const sp_single *s, sp_activation f, size_t n, size_t at, size_t input,
                            size_t from, double *computed, size_t width);

/** sp_single_forward_cell - all steps of a cell.   I scratch computed [2, width] */
SP_NODISCARD sp_status sp_single_forward_cell(sp_error *err, sp_single *s, size_t n,
                                              double *computed);

/* ---- back (back.c) ---- */

/** sp_single_output - sums over all local errors, weighted by the largest absolute derivative of
 *  each row of linear objectives of the output.   O sum [rows] */
SP_NODISCARD sp_status sp_single_output(sp_error *err, const sp_single *s, double *sum,
                                        const double *weight, size_t rows);
/** sp_single_states - the same of the states of a cell after a step.   O sum [states, width] */
SP_NODISCARD sp_status sp_single_states(sp_error *err, const sp_single *s, double *sum, size_t node,
                                        size_t step);
/** sp_single_states_work - multiplications that it takes, about. */
double sp_single_states_work(const sp_single *s, size_t node, size_t step);

#endif
