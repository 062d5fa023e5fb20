// Final rows raised by R2's OPT: tiles of rows over threads, epochs of Adam on each tile, the best
// bound kept, until all bounds of the tile are positive [R2, algorithm 1].
#include <stdatomic.h>
#include <stdlib.h>

#include "base/pool.h"
#include "lstm/impl.h"

/* Rows are mixed in tiles of this height. */
enum { MIX_TILE = 3 };

typedef struct sp_mixing {
    sp_bounds *bounds;
    double *lower, *error;
    const sp_start *start;
    size_t rows;
    atomic_size_t next; /* tile */
    sp_status *status;  /* [tiles] */
} sp_mixing;

static bool all_positive(const double *lower, size_t count) {
    bool positive = true;
    for (size_t r = 0; r < count; r++) {
        positive = positive && lower[r] > 0.0;
    }
    return positive;
}

static sp_status mix_tile(sp_mixing *work, sp_workspace *ws, size_t row) {
    sp_bounds *bounds = work->bounds;
    const size_t count = work->rows - row < MIX_TILE ? work->rows - row : MIX_TILE;
    double *lower = work->lower + row, *error = work->error != NULL ? work->error + row : NULL;
    sp_start start = *work->start;
    sp_mixture mix;
    start.output.w += row * start.output.ld;
    SP_TRY(sp_mixture_init(NULL, &mix, bounds, count, row));
    sp_walk walk = {.bounds = bounds,
                    .ws = ws,
                    .start = &start,
                    .rows = count,
                    .span = count,
                    .choosing = true,
                    .mix = &mix};
    sp_reset_choices(bounds, ws, &start);
    for (size_t e = 0; e < bounds->options.mix_epochs && !all_positive(lower, count); e++) {
        sp_walk_back(&walk);
        sp_keep_bounds(&walk, lower, error);
        sp_walk_worst(&walk, e);
        sp_mixture_step(&mix, bounds, count, e);
    }
    sp_mixture_clear(&mix);
    return SP_OK;
}

static void run_slot(void *context, size_t slot) {
    sp_mixing *work = context;
    for (;;) {
        const size_t tile = atomic_fetch_add(&work->next, 1);
        if (tile * MIX_TILE >= work->rows) {
            return;
        }
        work->status[tile] = mix_tile(work, work->bounds->work + slot, tile * MIX_TILE);
    }
}

sp_status sp_mix_rows(sp_error *err, sp_bounds *bounds, double *lower, double *error,
                      const sp_start *start, size_t rows) {
    const size_t tiles = (rows + MIX_TILE - 1) / MIX_TILE;
    sp_mixing work = {bounds, lower, error, start, rows, 0, NULL};
    work.status = calloc(tiles, sizeof *work.status);
    if (work.status == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu rows", rows);
    }
    sp_pool_run(tiles < bounds->slots ? tiles : bounds->slots, 0, run_slot, &work);
    sp_status status = SP_OK;
    for (size_t i = 0; i < tiles && status == SP_OK; i++) {
        status = work.status[i];
    }
    free(work.status);
    return status == SP_OK
               ? SP_OK
               : sp_fail(err, status, "out of memory for the mixtures of %zu rows", rows);
}
