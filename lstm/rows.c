// Rows of objectives in tiles over threads, each tile walked back once or, where rows choose their
// relaxations, several times with the best bound kept.
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/pool.h"
#include "lstm/layers.h"

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

/* The lower bounds of a tile, from what its walk left in the workspace. */
static void keep(const sp_bounds *bounds, const sp_workspace *ws, double *lower, double *error,
                 size_t rows, size_t span, size_t apart, bool fresh) {
    sp_gpu_keep(bounds->gpu, &(sp_gpu_keep_args){.at = {rows, span, bounds->stride},
                                                 .apart = apart,
                                                 .gamma = bounds->gamma,
                                                 .fresh = fresh,
                                                 .bias = ws->bias,
                                                 .mass = ws->mass,
                                                 .support = ws->support,
                                                 .lower = lower,
                                                 .error = error});
}

bool sp_keep_bounds(const sp_bounds *bounds, const sp_workspace *ws, double *lower, double *error,
                    size_t count) {
    bool positive = true;
    keep(bounds, ws, lower, error, count, count, 0, false);
    for (size_t r = 0; r < count; r++) {
        positive = positive && lower[r] > 0.0;
    }
    return positive;
}

void sp_reset_choices(const sp_bounds *bounds, sp_workspace *ws, const sp_start *start) {
    const sp_net *net = bounds->net;
    for (size_t i = 0; i < (start->t + 1) * net->layers; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (ws->choices[i].entry[k] != NULL) {
                memset(ws->choices[i].entry[k], 0,
                       SP_TILE * net->layer[i % net->layers].out * sizeof(int));
            }
        }
    }
    for (size_t t = 0; t <= start->t; t++) {
        memset(ws->feature[t], 0, SP_TILE * bounds->front->bands * sizeof(int));
    }
}

static sp_start start_from(const sp_start *from, size_t row) {
    sp_start start = *from;
    start.output = rows_from(start.output, row);
    start.gates = rows_from(start.gates, row);
    start.cell = rows_from(start.cell, row);
    start.before = rows_from(start.before, row);
    start.line = start.line != NULL ? start.line + row : NULL;
    return start;
}

/* Keeps what the walk proved, and the lines of the rows that it improved. */
static bool keep_tile(const sp_walk *walk, double *lower, double *error) {
    const sp_bounds *bounds = walk->bounds;
    const sp_workspace *ws = walk->ws;
    const size_t padded = bounds->front->padded;
    sp_halfspace *line = walk->start->line;
    double before[SP_TILE];
    memcpy(before, lower, walk->rows * sizeof *before);
    const bool positive = sp_keep_bounds(bounds, ws, lower, error, walk->rows);
    for (size_t r = 0; line != NULL && r < walk->rows; r++) {
        if (lower[r] > before[r]) {
            // the error of a bound covers that of its line anywhere in the set
            const double err = sp_above(*bounds->gamma * sp_above(ws->mass[r] + ws->support[r]));
            memcpy(line[r].slope, walk->gradient + r * padded, padded * sizeof(double));
            line[r].offset = sp_below(ws->bias[r] - err);
        }
    }
    return positive;
}

static void bound_tile(sp_tiles *tiles, sp_workspace *ws, size_t row) {
    const size_t count = tiles->rows - row < SP_TILE ? tiles->rows - row : SP_TILE;
    double *lower = tiles->lower + row, *error = tiles->error != NULL ? tiles->error + row : NULL;
    const sp_start start = start_from(tiles->start, row);
    sp_walk walk = {.bounds = tiles->bounds,
                    .ws = ws,
                    .start = &start,
                    .rows = count,
                    .span = count,
                    .choosing = tiles->iterations > 0};
    for (size_t r = 0; r < count; r++) {
        lower[r] = -INFINITY;
    }
    if (walk.choosing) {
        sp_reset_choices(tiles->bounds, ws, &start);
    }
    sp_walk_back(&walk);
    bool positive = keep_tile(&walk, lower, error);
    for (size_t k = 0; k < tiles->iterations && !(tiles->stop_positive && positive); k++) {
        sp_walk_worst(&walk, k);
        sp_walk_back(&walk);
        positive = keep_tile(&walk, lower, error);
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

/* ---- rows of all clips at once, where the backend has memory of its own ---- */

/* Rows that all clips have in common are written out once per clip, where the walk reads them. */
static sp_rows spread(const sp_walk *walk, sp_rows rows, size_t columns, double *to, size_t ld) {
    if (rows.w == NULL) {
        return rows;
    }
    sp_gpu_copy(walk->bounds->gpu, &(sp_gpu_copy_args){.rows = walk->rows,
                                                       .n = columns,
                                                       .from = rows.w,
                                                       .ldf = rows.ld,
                                                       .period = walk->span,
                                                       .to = to,
                                                       .ldt = ld});
    return (sp_rows){to, ld};
}

/* The buffers hold nothing yet; the first layer without state writes the other cross buffer. Rows
 * on pre-activations stand where recurrent layers keep them, 4 out apart. */
static void spread_start(sp_walk *walk, sp_start *start) {
    const sp_net *net = walk->bounds->net;
    const bool features = start->layer == SP_NO_LAYER;
    const size_t out = features ? net->features : net->layer[start->layer].out;
    const sp_layer *layer = features ? NULL : &net->layer[start->layer];
    const size_t gates = features ? 0 : sp_layer_ops_of(layer)->shape(layer).inputs * out;
    start->output = spread(walk, start->output, out, walk->ws->cross[0], out);
    start->gates = spread(walk, start->gates, gates, walk->ws->gates, 4 * out);
    start->cell = spread(walk, start->cell, out, walk->ws->c, out);
}

static void lower_all(sp_bounds *bounds, double *lower, double *error, size_t apart,
                      const sp_start *from, size_t rows) {
    for (size_t row = 0; row < rows; row += bounds->tile) {
        const size_t count = rows - row < bounds->tile ? rows - row : bounds->tile;
        sp_start start = start_from(from, row);
        sp_walk walk = {.bounds = bounds,
                        .ws = bounds->work,
                        .start = &start,
                        .rows = bounds->clips * count,
                        .span = count};
        if (from->common) {
            spread_start(&walk, &start);
        }
        sp_walk_back(&walk);
        keep(bounds, bounds->work, lower + row, error != NULL ? error + row : NULL, walk.rows,
             count, apart, true);
    }
}

void sp_lower_rows(sp_bounds *bounds, double *lower, double *error, size_t apart,
                   const sp_start *start, size_t rows, size_t iterations, bool stop_positive) {
    if (bounds->far) {
        lower_all(bounds, lower, error, apart, start, rows);
        return;
    }
    sp_tiles tiles = {bounds, lower, error, start, rows, iterations, stop_positive, 0};
    const size_t count = (rows + SP_TILE - 1) / SP_TILE;
    sp_pool_run(count < bounds->slots ? count : bounds->slots, 0, run_slot, &tiles);
}

void sp_box_rows(sp_bounds *bounds, sp_box_kind kind, const sp_start *at, size_t first, size_t n,
                 const double *lo, const double *hi, double *box_lo, double *box_hi) {
    const size_t width = bounds->unit_width, apart = 2 * width;
    const sp_rows unit = {bounds->unit + 2 * first * width, width};
    sp_start start = *at;
    start.common = true;
    *(kind == SP_BOX_OUTPUT  ? &start.output
      : kind == SP_BOX_GATES ? &start.gates
                             : &start.cell) = unit;
    sp_lower_rows(bounds, bounds->box_lower, NULL, apart, &start, 2 * n,
                  bounds->options.box_iterations, false);
    sp_gpu_meet(bounds->gpu, &(sp_gpu_meet_args){.at = {bounds->clips, bounds->stride},
                                                 .n = n,
                                                 .apart = apart,
                                                 .lower = bounds->box_lower,
                                                 .box = {lo, hi},
                                                 .lo = box_lo,
                                                 .hi = box_hi});
}
