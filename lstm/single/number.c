/* One number of a node: its range, what it is off by, sums and curves. */
#include <stdlib.h>

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
        const double product = size * fmax(fabs(lo[i]), fabs(hi[i]));
        to->error += size * e[i];
        if (least == 0.0 && most == 0.0) {
            continue; // adding 0 rounds nothing
        }
        to->mass += product;
        to->products += sp_single_round(product);
        to->lo += least;
        to->hi += most;
        s->least[to->terms] = least;
        s->most[to->terms++] = most;
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What the roundings of n - 1 additions move at most, whatever tree they are: the j-th largest
 * partial sum holds n - j + 1 terms at most, and so many terms make up the largest of them at most
 * and the smallest at least; `off`: what is rounded below moves it by no more. *whole: the sizes of
 * partial sums, added up. */
static double partial_sums(const sp_single *s, size_t n, double off, double *whole) {
    double up = 0.0, down = 0.0, sum = 0.0, top = 0.0;
    *whole = 0.0;
    for (size_t k = 1; k <= n; k++) { // of at most k terms
        up += s->most[n - k];
        down += s->least[k - 1];
        top = fmax(top, fmax(up, -down));
        if (k > 1) {
            sum += sp_single_round(top * (1.0 + SP_SINGLE_SLACK) + off);
            *whole += top;
        }
    }
    return sum;
}

/* One bias; or two, whose sizes make up |bias| + extra: one of them is between these, both are
 * bias. */
static void add_biases(const sp_single *s, sp_single_sums *sum, double bias, double extra) {
    if (bias == 0.0 && extra == 0.0) {
        return;
    }
    if (sum->biases == 1) {
        s->least[sum->terms] = s->most[sum->terms] = bias;
        sum->terms++;
        return;
    }
    const double above = fmax(bias, 0.0) + 0.5 * extra, below = fmin(bias, 0.0) - 0.5 * extra;
    s->least[sum->terms] = s->most[sum->terms] = above;
    sum->terms++;
    s->least[sum->terms] = s->most[sum->terms] = below;
    sum->terms++;
}

/* The sum with its bias: local error, inherited error and range. */
void sp_single_finish_sum(const sp_single *s, size_t n, size_t at, double *computed, size_t width,
                          sp_single_sums *sum, double bias, double extra) {
    const double lo = sum->lo + bias, hi = sum->hi + bias;
    const double mass = (sum->mass + fabs(bias) + extra) * (1.0 + SP_SINGLE_SLACK);
    double sizes = 0.0;
    add_biases(s, sum, bias, extra);
    qsort(s->most, sum->terms, sizeof *s->most, by_size);
    qsort(s->least, sum->terms, sizeof *s->least, by_size);
    const double rounds = (double)(sum->terms + sum->spare);
    const double grown = 1.0 + sp_gamma_single(2.0 * rounds);
    (void)partial_sums(s, sum->terms, 0.0, &sizes);
    const double off = SP_SINGLE_UNIT * (sizes + (1.0 + rounds * SP_SINGLE_UNIT) * mass) * grown +
                       2.0 * rounds * SP_SINGLE_LOST;
    const double whole = fmax(fabs(lo), fabs(hi)) + SP_SINGLE_SLACK * mass + off;
    s->local[n][at] = partial_sums(s, sum->terms, off, &sizes) + sum->products +
                      (double)sum->spare * sp_single_round(whole) + 2.0 * rounds * SP_SINGLE_LOST;
    if (!(mass < 0x1p126 && rounds < 0x1p20)) {
        s->local[n][at] = INFINITY; // beyond floats
    }
    s->error[n][at] = sum->error;
    computed[0] = lo - SP_SINGLE_SLACK * mass;
    computed[width] = hi + SP_SINGLE_SLACK * mass;
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
