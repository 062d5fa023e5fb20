/* The front end: from samples to features, described once as a list of stages whose constants both
 * the concrete path (FFTW) and the bounds (front_bound.h) read. Only this folder knows FFTW. */
#ifndef SP_PREPROCESS_PREPROCESS_H
#define SP_PREPROCESS_PREPROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "net/net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SP_STAGE_AFFINE,   /* y = matrix x + bias */
    SP_STAGE_SQUARE,   /* y_i = x_i^2 */
    SP_STAGE_AT_LEAST, /* y_i = max(x_i, bias_i) */
    SP_STAGE_FOR_ZERO, /* y_i = bias_i where x_i = 0, else x_i */
    SP_STAGE_LOG,      /* y_i = ln x_i */
    SP_STAGE_SQRT      /* y_i = sqrt(x_i) */
} sp_stage_kind;

/** sp_stage - one map of the list, applied to every frame. The doubles in it ARE the front end
 *  that a verdict speaks of, in real arithmetic (docs/theory/README.md 1). */
typedef struct sp_stage {
    sp_stage_kind kind;
    const char *name; /* "spectrum", "power", "mel", "floor", "log", "dct": for messages, tests */
    size_t in, out;
    const double *matrix; /* [out, in] row-major, SP_STAGE_AFFINE only; owned by the front end */
    const double *bias;   /* [out], of the affine and the floor stages */
} sp_stage;

typedef struct sp_front sp_front;

/** sp_front_read / sp_front_parse - a description file (JSON, see examples/fronts/) or its text;
 *  `name` is used in messages. Unknown members are refused by name, never ignored. */
SP_NODISCARD sp_status sp_front_read(sp_error *err, sp_front **front, const char *path);
SP_NODISCARD sp_status sp_front_parse(sp_error *err, sp_front **front, const char *text,
                                      size_t size, const char *name);
void sp_front_destroy(sp_front *front);
/** sp_front_sequence - no front end: a clip is a sequence of rows of `width` numbers, which the
 *  network reads as they are. It has no stages and no rate; a frame is a row.
 *  sp_front_width - the width of the rows; 0: it is a front end. */
SP_NODISCARD sp_status sp_front_sequence(sp_error *err, sp_front **front, size_t width);
size_t sp_front_width(const sp_front *front);

/** sp_front_layout - the figures that other rooms need. */
typedef struct sp_front_layout {
    int sample_rate;    /* Hz */
    double full_scale;  /* of the samples: 32768 ("int16") or 1 ("unit") */
    double peak;        /* clips are heard as loud as makes this their peak; 0: as they are */
    size_t frame, step; /* samples; with the one before it where pre-emphasis is the clip's */
    size_t before;      /* samples of padding before the clip */
    size_t used;        /* samples at the start of a frame that reach it: the FFT cuts the rest */
    size_t bins;        /* K FFT bins used */
    size_t bands;       /* M energies: mel bands, and that of the frame if asked for */
    size_t features;    /* width of a feature row */
} sp_front_layout;
const sp_front_layout *sp_front_layout_of(const sp_front *front);

/** sp_front_stages - the list, in order; the first stage reads the first layout.used samples of a
 *  frame.
 *  FSDD: spectrum (pre-emphasis, window and real DFT composed: re rows then im rows, [2K, used]),
 *  power (square), mel ([M, 2K], bias = what is added), log. mycroft-precise: spectrum, power, mel
 *  (with a row of ones for the total energy), floor, log, dct ([features, M]). */
const sp_stage *sp_front_stages(const sp_front *front, size_t *count);

/** sp_front_graph - the stages as the first nodes of a graph, and behind them the nodes of a
 *  network of features (NULL: none). Node 0 is the clip with its padding [sp_front_padded, 1];
 *  *features: the node whose sequence the features are. sp_net_run over it and sp_front_run with
 *  sp_net_run agree up to rounding. SP_E_UNSUPPORTED for a gain or top_db, which are no nodes: they
 *  hear the whole clip. */
SP_NODISCARD sp_status sp_front_graph(sp_error *err, sp_net *graph, size_t *features,
                                      const sp_front *front, const sp_net *net);

/** sp_front_graph_scaled - sp_front_graph without a network, for samples that have been brought to
 *  the peak of the gain already: *peak, 0 without a gain. */
SP_NODISCARD sp_status sp_front_graph_scaled(sp_error *err, sp_net *graph, double *peak,
                                             const sp_front *front);

/** sp_front_core - the front end up to the last features that front_bound.h bounds: itself, or, of
 *  magnitudes, what stands before their floor and logarithm, and without what becomes of the
 *  features of all frames. Borrowed.
 *  sp_front_join - a network of the core's features: the stages behind it, then those of net. */
const sp_front *sp_front_core(const sp_front *front);
SP_NODISCARD sp_status sp_front_join(sp_error *err, sp_net *joined, const sp_front *front,
                                     const sp_net *net);

/** sp_front_hears_all - why the features of a stretch of a recording are not those that the whole
 *  recording has there, as a text; NULL: they are. */
const char *sp_front_hears_all(const sp_front *front);

/** sp_front_differences - the members of a description in which two front ends differ, in the order
 *  of docs/front-ends.md; how many. Equal constants are equal, however they are said. */
enum { SP_FRONT_MEMBERS = 25 };
size_t sp_front_differences(const char *member[SP_FRONT_MEMBERS], const sp_front *a,
                            const sp_front *b);

/** sp_front_name - what the description calls itself ("name"), or "". */
const char *sp_front_name(const sp_front *front);

/** sp_front_is_samples - whether the features are frames of samples as they are: the model takes
 *  its spectrum itself, and no stage is listed. */
bool sp_front_is_samples(const sp_front *front);

/** sp_front_samples - how many samples make `frames` frames, without any padding. */
size_t sp_front_samples(const sp_front *front, size_t frames);

/** sp_front_padded / sp_front_frames - length of the clip with its padding, and the number of
 *  frames T; T = 0 when the clip is too short for one frame. The one rule for all rooms. */
size_t sp_front_padded(const sp_front *front, size_t n);
size_t sp_front_frames(const sp_front *front, size_t n);
/** sp_front_pad - the padded clip. O padded [sp_front_padded]. SP_E_MISMATCH: too short. */
SP_NODISCARD sp_status sp_front_pad(sp_error *err, double *padded, const sp_front *front,
                                    const double *samples, size_t n);

/** sp_front_run - the concrete path.
 *  O features [T, features]
 *  I samples  [n] in units of layout.full_scale
 *  A clip too short for one frame is SP_E_MISMATCH with both lengths. Thread-safe. */
SP_NODISCARD sp_status sp_front_run(sp_error *err, const sp_front *front, double *features,
                                    const double *samples, size_t n);

/** sp_front_gradient - gradients by the samples from those by the features, at a clip that has at
 *  least one frame.
 *  O gradient [rows, n]   I samples [n]   I slope [rows, T, features]
 *  SP_E_TIMEOUT at the deadline (a value of sp_clock_wall; 0: none). Thread-safe. */
SP_NODISCARD sp_status sp_front_gradient(sp_error *err, const sp_front *front, double *gradient,
                                         const double *samples, size_t n, const double *slope,
                                         size_t rows, double deadline);

#ifdef __cplusplus
}
#endif
#endif
