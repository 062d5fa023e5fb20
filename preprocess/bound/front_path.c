/* Clips under one-dimensional noise: the energy of every band of every frame is a quadratic
 * polynomial of the one parameter, E(x) = sum_k weight_k (y_k + x v_k)^2 + floor, y and v being the
 * rows of the clip and of the direction. Under a gain it is e^{2x} sum_k weight_k y_k^2 + floor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "preprocess/bound/impl.h"

struct sp_front_path {
    const sp_front_forms *forms; /* borrowed */
    sp_front_forms of_clip;      /* its bands are owned: with the floors of the clip */
    sp_front_gain gain;
    double *samples; /* [n] owned */
    size_t n;
    const sp_noise *noise; /* borrowed */
    size_t frames;
    sp_path_energy *curve; /* [frames, bands] owned */
};

static bool silent_rows(const sp_frame *frame) {
    bool silent = true;
    for (size_t i = 0; silent && i < frame->forms->layout->used; i++) {
        silent = frame->x[i] == 0.0;
    }
    for (size_t k = 0; silent && k < frame->forms->spectrum->out; k++) {
        silent = frame->forms->spectrum->bias[k] == 0.0;
    }
    return silent;
}

static void fill_curve(sp_path_energy *curve, const sp_band *band, const sp_bins *y,
                       const sp_bins *v, bool gain, bool silent) {
    const sp_iv nothing = {0.0, 0.0}, floor = {band->floor, band->floor};
    *curve = (sp_path_energy){.b = nothing, .c = nothing, .floor = band->floor};
    curve->least = band->least;
    curve->for_zero = band->for_zero;
    curve->silent = silent;
    curve->a = sp_band_products(band, y->mid, y->err, y->mid, y->err);
    curve->a.lo = fmax(curve->a.lo, 0.0);
    if (!gain) {
        const sp_iv half = sp_band_products(band, y->mid, y->err, v->mid, v->err);
        curve->b = (sp_iv){2.0 * half.lo, 2.0 * half.hi};
        curve->c = sp_band_products(band, v->mid, v->err, v->mid, v->err);
        curve->c.lo = fmax(curve->c.lo, 0.0);
        curve->a = sp_iv_add(curve->a, floor);
    }
}

typedef struct path_work {
    sp_front_path *path;
    const double *samples, *direction; /* of the padded clip */
    const sp_noise *still;             /* radius 0 */
    size_t n, workers;
    double deadline;
    double *memory; /* [workers, 2 frame sizes] */
    bool *finite;   /* [workers] */
} path_work;

static void path_task(void *context, size_t worker) {
    path_work *work = context;
    const sp_front_path *path = work->path;
    const sp_front_forms *forms = &path->of_clip;
    const size_t size = sp_frame_size(forms), bands = forms->layout->bands;
    const bool gain = path->noise->set->scales;
    sp_frame y, v;
    sp_frame_place(&y, forms, work->memory + 2 * worker * size);
    sp_frame_place(&v, forms, work->memory + (2 * worker + 1) * size);
    work->finite[worker] = true;
    for (size_t t = worker; t < path->frames && !sp_clock_passed(work->deadline);
         t += work->workers) {
        bool finite = sp_frame_load(&y, work->samples, work->n, work->still, t);
        bool silent = silent_rows(&y);
        if (!gain) {
            finite = sp_frame_load(&v, work->direction, work->n, work->still, t) && finite;
            silent = silent && silent_rows(&v);
        }
        work->finite[worker] = work->finite[worker] && finite;
        for (size_t m = 0; m < bands; m++) {
            fill_curve(&path->curve[t * bands + m], &forms->band[m], &y.bins, &v.bins, gain,
                       silent);
        }
    }
}

static sp_status fill_path(sp_error *err, path_work *work, const sp_noise *still) {
    enum { WORKERS = 8 };
    bool finite[WORKERS], all = true;
    work->workers = work->path->frames < WORKERS ? work->path->frames : WORKERS;
    work->finite = finite;
    work->still = still;
    work->memory =
        malloc(2 * work->workers * sp_frame_size(work->path->forms) * sizeof *work->memory);
    if (work->memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu frames", work->path->frames);
    }
    sp_pool_run(work->workers, 0, path_task, work);
    free(work->memory);
    for (size_t i = 0; i < work->workers; i++) {
        all = all && finite[i];
    }
    if (!all) {
        return sp_fail(err, SP_E_NONFINITE, "the clip or the noise is too loud to bound");
    }
    return sp_clock_passed(work->deadline)
               ? sp_fail(err, SP_E_TIMEOUT, "time limit reached in the front end")
               : SP_OK;
}

/* The direction's rows must have no bias: a front end with one has none that is linear. */
static sp_status check(sp_error *err, const sp_front_forms *forms, const sp_noise *noise) {
    bool linear = true;
    for (size_t k = 0; k < forms->spectrum->out; k++) {
        linear = linear && forms->spectrum->bias[k] == 0.0;
    }
    if (forms->kind != SP_BAND_LOG || forms->top > 0.0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "one-dimensional noise has bounds for logarithms of energies without top_db "
                       "only; a box of noise has them for this front end");
    }
    if (!linear || !noise->set->path) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "this is no one-dimensional noise of a linear spectrum");
    }
    return SP_OK;
}

sp_status sp_front_path_create(sp_error *err, sp_front_path **path, const sp_front_forms *forms,
                               const double *samples, size_t n, const sp_noise *noise,
                               double deadline) {
    *path = NULL;
    if (forms->sequence) {
        return sp_fail(err, SP_E_UNSUPPORTED, "%s is a set of recordings", noise->set->is);
    }
    SP_TRY(check(err, forms, noise));
    SP_TRY(sp_front_check(err, forms, samples, n, noise));
    sp_lifted clip = {0};
    SP_TRY(sp_front_lift(err, &clip, forms, samples, n, noise));
    sp_front_path *made = calloc(1, sizeof *made);
    sp_noise still = {0};
    path_work work = {.path = made,
                      .samples = clip.samples,
                      .direction = clip.noise->direction,
                      .n = clip.n,
                      .deadline = deadline};
    sp_status status = made != NULL ? sp_noise_box(err, &still, clip.n, 0.0)
                                    : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        made->forms = forms;
        made->noise = noise;
        made->frames = sp_forms_frames(forms, n);
        made->n = n;
        made->samples = malloc(n * sizeof *made->samples);
        made->curve = calloc(made->frames * forms->layout->bands, sizeof *made->curve);
        status = sp_front_gain_find(err, &made->gain, forms, samples, n);
        status =
            status == SP_OK ? sp_front_gain_forms(err, &made->of_clip, forms, &made->gain) : status;
    }
    if (status == SP_OK) {
        status = made->curve != NULL && made->samples != NULL
                     ? fill_path(err, &work, &still)
                     : sp_fail(err, SP_E_MEMORY, "out of memory for %zu frames", made->frames);
    }
    sp_noise_clear(&still);
    if (status == SP_OK) {
        memcpy(made->samples, samples, n * sizeof *samples);
    }
    sp_lifted_clear(&clip);
    if (status != SP_OK) {
        sp_front_path_destroy(made);
        return status;
    }
    *path = made;
    return SP_OK;
}

void sp_front_path_destroy(sp_front_path *path) {
    if (path != NULL) {
        free(path->curve);
        free(path->samples);
        free(path->of_clip.band);
        free(path);
    }
}

static sp_status shape(sp_error *err, sp_front_bound *bound, const sp_front_path *path) {
    const sp_front_forms *forms = path->forms;
    *bound = (sp_front_bound){.rule = SP_FRONT_JOINT,
                              .node = forms->node,
                              .frames = path->frames,
                              .bands = forms->layout->bands,
                              .features = forms->layout->features,
                              .frame = 1,
                              .step = 0,
                              .padded = 1,
                              .joint = true,
                              .forms = forms->layout->bands,
                              .set = &sp_noise_set_box,
                              .noise = path->noise};
    if (forms->dct != NULL) {
        bound->matrix = forms->dct->matrix;
        bound->matrix_bias = forms->dct->bias;
    }
    return sp_front_bound_memory(err, bound);
}

sp_status sp_front_path_bound(sp_error *err, sp_front_bound *bound, const sp_front_path *path,
                              double lo, double hi) {
    memset(bound, 0, sizeof *bound);
    if (!(path->noise->lo <= lo && lo <= hi && hi <= path->noise->hi)) {
        return sp_fail(err, SP_E_ARGUMENT, "%g to %g is no part of the noise set", lo, hi);
    }
    sp_front_gain at = path->gain;
    SP_TRY(sp_front_gain_part(err, &at, path->samples, path->n, path->noise, lo, hi));
    SP_TRY(shape(err, bound, path));
    const double middle = lo + 0.5 * (hi - lo), radius = sp_above(fmax(middle - lo, hi - middle));
    const bool gain = path->noise->set->scales;
    bool finite = true;
    bound->radius[0] = lo < hi ? radius : 0.0;
    for (size_t i = 0; i < path->frames * bound->bands; i++) {
        sp_iv range;
        const sp_line_pair lines = gain
                                       ? sp_path_gain_lines(&range, &path->curve[i], lo, hi, middle)
                                       : sp_path_lines(&range, &path->curve[i], lo, hi, middle);
        bound->form[i] = 1.0;
        bound->form_max[i] = bound->radius[0];
        bound->lo_w[i] = lines.lower.w;
        bound->lo_c[i] = lines.lower.c;
        bound->up_w[i] = lines.upper.w;
        bound->up_c[i] = lines.upper.c;
        bound->lo[i] = range.lo;
        bound->hi[i] = range.hi;
        finite = finite && isfinite(lines.lower.c) && isfinite(lines.upper.c) &&
                 isfinite(lines.lower.w) && isfinite(lines.upper.w) && isfinite(range.lo) &&
                 isfinite(range.hi) && range.lo <= range.hi;
    }
    for (size_t t = 0; t < path->frames && finite; t++) {
        sp_front_gain_move(bound, t, &at, path->forms);
        sp_front_features(bound, t);
    }
    if (!finite) {
        sp_front_bound_clear(bound);
        return sp_fail(err, SP_E_NONFINITE, "a frame has no finite bounds from %g to %g", lo, hi);
    }
    return SP_OK;
}
