/* Attacks: noises of a set that change the answer, found by descent and proved by a file. */
#ifndef SP_CERTIFY_ATTACK_H
#define SP_CERTIFY_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certify/certify.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_attacker - what attacks need besides the pipeline. Shared by clips and threads. */
typedef struct sp_attacker {
    const sp_pipeline *pipeline; /* borrowed */
    const sp_front_forms *forms; /* of the joint front end: the pipeline's, or own */
    sp_front_forms *own;         /* owned; NULL when the pipeline's rule is joint */
} sp_attacker;
SP_NODISCARD sp_status sp_attacker_init(sp_error *err, sp_attacker *attacker,
                                        const sp_pipeline *pipeline);
void sp_attacker_clear(sp_attacker *attacker);

/** Parts of a suite: descents of the margins over every label, of the likelihood, of DLR; steps to
 *  the nearest boundary; random bursts. */
#define SP_ATTACK_PARTS(X)                                                                         \
    X(MARGINS, "margins")                                                                          \
    X(CROSS_ENTROPY, "cross_entropy")                                                              \
    X(DLR, "dlr")                                                                                  \
    X(FAB, "fab")                                                                                  \
    X(SQUARE, "square")
#define SP_ATTACK_PART(name, text) SP_ATTACK_##name,
enum { SP_ATTACK_PARTS(SP_ATTACK_PART) SP_ATTACK_PART_COUNT };
#undef SP_ATTACK_PART
const char *sp_attack_part_name(size_t part);

typedef struct sp_attack_options {
    size_t steps, starts; /* gradient steps per start, and starts; 0: SP_ATTACK_STEPS, _STARTS */
    uint64_t seed;        /* of the random starts; results depend on nothing else */
    double timeout;       /* seconds; 0: none */
    const double *hint;   /* [n] a noise to start from, cut to the set; NULL: none */
    /* audio file that the clip was read from; NULL: no file is written, and nothing counts as
     * broken */
    const char *source;
    /* path of the file, whose ending is made to fit (sp_clip_form_place); NULL: it is written,
     * replayed and removed */
    const char *out;
    bool suite; /* all parts, each as if it were alone, whether one has broken the clip or not */
    size_t most_bytes; /* the outcome gets a copy of a breaking file of no more bytes; 0: none */
} sp_attack_options;
enum { SP_ATTACK_STEPS = 40, SP_ATTACK_STARTS = 6 };

/** sp_attack - the outcome of an attack. The verdict is broken only when a file in the sample
 *  format of the clip, written, read again and found inside the noise set, is given another label;
 *  otherwise it is unknown with the reason. Where the clip's own format cannot hold such samples
 *  (ADPCM and lossy formats), the file is WAV, and the reason says so. Its margins are no bounds:
 *  they are attained, by that file or else by the best real-valued noise. */
typedef struct sp_attack {
    sp_verdict verdict;
    double *noise;      /* [n] owned: that of the file, or the best real-valued one; or NULL */
    double real_margin; /* least margin under the best real-valued noise; NaN: no attack */
    size_t real_answer; /* the strongest other label there; of many decisions the score */
    bool real_broken;   /* it changes the answer, by more than rounding errors */
    double file_margin; /* of the best clip of the sample format; NaN: none was looked for or is */
    double original_margin; /* of the broken file by the model file's own graph; NaN: not heard */
    size_t file_answer;     /* the strongest other label there; SP_NO_LABEL likewise */
    double file_largest;    /* largest sample of the replayed file's noise; NaN without one */
    double file_radius;     /* radius of the least set of the kind that holds it; NaN likewise */
    double file_snr_db;     /* the clip's power over that of this noise */
    char file_format[48];   /* "mu-law WAV"; "" without a file */
    bool file_own;          /* it is the clip's own format */
    char *file_path;        /* owned: where the file stays that breaks the clip; NULL: nowhere */
    char *file;             /* owned: its bytes, if they were asked for; or NULL */
    size_t file_size;
    size_t steps; /* gradients taken */
    /* least margin that each part of a suite reached with real-valued noise; NaN: none was run */
    double part[SP_ATTACK_PART_COUNT];
} sp_attack;
/** sp_attack_init - an outcome that holds nothing. */
void sp_attack_init(sp_attack *attack);
void sp_attack_clear(sp_attack *attack);
/** sp_attack_is_masked - random bursts alone changed the answer: gradients mislead. */
bool sp_attack_is_masked(const sp_attack *attack);
/** sp_attack_is_vacuous - attacked, but no other file of the clip's format lies in the set. */
bool sp_attack_is_vacuous(const sp_attack *attack);

/** sp_attack_budget / sp_attack_noise - projected gradient descent of the margins over the samples,
 *  through the whole pipeline. Always leave an outcome, as sp_certify does. */
sp_status sp_attack_budget(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                           const sp_clip *clip, const sp_budget *budget, long label,
                           const sp_attack_options *options);
sp_status sp_attack_noise(sp_error *err, sp_attack *attack, const sp_attacker *attacker,
                          const sp_clip *clip, const sp_noise *noise, long label,
                          const sp_attack_options *options);

/** sp_attack_verdict - attacks what could not be certified: an unknown verdict becomes broken, or
 *  keeps its margins and says in its reason how far the attack came. Its seconds are added. */
void sp_attack_verdict(sp_verdict *verdict, const sp_attacker *attacker, const sp_clip *clip,
                       const sp_budget *budget, long label, const sp_attack_options *options);

#ifdef __cplusplus
}
#endif

#endif
