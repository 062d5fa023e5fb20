/* Short helpers over Arb, for tests that compare doubles with exact mathematics. */
#ifndef SP_TESTS_SUPPORT_ARB_H
#define SP_TESTS_SUPPORT_ARB_H

#include <stdbool.h>
#include <stddef.h>

// Arb is a library of its own before FLINT 3.
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#include <flint/arb_hypgeom.h>
#else
#include <arb.h>
#include <arb_hypgeom.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** SP_ARB_BITS - a precision that leaves every double computation far behind. */
#define SP_ARB_BITS 256

/* Certain comparisons of a ball with a double (infinities allowed, NaN gives false): true only when
 * they hold for every real of the ball. */
bool sp_arb_le(const arb_t x, double bound);
bool sp_arb_ge(const arb_t x, double bound);
bool sp_arb_lt(const arb_t x, double bound);
bool sp_arb_gt(const arb_t x, double bound);
/** sp_arb_within - whether lo <= x <= hi for certain. */
bool sp_arb_within(const arb_t x, double lo, double hi);

/** sp_arb_lower / sp_arb_upper - ends of the ball, rounded outward to doubles. */
double sp_arb_lower(const arb_t x);
double sp_arb_upper(const arb_t x);

/** sp_arb_addmul_d - z += a b, a and b exact doubles. */
void sp_arb_addmul_d(arb_t z, double a, double b);
/** sp_arb_weighted - z = sum of weight[i] a[i] b[i], i < n, from exact doubles. */
void sp_arb_weighted(arb_t z, const double *weight, const double *a, const double *b, size_t n);
/** sp_arb_dot - z = sum of a[i] b[i], i < n, from exact doubles. */
void sp_arb_dot(arb_t z, const double *a, const double *b, size_t n);

#ifdef __cplusplus
}
#endif
#endif
