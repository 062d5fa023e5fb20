/* Affine forms with symbols of the input, and what cells and layers make of them. Source:
 * docs/theory/training.md 5. */
#ifndef SP_TRAIN_ZONOTOPE_FORM_H
#define SP_TRAIN_ZONOTOPE_FORM_H

#include "train/pass/interval_rules.h"

/** sp_train_form - H numbers of one row, each an affine form: a centre, a coefficient for every
 *  symbol and a rest that is independent of everything; and a box that they lie in. The slopes of
 *  the loss by all of these have the same shape. */
typedef struct sp_train_form {
    size_t H, ld, symbols;
    double *gen;              /* the centres; coefficients of symbol p: gen + (p + 1) ld */
    double *rest;             /* >= 0 */
    double *range;            /* the rest and the sum of the magnitudes of coefficients */
    sp_train_interval box;    /* what is known of the numbers */
    sp_train_interval bounds; /* what intervals alone say of them; only if they are to meet */
} sp_train_form;

/** sp_train_form_of - H columns of a row of forms, beginning with column `at`. */
sp_train_form sp_train_form_of(const sp_train_forms *forms, size_t row, size_t at, size_t H);

/** sp_train_form_clear - all of them become zero. */
void sp_train_form_clear(const sp_train_form *form);

/** sp_train_form_close - range and box, once centre, coefficients, rest and bounds are there.
 *  sp_train_form_open - the way back: slopes by range and box become slopes by the others. */
void sp_train_form_close(const sp_train_form *form, bool meet);
void sp_train_form_open(const sp_train_form *form, const sp_train_form *slope, bool meet);

/** sp_train_chord - lines k x + offset +- error that hold a function over [lo, hi], with the slope
 *  of its chord; and the slopes of these three numbers by the two ends. */
typedef struct sp_train_chord {
    double k, offset, error;
    sp_train_ends by_k, by_offset, by_error;
} sp_train_chord;
sp_train_chord sp_train_chord_of(sp_activation f, sp_train_ends x);

/** sp_train_curve - a function of H numbers: their lines, and the slopes of the loss by what its
 *  readers see of the values. */
typedef struct sp_train_seen {
    double centre, scale, rest, lo, hi;
} sp_train_seen;
typedef struct sp_train_curve {
    sp_activation f;
    sp_train_chord *chord; /* [H] */
    sp_train_seen *slope;  /* [H], on the way back */
} sp_train_curve;
void sp_train_curve_close(const sp_train_curve *curve, const sp_train_form *x);
/** sp_train_curve_open - slopes by what was seen become slopes by the forms x. */
void sp_train_curve_open(const sp_train_curve *curve, const sp_train_form *x,
                         const sp_train_form *slope, bool meet);

/** sp_train_operand - H numbers as a product or a sum reads them: as they are (curve NULL), by way
 *  of a function, or as 1 less its value; x.gen NULL: zeros. */
typedef struct sp_train_operand {
    sp_train_form x, slope;
    const sp_train_curve *curve;
    bool complement;
    sp_train_seen *seen; /* [H] */
    sp_train_seen *back; /* [H] slopes by these, on the way back */
    double *scale;       /* [H] scratch */
} sp_train_operand;
/** sp_train_operand_look - fills `seen`. sp_train_operand_give - slopes `back` go where the numbers
 *  came from; those by coefficients are there already. */
void sp_train_operand_look(const sp_train_operand *operand, bool meet);
void sp_train_operand_give(const sp_train_operand *operand);

/** sp_train_form_product - y = a b, a >= 0 by its bounds. sp_train_form_add - y += sign a. Each
 *  leaves y to be closed. `..._back`: the slopes of y, opened, go to the operands. */
void sp_train_form_product(const sp_train_form *y, const sp_train_operand *a,
                           const sp_train_operand *b, bool meet);
void sp_train_form_product_back(const sp_train_form *slope, const sp_train_operand *a,
                                const sp_train_operand *b, bool meet);
void sp_train_form_add(const sp_train_form *y, const sp_train_operand *a, double sign, bool meet);
void sp_train_form_add_back(const sp_train_form *slope, const sp_train_operand *a, double sign,
                            bool meet);

/** sp_train_zonotope_node - a layer at work. */
typedef struct sp_train_zonotope_node {
    const sp_node *node;
    const sp_train_packed_batch *batch;
    sp_train_zonotope_trace *trace;
    const double *magnitude;      /* |weight| then, but for linear layers, |recurrent| */
    const sp_train_forms *x, *dx; /* of the node before; dx NULL: not wanted */
    const sp_train_slopes *slopes;
    sp_arena *arena;
    bool meet;
} sp_train_zonotope_node;

/** sp_train_forms_all - rows of coefficients, the centres among them. sp_train_forms_take - room
 *  for forms of so many columns; `rest` begins one array of all but the coefficients, 6 rows ld
 *  numbers. sp_train_forms_need - its bytes. */
size_t sp_train_forms_all(const sp_train_forms *forms);
sp_train_forms sp_train_forms_take(sp_arena *arena, const size_t *first, size_t rows, size_t ld);
size_t sp_train_forms_need(size_t all, size_t rows, size_t ld);

/** sp_train_form_copy - centre, rest, bounds and the symbols of the shorter row, its last ones. */
void sp_train_form_copy(const sp_train_form *to, const sp_train_form *from);

/** sp_train_forms_affine - the first `out` columns of y = W x + bias; rests, and if they are to
 *  meet bounds, by |W|. y has the symbols of x, or they are the last ones of each row of y. Leaves
 *  y to be closed. sp_train_forms_affine_back: slopes of y, opened, go to W, bias and dx. */
typedef struct sp_train_forms_map {
    const double *weight, *magnitude, *bias; /* [out, in], [out, in], [out] */
    double *weight_slope, *bias_slope;
    size_t in, out;
} sp_train_forms_map;
void sp_train_forms_affine(const sp_train_forms *y, const sp_train_forms *x,
                           const sp_train_forms_map *map, bool meet, sp_arena *arena);
void sp_train_forms_affine_back(const sp_train_forms *slope, const sp_train_forms *x,
                                const sp_train_forms *dx, const sp_train_forms_map *map, bool meet,
                                sp_arena *arena);
/** sp_train_forms_affine_work - bytes of scratch that either way needs. */
size_t sp_train_forms_affine_work(size_t form_rows, size_t rows, size_t in, size_t out);

/** sp_train_forms_outer - dw [out, in] += dyT x over rows with these leading dimensions; scratch
 *  [out, rows]. sp_train_forms_outer_sign - dw += sign(w) o (dyT x); scratch [out, rows + in]. */
void sp_train_forms_outer(double *dw, const double *dy, size_t lddy, const double *x, size_t ldx,
                          size_t rows, size_t out, size_t in, double *scratch);
void sp_train_forms_outer_sign(double *dw, const double *w, const double *dy, size_t lddy,
                               const double *x, size_t ldx, size_t rows, size_t out, size_t in,
                               double *scratch);

/** What cells and linear layers do, over a whole batch. A row of a cell has `slots` times out
 *  columns, those of `output` are its states; `curves` times out functions are bounded in it; work
 *  is in bytes. */
typedef struct sp_train_zonotope_size {
    size_t slots, curves, output;
} sp_train_zonotope_size;
sp_train_zonotope_size sp_train_zonotope_cell_size(const sp_cell *cell);
size_t sp_train_zonotope_cell_work(const sp_cell *cell, size_t rows, size_t largest_row);
void sp_train_zonotope_cell_forward(const sp_train_zonotope_node *at);
void sp_train_zonotope_cell_backward(const sp_train_zonotope_node *at);
void sp_train_zonotope_linear_forward(const sp_train_zonotope_node *at);
void sp_train_zonotope_linear_backward(const sp_train_zonotope_node *at);

#endif
