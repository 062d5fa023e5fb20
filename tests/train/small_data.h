/* A small dataset in memory: tones of three pitches in noise, as long as a few frames. */
#ifndef SP_TESTS_TRAIN_SMALL_DATA_H
#define SP_TESTS_TRAIN_SMALL_DATA_H

#include "tests/train/nets.h"

enum { TONES = 3, EACH = 24 };

static const char small_front[] =
    "{\"sample_rate\": 8000, \"scale\": \"int16\","
    " \"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the "
    "step\"},"
    " \"frame\": 64, \"step\": 50,"
    " \"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"},"
    " \"window\": \"hamming-periodic\", \"fft\": 64, \"power_norm\": \"1/N\","
    " \"mel\": {\"bands\": 5, \"low_hz\": 0, \"high_hz\": 4000,"
    " \"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    " \"floor\": {\"add\": 10}, \"log\": \"natural\"}";

static const char small_arch[] =
    "{\"layers\": [{\"kind\": \"dense\", \"out\": 8},"
    " {\"kind\": \"relu\"}, {\"kind\": \"lstm\", \"out\": 6},"
    " {\"kind\": \"gru\", \"out\": 5}, {\"kind\": \"rnn\", \"out\": 6},"
    " {\"kind\": \"linear\", \"out\": 5, \"decay\": [0.3, 0.8]},"
    " {\"kind\": \"dense\", \"out\": 3}]}";

static inline sp_front *make_front(void) {
    sp_front *front = NULL;
    sp_error err = {0};
    if (sp_front_parse(&err, &front, small_front, strlen(small_front), "small") != SP_OK) {
        fail_msg("%s", err.text);
    }
    return front;
}

/* Clip `number` of tone `label`. */
static inline void make_clip(sp_dataset_clip *clip, size_t label, size_t number) {
    double samples[400];
    sp_rng rng;
    sp_rng_init(&rng, 1000 * label + number);
    const size_t n = 150 + sp_rng_below(&rng, 250);
    const double pitch = 0.3 + 0.7 * (double)label + sp_rng_uniform(&rng, -0.1, 0.1);
    for (size_t i = 0; i < n; i++) {
        samples[i] = floor(4000.0 * sin(pitch * (double)i) + sp_rng_uniform(&rng, -300, 300));
    }
    assert_int_equal(sp_clip_init(NULL, &clip->clip, samples, n, 8000, 32768.0, 1.0), SP_OK);
    clip->label = label;
    clip->split = number % 4 == 3 ? SP_SPLIT_VALIDATION : SP_SPLIT_TRAIN;
}

/* `tests`: one clip for testing is put before every third other one. */
static inline void make_data(sp_dataset *data, bool tests) {
    *data = (sp_dataset){.classes = TONES};
    data->clip = calloc(2 * TONES * EACH, sizeof *data->clip);
    assert_non_null(data->clip);
    for (size_t i = 0; i < TONES * EACH; i++) {
        if (tests && i % 3 == 0) {
            sp_dataset_clip *extra = &data->clip[data->count++];
            make_clip(extra, i % TONES, EACH + i);
            extra->split = SP_SPLIT_TEST;
            extra->number = i;
            data->split[extra->split]++;
        }
        sp_dataset_clip *clip = &data->clip[data->count++];
        make_clip(clip, i % TONES, i / TONES);
        clip->number = i;
        data->split[clip->split]++;
    }
    strcpy(data->digest, "of the test");
}

/* Everything that a training needs; `epochs` of them. */
typedef struct setting {
    sp_front *front;
    sp_dataset data;
    sp_recipe recipe;
} setting;

static inline void setting_init(setting *s, sp_defence defence, size_t epochs) {
    s->front = make_front();
    make_data(&s->data, false);
    sp_recipe_standard(&s->recipe);
    s->recipe.epochs = epochs;
    s->recipe.batch = 40; // three micro-batches, the last one not full
    s->recipe.rate = 0.02;
    s->recipe.shift = 20;
    s->recipe.defence = defence;
    s->recipe.budget_db = -40.0;
    s->recipe.attack_steps = defence == SP_DEFENCE_ADVERSARIAL ? 3 : 1;
    s->recipe.box = 0.3;
    s->recipe.warm = 1;
    s->recipe.ramp = 2;
}

static inline void setting_clear(setting *s) {
    sp_front_destroy(s->front);
    sp_dataset_clear(&s->data);
}

static inline sp_training *begin_training(const setting *s) {
    sp_net net;
    sp_training *training = NULL;
    sp_error err = {0};
    if (sp_arch_parse(&err, &net, small_arch, strlen(small_arch), "small", 5, s->recipe.seed) !=
            SP_OK ||
        sp_training_create(&err, &training, &net, s->front, &s->data, &s->recipe) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return training;
}

static inline void run_epochs(sp_training *training, size_t count) {
    sp_error err = {0};
    for (size_t i = 0; i < count; i++) {
        if (sp_training_epoch(&err, training) != SP_OK) {
            fail_msg("%s", err.text);
        }
    }
}

/* Equal to the last bit: curves, weights, moments. */
static inline void expect_same(const sp_training *a, const sp_training *b) {
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->best_epoch, b->best_epoch);
    assert_int_equal(a->adam.steps, b->adam.steps);
    for (size_t e = 0; e < a->epochs; e++) {
        const sp_training_point *p = &a->curve[e], *q = &b->curve[e];
        assert_int_equal(p->number, q->number);
        assert_memory_equal(&p->loss, &q->loss, sizeof p->loss);
        assert_memory_equal(&p->check_loss, &q->check_loss, sizeof p->check_loss);
        assert_true(p->accuracy == q->accuracy);
        assert_true(p->robust == q->robust || (isnan(p->robust) && isnan(q->robust)));
        assert_int_equal(p->best, q->best);
    }
    for (size_t i = 0; i < a->blocks; i++) {
        for (size_t k = 0; k < a->block[i].count; k++) {
            const size_t at = k * a->block[i].stride;
            assert_memory_equal(a->block[i].value + at, b->block[i].value + at, sizeof(double));
        }
    }
    assert_memory_equal(a->parameter, b->parameter, a->parameters * sizeof(double));
    assert_memory_equal(a->average, b->average, a->parameters * sizeof(double));
    assert_memory_equal(a->adam.mean, b->adam.mean, a->parameters * sizeof(double));
    assert_memory_equal(a->adam.square, b->adam.square, a->parameters * sizeof(double));
    assert_memory_equal(a->best, b->best, a->parameters * sizeof(double));
}

#endif
