// The bounds of a net on a noise set: memory, the order in which cells are bounded, and final rows.
#include "lstm/impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* ---- memory: planned by a first pass that only counts, then carved from one block ---- */

typedef struct sp_carver {
    sp_arena *arena; /* NULL while counting */
    size_t need;
} sp_carver;

static void *carve(sp_carver *carver, size_t count, size_t size) {
    if (carver->arena != NULL) {
        return sp_arena_raw(carver->arena, count, size);
    }
    const size_t bytes = sp_arena_need(count, size);
    carver->need = bytes > SIZE_MAX - carver->need ? SIZE_MAX : carver->need + bytes;
    return NULL;
}

static double *carve_doubles(sp_carver *carver, size_t count) {
    return carve(carver, count, sizeof(double));
}

static void carve_planes(sp_carver *carver, sp_gpu_planes *planes, size_t H) {
    *planes = (sp_gpu_planes){H, carve_doubles(carver, 2 * H), carve_doubles(carver, 2 * H),
                              carve_doubles(carver, 2 * H), carve_doubles(carver, H)};
}

static void carve_lines(sp_carver *carver, sp_gpu_lines *lines, size_t n) {
    *lines = (sp_gpu_lines){n, carve_doubles(carver, 2 * n), carve_doubles(carver, 2 * n),
                            carve_doubles(carver, n)};
}

static void carve_state(sp_carver *carver, sp_state *state, const sp_layer *layer) {
    const size_t n = layer->out;
    const size_t inputs = layer->kind == SP_LAYER_LSTM ? 4 * n : layer->kind == SP_LAYER_RELU ? n : 0;
    memset(state, 0, sizeof *state);
    state->out_lo = carve_doubles(carver, n);
    state->out_hi = carve_doubles(carver, n);
    if (inputs > 0) {
        state->in_lo = carve_doubles(carver, inputs);
        state->in_hi = carve_doubles(carver, inputs);
    }
    if (layer->kind == SP_LAYER_RELU) {
        carve_lines(carver, &state->lines, n);
    } else {
        state->omega = carve_doubles(carver, layer->kind == SP_LAYER_LSTM ? 4 * n : n);
    }
    if (layer->kind == SP_LAYER_LSTM) {
        state->cell_lo = carve_doubles(carver, n);
        state->cell_hi = carve_doubles(carver, n);
        carve_planes(carver, &state->ig, n);
        carve_planes(carver, &state->fc, n);
        carve_planes(carver, &state->oc, n);
    }
}

/* Widths that the buffers must hold. */
typedef struct sp_widths {
    size_t layer, hidden, box;
} sp_widths;

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static sp_widths widths_of(const sp_net *net) {
    sp_widths w = {net->features, 0, net->features};
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        w.layer = larger(w.layer, larger(layer->in, layer->out));
        if (layer->kind == SP_LAYER_LSTM) {
            w.hidden = larger(w.hidden, layer->out);
            w.box = larger(w.box, 4 * layer->out);
        }
        w.box = larger(w.box, layer->out);
    }
    return w;
}

static void carve_workspace(sp_carver *carver, sp_workspace *ws, const sp_bounds *bounds, sp_widths w) {
    const sp_net *net = bounds->net;
    const sp_front_bound *front = bounds->front;
    memset(ws, 0, sizeof *ws);
    ws->gates = carve_doubles(carver, SP_TILE * 4 * w.hidden);
    ws->h = carve_doubles(carver, SP_TILE * w.hidden);
    ws->c = carve_doubles(carver, SP_TILE * w.hidden);
    ws->cross[0] = carve_doubles(carver, SP_TILE * w.layer);
    ws->cross[1] = carve_doubles(carver, SP_TILE * w.layer);
    ws->form = carve_doubles(carver, SP_TILE * larger(front->forms, front->bands));
    ws->sample = carve_doubles(carver, SP_TILE * front->frame);
    ws->bias = carve_doubles(carver, SP_TILE);
    ws->mass = carve_doubles(carver, SP_TILE);
    ws->support = carve_doubles(carver, SP_TILE);
    double **pending = carve(carver, net->layers, sizeof *pending);
    double **pending_c = carve(carver, net->layers, sizeof *pending_c);
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        if (layer->kind == SP_LAYER_LSTM) {
            double *rows = carve_doubles(carver, SP_TILE * (layer->in + layer->out));
            double *cells = carve_doubles(carver, SP_TILE * layer->out);
            if (carver->arena != NULL && pending != NULL && pending_c != NULL) {
                pending[l] = rows;
                pending_c[l] = cells;
            }
        }
    }
    ws->pending = pending;
    ws->pending_c = pending_c;
}

static void carve_all(sp_carver *carver, sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    const size_t steps = bounds->front->frames;
    const sp_widths w = widths_of(net);
    sp_state spare_state;
    sp_workspace spare_workspace;
    sp_gpu_lines spare_lines;
    bounds->unit_width = w.box;
    bounds->tiles = (2 * w.box + SP_TILE - 1) / SP_TILE;
    bounds->unit = carve_doubles(carver, 2 * w.box * w.box);
    bounds->box_lower = carve_doubles(carver, 2 * w.box);
    bounds->task_status = carve(carver, w.box, sizeof *bounds->task_status);
    bounds->weights = carve(carver, net->layers, sizeof *bounds->weights);
    bounds->line = carve(carver, steps, sizeof *bounds->line);
    bounds->state = carve(carver, steps * net->layers, sizeof *bounds->state);
    bounds->work = carve(carver, bounds->tiles, sizeof *bounds->work);
    const bool counting = carver->arena == NULL || carver->arena->failed;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        double *joined = NULL;
        if (layer->kind == SP_LAYER_LSTM) {
            joined = carve_doubles(carver, 4 * layer->out * (layer->in + layer->out));
        }
        if (!counting) {
            bounds->weights[l] = joined;
        }
    }
    for (size_t t = 0; t < steps; t++) {
        carve_lines(carver, counting ? &spare_lines : bounds->line + t, bounds->front->bands);
        for (size_t l = 0; l < net->layers; l++) {
            carve_state(carver, counting ? &spare_state : sp_state_at(bounds, t, l), &net->layer[l]);
        }
    }
    for (size_t i = 0; i < bounds->tiles; i++) {
        carve_workspace(carver, counting ? &spare_workspace : bounds->work + i, bounds, w);
    }
}

/* ---- constants of a run ---- */

static void fill_unit(sp_bounds *bounds) {
    const size_t n = bounds->unit_width;
    memset(bounds->unit, 0, 2 * n * n * sizeof(double));
    for (size_t j = 0; j < n; j++) {
        bounds->unit[2 * j * n + j] = 1.0;
        bounds->unit[(2 * j + 1) * n + j] = -1.0;
    }
}

static void fill_weights(sp_bounds *bounds) {
    for (size_t l = 0; l < bounds->net->layers; l++) {
        const sp_layer *layer = &bounds->net->layer[l];
        const size_t D = layer->in, H = layer->out;
        for (size_t k = 0; layer->kind == SP_LAYER_LSTM && k < 4 * H; k++) {
            double *row = bounds->weights[l] + k * (D + H);
            memcpy(row, layer->weight + k * D, D * sizeof(double));
            memcpy(row + D, layer->recurrent + k * H, H * sizeof(double));
        }
    }
}

static void fill_lines(sp_bounds *bounds) {
    const sp_front_bound *front = bounds->front;
    for (size_t t = 0; t < front->frames; t++) {
        for (size_t m = 0; m < front->bands; m++) {
            const size_t i = t * front->bands + m;
            const double *largest = front->form_max + t * front->forms;
            const sp_line_pair pair = {{front->lo_w[i], front->lo_c[i]}, {front->up_w[i], front->up_c[i]}};
            double x = 0.0;
            if (front->forms > 0) {
                x = fmax(largest[front->lo_form + m], largest[front->up_form + m]);
            }
            sp_lines_set(&bounds->line[t], m, pair, x);
        }
    }
}

/* Every product of matrices sums at most `width` terms, every kernel adds its sum of at most `width` terms
 * to a running bias of `kernels` terms, samples are summed over the padded clip; a coefficient meets a
 * few more roundings on its way. Doubled: the masses are themselves computed. */
static double chain_of(const sp_bounds *bounds) {
    const sp_widths w = widths_of(bounds->net);
    const double width = (double)(4 * w.hidden + w.layer + bounds->front->forms + bounds->front->bands);
    const double kernels = (double)bounds->front->frames * (4.0 * (double)bounds->net->layers + 2.0);
    return 2.0 * (width + kernels + (double)bounds->front->padded + 64.0);
}

void sp_lines_set(sp_gpu_lines *lines, size_t j, sp_line_pair pair, double x) {
    const double lower = fabs(pair.lower.w) * x + fabs(pair.lower.c);
    const double upper = fabs(pair.upper.w) * x + fabs(pair.upper.c);
    lines->w[j] = pair.lower.w;
    lines->c[j] = pair.lower.c;
    lines->w[lines->ld + j] = pair.upper.w;
    lines->c[lines->ld + j] = pair.upper.c;
    const double mass = fmax(lower, upper);
    lines->mass[j] = mass > 0.0 ? sp_above(sp_above(mass)) : mass; // 0 is exact, and not subnormal
}

void sp_planes_set(sp_gpu_planes *planes, size_t j, sp_plane_pair pair, double x, double y) {
    const sp_plane *plane = &pair.lower;
    double mass = 0.0;
    for (size_t side = 0; side < 2; side++, plane = &pair.upper) {
        planes->a[side * planes->ld + j] = plane->a;
        planes->b[side * planes->ld + j] = plane->b;
        planes->c[side * planes->ld + j] = plane->c;
        mass = fmax(mass, fabs(plane->a) * x + fabs(plane->b) * y + fabs(plane->c));
    }
    planes->mass[j] = sp_above(sp_above(sp_above(mass)));
}

/* ---- the order of work ---- */

static sp_status check(sp_error *err, const sp_net *net, const sp_front_bound *front) {
    if (net->layers == 0 || front->frames == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "nothing to bound: %zu layers, %zu frames", net->layers,
                       front->frames);
    }
    if (net->features != front->bands) {
        return sp_fail(err, SP_E_MISMATCH, "the model reads %zu features, the front end gives %zu",
                       net->features, front->bands);
    }
    for (size_t l = 0; l < net->layers; l++) {
        if (net->layer[l].out > SP_MAX_WIDTH || net->layer[l].in > SP_MAX_WIDTH) {
            return sp_fail(err, SP_E_UNSUPPORTED, "layer %zu is wider than %d", l, SP_MAX_WIDTH);
        }
    }
    return SP_OK;
}

static sp_status bound_cells(sp_error *err, sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    const size_t steps = bounds->front->frames;
    for (size_t t = 0; t < steps; t++) {
        const size_t layers = t + 1 == steps ? net->layers : net->readout;
        for (size_t l = 0; l < layers; l++) {
            if (sp_clock_passed(bounds->options.deadline)) {
                return sp_fail(err, SP_E_TIMEOUT, "time limit reached at frame %zu of %zu", t + 1, steps);
            }
            if (net->layer[l].kind == SP_LAYER_LSTM) {
                SP_TRY(sp_lstm_bound(err, bounds, t, l));
            } else if (net->layer[l].kind == SP_LAYER_RELU) {
                sp_relu_bound(bounds, t, l);
            } else {
                sp_affine_bound(bounds, t, l);
            }
        }
    }
    return SP_OK;
}

sp_status sp_bounds_create(sp_error *err, sp_bounds **out, const sp_net *net, const sp_front_bound *front,
                           const sp_bounds_options *options) {
    *out = NULL;
    SP_TRY(check(err, net, front));
    sp_bounds *bounds = calloc(1, sizeof *bounds);
    if (bounds == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    bounds->net = net;
    bounds->front = front;
    bounds->options = *options;
    sp_carver carver = {NULL, 0};
    carve_all(&carver, bounds);
    sp_status status = sp_arena_init(&bounds->arena, carver.need);
    carver.arena = &bounds->arena;
    if (status == SP_OK) {
        carve_all(&carver, bounds);
    }
    if (status != SP_OK || !sp_arena_ok(&bounds->arena)) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory: the bounds of %zu frames need %.0f MB",
                         front->frames, (double)carver.need / 1e6);
    } else {
        sp_gpu_init();
        fill_unit(bounds);
        fill_weights(bounds);
        fill_lines(bounds);
        bounds->chain = chain_of(bounds);
        status = bound_cells(err, bounds);
    }
    if (status != SP_OK) {
        sp_bounds_destroy(bounds);
        return status;
    }
    *out = bounds;
    return SP_OK;
}

void sp_bounds_destroy(sp_bounds *bounds) {
    if (bounds != NULL) {
        sp_arena_clear(&bounds->arena);
        free(bounds);
    }
}

/* Lower bounds of the rows from the box of the logits alone. */
static double interval_row(const sp_bounds *bounds, const double *weight) {
    const sp_net *net = bounds->net;
    const sp_state *top = sp_state_at(bounds, bounds->front->frames - 1, net->layers - 1);
    const double zero = 0.0;
    double lo, hi, omega;
    sp_affine_interval(1, net->classes, weight, top->out_lo, top->out_hi, 0, NULL, NULL, NULL, &zero, &lo,
                       &hi, &omega);
    return lo;
}

sp_status sp_bounds_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                         const double *weight, size_t rows) {
    const size_t classes = bounds->net->classes;
    for (size_t i = 0; i < rows * classes; i++) {
        if (!isfinite(weight[i])) {
            return sp_fail(err, SP_E_NONFINITE, "entry %zu of the objectives is not finite", i);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        lower[r] = -INFINITY;
        if (error != NULL) {
            error[r] = 0.0;
        }
    }
    if (bounds->options.planes != SP_PLANES_INTERVAL) {
        sp_backsub(bounds, lower, error, SP_START_OUTPUT, bounds->front->frames - 1,
                   bounds->net->layers - 1, weight, classes, rows);
    }
    for (size_t r = 0; r < rows; r++) {
        const double interval = interval_row(bounds, weight + r * classes);
        if (interval > lower[r]) {
            lower[r] = interval;
        }
    }
    return SP_OK;
}

void sp_bounds_layer_box(const sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                         const double **hi) {
    const sp_state *state = sp_state_at(bounds, t, layer);
    *lo = state->in_lo;
    *hi = state->in_hi;
}

void sp_bounds_cell_box(const sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                        const double **hi) {
    const sp_state *state = sp_state_at(bounds, t, layer);
    *lo = state->cell_lo;
    *hi = state->cell_hi;
}

double sp_bounds_flops(const sp_bounds *bounds) {
    double flops = 0.0;
    for (size_t i = 0; i < bounds->tiles; i++) {
        flops += bounds->work[i].flops;
    }
    return flops;
}
