/* The backend's rates of products and copies, and kernels that move rows against them. */
#include "cli/bench/bench.h"

#include <math.h>

#include "base/clock.h"
#include "gpu/backend.h"

enum { KERNEL_ROWS = 1024, KERNEL_UNITS = 128 };

/* Seconds of one call, out of as many as take `seconds`. */
static double time_op(sp_gpu *gpu, void (*call)(sp_gpu *gpu, const void *args), const void *args,
                      double seconds) {
    double taken = 0.0;
    for (size_t count = 1;; count *= 2) {
        const double start = sp_clock_wall();
        for (size_t i = 0; i < count; i++) {
            call(gpu, args);
        }
        if (sp_gpu_sync(NULL, gpu) != SP_OK) {
            return NAN;
        }
        taken = sp_clock_wall() - start;
        if (taken >= seconds) {
            return taken / (double)count;
        }
    }
}

#define CALL(name)                                                                                 \
    static void call_##name(sp_gpu *gpu, const void *args) {                                       \
        sp_gpu_##name(gpu, args);                                                                  \
    }
CALL(multiply)
CALL(copy)
CALL(product)
CALL(line)
CALL(affine)
CALL(support)

/* One kernel: its time, and the bytes that it must move at the rate of copies. */
static void show_kernel(const cli_options *options, const char *name, double seconds, double bytes,
                        double copy_rate) {
    char what[96];
    snprintf(what, sizeof what, "kernel %s, %d rows of %d", name, KERNEL_ROWS, KERNEL_UNITS);
    bench_figure(options, "backend", what, 1e6 * seconds, "us", "");
    snprintf(what, sizeof what, "kernel %s / the same bytes copied", name);
    bench_figure(options, "backend", what, seconds * copy_rate / bytes, "x", "");
}

static void show_kernels(const cli_options *options, sp_gpu *gpu, double *block, double copy_rate) {
    enum { ROWS = KERNEL_ROWS, N = KERNEL_UNITS, SIZE = KERNEL_ROWS * KERNEL_UNITS };
    const double seconds = options->quick ? 0.01 : 0.1, word = sizeof(double);
    double *w = block, *x = w + SIZE, *y = x + SIZE, *planes = y + SIZE, *sums = planes + 8 * N;
    const sp_gpu_menu menu = {.n = N,
                              .lower = 1,
                              .entries = 2,
                              .a = planes,
                              .b = planes + 2 * N,
                              .c = planes + 4 * N,
                              .constant = planes + 4 * N,
                              .mass = planes + 6 * N};
    sp_gpu_menu lines = menu;
    lines.b = NULL;
    const sp_gpu_rows at = {ROWS, ROWS, 0};
    const sp_gpu_product_args product = {at, w, N, menu, x, y, N, N, false, sums, sums + ROWS};
    const sp_gpu_line_args line = {at, w, N, lines, false, x, N, sums, sums + ROWS};
    const sp_gpu_affine_args affine = {at, N, w, N, planes, planes + N, sums, sums + ROWS};
    const sp_gpu_support_args support = {at, N, w, N, planes, sums};
    show_kernel(options, "product", time_op(gpu, call_product, &product, seconds), 3 * SIZE * word,
                copy_rate);
    show_kernel(options, "line", time_op(gpu, call_line, &line, seconds), 2 * SIZE * word,
                copy_rate);
    show_kernel(options, "affine", time_op(gpu, call_affine, &affine, seconds), SIZE * word,
                copy_rate);
    show_kernel(options, "support", time_op(gpu, call_support, &support, seconds), SIZE * word,
                copy_rate);
    const sp_gpu_multiply_args walk = {
        ROWS, N, 4 * 32, w, planes - SIZE, x, 4 * 32, N, N, false, 0.0, 1, 0, 0, 0};
    const double rate = 2.0 * ROWS * N * 4 * 32 / time_op(gpu, call_multiply, &walk, seconds);
    bench_figure(options, "backend", "product of matrices 1024x128x128", 1e-9 * rate, "GFLOP/s",
                 "");
}

int bench_kernels(const cli_options *options) {
    const size_t large = options->quick ? 256 : 768, words = 4 * large * large + (1 << 20);
    const double seconds = options->quick ? 0.02 : 0.2;
    sp_gpu *gpu = NULL;
    sp_error err = {0};
    if (sp_gpu_open(&err, &gpu, false) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    double *block = sp_gpu_take(gpu, words * sizeof *block);
    if (!block) {
        cli_complain("the benchmark needs %.0f MB of the device's memory",
                     (double)words * sizeof *block / 1e6);
        sp_gpu_close(gpu);
        return CLI_INPUT;
    }
    sp_gpu_copy(gpu, &(sp_gpu_copy_args){.rows = 1, .n = words, .period = 1, .to = block});
    const size_t n = large * large;
    const sp_gpu_multiply_args multiply = {large,         large, large, block, block + n,
                                           block + 2 * n, large, large, large, false,
                                           0.0,           1,     0,     0,     0};
    const sp_gpu_copy_args copy = {large, large, block, large, large, block + n, large};
    const double product_rate =
        2.0 * pow((double)large, 3.0) / time_op(gpu, call_multiply, &multiply, seconds);
    const double copy_rate =
        2.0 * (double)n * sizeof *block / time_op(gpu, call_copy, &copy, seconds);
    char what[96];
    snprintf(what, sizeof what, "product of matrices %zu^3, one queue", large);
    bench_figure(options, "backend", what, 1e-9 * product_rate, "GFLOP/s", "");
    snprintf(what, sizeof what, "copy of %.1f MB, read and written, one queue", 8e-6 * (double)n);
    bench_figure(options, "backend", what, 1e-9 * copy_rate, "GB/s", "");
    show_kernels(options, gpu, block, copy_rate);
    sp_gpu_release(gpu, block);
    sp_gpu_close(gpu);
    return CLI_OK;
}
