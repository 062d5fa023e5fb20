/* Bounds of all features of a clip: memory, checks, and the frames in parallel. */
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "base/progress.h"
#include "preprocess/bound/impl.h"

#define WORKERS 64 /* each takes every 64th frame: results do not depend on the number of threads */

typedef struct bound_work {
    sp_front_bound *bound;
    const sp_front_forms *forms, *original; /* with the floors of the clip, and of all clips */
    const sp_front_gain *gain;
    const double *samples;
    size_t n, workers;
    double deadline;
    atomic_size_t done;  /* frames */
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
    if (sound && b->tangents > 0) {
        sound = all_finite(b->square + at, M) && isfinite(b->energy[t]) &&
                all_finite(b->tangent_w + b->tangents * at, b->tangents * M) &&
                all_finite(b->tangent_c + b->tangents * at, b->tangents * M);
    }
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
        if (sp_clock_passed(work->deadline)) {
            return;
        }
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
        sp_front_gain_move(work->bound, t, work->gain, work->original);
        sound = sound && frame_is_sound(work->bound, t);
        sp_front_features(work->bound, t);
        if (!sound) {
            work->bad[worker] = t;
            return;
        }
        const size_t done = 1 + atomic_fetch_add_explicit(&work->done, 1, memory_order_relaxed);
        sp_progress_part(work, "the front end", (double)done, (double)work->bound->frames);
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
    const size_t done = atomic_load(&work->done);
    if (done < work->bound->frames) {
        return sp_fail(err, SP_E_TIMEOUT, "time limit reached in the front end, %zu of %zu frames",
                       done, work->bound->frames);
    }
    return SP_OK;
}

static void shape_bound(sp_front_bound *bound, const sp_front_forms *forms, const sp_lifted *clip) {
    bound->rule = forms->rule;
    bound->node = forms->node;
    bound->joint = forms->rule == SP_FRONT_JOINT;
    bound->padded = sp_padding_plain(&forms->padding) ? sp_forms_padded(forms, clip->n) : clip->n;
    bound->frames = (bound->padded - forms->span) / forms->layout->step + 1;
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
    if (forms->rule == SP_FRONT_JOINT) {
        bound->tangents = SP_FRONT_TANGENTS;
        bound->peaks = forms->peaks;
        bound->peak = forms->peak;
        bound->rows = forms->spectrum->out;
        bound->row = forms->spectrum->matrix;
        bound->share = forms->mel->matrix;
        bound->diagonal = forms->energy.diagonal;
    }
    bound->set = clip->noise->set;
    bound->noise = clip->noise;
}

static sp_status bound_clip(sp_error *err, sp_front_bound *bound, const sp_front_forms *forms,
                            const sp_lifted *clip, double deadline) {
    shape_bound(bound, forms, clip);
    SP_TRY(sp_front_bound_memory(err, bound));
    for (size_t i = 0; i < bound->padded; i++) {
        bound->radius[i] = i < clip->n ? clip->noise->radius[i] : 0.0;
    }
    sp_front_gain gain;
    sp_front_forms of_clip = {0};
    bound_work work = {.bound = bound,
                       .forms = &of_clip,
                       .original = forms,
                       .gain = &gain,
                       .samples = clip->samples,
                       .n = clip->n,
                       .deadline = deadline};
    work.workers = bound->frames < WORKERS ? bound->frames : WORKERS;
    sp_status status = sp_front_gain_find(err, &gain, forms, clip->samples, clip->n);
    status = status == SP_OK ? sp_front_gain_noise(err, &gain, clip->samples, clip->n, clip->noise)
                             : status;
    status = status == SP_OK ? sp_front_gain_forms(err, &of_clip, forms, &gain) : status;
    status = status == SP_OK ? bound_frames(err, &work) : status;
    free(of_clip.band);
    if (status != SP_OK) {
        sp_front_bound_clear(bound);
    } else if (forms->top > 0.0) {
        sp_front_raise(bound, forms);
    }
    return status;
}

sp_status sp_front_bound_create(sp_error *err, sp_front_bound *bound, const sp_front_forms *forms,
                                const double *samples, size_t n, const sp_noise *noise) {
    return sp_front_bound_until(err, bound, forms, samples, n, noise, 0.0);
}

sp_status sp_front_bound_until(sp_error *err, sp_front_bound *bound, const sp_front_forms *forms,
                               const double *samples, size_t n, const sp_noise *noise,
                               double deadline) {
    memset(bound, 0, sizeof *bound);
    if (noise->set->path) {
        sp_front_path *path = NULL;
        SP_TRY(sp_front_path_create(err, &path, forms, samples, n, noise, deadline));
        const sp_status bounded = sp_front_path_bound(err, bound, path, noise->lo, noise->hi);
        sp_front_path_destroy(path);
        return bounded;
    }
    SP_TRY(sp_front_check(err, forms, samples, n, noise));
    if (forms->sequence) {
        return sp_front_sequence_bound(err, bound, forms, samples, n, noise);
    }
    sp_lifted clip = {0};
    SP_TRY(sp_front_lift(err, &clip, forms, samples, n, noise));
    const sp_status status = bound_clip(err, bound, forms, &clip, deadline);
    bound->noise = noise;
    sp_lifted_clear(&clip);
    return status;
}
