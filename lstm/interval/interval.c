// Intervals alone (IBP): the boxes of every node, and of the output the bounds. [DiffAI], "Box".
#include <stdlib.h>

#include "lstm/boxes/boxes.h"

static const sp_boxes_refinement none = {.tighten = NULL};

static void destroy(void *self) {
    if (self != NULL) {
        sp_boxes_clear(self);
        free(self);
    }
}

static sp_status bound(sp_error *err, sp_boxes *boxes, const sp_bound_task *task) {
    SP_TRY(sp_boxes_shape(err, boxes, task, &none, false));
    SP_TRY(sp_boxes_take(err, boxes));
    return sp_boxes_bound(err, boxes);
}

static sp_status create(sp_error *err, void **self, const sp_bound_task *task,
                        const void *options) {
    sp_boxes *boxes = calloc(1, sizeof *boxes);
    (void)options;
    *self = NULL;
    if (boxes == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    const sp_status status = bound(err, boxes, task);
    if (status != SP_OK) {
        destroy(boxes);
        return status;
    }
    *self = boxes;
    return SP_OK;
}

static void answer(void *self, size_t frame, const double *goal) {
    ((sp_boxes *)self)->answer = frame;
    (void)goal;
}

static sp_status margins(sp_error *err, void *self, double *lower, double *error,
                         const double *weight, size_t rows) {
    const sp_boxes *boxes = self;
    SP_TRY(sp_boxes_check_objectives(err, weight, rows * boxes->net->classes));
    sp_boxes_know_nothing(lower, error, rows);
    return sp_boxes_raise(err, self, lower, weight, rows);
}

static void box(void *self, size_t node, size_t frame, int variable, const double **lo,
                const double **hi) {
    sp_boxes_box(self, node, frame, variable, lo, hi);
}

static size_t room(const sp_bound_task *task, const void *options) {
    (void)task;
    (void)options;
    return 1;
}

static size_t bytes(const sp_bound_task *task, const void *options, bool device) {
    sp_boxes boxes = {0};
    size_t need = SIZE_MAX;
    (void)options;
    if (!device && sp_boxes_shape(NULL, &boxes, task, &none, false) == SP_OK) {
        need = sp_boxes_total(sp_boxes_count(&boxes), task->clips);
    }
    sp_boxes_clear(&boxes);
    return need;
}

static void spent(void *self, double *flops, size_t *moved) {
    (void)self;
    *flops = 0.0;
    *moved = 0;
}

const sp_domain sp_domain_interval = {.name = "interval",
                                      .create = create,
                                      .answer = answer,
                                      .margins = margins,
                                      .box = box,
                                      .room = room,
                                      .bytes = bytes,
                                      .spent = spent,
                                      .destroy = destroy};
