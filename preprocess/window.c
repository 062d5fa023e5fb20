/* Window functions of one frame. */
#include <math.h>

#include "preprocess/impl.h"

#define TWO_PI 6.283185307179586476925286766559005768L

static long double value_at(const sp_description *d, size_t j, long double period) {
    const long double turn = TWO_PI * (long double)j / period;
    switch (d->window) {
    case SP_WINDOW_NONE:
        return 1.0L;
    case SP_WINDOW_HAMMING:
        return 0.54L - 0.46L * cosl(turn);
    case SP_WINDOW_HANN:
        return 0.5L - 0.5L * cosl(turn);
    case SP_WINDOW_BLACKMAN: {
        const long double a = (long double)d->blackman;
        return a - 0.5L * cosl(turn) + (0.5L - a) * cosl(2.0L * turn);
    }
    case SP_WINDOW_POVEY:
        return powl(fmaxl(0.5L - 0.5L * cosl(turn), 0.0L), 0.85L);
    case SP_WINDOW_SQRT_HANN:
        return sqrtl(fmaxl(0.5L - 0.5L * cosl(turn), 0.0L));
    case SP_WINDOW_SINE:
        return sinl(0.5L * turn);
    case SP_WINDOW_NUMBERS:
        return (long double)d->window_numbers[j];
    }
    return 0.0L;
}

void sp_window_fill(double *w, const sp_description *d) {
    const size_t n = d->window_length > 0 ? d->window_length : d->frame;
    const size_t left = (d->frame - n) / 2;
    const long double period = (long double)(d->periodic ? n : n - 1);
    for (size_t i = 0; i < d->frame; i++) {
        const bool outside = i < left || i - left >= n;
        const bool flat = d->window != SP_WINDOW_NUMBERS && !(period > 0.0L);
        w[i] = outside ? 0.0 : flat ? 1.0 : (double)value_at(d, i - left, period);
    }
}
