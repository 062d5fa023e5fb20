/* What a method knows of every node of a network under a noise set. */
#include <stdlib.h>

#include "base/clock.h"
#include "certify/impl.h"

static const char *kind_of(const sp_node *node) {
    static const char *const cells[] = {[SP_CELL_LSTM] = "lstm",
                                        [SP_CELL_GRU] = "gru",
                                        [SP_CELL_RNN] = "rnn",
                                        [SP_CELL_TIMES] = "product"};
    switch (node->kind) {
    case SP_NODE_INPUT:
        return "features";
    case SP_NODE_AFFINE:
        return "affine";
    case SP_NODE_CURVE:
        return sp_activation_name(node->curve.kind);
    case SP_NODE_CELL:
        return cells[node->cell.kind];
    default:
        return "pool";
    }
}

static int see_nodes(const sp_net *net, const sp_domain *domain, void *bounds,
                     const sp_front_bound *front, sp_box_seen *see, void *context) {
    for (size_t i = 0; i < net->nodes; i++) {
        const size_t frames = sp_net_frames(net, front->node, i, front->frames);
        for (size_t t = 0; t < frames; t++) {
            const double *lo = NULL, *hi = NULL;
            domain->box(bounds, i, t, SP_NO_VARIABLE, &lo, &hi);
            const int end =
                lo && hi ? see(context, i, kind_of(&net->node[i]), t, net->node[i].width, lo, hi)
                         : 0;
            if (end != 0) {
                return end;
            }
        }
    }
    return SP_OK;
}

/* The boxes are complete once margins have been asked for. */
static int see_boxes(sp_error *err, const sp_pipeline *pipeline, const sp_front_bound *front,
                     double deadline, sp_box_seen *see, void *context) {
    const sp_net *net = pipeline->net;
    const sp_method_pass *pass = &pipeline->method->pass[pipeline->method->passes - 1];
    const sp_bound_task task = {.net = net, .fronts = &front, .clips = 1, .deadline = deadline};
    void *bounds = NULL;
    SP_TRY(sp_domain_serves_task(err, pass->domain, &task));
    double *weight = calloc(net->classes, sizeof *weight), lower = 0.0, error = 0.0;
    int status = weight ? (int)pass->domain->create(err, &bounds, &task, pass->options)
                        : (int)sp_fail(err, SP_E_MEMORY, "out of memory for an objective");
    if (status == SP_OK) {
        weight[0] = 1.0;
        status = (int)pass->domain->margins(err, bounds, &lower, &error, weight, 1);
    }
    if (status == SP_OK) {
        status = see_nodes(net, pass->domain, bounds, front, see, context);
    }
    pass->domain->destroy(bounds);
    free(weight);
    return status;
}

int sp_certify_boxes(sp_error *err, const sp_pipeline *pipeline, const sp_clip *clip,
                     const sp_budget *budget, double timeout, sp_box_seen *see, void *context) {
    const double deadline = timeout > 0.0 ? sp_clock_wall() + timeout : 0.0;
    sp_noise noise = {0};
    sp_front_bound front = {0};
    double eps = 0.0, *moved = NULL;
    SP_TRY(sp_arithmetic_check(err));
    SP_TRY(sp_query_check_clip(err, pipeline, clip));
    SP_TRY(sp_pipeline_noise(err, &noise, &moved, &eps, pipeline, clip, budget));
    int status = (int)sp_front_bound_until(
        err, &front, pipeline->forms, moved ? moved : clip->samples, clip->n, &noise, deadline);
    if (status == SP_OK) {
        status = see_boxes(err, pipeline, &front, deadline, see, context);
    }
    sp_front_bound_clear(&front);
    sp_noise_clear(&noise);
    free(moved);
    return status;
}
