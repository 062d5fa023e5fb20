// Branch and bound: a final row that misses its goal is bounded on two parts of the noises, each
// with its own boxes, and these on two parts, until all of them reach the goal. A part keeps the
// boxes and relaxations of the whole before the step at which it was cut. Its bound is one on the
// part; the least of them one on the whole. Source: docs/theory/halfspaces.md 6.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lstm/backsub/impl.h"

typedef struct sp_branching {
    sp_backsub *self;
    const double *weight;
    double goal, error;
    size_t made;           /* parts so far */
    size_t tried, settled; /* bounded; of them at the goal */
    double share;          /* of the whole that is settled, every cut counting as a half */
} sp_branching;

/* What a part overwrites: the numbers of the clip. */
static char *numbers_of(const sp_boxes *boxes) {
    return boxes->numbers.block + boxes->clip_at;
}

/* Again the boxes of a node from state t on, and those behind it: of frames from t on where these
 * nodes have as many, else all. The others hold on every part. */
static sp_status bound_from(sp_error *err, sp_boxes *boxes, size_t node, size_t t) {
    for (size_t i = node; i < boxes->net->nodes; i++) {
        const size_t frames = sp_boxes_frames(boxes, 0, i);
        for (size_t k = frames == sp_boxes_frames(boxes, 0, node) ? t : 0; k < frames; k++) {
            if (sp_clock_passed(boxes->deadline)) {
                return sp_fail(err, SP_E_TIMEOUT, "time limit reached in a part of the noises");
            }
            SP_TRY(sp_boxes_bound_frame(err, boxes, i, k));
        }
    }
    return SP_OK;
}

static sp_status bound_row(sp_error *err, sp_branching *b, double *lower) {
    sp_backsub *self = b->self;
    double error = 0.0;
    sp_backsub_start start = sp_backsub_final_rows(self, (sp_boxes_array){(double *)b->weight});
    start.goal = &b->goal;
    sp_backsub_lower_rows(self, (sp_boxes_array){lower}, (sp_boxes_array){&error}, &start, 1,
                          self->options.row_iterations, self->options.stop_positive);
    if (sp_clock_passed(self->boxes.deadline)) {
        return sp_fail(err, SP_E_TIMEOUT, "time limit reached in a part of the noises");
    }
    b->error = b->error >= error ? b->error : error;
    return SP_OK;
}

/* Whether the parts that are settled so far say that there will be far too many. */
static bool hopeless(const sp_branching *b) {
    enum { FIRST = 24, FAR = 16 };
    return b->tried >= FIRST &&
           !(b->share * (double)(FAR * b->self->options.parts) >= (double)b->settled &&
             b->settled > 0);
}

static sp_status cut_part(sp_error *err, sp_branching *b, double *lower);

/* One side of the split that was put on the part. lower: what is known of the whole. */
static sp_status bound_side(sp_error *err, sp_branching *b, double *lower) {
    sp_backsub *self = b->self;
    const sp_backsub_split *split = &self->part.split[self->part.splits - 1];
    double own = -INFINITY;
    SP_TRY(bound_from(err, &self->boxes, split->node, split->t));
    SP_TRY(bound_row(err, b, &own));
    b->tried++;
    *lower = own > *lower ? own : *lower;
    if (*lower > b->goal) {
        b->settled++;
        b->share += ldexp(1.0, -(int)self->part.splits);
        return SP_OK;
    }
    return cut_part(err, b, lower);
}

/* Both sides; lower becomes the worse of them where that is more. A side that misses the goal ends
 * it: of the other one nothing more is known than of both. */
static sp_status bound_sides(sp_error *err, sp_branching *b, const sp_backsub_split *split,
                             sp_halfspace *half, char *saved, double *lower) {
    sp_backsub *self = b->self;
    sp_backsub_part *part = &self->part;
    double least = INFINITY;
    int side = 0;
    sp_arena_copy(saved, numbers_of(&self->boxes), self->boxes.clip_bytes);
    for (; side < 2 && (side == 0 || least > b->goal); side++) {
        double own = *lower;
        part->split[part->splits] = *split;
        part->split[part->splits++].above = side == 1;
        part->half[part->halves++] = &half[side];
        const sp_status status = bound_side(err, b, &own);
        part->splits--;
        part->halves--;
        sp_arena_copy(numbers_of(&self->boxes), saved, self->boxes.clip_bytes);
        SP_TRY(status);
        least = own < least ? own : least;
    }
    *lower = side == 2 && least > *lower ? least : *lower;
    return SP_OK;
}

/* Cuts the part at hand, whose boxes are in place. */
static sp_status cut_part(sp_error *err, sp_branching *b, double *lower) {
    sp_backsub *self = b->self;
    const size_t n = self->boxes.front->padded;
    sp_backsub_split split = {0};
    bool found = false;
    if (self->part.splits == SP_BACKSUB_MOST_SPLITS || b->made >= self->options.parts ||
        hopeless(b)) {
        return SP_OK;
    }
    SP_TRY(sp_backsub_choose_split(err, self, b->weight, &split, &found));
    if (!found) {
        return SP_OK;
    }
    b->made++;
    char *saved = malloc(self->boxes.clip_bytes + 2 * n * sizeof(double) + 64);
    if (saved == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the parts of the noises");
    }
    double *slope = (double *)(saved + (self->boxes.clip_bytes + 63) / 64 * 64);
    memset(slope, 0, 2 * n * sizeof *slope);
    sp_halfspace half[2] = {{slope, 0.0}, {slope + n, 0.0}};
    sp_backsub_split_halves(self, &split, half);
    const sp_status status = bound_sides(err, b, &split, half, saved, lower);
    free(saved);
    return status;
}

sp_status sp_backsub_branch(sp_error *err, sp_backsub *self, double *lower, double *error,
                            const double *weight, double goal) {
    sp_branching b = {.self = self, .weight = weight, .goal = goal, .made = 1};
    const sp_status status = cut_part(err, &b, lower);
    if (error != NULL && b.error > *error) {
        *error = b.error;
    }
    return status;
}
