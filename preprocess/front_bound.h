/* Sound linear bounds of the front end on a noise set. The contract of relax/relax.h holds: what is
 * returned is true in real arithmetic for every noise of the set. */
#ifndef SP_PREPROCESS_FRONT_BOUND_H
#define SP_PREPROCESS_FRONT_BOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "audio/audio.h"
#include "base/interval.h"
#include "base/status.h"
#include "preprocess/preprocess.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SP_FRONT_INTERVAL, /* boxes of every stage only */
    SP_FRONT_R2,       /* one box per FFT bin, frames independent [R2, section 4] */
    SP_FRONT_JOINT     /* one quadratic form per band, shared samples: docs/theory/front-end.md 4 */
} sp_front_rule;

/** sp_front_forms - what depends on the front end only: quadratic forms Q_m of the bands, the
 *  diagonals D_m >= Q_m (proved by Cholesky with Rump's criterion), norms. Made once, shared by
 *  clips and threads. */
typedef struct sp_front_forms sp_front_forms;
/** sp_front_cache_in - a folder in which forms that are made from now on keep what costs time; a
 *  later process proves it again before it uses it, and comes to the same bits. NULL, as at first:
 *  nothing is kept. Not while forms are being made. */
void sp_front_cache_in(const char *folder);
/** sp_front_forms_create - those of a description; the bounds are of the input of a network of
 *  features (node 0). Sequences have the joint rule: the forms are the numbers themselves.
 *  SP_E_UNSUPPORTED: the stages are not affine, square, affine with weights >= 0, at most one
 *  floor, log, at most one linear map.
 *  SP_E_NUMERIC: no diagonal could be proved (joint rule only). */
SP_NODISCARD sp_status sp_front_forms_create(sp_error *err, sp_front_forms **forms,
                                             const sp_front *front, sp_front_rule rule);
/** sp_front_forms_of_graph - those of the band energies that the first nodes of a graph over
 *  samples compute, wherever it comes from. The bounds are of node `node`: a logarithm, or one
 *  affine map of logarithms frame by frame; SP_FRONT_ANY_NODE: of the first logarithm of band
 *  energies. No later node may read an earlier one. */
#define SP_FRONT_ANY_NODE ((size_t)-1)
SP_NODISCARD sp_status sp_front_forms_of_graph(sp_error *err, sp_front_forms **forms,
                                               const sp_net *graph, size_t node,
                                               sp_front_rule rule);
/** sp_front_forms_of_features - those that a network of frames of samples (sp_front_is_samples)
 *  computes itself; the bounds are of a node of it. */
SP_NODISCARD sp_status sp_front_forms_of_features(sp_error *err, sp_front_forms **forms,
                                                  const sp_front *front, const sp_net *net,
                                                  sp_front_rule rule);
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
    size_t node; /* of the graph: its sequence is bounded; 0 for the input of a net of features */
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
    const double *matrix;              /* [features, M] borrowed from the forms, or NULL */
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
    /* For parts of the set: E(0) lies between these, and |(g - form) . d| <= slack
     * (docs/theory/front-end.md 4.4); all 0 where bands are no logarithms of energies with a floor
     * that is added, or are moved or raised afterwards. */
    double *clean_lo, *clean_hi, *slack; /* [T, M] */
    /* What stands behind these, borrowed from the forms: Q_m = sum_k share[m,k] f_k f_k' over the
     * `rows` rows f_k of `row`; with mu = max_j sum_m a_m peak[m,j] and D = diag(diagonal)
     *   sum_m a_m Q_m <= mu D,   sum_i D_i r_i^2 <= energy[t] where the set is a box. */
    size_t rows;
    const double *row, *share, *diagonal; /* [rows, frame], [M, rows], [frame] */
    double *radius;                       /* [padded] the set's box; 0 on padding */
    /* R2 only: the same bounds bin by bin, for coefficients of several bands that are added up
     * before the line of a bin's square is chosen (as PROVER does). With v_k = spectrum[k,:] . d_t:
     * square_lo_w[t,k] v_k + square_lo_c <= (bin k of s + d)^2 <= square_up_w[t,k] v_k +
     * square_up_c, energy = mel (squares) + mel_bias, and log_lo_w[t,m] energy + log_lo_c <=
     * band <= ... */
    size_t bins; /* 2 K; 0 for the other rules */
    const double *spectrum, *mel,
        *mel_bias;   /* [bins, frame], [M, bins], [M]; borrowed from the forms */
    double *bin_max; /* [T, bins] >= |v_k| over the set */
    double *square_lo_w, *square_lo_c, *square_up_w, *square_up_c; /* [T, bins] */
    double *square_max;                                            /* [T, bins] >= the squares */
    double *log_lo_w, *log_lo_c, *log_up_w, *log_up_c;             /* [T, M] */
    double *energy_max;                                            /* [T, M] >= the energies */
    const sp_noise_set *set; /* what the samples of `radius` are; NULL: a box */
    const sp_noise *noise;   /* borrowed: the set itself, valid while the caller's problem is */
    double *memory;          /* owned: all arrays above */
} sp_front_bound;

static inline const sp_noise_set *sp_front_noise_set(const sp_front_bound *bound) {
    return bound->set != NULL ? bound->set : &sp_noise_set_box;
}

/** sp_front_bound_create - bounds of the features of a clip under a noise set.
 *  SP_E_MISMATCH for a clip shorter than a frame; SP_E_NONFINITE for radii that overflow the
 *  stages. */
SP_NODISCARD sp_status sp_front_bound_create(sp_error *err, sp_front_bound *bound,
                                             const sp_front_forms *forms, const double *samples,
                                             size_t n, const sp_noise *noise);
/** sp_front_bound_until - the same with a deadline (a value of sp_clock_wall; 0: none), at which
 *  every thread looks between two frames: SP_E_TIMEOUT. */
SP_NODISCARD sp_status sp_front_bound_until(sp_error *err, sp_front_bound *bound,
                                            const sp_front_forms *forms, const double *samples,
                                            size_t n, const sp_noise *noise, double deadline);
/** sp_front_bound_part - the bounds of those noises for which band m of frame t lies in [lo, hi].
 *  Owns copies of everything. SP_E_UNSUPPORTED: nothing better is known of these
 *  (sp_front_has_parts). */
SP_NODISCARD sp_status sp_front_bound_part(sp_error *err, sp_front_bound *part,
                                           const sp_front_bound *bound, size_t t, size_t m,
                                           double lo, double hi);
static inline bool sp_front_has_parts(const sp_front_bound *bound, size_t t, size_t m) {
    return bound->tangents > 0 && bound->clean_lo[t * bound->bands + m] > 0.0;
}
void sp_front_bound_clear(sp_front_bound *bound);

/** sp_front_evidence - with what the joint bounds of a clip can be proved again without a search
 *  (docs/certificate.md); J rows of the spectrum. SP_E_UNSUPPORTED: other rules, paths, bands
 *  that are no logarithms, top_db, padding in front. */
typedef struct sp_front_evidence {
    size_t bands, frame, rows, frames; /* frame: at most as long as the transform */
    size_t weights;                    /* positive weights of all bands together */
    double *diagonal;                  /* [bands, frame] D_m >= Q_m */
    double *share;                     /* [rows] 1 / rho_j, or 0: no band reads the row */
    double *energy;  /* [frame] a diagonal that is at least sum_j share_j f_j f_j' */
    double *witness; /* [frames, weights] z of the least energy, band by band */
    double *memory;  /* owned: all arrays above */
} sp_front_evidence;
SP_NODISCARD sp_status sp_front_evidence_create(sp_error *err, sp_front_evidence *evidence,
                                                const sp_front_forms *forms,
                                                const sp_front_bound *bound, const double *samples,
                                                size_t n, const sp_noise *noise);
void sp_front_evidence_clear(sp_front_evidence *evidence);

/** sp_front_path - a clip under a one-dimensional noise set, a line or gains: the energy of every
 *  band as a function of the one parameter. Made once; parts of the set are bounded quickly. */
typedef struct sp_front_path sp_front_path;
/** sp_front_path_create - `noise` and `forms` are borrowed and must outlive the path; any rule.
 *  SP_E_TIMEOUT at the deadline (a value of sp_clock_wall; 0: none). */
SP_NODISCARD sp_status sp_front_path_create(sp_error *err, sp_front_path **path,
                                            const sp_front_forms *forms, const double *samples,
                                            size_t n, const sp_noise *noise, double deadline);
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

#ifdef __cplusplus
}
#endif

#endif
