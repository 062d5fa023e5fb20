/* From a noise set to a verdict: bounds of the front end, one objective per false label, the passes
 * of the method. */
#include <stdlib.h>

#include "base/clock.h"
#include "certify/impl.h"

/* +1 at the label, -1 at the other one. */
static sp_status fill_objectives(sp_error *err, const sp_problem *problem, sp_objectives *o) {
    const sp_verdict *verdict = problem->verdict;
    const size_t classes = verdict->classes;
    double *answers = calloc(o->rows > 0 ? o->rows * classes : 1, sizeof *answers);
    if (!answers) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu labels", o->rows);
    }
    for (size_t k = 0, r = 0; k < classes; k++) {
        if (k != verdict->label) {
            answers[r * classes + verdict->label] = 1.0;
            answers[r * classes + k] = -1.0;
            o->clean[r++] = verdict->logits[verdict->label] - verdict->logits[k];
        }
    }
    sp_system_rows(problem->system, o->weight, o->constant, answers, o->rows);
    free(answers);
    return SP_OK;
}

sp_status sp_problem_bound(sp_error *err, const sp_problem *problem, sp_front_bound *front,
                           sp_objectives *o) {
    *front = (sp_front_bound){0};
    SP_TRY(
        sp_objectives_init(err, o, problem->verdict->classes - 1, problem->system->net->classes));
    o->deadline = problem->deadline;
    o->front = front;
    SP_TRY(fill_objectives(err, problem, o));
    const double start = sp_clock_wall();
    const sp_status status =
        sp_front_bound_create(err, front, problem->system->forms, problem->clip->samples,
                              problem->clip->n, &problem->noise);
    problem->verdict->front_seconds = sp_clock_wall() - start;
    return status == SP_OK && sp_clock_passed(problem->deadline)
               ? sp_fail(err, SP_E_TIMEOUT, "the time ran out in the front end")
               : status;
}

void sp_problem_judge(const sp_problem *problem, const sp_objectives *o) {
    sp_verdict *verdict = problem->verdict;
    verdict->boxes_seconds = o->boxes_seconds;
    verdict->rows_seconds = o->rows_seconds;
    if (o->status == SP_OK) {
        for (size_t k = 0, r = 0; k < verdict->classes; k++) {
            if (k != verdict->label) {
                verdict->margins[k] = o->proved[r++];
            }
        }
        verdict->error = o->error;
        sp_verdict_judge(verdict);
    }
}

static sp_status certify(sp_error *err, sp_problem *problem, void *context) {
    sp_front_bound front = {0};
    sp_objectives objectives = {0}, *const list[] = {&objectives};
    (void)context;
    sp_status status = sp_problem_bound(err, problem, &front, &objectives);
    if (status == SP_OK) {
        sp_schedule_run(problem->system->method, problem->system->net, list, 1);
        status = objectives.status;
        *err = objectives.err;
        sp_problem_judge(problem, &objectives);
    }
    sp_objectives_clear(&objectives);
    sp_front_bound_clear(&front);
    return status;
}

sp_status sp_certify(sp_error *err, sp_verdict *verdict, const sp_system *system,
                     const sp_clip *clip, const sp_budget *budget, long label, double timeout) {
    const sp_question question = {budget, NULL, label, timeout};
    return sp_question_answer(err, verdict, system, clip, &question, certify, NULL);
}

sp_status sp_certify_noise(sp_error *err, sp_verdict *verdict, const sp_system *system,
                           const sp_clip *clip, const sp_noise *noise, long label, double timeout) {
    const sp_question question = {NULL, noise, label, timeout};
    return sp_question_answer(err, verdict, system, clip, &question, certify, NULL);
}
