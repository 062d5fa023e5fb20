// The domain of R2's OPT: tiles of final rows over threads, epochs of Adam on each tile, the best
// bound kept, until all bounds of the tile are positive [R2, algorithm 1].
#include "lstm/r2opt/r2opt.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/pool.h"
#include "lstm/r2opt/mixture.h"

/* Rows are mixed in tiles of this height. */
enum { MIX_TILE = 3, STANDARD_EPOCHS = 200 };

static const sp_backsub_options candidates = {.planes = SP_BACKSUB_R2_CANDIDATES};

typedef struct sp_r2opt {
    sp_backsub backsub; /* first: its functions serve */
    size_t epochs;
} sp_r2opt;

typedef struct sp_mixing {
    sp_r2opt *self;
    double *lower, *error;
    const sp_backsub_start *start;
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

static sp_status mix_tile(sp_mixing *work, sp_backsub_workspace *ws, size_t row) {
    sp_backsub *self = &work->self->backsub;
    const size_t count = work->rows - row < MIX_TILE ? work->rows - row : MIX_TILE;
    double *lower = work->lower + row, *error = work->error != NULL ? work->error + row : NULL;
    sp_r2opt_mixture mix;
    SP_TRY(sp_r2opt_mixture_init(NULL, &mix, self, count, row));
    sp_walk walk = {.self = self,
                    .ws = ws,
                    .start = work->start,
                    .row = row,
                    .rows = count,
                    .span = count,
                    .choosing = true,
                    .mixer = &sp_r2opt_mixture_mixer,
                    .mixture = &mix};
    sp_walk_reset(&walk);
    for (size_t e = 0; e < work->self->epochs && !all_positive(lower, count); e++) {
        sp_walk_back(&walk);
        if (walk.late) {
            break;
        }
        sp_backsub_keep_rows(&walk, lower, error);
        sp_walk_forward(&walk, e);
        sp_r2opt_mixture_step(&mix, e);
    }
    sp_r2opt_mixture_clear(&mix);
    return SP_OK;
}

static void run_thread(void *context, size_t thread) {
    sp_mixing *work = context;
    for (;;) {
        const size_t tile = atomic_fetch_add(&work->next, 1);
        if (tile * MIX_TILE >= work->rows) {
            return;
        }
        work->status[tile] = mix_tile(work, work->self->backsub.work + thread, tile * MIX_TILE);
    }
}

static sp_status mix_rows(sp_error *err, sp_r2opt *self, double *lower, double *error,
                          const double *weight, size_t rows) {
    const size_t tiles = (rows + MIX_TILE - 1) / MIX_TILE, threads = self->backsub.threads;
    const sp_net *net = self->backsub.boxes.net;
    const sp_backsub_start start = {.node = net->nodes - 1,
                                    .t = self->backsub.boxes.answer,
                                    .output = {{(double *)weight}, net->classes}};
    sp_mixing work = {self, lower, error, &start, rows, 0, NULL};
    work.status = calloc(tiles, sizeof *work.status);
    if (work.status == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu rows", rows);
    }
    sp_pool_run(tiles < threads ? tiles : threads, 0, run_thread, &work);
    sp_status status = SP_OK;
    for (size_t i = 0; i < tiles && status == SP_OK; i++) {
        status = work.status[i];
    }
    free(work.status);
    if (status != SP_OK) {
        return sp_fail(err, status, "out of memory for the mixtures of %zu rows", rows);
    }
    return sp_clock_passed(self->backsub.boxes.deadline)
               ? sp_fail(err, SP_E_TIMEOUT, "time limit reached in the mixtures")
               : SP_OK;
}

static sp_status margins(sp_error *err, void *of, double *lower, double *error,
                         const double *weight, size_t rows) {
    sp_r2opt *self = of;
    SP_TRY(sp_backsub_margins(err, of, lower, error, weight, rows));
    const sp_status status = mix_rows(err, self, lower, error, weight, rows);
    if (status != SP_OK) {
        sp_boxes_know_nothing(lower, error, rows);
    }
    return status;
}

static void destroy(void *of) {
    if (of != NULL) {
        sp_backsub_clear(of);
        free(of);
    }
}

static sp_status create(sp_error *err, void **out, const sp_bound_task *task, const void *options) {
    const sp_r2opt_options *o = options;
    sp_r2opt *self = calloc(1, sizeof *self);
    *out = NULL;
    if (self == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    self->epochs = o != NULL ? o->epochs : STANDARD_EPOCHS;
    const sp_status status = sp_backsub_init(err, &self->backsub, task, &candidates);
    if (status != SP_OK) {
        destroy(self);
        return status;
    }
    *out = self;
    return SP_OK;
}

static size_t room(const sp_bound_task *task, const void *options) {
    (void)options;
    return sp_backsub_room(task, &candidates);
}

static size_t bytes(const sp_bound_task *task, const void *options, bool device) {
    (void)options;
    return sp_backsub_bytes(task, &candidates, device);
}

const sp_domain sp_domain_r2opt = {.name = "r2opt",
                                   .create = create,
                                   .answer = sp_backsub_answer,
                                   .margins = margins,
                                   .box = sp_backsub_box,
                                   .room = room,
                                   .bytes = bytes,
                                   .spent = sp_backsub_spent,
                                   .destroy = destroy};
