/* Private to the domain of zonotopes: affine forms of many numbers over shared symbols. */
#ifndef SP_LSTM_ZONOTOPE_H
#define SP_LSTM_ZONOTOPE_H

#include "lstm/boxes/boxes.h"
#include "relax/rules.h"

/** sp_zonotope_form - n numbers x_i = center_i + sum_s generator[i, s] e_s + (at most noise_i), all
 *  |e_s| <= 1. */
typedef struct sp_zonotope_form {
    size_t n;
    double *center, *noise; /* [n], noise >= 0 */
    double *generator;      /* [n, capacity] */
} sp_zonotope_form;

/** sp_zonotope_part - a summand M x of an affine image, M [rows, ld]. */
typedef struct sp_zonotope_part {
    const double *matrix;
    size_t ld;
    const sp_zonotope_form *x;
} sp_zonotope_part;

/** sp_zonotope - the domain: symbols of the samples first, then one for each number that was
 *  relaxed. */
typedef struct sp_zonotope {
    sp_boxes boxes;       /* first: sp_boxes_refinement's functions are handed this */
    sp_relax_rules rules; /* the options; OWN: those of slopes.c */
    size_t capacity, symbols;
    sp_zonotope_form *out;                        /* as states: of the nodes; see features */
    sp_zonotope_form *features;                   /* [frames] of the source */
    sp_zonotope_form variable[SP_CELL_VARIABLES]; /* of the cell at hand, at its step at hand */
    double *memory;                               /* owned: all of the above */
    sp_zonotope_form *forms;                      /* owned: out and features */
    double *scratch;                              /* owned: [widest] */
    sp_zonotope_part *part;                       /* owned: [most taps of an affine node] */
} sp_zonotope;

/** sp_zonotope_image - to = bias + sum of parts, `rows` numbers from `first` on. */
void sp_zonotope_image(sp_zonotope *z, sp_zonotope_form *to, size_t first, size_t rows,
                       const sp_zonotope_part *part, size_t parts, const double *bias);
/** sp_zonotope_combine - number j of to = a x_i + b y_k + a number in `rest`, which gets a symbol
 *  of its own. y may be NULL. */
void sp_zonotope_combine(sp_zonotope *z, sp_zonotope_form *to, size_t j, double a,
                         const sp_zonotope_form *x, size_t i, double b, const sp_zonotope_form *y,
                         size_t k, sp_iv rest);
/** sp_zonotope_range - the interval of number i. */
sp_iv sp_zonotope_range(const sp_zonotope *z, const sp_zonotope_form *form, size_t i);

/** sp_zonotope_line, sp_zonotope_plane - slopes and the interval of what is left of a curve or a
 *  product over its box (slopes.c). */
typedef struct sp_zonotope_slopes {
    double a, b;
    sp_iv rest;
} sp_zonotope_slopes;
sp_zonotope_slopes sp_zonotope_line(const sp_relax_rules *rules, sp_activation f, sp_iv x);
sp_zonotope_slopes sp_zonotope_plane(const sp_relax_rules *rules, const sp_gate_map *map,
                                     sp_box box);

#endif
