/* Files as exporters write them, where the folder beside the data has them: read, equal to their
 * own graph and to onnxruntime, or refused for a reason that is named. */
#include "tests/onnx/onnxruntime.h"

#define OF_FLOAT32 "export it in float32"

static const struct {
    const char *file, *refused, *others; /* NULL: read; other inputs, for onnxruntime */
    const char *shape;                   /* of "features", where it has to be given */
} files[] = {
    {"default_call", NULL, "", NULL},
    {"default_call_rnn", NULL, "", NULL},
    {"keras-k3exp_gru", NULL, "", NULL},
    {"keras-k3t_lstm", NULL, "", NULL},
    {"keras-k_back", NULL, "", NULL},
    {"keras-k_dense_first", NULL, "", NULL},
    {"keras-k_gru", NULL, "", NULL},
    {"keras-k_gru-split-as-slice", NULL, "", NULL},
    {"keras-k_gru2", NULL, "", NULL},
    {"keras-k_ln", NULL, "", NULL},
    {"keras-k_lstm_b1", NULL, "", NULL},
    {"keras-k_lstm_relu", NULL, "", NULL},
    {"keras-k_mask", NULL, "", NULL},
    {"keras-k_stacked_cells", NULL, "", NULL},
    {"keras-k_td", NULL, "", NULL},
    {"lstm-seqlens20", NULL, "", NULL},
    {"lstm-zero-peephole", NULL, "", NULL},
    {"manual-bidirectional", NULL, "", NULL},
    {"neg-relu-head", NULL, "", NULL},
    {"onelogit-own-threshold", NULL, "", NULL},
    {"opset-declared-twice", NULL, "", NULL},
    {"torch-conv1d.ts17", NULL, "", NULL},
    {"torch-dyn_none.ts17", NULL, "", NULL},
    {"torch-feat_clip", NULL, "", NULL},
    {"torch-feat_cmvn", NULL, "", NULL},
    {"torch-feat_slice", NULL, "", NULL},
    {"torch-flat_all", NULL, "", NULL},
    {"torch-head_neg", NULL, "", NULL},
    {"torch-head_pick", NULL, "", NULL},
    {"torch-idx18_fix", NULL, "", NULL},
    {"torch-logsm.ts17", NULL, "", NULL},
    {"torch-lstm_bi.ts17", NULL, "", NULL},
    {"torch-lstm_bnb.ts17", NULL, "", NULL},
    {"torch-lstm_lna.ts17", NULL, "", NULL},
    {"torch-lstm_lnb.ts17", NULL, "", NULL},
    {"torch-mlp_bnrelu.ts17", NULL, "", NULL},
    {"torch-mlp_gelu.ts17", NULL, "", NULL},
    {"torch-mlp_leaky.ts17", NULL, "", NULL},
    {"torch-mlp_silu.ts17", NULL, "", NULL},
    {"torch-packed.ts17", NULL, "lengths=20", NULL},
    {"torch-perm_BDT.ts17", NULL, "", NULL},
    {"torch-perm_BDT_fix.ts17", NULL, "", NULL},
    {"torch-pool_att.ts17", NULL, "", NULL},
    {"torch-pool_mean.ts17", NULL, "", NULL},
    {"torch-residual.ts17", NULL, "", NULL},
    {"torch-rnn1.dy18", NULL, "", NULL},
    {"torch-sigC.ts17", NULL, "", NULL},
    {"torch-stateful.ts17", NULL, "h0>hn", NULL},
    {"torch-twoout.ts17", NULL, "", NULL},
    {"two-outputs-hidden", NULL, "", NULL},
    {"torch-wrongbf1_bt", "names axis 1 of its input 'time', but its network runs over axis 0", "",
     NULL},
    {"torch-wrongbf2_bt", "names axis 1 of its input 'time', but its network runs over axis 0", "",
     NULL},
    {"torch-f16_io1", OF_FLOAT32, "", NULL},
    {"torch-pool_mha.dy18", "--input features=1xSTEPSxFEATURES", "", NULL},
    {"torch-pool_mha.ts17", "--input features=1xSTEPSxFEATURES", "", NULL},
    {"torch-pool_mha.dy18", NULL, "", "1x20x10"},
    {"torch-pool_mha.ts17", NULL, "", "1x20x10"},
    {"torch-qdq_lstm", OF_FLOAT32, "", NULL},
    {"torch-qdyn_lstm", OF_FLOAT32, "", NULL},
};

static bool path_of(char *path, size_t size, size_t i) {
    char name[128];
    snprintf(name, sizeof name,
             ".."
             "/cases/models/%s.onnx",
             files[i].file);
    return sp_test_data(name, path, size);
}

static sp_status open_file(sp_error *err, sp_model *model, const char *path, size_t i) {
    const sp_model_input given = {"features", files[i].shape};
    const sp_model_choice choice = {
        .steps_axis = SP_MODEL_AXIS_BY_FILE, .input = &given, .inputs = files[i].shape ? 1 : 0};
    return sp_model_open(err, model, path, &choice);
}

static void exports_are_read_or_refused_by_name(void **state) {
    (void)state;
    char path[512];
    size_t found = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        sp_error err = {0};
        sp_model model;
        if (!path_of(path, sizeof path, i)) {
            continue;
        }
        found++;
        const sp_status status = open_file(&err, &model, path, i);
        if (!files[i].refused && (status != SP_OK || !(model.agreement <= 1e-7))) {
            fail_msg("%s: %s", files[i].file, err.text);
        }
        if (files[i].refused && (status == SP_OK || !strstr(err.text, files[i].refused))) {
            fail_msg("%s: '%s' does not hold '%s'", files[i].file, err.text, files[i].refused);
        }
        if (status == SP_OK) {
            sp_model_clear(&model);
        }
    }
    if (found == 0) {
        print_message("files of exporters are absent beside SOUNDPROOF_DATA\n");
        skip();
    }
}

/* ---- onnxruntime ---- */

/* The shape of a clip: the axis of the steps is T, others that are open hold one clip. */
static void shape_of(char *shape, size_t size, const sp_model *model) {
    char copy[256], *rest = NULL;
    long axis = 0;
    size_t at = 0;
    snprintf(copy, sizeof copy, "%s", model->input_shape);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "x") == 0) {
            continue;
        }
        const char *length = axis == model->steps_axis ? "T" : atoi(word) > 0 ? word : "1";
        at += (size_t)snprintf(shape + at, size - at, "%s%s", at > 0 ? "," : "", length);
        axis++;
    }
}

static void compare_file(size_t i, const char *path, const char *interpreter) {
    char features[512], output[512], list[512], shape[128];
    sp_error err = {0};
    sp_model model;
    sp_rng rng;
    if (open_file(&err, &model, path, i) != SP_OK) {
        fail_msg("%s: %s", files[i].file, err.text);
    }
    batch b = {.width = model.net.features};
    sp_rng_init(&rng, sp_test_seed());
    for (size_t k = 0; k < 8; k++) {
        const size_t steps = model.net.steps > 0 ? model.net.steps : 20;
        double *rows = calloc(steps * b.width, sizeof *rows);
        assert_non_null(rows);
        for (size_t e = 0; e < steps * b.width; e++) {
            rows[e] = (k < 4 ? 1.0 : 8.0) * sp_rng_normal(&rng);
        }
        batch_add(&b, rows, steps);
        free(rows);
    }
    sp_test_scratch("test_exports.features", features, sizeof features);
    sp_test_scratch("test_exports.output", output, sizeof output);
    sp_test_scratch("test_exports.jobs", list, sizeof list);
    batch_write(&b, features);
    shape_of(shape, sizeof shape, &model);
    FILE *file = fopen(list, "w");
    assert_non_null(file);
    fprintf(file, "%s\t%s\t%s\t%s\t%s\n", path, features, output, shape, files[i].others);
    assert_int_equal(fclose(file), 0);
    run_jobs(interpreter, list);
    // LogSoftmax and sigmoids of several classes are not undone here.
    if (!strstr(files[i].file, "logsm") && !strstr(files[i].file, "sigC")) {
        const double worst = compare(&model.net, &b, output, 1e-5, 1e-5);
        print_message("%s: largest difference from onnxruntime %.2g\n", files[i].file, worst);
    }
    batch_clear(&b);
    sp_model_clear(&model);
}

static void what_is_read_agrees_with_onnxruntime(void **state) {
    (void)state;
    char path[512];
    const char *interpreter = python();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!files[i].refused && path_of(path, sizeof path, i)) {
            compare_file(i, path, interpreter);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_agrees_with_onnxruntime),
        cmocka_unit_test(exports_are_read_or_refused_by_name),
    };
    return cmocka_run_group_tests_name("onnx/exports", tests, NULL, NULL);
}
