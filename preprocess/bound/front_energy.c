/* The noise of one frame has one energy to spend on all bands. For weights a >= 0 the form
 *   sum_m a_m Q_m = sum_j c_j f_j f_j',  c_j = sum_m a_m weight_mj,
 * over the rows f_j of the spectrum that any band reads. With fixed rho_j > 0 and mu = max_j c_j
 * rho_j it is at most mu Q_rho, Q_rho = sum_j f_j f_j' / rho_j, so
 *   sum_m a_m d' Q_m d <= max_j (sum_m a_m weight_mj rho_j) sum_i D_i r_i^2   for D >= Q_rho.
 * rho_j near the power of the bin's pair of rows (Parseval) makes Q_rho nearly diagonal: for the
 * ten bands of FSDD the bound is then within 6 % of that of the best diagonal for each a. Source:
 * docs/theory/front-end.md 4.6. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

/* Bins that the window leaks into are lifted to this share of the largest power. */
#define LIFT 1e-3

static bool is_read(const sp_front_forms *forms, size_t j) {
    const sp_stage *mel = forms->mel;
    for (size_t m = 0; m < forms->layout->bands; m++) {
        if (mel->matrix[m * mel->in + j] > 0.0) {
            return true;
        }
    }
    return false;
}

static double row_power(const sp_stage *spectrum, size_t j) {
    const double *row = spectrum->matrix + j * spectrum->in; /* matrix[j,:] */
    return sp_row_dot(row, row, spectrum->in);
}

/* The rows that some band reads, with 1 / rho. The real and the imaginary part of a bin stand half
 * the rows apart. */
static void take_rows(sp_front_forms *forms, const bool *zero) {
    const sp_stage *spectrum = forms->spectrum;
    const size_t half = spectrum->out / 2;
    sp_band *energy = &forms->energy;
    double largest = 0.0;
    energy->rows = 0;
    for (size_t j = 0; j < spectrum->out; j++) {
        if (!zero[j] && is_read(forms, j)) {
            const size_t k = energy->rows++;
            const size_t pair = 2 * half == spectrum->out ? (j < half ? j + half : j - half) : j;
            energy->row[k] = j;
            energy->weight[k] = row_power(spectrum, j) + row_power(spectrum, pair);
            largest = fmax(largest, energy->weight[k]);
        }
    }
    for (size_t k = 0; k < energy->rows; k++) {
        energy->weight[k] = 1.0 / (energy->weight[k] + LIFT * largest);
    }
}

/* Whether column a of [bands, rows] is nowhere above column b; of equal ones the first stays. */
static bool is_covered(const double *peak, size_t bands, size_t rows, size_t a, size_t b) {
    bool below = true, equal = true;
    for (size_t m = 0; m < bands; m++) {
        const double x = peak[m * rows + a], y = peak[m * rows + b];
        below = below && x <= y;
        equal = equal && x == y;
    }
    return below && (!equal || b < a);
}

/* peak[m,j] >= weight_mj rho_j, for the columns that no other one covers. */
static void take_peaks(sp_front_forms *forms, double *all, bool *keep) {
    const sp_band *energy = &forms->energy;
    const size_t bands = forms->layout->bands, rows = energy->rows;
    for (size_t m = 0; m < bands; m++) {
        for (size_t k = 0; k < rows; k++) {
            const double weight = forms->mel->matrix[m * forms->mel->in + energy->row[k]];
            all[m * rows + k] = weight > 0.0 ? sp_above(weight / energy->weight[k]) : 0.0;
        }
    }
    forms->peaks = 0;
    for (size_t k = 0; k < rows; k++) {
        keep[k] = true;
        for (size_t l = 0; l < rows && keep[k]; l++) {
            keep[k] = l == k || !is_covered(all, bands, rows, k, l);
        }
        forms->peaks += keep[k] ? 1 : 0;
    }
    for (size_t m = 0; m < bands; m++) {
        for (size_t k = 0, j = 0; k < rows; k++) {
            if (keep[k]) {
                forms->peak[m * forms->peaks + j++] = all[m * rows + k];
            }
        }
    }
}

sp_status sp_front_energy(sp_error *err, sp_front_forms *forms, const bool *zero) {
    const size_t out = forms->spectrum->out, bands = forms->layout->bands;
    const size_t frame = forms->spectrum->in;
    sp_band *energy = &forms->energy;
    forms->energy_rows = malloc(out * sizeof *energy->row);
    forms->energy_memory = calloc(out + frame + 2 * bands * out, sizeof *energy->weight);
    bool *keep = calloc(out, sizeof *keep);
    sp_status status = SP_OK;
    if (forms->energy_rows == NULL || forms->energy_memory == NULL || keep == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    } else {
        energy->row = forms->energy_rows;
        energy->weight = forms->energy_memory;
        energy->diagonal = energy->weight + out;
        forms->peak = energy->diagonal + frame;
        take_rows(forms, zero);
        take_peaks(forms, forms->peak + bands * out, keep);
        status = energy->rows > 0 ? sp_band_diagonal(err, energy, forms->spectrum) : SP_OK;
        if (status == SP_OK) {
            sp_front_facts(energy, forms->spectrum);
        }
    }
    free(keep);
    return status;
}
