/* One number of a node: its range, what it is off by, sums and curves. */
#include "lstm/single/impl.h"

/* ---- a variable, when its real range, its own error and what it inherits are known ---- */

/* The range of the domain, or `computed` [2, width] where it has none. */
void sp_single_take_range(const sp_single *s, size_t n, size_t frame, int variable, size_t at,
                          const double *computed) {
    const size_t width = s->net->node[n].width;
    const double *lo = NULL, *hi = NULL;
    s->domain->box(s->bounds, n, frame, variable, &lo, &hi);
    for (size_t j = 0; j < width; j++) {
        s->lo[n][at + j] = lo && hi ? lo[j] : computed[j];
        s->hi[n][at + j] = lo && hi ? hi[j] : computed[width + j];
    }
}

/* error holds what is inherited. */
void sp_single_widen(const sp_single *s, size_t n, size_t at) {
    const size_t width = s->net->node[n].width;
    for (size_t j = 0; j < width; j++) {
        const double error = (s->error[n][at + j] + s->local[n][at + j]) * (1.0 + SP_SINGLE_SLACK);
        s->error[n][at + j] = error;
        s->lo[n][at + j] = sp_below(s->lo[n][at + j] - error);
        s->hi[n][at + j] = sp_above(s->hi[n][at + j] + error);
    }
}

/* ---- sp_single_sums of products ---- */

void sp_single_add_products(sp_single_sums *to, const double *weight, const sp_single *s,
                            size_t node, size_t from, size_t count) {
    const double *lo = s->lo[node] + from, *hi = s->hi[node] + from, *e = s->error[node] + from;
    for (size_t i = 0; i < count; i++) {
        const double w = weight[i], size = fabs(w);
        const double least = w >= 0.0 ? w * lo[i] : w * hi[i];
        const double most = w >= 0.0 ? w * hi[i] : w * lo[i];
        to->mass += size * fmax(fabs(lo[i]), fabs(hi[i]));
        to->error += size * e[i];
        to->lo += least;
        to->hi += most;
        to->rise += most > 0.0 ? most : 0.0;
        to->fall -= least < 0.0 ? least : 0.0;
    }
    to->terms += count;
}

/* The sum with its bias: local error, inherited error and range. In whatever order, every partial
 * sum is of some of the terms, so that it lies between -fall and rise. */
void sp_single_finish_sum(const sp_single *s, size_t n, size_t at, double *computed, size_t width,
                          const sp_single_sums *sum, double bias, double extra) {
    const double bound = fabs(bias) + extra, rounds = (double)sum->terms + 4.0;
    const double mass = (sum->mass + bound) * (1.0 + SP_SINGLE_SLACK);
    const double part = (fmax(sum->rise, sum->fall) + bound) * (1.0 + SP_SINGLE_SLACK);
    const double grown = 1.0 + sp_gamma_single(2.0 * rounds);
    s->local[n][at] =
        SP_SINGLE_UNIT * (rounds * part * grown + mass * grown) + 2.0 * rounds * SP_SINGLE_LOST;
    if (!(mass < 0x1p126 && rounds < 0x1p20)) {
        s->local[n][at] = INFINITY; // beyond floats
    }
    s->error[n][at] = sum->error;
    computed[0] = sum->lo + bias - SP_SINGLE_SLACK * mass;
    computed[width] = sum->hi + bias + SP_SINGLE_SLACK * mass;
}

void sp_single_curve_number(const sp_single *s, sp_activation f, size_t n, size_t at, size_t input,
                            size_t from, double *computed, size_t width) {
    const sp_iv x = sp_single_range(s, input, from), range = sp_activation_range(f, x);
    const sp_iv slope = sp_single_slope(f, x);
    s->local[n][at] = sp_single_curve_local(s, f, x);
    s->error[n][at] = fmax(fabs(slope.lo), fabs(slope.hi)) * s->error[input][from];
    computed[0] = range.lo;
    computed[width] = range.hi;
}
