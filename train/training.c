/* Training: epochs of mini-batches, validation, and when to stop. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "train/impl.h"

#define PI 3.14159265358979323846
static const double ramp_db = 30.0; /* so much quieter is the noise when the ramp begins */

/* ---- micro-batches of a list of clips ---- */

typedef struct round_of_micro_batches {
    sp_train_micro_batch *micro_batch; /* [micro-batches] */
    sp_error *err;                     /* [micro-batches] */
    sp_status *status;                 /* [micro-batches] */
    size_t micro_batches;
} round_of_micro_batches;

static void run_micro_batch(void *context, size_t i) {
    const round_of_micro_batches *r = context;
    r->status[i] = sp_train_micro_batch_run(&r->err[i], &r->micro_batch[i]);
}

static size_t micro_batches_of(size_t clips) {
    return (clips + SP_TRAIN_MICRO_BATCH - 1) / SP_TRAIN_MICRO_BATCH;
}

/* Runs all micro-batches of clip[count]; `common` is what they share; gradients [micro-batches, P]
 * or NULL. Adds up what they found into *sum. */
static sp_status run_round(sp_error *err, const sp_training *t, const sp_train_micro_batch *common,
                           const size_t *clip, size_t count, double *gradients,
                           sp_train_micro_batch *sum) {
    round_of_micro_batches r = {.micro_batches = micro_batches_of(count)};
    r.micro_batch = calloc(r.micro_batches, sizeof *r.micro_batch);
    r.err = calloc(r.micro_batches, sizeof *r.err);
    r.status = calloc(r.micro_batches, sizeof *r.status);
    sp_status status = SP_OK;
    *sum = (sp_train_micro_batch){0};
    if (!r.micro_batch || !r.err || !r.status) {
        status = sp_fail(err, SP_E_MEMORY, "no memory for %zu clips", count);
        r.micro_batches = 0;
    }
    for (size_t i = 0; i < r.micro_batches; i++) {
        const size_t first = i * SP_TRAIN_MICRO_BATCH;
        r.micro_batch[i] = *common;
        r.micro_batch[i].clip = clip + first;
        r.micro_batch[i].clips =
            count - first < SP_TRAIN_MICRO_BATCH ? count - first : SP_TRAIN_MICRO_BATCH;
        r.micro_batch[i].gradient = gradients ? gradients + i * t->parameters : NULL;
    }
    sp_pool_run(r.micro_batches, 0, run_micro_batch, &r);
    for (size_t i = 0; i < r.micro_batches && status == SP_OK; i++) {
        sum->loss += r.micro_batch[i].loss;
        sum->right += r.micro_batch[i].right;
        sum->robust += r.micro_batch[i].robust;
        status = r.status[i] == SP_OK ? SP_OK : sp_fail(err, r.status[i], "%s", r.err[i].text);
    }
    free(r.micro_batch);
    free(r.err);
    free(r.status);
    return status;
}

static sp_train_micro_batch common_of(const sp_training *t, size_t epoch) {
    return (sp_train_micro_batch){.net = &t->net,
                                  .front = t->front,
                                  .data = t->data,
                                  .recipe = &t->recipe,
                                  .band_noise = &t->band_noise,
                                  .mean = t->mean,
                                  .deviation = t->deviation,
                                  .epoch = epoch};
}

/* ---- the beginning ---- */

/* Numbers of sequences have one scale, which all of them share: those that hardly move in the data,
 * as pixels at the rim, would become the most sensitive ones otherwise. */
static void pool_features(double *sum, size_t D) {
    double all[2] = {0.0, 0.0};
    for (size_t m = 0; m < 2 * D; m++) {
        all[m / D] += sum[m] / (double)D;
    }
    for (size_t m = 0; m < 2 * D; m++) {
        sum[m] = all[m / D];
    }
}

/* Mean and deviation of every feature over the training clips as they are. */
static sp_status measure_features(sp_error *err, sp_training *t) {
    const size_t D = t->net.features;
    double *sum = calloc(2 * D, sizeof *sum), count = 0.0;
    sp_status status = sum ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for the features");
    for (size_t i = 0; i < t->data->split[SP_SPLIT_TRAIN] && status == SP_OK; i++) {
        const sp_clip *clip = &t->data->clip[t->train[i]].clip;
        const size_t frames = sp_front_frames(t->front, clip->n);
        double *x = malloc((frames * D + 1) * sizeof *x);
        status = x ? sp_front_run(err, t->front, x, clip->samples, clip->n)
                   : sp_fail(err, SP_E_MEMORY, "no memory for the features");
        for (size_t k = 0; status == SP_OK && k < frames * D; k++) {
            sum[k % D] += x[k];
            sum[D + k % D] += x[k] * x[k];
        }
        count += (double)frames;
        free(x);
    }
    if (sp_front_width(t->front) > 0) {
        pool_features(sum, D);
    }
    for (size_t m = 0; m < D && status == SP_OK; m++) {
        const double mean = sum[m] / count, variance = sum[D + m] / count - mean * mean;
        t->mean[m] = mean;
        t->deviation[m] = variance > 1e-6 ? sqrt(variance) : 1e-3;
    }
    free(sum);
    return status;
}

static sp_status take_memory(sp_error *err, sp_training *t) {
    const size_t clips = t->data->count, P = t->parameters, D = t->net.features;
    const size_t micro_batches = micro_batches_of(t->recipe.batch);
    t->memory = calloc(2 * D + (5 + micro_batches) * P, sizeof *t->memory);
    t->train = calloc(clips, sizeof *t->train);
    t->curve = calloc(t->recipe.epochs, sizeof *t->curve);
    if (!t->memory || !t->train || !t->curve) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu parameters", P);
    }
    t->mean = t->memory;
    t->deviation = t->mean + D;
    t->parameter = t->deviation + D;
    t->average = t->parameter + P;
    t->best = t->average + P;
    t->adam.mean = t->best + P;
    t->adam.square = t->adam.mean + P;
    t->gradients = t->adam.square + P;
    t->check = t->train + t->data->split[SP_SPLIT_TRAIN];
    size_t train = 0, check = 0;
    for (size_t i = 0; i < clips; i++) {
        if (t->data->clip[i].split == SP_SPLIT_TRAIN) {
            t->train[train++] = i;
        } else if (t->data->clip[i].split == SP_SPLIT_VALIDATION) {
            t->check[check++] = i;
        }
    }
    return SP_OK;
}

/* Dense layers alone take one step. */
static sp_status check_steps(sp_error *err, const sp_training *t) {
    for (size_t i = 0; i < t->data->count && t->net.steps > 0; i++) {
        const size_t frames = sp_front_frames(t->front, t->data->clip[i].clip.n);
        if (frames != t->net.steps) {
            return sp_fail(
                err, SP_E_MISMATCH,
                "clips of several steps, as of %zu, need a layer that is an lstm, a gru, "
                "an rnn or linear",
                frames);
        }
    }
    return SP_OK;
}

static sp_status check_fit(sp_error *err, const sp_training *t) {
    if (t->net.classes != t->data->classes) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the last layer has %zu outputs, the labels of the clips are 0 to %zu",
                       t->net.classes, t->data->classes - 1);
    }
    if (t->net.features != sp_front_layout_of(t->front)->features) {
        return sp_fail(err, SP_E_MISMATCH, "the net reads %zu features, the front end makes %zu",
                       t->net.features, sp_front_layout_of(t->front)->features);
    }
    if (t->recipe.defence != SP_DEFENCE_NONE &&
        t->recipe.absolute != (sp_front_width(t->front) > 0)) {
        return sp_fail(err, SP_E_MISMATCH,
                       t->recipe.absolute
                           ? "an absolute budget, as 0.01, is about sequences of numbers: noise in "
                             "recordings is relative to their peak, as -60dB"
                           : "numbers have no peak: the budget of the training is how far each may "
                             "move, as 0.01");
    }
    SP_TRY(check_steps(err, t));
    return sp_recipe_check(err, &t->recipe);
}

sp_status sp_training_set(sp_error *err, sp_training *t) {
    sp_digest *digest = sp_digest_create();
    sp_train_store(&t->net, t->parameter);
    memcpy(t->average, t->parameter, t->parameters * sizeof *t->average);
    sp_digest_add(digest, t->parameter, t->parameters * sizeof *t->parameter);
    return sp_digest_finish(digest, t->begin) == SP_OK
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "no memory for a checksum");
}

static sp_status begin(sp_error *err, sp_training *t) {
    SP_TRY(check_fit(err, t));
    if (t->recipe.defence != SP_DEFENCE_NONE) {
        SP_TRY(sp_train_band_noise_create(err, &t->band_noise, t->front));
    }
    t->block = calloc(SP_TRAIN_BLOCKS * t->net.nodes, sizeof *t->block);
    if (!t->block) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the parameters");
    }
    SP_TRY(sp_train_packed_batch_check(err, &t->net));
    t->blocks = sp_train_blocks_of(t->block, &t->net);
    t->parameters = sp_train_parameters(&t->net);
    SP_TRY(take_memory(err, t));
    SP_TRY(measure_features(err, t));
    sp_train_load(t->parameter, &t->net);
    return sp_training_set(err, t);
}

sp_status sp_training_create(sp_error *err, sp_training **training, sp_net *net,
                             const sp_front *front, const sp_dataset *data,
                             const sp_recipe *recipe) {
    sp_training *t = calloc(1, sizeof *t);
    *training = NULL;
    if (!t) {
        sp_net_clear(net);
        return sp_fail(err, SP_E_MEMORY, "no memory for a training");
    }
    t->net = *net;
    *net = (sp_net){0};
    t->front = front;
    t->data = data;
    t->recipe = *recipe;
    const sp_status status = begin(err, t);
    if (status != SP_OK) {
        sp_training_destroy(t);
        return status;
    }
    *training = t;
    return SP_OK;
}

void sp_training_destroy(sp_training *training) {
    if (training) {
        sp_net_clear(&training->net);
        sp_train_band_noise_clear(&training->band_noise);
        free(training->block);
        free(training->memory);
        free(training->train);
        free(training->curve);
        free(training);
    }
}

/* ---- one epoch ---- */

/* The order of the clips is a function of seed and epoch: Fisher and Yates from their numbers. */
static void shuffle(sp_training *t, size_t epoch) {
    const size_t n = t->data->split[SP_SPLIT_TRAIN];
    sp_random random = sp_train_stream(t->recipe.seed, SP_TRAIN_STREAM_ORDER, epoch, 0);
    size_t used = 0;
    for (size_t i = 0; i < t->data->count; i++) {
        if (t->data->clip[i].split == SP_SPLIT_TRAIN) {
            t->train[used++] = i;
        }
    }
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)(sp_random_next(&random) % i), swap = t->train[i - 1];
        t->train[i - 1] = t->train[j];
        t->train[j] = swap;
    }
}

/* How far a ramp of so many epochs has come, 0 to 1. */
static double share_of(const sp_recipe *recipe, size_t ramp, size_t epoch) {
    if (recipe->defence == SP_DEFENCE_NONE || epoch <= recipe->warm) {
        return 0.0;
    }
    const double done = (double)(epoch - recipe->warm) / (double)(ramp + 1);
    return done < 1.0 ? done : 1.0;
}

static double ramp_of(const sp_recipe *recipe, size_t epoch) {
    return share_of(recipe, recipe->ramp, epoch);
}

/* Epochs before those with all of the noise and all of the box. */
static size_t growth_of(const sp_recipe *r) {
    const bool boxes = r->defence == SP_DEFENCE_CERTIFIED && r->box_ramp > r->ramp;
    return r->warm + (boxes ? r->box_ramp : r->ramp);
}

static double rate_of(const sp_recipe *recipe, size_t epoch) {
    const double done = (double)(epoch - 1) / (double)recipe->epochs;
    return recipe->rate * (0.01 + 0.99 * 0.5 * (1.0 + cos(PI * done)));
}

static sp_status descend(sp_error *err, sp_training *t, sp_train_micro_batch *common,
                         const size_t *clip, size_t count, double rate, double *loss) {
    const size_t P = t->parameters, micro_batches = micro_batches_of(count);
    sp_train_micro_batch sum;
    memset(t->gradients, 0, micro_batches * P * sizeof *t->gradients);
    common->scale = 1.0 / (double)count;
    SP_TRY(run_round(err, t, common, clip, count, t->gradients, &sum));
    for (size_t s = 1; s < micro_batches; s++) {
        for (size_t i = 0; i < P; i++) {
            t->gradients[i] += t->gradients[s * P + i];
        }
    }
    sp_train_chain(t->gradients, &t->net, t->parameter);
    const double norm = sp_train_gradient_norm(t->gradients, P), most = t->recipe.clip;
    if (!isfinite(norm) || !isfinite(sum.loss)) {
        return sp_fail(err, SP_E_NONFINITE,
                       "epoch %zu: the loss or its gradient is no longer a number: lower the rate",
                       common->epoch);
    }
    sp_train_step(&t->adam, t->parameter, t->block, t->blocks, t->gradients,
                  most > 0.0 && norm > most ? most / norm : 1.0, rate, t->recipe.decay);
    sp_train_store(&t->net, t->parameter);
    for (size_t i = 0; i < P; i++) {
        const double kept = t->recipe.average;
        t->average[i] = kept * t->average[i] + (1.0 - kept) * t->parameter[i];
    }
    *loss += sum.loss * (double)count;
    return SP_OK;
}

static sp_status train_epoch(sp_error *err, sp_training *t, sp_training_point *point) {
    const size_t n = t->data->split[SP_SPLIT_TRAIN], batch = t->recipe.batch;
    const double ramp = ramp_of(&t->recipe, point->number);
    sp_train_micro_batch common = common_of(t, point->number);
    common.augment = true;
    common.weight = ramp * t->recipe.weight;
    common.noise = pow(10.0, (t->recipe.budget_db - ramp_db * (1.0 - ramp)) / 20.0);
    common.box = t->recipe.box * share_of(&t->recipe, t->recipe.box_ramp, point->number);
    shuffle(t, point->number);
    for (size_t first = 0; first < n; first += batch) {
        if (sp_clock_passed(t->deadline)) {
            return sp_fail(err, SP_E_TIMEOUT, "time limit reached in epoch %zu", point->number);
        }
        SP_TRY(descend(err, t, &common, t->train + first, n - first < batch ? n - first : batch,
                       rate_of(&t->recipe, point->number), &point->loss));
    }
    point->loss /= (double)n;
    return SP_OK;
}

static sp_status validate(sp_error *err, sp_training *t, sp_training_point *point) {
    const size_t n = t->data->split[SP_SPLIT_VALIDATION];
    const bool defended = t->recipe.defence != SP_DEFENCE_NONE;
    sp_train_micro_batch common = common_of(t, 0), sum;
    common.scale = 1.0 / (double)n;
    common.weight = defended ? t->recipe.weight : 0.0;
    common.noise = pow(10.0, t->recipe.budget_db / 20.0);
    common.box = t->recipe.box;
    SP_TRY(run_round(err, t, &common, t->check, n, NULL, &sum));
    point->check_loss = sum.loss;
    point->accuracy = (double)sum.right / (double)n;
    point->robust = defended ? (double)sum.robust / (double)n : NAN;
    return SP_OK;
}

static void keep_best(sp_training *t, sp_training_point *point) {
    const sp_training_point *best = sp_training_best(t);
    const bool ramped = point->number > growth_of(&t->recipe);
    const bool early = best && best->number <= growth_of(&t->recipe);
    point->best = !best || (t->recipe.defence != SP_DEFENCE_NONE && early && ramped) ||
                  point->check_loss < best->check_loss;
    if (point->best) {
        t->best_epoch = point->number;
        memcpy(t->best, t->average, t->parameters * sizeof *t->best);
    }
}

sp_status sp_training_epoch(sp_error *err, sp_training *training) {
    if (sp_training_done(training)) {
        return sp_fail(err, SP_E_ARGUMENT, "the training is over");
    }
    sp_training_point point = {.number = training->epochs + 1};
    SP_TRY(train_epoch(err, training, &point));
    sp_train_store(&training->net, training->average);
    const sp_status status = validate(err, training, &point);
    sp_train_store(&training->net, training->parameter);
    SP_TRY(status);
    keep_best(training, &point);
    training->curve[training->epochs++] = point;
    return SP_OK;
}

void sp_training_until(sp_training *training, double deadline) {
    training->deadline = deadline;
}

bool sp_training_done(const sp_training *training) {
    const sp_recipe *recipe = &training->recipe;
    size_t since = training->best_epoch;
    if (recipe->defence != SP_DEFENCE_NONE && since < growth_of(recipe) + 1) {
        since = growth_of(recipe) + 1;
    }
    return training->epochs >= recipe->epochs ||
           (recipe->patience > 0 && training->epochs >= since + recipe->patience);
}

const sp_training_point *sp_training_curve(const sp_training *training, size_t *count) {
    *count = training->epochs;
    return training->curve;
}

const sp_training_point *sp_training_best(const sp_training *training) {
    return training->best_epoch > 0 ? &training->curve[training->best_epoch - 1] : NULL;
}
