/* A few clips of a mini-batch: their features, their losses and the gradient. Which clips form a
 * shard depends on the batch alone, so that threads change nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/impl.h"

/* Buffers of a shard; all of the shape [rows, D] are in the order of the pack. */
typedef struct work {
    const sp_shard *shard;
    sp_pack pack;
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
    const sp_shard *s = w->shard;
    const sp_dataset_clip *clip = &s->data->clip[s->clip[i]];
    sp_random random =
        sp_train_stream(s->recipe->seed, SP_TRAIN_STREAM_CLIP, s->epoch, clip->number);
    sp_variant variant = {.gain = 1.0};
    if (s->augment) {
        const size_t least = sp_front_layout_of(s->front)->frame;
        variant = sp_variant_draw(s->recipe, &clip->clip, least, &random);
    }
    const size_t n = sp_variant_length(&variant, &clip->clip);
    const size_t frames = sp_front_frames(s->front, n);
    double *samples = malloc(n * sizeof *samples);
    w->raw[i] = malloc((frames + 1) * s->net->features * sizeof(double));
    w->steps[i] = frames;
    w->label[i] = clip->label;
    sp_status status = SP_E_MEMORY;
    if (samples && w->raw[i]) {
        const double peak = sp_variant_fill(samples, &variant, &clip->clip, &random);
        w->eps[i] = peak * s->noise;
        status = sp_front_run(err, s->front, w->raw[i], samples, n);
    } else {
        sp_fail(err, status, "no memory for a clip of %zu samples", n);
    }
    free(samples);
    return status;
}

/* Features become rows of the pack, less the mean and over the deviation; for noise also the
 * amplitudes and how far they move. */
static void fill_rows(work *w) {
    const sp_shard *s = w->shard;
    const size_t D = s->net->features;
    for (size_t i = 0; i < w->pack.clips; i++) {
        const size_t from = w->pack.which[i];
        for (size_t t = 0; t < w->steps[from]; t++) {
            const double *raw = w->raw[from] + t * D;
            const size_t row = (w->pack.first[t] + i) * D;
            for (size_t m = 0; m < D; m++) {
                w->pack.x[row + m] = (raw[m] - s->mean[m]) / s->deviation[m];
                if (s->weight > 0.0) {
                    w->amplitude[row + m] = sp_reach_amplitude(raw[m], s->reach->floor[m]);
                    w->radius[row + m] = w->eps[from] * s->reach->reach[m];
                }
            }
        }
    }
}

static sp_status load(sp_error *err, work *w) {
    const sp_shard *s = w->shard;
    const size_t D = s->net->features, C = s->net->classes;
    for (size_t i = 0; i < s->clips; i++) {
        SP_TRY(load_clip(err, w, i));
    }
    SP_TRY(sp_pack_create(err, &w->pack, w->steps, w->label, s->clips, D));
    const size_t n = w->pack.rows * D;
    w->amplitude = calloc(5 * n + 2 * s->clips * C, sizeof *w->amplitude);
    if (!w->amplitude) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu steps", w->pack.rows);
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
    const sp_shard *s = w->shard;
    const size_t m = k % s->net->features;
    const double f = sp_reach_feature(w->amplitude[k], u * w->radius[k], s->reach->floor[m]);
    return (f - s->mean[m]) / s->deviation[m];
}

static void move_all(work *w) {
    for (size_t k = 0; k < w->pack.rows * w->pack.width; k++) {
        w->x[k] = moved(w, k, w->u[k]);
    }
}

/* The slope of the loss by u, from that by the feature. */
static double slope_by_u(const work *w, size_t k, double slope) {
    const sp_shard *s = w->shard;
    const size_t m = k % s->net->features;
    return slope * w->radius[k] / s->deviation[m] *
           sp_reach_slope(w->amplitude[k], w->u[k] * w->radius[k], s->reach->floor[m]);
}

static double length(const double *a, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * a[i];
    }
    return sqrt(sum);
}

/* One step of length `stride` along the slopes of one frame, then back into the ball. */
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

/* Projected gradient ascent of the loss: in every frame the squares of the u add up to most^2 at
 * most. It begins at a random point unless it is a single step. */
static void attack(work *w, sp_pass *pass, double most) {
    const sp_shard *s = w->shard;
    const size_t D = w->pack.width, n = w->pack.rows * D, steps = s->recipe->attack_steps;
    const double stride = steps > 1 ? 2.0 * most / (double)steps : most;
    size_t right = 0;
    sp_random random = sp_train_stream(s->recipe->seed, SP_TRAIN_STREAM_ATTACK, s->epoch,
                                       s->data->clip[s->clip[0]].number);
    for (size_t k = 0; k < n; k++) {
        w->u[k] = steps > 1 ? most * sp_random_sign(&random) / sqrt((double)D) : 0.0;
    }
    for (size_t step = 0; step < steps; step++) {
        move_all(w);
        const double *logits = sp_pass_forward(pass, w->x);
        sp_cross_entropy(w->slope, logits, w->pack.label, w->pack.clips, s->net->classes, 1.0,
                         &right);
        sp_pass_backward(pass, w->x, w->slope, NULL, true);
        for (size_t k = 0; k < n; k++) {
            pass->input_slope[k] = slope_by_u(w, k, pass->input_slope[k]);
        }
        for (size_t row = 0; row < n; row += D) {
            climb(w->u + row, pass->input_slope + row, D, stride, most);
        }
    }
}

/* ---- losses ---- */

static double adversarial_loss(work *w, sp_pass *pass, double scale, double *gradient,
                               size_t *right) {
    const sp_shard *s = w->shard;
    attack(w, pass, 1.0);
    move_all(w);
    const double *logits = sp_pass_forward(pass, w->x);
    const double loss = sp_cross_entropy(w->slope, logits, w->pack.label, w->pack.clips,
                                         s->net->classes, scale, right);
    if (gradient) {
        sp_pass_backward(pass, w->x, w->slope, gradient, false);
    }
    return loss;
}

/* The intervals cover a share of the noise around the worst that the attack found: all of it when
 * box is 1. Source: [SABR]; deviation: boxes in the amplitudes of the bands. */
static sp_status certified_loss(sp_error *err, double *loss, work *w, sp_pass *pass, double scale,
                                double *gradient, size_t *right) {
    const sp_shard *s = w->shard;
    const double box = s->recipe->box;
    sp_ball_pass ball;
    attack(w, pass, 1.0 - box);
    for (size_t k = 0; k < w->pack.rows * w->pack.width; k++) {
        const double lo = moved(w, k, w->u[k] - box), hi = moved(w, k, w->u[k] + box);
        w->x[k] = 0.5 * (lo + hi);
        w->rad[k] = 0.5 * (hi - lo);
    }
    SP_TRY(sp_ball_pass_create(err, &ball, s->net, &w->pack));
    sp_ball_pass_forward(&ball, (sp_ball){w->x, w->rad}, w->worst);
    *loss = sp_cross_entropy(w->slope, w->worst, w->pack.label, w->pack.clips, s->net->classes,
                             scale, right);
    if (gradient) {
        sp_ball_pass_backward(&ball, (sp_ball){w->x, w->rad}, w->slope, gradient);
    }
    sp_ball_pass_clear(&ball);
    return SP_OK;
}

static sp_status take_losses(sp_error *err, sp_shard *shard, work *w) {
    sp_pass pass;
    sp_status status = SP_OK;
    const double plain = shard->scale * (1.0 - shard->weight), hard = shard->scale * shard->weight;
    SP_TRY(sp_pass_create(err, &pass, shard->net, &w->pack));
    const double *logits = sp_pass_forward(&pass, w->pack.x);
    shard->loss = sp_cross_entropy(w->slope, logits, w->pack.label, w->pack.clips,
                                   shard->net->classes, plain, &shard->right);
    if (shard->gradient) {
        sp_pass_backward(&pass, w->pack.x, w->slope, shard->gradient, false);
    }
    if (shard->weight > 0.0 && shard->recipe->defence == SP_DEFENCE_ADVERSARIAL) {
        shard->loss += adversarial_loss(w, &pass, hard, shard->gradient, &shard->robust);
    } else if (shard->weight > 0.0) {
        double loss = 0.0;
        status = certified_loss(err, &loss, w, &pass, hard, shard->gradient, &shard->robust);
        shard->loss += loss;
    }
    sp_pass_clear(&pass);
    return status;
}

sp_status sp_shard_run(sp_error *err, sp_shard *shard) {
    work w = {.shard = shard};
    const size_t clips = shard->clips;
    shard->loss = 0.0;
    shard->right = shard->robust = 0;
    w.raw = calloc(clips, sizeof *w.raw);
    w.steps = calloc(2 * clips, sizeof *w.steps);
    w.eps = calloc(clips, sizeof *w.eps);
    sp_status status = SP_E_MEMORY;
    if (w.raw && w.steps && w.eps) {
        w.label = w.steps + clips;
        status = load(err, &w);
        status = status == SP_OK ? take_losses(err, shard, &w) : status;
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
    sp_pack_clear(&w.pack);
    return status;
}
