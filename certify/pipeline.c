/* A network behind its front end: that they fit, the forms of a method, the answers' scores. */
#include <stdlib.h>
#include <string.h>

#include "certify/impl.h"
#include "onnx/onnx.h"

sp_status sp_pipeline_fits(sp_error *err, const sp_net *net, const sp_front *front) {
    const size_t features = sp_front_layout_of(front)->features;
    if (net->features == features) {
        return SP_OK;
    }
    if (net->steps == features) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the front end gives %zu features per frame but the network reads %zu, in "
                       "windows of %zu frames: if the other axis of its input counts the frames, "
                       "say so by --steps-axis",
                       features, net->features, net->steps);
    }
    return sp_fail(err, SP_E_MISMATCH,
                   "the front end gives %zu features per frame but the network reads %zu: use the "
                   "front-end description that the model was trained with",
                   features, net->features);
}

size_t sp_pipeline_answers(const sp_net *net) {
    return net->classes == 1 ? 2 : net->classes;
}

bool sp_pipeline_asks_many(const sp_pipeline *pipeline) {
    const sp_net *net = pipeline->net;
    return net->every || (pipeline->asks == SP_DECISION_OUTPUTS && net->classes > 1);
}

void sp_pipeline_rows(const sp_pipeline *pipeline, double *row, double *constant,
                      const double *weight, size_t rows, size_t scores) {
    const bool single = pipeline->net->classes == 1 && !sp_pipeline_asks_many(pipeline);
    if (!single) {
        memcpy(row, weight, rows * scores * sizeof *row);
    }
    for (size_t r = 0; r < rows; r++) {
        constant[r] = single ? weight[2 * r] * pipeline->threshold : 0.0;
        if (single) {
            row[r] = weight[2 * r + 1];
        }
    }
}

/* The stages behind the core become the first nodes of the network. */
static sp_status join(sp_error *err, sp_pipeline *pipeline, const sp_net *net) {
    pipeline->joined = calloc(1, sizeof *pipeline->joined);
    if (!pipeline->joined) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a network");
    }
    pipeline->net = pipeline->joined;
    return sp_front_join(err, pipeline->joined, pipeline->whole, net);
}

sp_status sp_pipeline_forms(sp_error *err, sp_front_forms **forms, const sp_pipeline *pipeline,
                            sp_front_rule rule) {
    return sp_front_is_samples(pipeline->front)
               ? sp_front_forms_of_features(err, forms, pipeline->front, pipeline->net, rule)
               : sp_front_forms_create(err, forms, pipeline->front, rule);
}

sp_status sp_pipeline_init(sp_error *err, sp_pipeline *pipeline, const sp_net *net,
                           const sp_front *front, const sp_method *method, sp_front_rule rule) {
    *pipeline = (sp_pipeline){0};
    if (sp_front_width(front) > 0) {
        rule = SP_FRONT_JOINT;
    }
    SP_TRY(sp_pipeline_fits(err, net, front));
    pipeline->front = sp_front_core(front);
    pipeline->net = net;
    sp_status status = sp_pipeline_forms(err, &pipeline->forms, pipeline, rule);
    if (status == SP_OK && rule != SP_FRONT_INTERVAL) {
        status = sp_pipeline_forms(err, &pipeline->boxes, pipeline, SP_FRONT_INTERVAL);
    }
    if (status != SP_OK) {
        sp_pipeline_clear(pipeline);
        return status;
    }
    pipeline->whole = front;
    if (pipeline->front != front) {
        status = join(err, pipeline, net);
        if (status != SP_OK) {
            sp_pipeline_clear(pipeline);
            return status;
        }
    }
    pipeline->method = method;
    pipeline->front_rule = rule;
    return SP_OK;
}

sp_status sp_pipeline_single(sp_error *err, sp_pipeline *pipeline, const struct sp_model *model,
                             sp_arithmetic arithmetic) {
    pipeline->program = SP_SINGLE_STANDARD;
    SP_TRY(sp_model_single(err, model, &pipeline->program.biases));
    if (pipeline->joined) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "this front end goes on behind the logarithms of its bands, which float32 "
                       "verdicts do not follow");
    }
    if (sp_pipeline_asks_many(pipeline)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "float32 verdicts are of one answer, not of many decisions");
    }
    SP_TRY(sp_single_serves(err, pipeline->net, 0));
    pipeline->arithmetic = arithmetic;
    pipeline->gap = true;
    return SP_OK;
}

void sp_pipeline_clear(sp_pipeline *pipeline) {
    sp_front_forms_destroy(pipeline->forms);
    sp_front_forms_destroy(pipeline->boxes);
    if (pipeline->joined) {
        sp_net_clear(pipeline->joined);
        free(pipeline->joined);
    }
    *pipeline = (sp_pipeline){0};
}
