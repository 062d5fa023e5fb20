/* The answer that logits give. */
#include <math.h>

#include "net/net.h"

size_t sp_prediction(const double *logits, size_t classes, bool *tie) {
    size_t best = SP_NO_LABEL;
    *tie = false;
    for (size_t k = 0; k < classes; k++) {
        if (!isfinite(logits[k])) {
            return SP_NO_LABEL;
        }
        if (best == SP_NO_LABEL || logits[k] > logits[best]) {
            best = k;
            *tie = false;
        } else if (logits[k] == logits[best]) {
            *tie = true;
        }
    }
    return best;
}
