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

/* sp_columns - columns of [bands, rows] with what must be at least a peak. */
typedef struct sp_columns {
    const double *all;
    size_t bands, rows;
} sp_columns;

/* Peaks are raised by this share: columns that others cover but for less may be left out. */
#define SLACK 0x1p-40

/* Whether columns b and c cover column a together: some part of b and the rest of c is nowhere more
 * than half the slack below it, so that no nonnegative weights give it more than both of them. */
static bool is_covered(const sp_columns *p, size_t a, size_t b, size_t c) {
    double least = 0.0, most = 1.0;
    for (size_t m = 0; m < p->bands; m++) {
        const double own = p->all[m * p->rows + a], x = own * (1.0 - 0.25 * SLACK);
        const double y = p->all[m * p->rows + b], z = p->all[m * p->rows + c];
        if (own * (1.0 - 0.5 * SLACK) > fmax(y, z) * (1.0 + 0x1p-50)) {
            return false; // as what follows would find, later
        }
        if (y > z) {
            least = fmax(least, (x - z) / (y - z));
        } else if (y < z) {
            most = fmin(most, (x - z) / (y - z));
        }
    }
    const double part = fmin(fmax(0.5 * least + 0.5 * most, 0.0), 1.0);
    bool covers = true;
    for (size_t m = 0; m < p->bands && covers; m++) {
        const double x = p->all[m * p->rows + a] * (1.0 - 0.5 * SLACK);
        const double y = p->all[m * p->rows + b], z = p->all[m * p->rows + c];
        covers = part * y + (1.0 - part) * z >= x; // NaN fails
    }
    return covers;
}

/* The columns that are not below the lines between those beside them, in the order of the rows: a
 * first choice. */
static size_t choose_peaks(const sp_columns *p, size_t *chosen) {
    size_t count = 0;
    for (size_t k = 0; k < p->rows; k++) {
        bool covered = false;
        for (size_t i = 0; i < k && !covered; i++) {
            covered = is_covered(p, k, i, i);
        }
        while (!covered && count > 0 &&
               is_covered(p, chosen[count - 1], count > 1 ? chosen[count - 2] : k, k)) {
            count--;
        }
        if (!covered) {
            chosen[count++] = k;
        }
    }
    return count;
}

/* Whether one of the chosen columns covers column k, or two of them that stand side by side do. */
static bool is_found(const sp_columns *p, const size_t *chosen, size_t count, size_t k) {
    for (size_t i = 0; i < count; i++) {
        if (is_covered(p, k, chosen[i], chosen[i + 1 < count ? i + 1 : i])) {
            return true;
        }
    }
    return false;
}

/* peak[m,j] >= weight_mj rho_j, for columns that cover all others. */
static void take_peaks(sp_front_forms *forms, double *all, size_t *chosen) {
    const sp_band *energy = &forms->energy;
    const size_t bands = forms->layout->bands, rows = energy->rows;
    const sp_columns peaks = {all, bands, rows};
    for (size_t m = 0; m < bands; m++) {
        for (size_t k = 0; k < rows; k++) {
            const double weight = forms->mel->matrix[m * forms->mel->in + energy->row[k]];
            all[m * rows + k] = weight > 0.0 ? sp_above(weight / energy->weight[k]) : 0.0;
        }
    }
    size_t count = choose_peaks(&peaks, chosen);
    for (size_t k = 0; k < rows; k++) { // whatever was chosen: nothing stays uncovered
        if (!is_found(&peaks, chosen, count, k)) {
            chosen[count++] = k;
        }
    }
    forms->peaks = count;
    for (size_t m = 0; m < bands; m++) {
        for (size_t j = 0; j < count; j++) {
            const double peak = all[m * rows + chosen[j]];
            forms->peak[m * count + j] = peak > 0.0 ? sp_above(peak * (1.0 + SLACK)) : 0.0;
        }
    }
}

sp_status sp_front_energy(sp_error *err, sp_front_forms *forms, const bool *zero) {
    const size_t out = forms->spectrum->out, bands = forms->layout->bands;
    const size_t frame = forms->spectrum->in;
    sp_band *energy = &forms->energy;
    forms->energy_rows = malloc(out * sizeof *energy->row);
    forms->energy_memory =
        calloc(out + frame + 2 * bands * out + SP_FRONT_SETS, sizeof *energy->weight);
    size_t *chosen = calloc(out, sizeof *chosen);
    sp_status status = SP_OK;
    if (forms->energy_rows == NULL || forms->energy_memory == NULL || chosen == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    } else {
        energy->row = forms->energy_rows;
        energy->weight = forms->energy_memory;
        energy->diagonal = energy->weight + out;
        forms->peak = energy->diagonal + frame;
        energy->fact = forms->peak + 2 * bands * out;
        take_rows(forms, zero);
        take_peaks(forms, forms->peak + bands * out, chosen);
        status = energy->rows > 0 ? sp_band_diagonal(err, energy, forms->spectrum) : SP_OK;
        if (status == SP_OK) {
            sp_front_facts(energy, forms->spectrum);
        }
    }
    free(chosen);
    return status;
}
