/* One pass of concrete values through all layers, and back. */
#include <stdlib.h>
#include <string.h>

#include "gpu/backend.h"
#include "train/impl.h"

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t rows_of(const sp_pass *pass, size_t layer) {
    return layer < pass->net->readout ? pass->pack->rows : pass->pack->clips;
}

/* The width of what layer `layer` reads. */
static size_t width_before(const sp_net *net, size_t layer) {
    return layer > 0 ? net->layer[layer - 1].out : net->features;
}

/* Bytes of what one layer keeps; *scratch: of what it needs on the way back. */
static size_t layer_need(const sp_pack *pack, const sp_layer *layer, size_t rows, size_t *scratch) {
    const size_t d = sizeof(double), H = layer->out, G = sp_layer_gates(layer) * H;
    size_t need = 2 * sp_arena_need(rows * H, d), work = sp_arena_need(rows * G, d);
    if (sp_layer_is_recurrent(layer)) {
        need += sp_arena_need(rows * G, d);
        work += sp_arena_need(rows * H, d) + sp_arena_need(pack->clips * H, d);
    }
    if (layer->kind == SP_LAYER_LSTM) {
        need += sp_arena_need(2 * rows * H, d);
    } else if (layer->kind == SP_LAYER_GRU) {
        need += sp_arena_need(rows * H, d);
        work += sp_arena_need(rows * G, d);
    }
    *scratch = larger(*scratch, work);
    return need;
}

static void take_layer(sp_pass *pass, size_t l) {
    const sp_layer *layer = &pass->net->layer[l];
    const size_t rows = rows_of(pass, l), H = layer->out;
    sp_trace *trace = &pass->trace[l];
    trace->out = sp_arena_take(&pass->arena, rows * H, double);
    trace->slope = sp_arena_take(&pass->arena, rows * H, double);
    if (sp_layer_is_recurrent(layer)) {
        trace->gates = sp_arena_take(&pass->arena, rows * sp_layer_gates(layer) * H, double);
    }
    if (layer->kind == SP_LAYER_LSTM) {
        trace->cell = sp_arena_take(&pass->arena, 2 * rows * H, double);
    } else if (layer->kind == SP_LAYER_GRU) {
        trace->inner = sp_arena_take(&pass->arena, rows * H, double);
    }
}

sp_status sp_pass_create(sp_error *err, sp_pass *pass, const sp_net *net, const sp_pack *pack) {
    *pass = (sp_pass){.net = net, .pack = pack};
    const size_t width = width_before(net, net->readout);
    size_t scratch = 0, need = sp_arena_need(2 * pack->clips * width, sizeof(double)) +
                               sp_arena_need(pack->rows * pack->width, sizeof(double));
    for (size_t l = 0; l < net->layers; l++) {
        need += layer_need(pack, &net->layer[l], rows_of(pass, l), &scratch);
    }
    pass->trace = calloc(net->layers, sizeof *pass->trace);
    if (!pass->trace || sp_arena_init(&pass->arena, need + scratch) != SP_OK) {
        sp_pass_clear(pass);
        return sp_fail(err, SP_E_MEMORY, "no memory for a pass over %zu steps", pack->rows);
    }
    pass->last = sp_arena_take(&pass->arena, 2 * pack->clips * width, double);
    pass->input_slope = sp_arena_take(&pass->arena, pack->rows * pack->width, double);
    for (size_t l = 0; l < net->layers; l++) {
        take_layer(pass, l);
    }
    return SP_OK;
}

void sp_pass_clear(sp_pass *pass) {
    sp_arena_clear(&pass->arena);
    free(pass->trace);
    *pass = (sp_pass){0};
}

/* ---- there ---- */

static void layer_forward(sp_pass *pass, size_t l, const double *x) {
    const sp_layer *layer = &pass->net->layer[l];
    sp_trace *trace = &pass->trace[l];
    const size_t rows = rows_of(pass, l);
    switch (layer->kind) {
    case SP_LAYER_AFFINE:
        sp_rows_affine(trace->out, layer->out, x, rows, layer->in, layer->weight, layer->bias,
                       layer->out);
        break;
    case SP_LAYER_RELU:
        for (size_t j = 0; j < rows * layer->out; j++) {
            trace->out[j] = x[j] < 0.0 ? 0.0 : x[j];
        }
        break;
    case SP_LAYER_LSTM:
        sp_lstm_forward(layer, pass->pack, trace, x);
        break;
    case SP_LAYER_GRU:
        sp_gru_forward(layer, pass->pack, trace, x);
        break;
    case SP_LAYER_RNN:
        sp_rnn_forward(layer, pass->pack, trace, x);
        break;
    }
}

const double *sp_pass_forward(sp_pass *pass, const double *x) {
    const sp_net *net = pass->net;
    for (size_t l = 0; l <= net->layers; l++) {
        if (l == net->readout) {
            sp_pack_last(pass->last, pass->pack, x, width_before(net, l));
            x = pass->last;
        }
        if (l < net->layers) {
            layer_forward(pass, l, x);
            x = pass->trace[l].out;
        }
    }
    return x;
}

/* ---- back ---- */

void sp_recurrent_slopes(const sp_layer *layer, const sp_pack *pack, const sp_trace *trace,
                         const double *product, const double *x, double *dx,
                         const sp_slopes *slopes, sp_arena *arena) {
    const size_t H = layer->out, G = sp_layer_gates(layer) * H, D = layer->in;
    const size_t rows = pack->rows, later = rows - pack->count[0], mark = sp_arena_mark(arena);
    if (dx) {
        sp_gpu_gemm(rows, D, G, trace->gates, G, layer->weight, D, false, 0.0, dx, D);
    }
    if (slopes) {
        double *turned = sp_arena_take(arena, rows * G, double);
        double *before = sp_arena_take(arena, rows * H, double);
        sp_rows_outer(slopes->weight, trace->gates, G, x, rows, G, D, turned);
        sp_rows_sum(slopes->bias, trace->gates, G, rows, G);
        sp_pack_before(before, pack, trace->out, H);
        sp_rows_outer(slopes->recurrent, product + pack->count[0] * G, G, before, later, G, H,
                      turned);
    }
    sp_arena_release(arena, mark);
}

static void affine_backward(sp_pass *pass, size_t l, const double *x, double *dx,
                            const sp_slopes *slopes) {
    const sp_layer *layer = &pass->net->layer[l];
    const size_t rows = rows_of(pass, l), mark = sp_arena_mark(&pass->arena);
    const double *dy = pass->trace[l].slope;
    if (dx) {
        sp_gpu_gemm(rows, layer->in, layer->out, dy, layer->out, layer->weight, layer->in, false,
                    0.0, dx, layer->in);
    }
    if (slopes) {
        double *turned = sp_arena_take(&pass->arena, rows * layer->out, double);
        sp_rows_outer(slopes->weight, dy, layer->out, x, rows, layer->out, layer->in, turned);
        sp_rows_sum(slopes->bias, dy, layer->out, rows, layer->out);
    }
    sp_arena_release(&pass->arena, mark);
}

static void relu_backward(sp_pass *pass, size_t l, double *dx) {
    const sp_trace *trace = &pass->trace[l];
    for (size_t j = 0; dx && j < rows_of(pass, l) * pass->net->layer[l].out; j++) {
        dx[j] = trace->out[j] > 0.0 ? trace->slope[j] : 0.0;
    }
}

static void layer_backward(sp_pass *pass, size_t l, const double *x, double *dx,
                           const sp_slopes *slopes) {
    const sp_layer *layer = &pass->net->layer[l];
    sp_trace *trace = &pass->trace[l];
    switch (layer->kind) {
    case SP_LAYER_AFFINE:
        affine_backward(pass, l, x, dx, slopes);
        break;
    case SP_LAYER_RELU:
        relu_backward(pass, l, dx);
        break;
    case SP_LAYER_LSTM:
        sp_lstm_backward(layer, pass->pack, trace, x, dx, slopes, &pass->arena);
        break;
    case SP_LAYER_GRU:
        sp_gru_backward(layer, pass->pack, trace, x, dx, slopes, &pass->arena);
        break;
    case SP_LAYER_RNN:
        sp_rnn_backward(layer, pass->pack, trace, x, dx, slopes, &pass->arena);
        break;
    }
}

void sp_pass_backward(sp_pass *pass, const double *x, const double *slope, double *gradient,
                      bool inputs) {
    const sp_net *net = pass->net;
    const size_t width = width_before(net, net->readout);
    double *last_slope = pass->last + pass->pack->clips * width;
    memcpy(pass->trace[net->layers - 1].slope, slope,
           pass->pack->clips * net->classes * sizeof *slope);
    for (size_t l = net->layers; l-- > 0;) {
        const sp_slopes slopes = gradient ? sp_slopes_of(net, l, gradient) : (sp_slopes){0};
        const bool behind = l == net->readout;
        const double *in = behind ? pass->last : (l > 0 ? pass->trace[l - 1].out : x);
        double *dx = behind ? last_slope : NULL;
        if (!behind && l > 0) {
            dx = pass->trace[l - 1].slope;
        } else if (!behind && inputs) {
            dx = pass->input_slope;
        }
        layer_backward(pass, l, in, dx, gradient ? &slopes : NULL);
        if (behind) {
            sp_pack_spread(l > 0 ? pass->trace[l - 1].slope : pass->input_slope, pass->pack,
                           last_slope, width);
        }
    }
}
