// The concrete pass in doubles, node by node, by plain loops.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/impl.h"

// An overflow may otherwise vanish in the next sigmoid or ReLU.
static sp_status check_finite(sp_error *err, const double *values, size_t n, size_t t,
                              size_t node) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return sp_fail(err, SP_E_NONFINITE,
                           "step %zu, node %zu: value %zu of the network is %g", t, node, i,
                           values[i]);
        }
    }
    return SP_OK;
}

/* The guard of a mask is infinite at a frame that the mask leaves out. */
static sp_status check_curve(sp_error *err, const sp_node *node, const double *values, size_t t,
                             size_t index) {
    for (size_t i = 0; i < node->width && node->curve.kind == SP_ACTIVATION_GUARD; i++) {
        if (!isfinite(values[i])) {
            return sp_fail(err, SP_E_NONFINITE,
                           "frame %zu (from 0) is padding, which the model's mask leaves out: "
                           "nothing is proved of clips with such frames: give the clip without "
                           "them, with a front end that makes the frames of sound that the model "
                           "takes",
                           t);
        }
    }
    return check_finite(err, values, node->width, t, index);
}

/* ---- the nodes ---- */

static void add_term(const sp_term *term, double *y, size_t width, const double *x, size_t frames,
                     size_t t) {
    const size_t in = term->in, ld = term->timing.taps * in;
    for (size_t k = 0, run = 0, frame = 0; k < term->timing.taps; k += run) {
        run = sp_timing_run(&frame, &term->timing, frames, t, k);
        if (frame < frames) {
            sp_products(y, term->weight + k * in, ld, width, run * in, x + frame * in);
        }
    }
}

static sp_status run_affine(sp_error *err, sp_values *values, size_t n, double *out) {
    const sp_node *node = &values->net->node[n];
    for (size_t t = 0; t < values->frames[n]; t++) {
        double *y = out + t * node->width;
        memset(y, 0, node->width * sizeof *y);
        for (size_t i = 0; i < node->terms; i++) {
            const size_t input = node->term[i].input;
            add_term(&node->term[i], y, node->width, values->value[input], values->frames[input],
                     t);
        }
        for (size_t j = 0; j < node->width; j++) {
            y[j] += node->bias[j];
        }
        SP_TRY(check_finite(err, y, node->width, t, n));
    }
    return SP_OK;
}

static sp_status run_curve(sp_error *err, sp_values *values, size_t n, double *out) {
    const sp_node *node = &values->net->node[n];
    const double *x = values->value[node->input];
    for (size_t t = 0; t < values->frames[n]; t++) {
        for (size_t j = 0; j < node->width; j++) {
            out[t * node->width + j] = sp_activation_value(node->curve, x[t * node->width + j]);
        }
        SP_TRY(check_curve(err, node, out + t * node->width, t, n));
    }
    return SP_OK;
}

/* Pre-activations and states: what stands between them is bounded by them. */
static sp_status check_step(sp_error *err, const sp_cell *cell, const sp_cell_steps *steps,
                            const double *block, size_t t, size_t n) {
    const size_t H = cell->out;
    for (size_t i = 0; i < steps->count; i++) {
        const sp_cell_variable *v = &steps->variable[i];
        if (v->used && (v->op == SP_CELL_IMAGE || v->boxed)) {
            SP_TRY(check_finite(err, block + i * H, H, t, n));
        }
    }
    return check_finite(err, block + (size_t)steps->output * H, H, t, n);
}

static sp_status run_cell(sp_error *err, sp_values *values, size_t n, double *out) {
    const sp_node *node = &values->net->node[n];
    const sp_cell *cell = &node->cell;
    const size_t frames = values->frames[n], H = cell->out;
    sp_cell_steps steps;
    sp_cell_describe(&steps, cell);
    const size_t size = sp_cell_block(cell, &steps), blocks = values->keep ? frames : 2;
    double *trace =
        size < SIZE_MAX / sizeof(double) / blocks ? malloc(blocks * size * sizeof *trace) : NULL;
    if (trace == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the steps of node %zu", n);
    }
    sp_status status = SP_OK;
    const double *before = NULL;
    for (size_t s = 0; s < frames && status == SP_OK; s++) {
        const size_t t = cell->reverse ? frames - 1 - s : s;
        double *block = trace + (s % blocks) * size;
        sp_cell_step(cell, &steps, block, before, values->value[node->input] + t * cell->in);
        status = check_step(err, cell, &steps, block, t, n);
        memcpy(out + t * H, block + (size_t)steps.output * H, H * sizeof *out);
        before = block;
    }
    if (values->keep) {
        values->trace[n] = trace;
    } else {
        free(trace);
    }
    return status;
}

/* One frame out of all, or their sum or mean. */
static sp_status run_pool(sp_error *err, sp_values *values, size_t n, double *out) {
    const sp_node *node = &values->net->node[n];
    const size_t frames = values->frames[node->input], width = node->width;
    const double *x = values->value[node->input];
    if (node->pool == SP_POOLING_LAST || node->pool == SP_POOLING_FIRST) {
        const size_t at = node->pool == SP_POOLING_LAST ? frames - 1 : 0;
        memcpy(out, x + at * width, width * sizeof *out);
        return SP_OK;
    }
    memset(out, 0, width * sizeof *out);
    for (size_t t = 0; t < frames; t++) {
        for (size_t j = 0; j < width; j++) {
            out[j] += x[t * width + j];
        }
    }
    const double share = node->pool == SP_POOLING_MEAN ? 1.0 / (double)frames : 1.0;
    for (size_t j = 0; j < width; j++) {
        out[j] *= share;
    }
    return check_finite(err, out, width, 0, n);
}

static sp_status run_node(sp_error *err, sp_values *values, size_t n) {
    const sp_node *node = &values->net->node[n];
    const size_t frames = values->frames[n];
    if (frames > SIZE_MAX / sizeof(double) / node->width) {
        return sp_fail(err, SP_E_MEMORY, "node %zu: %zu frames are too many", n, frames);
    }
    double *out = malloc(frames * node->width * sizeof *out);
    if (out == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu frames of node %zu", frames, n);
    }
    values->value[n] = values->owned[n] = out;
    switch (node->kind) {
    case SP_NODE_INPUT:
        break;
    case SP_NODE_AFFINE:
        return run_affine(err, values, n, out);
    case SP_NODE_CURVE:
        return run_curve(err, values, n, out);
    case SP_NODE_CELL:
        return run_cell(err, values, n, out);
    case SP_NODE_POOL:
        return run_pool(err, values, n, out);
    }
    return SP_OK;
}

/* ---- all of them ---- */

static sp_status take(sp_error *err, sp_values *values) {
    const size_t nodes = values->net->nodes;
    values->frames = calloc(nodes, sizeof *values->frames);
    values->reader = calloc(nodes, sizeof *values->reader);
    values->owned = calloc(nodes, sizeof *values->owned);
    values->value = calloc(nodes, sizeof *values->value);
    values->trace = calloc(nodes, sizeof *values->trace);
    return values->frames && values->reader && values->owned && values->value && values->trace
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "no memory for the nodes of a network");
}

/* The last reader of every node that the output depends on. */
static sp_status find_readers(sp_error *err, sp_values *values) {
    const sp_net *net = values->net;
    values->reader[net->nodes - 1] = net->nodes;
    for (size_t n = net->nodes; n-- > values->source + 1;) {
        for (size_t i = 0; values->reader[n] > 0 && i < sp_node_inputs(&net->node[n]); i++) {
            const size_t input = sp_node_input(&net->node[n], i);
            if (input < values->source) {
                return sp_fail(err, SP_E_MISMATCH,
                               "node %zu reads node %zu, which is before the source, node %zu", n,
                               input, values->source);
            }
            values->reader[input] = values->reader[input] > n ? values->reader[input] : n;
        }
    }
    return SP_OK;
}

static sp_status find_frames(sp_error *err, sp_values *values, size_t n) {
    const sp_node *node = &values->net->node[n];
    if (node->kind == SP_NODE_POOL) {
        values->frames[n] = 1;
        return SP_OK;
    }
    values->frames[n] = values->frames[sp_node_input(node, 0)];
    for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
        const sp_term *term = &node->term[i];
        if (term->timing.stride == 0) {
            continue;
        }
        const size_t frames = sp_timing_frames(&term->timing, values->frames[term->input]);
        if (frames == 0) {
            return sp_fail(err, SP_E_MISMATCH, "node %zu: %zu frames are too few for its %zu taps",
                           n, values->frames[term->input], term->timing.taps);
        }
        if (i > 0 && frames != values->frames[n]) {
            return sp_fail(err, SP_E_MISMATCH, "node %zu: it adds sequences of different lengths",
                           n);
        }
        values->frames[n] = frames;
    }
    return SP_OK;
}

static void forget_inputs(sp_values *values, size_t n) {
    for (size_t i = 0; i < sp_node_inputs(&values->net->node[n]); i++) {
        const size_t input = sp_node_input(&values->net->node[n], i);
        if (values->reader[input] == n) {
            free(values->owned[input]);
            values->owned[input] = NULL;
            values->value[input] = NULL;
        }
    }
}

static sp_status check_source(sp_error *err, const sp_values *values, const double *sequence,
                              size_t frames) {
    const size_t steps = values->net->steps, width = values->net->node[values->source].width;
    if (frames == 0) {
        return sp_fail(err, SP_E_MISMATCH, "the network needs at least one step of features");
    }
    if (values->source == 0 && steps != 0 && frames != steps) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the model takes exactly %zu step%s of features, not %zu", steps,
                       steps == 1 ? "" : "s", frames);
    }
    for (size_t i = 0; i < frames * width; i++) {
        if (!isfinite(sequence[i])) {
            return sp_fail(err, SP_E_NONFINITE, "feature %zu of step %zu is %g", i % width,
                           i / width, sequence[i]);
        }
    }
    return SP_OK;
}

sp_status sp_values_compute(sp_error *err, sp_values *values, const sp_net *net, size_t source,
                            const double *sequence, size_t frames, bool keep) {
    *values = (sp_values){.net = net, .source = source, .keep = keep};
    if (source >= net->nodes) {
        return sp_fail(err, SP_E_ARGUMENT, "a network of %zu nodes has no node %zu", net->nodes,
                       source);
    }
    SP_TRY(check_source(err, values, sequence, frames));
    SP_TRY(take(err, values));
    SP_TRY(find_readers(err, values));
    values->value[source] = sequence;
    values->frames[source] = frames;
    for (size_t n = source + 1; n < net->nodes; n++) {
        if (values->reader[n] == 0) {
            continue;
        }
        SP_TRY(find_frames(err, values, n));
        SP_TRY(run_node(err, values, n));
        if (!keep) {
            forget_inputs(values, n);
        }
    }
    return SP_OK;
}

sp_status sp_values_one(sp_error *err, const sp_values *values) {
    const size_t frames = values->frames[values->net->nodes - 1];
    return frames == 1 || values->net->every
               ? SP_OK
               : sp_fail(err, SP_E_MISMATCH, "the network answers with %zu frames, not with one",
                         frames);
}

void sp_values_clear(sp_values *values) {
    for (size_t n = 0; values->owned != NULL && n < values->net->nodes; n++) {
        free(values->owned[n]);
    }
    for (size_t n = 0; values->trace != NULL && n < values->net->nodes; n++) {
        free(values->trace[n]);
    }
    free(values->frames);
    free(values->reader);
    free(values->owned);
    free(values->value);
    free(values->trace);
    *values = (sp_values){0};
}

/* rows: room for answers at so many frames. */
static sp_status run_rows(sp_error *err, const sp_net *net, size_t source, double *logits,
                          size_t rows, const double *sequence, size_t frames) {
    sp_values values;
    sp_status status = sp_values_compute(err, &values, net, source, sequence, frames, false);
    status = status == SP_OK ? sp_values_one(err, &values) : status;
    const size_t made = status == SP_OK ? values.frames[net->nodes - 1] : rows;
    if (made != rows) {
        status = sp_fail(err, SP_E_MISMATCH, "the network answers at %zu frames, not at %zu", made,
                         rows);
    }
    if (status == SP_OK) {
        memcpy(logits, values.value[net->nodes - 1], rows * net->classes * sizeof(double));
    }
    sp_values_clear(&values);
    return status;
}

sp_status sp_net_run_from(sp_error *err, const sp_net *net, size_t source, double *logits,
                          const double *sequence, size_t frames) {
    return run_rows(err, net, source, logits, 1, sequence, frames);
}

size_t sp_net_rows(const sp_net *net, size_t source, size_t frames) {
    return net->every ? sp_net_frames(net, source, net->nodes - 1, frames) : 1;
}

sp_status sp_net_run_rows(sp_error *err, const sp_net *net, double *logits, const double *input,
                          size_t frames) {
    return run_rows(err, net, 0, logits, sp_net_rows(net, 0, frames), input, frames);
}

sp_status sp_net_run(sp_error *err, const sp_net *net, double *logits, const double *input,
                     size_t frames) {
    return sp_net_run_from(err, net, 0, logits, input, frames);
}
