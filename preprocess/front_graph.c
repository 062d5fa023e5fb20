// A front end as the first nodes of a graph.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

/* Frames, and the first map of them: one affine node over the samples. The taps are those of a
 * whole frame, whose unused end weighs nothing; where the last frame is left out, they reach over
 * one more step. */
static sp_status add_framing(sp_error *err, sp_net *graph, const sp_front *front,
                             const sp_stage *stage) {
    const sp_front_layout *layout = &front->layout;
    const size_t taps = layout->frame + (front->description.drop_last ? layout->step : 0);
    const sp_timing timing = {.taps = taps, .stride = layout->step, .dilation = 1};
    double *weight = calloc(stage->out * taps, sizeof *weight);
    if (weight == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the nodes of a front end");
    }
    for (size_t k = 0; k < stage->out; k++) {
        memcpy(weight + k * taps, stage->matrix + k * stage->in, stage->in * sizeof *weight);
    }
    const sp_status status =
        sp_net_add_convolution(err, graph, stage->out, timing, weight, stage->bias);
    free(weight);
    return status;
}

/* One function for all bands: a description has one floor. */
static sp_status add_floor(sp_error *err, sp_net *graph, const sp_stage *stage,
                           sp_activation_kind kind) {
    for (size_t m = 1; m < stage->out; m++) {
        if (stage->bias[m] != stage->bias[0]) {
            return sp_fail(err, SP_E_UNSUPPORTED, "the bands have different floors");
        }
    }
    return sp_net_add_curve(err, graph, (sp_activation){.kind = kind, .alpha = stage->bias[0]});
}

static sp_status add_stage(sp_error *err, sp_net *graph, const sp_front *front,
                           const sp_stage *stage) {
    switch (stage->kind) {
    case SP_STAGE_AFFINE:
        return graph->nodes == 1 && strcmp(stage->name, "spectrum") == 0
                   ? add_framing(err, graph, front, stage)
                   : sp_net_add_affine(err, graph, stage->out, stage->matrix, stage->bias);
    case SP_STAGE_SQUARE:
        return sp_net_add_curve(err, graph, (sp_activation){.kind = SP_ACTIVATION_SQUARE});
    case SP_STAGE_AT_LEAST:
        return add_floor(err, graph, stage, SP_ACTIVATION_AT_LEAST);
    case SP_STAGE_FOR_ZERO:
        return add_floor(err, graph, stage, SP_ACTIVATION_FOR_ZERO);
    case SP_STAGE_LOG:
        return sp_net_add_curve(err, graph, (sp_activation){.kind = SP_ACTIVATION_LOG});
    case SP_STAGE_SQRT:
        return sp_net_add_curve(err, graph, (sp_activation){.kind = SP_ACTIVATION_SQRT});
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "a stage of no known kind");
}

/* The network, which reads node `features`. */
static sp_status add_net(sp_error *err, sp_net *graph, const sp_net *net, size_t features) {
    if (net->features != graph->classes) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the network reads %zu features, the front end makes %zu", net->features,
                       graph->classes);
    }
    size_t *place = malloc(net->nodes * sizeof *place);
    sp_status status =
        place ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for the nodes of a front end");
    if (status == SP_OK) {
        place[0] = features;
    }
    for (size_t n = 1; status == SP_OK && n < net->nodes; n++) {
        status = sp_net_append_moved(err, graph, &net->node[n], place, &place[n]);
    }
    free(place);
    sp_net_answer_as(graph, net);
    return status;
}

/* Frames of samples as they are. */
static sp_status add_samples(sp_error *err, sp_net *graph, const sp_front *front) {
    const size_t F = front->layout.frame;
    const sp_timing timing = {.taps = F, .stride = front->layout.step, .dilation = 1};
    double *weight = calloc(F * F + F, sizeof *weight);
    if (weight == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the nodes of a front end");
    }
    for (size_t i = 0; i < F; i++) {
        weight[i * F + i] = 1.0;
    }
    const sp_status status = sp_net_add_convolution(err, graph, F, timing, weight, weight + F * F);
    free(weight);
    return status;
}

sp_status sp_front_nodes(sp_error *err, sp_net *graph, const sp_front *front) {
    sp_status status = sp_net_init(err, graph, 1);
    if (status == SP_OK && front->description.raw && front->layout.frame > 1) {
        status = add_samples(err, graph, front);
    }
    for (size_t i = 0; status == SP_OK && i < front->stages; i++) {
        status = add_stage(err, graph, front, &front->stage[i]);
    }
    if (status != SP_OK) {
        sp_net_clear(graph);
    }
    return status;
}

sp_status sp_front_graph(sp_error *err, sp_net *graph, size_t *features, const sp_front *front,
                         const sp_net *net) {
    if (front->sequence) {
        *graph = (sp_net){0};
        return sp_fail(err, SP_E_UNSUPPORTED, "sequences have no front end");
    }
    if (front->top > 0.0 || front->description.gain_peak > 0.0) {
        *graph = (sp_net){0};
        return sp_fail(err, SP_E_UNSUPPORTED, "%s is no node of a graph",
                       front->top > 0.0 ? "top_db" : "a gain by the clip's peak");
    }
    SP_TRY(sp_front_nodes(err, graph, front));
    sp_status status = sp_sequence_nodes(err, graph, &front->description);
    *features = graph->nodes - 1;
    status = status == SP_OK && net != NULL ? add_net(err, graph, net, *features) : status;
    if (status != SP_OK) {
        sp_net_clear(graph);
    } else if (net != NULL) {
        graph->steps = sp_front_samples(front, net->steps);
    }
    return status;
}

sp_status sp_front_graph_scaled(sp_error *err, sp_net *graph, double *peak, const sp_front *front) {
    *peak = front->description.gain_peak;
    *graph = (sp_net){0};
    if (front->sequence) {
        return sp_fail(err, SP_E_UNSUPPORTED, "sequences have no front end");
    }
    if (front->top > 0.0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "top_db compares every band with the loudest of the clip, which no node of "
                       "a written graph does: certify takes it");
    }
    SP_TRY(sp_front_nodes(err, graph, front));
    const sp_status status = sp_sequence_nodes(err, graph, &front->description);
    if (status != SP_OK) {
        sp_net_clear(graph);
    }
    return status;
}

sp_status sp_front_join(sp_error *err, sp_net *joined, const sp_front *front, const sp_net *net) {
    sp_status status = sp_net_init(err, joined, sp_front_core(front)->layout.features);
    for (size_t i = front->core_stages; status == SP_OK && i < front->stages; i++) {
        status = add_stage(err, joined, front, &front->stage[i]);
    }
    if (status == SP_OK) {
        status = sp_sequence_nodes(err, joined, &front->description);
    }
    if (status == SP_OK) {
        status = add_net(err, joined, net, joined->nodes - 1);
        joined->steps = net->steps;
    }
    if (status != SP_OK) {
        sp_net_clear(joined);
    }
    return status;
}
