/* An LSTM layer over a batch, there and back.
 *   c = f c' + i g,  h = o tanh(c);  with s = slope of the loss by h and r what reaches c from
 *   later: dc = r + s o (1 - tanh(c)^2),  di = dc g,  df = dc c',  dg = dc i,  do = s tanh(c),  r'
 *   = dc f. */
#include <string.h>

#include "gpu/backend.h"
#include "train/impl.h"

static void step_forward(const sp_cell *layer, double *gates, const double *before, double *cell,
                         double *squashed, double *out) {
    const size_t H = layer->out;
    double *i = gates, *f = i + H, *g = f + H, *o = g + H;
    for (size_t j = 0; j < H; j++) {
        i[j] = sp_activation_value(layer->gate, i[j]);
        f[j] = sp_activation_value(layer->gate, f[j]);
        g[j] = sp_activation_value(layer->candidate, g[j]);
        o[j] = sp_activation_value(layer->gate, o[j]);
        cell[j] = (before ? f[j] * before[j] : 0.0) + i[j] * g[j];
        squashed[j] = sp_activation_value(layer->candidate, cell[j]);
        out[j] = o[j] * squashed[j];
    }
}

void sp_lstm_forward(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, const double *x) {
    const size_t H = layer->out, G = 4 * H;
    double *squashed = trace->cell + pack->rows * H;
    sp_rows_affine(trace->gates, G, x, pack->rows, layer->in, layer->weight, layer->bias, G);
    for (size_t t = 0; t < pack->steps; t++) {
        const size_t row = pack->first[t], before = t > 0 ? pack->first[t - 1] : 0;
        if (t > 0) {
            sp_gpu_gemm(pack->count[t], G, H, trace->out + before * H, H, layer->recurrent, H, true,
                        1.0, trace->gates + row * G, G);
        }
        for (size_t i = 0; i < pack->count[t]; i++) {
            const size_t r = row + i;
            step_forward(layer, trace->gates + r * G, t > 0 ? trace->cell + (before + i) * H : NULL,
                         trace->cell + r * H, squashed + r * H, trace->out + r * H);
        }
    }
}

/* Gates become their slopes before the activation; carry [H] is what reaches c from the step
 * after. */
static void step_backward(const sp_cell *layer, double *gates, const double *before,
                          const double *squashed, const double *slope, double *carry) {
    const size_t H = layer->out;
    const sp_activation gate = layer->gate, candidate = layer->candidate;
    double *i = gates, *f = i + H, *g = f + H, *o = g + H;
    for (size_t j = 0; j < H; j++) {
        const double dc = carry[j] + slope[j] * o[j] * sp_activation_slope(candidate, squashed[j]);
        const double di = dc * g[j], df = before ? dc * before[j] : 0.0, dg = dc * i[j];
        carry[j] = dc * f[j];
        i[j] = di * sp_activation_slope(gate, i[j]);
        f[j] = df * sp_activation_slope(gate, f[j]);
        g[j] = dg * sp_activation_slope(candidate, g[j]);
        o[j] = slope[j] * squashed[j] * sp_activation_slope(gate, o[j]);
    }
}

void sp_lstm_backward(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, const double *x,
                      double *dx, const sp_slopes *slopes, sp_arena *arena) {
    const size_t H = layer->out, G = 4 * H, mark = sp_arena_mark(arena);
    const double *squashed = trace->cell + pack->rows * H;
    double *carry = sp_arena_take(arena, pack->clips * H, double);
    memset(carry, 0, pack->clips * H * sizeof *carry);
    for (size_t t = pack->steps; t-- > 0;) {
        const size_t row = pack->first[t], before = t > 0 ? pack->first[t - 1] : 0;
        for (size_t i = 0; i < pack->count[t]; i++) {
            const size_t r = row + i;
            step_backward(layer, trace->gates + r * G,
                          t > 0 ? trace->cell + (before + i) * H : NULL, squashed + r * H,
                          trace->slope + r * H, carry + i * H);
        }
        if (t > 0) {
            sp_gpu_gemm(pack->count[t], H, G, trace->gates + row * G, G, layer->recurrent, H, false,
                        1.0, trace->slope + before * H, H);
        }
    }
    sp_recurrent_slopes(layer, pack, trace, trace->gates, x, dx, slopes, arena);
    sp_arena_release(arena, mark);
}
