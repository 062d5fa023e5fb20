// The CPU backend, relaxations chosen per row and unit out of a menu. Units are taken in blocks so
// that every inner loop works on one kind of number and vectorises.
#include <math.h>

#include "base/hd.h"
#include "gpu/backend.h"
#include "gpu/cpu_loops.h"

enum { BLOCK = 64 };

static inline size_t block_at(size_t first, size_t n) {
    return n - first < BLOCK ? n - first : BLOCK;
}

/* The planes of one block of units of a row. */
typedef struct sp_picked {
    double a[BLOCK], b[BLOCK], c[BLOCK];
} sp_picked;

/* Sets the entries that bound the coefficients w from the right side and copies their planes.
 * Loads one by one: the gather instruction is many times slower on processors with mitigated
 * sampling leaks. */
static inline void pick(size_t count, const double *SP_RESTRICT w, const sp_gpu_menu *menu,
                        size_t first, int *SP_RESTRICT chosen, sp_picked *SP_RESTRICT picked) {
    const int lower = (int)menu->lower;
    const double *a = menu->a + first, *b = menu->b + first, *c = menu->c + first;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const int standard = w[i] >= 0.0 ? 0 : lower, old = chosen[i];
        const int side = old >= lower ? lower : 0;
        chosen[i] = side == standard ? old : standard;
    }
    const volatile int *settled = chosen; // volatile keeps the compiler from gathering
    for (size_t i = 0; i < count; i++) {
        const size_t at = (size_t)settled[i] * menu->n + i;
        picked->a[i] = a[at];
        picked->b[i] = menu->b != NULL ? b[at] : 0.0;
        picked->c[i] = c[at];
    }
}

SP_CLONES void sp_gpu_menu_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                                int *choice, double *x, size_t ldx, double *y, size_t ldy, bool add,
                                double *bias, double *mass) {
    const size_t n = menu->n;
    sp_picked picked;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0, absolute = 0.0;
        for (size_t first = 0; first < n; first += BLOCK) {
            const size_t count = block_at(first, n);
            const double *SP_RESTRICT v = w + r * ldw + first; /* w[r, first:] */
            const double *SP_RESTRICT unit_mass = menu->mass + first;
            double *SP_RESTRICT xr = x + r * ldx + first; /* x[r, first:] */
            pick(count, v, menu, first, choice + r * n + first, &picked);
#pragma omp simd reduction(+ : sum, absolute)
            for (size_t i = 0; i < count; i++) {
                xr[i] = v[i] * picked.a[i];
                sum += v[i] * picked.c[i];
                absolute += fabs(v[i]) * unit_mass[i];
            }
            double *SP_RESTRICT yr = y + r * ldy + first; /* y[r, first:] */
            for (size_t i = 0; menu->b != NULL && i < count; i++) {
                const double vb = v[i] * picked.b[i];
                yr[i] = add ? yr[i] + vb : vb;
            }
        }
        bias[r] += sum;
        mass[r] += absolute;
    }
}

SP_CLONES void sp_gpu_menu_value(size_t rows, const sp_gpu_menu *menu, const int *choice,
                                 const double *x, size_t ldx, const double *y, size_t ldy, bool add,
                                 double *out, size_t ldo) {
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

/* Anchors clamped into their boxes. */
static inline void clamp(size_t count, const float *SP_RESTRICT from, const double *SP_RESTRICT lo,
                         const double *SP_RESTRICT hi, float *SP_RESTRICT to) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const double x = from[i], raised = x > lo[i] ? x : lo[i];
        to[i] = (float)(raised < hi[i] ? raised : hi[i]);
    }
}

/* best and entry where pair k of the menu, a lower and an upper plane, is better at (x, y); side
 * is 1 for units bounded from below, -1 from above. */
static inline void compare(size_t count, const float *SP_RESTRICT side, const float *SP_RESTRICT x,
                           const float *SP_RESTRICT y, const float *SP_RESTRICT below,
                           const float *SP_RESTRICT above, size_t ld, float k,
                           float *SP_RESTRICT best, float *SP_RESTRICT entry) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) { // all loads first: none of them hangs on the side
        const float a0 = below[i], b0 = below[ld + i], c0 = below[2 * ld + i];
        const float a1 = above[i], b1 = above[ld + i], c1 = above[2 * ld + i];
        const float s = side[i], old = best[i], was = entry[i];
        const float a = s > 0.0F ? a0 : a1, b = s > 0.0F ? b0 : b1, c = s > 0.0F ? c0 : c1;
        const float value = s * (a * x[i] + b * y[i] + c);
        entry[i] = value > old ? k : was;
        best[i] = value > old ? value : old;
    }
}

/* The best entry of each unit's side at the anchors of one row; entry k stands with lower + k. */
static void choose_row(const sp_gpu_menu *menu, const float *ax, const float *ay,
                       sp_gpu_range x_box, sp_gpu_range y_box, int *chosen) {
    const size_t n = menu->n, lower = menu->lower, upper = menu->entries - menu->lower;
    const size_t pairs = lower > upper ? lower : upper;
    float x[BLOCK], y[BLOCK] = {0.0F}, side[BLOCK], best[BLOCK], entry[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK) {
        const size_t count = block_at(first, n);
        clamp(count, ax + first, x_box.lo + first, x_box.hi + first, x);
        if (ay != NULL) {
            clamp(count, ay + first, y_box.lo + first, y_box.hi + first, y);
        }
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            side[i] = chosen[first + i] < (int)lower ? 1.0F : -1.0F;
            best[i] = -INFINITY;
            entry[i] = 0.0F;
        }
        for (size_t k = 0; k < pairs; k++) {
            const float *below = menu->rough + (k < lower ? k : lower - 1) * 3 * n + first;
            const float *above =
                menu->rough + (lower + (k < upper ? k : upper - 1)) * 3 * n + first;
            compare(count, side, x, y, below, above, n, (float)k, best, entry);
        }
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            chosen[first + i] = (int)entry[i] + (side[i] > 0.0F ? 0 : (int)lower);
        }
    }
}

static inline void move_anchor(size_t n, const double *SP_RESTRICT x, sp_gpu_range box, bool first,
                               double step, float *SP_RESTRICT anchor) {
    for (size_t j = 0; j < n; j++) {
        const double from = first ? 0.5 * box.lo[j] + 0.5 * box.hi[j] : (double)anchor[j];
        anchor[j] = (float)(from + step * (x[j] - from));
    }
}

SP_CLONES void sp_gpu_menu_choose(size_t rows, const sp_gpu_menu *menu, const double *x, size_t ldx,
                                  sp_gpu_range x_box, const double *y, size_t ldy,
                                  sp_gpu_range y_box, bool first, double step, float *anchor,
                                  int *choice) {
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
