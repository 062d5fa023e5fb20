/* Private to certify/: what all queries about a clip share. */
#ifndef SP_CERTIFY_IMPL_H
#define SP_CERTIFY_IMPL_H

#include "certify/certify.h"
#include "certify/schedule.h"

/** sp_query_options - which noise, about which label. */
typedef struct sp_query_options {
    const sp_budget *budget;     /* read when noise is NULL */
    const sp_noise *noise;       /* a radius for every sample, or NULL */
    long label;                  /* -1: the model's own answer */
    double timeout;              /* seconds; 0: none */
    const sp_certify_keep *keep; /* or NULL */
} sp_query_options;

/** sp_query - what is asked about one clip, which the model answers rightly and without a tie. */
typedef struct sp_query {
    const sp_pipeline *pipeline;
    const sp_clip *clip;
    sp_noise noise;              /* owned */
    const double *middle;        /* [n] around which the noise is: the clip's samples, or `moved` */
    double *moved;               /* [n] owned; where a budget cuts what is noisy; else NULL */
    sp_verdict *verdict;         /* label, predicted, frames, logits, eps and scale are set */
    double deadline;             /* sp_clock_wall value; 0: none */
    double start, cpu;           /* clocks when it was opened */
    double timeout;              /* seconds; 0: none */
    const sp_certify_keep *keep; /* or NULL */
} sp_query;

/** sp_query_open - opens the query; *settled when the clean clip answers it. Close it whatever
 *  was returned. sp_query_close - leaves a verdict: a status that is not SP_OK becomes
 *  SP_VERDICT_ERROR (or _TIMEOUT) with the reason in err, which is filled. */
SP_NODISCARD sp_status sp_query_open(sp_error *err, sp_query *query, sp_verdict *verdict,
                                     const sp_pipeline *pipeline, const sp_clip *clip,
                                     const sp_query_options *options, bool *settled);
void sp_query_close(const sp_error *err, sp_query *query, sp_status status);

/** sp_query_check_clip - whether the clip has the rate and the sample units of the front end, or is
 *  a sequence as wide as the network reads. */
SP_NODISCARD sp_status sp_query_check_clip(sp_error *err, const sp_pipeline *pipeline,
                                           const sp_clip *clip);

/** sp_query_unproved - whether a failure says only that nothing is proved, as bounds that overflow
 *  at a loud budget do. A contradiction is none of these: it ends whatever asked. */
static inline bool sp_query_unproved(sp_status status) {
    return status >= SP_E_NONFINITE && status != SP_E_CONTRADICTION;
}

/** sp_query_work - works on an open query and sets the kind and the reason of its verdict. */
typedef sp_status (*sp_query_work)(sp_error *err, sp_query *query, void *context);

/** sp_query_answer - opens the query, answers it unless the clean clip settles it, and always
 *  leaves a verdict: errors become SP_VERDICT_ERROR (or _TIMEOUT) with the reason, and are also
 *  returned. */
sp_status sp_query_answer(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                          const sp_clip *clip, const sp_query_options *options,
                          sp_query_work answer, void *context);

/** sp_query_bound - the bounds of the front end, and one objective per false label: the score of
 *  the label less that of the other one. SP_E_TIMEOUT when the time ran out there. Clear front and
 *  objectives whatever was returned. sp_query_judge - the verdict that the objectives prove
 *  and the seconds that it took; of failed ones the seconds only. */
SP_NODISCARD sp_status sp_query_bound(sp_error *err, const sp_query *query, sp_front_bound *front,
                                      sp_objectives *o);
void sp_query_judge(const sp_query *query, const sp_objectives *o);

/** sp_pipeline_single_term - how far float32 programs can be from the real score of `label` less
 *  that of another answer, at n samples, of a pipeline whose gap is bounded. */
SP_NODISCARD sp_status sp_pipeline_single_term(sp_error *err, double *term,
                                               const sp_pipeline *pipeline, const double *samples,
                                               size_t n, size_t label, size_t other,
                                               double deadline);

/** sp_arithmetic_check - whether this thread computes as the error terms assume. */
SP_NODISCARD sp_status sp_arithmetic_check(sp_error *err);

/** sp_pipeline_forms - the forms of its front end, or of the first layers of a model that hears
 *  samples. */
SP_NODISCARD sp_status sp_pipeline_forms(sp_error *err, sp_front_forms **forms,
                                         const sp_pipeline *pipeline, sp_front_rule rule);

/** sp_pipeline_rows - linear objectives of `scores` scores as those of the logits of all frames
 *  that are asked about, and a constant.
 *  O row [rows, logits], constant [rows]   I weight [rows, scores] */
void sp_pipeline_rows(const sp_pipeline *pipeline, double *row, double *constant,
                      const double *weight, size_t rows, size_t scores);

/** sp_pipeline_run - the scores [sp_pipeline_scores] of n samples, concretely. */
SP_NODISCARD sp_status sp_pipeline_run(sp_error *err, const sp_pipeline *pipeline, double *logits,
                                       const double *samples, size_t n);

/** sp_pipeline_original - the same by the graph of the model's file, operator by operator; NaN when
 *  the pipeline has none. */
SP_NODISCARD sp_status sp_pipeline_original(sp_error *err, const sp_pipeline *pipeline,
                                            double *logits, const double *samples, size_t n);

/** sp_query_attain - sets the margins of the verdict to those that `samples` [n of the clip]
 *  attain. */
SP_NODISCARD sp_status sp_query_attain(sp_error *err, const sp_query *query, const double *samples);

/* ---- what must stay positive (decisions.c) ---- */

/** sp_lead - a margin: score[plus] - score[minus] + constant, SP_NO_LABEL for none of them. */
typedef struct sp_lead {
    size_t plus, minus;
    double constant;
} sp_lead;
/** sp_lead_of - margin k of an open query's verdict; false: there is none at this score.
 *  sp_lead_value - its value at scores. */
bool sp_lead_of(sp_lead *lead, const sp_pipeline *pipeline, const sp_verdict *verdict, size_t k);
double sp_lead_value(const sp_lead *lead, const double *score);
/** sp_lead_list - the margins there are, in order; of many decisions at most `most`, those that are
 *  least without noise.   O at [classes, or most]; how many */
size_t sp_lead_list(size_t *at, size_t most, const sp_pipeline *pipeline,
                    const sp_verdict *verdict);
/** sp_lead_least - the least margin at scores, and where: NaN where one of them is none. */
double sp_lead_least(const sp_pipeline *pipeline, const sp_verdict *verdict, const double *score,
                     size_t *at);
/** sp_decision_settle - takes many decisions as the clean clip has them, whose scores the verdict
 *  has; *settled: nothing can be proved of them. */
SP_NODISCARD sp_status sp_decision_settle(sp_error *err, const sp_pipeline *pipeline,
                                          sp_verdict *verdict, bool *settled);
/** sp_decision_explain - the reason why the margin at score k of many is not positive. */
void sp_decision_explain(sp_verdict *verdict, size_t k);

/** sp_pipeline_noise - the noises of a budget around a clip, and its radius. *moved [n], owned by
 *  the caller: around which samples they are, where these are not the clip's; else NULL. */
SP_NODISCARD sp_status sp_pipeline_noise(sp_error *err, sp_noise *noise, double **moved,
                                         double *eps, const sp_pipeline *pipeline,
                                         const sp_clip *clip, const sp_budget *budget);
/** sp_pipeline_frame_noise - a set of radius eps in the samples of frames first .. first + frames -
 *  1, 0 elsewhere; all samples when frames is 0. SP_E_MISMATCH for frames that the clip does not
 *  have. */
SP_NODISCARD sp_status sp_pipeline_frame_noise(sp_error *err, sp_noise *noise,
                                               const sp_noise_set *set, const sp_front *front,
                                               size_t n, double eps, size_t first, size_t frames);
/** sp_pipeline_share - what a profile leaves of them; NULL: all. SP_E_MISMATCH where it is one of
 *  other samples or frames. */
SP_NODISCARD sp_status sp_pipeline_share(sp_error *err, sp_noise *noise,
                                         const sp_noise_profile *profile, const sp_front *front);

#endif
