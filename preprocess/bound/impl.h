/* Private to preprocess/: the relaxations of the stages.
 *
 * Rounding (docs/theory/front-end.md 7): u = 2^-53, gamma_k as in sp_gamma. Every quantity below is
 * the double that is computed; its distance to the real number it stands for is bounded where it
 * is made. Samples, radii and constants are limited to the ranges of front_forms.c, so that
 * nothing between overflow and SP_FRONT_TINY is lost: each product that underflows is off by at
 * most 2^-1075, there are fewer than 2^40 of them per result and later factors stay below 2^260. */
#ifndef SP_PREPROCESS_BOUND_IMPL_H
#define SP_PREPROCESS_BOUND_IMPL_H

#include <math.h>

#include "base/digest.h"
#include "preprocess/front_bound.h"
#include "preprocess/impl.h"
#include "relax/relax.h"

#define SP_FRONT_TINY 0x1p-700  /* covers underflow, see above */
#define SP_FRONT_LOUDEST 0x1p64 /* largest |sample| + radius */

/** sp_front_up - at least X, where X >= 0 was computed as x by a chain of at most k roundings of
 *  sums and products of nonnegative numbers: X <= x / (1 - gamma_k) <= x (1 + gamma_2k); +4 for
 *  this expression. */
static inline double sp_front_up(double x, double k) {
    return sp_above(sp_above(x * (1.0 + sp_gamma(2.0 * k + 4.0))) + SP_FRONT_TINY);
}

/** sp_front_down - at most X, in [0, inf): X >= x / (1 + gamma_k) >= x (1 - gamma_k). */
static inline double sp_front_down(double x, double k) {
    const double low = sp_below(x * (1.0 - sp_gamma(k + 4.0))) - SP_FRONT_TINY;
    return low > 0.0 ? sp_below(low) : 0.0;
}

#define SP_COUNT_SET(name) SP_FRONT_SET_##name,
enum { SP_NOISE_SETS(SP_COUNT_SET) SP_FRONT_SETS };
#undef SP_COUNT_SET

/* What a band is of its energy. */
typedef enum { SP_BAND_LOG, SP_BAND_SQRT, SP_BAND_ENERGY } sp_band_kind;

/** sp_band - one mel band as the quadratic form E(d) = sum_k weight_k (y_k + f_k . d)^2 + floor
 *  over the rows f_k of the spectrum matrix; y_k is row k of the unperturbed frame. Rows that are
 *  zero are left out. */
enum { SP_BAND_KEPT_SCALE, SP_BAND_KEPT_CURVATURE, SP_BAND_KEPT_EIGENVALUE, SP_BAND_KEPT };
typedef struct sp_band {
    size_t rows;       /* R */
    size_t *row;       /* [R] indices into the spectrum matrix */
    double *weight;    /* [R] > 0 */
    double floor;      /* >= 0, added to the energy */
    double least;      /* the energy is raised to it; 0: it is not */
    double for_zero;   /* stands for an energy of exactly 0; 0: nothing does */
    double *diagonal;  /* [frame] D >= Q = F' diag(weight) F; joint rule only */
    double *kept;      /* [SP_BAND_KEPT + frame] of an earlier run, for a later one; or NULL */
    double curvature;  /* about the largest eigenvalue of Q; steers a descent, proves nothing */
    double eigenvalue; /* of Q, of an earlier run, for set_l2.c to try first; 0: none */
    double *fact;      /* [SP_FRONT_SETS] of kinds of noise, NaN until asked for; joint only */
} sp_band;

struct sp_front_forms {
    sp_front_rule rule;
    size_t node; /* of the graph that the bounds speak of */
    sp_band_kind kind;
    double top;                    /* bands are raised to this below the largest one; 0: not */
    size_t tops;                   /* those up to here; the others are neither raised nor heard */
    const sp_front_layout *layout; /* &shape; its rate and scale are not known */
    const sp_stage *spectrum, *mel;
    const sp_stage *floor; /* maximum with it, or what stands for zero; NULL: neither */
    const sp_stage *dct;   /* of the logarithms; NULL: they are the features */
    sp_band *band;         /* [bands] owned */
    size_t *rows;          /* owned: all row indices */
    double *memory;        /* owned: what is per band */
    size_t most_rows;      /* largest R */
    /* Owned: what was recognised. */
    sp_front_layout shape;
    size_t span;   /* samples that a first frame needs */
    bool sequence; /* the samples are the features: no stage is known */
    sp_padding padding;
    double gain_peak; /* what clips are brought to before the frames; 0: as they are */
    sp_stage stage[4];
    double *constants;
    /* Joint rule only, front_energy.c: sum_m a_m Q_m <= max_j (sum_m a_m peak[m,j]) energy.diagonal
     * for a >= 0. */
    sp_band energy;
    size_t peaks;
    double *peak;          /* [bands, peaks] */
    size_t *energy_rows;   /* owned */
    double *energy_memory; /* owned */
};

/** sp_forms_recognise - fills the stages of the forms by those of a graph (front_recognise.c). */
SP_NODISCARD sp_status sp_forms_recognise(sp_error *err, sp_front_forms *forms, const sp_net *graph,
                                          size_t node);
/** sp_forms_sequence - those of sequences. sp_front_sequence_bound - of one of them: the forms are
 *  the numbers themselves. */
void sp_forms_sequence(sp_front_forms *forms, const sp_front_layout *layout);
SP_NODISCARD sp_status sp_front_sequence_bound(sp_error *err, sp_front_bound *bound,
                                               const sp_front_forms *forms, const double *samples,
                                               size_t n, const sp_noise *noise);
/** sp_forms_padded, sp_forms_frames - length of a clip with its padding; number of its frames. */
size_t sp_forms_padded(const sp_front_forms *forms, size_t n);
size_t sp_forms_frames(const sp_front_forms *forms, size_t n);

/** sp_front_energy - the bound of all bands together; zero [rows of the spectrum] marks those that
 *  are left out. */
SP_NODISCARD sp_status sp_front_energy(sp_error *err, sp_front_forms *forms, const bool *zero);

/** sp_row_dot - a . x; sp_row_size - |a| . |x|. Any order of summation. */
double sp_row_dot(const double *a, const double *x, size_t n);
double sp_row_size(const double *a, const double *x, size_t n);
/** sp_rows_times - out[k] = matrix[row[k], :] . x, k < rows; n columns. Any order of summation. */
void sp_rows_times(double *out, const double *matrix, size_t n, const size_t *row, size_t rows,
                   const double *x);
/** sp_rows_combine - out[i] = sum_k c[k] matrix[row[k], i], i < n. Any order of summation. */
void sp_rows_combine(double *out, const double *matrix, size_t n, const size_t *row, size_t rows,
                     const double *c);

/** sp_cholesky - the lower triangle of m [n, n] in place by its Cholesky factor; false when a
 *  pivot is not positive. sp_cholesky_solve - x <- (l l')^-1 x. */
bool sp_cholesky(double *m, size_t n);
/** sp_eigenvalues_below - whether every eigenvalue of the exact matrix is at most `scale`, from the
 *  lower triangle of c [n, n] whose entries are sums of `terms` products, two square roots and at
 *  most three more roundings. work [n, n]. sp_largest_eigenvalue - about that of c, from below;
 *  work [2 n]. */
bool sp_eigenvalues_below(const double *c, double *work, size_t n, size_t terms, double scale);
double sp_largest_eigenvalue(const double *c, double *work, size_t n);
void sp_cholesky_solve(const double *l, size_t n, double *x);

/** sp_front_cache - the diagonals of a front end in a file: what sp_band.kept points to. It is used
 *  only where Cholesky proves it again. */
typedef struct sp_front_cache {
    char name[SP_DIGEST_TEXT];
    size_t wide, count;
    double *value; /* [count] owned: [bands + 1, wide], the last one that of all bands; or NULL */
    bool found;    /* all of it stood in the file */
    bool changed;  /* and something there did not prove itself */
} sp_front_cache;
void sp_front_cache_open(sp_front_cache *cache, const sp_front_forms *forms);
double *sp_front_cache_band(const sp_front_cache *cache, size_t band);
/** sp_front_cache_close - `keep`: writes it where it is not what the file holds. */
void sp_front_cache_close(sp_front_cache *cache, bool keep);

/** sp_band_diagonal - D of nearly least trace with D >= Q, proved; and the curvature.
 *  band->kept: 1 + gap, curvature, what set_l2.c keeps, and the diagonal before it is scaled; what
 *  stands there is proved like any other, with the same bits; else what is found is left there.
 *  SP_E_NUMERIC when no D could be proved. Source: docs/theory/front-end.md 4.2. */
SP_NODISCARD sp_status sp_band_diagonal(sp_error *err, sp_band *band, const sp_stage *spectrum);

/** sp_bins - what one frame and its radii make of every row of the spectrum, all [2 bins]:
 *  |row(x) - mid| <= err; |f . d| <= radius for |d_i| <= r_i; |row(x + d)| <= mag. */
typedef struct sp_bins {
    double *mid, *err, *radius, *mag;
    double *lo_w, *lo_c, *up_w, *up_c; /* R2 only: the lines of the squares, over row(x + d) */
} sp_bins;

/** sp_frame - one frame of a clip under a noise set, and scratch memory for it. */
typedef struct sp_frame {
    const sp_front_forms *forms;
    const sp_noise *noise;
    size_t t, first; /* first: its first sample in the padded clip */
    double *x, *r;   /* [frame] samples and radii, 0 on padding */
    sp_bins bins;
    double *negative; /* [frame] */
    double *work;     /* sp_frame_work_size doubles */
} sp_frame;

/** sp_front_set - what the joint front end must know of a kind of noise set of radii, about the
 *  form Q of a band. Each is a file, set_NAME.c. */
typedef struct sp_front_set {
    /* One number about Q, found once for a front end; +inf: nothing is known. NULL: none is
     * needed. */
    double (*fact)(const sp_band *band, const sp_stage *spectrum);
    /* At least d' Q d for all d of the set of frame->r. */
    double (*square)(const sp_frame *frame, const sp_band *band, double fact);
} sp_front_set;
#define SP_DECLARE_FRONT_SET(name) extern const sp_front_set sp_front_set_##name;
SP_NOISE_SETS(SP_DECLARE_FRONT_SET)
#undef SP_DECLARE_FRONT_SET
/** sp_front_square - at least d' Q d over the set of a loaded frame. sp_front_fact - the number of
 *  a band for a set, found when it is first asked for; any thread may ask. sp_front_facts - of one
 *  without an earlier run: all of them, so that they can be kept. */
double sp_front_square(const sp_frame *frame, const sp_band *band);
double sp_front_fact(const sp_band *band, const sp_stage *spectrum, const sp_noise_set *set);
void sp_front_facts(sp_band *band, const sp_stage *spectrum);

/** sp_front_gain - what a peak gain does to the features of one clip; nothing when `to` is 0. */
typedef struct sp_front_gain {
    double to, square; /* the peak afterwards; a fixed g0^2 near (to / peak)^2 */
    sp_iv shift; /* of every log of a band energy with the floors over g0^2, under the noise */
} sp_front_gain;
/** sp_front_gain_find - g0^2. sp_front_gain_noise - the shift under a noise set.
 *  sp_front_gain_part - that for the part [lo, hi] of a path. SP_E_NONFINITE when the noise reaches
 *  the peak. */
SP_NODISCARD sp_status sp_front_gain_find(sp_error *err, sp_front_gain *gain,
                                          const sp_front_forms *forms, const double *samples,
                                          size_t n);
SP_NODISCARD sp_status sp_front_gain_noise(sp_error *err, sp_front_gain *gain,
                                           const double *samples, size_t n, const sp_noise *noise);
SP_NODISCARD sp_status sp_front_gain_part(sp_error *err, sp_front_gain *gain, const double *samples,
                                          size_t n, const sp_noise *noise, double lo, double hi);
/** sp_front_gain_forms - the forms with the floors over g0^2; only `band` is owned.
 *  sp_front_gain_move - shifts row t of a bound that was made with them; `forms`: the original. */
SP_NODISCARD sp_status sp_front_gain_forms(sp_error *err, sp_front_forms *of_clip,
                                           const sp_front_forms *forms, const sp_front_gain *gain);
void sp_front_gain_move(sp_front_bound *bound, size_t t, const sp_front_gain *gain,
                        const sp_front_forms *forms);

/** sp_front_bound_memory - takes the memory of a bound whose counts are set, and places its arrays.
 */
SP_NODISCARD sp_status sp_front_bound_memory(sp_error *err, sp_front_bound *bound);
/** sp_front_check - whether clip and noise set fit the forms and stay within SP_FRONT_LOUDEST. */
SP_NODISCARD sp_status sp_front_check(sp_error *err, const sp_front_forms *forms,
                                      const double *samples, size_t n, const sp_noise *noise);
/** sp_frame_size - doubles of scratch of one sp_frame; sp_frame_place - lays it out in memory. */
size_t sp_frame_size(const sp_front_forms *forms);
void sp_frame_place(sp_frame *frame, const sp_front_forms *forms, double *memory);
/** sp_frame_load - samples, radii and bins of frame t. False when a bin is not finite. */
bool sp_frame_load(sp_frame *frame, const double *samples, size_t n, const sp_noise *noise,
                   size_t t);
/** sp_frame_reach - the range of c . d over the set, c over the samples of the frame. */
sp_iv sp_frame_reach(const sp_frame *frame, const double *c);

/** sp_bin_box - the box of row k of the spectrum. */
sp_iv sp_bin_box(const sp_bins *bins, size_t k);
/** sp_band_interval - the range of E by intervals on the bins; E >= floor. */
sp_iv sp_band_interval(const sp_band *band, const sp_bins *bins);
/** sp_band_value - the range of a band whose energy, floored already, is in `energy`.
 *  sp_band_range - with its floor; unbounded below where the logarithm of an energy without a floor
 *  may vanish. */
sp_iv sp_band_value(sp_band_kind kind, sp_iv energy);
sp_iv sp_band_range(sp_band_kind kind, const sp_band *band, sp_iv energy);
/** sp_front_raise - what top_db makes of the bands of all frames. */
void sp_front_raise(sp_front_bound *bound, const sp_front_forms *forms);
/** sp_band_minimum - a lower bound of sqrt(max(E, least)) over the set, converged up to a small
 *  part of the range of log E. I ceiling >= max sqrt(E). */
double sp_band_minimum(const sp_frame *frame, const sp_band *band, double ceiling);
/** sp_band_witness - the numbers z [rows] that this bound was proved with. */
void sp_band_witness(double *z, const sp_frame *frame, const sp_band *band, double ceiling);
size_t sp_band_minimum_work(const sp_front_forms *forms);

/* Bands of more rows have no barrier steps: the form of a whole spectrum is nearly a multiple of
 * the identity, and gradients converge. */
enum { SP_BARRIER_ROWS = 256 };

/** sp_descent - the search for the least energy of a band. f_v stands for the band's rows times
 *  v. */
typedef struct sp_descent {
    const sp_frame *frame;
    const sp_band *band;
    size_t n, rows;
    double *mid, *f_d, *f_next, *f_y, *z, *best_z; /* [rows] */
    double *d, *y, *next, *gradient;   /* [n] the last point of the box, where to look */
    double *push, *pull, *move, *give; /* [n] of the barrier */
    double *matrix;                    /* [rows, rows] of the barrier */
    double best;                       /* largest bound of sqrt(E) seen */
    double least;                      /* sqrt(E) at d */
    double speed;                      /* of the acceleration */
} sp_descent;
/** Each step reads half the gradient of E at y and leaves a better d and the next y. */
void sp_descent_gradient_step(sp_descent *s);
void sp_descent_barrier_start(sp_descent *s);
/** False when the linear system could not be solved: d is then as it was. */
bool sp_descent_barrier_step(sp_descent *s);
/** sp_descent_energy - sqrt(E) at the point whose rows are f_v. */
static inline double sp_descent_energy(const sp_descent *s, const double *f_v) {
    double square = s->band->floor;
    for (size_t k = 0; k < s->rows; k++) {
        const double v = s->mid[k] + f_v[k];
        square += s->band->weight[k] * (v * v);
    }
    return sqrt(square);
}

/** sp_path_energy - the energy of a band along a path, a + b x + c x^2, coefficient by coefficient;
 *  for gains a is its part that the gain moves, and `floor` what is added to it. */
typedef struct sp_path_energy {
    sp_iv a, b, c;
    double floor, least, for_zero; /* as in sp_band */
    bool silent;                   /* exactly 0 throughout */
} sp_path_energy;
/** sp_path_lines - lines of log(energy, floored) over x - middle for x in [lo, hi], and its range;
 *  without any information when there is none. */
sp_line_pair sp_path_lines(sp_iv *range, const sp_path_energy *curve, double lo, double hi,
                           double middle);
/** sp_path_gain_lines - the same for the energies a e^{2 x} + floor. */
sp_line_pair sp_path_gain_lines(sp_iv *range, const sp_path_energy *curve, double lo, double hi,
                                double middle);

/** sp_lifted - a clip and its noise with their padding, where that is more than zeros behind the
 *  end: there every sample of the padded clip moves by a multiple of one of the clip, and the noise
 *  of the padded clip is a set of the same kind that holds all of these. */
typedef struct sp_lifted {
    const double *samples;
    const sp_noise *noise;
    size_t n;
    double *own_samples; /* owned, or NULL: samples and noise are those of the clip */
    sp_noise own_noise;  /* owned */
} sp_lifted;
SP_NODISCARD sp_status sp_front_lift(sp_error *err, sp_lifted *lifted, const sp_front_forms *forms,
                                     const double *samples, size_t n, const sp_noise *noise);
void sp_lifted_clear(sp_lifted *lifted);

/** sp_frame_is_silent - whether all samples are exactly zero and none can move.
 *  sp_front_silence - fills row t for such a frame: its energies are the floors. */
bool sp_frame_is_silent(const sp_frame *frame);
void sp_front_silence(sp_front_bound *bound, const sp_frame *frame);
/** sp_front_constant - fills band m of row t, whose energy is its floor. */
void sp_front_constant(sp_front_bound *bound, const sp_frame *frame, size_t m);
/** sp_front_features - the boxes of the features of row t from those of the bands. */
void sp_front_features(sp_front_bound *bound, size_t t);

/** sp_band_energy - what the joint lines of a band are made of. */
typedef struct sp_band_energy {
    sp_iv clean;   /* E(0) */
    double slack;  /* >= |(g - form) . d| over the set, form being the gradient as computed */
    double square; /* >= d' Q d over the set */
    double reach;  /* >= |form . d| */
    double most;   /* >= E over the set */
} sp_band_energy;
/** sp_band_products - the range of sum_k weight_k p_k q_k for numbers within p_err, q_err of p, q,
 *  all [2 bins]. sp_band_energy_of - the energy of a band of a loaded frame, its gradient in form
 *  [used]. */
sp_iv sp_band_products(const sp_band *band, const double *p, const double *p_err, const double *q,
                       const double *q_err);
sp_band_energy sp_band_energy_of(double *form, const sp_frame *frame, const sp_band *band);
/** sp_front_lower_line - below log E over form . d, where least <= sqrt(E) <= highest.
 *  sp_front_touch - the energy at which a tangent touches the logarithm, at a part of the reach;
 *  sp_front_touch_part - that of the k-th tangent; SP_FRONT_TANGENTS: of the standard one. */
sp_line sp_front_lower_line(const sp_band_energy *e, double least, double highest);
double sp_front_touch(const sp_band_energy *e, double part);
double sp_front_touch_part(size_t tangent);

/** The rules: fill row t of the bound from a loaded frame. */
void sp_front_joint(sp_front_bound *bound, const sp_frame *frame);
void sp_front_r2(sp_front_bound *bound, sp_frame *frame);
void sp_front_interval(sp_front_bound *bound, const sp_frame *frame);

/** sp_front_r2_squares - R2's lines of the square of every row of a loaded frame, into its bins. */
void sp_front_r2_squares(sp_frame *frame);
/** sp_front_r2_energy - with these lines, R2's linear bounds of the mel energy of a band and its
 *  range: lower[frame] . d + below <= E <= upper[frame] . d + above. */
typedef struct sp_band_r2 {
    double below, above;         /* offsets */
    sp_iv reach_low, reach_high; /* ranges of lower . d and upper . d */
    sp_iv lines;                 /* range of E by the linear bounds */
    sp_iv range;                 /* meet of that with the intervals and the floor */
} sp_band_r2;
sp_band_r2 sp_front_r2_energy(const sp_frame *frame, const sp_band *band, double *lower,
                              double *upper);

#endif
