/* LSTM, GRU and RNN on constants, by the formulas of the ONNX standard and its order of gates. */
#include <math.h>
#include <string.h>

#include "onnx/cell/recurrence.h"

static double function(sp_activation f, double x) {
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case SP_ACTIVATION_TANH:
        return tanh(x);
    case SP_ACTIVATION_HARD_SIGMOID:
        return fmax(0.0, fmin(1.0, f.alpha * x + f.beta));
    case SP_ACTIVATION_RELU:
        return fmax(0.0, x);
    case SP_ACTIVATION_AFFINE:
        return f.alpha * x + f.beta;
    default:
        return NAN;
    }
}

/* Row `row` of W x + Wb, and of R h + Rb. */
static double of_input(const sp_onnx_recurrence *c, size_t row, const double *x) {
    double sum = c->bias ? c->bias[row] : 0.0;
    for (size_t i = 0; i < c->width; i++) {
        sum += c->weight[row * c->width + i] * x[i];
    }
    return sum;
}

static double of_state(const sp_onnx_recurrence *c, size_t row, const double *h) {
    double sum = c->bias ? c->bias[c->gates * c->hidden + row] : 0.0;
    for (size_t i = 0; i < c->hidden; i++) {
        sum += c->recurrent[row * c->hidden + i] * h[i];
    }
    return sum;
}

static double limited(const sp_onnx_recurrence *c, double sum) {
    return c->clip > 0.0 ? fmax(-c->clip, fmin(c->clip, sum)) : sum;
}

static double gate(const sp_onnx_recurrence *c, size_t row, const double *x, const double *h) {
    return limited(c, of_input(c, row, x) + of_state(c, row, h));
}

/* `next` [hidden] from h and, for an LSTM, the cells c; `reset` [hidden] is scratch. */
static void step(const sp_onnx_recurrence *cell, double *next, double *c, double *reset,
                 const double *h, const double *x) {
    const size_t H = cell->hidden;
    const sp_activation f = cell->function[0], g = cell->function[1];
    for (size_t j = 0; cell->kind == SP_CELL_GRU && j < H; j++) {
        reset[j] = function(f, gate(cell, H + j, x, h)) * (cell->reset_after ? 1.0 : h[j]);
    }
    for (size_t j = 0; j < H; j++) {
        if (cell->kind == SP_CELL_RNN) {
            next[j] = function(g, gate(cell, j, x, h));
        } else if (cell->kind == SP_CELL_GRU) {
            const double z = function(f, gate(cell, j, x, h));
            const double inner = cell->reset_after ? reset[j] * of_state(cell, 2 * H + j, h)
                                                   : of_state(cell, 2 * H + j, reset);
            const double n = limited(cell, of_input(cell, 2 * H + j, x) + inner);
            next[j] = (1.0 - z) * function(g, n) + z * h[j];
        } else {
            const double i = function(f, gate(cell, j, x, h));
            const double o = function(f, gate(cell, H + j, x, h));
            const double forget = function(f, gate(cell, 2 * H + j, x, h));
            c[j] = forget * c[j] + i * function(g, gate(cell, 3 * H + j, x, h));
            next[j] = o * function(g, c[j]);
        }
    }
}

/* sp_onnx_way - one direction over one recording: where its numbers are. */
typedef struct sp_onnx_way {
    const double *x; /* step t at x[t of_x] */
    double *y;       /* Y: at y[t of_y] */
    size_t of_x, of_y;
    double *final, *c; /* [hidden] the last states */
    const double *start[SP_CELL_STATES];
} sp_onnx_way;

static void run(const sp_onnx_recurrence *cell, const sp_onnx_way *way, double *scratch,
                size_t steps) {
    const size_t H = cell->hidden;
    double *h = scratch, *reset = scratch + H;
    for (size_t j = 0; j < H; j++) {
        h[j] = way->start[0] ? way->start[0][j] : 0.0;
        way->c[j] = way->start[1] ? way->start[1][j] : 0.0;
    }
    for (size_t s = 0; s < steps; s++) {
        const size_t t = cell->reverse ? steps - 1 - s : s;
        step(cell, way->y + t * way->of_y, way->c, reset, h, way->x + t * way->of_x);
        memcpy(h, way->y + t * way->of_y, H * sizeof *h);
    }
    memcpy(way->final, h, H * sizeof *h);
}

sp_status sp_onnx_recurrence_run(sp_onnx_reader *r, const sp_onnx_recurrence *cell,
                                 size_t directions, const sp_onnx_tensor *x) {
    const size_t H = cell->hidden, D = directions;
    const bool first = cell->batch_first;
    const size_t steps = (size_t)x->dim[first ? 1 : 0], batch = (size_t)x->dim[first ? 0 : 1];
    const int64_t ways = (int64_t)D, whole[4] = {x->dim[0], first ? x->dim[1] : ways,
                                                 first ? ways : x->dim[1], (int64_t)H};
    const int64_t states[3] = {first ? x->dim[0] : ways, first ? ways : x->dim[1], (int64_t)H};
    sp_onnx_tensor y = {.kind = SP_ONNX_REAL}, last = {.kind = SP_ONNX_REAL}, cells;
    if (!sp_onnx_tensor_shape(&y, whole, 4) || !sp_onnx_tensor_shape(&last, states, 3)) {
        return sp_onnx_out_of_memory(r);
    }
    cells = last;
    double *sequence = sp_onnx_tensor_make(r, &y), *final = sp_onnx_tensor_make(r, &last);
    double *c = sp_onnx_tensor_make(r, &cells);
    double *scratch = sp_region_take(&r->region, 2 * H, sizeof *scratch);
    if (!sequence || !final || !c || !scratch) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < D * batch; i++) {
        const size_t d = i / batch, b = i % batch, at = (first ? b * D + d : i) * H;
        sp_onnx_way way = {.x = x->real + b * (first ? steps : 1) * cell->width,
                           .y = sequence + (first ? (b * steps * D + d) * H : at),
                           .of_x = (first ? 1 : batch) * cell->width,
                           .of_y = (first ? 1 : batch) * D * H,
                           .final = final + at,
                           .c = c + at};
        for (size_t k = 0; k < SP_CELL_STATES; k++) {
            way.start[k] = cell->start[k] ? cell->start[k] + at : NULL;
        }
        run(&cell[d], &way, scratch, steps);
    }
    SP_TRY(sp_onnx_return_tensor(r, 0, &y));
    SP_TRY(sp_onnx_return_tensor(r, 1, &last));
    return sp_onnx_return_tensor(r, 2, &cells);
}
