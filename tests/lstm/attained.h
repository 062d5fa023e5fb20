/* Bounds of random networks against attained values: samples and an ascent, all boxes and final
 * rows. */
#ifndef SP_TESTS_LSTM_ATTAINED_H
#define SP_TESTS_LSTM_ATTAINED_H

#include "tests/lstm/toy.h"

#include "lstm/cell_gru.h"

/* Forward pass written from the definition, which also records every boxed quantity. */
typedef struct sp_trace {
    double *in[64];   /* per layer [T, 4 out] pre-activations in the order of the layer's boxes */
    double *out[64];  /* per layer [T, out] GRU, RNN: h_t */
    double *cell[64]; /* per layer [T, out] LSTM: c_t; GRU: h_{t-1} - n */
    double logits[16];
} sp_trace;

static inline void trace_init(sp_trace *trace, const sp_toy *toy) {
    for (size_t l = 0; l < toy->net.layers; l++) {
        trace->in[l] = calloc(toy->front.frames * 4 * toy->net.layer[l].out, sizeof(double));
        trace->cell[l] = calloc(toy->front.frames * toy->net.layer[l].out, sizeof(double));
        trace->out[l] = calloc(toy->front.frames * toy->net.layer[l].out, sizeof(double));
        assert_non_null(trace->in[l]);
        assert_non_null(trace->out[l]);
        assert_non_null(trace->cell[l]);
    }
}

static inline void trace_clear(sp_trace *trace, const sp_toy *toy) {
    for (size_t l = 0; l < toy->net.layers; l++) {
        free(trace->in[l]);
        free(trace->out[l]);
        free(trace->cell[l]);
    }
}

static inline double sigma(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static inline double row_of(const double *w, const double *x, size_t n) {
    double s = 0.0;
    for (size_t j = 0; j < n; j++) {
        s += w[j] * x[j];
    }
    return s;
}

/* ONNX's definitions; h is that of the step before and becomes that of this one. */
static inline void trace_gru(const sp_layer *layer, const double *x, double *h, double *in,
                             double *cell) {
    const size_t n = layer->out, D = layer->in;
    const double *rn = layer->recurrent + 2 * n * n;
    double gated[64], z[64], next[64];
    for (size_t k = 0; k < 2 * n; k++) {
        in[k] = row_of(layer->weight + k * D, x, D) + row_of(layer->recurrent + k * n, h, n) +
                layer->bias[k];
    }
    for (size_t j = 0; j < n; j++) {
        z[j] = sp_activation_value(layer->gate, in[j]);
        gated[j] = sp_activation_value(layer->gate, in[n + j]) * h[j];
    }
    for (size_t j = 0; j < n; j++) {
        double a = row_of(layer->weight + (2 * n + j) * D, x, D) + layer->bias[2 * n + j];
        if (layer->reset_after) {
            in[3 * n + j] = row_of(rn + j * n, h, n) + layer->recurrent_bias[j];
            a += sp_activation_value(layer->gate, in[n + j]) * in[3 * n + j];
        } else {
            a += row_of(rn + j * n, gated, n);
        }
        const double candidate = sp_activation_value(layer->candidate, a);
        in[2 * n + j] = a;
        cell[j] = h[j] - candidate;
        next[j] = (1.0 - z[j]) * candidate + z[j] * h[j];
    }
    memcpy(h, next, n * sizeof *h);
}

static inline void trace_rnn(const sp_layer *layer, const double *x, double *h, double *in) {
    const size_t n = layer->out;
    for (size_t j = 0; j < n; j++) {
        in[j] = row_of(layer->weight + j * layer->in, x, layer->in) +
                row_of(layer->recurrent + j * n, h, n) + layer->bias[j];
    }
    for (size_t j = 0; j < n; j++) {
        h[j] = sp_activation_value(layer->candidate, in[j]);
    }
}

static inline void trace_run(sp_trace *trace, const sp_toy *toy, const double *features) {
    const sp_net *net = &toy->net;
    double h[8][64] = {{0}}, x[64], y[64];
    for (size_t t = 0; t < toy->front.frames; t++) {
        memcpy(x, features + t * net->features, net->features * sizeof(double));
        const size_t layers = t + 1 == toy->front.frames ? net->layers : net->readout;
        for (size_t l = 0; l < layers; l++) {
            const sp_layer *layer = &net->layer[l];
            const size_t n = layer->out, gates = layer->kind == SP_LAYER_LSTM ? 4 * n : n;
            double *in = trace->in[l] + t * 4 * n, *c = trace->cell[l] + t * n;
            if (layer->kind == SP_LAYER_GRU || layer->kind == SP_LAYER_RNN) {
                if (layer->kind == SP_LAYER_GRU) {
                    trace_gru(layer, x, h[l], in, c);
                } else {
                    trace_rnn(layer, x, h[l], in);
                }
                memcpy(x, h[l], n * sizeof(double));
                memcpy(trace->out[l] + t * n, x, n * sizeof(double));
                continue;
            }
            for (size_t k = 0; k < gates; k++) {
                if (layer->kind == SP_LAYER_RELU) {
                    in[k] = x[k];
                    y[k] = fmax(0.0, x[k]);
                    continue;
                }
                double s = layer->bias[k];
                for (size_t j = 0; j < layer->in; j++) {
                    s += layer->weight[k * layer->in + j] * x[j];
                }
                for (size_t j = 0; layer->kind == SP_LAYER_LSTM && j < n; j++) {
                    s += layer->recurrent[k * n + j] * h[l][j];
                }
                in[k] = s;
            }
            for (size_t j = 0; j < n; j++) {
                if (layer->kind == SP_LAYER_AFFINE) {
                    y[j] = in[j];
                } else if (layer->kind == SP_LAYER_LSTM) {
                    c[j] = sigma(in[j]) * tanh(in[2 * n + j]) +
                           (t > 0 ? sigma(in[n + j]) * c[(ptrdiff_t)j - (ptrdiff_t)n] : 0.0);
                    y[j] = sigma(in[3 * n + j]) * tanh(c[j]);
                    h[l][j] = y[j];
                }
            }
            memcpy(x, y, n * sizeof(double));
        }
    }
    memcpy(trace->logits, x, net->classes * sizeof(double));
}

static inline double objective(const double *row, const double *logits, size_t classes) {
    double s = 0.0;
    for (size_t k = 0; k < classes; k++) {
        s += row[k] * logits[k];
    }
    return s;
}

static inline void check_inside(const char *what, size_t t, size_t l, size_t n, const double *value,
                                const double *lo, const double *hi, uint64_t seed) {
    for (size_t j = 0; j < n; j++) {
        const double slack = 1e-12 * (1.0 + fabs(value[j])); // of the evaluation in this test
        if (!(value[j] >= lo[j] - slack && value[j] <= hi[j] + slack)) {
            fail_msg("seed %llu: %s of layer %zu, step %zu, unit %zu: %a outside [%a, %a]",
                     (unsigned long long)seed, what, l, t, j, value[j], lo[j], hi[j]);
        }
    }
}

/* p x + q y and p x - q y of product k of unit j at step t, if the boxes are cut. */
static inline void check_cut(sp_bounds *bounds, size_t k, size_t j, size_t t, size_t l, double x,
                             double y, uint64_t seed) {
    const double *far = (const double *)sp_state_at(bounds, t, l)->cut[k];
    const sp_cut *cut = (const sp_cut *)sp_bounds_near(bounds, far);
    if (cut != NULL) {
        const double s = cut[j].p * x + cut[j].q * y, d = cut[j].p * x - cut[j].q * y;
        // of the evaluation, and of the box that the cut was met with
        const double slack = 1e-11 * (1.0 + fabs(cut[j].p * x) + fabs(cut[j].q * y));
        const double lo[2] = {cut[j].sum.lo - slack, cut[j].difference.lo - slack};
        const double hi[2] = {cut[j].sum.hi + slack, cut[j].difference.hi + slack};
        const double value[2] = {s, d};
        check_inside(k == 0   ? "first cut"
                     : k == 1 ? "second cut"
                              : "third cut",
                     t, l, 2, value, lo, hi, seed);
    }
}

/* The arguments of every product of a layer. */
static inline void check_cuts(const sp_toy *toy, sp_bounds *bounds, const sp_trace *trace, size_t t,
                              size_t l, uint64_t seed) {
    const sp_layer *layer = &toy->net.layer[l];
    const size_t n = layer->out;
    const double *in = trace->in[l] + t * 4 * n, *cell = trace->cell[l] + t * n;
    const double *h = trace->out[l] + (t - (t > 0)) * n, *old = cell - (t > 0 ? n : 0);
    const bool paired = layer->kind == SP_LAYER_GRU && sp_gru_is_paired(layer);
    for (size_t j = 0; j < n; j++) {
        if (layer->kind == SP_LAYER_LSTM) {
            check_cut(bounds, 0, j, t, l, in[j], in[2 * n + j], seed);
            check_cut(bounds, 2, j, t, l, in[3 * n + j], cell[j], seed);
            if (t > 0) {
                check_cut(bounds, 1, j, t, l, in[n + j], old[j], seed);
            }
        } else if (layer->kind == SP_LAYER_GRU) {
            if (layer->reset_after || t > 0) {
                check_cut(bounds, 0, j, t, l, in[n + j], layer->reset_after ? in[3 * n + j] : h[j],
                          seed);
            }
            if (paired) {
                check_cut(bounds, 1, j, t, l, in[j], in[2 * n + j], seed);
            }
            if (!paired || t > 0) {
                check_cut(bounds, 2, j, t, l, in[j], paired ? h[j] : cell[j], seed);
            }
        }
    }
}

static inline void check_boxes(const sp_toy *toy, sp_bounds *bounds, const sp_trace *trace,
                               uint64_t seed) {
    for (size_t t = 0; t < toy->front.frames; t++) {
        const size_t layers = t + 1 == toy->front.frames ? toy->net.layers : toy->net.readout;
        for (size_t l = 0; l < layers; l++) {
            const sp_layer *layer = &toy->net.layer[l];
            const double *lo, *hi;
            if (layer->kind == SP_LAYER_AFFINE) {
                continue;
            }
            sp_bounds_layer_box(bounds, t, l, &lo, &hi);
            check_cuts(toy, bounds, trace, t, l, seed);
            const size_t blocks = layer->kind == SP_LAYER_RELU ? 1
                                  : layer->reset_after         ? 4
                                                               : sp_layer_gates(layer);
            check_inside("pre-activation", t, l, blocks * layer->out,
                         trace->in[l] + t * 4 * layer->out, lo, hi, seed);
            if (layer->kind == SP_LAYER_GRU || layer->kind == SP_LAYER_RNN) {
                const sp_state *at = sp_state_at(bounds, t, l);
                check_inside("state", t, l, layer->out, trace->out[l] + t * layer->out,
                             sp_bounds_near(bounds, at->out_lo), sp_bounds_near(bounds, at->out_hi),
                             seed);
            }
            if (layer->kind == SP_LAYER_LSTM || layer->kind == SP_LAYER_GRU) {
                sp_bounds_cell_box(bounds, t, l, &lo, &hi);
                check_inside("cell", t, l, layer->out, trace->cell[l] + t * layer->out, lo, hi,
                             seed);
            }
        }
    }
}

/* Samples the set, climbs each objective by flipping coordinates, and compares with the bounds.
 * Returns the least attained value of row 0. */
static inline double check_toy(const sp_toy *toy, sp_bounds *bounds, const double *rows,
                               size_t count, const double *lower, uint64_t seed) {
    const size_t n = toy_point_size(toy), C = toy->net.classes;
    const double eps = toy->front.radius[0];
    double *d = calloc(n, sizeof *d),
           *features = calloc(toy->front.frames * toy->front.features, sizeof *d);
    sp_trace trace;
    sp_rng rng;
    double least = INFINITY;
    assert_non_null(d);
    assert_non_null(features);
    trace_init(&trace, toy);
    sp_rng_init(&rng, seed ^ 0x5eed);
    const size_t samples = sp_test_long() ? 4000 : sp_test_sanitized() ? 150 : 1000;
    for (size_t s = 0; s < samples; s++) {
        const double share = s % 3 == 0 ? 1.0 : sp_rng_uniform(&rng, 0.0, 1.0);
        for (size_t i = 0; i < n; i++) {
            d[i] = s % 3 == 2 ? sp_rng_uniform(&rng, -eps, eps)
                              : (sp_rng_below(&rng, 2) ? eps : -eps) * share;
        }
        toy_features(toy, d, features);
        trace_run(&trace, toy, features);
        check_boxes(toy, bounds, &trace, seed);
        for (size_t r = 0; r < count; r++) {
            const double value = objective(rows + r * C, trace.logits, C);
            least = r == 0 ? fmin(least, value) : least;
            if (!(lower[r] <= value + 1e-12)) {
                fail_msg("seed %llu: row %zu: bound %a above attained %a", (unsigned long long)seed,
                         r, lower[r], value);
            }
        }
    }
    for (size_t r = 0; r < count; r++) { // coordinate flips from the last sample
        double best = INFINITY;
        for (size_t i = 0; i < n; i++) {
            d[i] = d[i] < 0.0 ? -eps : eps;
        }
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < n; i++) {
                d[i] = -d[i];
                toy_features(toy, d, features);
                trace_run(&trace, toy, features);
                const double value = objective(rows + r * C, trace.logits, C);
                if (value < best) {
                    best = value;
                } else {
                    d[i] = -d[i];
                }
            }
        }
        least = r == 0 ? fmin(least, best) : least;
        if (!(lower[r] <= best + 1e-12)) {
            fail_msg("seed %llu: row %zu: bound %a above attained %a after the ascent",
                     (unsigned long long)seed, r, lower[r], best);
        }
    }
    trace_clear(&trace, toy);
    free(d);
    free(features);
    return least;
}

static inline void margin_rows(double *rows, size_t C) {
    memset(rows, 0, C * C * sizeof *rows);
    for (size_t k = 1; k < C; k++) {
        rows[(k - 1) * C] = 1.0;
        rows[(k - 1) * C + k] = -1.0;
    }
    rows[(C - 1) * C + C - 1] = -2.0; // one row that is no difference
}

static inline double bound_toy(uint64_t seed, const sp_toy_shape *shape,
                               const sp_bounds_options *options, double *least) {
    sp_toy toy;
    sp_bounds *bounds;
    double rows[16 * 16], lower[16];
    toy_init(&toy, seed, shape);
    assert_int_equal(sp_bounds_create(NULL, &bounds, &toy.net, &toy.front, options), SP_OK);
    margin_rows(rows, shape->classes);
    assert_int_equal(sp_bounds_rows(NULL, bounds, lower, NULL, rows, shape->classes), SP_OK);
    *least = check_toy(&toy, bounds, rows, shape->classes, lower, seed);
    sp_bounds_destroy(bounds);
    toy_clear(&toy);
    return lower[0];
}

#endif
