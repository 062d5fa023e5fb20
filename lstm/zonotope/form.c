// Arithmetic of affine forms. What is rounded goes into the noise of each number: with k terms the
// computed center and generators of an image are off by at most gamma_{k+3} times the sums of
// absolute values, plus 2^-1075 for each product that may underflow, of the center and of every
// symbol.
#include "lstm/zonotope/impl.h"

#include <math.h>

/* sum_s |generator[i, s]|, rounded up. */
static double reach(const sp_zonotope *z, const sp_zonotope_form *form, size_t i) {
    const double *g = form->generator + i * z->capacity; /* generator[i,:] */
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t s = 0; s < z->symbols; s++) {
        sum += fabs(g[s]);
    }
    return sp_above(sum * (1.0 + sp_gamma((double)z->symbols + 2.0)));
}

sp_iv sp_zonotope_range(const sp_zonotope *z, const sp_zonotope_form *form, size_t i) {
    const double most = sp_above(reach(z, form, i) + form->noise[i]);
    return sp_iv_make(sp_below(form->center[i] - most), sp_above(form->center[i] + most));
}

/* The noise of row i of an image: what the noise of its terms makes, and rounding. */
static double image_noise(const double *size, size_t i, const sp_zonotope_part *part, size_t parts,
                          double bias, double terms, double symbols) {
    double passed = 0.0, absolute = fabs(bias);
    for (size_t p = 0, at = 0; p < parts; p++) {
        const double *weight = part[p].matrix + i * part[p].ld;
        for (size_t j = 0; j < part[p].x->n; j++, at++) {
            passed += fabs(weight[j]) * part[p].x->noise[j];
            absolute += fabs(weight[j]) * size[at];
        }
    }
    // at most terms products for the center, for each symbol, and for both sums above
    const double gamma = sp_gamma(2.0 * (terms + symbols) + 8.0);
    const double lost = (terms + 1.0) * (symbols + 4.0) * 0x1p-1074;
    return sp_above(sp_above(passed * (1.0 + gamma)) +
                    sp_above(sp_above(2.0 * gamma * absolute) + lost));
}

void sp_zonotope_image(sp_zonotope *z, sp_zonotope_form *to, size_t first, size_t rows,
                       const sp_zonotope_part *part, size_t parts, const double *bias) {
    double *size = z->scratch; /* |center| + reach + noise of every term */
    size_t terms = 0;
    for (size_t p = 0; p < parts; p++) {
        for (size_t j = 0; j < part[p].x->n; j++) {
            const double most = sp_above(reach(z, part[p].x, j) + part[p].x->noise[j]);
            size[terms++] = sp_above(fabs(part[p].x->center[j]) + most);
        }
        if (z->symbols == 0) {
            continue;
        }
        sp_gpu_multiply(z->boxes.gpu,
                        &(sp_gpu_multiply_args){.m = rows,
                                                .n = z->symbols,
                                                .k = part[p].x->n,
                                                .a = part[p].matrix,
                                                .lda = part[p].ld,
                                                .b = part[p].x->generator,
                                                .ldb = z->capacity,
                                                .beta = p > 0 ? 1.0 : 0.0,
                                                .c = to->generator + first * z->capacity,
                                                .ldc = z->capacity,
                                                .count = 1});
    }
    for (size_t i = 0; i < rows; i++) {
        const double offset = bias != NULL ? bias[i] : 0.0;
        double center = offset;
        for (size_t p = 0; p < parts; p++) {
            const double *weight = part[p].matrix + i * part[p].ld;
            for (size_t j = 0; j < part[p].x->n; j++) {
                center += weight[j] * part[p].x->center[j];
            }
        }
        to->center[first + i] = center;
        to->noise[first + i] =
            image_noise(size, i, part, parts, offset, (double)terms, (double)z->symbols);
    }
}

/* What is left of number j: a symbol of its own, or noise. */
static void take_rest(sp_zonotope *z, sp_zonotope_form *to, size_t j, double radius) {
    const size_t symbol = z->fresh ? sp_zonotope_symbol(z) : SP_ZONOTOPE_NONE;
    if (symbol != SP_ZONOTOPE_NONE) {
        to->generator[j * z->capacity + symbol] = radius;
    } else {
        to->noise[j] = sp_above(to->noise[j] + radius);
    }
}

void sp_zonotope_combine(sp_zonotope *z, sp_zonotope_form *to, size_t j, double a,
                         const sp_zonotope_form *x, size_t i, double b, const sp_zonotope_form *y,
                         size_t k, sp_iv rest) {
    const double *gx = x->generator + i * z->capacity; /* generator[i,:] of x */
    const double *gy = y != NULL ? y->generator + k * z->capacity : gx;
    const double slope = y != NULL ? b : 0.0, middle = 0.5 * rest.lo + 0.5 * rest.hi;
    const double y_center = y != NULL ? y->center[k] : 0.0, y_noise = y != NULL ? y->noise[k] : 0.0;
    const double x_size = sp_above(sp_above(reach(z, x, i) + x->noise[i]) + fabs(x->center[i]));
    const double y_size =
        y != NULL ? sp_above(sp_above(reach(z, y, k) + y_noise) + fabs(y_center)) : 0.0;
    double *g = to->generator + j * z->capacity; /* generator[j,:] of to, which may be that of x */
    const double passed =
        sp_above(sp_above(fabs(a) * x->noise[i]) + sp_above(fabs(slope) * y_noise));
    const double sizes =
        sp_above(sp_above(sp_above(fabs(a) * x_size) + fabs(slope) * y_size) + fabs(middle));
    const double center = a * x->center[i] + slope * y_center + middle;
    for (size_t s = 0; s < z->symbols; s++) {
        g[s] = a * gx[s] + slope * gy[s];
    }
    to->center[j] = center;
    to->noise[j] = sp_above(sp_above(passed + sp_above(sp_gamma(8.0) * sizes)) +
                            ((double)z->symbols + 4.0) * 0x1p-1072);
    if (rest.lo == middle && rest.hi == middle) {
        return; // nothing is left: no symbol
    }
    const double radius = sp_above(fmax(sp_above(rest.hi - middle), sp_above(middle - rest.lo)));
    take_rest(z, to, j, radius);
}

void sp_zonotope_multiply(sp_zonotope *z, sp_zonotope_form *to, size_t j, const sp_zonotope_form *x,
                          const sp_zonotope_form *y) {
    const double *gx = x->generator, *gy = y->generator;
    const double x0 = x->center[0], y0 = y->center[0];
    const double rx = sp_above(reach(z, x, 0) + x->noise[0]);
    const double ry = sp_above(reach(z, y, 0) + y->noise[0]);
    const double terms = (double)z->symbols + 8.0, gamma = sp_gamma(terms);
    double *g = to->generator + j * z->capacity; /* generator[j,:] of to */
    double squares = 0.0, sizes = 0.0;           /* sum x_s y_s and sum |x_s y_s| */
    for (size_t s = 0; s < z->symbols; s++) {
        const double square = gx[s] * gy[s];
        squares += square;
        sizes += fabs(square);
        g[s] = x0 * gy[s] + y0 * gx[s];
    }
    to->center[j] = x0 * y0 + 0.5 * squares;
    const double passed =
        sp_above(sp_above(fabs(x0) * y->noise[0]) + sp_above(fabs(y0) * x->noise[0]));
    const double size = sp_above(sp_above(fabs(x0) * sp_above(fabs(y0) + ry)) +
                                 sp_above(sp_above(fabs(y0) * rx) + sizes));
    const double rounded = sp_above(2.0 * gamma * size);
    to->noise[j] = sp_above(sp_above(passed + rounded) + terms * 0x1p-1070);
    const double most = sp_above(rx * ry), least = sp_below(0.5 * sizes * (1.0 - gamma));
    take_rest(z, to, j, sp_above(sp_above(most - fmax(least, 0.0)) + terms * 0x1p-1070));
}
