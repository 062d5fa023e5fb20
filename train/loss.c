/* The cross-entropy of logits, and of differences of logits. */
#include <math.h>

#include "train/impl.h"

double sp_train_cross_entropy(double *slope, const double *logits, const size_t *label,
                              size_t clips, size_t classes, double scale, size_t *right) {
    double sum = 0.0;
    for (size_t i = 0; i < clips; i++) {
        const double *z = logits + i * classes; /* z[i,:] */
        double largest = z[0], total = 0.0;
        bool leads = true;
        for (size_t k = 0; k < classes; k++) {
            largest = z[k] > largest ? z[k] : largest;
            leads = leads && (k == label[i] || z[label[i]] > z[k]);
        }
        for (size_t k = 0; k < classes; k++) {
            total += exp(z[k] - largest);
        }
        for (size_t k = 0; slope && k < classes; k++) {
            const double p = exp(z[k] - largest) / total;
            slope[i * classes + k] = scale * (k == label[i] ? p - 1.0 : p);
        }
        sum += log(total) - (z[label[i]] - largest);
        *right += leads;
    }
    return scale * sum;
}
