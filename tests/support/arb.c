/* Comparisons of Arb balls with doubles. */
#include "tests/support/arb.h"

#include <math.h>

bool sp_arb_within(const arb_t x, double lo, double hi) {
    return sp_arb_ge(x, lo) && sp_arb_le(x, hi);
}

/* The ends are computed at a precision that holds any sum of midpoint and radius exactly. */
static void end_lower(arf_t out, const arb_t x) {
    arb_get_lbound_arf(out, x, 4 * SP_ARB_BITS);
}

static void end_upper(arf_t out, const arb_t x) {
    arb_get_ubound_arf(out, x, 4 * SP_ARB_BITS);
}

/* compare - sign of (end of x) - bound; 2 when either is NaN. */
static int compare(const arb_t x, double bound, bool upper) {
    arf_t end, value;
    int sign = 2;
    arf_init(end);
    arf_init(value);
    arf_set_d(value, bound);
    if (upper) {
        end_upper(end, x);
    } else {
        end_lower(end, x);
    }
    if (!arf_is_nan(end) && !arf_is_nan(value)) {
        sign = arf_cmp(end, value);
        sign = (sign > 0) - (sign < 0);
    }
    arf_clear(end);
    arf_clear(value);
    return sign;
}

bool sp_arb_le(const arb_t x, double bound) {
    return compare(x, bound, true) <= 0;
}

bool sp_arb_ge(const arb_t x, double bound) {
    const int sign = compare(x, bound, false);
    return sign == 0 || sign == 1;
}

bool sp_arb_lt(const arb_t x, double bound) {
    return compare(x, bound, true) == -1;
}

bool sp_arb_gt(const arb_t x, double bound) {
    return compare(x, bound, false) == 1;
}

double sp_arb_lower(const arb_t x) {
    arf_t end;
    arf_init(end);
    end_lower(end, x);
    const double out = arf_get_d(end, ARF_RND_FLOOR);
    arf_clear(end);
    return isnan(out) ? -INFINITY : out;
}

double sp_arb_upper(const arb_t x) {
    arf_t end;
    arf_init(end);
    end_upper(end, x);
    const double out = arf_get_d(end, ARF_RND_CEIL);
    arf_clear(end);
    return isnan(out) ? INFINITY : out;
}

void sp_arb_addmul_d(arb_t z, double a, double b) {
    arb_t x, y;
    arb_init(x);
    arb_init(y);
    arb_set_d(x, a);
    arb_set_d(y, b);
    arb_addmul(z, x, y, SP_ARB_BITS);
    arb_clear(x);
    arb_clear(y);
}

void sp_arb_dot(arb_t z, const double *a, const double *b, size_t n) {
    arb_zero(z);
    for (size_t i = 0; i < n; i++) {
        sp_arb_addmul_d(z, a[i], b[i]);
    }
}

void sp_arb_weighted(arb_t z, const double *weight, const double *a, const double *b, size_t n) {
    arb_t term, factor;
    arb_init(term);
    arb_init(factor);
    arb_zero(z);
    for (size_t i = 0; i < n; i++) {
        arb_set_d(term, weight[i]);
        arb_set_d(factor, a[i]);
        arb_mul(term, term, factor, SP_ARB_BITS);
        arb_set_d(factor, b[i]);
        arb_addmul(z, term, factor, SP_ARB_BITS);
    }
    arb_clear(term);
    arb_clear(factor);
}
