/* Adam for one number: running means of its gradients, and the step that they ask for. Source:
 * [Adam], with the constants that it recommends. */
#ifndef SP_BASE_ADAM_H
#define SP_BASE_ADAM_H

#include <math.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SP_ADAM_MEAN 0.9     /* what the mean of gradients keeps at each step */
#define SP_ADAM_SQUARE 0.999 /* the same for the mean of their squares */
#define SP_ADAM_LEAST 1e-8   /* under a step, so that it stays finite */

/** sp_adam_track - takes one more gradient into both means, which start at 0. */
static inline void sp_adam_track(double *mean, double *square, double gradient) {
    *mean = SP_ADAM_MEAN * *mean + (1.0 - SP_ADAM_MEAN) * gradient;
    *square = SP_ADAM_SQUARE * *square + (1.0 - SP_ADAM_SQUARE) * gradient * gradient;
}

/** sp_adam_weight - what the weights of `steps` >= 1 gradients in a mean that keeps `kept` add up
 *  to: divided by it, the mean is no longer biased towards its start. */
static inline double sp_adam_weight(double kept, double steps) {
    return 1.0 - pow(kept, steps);
}

/** sp_adam_step - the step against the gradient, from means without bias. */
static inline double sp_adam_step(double rate, double mean, double square) {
    return rate * mean / (sqrt(square) + SP_ADAM_LEAST);
}

#ifdef __cplusplus
}
#endif
#endif
