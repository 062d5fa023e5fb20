/* Learning boxes: everything in them is answered as their middle is, as far as attacks see. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "train/plant/plant.h"

enum { JUDGE_EVERY = 50 /* epochs */ };
#define STEEPEST 10.0 /* largest norm of a gradient */

static void set_input(sp_train_runner *r, size_t clip, const double *x, size_t n) {
    for (size_t k = 0; k < n; k++) {
        *sp_train_runner_number(r->batch.x, r, clip, k) = x[k];
    }
}

/* Weights as the file will have them. */
static void round_weights(const sp_train_planting *w) {
    for (size_t b = 0; b < w->blocks; b++) {
        for (size_t i = 0; i < w->block[b].count; i++) {
            double *value = w->block[b].value + i * w->block[b].stride;
            *value = (double)(float)*value;
        }
    }
}

/* The cross-entropy of the kept inputs and of the centres. */
static double learn(sp_train_planting *w) {
    const size_t N = w->plant->instances, C = w->net->classes, all = (SP_TRAIN_PLANT_KEPT + 1) * N;
    sp_train_runner *r = &w->learn;
    size_t right = 0;
    for (size_t i = 0; i < all; i++) {
        set_input(r, i,
                  i < SP_TRAIN_PLANT_KEPT * N ? w->kept + i * w->n
                                              : w->planted->instance[i % N].centre,
                  w->n);
    }
    const double *logits = sp_train_pass_forward(&r->pass, r->batch.x);
    const double loss =
        sp_train_cross_entropy(r->slope, logits, r->batch.label, all, C, 1.0 / (double)all, &right);
    for (size_t i = 0; i < SP_TRAIN_PLANT_KEPT * N; i++) {
        w->hard[i] = sp_train_plant_loss(logits + i * C, C, r->batch.label[i]);
    }
    memset(w->gradient, 0, w->parameters * sizeof *w->gradient);
    sp_train_pass_backward(&r->pass, r->batch.x, r->slope, w->gradient, false);
    sp_train_chain(w->gradient, w->net, w->parameter);
    return loss;
}

static sp_status step(sp_error *err, sp_train_planting *w, size_t epoch) {
    const double loss = learn(w), norm = sp_train_gradient_norm(w->gradient, w->parameters);
    if (!isfinite(loss) || !isfinite(norm)) {
        return sp_fail(err, SP_E_NONFINITE,
                       "epoch %zu: the loss or its gradient is no longer a number: lower the rate",
                       epoch);
    }
    sp_train_step(&w->adam, w->parameter, w->block, w->blocks, w->gradient,
                  norm > STEEPEST ? STEEPEST / norm : 1.0, w->plant->rate, 0.0);
    sp_train_store(w->net, w->parameter);
    return SP_OK;
}

sp_status sp_train_plant_learn(sp_error *err, sp_train_planting *w) {
    bool safe = false;
    for (size_t epoch = 1; epoch <= w->plant->epochs && !safe; epoch++) {
        sp_train_plant_remember(w, epoch);
        SP_TRY(step(err, w, epoch));
        if (epoch % JUDGE_EVERY == 0 || epoch == w->plant->epochs) {
            round_weights(w);
            sp_train_load(w->parameter, w->net);
            safe = sp_train_plant_is_safe(w);
        }
        if (sp_clock_stopped()) {
            return sp_fail(err, SP_E_TIMEOUT, "interrupted in epoch %zu", epoch);
        }
        w->planted->epochs = epoch;
    }
    return safe ? SP_OK
                : sp_fail(err, SP_E_UNSUPPORTED,
                          "attacks still find wrong answers after %zu epochs, before anything is "
                          "planted: more --epochs, wider layers, fewer instances or a smaller "
                          "--radius",
                          w->plant->epochs);
}
