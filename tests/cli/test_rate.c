/* A model that hears samples, with its front end inside: --rate stands in place of a
 * description. */
#include "tests/cli/json_lines.h"
#include "tests/onnx/build.h"

const char *const program = "cli_rate";

enum { SAMPLES = 600, FRAME = 64, STEP = 50, BINS = 33 };

static char model[PATH], clip[PATH], fast[PATH];

/* The logarithms of powers of frames, their mean over time, two classes. */
static om *make_model(void) {
    double weight[2 * BINS];
    om *m = om_new(17);
    for (size_t i = 0; i < 2 * BINS; i++) {
        weight[i] = i < BINS ? 0.25 * (double)(i % 3) : 0.125 * (double)(i % 5);
    }
    om_input(m, "x", "1 x 600");
    om_whole(m, "frame", FRAME);
    om_whole(m, "step", STEP);
    om_reals(m, "floor", "", (const double[]){0.0625});
    om_reals(m, "V", "2x33", weight);
    om_list(m, "behind", 1, (const int64_t[]){2});
    om_node(m, "Unsqueeze", "x,behind", "signal");
    om_node(m, "HannWindow", "frame", "window");
    om_node(m, "STFT", "signal,step,window,frame", "spectrum");
    Onnx__NodeProto *power = om_node(m, "ReduceSumSquare", "spectrum", "power");
    om_ints(m, power, "axes", 1, (const int64_t[]){3});
    om_int(m, power, "keepdims", 0);
    om_node(m, "Add", "power,floor", "floored");
    om_node(m, "Log", "floored", "logs");
    Onnx__NodeProto *mean = om_node(m, "ReduceMean", "logs", "end");
    om_ints(m, mean, "axes", 1, (const int64_t[]){1});
    om_int(m, mean, "keepdims", 0);
    om_int(m, om_node(m, "Gemm", "end,V", "logits"), "transB", 1);
    om_output(m, "logits");
    return m;
}

static int make_all(void **state) {
    (void)state;
    size_t size = 0;
    int16_t samples[SAMPLES];
    om *m = make_model();
    uint8_t *data = om_pack(m, &size);
    write_bytes(model, "samples.onnx", data, size);
    free(data);
    om_free(m);
    make_samples(samples, SAMPLES, 3);
    sp_bytes slow = sp_wav_bytes(samples, SAMPLES, 1, 8000);
    sp_bytes twice = sp_wav_bytes(samples, SAMPLES, 1, 16000);
    write_bytes(clip, "clip.wav", slow.data, slow.size);
    write_bytes(fast, "fast.wav", twice.data, twice.size);
    sp_bytes_clear(&slow);
    sp_bytes_clear(&twice);
    return 0;
}

static void a_model_that_hears_samples_needs_its_rate_alone(void **state) {
    (void)state;
    sp_process process = RUN("certify", "--model", model, "--rate", "8000", "--budget", "1lsb",
                             "--label", "0", "--json", clip);
    cJSON *line = parse_lines(process.out, 1);
    const cJSON *logits = member(line->child, "logits");
    const double clean = logits->child->valuedouble - logits->child->next->valuedouble;
    const double margin = member(line->child, "margin")->valuedouble;
    assert_int_equal(member(line->child, "frames")->valueint, SAMPLES);
    assert_true(margin > 0.0 && margin < clean && margin > 0.8 * clean);
    cJSON_Delete(line);
    sp_process_clear(&process);
}

static void expect_usage(const char *text, const char *const *arguments) {
    sp_process process = run_list(arguments);
    assert_int_not_equal(process.code, 0);
    if (!strstr(process.err, text)) {
        fail_msg("no '%s' in %s", text, process.err);
    }
    sp_process_clear(&process);
}
#define EXPECT_USAGE(text, ...) expect_usage(text, (const char *const[]){__VA_ARGS__, NULL})

static void what_does_not_go_with_a_rate_is_said(void **state) {
    (void)state;
    EXPECT_USAGE("--rate is missing", "certify", "--model", model, "--budget", "1lsb", clip);
    EXPECT_USAGE("--rate stands in place of --front", "certify", "--model", model, "--rate", "8000",
                 "--front", "examples/fronts/silero-16k.json", "--budget", "1lsb", clip);
    EXPECT_USAGE("--rate needs a whole number", "certify", "--model", model, "--rate", "0",
                 "--budget", "1lsb", clip);
    sp_process process = RUN("run", "--model", model, "--rate", "8000", fast);
    assert_int_not_equal(process.code, 0);
    assert_non_null(strstr(process.err, "16000"));
    sp_process_clear(&process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_hears_samples_needs_its_rate_alone),
        cmocka_unit_test(what_does_not_go_with_a_rate_is_said),
    };
    return cmocka_run_group_tests_name("cli/rate", tests, make_all, NULL);
}
