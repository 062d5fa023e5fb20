/* Bounds of all features of a clip: memory, checks, and the frames in parallel. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "relax/front_impl.h"

#define WORKERS 64 /* each takes every 64th frame: results do not depend on the number of threads */

sp_status sp_front_check(sp_error *err, const sp_front_forms *forms, const double *samples,
                         size_t n, const sp_noise *noise) {
    if (noise->n != n) {
        return sp_fail(err, SP_E_MISMATCH, "the noise set has %zu samples, the clip %zu", noise->n,
                       n);
    }
    if (sp_front_frames(forms->front, n) == 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip has %zu samples, with padding %zu; one frame needs %zu", n,
                       sp_front_padded(forms->front, n), sp_front_samples(forms->front, 1));
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

// Places `count` doubles; with no memory yet only the total moves on.
static double *carve(double *memory, size_t *used, size_t count) {
    double *at = memory == NULL ? NULL : memory + *used;
    *used += count;
    return at;
}

// All arrays in one block, or only its length when there is no memory yet.
static size_t place(sp_front_bound *b, double *memory) {
    const size_t cells = b->frames * b->bands, rows = b->frames * b->forms;
    const size_t bins = b->frames * b->bins, energies = b->bins > 0 ? cells : 0;
    size_t used = 0;
    b->form = carve(memory, &used, rows * b->frame);
    b->form_max = carve(memory, &used, rows);
    b->lo_w = carve(memory, &used, cells);
    b->lo_c = carve(memory, &used, cells);
    b->up_w = carve(memory, &used, cells);
    b->up_c = carve(memory, &used, cells);
    b->lo = carve(memory, &used, cells);
    b->hi = carve(memory, &used, cells);
    b->feature_lo = b->matrix != NULL ? carve(memory, &used, b->frames * b->features) : b->lo;
    b->feature_hi = b->matrix != NULL ? carve(memory, &used, b->frames * b->features) : b->hi;
    b->radius = carve(memory, &used, b->padded);
    b->bin_max = carve(memory, &used, bins);
    b->square_lo_w = carve(memory, &used, bins);
    b->square_lo_c = carve(memory, &used, bins);
    b->square_up_w = carve(memory, &used, bins);
    b->square_up_c = carve(memory, &used, bins);
    b->square_max = carve(memory, &used, bins);
    b->log_lo_w = carve(memory, &used, energies);
    b->log_lo_c = carve(memory, &used, energies);
    b->log_up_w = carve(memory, &used, energies);
    b->log_up_c = carve(memory, &used, energies);
    b->energy_max = carve(memory, &used, energies);
    return used;
}

static sp_status take_memory(sp_error *err, sp_front_bound *b) {
    const double need =
        (double)b->frames * ((double)b->forms * ((double)b->frame + 1.0) + 11.0 * (double)b->bands +
                             6.0 * (double)b->bins + 2.0 * (double)b->features) +
        (double)b->padded;
    if (need < (double)(SIZE_MAX / 16 / sizeof(double))) {
        b->memory = malloc(place(b, NULL) * sizeof *b->memory);
    }
    if (b->memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds of %zu frames", b->frames);
    }
    (void)place(b, b->memory);
    return SP_OK;
}

typedef struct bound_work {
    sp_front_bound *bound;
    const sp_front_forms *forms;
    const double *samples;
    size_t n, workers;
    double *memory;      /* [workers, frame size] */
    size_t bad[WORKERS]; /* the first frame without finite bounds, or SIZE_MAX */
} bound_work;

static bool all_finite(const double *x, size_t n) {
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
    }
    return finite;
}

// Whether everything about frame t is a number that later stages can use.
static bool frame_is_sound(const sp_front_bound *b, size_t t) {
    const size_t at = t * b->bands, M = b->bands, bin = t * b->bins, K = b->bins;
    const size_t row = t * b->forms;
    bool sound = true;
    for (size_t m = at; m < at + M; m++) {
        sound = sound && b->lo_w[m] >= 0.0 && b->up_w[m] >= 0.0 && b->lo[m] <= b->hi[m];
    }
    sound = sound && all_finite(b->lo_w + at, M) && all_finite(b->lo_c + at, M) &&
            all_finite(b->up_w + at, M) && all_finite(b->up_c + at, M) &&
            all_finite(b->lo + at, M) && all_finite(b->hi + at, M) &&
            all_finite(b->form + row * b->frame, b->forms * b->frame) &&
            all_finite(b->form_max + row, b->forms);
    if (sound && K > 0) {
        sound = all_finite(b->bin_max + bin, K) && all_finite(b->square_lo_w + bin, K) &&
                all_finite(b->square_lo_c + bin, K) && all_finite(b->square_up_w + bin, K) &&
                all_finite(b->square_up_c + bin, K) && all_finite(b->square_max + bin, K) &&
                all_finite(b->log_lo_c + at, M) && all_finite(b->log_up_c + at, M) &&
                all_finite(b->energy_max + at, M);
    }
    return sound;
}

static void bound_task(void *context, size_t worker) {
    bound_work *work = context;
    sp_frame frame;
    sp_frame_place(&frame, work->forms, work->memory + worker * sp_frame_size(work->forms));
    work->bad[worker] = SIZE_MAX;
    for (size_t t = worker; t < work->bound->frames; t += work->workers) {
        bool sound = sp_frame_load(&frame, work->samples, work->n, work->bound->noise, t);
        if (sound && sp_frame_is_silent(&frame)) {
            sp_front_silence(work->bound, &frame);
            sound = frame_is_sound(work->bound, t);
        } else if (sound) {
            switch (work->forms->rule) {
            case SP_FRONT_INTERVAL:
                sp_front_interval(work->bound, &frame);
                break;
            case SP_FRONT_R2:
                sp_front_r2(work->bound, &frame);
                break;
            case SP_FRONT_JOINT:
                sp_front_joint(work->bound, &frame);
                break;
            }
            sound = frame_is_sound(work->bound, t);
        }
        sp_front_features(work->bound, t);
        if (!sound) {
            work->bad[worker] = t;
            return;
        }
    }
}

static sp_status bound_frames(sp_error *err, bound_work *work) {
    work->memory = malloc(work->workers * sp_frame_size(work->forms) * sizeof *work->memory);
    if (work->memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds of %zu frames",
                       work->bound->frames);
    }
    sp_pool_run(work->workers, 0, bound_task, work);
    free(work->memory);
    size_t bad = SIZE_MAX;
    for (size_t i = 0; i < work->workers; i++) {
        bad = work->bad[i] < bad ? work->bad[i] : bad;
    }
    if (bad != SIZE_MAX) {
        return sp_fail(err, SP_E_NONFINITE, "frame %zu has no finite bounds at this radius", bad);
    }
    return SP_OK;
}

sp_status sp_front_bound_create(sp_error *err, sp_front_bound *bound, const sp_front_forms *forms,
                                const double *samples, size_t n, const sp_noise *noise) {
    memset(bound, 0, sizeof *bound);
    SP_TRY(sp_front_check(err, forms, samples, n, noise));
    bound->rule = forms->rule;
    bound->joint = forms->rule == SP_FRONT_JOINT;
    bound->frames = sp_front_frames(forms->front, n);
    bound->padded = sp_front_padded(forms->front, n);
    bound->bands = forms->layout->bands;
    bound->features = forms->layout->features;
    if (forms->dct != NULL) {
        bound->matrix = forms->dct->matrix;
        bound->matrix_bias = forms->dct->bias;
    }
    bound->frame = forms->layout->used;
    bound->step = forms->layout->step;
    bound->forms = forms->rule == SP_FRONT_JOINT ? bound->bands
                   : forms->rule == SP_FRONT_R2  ? 2 * bound->bands
                                                 : 0;
    if (forms->rule == SP_FRONT_R2) {
        bound->up_form = bound->bands;
        bound->bins = forms->spectrum->out;
        bound->spectrum = forms->spectrum->matrix;
        bound->mel = forms->mel->matrix;
        bound->mel_bias = forms->mel->bias;
    }
    bound->noise = noise;
    SP_TRY(take_memory(err, bound));
    for (size_t i = 0; i < bound->padded; i++) {
        bound->radius[i] = i < n ? noise->radius[i] : 0.0;
    }
    bound_work work = {.bound = bound, .forms = forms, .samples = samples, .n = n};
    work.workers = bound->frames < WORKERS ? bound->frames : WORKERS;
    const sp_status status = bound_frames(err, &work);
    if (status != SP_OK) {
        sp_front_bound_clear(bound);
    }
    return status;
}

void sp_front_bound_clear(sp_front_bound *bound) {
    free(bound->memory);
    memset(bound, 0, sizeof *bound);
}
