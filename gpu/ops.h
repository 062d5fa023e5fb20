/* The operations of bound propagation that a backend runs. Private: reached through gpu/backend.h.
 *
 * One structure of arguments per operation. All matrices are row-major with a leading dimension in
 * elements; pointers are to memory of the backend. "Clip" arrays hold the data of one clip; those
 * of the next clip stand `stride` doubles further. */
#ifndef SP_GPU_OPS_H
#define SP_GPU_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_gpu_menu - bounding planes (or lines: b NULL) of n units; the first `lower` entries bound
 *  from below, the others from above. Entry e of unit j: a[e n + j] x + b[e n + j] y + c[e n + j].
 *  Entries 0 and `lower` are the standard ones: those of rows that do not choose. */
typedef struct sp_gpu_menu {
    size_t n, lower, entries;
    size_t shared;     /* last entries of each side: of no use without those of another menu */
    double *a, *b, *c; /* [entries, n] */
    double *constant;  /* [entries, n] what rows read in the place of c: c itself, or see `fold` */
    float *rough;      /* [entries, 3, n] a, b, c again, to choose by; NULL: rows do not choose */
    double *mass;      /* [n] >= max over all entries and the box of |a x| + |b y| + |c| */
} sp_gpu_menu;

/** sp_gpu_range - the boxes of n scalars. */
typedef struct sp_gpu_range {
    const double *lo, *hi; /* [n] */
} sp_gpu_range;

/** sp_gpu_rows - the rows of a walk. Row r belongs to clip r / span. A row is one linear objective
 *  being bounded from BELOW: coefficients >= 0 take lower bounds, the others upper bounds. */
typedef struct sp_gpu_rows {
    size_t rows, span, stride;
} sp_gpu_rows;

/** sp_gpu_clips - `clips` clips whose arrays stand `stride` doubles apart. */
typedef struct sp_gpu_clips {
    size_t clips, stride;
} sp_gpu_clips;

/* ---- rows: each reads n coefficients of a row and adds two sums of them ---- */

/** product - replaces the coefficients on n products by those on their arguments, by the standard
 *  planes: x = w a, y = w b (add: y += w b), bias += sum_j w planes.constant, mass += sum_j |w|
 *  planes.mass. */
typedef struct sp_gpu_product_args {
    sp_gpu_rows at;
    const double *w;
    size_t ldw;
    sp_gpu_menu planes; /* clip */
    double *x, *y;
    size_t ldx, ldy;
    bool add;
    double *bias, *mass; /* [rows] */
} sp_gpu_product_args;

/** line - the same for scalar functions. x may be w unless split; split: lower and upper slopes go
 *  to different columns, coefficients >= 0 to x[., j], the others to x[., n + j]. */
typedef struct sp_gpu_line_args {
    sp_gpu_rows at;
    const double *w;
    size_t ldw;
    sp_gpu_menu lines; /* clip */
    bool split;
    double *x;
    size_t ldx;
    double *bias, *mass; /* [rows] */
} sp_gpu_line_args;

/** affine - bias += a . b and mass += |a| . omega. */
typedef struct sp_gpu_affine_args {
    sp_gpu_rows at;
    size_t n;
    const double *a;
    size_t lda;
    const double *b;     /* [n], of all clips */
    const double *omega; /* [n] clip */
    double *bias, *mass; /* [rows] */
} sp_gpu_affine_args;

/** support - out += sum_i |c_i| radius_i. */
typedef struct sp_gpu_support_args {
    sp_gpu_rows at;
    size_t n;
    const double *c;
    size_t ldc;
    const double *radius; /* [n] clip */
    double *out;          /* [rows] */
} sp_gpu_support_args;

/** narrow - to = a in floats, for a product in single precision. Coefficients below SP_GPU_TINY,
 *  whose products floats may not hold, become 0: what they multiply is at most omega, so bias -=
 *  sum |a| |omega| over them. spread not NULL: and what `centre` does. */
typedef struct sp_gpu_narrow_args {
    sp_gpu_rows at;
    size_t n;
    const double *a;
    size_t lda;
    const double *omega;          /* [n] clip; magnitudes, of either sign */
    const double *shift, *spread; /* [n] clip, as in `centre` */
    float *to;                    /* [rows, n] */
    double *bias, *rough;         /* [rows] */
} sp_gpu_narrow_args;
#define SP_GPU_TINY 0x1p-50
/* The largest entry of a matrix in single precision. */
#define SP_GPU_LARGE 0x1p60

/** centre - before a product in single precision whose result is read around the middles of boxes
 *  (widen): bias += a . shift and rough += |a| . spread, both of `spread`. shift NULL: none. */
typedef struct sp_gpu_centre_args {
    sp_gpu_rows at;
    size_t n;
    const double *a;
    size_t lda;
    const double *shift, *spread; /* [n] clip; spread: magnitudes, of either sign */
    double *bias, *rough;         /* [rows] */
} sp_gpu_centre_args;

/** widen - after it: to = from, or to += from. box not NULL: bias -= from . the middles of the
 *  boxes of what these coefficients stand on. */
typedef struct sp_gpu_widen_args {
    sp_gpu_rows at;
    size_t n;
    const float *from; /* [rows, n] */
    bool add;
    double *to;
    size_t ldt;
    sp_gpu_range box; /* [n] clip */
    double *bias;     /* [rows] */
} sp_gpu_widen_args;

/** pick - product or line (planes.b NULL) with the entry choice[r n + j] for each coefficient, or
 *  the standard one where that entry bounds from the wrong side; choice is set to the entry used.
 */
typedef struct sp_gpu_pick_args {
    sp_gpu_rows at;
    const double *w;
    size_t ldw;
    sp_gpu_menu planes;    /* clip */
    unsigned char *choice; /* [rows, n] */
    bool fresh;            /* all of them are standard: choice is not read */
    double *x, *y;
    size_t ldx, ldy;
    bool add;
    double *bias, *mass; /* [rows] */
} sp_gpu_pick_args;

/* ---- units: each result depends on one element ---- */

/** copy - to[r, j] = from[r mod period, j], or 0 when from is NULL. */
typedef struct sp_gpu_copy_args {
    size_t rows, n;
    const double *from;
    size_t ldf, period;
    double *to;
    size_t ldt;
} sp_gpu_copy_args;

/** add - to = a + b or, for `minus`, a - b; `to` may be a or b. */
typedef struct sp_gpu_add_args {
    size_t rows, n;
    const double *a, *b;
    size_t lda, ldb;
    bool minus;
    double *to;
    size_t ldt;
} sp_gpu_add_args;

/** keep - raises lower (and sets error, or NULL) to bias - support - gamma (mass + support) - lost,
 *  rounded down, where that is more, less rough_gamma rough if there is any; `fresh`: lower starts
 *  at -inf. Row r stands at lower[r / span
 *  * apart + r mod span]. Rows of tiles that are settled (`settle`) stay as they are. */
typedef struct sp_gpu_keep_args {
    sp_gpu_rows at;
    size_t apart;
    const double *gamma; /* [1] clip */
    const double *lost;  /* [1] clip: of `lose` */
    bool fresh;
    const double *bias, *mass, *support; /* [rows] */
    const double *rough;                 /* NULL, or [rows] */
    double rough_gamma;
    double *lower, *error;
    const int *settled; /* NULL, or [clips, ceil(span / tile)] */
    size_t tile;
} sp_gpu_keep_args;

/** interval - the interval image lo, hi of W x + R h + b, rounded outward, and omega = |W| |x| +
 *  |R| |h| + |b| rounded up. recurrent NULL: there is no h. */
typedef struct sp_gpu_interval_args {
    sp_gpu_clips at;
    size_t out, in, hidden;
    const double *weight, *recurrent, *bias; /* [out, in], [out, hidden], [out]; of all clips */
    sp_gpu_range x, h;                       /* [in], [hidden] clip */
    double *lo, *hi, *omega;                 /* [out] clip */
} sp_gpu_interval_args;

/** spread - for boxes x and h with middles m and radii r: shift = W m + R m_h, and spread >= |W| r
 *  + |R| r_h, also where products of these underflow. weight, recurrent NULL: without that part. */
typedef struct sp_gpu_spread_args {
    sp_gpu_clips at;
    size_t out, in, hidden;
    const double *weight, *recurrent; /* as in interval */
    sp_gpu_range x, h;
    double *shift, *spread; /* [out] clip */
} sp_gpu_spread_args;

/** meet - boxes from the lower bounds of rows e_0, -e_0, e_1, -e_1, ..., met with intervals; the
 *  result may overwrite them. The bounds of two clips stand `apart` doubles apart. */
typedef struct sp_gpu_meet_args {
    sp_gpu_clips at;
    size_t n, apart;
    const double *lower; /* [2 n] of the first clip */
    sp_gpu_range box;    /* [n] clip */
    double *lo, *hi;     /* [n] clip */
} sp_gpu_meet_args;

/** sp_gpu_factor - n products of a gate and a variable, and their arguments. */
typedef struct sp_gpu_factor {
    sp_gate_map map;
    sp_gpu_range x, y; /* [n] clip */
} sp_gpu_factor;

/** planes - exact supporting planes of n products: entry 0 of each side at the static anchor of the
 *  map's product, the others at anchors spread over its box. The menu's mass is set by `masses`. */
typedef struct sp_gpu_planes_args {
    sp_gpu_clips at;
    sp_gpu_factor of;
    const sp_cut *cut; /* [n] clip; NULL: boxes are not cut */
    double tolerance;
    sp_gpu_menu menu; /* clip */
} sp_gpu_planes_args;

/** masses - the masses of a menu of n products. */
typedef struct sp_gpu_masses_args {
    sp_gpu_clips at;
    sp_gpu_factor of;
    sp_gpu_menu menu; /* clip */
} sp_gpu_masses_args;

/** fold - of products or curves whose arguments are affine images, of biases and omegas as in
 *  `affine`: rows that pass on to these need not meet their biases there. constant = c + a x_bias +
 *  b y_bias for every entry, mass += max |a| x_omega + max |b| y_omega. NULL: not such an argument.
 */
typedef struct sp_gpu_fold_args {
    sp_gpu_clips at;
    sp_gpu_menu menu;                /* clip */
    const double *x_bias, *y_bias;   /* [n] of all clips */
    const double *x_omega, *y_omega; /* [n] clip */
} sp_gpu_fold_args;

/** ranges - lo, hi: the sum of the ranges of one or two products (second.x.lo NULL: one). */
typedef struct sp_gpu_ranges_args {
    sp_gpu_clips at;
    size_t n;
    sp_gpu_factor first, second;
    double *lo, *hi; /* [n] clip */
} sp_gpu_ranges_args;

/** curve - lines of n activations: entry 0 of each side at the middle of its interval (of the ReLU:
 *  DeepPoly's), the others towards both ends. As many lines from below as from above. */
typedef struct sp_gpu_curve_args {
    sp_gpu_clips at;
    sp_activation f;
    sp_gpu_range x;    /* [n] clip */
    sp_gpu_menu lines; /* clip */
} sp_gpu_curve_args;

/** activate - lo, hi: from + f(x) y by intervals. from.lo NULL: f(x) y; y.lo NULL too: f(x). The
 *  result may overwrite what it is made of. */
typedef struct sp_gpu_activate_args {
    sp_gpu_clips at;
    size_t n;
    sp_activation f;
    sp_gpu_range x, y, from; /* [n] clip */
    double *lo, *hi;         /* [n] clip */
} sp_gpu_activate_args;

/** difference - the inner variable of a GRU by intervals, y = h - n with n = f(x), and apart >= |h|
 *  + |n|. h.lo NULL: the state is 0. */
typedef struct sp_gpu_difference_args {
    sp_gpu_clips at;
    size_t n;
    sp_activation f;
    sp_gpu_range x, h;       /* [n] clip */
    double *lo, *hi, *apart; /* [n] clip */
} sp_gpu_difference_args;

/** blend - the state of a GRU by intervals, n + z y = (1 - z) n + z h, z = gate(g), n = f(x). */
typedef struct sp_gpu_blend_args {
    sp_gpu_clips at;
    size_t n;
    sp_activation gate, f;
    sp_gpu_range g, x, h, y; /* [n] clip; h.lo NULL: the state before is 0 */
    double *lo, *hi;         /* [n] clip */
} sp_gpu_blend_args;

/** lose - what underflow can take from coefficients on n variables: lost += rate sum_j (1 + |x_j|),
 *  |x_j| the magnitude of a box, rounded up (docs/theory/rounding.md). */
typedef struct sp_gpu_lose_args {
    sp_gpu_clips at;
    size_t n;
    sp_gpu_range x; /* [n] clip */
    double rate;
    double *lost; /* [1] clip */
} sp_gpu_lose_args;

/** relu - the lines of n ReLUs over their boxes and the boxes of their outputs; a second lower
 *  entry is the other slope. Boxes that are not ordered become unbounded. */
typedef struct sp_gpu_relu_args {
    sp_gpu_clips at;
    sp_gpu_menu lines;                       /* clip */
    double *in_lo, *in_hi, *out_lo, *out_hi; /* [n] clip */
} sp_gpu_relu_args;

/** value - out = a x + b y + c of the chosen entries (lines: y is not read). Heuristic use only. */
typedef struct sp_gpu_value_args {
    sp_gpu_rows at;
    sp_gpu_menu planes;          /* clip */
    const unsigned char *choice; /* [rows, n] */
    const double *x, *y;
    size_t ldx, ldy;
    bool add;
    double *out;
    size_t ldo;
} sp_gpu_value_args;

/** choose - moves each row's anchor by step (x - anchor), from the middle of the box when `first`,
 *  and chooses the entry of the same side whose value at the anchor, clamped into the box, is best.
 */
typedef struct sp_gpu_choose_args {
    sp_gpu_rows at;
    sp_gpu_menu planes; /* clip */
    const double *x, *y;
    size_t ldx, ldy;
    sp_gpu_range x_box, y_box; /* [n] clip; lines: y, y_box are not read */
    bool first;
    double step;
    float *anchor; /* [2, rows, n]; lines: [rows, n]; NULL: no step follows this one, the first */
    unsigned char *choice; /* [rows, n] */
} sp_gpu_choose_args;

/** squares - takes back from the bias what the squares of the bands cost too much one by one: with
 *  a_m = max(0, -x[r,m]) and single = sum_m a_m square[m],
 *  bias[r] += max(0, single - energy max_j sum_m a_m peak[m,j]), mass[r] += 2 single. */
typedef struct sp_gpu_squares_args {
    sp_gpu_rows at;
    size_t bands, peaks;
    const double *x;
    size_t ldx;
    const double *square, *energy; /* [bands], [1] >= 0; clip */
    const double *peak;            /* [bands, peaks] >= 0, of all clips */
    int *highest; /* NULL, or [rows]: the first j that attains the maximum, -1: nothing was taken */
    double *bias, *mass; /* [rows] */
} sp_gpu_squares_args;

/* ---- rows run forward at the noise that attains their bounds; heuristic use only ---- */

/** signs - sign[r, i] = c[r, i] >= 0, or 1 where c is NULL. */
typedef struct sp_gpu_signs_args {
    size_t rows, n;
    const double *c;
    size_t ldc;
    unsigned char *sign;
    size_t lds;
} sp_gpu_signs_args;

/** attain - the noise at which rows with these signs are least: d[r, i] = -radius_i where sign[r,
 *  i], else radius_i. */
typedef struct sp_gpu_attain_args {
    sp_gpu_rows at;
    size_t n;
    const unsigned char *sign;
    size_t lds;
    const double *radius; /* [n] clip */
    double *d;
    size_t ldd;
} sp_gpu_attain_args;

/** relieve - what `squares` took back, from the values v of the bands: where highest[r] = j is not
 *  -1 and the line is an upper one, of slope a, v[r, m] -= a (square[m] - energy peak[m, j]). */
typedef struct sp_gpu_relieve_args {
    sp_gpu_rows at;
    sp_gpu_menu lines;             /* clip */
    const unsigned char *choice;   /* [rows, n] */
    const double *square, *energy; /* [n], [1]; clip */
    size_t peaks;
    const double *peak; /* [n, peaks], of all clips */
    const int *highest; /* [rows] */
    double *v;
    size_t ldv;
} sp_gpu_relieve_args;

/** reset - choice[i] = 0, the standard entry, for i < count. */
typedef struct sp_gpu_reset_args {
    size_t count;
    unsigned char *choice;
} sp_gpu_reset_args;

/* ---- cuts of the boxes of products ---- */

enum { SP_GPU_CUT_PRODUCTS = 2, SP_GPU_ROWS_PER_CUT = 4 };

/** sp_gpu_cut_of - n products of x, a pre-activation, and y, with their boxes. The variables stand
 *  in the columns from x_column and y_column on, y among the pre-activations or in another block.
 */
typedef struct sp_gpu_cut_of {
    sp_gpu_range x, y; /* [n] clip; y.lo NULL: 0 */
    size_t x_column, y_column;
    bool y_on_gates;
    sp_cut *cut; /* [n] clip */
} sp_gpu_cut_of;

/** cut_rows - rows `first` on of each clip's: p x + q y, its negative, p x - q y, its negative, for
 *  each unit of each product in turn; p and q are 1 over the half sides of x and y. */
typedef struct sp_gpu_cut_rows_args {
    sp_gpu_rows at;
    size_t n, first;
    sp_gpu_cut_of of[SP_GPU_CUT_PRODUCTS];
    double *gates, *other; /* [rows, gates_width], [rows, other_width] */
    size_t gates_width, other_width;
} sp_gpu_cut_rows_args;

/** cuts - each cut from the lower bounds of its rows and from its box. The bounds of two clips
 *  stand `apart` doubles apart. */
typedef struct sp_gpu_cuts_args {
    sp_gpu_clips at;
    size_t n, products, apart;
    sp_gpu_cut_of of[SP_GPU_CUT_PRODUCTS];
    const double *lower; /* [products n 4] of the first clip */
} sp_gpu_cuts_args;

/* ---- rows that are done ---- */

/** settle - settled[k] = 1 where all bounds of tile k of a clip are positive, `tile` rows but for
 *  the last; what is settled stays so, unless `fresh`. The bounds of two clips stand `apart`
 *  doubles apart. */
typedef struct sp_gpu_settle_args {
    size_t clips, span, tile, apart;
    bool fresh;
    const double *lower; /* [span] of the first clip */
    int *settled;        /* [clips, ceil(span / tile)] */
} sp_gpu_settle_args;

/* The operations; those of the first list reduce rows. */
#define SP_GPU_ROW_OPS(X)                                                                          \
    X(product) X(line) X(affine) X(support) X(narrow) X(centre) X(widen) X(pick)
#define SP_GPU_UNIT_OPS(X)                                                                         \
    X(copy)                                                                                        \
    X(add)                                                                                         \
    X(keep)                                                                                        \
    X(interval)                                                                                    \
    X(spread)                                                                                      \
    X(meet)                                                                                        \
    X(planes)                                                                                      \
    X(masses)                                                                                      \
    X(fold)                                                                                        \
    X(ranges)                                                                                      \
    X(curve)                                                                                       \
    X(activate)                                                                                    \
    X(difference)                                                                                  \
    X(blend)                                                                                       \
    X(lose)                                                                                        \
    X(relu)                                                                                        \
    X(value)                                                                                       \
    X(choose)                                                                                      \
    X(squares)                                                                                     \
    X(signs) X(attain) X(relieve) X(reset) X(cut_rows) X(cuts) X(settle)
#define SP_GPU_OPS(X) SP_GPU_ROW_OPS(X) SP_GPU_UNIT_OPS(X)

typedef enum {
#define SP_GPU_OP_ENTRY(name) SP_GPU_OP_##name,
    SP_GPU_OPS(SP_GPU_OP_ENTRY)
#undef SP_GPU_OP_ENTRY
        SP_GPU_OP_COUNT
} sp_gpu_op;

#ifdef __cplusplus
}
#endif
#endif
