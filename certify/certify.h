/* Methods, queries and verdicts. What else is asked of a pipeline: the headers of the parts,
 * attack/, study/, audit/ and report/. */
#ifndef SP_CERTIFY_CERTIFY_H
#define SP_CERTIFY_CERTIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "audio/audio.h"
#include "base/status.h"
#include "lstm/domain.h"
#include "lstm/single/single.h"
#include "net/net.h"
#include "preprocess/front_bound.h"
#include "preprocess/preprocess.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_method_pass - one attempt of a method. */
typedef struct sp_method_pass {
    const sp_domain *domain;
    const void *options; /* of the domain; NULL: its standard ones */
    double hopeless;     /* left out when an earlier pass left a margin below this; 0: never */
} sp_method_pass;

/** sp_method - a row of the table of methods. */
typedef struct sp_method {
    const char *name;    /* "exact" */
    const char *summary; /* one line, with its source */
    const char *planes;  /* what products get in the tightest pass, in a word */
    sp_front_rule front; /* default relaxation of the front end */
    /* each is tried only while some margin is not positive; every label keeps its best */
    size_t passes;
    const sp_method_pass *pass; /* [passes], cheapest first */
    /* how often a label that no pass excludes is bounded again, with the last pass, on the noises
     * for which it could still win (certify/refine.c); and from which depth of that part on */
    size_t refinements;
    double depth;
    /* into how many pieces by energies of bands the noises are cut at most, when all of that left a
     * label; 0: none (certify/pieces.c) */
    size_t pieces;
} sp_method;

/** sp_methods - the table; sp_method_find - a row by name, or NULL. */
const sp_method *sp_methods(size_t *count);
const sp_method *sp_method_find(const char *name);
/** sp_method_precise - for exact "exact/float32": the same method with each pass in single
 *  precision first, and in double where that does not certify; or "exact/float64": in double alone.
 *  NULL: there is none. exact itself takes single precision where cells are wide. */
const sp_method *sp_method_precise(const sp_method *method, bool single);

/** sp_class_names - what to call the answers of a model. */
typedef struct sp_class_names {
    char **name; /* [count] owned */
    size_t count;
} sp_class_names;
enum { SP_CLASS_TEXT = 64 };
/** sp_class_names_parse - `count` names: a JSON list of texts, or one a line or between tabs.
 *  Names that repeat, are empty or longer than 63 bytes, and another number of them, are errors. */
SP_NODISCARD sp_status sp_class_names_parse(sp_error *err, sp_class_names *names, const char *text,
                                            size_t count);
void sp_class_names_clear(sp_class_names *names);
/** sp_class_name - NULL where there is none, and for names == NULL. sp_class_text - the name, or
 *  the number, "-" for SP_NO_LABEL; returns the text. */
const char *sp_class_name(const sp_class_names *names, size_t answer);
const char *sp_class_text(char text[SP_CLASS_TEXT], const sp_class_names *names, size_t answer);

/** sp_arithmetic - the program that verdicts speak of: real numbers, or a runtime that computes the
 *  network in float32 (lstm/single/single.h). */
typedef enum { SP_ARITHMETIC_REAL, SP_ARITHMETIC_FLOAT32 } sp_arithmetic;
/** sp_arithmetic_name - "real", "float32". sp_arithmetic_text - what is printed with every verdict
 *  (after GPUPoly's levels). */
const char *sp_arithmetic_name(sp_arithmetic arithmetic);
const char *sp_arithmetic_text(sp_arithmetic arithmetic);
/** sp_arithmetic_find - by name; false: there is none. */
bool sp_arithmetic_find(sp_arithmetic *arithmetic, const char *name);

/** sp_decision - what must stay as it is: the answer, which is the largest logit; or, of networks
 *  of several outputs, on which side of its threshold each of them is. Of a network that answers at
 *  every frame (net->every), at all of them. */
typedef enum { SP_DECISION_ANSWER, SP_DECISION_OUTPUTS } sp_decision;
/** sp_decision_name - "answer", "outputs". sp_decision_find - by name; false: there is none. */
const char *sp_decision_name(sp_decision asks);
bool sp_decision_find(sp_decision *asks, const char *name);

/** sp_pipeline - a network behind its front end: what is being certified. Shared by clips and
 *  threads. */
typedef struct sp_pipeline {
    const sp_net *net;     /* borrowed: of the features of `front` */
    const sp_front *front; /* borrowed: what is bounded of the front end, sp_front_core */
    const sp_front *whole; /* borrowed: the front end itself */
    sp_net *joined;        /* owned: net, with the stages that `front` lacks before it; or NULL */
    sp_front_forms *forms; /* owned; for the rule of the method */
    sp_front_forms *boxes; /* owned; of intervals, which long clips are tried with first; or NULL */
    const sp_method *method;
    sp_front_rule front_rule;
    const sp_class_names *names; /* borrowed; of the answers; or NULL */
    double threshold;            /* of an output, which is above it from here on; 0 unless set */
    const double *thresholds;    /* borrowed; [classes] one for each output; or NULL */
    sp_decision asks;
    const struct sp_model *original; /* borrowed; its own graph hears breaking files too; or NULL */
    sp_arithmetic arithmetic;
    bool gap; /* how far float32 can be from real numbers is bounded */
    sp_single_program program;
} sp_pipeline;
/** sp_pipeline_single - bounds how far a float32 runtime can be from real numbers; for FLOAT32
 *  verdicts speak of it. `model` is what the net was read from. SP_E_UNSUPPORTED for models and
 *  front ends of which that is not known. */
SP_NODISCARD sp_status sp_pipeline_single(sp_error *err, sp_pipeline *pipeline,
                                          const struct sp_model *model, sp_arithmetic arithmetic);

/** sp_pipeline_answers - between how many answers a net decides. A net with one logit has two: 0,
 *  it stays silent, and 1, it fires. Their scores are the threshold and the logit; the scores of
 *  other nets are their logits. Everywhere below, logits, margins and labels are those of the
 *  answers. */
size_t sp_pipeline_answers(const sp_net *net);

/** sp_pipeline_asks_many - whether several decisions are asked about at once: the sides of several
 *  outputs, or answers at every frame. Their scores are all logits, frame by frame; of a network
 *  with one logit per frame the sides are asked.
 *  sp_pipeline_scores - how many scores a clip of n samples has. */
bool sp_pipeline_asks_many(const sp_pipeline *pipeline);
size_t sp_pipeline_scores(const sp_pipeline *pipeline, size_t n);

/** sp_decision_logit - an answer as a logit, of outputs that are sigmoids unless it is one; false:
 *  it is no probability. sp_decision_thresholds - "0.5", "logit:2" or one for each output with
 *  commas between.  O threshold [classes]
 *  sp_pipeline_ask - what is asked of a pipeline, with thresholds or NULL; borrows `threshold`. */
bool sp_decision_logit(double *value, const sp_net *net, bool logit);
SP_NODISCARD sp_status sp_decision_thresholds(sp_error *err, double *threshold, const sp_net *net,
                                              const char *text);
SP_NODISCARD sp_status sp_pipeline_ask(sp_error *err, sp_pipeline *pipeline, double *threshold,
                                       sp_decision asks, const char *text);

/** sp_pipeline_fits - that a frame of the front end is what the network reads of one step. */
SP_NODISCARD sp_status sp_pipeline_fits(sp_error *err, const sp_net *net, const sp_front *front);
/** sp_pipeline_init - checks that net and front end fit together and prepares the forms of `rule`
 *  (method->front, or another one asked for by --front-relax). Sequences have the joint ones. */
SP_NODISCARD sp_status sp_pipeline_init(sp_error *err, sp_pipeline *pipeline, const sp_net *net,
                                        const sp_front *front, const sp_method *method,
                                        sp_front_rule rule);
void sp_pipeline_clear(sp_pipeline *pipeline);

/** sp_pipeline_shares - O share [n], owned: the share of every sample of a recording. SP_E_MISMATCH
 *  where the profile is one of neither its samples nor its frames. */
SP_NODISCARD sp_status sp_pipeline_shares(sp_error *err, double **share,
                                          const sp_noise_profile *profile, const sp_front *front,
                                          size_t n);

typedef enum {
    SP_VERDICT_CERTIFIED,     /* no noise of the set changes the answer: every margin is positive */
    SP_VERDICT_BROKEN,        /* a noise of the set that changes it is known */
    SP_VERDICT_UNKNOWN,       /* neither was shown */
    SP_VERDICT_MISCLASSIFIED, /* the clean clip is not given this label */
    SP_VERDICT_TIMEOUT,
    SP_VERDICT_ERROR
} sp_verdict_kind;
const char *sp_verdict_name(sp_verdict_kind kind);

#define SP_VERDICT_KINDS 6

/** sp_verdict - the outcome for one clip and one budget. */
typedef struct sp_verdict {
    sp_verdict_kind kind;
    char reason[512];            /* why it is not certified; "" when it is */
    const sp_class_names *names; /* borrowed from the pipeline; or NULL */
    size_t label, predicted;     /* SP_NO_LABEL where not known, and where many are asked about */
    size_t classes, frames;      /* classes: scores, of all frames that are asked about */
    size_t outputs; /* of a frame, where many decisions are asked about (sp_pipeline_asks_many); 0:
                     * one answer */
    bool sides;     /* of these: every output must stay on its side; else every frame's largest */
    double *logits; /* [classes] owned; of the clean clip */
    /* [classes] owned; certified lower bound of logit[label] - logit[k], of many: of the largest of
     * the frame less logit[k], or of the distance to the threshold; NaN at the label, at such a
     * largest one, and where none was computed */
    double *margins;
    double margin; /* least of them; NaN when none was computed */
    double error;  /* largest running error term inside the margins */
    sp_arithmetic arithmetic;
    double float32; /* most that float32 arithmetic changes a margin; NaN: not asked */
    size_t rival;   /* a label whose lead over the clip's own may be rounding; SP_NO_LABEL: none */
    double eps;     /* radius in sample units */
    sp_budget_deployed deployed; /* what noisy samples become before they are heard */
    bool shared;                 /* a profile gives samples shares of eps */
    double heard_eps;            /* the most that a heard sample differs from the clip's */
    const sp_noise_set *set;     /* of noise; NULL where not known */
    sp_budget_scale scale;
    double seconds, cpu_seconds; /* cpu_seconds: of the whole process, all threads */
    size_t windows; /* of a longer recording, of which this is the weakest; 0: the clip itself */
    size_t first_frame; /* of that window */
    double begin_s;
    double front_seconds, boxes_seconds,
        rows_seconds; /* of it: front end, boxes of all cells, margins */
} sp_verdict;
/** sp_verdict_init - an outcome that holds nothing: kind error, numbers NaN, labels SP_NO_LABEL. */
void sp_verdict_init(sp_verdict *verdict);
void sp_verdict_clear(sp_verdict *verdict);
/** sp_verdict_judge - sets margin, kind and reason from label, classes, logits and margins.
 *  Certified only if every margin but the label's own is > 0: NaN and -inf are unknown. */
void sp_verdict_judge(sp_verdict *verdict);
/** sp_verdict_is_vacuous - certified, but no other file of the clip's format lies in the set: true
 *  of real-valued noise only. */
bool sp_verdict_is_vacuous(const sp_verdict *verdict);

/** sp_certify_keep - called when one pass alone proves every margin, with its bounds before they
 *  are freed: `margin` is the least one. Not called on a device, nor for what several passes, or
 *  parts of the noise, prove together. May run on any thread. */
typedef struct sp_certify_keep {
    void (*call)(void *context, const sp_domain *domain, void *bounds, const sp_front_bound *front,
                 double margin);
    void *context;
} sp_certify_keep;

/** sp_certify - the verdict for one clip. `label` < 0: the model's own prediction.
 *  Always leaves a verdict: errors become SP_VERDICT_ERROR (or _TIMEOUT) with the reason, and are
 *  also returned. timeout in seconds, 0: none. */
sp_status sp_certify(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                     const sp_clip *clip, const sp_budget *budget, long label, double timeout);
/** sp_certify_kept - the same; `keep` may be NULL. */
sp_status sp_certify_kept(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                          const sp_clip *clip, const sp_budget *budget, long label, double timeout,
                          const sp_certify_keep *keep);
/** sp_certify_noise - the same for any noise set; eps is its largest radius, snr_db that of its
 *  loudest noise. A set of radius 0 is an error. */
sp_status sp_certify_noise(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                           const sp_clip *clip, const sp_noise *noise, long label, double timeout);

/** sp_verdict_weakest - where the least margin is: a label, or of many one of their scores; one
 *  whose margin is NaN is least of all. SP_NO_LABEL: there are no margins. */
size_t sp_verdict_weakest(const sp_verdict *verdict);
/** sp_verdict_decisions - how many decisions the verdict is about. sp_verdict_where - which score
 *  that is, in words: "label 3", "output 3 of frame 7"; returns the text. */
enum { SP_VERDICT_WHERE = 128 };
size_t sp_verdict_decisions(const sp_verdict *verdict);
const char *sp_verdict_where(char text[SP_VERDICT_WHERE], const sp_verdict *verdict, size_t score);

/** sp_pipeline_clean - the scores [sp_pipeline_scores] of a clip without noise. sp_pipeline_margin
 *  - of many decisions the least margin without noise. */
SP_NODISCARD sp_status sp_pipeline_clean(sp_error *err, const sp_pipeline *pipeline, double *logits,
                                         const sp_clip *clip);
SP_NODISCARD sp_status sp_pipeline_margin(sp_error *err, const sp_pipeline *pipeline,
                                          double *margin, const sp_clip *clip);

/** sp_box_seen - called for the box [width] of one frame of one node; not 0: no more are wanted. */
typedef int sp_box_seen(void *context, size_t node, const char *kind, size_t frame, size_t width,
                        const double *lo, const double *hi);
/** sp_certify_boxes - the boxes that the last pass of the method keeps under all noises of the
 *  budget: of every frame of every node of the net, in order; node 0: the features. Nodes of which
 *  it keeps none are left out. Returns a status, or what `see` returned when that ended it. */
int sp_certify_boxes(sp_error *err, const sp_pipeline *pipeline, const sp_clip *clip,
                     const sp_budget *budget, double timeout, sp_box_seen *see, void *context);

/** sp_certify_item - a clip, a budget, and where the verdict goes. */
typedef struct sp_certify_item {
    const sp_clip *clip;
    const sp_budget *budget;
    long label; /* -1: the model's own answer */
    sp_verdict *verdict;
    const sp_certify_keep *keep; /* or NULL */
} sp_certify_item;

/** sp_certify_group - how many clips are best given to sp_certify_all at once: 1 on the CPU, whose
 *  threads take clips as they come; many on a device, which bounds them together. */
size_t sp_certify_group(void);
/** sp_certify_all - the verdicts that sp_certify gives for each, on all threads; on a device many
 *  clips at once, whose seconds are then those of the batch. SP_E_MEMORY: nothing was done. */
SP_NODISCARD sp_status sp_certify_all(sp_error *err, const sp_pipeline *pipeline,
                                      const sp_certify_item *work, size_t count, double timeout);

#ifdef __cplusplus
}
#endif

#endif
