/* Certificates of many clips and budgets: one by one on the CPU's threads; on a device as many
 * clips together as its memory holds, pass by pass. Every clip takes the memory of the longest one
 * that it is bounded with, so clips are sorted by their frames and cut where the memory is full:
 * wherever memory is what limits a batch, its clips are of similar length. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "certify/impl.h"

typedef struct sp_item {
    const sp_work *work;
    sp_problem problem;
    sp_front_bound front;
    bool fronted;     /* front is made */
    bool open;        /* there is something to bound */
    sp_status status; /* and err: of the first step that failed */
    sp_error err;
} sp_item;

typedef struct sp_batch {
    const sp_system *system;
    double timeout;
    sp_item *item;
    sp_item **pending; /* those of a pass that run one by one */
    const sp_bounds_options *pass;
} sp_batch;

static void fail(sp_item *item, sp_status status, const sp_error *err) {
    item->status = status;
    item->err = *err;
    item->open = false;
}

static void open_item(void *context, size_t index) {
    const sp_batch *batch = context;
    sp_item *item = &batch->item[index];
    const sp_question question = {item->work->budget, NULL, item->work->label, batch->timeout};
    sp_error err = {0};
    bool settled = false;
    sp_status status = sp_question_open(&err, &item->problem, item->work->verdict, batch->system,
                                        item->work->clip, &question, &settled);
    if (status == SP_OK && !settled) {
        status = sp_problem_front(&err, &item->problem, &item->front);
        item->fronted = status == SP_OK;
        item->open = item->fronted;
    }
    if (status != SP_OK) {
        fail(item, status, &err);
    }
}

static void close_item(void *context, size_t index) {
    const sp_batch *batch = context;
    sp_item *item = &batch->item[index];
    if (item->fronted) {
        sp_front_bound_clear(&item->front);
    }
    if (item->open) {
        sp_verdict_judge(item->problem.verdict);
    }
    sp_question_close(&item->err, &item->problem, item->status);
}

static void pass_item(void *context, size_t index) {
    const sp_batch *batch = context;
    sp_item *item = batch->pending[index];
    sp_error err = {0};
    const sp_status status = sp_problem_pass(&err, &item->problem, &item->front, batch->pass);
    if (status != SP_OK) {
        fail(item, status, &err);
    }
}

/* ---- several at once ---- */

static sp_status rows_of(sp_error *err, sp_bounds *bounds, sp_item **item, size_t count) {
    const size_t rows = sp_problem_rows(&item[0]->problem);
    const size_t classes = item[0]->problem.system->net->classes;
    double *lower = malloc((rows > 0 ? rows : 1) * count * (3 + classes) * sizeof *lower);
    if (lower == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", count);
    }
    double *error = lower + count * rows, *constant = error + count * rows;
    double *weight = constant + count * rows;
    sp_status status = SP_OK;
    for (size_t i = 0; i < count && status == SP_OK; i++) {
        status = sp_problem_objectives(err, &item[i]->problem, weight + i * rows * classes,
                                       constant + i * rows);
    }
    if (status == SP_OK) {
        status = sp_bounds_rows(err, bounds, lower, error, weight, rows);
    }
    for (size_t i = 0; i < count && status == SP_OK; i++) {
        sp_problem_take(&item[i]->problem, lower + i * rows, error + i * rows, constant + i * rows);
    }
    free(lower);
    return status;
}

/* One time limit for all: that of the first item to run out. */
static double deadline_of(sp_item **item, size_t count) {
    double deadline = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double own = item[i]->problem.deadline;
        deadline = own > 0.0 && (deadline == 0.0 || own < deadline) ? own : deadline;
    }
    return deadline;
}

/* A clip's part of the seconds of a batch, as the square of its frames: every step is walked back
 * through all before it. */
static void share_seconds(sp_item **item, size_t count, double boxes, double rows) {
    double all = 0.0;
    for (size_t i = 0; i < count; i++) {
        all += (double)item[i]->front.frames * (double)item[i]->front.frames;
    }
    for (size_t i = 0; i < count; i++) {
        const double frames = (double)item[i]->front.frames, share = frames * frames / all;
        item[i]->problem.verdict->boxes_seconds += share * boxes;
        item[i]->problem.verdict->rows_seconds += share * rows;
    }
}

static sp_status bound_together(sp_error *err, const sp_batch *batch, sp_item **item,
                                size_t count) {
    sp_bounds_options options = *batch->pass;
    sp_bounds *bounds = NULL;
    const sp_front_bound **front = malloc(count * sizeof *front);
    if (front == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", count);
    }
    for (size_t i = 0; i < count; i++) {
        front[i] = &item[i]->front;
    }
    options.deadline = deadline_of(item, count);
    const double start = sp_clock_wall();
    sp_status status =
        sp_bounds_create_batch(err, &bounds, batch->system->net, front, count, &options);
    const double boxed = sp_clock_wall();
    if (status == SP_OK) {
        status = rows_of(err, bounds, item, count);
    }
    share_seconds(item, count, boxed - start, sp_clock_wall() - boxed);
    sp_bounds_destroy(bounds);
    free(front);
    return status;
}

/* What does not fit, or ran out of the time of one of them, is tried in halves. */
static void pass_together(const sp_batch *batch, sp_item **item, size_t count) {
    sp_error err = {0};
    const sp_status status = bound_together(&err, batch, item, count);
    if (status == SP_OK) {
        return;
    }
    if (count > 1 && (status == SP_E_MEMORY || status == SP_E_TIMEOUT)) {
        pass_together(batch, item, count / 2);
        pass_together(batch, item + count / 2, count - count / 2);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        fail(item[i], status, &err);
    }
}

/* The longest first, as batches have it. */
static int by_frames(const void *a, const void *b) {
    const sp_item *x = *(sp_item *const *)a, *y = *(sp_item *const *)b;
    const size_t n = x->front.frames, m = y->front.frames;
    return n != m ? (n > m ? -1 : 1) : (x < y ? -1 : x > y);
}

/* Rounds behind the last pass (remaining.c) go clip by clip. */
static size_t room_for(const sp_batch *batch, const sp_item *item) {
    const sp_method *method = batch->system->method;
    const bool rounds = method->rounds > 0 && batch->pass == &method->pass[method->passes - 1];
    return rounds ? 1 : sp_bounds_room(batch->system->net, &item->front, batch->pass);
}

static void run_pass(sp_batch *batch, sp_item **list, size_t count) {
    qsort(list, count, sizeof(sp_item *), by_frames);
    size_t alone = 0; /* list[0, alone): to be run one by one */
    for (size_t first = 0; first < count;) {
        const size_t room = room_for(batch, list[first]), left = count - first;
        const size_t taken = room < left ? room : left;
        if (room == 1) {
            list[alone++] = list[first];
        } else {
            pass_together(batch, list + first, taken);
        }
        first += taken;
    }
    batch->pending = list;
    sp_pool_run(alone, 0, pass_item, batch);
}

static void certify_one(void *context, size_t index) {
    const sp_batch *batch = context;
    const sp_work *work = batch->item[index].work;
    const sp_status status = sp_certify(NULL, work->verdict, batch->system, work->clip,
                                        work->budget, work->label, batch->timeout);
    (void)status; // the verdict tells
}

sp_status sp_certify_all(sp_error *err, const sp_system *system, const sp_work *work, size_t count,
                         double timeout) {
    const sp_method *method = system->method;
    sp_item *items = calloc(count > 0 ? count : 1, sizeof *items);
    sp_item **list = calloc(count > 0 ? count : 1, sizeof(sp_item *));
    sp_batch batch = {system, timeout, items, NULL, NULL};
    if (!items || !list) {
        free(items);
        free(list);
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", count);
    }
    for (size_t i = 0; i < count; i++) {
        items[i].work = &work[i];
    }
    if (!sp_bounds_together()) {
        sp_pool_run(count, 0, certify_one, &batch);
    } else {
        sp_pool_run(count, 0, open_item, &batch);
        for (size_t p = 0; p < method->passes; p++) {
            size_t pending = 0;
            for (size_t i = 0; i < count; i++) {
                if (items[i].open && sp_problem_wants(&items[i].problem, p)) {
                    list[pending++] = &items[i];
                }
            }
            batch.pass = &method->pass[p];
            run_pass(&batch, list, pending);
        }
        sp_pool_run(count, 0, close_item, &batch);
    }
    free(items);
    free(list);
    return SP_OK;
}
