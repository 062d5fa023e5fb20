/* Packs: clips of different lengths, step by step, without padding. */
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* Longest first; clips of one length stay in their order. */
static void sort(sp_train_packed_batch *batch, const size_t *steps) {
    for (size_t i = 0; i < batch->clips; i++) {
        size_t at = i;
        for (; at > 0 && steps[batch->which[at - 1]] < steps[i]; at--) {
            batch->which[at] = batch->which[at - 1];
        }
        batch->which[at] = i;
    }
}

static void number_rows(sp_train_packed_batch *batch, const size_t *steps) {
    size_t row = 0, count = batch->clips;
    for (size_t t = 0; t < batch->steps; t++) {
        while (steps[batch->which[count - 1]] <= t) {
            count--;
        }
        batch->count[t] = count;
        batch->first[t] = row;
        row += count;
    }
    for (size_t i = 0; i < batch->clips; i++) {
        batch->last[i] = batch->first[steps[batch->which[i]] - 1] + i;
    }
}

sp_status sp_train_packed_batch_create(sp_error *err, sp_train_packed_batch *batch,
                                       const size_t *steps, const size_t *label, size_t clips,
                                       size_t width) {
    *batch = (sp_train_packed_batch){.clips = clips, .width = width};
    for (size_t i = 0; i < clips; i++) {
        batch->steps = steps[i] > batch->steps ? steps[i] : batch->steps;
        batch->rows += steps[i];
    }
    size_t *numbers = calloc(2 * batch->steps + 3 * clips + 1, sizeof *numbers);
    batch->count = numbers;
    batch->x = calloc(batch->rows * width + 1, sizeof *batch->x);
    if (!numbers || !batch->x) {
        sp_train_packed_batch_clear(batch);
        return sp_fail(err, SP_E_MEMORY, "no memory for a batch of %zu clips", clips);
    }
    batch->first = batch->count + batch->steps;
    batch->last = batch->first + batch->steps;
    batch->label = batch->last + clips;
    batch->which = batch->label + clips;
    sort(batch, steps);
    number_rows(batch, steps);
    for (size_t i = 0; i < clips; i++) {
        batch->label[i] = label[batch->which[i]];
    }
    return SP_OK;
}

void sp_train_packed_batch_clear(sp_train_packed_batch *batch) {
    free(batch->count);
    free(batch->x);
    *batch = (sp_train_packed_batch){0};
}

void sp_train_packed_batch_before(double *before, const sp_train_packed_batch *batch,
                                  const double *h, size_t width) {
    for (size_t t = 1; t < batch->steps; t++) {
        const size_t n = batch->count[t] * width;
        memcpy(before, h + batch->first[t - 1] * width, n * sizeof *h);
        before += n;
    }
}

void sp_train_packed_batch_last(double *last, const sp_train_packed_batch *batch, const double *h,
                                size_t width) {
    for (size_t i = 0; i < batch->clips; i++) {
        memcpy(last + i * width, h + batch->last[i] * width, width * sizeof *h);
    }
}

void sp_train_packed_batch_spread(double *h, const sp_train_packed_batch *batch, const double *last,
                                  size_t width) {
    memset(h, 0, batch->rows * width * sizeof *h);
    for (size_t i = 0; i < batch->clips; i++) {
        memcpy(h + batch->last[i] * width, last + i * width, width * sizeof *h);
    }
}
