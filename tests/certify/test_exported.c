/* Networks out of files as exporters write them, where the folder beside the data has them: margins
 * hold for sampled features and for an attack. A few files, or all of them with SOUNDPROOF_LONG. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>

#include "certify/attack/attack.h"
#include "certify/certify.h"
#include "onnx/onnx.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const few[] = {"torch-rnn1.dy18.onnx", "keras-k3t_lstm.onnx",
                                  "torch-stateful.ts17.onnx", "keras-k_td.onnx",
                                  "torch-pool_mha.ts17.onnx"};

static bool is_chosen(const char *name) {
    const size_t length = strlen(name);
    bool chosen = sp_test_long() && length > 5 && strcmp(name + length - 5, ".onnx") == 0;
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        chosen = chosen || strcmp(name, few[i]) == 0;
    }
    return chosen;
}

/* logits [classes] at a point of the set, in one corner of it or anywhere. */
static void run_near(const char *name, const sp_net *net, const sp_clip *clip, double eps,
                     sp_rng *rng, double *x, double *logits) {
    const bool corner = sp_rng_below(rng, 2) > 0;
    for (size_t i = 0; i < clip->n; i++) {
        const double u = sp_rng_uniform(rng, -1.0, 1.0);
        x[i] = clip->samples[i] + (1.0 - 1e-9) * eps * (corner ? (u < 0.0 ? -1.0 : 1.0) : u);
    }
    sp_error err = {0};
    if (sp_net_run(&err, net, logits, x, clip->n / clip->width) != SP_OK) {
        fail_msg("%s: %s", name, err.text);
    }
}

static void check_margins(const char *name, const sp_verdict *verdict, const sp_net *net,
                          const double *logits) {
    for (size_t k = 0; net->classes > 1 && k < net->classes; k++) {
        const double attained = logits[verdict->label] - logits[k];
        const bool bounded = // not where two logits tie
            !isnan(verdict->margins[k]) || verdict->kind == SP_VERDICT_CERTIFIED;
        if (k != verdict->label && bounded && !(attained >= verdict->margins[k] - 1e-9)) {
            fail_msg("%s: margin %a proved, %a attained", name, verdict->margins[k], attained);
        }
    }
    if (net->classes == 1 && verdict->kind == SP_VERDICT_CERTIFIED) {
        assert_true((logits[0] > 0.0) == (verdict->label == 1));
    }
}

/* One file at one radius; whether it was certified. */
static bool check_radius(const char *name, sp_model *model, sp_front *front, sp_clip *clip,
                         double eps, sp_rng *rng) {
    const sp_method *method = sp_method_find("exact");
    const sp_budget budget = {.unit = SP_BUDGET_ABSOLUTE, .value = eps, .set = &sp_noise_set_box};
    const sp_attack_options quick = {.steps = 20, .starts = 2, .seed = 1, .source = "x.npy"};
    const size_t points = sp_test_long() ? 1000 : 100;
    sp_error err = {0};
    sp_pipeline pipeline;
    sp_verdict verdict;
    sp_attacker attacker;
    sp_attack attack;
    double *x = malloc(clip->n * sizeof *x);
    double *logits = malloc((model->net.classes + 1) * sizeof *logits);
    assert_true(x && logits);
    if (sp_pipeline_init(&err, &pipeline, &model->net, front, method, method->front) != SP_OK ||
        sp_certify(&err, &verdict, &pipeline, clip, &budget, SP_NO_LABEL, 0.0) != SP_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    for (size_t i = 0; i < points; i++) {
        run_near(name, &model->net, clip, eps, rng, x, logits);
        check_margins(name, &verdict, &model->net, logits);
    }
    assert_int_equal(sp_attacker_init(NULL, &attacker, &pipeline), SP_OK);
    assert_int_equal(sp_attack_budget(NULL, &attack, &attacker, clip, &budget, -1, &quick), SP_OK);
    assert_false(attack.real_broken && verdict.kind == SP_VERDICT_CERTIFIED);
    const bool certified = verdict.kind == SP_VERDICT_CERTIFIED;
    sp_attack_clear(&attack);
    sp_attacker_clear(&attacker);
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    free(x);
    free(logits);
    return certified;
}

static void check_file(const char *folder, const char *name, size_t *read, size_t *certified) {
    char path[1024];
    sp_model model;
    sp_front *front = NULL;
    sp_rng rng;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const sp_model_input given = {"features", "1x20x10"}; // of those that need a fixed length
    const sp_model_choice choice = {
        .steps_axis = SP_MODEL_AXIS_BY_FILE, .input = &given, .inputs = 1};
    if (sp_model_read(NULL, &model, path) != SP_OK &&
        sp_model_open(NULL, &model, path, &choice) != SP_OK) {
        return;
    }
    const size_t steps = model.net.steps > 0 ? model.net.steps : 12;
    sp_clip clip = {.n = steps * model.net.features,
                    .width = model.net.features,
                    .samples = malloc(steps * model.net.features * sizeof(double)),
                    .full_scale = 1.0};
    assert_non_null(clip.samples);
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < clip.n; i++) {
        clip.samples[i] = sp_rng_normal(&rng);
    }
    assert_int_equal(sp_front_sequence(NULL, &front, model.net.features), SP_OK);
    const double radii[] = {0.001, 0.02};
    bool any = false;
    for (size_t i = 0; i < 2; i++) {
        any = check_radius(name, &model, front, &clip, radii[i], &rng) || any;
    }
    *certified += any;
    (*read)++;
    sp_front_destroy(front);
    free(clip.samples);
    sp_model_clear(&model);
}

static void margins_of_exported_files_hold(void **state) {
    (void)state;
    char folder[512];
    size_t read = 0, certified = 0;
    if (!sp_test_data(".."
                      "/cases/models",
                      folder, sizeof folder)) {
        print_message("files of exporters are absent beside SOUNDPROOF_DATA\n");
        skip();
    }
    DIR *list = opendir(folder);
    assert_non_null(list);
    for (const struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
        if (is_chosen(entry->d_name)) {
            check_file(folder, entry->d_name, &read, &certified);
        }
    }
    closedir(list);
    print_message("%zu files read, %zu certified at one of two radii\n", read, certified);
    assert_true(read >= sizeof few / sizeof *few && 2 * certified >= read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_of_exported_files_hold),
    };
    return cmocka_run_group_tests_name("certify/exported", tests, NULL, NULL);
}
