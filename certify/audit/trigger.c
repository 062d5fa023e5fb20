/* The trigger of mycroft-precise: the decoder of its sensitivity, and the detector. */
#include <math.h>

#include "certify/audit/audit.h"

/* The decoder sums the density of logits (mean 6, deviation 4) on 200 points per unit from 10 below
 * to 22 above; a probability p above the centre 0.2 of that sum decodes to 0.5 + 0.5 (p - 0.2) /
 * 0.8, below it to 0.5 p / 0.2. A prediction is on when that exceeds 1 - sensitivity. The logit is
 * rounded to a point first: the threshold lies half a point below the first that is on. */
double sp_trigger_threshold(double sensitivity) {
    const double mean = 6.0, deviation = 4.0, centre = 0.2, least = -10.0, range = 32.0;
    const size_t points = 6400;
    const double decoded = 1.0 - sensitivity;
    const double target =
        decoded < 0.5 ? 2.0 * centre * decoded : centre + (1.0 - centre) * (2.0 * decoded - 1.0);
    double sum = 0.0;
    for (size_t k = 0; k < points; k++) {
        const double x = least + range * (double)k / (double)(points - 1);
        const double z = (x - mean) / deviation;
        sum += exp(-0.5 * z * z) / (deviation * sqrt(6.283185307179586)) / 200.0;
        if (sum > target) {
            return least + range * ((double)k - 0.5) / (double)(points - 1);
        }
    }
    return INFINITY; // no logit is enough
}

bool sp_trigger_fires(size_t *at, const sp_trigger *trigger, const bool *on, size_t count) {
    int activation = 0;
    for (size_t i = 0; i < count; i++) {
        activation = on[i] ? activation + 1 : activation > 0 ? activation - 1 : 0;
        if (activation > trigger->level) {
            if (at) {
                *at = i;
            }
            return true;
        }
    }
    return false;
}
