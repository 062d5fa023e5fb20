/* Sound linear bounds of one scalar function or one product on a box, and of the front end on a
 * noise set.
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

#include "audio/audio.h"
#include "base/interval.h"
#include "base/status.h"
#include "preprocess/preprocess.h"

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
 *  Source: math/planes.md 6; the three cases of DeepCert (seed 003) are up to 3.7 times looser. */
sp_line_pair sp_sigmoid_lines(sp_iv x, double m);
sp_line_pair sp_tanh_lines(sp_iv x, double m);
/** sp_relu_lines - upper: chord; lower: slope 0 or 1, whichever has the smaller area (DeepPoly). */
sp_line_pair sp_relu_lines(sp_iv x);
/** sp_square_lines_r2 / sp_log_lines_r2 - every case of R2's figure 4 (seed 000, section 4). */
sp_line_pair sp_square_lines_r2(sp_iv x);
sp_line_pair sp_log_lines_r2(sp_iv x); /* x.lo > 0 */

typedef enum {
    SP_ACTIVATION_SIGMOID,
    SP_ACTIVATION_TANH,
    SP_ACTIVATION_HARD_SIGMOID, /* min(max(alpha x + beta, 0), 1) */
    SP_ACTIVATION_RELU,
    SP_ACTIVATION_AFFINE /* alpha x + beta */
} sp_activation_kind;

/** sp_activation - a function of one variable; alpha and beta are read as exact reals, and only by
 *  the kinds that name them. */
typedef struct sp_activation {
    sp_activation_kind kind;
    double alpha, beta;
} sp_activation;

/** sp_activation_value - in doubles, by libm. sp_activation_name - "hard_sigmoid" and so on; NULL
 *  for what is no kind. */
double sp_activation_value(sp_activation activation, double x);
const char *sp_activation_name(sp_activation_kind kind);
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
 *  Closed form over at most 9 candidates: math/planes.md 1 and 7; R2's Eq 4-10 hold misprints, see
 *  there. */
double sp_plane_offset(sp_product f, sp_box box, double a, double b);
/** sp_plane_offset_upper - the least c with a x + b y + c >= f on the box. */
double sp_plane_offset_upper(sp_product f, sp_box box, double a, double b);

/** sp_plane_lower / sp_plane_upper - the supporting plane of f's convex (concave) envelope at the
 *  anchor (px, py), moved a thousandth of the side inside, to the relative gap `tolerance` (1e-3 is
 *  the project's choice). Never below the constant plane at the anchor. Sound for any anchor and
 *  tolerance. Source: math/planes.md 3 (exchange), 1-D family for f2. */
sp_plane sp_plane_lower(sp_product f, sp_box box, double px, double py, double tolerance);
sp_plane sp_plane_upper(sp_product f, sp_box box, double px, double py, double tolerance);
/** sp_plane_static - both planes at the static anchors of math/planes.md 4. */
sp_plane_pair sp_plane_static(sp_product f, sp_box box);
/** sp_plane_tangent - the tangent plane at a point: no bound, the linear part of f. */
sp_plane sp_plane_tangent(sp_product f, double x, double y);
/** sp_plane_interval - constant planes: the range. */
sp_plane_pair sp_plane_interval(sp_product f, sp_box box);

/** sp_anchor - a point of a box. */
typedef struct sp_anchor {
    double x, y;
} sp_anchor;
/** sp_static_anchors - the static anchors of math/planes.md 4. */
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
 *  box), one pair for each of `count` anchors, which are moved well inside. math/planes.md 8.
 *  O lower, upper [count]   I lower_at, upper_at [count] */
void sp_octagon_planes(sp_product f, sp_box box, const sp_cut *cut, size_t count,
                       const sp_anchor *lower_at, const sp_anchor *upper_at, double tolerance,
                       sp_plane *lower, sp_plane *upper);

/** sp_gate_map - gate(x) g(y) = factor * product(scale x + shift, y) + rest * y. */
typedef struct sp_gate_map {
    sp_product product;
    double scale, shift, factor, rest;
} sp_gate_map;
/** sp_gate_identity - the product itself. sp_gate_map_of - gate(x) y. sp_gate_complement - (1 -
 *  gate(x)) tanh(y) for the sigmoid, sigma(-x) tanh(y), and the hard sigmoid;
 *  sp_gate_has_complement - whether it is known without rounding. */
sp_gate_map sp_gate_identity(sp_product product);
sp_gate_map sp_gate_map_of(sp_activation gate);
bool sp_gate_has_complement(sp_activation gate);
sp_gate_map sp_gate_complement(sp_activation gate);
/** sp_gate_box, sp_gate_cut - the domain of the product, rounded outward. */
sp_box sp_gate_box(const sp_gate_map *map, sp_box box);
sp_cut sp_gate_cut(const sp_gate_map *map, sp_box box, const sp_cut *cut);
/** sp_gate_plane - a plane over x and y from one of the product on sp_gate_box; still a bound. */
sp_plane sp_gate_plane(const sp_gate_map *map, sp_box box, sp_plane plane, bool upper);
/** sp_gate_range - the range of gate(x) g(y) on the box by intervals. */
sp_iv sp_gate_range(const sp_gate_map *map, sp_box box);

/** sp_plane_r2_lp - R2's planes: 100 uniform points, LP by GLPK, exact offset (seed 000, Eq 2 and
 *  step 2). The points depend on `seed` only (fixed per product, so results do not depend on
 *  threads). SP_E_SOLVER when GLPK fails: *planes are then the constant planes. Thread-safe. */
SP_NODISCARD sp_status sp_plane_r2_lp(sp_error *err, sp_plane_pair *planes, sp_product f,
                                      sp_box box, uint64_t seed);

/** sp_plane_r2_candidates - R2's five candidates (seed 000, section 3.2): the planes of
 *  sp_plane_r2_lp, and those of the four triangles of the two diagonals, which the corners of the
 *  box bind too. */
enum { SP_R2_CANDIDATES = 5 };
SP_NODISCARD sp_status sp_plane_r2_candidates(sp_error *err, sp_plane_pair planes[SP_R2_CANDIDATES],
                                              sp_product f, sp_box box, uint64_t seed);

/* ---- the front end ---- */

typedef enum {
    SP_FRONT_INTERVAL, /* boxes of every stage only */
    SP_FRONT_R2,       /* R2: one box per FFT bin, frames independent (seed 000, section 4) */
    SP_FRONT_JOINT     /* one quadratic form per band, one sample vector (math/frontend.md) */
} sp_front_rule;

/** sp_front_forms - what depends on the front end only: quadratic forms Q_m of the bands, the
 *  diagonals D_m >= Q_m (proved by Cholesky with Rump's criterion), norms. Made once, shared by
 *  clips and threads. */
typedef struct sp_front_forms sp_front_forms;
/** sp_front_forms_create - `front` is borrowed and must outlive the forms.
 *  SP_E_UNSUPPORTED: the stages are not affine, square, affine with weights >= 0, at most one
 *  floor, log, at most one linear map.
 *  SP_E_NUMERIC: no diagonal could be proved (joint rule only). */
SP_NODISCARD sp_status sp_front_forms_create(sp_error *err, sp_front_forms **forms,
                                             const sp_front *front, sp_front_rule rule);
void sp_front_forms_destroy(sp_front_forms *forms);

enum { SP_FRONT_TANGENTS = 4 };
/** sp_front_bound - lines that bound the logarithm of every band by linear forms of the
 *  perturbation d. For every d of the noise set, in real arithmetic, with
 *  d_t = d[t step .. t step + frame):
 *    lo_w[t,m] (form[t, lo_form + m] . d_t) + lo_c[t,m] <= band[t,m](s + d)
 *    band[t,m](s + d) <= up_w[t,m] (form[t, up_form + m] . d_t) + up_c[t,m]
 *  and lo[t,m] <= band[t,m](s + d) <= hi[t,m]. Slopes are >= 0, but for paths.
 *  The features are the bands, or matrix band + matrix_bias, exactly. */
typedef struct sp_front_bound {
    sp_front_rule rule;
    size_t frames, bands, features; /* T, M, width of a feature row */
    size_t frame, step;             /* samples that a frame hears; samples */
    size_t padded;                  /* length of the padded sample vector */
    bool joint;   /* true: frames share the samples where they overlap; false: independent frames */
    size_t forms; /* linear forms per frame: 0 (interval), M (joint), 2 M (R2) */
    size_t lo_form, up_form;
    double *form;                      /* [T, forms, frame] */
    double *form_max;                  /* [T, forms] >= max over the set of |form . d_t| */
    double *lo_w, *lo_c, *up_w, *up_c; /* [T, M]; interval rule: slopes are 0 */
    double *lo, *hi;                   /* [T, M] */
    const double *matrix;              /* [features, M] borrowed from the front end, or NULL */
    const double *matrix_bias;         /* [features] */
    double *feature_lo, *feature_hi;   /* [T, features] boxes; lo and hi when there is no matrix */
    /* Joint only. What up_c holds for the squares of the noise, up_w square[t,m], is too much for
     * several bands at once: up_w (form . d_t + q_m) + up_c - up_w square[t,m] bounds the feature
     * too, q_m = d_t' Q_m d_t <= square[t,m], and for all a >= 0
     *   sum_m a_m q_m <= energy[t] max_j sum_m a_m peak[m,j].
     * More upper lines of the same kind, tangents at other points: tangent_w, tangent_c. */
    size_t tangents, peaks;        /* SP_FRONT_TANGENTS, number of j; 0 for the other rules */
    double *square;                /* [T, M] */
    double *energy;                /* [T] */
    const double *peak;            /* [M, peaks] borrowed from the forms */
    double *tangent_w, *tangent_c; /* [T, tangents, M] */
    double *radius;                /* [padded] the set's box; 0 on padding */
    /* R2 only: the same bounds bin by bin, for coefficients of several bands that are added up
     * before the line of a bin's square is chosen (as PROVER does). With v_k = spectrum[k,:] . d_t:
     * square_lo_w[t,k] v_k + square_lo_c <= (bin k of s + d)^2 <= square_up_w[t,k] v_k +
     * square_up_c, energy = mel (squares) + mel_bias, and log_lo_w[t,m] energy + log_lo_c <=
     * band <= ... */
    size_t bins; /* 2 K; 0 for the other rules */
    const double *spectrum, *mel,
        *mel_bias;   /* [bins, frame], [M, bins], [M]; borrowed from the front end */
    double *bin_max; /* [T, bins] >= |v_k| over the set */
    double *square_lo_w, *square_lo_c, *square_up_w, *square_up_c; /* [T, bins] */
    double *square_max;                                            /* [T, bins] >= the squares */
    double *log_lo_w, *log_lo_c, *log_up_w, *log_up_c;             /* [T, M] */
    double *energy_max;                                            /* [T, M] >= the energies */
    const sp_noise *noise; /* borrowed: the set itself, valid while the caller's problem is */
    double *memory;        /* owned: all arrays above */
} sp_front_bound;

/** sp_front_bound_create - bounds of the features of a clip under a noise set.
 *  SP_E_MISMATCH for a clip shorter than a frame; SP_E_NONFINITE for radii that overflow the
 *  stages. */
SP_NODISCARD sp_status sp_front_bound_create(sp_error *err, sp_front_bound *bound,
                                             const sp_front_forms *forms, const double *samples,
                                             size_t n, const sp_noise *noise);
void sp_front_bound_clear(sp_front_bound *bound);

/** sp_front_path - a clip under a one-dimensional noise set, a line or gains: the energy of every
 *  band as a function of the one parameter. Made once; parts of the set are bounded quickly. */
typedef struct sp_front_path sp_front_path;
/** sp_front_path_create - `noise` and `forms` are borrowed and must outlive the path; any rule. */
SP_NODISCARD sp_status sp_front_path_create(sp_error *err, sp_front_path **path,
                                            const sp_front_forms *forms, const double *samples,
                                            size_t n, const sp_noise *noise);
void sp_front_path_destroy(sp_front_path *path);
/** sp_front_path_bound - bounds for the part lo <= a <= hi of the set. One sample stands for the
 *  parameter, d = a - middle with |d| <= radius[0]; all frames share it (frame 1, step 0, padded 1,
 *  each band has the form [1]). The slopes have any sign. sp_front_bound_create of such a set is
 *  the bound of all of it. */
SP_NODISCARD sp_status sp_front_path_bound(sp_error *err, sp_front_bound *bound,
                                           const sp_front_path *path, double lo, double hi);

/** sp_front_bound_window - the bounds of `frames` frames from `first` on, for nets that hear a
 *  window of a recording. Frames before the first one are features of exactly zero, as in a stream
 *  that has just begun (SP_E_UNSUPPORTED if the last map has a bias).
 *  SP_E_ARGUMENT for frames behind the last. The window owns copies of its rows. */
SP_NODISCARD sp_status sp_front_bound_window(sp_error *err, sp_front_bound *window,
                                             const sp_front_bound *bound, long first,
                                             size_t frames);

/** sp_front_stage_boxes - boxes of the outputs of every stage for one frame t, for tests and
 *  reports. Interval rule: interval arithmetic from stage to stage. R2: the ranges of its linear
 *  bounds, without the intersections that sp_front_bound_create makes. Joint rule:
 *  SP_E_UNSUPPORTED, it has no boxes inside.
 *  O lo, hi [sum of stage.out]  in the order of sp_front_stages */
SP_NODISCARD sp_status sp_front_stage_boxes(sp_error *err, double *lo, double *hi,
                                            const sp_front_forms *forms, const double *samples,
                                            size_t n, const sp_noise *noise, size_t t);

#ifdef __cplusplus
}
#endif
#endif
