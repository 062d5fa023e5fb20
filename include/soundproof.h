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

#ifdef __cplusplus
}
#endif
#endif
