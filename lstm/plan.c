// Memory of the bounds: planned by a first pass that only counts, then carved from one block.
#include <string.h>

#include "lstm/layers.h"

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

static void carve_menu(sp_carver *carver, sp_gpu_menu *menu, size_t n, size_t lower, size_t upper,
                       bool planes) {
    const size_t entries = lower + upper;
    menu->n = n;
    menu->lower = lower;
    menu->entries = entries;
    menu->a = carve_doubles(carver, entries * n);
    menu->b = planes ? carve_doubles(carver, entries * n) : NULL;
    menu->c = carve_doubles(carver, entries * n);
    menu->rough = lower > 1 ? carve(carver, entries * 3 * n, sizeof(float)) : NULL;
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
            state->cut[k] = options->octagons ? carve(carver, n, sizeof **state->cut) : NULL;
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

/* What the rows of a tile choose, at every step. */
static void carve_choices(sp_carver *carver, sp_workspace *ws, const sp_bounds *bounds) {
    const sp_net *net = bounds->net;
    const sp_front_bound *front = bounds->front;
    ws->choices = carve(carver, front->frames * net->layers, sizeof *ws->choices);
    ws->feature = carve(carver, front->frames, sizeof *ws->feature);
    ws->bin = carve(carver, front->frames, sizeof *ws->bin);
    ws->sign = carve(carver, SP_TILE * sp_sign_width(front), 1);
    const bool counting = ws->choices == NULL || ws->feature == NULL || ws->bin == NULL;
    for (size_t t = 0; t < front->frames; t++) {
        int *feature = carve(carver, SP_TILE * front->bands, sizeof(int));
        int *bin = carve(carver, SP_TILE * front->bins, sizeof(int));
        if (!counting) {
            ws->feature[t] = feature;
            ws->bin[t] = bin;
        }
        for (size_t l = 0; l < net->layers; l++) {
            const sp_layer *layer = &net->layer[l];
            const sp_shape shape = sp_layer_ops_of(layer)->shape(layer);
            sp_choices choices = {{NULL}, {NULL}};
            for (size_t k = 0; k < SP_MENUS; k++) {
                if (shape.menu[k] != SP_MENU_NONE) {
                    const size_t axes = shape.menu[k] == SP_MENU_PRODUCT ? 2 : 1;
                    choices.entry[k] = carve(carver, SP_TILE * layer->out, sizeof(int));
                    choices.anchor[k] = carve(carver, axes * SP_TILE * layer->out, sizeof(float));
                }
            }
            if (!counting) {
                ws->choices[t * net->layers + l] = choices;
            }
        }
    }
}

static void carve_workspace(sp_carver *carver, sp_workspace *ws, const sp_bounds *bounds,
                            sp_widths w) {
    const sp_net *net = bounds->net;
    const sp_front_bound *front = bounds->front;
    memset(ws, 0, sizeof *ws);
    ws->gates = carve_doubles(carver, SP_TILE * 4 * w.hidden);
    ws->h = carve_doubles(carver, SP_TILE * w.hidden);
    ws->c = carve_doubles(carver, SP_TILE * w.hidden);
    ws->cross[0] = carve_doubles(carver, SP_TILE * w.layer);
    ws->cross[1] = carve_doubles(carver, SP_TILE * w.layer);
    ws->form =
        carve_doubles(carver, SP_TILE * larger(larger(front->forms, front->bands), front->bins));
    ws->band = carve_doubles(carver, front->matrix != NULL ? SP_TILE * front->bands : 0);
    ws->energy = carve_doubles(carver, SP_TILE * front->bands);
    ws->sample = carve_doubles(carver, SP_TILE * front->frame);
    ws->bias = carve_doubles(carver, SP_TILE);
    ws->mass = carve_doubles(carver, SP_TILE);
    ws->support = carve_doubles(carver, SP_TILE);
    double **pending = carve(carver, net->layers, sizeof *pending);
    double **pending_c = carve(carver, net->layers, sizeof *pending_c);
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        if (sp_layer_is_recurrent(layer)) {
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
    if (sp_rows_choose(&bounds->options)) {
        carve_choices(carver, ws, bounds);
    }
}

static void carve_steps(sp_carver *carver, sp_bounds *bounds, bool counting) {
    const sp_net *net = bounds->net;
    sp_state spare_state;
    sp_gpu_menu spare_menu;
    for (size_t t = 0; t < bounds->front->frames; t++) {
        carve_menu(carver, counting ? &spare_menu : bounds->line + t, bounds->front->bands, 1, 1,
                   false);
        if (bounds->front->bins > 0) {
            carve_menu(carver, counting ? &spare_menu : bounds->square + t, bounds->front->bins, 1,
                       1, false);
        }
        for (size_t l = 0; l < net->layers; l++) {
            carve_state(carver, counting ? &spare_state : sp_state_at(bounds, t, l), &net->layer[l],
                        &bounds->options);
        }
    }
}

size_t sp_bounds_plan(sp_bounds *bounds, bool counting) {
    const sp_net *net = bounds->net;
    const size_t steps = bounds->front->frames;
    const sp_widths w = widths_of(net, bounds->front);
    sp_carver carver = {counting ? NULL : &bounds->arena, 0};
    sp_workspace spare_workspace;
    bounds->unit_width = w.box;
    bounds->unit = carve_doubles(&carver, 2 * w.box * w.box);
    bounds->box_lower = carve_doubles(&carver, 2 * w.box);
    if (bounds->options.octagons) {
        bounds->cut_gates = carve_doubles(&carver, 8 * w.hidden * 4 * w.hidden);
        bounds->cut_cell = carve_doubles(&carver, 8 * w.hidden * w.hidden);
        bounds->cut_lower = carve_doubles(&carver, 8 * w.hidden);
    }
    bounds->task_status = carve(&carver, w.box, sizeof *bounds->task_status);
    bounds->weights = carve(&carver, net->layers, sizeof *bounds->weights);
    bounds->line = carve(&carver, steps, sizeof *bounds->line);
    bounds->square = carve(&carver, steps, sizeof *bounds->square);
    bounds->energy_omega = carve_doubles(&carver, steps * bounds->front->bands);
    bounds->feature_omega = carve_doubles(&carver, steps * bounds->front->features);
    bounds->state = carve(&carver, steps * net->layers, sizeof *bounds->state);
    bounds->work = carve(&carver, bounds->slots, sizeof *bounds->work);
    counting = counting || !sp_arena_ok(&bounds->arena);
    for (size_t l = 0; l < net->layers; l++) {
        const sp_layer *layer = &net->layer[l];
        double *joined = NULL;
        if (layer->kind == SP_LAYER_LSTM) {
            joined = carve_doubles(&carver, 4 * layer->out * (layer->in + layer->out));
        }
        if (!counting) {
            bounds->weights[l] = joined;
        }
    }
    carve_steps(&carver, bounds, counting);
    for (size_t i = 0; i < bounds->slots; i++) {
        carve_workspace(&carver, counting ? &spare_workspace : bounds->work + i, bounds, w);
    }
    return carver.need;
}
