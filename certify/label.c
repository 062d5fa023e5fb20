#include "certify/certify.h"

#include <math.h>
#include <string.h>

long sp_label_of_name(const char *path, size_t classes) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (name[0] < '0' || name[0] > '9' || name[1] != '_') {
        return -1;
    }
    const long label = name[0] - '0';
    return (size_t)label < classes ? label : -1;
}

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
