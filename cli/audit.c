/* soundproof audit: what noise can and cannot make a wake-word model do. */
#include "cli/audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"

static const cli_own own_options[] = {CLI_AUDIT_OPTIONS(CLI_AUDIT_OPTION)};
enum { CHUNK = 1024, LEVEL = 3, BURST = 2 };

/* One clip with a finding for every property and budget. */
typedef struct item {
    sp_error err;        /* of reading the clip */
    sp_finding *finding; /* [count] owned */
    char **out;          /* [count] owned; where breaking clips go, or NULL */
    size_t count;
    sp_audit audit; /* what was asked last, for the report */
    bool fires;
    double logit, other_logit; /* of the clean clip; with the other bank of filters, or NaN */
} item;

typedef struct job {
    const cli_options *options;
    cli_audit_options asked;
    cli_session session;
    sp_attacker attacker;
    sp_front *other; /* owned; the other bank of mycroft-precise, or NULL */
    item *item;      /* [clips] */
    sp_clip noise;   /* owned; of --noise */
    sp_tally tally;
    bool failed;
} job;

/* ---- the other bank ---- */

/* mycroft-precise models do not say which of two banks they were trained with, and the wrong one
 * silently ruins them. When --front is one of the two, the other one is read beside it. */
static void open_other(job *j) {
    static const char *const names[2] = {"precise-sonopy", "precise-speechpy"};
    const char *name = sp_front_name(j->session.source.front), *path = j->options->front;
    for (int i = 0; path && i < 2; i++) {
        const char *slash = strrchr(path, '/');
        const size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
        char *other = NULL;
        if (strcmp(name, names[i]) == 0) {
            other = malloc(folder + strlen(names[1 - i]) + sizeof ".json");
        }
        if (other) {
            memcpy(other, path, folder);
            sprintf(other + folder, "%s.json", names[1 - i]);
            if (sp_front_read(NULL, &j->other, other) != SP_OK) {
                j->other = NULL;
            }
            free(other);
        }
    }
}

/* The largest logit with the other bank. */
static double run_other(const job *j, const sp_audit *audit) {
    sp_pipeline pipeline = *audit->attacker->pipeline;
    sp_attacker attacker = {.pipeline = &pipeline};
    sp_audit other = *audit;
    double logit = NAN;
    size_t frame = 0;
    bool fires = false;
    if (j->other) {
        pipeline.front = j->other;
        other.attacker = &attacker;
        if (sp_audit_run(NULL, &logit, &frame, &fires, &other) != SP_OK) {
            logit = NAN;
        }
    }
    return logit;
}

/* ---- one clip ---- */

/* The noise of lines: the recording again and again, or white; its largest sample is 1. */
static double *make_direction(sp_error *err, const job *j, size_t n) {
    double *direction = malloc(n * sizeof *direction), largest = 0.0;
    if (!direction) {
        (void)sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
        return NULL;
    }
    sp_clip_white_noise(direction, n, (uint64_t)j->options->seed);
    for (size_t i = 0; i < n; i++) {
        direction[i] = j->noise.n ? j->noise.samples[i % j->noise.n] : direction[i];
        largest = fmax(largest, fabs(direction[i]));
    }
    for (size_t i = 0; i < n && largest > 0.0; i++) {
        direction[i] /= largest;
    }
    return direction;
}

static sp_audit audit_of(const job *j, const sp_clip *clip, const double *direction,
                         const char *source) {
    const cli_options *options = j->options;
    const sp_audit audit = {.attacker = &j->attacker,
                            .trigger = {j->session.pipeline.threshold, LEVEL, CHUNK},
                            .clip = clip,
                            .noise = direction,
                            .source = source,
                            .gain_lo = j->asked.gain_lo,
                            .gain_hi = j->asked.gain_hi,
                            .burst = options->burst ? (size_t)options->burst : BURST,
                            .tolerance = options->tolerance,
                            .attack = cli_attack_options(options, source),
                            .timeout = options->timeout};
    return audit;
}

/* Levels are searched by one audit, given budgets are one audit each; gains and dead samples know
 * no budget. */
static bool has_budget(sp_property property) {
    return property != SP_PROPERTY_GAIN && property != SP_PROPERTY_DEAD;
}

static bool is_wanted(const job *j, const item *it, sp_property property) {
    return j->asked.chosen ? j->asked.wanted[property] : sp_audit_applies(property, it->fires);
}

static char *place_of(const job *j, const char *clip, sp_property property, size_t budget) {
    char text[128];
    if (!j->options->out) {
        return NULL;
    }
    const char *name = strrchr(clip, '/') ? strrchr(clip, '/') + 1 : clip;
    const char *at = j->options->budgets ? j->options->budget_text[budget] : "";
    snprintf(text, sizeof text, "%s%s%.60s", sp_property_name(property), at[0] ? "_" : "", at);
    return cli_path_beside(j->options->out, name, text);
}

static void ask(job *j, item *it, size_t clip, sp_property property, size_t budget) {
    const size_t at = it->count++;
    it->audit.budget =
        j->options->budgets && has_budget(property) ? &j->options->budget[budget] : NULL;
    it->out[at] = place_of(j, j->session.clips.path[clip], property, budget);
    (void)sp_audit_property(NULL, &it->finding[at], &it->audit, property, it->out[at]);
}

static sp_status audit_clip(sp_error *err, job *j, item *it, size_t index, const sp_clip *clip,
                            const double *direction) {
    const size_t budgets = j->options->budgets ? j->options->budgets : 1;
    size_t frame = 0;
    it->audit = audit_of(j, clip, direction, j->session.clips.file[index]);
    SP_TRY(sp_audit_run(err, &it->logit, &frame, &it->fires, &it->audit));
    it->other_logit = run_other(j, &it->audit);
    it->finding = calloc(SP_PROPERTIES * budgets, sizeof *it->finding);
    it->out = calloc(SP_PROPERTIES * budgets, sizeof *it->out);
    if (!it->finding || !it->out) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    for (int p = 0; p < SP_PROPERTIES; p++) {
        const sp_property property = (sp_property)p;
        const size_t times = has_budget(property) ? budgets : 1;
        for (size_t b = 0; b < times && is_wanted(j, it, property); b++) {
            ask(j, it, index, property, b);
        }
    }
    return SP_OK;
}

static void work(void *context, size_t index) {
    job *j = context;
    item *it = &j->item[index];
    sp_clip read = {0}, clip = {0};
    long label = -1;
    double *direction = NULL;
    sp_status status =
        cli_clips_read(&it->err, &read, &label, &j->session.clips, index, j->session.source.front);
    if (status == SP_OK) {
        status = sp_clip_embed(&it->err, &clip, &read, &j->asked.background);
    }
    if (status == SP_OK) {
        direction = make_direction(&it->err, j, clip.n);
        status = direction ? audit_clip(&it->err, j, it, index, &clip, direction) : it->err.code;
    }
    it->audit.clip = NULL;
    it->audit.noise = NULL;
    it->err.code = status;
    free(direction);
    sp_clip_clear(&clip);
    sp_clip_clear(&read);
}

/* ---- printing, in the order of the clips ---- */

static void warn_of_bank(const job *j, size_t index, const item *it) {
    const double threshold = j->session.pipeline.threshold;
    const bool differs = (it->logit >= threshold) != (it->other_logit >= threshold);
    if (!isnan(it->other_logit) && (differs || fabs(it->logit - it->other_logit) > 3.0)) {
        char text[256];
        snprintf(text, sizeof text,
                 "with %s the largest logit is %.2f, with %s it would be %.2f: make sure that the "
                 "model was trained with the former",
                 sp_front_name(j->session.source.front), it->logit, sp_front_name(j->other),
                 it->other_logit);
        cli_complain_about(j->session.clips.path[index], text);
    }
}

static void print_finding(job *j, size_t index, size_t at) {
    const item *it = &j->item[index];
    const cli_clips *clips = &j->session.clips;
    const sp_finding *f = &it->finding[at];
    if (j->options->json) {
        cli_print(sp_report_audit_json(clips->path[index], &it->audit, f, it->out[at]));
        return;
    }
    cli_print(sp_report_audit_row(clips->names.name[index], clips->names.width, f));
    const bool told = f->kind == SP_VERDICT_ERROR || !f->reason[0];
    if (!told && (j->options->verbose || f->kind == SP_VERDICT_MISCLASSIFIED)) {
        printf("    %s\n", f->reason);
    }
    if (j->options->verbose && f->places > 0) {
        printf("    certified dB by the first frame of the noise:");
        for (size_t i = 0; i < f->places; i++) {
            printf("%s %.1f", i % 12 == 0 ? "\n       " : "", f->place_db[i]);
        }
        putchar('\n');
    }
    if (f->kept) {
        printf("    %s: logit %.3f, by the file's own graph %.3f\n", it->out[at], f->file_logit,
               f->original_logit);
    }
}

static void emit(void *context, size_t index) {
    job *j = context;
    item *it = &j->item[index];
    if (it->err.code != SP_OK) {
        j->failed = true;
        cli_complain_about(j->session.clips.path[index], it->err.text);
    } else {
        warn_of_bank(j, index, it);
    }
    for (size_t i = 0; i < it->count; i++) {
        const sp_finding *f = &it->finding[i];
        j->tally.total++;
        j->tally.kind[f->kind]++;
        print_finding(j, index, i);
        if (f->kind == SP_VERDICT_ERROR) {
            j->failed = true;
            cli_complain_about(j->session.clips.path[index], f->reason);
        }
        sp_finding_clear(&it->finding[i]);
        free(it->out[i]);
    }
    fflush(stdout);
}

static void print_head(const job *j) {
    const sp_clip_background *b = &j->asked.background;
    printf("Each recording is set in Gaussian noise of %g steps (rms), %g s before it and %g s "
           "behind.\n"
           "It fires from a logit of %.4g on (sensitivity %g).\n\n",
           b->noise, b->before, b->after, j->session.pipeline.threshold, j->asked.sensitivity);
    cli_print(sp_report_audit_head(j->session.clips.names.width));
}

static void print_summary(const job *j, double seconds) {
    const size_t *kind = j->tally.kind;
    printf("\n%zu of %zu certified, %zu only broken, %zu unknown", kind[SP_VERDICT_CERTIFIED],
           j->tally.total, kind[SP_VERDICT_BROKEN], kind[SP_VERDICT_UNKNOWN]);
    if (kind[SP_VERDICT_MISCLASSIFIED] > 0) {
        printf(", %zu not so without noise already", kind[SP_VERDICT_MISCLASSIFIED]);
    }
    printf(
        ".\nLevels are those of the largest noise sample relative to the recording's peak. "
        "Certified: "
        "proved for all\nnoise up to there. Broken: noise was found that does it; file: also as a "
        "file of the clip's format,\nheard again by the model's own graph. %s: %s noise.\nMethod "
        "%s, %.1f s on %d thread%s.\n",
        "noise-line, streams", j->asked.noise ? j->asked.noise : "white",
        j->session.pipeline.method->name, seconds, sp_pool_threads(),
        sp_pool_threads() == 1 ? "" : "s");
}

/* ---- the whole run ---- */

static void clear_job(job *j) {
    for (size_t i = 0; j->item && i < j->session.clips.count; i++) {
        free(j->item[i].finding);
        free(j->item[i].out);
    }
    free(j->item);
    sp_clip_clear(&j->noise);
    sp_front_destroy(j->other);
    sp_attacker_clear(&j->attacker);
    cli_session_clear(&j->session);
}

static int audit_all(job *j) {
    const double start = sp_clock_wall();
    const size_t count = j->session.clips.count;
    j->item = calloc(count, sizeof *j->item);
    if (!j->item) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        print_head(j);
    }
    if (!cli_batch_run("audit", count, work, emit, j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        print_summary(j, sp_clock_wall() - start);
    }
    return j->failed ? CLI_INPUT : CLI_OK;
}

/* The model must be one that can be audited; the noise must be readable. */
static int prepare(job *j) {
    sp_error err = {0};
    sp_stream stream = {0};
    sp_pipeline *pipeline = &j->session.pipeline;
    pipeline->threshold = sp_trigger_threshold(j->asked.sensitivity);
    pipeline->original = &j->session.source.model;
    if (sp_stream_one(&err, &stream, pipeline, 0) != SP_OK) {
        cli_complain_about(j->options->model, err.text);
        return CLI_INPUT;
    }
    sp_stream_clear(&stream);
    if (j->asked.noise && cli_clip_read(&err, &j->noise, j->asked.noise, j->session.source.front,
                                        j->options) != SP_OK) {
        cli_complain_about(j->asked.noise, err.text);
        return CLI_INPUT;
    }
    if (j->noise.n && !(j->noise.peak > 0.0)) {
        cli_complain_about(j->asked.noise, "is digital silence, and no noise");
        return CLI_INPUT;
    }
    if (j->options->out && !cli_path_make_folder(j->options->out)) {
        cli_complain("%s: is no folder and cannot be made", j->options->out);
        return CLI_INPUT;
    }
    open_other(j);
    return cli_attacker_open(&j->attacker, &j->session);
}

static int run(const cli_options *options) {
    job j = {.options = options};
    int code = cli_audit_options_read(&j.asked, options);
    if (code < 0) {
        code = cli_session_open(&j.session, &cli_audit, options);
    }
    if (code >= 0) {
        return code;
    }
    code = prepare(&j);
    if (code < 0) {
        code = audit_all(&j);
    }
    clear_job(&j);
    return code;
}

const cli_command cli_audit = {
    .name = "audit",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "find what noise can and cannot make a wake-word model do",
    .examples =
        "  soundproof audit --model hey_mycroft.onnx --front precise-sonopy.json word.wav\n"
        "  soundproof audit --model M.onnx --front F.json --property stream-fire,stream-silent \\\n"
        "      --noise kitchen.wav --sensitivity 0.5 word.wav talk.wav\n"
        "  soundproof audit --model M.onnx --front F.json --property burst --burst 4 --json "
        "word.wav\n"
        "  soundproof audit --model M.onnx --front F.json --property fire --budget -70dB "
        "word.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_METHOD | CLI_AUDIO | CLI_TOL | CLI_BURST |
               CLI_OUT | CLI_EFFORT | CLI_TIMEOUT | CLI_THREADS | CLI_JSON | CLI_VERBOSE,
    .own = own_options,
    .owned = CLI_AUDIT_COUNT,
    .run = run,
};
