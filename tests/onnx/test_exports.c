/* Files as exporters write them, where the folder beside the data has them: read, and equal to
 * their own graph, or refused for a reason that is named. */
#include "tests/onnx/build.h"

#define OF_FLOAT32 "export it in float32"

static const struct {
    const char *file, *refused; /* NULL: read */
} files[] = {
    {"default_call", NULL},
    {"keras-k3exp_gru", NULL},
    {"keras-k_dense_first", NULL},
    {"keras-k_gru", NULL},
    {"keras-k_gru-split-as-slice", NULL},
    {"keras-k_gru2", NULL},
    {"keras-k_lstm_b1", NULL},
    {"keras-k_stacked_cells", NULL},
    {"opset-declared-twice", NULL},
    {"torch-dyn_none.ts17", NULL},
    {"torch-perm_BDT.ts17", NULL},
    {"torch-perm_BDT_fix.ts17", NULL},
    {"torch-twoout.ts17", NULL},
    {"two-outputs-hidden", NULL},
    {"torch-wrongbf1_bt", "names axis 1 of its input 'time', but its network runs over axis 0"},
    {"torch-wrongbf2_bt", "names axis 1 of its input 'time', but its network runs over axis 0"},
    {"torch-f16_io1", OF_FLOAT32},
    {"torch-qdq_lstm", OF_FLOAT32},
    {"torch-qdyn_lstm", OF_FLOAT32},
};

static void exports_are_read_or_refused_by_name(void **state) {
    (void)state;
    char path[512], name[128];
    size_t found = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        sp_error err = {0};
        sp_model model;
        snprintf(name, sizeof name,
                 ".."
                 "/cases/models/%s.onnx",
                 files[i].file);
        if (!sp_test_data(name, path, sizeof path)) {
            continue;
        }
        found++;
        const sp_status status = sp_model_read(&err, &model, path);
        if (!files[i].refused && (status != SP_OK || !(model.agreement <= 1e-9))) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_are_read_or_refused_by_name),
    };
    return cmocka_run_group_tests_name("onnx/exports", tests, NULL, NULL);
}
