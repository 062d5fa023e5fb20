/* One pass of boxes through all layers, up to the differences of logits, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/backend.h"
#include "train/ball_rules.h"

static size_t rows_of(const sp_ball_pass *pass, size_t layer) {
    return layer < pass->net->readout ? pass->pack->rows : pass->pack->clips;
}

static size_t width_before(const sp_net *net, size_t layer) {
    return layer > 0 ? net->layer[layer - 1].out : net->features;
}

static size_t weights_of(const sp_layer *layer) {
    const size_t columns = layer->in + (layer->recurrent ? layer->out : 0);
    return sp_layer_gates(layer) * layer->out * columns;
}

/* ---- memory ---- */

static size_t layer_need(const sp_pack *pack, const sp_layer *layer, size_t rows, size_t *scratch) {
    const size_t d = sizeof(double), H = layer->out, G = sp_layer_gates(layer) * H;
    const size_t inputs = layer->in > H ? layer->in : H;
    size_t need = sp_arena_need(4 * rows * H, d) + sp_arena_need(weights_of(layer), d);
    size_t work = sp_arena_need(sp_ball_outer_work(rows, G, inputs), d);
    if (layer->kind == SP_LAYER_RELU) {
        need += sp_arena_need(2 * rows * H, d);
    } else if (sp_layer_is_recurrent(layer)) {
        need += sp_arena_need(2 * rows * G, d);
        work += sp_arena_need(2 * rows * H, d) + sp_arena_need(2 * pack->clips * H, d);
    }
    if (layer->kind == SP_LAYER_LSTM) {
        need += sp_arena_need(4 * rows * H, d);
    } else if (layer->kind == SP_LAYER_GRU) {
        need += sp_arena_need(2 * rows * H, d);
        work += sp_arena_need(2 * rows * G, d);
    }
    *scratch = work > *scratch ? work : *scratch;
    return need;
}

static sp_ball box_of(double *first, size_t count) {
    return (sp_ball){first, first + count};
}

static void take_layer(sp_ball_pass *pass, size_t l) {
    const sp_layer *layer = &pass->net->layer[l];
    const size_t rows = rows_of(pass, l), H = layer->out, n = rows * H;
    sp_arena *arena = &pass->arena;
    sp_ball_trace *trace = &pass->trace[l];
    double *both = sp_arena_take(arena, 4 * n, double);
    trace->out = box_of(both, n);
    trace->slope = box_of(both + 2 * n, n);
    pass->magnitude[l] = sp_arena_take(arena, weights_of(layer), double);
    if (layer->kind == SP_LAYER_RELU) {
        trace->gates = sp_arena_take(arena, 2 * n, double);
    } else if (sp_layer_is_recurrent(layer)) {
        trace->gates = sp_arena_take(arena, 2 * rows * sp_layer_gates(layer) * H, double);
    }
    if (layer->kind == SP_LAYER_LSTM) {
        trace->cell = sp_arena_take(arena, 4 * n, double);
    } else if (layer->kind == SP_LAYER_GRU) {
        trace->inner = sp_arena_take(arena, 2 * n, double);
    }
}

/* |weight| then |recurrent|. */
static void take_magnitudes(double *magnitude, const sp_layer *layer) {
    const size_t rows = sp_layer_gates(layer) * layer->out, n = rows * layer->in;
    for (size_t i = 0; i < n; i++) {
        magnitude[i] = fabs(layer->weight[i]);
    }
    for (size_t i = 0; layer->recurrent && i < rows * layer->out; i++) {
        magnitude[n + i] = fabs(layer->recurrent[i]);
    }
}

sp_status sp_ball_pass_create(sp_error *err, sp_ball_pass *pass, const sp_net *net,
                              const sp_pack *pack) {
    *pass = (sp_ball_pass){.net = net, .pack = pack};
    const size_t width = width_before(net, net->readout);
    size_t scratch = 0, need = sp_arena_need(4 * pack->clips * width, sizeof(double));
    for (size_t l = 0; l < net->layers; l++) {
        need += layer_need(pack, &net->layer[l], rows_of(pass, l), &scratch);
    }
    pass->trace = calloc(net->layers, sizeof *pass->trace);
    pass->magnitude = calloc(net->layers, sizeof *pass->magnitude);
    if (!pass->trace || !pass->magnitude || sp_arena_init(&pass->arena, need + scratch) != SP_OK) {
        sp_ball_pass_clear(pass);
        return sp_fail(err, SP_E_MEMORY, "no memory for a pass over %zu steps", pack->rows);
    }
    pass->last =
        box_of(sp_arena_take(&pass->arena, 4 * pack->clips * width, double), pack->clips * width);
    for (size_t l = 0; l < net->layers; l++) {
        take_layer(pass, l);
        take_magnitudes(pass->magnitude[l], &net->layer[l]);
    }
    return SP_OK;
}

void sp_ball_pass_clear(sp_ball_pass *pass) {
    sp_arena_clear(&pass->arena);
    free(pass->trace);
    free(pass->magnitude);
    *pass = (sp_ball_pass){0};
}

/* ---- there ---- */

static void relu_forward(sp_ball_pass *pass, size_t l, sp_ball x) {
    const size_t n = rows_of(pass, l) * pass->net->layer[l].out;
    const sp_pair value = sp_pair_of(pass->trace[l].gates, n);
    for (size_t k = 0; k < n; k++) {
        const sp_ends in = sp_ends_of(x.mid[k], x.rad[k]);
        const sp_ends y = {in.lo > 0.0 ? in.lo : 0.0, in.hi > 0.0 ? in.hi : 0.0};
        sp_pair_set(value, k, y);
        sp_ball_set(pass->trace[l].out, k, y);
    }
}

static sp_ball_layer layer_at(sp_ball_pass *pass, size_t l, sp_ball x) {
    return (sp_ball_layer){.layer = &pass->net->layer[l],
                           .pack = pass->pack,
                           .trace = &pass->trace[l],
                           .magnitude = pass->magnitude[l],
                           .x = x,
                           .arena = &pass->arena};
}

static void layer_forward(sp_ball_pass *pass, size_t l, sp_ball x) {
    const sp_ball_layer at = layer_at(pass, l, x);
    const sp_layer *layer = at.layer;
    switch (layer->kind) {
    case SP_LAYER_AFFINE:
        sp_ball_affine(at.trace->out, x, rows_of(pass, l), layer->in, layer->weight, at.magnitude,
                       layer->bias, layer->out);
        break;
    case SP_LAYER_RELU:
        relu_forward(pass, l, x);
        break;
    case SP_LAYER_LSTM:
        sp_lstm_box_forward(&at);
        break;
    case SP_LAYER_GRU:
        sp_gru_box_forward(&at);
        break;
    case SP_LAYER_RNN:
        sp_rnn_box_forward(&at);
        break;
    }
}

/* worst[k] = max over the box of logit[k] - logit[label]: the differences of two rows of the last
 * layer, so that what the two have in common cancels. */
static void worst_logits(const sp_ball_pass *pass, sp_ball x, double *worst) {
    const sp_layer *last = &pass->net->layer[pass->net->layers - 1];
    const size_t D = last->in, C = last->out;
    for (size_t i = 0; i < pass->pack->clips; i++) {
        const size_t label = pass->pack->label[i];
        const double *wy = last->weight + label * D; /* w[label,:] */
        const double *mid = x.mid + i * D, *rad = x.rad + i * D;
        for (size_t k = 0; k < C; k++) {
            const double *wk = last->weight + k * D; /* w[k,:] */
            double sum = last->bias[k] - last->bias[label];
            for (size_t j = 0; j < D; j++) {
                const double w = wk[j] - wy[j];
                sum += w * mid[j] + fabs(w) * rad[j];
            }
            worst[i * C + k] = sum;
        }
    }
}

/* What layer l reads, once the layers before it have run. */
static sp_ball input_of(const sp_ball_pass *pass, size_t l, sp_ball x) {
    if (l == pass->net->readout) {
        return pass->last;
    }
    return l > 0 ? pass->trace[l - 1].out : x;
}

void sp_ball_pass_forward(sp_ball_pass *pass, sp_ball x, double *worst) {
    const sp_net *net = pass->net;
    for (size_t l = 0; l < net->layers; l++) {
        if (l == net->readout) {
            const sp_ball before = pass->trace[l - 1].out;
            const size_t width = width_before(net, l);
            sp_pack_last(pass->last.mid, pass->pack, before.mid, width);
            sp_pack_last(pass->last.rad, pass->pack, before.rad, width);
        }
        if (l + 1 < net->layers) {
            layer_forward(pass, l, input_of(pass, l, x));
        }
    }
    worst_logits(pass, input_of(pass, net->layers - 1, x), worst);
}

/* ---- back ---- */

static double sign(double x) {
    return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0);
}

/* Row `k` against row `label` of the last layer, for one clip. */
static void pair_backward(const sp_layer *last, size_t k, size_t label, double slope,
                          const double *mid, const double *rad, double *dmid, double *drad,
                          const sp_slopes *slopes) {
    const size_t D = last->in;
    const double *wk = last->weight + k * D, *wy = last->weight + label * D;
    for (size_t j = 0; j < D; j++) {
        const double w = wk[j] - wy[j], dw = slope * (mid[j] + sign(w) * rad[j]);
        dmid[j] += slope * w;
        drad[j] += slope * fabs(w);
        slopes->weight[k * D + j] += dw;
        slopes->weight[label * D + j] -= dw;
    }
    slopes->bias[k] += slope;
    slopes->bias[label] -= slope;
}

static void worst_backward(const sp_ball_pass *pass, sp_ball x, sp_ball dx, const double *slope,
                           const sp_slopes *slopes) {
    const sp_layer *last = &pass->net->layer[pass->net->layers - 1];
    const size_t D = last->in, C = last->out, clips = pass->pack->clips;
    memset(dx.mid, 0, clips * D * sizeof *dx.mid);
    memset(dx.rad, 0, clips * D * sizeof *dx.rad);
    for (size_t i = 0; i < clips; i++) {
        for (size_t k = 0; k < C; k++) {
            if (k != pass->pack->label[i]) {
                pair_backward(last, k, pass->pack->label[i], slope[i * C + k], x.mid + i * D,
                              x.rad + i * D, dx.mid + i * D, dx.rad + i * D, slopes);
            }
        }
    }
}

static void affine_backward(const sp_ball_layer *at, size_t rows) {
    const sp_layer *layer = at->layer;
    const size_t in = layer->in, out = layer->out, mark = sp_arena_mark(at->arena);
    const sp_ball dy = at->trace->slope;
    double *scratch = sp_arena_take(at->arena, sp_ball_outer_work(rows, out, in), double);
    if (at->dx.mid) {
        sp_gpu_gemm(rows, in, out, dy.mid, out, layer->weight, in, false, 0.0, at->dx.mid, in);
        sp_gpu_gemm(rows, in, out, dy.rad, out, at->magnitude, in, false, 0.0, at->dx.rad, in);
    }
    sp_ball_outer(at->slopes->weight, dy, at->x, rows, out, in, layer->weight, scratch);
    sp_rows_sum(at->slopes->bias, dy.mid, out, rows, out);
    sp_arena_release(at->arena, mark);
}

static void relu_backward(const sp_ball_layer *at, size_t n) {
    const sp_pair value = sp_pair_of(at->trace->gates, n);
    for (size_t k = 0; at->dx.mid && k < n; k++) {
        const sp_ends s = sp_ends_slope(at->trace->slope.mid[k], at->trace->slope.rad[k]);
        const double lo = value.lo[k] > 0.0 ? s.lo : 0.0, hi = value.hi[k] > 0.0 ? s.hi : 0.0;
        at->dx.mid[k] = lo + hi;
        at->dx.rad[k] = hi - lo;
    }
}

static void layer_backward(const sp_ball_pass *pass, const sp_ball_layer *at, size_t l) {
    switch (at->layer->kind) {
    case SP_LAYER_AFFINE:
        affine_backward(at, rows_of(pass, l));
        break;
    case SP_LAYER_RELU:
        relu_backward(at, rows_of(pass, l) * at->layer->out);
        break;
    case SP_LAYER_LSTM:
        sp_lstm_box_backward(at);
        break;
    case SP_LAYER_GRU:
        sp_gru_box_backward(at);
        break;
    case SP_LAYER_RNN:
        sp_rnn_box_backward(at);
        break;
    }
}

void sp_ball_pass_backward(sp_ball_pass *pass, sp_ball x, const double *slope, double *gradient) {
    const sp_net *net = pass->net;
    const size_t width = width_before(net, net->readout), n = pass->pack->clips * width;
    const sp_ball last_slope = box_of(pass->last.mid + 2 * n, n);
    for (size_t l = net->layers; l-- > 0;) {
        const sp_slopes slopes = sp_slopes_of(net, l, gradient);
        const bool behind = l == net->readout;
        const sp_ball none = {NULL, NULL}, before = l > 0 ? pass->trace[l - 1].slope : none;
        const sp_ball dx = behind ? last_slope : before;
        if (l + 1 == net->layers) {
            worst_backward(pass, input_of(pass, l, x), dx, slope, &slopes);
        } else {
            sp_ball_layer at = layer_at(pass, l, input_of(pass, l, x));
            at.dx = dx;
            at.slopes = &slopes;
            layer_backward(pass, &at, l);
        }
        if (behind) {
            sp_pack_spread(before.mid, pass->pack, last_slope.mid, width);
            sp_pack_spread(before.rad, pass->pack, last_slope.rad, width);
        }
    }
}
