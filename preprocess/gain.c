/* The peak gain: x * to / max |x| over all samples of a clip; silence stays silent. Frames are
 * taken from the clip as it is, and its square multiplies their power. Source:
 * docs/theory/front-end.md 8. */
#include <math.h>

#include "preprocess/impl.h"

static size_t loudest(const double *samples, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++) {
        at = fabs(samples[i]) > fabs(samples[at]) ? i : at;
    }
    return at;
}

double sp_front_gain_square(const sp_front *front, const double *samples, size_t n) {
    const double to = front->description.gain_peak;
    if (to == 0.0 || n == 0) {
        return 1.0;
    }
    const double peak = fabs(samples[loudest(samples, n)]);
    return peak == 0.0 ? 1.0 : (to / peak) * (to / peak);
}

/* The energies behind the gain are g^2 E with g^2 = to^2 / x_p^2, so that x_p moves all of them:
 * by -2 g^2 E / x_p. */
void sp_front_gain_back(const sp_front *front, double *gradient, const double *samples, size_t n,
                        double by_log_gain) {
    const size_t at = loudest(samples, n);
    if (front->description.gain_peak > 0.0 && samples[at] != 0.0) {
        gradient[at] -= 2.0 * by_log_gain / samples[at];
    }
}
