/* How far a float32 program can be from real numbers at one clip: at the noise that an attack
 * found. */
#include <stdlib.h>

#include "base/clock.h"
#include "certify/impl.h"

/* I row [net classes] */
static sp_status bound_term(sp_error *err, double *term, const sp_pipeline *pipeline,
                            const sp_front_bound *front, const double *row, double deadline) {
    double lower = 0.0, error = 0.0;
    sp_margins margins = {.net = pipeline->net,
                          .front = &front,
                          .clips = 1,
                          .rows = 1,
                          .weight = row,
                          .pass = &sp_method_find("ibp")->pass[0],
                          .deadline = deadline,
                          .lower = &lower,
                          .error = &error,
                          .program = &pipeline->program,
                          .term = term};
    return sp_margins_bound(err, &margins);
}

sp_status sp_pipeline_single_term(sp_error *err, double *term, const sp_pipeline *pipeline,
                                  const double *samples, size_t n, size_t label, size_t other,
                                  double deadline) {
    const size_t answers = sp_pipeline_answers(pipeline->net);
    double *weight = calloc(answers + pipeline->net->classes, sizeof *weight), constant = 0.0;
    double *row = weight + answers;
    sp_noise none = {0};
    sp_front_bound front = {0};
    sp_status status = weight ? sp_noise_box(err, &none, n, 0.0)
                              : sp_fail(err, SP_E_MEMORY, "out of memory for an objective");
    if (status == SP_OK) {
        weight[label] = 1.0;
        weight[other] = -1.0;
        sp_pipeline_rows(pipeline, row, &constant, weight, 1, sp_pipeline_answers(pipeline->net));
        status = sp_front_bound_until(err, &front, pipeline->forms, samples, n, &none, deadline);
    }
    if (status == SP_OK) {
        status = bound_term(err, term, pipeline, &front, row, deadline);
    }
    sp_front_bound_clear(&front);
    sp_noise_clear(&none);
    free(weight);
    return status;
}
