/* A GRU layer with the reset behind the product, over a batch, there and back.
 *   n = tanh(Wn x + bn + r q) with q = Rn h' + recurrent_bias,  h = (1 - z) n + z h';
 *   dn = s (1 - z),  dz = s (h' - n),  dr = dn' q,  dq = dn' r  with dn' before the tanh, and h'
 *   receives s z beside what flows through the gates. */
#include <string.h>

#include "gpu/backend.h"
#include "train/impl.h"

/* q of step t, for all its rows. */
static void inner_product(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, size_t t) {
    const size_t H = layer->out, rows = pack->count[t];
    double *q = trace->inner + pack->first[t] * H;
    for (size_t i = 0; i < rows; i++) {
        memcpy(q + i * H, layer->recurrent_bias, H * sizeof *q);
    }
    if (t > 0) {
        const double *before = trace->out + pack->first[t - 1] * H;
        sp_gpu_gemm(rows, H, H, before, H, layer->recurrent + 2 * H * H, H, true, 1.0, q, H);
        sp_gpu_gemm(rows, 2 * H, H, before, H, layer->recurrent, H, true, 1.0,
                    trace->gates + pack->first[t] * 3 * H, 3 * H);
    }
}

void sp_gru_forward(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, const double *x) {
    const size_t H = layer->out, G = 3 * H;
    sp_rows_affine(trace->gates, G, x, pack->rows, layer->in, layer->weight, layer->bias, G);
    for (size_t t = 0; t < pack->steps; t++) {
        inner_product(layer, pack, trace, t);
        for (size_t i = 0; i < pack->count[t]; i++) {
            const size_t row = pack->first[t] + i;
            const double *q = trace->inner + row * H;
            const double *before = t > 0 ? trace->out + (pack->first[t - 1] + i) * H : NULL;
            double *z = trace->gates + row * G, *r = z + H, *n = r + H;
            for (size_t j = 0; j < H; j++) {
                z[j] = sp_activation_value(layer->gate, z[j]);
                r[j] = sp_activation_value(layer->gate, r[j]);
                n[j] = sp_activation_value(layer->candidate, n[j] + r[j] * q[j]);
                trace->out[row * H + j] = (1.0 - z[j]) * n[j] + (before ? z[j] * before[j] : 0.0);
            }
        }
    }
}

/* Gates become their slopes before the activation, q the slope by q; kept [H] is what h' receives
 * directly. */
static void step_backward(const sp_cell *layer, double *gates, double *q, const double *before,
                          const double *slope, double *kept) {
    const size_t H = layer->out;
    double *z = gates, *r = z + H, *n = r + H;
    for (size_t j = 0; j < H; j++) {
        const double h = before ? before[j] : 0.0;
        const double dn = slope[j] * (1.0 - z[j]) * sp_activation_slope(layer->candidate, n[j]);
        const double dr = dn * q[j], dz = slope[j] * (h - n[j]);
        if (kept) {
            kept[j] += slope[j] * z[j];
        }
        q[j] = dn * r[j];
        z[j] = dz * sp_activation_slope(layer->gate, z[j]);
        r[j] = dr * sp_activation_slope(layer->gate, r[j]);
        n[j] = dn;
    }
}

void sp_gru_backward(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, const double *x,
                     double *dx, const sp_slopes *slopes, sp_arena *arena) {
    const size_t H = layer->out, G = 3 * H, mark = sp_arena_mark(arena);
    /* slopes of the products with h': those of z and r, and of q */
    double *product = sp_arena_take(arena, pack->rows * G, double);
    for (size_t t = pack->steps; t-- > 0;) {
        const size_t before = t > 0 ? pack->first[t - 1] : 0;
        for (size_t i = 0; i < pack->count[t]; i++) {
            const size_t row = pack->first[t] + i;
            double *gates = trace->gates + row * G, *q = trace->inner + row * H;
            step_backward(layer, gates, q, t > 0 ? trace->out + (before + i) * H : NULL,
                          trace->slope + row * H, t > 0 ? trace->slope + (before + i) * H : NULL);
            memcpy(product + row * G, gates, 2 * H * sizeof *product);
            memcpy(product + row * G + 2 * H, q, H * sizeof *product);
        }
        if (t > 0) {
            sp_gpu_gemm(pack->count[t], H, G, product + pack->first[t] * G, G, layer->recurrent, H,
                        false, 1.0, trace->slope + before * H, H);
        }
    }
    if (slopes) {
        sp_rows_sum(slopes->recurrent_bias, trace->inner, H, pack->rows, H);
    }
    sp_recurrent_slopes(layer, pack, trace, product, x, dx, slopes, arena);
    sp_arena_release(arena, mark);
}
