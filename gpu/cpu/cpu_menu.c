// The CPU backend, relaxations chosen per row and unit out of a menu. Units are taken in blocks so
// that every inner loop works on one kind of number and vectorises.
#include <math.h>
#include <string.h>

#include "base/hd.h"
#include "gpu/backend.h"
#include "gpu/cpu/cpu_loops.h"

enum { BLOCK = 64, ROW_BLOCK = 16, ROWS_AT_ONCE = 2 };

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

/* An entry of each unit at (x, y): in a loop of its own, or compilers gather what they
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

/** sp_rated - a block of units of a row: where entries are judged, and the best one so far. */
typedef struct sp_rated {
    float x[ROW_BLOCK], y[ROW_BLOCK], side[ROW_BLOCK], best[ROW_BLOCK], entry[ROW_BLOCK];
} sp_rated;

static inline void rate_none(size_t count, sp_rated *rated, const unsigned char *chosen,
                             size_t lower) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        rated->side[i] = chosen[i] < (int)lower ? 1.0F : -1.0F;
        rated->best[i] = -INFINITY;
        rated->entry[i] = 0.0F;
    }
}

/* The best of `pairs` pairs of a lower and an upper entry for some rows: an entry is loaded once
 * for all of them. Entry k stands with lower + k. */
static inline void rate_all(size_t rows, size_t count, const sp_gpu_menu *menu, size_t first,
                            sp_rated *rated) {
    const size_t n = menu->n, lower = menu->lower, upper = menu->entries - lower;
    const size_t pairs = (lower > upper ? lower : upper) - menu->shared;
    const float *rough = menu->rough + first;
    for (size_t k = 0; k < pairs; k++) {
        const float *below = rough + (k < lower ? k : lower - 1) * 3 * n;
        const float *above = rough + (lower + (k < upper ? k : upper - 1)) * 3 * n;
        for (size_t r = 0; r < rows; r++) {
            float value[ROW_BLOCK], other[ROW_BLOCK];
            value_at(count, below, n, rated[r].x, rated[r].y, value);
            value_at(count, above, n, rated[r].x, rated[r].y, other);
            raise_best(count, rated[r].side, value, other, (float)k, rated[r].best, rated[r].entry);
        }
    }
}

static inline void take_best(size_t count, const sp_rated *rated, size_t lower,
                             unsigned char *SP_RESTRICT chosen) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        chosen[i] =
            (unsigned char)((int)rated->entry[i] + (rated->side[i] > 0.0F ? 0 : (int)lower));
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

static inline void choose_units(const sp_choosing *c, size_t row, size_t rows, size_t first,
                                size_t count) {
    const size_t n = c->menu->n;
    sp_rated rated[ROWS_AT_ONCE];
    for (size_t i = 0; i < rows; i++) {
        const size_t r = row + i;
        float *ax = c->anchor != NULL ? c->anchor + r * n + first : NULL;
        float *ay = c->anchor != NULL ? ax + c->rows * n : NULL;
        move(count, c->x + r * c->ldx + first, c->x_box.lo + first, c->x_box.hi + first, c->first,
             c->step, ax, rated[i].x);
        if (c->y != NULL) {
            move(count, c->y + r * c->ldy + first, c->y_box.lo + first, c->y_box.hi + first,
                 c->first, c->step, ay, rated[i].y);
        } else {
            memset(rated[i].y, 0, sizeof rated[i].y);
        }
        rate_none(count, &rated[i], c->choice + r * n + first, c->menu->lower);
    }
    rate_all(rows, count, c->menu, first, rated);
    for (size_t i = 0; i < rows; i++) {
        take_best(count, &rated[i], c->menu->lower, c->choice + (row + i) * n + first);
    }
}

/* Constants where they can be: loops for them are compiled apart. */
static inline void choose_rows(const sp_choosing *c, size_t first, size_t count) {
    size_t r = 0;
    for (; r + ROWS_AT_ONCE <= c->rows; r += ROWS_AT_ONCE) {
        choose_units(c, r, ROWS_AT_ONCE, first, count);
    }
    for (; r < c->rows; r++) {
        choose_units(c, r, 1, first, count);
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
        choose_rows(&c, j, ROW_BLOCK);
    }
    if (j < menu->n) {
        choose_rows(&c, j, menu->n - j);
    }
}
