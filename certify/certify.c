/* From a noise set to margins: bounds of the front end, boxes of all cells, one row per false
 * label. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "certify/impl.h"

size_t sp_problem_rows(const sp_problem *problem) {
    return problem->verdict->classes - 1;
}

sp_status sp_problem_objectives(sp_error *err, const sp_problem *problem, double *weight,
                                double *constant) {
    const sp_verdict *verdict = problem->verdict;
    const size_t classes = verdict->classes, rows = classes - 1;
    double *answers = calloc(rows > 0 ? rows * classes : 1, sizeof *answers); /* [rows, classes] */
    if (!answers) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    for (size_t k = 0, r = 0; k < classes; k++) {
        if (k != verdict->label) {
            answers[r * classes + verdict->label] = 1.0;
            answers[r * classes + k] = -1.0;
            r++;
        }
    }
    sp_system_rows(problem->system, weight, constant, answers, rows);
    free(answers);
    return SP_OK;
}

void sp_problem_take(const sp_problem *problem, const double *lower, const double *error,
                     const double *constant) {
    sp_verdict *verdict = problem->verdict;
    for (size_t k = 0, r = 0; k < verdict->classes; k++) {
        if (k != verdict->label) {
            const double margin = constant[r] != 0.0 ? sp_below(lower[r] + constant[r]) : lower[r];
            if (!(verdict->margins[k] >= margin)) { // the first pass meets NaN
                verdict->margins[k] = margin;
            }
            verdict->error = verdict->error >= error[r] ? verdict->error : error[r];
            r++;
        }
    }
}

bool sp_problem_proved(const sp_problem *problem) {
    const sp_verdict *verdict = problem->verdict;
    bool positive = true;
    for (size_t k = 0; k < verdict->classes; k++) {
        positive = positive && (k == verdict->label || verdict->margins[k] > 0.0); // NaN fails
    }
    return positive;
}

bool sp_problem_wants(const sp_problem *problem, size_t pass) {
    const sp_verdict *verdict = problem->verdict;
    const double hopeless = problem->system->method->pass[pass].hopeless;
    if (pass == 0) {
        return true;
    }
    return !sp_problem_proved(problem) &&
           !(hopeless < 0.0 && verdict->margins[sp_verdict_weakest(verdict)] < hopeless);
}

/* The objectives of a pass and, where its method has rounds, the lines of its bounds. */
typedef struct sp_objectives {
    double *weight, *constant, *lower, *error; /* [rows, net classes], [rows] each; one block */
    sp_halfspace *line;                        /* [rows + 1], or NULL */
} sp_objectives;

static sp_status objectives_init(sp_error *err, sp_objectives *o, const sp_problem *problem,
                                 size_t padded, bool lines) {
    const size_t rows = sp_problem_rows(problem), classes = problem->system->net->classes;
    const size_t width = classes + 3 + (lines ? padded : 0);
    o->weight = malloc((rows + 1) * width * sizeof(double));
    o->line = lines ? calloc(rows + 1, sizeof *o->line) : NULL;
    if (!o->weight || (lines && !o->line)) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu labels", rows);
    }
    o->constant = o->weight + rows * classes;
    o->lower = o->constant + rows;
    o->error = o->lower + rows;
    for (size_t r = 0; lines && r <= rows; r++) {
        o->line[r].slope = o->error + rows + r * padded;
    }
    return sp_problem_objectives(err, problem, o->weight, o->constant);
}

static void objectives_clear(sp_objectives *o) {
    free(o->weight);
    free(o->line);
}

static sp_status bound_rows(sp_error *err, const sp_problem *problem, sp_bounds *bounds,
                            sp_objectives *o) {
    const size_t rows = sp_problem_rows(problem);
    SP_TRY(o->line ? sp_bounds_lines(err, bounds, o->lower, o->error, o->line, o->weight, rows)
                   : sp_bounds_rows(err, bounds, o->lower, o->error, o->weight, rows));
    sp_problem_take(problem, o->lower, o->error, o->constant);
    return SP_OK;
}

static sp_status run_pass(sp_error *err, const sp_problem *problem, const sp_front_bound *front,
                          const sp_bounds_options *pass, sp_objectives *objectives) {
    sp_bounds_options options = *pass;
    sp_bounds *bounds = NULL;
    const double start = sp_clock_wall();
    options.deadline = problem->deadline;
    options.lines = objectives->line != NULL;
    sp_status status = sp_bounds_create(err, &bounds, problem->system->net, front, &options);
    const double boxed = sp_clock_wall();
    problem->verdict->boxes_seconds += boxed - start;
    if (status == SP_OK) {
        status = bound_rows(err, problem, bounds, objectives);
        problem->verdict->rows_seconds += sp_clock_wall() - boxed;
    }
    sp_bounds_destroy(bounds);
    return status;
}

sp_status sp_problem_pass(sp_error *err, const sp_problem *problem, const sp_front_bound *front,
                          const sp_bounds_options *pass) {
    const sp_method *method = problem->system->method;
    const bool rounds = method->rounds > 0 && pass == &method->pass[method->passes - 1] &&
                        front->joint && front->forms > 0;
    sp_objectives objectives = {0};
    sp_status status = objectives_init(err, &objectives, problem, front->padded, rounds);
    if (status == SP_OK) {
        status = run_pass(err, problem, front, pass, &objectives);
    }
    if (status == SP_OK && rounds) {
        status = sp_problem_remaining(err, problem, front, objectives.weight, objectives.constant,
                                      objectives.line);
    }
    objectives_clear(&objectives);
    return status;
}

sp_status sp_problem_front(sp_error *err, const sp_problem *problem, sp_front_bound *front) {
    sp_verdict *verdict = problem->verdict;
    const double start = sp_clock_wall();
    *front = (sp_front_bound){0};
    const sp_status status =
        sp_front_bound_create(err, front, problem->system->forms, problem->clip->samples,
                              problem->clip->n, &problem->noise);
    verdict->front_seconds = sp_clock_wall() - start;
    verdict->boxes_seconds = verdict->rows_seconds = verdict->error = 0.0;
    if (status == SP_OK && sp_clock_passed(problem->deadline)) {
        sp_front_bound_clear(front);
        return sp_fail(err, SP_E_TIMEOUT, "the time ran out in the front end");
    }
    return status;
}

static sp_status bound_net(sp_error *err, const sp_problem *problem, const sp_front_bound *front) {
    const sp_method *method = problem->system->method;
    for (size_t i = 0; i < method->passes; i++) {
        if (sp_problem_wants(problem, i)) {
            SP_TRY(sp_problem_pass(err, problem, front, &method->pass[i]));
        }
    }
    return SP_OK;
}

static sp_status certify(sp_error *err, sp_problem *problem, void *context) {
    sp_front_bound front;
    (void)context;
    SP_TRY(sp_problem_front(err, problem, &front));
    const sp_status status = bound_net(err, problem, &front);
    sp_front_bound_clear(&front);
    SP_TRY(status);
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
