/* Adam with decoupled weight decay. Source: Kingma and Ba 2015; Loshchilov and Hutter 2019. */
#include <math.h>

#include "train/impl.h"

static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;

double sp_gradient_norm(const double *gradient, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += gradient[i] * gradient[i];
    }
    return sqrt(sum);
}

void sp_adam_step(sp_adam *adam, const sp_block *block, size_t blocks, const double *gradient,
                  double scale, double rate, double decay) {
    adam->steps++;
    const double t = (double)adam->steps;
    const double first = 1.0 / (1.0 - pow(beta1, t)), second = 1.0 / (1.0 - pow(beta2, t));
    for (size_t b = 0; b < blocks; b++) {
        double *value = block[b].value;
        double *m = adam->mean + block[b].first, *v = adam->square + block[b].first;
        const double *g = gradient + block[b].first, shrink = block[b].bias ? 0.0 : rate * decay;
        for (size_t i = 0; i < block[b].count; i++) {
            const double s = scale * g[i];
            m[i] = beta1 * m[i] + (1.0 - beta1) * s;
            v[i] = beta2 * v[i] + (1.0 - beta2) * s * s;
            value[i] -= shrink * value[i] + rate * (first * m[i]) / (sqrt(second * v[i]) + epsilon);
        }
    }
}
