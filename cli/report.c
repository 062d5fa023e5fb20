/* soundproof report: everything about a few clips as one HTML file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pool.h"
#include "cli/impl.h"

enum { STARTS = 3 }; /* of the attacks; they start from each other's noise */

enum { HTML };
static const char usual_html[] = "soundproof.html";
static const cli_own own_options[] = {
    [HTML] = {"html", "the report; soundproof.html unless given", "FILE"}};

static char *const usual_budgets[] = {"-80dB", "-70dB", "-60dB", "-50dB"};
enum { USUAL_BUDGETS = sizeof usual_budgets / sizeof usual_budgets[0] };

typedef struct job {
    const cli_options *options;
    cli_session session;
    sp_attacker attacker;
    size_t budgets;
    sp_budget usual[USUAL_BUDGETS];
    const sp_budget *budget;  /* [budgets] */
    char *const *budget_text; /* [budgets] */
    sp_study *study;          /* [clips] owned */
    char **kept;              /* [clips] owned; where breaking files are kept, or NULL */
    const char *html;
    char *part; /* owned; where the report is written until it is whole */
    FILE *out;
    bool failed;
} job;

/* ---- one clip ---- */

static void work(void *context, size_t index) {
    job *j = context;
    const cli_options *options = j->options;
    const cli_clips *clips = &j->session.clips;
    sp_study *study = &j->study[index];
    sp_study_options wanted = {
        .budgets = j->budgets,
        .budget = j->budget,
        .radius = {.tolerance = options->tolerance,
                   .timeout = options->timeout,
                   .attack = cli_attack_options(options, clips->file[index])}};
    wanted.radius.attack.starts = options->starts ? (size_t)options->starts : STARTS;
    wanted.radius.attack.out = j->kept[index];
    sp_clip clip = {0};
    sp_error err = {0};
    long label = -1;
    if (cli_clips_read(&err, &clip, &label, clips, index, j->session.source.front) == SP_OK) {
        sp_study_make(study, &j->attacker, &clip, label, &wanted);
    } else {
        sp_study_init(study);
        study->radius.verdict.label = label >= 0 ? (size_t)label : SP_NO_LABEL;
        snprintf(study->radius.verdict.reason, sizeof study->radius.verdict.reason, "%s", err.text);
    }
}

static void emit(void *context, size_t index) {
    job *j = context;
    const cli_clips *clips = &j->session.clips;
    const sp_study *study = &j->study[index];
    if (j->options->json) {
        cli_print(
            sp_report_radius_json(clips->path[index], &j->session.pipeline, &study->radius, false));
    } else {
        cli_print(sp_report_radius_row(clips->names.name[index], clips->names.width, &study->radius,
                                       false));
    }
    fflush(stdout);
    if (study->radius.verdict.kind == SP_VERDICT_ERROR) {
        j->failed = true;
        cli_complain_about(clips->path[index], study->radius.verdict.reason);
    }
    if (study->attack.verdict.kind != SP_VERDICT_BROKEN) {
        free(j->kept[index]);
        j->kept[index] = NULL;
    }
}

/* ---- the file ---- */

/* Written beside the old report, which stays until the new one is whole. */
static int open_html(job *j) {
    const size_t size = strlen(j->html) + sizeof ".part";
    j->part = malloc(size);
    if (!j->part) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    snprintf(j->part, size, "%s.part", j->html);
    j->out = cli_path_writable(j->html) ? fopen(j->part, "w") : NULL;
    if (!j->out) {
        cli_complain("%s: cannot be written: %s", j->html, strerror(errno));
        return CLI_INPUT;
    }
    return -1;
}

static const char *model_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int write_html(job *j) {
    const cli_clips *clips = &j->session.clips;
    const sp_page page = {.model = model_name(j->options->model),
                          .pipeline = &j->session.pipeline,
                          .count = clips->count,
                          .budgets = j->budgets,
                          .study = j->study,
                          .name = clips->names.name,
                          .file = clips->file,
                          .kept = j->kept,
                          .budget = j->budget_text};
    sp_error err = {0};
    if (sp_page_write(&err, j->out, &page) != SP_OK) {
        cli_complain_about(j->html, err.text);
        return CLI_INPUT;
    }
    const bool closed = fclose(j->out) == 0;
    j->out = NULL;
    if (!closed || rename(j->part, j->html) != 0) {
        cli_complain("%s: cannot be written: %s", j->html, strerror(errno));
        return CLI_INPUT;
    }
    return -1;
}

/* ---- the whole run ---- */

static int take_budgets(job *j) {
    const cli_options *options = j->options;
    j->budgets = options->budgets ? options->budgets : USUAL_BUDGETS;
    j->budget = options->budgets ? options->budget : j->usual;
    j->budget_text = options->budgets ? options->budget_text : usual_budgets;
    for (size_t b = 0; !options->budgets && b < USUAL_BUDGETS; b++) {
        sp_error err = {0};
        if (sp_budget_parse(&err, &j->usual[b], usual_budgets[b]) != SP_OK) {
            cli_complain("%s", err.text);
            return CLI_INPUT;
        }
    }
    return -1;
}

static int take_memory(job *j) {
    const size_t count = j->session.clips.count;
    j->study = calloc(count, sizeof *j->study);
    j->kept = calloc(count, sizeof *j->kept);
    bool taken = j->study && j->kept;
    for (size_t i = 0; taken && i < count; i++) {
        sp_study_init(&j->study[i]);
        if (j->options->out) {
            j->kept[i] = cli_path_beside(j->options->out, j->session.clips.names.name[i], "broken");
            taken = j->kept[i] != NULL;
        }
    }
    if (!taken) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    return -1;
}

static int study_all(job *j) {
    const double start = sp_clock_wall();
    const size_t count = j->session.clips.count;
    if (!j->options->json) {
        cli_print(sp_report_radius_head(j->session.clips.names.width, false));
    }
    if (!cli_batch_run("report", count, work, emit, j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    const int code = write_html(j);
    if (code >= 0) {
        return code;
    }
    if (!j->options->json) {
        printf("\nReport: %s\n", j->html);
        if (j->options->out) {
            printf("Breaking clips: %s/\n", j->options->out);
        }
        printf("Method %s, %.1f s on %d thread%s.\n", j->session.pipeline.method->name,
               sp_clock_wall() - start, sp_pool_threads(), sp_pool_threads() == 1 ? "" : "s");
    }
    return j->failed ? CLI_INPUT : CLI_OK;
}

static int prepare(job *j) {
    int code = take_budgets(j);
    if (code < 0) {
        code = cli_attacker_open(&j->attacker, &j->session);
    }
    if (code < 0 && j->options->out && !cli_path_make_folder(j->options->out)) {
        cli_complain("%s: no such folder can be made", j->options->out);
        code = CLI_INPUT;
    }
    if (code < 0) {
        code = open_html(j);
    }
    return code < 0 ? take_memory(j) : code;
}

static void clear_job(job *j) {
    for (size_t i = 0; i < j->session.clips.count; i++) {
        if (j->study) {
            sp_study_clear(&j->study[i]);
        }
        if (j->kept) {
            free(j->kept[i]);
        }
    }
    free(j->study);
    free(j->kept);
    if (j->out) { // not finished
        fclose(j->out);
        unlink(j->part);
    }
    free(j->part);
    sp_attacker_clear(&j->attacker);
    cli_session_clear(&j->session);
}

static int run(const cli_options *options) {
    job j = {.options = options, .html = options->own[HTML] ? options->own[HTML] : usual_html};
    int code = cli_session_open(&j.session, &cli_report, options);
    if (code >= 0) {
        return code;
    }
    code = prepare(&j);
    if (code < 0) {
        code = study_all(&j);
    }
    clear_job(&j);
    return code;
}

const cli_command cli_report = {
    .name = "report",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "write an HTML report: radius, margins, breaking noise, sensitive frames",
    .examples =
        "  soundproof report --model M.onnx --html report.html 8_theo_3.wav 2_theo_3.wav\n"
        "  soundproof report --model M.onnx --budget -70dB --budget -60dB --out attacks *.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_METHOD | CLI_FRONT_RELAX | CLI_LABEL |
               CLI_MANIFEST | CLI_AUDIO | CLI_TOL | CLI_OUT | CLI_EFFORT | CLI_TIMEOUT |
               CLI_THREADS | CLI_JSON,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
