/* What the recurrent layers share when they carry intervals. */
#include "gpu/backend.h"
#include "train/ball_rules.h"

void sp_ball_recurrence(const sp_ball_layer *at, size_t t, double *mid, double *rad, size_t ldy,
                        const double *weight, const double *magnitude, size_t out) {
    const size_t H = at->layer->out, before = at->pack->first[t - 1] * H;
    const sp_ball h = at->trace->out;
    sp_gpu_gemm(at->pack->count[t], out, H, h.mid + before, H, weight, H, true, 1.0, mid, ldy);
    sp_gpu_gemm(at->pack->count[t], out, H, h.rad + before, H, magnitude, H, true, 1.0, rad, ldy);
}

void sp_ball_recurrence_back(const sp_ball_layer *at, size_t t, const double *mid,
                             const double *rad, size_t ldy, const double *weight,
                             const double *magnitude, size_t out) {
    const size_t H = at->layer->out, before = at->pack->first[t - 1] * H;
    const sp_ball dh = at->trace->slope;
    sp_gpu_gemm(at->pack->count[t], H, out, mid, ldy, weight, H, false, 1.0, dh.mid + before, H);
    sp_gpu_gemm(at->pack->count[t], H, out, rad, ldy, magnitude, H, false, 1.0, dh.rad + before, H);
}

void sp_ball_recurrent_slopes(const sp_ball_layer *at, sp_ball product) {
    const sp_cell *layer = at->layer;
    const sp_pack *pack = at->pack;
    const size_t H = layer->out, G = sp_cell_gates(layer) * H, D = layer->in, rows = pack->rows;
    const size_t later = rows - pack->count[0], mark = sp_arena_mark(at->arena);
    const sp_ball dy = {at->trace->gates, at->trace->gates + rows * G};
    if (at->dx.mid) {
        sp_gpu_gemm(rows, D, G, dy.mid, G, layer->weight, D, false, 0.0, at->dx.mid, D);
        sp_gpu_gemm(rows, D, G, dy.rad, G, at->magnitude, D, false, 0.0, at->dx.rad, D);
    }
    double *scratch = sp_arena_take(at->arena, sp_ball_outer_work(rows, G, D > H ? D : H), double);
    double *before = sp_arena_take(at->arena, 2 * rows * H, double);
    const sp_ball earlier = {before, before + rows * H};
    sp_ball_outer(at->slopes->weight, dy, at->x, rows, G, D, layer->weight, scratch);
    sp_rows_sum(at->slopes->bias, dy.mid, G, rows, G);
    sp_pack_before(earlier.mid, pack, at->trace->out.mid, H);
    sp_pack_before(earlier.rad, pack, at->trace->out.rad, H);
    product.mid += pack->count[0] * G;
    product.rad += pack->count[0] * G;
    sp_ball_outer(at->slopes->recurrent, product, earlier, later, G, H, layer->recurrent, scratch);
    sp_arena_release(at->arena, mark);
}
