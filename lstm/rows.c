// Rows of objectives in tiles over threads, each tile walked back once or, where rows choose their
// relaxations, several times with the best bound kept.
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/pool.h"
#include "lstm/impl.h"

typedef struct sp_tiles {
    sp_bounds *bounds;
    double *lower, *error;
    const sp_start *start;
    size_t rows, iterations;
    bool stop_positive;
    atomic_size_t next; /* tile */
} sp_tiles;

static sp_rows rows_from(sp_rows rows, size_t row) {
    return rows.w == NULL ? rows : (sp_rows){rows.w + row * rows.ld, rows.ld};
}

bool sp_keep_bounds(const sp_bounds *bounds, const sp_workspace *ws, double *lower, double *error,
                    size_t count) {
    const double gamma = sp_gamma(bounds->chain);
    bool positive = true;
    for (size_t r = 0; r < count; r++) {
        const double err = sp_above(gamma * sp_above(ws->mass[r] + ws->support[r]));
        const double bound = sp_below(sp_below(ws->bias[r] - ws->support[r]) - err);
        if (bound > lower[r] && bound < INFINITY) { // NaN fails
            lower[r] = bound;
            if (error != NULL) {
                error[r] = err;
            }
        }
        positive = positive && lower[r] > 0.0;
    }
    return positive;
}

void sp_reset_choices(const sp_bounds *bounds, sp_workspace *ws) {
    const sp_net *net = bounds->net;
    for (size_t i = 0; i < bounds->front->frames * net->layers; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (ws->choices[i].entry[k] != NULL) {
                memset(ws->choices[i].entry[k], 0,
                       SP_TILE * net->layer[i % net->layers].out * sizeof(int));
            }
        }
    }
}

static void bound_tile(sp_tiles *tiles, sp_workspace *ws, size_t row) {
    const size_t count = tiles->rows - row < SP_TILE ? tiles->rows - row : SP_TILE;
    double *lower = tiles->lower + row, *error = tiles->error != NULL ? tiles->error + row : NULL;
    sp_start start = *tiles->start;
    start.output = rows_from(start.output, row);
    start.gates = rows_from(start.gates, row);
    start.cell = rows_from(start.cell, row);
    start.before = rows_from(start.before, row);
    sp_walk walk = {tiles->bounds, ws, &start, count, tiles->iterations > 0, NULL, 0, NULL};
    for (size_t r = 0; r < count; r++) {
        lower[r] = -INFINITY;
    }
    if (walk.choosing) {
        sp_reset_choices(tiles->bounds, ws);
    }
    sp_walk_back(&walk);
    bool positive = sp_keep_bounds(tiles->bounds, ws, lower, error, count);
    for (size_t k = 0; k < tiles->iterations && !(tiles->stop_positive && positive); k++) {
        sp_walk_worst(&walk, k);
        sp_walk_back(&walk);
        positive = sp_keep_bounds(tiles->bounds, ws, lower, error, count);
    }
}

static void run_slot(void *context, size_t slot) {
    sp_tiles *tiles = context;
    for (;;) {
        const size_t tile = atomic_fetch_add(&tiles->next, 1);
        if (tile * SP_TILE >= tiles->rows) {
            return;
        }
        bound_tile(tiles, tiles->bounds->work + slot, tile * SP_TILE);
    }
}

void sp_lower_rows(sp_bounds *bounds, double *lower, double *error, const sp_start *start,
                   size_t rows, size_t iterations, bool stop_positive) {
    sp_tiles tiles = {bounds, lower, error, start, rows, iterations, stop_positive, 0};
    const size_t count = (rows + SP_TILE - 1) / SP_TILE;
    sp_pool_run(count < bounds->slots ? count : bounds->slots, 0, run_slot, &tiles);
}

void sp_box_rows(sp_bounds *bounds, sp_box_kind kind, const sp_start *at, size_t first, size_t n,
                 const double *lo, const double *hi, double *box_lo, double *box_hi) {
    const size_t width = bounds->unit_width;
    const sp_rows unit = {bounds->unit + 2 * first * width, width};
    sp_start start = *at;
    *(kind == SP_BOX_OUTPUT  ? &start.output
      : kind == SP_BOX_GATES ? &start.gates
                             : &start.cell) = unit;
    const double *lower = bounds->box_lower;
    sp_lower_rows(bounds, bounds->box_lower, NULL, &start, 2 * n, bounds->options.box_iterations,
                  false);
    for (size_t j = 0; j < n; j++) {
        const sp_iv linear = {lower[2 * j], -lower[2 * j + 1]};
        const sp_iv interval = {lo[j], hi[j]};
        const sp_iv met = sp_iv_meet(linear, interval);
        box_lo[j] = met.lo;
        box_hi[j] = met.hi;
    }
}
