/* The losses of a micro-batch: their gradients, and what noise adds to them. */
#include "tests/train/small_data.h"

static const size_t chosen[] = {0, 5, 10, 15, 20, 25, 30};
enum { CHOSEN = sizeof chosen / sizeof chosen[0] };

/* The micro-batch of a training's first epoch, with noise of `db` and all of its weight. */
static sp_train_micro_batch micro_batch_of(const sp_training *t, double weight, double db) {
    return (sp_train_micro_batch){.net = &t->net,
                                  .front = t->front,
                                  .data = t->data,
                                  .recipe = &t->recipe,
                                  .band_noise = &t->band_noise,
                                  .mean = t->mean,
                                  .deviation = t->deviation,
                                  .clip = chosen,
                                  .clips = CHOSEN,
                                  .epoch = 1,
                                  .augment = true,
                                  .scale = 0.25,
                                  .weight = weight,
                                  .noise = pow(10.0, db / 20.0),
                                  .box = t->recipe.box};
}

static double loss_of(const sp_training *t, double weight, double db, double *gradient) {
    sp_error err = {0};
    sp_train_micro_batch micro_batch = micro_batch_of(t, weight, db);
    micro_batch.gradient = gradient;
    if (sp_train_micro_batch_run(&err, &micro_batch) != SP_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(micro_batch.right <= CHOSEN && micro_batch.robust <= CHOSEN);
    return micro_batch.loss;
}

/* Of clean and of noisy loss mixed, by differences. An attack would move with the weights, so there
 * is none: the boxes stand around the clip. */
static void gradients_are_those_of_the_loss(void **state) {
    (void)state;
    for (int certified = 0; certified <= SP_CERTIFIERS; certified++) {
        setting s;
        setting_init(&s, certified ? SP_DEFENCE_CERTIFIED : SP_DEFENCE_NONE, 8);
        s.recipe.certifier = certified ? (sp_certifier)(certified - 1) : SP_CERTIFIER_INTERVAL;
        s.recipe.attack_steps = 0;
        sp_training *t = begin_training(&s);
        run_epochs(t, 2); // biases leave 0, where intervals have kinks
        const double weight = certified ? 0.6 : 0.0, db = -50.0;
        double *gradient = calloc(t->parameters, sizeof *gradient);
        assert_non_null(gradient);
        loss_of(t, weight, db, gradient);
        for (size_t b = 0; b < t->blocks; b++) {
            double error = 0.0, norm = 0.0;
            for (size_t i = 0; i < t->block[b].count; i += 3) {
                double *value = t->block[b].value + i * t->block[b].stride, best = INFINITY;
                const double x = *value, g = gradient[t->block[b].first + i];
                for (double step = 1e-4; step > 1e-7; step *= 0.1) { // smaller ones pass kinks by
                    *value = x + step;
                    const double above = loss_of(t, weight, db, NULL);
                    *value = x - step;
                    const double below = loss_of(t, weight, db, NULL);
                    *value = x;
                    const double d = (above - below) / (2.0 * step);
                    best = fabs(d - g) < fabs(best - g) ? d : best;
                }
                error += (best - g) * (best - g);
                norm += best * best;
            }
            if (!(sqrt(error) <= 1e-6 * sqrt(norm) + 1e-9)) {
                fail_msg("array %zu: off by %g of %g", b, sqrt(error), sqrt(norm));
            }
        }
        free(gradient);
        sp_training_destroy(t);
        setting_clear(&s);
    }
}

/* Noise that is next to nothing changes next to nothing, whatever the attack does with it. */
static void faint_noise_changes_nothing(void **state) {
    (void)state;
    static const sp_defence defences[] = {SP_DEFENCE_ADVERSARIAL, SP_DEFENCE_CERTIFIED};
    for (size_t d = 0; d < 2; d++) {
        for (size_t steps = 1; steps <= 4; steps += 3) {
            setting s;
            setting_init(&s, defences[d], 8);
            s.recipe.attack_steps = steps;
            sp_training *t = begin_training(&s);
            run_epochs(t, 3);
            const double clean = loss_of(t, 0.0, -200.0, NULL);
            for (double weight = 0.5; weight <= 1.0; weight += 0.5) {
                t->recipe.certifier = (sp_certifier)((steps + d) % SP_CERTIFIERS);
                const double faint = loss_of(t, weight, -200.0, NULL);
                assert_true(fabs(faint - clean) <= 1e-6 * clean);
            }
            sp_training_destroy(t);
            setting_clear(&s);
        }
    }
}

/* Attacks of one step and of several find noise that hurts, the more of it the more; the worst
 * logits of boxes around it are worse still. */
static void louder_noise_hurts_more(void **state) {
    (void)state;
    setting s;
    setting_init(&s, SP_DEFENCE_ADVERSARIAL, 12);
    sp_training *t = begin_training(&s);
    run_epochs(t, 2);
    for (size_t steps = 1; steps <= 8; steps += 7) {
        double before = loss_of(t, 0.0, 0.0, NULL);
        t->recipe.attack_steps = steps;
        for (double db = -60.0; db <= -30.0; db += 10.0) {
            const double found = loss_of(t, 1.0, db, NULL);
            double bound = INFINITY;
            t->recipe.defence = SP_DEFENCE_CERTIFIED;
            for (size_t d = 0; d < SP_CERTIFIERS; d++) {
                t->recipe.certifier = (sp_certifier)d;
                bound = fmin(bound, loss_of(t, 1.0, db, NULL));
            }
            t->recipe.defence = SP_DEFENCE_ADVERSARIAL;
            if (!(found > before && bound > found)) {
                fail_msg("%g dB, %zu steps: %g, then %g, and %g by bounds", db, steps, before,
                         found, bound);
            }
            before = found;
        }
    }
    sp_training_destroy(t);
    setting_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_loss),
        cmocka_unit_test(faint_noise_changes_nothing),
        cmocka_unit_test(louder_noise_hurts_more),
    };
    return cmocka_run_group_tests_name("train/micro-batch", tests, NULL, NULL);
}
