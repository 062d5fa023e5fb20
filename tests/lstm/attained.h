/* Bounds of networks against attained values: samples and an ascent, everything that has a box, and
 * final rows. */
#ifndef SP_TESTS_LSTM_ATTAINED_H
#define SP_TESTS_LSTM_ATTAINED_H

#include "tests/lstm/toy.h"

#include "lstm/backsub/impl.h"

enum { MOST_NODES = 24 };

/** sp_trace - the numbers of all nodes, and the variables of all cells as their descriptions name
 *  them. */
typedef struct sp_trace {
    const sp_net *net;
    size_t source;
    size_t frames[MOST_NODES];
    double *value[MOST_NODES];    /* [frames, width] */
    double *variable[MOST_NODES]; /* of cells: [frames, variables, out] */
} sp_trace;

static inline void trace_init(sp_trace *trace, const sp_toy *toy) {
    const sp_net *net = &toy->net;
    *trace = (sp_trace){.net = net, .source = toy->front.node};
    assert_true(net->nodes <= MOST_NODES);
    for (size_t i = trace->source; i < net->nodes; i++) {
        trace->frames[i] = sp_net_frames(net, trace->source, i, toy->front.frames);
        const size_t numbers = trace->frames[i] * net->node[i].width;
        trace->value[i] = calloc(numbers, sizeof(double));
        trace->variable[i] = calloc(numbers * SP_CELL_VARIABLES, sizeof(double));
        assert_non_null(trace->value[i]);
        assert_non_null(trace->variable[i]);
    }
}

static inline void trace_clear(sp_trace *trace) {
    for (size_t i = 0; i < MOST_NODES; i++) {
        free(trace->value[i]);
        free(trace->variable[i]);
    }
}

static inline double *value_at(const sp_trace *trace, size_t node, size_t frame) {
    return trace->value[node] + frame * trace->net->node[node].width;
}

static inline double *variable_at(const sp_trace *trace, size_t node, size_t frame, int v) {
    const size_t H = trace->net->node[node].width;
    return trace->variable[node] + (frame * SP_CELL_VARIABLES + (size_t)v) * H;
}

static inline double row_of(const double *w, const double *x, size_t n) {
    double s = 0.0;
    for (size_t j = 0; j < n; j++) {
        s += w[j] * x[j];
    }
    return s;
}

static inline void trace_affine(const sp_trace *trace, size_t i) {
    const sp_node *node = &trace->net->node[i];
    for (size_t t = 0; t < trace->frames[i]; t++) {
        double *y = value_at(trace, i, t);
        memcpy(y, node->bias, node->width * sizeof *y);
        for (size_t k = 0; k < node->terms; k++) {
            const sp_term *term = &node->term[k];
            const sp_timing *g = &term->timing;
            for (size_t tap = 0; tap < g->taps; tap++) {
                const long at = tap_frame(g, trace->frames[term->input], t, tap);
                if (at < 0) {
                    continue;
                }
                for (size_t j = 0; j < node->width; j++) {
                    y[j] += row_of(term->weight + (j * g->taps + tap) * term->in,
                                   value_at(trace, term->input, (size_t)at), term->in);
                }
            }
        }
    }
}

/* Number j of an image. */
static inline double image_of(const sp_cell *cell, const sp_cell_variable *v, size_t j,
                              const double *x, const double *a, const double *b) {
    const size_t H = cell->out, row = v->block * H + j;
    double sum = v->recurrent_bias ? cell->recurrent_bias[j] : cell->bias[row];
    sum += v->input ? row_of(cell->weight + row * cell->in, x, cell->in) : 0.0;
    sum += a != NULL ? row_of(cell->recurrent + row * H, a, H) : 0.0;
    return sum + (b != NULL ? b[j] : 0.0);
}

static inline double number_of(const sp_cell *cell, const sp_cell_variable *v, size_t j,
                               const double *x, const double *a, const double *b) {
    switch (v->op) {
    case SP_CELL_IMAGE:
        return image_of(cell, v, j, x, a, b);
    case SP_CELL_PRODUCT: {
        const double gate = sp_activation_value(v->f, a[j]);
        return (v->complement ? 1.0 - gate : gate) * (v->second_tanh ? tanh(b[j]) : b[j]);
    }
    case SP_CELL_CURVE:
        return sp_activation_value(v->f, a[j]);
    case SP_CELL_SUM:
        return a[j] + b[j];
    case SP_CELL_DIFFERENCE:
        return a[j] - b[j];
    case SP_CELL_STATE:
        break;
    }
    return 0.0;
}

static inline void trace_cell(const sp_trace *trace, size_t i) {
    const sp_node *node = &trace->net->node[i];
    sp_cell_steps steps;
    sp_cell_describe(&steps, &node->cell);
    for (size_t k = 0; k < trace->frames[i]; k++) {
        const bool reverse = node->cell.reverse;
        const size_t t = reverse ? trace->frames[i] - 1 - k : k;
        for (int v = 0; v < (int)steps.count; v++) {
            const sp_cell_variable *at = &steps.variable[v];
            const double *a = at->a >= 0 ? variable_at(trace, i, t, at->a) : NULL;
            const double *b = at->b >= 0 ? variable_at(trace, i, t, at->b) : NULL;
            for (size_t j = 0; at->op != SP_CELL_STATE && j < node->width; j++) {
                variable_at(trace, i, t, v)[j] =
                    number_of(&node->cell, at, j, value_at(trace, node->input, t), a, b);
            }
        }
        memcpy(value_at(trace, i, t), variable_at(trace, i, t, steps.output),
               node->width * sizeof(double));
        for (size_t s = 0; k + 1 < trace->frames[i] && s < steps.states; s++) {
            memcpy(variable_at(trace, i, reverse ? t - 1 : t + 1, steps.state[s].before),
                   variable_at(trace, i, t, steps.state[s].after), node->width * sizeof(double));
        }
    }
}

static inline const double *trace_output(const sp_trace *trace) {
    return trace->value[trace->net->nodes - 1];
}

static inline void trace_pool(const sp_trace *trace, size_t i) {
    const sp_node *node = &trace->net->node[i];
    const size_t frames = trace->frames[node->input];
    const bool sums = node->pool == SP_POOLING_MEAN || node->pool == SP_POOLING_SUM;
    memset(trace->value[i], 0, node->width * sizeof(double));
    for (size_t t = 0; t < frames; t++) {
        const bool takes = sums || t == (node->pool == SP_POOLING_LAST ? frames - 1 : 0);
        for (size_t j = 0; takes && j < node->width; j++) {
            trace->value[i][j] += value_at(trace, node->input, t)[j] /
                                  (node->pool == SP_POOLING_MEAN ? (double)frames : 1.0);
        }
    }
}

static inline void trace_run(const sp_trace *trace, const double *features) {
    const sp_net *net = trace->net;
    const size_t first = trace->source;
    memcpy(trace->value[first], features,
           trace->frames[first] * net->node[first].width * sizeof *features);
    for (size_t i = first + 1; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        const size_t numbers = trace->frames[i] * node->width;
        switch (node->kind) {
        case SP_NODE_INPUT:
            break;
        case SP_NODE_AFFINE:
            trace_affine(trace, i);
            break;
        case SP_NODE_CURVE:
            for (size_t k = 0; k < numbers; k++) {
                trace->value[i][k] = sp_activation_value(node->curve, trace->value[node->input][k]);
            }
            break;
        case SP_NODE_CELL:
            trace_cell(trace, i);
            break;
        case SP_NODE_POOL:
            trace_pool(trace, i);
            break;
        }
    }
}

/* What is written here agrees with the pass that is tested against the definitions. */
static inline void check_trace(const sp_trace *trace, const double *features, uint64_t seed) {
    double logits[64];
    assert_true(trace->net->classes <= 64);
    sp_error err = {0};
    if (sp_net_run_from(&err, trace->net, trace->source, logits, features,
                        trace->frames[trace->source]) != SP_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t k = 0; k < trace->net->classes; k++) {
        const double value = trace_output(trace)[k];
        if (!(fabs(value - logits[k]) <= 1e-9 * (1.0 + fabs(value)))) {
            fail_msg("seed %llu: logit %zu is %a here, %a in the pass", (unsigned long long)seed, k,
                     value, logits[k]);
        }
    }
}

static inline double objective(const double *row, const double *logits, size_t classes) {
    double s = 0.0;
    for (size_t k = 0; k < classes; k++) {
        s += row[k] * logits[k];
    }
    return s;
}

/** sp_place - which boxes are checked. */
typedef struct sp_place {
    const char *what;
    size_t node, frame;
    int variable;
    uint64_t seed;
} sp_place;

static inline void check_inside(sp_place at, size_t n, const double *value, const double *lo,
                                const double *hi) {
    for (size_t j = 0; lo != NULL && j < n; j++) {
        const double slack = 1e-12 * (1.0 + fabs(value[j])); // of the evaluation in this test
        if (!(value[j] >= lo[j] - slack && value[j] <= hi[j] + slack)) {
            fail_msg("seed %llu: %s of node %zu, frame %zu, variable %d, unit %zu: %a outside [%a, "
                     "%a]",
                     (unsigned long long)at.seed, at.what, at.node, at.frame, at.variable, j,
                     value[j], lo[j], hi[j]);
        }
    }
}

/* p x + q y and p x - q y of every product whose box is cut. */
static inline void check_cut(const sp_cut *cut, sp_place at, size_t n, const double *x,
                             const double *y) {
    for (size_t j = 0; cut != NULL && j < n; j++) {
        const double px = cut[j].p * x[j], qy = cut[j].q * y[j];
        // of the evaluation, and of the box that the cut was met with
        const double slack = 1e-11 * (1.0 + fabs(px) + fabs(qy));
        const double lo[2] = {cut[j].sum.lo - slack, cut[j].difference.lo - slack};
        const double hi[2] = {cut[j].sum.hi + slack, cut[j].difference.hi + slack};
        const double value[2] = {px + qy, px - qy};
        at.what = "cut";
        check_inside(at, 2, value, lo, hi);
    }
}

static inline void check_cell(const sp_bounds *bounds, const sp_trace *trace, sp_place at) {
    sp_boxes *boxes = boxes_of(bounds);
    const sp_node *node = &trace->net->node[at.node];
    const size_t n = node->width, t = sp_boxes_step_frame(node, at.frame, trace->frames[at.node]);
    const sp_cell_steps *steps = &boxes->constants[at.node].cell;
    for (int v = 0; v < (int)steps->count; v++) {
        const sp_cell_variable *variable = &steps->variable[v];
        const double *lo, *hi;
        at.variable = v;
        at.what = "variable";
        bounds->domain->box(bounds->self, at.node, at.frame, v, &lo, &hi);
        check_inside(at, n, variable_at(trace, at.node, at.frame, v), lo, hi);
        const bool walks =
            bounds->domain == &sp_domain_backsub || bounds->domain == &sp_domain_r2opt;
        if (variable->op == SP_CELL_PRODUCT && walks && !sp_cell_zero(steps, v, t == 0)) {
            const sp_cut *cut = sp_backsub_relaxations_at(bounds->self, at.node, t)->cut[v];
            cut = (const sp_cut *)sp_boxes_host(boxes, (sp_boxes_array){(double *)cut});
            check_cut(cut, at, n, variable_at(trace, at.node, at.frame, variable->a),
                      variable_at(trace, at.node, at.frame, variable->b));
        }
    }
}

static inline void check_boxes(const sp_bounds *bounds, const sp_trace *trace, uint64_t seed) {
    sp_boxes *boxes = boxes_of(bounds);
    for (size_t i = trace->source; i < trace->net->nodes; i++) {
        const sp_node *node = &trace->net->node[i];
        for (size_t t = 0; t < trace->frames[i]; t++) {
            sp_place at = {"output", i, t, SP_NO_VARIABLE, seed};
            const double *lo, *hi;
            bounds->domain->box(bounds->self, i, t, SP_NO_VARIABLE, &lo, &hi);
            assert_non_null(lo);
            check_inside(at, node->width, value_at(trace, i, t), lo, hi);
            if (i == trace->source) {
                continue;
            }
            if (node->kind == SP_NODE_CELL) {
                check_cell(bounds, trace, at);
            } else if (node->kind == SP_NODE_CURVE) {
                const sp_boxes_range input = sp_boxes_state_at(boxes, i, t)->input;
                at.what = "argument";
                check_inside(at, node->width, value_at(trace, node->input, t),
                             sp_boxes_host(boxes, input.lo), sp_boxes_host(boxes, input.hi));
            }
        }
    }
}

/* Moves d into the set. Frames that are bounded one by one hear the same samples all the same. */
static inline void toy_enter(const sp_toy *toy, double *d) {
    const sp_front_bound *f = &toy->front;
    const sp_noise_set *set = toy->noise.set;
    double *shared = calloc(f->padded, sizeof *d);
    assert_non_null(shared);
    for (size_t t = 0; !set->box && t < f->frames; t++) {
        memcpy(shared + t * f->step, d + t * (f->joint ? f->step : f->frame), f->frame * sizeof *d);
    }
    if (!set->box) {
        set->project(shared, f->radius, f->padded);
    }
    for (size_t t = 0; !set->box && t < f->frames; t++) {
        double *to = d + t * (f->joint ? f->step : f->frame);
        for (size_t i = 0; i < f->frame; i++) {
            to[i] = (1.0 - 0x1p-40) * shared[t * f->step + i];
        }
    }
    free(shared);
}

/* Samples the set, climbs each objective by flipping coordinates, and compares with the bounds.
 * Returns the least attained value of row 0. */
static inline double check_toy(const sp_toy *toy, const sp_bounds *bounds, const double *rows,
                               size_t count, const double *lower, size_t samples, uint64_t seed) {
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
    for (size_t s = 0; s < samples; s++) {
        const double share = s % 3 == 0 ? 1.0 : sp_rng_uniform(&rng, 0.0, 1.0);
        for (size_t i = 0; i < n; i++) {
            d[i] = s % 3 == 2 ? sp_rng_uniform(&rng, -eps, eps)
                              : (sp_rng_below(&rng, 2) ? eps : -eps) * share;
        }
        for (size_t i = 0; s % 4 == 3 && i < n; i++) { // few samples move
            d[i] = sp_rng_below(&rng, n) < 2 ? d[i] : 0.0;
        }
        toy_enter(toy, d);
        toy_features(toy, d, features);
        trace_run(&trace, features);
        if (s == 0) {
            check_trace(&trace, features, seed);
        }
        check_boxes(bounds, &trace, seed);
        for (size_t r = 0; r < count; r++) {
            const double value = objective(rows + r * C, trace_output(&trace), C);
            least = r == 0 ? fmin(least, value) : least;
            if (!(lower[r] <= value + 1e-12 * fmax(1.0, fabs(value)))) {
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
        toy_enter(toy, d);
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t i = 0; i < n; i++) {
                d[i] = -d[i];
                toy_features(toy, d, features);
                trace_run(&trace, features);
                const double value = objective(rows + r * C, trace_output(&trace), C);
                if (value < best) {
                    best = value;
                } else {
                    d[i] = -d[i];
                }
            }
        }
        least = r == 0 ? fmin(least, best) : least;
        if (!(lower[r] <= best + 1e-12 * fmax(1.0, fabs(best)))) {
            fail_msg("seed %llu: row %zu: bound %a above attained %a after the ascent",
                     (unsigned long long)seed, r, lower[r], best);
        }
    }
    trace_clear(&trace);
    free(d);
    free(features);
    return least;
}

static inline size_t toy_samples(void) {
    return sp_test_long() ? 4000 : sp_test_sanitized() ? 150 : 1000;
}

static inline void margin_rows(double *rows, size_t C) {
    memset(rows, 0, C * C * sizeof *rows);
    for (size_t k = 1; k < C; k++) {
        rows[(k - 1) * C] = 1.0;
        rows[(k - 1) * C + k] = -1.0;
    }
    rows[(C - 1) * C + C - 1] = -2.0; // one row that is no difference
}

static inline double bound_toy(uint64_t seed, const sp_toy_shape *shape, const sp_method *method,
                               double *least) {
    sp_toy toy;
    sp_bounds bounds;
    double rows[16 * 16], lower[16];
    toy_init(&toy, seed, shape);
    assert_int_equal(bounds_of(NULL, &bounds, &toy.net, &toy.front, method), SP_OK);
    margin_rows(rows, shape->classes);
    assert_int_equal(bounds_margins(NULL, &bounds, lower, NULL, rows, shape->classes), SP_OK);
    *least = check_toy(&toy, &bounds, rows, shape->classes, lower, toy_samples(), seed);
    bounds_destroy(&bounds);
    toy_clear(&toy);
    return lower[0];
}

#endif
