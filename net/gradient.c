// Gradients of linear objectives of the output by the input: reverse mode over the graph.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/impl.h"

/* Slopes of all objectives by the sequences of the nodes. */
typedef struct slopes {
    const sp_values *values;
    size_t rows;
    double **by; /* [nodes] each [rows, frames, width]; NULL: all zero */
} slopes;

static size_t numbers(const slopes *s, size_t n) {
    return s->values->frames[n] * s->values->net->node[n].width;
}

/* The slopes by node n, which begin with zeros. */
static double *slopes_by(slopes *s, size_t n) {
    if (s->by[n] == NULL && numbers(s, n) < SIZE_MAX / sizeof(double) / s->rows) {
        s->by[n] = calloc(s->rows * numbers(s, n), sizeof(double));
    }
    return s->by[n];
}

static void add_term_back(const sp_term *term, const double *dy, size_t width, double *dx,
                          size_t frames, size_t t) {
    const size_t in = term->in, ld = term->timing.taps * in;
    for (size_t k = 0, run = 0, frame = 0; k < term->timing.taps; k += run) {
        run = sp_timing_run(&frame, &term->timing, frames, t, k);
        double *d = dx + (frame < frames ? frame : 0) * in;
        for (size_t j = 0; frame < frames && j < width; j++) {
            const double *w = term->weight + j * ld + k * in, slope = dy[j];
            for (size_t i = 0; i < run * in; i++) {
                d[i] += slope * w[i];
            }
        }
    }
}

static sp_status back_affine(sp_error *err, slopes *s, size_t n) {
    const sp_node *node = &s->values->net->node[n];
    const size_t frames = s->values->frames[n], out = frames * node->width;
    for (size_t i = 0; i < node->terms; i++) {
        const size_t input = node->term[i].input, in = numbers(s, input);
        double *dx = slopes_by(s, input);
        if (dx == NULL) {
            return sp_fail(err, SP_E_MEMORY, "no memory for gradients of node %zu", input);
        }
        for (size_t r = 0; r < s->rows; r++) {
            for (size_t t = 0; t < frames; t++) {
                add_term_back(&node->term[i], s->by[n] + r * out + t * node->width, node->width,
                              dx + r * in, s->values->frames[input], t);
            }
        }
    }
    return SP_OK;
}

static void back_curve(slopes *s, size_t n, double *dx) {
    const sp_node *node = &s->values->net->node[n];
    const double *x = s->values->value[node->input];
    const size_t count = numbers(s, n);
    for (size_t i = 0; i < count; i++) {
        const double slope = sp_activation_tangent(node->curve, x[i]).w;
        for (size_t r = 0; r < s->rows; r++) {
            dx[r * count + i] += s->by[n][r * count + i] * slope;
        }
    }
}

/* Slopes by the states before a step are those by the states after the step before it. */
static void hand_over(const sp_cell_steps *steps, double *earlier, const double *slope, size_t rows,
                      size_t H) {
    const size_t n = steps->count * H;
    memset(earlier, 0, rows * n * sizeof *earlier);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < steps->states; i++) {
            double *to = earlier + r * n + (size_t)steps->state[i].after * H;
            const double *from = slope + r * n + (size_t)steps->state[i].before * H;
            for (size_t j = 0; j < H; j++) {
                to[j] += from[j];
            }
        }
    }
}

static sp_status back_cell(sp_error *err, slopes *s, size_t n, double *dx) {
    const sp_node *node = &s->values->net->node[n];
    const sp_cell *cell = &node->cell;
    const size_t frames = s->values->frames[n], H = cell->out, in = numbers(s, node->input);
    sp_cell_steps steps;
    sp_cell_describe(&steps, cell);
    const size_t width = steps.count * H, size = sp_cell_block(cell, &steps);
    double *memory = NULL;
    if (width < SIZE_MAX / sizeof(double) / (2 * s->rows + 3)) {
        memory = calloc((2 * s->rows + 3) * width, sizeof *memory);
    }
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for gradients of node %zu", n);
    }
    double *slope = memory, *earlier = memory + s->rows * width;
    for (size_t i = frames; i-- > 0;) {
        const size_t t = cell->reverse ? frames - 1 - i : i;
        for (size_t r = 0; r < s->rows; r++) {
            double *out = slope + r * width + (size_t)steps.output * H;
            for (size_t j = 0; j < H; j++) {
                out[j] += s->by[n][(r * frames + t) * H + j];
            }
        }
        sp_cell_step_back(cell, &steps, slope, dx + t * cell->in, in,
                          s->values->trace[n] + i * size, s->rows, memory + 2 * s->rows * width);
        hand_over(&steps, earlier, slope, s->rows, H);
        double *swap = slope;
        slope = earlier;
        earlier = swap;
    }
    free(memory);
    return SP_OK;
}

static void back_pool(slopes *s, size_t n, double *dx) {
    const sp_node *node = &s->values->net->node[n];
    const size_t in = numbers(s, node->input), W = node->width;
    const bool one = node->pool == SP_POOLING_LAST || node->pool == SP_POOLING_FIRST;
    const size_t first = node->pool == SP_POOLING_LAST ? in - W : 0, end = one ? first + W : in;
    const double share = node->pool == SP_POOLING_MEAN ? (double)W / (double)in : 1.0;
    for (size_t r = 0; r < s->rows; r++) {
        for (size_t i = first; i < end; i++) {
            dx[r * in + i] += share * s->by[n][r * W + i % W];
        }
    }
}

static sp_status back_node(sp_error *err, slopes *s, size_t n) {
    const sp_node *node = &s->values->net->node[n];
    if (node->kind == SP_NODE_AFFINE) {
        return back_affine(err, s, n);
    }
    double *dx = slopes_by(s, node->input);
    if (dx == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for gradients of node %zu", node->input);
    }
    switch (node->kind) {
    case SP_NODE_CURVE:
        back_curve(s, n, dx);
        break;
    case SP_NODE_CELL:
        return back_cell(err, s, n, dx);
    case SP_NODE_POOL:
        back_pool(s, n, dx);
        break;
    case SP_NODE_INPUT:
    case SP_NODE_AFFINE:
        break;
    }
    return SP_OK;
}

static sp_status go_back(sp_error *err, slopes *s, const double *weight) {
    const size_t last = s->values->net->nodes - 1;
    double *end = slopes_by(s, last);
    if (end == NULL) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu gradients", s->rows);
    }
    memcpy(end, weight, s->rows * numbers(s, last) * sizeof *end);
    for (size_t n = last; n > s->values->source; n--) {
        if (s->by[n] != NULL) {
            SP_TRY(back_node(err, s, n));
            free(s->by[n]);
            s->by[n] = NULL;
        }
    }
    return SP_OK;
}

sp_status sp_net_gradient(sp_error *err, const sp_net *net, double *gradient, const double *input,
                          size_t frames, const double *weight, size_t rows) {
    sp_values values;
    if (rows == 0) {
        return SP_OK;
    }
    sp_status status = sp_values_compute(err, &values, net, 0, input, frames, true);
    status = status == SP_OK ? sp_values_one(err, &values) : status;
    slopes s = {.values = &values, .rows = rows};
    if (status == SP_OK) {
        s.by = calloc(net->nodes, sizeof *s.by);
        status = s.by != NULL ? go_back(err, &s, weight)
                              : sp_fail(err, SP_E_MEMORY, "no memory for gradients");
    }
    const size_t count = rows * frames * net->features;
    if (status == SP_OK && s.by[0] != NULL) {
        memcpy(gradient, s.by[0], count * sizeof *gradient);
    } else if (status == SP_OK) {
        memset(gradient, 0, count * sizeof *gradient);
    }
    for (size_t n = 0; s.by != NULL && n < net->nodes; n++) {
        free(s.by[n]);
    }
    free(s.by);
    sp_values_clear(&values);
    return status;
}
