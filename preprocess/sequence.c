/* Deltas, neighbouring frames and means of the clip: linear maps of the features of all frames, one
 * step after the other, and their adjoints. */
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

size_t sp_sequence_width(const sp_description *d, size_t steps, size_t width) {
    for (size_t i = 0; i < steps; i++) {
        width *= d->step_of[i].kind == SP_SEQUENCE_FILTERS ? d->step_of[i].filters : 1;
    }
    return width;
}

size_t sp_sequence_least(const sp_description *d) {
    size_t least = 1;
    for (size_t i = 0; i < d->steps; i++) {
        for (size_t k = 0; k < d->step_of[i].filters; k++) {
            const size_t needed = 2 * d->step_of[i].filter[k].hold + 1;
            least = needed > least ? needed : least;
        }
    }
    return least;
}

/* The frame that tap k of frame t reads; false: zeros. */
static bool reads(size_t *frame, const sp_filter *f, size_t frames, size_t t, size_t k) {
    const size_t last = frames - 1 - f->hold;
    const size_t middle = t < f->hold ? f->hold : t > last ? last : t;
    const size_t at = middle + k;
    const bool inside = at >= f->before && at - f->before < frames;
    *frame = inside ? at - f->before : at < f->before ? 0 : frames - 1;
    return inside || f->repeats;
}

/* Where the numbers that a filter reads stand in the block of a frame: the step's input, or an
 * earlier filter's output. */
typedef struct place {
    double *at;
    size_t ld;
} place;

static place place_of(const sp_filter *f, double *from, double *to, size_t width, size_t ld) {
    return f->of == 0 ? (place){from, width} : (place){to + (f->of - 1) * width, ld};
}

static void run_filter(const sp_filter *f, double *to, size_t ld, place from, size_t frames,
                       size_t width) {
    for (size_t t = 0; t < frames; t++) {
        double *y = to + t * ld;
        memset(y, 0, width * sizeof *y);
        for (size_t k = 0; k < f->taps; k++) {
            size_t frame = 0;
            for (size_t i = 0; reads(&frame, f, frames, t, k) && i < width; i++) {
                y[i] += f->tap[k] * from.at[frame * from.ld + i];
            }
        }
    }
}

static void back_filter(const sp_filter *f, const double *to, size_t ld, place from, size_t frames,
                        size_t width) {
    for (size_t t = 0; t < frames; t++) {
        for (size_t k = 0; k < f->taps; k++) {
            size_t frame = 0;
            for (size_t i = 0; reads(&frame, f, frames, t, k) && i < width; i++) {
                from.at[frame * from.ld + i] += f->tap[k] * to[t * ld + i];
            }
        }
    }
}

/* Subtracts the mean of every column; it is its own adjoint. */
static void centre(double *x, size_t frames, size_t width) {
    for (size_t i = 0; i < width; i++) {
        double sum = 0.0;
        for (size_t t = 0; t < frames; t++) {
            sum += x[t * width + i];
        }
        for (size_t t = 0; t < frames; t++) {
            x[t * width + i] -= sum / (double)frames;
        }
    }
}

static void run_step(double *to, const sp_sequence_step *step, double *from, size_t frames,
                     size_t width) {
    const size_t ld = step->filters * width;
    for (size_t k = 0; k < step->filters; k++) {
        run_filter(&step->filter[k], to + k * width, ld,
                   place_of(&step->filter[k], from, to, width, ld), frames, width);
    }
    if (step->kind == SP_SEQUENCE_FILTERS) {
        return;
    }
    for (size_t i = 0; i < frames * width; i++) {
        to[i] = step->kind == SP_SEQUENCE_AFFINE
                    ? step->scale[i % width] * from[i] + step->shift[i % width]
                    : from[i];
    }
    if (step->kind == SP_SEQUENCE_CENTRED) {
        centre(to, frames, width);
    }
}

/* `to` is overwritten where one filter reads another. */
static void back_step(double *from, const sp_sequence_step *step, double *to, size_t frames,
                      size_t width) {
    const size_t ld = step->filters * width;
    memset(from, 0, frames * width * sizeof *from);
    for (size_t k = step->filters; k-- > 0;) {
        back_filter(&step->filter[k], to + k * width, ld,
                    place_of(&step->filter[k], from, to, width, ld), frames, width);
    }
    for (size_t i = 0; step->kind != SP_SEQUENCE_FILTERS && i < frames * width; i++) {
        from[i] = step->kind == SP_SEQUENCE_AFFINE ? step->scale[i % width] * to[i] : to[i];
    }
    if (step->kind == SP_SEQUENCE_CENTRED) {
        centre(from, frames, width);
    }
}

/* The widest row on the way. */
static size_t widest(const sp_description *d, size_t width) {
    size_t most = width;
    for (size_t i = 1; i <= d->steps; i++) {
        const size_t here = sp_sequence_width(d, i, width);
        most = here > most ? here : most;
    }
    return most;
}

sp_status sp_sequence_run(sp_error *err, double *to, const sp_description *d, const double *from,
                          size_t frames, size_t width) {
    const size_t room = frames * widest(d, width);
    double *memory = malloc(2 * room * sizeof *memory);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu frames", frames);
    }
    double *here = memory, *next = memory + room;
    memcpy(here, from, frames * width * sizeof *here);
    for (size_t i = 0; i < d->steps; i++) {
        run_step(next, &d->step_of[i], here, frames, sp_sequence_width(d, i, width));
        double *swap = here;
        here = next;
        next = swap;
    }
    memcpy(to, here, frames * sp_sequence_width(d, d->steps, width) * sizeof *to);
    free(memory);
    return SP_OK;
}

sp_status sp_sequence_back(sp_error *err, double *from, const sp_description *d, const double *to,
                           size_t frames, size_t width, size_t rows) {
    const size_t room = frames * widest(d, width);
    const size_t out = frames * sp_sequence_width(d, d->steps, width);
    double *memory = malloc(2 * room * sizeof *memory);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu frames", frames);
    }
    for (size_t r = 0; r < rows; r++) {
        double *here = memory, *next = memory + room;
        memcpy(here, to + r * out, out * sizeof *here);
        for (size_t i = d->steps; i-- > 0;) {
            back_step(next, &d->step_of[i], here, frames, sp_sequence_width(d, i, width));
            double *swap = here;
            here = next;
            next = swap;
        }
        memcpy(from + r * frames * width, here, frames * width * sizeof *from);
    }
    free(memory);
    return SP_OK;
}
