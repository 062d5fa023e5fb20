/* A few clips of a mini-batch: their features, their losses and the gradient. Which clips form a
 * micro-batch depends on the batch alone, so that threads change nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* Buffers of a micro-batch; all of the shape [rows, D] are in the order of the batch. */
typedef struct work {
    sp_train_micro_batch *micro_batch;
    sp_train_packed_batch batch;
    double **raw;          /* [clips] [steps, D] features as the front end gives them; owned */
    size_t *steps;         /* [clips] */
    size_t *label;         /* [clips] */
    double *eps;           /* [clips] radius of the noise in samples */
    double *amplitude;     /* [rows, D] */
    double *radius;        /* [rows, D] how far noise moves the amplitude */
    double *u;             /* [rows, D] noise in [-1, 1] of it */
    double *x, *rad;       /* [rows, D] features of the noisy clip, or box */
    double *slope, *worst; /* [clips, C] */
} work;

/* ---- clips ---- */

static sp_status load_clip(sp_error *err, work *w, size_t i) {
    const sp_train_micro_batch *s = w->micro_batch;
    const sp_dataset_clip *clip = &s->data->clip[s->clip[i]];
    sp_random random =
        sp_train_stream(s->recipe->seed, SP_TRAIN_STREAM_CLIP, s->epoch, clip->number);
    sp_train_variant variant = {.gain = 1.0};
    if (s->augment) {
        const size_t least = sp_front_layout_of(s->front)->frame;
        variant = sp_train_variant_draw(s->recipe, &clip->clip, least, &random);
    }
    const size_t n = sp_train_variant_length(&variant, &clip->clip);
    const size_t frames = sp_front_frames(s->front, n);
    double *samples = malloc(n * sizeof *samples);
    w->raw[i] = malloc((frames + 1) * s->net->features * sizeof(double));
    w->steps[i] = frames;
    w->label[i] = clip->label;
    sp_status status = SP_E_MEMORY;
    if (samples && w->raw[i]) {
        const double peak = sp_train_variant_fill(samples, &variant, &clip->clip, &random);
        const double heard = sp_front_layout_of(s->front)->peak;
        const double unit = clip->clip.width > 0 ? 1.0 : heard > 0.0 ? heard : peak;
        w->eps[i] = unit * s->noise;
        status = sp_front_run(err, s->front, w->raw[i], samples, n);
    } else {
        sp_fail(err, status, "no memory for a clip of %zu samples", n);
    }
    free(samples);
    return status;
}

/* Features become rows of the batch, less the mean and over the deviation; for noise also the
 * amplitudes and how far they move. */
static void fill_rows(work *w) {
    const sp_train_micro_batch *s = w->micro_batch;
    const size_t D = s->net->features;
    for (size_t i = 0; i < w->batch.clips; i++) {
        const size_t from = w->batch.which[i];
        for (size_t t = 0; t < w->steps[from]; t++) {
            const double *raw = w->raw[from] + t * D;
            const size_t row = (w->batch.first[t] + i) * D;
            for (size_t m = 0; m < D; m++) {
                w->batch.x[row + m] = (raw[m] - s->mean[m]) / s->deviation[m];
                if (s->weight > 0.0) {
                    w->amplitude[row + m] =
                        sp_train_band_noise_amplitude(raw[m], s->band_noise->floor[m]);
                    w->radius[row + m] = w->eps[from] * s->band_noise->bound[m];
                }
            }
        }
    }
}

static sp_status load(sp_error *err, work *w) {
    const sp_train_micro_batch *s = w->micro_batch;
    const size_t D = s->net->features, C = s->net->classes;
    for (size_t i = 0; i < s->clips; i++) {
        SP_TRY(load_clip(err, w, i));
    }
    SP_TRY(sp_train_packed_batch_create(err, &w->batch, w->steps, w->label, s->clips, D));
    const size_t n = w->batch.rows * D;
    w->amplitude = calloc(5 * n + 2 * s->clips * C, sizeof *w->amplitude);
    if (!w->amplitude) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu steps", w->batch.rows);
    }
    w->radius = w->amplitude + n;
    w->u = w->radius + n;
    w->x = w->u + n;
    w->rad = w->x + n;
    w->slope = w->rad + n;
    w->worst = w->slope + s->clips * C;
    fill_rows(w);
    return SP_OK;
}

/* ---- noise ---- */

/* The normalised feature k of the rows, moved by the share u of what noise can do. */
static double moved(const work *w, size_t k, double u) {
    const sp_train_micro_batch *s = w->micro_batch;
    const size_t m = k % s->net->features;
    const double f =
        sp_train_band_noise_feature(w->amplitude[k], u * w->radius[k], s->band_noise->floor[m]);
    return (f - s->mean[m]) / s->deviation[m];
}

static void move_all(work *w) {
    for (size_t k = 0; k < w->batch.rows * w->batch.width; k++) {
        w->x[k] = moved(w, k, w->u[k]);
    }
}

/* The slope of the loss by u, from that by the feature. */
static double slope_by_u(const work *w, size_t k, double slope) {
    const sp_train_micro_batch *s = w->micro_batch;
    const size_t m = k % s->net->features;
    return slope * w->radius[k] / s->deviation[m] *
           sp_train_band_noise_slope(w->amplitude[k], w->u[k] * w->radius[k],
                                     s->band_noise->floor[m]);
}

static double length(const double *a, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * a[i];
    }
    return sqrt(sum);
}

/* Whether what moves one number leaves the others as much room as before. */
static bool is_alone(const work *w) {
    return sp_front_width(w->micro_batch->front) > 0;
}

/* One step of length `stride` along the slopes of one frame, then back into the interval. */
static void climb(double *u, double *slope, size_t n, double stride, double most) {
    const double steep = length(slope, n);
    for (size_t m = 0; steep > 0.0 && m < n; m++) {
        u[m] += stride * slope[m] / steep;
    }
    const double far = length(u, n);
    for (size_t m = 0; far > most && m < n; m++) {
        u[m] *= most / far;
    }
}

/* The same where every number has an interval of its own: along the signs. */
static void climb_alone(double *u, const double *slope, size_t n, double stride, double most) {
    for (size_t m = 0; m < n; m++) {
        const double step = slope[m] > 0.0 ? stride : slope[m] < 0.0 ? -stride : 0.0;
        u[m] = fmin(fmax(u[m] + step, -most), most);
    }
}

/* The slopes by the noise from those by the features, in their place; then a step. */
static void step_along(work *w, double *slope, double stride, double most) {
    const size_t D = w->batch.width, n = w->batch.rows * D;
    for (size_t k = 0; k < n; k++) {
        slope[k] = slope_by_u(w, k, slope[k]);
    }
    if (is_alone(w)) {
        climb_alone(w->u, slope, n, stride, most);
        return;
    }
    for (size_t row = 0; row < n; row += D) {
        climb(w->u + row, slope + row, D, stride, most);
    }
}

/* Projected gradient ascent of the loss: in every frame the squares of the u add up to most^2 at
 * most; of sequences each is at most that. It begins at a random point unless it is a single step;
 * that one may go along slopes by the clip's own features that are there already, of any scale. */
static void attack(work *w, sp_train_pass *pass, double most, bool known) {
    const sp_train_micro_batch *s = w->micro_batch;
    const size_t D = w->batch.width, n = w->batch.rows * D, steps = s->recipe->attack_steps;
    const double stride = steps > 1 ? 2.0 * most / (double)steps : most;
    size_t right = 0;
    sp_random random = sp_train_stream(s->recipe->seed, SP_TRAIN_STREAM_ATTACK, s->epoch,
                                       s->data->clip[s->clip[0]].number);
    for (size_t k = 0; k < n; k++) {
        const double share = is_alone(w) ? 1.0 : 1.0 / sqrt((double)D);
        w->u[k] = steps > 1 ? most * sp_random_sign(&random) * share : 0.0;
    }
    if (known && steps == 1) {
        step_along(w, pass->input_slope, stride, most);
        return;
    }
    for (size_t step = 0; step < steps; step++) {
        move_all(w);
        const double *logits = sp_train_pass_forward(pass, w->x);
        sp_train_cross_entropy(w->slope, logits, w->batch.label, w->batch.clips, s->net->classes,
                               1.0, &right);
        sp_train_pass_backward(pass, w->x, w->slope, NULL, true);
        step_along(w, pass->input_slope, stride, most);
    }
}

/* ---- losses ---- */

/* Of the noise that is there. */
static double adversarial_loss(work *w, sp_train_pass *pass, double scale, double *gradient,
                               size_t *right) {
    const sp_train_micro_batch *s = w->micro_batch;
    move_all(w);
    const double *logits = sp_train_pass_forward(pass, w->x);
    const double loss = sp_train_cross_entropy(w->slope, logits, w->batch.label, w->batch.clips,
                                               s->net->classes, scale, right);
    if (gradient) {
        sp_train_pass_backward(pass, w->x, w->slope, gradient, false);
    }
    return loss;
}

/* The loss of the worst logits that a domain leaves possible in the box of w. */
static sp_status interval_loss(sp_error *err, double *loss, work *w, double scale, double *gradient,
                               size_t *right) {
    const sp_train_micro_batch *s = w->micro_batch;
    const sp_train_interval x = {w->x, w->rad};
    sp_train_interval_pass pass;
    SP_TRY(sp_train_interval_pass_create(err, &pass, s->net, &w->batch));
    sp_train_interval_pass_forward(&pass, x, w->worst);
    *loss = sp_train_cross_entropy(w->slope, w->worst, w->batch.label, w->batch.clips,
                                   s->net->classes, scale, right);
    if (gradient) {
        sp_train_interval_pass_backward(&pass, x, w->slope, gradient);
    }
    sp_train_interval_pass_clear(&pass);
    return SP_OK;
}

static sp_status zonotope_loss(sp_error *err, double *loss, work *w, double scale, double *gradient,
                               size_t *right) {
    const sp_train_micro_batch *s = w->micro_batch;
    const bool meet = s->recipe->certifier == SP_CERTIFIER_INTERZONO;
    sp_train_zonotope_pass pass;
    SP_TRY(sp_train_zonotope_pass_create(err, &pass, s->net, &w->batch, meet));
    sp_train_zonotope_pass_forward(&pass, (sp_train_interval){w->x, w->rad}, w->worst);
    *loss = sp_train_cross_entropy(w->slope, w->worst, w->batch.label, w->batch.clips,
                                   s->net->classes, scale, right);
    if (gradient) {
        sp_train_zonotope_pass_backward(&pass, w->slope, gradient);
    }
    sp_train_zonotope_pass_clear(&pass);
    return SP_OK;
}

/* The bounds cover a share of the noise around that which is there: all of it when box is 1.
 * Source: [SABR]; deviation: boxes in the amplitudes of the bands. */
static sp_status certified_loss(sp_error *err, double *loss, work *w, double scale,
                                double *gradient, size_t *right) {
    const sp_train_micro_batch *s = w->micro_batch;
    for (size_t k = 0; k < w->batch.rows * w->batch.width; k++) {
        const double lo = moved(w, k, w->u[k] - s->box), hi = moved(w, k, w->u[k] + s->box);
        w->x[k] = 0.5 * (lo + hi);
        w->rad[k] = 0.5 * (hi - lo);
    }
    return (s->recipe->certifier == SP_CERTIFIER_INTERVAL ? interval_loss : zonotope_loss)(
        err, loss, w, scale, gradient, right);
}

/* Finds noise and adds the losses under it, `hard` being the scale of all of them. */
static sp_status take_hard_losses(sp_error *err, work *w, sp_train_pass *pass, double hard,
                                  bool known) {
    sp_train_micro_batch *s = w->micro_batch;
    const bool certified = s->recipe->defence == SP_DEFENCE_CERTIFIED;
    const double box = certified ? s->box : 0.0;
    const double boxes = certified ? s->recipe->box_weight : 0.0;
    double loss = 0.0;
    size_t right = 0;
    attack(w, pass, boxes < 1.0 ? 1.0 : 1.0 - box, known);
    if (boxes < 1.0) {
        s->loss += adversarial_loss(w, pass, hard * (1.0 - boxes), s->gradient, &right);
        for (size_t k = 0; k < w->batch.rows * w->batch.width; k++) {
            w->u[k] *= 1.0 - box;
        }
    }
    if (certified) {
        right = 0;
        SP_TRY(certified_loss(err, &loss, w, hard * boxes, s->gradient, &right));
        s->loss += loss;
    }
    s->robust += right;
    return SP_OK;
}

static sp_status take_losses(sp_error *err, sp_train_micro_batch *micro_batch, work *w) {
    sp_train_pass pass;
    sp_status status = SP_OK;
    const double plain = micro_batch->scale * (1.0 - micro_batch->weight),
                 hard = micro_batch->scale * micro_batch->weight;
    const bool slopes = micro_batch->gradient && hard > 0.0 && plain > 0.0;
    SP_TRY(sp_train_pass_create(err, &pass, micro_batch->net, &w->batch));
    const double *logits = sp_train_pass_forward(&pass, w->batch.x);
    micro_batch->loss =
        sp_train_cross_entropy(w->slope, logits, w->batch.label, w->batch.clips,
                               micro_batch->net->classes, plain, &micro_batch->right);
    if (micro_batch->gradient) {
        sp_train_pass_backward(&pass, w->batch.x, w->slope, micro_batch->gradient, slopes);
    }
    if (micro_batch->weight > 0.0) {
        status = take_hard_losses(err, w, &pass, hard, slopes);
    }
    sp_train_pass_clear(&pass);
    return status;
}

sp_status sp_train_micro_batch_run(sp_error *err, sp_train_micro_batch *micro_batch) {
    work w = {.micro_batch = micro_batch};
    const size_t clips = micro_batch->clips;
    micro_batch->loss = 0.0;
    micro_batch->right = micro_batch->robust = 0;
    w.raw = calloc(clips, sizeof *w.raw);
    w.steps = calloc(2 * clips, sizeof *w.steps);
    w.eps = calloc(clips, sizeof *w.eps);
    sp_status status = SP_E_MEMORY;
    if (w.raw && w.steps && w.eps) {
        w.label = w.steps + clips;
        status = load(err, &w);
        status = status == SP_OK ? take_losses(err, micro_batch, &w) : status;
    } else {
        sp_fail(err, status, "no memory for %zu clips", clips);
    }
    for (size_t i = 0; w.raw && i < clips; i++) {
        free(w.raw[i]);
    }
    free(w.raw);
    free(w.steps);
    free(w.eps);
    free(w.amplitude);
    sp_train_packed_batch_clear(&w.batch);
    return status;
}
