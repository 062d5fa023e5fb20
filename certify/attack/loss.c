/* What descents lower: a margin, the likelihood of the label, a ratio of differences. */
#include <math.h>
#include <string.h>

#include "certify/attack/descent.h"

static double likelihood(double *weight, const double *logits, size_t classes, size_t label) {
    double most = -INFINITY, sum = 0.0;
    for (size_t k = 0; k < classes; k++) {
        most = fmax(most, logits[k]);
    }
    for (size_t k = 0; k < classes; k++) {
        sum += weight[k] = exp(logits[k] - most);
    }
    for (size_t k = 0; k < classes; k++) {
        weight[k] = (k == label ? 1.0 : 0.0) - weight[k] / sum;
    }
    return logits[label] - most - log(sum);
}

/* Over the distance of the largest logit and the third. [AutoPGD] */
static double ratio(double *weight, const double *logits, size_t classes, size_t label,
                    size_t other) {
    size_t first = 0, second = SP_NO_LABEL, third = SP_NO_LABEL;
    for (size_t k = 1; k < classes; k++) {
        if (logits[k] > logits[first]) {
            third = second;
            second = first;
            first = k;
        } else if (second == SP_NO_LABEL || logits[k] > logits[second]) {
            third = second;
            second = k;
        } else if (third == SP_NO_LABEL || logits[k] > logits[third]) {
            third = k;
        }
    }
    const double apart = fmax(logits[first] - logits[third], 1e-12);
    const double value = (logits[label] - logits[other]) / apart;
    weight[label] += 1.0 / apart;
    weight[other] -= 1.0 / apart;
    weight[first] -= value / apart;
    weight[third] += value / apart;
    return value;
}

double sp_attack_loss_value(double *weight, const double *logits, size_t classes, size_t label,
                            size_t other, sp_attack_loss loss) {
    memset(weight, 0, classes * sizeof *weight);
    if (loss == SP_ATTACK_LIKELIHOOD) {
        return likelihood(weight, logits, classes, label);
    }
    if (loss == SP_ATTACK_RATIO && classes >= 3) {
        return ratio(weight, logits, classes, label, other);
    }
    weight[label] = 1.0;
    weight[other] = -1.0;
    return logits[label] - logits[other];
}
