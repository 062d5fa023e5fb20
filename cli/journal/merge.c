/* soundproof merge: what a command prints of all its clips, out of the journals of its shards. */
#include <stdlib.h>
#include <string.h>

#include "cli/job/job.h"
#include "cli/journal/plan.h"

enum { PAGES };
static const cli_own own_options[] = {
    [PAGES] = {"pages", "of journals of report: a page per clip in this folder beside --html",
               "NAME"}};

/* What can be merged. */
typedef struct mergeable {
    const cli_command *command;
    int (*merge)(cli_job *job); /* NULL: compare, whose models come together */
} mergeable;

static const mergeable every_mergeable[] = {
    {&cli_certify, cli_certify_merge}, {&cli_radius, cli_radius_merge},
    {&cli_attack, cli_attack_merge},   {&cli_audit, cli_audit_merge},
    {&cli_report, cli_report_merge},   {&cli_compare, NULL}};
enum { MERGEABLE = sizeof every_mergeable / sizeof every_mergeable[0] };

typedef struct merging {
    const cli_options *options; /* of merge */
    size_t count;
    sp_journal **journal; /* [count] owned */
    cli_plans *plans;     /* [count] owned */
    const mergeable *what;
    size_t models;
    cli_options *asked; /* [models] owned: of the command */
    cli_job *job;       /* [models] owned; what is in them too */
    cli_merged *merged; /* [models] owned */
    bool lacks;         /* some result is missing, or could not be read */
} merging;

static const char *path_of(const merging *g, size_t journal) {
    return sp_journal_path(g->journal[journal]);
}

static const cli_plan *plan_of(const merging *g, size_t journal, size_t model) {
    const cli_plans *plans = &g->plans[journal];
    return &plans->plan[plans->last[model]];
}

/* ---- reading ---- */

static int complain_empty(const char *path, const cli_plans *plans) {
    if (plans->lasts == 0) {
        cli_complain("%s: is no journal of soundproof that says what a run was going to do", path);
    } else {
        cli_complain("%s: its last run has begun only %zu of %zu models: run it to its end", path,
                     plans->lasts, plans->models);
    }
    return CLI_INPUT;
}

static int read_journal(merging *g, const char *path) {
    sp_error err = {0};
    cli_plans *plans = &g->plans[g->count];
    sp_journal **journal = &g->journal[g->count];
    *plans = (cli_plans){.details = true};
    if (sp_journal_read(&err, journal, path, cli_plans_take, plans) != SP_OK) {
        cli_complain_about(path, err.text);
        cli_plans_clear(plans);
        return CLI_INPUT;
    }
    g->count++;
    const sp_journal_about *about = sp_journal_tell(*journal);
    if (about->torn) {
        cli_complain("%s: its last line was cut short: a run was killed, or is under way", path);
    }
    if (about->damaged > 0) {
        cli_complain("%s: %zu line%s not what was written, and %s left out", path, about->damaged,
                     about->damaged == 1 ? " is" : "s are", about->damaged == 1 ? "is" : "are");
        g->lacks = true;
    }
    return plans->lasts > 0 && plans->lasts == plans->models ? -1 : complain_empty(path, plans);
}

static int read_journals(merging *g) {
    const cli_options *options = g->options;
    g->journal = calloc(options->arguments, sizeof(sp_journal *));
    g->plans = calloc(options->arguments, sizeof *g->plans);
    int code = g->journal && g->plans ? -1 : CLI_INPUT;
    for (size_t i = 0; code < 0 && i < options->arguments; i++) {
        code = read_journal(g, options->argument[i]);
    }
    return code;
}

/* ---- whether they belong together ---- */

static bool same(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What keeps two plans apart, in words; NULL: nothing. */
static const char *difference(const cli_plan *a, const cli_plan *b) {
    return !same(a->command, b->command)             ? "another command"
           : !same(a->version, b->version)           ? "another version of soundproof"
           : !same(a->model_digest, b->model_digest) ? "another model"
           : !same(a->front, b->front)               ? "another front end"
           : !same(a->options, b->options)           ? "other options"
           : !same(a->setup, b->setup)               ? "other settings"
           : !same(a->names, b->names)               ? "other names of the answers"
           : a->shards != b->shards                  ? "another number of shards"
           : a->given != b->given || !same(a->split, b->split)
               ? "other clips, or clips of other lengths"
               : NULL;
}

static int check_plans(merging *g) {
    const cli_plan *first = plan_of(g, 0, 0);
    g->models = g->plans[0].lasts;
    for (size_t i = 0; i < MERGEABLE; i++) {
        if (same(every_mergeable[i].command->name, first->command)) {
            g->what = &every_mergeable[i];
        }
    }
    if (!g->what) {
        cli_complain("%s: is a journal of %s, which merge does not know", path_of(g, 0),
                     first->command ? first->command : "nothing");
        return CLI_INPUT;
    }
    if (!same(first->version, SP_VERSION)) {
        cli_complain(
            "%s: was written by soundproof %s, and this is %s: merge with the version that "
            "has run",
            path_of(g, 0), first->version ? first->version : "?", SP_VERSION);
        return CLI_INPUT;
    }
    for (size_t j = 1; j < g->count; j++) {
        for (size_t m = 0; m < g->models; m++) {
            const char *apart = g->plans[j].lasts != g->models
                                    ? "another number of models"
                                    : difference(plan_of(g, 0, m), plan_of(g, j, m));
            if (apart) {
                cli_complain("%s: is of %s than %s: they are not merged", path_of(g, j), apart,
                             path_of(g, 0));
                return CLI_INPUT;
            }
        }
    }
    return -1;
}

/* ---- the job of a model ---- */

/* The command line of the plan; the texts of `line` must outlive the options. */
static int read_options(cli_options *options, const cli_command *command, const cli_plan *plan) {
    const size_t length = plan->options ? strlen(plan->options) : 0;
    char *line = malloc(length + 1);
    const char **list = calloc(length / 2 + 4, sizeof *list);
    int count = 1, code = CLI_INPUT;
    if (line && list) {
        memcpy(line, plan->options ? plan->options : "", length + 1);
        list[0] = command->name;
        for (char *at = strtok(line, "\n"); at; at = strtok(NULL, "\n")) {
            list[count++] = at;
        }
        code = cli_options_read(options, command, count, list);
    }
    free(line);
    free(list);
    return code;
}

static int take_options(merging *g, size_t model) {
    const cli_plan *plan = plan_of(g, 0, model);
    cli_options *asked = &g->asked[model];
    int code = read_options(asked, g->what->command, plan);
    if (code >= 0) {
        return code;
    }
    const char *const from[] = {plan->model, g->options->plot, g->options->csv, g->options->latex,
                                g->options->html};
    char **const to[] = {&asked->model, &asked->plot, &asked->csv, &asked->latex, &asked->html};
    for (int i = 0; i < 5; i++) {
        *to[i] = from[i] ? strdup(from[i]) : NULL;
        code = from[i] && !*to[i] ? CLI_INPUT : code;
    }
    if (g->what->command == &cli_report && g->options->own[PAGES]) {
        char **pages = cli_report_pages(asked);
        *pages = strdup(g->options->own[PAGES]);
        code = *pages ? code : CLI_INPUT;
    }
    asked->json = g->options->json;
    asked->verbose = g->options->verbose;
    return code;
}

/* Which journal has a clip: owner [given], the number of the journal from 1; 0: none. */
static void find_owners(const merging *g, size_t model, size_t *owner, const cli_plan_clip **clip) {
    for (size_t j = 0; j < g->count; j++) {
        const cli_plan *plan = plan_of(g, j, model);
        for (size_t i = 0; i < plan->clips; i++) {
            const size_t index = plan->clip[i].index;
            if (index < plan->given && owner[index] == 0) {
                owner[index] = j + 1;
                clip[index] = &plan->clip[i];
            }
        }
    }
}

/* The shards of which there is no journal. */
static void say_absent(merging *g, size_t model, size_t clips) {
    const cli_plan *first = plan_of(g, 0, model);
    char list[256] = "";
    for (size_t s = 1; s <= first->shards; s++) {
        bool there = false;
        for (size_t j = 0; j < g->count; j++) {
            there = there || plan_of(g, j, model)->shard == s;
        }
        const size_t used = strlen(list);
        if (!there && used + 32 < sizeof list) {
            snprintf(list + used, sizeof list - used, "%s%zu/%zu", used ? ", " : "", s,
                     first->shards);
        }
    }
    g->lacks = true;
    cli_complain("%zu of %zu clips stand in no journal that was given%s%s", clips, first->given,
                 list[0] ? ": there is none of shard " : "", list);
}

static bool fill_clips(merging *g, size_t model, const size_t *owner,
                       const cli_plan_clip *const *clip) {
    const size_t given = plan_of(g, 0, model)->given;
    cli_clips *clips = &g->job[model].session.clips;
    cli_merged *merged = &g->merged[model];
    size_t absent = 0;
    clips->options = &g->asked[model];
    clips->given = given;
    clips->path = calloc(given + 1, sizeof *clips->path);
    clips->file = calloc(given + 1, sizeof *clips->file);
    merged->of_clip = calloc(given + 1, sizeof *merged->of_clip);
    merged->label = calloc(given + 1, sizeof *merged->label);
    if (!clips->path || !clips->file || !merged->of_clip || !merged->label) {
        return false;
    }
    for (size_t i = 0; i < given; i++) {
        if (owner[i] == 0) {
            absent++;
            continue;
        }
        merged->of_clip[clips->count] = owner[i] - 1;
        merged->label[clips->count] = clip[i]->label;
        clips->file[clips->count] = clip[i]->path;
        clips->path[clips->count++] = clip[i]->path;
    }
    if (absent > 0) {
        say_absent(g, model, absent);
    }
    clips->sequences = clips->count > 0 && sp_clip_sequence_named(clips->path[0]);
    return cli_names_make(&clips->names, clips->path, clips->count);
}

static int take_clips(merging *g, size_t model) {
    const size_t given = plan_of(g, 0, model)->given;
    size_t *owner = calloc(given + 1, sizeof *owner);
    const cli_plan_clip **clip = calloc(given + 1, sizeof *clip);
    bool taken = owner && clip;
    if (taken) {
        find_owners(g, model, owner, clip);
        taken = fill_clips(g, model, owner, clip);
    }
    free(owner);
    free(clip);
    if (!taken) {
        cli_complain("out of memory for %zu clips", given);
        return CLI_INPUT;
    }
    return -1;
}

/* What tables and JSON objects say of the pipeline: names, method, the layout of the front end. */
static int take_session(merging *g, size_t model) {
    const cli_plan *plan = plan_of(g, 0, model);
    cli_session *session = &g->job[model].session;
    sp_error err = {0};
    session->options = &g->asked[model];
    if (plan->names && sp_class_names_parse(&err, &session->names, plan->names, plan->answers)) {
        cli_complain_about(path_of(g, 0), err.text);
        return CLI_INPUT;
    }
    if (plan->front_text && sp_front_parse(&err, &session->files.front, plan->front_text,
                                           strlen(plan->front_text), path_of(g, 0)) != SP_OK) {
        cli_complain_about(path_of(g, 0), err.text);
        return CLI_INPUT;
    }
    session->files.model.net.steps = plan->steps;
    session->files.model.net.sigmoid = plan->sigmoid;
    session->files.model.net.every = plan->every;
    session->pipeline = (sp_pipeline){.method = g->asked[model].method,
                                      .front_rule = g->asked[model].front_rule,
                                      .front = session->files.front,
                                      .whole = session->files.front,
                                      .names = cli_session_names(session),
                                      .arithmetic = g->asked[model].arithmetic};
    return -1;
}

static int take_model(merging *g, size_t model) {
    cli_job *job = &g->job[model];
    int code = take_options(g, model);
    if (code < 0) {
        code = take_clips(g, model);
    }
    if (code < 0) {
        code = take_session(g, model);
    }
    g->merged[model].journal = g->journal;
    job->command = g->what->command;
    job->options = &g->asked[model];
    job->models = g->models;
    job->records = (cli_records){.on = true, .merged = &g->merged[model]};
    if (plan_of(g, 0, model)->setup) {
        snprintf(job->records.setup, sizeof job->records.setup, "%s", plan_of(g, 0, model)->setup);
    }
    const bool places = g->what->command == &cli_audit || g->what->command == &cli_report ||
                        (g->what->command == &cli_radius &&
                         (job->options->frame != CLI_NO_FRAME || job->options->burst > 0));
    if (code < 0 && places && !job->session.files.front && !job->session.clips.sequences) {
        cli_complain("%s: does not say what the front end is, which tells where the frames lie",
                     path_of(g, 0));
        return CLI_INPUT;
    }
    return code;
}

/* ---- the whole ---- */

static int merge_all(merging *g) {
    g->asked = calloc(g->models, sizeof *g->asked);
    g->job = calloc(g->models, sizeof *g->job);
    g->merged = calloc(g->models, sizeof *g->merged);
    if (!g->asked || !g->job || !g->merged) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    int code = -1;
    for (size_t m = 0; code < 0 && m < g->models; m++) {
        code = take_model(g, m);
    }
    if (code >= 0) {
        return code;
    }
    code = g->what->merge ? g->what->merge(&g->job[0])
                          : cli_compare_merge(g->job, g->models, g->options);
    return code == CLI_OK && g->lacks ? CLI_INPUT : code;
}

/* The jobs' sessions are cleared by those that have worked with them. */
static void clear(merging *g) {
    for (size_t m = 0; m < g->models && g->merged; m++) {
        free(g->merged[m].of_clip);
        free(g->merged[m].label);
        cli_options_clear(&g->asked[m]);
    }
    for (size_t j = 0; j < g->count; j++) {
        sp_journal_close(g->journal[j]);
        cli_plans_clear(&g->plans[j]);
    }
    free(g->journal);
    free(g->plans);
    free(g->asked);
    free(g->job);
    free(g->merged);
}

static int run(const cli_options *options) {
    merging g = {.options = options};
    if (options->arguments == 0) {
        return cli_usage(&cli_merge, "no journals: name those that --journal has written");
    }
    int code = read_journals(&g);
    if (code < 0) {
        code = check_plans(&g);
    }
    if (code < 0 && options->plot && g.what->command != &cli_compare) {
        code = cli_usage(&cli_merge, "--plot is for journals of compare, these are of %s",
                         g.what->command->name);
    }
    const bool report = code < 0 && g.what->command == &cli_report;
    if (code < 0 && options->html && !g.what->command->page && !report) {
        code = cli_usage(&cli_merge,
                         "--html is for journals of compare, radius and report, these are of %s",
                         g.what->command->name);
    }
    if (code < 0 && options->own[PAGES] && !report) {
        code = cli_usage(&cli_merge, "--pages is for journals of report, these are of %s",
                         g.what->command->name);
    }
    if (code < 0) {
        code = merge_all(&g);
    }
    clear(&g);
    return code;
}

const cli_command cli_merge = {
    .name = "merge",
    .arguments = "[OPTION...] JOURNAL...",
    .summary = "print what a command found out about all clips, from the journals of its shards",
    .examples = "  soundproof merge journals/*.jsonl\n"
                "  soundproof merge --json journals/*.jsonl\n"
                "  soundproof merge --csv all.csv --latex all.tex --plot shares journals/*.jsonl\n"
                "  soundproof merge --html corpus.html journals/*.jsonl\n",
    .accepts = CLI_JSON | CLI_VERBOSE | CLI_PLOT | CLI_THREADS,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .tables = true,
    .page = true,
    .run = run,
};
