/* Deltas, neighbouring frames and means of the clip as nodes of a graph. */
#include <stdlib.h>

#include "preprocess/impl.h"

/* A sum of terms over nodes of this width. */
typedef struct sum {
    sp_term *term; /* [terms] owned, with their weights */
    size_t terms, width, in;
    double *bias; /* [width] owned */
} sum;

static sp_status sum_open(sp_error *err, sum *s, size_t terms, size_t width, size_t in) {
    *s = (sum){.term = calloc(terms, sizeof *s->term),
               .terms = terms,
               .width = width,
               .in = in,
               .bias = calloc(width, sizeof *s->bias)};
    return s->term != NULL && s->bias != NULL
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "out of memory for the nodes of a front end");
}

/* Term number k: `tap` [taps] times the identity, to the rows from `first` on. */
static sp_status sum_take(sp_error *err, sum *s, size_t k, size_t input, sp_timing timing,
                          const double *tap, size_t first) {
    double *weight = calloc(s->width * timing.taps * s->in, sizeof *weight);
    if (weight == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the nodes of a front end");
    }
    for (size_t i = 0; i < s->in; i++) {
        for (size_t j = 0; j < timing.taps; j++) {
            weight[((first + i) * timing.taps + j) * s->in + i] = tap[j];
        }
    }
    s->term[k] = (sp_term){.input = input, .in = s->in, .weight = weight, .timing = timing};
    return SP_OK;
}

/* Appends it, if nothing failed before, and clears it. */
static sp_status sum_append(sp_error *err, sp_net *graph, sum *s, sp_status status) {
    const sp_node node = {.kind = SP_NODE_AFFINE,
                          .width = s->width,
                          .terms = s->terms,
                          .term = s->term,
                          .bias = s->bias};
    status = status == SP_OK ? sp_net_append(err, graph, &node, NULL) : status;
    for (size_t k = 0; s->term != NULL && k < s->terms; k++) {
        free(s->term[k].weight);
    }
    free(s->term);
    free(s->bias);
    return status;
}

static sp_status add_one(sp_error *err, sp_net *graph, size_t input, sp_timing timing,
                         const double *tap) {
    sum s = {0};
    const size_t width = graph->node[input].width;
    sp_status status = sum_open(err, &s, 1, width, width);
    status = status == SP_OK ? sum_take(err, &s, 0, input, timing, tap, 0) : status;
    return sum_append(err, graph, &s, status);
}

/* The nodes of one filter, that of complete windows and its ends repeated where it holds. */
static sp_status add_filter(sp_error *err, sp_net *graph, const sp_filter *f, size_t input) {
    const sp_timing held = {.taps = 1,
                            .stride = 1,
                            .dilation = 1,
                            .before = f->hold,
                            .after = f->hold,
                            .repeats = true};
    sp_timing timing = {.taps = f->taps,
                        .stride = 1,
                        .dilation = 1,
                        .before = f->before,
                        .after = f->taps - 1 - f->before,
                        .repeats = f->repeats};
    const double one = 1.0;
    if (f->hold == 0) {
        return add_one(err, graph, input, timing, f->tap);
    }
    timing.before = timing.after = 0;
    SP_TRY(add_one(err, graph, input, timing, f->tap));
    return add_one(err, graph, graph->nodes - 1, held, &one);
}

static sp_status add_filters(sp_error *err, sp_net *graph, const sp_sequence_step *step) {
    const size_t input = graph->nodes - 1, width = graph->classes;
    const double one = 1.0;
    size_t *made = calloc(step->filters, sizeof *made);
    sp_status status = made != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    for (size_t k = 0; k < step->filters && status == SP_OK; k++) {
        const sp_filter *f = &step->filter[k];
        status = add_filter(err, graph, f, f->of == 0 ? input : made[f->of - 1]);
        made[k] = graph->nodes - 1;
    }
    sum s = {0};
    status =
        status == SP_OK ? sum_open(err, &s, step->filters, step->filters * width, width) : status;
    for (size_t k = 0; k < step->filters && status == SP_OK; k++) {
        status = sum_take(err, &s, k, made[k], sp_timing_same, &one, k * width);
    }
    free(made);
    return sum_append(err, graph, &s, status);
}

static sp_status add_centred(sp_error *err, sp_net *graph) {
    const size_t input = graph->nodes - 1, width = graph->classes;
    const sp_node mean = {
        .kind = SP_NODE_POOL, .width = width, .input = input, .pool = SP_POOLING_MEAN};
    const double one = 1.0, minus = -1.0;
    sum s = {0};
    SP_TRY(sp_net_append(err, graph, &mean, NULL));
    sp_status status = sum_open(err, &s, 2, width, width);
    status = status == SP_OK ? sum_take(err, &s, 0, input, sp_timing_same, &one, 0) : status;
    status = status == SP_OK ? sum_take(err, &s, 1, graph->nodes - 1, sp_timing_spread, &minus, 0)
                             : status;
    return sum_append(err, graph, &s, status);
}

static sp_status add_affine(sp_error *err, sp_net *graph, const sp_sequence_step *step) {
    const size_t width = graph->classes;
    double *weight = calloc(width * width, sizeof *weight);
    if (weight == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the nodes of a front end");
    }
    for (size_t i = 0; i < width; i++) {
        weight[i * width + i] = step->scale[i];
    }
    const sp_status status = sp_net_add_affine(err, graph, width, weight, step->shift);
    free(weight);
    return status;
}

sp_status sp_sequence_nodes(sp_error *err, sp_net *graph, const sp_description *d) {
    for (size_t i = 0; i < d->steps; i++) {
        const sp_sequence_step *step = &d->step_of[i];
        switch (step->kind) {
        case SP_SEQUENCE_FILTERS:
            SP_TRY(add_filters(err, graph, step));
            break;
        case SP_SEQUENCE_CENTRED:
            SP_TRY(add_centred(err, graph));
            break;
        case SP_SEQUENCE_AFFINE:
            SP_TRY(add_affine(err, graph, step));
            break;
        }
    }
    return SP_OK;
}
