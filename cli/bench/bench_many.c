/* Many clips of all lengths: certified together and one after the other. */
#include "cli/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "gpu/backend.h"

enum { MANY = 100, SOME = 16, TURN = 20 };

typedef struct many {
    sp_pipeline pipeline;
    sp_clip *clip;         /* [clips] owned */
    sp_verdict *verdict;   /* [2, clips] owned; one after the other, together */
    sp_certify_item *work; /* [2, clips] owned */
    sp_budget budget;
    size_t clips;
} many;

static void many_clear(many *m) {
    for (size_t i = 0; m->clip && i < m->clips; i++) {
        sp_clip_clear(&m->clip[i]);
    }
    for (size_t i = 0; m->verdict && i < 2 * m->clips; i++) {
        sp_verdict_clear(&m->verdict[i]);
    }
    sp_pipeline_clear(&m->pipeline);
    free(m->clip);
    free(m->verdict);
    free(m->work);
}

static sp_status take_clips(sp_error *err, many *m, const bench_case *c) {
    m->clip = calloc(m->clips, sizeof *m->clip);
    m->verdict = calloc(2 * m->clips, sizeof *m->verdict);
    m->work = calloc(2 * m->clips, sizeof *m->work);
    if (!m->clip || !m->verdict || !m->work) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", m->clips);
    }
    SP_TRY(bench_case_clips(err, m->clip, m->clips, c));
    for (size_t i = 0; i < 2 * m->clips; i++) {
        m->work[i] = (sp_certify_item){.clip = &m->clip[i % m->clips],
                                       .budget = &m->budget,
                                       .label = -1,
                                       .verdict = &m->verdict[i]};
    }
    return SP_OK;
}

/* Adds wall and processor seconds of `count` clips, `at_once` at a time. */
static sp_status time_work(sp_error *err, const many *m, const sp_certify_item *work, size_t count,
                           size_t at_once, double *seconds, double *cpu_seconds) {
    const double start = sp_clock_wall(), cpu = sp_clock_cpu();
    for (size_t i = 0; i < count; i += at_once) {
        SP_TRY(sp_certify_all(err, &m->pipeline, work + i, at_once, 0.0));
    }
    *seconds += sp_clock_wall() - start;
    *cpu_seconds += sp_clock_cpu() - cpu;
    return SP_OK;
}

/* Operations of the products of one `exact` pass over each of these clips. */
static double pass_flops(const many *m, size_t first, size_t count, const bench_case *c) {
    double flops = 0.0;
    for (size_t i = first; i < first + count; i++) {
        flops += bench_pass_flops(c->net, sp_front_layout_of(c->front),
                                  sp_front_frames(c->front, m->clip[i].n));
    }
    return flops;
}

/* Both ways in turn, some clips each time, and large products in between: a machine that others use
 * too changes its pace. products: processor seconds that the clips' own would take at that rate. */
static sp_status time_both(sp_error *err, const cli_options *options, const many *m,
                           const bench_case *c, double seconds[2], double cpu[2],
                           double *products) {
    for (size_t i = 0; i < m->clips; i += TURN) {
        const size_t left = m->clips - i, count = left < TURN ? left : TURN;
        *products += pass_flops(m, i, count, c) /
                     bench_gemm_cpu_rate(BENCH_LARGE, BENCH_LARGE, BENCH_LARGE, sp_pool_threads(),
                                         options->quick ? 0.02 : 0.2);
        SP_TRY(time_work(err, m, m->work + i, count, 1, &seconds[0], &cpu[0]));
        SP_TRY(time_work(err, m, m->work + m->clips + i, count, count, &seconds[1], &cpu[1]));
    }
    return SP_OK;
}

/* Clips whose verdict and margin are the same both ways: bit for bit, on a device within 1e-9. */
static size_t count_equal(const many *m) {
    size_t equal = 0;
    for (size_t i = 0; i < m->clips; i++) {
        const sp_verdict *a = &m->verdict[i], *b = &m->verdict[m->clips + i];
        const bool both = isfinite(a->margin) && isfinite(b->margin);
        const double apart = both ? fabs(a->margin - b->margin) : 0.0;
        const double allowed =
            sp_gpu_memory() != SIZE_MAX ? 1e-9 * fmax(1.0, fabs(a->margin)) : 0.0;
        equal += a->kind == b->kind && apart <= allowed;
    }
    return equal;
}

/* The same clips with products in single precision first: processor seconds, and what that proves;
 * `cpu` seconds in double, whose verdicts stand in the second half. */
static sp_status show_single(sp_error *err, const cli_options *options, many *m, const char *method,
                             double cpu) {
    const sp_method *single = sp_method_precise(m->pipeline.method, true);
    double seconds = 0.0, cpu_single = 0.0;
    size_t certified = 0, equal = 0;
    char what[96];
    for (size_t i = 0; i < m->clips; i++) {
        sp_verdict_clear(&m->verdict[i]);
    }
    m->pipeline.method = single;
    SP_TRY(time_work(err, m, m->work, m->clips, m->clips, &seconds, &cpu_single));
    for (size_t i = 0; i < m->clips; i++) {
        const sp_verdict *a = &m->verdict[i], *b = &m->verdict[m->clips + i];
        certified += b->kind == SP_VERDICT_CERTIFIED;
        equal += b->kind == SP_VERDICT_CERTIFIED && a->kind == SP_VERDICT_CERTIFIED;
    }
    snprintf(what, sizeof what, "%s, %zu clips: CPU time in double / single precision", method,
             m->clips);
    bench_figure(options, "clips", what, cpu / cpu_single, "x", "");
    if (certified > 0) {
        snprintf(what, sizeof what, "%s, %zu clips: certified in single / double precision", method,
                 m->clips);
        bench_figure(options, "clips", what, (double)equal / (double)certified, "x", "");
    }
    return SP_OK;
}

static sp_status show_method(sp_error *err, const cli_options *options, const bench_case *c,
                             many *m, const char *method, const char *target) {
    double seconds[2] = {0.0}, cpu[2] = {0.0}, products = 0.0;
    char what[96];
    SP_TRY(time_both(err, options, m, c, seconds, cpu, &products));
    if (m->pipeline.method->passes == 1) {
        snprintf(what, sizeof what, "%s, %zu clips: CPU time / products at the dgemm rate", method,
                 m->clips);
        bench_figure(options, "clips", what, cpu[1] / products, "x", "<= 1.15");
    }
    snprintf(what, sizeof what, "%s, %zu clips of all lengths together", method, m->clips);
    bench_figure(options, "clips", what, (double)m->clips / seconds[1], "clips/s", "");
    snprintf(what, sizeof what, "%s, %zu clips: together / one after the other", method, m->clips);
    bench_figure(options, "clips", what, seconds[0] / seconds[1], "x", target);
    snprintf(what, sizeof what, "%s, %zu clips: CPU time one after the other / together", method,
             m->clips);
    bench_figure(options, "clips", what, cpu[0] / cpu[1], "x", "");
    snprintf(what, sizeof what, "%s, %zu clips: the same verdict and margin", method, m->clips);
    bench_figure(options, "clips", what, (double)count_equal(m), "clips", "all");
    return show_single(err, options, m, method, cpu[1]);
}

static sp_status bench_method(sp_error *err, const cli_options *options, const bench_case *c,
                              const char *name, const char *target, size_t clips) {
    const sp_method *method = sp_method_find(name);
    many m = {.budget = {.unit = SP_BUDGET_DB_PEAK, .value = -75.0}, .clips = clips};
    sp_status status = sp_pipeline_init(err, &m.pipeline, c->net, c->front, method, method->front);
    status = status == SP_OK ? take_clips(err, &m, c) : status;
    status = status == SP_OK ? show_method(err, options, c, &m, name, target) : status;
    many_clear(&m);
    return status;
}

int bench_many(const cli_options *options, const bench_case *c) {
    sp_error err = {0};
    sp_status status = bench_method(&err, options, c, "exact", ">= 1.5", options->quick ? 8 : MANY);
    if (status == SP_OK) {
        status = bench_method(&err, options, c, "opt", "", options->quick ? 2 : SOME);
    }
    if (status != SP_OK) {
        cli_complain("many clips: %s", err.text);
        return CLI_INPUT;
    }
    return CLI_OK;
}
