/* soundproof - proves that noise within a budget cannot change the answer of a speech classifier.
 *
 * The one header of the library; no other type is needed. C11 and C++.
 *
 *     soundproof *system = soundproof_open("model.onnx", "front.json", "exact");
 *     soundproof_verdict verdict;
 *     if (system && soundproof_certify_file(system, &verdict, "clip.wav", "-70dB", 3) == 0) {
 *         printf("%s, margin %g\n", soundproof_outcome_name(verdict.outcome), verdict.margin);
 *     } else {
 *         printf("%s\n", soundproof_last_error());
 *     }
 *     soundproof_verdict_clear(&verdict);
 *     soundproof_close(system);
 *
 * Every function that can fail returns 0 on success and another number otherwise;
 * soundproof_last_error() then says in one line what was wrong. Nothing here prints or exits.
 * A system is read-only: any number of threads may certify with one at the same time.
 *
 * An OpenBLAS older than the processor may take slow kernels. It reads OPENBLAS_CORETYPE (Haswell,
 * SkylakeX, ...) when the program starts: the command sets it for itself, other programs must. */
#ifndef SOUNDPROOF_H
#define SOUNDPROOF_H

/** Of this header; soundproof_version is that of the library. */
#define SOUNDPROOF_VERSION "0.1.0"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** soundproof_version - "0.1.0". */
const char *soundproof_version(void);

/** soundproof_last_error - why the calling thread's last failed call failed; "" when none did. The
 *  text is valid until that thread's next call of this library. */
const char *soundproof_last_error(void);

/** soundproof_threads - makes `threads` threads available inside each call (0: one per processor).
 *  Call it once, before everything else; without it all work runs in the calling thread.
 *  Verdicts do not depend on it. */
int soundproof_threads(int threads);

/** soundproof_kernels - the OPENBLAS_CORETYPE that a program should be started with here; NULL when
 *  OpenBLAS takes kernels that fit the processor by itself, or the variable cannot help. */
const char *soundproof_kernels(void);

/** SOUNDPROOF_LABEL_OF_NAME - the label that the file name carries: its single digit before the
 *  first '_', as in "8_theo_3.wav"; without one, the model's own answer. */
#define SOUNDPROOF_LABEL_OF_NAME (-2)
/** SOUNDPROOF_LABEL_PREDICTED - certify that the model's own answer stays what it is. */
#define SOUNDPROOF_LABEL_PREDICTED (-1)

/** soundproof - a network behind its front end, and a method. Opaque. */
typedef struct soundproof soundproof;

/** soundproof_open - reads a model.
 *  I model   path of an ONNX file
 *  I front   path of the front-end description (JSON); NULL: the one inside the model's metadata
 *  I method  a name of `soundproof methods`, or one with "/float32" behind it; NULL: "exact"
 *  Returns NULL on failure. Pass the result to soundproof_close. */
soundproof *soundproof_open(const char *model, const char *front, const char *method);
void soundproof_close(soundproof *system);

/** soundproof_choice - what a model's file leaves open. Start it with soundproof_choice_init; later
 *  versions append members. */
typedef struct soundproof_choice {
    size_t size; /* of this struct, for the library */
    /* which output is asked about: "NAME", "NAME@last", "NAME@first", "NAME@7" (its row of one
     * step), "NAME@all" (those of all: an answer at every frame), "NAME[3]" (one number of it);
     * without a name: the first output; NULL: the one that the file makes out */
    const char *output;
    /* "NAME=VALUE" for the other inputs: a number, or lengths ("1x576"); NULL behind the last one;
     * NULL: none */
    const char *const *inputs;
    long steps_axis; /* of the input; -1: the one that the file makes out */
} soundproof_choice;
void soundproof_choice_start(soundproof_choice *choice, size_t size);
#define soundproof_choice_init(choice) soundproof_choice_start((choice), sizeof *(choice))
/** soundproof_open_as - soundproof_open with such a choice; NULL: none. */
soundproof *soundproof_open_as(const char *model, const char *front, const char *method,
                               const soundproof_choice *choice);

/** soundproof_classes - number of labels; soundproof_sample_rate - Hz that the model hears. */
size_t soundproof_classes(const soundproof *system);
int soundproof_sample_rate(const soundproof *system);

typedef enum {
    SOUNDPROOF_CERTIFIED,     /* proved: no noise within the budget changes the answer */
    SOUNDPROOF_BROKEN,        /* a noise within the budget that changes it is known */
    SOUNDPROOF_UNKNOWN,       /* neither was shown */
    SOUNDPROOF_MISCLASSIFIED, /* the clip itself is not given this label */
    SOUNDPROOF_TIMEOUT,
    SOUNDPROOF_ERROR
} soundproof_outcome;

/** soundproof_outcome_name - "certified", "broken", ... */
const char *soundproof_outcome_name(soundproof_outcome outcome);

/** soundproof_verdict - what was shown about one clip and one budget, in real arithmetic over the
 *  file's weights and the front end's constants. Numbers that are not known are NaN, labels -1. */
typedef struct soundproof_verdict {
    soundproof_outcome outcome;
    int label, predicted; /* certified label; answer to the clip without noise */
    size_t classes, frames;
    double *logits; /* [classes] of the clip without noise; owned, may be NULL */
    /* [classes] proved lower bound of logit[label] - logit[k] under noise; owned */
    double *margins;
    double margin;  /* the least of them: certified exactly if it is positive */
    double eps;     /* largest change of a sample, in the model's sample units */
    double eps_lsb; /* the same in steps of the file's sample format; NaN for float formats */
    double budget_db,
        snr_db;  /* the same in dB relative to the clip's peak; SNR of the loudest noise */
    int vacuous; /* 1: below half a step of the sample format, no other clip is in the set */
    double seconds;
    char reason[512]; /* why it is not certified, in one line; "" when it is */
} soundproof_verdict;
/** soundproof_verdict_clear - frees what a verdict owns; harmless after a failed call. */
void soundproof_verdict_clear(soundproof_verdict *verdict);

/** soundproof_certify_file - reads a mono audio file of the model's rate and certifies it.
 *  O verdict  always filled; pass it to soundproof_verdict_clear
 *  I budget   "-70dB" (relative to the clip's peak), "-50dBFS", "3lsb" or "45dBsnr"
 *  I label    0 .. classes-1, or one of the SOUNDPROOF_LABEL_ names */
int soundproof_certify_file(const soundproof *system, soundproof_verdict *verdict, const char *path,
                            const char *budget, long label);

/** soundproof_attack_file - looks for noise within the budget that changes the answer.
 *  O verdict  SOUNDPROOF_BROKEN only when a file of the clip's sample format (of ADPCM and lossy
 *             clips where need be a WAV file, which the reason says), written, read again and
 *             found within the budget, is given another label; else SOUNDPROOF_UNKNOWN. Its margins
 *             are attained, by that file or by the best real-valued noise: they prove nothing
 *  O answer   the label given to the breaking file; -1 without one
 *  I out      where that file is kept, with ".wav" behind it if it is WAV and the name says
 *             otherwise; NULL: it is removed after the replay */
int soundproof_attack_file(const soundproof *system, soundproof_verdict *verdict, int *answer,
                           const char *path, const char *budget, long label, const char *out);

/** soundproof_certify_samples - the same for n samples in memory.
 *  I samples     full scale is `full_scale` (1 for floats, 32768 for int16 values)
 *  I rate        Hz; must be the model's
 *  I full_scale  > 0 */
int soundproof_certify_samples(const soundproof *system, soundproof_verdict *verdict,
                               const double *samples, size_t n, int rate, double full_scale,
                               const char *budget, long label);

/* ---- clips and queries: the long form, in which everything can be said ---- */

/** soundproof_clip - a recording as the model hears it. Opaque, read-only. */
typedef struct soundproof_clip soundproof_clip;

/** soundproof_clip_read - from a mono audio file of the model's rate. soundproof_clip_of - from n
 *  samples in memory, see soundproof_certify_samples.
 *  Return NULL on failure. Pass the result to soundproof_clip_free. */
soundproof_clip *soundproof_clip_read(const soundproof *system, const char *path);
soundproof_clip *soundproof_clip_of(const soundproof *system, const double *samples, size_t n,
                                    int rate, double full_scale);
void soundproof_clip_free(soundproof_clip *clip);
/** soundproof_clip_size - number of samples. soundproof_clip_samples - [size] in the model's sample
 *  units, see soundproof_full_scale. */
size_t soundproof_clip_size(const soundproof_clip *clip);
const double *soundproof_clip_samples(const soundproof_clip *clip);
/** soundproof_full_scale - what the model's front end takes for the loudest sample: 32768 or 1. */
double soundproof_full_scale(const soundproof *system);

/** soundproof_query - what is asked about a clip. Start it with soundproof_query_init, so that
 *  programs compiled against this header keep working with later versions, which append members. */
typedef struct soundproof_query {
    size_t size;        /* of this struct, for the library */
    const char *budget; /* as in soundproof_certify_file; radius does not read it */
    const char *norm;   /* "inf", "2" or "1": what the budget holds in; NULL: "inf" */
    long label;         /* as in soundproof_certify_file; _PREDICTED unless set */
    double timeout;     /* seconds; 0: none */
    int steps, starts;  /* attacks: gradient steps per start, and starts; 0: as the command */
    unsigned long seed; /* attacks: of the random starts; 1 unless set */
    double tolerance;   /* radius: budgets are multiples of so many dB; 0.5 unless set */
    /* certify: what a noisy clip becomes before it is heard: "real"; "file", rounded and clipped to
     * the values that its file can hold; "int16", to 16-bit integers; NULL: "real" */
    const char *deployed;
    /* what must stay as it is: "answer", the largest logit; or "outputs", on which side of its
     * threshold each output is; NULL: "answer". Of a model that was opened with "NAME@all": at
     * every frame. Where that are many decisions, there is no label to ask for */
    const char *property;
    /* from where on an output is above: "0.5", a probability where the model ends in a sigmoid;
     * "logit:2"; or one for each output with commas between; NULL: logit:0 */
    const char *threshold;
} soundproof_query;
void soundproof_query_start(soundproof_query *query, size_t size);
#define soundproof_query_init(query) soundproof_query_start((query), sizeof *(query))

/** soundproof_outputs - how many scores a frame has, where a query asks about many decisions at
 *  once: several outputs, or answers at every frame. The classes of such a verdict are the scores
 *  of all frames, one frame after the other, its label and answer -1; its margins are the distances
 *  to the thresholds, or the leads of every frame's largest score (NaN at that one). 0: the query
 *  asks for one answer, or is wrong. */
size_t soundproof_outputs(const soundproof *system, const soundproof_query *query);

/** soundproof_certify - the verdict for one clip.
 *  O verdict  always filled; pass it to soundproof_verdict_clear */
int soundproof_certify(const soundproof *system, soundproof_verdict *verdict,
                       const soundproof_clip *clip, const soundproof_query *query);

/** soundproof_attack - looks for noise that changes the answer, see soundproof_attack_file. Of a
 *  clip in memory, SOUNDPROOF_BROKEN says that the noisy samples themselves are given another
 *  label, by more than rounding errors.
 *  O answer  the label given to the breaking clip (of many decisions which score it changes); -1
 *            without one
 *  O noisy   [size of the clip] in the model's sample units: the breaking clip, else the one that
 *            came closest (the clip itself when there was nothing to look for); may be NULL
 *  I out     of clips that were read from a file: where the breaking one is kept; NULL: nowhere */
int soundproof_attack(const soundproof *system, soundproof_verdict *verdict, int *answer,
                      double *noisy, const soundproof_clip *clip, const soundproof_query *query,
                      const char *out);

/** soundproof_radius - the two edges of a clip: the loudest noise that is certified and the
 *  quietest that was found to break it.
 *  O verdict       of the largest certified budget, or of the quietest that was tried
 *  O certified_db  that budget in dB, relative to what budgets in dB are; NaN: none was found
 *  O broken_db     smallest budget whose real-valued noise changes the answer; NaN: none was
 *                  found */
int soundproof_radius(const soundproof *system, soundproof_verdict *verdict, double *certified_db,
                      double *broken_db, const soundproof_clip *clip,
                      const soundproof_query *query);

/** soundproof_logits - O logits [soundproof_scores] of the clip without noise (of a model with one
 *  logit and one answer its threshold, 0, and that logit). soundproof_scores - how many there are:
 *  soundproof_classes, or of a model with answers at every frame the outputs of all frames. */
size_t soundproof_scores(const soundproof *system, const soundproof_clip *clip);
int soundproof_logits(const soundproof *system, double *logits, const soundproof_clip *clip);

/** soundproof_features - what the front end gives: O values [frames, width], owned by the caller
 *  (soundproof_free); NULL on failure. */
int soundproof_features(const soundproof *system, double **values, size_t *frames, size_t *width,
                        const soundproof_clip *clip);
void soundproof_free(double *values);

/** soundproof_bounds - boxes of the nodes of the network under every noise of the budget, by the
 *  method's last pass (of a query; label and what concerns attacks are not read). Calls `see` for
 *  every frame of every node of which the method keeps a box, in the order in which a clip flows
 *  through them; node 0 is the features.
 *  I kind    "features", "affine", "relu", "lstm", ...
 *  I lo, hi  [width] valid during the call
 *  `see` returns 0 to go on; anything else ends it, and is returned. */
typedef int soundproof_box(void *context, size_t node, const char *kind, size_t frame, size_t width,
                           const double *lo, const double *hi);
int soundproof_bounds(const soundproof *system, const soundproof_clip *clip,
                      const soundproof_query *query, soundproof_box *see, void *context);

/** soundproof_stop - 1: whatever is under way in any thread ends soon, as if its time had run out,
 *  and nothing new begins; 0: calls work again. For a program that is interrupted. */
void soundproof_stop(int stopped);

#ifdef __cplusplus
}
#endif
#endif
