/* The passes of a method, cheapest first: each over what the earlier ones left unproved. On a
 * device as many clips together as its memory holds. Every clip takes the memory of the longest one
 * that it is bounded with, so clips are sorted by their frames and cut where the memory is full:
 * wherever memory is what limits a batch, its clips are of similar length. */
#include "certify/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

/* ---- objectives ---- */

sp_status sp_objectives_init(sp_error *err, sp_objectives *o, size_t rows, size_t classes,
                             bool frames) {
    *o = (sp_objectives){.rows = rows};
    o->memory = calloc(rows > 0 ? rows * (classes + 4) : 1, sizeof *o->memory);
    o->frame = frames ? calloc(rows + 1, sizeof *o->frame) : NULL;
    if (!o->memory || (frames && !o->frame)) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu labels", rows);
    }
    o->weight = o->memory;
    o->constant = o->weight + rows * classes;
    o->clean = o->constant + rows;
    o->proved = o->clean + rows;
    o->term = o->proved + rows;
    for (size_t r = 0; r < rows; r++) {
        o->proved[r] = o->term[r] = NAN;
    }
    return SP_OK;
}

void sp_objectives_clear(sp_objectives *o) {
    free(o->memory);
    free(o->frame);
    *o = (sp_objectives){0};
}

sp_status sp_objectives_take(sp_error *err, sp_objectives *o, size_t r, double lower,
                             double error) {
    const double bound = o->constant[r] != 0.0 ? sp_below(lower + o->constant[r]) : lower;
    if (bound > o->clean[r] + error) { // the clip's own rounding is below the error term
        return sp_fail(err, SP_E_CONTRADICTION,
                       "internal contradiction: a margin of %.4g was proved where the clip itself "
                       "has %.4g. No verdict is given; please report this model and clip",
                       bound, o->clean[r]);
    }
    if (!(o->proved[r] >= bound)) { // the first pass meets NaN
        o->proved[r] = bound;
    }
    o->error = o->error >= error ? o->error : error;
    return SP_OK;
}

/* ---- one pass ---- */

typedef struct sp_schedule {
    const sp_method *method;
    const sp_net *net;
    size_t pass;             /* the one at hand */
    sp_objectives **pending; /* what it bounds clip by clip */
} sp_schedule;

static bool is_last(const sp_schedule *s) {
    return s->pass + 1 == s->method->passes;
}

/* Whether the pass at hand is to be tried: something is left to prove, and by little enough. */
static bool wants(const sp_schedule *s, const sp_objectives *o) {
    const double hopeless = s->method->pass[s->pass].hopeless;
    bool proved = true, lost = false;
    for (size_t r = 0; r < o->rows; r++) {
        proved = proved && o->proved[r] > 0.0; // NaN fails
        lost = lost || o->proved[r] < hopeless;
    }
    return o->status == SP_OK && !o->settled &&
           (s->pass == 0 || !(proved || (hopeless < 0.0 && lost)));
}

enum { MOST_LINES = 256 };

/* The lines below the rows, and a spare one: slopes of `padded` samples each. */
static sp_halfspace *make_lines(size_t rows, size_t padded) {
    sp_halfspace *line = calloc(rows + 1, sizeof *line + padded * sizeof(double));
    for (size_t r = 0; line && r <= rows; r++) {
        line[r].slope = (double *)(line + rows + 1) + r * padded;
    }
    return line;
}

/* Products that are proved when the constants are added, whatever that rounds. What float32 takes
 * from them is known behind the bounds only: then there are no goals. */
void sp_objectives_goals(double *goal, const sp_objectives *o) {
    for (size_t r = 0; r < o->rows; r++) {
        goal[r] = -o->constant[r] + 0x1p-40 * fabs(o->constant[r]);
    }
}

static sp_status bound_all(sp_error *err, const sp_schedule *s, sp_objectives *o,
                           sp_halfspace *line) {
    double *lower = malloc((o->rows > 0 ? o->rows : 1) * 4 * sizeof *lower);
    sp_margins margins = {.net = s->net,
                          .front = &o->front,
                          .clips = 1,
                          .rows = o->rows,
                          .weight = o->weight,
                          .frame = o->frame,
                          .pass = &s->method->pass[s->pass],
                          .goal = o->float32 ? NULL : lower + 3 * o->rows,
                          .deadline = o->deadline,
                          .lower = lower,
                          .error = lower + o->rows,
                          .line = line,
                          .keep = o->keep,
                          .constant = o->constant,
                          .program = o->program,
                          .term = lower + 2 * o->rows,
                          .float32 = o->float32};
    if (lower) {
        sp_objectives_goals(lower + 3 * o->rows, o);
    }
    sp_status status = lower ? sp_margins_bound(err, &margins)
                             : sp_fail(err, SP_E_MEMORY, "out of memory for %zu labels", o->rows);
    o->boxes_seconds += margins.boxes_seconds;
    o->rows_seconds += margins.rows_seconds;
    for (size_t r = 0; r < o->rows && status == SP_OK; r++) {
        status = sp_objectives_take(err, o, r, lower[r], margins.error[r]);
        if (o->program != NULL && !(margins.term[r] >= o->term[r])) {
            o->term[r] = margins.term[r];
        }
    }
    free(lower);
    return status;
}

/* Row `from` of some objectives as row `to` of others, with what is known of it. */
static void copy_row(sp_objectives *to, size_t t, const sp_objectives *from, size_t f,
                     size_t classes) {
    memcpy(to->weight + t * classes, from->weight + f * classes, classes * sizeof *to->weight);
    to->frame[t] = from->frame[f];
    to->constant[t] = from->constant[f];
    to->clean[t] = from->clean[f];
    to->proved[t] = from->proved[f];
    to->term[t] = from->term[f];
}

/* Of many decisions those that are not proved yet. line: [rows] of all */
static sp_status bound_open(sp_error *err, const sp_schedule *s, sp_objectives *o,
                            sp_halfspace *line) {
    const size_t classes = s->net->classes;
    sp_objectives open;
    size_t count = 0;
    sp_status status = sp_objectives_init(err, &open, o->rows, classes, true);
    for (size_t r = 0; status == SP_OK && r < o->rows; r++) {
        if (!(o->proved[r] > 0.0)) {
            if (line) {
                line[count] = line[r];
            }
            copy_row(&open, count++, o, r, classes);
        }
    }
    if (status == SP_OK) {
        open.rows = count;
        open.front = o->front;
        open.program = o->program;
        open.float32 = o->float32;
        open.deadline = o->deadline;
        open.error = o->error;
        status = bound_all(err, s, &open, line);
        o->boxes_seconds += open.boxes_seconds;
        o->rows_seconds += open.rows_seconds;
        o->error = open.error;
    }
    for (size_t r = o->rows; status == SP_OK && r-- > 0;) {
        if (!(o->proved[r] > 0.0)) {
            count--;
            o->proved[r] = open.proved[count];
            o->term[r] = open.term[count];
            if (line) {
                line[r] = line[count];
            }
        }
    }
    sp_objectives_clear(&open);
    return status;
}

static sp_status bound_one(sp_error *err, const sp_schedule *s, sp_objectives *o,
                           sp_halfspace *line) {
    return o->frame ? bound_open(err, s, o, line) : bound_all(err, s, o, line);
}

/* Refinements are of the last pass, where the engine knows lines and halfspaces. */
static bool refines(const sp_schedule *s, const sp_front_bound *front) {
    return s->method->refinements > 0 && is_last(s) && sp_front_noise_set(front)->box;
}

/* The pass at hand, with its refinement. */
static void pass_one(const sp_schedule *s, sp_objectives *o) {
    const sp_front_bound *front = o->front;
    // lines of thousands of rows would take more memory than there is
    const bool refined =
        refines(s, front) && front->joint && front->forms > 0 && o->rows <= MOST_LINES;
    sp_halfspace *line = refined ? make_lines(o->rows, front->padded) : NULL;
    o->status = refined && !line ? sp_fail(&o->err, SP_E_MEMORY, "out of memory for lines")
                                 : bound_one(&o->err, s, o, line);
    if (o->status == SP_OK && refined) {
        o->status = sp_schedule_refine(&o->err, s->method, s->net, o, line);
    }
    if (o->status == SP_OK && s->method->pieces > 1 && is_last(s) && o->program == NULL &&
        sp_front_noise_set(front)->box) {
        o->status = sp_schedule_pieces(&o->err, s->method, s->net, o);
    }
    free(line);
}

static void pass_pending(void *context, size_t index) {
    const sp_schedule *s = context;
    pass_one(s, s->pending[index]);
}

/* ---- several clips at once ---- */

/* One time limit for all: that of the first clip to run out. */
static double deadline_of(sp_objectives *const *list, size_t count) {
    double deadline = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double own = list[i]->deadline;
        deadline = own > 0.0 && (deadline == 0.0 || own < deadline) ? own : deadline;
    }
    return deadline;
}

/* A clip's part of the seconds of a batch, as the square of its frames: every step is walked back
 * through all before it. */
static void share_seconds(sp_objectives *const *list, size_t count, const sp_margins *margins) {
    double all = 0.0;
    for (size_t i = 0; i < count; i++) {
        all += (double)list[i]->front->frames * (double)list[i]->front->frames;
    }
    for (size_t i = 0; i < count; i++) {
        const double frames = (double)list[i]->front->frames, share = frames * frames / all;
        list[i]->boxes_seconds += share * margins->boxes_seconds;
        list[i]->rows_seconds += share * margins->rows_seconds;
    }
}

static sp_status bound_together(sp_error *err, const sp_schedule *s, sp_objectives *const *list,
                                size_t count) {
    const size_t rows = list[0]->rows, classes = s->net->classes;
    const sp_front_bound **front = malloc(count * sizeof *front);
    double *memory = malloc((rows > 0 ? rows : 1) * count * (2 + classes) * sizeof *memory);
    if (!front || !memory) {
        free(front);
        free(memory);
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", count);
    }
    double *lower = memory, *error = lower + count * rows, *weight = error + count * rows;
    for (size_t i = 0; i < count; i++) {
        front[i] = list[i]->front;
        memcpy(weight + i * rows * classes, list[i]->weight, rows * classes * sizeof *weight);
    }
    sp_margins margins = {.net = s->net,
                          .front = front,
                          .clips = count,
                          .rows = rows,
                          .weight = weight,
                          .pass = &s->method->pass[s->pass],
                          .deadline = deadline_of(list, count),
                          .lower = lower,
                          .error = error};
    const sp_status status = sp_margins_bound(err, &margins);
    share_seconds(list, count, &margins);
    for (size_t i = 0; i < count * rows && status == SP_OK; i++) {
        sp_objectives *o = list[i / rows];
        if (o->status == SP_OK) {
            o->status = sp_objectives_take(&o->err, o, i % rows, lower[i], error[i]);
        }
    }
    free(front);
    free(memory);
    return status;
}

/* What does not fit, or ran out of the time of one of them, is tried in halves. */
static void pass_together(const sp_schedule *s, sp_objectives *const *list, size_t count) {
    sp_error err = {0};
    const sp_status status = bound_together(&err, s, list, count);
    if (status == SP_OK) {
        return;
    }
    if (count > 1 && (status == SP_E_MEMORY || status == SP_E_TIMEOUT)) {
        pass_together(s, list, count / 2);
        pass_together(s, list + count / 2, count - count / 2);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        list[i]->status = status;
        list[i]->err = err;
    }
}

/* The longest first, as batches have it; clips of one length as they stand in memory. */
static int by_frames(const void *a, const void *b) {
    const sp_objectives *x = *(sp_objectives *const *)a, *y = *(sp_objectives *const *)b;
    const size_t n = x->front->frames, m = y->front->frames;
    return n != m ? (n > m ? -1 : 1) : (x < y ? -1 : x > y);
}

/* A refinement goes clip by clip. */
static size_t room_for(const sp_schedule *s, const sp_objectives *o) {
    return refines(s, o->front) || o->program != NULL || o->frame != NULL
               ? 1
               : sp_margins_room(s->net, o->front, &s->method->pass[s->pass]);
}

static void run_pass(sp_schedule *s, size_t count) {
    sp_objectives **list = s->pending;
    qsort(list, count, sizeof(sp_objectives *), by_frames);
    size_t alone = 0; /* list[0, alone): to be bounded clip by clip */
    for (size_t first = 0; first < count;) {
        const size_t room = room_for(s, list[first]), left = count - first;
        const size_t taken = room < left ? room : left;
        if (room == 1) {
            list[alone++] = list[first];
        } else {
            pass_together(s, list + first, taken);
        }
        first += taken;
    }
    sp_pool_run(alone, 0, pass_pending, s);
}

void sp_schedule_run(const sp_method *method, const sp_net *net, sp_objectives *const *list,
                     size_t count) {
    sp_objectives *only = NULL;
    sp_schedule s = {method, net, 0, count == 1 ? &only : malloc((count + 1) * sizeof(list[0]))};
    for (size_t i = 0; !s.pending && i < count; i++) {
        list[i]->status = sp_fail(&list[i]->err, SP_E_MEMORY, "out of memory for %zu clips", count);
    }
    for (; s.pending && s.pass < method->passes; s.pass++) {
        size_t pending = 0;
        for (size_t i = 0; i < count; i++) {
            if (wants(&s, list[i])) {
                s.pending[pending++] = list[i];
            }
        }
        run_pass(&s, pending);
    }
    if (s.pending != &only) {
        free(s.pending);
    }
}
