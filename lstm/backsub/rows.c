// Rows of objectives in tiles over threads, each tile walked back once or, where rows choose their
// relaxations, several times with the best bound kept.
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/pool.h"
#include "lstm/backsub/impl.h"

typedef struct sp_backsub_tiles {
    sp_backsub *self;
    sp_boxes_array lower, error;
    const sp_backsub_start *start;
    size_t rows, iterations;
    bool stop_positive;
    atomic_size_t next; /* tile */
} sp_backsub_tiles;

/* The lower bounds of a tile, from what its walk left in the workspace; `settled`: but for those of
 * tiles that are. */
static void keep(const sp_walk *walk, double *lower, double *error, bool fresh, bool settled) {
    const sp_backsub *self = walk->self;
    const sp_backsub_workspace *ws = walk->ws;
    // one rounding more for what the forms dropped: docs/theory/single-precision.md 4
    const double rough_gamma = sp_gamma_single(2.0 * self->boxes.width + 4.0);
    sp_gpu_keep(self->boxes.gpu, &(sp_gpu_keep_args){.at = sp_walk_at(walk, walk->rows),
                                                     .apart = self->most,
                                                     .gamma = self->gamma.on,
                                                     .lost = self->boxes.lost.on,
                                                     .fresh = fresh,
                                                     .bias = ws->bias.on,
                                                     .mass = ws->mass.on,
                                                     .support = ws->support.on,
                                                     .rough = ws->rough.on,
                                                     .rough_gamma = rough_gamma,
                                                     .lower = lower,
                                                     .error = error,
                                                     .settled = settled ? self->settled : NULL,
                                                     .tile = SP_BACKSUB_TILE});
}

bool sp_backsub_keep_rows(const sp_walk *walk, double *lower, double *error) {
    const double *goal = walk->start->goal;
    bool positive = true;
    keep(walk, lower, error, false, false);
    for (size_t r = 0; r < walk->rows; r++) {
        positive = positive && lower[r] > (goal != NULL ? goal[walk->row + r] : 0.0);
    }
    return positive;
}

void sp_walk_reset(sp_walk *walk) {
    const sp_backsub *self = walk->self;
    const size_t node = walk->start->node;
    const size_t frames = node > self->boxes.source ? sp_boxes_frames(&self->boxes, 0, node) : 0;
    const size_t numbers = node > self->boxes.source
                               ? self->entries_at[node] + frames * self->entries_frame[node]
                               : self->boxes.front->frames * self->boxes.front->bands;
    sp_gpu_reset(self->boxes.gpu,
                 &(sp_gpu_reset_args){.count = numbers * self->boxes.clips * self->tile,
                                      .choice = walk->ws->entries});
}

/* Keeps what the walk proved, and the lines of the rows that it improved. */
static bool keep_tile(const sp_walk *walk, double *lower, double *error) {
    const sp_backsub *self = walk->self;
    const sp_boxes *boxes = &self->boxes;
    const size_t padded = boxes->front->padded;
    sp_halfspace *line = walk->start->line != NULL ? walk->start->line + walk->row : NULL;
    double before[SP_BACKSUB_TILE];
    memcpy(before, lower, walk->rows * sizeof *before);
    const bool positive = sp_backsub_keep_rows(walk, lower, error);
    if (line == NULL) {
        return positive;
    }
    const double *bias = sp_boxes_program(boxes, walk->ws->bias);
    const double *mass = sp_boxes_program(boxes, walk->ws->mass);
    const double *support = sp_boxes_program(boxes, walk->ws->support);
    const double *slope = sp_boxes_program(boxes, walk->ws->slope);
    const double gamma = *sp_boxes_program(boxes, self->gamma);
    const double lost = *sp_boxes_program(boxes, boxes->lost);
    for (size_t r = 0; r < walk->rows; r++) {
        if (lower[r] > before[r]) {
            // the error of a bound covers that of its line anywhere in the set
            const double err = sp_above(sp_above(gamma * sp_above(mass[r] + support[r])) + lost);
            memcpy(line[r].slope, slope + r * padded, padded * sizeof(double));
            line[r].offset = sp_below(bias[r] - err);
        }
    }
    return positive;
}

static void bound_tile(sp_backsub_tiles *tiles, sp_backsub_workspace *ws, size_t row) {
    const size_t count = tiles->rows - row < SP_BACKSUB_TILE ? tiles->rows - row : SP_BACKSUB_TILE;
    const sp_boxes *boxes = &tiles->self->boxes;
    double *lower = sp_boxes_program(boxes, sp_boxes_array_at(tiles->lower, row));
    double *error = sp_boxes_program(boxes, sp_boxes_array_at(tiles->error, row));
    sp_walk walk = {.self = tiles->self,
                    .ws = ws,
                    .start = tiles->start,
                    .row = row,
                    .rows = count,
                    .span = count,
                    .choosing = tiles->iterations > 0};
    for (size_t r = 0; r < count; r++) {
        lower[r] = -INFINITY;
    }
    if (walk.choosing) {
        sp_walk_reset(&walk);
    }
    walk.meeting = tiles->self->energies && tiles->iterations == 0;
    walk.fresh = true;
    sp_walk_back(&walk);
    walk.fresh = false;
    walk.meeting = tiles->self->energies; // those of the standard relaxations would do little
    bool positive = !walk.late && keep_tile(&walk, lower, error);
    for (size_t k = 0; k < tiles->iterations && !walk.late && !(tiles->stop_positive && positive);
         k++) {
        walk.last = k + 1 == tiles->iterations;
        sp_walk_forward(&walk, k);
        sp_walk_back(&walk);
        positive = !walk.late && keep_tile(&walk, lower, error);
    }
}

static void run_thread(void *context, size_t thread) {
    sp_backsub_tiles *tiles = context;
    for (;;) {
        const size_t tile = atomic_fetch_add(&tiles->next, 1);
        if (tile * SP_BACKSUB_TILE >= tiles->rows) {
            return;
        }
        bound_tile(tiles, tiles->self->work + thread, tile * SP_BACKSUB_TILE);
    }
}

/* ---- rows of all clips at once, on a device ---- */

/* Notes which tiles of SP_BACKSUB_TILE rows have been proved positive; whether all have. These
 * flags are all that the program reads between two walks. */
static bool settle(const sp_walk *walk, const double *lower, bool fresh) {
    const sp_backsub *self = walk->self;
    const size_t clips = walk->rows / walk->span;
    const size_t count = clips * ((walk->span + SP_BACKSUB_TILE - 1) / SP_BACKSUB_TILE);
    bool all = true;
    sp_gpu_settle(self->boxes.gpu, &(sp_gpu_settle_args){.clips = clips,
                                                         .span = walk->span,
                                                         .tile = SP_BACKSUB_TILE,
                                                         .apart = self->most,
                                                         .fresh = fresh,
                                                         .lower = lower,
                                                         .settled = self->settled});
    sp_gpu_read(self->boxes.gpu, self->settled_here, self->settled, count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        all = all && self->settled_here[i] != 0;
    }
    return all;
}

static void lower_all(const sp_backsub_tiles *work) {
    sp_backsub *self = work->self;
    const size_t clips = sp_boxes_clips_at(&self->boxes, work->start->node, work->start->t);
    for (size_t row = 0; row < work->rows; row += self->tile) {
        const size_t left = work->rows - row, count = left < self->tile ? left : self->tile;
        double *lower = sp_boxes_array_at(work->lower, row).on;
        double *error = sp_boxes_array_at(work->error, row).on;
        sp_walk walk = {.self = self,
                        .ws = self->work,
                        .start = work->start,
                        .row = row,
                        .rows = clips * count,
                        .span = count,
                        .choosing = work->iterations > 0};
        if (walk.choosing) {
            sp_walk_reset(&walk);
        }
        bool settled = false;
        for (size_t k = 0; k <= work->iterations && !settled; k++) {
            walk.fresh = k == 0;
            walk.last = k == work->iterations;
            if (k > 0) {
                sp_walk_forward(&walk, k - 1);
            }
            sp_walk_back(&walk);
            keep(&walk, lower, error, k == 0, work->stop_positive && k > 0);
            settled = work->stop_positive && k < work->iterations && settle(&walk, lower, k == 0);
        }
    }
}

sp_backsub_start sp_backsub_final_rows(const sp_backsub *self, sp_boxes_array weight) {
    const sp_net *net = self->boxes.net;
    return (sp_backsub_start){
        .node = net->nodes - 1, .t = self->boxes.answer, .output = {weight, net->classes}};
}

void sp_backsub_lower_rows(sp_backsub *self, sp_boxes_array lower, sp_boxes_array error,
                           const sp_backsub_start *start, size_t rows, size_t iterations,
                           bool stop_positive) {
    sp_backsub_tiles tiles = {self, lower, error, start, rows, iterations, stop_positive, 0};
    if (self->boxes.device) {
        lower_all(&tiles);
        return;
    }
    const size_t count = (rows + SP_BACKSUB_TILE - 1) / SP_BACKSUB_TILE;
    sp_pool_run(count < self->threads ? count : self->threads, 0, run_thread, &tiles);
}
