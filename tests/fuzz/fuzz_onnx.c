/* libFuzzer harness of the ONNX reader: whatever is accepted must also run. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "onnx/onnx.h"

enum { MOST_WIDTH = 256, STEPS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether a run takes no longer than a blink. */
static int is_small(const sp_net *net) {
    size_t work = 0;
    for (size_t n = 0; n < net->nodes; n++) {
        if (net->node[n].width > MOST_WIDTH) {
            return 0;
        }
        work += sp_node_parameters(&net->node[n]);
    }
    return net->features <= MOST_WIDTH && work < 1000000 && net->steps <= STEPS;
}

static void run(const sp_net *net) {
    double features[STEPS * MOST_WIDTH], logits[MOST_WIDTH];
    for (size_t i = 0; i < STEPS * MOST_WIDTH; i++) {
        features[i] = sin((double)i);
    }
    if (sp_net_run(NULL, net, logits, features, net->steps > 0 ? net->steps : STEPS) == SP_OK) {
        for (size_t k = 0; k < net->classes; k++) {
            if (!isfinite(logits[k])) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sp_model model;
    sp_error err = {0};
    if (sp_model_parse(&err, &model, data, size, "fuzz") == SP_OK) {
        if (is_small(&model.net)) {
            run(&model.net);
        }
        sp_model_clear(&model);
    } else if (err.code == SP_OK || err.text[0] == '\0') {
        abort(); // refused without a reason
    }
    return 0;
}
