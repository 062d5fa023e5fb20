/* Private to certify/: what all questions about a clip share. */
#ifndef SP_CERTIFY_IMPL_H
#define SP_CERTIFY_IMPL_H

#include "certify/certify.h"
#include "certify/schedule.h"

/** sp_question - which noise, about which label. */
typedef struct sp_question {
    const sp_budget *budget; /* read when noise is NULL */
    const sp_noise *noise;   /* a radius for every sample, or NULL */
    long label;              /* -1: the model's own answer */
    double timeout;          /* seconds; 0: none */
} sp_question;

/** sp_problem - a question whose clip the model answers rightly and without a tie. */
typedef struct sp_problem {
    const sp_system *system;
    const sp_clip *clip;
    sp_noise noise;      /* owned */
    sp_verdict *verdict; /* label, predicted, frames, logits, eps and scale are set */
    double deadline;     /* sp_clock_wall value; 0: none */
    double start, cpu;   /* clocks when it was opened */
    double timeout;      /* seconds; 0: none */
} sp_problem;

/** sp_question_open - opens the problem; *settled when the clean clip answers it. Close it whatever
 *  was returned. sp_question_close - leaves a verdict: a status that is not SP_OK becomes
 *  SP_VERDICT_ERROR (or _TIMEOUT) with the reason in err, which is filled. */
SP_NODISCARD sp_status sp_question_open(sp_error *err, sp_problem *problem, sp_verdict *verdict,
                                        const sp_system *system, const sp_clip *clip,
                                        const sp_question *question, bool *settled);
void sp_question_close(const sp_error *err, sp_problem *problem, sp_status status);

/** sp_answer - works on an open problem and sets the kind and the reason of its verdict. */
typedef sp_status (*sp_answer)(sp_error *err, sp_problem *problem, void *context);

/** sp_question_answer - opens the problem, answers it unless the clean clip settles it, and always
 *  leaves a verdict: errors become SP_VERDICT_ERROR (or _TIMEOUT) with the reason, and are also
 *  returned. */
sp_status sp_question_answer(sp_error *err, sp_verdict *verdict, const sp_system *system,
                             const sp_clip *clip, const sp_question *question, sp_answer answer,
                             void *context);

/** sp_problem_bound - the bounds of the front end, and one objective per false label: the score of
 *  the label less that of the other one. SP_E_TIMEOUT when the time ran out there. Clear front and
 *  objectives whatever was returned. sp_problem_judge - the verdict that the objectives prove
 *  and the seconds that it took; of failed ones the seconds only. */
SP_NODISCARD sp_status sp_problem_bound(sp_error *err, const sp_problem *problem,
                                        sp_front_bound *front, sp_objectives *o);
void sp_problem_judge(const sp_problem *problem, const sp_objectives *o);

/** sp_arithmetic_check - whether this thread computes as the error terms assume. */
SP_NODISCARD sp_status sp_arithmetic_check(sp_error *err);

/** sp_system_rows - linear objectives of the scores as those of the logits and a constant.
 *  O row [rows, net classes], constant [rows]   I weight [rows, answers] */
void sp_system_rows(const sp_system *system, double *row, double *constant, const double *weight,
                    size_t rows);

/** sp_system_run - the scores [answers] of n samples, concretely. */
SP_NODISCARD sp_status sp_system_run(sp_error *err, const sp_system *system, double *logits,
                                     const double *samples, size_t n);

/** sp_system_original - the same by the graph of the model's file, operator by operator; NaN when
 *  the system has none. */
SP_NODISCARD sp_status sp_system_original(sp_error *err, const sp_system *system, double *logits,
                                          const double *samples, size_t n);

/** sp_problem_attain - sets the margins of the verdict to those that `samples` [n of the clip]
 *  attain. */
SP_NODISCARD sp_status sp_problem_attain(sp_error *err, const sp_problem *problem,
                                         const double *samples);

/** sp_verdict_weakest - the label with the least margin; one whose margin is NaN is least of all.
 *  */
size_t sp_verdict_weakest(const sp_verdict *verdict);

/** sp_noise_frames - |d_i| <= eps in the samples of frames first .. first + frames - 1, 0
 *  elsewhere; all samples when frames is 0. SP_E_MISMATCH for frames that the clip does not have.
 *  */
SP_NODISCARD sp_status sp_noise_frames(sp_error *err, sp_noise *noise, const sp_front *front,
                                       size_t n, double eps, size_t first, size_t frames);

#endif
