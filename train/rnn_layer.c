/* A vanilla recurrent layer over a batch, there and back: h = f(W x + R h' + b). */
#include "gpu/backend.h"
#include "train/impl.h"

void sp_rnn_forward(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, const double *x) {
    const size_t H = layer->out;
    sp_rows_affine(trace->out, H, x, pack->rows, layer->in, layer->weight, layer->bias, H);
    for (size_t t = 0; t < pack->steps; t++) {
        const size_t n = pack->count[t] * H;
        double *h = trace->out + pack->first[t] * H;
        if (t > 0) {
            sp_gpu_gemm(pack->count[t], H, H, trace->out + pack->first[t - 1] * H, H,
                        layer->recurrent, H, true, 1.0, h, H);
        }
        for (size_t j = 0; j < n; j++) {
            h[j] = sp_activation_value(layer->candidate, h[j]);
        }
    }
}

void sp_rnn_backward(const sp_cell *layer, const sp_pack *pack, sp_trace *trace, const double *x,
                     double *dx, const sp_slopes *slopes, sp_arena *arena) {
    const size_t H = layer->out;
    for (size_t t = pack->steps; t-- > 0;) {
        const size_t first = pack->first[t] * H, n = pack->count[t] * H;
        double *d = trace->gates + first;
        for (size_t j = 0; j < n; j++) {
            d[j] = trace->slope[first + j] *
                   sp_activation_slope(layer->candidate, trace->out[first + j]);
        }
        if (t > 0) {
            sp_gpu_gemm(pack->count[t], H, H, d, H, layer->recurrent, H, false, 1.0,
                        trace->slope + pack->first[t - 1] * H, H);
        }
    }
    sp_recurrent_slopes(layer, pack, trace, trace->gates, x, dx, slopes, arena);
}
