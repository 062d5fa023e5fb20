/* A model of three sigmoids, whose rows are those of all frames. */
#ifndef SP_TESTS_CLI_ROWS_MODEL_H
#define SP_TESTS_CLI_ROWS_MODEL_H

#include "tests/cli/command.h"
#include "tests/onnx/lstm.h"

enum { HIDDEN = 4, OUTPUTS = 3 };

/* Three sigmoids for each frame of ten numbers; or behind the last one of a fixed number. */
static inline void make_rows_model(char path[PATH], const char *name, bool rows) {
    om *m = om_new(17);
    sp_rng rng;
    double w[HIDDEN * OUTPUTS];
    size_t size = 0;
    sp_rng_init(&rng, 11);
    const om_lstm l = om_lstm_random(m, &rng, 10, HIDDEN);
    om_random(&rng, w, HIDDEN * OUTPUTS);
    om_input(m, "x", rows ? "T x 1 x 10" : "4 x 1 x 10");
    om_lstm_weights(m, &l, "", OM_RAW);
    om_int(m, om_node(m, "LSTM", "x,W,R,B", "Y,Yh"), "hidden_size", HIDDEN);
    om_list(m, "axes", rows ? 2 : 1, rows ? (const int64_t[]){1, 2} : (const int64_t[]){0});
    om_reals(m, "w", "4x3", w);
    om_node(m, "Squeeze", rows ? "Y,axes" : "Yh,axes", "h");
    om_node(m, "MatMul", "h,w", "y");
    om_node(m, "Sigmoid", "y", "p");
    om_output(m, "p");
    uint8_t *data = om_pack(m, &size);
    write_bytes(path, name, data, size);
    free(data);
    om_free(m);
}

#endif
