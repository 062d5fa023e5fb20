/* Private to lstm/: the interface of a kind of layer, one file each, and what their walks share. */
#ifndef SP_LSTM_LAYERS_H
#define SP_LSTM_LAYERS_H

#include "lstm/impl.h"

/** sp_layer_ops - what a kind of layer does at one step. */
typedef struct sp_layer_ops {
    sp_shape (*shape)(const sp_layer *layer);
    /* Fills the state of the layer at step t: boxes of its variables by intervals and
     * back-substitution, its relaxations, the box of its output. */
    sp_status (*bound)(sp_error *err, sp_bounds *bounds, size_t t, size_t layer);
    /* From coefficients on the output to those on the layer below. Recurrent layers keep those on
     * the step before in ws->pending; `above.w` is NULL when no layer above reads step t. */
    sp_rows (*back)(sp_walk *walk, size_t l, size_t t, sp_rows above);
    /* The values of the output along the relaxations that the rows chose, from those of the layer
     * below; the products and lines that were passed are chosen anew. */
    sp_rows (*value)(sp_walk *walk, size_t l, size_t t, sp_rows in, size_t iteration);
    /* Recurrent layers only: `back` for rows that start on variables inside the layer, and the
     * arguments of product k. */
    sp_rows (*start)(sp_walk *walk, size_t l, size_t t);
    sp_arguments (*arguments)(const sp_bounds *bounds, size_t t, size_t layer, size_t k);
} sp_layer_ops;

extern const sp_layer_ops sp_affine_ops, sp_relu_ops, sp_lstm_ops, sp_gru_ops, sp_rnn_ops;
const sp_layer_ops *sp_layer_ops_of(const sp_layer *layer);

/* ---- boxes and relaxations, for all clips ---- */

/** sp_bound_image - the operation `interval` with all of its arguments but the clips. */
void sp_bound_image(sp_bounds *bounds, const sp_gpu_interval_args *image);
/** sp_bound_activation - the operation `activate`: lo, hi [n] = from + f(x) y. */
void sp_bound_activation(sp_bounds *bounds, size_t n, sp_activation f, sp_gpu_range x,
                         sp_gpu_range y, sp_gpu_range from, double *lo, double *hi);
/** sp_bound_affine - the interval image of the layer's input and, behind a first step, of its state
 *  at t-1 by its weights, and the state's omega. */
void sp_bound_affine(sp_bounds *bounds, size_t t, size_t layer, double *lo, double *hi);
/** sp_bound_planes - menu k of the layer at step t by the rule of the bounds. */
sp_status sp_bound_planes(sp_error *err, sp_bounds *bounds, size_t t, size_t layer, size_t k,
                          const sp_gpu_factor *of);
/** sp_bound_lines - menu k of the layer at step t, lines of the curve f over the intervals x, by
 *  the rule of the bounds. */
void sp_bound_lines(sp_bounds *bounds, size_t t, size_t layer, size_t k, sp_activation f,
                    sp_gpu_range x);
/** sp_bound_ranges - lo, hi [n]: the ranges of one or two products, added up; second may be NULL or
 *  hold no boxes. */
void sp_bound_ranges(sp_bounds *bounds, size_t n, const sp_gpu_factor *first,
                     const sp_gpu_factor *second, double *lo, double *hi);
/** sp_bound_boxes - intervals [n] of variables, met with their bounds by back-substitution where
 *  the rule has them; collapsed for tangents. sp_bound_cuts - sp_cut_rows where boxes are cut. */
void sp_bound_boxes(sp_bounds *bounds, sp_box_kind kind, const sp_start *at, size_t first, size_t n,
                    double *lo, double *hi);
void sp_bound_cuts(sp_bounds *bounds, const sp_start *at, size_t first, size_t end);

/* ---- walking back ---- */

static const sp_rows sp_no_rows = {NULL, 0};

/** sp_walk_cross - the buffer [rows, n] that layers without state write next. */
double *sp_walk_cross(sp_walk *walk);
/** sp_walk_multiply - c [rows, n] = a [rows, k] b [k, n] + beta c, in single precision where b is
 *  kept so. omega [k] >= |b| |v| of the variables v of the columns; |a| omega is in the rows' mass.
 */
void sp_walk_multiply(sp_walk *walk, size_t n, size_t k, sp_rows a, const double *omega,
                      const double *b, size_t ldb, double beta, double *c, size_t ldc);
/* In single precision (single.c). */

/** sp_single_is_of_use - whether rows meet matrices in single precision. */
bool sp_single_is_of_use(const sp_front_bound *front, const sp_bounds_options *options);
/** sp_single_size - numbers of matrix `index` of bounds->single; 0: there is none. sp_single_take -
 *  rounds it into buffer and sends it. sp_single_of - the float that stands for an entry of a
 *  matrix that walks read; NULL: it is read in double, some number of the matrix does not fit. */
size_t sp_single_size(const sp_net *net, size_t index);
void sp_single_take(sp_bounds *bounds, size_t index, const double *matrix, float *buffer);
const float *sp_single_of(const sp_bounds *bounds, const double *matrix);
/** sp_single_forms - the forms of a clip; false: some number does not fit. */
bool sp_single_forms(const sp_front_bound *front, float *to);

/** sp_single_product - c [rows, n] = a [rows, k] b [k, n], or += for add. The rows of `count`
 *  clips follow each other, their matrices b stand `step` floats apart. */
typedef struct sp_single_product {
    size_t n, k, count, step, ldb, ldc;
    sp_rows a;
    const double *omega; /* [k] clip */
    const float *b;
    bool add;
    double *c;
} sp_single_product;
void sp_single_multiply(sp_walk *walk, const sp_single_product *product);

/** sp_signs_of - the signs of a row; NULL where rows do not choose. */
unsigned char *sp_signs_of(const sp_walk *walk, size_t row);
/** sp_walk_at - the clips that the rows belong to. */
sp_gpu_rows sp_walk_at(const sp_walk *walk);
/** sp_walk_affine - rows that pass n affine outputs: bias += a . b, mass += |a| . omega. */
void sp_walk_affine(sp_walk *walk, size_t n, sp_rows a, const double *b, const double *omega);
/** sp_walk_scalars - coefficients on n scalars to those on the arguments of their lines. */
void sp_walk_scalars(sp_walk *walk, sp_rows in, const sp_gpu_menu *lines, bool split, double *x,
                     size_t ldx);
/** sp_walk_product - from coefficients on product k of layer l at step t to those on its
 *  arguments. */
void sp_walk_product(sp_walk *walk, size_t l, size_t t, size_t k, sp_rows in, double *x, size_t ldx,
                     double *y, size_t ldy, bool add);
/** sp_walk_lines - the same for a curve of one variable; x may be in.w. */
void sp_walk_lines(sp_walk *walk, size_t l, size_t t, size_t k, sp_rows in, double *x, size_t ldx);
/** sp_walk_set - a [rows, columns] = from, or 0. */
void sp_walk_set(sp_walk *walk, double *a, size_t columns, size_t ld, sp_rows from);
/** sp_walk_add - to [rows, n] = a + b or, for `minus`, a - b; `to` may be a or b. */
void sp_walk_add(sp_walk *walk, size_t n, sp_rows a, sp_rows b, bool minus, double *to, size_t ldt);
/** sp_walk_hidden - coefficients on h_t of layer l: those from the layer above and those kept from
 *  step t+1. */
sp_rows sp_walk_hidden(sp_walk *walk, size_t l, size_t t, sp_rows above);

/* ---- walking forward ---- */

/** sp_walk_weigh - out [rows, n] += in [rows, k] weights^T. */
void sp_walk_weigh(sp_walk *walk, size_t n, size_t k, sp_rows in, const double *weight, size_t ldw,
                   double *out, size_t ldo);
/** sp_walk_bias_value - bias [n] into every row of out. */
void sp_walk_bias_value(sp_walk *walk, size_t n, const double *bias, double *out, size_t ldo);
/** sp_walk_affine_value - out [rows, n] = in [rows, k] weights^T + bias. */
void sp_walk_affine_value(sp_walk *walk, size_t n, size_t k, sp_rows in, const double *weight,
                          size_t ldw, const double *bias, double *out);
/** sp_argument_value - values of the arguments of n products, and their boxes. */
typedef struct sp_argument_value {
    sp_rows value;
    sp_gpu_range box;
} sp_argument_value;
/** sp_walk_menu_value - out = the chosen entries at x and y (lines: at x alone); out may be x.
 *  sp_walk_menu_choose - new entries at the damped values (ops.h, choose). */
void sp_walk_menu_value(sp_walk *walk, const sp_gpu_menu *menu, const int *choice, sp_rows x,
                        sp_rows y, double *out, size_t ldo);
void sp_walk_menu_choose(sp_walk *walk, const sp_gpu_menu *menu, sp_argument_value x,
                         sp_argument_value y, size_t iteration, float *anchor, int *choice);
/** sp_walk_product_value - values of product k into out (added to it for `add`), then its new
 *  choice. out may be y. */
void sp_walk_product_value(sp_walk *walk, size_t l, size_t t, size_t k, sp_argument_value x,
                           sp_argument_value y, bool add, double *out, size_t iteration);
/** sp_walk_lines_value - the same for a curve; out may be x, ldo apart. */
void sp_walk_lines_value(sp_walk *walk, size_t l, size_t t, size_t k, sp_argument_value x,
                         double *out, size_t ldo, size_t iteration);

#endif
