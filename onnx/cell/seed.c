/* Cells whose states start elsewhere than at zero. Their input gets columns that hold the start at
 * the first step and zeros at all others, d_t = start 1 - start 1 before, and the cell adds them to
 * its states. */
#include <string.h>

#include "onnx/cell/seed.h"
#include "onnx/impl.h"

/* Identity blocks for the columns behind the input's, in front of the weights. */
static sp_status widen(sp_onnx_reader *r, sp_cell *cell, size_t states) {
    const size_t H = cell->out, D = cell->in, rows = sp_cell_gates(cell) * H, extra = states * H;
    const size_t wide = D + extra;
    double *weight = sp_region_take(&r->region, (rows + extra) * wide, sizeof *weight);
    double *recurrent = sp_region_take(&r->region, (rows + extra) * H, sizeof *recurrent);
    double *bias = sp_region_take(&r->region, rows + extra, sizeof *bias);
    if (!weight || !recurrent || !bias) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t j = 0; j < extra; j++) {
        weight[j * wide + D + j] = 1.0;
    }
    for (size_t j = 0; j < rows; j++) {
        memcpy(weight + (extra + j) * wide, cell->weight + j * D, D * sizeof *weight);
    }
    memcpy(recurrent + extra * H, cell->recurrent, rows * H * sizeof *recurrent);
    memcpy(bias + extra, cell->bias, rows * sizeof *bias);
    cell->weight = weight;
    cell->recurrent = recurrent;
    cell->bias = bias;
    cell->in = wide;
    cell->seeded = true;
    return SP_OK;
}

static const double *identity(sp_onnx_reader *r, size_t rows, size_t columns, size_t first) {
    double *weight = sp_region_take(&r->region, rows * columns, sizeof *weight);
    for (size_t j = 0; weight && j < columns; j++) {
        weight[(first + j) * columns + j] = 1.0;
    }
    return weight;
}

/* A layer of affine functions of `parts` sources, step by step as the first of them. */
static sp_status push(sp_onnx_reader *r, sp_onnx_source *to, size_t out, const sp_onnx_part *part,
                      size_t parts, const double *bias, const sp_timing *timing) {
    const sp_onnx_layer *from = &r->layer[part->from.layer];
    const bool every = part->from.reading == SP_ONNX_READ_EVERY;
    const sp_onnx_layer layer = {.kind = SP_NODE_AFFINE,
                                 .out = out,
                                 .frames = every ? from->frames : sp_onnx_dim_of(1),
                                 .once = !every,
                                 .parts = parts,
                                 .part = part,
                                 .timing = *timing,
                                 .bias = bias};
    *to = (sp_onnx_source){.reading = every ? SP_ONNX_READ_EVERY : SP_ONNX_READ_STEP};
    return bias && part->weight && part[parts - 1].weight ? sp_onnx_layer_push(r, layer, &to->layer)
                                                          : sp_onnx_out_of_memory(r);
}

/* The start at the first step, zeros at the others. */
static sp_status spike(sp_onnx_reader *r, sp_onnx_source *to, sp_onnx_source from,
                       const double *start, size_t n, bool reverse) {
    const sp_timing timing = {
        .taps = 2, .stride = 1, .dilation = 1, .before = !reverse, .after = reverse};
    double *one = sp_region_take(&r->region, 1, sizeof *one);
    double *edge = sp_region_take(&r->region, 2 * n, sizeof *edge);
    double *zero = sp_region_take(&r->region, n, sizeof *zero);
    sp_onnx_part *part = sp_region_take(&r->region, 2, sizeof *part);
    if (!one || !edge || !zero || !part) {
        return sp_onnx_out_of_memory(r);
    }
    *one = 1.0;
    for (size_t j = 0; j < n; j++) {
        edge[2 * j + (reverse ? 0 : 1)] = start[j];
        edge[2 * j + (reverse ? 1 : 0)] = -start[j];
    }
    part[0] =
        (sp_onnx_part){from, sp_region_take(&r->region, r->layer[from.layer].out, sizeof(double))};
    SP_TRY(push(r, &part[1].from, 1, &part[0], 1, one, &sp_timing_same));
    part[1].weight = edge;
    return push(r, to, n, &part[1], 1, zero, &timing);
}

sp_status sp_onnx_cell_seed(sp_onnx_reader *r, sp_cell *cell, sp_onnx_source *from,
                            const double *const start[SP_CELL_STATES]) {
    const size_t H = cell->out, D = cell->in, states = sp_cell_states(cell);
    const size_t extra = states * H;
    const bool every = from->reading == SP_ONNX_READ_EVERY;
    bool zero = true;
    for (size_t k = 0; k < states; k++) {
        for (size_t j = 0; start[k] && j < H; j++) {
            zero = zero && start[k][j] == 0.0;
        }
    }
    if (zero) {
        return SP_OK;
    }
    double *all = sp_region_take(&r->region, extra, sizeof *all);
    double *bias = sp_region_take(&r->region, D + extra, sizeof *bias);
    sp_onnx_part *part = sp_region_take(&r->region, 2, sizeof *part);
    if (!all || !bias || !part) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t k = 0; k < states; k++) {
        if (start[k]) {
            memcpy(all + k * H, start[k], H * sizeof *all);
        }
    }
    part[0] = (sp_onnx_part){*from, identity(r, D + extra, D, 0)};
    if (every) {
        SP_TRY(spike(r, &part[1].from, *from, all, extra, cell->reverse));
        part[1].weight = identity(r, D + extra, extra, D);
    } else {
        memcpy(bias + D, all, extra * sizeof *bias); // the only step
    }
    SP_TRY(push(r, from, D + extra, part, every ? 2 : 1, bias, &sp_timing_same));
    return widen(r, cell, states);
}
