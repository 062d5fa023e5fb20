/* The diagonal D of nearly least trace with D >= Q = F' diag(weight) F, and its proof.
 *
 * The dual of least trace is max tr(V' Q V) over unit rows v_i; it is solved in a low-rank factor
 * by the mixing method ([Mixing]: one row at a time, v_i <- the direction of
 * sum_{j != i} Q_ij v_j), and D_i = (Q V)_i . v_i. With A = diag(sqrt(weight)) F, D >= Q is the
 * same as C = A D^-1 A' <= 1, an R x R matrix. So the largest eigenvalue of C, proved by Cholesky
 * to be at most `scale`, makes scale D the answer; scale - 1 is the duality gap. Source:
 * docs/theory/front-end.md 4.2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd.h"
#include "base/random.h"
#include "preprocess/bound/impl.h"

#define RANK 16    /* columns of V */
#define SWEEPS 120 /* at most */
#define FIRST_LOOK 24
#define SWEEPS_A_LOOK 8
#define GAP 1e-4 /* good enough: scale - 1 */
#define LATE 48  /* from this sweep on, that is, too: */
#define LATE_GAP 1e-2
#define LEAST_GAP 1e-5
#define LEAST_DIAGONAL 0x1p-600
#define MOST_DIAGONAL 0x1p200 /* of one that was kept */

typedef struct mixing {
    size_t n, rows;
    const double *f; /* the spectrum matrix */
    const sp_band *band;
    double *column;   /* [n, rows] columns of A */
    double *root;     /* [rows] sqrt(weight) */
    double *norm;     /* [n] squared norms of the columns */
    double *v;        /* [n, RANK] unit rows */
    double *w;        /* [rows, RANK] = A V */
    double *diagonal; /* [n] */
    double *row;      /* [n] */
    double *c, *l;    /* [rows, rows] */
} mixing;

static void normalise(double *v) {
    double square = 0.0;
    for (size_t j = 0; j < RANK; j++) {
        square += v[j] * v[j];
    }
    const double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (size_t j = 0; j < RANK; j++) {
        v[j] *= scale;
    }
}

// w += a x for one row of numbers a [rows]
static void add_outer(double *SP_RESTRICT w, const double *SP_RESTRICT a,
                      const double *SP_RESTRICT x, size_t rows) {
    for (size_t k = 0; k < rows; k++) {
#pragma omp simd
        for (size_t j = 0; j < RANK; j++) {
            w[k * RANK + j] += a[k] * x[j];
        }
    }
}

// x = a' w
static void contract(double *SP_RESTRICT x, const double *SP_RESTRICT a,
                     const double *SP_RESTRICT w, size_t rows) {
    double sum[RANK] = {0.0};
    for (size_t k = 0; k < rows; k++) {
#pragma omp simd
        for (size_t j = 0; j < RANK; j++) {
            sum[j] += a[k] * w[k * RANK + j];
        }
    }
    memcpy(x, sum, sizeof sum);
}

// The same V on every run: uniform numbers of one seed.
static void start(mixing *s) {
    sp_random random = {1};
    memset(s->w, 0, s->rows * RANK * sizeof *s->w);
    for (size_t k = 0; k < s->rows; k++) {
        s->root[k] = sqrt(s->band->weight[k]);
    }
    for (size_t i = 0; i < s->n; i++) {
        double *a = s->column + i * s->rows, *v = s->v + i * RANK;
        s->norm[i] = 0.0;
        for (size_t k = 0; k < s->rows; k++) {
            a[k] = s->root[k] * s->f[s->band->row[k] * s->n + i];
            s->norm[i] += a[k] * a[k];
        }
        for (size_t j = 0; j < RANK; j++) {
            v[j] = sp_random_sign(&random);
        }
        normalise(v);
        add_outer(s->w, a, v, s->rows);
    }
}

SP_CLONES static void sweep(mixing *s) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->norm[i] == 0.0) {
            continue; // the sample reaches no row
        }
        const double *a = s->column + i * s->rows;
        double *v = s->v + i * RANK, next[RANK], change[RANK];
        contract(next, a, s->w, s->rows); /* (Q V)_i */
        for (size_t j = 0; j < RANK; j++) {
            next[j] -= s->norm[i] * v[j];
        }
        normalise(next);
        for (size_t j = 0; j < RANK; j++) {
            change[j] = next[j] - v[j];
            v[j] = next[j];
        }
        add_outer(s->w, a, change, s->rows);
    }
}

static bool column_is_zero(const mixing *s, size_t i) {
    for (size_t k = 0; k < s->rows; k++) {
        if (s->f[s->band->row[k] * s->n + i] != 0.0) {
            return false;
        }
    }
    return true;
}

// D_i = (Q V)_i . v_i, at least Q_ii where Q_ii > 0; a sample that reaches no row has D_i = 0.
SP_CLONES static void take_diagonal(mixing *s) {
    for (size_t i = 0; i < s->n; i++) {
        double x[RANK], d = 0.0;
        contract(x, s->column + i * s->rows, s->w, s->rows);
        for (size_t j = 0; j < RANK; j++) {
            d += x[j] * s->v[i * RANK + j];
        }
        d = d > s->norm[i] ? d : s->norm[i];
        s->diagonal[i] = column_is_zero(s, i) ? 0.0 : d > LEAST_DIAGONAL ? d : LEAST_DIAGONAL;
    }
}

// The lower triangle of C, for the diagonal as it stands: C_kl = root_k root_l sum_i f_ki (f_li /
// D_i).
static void take_c(mixing *s) {
    for (size_t l = 0; l < s->rows; l++) {
        const double *f = s->f + s->band->row[l] * s->n;
        for (size_t i = 0; i < s->n; i++) {
            s->row[i] = s->diagonal[i] > 0.0 ? f[i] / s->diagonal[i] : 0.0;
        }
        sp_rows_times(s->l, s->f, s->n, s->band->row + l, s->rows - l, s->row);
        for (size_t k = l; k < s->rows; k++) {
            s->c[k * s->rows + l] = s->root[k] * s->root[l] * s->l[k - l];
        }
    }
}

// The smallest scale that could be proved, from a first guess; 0 when there is none.
static double smallest_scale(const mixing *s) {
    const double guess = 1.05 * (sp_largest_eigenvalue(s->c, s->l, s->rows) - 1.0);
    for (double gap = guess > LEAST_GAP ? guess : LEAST_GAP; gap <= 1.0; gap *= 1.5) {
        if (sp_eigenvalues_below(s->c, s->l, s->rows, s->n, 1.0 + gap)) {
            return 1.0 + gap;
        }
    }
    return 0.0;
}

// About the largest eigenvalue of Q, a little above: a few steps of the power method.
static double take_curvature(mixing *s) {
    double value = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        s->row[i] = s->norm[i] > 0.0 ? 1.0 + s->v[i * RANK] : 0.0;
    }
    for (size_t k = 0; k < 100; k++) {
        double square = 0.0;
        for (size_t i = 0; i < s->n; i++) {
            square += s->row[i] * s->row[i];
        }
        for (size_t i = 0; i < s->n; i++) {
            s->row[i] /= sqrt(square);
        }
        sp_rows_times(s->l, s->f, s->n, s->band->row, s->rows, s->row);
        value = 0.0;
        for (size_t j = 0; j < s->rows; j++) {
            value += s->band->weight[j] * (s->l[j] * s->l[j]);
            s->l[j] *= s->band->weight[j];
        }
        sp_rows_combine(s->row, s->f, s->n, s->band->row, s->rows, s->l);
    }
    return 1.02 * value;
}

static double *place(mixing *s, sp_band *band, const sp_stage *spectrum) {
    const size_t n = spectrum->in, rows = band->rows;
    const size_t work = rows * rows + rows;
    double *memory =
        malloc((n * (rows + RANK + 3) + rows * (RANK + 1) + 2 * work) * sizeof *memory);
    *s = (mixing){.n = n, .rows = rows, .f = spectrum->matrix, .band = band};
    s->column = memory;
    s->root = s->column + n * rows;
    s->norm = s->root + rows;
    s->v = s->norm + n;
    s->w = s->v + n * RANK;
    s->diagonal = s->w + rows * RANK;
    s->row = s->diagonal + n;
    s->c = s->row + n;
    s->l = s->c + work;
    return memory;
}

static void scale_diagonal(const mixing *s, sp_band *band, double scale) {
    for (size_t i = 0; i < s->n; i++) {
        band->diagonal[i] = s->diagonal[i] > 0.0 ? sp_above(scale * s->diagonal[i]) : 0.0;
    }
}

/* The diagonal of an earlier run, if Cholesky proves it now. */
static bool recall(mixing *s, sp_band *band) {
    const double *kept = band->kept;
    if (!kept || !(kept[SP_BAND_KEPT_SCALE] > 1.0 && kept[SP_BAND_KEPT_SCALE] <= 2.0) ||
        !(kept[SP_BAND_KEPT_CURVATURE] > 0.0 && kept[SP_BAND_KEPT_CURVATURE] <= MOST_DIAGONAL)) {
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        const double d = kept[SP_BAND_KEPT + i];
        const bool within =
            column_is_zero(s, i) ? d == 0.0 : d >= LEAST_DIAGONAL && d <= MOST_DIAGONAL;
        if (!within) {
            return false;
        }
        s->diagonal[i] = d;
    }
    for (size_t k = 0; k < s->rows; k++) {
        s->root[k] = sqrt(band->weight[k]);
    }
    take_c(s);
    if (!sp_eigenvalues_below(s->c, s->l, s->rows, s->n, kept[SP_BAND_KEPT_SCALE])) {
        return false;
    }
    scale_diagonal(s, band, kept[SP_BAND_KEPT_SCALE]);
    band->curvature = kept[SP_BAND_KEPT_CURVATURE];
    band->eigenvalue = kept[SP_BAND_KEPT_EIGENVALUE];
    return true;
}

sp_status sp_band_diagonal(sp_error *err, sp_band *band, const sp_stage *spectrum) {
    mixing s;
    double best = INFINITY;
    double *memory = place(&s, band, spectrum);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a quadratic form of %zu rows",
                       band->rows);
    }
    if (recall(&s, band)) {
        free(memory);
        return SP_OK;
    }
    if (band->kept) {
        band->kept[SP_BAND_KEPT_SCALE] = 0.0;
    }
    start(&s);
    for (size_t k = 0; k < SWEEPS && !(best <= 1.0 + (k < LATE ? GAP : LATE_GAP)); k++) {
        sweep(&s);
        if (k + 1 < FIRST_LOOK || (k + 1) % SWEEPS_A_LOOK != 0) {
            continue;
        }
        take_diagonal(&s);
        take_c(&s);
        const double scale = smallest_scale(&s);
        if (scale > 0.0 && scale < best) {
            best = scale;
            scale_diagonal(&s, band, scale);
            if (band->kept) {
                band->kept[SP_BAND_KEPT_SCALE] = scale;
                memcpy(band->kept + SP_BAND_KEPT, s.diagonal, s.n * sizeof *s.diagonal);
            }
        }
    }
    band->curvature = take_curvature(&s);
    if (band->kept) {
        band->kept[SP_BAND_KEPT_CURVATURE] = band->curvature;
    }
    free(memory);
    if (!(best < INFINITY) || !(band->curvature > 0.0)) {
        return sp_fail(err, SP_E_NUMERIC,
                       "no diagonal above the quadratic form of a mel band could be proved; use "
                       "--front-relax r2");
    }
    return SP_OK;
}
