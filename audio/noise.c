/* The table of noise sets, and their support functions. */
#include <math.h>
#include <string.h>

#include "audio/impl.h"
#include "base/interval.h"

#define ROW(name) &sp_noise_set_##name,
static const sp_noise_set *const table[] = {SP_NOISE_SETS(ROW) SP_NOISE_PATHS(ROW)};
#undef ROW

const sp_noise_set *const *sp_noise_sets(size_t *count) {
    *count = sizeof table / sizeof table[0];
    return table;
}

const sp_noise_set *sp_noise_set_of_norm(const char *norm) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i]->norm && strcmp(table[i]->norm, norm) == 0) {
            return table[i];
        }
    }
    return NULL;
}

/* The largest a (c . direction): a plain sum of m terms is off by at most gamma_m of their sizes.
 */
static double path_support(const sp_noise *noise, const double *c, size_t first, size_t m) {
    const double *direction = noise->direction + first;
    const sp_noise_set *box = &sp_noise_set_box;
    sp_iv factor;
    double sum = 0.0;
    noise->set->factors(&factor.lo, &factor.hi, noise->lo, noise->hi);
    for (size_t i = 0; i < m; i++) {
        sum += c[i] * direction[i];
    }
    const double sizes = box->finish(box->gather(0.0, c, direction, m), m, 1, 1);
    const double error = sp_above(sp_above(sp_gamma((double)m + 1.0) * sizes) + 0x1p-1000);
    const sp_iv dot = {sp_below(sum - error), sp_above(sum + error)};
    return sp_iv_mul(factor, dot).hi;
}

double sp_noise_support(const sp_noise *noise, const double *c, size_t first, size_t count) {
    if (first >= noise->n) {
        return 0.0;
    }
    const size_t m = count < noise->n - first ? count : noise->n - first;
    return noise->set->path
               ? path_support(noise, c, first, m)
               : noise->set->finish(noise->set->gather(0.0, c, noise->radius + first, m), m, 1, 1);
}
