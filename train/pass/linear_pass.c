/* Linear layers over a batch, there and back, of values and of boxes: h_t = lambda o h_{t-1} + V
 * x_t + c. One product with V for all rows; then the recurrence unit by unit. */
#include "gpu/backend.h"
#include "train/impl.h"

static double lambda_of(const sp_cell *cell, size_t j) {
    return cell->recurrent[j * (cell->out + 1)];
}

/* h [rows, H] holds V x + c; it becomes the states. */
static void run(double *h, const sp_cell *cell, const sp_train_packed_batch *batch) {
    const size_t H = cell->out;
    for (size_t t = 1; t < batch->steps; t++) {
        for (size_t i = 0; i < batch->count[t]; i++) {
            double *now = h + (batch->first[t] + i) * H;
            const double *before = h + (batch->first[t - 1] + i) * H;
            for (size_t j = 0; j < H; j++) {
                now[j] += lambda_of(cell, j) * before[j];
            }
        }
    }
}

/* s [rows, H] holds the slopes by the states from outside; it becomes all of them, which are also
 * those by V x + c. */
static void run_back(double *s, const sp_cell *cell, const sp_train_packed_batch *batch) {
    const size_t H = cell->out;
    for (size_t t = batch->steps; t-- > 1;) {
        for (size_t i = 0; i < batch->count[t]; i++) {
            const double *now = s + (batch->first[t] + i) * H;
            double *before = s + (batch->first[t - 1] + i) * H;
            for (size_t j = 0; j < H; j++) {
                before[j] += lambda_of(cell, j) * now[j];
            }
        }
    }
}

/* d [H] += sum over steps of s_t o h_{t-1}. */
static void by_lambda(double *d, const sp_train_packed_batch *batch, const double *s,
                      const double *h, size_t H) {
    for (size_t t = 1; t < batch->steps; t++) {
        for (size_t i = 0; i < batch->count[t]; i++) {
            const double *now = s + (batch->first[t] + i) * H;
            const double *before = h + (batch->first[t - 1] + i) * H;
            for (size_t j = 0; j < H; j++) {
                d[j] += now[j] * before[j];
            }
        }
    }
}

/* ---- values ---- */

void sp_train_linear_forward(const sp_cell *cell, const sp_train_packed_batch *batch,
                             sp_train_trace *trace, const double *x) {
    sp_train_rows_affine(trace->out, cell->out, x, batch->rows, cell->in, cell->weight, cell->bias,
                         cell->out);
    run(trace->out, cell, batch);
}

void sp_train_linear_backward(const sp_cell *cell, const sp_train_packed_batch *batch,
                              sp_train_trace *trace, const double *x, double *dx,
                              const sp_train_slopes *slopes, sp_arena *arena) {
    const size_t H = cell->out, D = cell->in, rows = batch->rows, mark = sp_arena_mark(arena);
    double *s = trace->slope;
    run_back(s, cell, batch);
    if (dx) {
        sp_gpu_gemm(rows, D, H, s, H, cell->weight, D, false, 0.0, dx, D);
    }
    if (slopes) {
        double *turned = sp_arena_take(arena, rows * H, double);
        sp_train_rows_outer(slopes->weight, s, H, x, rows, H, D, turned);
        sp_train_rows_sum(slopes->bias, s, H, rows, H);
        by_lambda(slopes->recurrent, batch, s, trace->out, H);
    }
    sp_arena_release(arena, mark);
}

/* ---- boxes: lambda >= 0, so that centres and half widths each obey the recurrence ---- */

void sp_train_linear_box_forward(const sp_train_interval_cell *at) {
    const sp_cell *cell = at->cell;
    const sp_train_interval out = at->trace->out;
    sp_train_interval_affine(out, at->x, at->batch->rows, cell->in, cell->weight, at->magnitude,
                             cell->bias, cell->out);
    run(out.mid, cell, at->batch);
    run(out.rad, cell, at->batch);
}

void sp_train_linear_box_backward(const sp_train_interval_cell *at) {
    const sp_cell *cell = at->cell;
    const size_t H = cell->out, D = cell->in, rows = at->batch->rows;
    const size_t mark = sp_arena_mark(at->arena);
    const sp_train_interval s = at->trace->slope, out = at->trace->out;
    double *scratch = sp_arena_take(at->arena, sp_train_interval_outer_work(rows, H, D), double);
    run_back(s.mid, cell, at->batch);
    run_back(s.rad, cell, at->batch);
    if (at->dx.mid) {
        sp_gpu_gemm(rows, D, H, s.mid, H, cell->weight, D, false, 0.0, at->dx.mid, D);
        sp_gpu_gemm(rows, D, H, s.rad, H, at->magnitude, D, false, 0.0, at->dx.rad, D);
    }
    sp_train_interval_outer(at->slopes->weight, s, H, at->x, rows, H, D, cell->weight, scratch);
    sp_train_rows_sum(at->slopes->bias, s.mid, H, rows, H);
    by_lambda(at->slopes->recurrent, at->batch, s.mid, out.mid, H);
    by_lambda(at->slopes->recurrent, at->batch, s.rad, out.rad, H);
    sp_arena_release(at->arena, mark);
}
