/* soundproof report: everything about a few clips as one HTML file. */
#include "cli/report/report_job.h"

#include <stdlib.h>
#include <string.h>

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

static char *const usual_budgets[CLI_REPORT_USUAL] = {"-80dB", "-70dB", "-60dB", "-50dB"};

static cli_report_item *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- printing, in the order of the clips ---- */

static void emit(void *context, size_t index) {
    cli_report_job *own = context;
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    const sp_study *study = &item_of(j, index)->study;
    const sp_radius *radius = &study->radius;
    const char *last = "";
    j->vacuous += sp_verdict_is_vacuous(&radius->verdict);
    cli_job_put(
        j, sp_report_radius_json(clips->path[index], &j->session.pipeline, radius, false),
        sp_report_radius_row(clips->names.name[index], clips->names.width, false, radius, false),
        sp_report_radius_row(clips->names.name[index], SP_TABLE_LATEX, false, radius, false));
    fflush(stdout);
    if (radius->verdict.kind == SP_VERDICT_ERROR) {
        cli_job_complain(j, index, radius->verdict.reason, &last);
    }
    if (own->kept[index]) { // its ending may be another one
        const char *file = study->attack.file_path;
        free(own->kept[index]);
        own->kept[index] = file ? strdup(file) : NULL;
    }
    if (own->pages) {
        cli_report_page(own, index);
    }
}

/* ---- the whole run ---- */

static void print_head(cli_job *j) {
    const sp_class_names *names = cli_session_names(&j->session);
    cli_job_head(j, sp_report_radius_head(j->session.clips.names.width, false, false, names),
                 sp_report_radius_head(SP_TABLE_LATEX, false, false, names));
}

static void print_summary(cli_job *j) {
    printf("\nReport: %s\n", ((cli_report_job *)j)->html);
    if (((cli_report_job *)j)->pages) {
        printf("Pages of the clips: %s/\n", ((cli_report_job *)j)->folder);
    }
    if (j->options->out) {
        printf("Breaking clips: %s/\n", j->options->out);
    }
    cli_asks_says(&j->session);
    cli_norm_says(j->options);
    printf("Method %s, ", j->session.pipeline.method->name);
    cli_job_seconds(j);
}

static int take_budgets(cli_report_job *own) {
    const cli_options *options = own->base.options;
    own->budgets = options->budgets ? options->budgets : CLI_REPORT_USUAL;
    own->budget = options->budgets ? options->budget : own->usual;
    own->budget_text = options->budgets ? options->budget_text : usual_budgets;
    for (size_t b = 0; !options->budgets && b < CLI_REPORT_USUAL; b++) {
        sp_error err = {0};
        if (sp_budget_parse(&err, &own->usual[b], usual_budgets[b]) != SP_OK) {
            cli_complain("%s", err.text);
            return CLI_INPUT;
        }
        own->usual[b].set = options->set;
        own->usual[b].profile = options->profile;
        own->usual[b].deployed = options->deployed;
    }
    return -1;
}

static int prepare(cli_job *j) {
    cli_report_job *own = (cli_report_job *)j;
    own->kept = calloc(j->session.clips.count, sizeof *own->kept);
    bool taken = own->kept != NULL;
    for (size_t i = 0; taken && j->options->out && i < j->session.clips.count; i++) {
        own->kept[i] = cli_job_path(j, i, "broken");
        taken = own->kept[i] != NULL;
    }
    int code = taken ? take_budgets(own) : cli_clips_out_of_memory(&j->session.clips);
    code = code < 0 ? cli_windows_hop_read(&own->hop, j->command, j->options->own[HOP]) : code;
    if (code < 0 && !j->records.merged) {
        code = cli_attacker_open(&j->attacker, &j->session);
    }
    return code < 0 ? cli_report_open(own) : code;
}

static bool begin(cli_job *j, void *of, size_t clip) {
    (void)j;
    (void)clip;
    sp_study_init(&((cli_report_item *)of)->study);
    return true;
}

static void end(cli_job *j, void *of) {
    (void)j;
    sp_study_clear(&((cli_report_item *)of)->study);
}

static void clear(cli_job *j) {
    cli_report_job *own = (cli_report_job *)j;
    for (size_t i = 0; i < j->session.clips.count; i++) {
        free(own->kept ? own->kept[i] : NULL);
    }
    free(own->kept);
    cli_report_drop(own);
}

static cli_steps steps_of(const cli_options *options) {
    return (cli_steps){
        .item = sizeof(cli_report_item),
        .keep = !options->own[PAGES], // else a page is written as soon as its clip is done
        .partial = true,
        .prepare = prepare,
        .head = print_head,
        .begin = begin,
        .recall = cli_report_recall,
        .work = cli_report_work,
        .emit = emit,
        .end = end,
        .finish = cli_report_finish,
        .summary = print_summary,
        .clear = clear};
}

/* Those of merge stand in its own --html and --pages. */
static int name_files(cli_report_job *j, const cli_options *options) {
    const char *pages = options->own[PAGES], *html = options->own[HTML];
    j->pages = pages;
    j->html = html ? html : options->html ? options->html : usual_html;
    return pages && (!pages[0] || strchr(pages, '/') || pages[0] == '.')
               ? cli_usage(j->base.command, "--pages needs the name of a folder beside the report, "
                                            "without /: --pages clips")
               : -1;
}

static int run(const cli_options *options) {
    const cli_steps steps = steps_of(options);
    cli_report_job j = {.base = {.command = &cli_report, .steps = &steps, .options = options}};
    const int code = name_files(&j, options);
    return code < 0 ? cli_job_run(&j.base) : code;
}

int cli_report_merge(cli_job *base) {
    const cli_steps steps = steps_of(base->options);
    cli_report_job j = {.base = *base};
    j.base.steps = &steps;
    const int code = name_files(&j, base->options);
    return code < 0 ? cli_job_replay(&j.base) : code;
}

char **cli_report_pages(const cli_options *options) {
    return &options->own[PAGES];
}

const cli_command cli_report = {
    .name = "report",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "write an HTML report: radius, margins, breaking noise, sensitive frames",
    .examples =
        "  soundproof report --model M.onnx --html report.html 8_theo_3.wav 2_theo_3.wav\n"
        "  soundproof report --model M.onnx --budget -70dB --budget -60dB --out attacks *.wav\n"
        "  soundproof report --model M.onnx --manifest test.tsv --html corpus.html --pages clips\n"
        "  soundproof report --model M.onnx --journal report.jsonl --manifest test.tsv\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHOD | CLI_FRONT_RELAX |
               CLI_LABEL | CLI_MANIFEST | CLI_AUDIO | CLI_TOL | CLI_OUT | CLI_EFFORT | CLI_TIMEOUT |
               CLI_THREADS | CLI_JSON,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .apart = 1 << HTML | 1 << PAGES,
    .corpus = true,
    .programs = true,
    .deployed = true,
    .run = run,
};
