/* Whether the products of matrices of a backend are products: libraries have computed wrong ones on
 * processors that they did not know, and no verdict can be better than they are. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd.h"
#include "base/interval.h"
#include "gpu/impl.h"

/* Shapes of tiles of rows with tails of all kinds; the last ones are for the library's kernels of
 * large matrices. */
static const size_t shapes[][3] = {{1, 1, 1},     {3, 5, 7},    {64, 72, 128},  {17, 129, 33},
                                   {64, 256, 10}, {80, 10, 40}, {100, 101, 102}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], PAD = 3 };

/** sp_trial - a product whose matrices stand one after the other in a block of `size` numbers, with
 *  numbers between their rows. */
typedef struct sp_trial {
    sp_gpu_multiply_args args; /* without addresses */
    size_t b_at, c_at, size;
} sp_trial;

static sp_trial trial_of(size_t shape) {
    const size_t m = shapes[shape][0], n = shapes[shape][1], k = shapes[shape][2];
    const bool transposed = shape % 2 != 0;
    const sp_gpu_multiply_args args = {.m = m,
                                       .n = n,
                                       .k = k,
                                       .lda = k + PAD,
                                       .ldb = (transposed ? k : n) + PAD,
                                       .ldc = n + PAD,
                                       .transposed = transposed,
                                       .beta = shape % 3 != 0 ? 1.0 : 0.0,
                                       .count = 1};
    const size_t b_at = m * args.lda, c_at = b_at + (transposed ? n : k) * args.ldb;
    return (sp_trial){args, b_at, c_at, c_at + m * args.ldc};
}

static sp_gpu_multiply_args args_in(const sp_trial *trial, double *block) {
    sp_gpu_multiply_args args = trial->args;
    args.a = block;
    args.b = block + trial->b_at;
    args.c = block + trial->c_at;
    return args;
}

/* Numbers in [-1, 1) that every run draws alike. */
static void fill(double *numbers, size_t count, uint64_t state) {
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        numbers[i] = (double)(state >> 11) * 0x1p-52 - 1.0;
    }
}

enum { WIDEST = 256 }; /* n of the shapes */

/* sum += a b, and size += |a b|, of n numbers that stand `across` apart. */
static inline void add_terms(size_t n, double a, const double *SP_RESTRICT b, size_t across,
                             double *SP_RESTRICT sum, double *SP_RESTRICT size) {
    for (size_t j = 0; j < n; j++) {
        sum[j] += a * b[j * across];
        size[j] += fabs(a * b[j * across]);
    }
}

/* Row i computed here, and the sums of its terms' sizes.   O sum, size [n] */
static void take_row(const sp_gpu_multiply_args *p, size_t i, double *SP_RESTRICT sum,
                     double *SP_RESTRICT size) {
    const size_t across = p->transposed ? p->ldb : 1, along = p->transposed ? 1 : p->ldb;
    for (size_t j = 0; j < p->n; j++) {
        sum[j] = p->beta != 0.0 ? p->c[i * p->ldc + j] : 0.0;
        size[j] = fabs(sum[j]);
    }
    for (size_t l = 0; l < p->k; l++) {
        const double a = p->a[i * p->lda + l], *b = p->b + l * along; /* b[l,:] */
        if (across == 1) {                                            // a constant: compiled apart
            add_terms(p->n, a, b, 1, sum, size);
        } else {
            add_terms(p->n, a, b, across, sum, size);
        }
    }
}

/* before: the numbers before the product, after: those after it. Entries within rounding, all other
 * numbers as they were. */
static bool is_product(const sp_trial *trial, double *before, const double *after) {
    const sp_gpu_multiply_args p = args_in(trial, before);
    const double gamma = sp_gamma(2.0 * (double)p.k + 4.0);
    double sum[WIDEST], size[WIDEST];
    for (size_t i = 0; i < p.m; i++) {
        take_row(&p, i, sum, size);
        for (size_t j = 0; j < p.n; j++) {
            const size_t at = trial->c_at + i * p.ldc + j;
            if (!(fabs(after[at] - sum[j]) <= gamma * size[j])) {
                return false;
            }
            before[at] = after[at];
        }
    }
    return memcmp(before, after, trial->size * sizeof *before) == 0;
}

static sp_status fail(sp_error *err, const sp_gpu *gpu, const sp_gpu_multiply_args *p,
                      const char *precision) {
    return sp_fail(err, SP_E_NUMERIC,
                   "%s computes wrong products of matrices on this machine (%zux%zux%zu, %s "
                   "precision): nothing can be proved with it%s",
                   gpu->table->name(), p->m, p->n, p->k, precision,
                   gpu->table->driver == NULL
                       ? "; OPENBLAS_CORETYPE=Haswell or =Prescott takes other kernels"
                       : "");
}

/* numbers: [2 size]; device: [size] on the backend. */
static sp_status try_double(sp_error *err, sp_gpu *gpu, size_t shape, double *numbers,
                            double *device) {
    const sp_trial trial = trial_of(shape);
    const sp_gpu_multiply_args product = args_in(&trial, device);
    const size_t bytes = trial.size * sizeof *numbers;
    double *after = numbers + trial.size;
    fill(numbers, trial.size, shape);
    sp_gpu_write(gpu, device, numbers, bytes);
    sp_gpu_multiply(gpu, &product);
    sp_gpu_read(gpu, after, device, bytes);
    SP_TRY(sp_gpu_sync(err, gpu));
    return is_product(&trial, numbers, after) ? SP_OK : fail(err, gpu, &product, "double");
}

/* before: the rounded numbers as doubles. */
static bool is_single_product(const sp_trial *trial, double *before, const float *after) {
    sp_gpu_multiply_args p = args_in(trial, before);
    const double gamma = sp_gamma_single(2.0 * (double)p.k + 2.0);
    p.beta = 0.0;
    double sum[WIDEST], size[WIDEST];
    for (size_t i = 0; i < p.m; i++) {
        take_row(&p, i, sum, size);
        for (size_t j = 0; j < p.n; j++) {
            const size_t at = trial->c_at + i * p.ldc + j;
            if (!(fabs((double)after[at] - sum[j]) <= gamma * size[j])) {
                return false;
            }
            before[at] = (double)after[at];
        }
    }
    for (size_t i = 0; i < trial->size; i++) {
        if (before[i] != (double)after[i]) {
            return false;
        }
    }
    return true;
}

/* The same in floats, which have room for twice as many where the doubles stood. */
static sp_status try_single(sp_error *err, sp_gpu *gpu, size_t shape, double *numbers,
                            double *device) {
    const sp_trial trial = trial_of(shape);
    const sp_gpu_multiply_args p = trial.args;
    const size_t bytes = trial.size * sizeof(float);
    float *after = (float *)(numbers + trial.size), *there = (float *)device;
    fill(numbers, trial.size, shape + 100);
    for (size_t i = 0; i < trial.size; i++) {
        after[i] = (float)numbers[i];
        numbers[i] = (double)after[i];
    }
    const sp_gpu_multiply_single_args product = {.m = p.m,
                                                 .n = p.n,
                                                 .k = p.k,
                                                 .a = there,
                                                 .b = there + trial.b_at,
                                                 .c = there + trial.c_at,
                                                 .lda = p.lda,
                                                 .ldb = p.ldb,
                                                 .ldc = p.ldc,
                                                 .count = 1};
    sp_gpu_write(gpu, there, after, bytes);
    sp_gpu_multiply_single(gpu, &product);
    sp_gpu_read(gpu, after, there, bytes);
    SP_TRY(sp_gpu_sync(err, gpu));
    return is_single_product(&trial, numbers, after) ? SP_OK : fail(err, gpu, &p, "single");
}

static sp_status try_shape(sp_error *err, sp_gpu *gpu, size_t shape, double *numbers,
                           double *device) {
    SP_TRY(try_double(err, gpu, shape, numbers, device));
    return trial_of(shape).args.transposed ? SP_OK : try_single(err, gpu, shape, numbers, device);
}

sp_status sp_gpu_check_queue(sp_error *err, sp_gpu *gpu) {
    sp_status status = SP_OK;
    for (size_t shape = 0; shape < SHAPES && status == SP_OK; shape++) {
        const size_t size = trial_of(shape).size;
        double *numbers = malloc(2 * size * sizeof *numbers);
        double *device = sp_gpu_take(gpu, size * sizeof *device);
        if (numbers == NULL) {
            status = sp_fail(err, SP_E_MEMORY, "no memory to try products of matrices in");
        } else if (device != NULL) {
            status = try_shape(err, gpu, shape, numbers, device);
        } else if (gpu->table->driver == NULL) {
            status = sp_fail(err, SP_E_MEMORY, "no memory to try products of matrices in");
        } // a device without room for it has none for bounds that need it
        sp_gpu_release(gpu, device);
        free(numbers);
    }
    return status;
}

/* ---- of the CPU, once ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sp_error found;
static sp_status outcome;

static void check_cpu(void) {
    sp_gpu *gpu = NULL;
    outcome = sp_gpu_open(&found, &gpu, true);
    if (outcome == SP_OK) {
        outcome = sp_gpu_check_queue(&found, gpu);
        sp_gpu_close(gpu);
    }
}

sp_status sp_gpu_check(sp_error *err) {
    pthread_once(&once, check_cpu);
    if (outcome != SP_OK && err != NULL) {
        *err = found;
    }
    return outcome;
}
