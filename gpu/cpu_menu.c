// The CPU backend, relaxations chosen per row and unit out of a menu. Units are taken in blocks so
// that every inner loop works on one kind of number and vectorises.
#include <math.h>
#include <string.h>

#include "base/hd.h"
#include "gpu/backend.h"
#include "gpu/cpu_loops.h"

enum { BLOCK = 64, ROW_BLOCK = 16 };

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
                        size_t first, unsigned char *SP_RESTRICT chosen,
                        sp_picked *SP_RESTRICT picked) {
    const int lower = (int)menu->lower;
    const double *a = menu->a + first, *b = menu->b + first;
    const double *c = menu->constant + first;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const int standard = w[i] >= 0.0 ? 0 : lower, old = chosen[i];
        const int side = old >= lower ? lower : 0;
        chosen[i] = (unsigned char)(side == standard ? old : standard);
    }
    const volatile unsigned char *settled = chosen; // volatile keeps the compiler from gathering
    for (size_t i = 0; i < count; i++) {
        const size_t at = (size_t)settled[i] * menu->n + i;
        picked->a[i] = a[at];
        picked->b[i] = menu->b != NULL ? b[at] : 0.0;
        picked->c[i] = c[at];
    }
}

SP_CLONES void sp_gpu_menu_back(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                                unsigned char *choice, double *x, size_t ldx, double *y, size_t ldy,
                                bool add, double *bias, double *mass) {
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

SP_CLONES void sp_gpu_menu_value(size_t rows, const sp_gpu_menu *menu, const unsigned char *choice,
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

/* Standard entries: those of a coefficient's side. */
SP_CLONES static void record_sides(size_t n, const double *SP_RESTRICT w, unsigned char upper,
                                   unsigned char *SP_RESTRICT choice) {
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        choice[j] = w[j] >= 0.0 ? 0 : upper;
    }
}

void sp_gpu_menu_standard(size_t rows, const double *w, size_t ldw, const sp_gpu_menu *menu,
                          unsigned char *choice, double *x, size_t ldx, double *y, size_t ldy,
                          bool add, double *bias, double *mass) {
    for (size_t r = 0; r < rows; r++) { // before x, which may stand in the place of w
        record_sides(menu->n, w + r * ldw, (unsigned char)menu->lower, choice + r * menu->n);
    }
    if (menu->b != NULL) {
        sp_gpu_product_back(rows, w, ldw, menu, x, ldx, y, ldy, add, bias, mass);
    } else {
        sp_gpu_line_back(rows, w, ldw, menu, false, x, ldx, bias, mass);
    }
}

/* ---- choosing ---- */

/* Where the anchors of a block of a row move to, clamped into their boxes; anchor NULL: they are
 * not kept, and start in the middle. */
static inline void move(size_t count, const double *SP_RESTRICT x, const double *SP_RESTRICT lo,
                        const double *SP_RESTRICT hi, bool first, double step, float *anchor,
                        float *SP_RESTRICT to) {
    float moved[ROW_BLOCK];
    if (first) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            const double from = 0.5 * lo[i] + 0.5 * hi[i];
            moved[i] = (float)(from + step * (x[i] - from));
        }
    } else {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            const double from = anchor[i];
            moved[i] = (float)(from + step * (x[i] - from));
        }
    }
    if (anchor != NULL) {
        memcpy(anchor, moved, count * sizeof *anchor);
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const double at = moved[i], raised = at > lo[i] ? at : lo[i];
        to[i] = (float)(raised < hi[i] ? raised : hi[i]);
    }
}

/* An entry of each unit at (x, y), times sign: in a loop of its own, or compilers gather what they
 * need of the two sides. */
static inline void value_at(size_t count, const float *SP_RESTRICT plane, size_t n,
                            const float *SP_RESTRICT x, const float *SP_RESTRICT y,
                            float *SP_RESTRICT value) {
    const float *SP_RESTRICT a = plane, *SP_RESTRICT b = plane + n, *SP_RESTRICT c = plane + 2 * n;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        value[i] = a[i] * x[i] + b[i] * y[i] + c[i];
    }
}

/* best and entry where pair k is better; entries only grow. Step by step, for the same reason. */
static inline void raise_best(size_t count, const float *SP_RESTRICT side,
                              const float *SP_RESTRICT below, const float *SP_RESTRICT above,
                              float k, float *SP_RESTRICT best, float *SP_RESTRICT entry) {
    float value[ROW_BLOCK], mark[ROW_BLOCK];
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const float lower = below[i], upper = -above[i];
        value[i] = side[i] > 0.0F ? lower : upper;
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        mark[i] = value[i] > best[i] ? k : 0.0F;
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        entry[i] = mark[i] > entry[i] ? mark[i] : entry[i];
        best[i] = value[i] > best[i] ? value[i] : best[i];
    }
}

/* The best entry of each unit's side at (x, y), of `pairs` pairs of a lower and an upper one; entry
 * k stands with lower + k. */
static inline void choose_block(size_t count, const float *SP_RESTRICT rough, size_t n,
                                size_t lower, size_t upper, const float *SP_RESTRICT x,
                                const float *SP_RESTRICT y, unsigned char *SP_RESTRICT chosen) {
    const size_t pairs = lower > upper ? lower : upper;
    float side[ROW_BLOCK], best[ROW_BLOCK], entry[ROW_BLOCK], below[ROW_BLOCK], above[ROW_BLOCK];
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        side[i] = chosen[i] < (int)lower ? 1.0F : -1.0F;
        best[i] = -INFINITY;
        entry[i] = 0.0F;
    }
    for (size_t k = 0; k < pairs; k++) {
        value_at(count, rough + (k < lower ? k : lower - 1) * 3 * n, n, x, y, below);
        value_at(count, rough + (lower + (k < upper ? k : upper - 1)) * 3 * n, n, x, y, above);
        raise_best(count, side, below, above, (float)k, best, entry);
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        chosen[i] = (unsigned char)((int)entry[i] + (side[i] > 0.0F ? 0 : (int)lower));
    }
}

/** sp_choosing - what all rows of a call share. */
typedef struct sp_choosing {
    const sp_gpu_menu *menu;
    const double *x, *y; /* y NULL: lines */
    size_t ldx, ldy;
    sp_gpu_range x_box, y_box;
    bool first;
    double step;
    size_t rows;
    float *anchor;
    unsigned char *choice;
} sp_choosing;

static inline void choose_units(const sp_choosing *c, size_t first, size_t count) {
    const size_t n = c->menu->n, lower = c->menu->lower, upper = c->menu->entries - lower;
    float x[ROW_BLOCK], y[ROW_BLOCK] = {0.0F};
    for (size_t r = 0; r < c->rows; r++) {
        float *ax = c->anchor != NULL ? c->anchor + r * n + first : NULL;
        float *ay = c->anchor != NULL ? ax + c->rows * n : NULL;
        move(count, c->x + r * c->ldx + first, c->x_box.lo + first, c->x_box.hi + first, c->first,
             c->step, ax, x);
        if (c->y != NULL) {
            move(count, c->y + r * c->ldy + first, c->y_box.lo + first, c->y_box.hi + first,
                 c->first, c->step, ay, y);
        }
        choose_block(count, c->menu->rough + first, n, lower, upper, x, y,
                     c->choice + r * n + first);
    }
}

SP_CLONES void sp_gpu_menu_choose(size_t rows, const sp_gpu_menu *menu, const double *x, size_t ldx,
                                  sp_gpu_range x_box, const double *y, size_t ldy,
                                  sp_gpu_range y_box, bool first, double step, float *anchor,
                                  unsigned char *choice) {
    const sp_choosing c = {
        menu,   x,     menu->b != NULL ? y : NULL, ldx, ldy, x_box, y_box, first, step, rows,
        anchor, choice};
    size_t j = 0;
    for (; j + ROW_BLOCK <= menu->n; j += ROW_BLOCK) { // a constant: compiled apart
        choose_units(&c, j, ROW_BLOCK);
    }
    if (j < menu->n) {
        choose_units(&c, j, menu->n - j);
    }
}
