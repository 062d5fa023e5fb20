/* libFuzzer harness of the front-end descriptions: whatever is accepted must also run on a short
 * clip. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "preprocess/preprocess.h"

enum { SAMPLES = 2000, MOST = 200000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const sp_front *front) {
    double samples[SAMPLES];
    const sp_front_layout *layout = sp_front_layout_of(front);
    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = 1000.0 * sin(0.1 * (double)i * (double)i);
    }
    const size_t frames = sp_front_frames(front, SAMPLES);
    if (layout->features == 0 || frames > MOST / layout->features) {
        return;
    }
    double *features = malloc((frames * layout->features + 1) * sizeof *features);
    if (features) {
        (void)!sp_front_run(NULL, front, features, samples, SAMPLES);
    }
    free(features);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sp_front *front = NULL;
    sp_error err = {0};
    if (sp_front_parse(&err, &front, (const char *)data, size, "fuzz") == SP_OK) {
        size_t stages = 0;
        if (sp_front_stages(front, &stages) == NULL || stages == 0) {
            abort();
        }
        run(front);
        sp_front_destroy(front);
    } else if (err.code == SP_OK || err.text[0] == '\0') {
        abort(); // refused without a reason
    }
    return 0;
}
