/* Networks that are written and read again: not a bit of a weight changes. */
#include <unistd.h>

#include "tests/onnx/written.h"

static void nets_come_back(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < WRITTEN; i++) {
        sp_net net;
        sp_model model;
        sp_error err = {0};
        void *data = NULL;
        size_t size = 0;
        written_net(&rng, &net, written_stacks[i]);
        assert_int_equal(sp_model_pack(&err, &data, &size, &net, NULL, 0), SP_OK);
        if (sp_model_parse(&err, &model, data, size, "written") != SP_OK) {
            fail_msg("%s: %s", written_stacks[i], err.text);
        }
        assert_int_equal(model.net.steps, 0);
        om_expect_nodes(&model.net, &net);
        assert_int_equal(model.opset, 14);
        assert_null(model.front);
        assert_null(model.training);
        sp_model_clear(&model);
        sp_net_clear(&net);
        free(data);
    }
}

static void notes_come_back(void **state) {
    (void)state;
    static const sp_model_note notes[] = {{"soundproof.front", "{\"text\": \"\xC3\xA4\"}"},
                                          {"soundproof.training", "{}"},
                                          {"other", "ignored"}};
    sp_rng rng;
    sp_net net;
    sp_model model;
    sp_error err = {0};
    char path[512];
    sp_rng_init(&rng, sp_test_seed());
    written_net(&rng, &net, "l|d");
    sp_test_scratch("onnx_write.onnx", path, sizeof path);
    unlink(path);
    assert_int_equal(sp_model_write(&err, path, &net, notes, 3), SP_OK);
    assert_int_equal(sp_model_read(&err, &model, path), SP_OK);
    assert_string_equal(model.front, notes[0].value);
    assert_string_equal(model.training, notes[1].value);
    assert_string_equal(model.input_name, "features");
    sp_model_clear(&model);
    assert_int_equal(sp_model_write(&err, "/nonexistent/m.onnx", &net, notes, 3), SP_E_IO);
    assert_non_null(strstr(err.text, "/nonexistent/m.onnx"));
    sp_net_clear(&net);
}

/* What the format cannot say is refused, not written as something else. */
static void others_are_refused(void **state) {
    (void)state;
    static const double w[8] = {0.0};
    sp_net net;
    sp_error err = {0};
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_affine(&err, &net, 1, w, w), SP_OK);
    assert_int_equal(sp_model_pack(&err, &data, &size, &net, NULL, 0), SP_E_UNSUPPORTED);
    assert_null(data);
    sp_net_clear(&net);
    const sp_activation hard = {SP_ACTIVATION_HARD_SIGMOID, 0.2, 0.5};
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_rnn(&err, &net, 1, hard, w, w, w), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(&err, &net, 1, w, w), SP_OK);
    assert_int_equal(sp_model_pack(&err, &data, &size, &net, NULL, 0), SP_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "layer 1"));
    sp_net_clear(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_come_back),
        cmocka_unit_test(notes_come_back),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests_name("onnx/write", tests, NULL, NULL);
}
