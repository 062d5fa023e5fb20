/* soundproof radius: the largest certified and the smallest broken budget of every clip. */
#include "cli/impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"

enum { STARTS = 3 }; /* of the attacks; they start from each other's noise */

/* One clip with a search for the whole of it, or one for every place of the noise. */
typedef struct item {
    sp_error err;      /* of reading the clip or its label */
    sp_radius *radius; /* [count] owned */
    size_t count;
} item;

typedef struct job {
    const cli_options *options;
    cli_session session;
    sp_attacker attacker;
    item *item;        /* [clips] */
    double *certified; /* [clips] those known */
    size_t certified_count, verdicts;
    bool failed;
} job;

static bool wants_moments(const cli_options *options) {
    return options->frame != CLI_NO_FRAME || options->burst > 0;
}

/* ---- one clip ---- */

typedef struct moment_task {
    const job *job;
    item *item;
    const sp_clip *clip;
    const char *file;
    long label;
    size_t first; /* place of the first search */
} moment_task;

static void search_moment(void *context, size_t index) {
    const moment_task *task = context;
    const cli_options *options = task->job->options;
    sp_radius_options wanted = {.tolerance = options->tolerance,
                                .timeout = options->timeout,
                                .attack = cli_attack_options(options, task->file)};
    wanted.attack.starts = options->starts ? (size_t)options->starts : STARTS;
    if (wants_moments(options)) {
        wanted.first = task->first + index;
        wanted.frames = options->burst ? (size_t)options->burst : 1;
    }
    (void)sp_radius_find(NULL, &task->item->radius[index], &task->job->attacker, task->clip,
                         task->label, &wanted);
}

/* How many places there are for the noise. */
static size_t count_moments(const job *j, size_t samples) {
    const cli_options *options = j->options;
    const size_t frames = sp_front_frames(j->session.source.front, samples);
    const size_t burst = options->burst ? (size_t)options->burst : 1;
    if (!wants_moments(options) || options->frame >= 0 || frames < burst) {
        return 1; // with too few frames the search says so
    }
    return frames - burst + 1;
}

static void fail_item(item *it, long label) {
    sp_verdict *verdict = NULL;
    it->radius = calloc(1, sizeof *it->radius);
    it->count = it->radius ? 1 : 0;
    if (it->radius) {
        sp_radius_init(it->radius);
        verdict = &it->radius->verdict;
        verdict->label = label >= 0 ? (size_t)label : SP_NO_LABEL;
        snprintf(verdict->reason, sizeof verdict->reason, "%s", it->err.text);
    }
}

static void work(void *context, size_t index) {
    job *j = context;
    item *it = &j->item[index];
    const cli_clips *clips = &j->session.clips;
    const long frame = j->options->frame;
    sp_clip clip = {0};
    long label = -1;
    if (cli_clips_read(&it->err, &clip, &label, clips, index, j->session.source.front) != SP_OK) {
        fail_item(it, label);
        return;
    }
    it->count = count_moments(j, clip.n);
    it->radius = calloc(it->count, sizeof *it->radius);
    if (it->radius) {
        moment_task task = {j, it, &clip, clips->file[index], label, frame > 0 ? (size_t)frame : 0};
        sp_pool_run(it->count, 0, search_moment, &task);
    } else {
        it->count = 0;
    }
    sp_clip_clear(&clip);
}

/* ---- printing, in the order of the clips ---- */

static void print_search(const job *j, size_t clip, const sp_radius *radius, bool weakest) {
    const cli_clips *clips = &j->session.clips;
    if (j->options->json) {
        cli_print(sp_report_radius_json(clips->path[clip], &j->session.pipeline, radius, weakest));
        return;
    }
    cli_print(sp_report_radius_row(clips->names.name[clip], clips->names.width, radius,
                                   wants_moments(j->options)));
    if (j->options->verbose) {
        cli_print(sp_report_radius_details(radius));
    }
}

static void complain_errors(job *j, size_t clip, const item *it) {
    const char *last = "";
    for (size_t i = 0; i < it->count; i++) {
        const sp_verdict *verdict = &it->radius[i].verdict;
        if (verdict->kind == SP_VERDICT_ERROR && strcmp(last, verdict->reason) != 0) {
            j->failed = true;
            cli_complain_about(j->session.clips.path[clip], verdict->reason);
            last = verdict->reason;
        }
    }
    if (it->count == 0) {
        j->failed = true;
        cli_complain_about(j->session.clips.path[clip], "out of memory");
    }
}

static void emit(void *context, size_t index) {
    job *j = context;
    item *it = &j->item[index];
    const size_t weakest = it->count ? sp_radius_weakest(it->radius, it->count) : 0;
    for (size_t i = 0; i < it->count; i++) {
        print_search(j, index, &it->radius[i], i == weakest);
    }
    if (it->count > 1 && !j->options->json) {
        cli_print(sp_report_radius_moment(&j->session.pipeline, &it->radius[weakest]));
    }
    fflush(stdout);
    complain_errors(j, index, it);
    if (it->count) {
        const sp_radius *radius = &it->radius[weakest];
        j->verdicts += radius->verdict.kind != SP_VERDICT_ERROR;
        if (isfinite(radius->certified_db)) {
            j->certified[j->certified_count++] = radius->certified_db;
        }
    }
    for (size_t i = 0; i < it->count; i++) {
        sp_radius_clear(&it->radius[i]);
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_summary(const job *j, double seconds) {
    const size_t count = j->certified_count;
    printf("\nA certified budget was found for %zu of %zu clip%s", count, j->verdicts,
           j->verdicts == 1 ? "" : "s");
    if (count > 0) {
        qsort(j->certified, count, sizeof *j->certified, by_size);
        printf(": %.2f dB", j->certified[0]);
    }
    if (count > 1) {
        printf(" to %.2f dB, median %.2f dB", j->certified[count - 1],
               0.5 * (j->certified[(count - 1) / 2] + j->certified[count / 2]));
    }
    printf(".\nBudgets are relative to the clip's peak and multiples of %g dB. Certified: proved. "
           "Broken: real-valued\nnoise that changes the answer was found; file: also as a file in "
           "the clip's sample format.\nMethod %s, %.1f s on %d thread%s.\n",
           j->options->tolerance, j->session.pipeline.method->name, seconds, sp_pool_threads(),
           sp_pool_threads() == 1 ? "" : "s");
}

/* ---- the whole run ---- */

static void clear_job(job *j) {
    for (size_t i = 0; j->item && i < j->session.clips.count; i++) {
        free(j->item[i].radius);
    }
    free(j->item);
    free(j->certified);
    sp_attacker_clear(&j->attacker);
    cli_session_clear(&j->session);
}

static int search_all(job *j) {
    const double start = sp_clock_wall();
    const size_t count = j->session.clips.count;
    j->item = calloc(count, sizeof *j->item);
    j->certified = calloc(count, sizeof *j->certified);
    if (!j->item || !j->certified) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        cli_print(sp_report_radius_head(j->session.clips.names.width, wants_moments(j->options)));
    }
    if (!cli_batch_run("radius", count, work, emit, j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        print_summary(j, sp_clock_wall() - start);
    }
    return j->failed ? CLI_INPUT : CLI_OK;
}

static int run(const cli_options *options) {
    job j = {.options = options};
    int code = cli_session_open(&j.session, &cli_radius, options);
    if (code >= 0) {
        return code;
    }
    code = cli_attacker_open(&j.attacker, &j.session);
    if (code < 0) {
        code = search_all(&j);
    }
    clear_job(&j);
    return code;
}

const cli_command cli_radius = {
    .name = "radius",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "find the loudest certified and the quietest breaking noise of every clip",
    .examples =
        "  soundproof radius --model M.onnx --front F.json 8_theo_3.wav\n"
        "  soundproof radius --model M.onnx --front F.json --method opt --tol 0.25 -v *.wav\n"
        "  soundproof radius --model M.onnx --front F.json --frame all 8_theo_3.wav\n"
        "  soundproof radius --model M.onnx --front F.json --burst 3 --json 8_theo_3.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_METHOD | CLI_FRONT_RELAX | CLI_LABEL | CLI_MANIFEST |
               CLI_AUDIO | CLI_TOL | CLI_FRAME | CLI_BURST | CLI_EFFORT | CLI_TIMEOUT | CLI_DEVICE |
               CLI_PRECISION | CLI_THREADS | CLI_JSON | CLI_VERBOSE,
    .run = run,
};
