/* soundproof bench: every speed figure as a ratio to something measured in the same run. */
#include "cli/bench/bench.h"

#include <sys/resource.h>

#include "base/pool.h"
#include "gpu/backend.h"

static const cli_own own_options[] = {
    [BENCH_DATA] = {"data", "folder with models/ and fsdd/ to measure on", "DIR"}};

/* CPU seconds of PROVER's LP (R2's published code, tuned build, one core) for one clip at one
 * budget: the upper ends of the ranges in docs/results.md. */
static const struct {
    size_t frames;
    double cpu_seconds;
} prover_lp[] = {{11, 15.0}, {17, 22.0}};

/* Resident memory of the process so far: called before anything larger than the pass has run. */
static int bench_memory(const cli_options *options, const bench_case *c) {
    sp_error err = {0};
    sp_clip clip = {0};
    bench_pass pass;
    struct rusage usage;
    char name[64], what[128];
    sp_status status = bench_case_clip(&err, &clip, name, c, 46);
    if (status == SP_OK) {
        status = bench_pass_run(&err, &pass, c, sp_method_find("exact"), &clip, 1);
        sp_clip_clear(&clip);
    }
    if (status != SP_OK || getrusage(RUSAGE_SELF, &usage) != 0) {
        cli_complain("46 frames: %s", err.text);
        return CLI_INPUT;
    }
    snprintf(what, sizeof what, "peak resident, exact, 46 frames (%s)", name);
    bench_figure(options, "memory", what, (double)usage.ru_maxrss / 1000.0, "MB", "< 200");
    return CLI_OK;
}

/* How long one measurement of a rate of products takes. */
static double gemm_seconds(const cli_options *options) {
    return options->quick ? 0.02 : 0.2;
}

/* Large products, and the shapes that the engine multiplies, as a share of that rate. */
static void bench_rates(const cli_options *options, const bench_case *c) {
    const double seconds = gemm_seconds(options);
    const int threads = sp_pool_threads();
    const double one = bench_gemm_rate(BENCH_LARGE, BENCH_LARGE, BENCH_LARGE, 1, seconds);
    char what[96];
    snprintf(what, sizeof what, "%dx%dx%d, 1 thread", BENCH_LARGE, BENCH_LARGE, BENCH_LARGE);
    bench_figure(options, "dgemm", what, one * 1e-9, "GFLOP/s", "");
    if (threads > 1) {
        const double all = bench_gemm_rate(BENCH_LARGE, BENCH_LARGE, BENCH_LARGE, threads, seconds);
        snprintf(what, sizeof what, "%dx%dx%d, %d threads", BENCH_LARGE, BENCH_LARGE, BENCH_LARGE,
                 threads);
        bench_figure(options, "dgemm", what, all * 1e-9, "GFLOP/s", "");
    }
    for (size_t i = 1; i < c->net->nodes; i++) {
        const sp_cell *cell = &c->net->node[i].cell;
        if (c->net->node[i].kind == SP_NODE_CELL && cell->kind == SP_CELL_LSTM) {
            const size_t n = cell->in + cell->out, k = 4 * cell->out;
            snprintf(what, sizeof what, "64x%zux%zu (LSTM, node %zu, one tile of rows), 1 thread",
                     n, k, i);
            bench_figure(options, "dgemm", what, bench_gemm_rate(64, n, k, 1, seconds) / one, "x",
                         "");
        }
    }
}

/* What one `exact` pass costs for T frames, against its matrix products at the rate of large ones,
 * which is measured just before on the same threads. */
static sp_status bench_exact(sp_error *err, bench_pass *pass, const cli_options *options,
                             const bench_case *c, size_t frames) {
    sp_clip clip = {0};
    char name[64], what[128];
    SP_TRY(bench_case_clip(err, &clip, name, c, frames));
    const double rate = bench_gemm_rate(BENCH_LARGE, BENCH_LARGE, BENCH_LARGE, sp_pool_threads(),
                                        gemm_seconds(options));
    const sp_status status =
        bench_pass_run(err, pass, c, sp_method_find("exact"), &clip, options->quick ? 1 : 5);
    sp_clip_clear(&clip);
    SP_TRY(status);
    const double products = pass->flops / rate;
    snprintf(what, sizeof what, "T = %zu (%s): one pass", frames, name);
    bench_figure(options, "exact", what, 1e3 * pass->seconds, "ms", "");
    snprintf(what, sizeof what, "T = %zu: pass / its matrix products at the dgemm rate", frames);
    bench_figure(options, "exact", what, pass->seconds / products, "x", frames == 17 ? "<= 4" : "");
    snprintf(what, sizeof what, "T = %zu: with the front end / the same products", frames);
    bench_figure(options, "exact", what, (pass->seconds + pass->front_seconds) / products, "x", "");
    snprintf(what, sizeof what, "T = %zu: operations counted / by formula", frames);
    bench_figure(options, "exact", what,
                 pass->flops / bench_pass_flops(c->net, sp_front_layout_of(c->front), frames), "x",
                 "0.9..1.1");
    return SP_OK;
}

static int bench_passes(const cli_options *options, const bench_case *c) {
    static const size_t every[2][3] = {{8, 17, 40}, {4, 8, 17}};
    const size_t *frames = every[options->quick];
    bench_pass pass[3];
    sp_error err = {0};
    char what[96];
    for (int i = 0; i < 3; i++) {
        if (bench_exact(&err, &pass[i], options, c, frames[i]) != SP_OK) {
            cli_complain("exact with %zu frames: %s", frames[i], err.text);
            return CLI_INPUT;
        }
    }
    for (int i = 1; i < 3; i++) {
        const double grown = (double)(frames[i] * frames[i]) / (double)(frames[0] * frames[0]);
        snprintf(what, sizeof what, "time at T = %zu / time at T = %zu / (%zu/%zu)^2", frames[i],
                 frames[0], frames[i], frames[0]);
        bench_figure(options, "growth", what, pass[i].seconds / pass[0].seconds / grown, "x",
                     "<= 1");
    }
    return CLI_OK;
}

static int bench_plane_times(const cli_options *options, const bench_case *c) {
    static const char *const names[2] = {"f1 = sigma(x) tanh(y), per plane, one core",
                                         "f2 = sigma(x) y, per plane, one core"};
    static const char *const targets[2] = {"<= 3", "<= 1.5"};
    double seconds[2] = {0.0, 0.0};
    sp_error err = {0};
    sp_clip clip = {0};
    char name[64];
    sp_status status = bench_case_clip(&err, &clip, name, c, 17);
    if (status == SP_OK) {
        status = bench_planes_run(&err, seconds, c, &clip);
        sp_clip_clear(&clip);
    }
    if (status != SP_OK) {
        cli_complain("planes: %s", err.text);
        return CLI_INPUT;
    }
    for (int f = 0; f < 2; f++) {
        bench_figure(options, "planes", names[f], 1e6 * seconds[f], "us", targets[f]);
    }
    return CLI_OK;
}

/* Each pass of opt against exact, as for a clip that stays undecided. */
static int bench_opt(const cli_options *options, const bench_case *c) {
    const sp_method *opt = sp_method_find("opt");
    sp_error err = {0};
    sp_clip clip = {0};
    char name[64], what[128];
    double sum = 0.0, exact = 0.0;
    sp_status status = bench_case_clip(&err, &clip, name, c, 17);
    for (size_t i = 0; status == SP_OK && i < opt->passes; i++) {
        sp_method one = *opt;
        bench_pass pass;
        one.pass = &opt->pass[i];
        one.passes = 1;
        status = bench_pass_run(&err, &pass, c, &one, &clip, i == 0 ? 5 : options->quick ? 1 : 3);
        if (status == SP_OK) {
            exact = i == 0 ? pass.cpu_seconds : exact;
            sum += opt->pass[i].hopeless < 0.0 ? 0.0 : pass.cpu_seconds;
            snprintf(what, sizeof what, "T = 17: pass %zu / exact, CPU time", i + 1);
            bench_figure(options, "opt", what, pass.cpu_seconds / exact, "x", "");
        }
    }
    sp_clip_clear(&clip);
    if (status != SP_OK) {
        cli_complain("opt: %s", err.text);
        return CLI_INPUT;
    }
    bench_figure(options, "opt", "T = 17: a clip far from certified / exact", sum / exact, "x",
                 "<= 12");
    return CLI_OK;
}

/* Two LSTMs of 128 units, whose products are in single precision, against the same in double. */
static int bench_wide(const cli_options *options, const bench_case *c) {
    enum { HIDDEN = 128 };
    const size_t frames = options->quick ? 6 : 25;
    bench_case wide = *c;
    bench_pass pass;
    sp_net net;
    sp_error err = {0};
    sp_clip clip = {0};
    char name[64], what[128];
    sp_status status = bench_case_net(&err, &net, HIDDEN);
    const bool made = status == SP_OK;
    wide.net = &net;
    status = made ? bench_case_clip(&err, &clip, name, c, frames) : status;
    if (status == SP_OK) {
        const double rate = bench_gemm_cpu_rate(BENCH_LARGE, BENCH_LARGE, BENCH_LARGE,
                                                sp_pool_threads(), gemm_seconds(options));
        status = bench_pass_run(&err, &pass, &wide, sp_method_find("exact"), &clip, 1);
        if (status == SP_OK) {
            const double flops = bench_pass_flops(&net, sp_front_layout_of(c->front), frames);
            snprintf(what, sizeof what, "two LSTMs of %d, T = %zu: CPU time / products in double",
                     HIDDEN, frames);
            bench_figure(options, "exact", what, pass.cpu_seconds * rate / flops, "x", "<= 1");
        }
        sp_clip_clear(&clip);
    }
    if (made) {
        sp_net_clear(&net);
    }
    if (status != SP_OK) {
        cli_complain("two wide LSTMs: %s", err.text);
        return CLI_INPUT;
    }
    return CLI_OK;
}

static int bench_rivals(const cli_options *options, const bench_case *c) {
    sp_error err = {0};
    char name[64], what[128];
    for (size_t i = 0; i < sizeof prover_lp / sizeof prover_lp[0]; i++) {
        const size_t frames = prover_lp[i].frames;
        sp_clip clip = {0};
        bench_pass exact, lp;
        sp_status status = bench_case_clip(&err, &clip, name, c, frames);
        if (status == SP_OK) {
            status = bench_pass_run(&err, &exact, c, sp_method_find("exact"), &clip, 3);
        }
        if (status == SP_OK && i == 0) {
            status = bench_pass_run(&err, &lp, c, sp_method_find("r2-lp"), &clip, 1);
        }
        sp_clip_clear(&clip);
        if (status != SP_OK) {
            cli_complain("%zu frames: %s", frames, err.text);
            return CLI_INPUT;
        }
        if (i == 0) {
            snprintf(what, sizeof what, "r2-lp / exact, T = %zu, front ends included, CPU time",
                     frames);
            bench_figure(options, "rivals", what, lp.cpu_seconds / exact.cpu_seconds, "x", "");
        }
        snprintf(what, sizeof what, "PROVER's LP (%.0f CPU s) / exact, T = %zu",
                 prover_lp[i].cpu_seconds, frames);
        bench_figure(options, "rivals", what, prover_lp[i].cpu_seconds / exact.cpu_seconds, "x",
                     ">= 100");
    }
    return CLI_OK;
}

static void print_head(const cli_options *options, const bench_case *c) {
    if (!options->json) {
        printf("backend %s, %d thread%s; %s\n", sp_gpu_name(), sp_pool_threads(),
               sp_pool_threads() == 1 ? "" : "s",
               c->with_model ? "the given model"
                             : "no model found: a random network of the FSDD model's shape");
        printf("x: a ratio of two figures of this run\n\n%-8s  %-58s  %9s  %-8s  %s\n", "topic",
               "what", "value", "unit", "target");
    }
}

static int run(const cli_options *options) {
    bench_case c;
    if (options->arguments > 0) {
        return cli_usage(&cli_bench, "bench takes no argument '%s'", options->argument[0]);
    }
    int code = bench_case_open(&c, options);
    if (code >= 0) {
        return code;
    }
    print_head(options, &c);
    if (sp_gpu_memory() != SIZE_MAX) { // the other figures are the CPU's
        code = bench_kernels(options);
        code = code == CLI_OK ? bench_backend(options, &c) : code;
        code = code == CLI_OK ? bench_many(options, &c) : code;
        bench_case_clear(&c);
        return code;
    }
    code = bench_memory(options, &c);
    if (code == CLI_OK) {
        bench_rates(options, &c);
        code = bench_passes(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_kernels(options);
    }
    if (code == CLI_OK) {
        code = bench_backend(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_many(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_plane_times(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_opt(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_wide(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_process(options, &c);
    }
    if (code == CLI_OK) {
        code = bench_rivals(options, &c);
    }
    bench_case_clear(&c);
    return code;
}

const cli_command cli_bench = {
    .name = "bench",
    .arguments = "[OPTION...]",
    .summary = "measure speed, as ratios to what this machine can do",
    .examples = "  soundproof bench --data \"$SOUNDPROOF_DATA\"\n"
                "  soundproof bench --quick --threads 1\n"
                "  soundproof bench --model M.onnx --front F.json --data DIR --json\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_QUICK | CLI_DEVICE | CLI_THREADS | CLI_JSON,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
