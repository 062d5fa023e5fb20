/* Spectra inside of models: Fourier transforms, windows and mel matrices as layers. */
#include "tests/onnx/layer_cases.h"

static void add_spectra(om *m) {
    om_list(m, "behind", 1, (const int64_t[]){3});
    om_list(m, "last axis", 1, (const int64_t[]){-1});
    om_whole(m, "axis", 2);
    om_whole(m, "six", 6);
    om_node(m, "Unsqueeze", "x,behind", "real");
    om_int(m, om_node(m, "DFT", "real,,axis", "half"), "onesided", 1);
    om_node(m, "DFT", "real,six", "whole");
    om_int(m, om_node(m, "ReduceSumSquare", "half,behind", "power"), "keepdims", 0);
    om_int(m, om_node(m, "ReduceL2", "whole,last axis", "size"), "keepdims", 0);
    om_int(m, om_node(m, "Concat", "power,size", "both"), "axis", 2);
    classify_last(m, "both", 3 + 6);
}

static void add_windows(om *m) {
    static const char *const names[3] = {"HannWindow", "HammingWindow", "BlackmanWindow"};
    om_whole(m, "four", 4);
    for (size_t i = 0; i < 3; i++) {
        om_int(m, om_node(m, names[i], "four", names[i]), "periodic", i == 1);
        om_node(m, "Add",
                i == 0   ? "HannWindow,HannWindow"
                : i == 1 ? "w0,HammingWindow"
                         : "w1,BlackmanWindow",
                i == 0   ? "w0"
                : i == 1 ? "w1"
                         : "w2");
    }
    om_node(m, "Mul", "x,w2", "weighed");
    classify_last(m, "weighed", D);
}

static void add_mel_matrix(om *m) {
    om_whole(m, "bands", 2);
    om_whole(m, "length", 7);
    om_whole(m, "rate", 8000);
    om_reals(m, "low", "", (const double[]){100.0});
    om_reals(m, "high", "", (const double[]){3900.0});
    om_node(m, "MelWeightMatrix", "bands,length,rate,low,high", "mel");
    om_node(m, "MatMul", "x,mel", "energies");
    classify_last(m, "energies", 2);
}

/* The logarithms of the spectra of frames of one channel, as torch.stft is exported. */
static void add_stft(om *m) {
    om_whole(m, "zero", 0);
    om_whole(m, "two", 2);
    om_whole(m, "three", 3);
    om_reals(m, "floor", "", (const double[]){0.125});
    om_int(m, om_node(m, "Gather", "x,zero", "samples"), "axis", 2);
    om_node(m, "HammingWindow", "three", "window");
    om_int(m, om_node(m, "STFT", "samples,two,window,three", "spectra"), "onesided", 1);
    om_list(m, "parts", 1, (const int64_t[]){3});
    om_int(m, om_node(m, "ReduceSumSquare", "spectra,parts", "power"), "keepdims", 0);
    om_node(m, "Add", "power,floor", "floored");
    om_node(m, "Log", "floored", "logs");
    classify_last(m, "logs", 2);
}

static const sp_layer_case cases[] = {
    {"spectra", 0, add_spectra},
    {"windows", 0, add_windows},
    {"mel-matrix", 0, add_mel_matrix},
    {"stft", 0, add_stft},
};
enum { CASES = sizeof cases / sizeof *cases };

static void files_are_read_and_agree_with_their_graphs(void **state) {
    (void)state;
    check_graphs(cases, CASES);
}

static void files_agree_with_onnxruntime(void **state) {
    (void)state;
    compare_files(cases, CASES, "spectra");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_agree_with_their_graphs),
        cmocka_unit_test(files_agree_with_onnxruntime),
    };
    return cmocka_run_group_tests_name("onnx/spectra", tests, NULL, NULL);
}
