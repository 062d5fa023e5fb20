/* Plans: before its results a run writes into the journal what it is going to do, a line "run", for
 * each model a line "plan" and a line per clip. A plan that stands there is named again. */
#include "cli/journal/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "cli/job/job.h"

/* ---- reading ---- */

static const char *const plan_texts[] = {"setup",        "soundproof",   "command", "model",
                                         "model_sha256", "front_sha256", "front",   "names",
                                         "options",      "split"};
enum { TEXTS = sizeof plan_texts / sizeof plan_texts[0] };

static char **text_of(cli_plan *plan, int i) {
    char **const text[TEXTS] = {
        &plan->setup, &plan->version,    &plan->command, &plan->model,   &plan->model_digest,
        &plan->front, &plan->front_text, &plan->names,   &plan->options, &plan->split};
    return text[i];
}

static void clear_plan(cli_plan *plan) {
    for (int i = 0; i < TEXTS; i++) {
        free(*text_of(plan, i));
    }
    for (size_t i = 0; plan->clip && i < plan->clips; i++) {
        free(plan->clip[i].path);
    }
    free(plan->clip);
    free(plan->check);
    *plan = (cli_plan){0};
}

void cli_plans_clear(cli_plans *plans) {
    for (size_t i = 0; i < plans->count; i++) {
        clear_plan(&plans->plan[i]);
    }
    free(plans->plan);
    free(plans->last);
    *plans = (cli_plans){0};
}

static size_t whole(const sp_json *object, const char *key) {
    double value = 0.0;
    return sp_json_number(NULL, &value, object, key) == SP_OK && value >= 0.0 ? (size_t)value : 0;
}

static sp_status no_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "out of memory for the plans of a journal");
}

static sp_status use_plan(sp_error *err, cli_plans *plans, size_t which) {
    size_t *grown = realloc(plans->last, (plans->lasts + 1) * sizeof *grown);
    if (!grown) {
        return no_memory(err);
    }
    plans->last = grown;
    plans->last[plans->lasts++] = which;
    plans->current = which;
    return SP_OK;
}

static sp_status take_plan(sp_error *err, cli_plans *plans, const sp_json *object,
                           const char *check) {
    cli_plan *grown = realloc(plans->plan, (plans->count + 1) * sizeof *grown);
    if (!grown) {
        return no_memory(err);
    }
    plans->plan = grown;
    cli_plan *plan = &plans->plan[plans->count];
    *plan = (cli_plan){.check = strdup(check),
                       .shard = whole(object, "shard"),
                       .shards = whole(object, "shards"),
                       .given = whole(object, "given"),
                       .own = whole(object, "own"),
                       .steps = whole(object, "steps"),
                       .sigmoid = sp_json_flag(sp_json_get(object, "sigmoid")),
                       .every = sp_json_flag(sp_json_get(object, "every")),
                       .answers = whole(object, "answers")};
    plans->count++;
    bool taken = plan->check != NULL;
    for (int i = 0; plans->details && i < TEXTS; i++) {
        const sp_json *member = sp_json_get(object, plan_texts[i]);
        if (sp_json_is_string(member)) {
            *text_of(plan, i) = strdup(sp_json_string(member));
            taken = taken && *text_of(plan, i);
        }
    }
    if (plans->details && taken) {
        plan->clip = calloc(plan->own + 1, sizeof *plan->clip);
        taken = plan->clip != NULL;
    }
    return taken ? use_plan(err, plans, plans->count - 1) : no_memory(err);
}

static sp_status take_clip(sp_error *err, cli_plans *plans, const sp_json *object) {
    cli_plan *plan = plans->current < plans->count ? &plans->plan[plans->current] : NULL;
    const char *path = NULL;
    double label = -1.0;
    if (!plan || !plans->details || plan->clips >= plan->own) {
        return SP_OK;
    }
    SP_TRY(sp_json_text(err, &path, object, "path"));
    SP_TRY(sp_json_number(err, &label, object, "label"));
    cli_plan_clip *clip = &plan->clip[plan->clips];
    *clip = (cli_plan_clip){whole(object, "clip"), strdup(path), (long)label};
    plan->clips += clip->path != NULL;
    return clip->path ? SP_OK : no_memory(err);
}

static sp_status take_again(sp_error *err, cli_plans *plans, const char *check) {
    for (size_t i = plans->count; i-- > 0;) { // an earlier one may lack clips
        if (strcmp(plans->plan[i].check, check) == 0) {
            return use_plan(err, plans, i);
        }
    }
    return SP_OK; // its line was damaged
}

static sp_status take_object(sp_error *err, cli_plans *plans, const sp_json *object) {
    const char *check = NULL, *again = NULL;
    SP_TRY(sp_json_text(err, &check, object, "check"));
    if (sp_json_get(object, "run")) {
        plans->lasts = 0;
        plans->current = SIZE_MAX;
        plans->models = whole(object, "models");
        return SP_OK;
    }
    if (sp_json_get(object, "again")) {
        SP_TRY(sp_json_text(err, &again, object, "again"));
        return take_again(err, plans, again);
    }
    return sp_json_get(object, "plan")   ? take_plan(err, plans, object, check)
           : sp_json_get(object, "clip") ? take_clip(err, plans, object)
                                         : SP_OK;
}

sp_status cli_plans_take(sp_error *err, void *context, const char *line, size_t size) {
    cli_plans *plans = context;
    static const char clip[] = "{\"clip\":";
    sp_json *object = NULL;
    if (!plans->details && size > sizeof clip && memcmp(line, clip, sizeof clip - 1) == 0) {
        if (plans->current < plans->count) {
            plans->plan[plans->current].clips++;
        }
        return SP_OK;
    }
    SP_TRY(sp_json_parse(err, &object, line, size));
    const sp_status status = take_object(err, plans, object);
    sp_json_destroy(object);
    return status;
}

/* ---- writing ---- */

/* Those of the journal of this process. */
static cli_plans known;

sp_status cli_plan_open(sp_error *err, sp_journal **journal, const char *path) {
    known = (cli_plans){0};
    return sp_journal_open(err, journal, path, cli_plans_take, &known);
}

void cli_plan_close(void) {
    cli_plans_clear(&known);
}

static char *join_names(const sp_class_names *names) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = names ? open_memstream(&text, &size) : NULL;
    for (size_t k = 0; out && k < names->count; k++) {
        fprintf(out, "%s%s", k ? "\t" : "", names->name[k]);
    }
    return out && fclose(out) == 0 ? text : NULL;
}

static long label_of(const cli_job *job, size_t clip) {
    long label = -1;
    return cli_clips_label(NULL, &label, &job->session.clips, clip) == SP_OK ? label : -1;
}

/* The clips of this shard with their costs: another split gives another text. */
static sp_status digest_clips(char *text, const cli_job *job) {
    const cli_clips *clips = &job->session.clips;
    sp_digest *digest = sp_digest_create();
    for (size_t i = 0; i < clips->count; i++) {
        sp_digest_number(digest, clips->index[i]);
        sp_digest_add(digest, clips->path[i], strlen(clips->path[i]) + 1);
        sp_digest_number(digest, (uint64_t)(int64_t)label_of(job, i));
    }
    return sp_digest_finish(digest, text);
}

/* The plan's line, without "check"; NULL: no memory. */
static char *plan_line(const cli_job *job, const char *clips) {
    const cli_options *options = job->options;
    const cli_records *r = &job->records;
    char *names = join_names(cli_session_names(&job->session));
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "plan", clips);
    sp_json_line_text(line, "setup", r->setup);
    sp_json_line_text(line, "soundproof", SP_VERSION);
    sp_json_line_text(line, "command", job->command->name);
    sp_json_line_text(line, "model", options->model);
    sp_json_line_text(line, "model_sha256", job->session.files.model.digest);
    sp_json_line_text(line, "front_sha256", r->front);
    sp_json_line_text(line, "front", r->front_text);
    sp_json_line_text(line, "names", names);
    sp_json_line_number(line, "answers",
                        (double)sp_pipeline_answers(&job->session.files.model.net));
    sp_json_line_number(line, "steps", (double)job->session.files.model.net.steps);
    sp_json_line_bool(line, "sigmoid", job->session.files.model.net.sigmoid);
    sp_json_line_bool(line, "every", job->session.files.model.net.every);
    sp_json_line_text(line, "options", options->given ? options->given : "");
    sp_json_line_number(line, "shard", options->shards ? (double)options->shard : 1.0);
    sp_json_line_number(line, "shards", options->shards ? (double)options->shards : 1.0);
    sp_json_line_number(line, "given", (double)job->session.clips.given);
    sp_json_line_text(line, "split", job->session.clips.split);
    sp_json_line_number(line, "own", (double)job->session.clips.count);
    free(names);
    return sp_json_line_finish(line);
}

static sp_status write_clips(sp_error *err, sp_journal *journal, const cli_job *job) {
    const cli_clips *clips = &job->session.clips;
    for (size_t i = 0; i < clips->count; i++) {
        sp_json_line *line = sp_json_line_create();
        sp_json_line_number(line, "clip", (double)clips->index[i]);
        sp_json_line_text(line, "path", clips->path[i]);
        sp_json_line_number(line, "label", (double)label_of(job, i));
        sp_json_line_number(line, "cost", clips->cost[i]);
        char *text = sp_json_line_finish(line);
        const sp_status status = text ? sp_journal_append(err, journal, text)
                                      : sp_fail(err, SP_E_MEMORY, "out of memory");
        free(text);
        SP_TRY(status);
    }
    return SP_OK;
}

static sp_status write_run(sp_error *err, sp_journal *journal, const cli_job *job) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "run", job->command->name);
    sp_json_line_number(line, "models", (double)(job->models ? job->models : 1));
    char *text = sp_json_line_finish(line);
    const sp_status status =
        text ? sp_journal_append(err, journal, text) : sp_fail(err, SP_E_MEMORY, "out of memory");
    free(text);
    return status;
}

/* The first digits of the line's checksum, as the journal puts them behind it: names the plan. */
static sp_status check_of(char check[17], const char *line) {
    char digest[SP_DIGEST_TEXT];
    sp_digest *made = sp_digest_create();
    sp_digest_add(made, line, strlen(line) - 1);
    SP_TRY(sp_digest_finish(made, digest));
    memcpy(check, digest, 16);
    check[16] = '\0';
    return SP_OK;
}

static bool is_known(const char *check) {
    for (size_t i = 0; i < known.count; i++) {
        const cli_plan *plan = &known.plan[i];
        if (strcmp(plan->check, check) == 0 && plan->clips == plan->own) {
            return true;
        }
    }
    return false;
}

static sp_status write_plan(sp_error *err, sp_journal *journal, const cli_job *job,
                            const char *line) {
    char check[17];
    SP_TRY(check_of(check, line));
    if (!is_known(check)) {
        SP_TRY(sp_journal_append(err, journal, line));
        return write_clips(err, journal, job);
    }
    sp_json_line *again = sp_json_line_create();
    sp_json_line_text(again, "again", check);
    char *text = sp_json_line_finish(again);
    const sp_status status =
        text ? sp_journal_append(err, journal, text) : sp_fail(err, SP_E_MEMORY, "out of memory");
    free(text);
    return status;
}

sp_status cli_plan_write(sp_error *err, sp_journal *journal, const cli_job *job, bool first) {
    char clips[SP_DIGEST_TEXT];
    SP_TRY(digest_clips(clips, job));
    if (first) {
        SP_TRY(write_run(err, journal, job));
    }
    char *line = plan_line(job, clips);
    const sp_status status =
        line ? write_plan(err, journal, job, line) : sp_fail(err, SP_E_MEMORY, "out of memory");
    free(line);
    SP_TRY(status);
    return sp_journal_sync(err, journal);
}
