/* What features make of the bands' logarithms, in one matrix: their unit, a discrete cosine
 * transform with its lifter, normalisation, and a map. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

#define PI 3.141592653589793238462643383279502884L

/* Coefficient i of the transform of n numbers, at number j. */
static long double dct_entry(const sp_description *d, size_t i, size_t j) {
    const size_t n = d->bands, type = (size_t)d->dct_type;
    const size_t row = type == 2 ? i : j, column = type == 2 ? j : i;
    const bool constant = row == 0;
    const size_t turn = row * (2 * column + 1) % (4 * n); /* of 4 n */
    long double scale = sqrtl((constant ? 1.0L : 2.0L) / (long double)n);
    if (d->dct_norm == SP_DCT_TWICE) {
        scale = type == 3 && constant ? 1.0L : 2.0L;
    } else if (d->dct_norm == SP_DCT_SAME_SCALE) {
        scale = sqrtl(2.0L / (long double)n);
    }
    return scale * cosl(PI * (long double)turn / (long double)(2 * n));
}

static long double lift(const sp_description *d, size_t i) {
    const long double length = d->lifter;
    if (!(length > 0.0L)) {
        return 1.0L;
    }
    return 1.0L + length / 2.0L * sinl(PI * (long double)(i + d->lifter_first) / length);
}

static long double unit_of(const sp_description *d) {
    return d->log == SP_UNIT_LOG10 ? 1.0L / logl(10.0L)
           : d->log == SP_UNIT_DB  ? 10.0L / logl(10.0L)
                                   : 1.0L;
}

bool sp_rows_wanted(const sp_description *d) {
    return d->coefficients > 0 || d->log == SP_UNIT_LOG10 || d->log == SP_UNIT_DB ||
           d->energy != SP_ENERGY_NONE || d->mean != NULL || d->deviation != NULL || d->mapped > 0;
}

size_t sp_rows_features(const sp_description *d) {
    return d->mapped > 0 ? d->mapped : sp_description_rows(d);
}

/* Row i over the bands, and its constant. The energy, the last band, comes first. */
static long double fill_row(long double *row, const sp_description *d, size_t i) {
    const size_t bands = d->bands, width = sp_description_energies(d);
    const long double unit = unit_of(d);
    const long double level = d->log == SP_UNIT_DB ? -10.0L * log10l(d->reference) : 0.0L;
    const bool energy = width > bands;
    long double constant = 0.0L;
    memset(row, 0, width * sizeof *row);
    if (energy && i == 0) {
        row[bands] = 1.0L;
        return d->energy_floor > 0.0 ? logl(d->energy_floor) - logl(d->floor) : 0.0L;
    }
    if (d->coefficients == 0) {
        row[energy ? i - 1 : i] = unit;
        return level;
    }
    for (size_t j = 0; j < bands; j++) {
        const long double entry = dct_entry(d, i, j) * lift(d, i);
        row[j] = entry * unit;
        constant += entry * level;
    }
    return constant;
}

static void normalise(long double *row, long double *constant, const sp_description *d, size_t i) {
    const long double mean = d->mean != NULL ? (long double)d->mean[i] : 0.0L;
    const long double deviation = d->deviation != NULL ? (long double)d->deviation[i] : 1.0L;
    *constant = (*constant - mean) / deviation;
    for (size_t j = 0; j < sp_description_energies(d); j++) {
        row[j] /= deviation;
    }
}

/* rows [mapped, width] = map times the rows before it. */
static void apply_map(long double *to, long double *constants, const sp_description *d,
                      const long double *rows, const long double *bias) {
    const size_t width = sp_description_energies(d), before = sp_description_rows(d);
    for (size_t i = 0; i < d->mapped; i++) {
        constants[i] = (long double)d->map_bias[i];
        memset(to + i * width, 0, width * sizeof *to);
        for (size_t k = 0; k < before; k++) {
            const long double w = (long double)d->map[i * before + k];
            constants[i] += w * bias[k];
            for (size_t j = 0; w != 0.0L && j < width; j++) {
                to[i * width + j] += w * rows[k * width + j];
            }
        }
    }
}

sp_status sp_rows_fill(sp_error *err, double *rows, double *bias, const sp_description *d) {
    const size_t width = sp_description_energies(d), before = sp_description_rows(d);
    const size_t features = sp_rows_features(d);
    long double *at = malloc((before + d->mapped) * (width + 1) * sizeof *at);
    if (at == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu features", features);
    }
    long double *constant = at + before * width, *mapped = constant + before;
    for (size_t i = 0; i < before; i++) {
        constant[i] = fill_row(at + i * width, d, i);
        normalise(at + i * width, &constant[i], d, i);
    }
    const long double *from = at, *from_bias = constant;
    if (d->mapped > 0) {
        apply_map(mapped, mapped + d->mapped * width, d, at, constant);
        from = mapped;
        from_bias = mapped + d->mapped * width;
    }
    for (size_t i = 0; i < features; i++) {
        bias[i] = (double)from_bias[i];
        for (size_t j = 0; j < width; j++) {
            rows[i * width + j] = (double)from[i * width + j];
        }
    }
    free(at);
    return SP_OK;
}
