/* Sound linear bounds of one scalar function or one product on a box.
 *
 * Contract of every bound here: the doubles that are returned satisfy the inequality in REAL
 * arithmetic for every point of the domain. Rounding made on the way is covered inside the returned
 * constants. A domain that is not finite or not ordered gives "no information" (constants -inf /
 * +inf). */
#ifndef SP_RELAX_RELAX_H
#define SP_RELAX_RELAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/interval.h"
#include "base/status.h"
#include "relax/curve/curve_list.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one variable ---- */

/** sp_line - w x + c. */
typedef struct sp_line {
    double w, c;
} sp_line;

/** sp_line_pair - lower(x) <= f(x) <= upper(x) on the domain. */
typedef struct sp_line_pair {
    sp_line lower, upper;
} sp_line_pair;

/* Ranges: the smallest interval that we can prove to contain f(x). */
sp_iv sp_sigmoid_range(sp_iv x);
sp_iv sp_tanh_range(sp_iv x);
sp_iv sp_square_range(sp_iv x);
sp_iv sp_log_range(sp_iv x); /* x.lo > 0 */

/** sp_sigmoid_lines / sp_tanh_lines - lines of least gap at the anchor m in [x.lo, x.hi].
 *  Source: docs/theory/planes.md 6.1; the three cases of [DeepCert] are up to 3.5 times looser. */
sp_line_pair sp_sigmoid_lines(sp_iv x, double m);
sp_line_pair sp_tanh_lines(sp_iv x, double m);
/** sp_relu_lines - upper: chord; lower: slope 0 or 1, whichever has the smaller area [DeepPoly]. */
sp_line_pair sp_relu_lines(sp_iv x);
/** sp_square_lines_r2 / sp_log_lines_r2 - every case of [R2, figure 4]. */
sp_line_pair sp_square_lines_r2(sp_iv x);
sp_line_pair sp_log_lines_r2(sp_iv x); /* x.lo > 0 */

/** sp_activation_kind - SP_ACTIVATION_SIGMOID and so on, the rows of curve_list.h. */
typedef enum {
#define SP_ACTIVATION_KIND(KIND, name, parameters, least, first) SP_ACTIVATION_##KIND,
    SP_ACTIVATION_LIST(SP_ACTIVATION_KIND)
#undef SP_ACTIVATION_KIND
} sp_activation_kind;

/* The number of kinds. */
enum {
#define SP_ACTIVATION_ONE(KIND, name, parameters, least, first) +1
    SP_ACTIVATION_KINDS = 0 SP_ACTIVATION_LIST(SP_ACTIVATION_ONE)
#undef SP_ACTIVATION_ONE
};

/** sp_activation - a function of one variable; alpha and beta are read as exact reals, and only by
 *  the kinds that have them. */
typedef struct sp_activation {
    sp_activation_kind kind;
    double alpha, beta;
} sp_activation;

/** sp_activation_name - "hard_sigmoid" and so on; NULL for what is no kind.
 *  sp_activation_parameters - how many of alpha and beta it reads. sp_activation_least - arguments
 *  lie above it. sp_activation_value - in doubles, by libm. */
const char *sp_activation_name(sp_activation_kind kind);
size_t sp_activation_parameters(sp_activation_kind kind);
double sp_activation_least(sp_activation_kind kind);
double sp_activation_value(sp_activation activation, double x);
sp_iv sp_activation_range(sp_activation f, sp_iv x);
/** sp_activation_lines - lines of least gap at the anchor m, which is moved into [x.lo, x.hi]. */
sp_line_pair sp_activation_lines(sp_activation f, sp_iv x, double m);
/** sp_activation_tangent - the tangent at a point: no bound. */
sp_line sp_activation_tangent(sp_activation f, double x);

/* ---- products of two variables ---- */

typedef enum {
    SP_PRODUCT_SIGMOID_TANH, /* f1 = sigma(x) tanh(y) */
    SP_PRODUCT_SIGMOID_ID,   /* f2 = sigma(x) y */
    /* piecewise bilinear; sp_gate_map brings every gate to one of the products */
    SP_PRODUCT_HARD_ID,  /* min(max(x, 0), 1) y */
    SP_PRODUCT_RELU_ID,  /* max(x, 0) y */
    SP_PRODUCT_ID_ID,    /* x y */
    SP_PRODUCT_HARD_TANH /* min(max(x, 0), 1) tanh(y) */
} sp_product;

typedef struct sp_box {
    sp_iv x, y;
} sp_box;

/** sp_plane - a x + b y + c. */
typedef struct sp_plane {
    double a, b, c;
} sp_plane;

typedef struct sp_plane_pair {
    sp_plane lower, upper;
} sp_plane_pair;

/** sp_product_value - f(x, y) by libm, for tests, anchors and sampling. */
double sp_product_value(sp_product f, double x, double y);
/** sp_product_range - the range of f on the box by intervals. */
sp_iv sp_product_range(sp_product f, sp_box box);

/** sp_plane_offset - the largest c (less its rounding margin) with a x + b y + c <= f on the box.
 *  Closed form over at most 9 candidates: docs/theory/planes.md 1, 2 and 7; [R2, Eq 4] to Eq 10
 *  hold misprints, see there. */
double sp_plane_offset(sp_product f, sp_box box, double a, double b);
/** sp_plane_offset_upper - the least c with a x + b y + c >= f on the box. */
double sp_plane_offset_upper(sp_product f, sp_box box, double a, double b);

/** sp_plane_lower / sp_plane_upper - the supporting plane of f's convex (concave) envelope at the
 *  anchor (px, py), moved a thousandth of the side inside, to the relative gap `tolerance` (1e-3 is
 *  the project's choice). Never below the constant plane at the anchor. Sound for any anchor and
 *  tolerance. Source: docs/theory/planes.md 3. */
sp_plane sp_plane_lower(sp_product f, sp_box box, double px, double py, double tolerance);
sp_plane sp_plane_upper(sp_product f, sp_box box, double px, double py, double tolerance);
/** sp_plane_static - both planes at the static anchors of docs/theory/planes.md 4. */
sp_plane_pair sp_plane_static(sp_product f, sp_box box);
/** sp_plane_tangent - the tangent plane at a point: no bound, the linear part of f. */
sp_plane sp_plane_tangent(sp_product f, double x, double y);
/** sp_plane_interval - constant planes: the range. */
sp_plane_pair sp_plane_interval(sp_product f, sp_box box);

/** sp_anchor - a point of a box. */
typedef struct sp_anchor {
    double x, y;
} sp_anchor;
/** sp_static_anchors - the static anchors of docs/theory/planes.md 4. */
void sp_static_anchors(sp_box box, sp_anchor *lower, sp_anchor *upper);
/** sp_menu_anchors - the static ones, then up to nine spread over the box; count >= 1. */
void sp_menu_anchors(sp_box box, size_t count, sp_anchor *lower, sp_anchor *upper);

/** sp_cut - bounds on sum = p x + q y and difference = p x - q y, p, q > 0, that hold on the whole
 *  domain. */
typedef struct sp_cut {
    double p, q;
    sp_iv sum, difference;
} sp_cut;

/** sp_octagon_planes - planes that are valid on the part of the box inside the cut (NULL: on the
 *  box), one pair for each of `count` anchors, which are moved well inside.
 *  Source: docs/theory/octagons.md.
 *  O lower, upper [count]   I lower_at, upper_at [count] */
void sp_octagon_planes(sp_product f, sp_box box, const sp_cut *cut, size_t count,
                       const sp_anchor *lower_at, const sp_anchor *upper_at, double tolerance,
                       sp_plane *lower, sp_plane *upper);

/** sp_gate_map - gate(x) g(y) = factor * product(scale x + shift, y) + rest * y. */
typedef struct sp_gate_map {
    sp_product product;
    double scale, shift, factor, rest;
} sp_gate_map;
/** sp_gate_identity - the product itself. sp_gate_is_known - whether a function may be a gate.
 *  sp_gate_map_of - gate(x) y. sp_gate_complement - (1 -
 *  gate(x)) tanh(y) for the sigmoid, sigma(-x) tanh(y), and the hard sigmoid;
 *  sp_gate_has_complement - whether it is known without rounding. */
sp_gate_map sp_gate_identity(sp_product product);
sp_gate_map sp_gate_map_of(sp_activation gate);
bool sp_gate_is_known(sp_activation_kind kind);
bool sp_gate_has_complement(sp_activation gate);
sp_gate_map sp_gate_complement(sp_activation gate);
/** sp_gate_box, sp_gate_cut - the domain of the product, rounded outward. */
sp_box sp_gate_box(const sp_gate_map *map, sp_box box);
sp_cut sp_gate_cut(const sp_gate_map *map, sp_box box, const sp_cut *cut);
/** sp_gate_plane - a plane over x and y from one of the product on sp_gate_box; still a bound. */
sp_plane sp_gate_plane(const sp_gate_map *map, sp_box box, sp_plane plane, bool upper);
/** sp_gate_range - the range of gate(x) g(y) on the box by intervals. */
sp_iv sp_gate_range(const sp_gate_map *map, sp_box box);

/** sp_plane_r2_lp - R2's planes: 100 uniform points, LP by GLPK, exact offset [R2, section 3.1].
 *  The points depend on `seed` only (fixed per product, so results do not depend on
 *  threads). SP_E_SOLVER when GLPK fails: *planes are then the constant planes. Thread-safe. */
SP_NODISCARD sp_status sp_plane_r2_lp(sp_error *err, sp_plane_pair *planes, sp_product f,
                                      sp_box box, uint64_t seed);

/** sp_plane_r2_candidates - R2's five candidates [R2, section 3.2]: the planes of
 *  sp_plane_r2_lp, and those of the four triangles of the two diagonals, which the corners of the
 *  box bind too. */
enum { SP_R2_CANDIDATES = 5 };
SP_NODISCARD sp_status sp_plane_r2_candidates(sp_error *err, sp_plane_pair planes[SP_R2_CANDIDATES],
                                              sp_product f, sp_box box, uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
