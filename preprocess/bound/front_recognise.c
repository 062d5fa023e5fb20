/* Recognises band energies among the nodes of a graph over samples: affine over a window - square -
 * affine frame by frame - floor - log or root - affine frame by frame, the floor, the curve and the
 * last map being optional. */
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

typedef struct pattern {
    const sp_node *spectrum, *mel, *floor, *dct; /* floor, dct: or NULL */
    sp_band_kind kind;
} pattern;

static bool is_curve(const sp_node *node, sp_activation_kind kind) {
    return node->kind == SP_NODE_CURVE && node->curve.kind == kind;
}

static bool is_dense(const sp_node *node) {
    if (node->kind != SP_NODE_AFFINE || node->terms != 1) {
        return false;
    }
    const sp_timing *timing = &node->term[0].timing;
    return timing->taps == 1 && timing->stride == 1 && timing->before == 0 && timing->after == 0;
}

/* One window of the samples after the other, without padding. */
static bool is_window(const sp_net *graph, const sp_node *node) {
    if (node->kind != SP_NODE_AFFINE || node->terms != 1) {
        return false;
    }
    const sp_timing *timing = &node->term[0].timing;
    return node->term[0].input == 0 && graph->features == 1 &&
           (timing->dilation == 1 || timing->taps == 1) && timing->before == 0 &&
           timing->after == 0;
}

/* The node that `node` reads; node 0 reads itself. */
static const sp_node *below(const sp_net *graph, const sp_node *node) {
    return node->kind == SP_NODE_INPUT ? node : &graph->node[sp_node_input(node, 0)];
}

/* Down from `at`, with or without a last map, and with a curve of that kind or none. */
static bool matches_kind(pattern *found, const sp_net *graph, const sp_node *at, bool mapped,
                         sp_band_kind kind) {
    *found = (pattern){.kind = kind};
    if (mapped) {
        if (!is_dense(at)) {
            return false;
        }
        found->dct = at;
        at = below(graph, at);
    }
    if (kind != SP_BAND_ENERGY) {
        if (!is_curve(at, kind == SP_BAND_LOG ? SP_ACTIVATION_LOG : SP_ACTIVATION_SQRT)) {
            return false;
        }
        at = below(graph, at);
    }
    if (is_curve(at, SP_ACTIVATION_AT_LEAST) || is_curve(at, SP_ACTIVATION_FOR_ZERO)) {
        found->floor = at;
        at = below(graph, at);
    }
    found->mel = at;
    const sp_node *square = below(graph, at);
    found->spectrum = below(graph, square);
    return is_dense(found->mel) && is_curve(square, SP_ACTIVATION_SQUARE) &&
           is_window(graph, found->spectrum);
}

static bool matches(pattern *found, const sp_net *graph, size_t index, bool curved) {
    static const sp_band_kind kinds[] = {SP_BAND_LOG, SP_BAND_SQRT, SP_BAND_ENERGY};
    for (size_t i = 0; i < (curved ? 4 : 6); i++) {
        if (matches_kind(found, graph, &graph->node[index], i % 2 == 1, kinds[i / 2])) {
            return true;
        }
    }
    return false;
}

/* Whether all that stands behind a node reads it or what stands behind it. */
static bool separates(const sp_net *graph, size_t index) {
    for (size_t n = index + 1; n < graph->nodes; n++) {
        for (size_t i = 0; i < sp_node_inputs(&graph->node[n]); i++) {
            if (sp_node_input(&graph->node[n], i) < index) {
                return false;
            }
        }
    }
    return true;
}

static sp_status find(sp_error *err, pattern *found, size_t *index, const sp_net *graph) {
    const bool any = *index == SP_FRONT_ANY_NODE;
    for (size_t n = any ? 1 : *index; n < graph->nodes && (any || n == *index); n++) {
        if (matches(found, graph, n, any) && separates(graph, n)) {
            *index = n;
            return SP_OK;
        }
    }
    return sp_fail(err, SP_E_UNSUPPORTED,
                   "this front end is not spectrum, power, band energies, logarithm or root: no "
                   "bounds");
}

/* Taps up to the last one that weighs anything in any row. */
static size_t used_taps(const sp_node *spectrum) {
    const size_t taps = spectrum->term[0].timing.taps;
    size_t used = 1;
    for (size_t i = 0; i < spectrum->width * taps; i++) {
        const size_t tap = i % taps;
        used = spectrum->term[0].weight[i] != 0.0 && tap >= used ? tap + 1 : used;
    }
    return used;
}

/* Copies `columns` of each row of the node's matrix, and its bias, to *at, which moves on. */
static sp_stage copy_stage(double **at, const sp_node *node, const char *name, size_t columns) {
    const size_t rows = node->width, row = node->term[0].timing.taps * node->term[0].in;
    double *matrix = *at, *bias = matrix + rows * columns;
    for (size_t k = 0; k < rows; k++) {
        memcpy(matrix + k * columns, node->term[0].weight + k * row, columns * sizeof *matrix);
    }
    memcpy(bias, node->bias, rows * sizeof *bias);
    *at = bias + rows;
    return (sp_stage){SP_STAGE_AFFINE, name, columns, rows, matrix, bias};
}

static sp_status copy_stages(sp_error *err, sp_front_forms *forms, const pattern *found) {
    const size_t used = used_taps(found->spectrum), rows = found->spectrum->width;
    const size_t bands = found->mel->width, features = found->dct ? found->dct->width : 0;
    const size_t size = rows * (used + 1) + bands * (rows + 2) + features * (bands + 1);
    double *at = forms->constants = malloc(size * sizeof *at);
    if (at == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    }
    forms->stage[0] = copy_stage(&at, found->spectrum, "spectrum", used);
    forms->stage[1] = copy_stage(&at, found->mel, "mel", rows);
    forms->spectrum = &forms->stage[0];
    forms->mel = &forms->stage[1];
    if (found->dct != NULL) {
        forms->stage[2] = copy_stage(&at, found->dct, "dct", bands);
        forms->dct = &forms->stage[2];
    }
    if (found->floor != NULL) {
        const sp_activation floor = found->floor->curve;
        for (size_t m = 0; m < bands; m++) {
            at[m] = floor.alpha;
        }
        forms->stage[3] =
            (sp_stage){floor.kind == SP_ACTIVATION_AT_LEAST ? SP_STAGE_AT_LEAST : SP_STAGE_FOR_ZERO,
                       "floor",
                       bands,
                       bands,
                       NULL,
                       at};
        forms->floor = &forms->stage[3];
    }
    return SP_OK;
}

sp_status sp_forms_recognise(sp_error *err, sp_front_forms *forms, const sp_net *graph,
                             size_t node) {
    pattern found = {0};
    SP_TRY(find(err, &found, &node, graph));
    SP_TRY(copy_stages(err, forms, &found));
    const sp_timing *timing = &found.spectrum->term[0].timing;
    forms->node = node;
    forms->kind = found.kind;
    forms->padding =
        (sp_padding){.rule = SP_PAD_NONE, .frame = timing->taps, .step = timing->stride};
    forms->span = timing->taps;
    forms->shape =
        (sp_front_layout){.frame = timing->taps,
                          .step = timing->stride,
                          .used = forms->spectrum->in,
                          .bins = forms->spectrum->out / 2,
                          .bands = forms->mel->out,
                          .features = forms->dct != NULL ? forms->dct->out : forms->mel->out};
    forms->layout = &forms->shape;
    return SP_OK;
}
