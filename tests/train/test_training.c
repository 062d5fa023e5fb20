/* Whole trainings: they learn, and seed and data alone decide every bit of them. */
#include <unistd.h>

#include "base/file.h"
#include "base/pool.h"
#include "tests/train/small_data.h"

enum { EPOCHS = 6 };
static const struct {
    sp_defence defence;
    sp_certifier certifier;
    size_t box_ramp;
} trainings[] = {{SP_DEFENCE_NONE, SP_CERTIFIER_INTERVAL, 0},
                 {SP_DEFENCE_ADVERSARIAL, SP_CERTIFIER_INTERVAL, 0},
                 {SP_DEFENCE_CERTIFIED, SP_CERTIFIER_INTERVAL, 0},
                 {SP_DEFENCE_CERTIFIED, SP_CERTIFIER_INTERVAL, 3},
                 {SP_DEFENCE_CERTIFIED, SP_CERTIFIER_ZONOTOPE, 2},
                 {SP_DEFENCE_CERTIFIED, SP_CERTIFIER_INTERZONO, 0}};
enum { TRAININGS = sizeof trainings / sizeof trainings[0] };

static void begin_setting(setting *s, size_t which, size_t epochs) {
    setting_init(s, trainings[which].defence, epochs);
    s->recipe.certifier = trainings[which].certifier;
    s->recipe.box_ramp = trainings[which].box_ramp;
}

static sp_training *trained(const setting *s, int threads) {
    assert_int_equal(sp_pool_start(threads), SP_OK);
    sp_training *training = begin_training(s);
    run_epochs(training, EPOCHS);
    sp_pool_stop();
    return training;
}

static void threads_change_nothing(void **state) {
    (void)state;
    for (size_t d = 0; d < TRAININGS; d++) {
        setting s;
        begin_setting(&s, d, EPOCHS);
        sp_training *one = trained(&s, 1), *three = trained(&s, 3);
        expect_same(one, three);
        sp_training_destroy(one);
        sp_training_destroy(three);
        setting_clear(&s);
    }
}

/* Clips for testing have no part in the training, not even in its random numbers. */
static void test_clips_change_nothing(void **state) {
    (void)state;
    for (size_t d = 0; d < TRAININGS; d++) {
        setting s;
        begin_setting(&s, d, EPOCHS);
        sp_training *without = trained(&s, 1);
        sp_dataset_clear(&s.data);
        make_data(&s.data, true);
        assert_int_equal(s.data.split[SP_SPLIT_TEST], TONES * EACH / 3);
        sp_training *with = trained(&s, 1);
        expect_same(without, with);
        sp_training_destroy(without);
        sp_training_destroy(with);
        setting_clear(&s);
    }
}

static void the_seed_matters(void **state) {
    (void)state;
    setting s;
    setting_init(&s, SP_DEFENCE_NONE, EPOCHS);
    sp_training *a = trained(&s, 1);
    s.recipe.seed = 2;
    sp_training *b = trained(&s, 1);
    assert_true(a->curve[0].loss != b->curve[0].loss);
    assert_true(a->curve[EPOCHS - 1].loss != b->curve[EPOCHS - 1].loss);
    sp_training_destroy(a);
    sp_training_destroy(b);
    setting_clear(&s);
}

/* Tones of three pitches are told apart after some epochs, by every kind of training; and then also
 * by the net for the file, which reads other features and holds floats. */
static void trainings_learn(void **state) {
    (void)state;
    for (size_t d = 0; d < TRAININGS; d++) {
        setting s;
        sp_net net;
        double accuracy = 0.0;
        begin_setting(&s, d, 40);
        sp_training *training = begin_training(&s);
        run_epochs(training, 40);
        assert_true(sp_training_done(training));
        assert_int_equal(sp_training_epoch(NULL, training), SP_E_ARGUMENT);
        const sp_training_point *best = sp_training_best(training);
        assert_non_null(best);
        assert_true(training->curve[0].check_loss > 2.0 * best->check_loss);
        assert_true(best->accuracy >= 0.95);
        assert_true(d == 0 ? isnan(best->robust) : best->robust >= 0.8);
        assert_int_equal(sp_training_net(NULL, training, &net), SP_OK);
        assert_int_equal(
            sp_dataset_accuracy(NULL, &accuracy, &s.data, SP_SPLIT_VALIDATION, &net, s.front),
            SP_OK);
        assert_true(fabs(accuracy - best->accuracy) <= 1e-12);
        for (size_t n = 0; n < net.nodes; n++) {
            const sp_train_weights at = sp_train_weights_of(&net.node[n]);
            for (size_t i = 0; i < at.rows * at.in; i++) {
                assert_true(at.weight[i] == (double)(float)at.weight[i]);
            }
        }
        sp_net_clear(&net);
        sp_training_destroy(training);
        setting_clear(&s);
    }
}

/* Mean and deviation of the features that the net reads, over the training clips. */
static void features_are_normalised(void **state) {
    (void)state;
    enum { D = 5 };
    setting s;
    setting_init(&s, SP_DEFENCE_NONE, EPOCHS);
    sp_training *training = begin_training(&s);
    double sum[D] = {0.0}, square[D] = {0.0}, count = 0.0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < s.data.count; i++) {
            const sp_clip *clip = &s.data.clip[i].clip;
            double x[20 * D];
            const size_t frames = sp_front_frames(s.front, clip->n);
            if (s.data.clip[i].split != SP_SPLIT_TRAIN) {
                continue;
            }
            assert_int_equal(sp_front_run(NULL, s.front, x, clip->samples, clip->n), SP_OK);
            for (size_t k = 0; k < frames * D; k++) {
                const double away = x[k] - training->mean[k % D];
                sum[k % D] += round == 0 ? x[k] : 0.0;
                square[k % D] += round == 1 ? away * away : 0.0;
            }
            count += round == 0 ? (double)frames : 0.0;
        }
    }
    for (size_t m = 0; m < D; m++) {
        assert_true(fabs(training->mean[m] - sum[m] / count) <= 1e-9);
        assert_true(fabs(training->deviation[m] - sqrt(square[m] / count)) <= 1e-6);
    }
    sp_training_destroy(training);
    setting_clear(&s);
}

static void patience_ends(void **state) {
    (void)state;
    static const struct {
        sp_defence defence;
        size_t epochs, best, patience;
        bool done;
    } cases[] = {{SP_DEFENCE_NONE, 10, 7, 3, true},      {SP_DEFENCE_NONE, 10, 8, 3, false},
                 {SP_DEFENCE_NONE, 59, 1, 0, false},     {SP_DEFENCE_NONE, 60, 60, 0, true},
                 {SP_DEFENCE_CERTIFIED, 6, 1, 3, false}, // the full budget comes with epoch 4
                 {SP_DEFENCE_CERTIFIED, 7, 1, 3, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setting s;
        setting_init(&s, cases[i].defence, 60);
        s.recipe.patience = cases[i].patience;
        sp_training *training = begin_training(&s);
        training->epochs = cases[i].epochs;
        training->best_epoch = cases[i].best;
        assert_int_equal(sp_training_done(training), cases[i].done);
        sp_training_destroy(training);
        setting_clear(&s);
    }
}

/* With a defence, no epoch before the full budget is kept once there is one at the full budget, and
 * none before the whole box. */
static void the_ramp_does_not_count(void **state) {
    (void)state;
    for (size_t box_ramp = 0; box_ramp <= 5; box_ramp += 5) {
        setting s;
        setting_init(&s, SP_DEFENCE_CERTIFIED, 8);
        s.recipe.box_ramp = box_ramp;
        sp_training *training = begin_training(&s);
        run_epochs(training, 8);
        assert_true(training->best_epoch > s.recipe.warm + s.recipe.ramp);
        assert_true(training->best_epoch > s.recipe.warm + box_ramp);
        sp_training_destroy(training);
        setting_clear(&s);
    }
}

/* A box that grows is a smaller one at first. */
static void boxes_grow(void **state) {
    (void)state;
    double loss[2];
    for (size_t ramp = 0; ramp < 2; ramp++) {
        setting s;
        setting_init(&s, SP_DEFENCE_CERTIFIED, EPOCHS);
        s.recipe.warm = s.recipe.ramp = s.recipe.attack_steps = 0;
        s.recipe.box = 1.0;
        s.recipe.box_ramp = 4 * ramp;
        sp_training *training = begin_training(&s);
        run_epochs(training, 1);
        loss[ramp] = training->curve[0].loss;
        sp_training_destroy(training);
        setting_clear(&s);
    }
    assert_true(loss[1] < 0.9 * loss[0]);
}

static void an_endless_loss_is_refused(void **state) {
    (void)state;
    setting s;
    sp_error err = {0};
    setting_init(&s, SP_DEFENCE_NONE, EPOCHS);
    sp_training *training = begin_training(&s);
    training->parameter[0] = training->block[0].value[0] = NAN;
    assert_int_equal(sp_training_epoch(&err, training), SP_E_NONFINITE);
    assert_non_null(strstr(err.text, "epoch 1"));
    sp_training_destroy(training);
    setting_clear(&s);
}

/* ---- checkpoints ---- */

static void checkpoints_resume(void **state) {
    (void)state;
    for (size_t d = 0; d < TRAININGS; d++) {
        setting s;
        char path[512];
        begin_setting(&s, d, EPOCHS);
        s.recipe.average = d == 0 ? 0.0 : 0.9;
        s.recipe.box_weight = 0.6;
        sp_test_scratch("train_training.checkpoint", path, sizeof path);
        sp_training *whole = trained(&s, 1), *first = begin_training(&s);
        run_epochs(first, 2);
        assert_int_equal(sp_training_save(NULL, first, path), SP_OK);
        run_epochs(first, 1); // what a kill would lose
        sp_training_destroy(first);
        sp_training *second = begin_training(&s);
        assert_int_equal(sp_training_resume(NULL, second, path), SP_OK);
        assert_int_equal(second->epochs, 2);
        run_epochs(second, EPOCHS - 2);
        expect_same(whole, second);
        sp_training_destroy(whole);
        sp_training_destroy(second);
        setting_clear(&s);
    }
}

/* A training that begins with the net of another one answers as it does, but for the rounding of
 * its weights to floats; one of other layers is refused. */
static void trainings_begin_with_a_net(void **state) {
    (void)state;
    setting s;
    sp_net net, again;
    setting_init(&s, SP_DEFENCE_CERTIFIED, EPOCHS);
    s.recipe.average = 0.8;
    sp_training *first = trained(&s, 1), *second = begin_training(&s);
    assert_int_equal(sp_training_net(NULL, first, &net), SP_OK);
    assert_int_equal(sp_training_begin(NULL, second, &net), SP_OK);
    for (size_t i = 0; i < first->parameters; i++) {
        const double kept = first->best[i];
        assert_true(fabs(second->parameter[i] - kept) <= 1e-5 * (1.0 + fabs(kept)));
    }
    run_epochs(second, 1);
    assert_int_equal(sp_training_net(NULL, second, &again), SP_OK);
    sp_net_clear(&again);
    assert_int_equal(sp_training_begin(NULL, second, &net), SP_E_MISMATCH); // too late
    sp_training_destroy(second);
    second = begin_training(&s);
    net.nodes--;
    assert_int_equal(sp_training_begin(NULL, second, &net), SP_E_MISMATCH);
    net.nodes++;
    sp_net_clear(&net);
    sp_training_destroy(first);
    sp_training_destroy(second);
    setting_clear(&s);
}

static void expect_refusal(const setting *s, const char *path, sp_status status) {
    sp_error err = {0};
    sp_training *training = begin_training(s), *untouched = begin_training(s);
    if (sp_training_resume(&err, training, path) != status) {
        fail_msg("not status %d: %s", status, err.text);
    }
    assert_non_null(strstr(err.text, path));
    expect_same(training, untouched);
    sp_training_destroy(training);
    sp_training_destroy(untouched);
}

static void other_checkpoints_are_refused(void **state) {
    (void)state;
    setting s;
    char path[512], damaged[512], *data = NULL;
    size_t size = 0;
    setting_init(&s, SP_DEFENCE_CERTIFIED, EPOCHS);
    sp_test_scratch("train_training.other", path, sizeof path);
    sp_test_scratch("train_training.damaged", damaged, sizeof damaged);
    sp_training *training = begin_training(&s);
    run_epochs(training, 1);
    assert_int_equal(sp_training_save(NULL, training, path), SP_OK);
    sp_training_destroy(training);
    s.recipe.box *= 0.5;
    expect_refusal(&s, path, SP_E_MISMATCH);
    s.recipe.box *= 2.0;
    s.recipe.certifier = SP_CERTIFIER_ZONOTOPE;
    expect_refusal(&s, path, SP_E_MISMATCH);
    s.recipe.certifier = SP_CERTIFIER_INTERVAL;
    s.recipe.box_ramp = 1;
    expect_refusal(&s, path, SP_E_MISMATCH);
    s.recipe.box_ramp = 0;
    s.data.digest[0] = 'O';
    expect_refusal(&s, path, SP_E_MISMATCH);
    s.data.digest[0] = 'o';
    assert_int_equal(sp_file_read(NULL, &data, &size, path, (size_t)1 << 24), SP_OK);
    for (size_t at = size / 8; at < size; at += size / 4) {
        data[at] ^= 1;
        assert_int_equal(sp_file_replace(NULL, damaged, data, size), SP_OK);
        expect_refusal(&s, damaged, SP_E_FORMAT);
        data[at] ^= 1;
    }
    assert_int_equal(sp_file_replace(NULL, damaged, data, size - 8), SP_OK);
    expect_refusal(&s, damaged, SP_E_FORMAT);
    assert_int_equal(sp_file_replace(NULL, damaged, "something else", 14), SP_OK);
    expect_refusal(&s, damaged, SP_E_FORMAT);
    free(data);
    setting_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(test_clips_change_nothing),
        cmocka_unit_test(the_seed_matters),
        cmocka_unit_test(trainings_learn),
        cmocka_unit_test(features_are_normalised),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(the_ramp_does_not_count),
        cmocka_unit_test(boxes_grow),
        cmocka_unit_test(an_endless_loss_is_refused),
        cmocka_unit_test(checkpoints_resume),
        cmocka_unit_test(trainings_begin_with_a_net),
        cmocka_unit_test(other_checkpoints_are_refused),
    };
    return cmocka_run_group_tests_name("train/training", tests, NULL, NULL);
}
