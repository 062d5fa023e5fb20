/* From a noise set to margins: bounds of the front end, boxes of all cells, one row per false
 * label. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "certify/impl.h"

/* One row per false label: +1 at the label, -1 at k. Margins and error terms go to the verdict. */
static sp_status bound_rows(sp_error *err, const sp_problem *problem, sp_bounds *bounds) {
    sp_verdict *verdict = problem->verdict;
    const size_t classes = verdict->classes, rows = classes - 1;
    const sp_system *system = problem->system;
    double *weight = calloc(rows * classes, sizeof *weight); /* [rows, classes] */
    double *lower = malloc(rows * (3 + system->net->classes) * sizeof *lower);
    double *error = lower ? lower + rows : NULL, *constant = lower ? error + rows : NULL;
    sp_status status = weight && lower ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    for (size_t k = 0, r = 0; status == SP_OK && k < classes; k++) {
        if (k != verdict->label) {
            weight[r * classes + verdict->label] = 1.0;
            weight[r * classes + k] = -1.0;
            r++;
        }
    }
    if (status == SP_OK) {
        double *row = constant + rows; /* [rows, net classes] */
        sp_system_rows(system, row, constant, weight, rows);
        status = sp_bounds_rows(err, bounds, lower, error, row, rows);
    }
    if (status == SP_OK) {
        for (size_t k = 0, r = 0; k < classes; k++) {
            if (k != verdict->label) {
                if (constant[r] != 0.0) {
                    lower[r] = sp_below(lower[r] + constant[r]);
                }
                if (!(verdict->margins[k] >= lower[r])) { // the first pass meets NaN
                    verdict->margins[k] = lower[r];
                }
                verdict->error = verdict->error >= error[r] ? verdict->error : error[r];
                r++;
            }
        }
    }
    free(lower);
    free(weight);
    return status;
}

static bool all_positive(const sp_verdict *verdict) {
    bool positive = true;
    for (size_t k = 0; k < verdict->classes; k++) {
        positive = positive && (k == verdict->label || verdict->margins[k] > 0.0); // NaN fails
    }
    return positive;
}

static sp_status run_pass(sp_error *err, const sp_problem *problem, const sp_front_bound *front,
                          const sp_bounds_options *pass) {
    sp_bounds_options options = *pass;
    sp_bounds *bounds = NULL;
    const double start = sp_clock_wall();
    options.deadline = problem->deadline;
    sp_status status = sp_bounds_create(err, &bounds, problem->system->net, front, &options);
    const double boxed = sp_clock_wall();
    problem->verdict->boxes_seconds += boxed - start;
    if (status == SP_OK) {
        status = bound_rows(err, problem, bounds);
        problem->verdict->rows_seconds += sp_clock_wall() - boxed;
    }
    sp_bounds_destroy(bounds);
    return status;
}

static sp_status bound_net(sp_error *err, const sp_problem *problem, const sp_front_bound *front) {
    const sp_method *method = problem->system->method;
    problem->verdict->boxes_seconds = problem->verdict->rows_seconds = 0.0;
    problem->verdict->error = 0.0;
    for (size_t i = 0; i < method->passes && (i == 0 || !all_positive(problem->verdict)); i++) {
        SP_TRY(run_pass(err, problem, front, &method->pass[i]));
    }
    return SP_OK;
}

static sp_status bound_clip(sp_error *err, const sp_problem *problem) {
    sp_front_bound front = {0};
    const double start = sp_clock_wall();
    sp_status status =
        sp_front_bound_create(err, &front, problem->system->forms, problem->clip->samples,
                              problem->clip->n, &problem->noise);
    problem->verdict->front_seconds = sp_clock_wall() - start;
    if (status == SP_OK) {
        status = sp_clock_passed(problem->deadline)
                     ? sp_fail(err, SP_E_TIMEOUT, "the time ran out in the front end")
                     : bound_net(err, problem, &front);
        sp_front_bound_clear(&front);
    }
    return status;
}

static sp_status certify(sp_error *err, sp_problem *problem, void *context) {
    (void)context;
    SP_TRY(bound_clip(err, problem));
    sp_verdict_judge(problem->verdict);
    return SP_OK;
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
