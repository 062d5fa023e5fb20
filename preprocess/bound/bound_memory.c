/* What every bound of features begins with: whether clip and noise fit, and the memory,
 * of all frames or of a window of them. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

sp_status sp_front_check(sp_error *err, const sp_front_forms *forms, const double *samples,
                         size_t n, const sp_noise *noise) {
    if (noise->n != n) {
        return sp_fail(err, SP_E_MISMATCH, "the noise set has %zu samples, the clip %zu", noise->n,
                       n);
    }
    if (sp_forms_frames(forms, n) == 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu samples, with padding %zu; one frame needs %zu", n,
                       sp_forms_padded(forms, n), forms->span);
    }
    for (size_t i = 0; i < n; i++) {
        if (!(noise->radius[i] >= 0.0 && fabs(samples[i]) + noise->radius[i] <= SP_FRONT_LOUDEST)) {
            return sp_fail(err, SP_E_NONFINITE,
                           "sample %zu is %g with radius %g: too large for the front end's bounds",
                           i, samples[i], noise->radius[i]);
        }
    }
    return SP_OK;
}

/* The arrays of a bound that have `width` doubles per frame. */
typedef struct frame_array {
    double **at;
    size_t width;
} frame_array;
enum { ARRAYS = 29 };

static void list_arrays(sp_front_bound *b, frame_array list[ARRAYS]) {
    const size_t M = b->bands, K = b->bins, energies = K > 0 ? M : 0;
    const size_t features = b->matrix != NULL ? b->features : 0;
    const size_t squares = b->tangents > 0 ? M : 0, frames = b->tangents > 0 ? 1 : 0;
    const frame_array all[ARRAYS] = {{&b->square, squares},
                                     {&b->energy, frames},
                                     {&b->tangent_w, b->tangents * M},
                                     {&b->tangent_c, b->tangents * M},
                                     {&b->clean_lo, squares},
                                     {&b->clean_hi, squares},
                                     {&b->slack, squares},
                                     {&b->form, b->forms * b->frame},
                                     {&b->form_max, b->forms},
                                     {&b->lo_w, M},
                                     {&b->lo_c, M},
                                     {&b->up_w, M},
                                     {&b->up_c, M},
                                     {&b->lo, M},
                                     {&b->hi, M},
                                     {&b->feature_lo, features},
                                     {&b->feature_hi, features},
                                     {&b->bin_max, K},
                                     {&b->square_lo_w, K},
                                     {&b->square_lo_c, K},
                                     {&b->square_up_w, K},
                                     {&b->square_up_c, K},
                                     {&b->square_max, K},
                                     {&b->log_lo_w, energies},
                                     {&b->log_lo_c, energies},
                                     {&b->log_up_w, energies},
                                     {&b->log_up_c, energies},
                                     {&b->energy_max, energies},
                                     {&b->radius, 0}};
    memcpy(list, all, sizeof all);
}

sp_status sp_front_bound_memory(sp_error *err, sp_front_bound *b) {
    frame_array list[ARRAYS];
    double need = (double)b->padded;
    size_t used = 0;
    list_arrays(b, list);
    for (size_t i = 0; i < ARRAYS; i++) {
        need += (double)b->frames * (double)list[i].width;
    }
    if (need < (double)(SIZE_MAX / 16 / sizeof(double))) {
        b->memory = malloc(((size_t)need + 1) * sizeof *b->memory);
    }
    if (b->memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds of %zu frames", b->frames);
    }
    for (size_t i = 0; i < ARRAYS; i++) {
        *list[i].at = b->memory + used;
        used += b->frames * list[i].width;
    }
    if (b->matrix == NULL) {
        b->feature_lo = b->lo;
        b->feature_hi = b->hi;
    }
    return SP_OK;
}

void sp_front_bound_clear(sp_front_bound *bound) {
    free(bound->memory);
    memset(bound, 0, sizeof *bound);
}

static bool all_zero(const double *x, size_t n) {
    bool zero = true;
    for (size_t i = 0; i < n && zero; i++) {
        zero = x[i] == 0.0;
    }
    return zero;
}

sp_status sp_front_bound_window(sp_error *err, sp_front_bound *window, const sp_front_bound *bound,
                                long first, size_t frames) {
    frame_array from[ARRAYS], to[ARRAYS];
    sp_front_bound source = *bound;
    const size_t blank = first >= 0 ? 0 : (size_t)-first < frames ? (size_t)-first : frames;
    memset(window, 0, sizeof *window);
    if (first + (long)frames > (long)bound->frames) {
        return sp_fail(err, SP_E_ARGUMENT, "frames %ld to %ld: there are %zu", first,
                       first + (long)frames - 1, bound->frames);
    }
    if (blank > 0 && bound->matrix != NULL && !all_zero(bound->matrix_bias, bound->features)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "features of zero are beyond this front end");
    }
    *window = *bound;
    window->memory = NULL;
    window->frames = frames;
    window->padded = (frames - 1) * bound->step + bound->frame;
    SP_TRY(sp_front_bound_memory(err, window));
    list_arrays(&source, from);
    list_arrays(window, to);
    for (size_t i = 0; i < ARRAYS; i++) {
        const size_t width = to[i].width, start = blank > 0 ? 0 : (size_t)first;
        memset(*to[i].at, 0, blank * width * sizeof(double));
        memcpy(*to[i].at + blank * width, *from[i].at + start * width,
               (frames - blank) * width * sizeof(double));
    }
    for (size_t i = 0; i < window->padded; i++) {
        const long at = first * (long)bound->step + (long)i;
        window->radius[i] = at >= 0 && at < (long)bound->padded ? bound->radius[at] : 0.0;
    }
    return SP_OK;
}
