/* Adam with decoupled weight decay. Source: [Adam], [AdamW]. */
#include <math.h>

#include "base/adam.h"
#include "train/impl.h"

double sp_train_gradient_norm(const double *gradient, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += gradient[i] * gradient[i];
    }
    return sqrt(sum);
}

void sp_train_step(sp_train_adam *adam, double *parameter, const sp_train_block *block,
                   size_t blocks, const double *gradient, double scale, double rate, double decay) {
    adam->steps++;
    const double t = (double)adam->steps;
    const double first = 1.0 / sp_adam_weight(SP_ADAM_MEAN, t);
    const double second = 1.0 / sp_adam_weight(SP_ADAM_SQUARE, t);
    for (size_t b = 0; b < blocks; b++) {
        double *value = parameter + block[b].first;
        double *m = adam->mean + block[b].first, *v = adam->square + block[b].first;
        const double *g = gradient + block[b].first, shrink = block[b].decays ? rate * decay : 0.0;
        for (size_t i = 0; i < block[b].count; i++) {
            sp_adam_track(&m[i], &v[i], scale * g[i]);
            value[i] -= shrink * value[i] + sp_adam_step(rate, first * m[i], second * v[i]);
        }
    }
}
