/* The backend on whole clips: which kernels the time goes to, how it grows, and the cost model
 * beside what was counted. */
#include "cli/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "gpu/backend.h"
#include "lstm/backsub/backsub.h"

enum { MOST_CLIPS = 16 };

/* ---- clips of one length, and of several ---- */

/* Clips under several budgets, the longest first. */
typedef struct load {
    const sp_net *net;
    sp_backsub_options options;
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

static sp_status load_add(sp_error *err, load *l, const bench_case *c, const sp_front_forms *forms,
                          size_t frames) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0 - (double)l->clips};
    const size_t i = l->clips++; // cleared also when it is half made
    sp_clip clip = {0};
    char name[64];
    double eps = 0.0;
    SP_TRY(bench_case_clip(err, &clip, name, c, frames));
    sp_status status = sp_budget_radius(err, &eps, &budget, &clip);
    status = status == SP_OK ? sp_noise_box(err, &l->noise[i], clip.n, eps) : status;
    status = status == SP_OK ? sp_front_bound_create(err, &l->front[i], forms, clip.samples, clip.n,
                                                     &l->noise[i])
                             : status;
    sp_clip_clear(&clip);
    return status;
}

/* Clips of `frames` frames, falling to `least` in even steps. */
static sp_status load_init(sp_error *err, load *l, const bench_case *c, const sp_front_forms *forms,
                           const sp_net *net, size_t frames, size_t least, size_t clips) {
    sp_status status = SP_OK;
    *l = (load){.net = net};
    while (status == SP_OK && l->clips < clips) {
        const size_t shorter = clips > 1 ? l->clips * (frames - least) / (clips - 1) : 0;
        status = load_add(err, l, c, forms, frames - shorter);
    }
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
    const sp_bound_task task = {.net = l->net, .fronts = front, .clips = count};
    double flops = 0.0;
    size_t moved = 0;
    void *bounds = NULL;
    for (size_t i = 0; i < count; i++) {
        front[i] = &l->front[first + i];
    }
    sp_status status =
        weight ? sp_domain_backsub.create(NULL, &bounds, &task, &l->options) : SP_E_MEMORY;
    for (size_t r = 0; status == SP_OK && r < count * rows; r++) {
        weight[r * classes] = 1.0;
        weight[r * classes + (classes > 1 ? 1 + r % rows : 0)] = -1.0;
    }
    if (status == SP_OK) {
        double *lower = weight + count * rows * classes;
        status = sp_domain_backsub.margins(NULL, bounds, lower, lower + count * rows, weight, rows);
    }
    if (status == SP_OK) {
        sp_domain_backsub.spent(bounds, &flops, &moved);
    }
    for (size_t i = 0; i < count; i++) {
        l->status[first + i] = status;
        l->flops[first + i] = flops / (double)count;
        l->moved[first + i] = (double)moved / (double)count;
    }
    sp_domain_backsub.destroy(bounds);
    free(weight);
}

static void bound_one(void *context, size_t index) {
    bound_some(context, index, 1);
}

/* Seconds of all clips; NaN when one of them failed. */
static double time_load(load *l) {
    const double start = sp_clock_wall();
    const sp_front_bound *longest = &l->front[0];
    const sp_bound_task one = {.net = l->net, .fronts = &longest, .clips = 1};
    if (l->clips > 1 && sp_domain_backsub.room(&one, &l->options) >= l->clips) {
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

/* Bytes that clip i needs moved: lines, forms, radii, boxes and squares of its front end; its rows,
 * their bounds and error terms; the boxes of its logits. In doubles. */
static double moved_words(const load *l, size_t i) {
    const sp_front_bound *f = &l->front[i];
    const double T = (double)f->frames, M = (double)f->bands, F = (double)f->features;
    const double forms = (double)f->forms, C = (double)l->net->classes, rows = C > 1 ? C - 1 : 1;
    const double lines = 1.0 + T * (5.0 * M + (f->matrix != NULL ? F : 0.0) + forms);
    const double copies = T * forms * (double)f->frame + (T - 1) * (double)f->step +
                          (double)f->frame + 2.0 * T * F + (f->tangents > 0 ? T * (M + 1.0) : 0.0);
    return lines + copies + rows * (C + 2.0) + 2.0 * C;
}

/* "T = 17", or "T = 17..9" for mixed lengths. */
static void name_lengths(char text[32], const load *l) {
    const size_t first = l->front[0].frames, last = l->front[l->clips - 1].frames;
    if (first == last) {
        snprintf(text, 32, "T = %zu", first);
    } else {
        snprintf(text, 32, "T = %zu..%zu", first, last);
    }
}

/* Returns operations per second. */
static double show_model(const cli_options *options, const bench_case *c, load *l) {
    const double clips = (double)l->clips, seconds = time_load(l);
    double flops = 0.0, counted = 0.0, moved = 0.0, words = 0.0;
    char what[96], lengths[32];
    name_lengths(lengths, l);
    for (size_t i = 0; i < l->clips; i++) {
        flops += bench_pass_flops(l->net, sp_front_layout_of(c->front), l->front[i].frames);
        counted += l->flops[i];
        moved += l->moved[i];
        words += moved_words(l, i);
    }
    snprintf(what, sizeof what, "exact, %s, %zu clips at once", lengths, l->clips);
    bench_figure(options, "model", what, clips / seconds, "clips/s", "");
    snprintf(what, sizeof what, "%s: operations per clip, by formula", lengths);
    bench_figure(options, "model", what, 1e-9 * flops / clips, "GFLOP", "");
    snprintf(what, sizeof what, "%s: operations counted / by formula", lengths);
    bench_figure(options, "model", what, counted / flops, "x", "0.9..1.1");
    snprintf(what, sizeof what, "%s: bytes to and from a device per clip, by formula", lengths);
    bench_figure(options, "model", what, 8e-6 * words / clips, "MB", "");
    if (moved > 0.0 && l->clips > 1) { // weights are moved once for all clips
        load one = *l;
        one.clips = 1;
        time_load(&one);
        snprintf(what, sizeof what, "%s: bytes of further clips, counted / by formula", lengths);
        bench_figure(options, "model", what,
                     (moved - one.moved[0]) / (8.0 * (words - moved_words(l, 0))), "x", "0.9..1.1");
    }
    return counted / seconds;
}

/* The same for lengths from these frames down to half of them; `rate`: of clips of one length. */
static sp_status show_mixed(sp_error *err, const cli_options *options, const bench_case *c,
                            const sp_front_forms *forms, const load *equal, double rate) {
    const size_t frames = equal->front[0].frames;
    load mixed;
    SP_TRY(load_init(err, &mixed, c, forms, c->net, frames, (frames + 1) / 2, equal->clips));
    bench_figure(options, "model", "operations per second of clips at once: mixed / one length",
                 show_model(options, c, &mixed) / rate, "x", "");
    load_clear(&mixed);
    return SP_OK;
}

/* ---- where the time goes ---- */

/* Every kernel that bounds one clip, waited for one by one. */
static void show_profile(const cli_options *options, load *l, const char *name) {
    sp_gpu_profile profile = {{0.0}, {0}, 0.0};
    load one = *l;
    double all = 0.0;
    char what[96];
    one.clips = 1;
    sp_gpu_profile_into(&profile);
    time_load(&one);
    sp_gpu_profile_into(NULL);
    for (size_t op = 0; op <= SP_GPU_OP_COUNT; op++) {
        all += profile.seconds[op];
    }
    for (size_t op = 0; op <= SP_GPU_OP_COUNT; op++) {
        if (profile.calls[op] > 0) {
            snprintf(what, sizeof what, "%s, kernel %s: per call, of %zu", name, sp_gpu_op_name(op),
                     profile.calls[op]);
            bench_figure(options, "kernels", what,
                         1e6 * profile.seconds[op] / (double)profile.calls[op], "us", "");
            snprintf(what, sizeof what, "%s, kernel %s: share of all", name, sp_gpu_op_name(op));
            bench_figure(options, "kernels", what, profile.seconds[op] / all, "x", "");
        }
    }
    snprintf(what, sizeof what, "%s, kernel multiply: rate", name);
    bench_figure(options, "kernels", what, 1e-9 * profile.flops / profile.seconds[SP_GPU_OP_COUNT],
                 "GFLOP/s", "");
}

/* ---- growth and plans ---- */

static sp_status grow(sp_error *err, const cli_options *options, const bench_case *c,
                      const sp_front_forms *forms, size_t hidden, size_t frames, double *seconds) {
    sp_net net;
    load l;
    SP_TRY(bench_case_net(err, &net, hidden));
    sp_status status = load_init(err, &l, c, forms, &net, frames, frames, 1);
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

/* More clips of one length. */
static void show_clips(const cli_options *options, load *l) {
    double first = 0.0;
    char what[96];
    for (size_t clips = 1; clips <= l->clips; clips *= 4) {
        load some = *l;
        some.clips = clips;
        const double each = time_load(&some) / (double)clips;
        first = clips == 1 ? each : first;
        snprintf(what, sizeof what, "exact, T = %zu, %zu clip%s: time per clip / of 1 clip",
                 l->front[0].frames, clips, clips == 1 ? "" : "s");
        bench_figure(options, "growth", what, each / first, "x", "");
    }
}

/* Seconds of bounds of `rows` rows, once all boxes are there. */
static double time_rows(void *bounds, size_t classes, size_t rows) {
    double *weight = calloc(rows * (classes + 1), sizeof *weight);
    double *lower = weight ? weight + rows * classes : NULL;
    for (size_t r = 0; weight && r < rows; r++) {
        weight[r * classes + r % classes] = 1.0 + (double)r;
    }
    const double start = sp_clock_wall();
    const sp_status status =
        weight ? sp_domain_backsub.margins(NULL, bounds, lower, NULL, weight, rows) : SP_E_MEMORY;
    const double seconds = sp_clock_wall() - start;
    free(weight);
    return status == SP_OK ? seconds : NAN;
}

/* More rows for one clip. */
static sp_status show_rows(sp_error *err, const cli_options *options, const load *l) {
    static const size_t rows[] = {64, 256, 1024};
    const sp_front_bound *longest = &l->front[0];
    const sp_bound_task one = {.net = l->net, .fronts = &longest, .clips = 1};
    void *bounds = NULL;
    double first = 0.0;
    char what[96];
    SP_TRY(sp_domain_backsub.create(err, &bounds, &one, &l->options));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const double each = time_rows(bounds, l->net->classes, rows[i]) / (double)rows[i];
        first = i == 0 ? each : first;
        snprintf(what, sizeof what, "exact, T = %zu, %zu rows: time per row / of 64 rows",
                 l->front[0].frames, rows[i]);
        bench_figure(options, "growth", what, each / first, "x", "");
    }
    sp_domain_backsub.destroy(bounds);
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
    const sp_status status = load_init(err, &l, c, forms, &net, FRAMES, FRAMES, 1);
    if (status == SP_OK) {
        const sp_front_bound *f = &l.front[0];
        const sp_front_bound *same[] = {f, f};
        sp_bound_task task = {.net = &net, .fronts = same, .clips = 1};
        const double near = (double)sp_domain_backsub.bytes(&task, &l.options, false);
        const double one = (double)sp_domain_backsub.bytes(&task, &l.options, true);
        task.clips = 2;
        const double two = (double)sp_domain_backsub.bytes(&task, &l.options, true);
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
    sp_status status = sp_front_forms_create(&err, &forms, c->front, SP_FRONT_JOINT);
    status =
        status == SP_OK ? load_init(&err, &l, c, forms, c->net, frames, frames, clips) : status;
    if (status == SP_OK) {
        const double rate = show_model(options, c, &l);
        status = show_mixed(&err, options, c, forms, &l, rate);
        show_profile(options, &l, "exact");
        show_clips(options, &l);
        status = status == SP_OK ? show_rows(&err, options, &l) : status;
        l.options =
            (sp_backsub_options){.box_iterations = 1, .row_iterations = 1, .octagons = true};
        show_profile(options, &l, "opt");
        load_clear(&l);
    }
    if (status == SP_OK) {
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
