// The bounds of a net on a noise set: the order in which cells are bounded, and final rows.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "lstm/layers.h"

/* ---- constants of a run ---- */

/* Rows e_0, -e_0, e_1, -e_1, ... */
static void fill_unit(double *unit, size_t n) {
    memset(unit, 0, 2 * n * n * sizeof *unit);
    for (size_t j = 0; j < n; j++) {
        unit[2 * j * n + j] = 1.0;
        unit[(2 * j + 1) * n + j] = -1.0;
    }
}

/* [W | R] */
static void fill_joined(double *joined, const sp_layer *layer) {
    const size_t D = layer->in, H = layer->out;
    for (size_t k = 0; k < 4 * H; k++) {
        double *row = joined + k * (D + H); /* joined[k,:] */
        memcpy(row, layer->weight + k * D, D * sizeof(double));
        memcpy(row + D, layer->recurrent + k * H, H * sizeof(double));
    }
}

/* The matrices of layer l where the backend needs them: joined for an LSTM, and all of them in
 * single precision where rows meet them so. buffer, rounded: room for the largest. */
static void fill_matrices(sp_bounds *bounds, size_t l, double *buffer, float *rounded) {
    const sp_layer *layer = &bounds->net->layer[l];
    const double *matrix[2] = {layer->weight, layer->recurrent};
    if (layer->kind == SP_LAYER_LSTM) {
        fill_joined(buffer, layer);
        matrix[0] = buffer;
        sp_gpu_write(bounds->gpu, bounds->weights[l], buffer,
                     sp_single_size(bounds->net, 2 * l) * sizeof *buffer);
    }
    for (size_t k = 0; bounds->single != NULL && k < 2; k++) {
        if (sp_single_size(bounds->net, 2 * l + k) > 0) {
            sp_single_take(bounds, 2 * l + k, matrix[k], rounded);
        }
    }
}

/* The constants of all clips; by way of a buffer where the program cannot write them in place. */
static sp_status fill_constants(sp_error *err, sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    const size_t unit_size = 2 * bounds->unit_width * bounds->unit_width;
    size_t most = unit_size;
    for (size_t i = 0; i < 2 * net->layers; i++) {
        most = sp_single_size(net, i) > most ? sp_single_size(net, i) : most;
    }
    double *buffer = malloc(most * (sizeof *buffer + sizeof(float)));
    if (buffer == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the weights");
    }
    fill_unit(buffer, bounds->unit_width);
    sp_gpu_write(bounds->gpu, bounds->unit, buffer, unit_size * sizeof *buffer);
    for (size_t l = 0; l < net->layers; l++) {
        fill_matrices(bounds, l, buffer, (float *)(buffer + most));
    }
    free(buffer);
    if (bounds->far) {
        sp_bounds_upload_weights(bounds);
    }
    return SP_OK;
}

/* To choose by, the lines hold half of the squares: bands together have about that. */
static void soften(sp_gpu_menu *menu, size_t e, size_t m, double square) {
    menu->rough[(3 * e + 2) * menu->n + m] -=
        0.5F * menu->rough[3 * e * menu->n + m] * (float)square;
}

/* More lines of feature m at step t, for rows that choose: its least value, and tangents. */
static void fill_choices(sp_bounds *bounds, size_t t, size_t m) {
    const sp_front_bound *front = bounds->front;
    sp_gpu_menu *menu = &bounds->line[t];
    const size_t i = t * front->bands + m;
    const double reach = front->form_max[i] + front->square[i];
    sp_menu_line(menu, 1, m, (sp_line){0.0, front->lo[i]}, reach);
    for (size_t k = 0; k < front->tangents; k++) {
        const size_t at = (t * front->tangents + k) * front->bands + m;
        sp_menu_line(menu, menu->lower + 1 + k, m,
                     (sp_line){front->tangent_w[at], front->tangent_c[at]}, reach);
    }
    for (size_t e = menu->lower; e < menu->entries; e++) {
        soften(menu, e, m, front->square[i]);
    }
}

/* Lines of the features over the linear forms of a frame. */
static void fill_form_lines(sp_bounds *bounds, size_t t) {
    const sp_front_bound *front = bounds->front;
    for (size_t m = 0; m < front->bands; m++) {
        const size_t i = t * front->bands + m;
        const double *largest = front->form_max + t * front->forms;
        const bool linear = front->forms > 0, joint = front->tangents > 0;
        sp_menu_line(&bounds->line[t], 0, m, (sp_line){front->lo_w[i], front->lo_c[i]},
                     linear ? largest[front->lo_form + m] : 0.0);
        sp_menu_line(
            &bounds->line[t], bounds->line[t].lower, m, (sp_line){front->up_w[i], front->up_c[i]},
            (linear ? largest[front->up_form + m] : 0.0) + (joint ? front->square[i] : 0.0));
        if (sp_features_choose(bounds)) {
            fill_choices(bounds, t, m);
        }
    }
    for (size_t j = t * front->forms; j < (t + 1) * front->forms; j++) {
        bounds->form_min[j] = -front->form_max[j];
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

/* The most terms that a product of matrices, or another sum over columns, has. */
static double width_of(const sp_net *net, const sp_front_bound *front) {
    size_t width = front->forms + front->bands + front->bins + front->features;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        const size_t blocks = sp_layer_ops_of(layer)->shape(layer).omegas;
        const size_t inner = (blocks > 0 ? blocks : 1) * layer->out;
        const size_t widest = inner > layer->in ? inner : layer->in;
        width = widest > width ? widest : width;
    }
    return (double)width;
}

/* Every product of matrices sums at most `width` terms, every kernel adds its sum of at most
 * `width` terms to a running bias of `kernels` terms, samples are summed over the padded clip; a
 * coefficient meets a few more roundings on its way. Doubled: the masses are themselves computed.
 */
static double chain_of(const sp_net *net, const sp_front_bound *front) {
    double kernels = 2.0;
    for (size_t l = 0; l < net->layers; l++) {
        kernels += net->layer[l].kind == SP_LAYER_GRU ? 7.0 : 4.0;
    }
    kernels *= (double)front->frames;
    return 2.0 * (width_of(net, front) + kernels + (double)front->padded + 64.0);
}

/* The error of rows by their mass. In single precision each product adds gamma_{2k+2} of its own
 * part of the mass, and one rounding for what the forms dropped (single.c). */
static double gamma_of(const sp_net *net, const sp_front_bound *front,
                       const sp_bounds_options *options) {
    const double gamma = sp_gamma(chain_of(net, front));
    return sp_single_is_of_use(front, options)
               ? sp_above(gamma + sp_gamma_single(2.0 * width_of(net, front) + 4.0))
               : gamma;
}

static void fill_inputs(sp_bounds *bounds) {
    *bounds->gamma = gamma_of(bounds->net, bounds->front, &bounds->options);
    for (size_t t = 0; t < bounds->front->frames; t++) {
        fill_feature_scale(bounds, t);
        if (bounds->front->bins > 0) {
            fill_bin_lines(bounds, t);
        } else {
            fill_form_lines(bounds, t);
        }
    }
}

/* ---- the order of work ---- */

static sp_status check(sp_error *err, const sp_net *net, const sp_front_bound *front,
                       const sp_bounds_options *options) {
    if (net->layers == 0 || front->frames == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "nothing to bound: %zu layers, %zu frames", net->layers,
                       front->frames);
    }
    if (sp_bounds_slopes(options) &&
        (options->planes != SP_PLANES_STATIC || !front->joint || front->forms == 0)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "lines and halfspaces need exact planes and the joint front end");
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

/* Layers [first, end) at step t, of the clips at hand. */
static sp_status bound_layers(sp_error *err, sp_bounds *bounds, size_t t, size_t first,
                              size_t end) {
    for (size_t l = first; l < end; l++) {
        if (sp_clock_passed(bounds->options.deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "time limit reached at frame %zu of %zu", t + 1,
                           bounds->fronts[0]->frames);
        }
        SP_TRY(sp_layer_ops_of(&bounds->net->layer[l])->bound(err, bounds, t, l));
    }
    return SP_OK;
}

/* Clips whose last step is t run through the layers behind the readout there. */
static sp_status bound_cells(sp_error *err, sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    for (size_t t = 0; t < bounds->fronts[0]->frames; t++) {
        const size_t clips = sp_bounds_having(bounds, t), going = sp_bounds_having(bounds, t + 1);
        sp_bounds_turn(bounds, 0, clips);
        SP_TRY(bound_layers(err, bounds, t, 0, net->readout));
        if (going < clips) {
            sp_bounds_turn(bounds, going, clips - going);
            SP_TRY(bound_layers(err, bounds, t, net->readout, net->layers));
        }
        if (bounds->options.deadline > 0.0) {
            SP_TRY(sp_gpu_sync(err, bounds->gpu)); // the clock tells of work that is done
        }
    }
    sp_bounds_turn(bounds, 0, bounds->batch);
    return SP_OK;
}

sp_status sp_bounds_create(sp_error *err, sp_bounds **out, const sp_net *net,
                           const sp_front_bound *front, const sp_bounds_options *options) {
    return sp_bounds_create_batch(err, out, net, &front, 1, options);
}

static sp_status build(sp_error *err, sp_bounds *bounds) {
    sp_gpu_init();
    SP_TRY(sp_gpu_check(err));
    SP_TRY(sp_bounds_memory(err, bounds));
    SP_TRY(fill_constants(err, bounds));
    SP_TRY(sp_bounds_inputs(err, bounds, fill_inputs));
    SP_TRY(bound_cells(err, bounds));
    return sp_gpu_sync(err, bounds->gpu);
}

/* Two clips of a batch that follow each other. */
static sp_status check_next(sp_error *err, const sp_front_bound *a, const sp_front_bound *b) {
    if (a->forms != b->forms || a->matrix != b->matrix || a->frame != b->frame ||
        a->step != b->step) {
        return sp_fail(err, SP_E_MISMATCH, "the clips of a batch come from another front end");
    }
    if (a->frames < b->frames) {
        return sp_fail(err, SP_E_ARGUMENT, "a clip of %zu frames stands behind one of %zu",
                       b->frames, a->frames);
    }
    return SP_OK;
}

sp_status sp_bounds_create_batch(sp_error *err, sp_bounds **out, const sp_net *net,
                                 const sp_front_bound *const *fronts, size_t clips,
                                 const sp_bounds_options *options) {
    *out = NULL;
    for (size_t i = 0; i < clips; i++) {
        SP_TRY(check(err, net, fronts[i], options));
        SP_TRY(check_next(err, fronts[i > 0 ? i - 1 : 0], fronts[i]));
    }
    if (clips == 0 || (clips > 1 && sp_bounds_room(net, fronts[0], options) < clips)) {
        return sp_fail(err, SP_E_ARGUMENT, "no backend bounds %zu clips like these at once", clips);
    }
    sp_bounds *bounds = calloc(1, sizeof *bounds);
    const sp_front_bound **list = calloc(clips, sizeof *list);
    if (bounds == NULL || list == NULL) {
        free(bounds);
        free(list);
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    memcpy(list, fronts, clips * sizeof *list);
    bounds->net = net;
    bounds->front = fronts[0];
    bounds->fronts = list;
    bounds->batch = clips;
    bounds->options = *options;
    const sp_status status = build(err, bounds);
    if (status != SP_OK) {
        sp_bounds_destroy(bounds);
        return status;
    }
    *out = bounds;
    return SP_OK;
}

void sp_bounds_destroy(sp_bounds *bounds) {
    if (bounds != NULL) {
        if (bounds->block != NULL) {
            const sp_status waited = sp_gpu_sync(NULL, bounds->gpu); // nothing may run on it now
            (void)waited;
            sp_gpu_release(bounds->gpu, bounds->block);
        }
        sp_gpu_close(bounds->gpu);
        sp_arena_clear(&bounds->numbers);
        sp_arena_clear(&bounds->arena);
        free(bounds->fronts);
        free(bounds->mirror);
        free(bounds);
    }
}

size_t sp_bounds_moved(const sp_bounds *bounds) {
    const sp_gpu_counts counts = sp_gpu_counted(bounds->gpu);
    return bounds->far ? counts.written + counts.read : 0;
}

/* The lower bound of a row from the box of the logits alone. */
static double interval_row(size_t classes, const double *weight, const double *lo,
                           const double *hi) {
    const double zero = 0.0;
    double row_lo, row_hi, omega;
    sp_gpu_affine_interval(&(sp_gpu_interval_args){.at = {1, 0},
                                                   .out = 1,
                                                   .in = classes,
                                                   .weight = weight,
                                                   .bias = &zero,
                                                   .x = {lo, hi},
                                                   .lo = &row_lo,
                                                   .hi = &row_hi,
                                                   .omega = &omega});
    return row_lo;
}

void sp_raise_by_intervals(const sp_bounds *bounds, double *lower, const double *weight,
                           size_t rows, const double *lo, const double *hi) {
    const size_t classes = bounds->net->classes;
    for (size_t r = 0; r < rows; r++) {
        const double interval = interval_row(classes, weight + r * classes, lo, hi);
        if (interval > lower[r]) {
            lower[r] = interval;
        }
    }
}

static sp_status near_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                           sp_halfspace *line, const double *weight, size_t rows) {
    const sp_state *top = sp_state_at(bounds, bounds->front->frames - 1, bounds->net->layers - 1);
    if (sp_rule_is_linear(bounds->options.planes)) {
        const sp_start start = {.t = bounds->front->frames - 1,
                                .layer = bounds->net->layers - 1,
                                .output = {weight, bounds->net->classes},
                                .line = line};
        sp_lower_rows(bounds, lower, error, 0, &start, rows, bounds->options.row_iterations,
                      bounds->options.stop_positive);
        if (bounds->options.mix_epochs > 0) {
            SP_TRY(sp_mix_rows(err, bounds, lower, error, &start, rows));
        }
    }
    sp_raise_by_intervals(bounds, lower, weight, rows, top->out_lo, top->out_hi);
    return SP_OK;
}

static void know_nothing(double *lower, double *error, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        lower[r] = -INFINITY;
        if (error != NULL) {
            error[r] = 0.0;
        }
    }
}

/* line: NULL, or those that attain the bounds. */
static sp_status bound_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                            sp_halfspace *line, const double *weight, size_t rows) {
    const size_t classes = bounds->net->classes, all = bounds->batch * rows;
    if (bounds->options.planes == SP_PLANES_TANGENT) {
        return sp_fail(err, SP_E_ARGUMENT, "tangents bound nothing");
    }
    for (size_t i = 0; i < all * classes; i++) {
        if (!isfinite(weight[i])) {
            return sp_fail(err, SP_E_NONFINITE, "entry %zu of the objectives is not finite", i);
        }
    }
    know_nothing(lower, error, all);
    const sp_status status = bounds->far ? sp_far_rows(err, bounds, lower, error, weight, rows)
                                         : near_rows(err, bounds, lower, error, line, weight, rows);
    if (status != SP_OK) {
        know_nothing(lower, error, all);
    }
    return status;
}

sp_status sp_bounds_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                         const double *weight, size_t rows) {
    return bound_rows(err, bounds, lower, error, NULL, weight, rows);
}

sp_status sp_bounds_lines(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                          sp_halfspace *line, const double *weight, size_t rows) {
    if (!bounds->options.lines) {
        return sp_fail(err, SP_E_ARGUMENT, "lines must be asked for when bounds are created");
    }
    for (size_t r = 0; r < rows; r++) {
        memset(line[r].slope, 0, bounds->front->padded * sizeof(double));
        line[r].offset = -INFINITY;
    }
    return bound_rows(err, bounds, lower, error, line, weight, rows);
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
        sp_walk walk = {.bounds = bounds,
                        .ws = bounds->work,
                        .start = &start,
                        .rows = count,
                        .span = count,
                        .gradient = gradient + row * front->padded};
        sp_walk_back(&walk);
    }
    return SP_OK;
}

void sp_bounds_layer_box(sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                         const double **hi) {
    const sp_state *state = sp_state_at(bounds, t, layer);
    *lo = sp_bounds_near(bounds, state->in_lo);
    *hi = sp_bounds_near(bounds, state->in_hi);
}

void sp_bounds_cell_box(sp_bounds *bounds, size_t t, size_t layer, const double **lo,
                        const double **hi) {
    const sp_state *state = sp_state_at(bounds, t, layer);
    *lo = sp_bounds_near(bounds, state->cell_lo);
    *hi = sp_bounds_near(bounds, state->cell_hi);
}

double sp_bounds_flops(const sp_bounds *bounds) {
    double flops = 0.0;
    for (size_t i = 0; i < bounds->slots; i++) {
        flops += bounds->work[i].flops;
    }
    return flops;
}
