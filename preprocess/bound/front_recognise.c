/* Recognises band energies among the nodes of a graph over samples: affine over a window - square -
 * affine frame by frame - floor - log or root - affine frame by frame, the floor, the curve and the
 * last map being optional. */
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

enum { MOST_PARTS = 8 };
typedef struct pattern {
    const sp_node *spectrum[MOST_PARTS]; /* [parts] of the terms of mel: re and im, or both */
    size_t parts, rows;                  /* rows: of all parts together */
    const sp_node *mel, *floor, *dct;    /* floor, dct: or NULL */
    const sp_node *sum; /* whose terms read the squares: mel itself, or one that it reads */
    sp_band_kind kind;
} pattern;

static bool is_curve(const sp_node *node, sp_activation_kind kind) {
    return node->kind == SP_NODE_CURVE && node->curve.kind == kind;
}

static bool is_dense(const sp_node *node) {
    bool dense = node->kind == SP_NODE_AFFINE;
    for (size_t i = 0; dense && i < node->terms; i++) {
        const sp_timing *timing = &node->term[i].timing;
        dense =
            timing->taps == 1 && timing->stride == 1 && timing->before == 0 && timing->after == 0;
    }
    return dense;
}

/* One window of the samples after the other, with as much of zeros, of the first and last sample or
 * of mirror images on both sides. */
static bool is_window(const sp_net *graph, const sp_node *node) {
    if (node->kind != SP_NODE_AFFINE || node->terms != 1) {
        return false;
    }
    const sp_timing *timing = &node->term[0].timing;
    return node->term[0].input == 0 && graph->features == 1 &&
           (timing->dilation == 1 || timing->taps == 1) && timing->before == timing->after;
}

/* The node that `node` reads; node 0 reads itself. */
static const sp_node *below(const sp_net *graph, const sp_node *node) {
    return node->kind == SP_NODE_INPUT ? node : &graph->node[sp_node_input(node, 0)];
}

static bool same_window(const sp_timing *a, const sp_timing *b) {
    return a->taps == b->taps && a->stride == b->stride && a->before == b->before &&
           a->repeats == b->repeats && a->reflects == b->reflects;
}

/* Whether every term of `at` reads squares of maps of the same windows. */
static bool takes_squares(pattern *found, const sp_net *graph, const sp_node *at) {
    bool takes = at->terms <= MOST_PARTS;
    for (size_t i = 0; takes && i < at->terms; i++) {
        const sp_node *square = &graph->node[at->term[i].input];
        const sp_node *spectrum = below(graph, square);
        takes =
            is_curve(square, SP_ACTIVATION_SQUARE) && is_window(graph, spectrum) &&
            (i == 0 || same_window(&spectrum->term[0].timing, &found->spectrum[0]->term[0].timing));
        found->spectrum[i] = spectrum;
        found->rows += spectrum->width;
    }
    found->parts = at->terms;
    return takes;
}

/* Whether a node adds numbers, each to one sum at most: products with its matrices are exact. */
static bool adds_bins(const sp_node *node) {
    if (!is_dense(node)) {
        return false;
    }
    bool adds = true;
    for (size_t i = 0; adds && i < node->width; i++) {
        adds = node->bias[i] == 0.0;
    }
    for (size_t i = 0; adds && i < node->terms; i++) {
        const sp_term *term = &node->term[i];
        for (size_t k = 0; adds && k < term->in; k++) {
            size_t ones = 0;
            for (size_t j = 0; adds && j < node->width; j++) {
                const double w = term->weight[j * term->in + k];
                ones += w != 0.0;
                adds = w == 0.0 || w == 1.0;
            }
            adds = adds && ones <= 1;
        }
    }
    return adds;
}

/* Down from `at`, with or without a last map, and with a curve of that kind or none. */
static bool matches_kind(pattern *found, const sp_net *graph, const sp_node *at, bool mapped,
                         sp_band_kind kind) {
    *found = (pattern){.kind = kind};
    if (mapped) {
        if (!is_dense(at) || at->terms != 1) {
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
    found->mel = found->sum = at;
    if (is_dense(at) && at->terms == 1 && adds_bins(below(graph, at))) {
        found->sum = below(graph, at);
    }
    return is_dense(at) && takes_squares(found, graph, found->sum);
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
static size_t used_taps(const pattern *found) {
    size_t used = 1;
    for (size_t part = 0; part < found->parts; part++) {
        const sp_term *term = &found->spectrum[part]->term[0];
        const size_t taps = term->timing.taps;
        for (size_t i = 0; i < found->spectrum[part]->width * taps; i++) {
            used = term->weight[i] != 0.0 && i % taps >= used ? i % taps + 1 : used;
        }
    }
    return used;
}

/* The matrices of a stage, which begins at *at; *at moves on. */
static sp_stage take_stage(double **at, const char *name, size_t rows, size_t columns) {
    const sp_stage stage = {SP_STAGE_AFFINE, name, columns, rows, *at, *at + rows * columns};
    *at += rows * (columns + 1);
    return stage;
}

/* Copies the first `columns` of each row of a term to rows [first, first + count) of a stage. */
static void copy_rows(double *to, size_t ld, const sp_term *term, size_t count, size_t columns) {
    const size_t row = term->timing.taps * term->in;
    for (size_t k = 0; k < count; k++) {
        memcpy(to + k * ld, term->weight + k * row, columns * sizeof *to);
    }
}

/* The weights of one term of the sum in every band; the sum adds each of its numbers once. */
static void copy_bands(double *to, size_t ld, const pattern *found, size_t part) {
    const size_t bands = found->mel->width, in = found->sum->term[part].in;
    if (found->sum == found->mel) {
        copy_rows(to, ld, &found->mel->term[part], bands, in);
        return;
    }
    const double *bins = found->sum->term[part].weight, *mel = found->mel->term[0].weight;
    for (size_t m = 0; m < bands; m++) {
        for (size_t j = 0; j < found->sum->width; j++) {
            for (size_t k = 0; k < in; k++) {
                to[m * ld + k] += bins[j * in + k] * mel[m * found->sum->width + j];
            }
        }
    }
}

static sp_status copy_stages(sp_error *err, sp_front_forms *forms, const pattern *found) {
    const size_t used = used_taps(found), rows = found->rows;
    const size_t bands = found->mel->width, features = found->dct ? found->dct->width : 0;
    const size_t size = rows * (used + 1) + bands * (rows + 2) + features * (bands + 1);
    double *at = forms->constants = calloc(size, sizeof *at);
    if (at == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    }
    double *spectrum = at, *bias = at + rows * used;
    forms->stage[0] = take_stage(&at, "spectrum", rows, used);
    double *mel = at;
    forms->stage[1] = take_stage(&at, "mel", bands, rows);
    forms->spectrum = &forms->stage[0];
    forms->mel = &forms->stage[1];
    for (size_t part = 0, row = 0; part < found->parts; part++) {
        const sp_node *node = found->spectrum[part];
        copy_rows(spectrum + row * used, used, &node->term[0], node->width, used);
        memcpy(bias + row, node->bias, node->width * sizeof *bias);
        copy_bands(mel + row, rows, found, part);
        row += node->width;
    }
    memcpy(mel + bands * rows, found->mel->bias, bands * sizeof *mel);
    if (found->dct != NULL) {
        double *dct = at;
        forms->stage[2] = take_stage(&at, "dct", features, bands);
        copy_rows(dct, bands, &found->dct->term[0], features, bands);
        memcpy(dct + features * bands, found->dct->bias, features * sizeof *dct);
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

static sp_padding padding_of(const sp_timing *timing) {
    return (sp_padding){.rule = timing->before > 0 ? SP_PAD_CENTRE : SP_PAD_NONE,
                        .before = timing->before,
                        .fill = timing->reflects  ? SP_FILL_REFLECT
                                : timing->repeats ? SP_FILL_EDGE
                                                  : SP_FILL_ZEROS,
                        .frame = timing->taps,
                        .step = timing->stride};
}

sp_status sp_forms_recognise(sp_error *err, sp_front_forms *forms, const sp_net *graph,
                             size_t node) {
    pattern found = {0};
    SP_TRY(find(err, &found, &node, graph));
    SP_TRY(copy_stages(err, forms, &found));
    const sp_timing *timing = &found.spectrum[0]->term[0].timing;
    forms->node = node;
    forms->kind = found.kind;
    forms->padding = padding_of(timing);
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
