/* The backend: its rates, its kernels, many clips at once, how it grows, and the cost model beside
 * what was counted. */
#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "gpu/backend.h"

enum { KERNEL_ROWS = 1024, KERNEL_UNITS = 128, MOST_CLIPS = 16 };

/* ---- rates and kernels ---- */

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

static void bench_kernels(const cli_options *options, sp_gpu *gpu, double *block,
                          double copy_rate) {
    enum { ROWS = KERNEL_ROWS, N = KERNEL_UNITS, SIZE = KERNEL_ROWS * KERNEL_UNITS };
    const double seconds = options->quick ? 0.01 : 0.1, word = sizeof(double);
    double *w = block, *x = w + SIZE, *y = x + SIZE, *planes = y + SIZE, *sums = planes + 8 * N;
    const sp_gpu_menu menu = {
        N, 1, 2, planes, planes + 2 * N, planes + 4 * N, NULL, planes + 6 * N};
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

static int bench_rates(const cli_options *options) {
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
    bench_kernels(options, gpu, block, copy_rate);
    sp_gpu_release(gpu, block);
    sp_gpu_close(gpu);
    return CLI_OK;
}

/* ---- many clips ---- */

/* One clip under several budgets, which are clips of equally many frames to the engine. */
typedef struct load {
    const sp_net *net;
    sp_bounds_options options;
    sp_front_bound front[MOST_CLIPS];
    sp_noise noise[MOST_CLIPS];
    size_t clips;
    double flops[MOST_CLIPS], moved[MOST_CLIPS];
    sp_status status[MOST_CLIPS];
} load;

static void load_clear(load *l) {
    for (size_t i = 0; i < l->clips; i++) {
        sp_front_bound_clear(&l->front[i]);
        sp_noise_clear(&l->noise[i]);
    }
}

static sp_status load_init(sp_error *err, load *l, const bench_case *c, const sp_front_forms *forms,
                           const sp_net *net, size_t frames, size_t clips) {
    sp_clip clip = {0};
    char name[64];
    *l = (load){.net = net, .options = {.planes = SP_PLANES_STATIC}};
    SP_TRY(bench_case_clip(err, &clip, name, c, frames));
    sp_status status = SP_OK;
    while (status == SP_OK && l->clips < clips) {
        const sp_budget budget = {SP_BUDGET_DB_PEAK, -80.0 - (double)l->clips};
        const size_t i = l->clips;
        double eps = 0.0;
        status = sp_budget_radius(err, &eps, &budget, &clip);
        status = status == SP_OK ? sp_noise_box(err, &l->noise[i], clip.n, eps) : status;
        status = status == SP_OK ? sp_front_bound_create(err, &l->front[i], forms, clip.samples,
                                                         clip.n, &l->noise[i])
                                 : status;
        l->clips++; // cleared also when it is half made
    }
    sp_clip_clear(&clip);
    if (status != SP_OK) {
        load_clear(l);
    }
    return status;
}

/* Bounds of clips [first, first + count) at once, and the rows of a verdict for each. */
static void bound_some(load *l, size_t first, size_t count) {
    const size_t classes = l->net->classes, rows = classes > 1 ? classes - 1 : 1;
    const sp_front_bound *front[MOST_CLIPS];
    double *weight = calloc(count * rows * (classes + 2), sizeof *weight);
    sp_bounds *bounds = NULL;
    for (size_t i = 0; i < count; i++) {
        front[i] = &l->front[first + i];
    }
    sp_status status =
        weight ? sp_bounds_create_batch(NULL, &bounds, l->net, front, count, &l->options)
               : SP_E_MEMORY;
    for (size_t r = 0; status == SP_OK && r < count * rows; r++) {
        weight[r * classes] = 1.0;
        weight[r * classes + (classes > 1 ? 1 + r % rows : 0)] = -1.0;
    }
    if (status == SP_OK) {
        double *lower = weight + count * rows * classes;
        status = sp_bounds_rows(NULL, bounds, lower, lower + count * rows, weight, rows);
    }
    for (size_t i = 0; i < count; i++) {
        l->status[first + i] = status;
        l->flops[first + i] = status == SP_OK ? sp_bounds_flops(bounds) / (double)count : 0.0;
        l->moved[first + i] =
            status == SP_OK ? (double)sp_bounds_moved(bounds) / (double)count : 0.0;
    }
    sp_bounds_destroy(bounds);
    free(weight);
}

static void bound_one(void *context, size_t index) {
    bound_some(context, index, 1);
}

/* Seconds of all clips; NaN when one of them failed. */
static double time_load(load *l) {
    const double start = sp_clock_wall();
    if (sp_bounds_room(l->net, &l->front[0], &l->options) >= l->clips && l->clips > 1) {
        bound_some(l, 0, l->clips);
    } else {
        sp_pool_run(l->clips, 0, bound_one, l);
    }
    const double seconds = sp_clock_wall() - start;
    for (size_t i = 0; i < l->clips; i++) {
        if (l->status[i] != SP_OK) {
            return NAN;
        }
    }
    return seconds;
}

/* Bytes that one clip needs moved: lines, forms, radii, boxes and squares of its front end; its
 * rows, their bounds and error terms; the boxes of its logits. In doubles. */
static double moved_words(const load *l) {
    const sp_front_bound *f = &l->front[0];
    const double T = (double)f->frames, M = (double)f->bands, F = (double)f->features;
    const double forms = (double)f->forms, C = (double)l->net->classes, rows = C > 1 ? C - 1 : 1;
    const double lines = T * (6.0 * M + F + forms);
    const double copies = T * forms * (double)f->frame + (T - 1) * (double)f->step +
                          (double)f->frame + 2.0 * T * F + (f->tangents > 0 ? T * (M + 1.0) : 0.0);
    return lines + copies + rows * (C + 2.0) + 2.0 * C;
}

static void show_model(const cli_options *options, const bench_case *c, load *l) {
    const size_t frames = l->front[0].frames;
    const double flops = bench_pass_flops(l->net, sp_front_layout_of(c->front), frames);
    char what[96];
    const double seconds = time_load(l);
    snprintf(what, sizeof what, "exact, T = %zu, %zu clips of this length at once", frames,
             l->clips);
    bench_figure(options, "model", what, (double)l->clips / seconds, "clips/s", "");
    bench_figure(options, "model", "operations per clip, by formula", 1e-9 * flops, "GFLOP", "");
    bench_figure(options, "model", "operations counted / by formula", l->flops[0] / flops, "x",
                 "0.9..1.1");
    bench_figure(options, "model", "bytes to and from a device per clip, by formula",
                 8e-6 * moved_words(l), "MB", "");
    if (l->moved[0] > 0.0) { // weights are moved once for all clips
        load one = *l;
        one.clips = 1;
        time_load(&one);
        const double per_clip =
            ((double)l->clips * l->moved[0] - one.moved[0]) / (double)(l->clips - 1);
        bench_figure(options, "model", "bytes moved per further clip, counted / by formula",
                     per_clip / (8.0 * moved_words(l)), "x", "0.9..1.1");
    }
}

/* ---- growth and plans ---- */

static sp_status grow(sp_error *err, const cli_options *options, const bench_case *c,
                      const sp_front_forms *forms, size_t hidden, size_t frames, double *seconds) {
    sp_net net;
    load l;
    SP_TRY(bench_case_net(err, &net, hidden));
    sp_status status = load_init(err, &l, c, forms, &net, frames, 1);
    if (status == SP_OK) {
        char what[96];
        *seconds = time_load(&l);
        snprintf(what, sizeof what, "exact, H = %zu, T = %zu: operations counted / by formula",
                 hidden, frames);
        bench_figure(options, "growth", what,
                     l.flops[0] / bench_pass_flops(&net, sp_front_layout_of(c->front), frames), "x",
                     "0.9..1.1");
        load_clear(&l);
    }
    sp_net_clear(&net);
    return status;
}

static sp_status show_growth(sp_error *err, const cli_options *options, const bench_case *c,
                             const sp_front_forms *forms) {
    static const size_t shapes[4][2] = {{32, 8}, {32, 16}, {64, 8}, {128, 4}}; /* H, T */
    double seconds[4] = {0.0};
    char what[96];
    for (size_t i = 0; i < (options->quick ? 2 : 4); i++) {
        SP_TRY(grow(err, options, c, forms, shapes[i][0], shapes[i][1], &seconds[i]));
        snprintf(what, sizeof what, "exact, random net, H = %zu, T = %zu: time / H = 32, T = 8",
                 shapes[i][0], shapes[i][1]);
        bench_figure(options, "growth", what, seconds[i] / seconds[0], "x", "");
    }
    return SP_OK;
}

/* H = 128, T = 100: what it takes in the program, and how many clips a device of 16 GB holds. */
static sp_status show_plan(sp_error *err, const cli_options *options, const bench_case *c,
                           const sp_front_forms *forms) {
    enum { HIDDEN = 128, FRAMES = 100 };
    const double memory = 16e9;
    sp_net net;
    load l;
    SP_TRY(bench_case_net(err, &net, HIDDEN));
    const sp_status status = load_init(err, &l, c, forms, &net, FRAMES, 1);
    if (status == SP_OK) {
        const sp_front_bound *f = &l.front[0];
        const double near = (double)sp_bounds_need(&net, f, &l.options, 1, false);
        const double one = (double)sp_bounds_need(&net, f, &l.options, 1, true);
        const double two = (double)sp_bounds_need(&net, f, &l.options, 2, true);
        bench_figure(options, "plan", "H = 128, T = 100, exact: memory on the CPU", 1e-6 * near,
                     "MB", "");
        bench_figure(options, "plan", "the same on a device: one clip", 1e-6 * one, "MB", "");
        bench_figure(options, "plan", "the same: each further clip", 1e-6 * (two - one), "MB", "");
        bench_figure(options, "plan", "the same: clips at once on a device of 16 GB",
                     floor((0.9 * memory - one) / (two - one)) + 1.0, "clips", "");
        load_clear(&l);
    }
    sp_net_clear(&net);
    return status;
}

int bench_backend(const cli_options *options, const bench_case *c) {
    const size_t clips = options->quick ? 4 : MOST_CLIPS, frames = options->quick ? 8 : 17;
    sp_front_forms *forms = NULL;
    sp_error err = {0};
    load l;
    const int code = bench_rates(options);
    if (code != CLI_OK) {
        return code;
    }
    sp_status status = sp_front_forms_create(&err, &forms, c->front, SP_FRONT_JOINT);
    status = status == SP_OK ? load_init(&err, &l, c, forms, c->net, frames, clips) : status;
    if (status == SP_OK) {
        show_model(options, c, &l);
        load_clear(&l);
        status = show_growth(&err, options, c, forms);
    }
    status = status == SP_OK ? show_plan(&err, options, c, forms) : status;
    sp_front_forms_destroy(forms);
    if (status != SP_OK) {
        cli_complain("backend: %s", err.text);
        return CLI_INPUT;
    }
    return CLI_OK;
}
