/* Packs: clips of different lengths, step by step, without padding. */
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* Longest first; clips of one length stay in their order. */
static void sort(sp_pack *pack, const size_t *steps) {
    for (size_t i = 0; i < pack->clips; i++) {
        size_t at = i;
        for (; at > 0 && steps[pack->which[at - 1]] < steps[i]; at--) {
            pack->which[at] = pack->which[at - 1];
        }
        pack->which[at] = i;
    }
}

static void number_rows(sp_pack *pack, const size_t *steps) {
    size_t row = 0, count = pack->clips;
    for (size_t t = 0; t < pack->steps; t++) {
        while (steps[pack->which[count - 1]] <= t) {
            count--;
        }
        pack->count[t] = count;
        pack->first[t] = row;
        row += count;
    }
    for (size_t i = 0; i < pack->clips; i++) {
        pack->last[i] = pack->first[steps[pack->which[i]] - 1] + i;
    }
}

sp_status sp_pack_create(sp_error *err, sp_pack *pack, const size_t *steps, const size_t *label,
                         size_t clips, size_t width) {
    *pack = (sp_pack){.clips = clips, .width = width};
    for (size_t i = 0; i < clips; i++) {
        pack->steps = steps[i] > pack->steps ? steps[i] : pack->steps;
        pack->rows += steps[i];
    }
    size_t *numbers = calloc(2 * pack->steps + 3 * clips + 1, sizeof *numbers);
    pack->count = numbers;
    pack->x = calloc(pack->rows * width + 1, sizeof *pack->x);
    if (!numbers || !pack->x) {
        sp_pack_clear(pack);
        return sp_fail(err, SP_E_MEMORY, "no memory for a batch of %zu clips", clips);
    }
    pack->first = pack->count + pack->steps;
    pack->last = pack->first + pack->steps;
    pack->label = pack->last + clips;
    pack->which = pack->label + clips;
    sort(pack, steps);
    number_rows(pack, steps);
    for (size_t i = 0; i < clips; i++) {
        pack->label[i] = label[pack->which[i]];
    }
    return SP_OK;
}

void sp_pack_clear(sp_pack *pack) {
    free(pack->count);
    free(pack->x);
    *pack = (sp_pack){0};
}

void sp_pack_before(double *before, const sp_pack *pack, const double *h, size_t width) {
    for (size_t t = 1; t < pack->steps; t++) {
        const size_t n = pack->count[t] * width;
        memcpy(before, h + pack->first[t - 1] * width, n * sizeof *h);
        before += n;
    }
}

void sp_pack_last(double *last, const sp_pack *pack, const double *h, size_t width) {
    for (size_t i = 0; i < pack->clips; i++) {
        memcpy(last + i * width, h + pack->last[i] * width, width * sizeof *h);
    }
}

void sp_pack_spread(double *h, const sp_pack *pack, const double *last, size_t width) {
    memset(h, 0, pack->rows * width * sizeof *h);
    for (size_t i = 0; i < pack->clips; i++) {
        memcpy(h + pack->last[i] * width, last + i * width, width * sizeof *h);
    }
}
