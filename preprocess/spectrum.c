/* The matrix of mean removal, pre-emphasis, window and real DFT. With y_j = w_j (x_j - a x_{j-1}),
 * sample j reaches bin k by (w_j e^{-2 pi i jk/n} - a w_{j+1} e^{-2 pi i (j+1)k/n}) scale; samples
 * at and beyond n are cut off and have no column. Where pre-emphasis is that of the clip, a column
 * for the sample before the frame stands first. Removing the mean of x takes the mean of a row from
 * it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

#define PI 3.141592653589793238462643383279502884L

// cos and sin of 2 pi q / n, exact at multiples of a quarter turn: reduced to the first octant.
static void turn(long double *c, long double *s, size_t q, size_t n) {
    const size_t quadrant = 4 * q / n, rest = 4 * q - quadrant * n; // rest/n quarters, < 1
    const bool upper = 2 * rest > n;
    const long double angle = PI / 2.0L * (long double)(upper ? n - rest : rest) / (long double)n;
    const long double x = upper ? sinl(angle) : cosl(angle), y = upper ? cosl(angle) : sinl(angle);
    *c = quadrant == 0 ? x : quadrant == 1 ? -y : quadrant == 2 ? -x : y;
    *s = quadrant == 0 ? y : quadrant == 1 ? x : quadrant == 2 ? -y : -x;
}

size_t sp_spectrum_more(const sp_description *d) {
    return d->energy == SP_ENERGY_FRAME || d->energy == SP_ENERGY_WINDOWED ? d->frame : 0;
}

static long double scale_of(const sp_description *d, const double *window) {
    long double sum = (long double)d->fft;
    if (d->power_norm == SP_POWER_OVER_WINDOW) {
        sum = 0.0L;
        for (size_t j = 0; j < d->frame; j++) {
            sum += (long double)window[j] * (long double)window[j];
        }
    }
    return d->power_norm == SP_POWER_WHOLE ? 1.0L : 1.0L / sqrtl(sum);
}

/* A row sum_j w_j g_j y_j becomes one over the samples: columns [lead, lead + used) those of the
 * frame. */
static void emphasise(long double *row, const long double *g, const sp_description *d,
                      const double *window, size_t used) {
    const long double a = d->preemphasis;
    const size_t lead = sp_description_lead(d);
    for (size_t j = 0; j < used; j++) {
        const long double next = j + 1 < used ? a * (long double)window[j + 1] * g[j + 1] : 0.0L;
        row[lead + j] = (long double)window[j] * g[j] - next;
    }
    const long double first = a * (long double)window[0] * g[0];
    if (lead > 0) {
        row[0] = -first;
    }
    if (d->emphasis == SP_EMPHASIS_REPEAT) {
        row[0] -= first;
    }
}

static void remove_mean(long double *row, size_t used) {
    long double mean = 0.0L;
    for (size_t j = 0; j < used; j++) {
        mean += row[j] / (long double)used;
    }
    for (size_t j = 0; j < used; j++) {
        row[j] -= mean;
    }
}

static void fill_row(double *to, long double *row, const long double *g, const sp_description *d,
                     const double *window, size_t used, long double scale) {
    emphasise(row, g, d, window, used);
    if (d->remove_mean) {
        remove_mean(row, used);
    }
    for (size_t j = 0; j < used + sp_description_lead(d); j++) {
        to[j] = (double)(row[j] * scale);
    }
}

/* The samples whose squares are the energy of the frame itself. */
static void fill_frame(double *matrix, long double *row, long double *g, const sp_description *d,
                       const double *window, size_t used) {
    const size_t lead = sp_description_lead(d), columns = used + lead;
    for (size_t k = 0; k < sp_spectrum_more(d); k++) {
        memset(g, 0, used * sizeof *g);
        g[k] = 1.0L;
        if (d->energy == SP_ENERGY_WINDOWED) {
            fill_row(matrix + k * columns, row, g, d, window, used, 1.0L);
            continue;
        }
        if (d->remove_mean) {
            remove_mean(g, used);
        }
        for (size_t j = 0; j < columns; j++) {
            matrix[k * columns + j] = j < lead ? 0.0 : (double)g[j - lead];
        }
    }
}

sp_status sp_spectrum_matrix(sp_error *err, double *matrix, const sp_description *d,
                             const double *window) {
    const size_t n = d->fft, bins = n / 2 + 1, used = d->frame < n ? d->frame : n;
    const size_t columns = used + sp_description_lead(d);
    const long double scale = scale_of(d, window);
    long double *table = malloc((2 * n + 2 * columns) * sizeof *table);
    if (table == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a transform of %zu points", n);
    }
    long double *g = table + 2 * n, *row = g + columns;
    for (size_t q = 0; q < n; q++) {
        turn(&table[2 * q], &table[2 * q + 1], q, n);
    }
    for (size_t k = 0; k < bins; k++) {
        for (size_t part = 0; part < 2; part++) {
            for (size_t j = 0; j < used; j++) {
                const long double *at = &table[2 * (j * k % n)];
                g[j] = part == 0 ? at[0] : -at[1];
            }
            fill_row(matrix + (part * bins + k) * columns, row, g, d, window, used, scale);
        }
    }
    fill_frame(matrix + 2 * bins * columns, row, g, d, window, used);
    free(table);
    return SP_OK;
}
