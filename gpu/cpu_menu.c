// The CPU backend, relaxations chosen per row and unit out of a menu.
#include "gpu/backend.h"

#include <math.h>

void sp_gpu_menu_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                      unsigned char *choice, double *x, size_t ldx, double *y, size_t ldy, bool add,
                      double *bias, double *mass) {
    const size_t n = menu->n, lower = menu->lower;
    const double *SP_RESTRICT a = menu->a, *SP_RESTRICT b = menu->b, *SP_RESTRICT c = menu->c;
    for (size_t r = 0; r < rows; r++) {
        const double *SP_RESTRICT wr = w + r * ldw;          /* w[r,:] */
        double *SP_RESTRICT xr = x + r * ldx;                /* x[r,:] */
        double *SP_RESTRICT yr = b != NULL ? y + r * ldy : NULL; /* y[r,:] */
        unsigned char *SP_RESTRICT chosen = choice + r * n;  /* choice[r,:] */
        double sum = 0.0, absolute = 0.0;
#pragma omp simd reduction(+ : sum, absolute)
        for (size_t j = 0; j < n; j++) {
            const double v = wr[j];
            const bool below = v >= 0.0;
            const unsigned char old = chosen[j];
            const unsigned char standard = below ? 0 : (unsigned char)lower;
            const unsigned char entry = (old < lower) == below ? old : standard;
            const size_t at = (size_t)entry * n + j;
            chosen[j] = entry;
            xr[j] = v * a[at];
            sum += v * c[at];
            absolute += fabs(v) * menu->mass[j];
        }
        for (size_t j = 0; b != NULL && j < n; j++) {
            const double vb = wr[j] * b[(size_t)chosen[j] * n + j];
            yr[j] = add ? yr[j] + vb : vb;
        }
        bias[r] += sum;
        mass[r] += absolute;
    }
}

void sp_gpu_menu_value(size_t rows, const sp_gpu_menu *menu, const unsigned char *choice, const double *x,
                       size_t ldx, const double *y, size_t ldy, bool add, double *out, size_t ldo) {
    const size_t n = menu->n;
    const double *a = menu->a, *b = menu->b, *c = menu->c;
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j++) {
            const size_t at = (size_t)choice[r * n + j] * n + j;
            double value = a[at] * x[r * ldx + j] + c[at];
            if (b != NULL) {
                value += b[at] * y[r * ldy + j];
            }
            out[r * ldo + j] = add ? out[r * ldo + j] + value : value;
        }
    }
}

static inline double clamp(double x, double lo, double hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

/* The best entry of one side at the anchors of one row. */
static inline void choose_row(const sp_gpu_menu *menu, const float *SP_RESTRICT ax,
                              const float *SP_RESTRICT ay, sp_gpu_range x_box, sp_gpu_range y_box,
                              unsigned char *SP_RESTRICT chosen) {
    const size_t n = menu->n;
    enum { BLOCK = 32 };
    double x[BLOCK], y[BLOCK], best[BLOCK];
    unsigned char entry[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK) {
        const size_t count = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < count; i++) {
            const size_t j = first + i;
            x[i] = clamp(ax[j], x_box.lo[j], x_box.hi[j]);
            y[i] = ay != NULL ? clamp(ay[j], y_box.lo[j], y_box.hi[j]) : 0.0;
            best[i] = -INFINITY;
            entry[i] = chosen[j];
        }
        for (size_t e = 0; e < menu->entries; e++) {
            const bool below = e < menu->lower;
            const double side = below ? 1.0 : -1.0;
            const double *SP_RESTRICT a = menu->a + e * n + first, *SP_RESTRICT c = menu->c + e * n + first;
            const double *SP_RESTRICT b = menu->b != NULL ? menu->b + e * n + first : a;
#pragma omp simd
            for (size_t i = 0; i < count; i++) {
                const double value = side * (a[i] * x[i] + b[i] * y[i] + c[i]);
                const bool better = value > best[i] && (chosen[first + i] < menu->lower) == below;
                best[i] = better ? value : best[i];
                entry[i] = better ? (unsigned char)e : entry[i];
            }
        }
        for (size_t i = 0; i < count; i++) {
            chosen[first + i] = entry[i];
        }
    }
}

static inline void move_anchor(size_t n, const double *x, sp_gpu_range box, bool first, double step,
                               float *anchor) {
    for (size_t j = 0; j < n; j++) {
        const double from = first ? 0.5 * box.lo[j] + 0.5 * box.hi[j] : (double)anchor[j];
        anchor[j] = (float)(from + step * (x[j] - from));
    }
}

void sp_gpu_menu_choose(size_t rows, const sp_gpu_menu *menu, const double *x, size_t ldx,
                        sp_gpu_range x_box, const double *y, size_t ldy, sp_gpu_range y_box, bool first,
                        double step, float *anchor, unsigned char *choice) {
    const size_t n = menu->n;
    for (size_t r = 0; r < rows; r++) {
        float *ax = anchor + r * n, *ay = menu->b != NULL ? anchor + (rows + r) * n : NULL;
        move_anchor(n, x + r * ldx, x_box, first, step, ax);
        if (ay != NULL) {
            move_anchor(n, y + r * ldy, y_box, first, step, ay);
        }
        choose_row(menu, ax, ay, x_box, y_box, choice + r * n);
    }
}
