// Memory of the bounds: planned by a first pass that only counts, then carved from one block.
#include <string.h>

#include "lstm/layers.h"

typedef struct sp_carver {
    sp_arena *host, *numbers; /* NULL while counting */
    size_t host_need, need;
} sp_carver;

static size_t add(size_t a, size_t b) {
    return b > SIZE_MAX - a ? SIZE_MAX : a + b;
}

/* What the program alone reads. */
static void *carve(sp_carver *carver, size_t count, size_t size) {
    if (carver->host != NULL) {
        return sp_arena_raw(carver->host, count, size);
    }
    carver->host_need = add(carver->host_need, sp_arena_need(count, size));
    return NULL;
}

/* What the backend reads. */
static void *carve_numbers(sp_carver *carver, size_t count, size_t size) {
    carver->need = add(carver->need, sp_arena_need(count, size));
    return carver->numbers != NULL ? sp_arena_raw(carver->numbers, count, size) : NULL;
}

static double *carve_doubles(sp_carver *carver, size_t count) {
    return carve_numbers(carver, count, sizeof(double));
}

static void carve_menu(sp_carver *carver, sp_gpu_menu *menu, size_t n, size_t lower, size_t upper,
                       bool planes) {
    const size_t entries = lower + upper;
    menu->n = n;
    menu->lower = lower;
    menu->entries = entries;
    menu->a = carve_doubles(carver, entries * n);
    menu->b = planes ? carve_doubles(carver, entries * n) : NULL;
    menu->c = carve_doubles(carver, entries * n);
    menu->rough = lower > 1 ? carve_numbers(carver, entries * 3 * n, sizeof(float)) : NULL;
    menu->mass = carve_doubles(carver, n);
}

static void carve_state(sp_carver *carver, sp_state *state, const sp_layer *layer,
                        const sp_bounds_options *options) {
    const bool choosing = options->box_iterations + options->row_iterations > 0;
    const size_t n = layer->out;
    const size_t planes = options->planes == SP_PLANES_R2_OPT ? SP_R2_CANDIDATES
                          : choosing                          ? SP_MENU_PLANES
                                                              : 1;
    const sp_shape shape = sp_layer_ops_of(layer)->shape(layer);
    memset(state, 0, sizeof *state);
    state->out_lo = carve_doubles(carver, n);
    state->out_hi = carve_doubles(carver, n);
    if (shape.inputs > 0) {
        state->in_lo = carve_doubles(carver, shape.inputs * n);
        state->in_hi = carve_doubles(carver, shape.inputs * n);
    }
    if (shape.omegas > 0) {
        state->omega = carve_doubles(carver, shape.omegas * n);
    }
    if (shape.cell) {
        state->cell_lo = carve_doubles(carver, n);
        state->cell_hi = carve_doubles(carver, n);
    }
    for (size_t k = 0; k < SP_MENUS; k++) {
        if (shape.menu[k] == SP_MENU_LINES) {
            carve_menu(carver, &state->menu[k], n, choosing ? 2 : 1, 1, false);
        } else if (shape.menu[k] == SP_MENU_CURVE) {
            const size_t lines = choosing ? SP_CURVE_LINES : 1;
            carve_menu(carver, &state->menu[k], n, lines, lines, false);
        } else if (shape.menu[k] == SP_MENU_PRODUCT) {
            carve_menu(carver, &state->menu[k], n, planes, planes, true);
            state->cut[k] =
                options->octagons ? carve_numbers(carver, n, sizeof **state->cut) : NULL;
        }
    }
}

/* Widths that the buffers must hold. */
typedef struct sp_widths {
    size_t layer, hidden, box;
} sp_widths;

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static sp_widths widths_of(const sp_net *net, const sp_front_bound *front) {
    sp_widths w = {larger(net->features, front->bands), 0, net->features};
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        w.layer = larger(w.layer, larger(layer->in, layer->out));
        if (sp_layer_is_recurrent(layer)) {
            w.hidden = larger(w.hidden, layer->out);
            w.box = larger(w.box, 4 * layer->out);
        }
        w.box = larger(w.box, layer->out);
    }
    return w;
}

/* Entries that a row chooses at each step. */
static size_t entries_of(const sp_net *net, const sp_front_bound *front) {
    size_t count = front->bands;
    for (size_t l = 0; l < net->layers; l++) {
        const sp_shape shape = sp_layer_ops_of(&net->layer[l])->shape(&net->layer[l]);
        for (size_t k = 0; k < SP_MENUS; k++) {
            count += shape.menu[k] != SP_MENU_NONE ? net->layer[l].out : 0;
        }
    }
    return count;
}

/* The choices of a layer; returns where the entries of the next one stand. */
static int *carve_layer(sp_carver *carver, sp_choices *choices, const sp_layer *layer, size_t rows,
                        int *entry) {
    const sp_shape shape = sp_layer_ops_of(layer)->shape(layer);
    const sp_choices none = {{NULL}, {NULL}};
    *choices = none;
    for (size_t k = 0; k < SP_MENUS; k++) {
        if (shape.menu[k] != SP_MENU_NONE) {
            const size_t axes = shape.menu[k] == SP_MENU_PRODUCT ? 2 : 1;
            choices->entry[k] = entry;
            choices->anchor[k] = carve_numbers(carver, axes * rows * layer->out, sizeof(float));
            entry = entry != NULL ? entry + rows * layer->out : NULL;
        }
    }
    return entry;
}

/* What the rows of a tile choose, at every step. */
static void carve_choices(sp_carver *carver, sp_workspace *ws, const sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    const sp_front_bound *front = bounds->front;
    const size_t rows = bounds->batch * bounds->tile, step = rows * entries_of(net, front);
    ws->choices = carve(carver, front->frames * net->layers, sizeof *ws->choices);
    ws->feature = carve(carver, front->frames, sizeof *ws->feature);
    ws->feature_anchor = carve(carver, front->frames, sizeof *ws->feature_anchor);
    ws->peak = carve(carver, front->frames, sizeof *ws->peak);
    ws->bin = carve(carver, front->frames, sizeof *ws->bin);
    ws->sign = carve_numbers(carver, rows * sp_sign_width(front), 1);
    ws->entries = carve_numbers(carver, front->frames * step, sizeof(int));
    ws->entries_step = step;
    const bool counting = ws->choices == NULL || ws->feature == NULL ||
                          ws->feature_anchor == NULL || ws->peak == NULL || ws->bin == NULL;
    for (size_t t = 0; t < front->frames; t++) {
        int *feature = ws->entries != NULL ? ws->entries + t * step : NULL;
        int *entry = feature != NULL ? feature + rows * front->bands : NULL;
        float *anchor = carve_numbers(carver, rows * front->bands, sizeof(float));
        int *peak = carve_numbers(carver, rows, sizeof(int));
        int *bin = carve_numbers(carver, rows * front->bins, sizeof(int));
        if (!counting) {
            ws->feature[t] = feature;
            ws->feature_anchor[t] = anchor;
            ws->peak[t] = peak;
            ws->bin[t] = bin;
        }
        for (size_t l = 0; l < net->layers; l++) {
            sp_choices spare;
            sp_choices *choices = counting ? &spare : ws->choices + t * net->layers + l;
            entry = carve_layer(carver, choices, &net->layer[l], rows, entry);
        }
    }
}

static void carve_workspace(sp_carver *carver, sp_workspace *ws, const sp_bounds *bounds,
                            sp_widths w) {
    const sp_net *net = bounds->net;
    const sp_front_bound *front = bounds->front;
    const size_t rows = bounds->batch * bounds->tile;
    memset(ws, 0, sizeof *ws);
    ws->gates = carve_doubles(carver, rows * 4 * w.hidden);
    ws->h = carve_doubles(carver, rows * w.hidden);
    ws->c = carve_doubles(carver, rows * w.hidden);
    ws->cross[0] = carve_doubles(carver, rows * w.layer);
    ws->cross[1] = carve_doubles(carver, rows * w.layer);
    ws->form =
        carve_doubles(carver, rows * larger(larger(front->forms, front->bands), front->bins));
    ws->band = carve_doubles(carver, front->matrix != NULL ? rows * front->bands : 0);
    ws->energy = carve_doubles(carver, rows * front->bands);
    ws->sample = carve_doubles(carver, rows * front->frame);
    ws->carry = carve_doubles(carver, front->joint && front->step < front->frame
                                          ? rows * (front->frame - front->step)
                                          : 0);
    ws->bias = carve_doubles(carver, rows);
    ws->mass = carve_doubles(carver, rows);
    ws->support = carve_doubles(carver, rows);
    ws->slope =
        carve_doubles(carver, sp_bounds_slopes(&bounds->options) ? rows * front->padded : 0);
    if (sp_single_is_of_use(front, &bounds->options)) {
        const size_t operand = larger(larger(4 * w.hidden, w.layer), front->forms);
        ws->narrow = carve_numbers(carver, rows * operand, sizeof *ws->narrow);
        ws->wide = carve_numbers(carver, rows * larger(w.layer + w.hidden, front->frame),
                                 sizeof *ws->wide);
    }
    double **pending = carve(carver, net->layers, sizeof *pending);
    double **pending_c = carve(carver, net->layers, sizeof *pending_c);
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        if (sp_layer_is_recurrent(layer)) {
            double *joined = carve_doubles(carver, rows * (layer->in + layer->out));
            double *cells = carve_doubles(carver, rows * layer->out);
            if (carver->host != NULL && pending != NULL && pending_c != NULL) {
                pending[l] = joined;
                pending_c[l] = cells;
            }
        }
    }
    ws->pending = pending;
    ws->pending_c = pending_c;
    if (sp_rows_choose(&bounds->options)) {
        carve_choices(carver, ws, bounds);
    }
}

/* What bounds.c fills from the front end; gamma and the lines of the steps are sent in one piece.
 */
static void carve_lines(sp_carver *carver, sp_bounds *bounds, bool counting) {
    const sp_front_bound *front = bounds->fronts[0];
    const size_t steps = front->frames;
    const bool choose = sp_features_choose(bounds);
    sp_gpu_menu spare;
    bounds->gamma = carve_doubles(carver, 1);
    for (size_t t = 0; t < steps; t++) {
        carve_menu(carver, counting ? &spare : bounds->line + t, front->bands, choose ? 2 : 1,
                   choose ? 1 + front->tangents : 1, false);
        if (front->bins > 0) {
            carve_menu(carver, counting ? &spare : bounds->square + t, front->bins, 1, 1, false);
        }
    }
    bounds->energy_omega = carve_doubles(carver, front->bins > 0 ? steps * front->bands : 0);
    bounds->feature_omega =
        carve_doubles(carver, front->matrix != NULL ? steps * front->features : 0);
    bounds->form_min = carve_doubles(carver, steps * front->forms);
}

/* The forms of a clip in single precision. */
static void carve_narrow_forms(sp_carver *carver, sp_bounds *bounds) {
    const sp_front_bound *front = bounds->fronts[0];
    const bool single = sp_single_is_of_use(front, &bounds->options);
    bounds->form_single =
        single ? carve_numbers(carver, front->frames * front->forms * front->frame, sizeof(float))
               : NULL;
}

/* What walks read of the front end. */
static void carve_front(sp_carver *carver, sp_bounds *bounds) {
    const sp_front_bound *front = bounds->fronts[0];
    const size_t steps = front->frames;
    sp_front_bound *near = &bounds->near_front;
    near->form = carve_doubles(carver, steps * front->forms * front->frame);
    near->form_max = carve_doubles(carver, sp_features_choose(bounds) ? steps * front->forms : 0);
    near->radius = carve_doubles(carver, sp_samples_read(front));
    near->feature_lo = carve_doubles(carver, steps * front->features);
    near->feature_hi = carve_doubles(carver, steps * front->features);
    near->square = carve_doubles(carver, front->tangents > 0 ? steps * front->bands : 0);
    near->energy = carve_doubles(carver, front->tangents > 0 ? steps : 0);
}

static void carve_steps(sp_carver *carver, sp_bounds *bounds, bool counting) {
    const sp_net *net = bounds->net;
    const size_t steps = bounds->fronts[0]->frames;
    sp_state spare;
    for (size_t t = 0; t < steps; t++) {
        for (size_t l = 0; l < net->readout; l++) {
            carve_state(carver, counting ? &spare : sp_state_at(bounds, t, l), &net->layer[l],
                        &bounds->options);
        }
    }
    for (size_t l = net->readout; l < net->layers; l++) {
        carve_state(carver, &spare, &net->layer[l], &bounds->options);
        for (size_t t = 0; !counting && t < steps; t++) {
            *sp_state_at(bounds, t, l) = spare;
        }
    }
}

static void carve_clip(sp_carver *carver, sp_bounds *bounds, bool counting) {
    const size_t start = carver->need;
    carve_lines(carver, bounds, counting);
    bounds->line_bytes = carver->need - start;
    if (bounds->far) {
        carve_front(carver, bounds);
    }
    carve_narrow_forms(carver, bounds);
    carve_steps(carver, bounds, counting);
    bounds->clip_bytes = carver->need - start;
}

/* Copies of the weights, where the backend needs them: the view's layers point there. */
static void carve_weights(sp_carver *carver, sp_bounds *bounds, sp_layer *layers) {
    for (size_t l = 0; l < bounds->net->layers; l++) {
        sp_layer layer = bounds->net->layer[l];
        const size_t gates = sp_layer_gates(&layer) * layer.out;
        layer.weight = carve_doubles(carver, gates * layer.in);
        layer.recurrent =
            carve_doubles(carver, sp_layer_is_recurrent(&layer) ? gates * layer.out : 0);
        layer.bias = carve_doubles(carver, gates);
        if (layer.recurrent_bias != NULL) {
            layer.recurrent_bias = carve_doubles(carver, layer.out);
        }
        if (layers != NULL) {
            layers[l] = layer;
        }
    }
}

static void carve_single(sp_carver *carver, sp_bounds *bounds, bool counting) {
    const bool single = sp_single_is_of_use(bounds->fronts[0], &bounds->options);
    const size_t count = single ? 2 * bounds->net->layers : 0;
    bounds->single = single ? carve(carver, count, sizeof *bounds->single) : NULL;
    for (size_t i = 0; i < count; i++) {
        float *to = carve_numbers(carver, sp_single_size(bounds->net, i), sizeof *to);
        if (!counting && sp_arena_ok(&bounds->arena)) {
            bounds->single[i] = (sp_single){to, false};
        }
    }
}

/* The front end as the backend reads it; its arrays come with the clip, but for the last map and
 * the peaks. */
static void carve_matrix(sp_carver *carver, sp_bounds *bounds) {
    sp_front_bound *near = &bounds->near_front;
    *near = *bounds->fronts[0];
    if (near->matrix != NULL) {
        near->matrix = carve_doubles(carver, near->features * near->bands);
        near->matrix_bias = carve_doubles(carver, near->features);
    }
    near->peak = carve_doubles(carver, near->bands * near->peaks);
}

static void carve_shared(sp_carver *carver, sp_bounds *bounds, sp_widths w, bool *counting) {
    const sp_net *net = bounds->net;
    const size_t steps = bounds->front->frames;
    sp_workspace spare;
    bounds->unit_width = w.box;
    bounds->apart = sp_whole_tiles(2 * w.box);
    const size_t rows = bounds->batch * bounds->apart;
    bounds->unit = carve_doubles(carver, 2 * w.box * w.box);
    bounds->box_lower = carve_doubles(carver, rows);
    bounds->row_error = carve_doubles(carver, bounds->far ? rows : 0);
    bounds->objective = carve_doubles(carver, bounds->far ? rows * net->classes : 0);
    if (bounds->options.octagons && !bounds->far) {
        const size_t cuts = SP_CUT_PRODUCTS * SP_ROWS_PER_CUT * w.hidden;
        bounds->cut_gates = carve_doubles(carver, cuts * 4 * w.hidden);
        bounds->cut_cell = carve_doubles(carver, cuts * w.hidden);
    }
    if (bounds->far && bounds->options.stop_positive) {
        const size_t tiles = bounds->batch * bounds->apart / SP_TILE;
        bounds->settled = carve_numbers(carver, tiles, sizeof *bounds->settled);
        bounds->settled_here = carve(carver, tiles, sizeof *bounds->settled_here);
    }
    bounds->task_status = carve(carver, w.box, sizeof *bounds->task_status);
    bounds->weights = carve(carver, net->layers, sizeof *bounds->weights);
    bounds->line = carve(carver, steps, sizeof *bounds->line);
    bounds->square = carve(carver, steps, sizeof *bounds->square);
    bounds->state = carve(carver, steps * net->layers, sizeof *bounds->state);
    bounds->work = carve(carver, bounds->slots, sizeof *bounds->work);
    sp_layer *layers = carve(carver, net->layers, sizeof *layers);
    *counting = *counting || !sp_arena_ok(&bounds->arena);
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        double *joined = NULL;
        if (layer->kind == SP_LAYER_LSTM) {
            joined = carve_doubles(carver, 4 * layer->out * (layer->in + layer->out));
        }
        if (!*counting) {
            bounds->weights[l] = joined;
        }
    }
    if (bounds->far) {
        carve_weights(carver, bounds, *counting ? NULL : layers);
        bounds->near_net = *net;
        bounds->near_net.layer = layers;
        carve_matrix(carver, bounds);
    }
    carve_single(carver, bounds, *counting);
    for (size_t i = 0; i < bounds->slots; i++) {
        carve_workspace(carver, *counting ? &spare : bounds->work + i, bounds, w);
    }
}

sp_plan sp_bounds_plan(sp_bounds *bounds, bool counting) {
    const sp_widths w = widths_of(bounds->net, bounds->front);
    sp_carver carver = {counting ? NULL : &bounds->arena, counting ? NULL : &bounds->numbers, 0, 0};
    carve_shared(&carver, bounds, w, &counting);
    bounds->clip_at = carver.need;
    carve_clip(&carver, bounds, counting);
    bounds->stride = bounds->far ? bounds->clip_bytes / sizeof(double) : 0;
    return (sp_plan){carver.host_need, bounds->clip_at, bounds->clip_bytes};
}

void sp_plan_clip(sp_bounds *bounds, void *base) {
    sp_arena numbers;
    sp_arena_over(&numbers, base, bounds->clip_bytes);
    sp_carver carver = {NULL, &numbers, 0, 0};
    carve_clip(&carver, bounds, false);
}

void sp_plan_lines(sp_bounds *bounds, void *base) {
    sp_arena numbers;
    sp_arena_over(&numbers, base, bounds->line_bytes);
    sp_carver carver = {NULL, &numbers, 0, 0};
    carve_lines(&carver, bounds, false);
}

size_t sp_plan_numbers(sp_plan plan, size_t clips) {
    return plan.clip != 0 && clips > (SIZE_MAX - plan.shared) / plan.clip
               ? SIZE_MAX
               : plan.shared + clips * plan.clip;
}
