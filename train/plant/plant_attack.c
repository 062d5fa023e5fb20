/* Attacks on all boxes at once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/plant/plant.h"

enum { JUDGE_STEPS = 48 };

/* ---- batches ---- */

sp_status sp_train_runner_open(sp_error *err, sp_train_runner *r, const sp_train_planting *w,
                               size_t clips) {
    size_t *steps = calloc(2 * clips, sizeof *steps);
    r->slope = calloc(clips * w->net->classes + 1, sizeof *r->slope);
    if (!steps || !r->slope) {
        free(steps);
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu inputs", clips);
    }
    size_t *label = steps + clips;
    for (size_t i = 0; i < clips; i++) {
        steps[i] = w->plant->steps;
        label[i] = w->planted->instance[i % w->plant->instances].label;
    }
    sp_status status =
        sp_train_packed_batch_create(err, &r->batch, steps, label, clips, w->net->features);
    free(steps);
    return status == SP_OK ? sp_train_pass_create(err, &r->pass, w->net, &r->batch) : status;
}

void sp_train_runner_close(sp_train_runner *r) {
    sp_train_pass_clear(&r->pass);
    sp_train_packed_batch_clear(&r->batch);
    free(r->slope);
}

/* Row t of input i stands at t clips + i. */
double *sp_train_runner_number(double *rows, const sp_train_runner *r, size_t clip, size_t k) {
    const size_t D = r->batch.width;
    return &rows[(k / D * r->batch.clips + clip) * D + k % D];
}

/* ---- attacks ---- */

static bool is_right(const double *logits, size_t classes, size_t label) {
    bool right = true;
    for (size_t k = 0; k < classes; k++) {
        right = right && (k == label || logits[label] > logits[k]);
    }
    return right;
}

static double inside(const sp_train_planting *w, size_t instance, size_t k, double x) {
    const double centre = w->planted->instance[instance].centre[k], r = w->plant->radius;
    return fmin(fmax(x, centre - r), centre + r);
}

/* Along the signs of the loss's slopes, by shorter and shorter steps. */
static void climb(sp_train_planting *w, sp_train_runner *r, double reach) {
    const size_t N = w->plant->instances;
    for (size_t i = 0; i < r->batch.clips; i++) {
        for (size_t k = 0; k < w->n; k++) {
            const double slope = *sp_train_runner_number(r->pass.input_slope, r, i, k);
            double *x = sp_train_runner_number(r->batch.x, r, i, k);
            *x = inside(w, i % N, k, *x + (slope > 0.0 ? reach : slope < 0.0 ? -reach : 0.0));
        }
    }
}

/* Starts of one box go along the loss, or along the margin of each other label, in turn. */
static void aim(sp_train_runner *r, const double *logits, size_t instances, size_t classes) {
    size_t right = 0;
    (void)sp_train_cross_entropy(r->slope, logits, r->batch.label, r->batch.clips, classes, 1.0,
                                 &right);
    for (size_t i = 0; i < r->batch.clips; i++) {
        const size_t turn = i / instances % classes, label = r->batch.label[i];
        double *slope = r->slope + i * classes;
        for (size_t k = 0; turn > 0 && k < classes; k++) {
            slope[k] = k == label ? -1.0 : k == (label + turn) % classes ? 1.0 : 0.0;
        }
    }
}

/* From the middle of each box and from random inputs; leaves the last inputs in the batch. Found
 * [instances], or NULL: which boxes have an input that was answered wrongly at any time. */
static const double *attack(sp_train_planting *w, sp_train_runner *r, size_t steps, uint64_t stream,
                            bool *found) {
    const size_t N = w->plant->instances, C = w->net->classes;
    const double *logits = NULL;
    sp_random random = sp_train_stream(w->plant->seed, SP_TRAIN_STREAM_ATTACK, stream, steps);
    for (size_t i = 0; i < r->batch.clips; i++) {
        for (size_t k = 0; k < w->n; k++) {
            const double share = sp_random_sign(&random);
            *sp_train_runner_number(r->batch.x, r, i, k) =
                w->planted->instance[i % N].centre[k] +
                (i / N < C ? 0.0 : share) * w->plant->radius;
        }
    }
    for (size_t step = 0; step <= steps; step++) {
        logits = sp_train_pass_forward(&r->pass, r->batch.x);
        for (size_t i = 0; found && i < r->batch.clips; i++) {
            found[i % N] = found[i % N] || !is_right(logits + i * C, C, r->batch.label[i]);
        }
        if (step < steps) {
            aim(r, logits, N, C);
            sp_train_pass_backward(&r->pass, r->batch.x, r->slope, NULL, true);
            climb(w, r, w->plant->radius * pow(0.05, (double)step / (double)steps));
        }
    }
    return logits;
}

double sp_train_plant_loss(const double *logits, size_t classes, size_t label) {
    size_t right = 0;
    return sp_train_cross_entropy(NULL, logits, &label, 1, classes, 1.0, &right);
}

/* Remembers the worst input of every instance in place of the one that is easiest by now. */
void sp_train_plant_remember(sp_train_planting *w, size_t epoch) {
    const size_t N = w->plant->instances, C = w->net->classes;
    sp_train_runner *r = &w->attack;
    const double *logits = attack(w, r, SP_TRAIN_PLANT_STEPS, epoch, NULL);
    for (size_t i = 0; i < N; i++) {
        size_t worst = i;
        double most = -INFINITY;
        for (size_t s = i; s < r->batch.clips; s += N) {
            const double loss = sp_train_plant_loss(logits + s * C, C, r->batch.label[s]);
            worst = loss > most ? s : worst;
            most = fmax(most, loss);
        }
        size_t easiest = 0;
        for (size_t s = 1; s < SP_TRAIN_PLANT_KEPT; s++) {
            easiest = w->hard[s * N + i] < w->hard[easiest * N + i] ? s : easiest;
        }
        w->hard[easiest * N + i] = most;
        double *to = w->kept + (easiest * N + i) * w->n;
        for (size_t k = 0; k < w->n; k++) {
            to[k] = *sp_train_runner_number(r->batch.x, r, worst, k);
        }
    }
}

/* ---- judgement ---- */

bool sp_train_plant_is_safe(sp_train_planting *w) {
    bool safe = true;
    memset(w->found, 0, w->plant->instances * sizeof *w->found);
    (void)attack(w, &w->judge, JUDGE_STEPS, UINT64_MAX, w->found);
    for (size_t i = 0; i < w->plant->instances; i++) {
        safe = safe && !w->found[i];
    }
    return safe;
}
