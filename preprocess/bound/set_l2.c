/* Band energies under an l2 ball: d' Q d = z' (R Q R) z <= largest eigenvalue of R Q R, z being
 * d / radius and R = diag(radius). It is at most max r^2 lambda_max(Q), and max D_i r_i^2 for the
 * diagonal D >= Q. Source: docs/theory/noise-sets.md 6. */
#include <math.h>
#include <stdlib.h>

#include "preprocess/bound/impl.h"

#define LEAST_GAP 1e-4 /* of the eigenvalue that is tried first, above the guess */
#define NEXT_GAP 3.0
#define HALVINGS 4

/* C = A A', A = diag(sqrt(weight)) F, has the eigenvalues of Q that are not 0; lower triangle. */
static void take_c(double *c, const sp_band *band, const sp_stage *spectrum, double *row) {
    const size_t n = spectrum->in, rows = band->rows;
    for (size_t l = 0; l < rows; l++) {
        sp_rows_times(row, spectrum->matrix, n, band->row + l, rows - l,
                      spectrum->matrix + band->row[l] * n);
        for (size_t k = l; k < rows; k++) {
            c[k * rows + l] = sqrt(band->weight[k]) * sqrt(band->weight[l]) * row[k - l];
        }
    }
}

/* The least gap above the guess that was proved by Cholesky of lambda 1 - C; +inf: none. */
static double least_gap(const double *c, double *work, size_t rows, size_t terms, double guess) {
    double fails = 0.0, holds = LEAST_GAP;
    while (holds <= 1.0 && !sp_eigenvalues_below(c, work, rows, terms, guess * (1.0 + holds))) {
        fails = holds;
        holds *= NEXT_GAP;
    }
    for (size_t i = 0; i < HALVINGS && fails > 0.0 && holds <= 1.0; i++) {
        const double middle = 0.5 * (fails + holds);
        const bool below = sp_eigenvalues_below(c, work, rows, terms, guess * (1.0 + middle));
        *(below ? &holds : &fails) = middle;
    }
    return holds <= 1.0 ? holds : INFINITY;
}

/* What an earlier run proved is tried alone, first. */
static double prove(const double *c, double *work, const sp_band *band, size_t terms) {
    const double known = band->eigenvalue;
    if (known > 0.0 && known < INFINITY &&
        sp_eigenvalues_below(c, work, band->rows, terms, known)) {
        return known;
    }
    const double guess = sp_largest_eigenvalue(c, work, band->rows);
    return guess * (1.0 + least_gap(c, work, band->rows, terms, guess));
}

/* lambda_max(Q), proved; +inf: it was not. */
static double fact(const sp_band *band, const sp_stage *spectrum) {
    const size_t rows = band->rows, size = rows * rows + 2 * rows;
    double *memory = malloc((2 * size + 1) * sizeof *memory);
    if (memory == NULL) {
        return INFINITY;
    }
    double *c = memory, *work = memory + size;
    take_c(c, band, spectrum, work);
    const double largest = prove(c, work, band, spectrum->in);
    if (band->kept != NULL) {
        band->kept[SP_BAND_KEPT_EIGENVALUE] = largest;
    }
    free(memory);
    return largest;
}

static double square(const sp_frame *frame, const sp_band *band, double eigenvalue) {
    double largest = 0.0, diagonal = 0.0;
    for (size_t i = 0; i < frame->forms->layout->used; i++) {
        const double r = sp_above(frame->r[i] * frame->r[i]);
        largest = fmax(largest, r);
        diagonal = fmax(diagonal, sp_above(band->diagonal[i] * r));
    }
    return fmin(sp_above(largest * eigenvalue), diagonal);
}

const sp_front_set sp_front_set_l2 = {.fact = fact, .square = square};
