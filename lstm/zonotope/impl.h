/* Private to the domain of zonotopes: affine forms of many numbers over shared symbols. */
#ifndef SP_LSTM_ZONOTOPE_IMPL_H
#define SP_LSTM_ZONOTOPE_IMPL_H

#include <stdint.h>

#include "lstm/boxes/boxes.h"
#include "lstm/zonotope/zonotope.h"

/** sp_zonotope_form - n numbers x_i = center_i + sum_s generator[i, s] e_s + (at most noise_i), all
 *  |e_s| <= 1. */
typedef struct sp_zonotope_form {
    size_t n;
    double *center, *noise; /* [n], noise >= 0 */
    double *generator;      /* [n, capacity]; 0 from column `symbols` on */
} sp_zonotope_form;

/** sp_zonotope_part - a summand M x of an affine image, M [rows, ld]. */
typedef struct sp_zonotope_part {
    const double *matrix;
    size_t ld;
    const sp_zonotope_form *x;
} sp_zonotope_part;

enum { SP_ZONOTOPE_FACTORS = 2 };
#define SP_ZONOTOPE_NONE SIZE_MAX

/** sp_zonotope_weight - what a symbol weighs in the numbers that are still read. */
typedef struct sp_zonotope_weight {
    double weight;
    size_t symbol;
} sp_zonotope_weight;

/** sp_zonotope - the domain: symbols of the samples first, then one for each number that was
 *  relaxed. */
typedef struct sp_zonotope {
    sp_boxes boxes; /* first: sp_boxes_refinement's functions are handed this */
    sp_zonotope_options options;
    size_t capacity, symbols;
    bool fresh;                                   /* what is relaxed gets a symbol */
    size_t node;                                  /* at hand */
    size_t samples;                               /* that have symbols, the first ones */
    size_t kept;                                  /* of the symbols, when some give way */
    size_t *last;                                 /* [nodes] owned: the last node that reads them */
    size_t hidden;                                /* numbers that variables have room for */
    sp_zonotope_form *out;                        /* as states: of the nodes; see features */
    sp_zonotope_form *features;                   /* [frames] of the source */
    sp_zonotope_form variable[SP_CELL_VARIABLES]; /* of the cell at hand, at its step at hand */
    sp_zonotope_form factor[SP_ZONOTOPE_FACTORS]; /* one number each */
    double *memory;                               /* owned: all of the above */
    sp_zonotope_form *forms;                      /* owned: out and features */
    double *scratch;                              /* owned: [widest] */
    sp_zonotope_part *part;                       /* owned: [most taps of an affine node] */
    sp_zonotope_weight *weight;                   /* owned: [capacity] */
} sp_zonotope;

/** sp_zonotope_image - to = bias + sum of parts, `rows` numbers from `first` on. */
void sp_zonotope_image(sp_zonotope *z, sp_zonotope_form *to, size_t first, size_t rows,
                       const sp_zonotope_part *part, size_t parts, const double *bias);
/** sp_zonotope_combine - number j of to = a x_i + b y_k + a number in `rest`, which gets a symbol
 *  of its own, or is an error of this number. y may be NULL. */
void sp_zonotope_combine(sp_zonotope *z, sp_zonotope_form *to, size_t j, double a,
                         const sp_zonotope_form *x, size_t i, double b, const sp_zonotope_form *y,
                         size_t k, sp_iv rest);
/** sp_zonotope_multiply - number j of to = the product of the first numbers of x and y. */
void sp_zonotope_multiply(sp_zonotope *z, sp_zonotope_form *to, size_t j, const sp_zonotope_form *x,
                          const sp_zonotope_form *y);
/** sp_zonotope_range - the interval of number i. */
sp_iv sp_zonotope_range(const sp_zonotope *z, const sp_zonotope_form *form, size_t i);

/** sp_zonotope_at - the form of a node at a frame. sp_zonotope_parts - sets z->part to those of an
 *  affine node at frame t, with the columns of a matrix [., ld]; how many. sp_zonotope_answer,
 *  sp_zonotope_margins - as sp_domain has them (objective.c). */
sp_zonotope_form *sp_zonotope_at(const sp_zonotope *z, size_t node, size_t frame);
size_t sp_zonotope_parts(const sp_zonotope *z, size_t i, size_t t, const double *matrix, size_t ld);
void sp_zonotope_answer(void *self, size_t frame, const double *goal);
SP_NODISCARD sp_status sp_zonotope_margins(sp_error *err, void *self, double *lower, double *error,
                                           const double *weight, size_t rows);

/** sp_zonotope_samples - how many samples have symbols: all where bands are lines over one linear
 *  form each and symbols are not too few for both. Without them every band has one of its own.
 *  sp_zonotope_features - the forms of the source (features.c). */
size_t sp_zonotope_samples(const sp_front_bound *front, const sp_zonotope_options *options);
void sp_zonotope_features(sp_zonotope *z);

/** sp_zonotope_symbol - a new one, or NONE where there is no room. sp_zonotope_reduce - keeps three
 *  quarters of the symbols (symbols.c). */
size_t sp_zonotope_symbol(sp_zonotope *z);
void sp_zonotope_reduce(sp_zonotope *z);

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
