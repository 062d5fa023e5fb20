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

/* The lower bounds of a tile, from what its walk left in the workspace; `settled`: but for those of
 * tiles that are. */
static void keep(const sp_walk *walk, double *lower, double *error, size_t apart, bool fresh,
                 bool settled) {
    const sp_bounds *bounds = walk->bounds;
    const sp_workspace *ws = walk->ws;
    sp_gpu_keep(bounds->gpu, &(sp_gpu_keep_args){.at = sp_walk_at(walk),
                                                 .apart = apart,
                                                 .gamma = bounds->gamma,
                                                 .fresh = fresh,
                                                 .bias = ws->bias,
                                                 .mass = ws->mass,
                                                 .support = ws->support,
                                                 .lower = lower,
                                                 .error = error,
                                                 .settled = settled ? bounds->settled : NULL,
                                                 .tile = SP_TILE});
}

bool sp_keep_bounds(const sp_walk *walk, double *lower, double *error) {
    bool positive = true;
    keep(walk, lower, error, 0, false, false);
    for (size_t r = 0; r < walk->rows; r++) {
        positive = positive && lower[r] > 0.0;
    }
    return positive;
}

void sp_reset_choices(const sp_bounds *bounds, sp_workspace *ws, const sp_start *start) {
    const size_t steps = start->joined ? start->t : start->t + 1;
    sp_gpu_reset(bounds->gpu,
                 &(sp_gpu_reset_args){.count = steps * ws->entries_step, .choice = ws->entries});
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
    const bool positive = sp_keep_bounds(walk, lower, error);
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

/* Rows [row, row + span) of each clip, where the walk finds them: cuts, and those that all have in
 * common, in buffers that the walk overwrites. The first layer without state writes the other cross
 * buffer; rows on pre-activations stand where recurrent layers keep them, 4 out apart. */
static sp_start start_far(sp_walk *walk, const sp_start *from, size_t row) {
    const sp_net *net = walk->bounds->net;
    const bool features = from->layer == SP_NO_LAYER;
    const size_t out = features ? net->features : net->layer[from->layer].out;
    const sp_layer *layer = features ? NULL : &net->layer[from->layer];
    const size_t gates = features ? 0 : sp_layer_ops_of(layer)->shape(layer).inputs * out;
    sp_start start = start_from(from, row);
    if (from->cuts != NULL) {
        sp_gpu_cut_rows_args cuts = *from->cuts;
        cuts.at = sp_walk_at(walk);
        cuts.first = row;
        sp_gpu_cut_rows(walk->bounds->gpu, &cuts);
        return *from;
    }
    if (from->common) {
        walk->turn = 0;
        start.output = spread(walk, start.output, out, walk->ws->cross[0], out);
        start.gates = spread(walk, start.gates, gates, walk->ws->gates, 4 * out);
        start.cell = spread(walk, start.cell, out, walk->ws->c, out);
    }
    return start;
}

/* Notes which tiles of SP_TILE rows have been proved positive; whether all have. These flags are
 * all that the program reads between two walks. */
static bool settle(const sp_walk *walk, const double *lower, size_t apart, bool fresh) {
    const sp_bounds *bounds = walk->bounds;
    const size_t count = bounds->clips * ((walk->span + SP_TILE - 1) / SP_TILE);
    bool all = true;
    sp_gpu_settle(bounds->gpu, &(sp_gpu_settle_args){.clips = bounds->clips,
                                                     .span = walk->span,
                                                     .tile = SP_TILE,
                                                     .apart = apart,
                                                     .fresh = fresh,
                                                     .lower = lower,
                                                     .settled = bounds->settled});
    sp_gpu_read(bounds->gpu, bounds->settled_here, bounds->settled, count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        all = all && bounds->settled_here[i] != 0;
    }
    return all;
}

static void lower_all(const sp_tiles *work, size_t apart) {
    sp_bounds *bounds = work->bounds;
    for (size_t row = 0; row < work->rows; row += bounds->tile) {
        const size_t left = work->rows - row, count = left < bounds->tile ? left : bounds->tile;
        double *lower = work->lower + row;
        double *error = work->error != NULL ? work->error + row : NULL;
        sp_start start;
        sp_walk walk = {.bounds = bounds,
                        .ws = bounds->work,
                        .start = &start,
                        .rows = bounds->clips * count,
                        .span = count,
                        .choosing = work->iterations > 0};
        if (walk.choosing) {
            sp_reset_choices(bounds, bounds->work, work->start);
        }
        bool settled = false;
        for (size_t k = 0; k <= work->iterations && !settled; k++) {
            if (k > 0) {
                sp_walk_worst(&walk, k - 1);
            }
            start = start_far(&walk, work->start, row);
            sp_walk_back(&walk);
            keep(&walk, lower, error, apart, k == 0, work->stop_positive && k > 0);
            settled =
                work->stop_positive && k < work->iterations && settle(&walk, lower, apart, k == 0);
        }
    }
}

void sp_lower_rows(sp_bounds *bounds, double *lower, double *error, size_t apart,
                   const sp_start *start, size_t rows, size_t iterations, bool stop_positive) {
    sp_tiles tiles = {bounds, lower, error, start, rows, iterations, stop_positive, 0};
    if (bounds->far) {
        lower_all(&tiles, apart);
        return;
    }
    const size_t count = (rows + SP_TILE - 1) / SP_TILE;
    sp_pool_run(count < bounds->slots ? count : bounds->slots, 0, run_slot, &tiles);
}

void sp_box_rows(sp_bounds *bounds, sp_box_kind kind, const sp_start *at, size_t first, size_t n,
                 const double *lo, const double *hi, double *box_lo, double *box_hi) {
    const size_t width = bounds->unit_width, apart = bounds->apart;
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
