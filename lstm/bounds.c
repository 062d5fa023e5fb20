// The bounds of a net on a noise set: the order in which cells are bounded, and final rows.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "lstm/layers.h"

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

/* Lines of the features over the linear forms of a frame. */
static void fill_form_lines(sp_bounds *bounds, size_t t) {
    const sp_front_bound *front = bounds->front;
    for (size_t m = 0; m < front->bands; m++) {
        const size_t i = t * front->bands + m;
        const double *largest = front->form_max + t * front->forms;
        const bool linear = front->forms > 0;
        sp_menu_line(&bounds->line[t], 0, m, (sp_line){front->lo_w[i], front->lo_c[i]},
                     linear ? largest[front->lo_form + m] : 0.0);
        sp_menu_line(&bounds->line[t], 1, m, (sp_line){front->up_w[i], front->up_c[i]},
                     linear ? largest[front->up_form + m] : 0.0);
    }
}

/* Lines of the features over the energies, lines of the squares over the bins, and |mel| squares +
 * floor. */
static void fill_bin_lines(sp_bounds *bounds, size_t t) {
    const sp_front_bound *front = bounds->front;
    const size_t K = front->bins;
    for (size_t k = 0; k < K; k++) {
        const size_t i = t * K + k;
        sp_menu_line(&bounds->square[t], 0, k,
                     (sp_line){front->square_lo_w[i], front->square_lo_c[i]}, front->bin_max[i]);
        sp_menu_line(&bounds->square[t], 1, k,
                     (sp_line){front->square_up_w[i], front->square_up_c[i]}, front->bin_max[i]);
    }
    for (size_t m = 0; m < front->bands; m++) {
        const size_t i = t * front->bands + m;
        sp_menu_line(&bounds->line[t], 0, m, (sp_line){front->log_lo_w[i], front->log_lo_c[i]},
                     front->energy_max[i]);
        sp_menu_line(&bounds->line[t], 1, m, (sp_line){front->log_up_w[i], front->log_up_c[i]},
                     front->energy_max[i]);
        double sum = fabs(front->mel_bias[m]);
        for (size_t k = 0; k < K; k++) {
            sum += fabs(front->mel[m * K + k]) * front->square_max[t * K + k];
        }
        bounds->energy_omega[i] = sp_above(sum * (1.0 + sp_gamma(2.0 * (double)K + 8.0)));
    }
}

/* |matrix| |bands| + |bias| of frame t: the scale of the rounding errors of the features' map. */
static void fill_feature_scale(sp_bounds *bounds, size_t t) {
    const sp_front_bound *front = bounds->front;
    const size_t M = front->bands;
    for (size_t i = 0; front->matrix != NULL && i < front->features; i++) {
        double sum = fabs(front->matrix_bias[i]);
        for (size_t m = 0; m < M; m++) {
            const sp_iv band = {front->lo[t * M + m], front->hi[t * M + m]};
            sum += fabs(front->matrix[i * M + m]) * sp_iv_mag(band);
        }
        bounds->feature_omega[t * front->features + i] =
            sp_above(sum * (1.0 + sp_gamma(2.0 * (double)M + 8.0)));
    }
}

static void fill_lines(sp_bounds *bounds) {
    for (size_t t = 0; t < bounds->front->frames; t++) {
        fill_feature_scale(bounds, t);
        if (bounds->front->bins > 0) {
            fill_bin_lines(bounds, t);
        } else {
            fill_form_lines(bounds, t);
        }
    }
}

/* Every product of matrices sums at most `width` terms, every kernel adds its sum of at most
 * `width` terms to a running bias of `kernels` terms, samples are summed over the padded clip; a
 * coefficient meets a
 * few more roundings on its way. Doubled: the masses are themselves computed. */
static double chain_of(const sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    double kernels = 2.0;
    size_t width =
        bounds->front->forms + bounds->front->bands + bounds->front->bins + bounds->front->features;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        const size_t blocks = sp_layer_ops_of(layer)->shape(layer).omegas;
        const size_t inner = (blocks > 0 ? blocks : 1) * layer->out;
        const size_t widest = inner > layer->in ? inner : layer->in;
        width = widest > width ? widest : width;
        kernels += layer->kind == SP_LAYER_GRU ? 7.0 : 4.0;
    }
    kernels *= (double)bounds->front->frames;
    return 2.0 * ((double)width + kernels + (double)bounds->front->padded + 64.0);
}

/* ---- the order of work ---- */

static sp_status check(sp_error *err, const sp_net *net, const sp_front_bound *front) {
    if (net->layers == 0 || front->frames == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "nothing to bound: %zu layers, %zu frames", net->layers,
                       front->frames);
    }
    if (net->features != front->features) {
        return sp_fail(err, SP_E_MISMATCH, "the model reads %zu features, the front end gives %zu",
                       net->features, front->features);
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
                return sp_fail(err, SP_E_TIMEOUT, "time limit reached at frame %zu of %zu", t + 1,
                               steps);
            }
            SP_TRY(sp_layer_ops_of(&net->layer[l])->bound(err, bounds, t, l));
        }
    }
    return SP_OK;
}

sp_status sp_bounds_create(sp_error *err, sp_bounds **out, const sp_net *net,
                           const sp_front_bound *front, const sp_bounds_options *options) {
    *out = NULL;
    SP_TRY(check(err, net, front));
    sp_bounds *bounds = calloc(1, sizeof *bounds);
    if (bounds == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    bounds->net = net;
    bounds->front = front;
    bounds->options = *options;
    bounds->slots = (size_t)sp_pool_threads();
    const size_t need = sp_bounds_plan(bounds, true);
    sp_status status = sp_arena_init(&bounds->arena, need);
    if (status == SP_OK) {
        (void)sp_bounds_plan(bounds, false);
    }
    if (status != SP_OK || !sp_arena_ok(&bounds->arena)) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory: the bounds of %zu frames need %.0f MB",
                         front->frames, (double)need / 1e6);
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
    sp_affine_interval(1, net->classes, weight, top->out_lo, top->out_hi, 0, NULL, NULL, NULL,
                       &zero, &lo, &hi, &omega);
    return lo;
}

sp_status sp_bounds_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                         const double *weight, size_t rows) {
    const size_t classes = bounds->net->classes;
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        return sp_fail(err, SP_E_ARGUMENT, "tangents bound nothing");
    }
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
    if (sp_rule_is_linear(bounds->options.planes)) {
        const sp_start start = {.t = bounds->front->frames - 1,
                                .layer = bounds->net->layers - 1,
                                .output = {weight, classes}};
        sp_lower_rows(bounds, lower, error, &start, rows, bounds->options.row_iterations,
                      bounds->options.stop_positive);
        if (bounds->options.mix_epochs > 0) {
            SP_TRY(sp_mix_rows(err, bounds, lower, error, &start, rows));
        }
    }
    for (size_t r = 0; r < rows; r++) {
        const double interval = interval_row(bounds, weight + r * classes);
        if (interval > lower[r]) {
            lower[r] = interval;
        }
    }
    return SP_OK;
}

sp_status sp_bounds_gradient(sp_error *err, sp_bounds *bounds, double *gradient,
                             const double *weight, size_t rows) {
    const sp_front_bound *front = bounds->front;
    const size_t classes = bounds->net->classes;
    if (bounds->options.planes != SP_PLANES_TANGENT || !front->joint || front->forms == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "gradients need tangents and the joint front end");
    }
    memset(gradient, 0, rows * front->padded * sizeof *gradient);
    for (size_t row = 0; row < rows; row += SP_TILE) {
        const sp_start start = {.t = front->frames - 1,
                                .layer = bounds->net->layers - 1,
                                .output = {weight + row * classes, classes}};
        const size_t count = rows - row < SP_TILE ? rows - row : SP_TILE;
        sp_walk walk = {bounds, bounds->work, &start, count,
                        false,  NULL,         0,      gradient + row * front->padded};
        sp_walk_back(&walk);
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
    for (size_t i = 0; i < bounds->slots; i++) {
        flops += bounds->work[i].flops;
    }
    return flops;
}
