/* Audits of wake-word models: what noise can and cannot make a listening device do. */
#ifndef SP_CERTIFY_AUDIT_H
#define SP_CERTIFY_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "certify/attack/attack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the trigger ---- */

typedef enum {
    SP_TRIGGER_PRECISE,     /* an activation that rises with predictions that are on and falls with
                             * others exceeds `level`. [Precise], TriggerDetector */
    SP_TRIGGER_CONSECUTIVE, /* `least` predictions in a row are on */
    SP_TRIGGER_SPEECH       /* speech lasts: from a prediction that is on until one that is low, at
                             * least `silence` predictions behind the first low one, with none on
                             * between them; `least` predictions. [Silero], get_speech_timestamps */
} sp_trigger_rule;
/** sp_trigger - decides from one logit per prediction. A prediction is on when its logit reaches
 *  the threshold, and low when it stays below the lower one. */
typedef struct sp_trigger {
    double threshold;
    int level;    /* 3; 0: every prediction that is on fires */
    size_t chunk; /* samples from one prediction to the next: 1024 */
    sp_trigger_rule rule;
    double low; /* SPEECH: below the threshold */
    size_t least, silence;
} sp_trigger;
/** sp_trigger_threshold - the logit at which mycroft-precise's decoder (mean 6, deviation 4, centre
 *  0.2) switches on for a sensitivity in (0, 1): 0.5 gives 2.63. */
double sp_trigger_threshold(double sensitivity);
/** sp_trigger_run - how many predictions that are on, one after the other, make it fire. */
size_t sp_trigger_run(const sp_trigger *trigger);
/** sp_trigger_fires - runs the detector up to its first firing, which is monotone in the bits: a
 *  proof with certified lower bits that it fires, with upper ones that it does not. keep[i]: the
 *  prediction is not low, which those that are on never are; NULL: only these.
 *  sp_trigger_hears - the same for logits, whose thresholds are `hair` lower.
 *  O at  index of the prediction that fires, or NULL */
bool sp_trigger_fires(size_t *at, const sp_trigger *trigger, const bool *on, const bool *keep,
                      size_t count);
bool sp_trigger_hears(const sp_trigger *trigger, const double *logit, size_t count, double hair);

/* ---- a recording as it is heard ---- */

/** sp_stream - the predictions on a recording: prediction i hears frames [first[i], first[i] +
 *  steps); frames before the recording are features of zero, as in a buffer that was just made. Of
 *  a model that answers after every hop (net->every) prediction i is hop i, and steps is 0. */
typedef struct sp_stream {
    size_t steps, count;
    long *first; /* [count] owned */
} sp_stream;
/** sp_stream_init - one prediction per chunk of n samples. sp_stream_one - the one prediction on
 *  the window that begins at frame `first`. */
SP_NODISCARD sp_status sp_stream_init(sp_error *err, sp_stream *stream, const sp_pipeline *pipeline,
                                      size_t n, size_t chunk);
SP_NODISCARD sp_status sp_stream_one(sp_error *err, sp_stream *stream, const sp_pipeline *pipeline,
                                     long first);
void sp_stream_clear(sp_stream *stream);
/** sp_stream_run - the logit of every prediction, concretely.  O logit [count] */
SP_NODISCARD sp_status sp_stream_run(sp_error *err, double *logit, const sp_stream *stream,
                                     const sp_pipeline *pipeline, const double *samples, size_t n);

/* ---- one-dimensional noise ---- */

/** sp_audit_line - whether a trigger fires (or stays silent) on a recording under every noise
 *  of a one-dimensional set. */
typedef struct sp_audit_line {
    const sp_pipeline *pipeline;
    const sp_stream *stream;
    const sp_trigger *trigger;
    const sp_clip *clip;
    const sp_noise *noise; /* a line or gains */
    bool fire;             /* it must fire; else it must not */
    double start;          /* of the set; the proof grows from here to both ends */
    double finest, share;  /* parts are not made smaller than this, nor than this share of |a| */
    size_t most;           /* parts that are tried; 0: 400 */
    double deadline;       /* sp_clock_wall value; 0: none */
} sp_audit_line;

/** sp_audit_line_result - what was proved around the start; NaN where nothing was, or none was
 *  found. */
typedef struct sp_audit_line_result {
    double lo, hi;               /* proved for all parameters between these */
    double broken_lo, broken_hi; /* the nearest found below and above at which it is not so */
    size_t pieces;               /* parts that the proof consists of */
    size_t tried;                /* parts that were bounded */
    double weakest; /* least certified distance of a logit that the proof uses to the threshold */
    double float32; /* most that float32 arithmetic changes one that was bounded; NaN: not asked */
    bool late;      /* the time was up */
} sp_audit_line_result;
/** sp_audit_line_prove - splits the set until it is proved or broken, widest parts first. Noise at
 *  the ends and the middle of every part is heard concretely. */
SP_NODISCARD sp_status sp_audit_line_prove(sp_error *err, sp_audit_line_result *answer,
                                           const sp_audit_line *line);

/* ---- audits ---- */

/* fire, silent: the window that hears the word best, or is nearest to firing, whatever the noise;
 * burst: the same with noise in a few frames only, at every place; gain: at every loudness of a
 * range; noise-line: under one recorded noise at every level. stream-*: the trigger on the whole
 * recording, under one noise. dead-samples: those that no frame hears change nothing. hops: every
 * hop of a stream stays on its side, with noise in a few hops, at every place; trigger: it does on
 * the stream what it does without noise, whatever the noise. */
#define SP_PROPERTY_LIST(X)                                                                        \
    X(SP_PROPERTY_FIRE, "fire")                                                                    \
    X(SP_PROPERTY_SILENT, "silent")                                                                \
    X(SP_PROPERTY_BURST, "burst")                                                                  \
    X(SP_PROPERTY_GAIN, "gain")                                                                    \
    X(SP_PROPERTY_NOISE_LINE, "noise-line")                                                        \
    X(SP_PROPERTY_STREAM_FIRE, "stream-fire")                                                      \
    X(SP_PROPERTY_STREAM_SILENT, "stream-silent")                                                  \
    X(SP_PROPERTY_DEAD, "dead-samples")                                                            \
    X(SP_PROPERTY_HOPS, "hops")                                                                    \
    X(SP_PROPERTY_TRIGGER, "trigger")

typedef enum {
#define SP_PROPERTY_ENTRY(name, text) name,
    SP_PROPERTY_LIST(SP_PROPERTY_ENTRY)
#undef SP_PROPERTY_ENTRY
        SP_PROPERTIES
} sp_property;
const char *sp_property_name(sp_property property);
/** sp_property_find - by name; SP_PROPERTIES: there is none. */
sp_property sp_property_find(const char *name);

/** sp_audit - what is audited; everything is borrowed. */
typedef struct sp_audit {
    /* of the pipeline: one logit, for a fixed number of frames or for every hop of a stream */
    const sp_attacker *attacker;
    sp_trigger trigger;          /* its threshold is the pipeline's too */
    const sp_clip *clip;         /* as it is heard */
    const double *noise;         /* [n of the clip] of noise lines; its largest sample is 1 */
    const char *source;          /* file of the clip; NULL: no breaking clip is written */
    double gain_lo, gain_hi;     /* dB, with 0 between them */
    size_t burst;                /* frames, or hops */
    size_t every;                /* hops from one place of a burst to the next; 0: 1 */
    bool no_attack;              /* of hops and triggers: nothing is broken */
    const sp_budget *budget;     /* one budget to decide; NULL: the levels are searched */
    double tolerance;            /* dB, of the search */
    const sp_noise_set *set;     /* of radii, in which windows and bursts are searched or decided;
                                  * NULL: boxes */
    sp_budget_deployed deployed; /* what noisy samples of a window become; rounded ones are not
                                      * attacked */
    const sp_noise_profile *profile; /* of the window that fires, or is nearest to; or NULL */
    sp_attack_options attack;        /* its steps, starts and seed are read */
    double timeout;                  /* seconds a property; 0: none */
} sp_audit;
enum { SP_AUDIT_STEPS = 20, SP_AUDIT_STARTS = 2 }; /* of its attacks, unless given */

/** sp_finding - what is known of one property of one recording. */
typedef struct sp_finding {
    sp_property property;
    /* certified: for some level, or for the budget; broken: nothing is certified, but something is
     * broken; misclassified: the clean recording does otherwise already */
    sp_verdict_kind kind;
    char reason[512];
    bool fire;                 /* it must fire, answer 1; else stay silent, answer 0 */
    double threshold, logit;   /* clean logit of the window, or the largest one of the stream */
    bool shared;               /* a profile gives samples shares of the levels */
    sp_budget_scale certified; /* loudest certified level; NaN: none */
    sp_budget_scale broken;    /* quietest level that real-valued noise was found to break */
    sp_budget_scale file;      /* quietest level that a file of the clip's format does */
    double gain_lo, gain_hi;   /* gain: the certified range in dB */
    double gain_broken;        /* gain: dB */
    size_t pieces;             /* one-dimensional sets: parts of the proof */
    double margin;             /* least proved distance of a logit from the threshold */
    double float32;        /* most that float32 arithmetic changes that distance; NaN: not asked */
    double begin_s, end_s; /* the window, or the weakest moment of a burst */
    size_t frame;          /* its first frame */
    double *place_db;      /* [places] owned; burst: the certified level at every place, or NULL */
    size_t places;
    double file_logit;     /* of the breaking file; stream: its largest one */
    double original_logit; /* the same by the model file's own graph */
    double dead;           /* dead samples: their share of the window */
    bool kept;             /* the file stays, at the path that was asked for as form makes it fit */
    sp_clip_form form;     /* as what that file, or the last one, was written */
    char file_format[48];  /* the same in words; "" without a file */
    double seconds;
} sp_finding;
void sp_finding_clear(sp_finding *finding);
/** sp_audit_run - the largest logit of the clean recording over the windows of all frames, and
 *  whether the trigger fires on it.
 *  SP_E_MISMATCH when it is shorter than one window, SP_E_UNSUPPORTED for other kinds of models. */
SP_NODISCARD sp_status sp_audit_run(sp_error *err, double *logit, size_t *frame, bool *fires,
                                    const sp_audit *audit);
/** sp_audit_property - always leaves a finding, as sp_certify does a verdict. The clip that breaks
 *  the property is written, read again and heard, also by the
 *  graph of the model's file. */
sp_status sp_audit_property(sp_error *err, sp_finding *finding, const sp_audit *audit,
                            sp_property property, const char *out);
/** sp_audit_applies - whether a property is asked of a recording on which the trigger fires, or
 *  does not, by a model that answers after every hop, or not. sp_audit_of_set - whether it speaks
 *  of all noise of a set, which may be a ball. sp_audit_of_hops - whether it is of such models.
 *  sp_audit_check_hops - SP_E_UNSUPPORTED for models that are none. */
bool sp_audit_applies(sp_property property, bool fires, bool hops);
bool sp_audit_of_hops(sp_property property);
SP_NODISCARD sp_status sp_audit_check_hops(sp_error *err, const sp_pipeline *pipeline);
bool sp_audit_of_set(sp_property property);
/** sp_audit_of_window - whether it is about all noise in a whole window or recording, which may
 *  have a profile or be rounded. */
bool sp_audit_of_window(sp_property property);

#ifdef __cplusplus
}
#endif

#endif
