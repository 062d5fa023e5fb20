/* The l1 ball: sum |d_i| / radius_i <= 1. Its support is the largest |c_i| radius_i. */
#include <math.h>

#include "audio/impl.h"
#include "base/interval.h"

/* The largest of them; what is no number stays as +inf. */
static double gather(double sum, const double *c, const double *radius, size_t n) {
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        const double part = fabs(c[i]) * radius[i];
        finite = finite && part < INFINITY;
        sum = part > sum ? part : sum;
    }
    return finite ? sum : INFINITY;
}

/* One product is rounded. Noises of windows of their own have `copies` times the size together. */
static double finish(double sum, size_t terms, size_t parts, size_t copies) {
    (void)terms;
    (void)parts;
    return sp_above((double)copies * sp_above(sum));
}

static void attain(double *d, const double *c, const double *radius, size_t n) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        at = fabs(c[i]) * radius[i] > fabs(c[at]) * radius[at] ? i : at;
    }
    const double most = n > 0 && c[at] < 0.0 ? -radius[at] : n > 0 ? radius[at] : 0.0;
    for (size_t i = 0; i < n; i++) {
        d[i] = i == at ? most : 0.0;
    }
}

/* How many |c_i| radius_i are at least `least`. */
static size_t count_above(const double *c, const double *radius, size_t n, double least) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += fabs(c[i]) * radius[i] >= least;
    }
    return count;
}

/* The largest |c_i| radius_i share a click, about `spread` of them. */
static void ascend(double *d, const double *c, const double *radius, size_t n, size_t spread) {
    double lo = 0.0, hi = gather(0.0, c, radius, n);
    for (int i = 0; i < 30 && count_above(c, radius, n, hi) < spread; i++) {
        const double middle = 0.5 * (lo + hi);
        *(count_above(c, radius, n, middle) <= spread ? &hi : &lo) = middle;
    }
    const size_t count = count_above(c, radius, n, hi);
    for (size_t i = 0; i < n; i++) {
        const bool moves = hi > 0.0 && fabs(c[i]) * radius[i] >= hi;
        d[i] = moves ? copysign(radius[i] / (double)count, c[i]) : 0.0;
    }
}

/* The sum of |d_i| / radius_i, about; NaN and infinity stay. */
static double size_of(const double *d, const double *radius, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += d[i] == 0.0 ? 0.0 : fabs(d[i]) / radius[i];
    }
    return sum;
}

static double size(const double *d, const double *radius, size_t n) {
    const double sum = size_of(d, radius, n);
    return sum < INFINITY ? sp_noise_grow(sum, n, n) : INFINITY;
}

/* |d_i| / radius_i less a threshold that leaves a sum of 1: the samples above it are found by
 * leaving out those below the threshold of the others. What rounding leaves too much goes by
 * scaling. */
static void project(double *d, const double *radius, size_t n) {
    double threshold = 0.0;
    for (bool rises = true; rises;) {
        double sum = 0.0, count = 0.0;
        for (size_t i = 0; i < n; i++) {
            const double size = radius[i] > 0.0 ? fabs(d[i]) / radius[i] : 0.0;
            sum += size > threshold ? size : 0.0;
            count += size > threshold ? 1.0 : 0.0;
        }
        const double next = count > 0.0 ? (sum - 1.0) / count : 0.0;
        rises = next > threshold;
        threshold = rises ? next : threshold;
    }
    for (size_t i = 0; i < n; i++) {
        const double left = radius[i] > 0.0 ? fabs(d[i]) - threshold * radius[i] : 0.0;
        d[i] = left > 0.0 ? copysign(left, d[i]) : 0.0;
    }
    const double size = size_of(d, radius, n), share = size > 1.0 ? 1.0 / size : 1.0;
    for (size_t i = 0; i < n; i++) {
        d[i] *= share;
    }
}

/* All of the noise in the sample that may move most. */
static double energy(const double *radius, size_t n) {
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, radius[i] * radius[i]);
    }
    return most;
}

const sp_noise_set sp_noise_set_l1 = {.name = "l1",
                                      .is = "an l1 ball of noise",
                                      .norm = "1",
                                      .within = "clicks: every noise whose heights add up to no "
                                                "more than it",
                                      .gather = gather,
                                      .finish = finish,
                                      .attain = attain,
                                      .ascend = ascend,
                                      .project = project,
                                      .size = size,
                                      .energy = energy};
