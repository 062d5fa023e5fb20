/* soundproof report: everything about a few clips as one HTML file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/job/corpus_page.h"
#include "cli/job/job.h"
#include "cli/job/windows.h"

enum { STARTS = 3 }; /* of the attacks; they start from each other's noise */

enum { HTML, PAGES, HOP };
static const char usual_html[] = "soundproof.html";
static const cli_own own_options[] = {
    [HTML] = {"html", "the report; soundproof.html unless given", "FILE"},
    [PAGES] =
        {"pages",
         "of a corpus: a page per clip in this folder beside the report, which then has curves, "
         "the worst clips and a table of all that is sorted by a click",
         "NAME"},
    [HOP] = {
        "hop",
        "of recordings that are longer than the model's window: every N-th frame begins one; 1",
        "N"}};

static char *const usual_budgets[] = {"-80dB", "-70dB", "-60dB", "-50dB"};
enum { USUAL_BUDGETS = sizeof usual_budgets / sizeof usual_budgets[0] };

typedef struct job {
    cli_job base;
    size_t budgets;
    sp_budget usual[USUAL_BUDGETS];
    const sp_budget *budget;  /* [budgets] */
    char *const *budget_text; /* [budgets] */
    char **kept;              /* [clips] owned; where breaking files are kept, or NULL */
    const char *html;
    const char *pages; /* NULL: one page for all clips */
    char *folder;      /* owned: where pages stand */
    char *back;        /* owned: the report, from there */
    cli_page page;
    sp_file_draft draft; /* the report, until it is whole */
    FILE *out;           /* to it */
    long hop;            /* frames from one window of a longer recording to the next */
} job;

static sp_study *study_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- one clip ---- */

/* Of a longer recording the clip becomes the window that is certified least. */
static sp_status take_window(sp_error *err, const job *own, sp_clip *clip, long *label,
                             const sp_radius_options *wanted, double *begin_s) {
    const cli_job *j = &own->base;
    cli_windows w = {0};
    SP_TRY(cli_windows_cut(err, &w, &j->session, clip, *label, (size_t)own->hop));
    size_t weakest = 0;
    sp_radius least = {0};
    sp_radius_options options = *wanted;
    options.no_attack = true;
    for (size_t i = 0; i < w.count; i++) {
        sp_radius radius;
        (void)sp_radius_find(NULL, &radius, &j->attacker, &w.part[i], w.label, &options);
        const sp_radius two[2] = {least, radius};
        const bool weaker = i == 0 || sp_radius_weakest(two, 2) == 1;
        weakest = weaker ? i : weakest;
        sp_radius_clear(weaker ? &least : &radius);
        least = weaker ? radius : least;
    }
    sp_radius_clear(&least);
    if (w.count > 0) {
        const sp_clip whole = *clip;
        *clip = w.part[weakest];
        w.part[weakest] = whole;
        *label = w.label;
        *begin_s = (double)w.first[weakest] * w.step_s;
    }
    cli_windows_clear(&w);
    return SP_OK;
}

static void work(void *context, size_t index) {
    const job *own = context;
    const cli_job *j = &own->base;
    const cli_options *options = j->options;
    const cli_clips *clips = &j->session.clips;
    sp_study *study = study_of(j, index);
    sp_study_options wanted = {
        .budgets = own->budgets,
        .budget = own->budget,
        .radius = {.tolerance = options->tolerance,
                   .set = options->set,
                   .profile = options->profile,
                   .timeout = options->timeout,
                   .attack = cli_attack_options(options, clips->file[index])}};
    wanted.radius.attack.starts = options->starts ? (size_t)options->starts : STARTS;
    wanted.radius.attack.out = own->kept[index];
    sp_clip clip = {0};
    sp_error err = {0};
    long label = -1;
    double begin_s = -1.0;
    if (cli_clips_read(&err, &clip, &label, clips, index, j->session.files.front) == SP_OK &&
        take_window(&err, own, &clip, &label, &wanted.radius, &begin_s) == SP_OK) {
        if (begin_s >= 0.0) {
            cli_complain("%s: is longer than the model's window: the report shows the window that "
                         "is certified least, from %.2f s on",
                         clips->path[index], begin_s);
        }
        sp_study_make(study, &j->attacker, &clip, label, &wanted);
    } else {
        sp_study_init(study);
        cli_verdict_fail(&study->radius.verdict, &err, label, cli_session_names(&j->session));
    }
}

/* The page of one clip, and its row on that of all. */
static void write_page(job *own, size_t index) {
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    const sp_study *study = study_of(j, index);
    const size_t room = strlen(own->folder) + 40;
    char *path = malloc(room), *link = malloc(room);
    sp_page page = {.model = cli_path_name(j->options->model),
                    .pipeline = &j->session.pipeline,
                    .set = j->options->set,
                    .count = 1,
                    .asked = 1,
                    .study = study,
                    .name = &clips->names.name[index],
                    .file = (const char **)&clips->file[index],
                    .kept = &own->kept[index],
                    .budgets = own->budgets,
                    .budget = own->budget_text,
                    .back = own->back};
    sp_error err = {0};
    sp_file_draft draft;
    if (!path || !link) {
        cli_complain("out of memory for the page of %s", clips->path[index]);
        j->failed = true;
        free(path);
        free(link);
        return;
    }
    snprintf(path, room, "%s/clip-%zu.html", own->folder, index + 1);
    snprintf(link, room, "%s/clip-%zu.html", own->pages, index + 1);
    sp_status status = sp_file_draft_open(&err, &draft, path);
    if (status == SP_OK) {
        FILE *out = sp_file_draft_stream(&draft);
        status = out ? sp_page_write(&err, out, &page) : SP_E_MEMORY;
        if (status == SP_OK) {
            status = sp_file_draft_keep(&err, &draft);
        } else {
            sp_file_draft_drop(&draft);
        }
    }
    if (status != SP_OK) {
        cli_complain("%s", err.text[0] ? err.text : "out of memory for a page");
        j->failed = true;
        free(link);
        link = NULL;
    }
    free(path);
    cli_page_radius(&own->page, clips->names.name[index], clips->file[index], link, &study->radius);
}

static void emit(void *context, size_t index) {
    job *own = context;
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    const sp_radius *radius = &study_of(j, index)->radius;
    const char *last = "";
    j->vacuous += sp_verdict_is_vacuous(&radius->verdict);
    if (j->options->json) {
        cli_print(sp_report_radius_json(clips->path[index], &j->session.pipeline, radius, false));
    } else {
        cli_print(sp_report_radius_row(clips->names.name[index], clips->names.width, false, radius,
                                       false));
    }
    fflush(stdout);
    if (radius->verdict.kind == SP_VERDICT_ERROR) {
        cli_job_complain(j, index, radius->verdict.reason, &last);
    }
    if (own->pages) {
        write_page(own, index);
    }
    if (own->kept[index]) { // its ending may be another one
        const char *file = study_of(j, index)->attack.file_path;
        free(own->kept[index]);
        own->kept[index] = file ? strdup(file) : NULL;
    }
}

/* ---- the file ---- */

/* The folder of the pages, beside the report, and the way back from there. */
static int open_folder(job *own) {
    const char *slash = strrchr(own->html, '/');
    const size_t head = slash ? (size_t)(slash + 1 - own->html) : 0;
    const size_t room = strlen(own->html) + strlen(own->pages) + 8;
    sp_error err = {0};
    own->folder = malloc(room);
    own->back = malloc(room);
    if (!own->folder || !own->back) {
        return cli_clips_out_of_memory(&own->base.session.clips);
    }
    snprintf(own->folder, room, "%.*s%s", (int)head, own->html, own->pages);
    snprintf(own->back, room, "../%s", own->html + head);
    if (cli_path_make_folder(&err, own->folder) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    cli_page_radius_begin(&own->page);
    return cli_page_open(&own->page, own->html);
}

static int open_html(job *own) {
    sp_error err = {0};
    if (own->pages) {
        return open_folder(own);
    }
    if (sp_file_draft_open(&err, &own->draft, own->html) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    own->out = sp_file_draft_stream(&own->draft);
    if (!own->out) {
        sp_file_draft_drop(&own->draft);
        return cli_clips_out_of_memory(&own->base.session.clips);
    }
    return -1;
}

static void free_done(sp_page *page) {
    free((void *)(uintptr_t)page->study);
    free((void *)(uintptr_t)page->name);
    free(page->file);
    free((void *)(uintptr_t)page->kept);
}

/* The clips that are done, which are all of them unless the run was interrupted. Only the arrays
 * are the page's. */
static sp_status take_done(sp_error *err, cli_job *j, sp_page *page) {
    const cli_clips *clips = &j->session.clips;
    sp_study *study = calloc(clips->count, sizeof *study);
    char **name = calloc(clips->count, sizeof *name), **kept = calloc(clips->count, sizeof *kept);
    const char **file = calloc(clips->count, sizeof *file);
    page->study = study;
    page->name = name;
    page->file = file;
    page->kept = kept;
    if (!study || !name || !file || !kept) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", clips->count);
    }
    for (size_t i = 0; i < clips->count; i++) {
        if (cli_job_done(j, i)) {
            study[page->count] = *study_of(j, i);
            name[page->count] = clips->names.name[i];
            file[page->count] = clips->file[i];
            kept[page->count++] = ((job *)j)->kept[i];
        }
    }
    return SP_OK;
}

static int write_html(cli_job *j) {
    job *own = (job *)j;
    if (own->pages) {
        cli_page_radius_end(&own->page, j->options, &j->session.pipeline, j->session.clips.count);
        return cli_page_close(&own->page);
    }
    const cli_clips *clips = &j->session.clips;
    sp_page page = {.model = cli_path_name(j->options->model),
                    .pipeline = &j->session.pipeline,
                    .set = j->options->set,
                    .shared = j->options->profile != NULL,
                    .asked = clips->count,
                    .budgets = own->budgets,
                    .budget = own->budget_text};
    sp_error err = {0};
    sp_status status = take_done(&err, j, &page);
    if (status == SP_OK) {
        status = sp_page_write(&err, own->out, &page);
    }
    free_done(&page);
    if (status == SP_OK) {
        own->out = NULL;
        status = sp_file_draft_keep(&err, &own->draft);
    }
    if (status != SP_OK) {
        cli_complain_about(own->html, err.text);
        return CLI_INPUT;
    }
    return -1;
}

/* ---- the whole run ---- */

static void print_head(cli_job *j) {
    cli_print(sp_report_radius_head(j->session.clips.names.width, false, false,
                                    cli_session_names(&j->session)));
}

static void print_summary(cli_job *j) {
    printf("\nReport: %s\n", ((job *)j)->html);
    if (((job *)j)->pages) {
        printf("Pages of the clips: %s/\n", ((job *)j)->folder);
    }
    if (j->options->out) {
        printf("Breaking clips: %s/\n", j->options->out);
    }
    cli_norm_says(j->options);
    printf("Method %s, ", j->session.pipeline.method->name);
    cli_job_seconds(j);
}

static int take_budgets(job *own) {
    const cli_options *options = own->base.options;
    own->budgets = options->budgets ? options->budgets : USUAL_BUDGETS;
    own->budget = options->budgets ? options->budget : own->usual;
    own->budget_text = options->budgets ? options->budget_text : usual_budgets;
    for (size_t b = 0; !options->budgets && b < USUAL_BUDGETS; b++) {
        sp_error err = {0};
        if (sp_budget_parse(&err, &own->usual[b], usual_budgets[b]) != SP_OK) {
            cli_complain("%s", err.text);
            return CLI_INPUT;
        }
        own->usual[b].set = options->set;
        own->usual[b].profile = options->profile;
    }
    return -1;
}

static int prepare(cli_job *j) {
    job *own = (job *)j;
    own->kept = calloc(j->session.clips.count, sizeof *own->kept);
    bool taken = own->kept != NULL;
    for (size_t i = 0; taken && j->options->out && i < j->session.clips.count; i++) {
        own->kept[i] = cli_job_path(j, i, "broken");
        taken = own->kept[i] != NULL;
    }
    int code = taken ? take_budgets(own) : cli_clips_out_of_memory(&j->session.clips);
    code = code < 0 ? cli_windows_hop_read(&own->hop, j->command, j->options->own[HOP]) : code;
    if (code < 0) {
        code = cli_attacker_open(&j->attacker, &j->session);
    }
    return code < 0 ? open_html(own) : code;
}

static bool begin(cli_job *j, void *study, size_t clip) {
    (void)j;
    (void)clip;
    sp_study_init(study);
    return true;
}

static void end(cli_job *j, void *study) {
    (void)j;
    sp_study_clear(study);
}

static void clear(cli_job *j) {
    job *own = (job *)j;
    for (size_t i = 0; i < j->session.clips.count; i++) {
        free(own->kept ? own->kept[i] : NULL);
    }
    free(own->kept);
    free(own->folder);
    free(own->back);
    cli_page_drop(&own->page);
    if (own->out) { // not finished
        sp_file_draft_drop(&own->draft);
    }
}

static int run(const cli_options *options) {
    const char *pages = options->own[PAGES];
    const cli_steps steps = {.item = sizeof(sp_study),
                             .keep = !pages, // else a page is written as soon as its clip is done
                             .partial = true,
                             .prepare = prepare,
                             .head = print_head,
                             .begin = begin,
                             .work = work,
                             .emit = emit,
                             .end = end,
                             .finish = write_html,
                             .summary = print_summary,
                             .clear = clear};
    if (pages && (!pages[0] || strchr(pages, '/') || pages[0] == '.')) {
        return cli_usage(&cli_report, "--pages needs the name of a folder beside the report, "
                                      "without /: --pages clips");
    }
    job j = {.base = {.command = &cli_report, .steps = &steps, .options = options},
             .pages = pages,
             .html = options->own[HTML] ? options->own[HTML] : usual_html};
    return cli_job_run(&j.base);
}

const cli_command cli_report = {
    .name = "report",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "write an HTML report: radius, margins, breaking noise, sensitive frames",
    .examples =
        "  soundproof report --model M.onnx --html report.html 8_theo_3.wav 2_theo_3.wav\n"
        "  soundproof report --model M.onnx --budget -70dB --budget -60dB --out attacks *.wav\n"
        "  soundproof report --model M.onnx --manifest test.tsv --html corpus.html --pages clips\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHOD | CLI_FRONT_RELAX |
               CLI_LABEL | CLI_MANIFEST | CLI_AUDIO | CLI_TOL | CLI_OUT | CLI_EFFORT | CLI_TIMEOUT |
               CLI_THREADS | CLI_JSON,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
