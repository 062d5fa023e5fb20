/* The rate of the backend's matrix product, the yardstick of the other figures. */
#include "cli/bench/bench.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/pool.h"
#include "gpu/backend.h"

typedef struct products {
    size_t m, n, k, repetitions;
    double **buffer; /* [threads]: a [m,k], b [k,n], c [m,n] one after the other */
} products;

static void multiply(void *context, size_t index) {
    const products *p = context;
    double *a = p->buffer[index], *b = a + p->m * p->k, *c = b + p->k * p->n;
    for (size_t i = 0; i < p->repetitions; i++) {
        sp_gpu_gemm(p->m, p->n, p->k, a, p->k, b, p->n, false, 0.0, c, p->n);
    }
}

static bool take_buffers(products *p, size_t threads) {
    const size_t size = p->m * p->k + p->k * p->n + p->m * p->n;
    bool taken = true;
    for (size_t t = 0; t < threads; t++) {
        p->buffer[t] = malloc(size * sizeof(double));
        taken = taken && p->buffer[t] != NULL;
        for (size_t i = 0; taken && i < size; i++) {
            p->buffer[t][i] = (double)(i % 17) - 8.0;
        }
    }
    return taken;
}

/* Doubles the repetitions until a run takes `seconds`, then the best of three, by this clock. */
static double measure(products *p, size_t threads, double seconds, double (*clock)(void)) {
    const double flops = 2.0 * (double)p->m * (double)p->n * (double)p->k * (double)threads;
    double best = 0.0;
    for (int runs = 0; runs < 3;) {
        const double start = clock();
        sp_pool_run(threads, threads, multiply, p);
        const double taken = clock() - start;
        if (runs == 0 && taken < seconds) {
            p->repetitions *= 2;
            continue;
        }
        const double rate = flops * (double)p->repetitions / taken;
        best = rate > best ? rate : best;
        runs++;
    }
    return best;
}

static double rate_by(size_t m, size_t n, size_t k, int threads, double seconds,
                      double (*clock)(void)) {
    const size_t count = (size_t)threads;
    products p = {m, n, k, 1, calloc(count, sizeof(double *))};
    double rate = 0.0;
    if (p.buffer && take_buffers(&p, count)) {
        rate = measure(&p, count, seconds, clock);
    }
    for (size_t t = 0; p.buffer && t < count; t++) {
        free(p.buffer[t]);
    }
    free(p.buffer);
    return rate;
}

double bench_gemm_rate(size_t m, size_t n, size_t k, int threads, double seconds) {
    return rate_by(m, n, k, threads, seconds, sp_clock_wall);
}

double bench_gemm_cpu_rate(size_t m, size_t n, size_t k, int threads, double seconds) {
    return rate_by(m, n, k, threads, seconds, sp_clock_cpu);
}
