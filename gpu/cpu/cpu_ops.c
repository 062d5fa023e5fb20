/* The CPU backend's operations: rows of several clips are taken clip by clip, elements one by one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd.h"
#include "base/pool.h"
#include "gpu/cpu/cpu_loops.h"
#include "gpu/impl.h"
#include "gpu/kernel/kernel_boxes.h"
#include "gpu/kernel/kernel_cells.h"
#include "gpu/kernel/kernel_cuts.h"
#include "gpu/kernel/kernel_units.h"

/* ---- rows: the loops of cpu.c and cpu_menu.c, clip by clip ---- */

/* The rows of clip number `clip`: first row, number of rows, and offset of the clip's arrays. */
typedef struct sp_gpu_part {
    size_t row, rows, offset;
} sp_gpu_part;

static size_t parts(sp_gpu_rows at) {
    return at.rows == 0 ? 0 : (at.rows + at.span - 1) / at.span;
}

static sp_gpu_part part(sp_gpu_rows at, size_t clip) {
    const size_t row = clip * at.span, left = at.rows - row;
    return (sp_gpu_part){row, left < at.span ? left : at.span, clip * at.stride};
}

static void run_product(const sp_gpu_product_args *p) {
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        const sp_gpu_menu planes = sp_gpu_menu_of(&p->planes, c.offset);
        sp_gpu_product_back(c.rows, p->w + c.row * p->ldw, p->ldw, &planes, p->x + c.row * p->ldx,
                            p->ldx, p->y + c.row * p->ldy, p->ldy, p->add, p->bias + c.row,
                            p->mass + c.row);
    }
}

static void run_line(const sp_gpu_line_args *p) {
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        const sp_gpu_menu lines = sp_gpu_menu_of(&p->lines, c.offset);
        sp_gpu_line_back(c.rows, p->w + c.row * p->ldw, p->ldw, &lines, p->split,
                         p->x + c.row * p->ldx, p->ldx, p->bias + c.row, p->mass + c.row);
    }
}

static void run_affine(const sp_gpu_affine_args *p) {
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        sp_gpu_affine_bias(c.rows, p->n, p->a + c.row * p->lda, p->lda, p->b, p->omega + c.offset,
                           p->bias + c.row, p->mass + c.row);
    }
}

static void run_support(const sp_gpu_support_args *p) {
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        sp_gpu_box_support(c.rows, p->n, p->c + c.row * p->ldc, p->ldc, p->radius + c.offset,
                           p->out + c.row);
    }
}

/* Columns at a time: what several loops read of a row stays in the first cache. */
enum { SINGLE_BLOCK = 256 };

static inline size_t block_of(size_t n, size_t first) {
    return n - first < SINGLE_BLOCK ? n - first : SINGLE_BLOCK;
}

/* Floats of up to SINGLE_BLOCK coefficients; returns sum |a| |omega| over those that become 0.
 * A loop for numbers of each size: one for both does not vectorise. */
static inline double narrow_block(size_t n, const double *SP_RESTRICT a,
                                  const double *SP_RESTRICT omega, float *SP_RESTRICT to) {
    double tiny = 0.0, lost = 0.0, kept[SINGLE_BLOCK];
#pragma omp simd reduction(+ : tiny)
    for (size_t j = 0; j < n; j++) {
        tiny += fabs(a[j]) < SP_GPU_TINY ? 1.0 : 0.0;
    }
    if (tiny == 0.0) {
#pragma omp simd
        for (size_t j = 0; j < n; j++) {
            to[j] = (float)a[j];
        }
        return 0.0;
    }
#pragma omp simd reduction(+ : lost)
    for (size_t j = 0; j < n; j++) {
        const double v = a[j], size = fabs(v) * fabs(omega[j]);
        kept[j] = fabs(v) < SP_GPU_TINY ? 0.0 : v;
        lost += fabs(v) < SP_GPU_TINY ? size : 0.0;
    }
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        to[j] = (float)kept[j];
    }
    return lost;
}

/* a . shift and |a| . |spread|; shift NULL: none. */
static inline sp_gpu_sums centre_block(size_t n, const double *SP_RESTRICT a,
                                       const double *SP_RESTRICT shift,
                                       const double *SP_RESTRICT spread) {
    double sum = 0.0, absolute = 0.0;
    if (shift == NULL) {
#pragma omp simd reduction(+ : absolute)
        for (size_t j = 0; j < n; j++) {
            absolute += fabs(a[j]) * fabs(spread[j]);
        }
    } else {
#pragma omp simd reduction(+ : sum, absolute)
        for (size_t j = 0; j < n; j++) {
            sum += a[j] * shift[j];
            absolute += fabs(a[j]) * fabs(spread[j]);
        }
    }
    return (sp_gpu_sums){sum, absolute};
}

SP_CLONES static void run_narrow(const sp_gpu_narrow_args *p) {
    for (size_t r = 0; r < p->at.rows; r++) {
        const size_t clip = sp_gpu_clip_offset(p->at, r);
        sp_gpu_sums all = {0.0, 0.0};
        for (size_t first = 0; first < p->n; first += SINGLE_BLOCK) {
            const size_t n = block_of(p->n, first), at = clip + first;
            const double *a = p->a + r * p->lda + first; /* a[r,first:] */
            const double lost = narrow_block(n, a, p->omega + at, p->to + r * p->n + first);
            sp_gpu_sums s = {0.0, 0.0};
            if (p->spread != NULL) {
                s = centre_block(n, a, p->shift != NULL ? p->shift + at : NULL, p->spread + at);
            }
            all.sum += s.sum - lost;
            all.absolute += s.absolute;
        }
        p->bias[r] += all.sum;
        if (p->spread != NULL) {
            p->rough[r] += all.absolute;
        }
    }
}

SP_CLONES static void run_centre(const sp_gpu_centre_args *p) {
    for (size_t r = 0; r < p->at.rows; r++) {
        const size_t clip = sp_gpu_clip_offset(p->at, r);
        const sp_gpu_sums s = centre_block(
            p->n, p->a + r * p->lda, p->shift != NULL ? p->shift + clip : NULL, p->spread + clip);
        p->bias[r] += s.sum;
        p->rough[r] += s.absolute;
    }
}

static inline void widen_block(size_t n, const float *SP_RESTRICT from, bool add,
                               double *SP_RESTRICT to) {
#pragma omp simd
    for (size_t j = 0; j < n; j++) {
        to[j] = add ? to[j] + (double)from[j] : (double)from[j];
    }
}

static inline double dot_block(size_t n, const float *SP_RESTRICT from,
                               const double *SP_RESTRICT middle) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < n; j++) {
        sum += (double)from[j] * middle[j];
    }
    return sum;
}

/* The rows of one clip whose arrays stand `clip` doubles further, a block of columns. */
static inline void widen_columns(const sp_gpu_widen_args *p, sp_gpu_part c, size_t first,
                                 size_t n) {
    double middle[SINGLE_BLOCK];
    for (size_t j = 0; p->box.lo != NULL && j < n; j++) {
        middle[j] = sp_gpu_middle(p->box, c.offset + first + j);
    }
    for (size_t r = c.row; r < c.row + c.rows; r++) {
        const float *from = p->from + r * p->n + first; /* from[r,first:] */
        double *to = p->to + r * p->ldt + first;        /* to[r,first:] */
        if (p->add) {
            widen_block(n, from, true, to);
        } else {
            widen_block(n, from, false, to);
        }
        if (p->box.lo != NULL) {
            p->bias[r] -= dot_block(n, from, middle);
        }
    }
}

SP_CLONES static void run_widen(const sp_gpu_widen_args *p) {
    for (size_t k = 0; k < parts(p->at); k++) {
        for (size_t first = 0; first < p->n; first += SINGLE_BLOCK) {
            widen_columns(p, part(p->at, k), first, block_of(p->n, first));
        }
    }
}

static void run_pick(const sp_gpu_pick_args *p) {
    const size_t n = p->planes.n;
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        const sp_gpu_menu planes = sp_gpu_menu_of(&p->planes, c.offset);
        (p->fresh ? sp_gpu_menu_standard : sp_gpu_menu_back)(
            c.rows, p->w + c.row * p->ldw, p->ldw, &planes, p->choice + c.row * n,
            p->x + c.row * p->ldx, p->ldx, p->y != NULL ? p->y + c.row * p->ldy : NULL, p->ldy,
            p->add, p->bias + c.row, p->mass + c.row);
    }
}

static void run_value(const sp_gpu_value_args *p) {
    const size_t n = p->planes.n;
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        const sp_gpu_menu planes = sp_gpu_menu_of(&p->planes, c.offset);
        sp_gpu_menu_value(c.rows, &planes, p->choice + c.row * n, p->x + c.row * p->ldx, p->ldx,
                          p->y != NULL ? p->y + c.row * p->ldy : NULL, p->ldy, p->add,
                          p->out + c.row * p->ldo, p->ldo);
    }
}

/* Anchors of x and y of all rows stand one after the other: vector loops only for a single clip. */
static void run_choose(const sp_gpu_choose_args *p) {
    if (parts(p->at) == 1) {
        sp_gpu_menu_choose(p->at.rows, &p->planes, p->x, p->ldx, p->x_box, p->y, p->ldy, p->y_box,
                           p->first, p->step, p->anchor, p->choice);
        return;
    }
    for (size_t i = 0; i < sp_gpu_count_choose(p); i++) {
        sp_gpu_unit_choose(p, i);
    }
}

static void run_squares(const sp_gpu_squares_args *p) {
    for (size_t k = 0; k < parts(p->at); k++) {
        const sp_gpu_part c = part(p->at, k);
        sp_gpu_joint_squares(p, c.row, c.rows, c.offset);
    }
}

static void run_attain(const sp_gpu_attain_args *p) {
    for (size_t r = 0; r < p->at.rows; r++) {
        const double *radius = p->radius + sp_gpu_clip_offset(p->at, r);
        const unsigned char *sign = p->sign + r * p->lds; /* sign[r,:] */
        double *d = p->d + r * p->ldd;                    /* d[r,:] */
        for (size_t i = 0; i < p->n; i++) {
            d[i] = sign[i] ? -radius[i] : radius[i];
        }
    }
}

/* ---- rows of numbers ---- */

SP_CLONES static void signs_of(size_t n, const double *SP_RESTRICT c,
                               unsigned char *SP_RESTRICT sign) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        sign[i] = c[i] >= 0.0;
    }
}

static void run_signs(const sp_gpu_signs_args *p) {
    for (size_t r = 0; r < p->rows; r++) {
        unsigned char *sign = p->sign + r * p->lds; /* sign[r,:] */
        if (p->c == NULL) {
            memset(sign, 1, p->n);
        } else {
            signs_of(p->n, p->c + r * p->ldc, sign);
        }
    }
}

static void run_cut_rows(const sp_gpu_cut_rows_args *p) {
    for (size_t r = 0; r < p->at.rows; r++) {
        const sp_gpu_cut_row row = sp_gpu_cut_row_of(p, r);
        double *gates = p->gates + r * p->gates_width; /* gates[r,:] */
        double *other = p->other + r * p->other_width; /* other[r,:] */
        memset(gates, 0, p->gates_width * sizeof *gates);
        memset(other, 0, p->other_width * sizeof *other);
        gates[row.x_column] = row.x;
        (row.y_on_gates ? gates : other)[row.y_column] = row.y;
    }
}

static void run_reset(const sp_gpu_reset_args *p) {
    memset(p->choice, 0, p->count * sizeof *p->choice);
}

static void run_copy(const sp_gpu_copy_args *p) {
    for (size_t r = 0; r < p->rows; r++) {
        if (p->from != NULL) {
            memcpy(p->to + r * p->ldt, p->from + r % p->period * p->ldf, p->n * sizeof(double));
        } else {
            memset(p->to + r * p->ldt, 0, p->n * sizeof(double));
        }
    }
}

SP_CLONES static void run_add(const sp_gpu_add_args *p) {
    const double sign = p->minus ? -1.0 : 1.0; // exact
    for (size_t r = 0; r < p->rows; r++) {
        const double *a = p->a + r * p->lda, *b = p->b + r * p->ldb; /* a[r,:], b[r,:] */
        double *to = p->to + r * p->ldt;                             /* to[r,:] */
        for (size_t j = 0; j < p->n; j++) {
            to[j] = a[j] + sign * b[j];
        }
    }
}

/* ---- units ---- */

#define RUN_UNITS(name)                                                                            \
    static void run_##name(const sp_gpu_##name##_args *p) {                                        \
        const size_t count = sp_gpu_count_##name(p);                                               \
        for (size_t i = 0; i < count; i++) {                                                       \
            sp_gpu_unit_##name(p, i);                                                              \
        }                                                                                          \
    }
RUN_UNITS(keep)
RUN_UNITS(spread)
RUN_UNITS(meet)
RUN_UNITS(masses)
RUN_UNITS(fold)
RUN_UNITS(ranges)
RUN_UNITS(activate)
RUN_UNITS(difference)
RUN_UNITS(blend)
RUN_UNITS(lose)
RUN_UNITS(relu)
RUN_UNITS(relieve)
RUN_UNITS(settle)
RUN_UNITS(cuts)

/* sp_gpu_interval_add over the lanes of a register. */
SP_CLONES static void interval_sums(sp_gpu_interval_sums *sums, size_t n,
                                    const double *SP_RESTRICT w, const double *SP_RESTRICT x_lo,
                                    const double *SP_RESTRICT x_hi) {
    double lo = 0.0, hi = 0.0, absolute = 0.0;
#pragma omp simd reduction(+ : lo, hi, absolute)
    for (size_t j = 0; j < n; j++) {
        const double p = w[j] * x_lo[j], q = w[j] * x_hi[j];
        const double size_p = fabs(p), size_q = fabs(q);
        lo += p < q ? p : q;
        hi += p < q ? q : p;
        absolute += size_p > size_q ? size_p : size_q;
    }
    sums->lo += lo;
    sums->hi += hi;
    sums->absolute += absolute;
}

static void run_interval(const sp_gpu_interval_args *p) {
    for (size_t i = 0; i < sp_gpu_count_interval(p); i++) {
        const size_t k = i % p->out, clip = i / p->out * p->at.stride;
        sp_gpu_interval_sums sums = {p->bias[k], p->bias[k], fabs(p->bias[k])};
        interval_sums(&sums, p->in, p->weight + k * p->in, p->x.lo + clip, p->x.hi + clip);
        if (p->recurrent != NULL) {
            interval_sums(&sums, p->hidden, p->recurrent + k * p->hidden, p->h.lo + clip,
                          p->h.hi + clip);
        }
        sp_gpu_interval_end(p, clip + k, sums);
    }
}

void sp_gpu_affine_interval(const sp_gpu_interval_args *args) {
    run_interval(args);
}

/* Long enough for threads that have nothing else to do. */
enum { UNITS_PER_TASK = 16 };
#define RUN_IN_TASKS(name)                                                                         \
    static void some_##name(void *context, size_t task) {                                          \
        const sp_gpu_##name##_args *p = context;                                                   \
        const size_t count = sp_gpu_count_##name(p), end = (task + 1) * UNITS_PER_TASK;            \
        for (size_t i = task * UNITS_PER_TASK; i < end && i < count; i++) {                        \
            sp_gpu_unit_##name(p, i);                                                              \
        }                                                                                          \
    }                                                                                              \
    static void run_##name(const sp_gpu_##name##_args *p) {                                        \
        const size_t tasks = (sp_gpu_count_##name(p) + UNITS_PER_TASK - 1) / UNITS_PER_TASK;       \
        sp_pool_run(tasks, 0, some_##name, (void *)p);                                             \
    }
RUN_IN_TASKS(planes)
RUN_IN_TASKS(curve)

static void run(sp_gpu *gpu, sp_gpu_op op, const void *args) {
    (void)gpu;
    switch (op) {
#define OP_CASE(name)                                                                              \
    case SP_GPU_OP_##name:                                                                         \
        run_##name(args);                                                                          \
        return;
        SP_GPU_OPS(OP_CASE)
#undef OP_CASE
    default:
        return;
    }
}

/* ---- memory and products ---- */

static sp_status begin(sp_error *err, const sp_gpu_driver *driver, size_t *memory) {
    (void)err;
    (void)driver;
    *memory = SIZE_MAX;
    return SP_OK;
}

static void end(const sp_gpu_driver *driver) {
    (void)driver;
}

static void *take(size_t bytes) {
    enum { ALIGNMENT = 256 };
    return bytes > SIZE_MAX - ALIGNMENT
               ? NULL
               : aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static void copy(sp_gpu *gpu, void *to, const void *from, size_t bytes) {
    (void)gpu;
    memcpy(to, from, bytes);
}

static void multiply(sp_gpu *gpu, const sp_gpu_multiply_args *p) {
    (void)gpu;
    for (size_t i = 0; i < p->count; i++) {
        sp_gpu_gemm(p->m, p->n, p->k, p->a + i * p->a_step, p->lda, p->b + i * p->b_step, p->ldb,
                    p->transposed, p->beta, p->c + i * p->c_step, p->ldc);
    }
}

static void multiply_single(sp_gpu *gpu, const sp_gpu_multiply_single_args *p) {
    (void)gpu;
    for (size_t i = 0; i < p->count; i++) {
        sp_gpu_gemm_single(p->m, p->n, p->k, p->a + i * p->a_step, p->lda, p->b + i * p->b_step,
                           p->ldb, p->c + i * p->c_step, p->ldc);
    }
}

const sp_gpu_table sp_gpu_cpu_table = {
    "cpu", NULL, sp_gpu_cpu_name, begin,          end, take, free, copy,
    copy,  run,  multiply,        multiply_single};
