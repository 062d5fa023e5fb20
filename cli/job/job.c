/* The skeleton of a command about clips: what they have in common from opening the model to the
 * exit code. Work is parallel, its results are emitted in order. */
#include "cli/job/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "base/progress.h"

/* ---- items ---- */

void *cli_job_item(const cli_job *job, size_t clip) {
    return job->item[clip];
}

/* The clips of a unit: [first, end). */
static size_t first_of(const cli_job *job, size_t unit) {
    return unit * job->group;
}

static size_t end_of(const cli_job *job, size_t unit) {
    const size_t end = (unit + 1) * job->group, clips = job->session.clips.count;
    return end < clips ? end : clips;
}

static void drop_item(cli_job *job, size_t clip) {
    if (job->item[clip]) {
        if (job->steps->end) {
            job->steps->end(job, job->item[clip]);
        }
        free(job->item[clip]);
        job->item[clip] = NULL;
    }
}

static void drop_items(cli_job *job, size_t unit) {
    for (size_t i = first_of(job, unit); i < end_of(job, unit); i++) {
        drop_item(job, i);
    }
}

static bool begin_items(cli_job *job, size_t unit) {
    for (size_t i = first_of(job, unit); i < end_of(job, unit); i++) {
        job->item[i] = calloc(1, job->steps->item);
        if (!job->item[i] || (job->steps->begin && !job->steps->begin(job, job->item[i], i))) {
            return false;
        }
    }
    return true;
}

/* ---- parallel work, in order ---- */

enum { PENDING = 0, DONE, MISSING };

typedef struct queue {
    cli_job *job;
    size_t next; /* the first unit that was not emitted */
    size_t cut;  /* units that are done in part */
    pthread_mutex_t lock;
} queue;

bool cli_job_done(const cli_job *job, size_t clip) {
    return job->done[clip / job->group] == DONE;
}

/* A clip of a merge whose results do not all stand in its journal. */
static void say_missing(cli_job *job, size_t clip) {
    enum { MOST = 10 };
    job->failed = true;
    if (job->missing++ < MOST) {
        cli_complain_about(job->session.clips.path[clip],
                           "not all that was asked of it stands in its journal");
    }
}

static void emit_next(queue *q) {
    cli_job *job = q->job;
    const size_t unit = q->next++;
    if (job->done[unit] == DONE) {
        sp_progress_clear();
        job->steps->emit(job, unit);
        fflush(stdout);
    } else {
        say_missing(job, unit);
    }
    if (!job->steps->keep) {
        drop_items(job, unit);
    }
}

static double cost_of(const cli_job *job, size_t unit) {
    double cost = 0.0;
    for (size_t i = first_of(job, unit); job->session.clips.cost && i < end_of(job, unit); i++) {
        cost += job->session.clips.cost[i];
    }
    return cost;
}

/* What becomes of a unit: what the journal has of it and, but for merges, the rest of the work.
 * *known: there was none. */
static int do_unit(cli_job *job, size_t unit, bool *known) {
    if (!begin_items(job, unit)) {
        cli_clips_out_of_memory(&job->session.clips);
        sp_clock_stop();
        job->failed = true;
        return PENDING;
    }
    *known = job->records.on && job->steps->recall(job, unit);
    if (*known) {
        return DONE;
    }
    if (job->records.merged) {
        return MISSING;
    }
    job->steps->work(job, unit);
    return cli_records_sync(job) ? DONE : PENDING;
}

/* Units that an interruption cut short are not done, unless the command takes them as they are. */
static void run_unit(void *context, size_t unit) {
    queue *q = context;
    cli_job *job = q->job;
    bool known = false;
    if (sp_clock_stopped()) {
        return;
    }
    const int state = do_unit(job, unit, &known);
    pthread_mutex_lock(&q->lock);
    const bool cut = sp_clock_stopped() && !known;
    job->done[unit] = (char)(cut && !job->steps->partial ? PENDING : state);
    q->cut += cut && job->done[unit] == DONE;
    while (q->next < job->units && job->done[q->next] != PENDING) {
        emit_next(q);
    }
    pthread_mutex_unlock(&q->lock);
    sp_progress_step_of(cost_of(job, unit), known);
}

static void say_interrupted(const queue *q) {
    const cli_job *job = q->job;
    size_t done = 0;
    for (size_t i = 0; i < job->units; i++) {
        done += job->done[i] == DONE;
    }
    cli_complain("interrupted: %zu of %zu %s done%s%s", done - q->cut, job->units,
                 job->group == 1 ? "clips" : "groups of clips",
                 q->cut > 0 ? ", others in part" : "",
                 job->options->journal ? "; what is done stands in the journal" : "");
}

/* What is done behind the first unit that is not. */
static void emit_rest(queue *q) {
    const cli_job *job = q->job;
    while (q->next < job->units) {
        if (job->done[q->next] == PENDING) {
            q->next++;
        } else {
            emit_next(q);
        }
    }
    if (sp_clock_stopped()) {
        say_interrupted(q);
    }
}

static const char *advice_of(const cli_command *command) {
    const bool method = (command->accepts & (CLI_METHOD | CLI_METHODS)) != 0;
    return !(command->accepts & CLI_TIMEOUT) ? NULL
           : method                          ? "--timeout S gives up on a clip, method ibp is quick"
                                             : "--timeout S gives up on a clip";
}

/* A progress bar shows on a terminal. */
static int run_units(cli_job *job) {
    queue q = {job, 0, 0, PTHREAD_MUTEX_INITIALIZER};
    double cost = 0.0;
    job->done = calloc(job->units + 1, sizeof *job->done);
    if (!job->done) {
        return cli_clips_out_of_memory(&job->session.clips);
    }
    cli_interrupt_watch();
    sp_progress_begin(job->command->name, job->units, advice_of(job->command));
    for (size_t unit = 0; unit < job->units; unit++) {
        cost += cost_of(job, unit);
    }
    sp_progress_weigh(cost);
    sp_pool_run(job->units, 0, run_unit, &q);
    sp_progress_end();
    emit_rest(&q);
    pthread_mutex_destroy(&q.lock);
    return -1;
}

/* ---- from open to clear ---- */

int cli_job_open(cli_job *job) {
    const cli_steps *steps = job->steps;
    int code = steps->budget ? cli_budget_check(job->command, job->options) : -1;
    job->start = sp_clock_wall();
    if (code < 0) {
        code = cli_session_open(&job->session, job->command, job->options, !steps->concrete);
        job->open = code < 0;
    }
    if (code >= 0) {
        return code;
    }
    code = cli_shard_take(job);
    if (code >= 0) {
        return code;
    }
    const size_t clips = job->session.clips.count;
    job->group = 1;
    job->item = calloc(clips + 1, sizeof *job->item);
    if (!job->item) {
        return cli_clips_out_of_memory(&job->session.clips);
    }
    sp_error err = {0};
    if (job->options->out && cli_path_make_folder(&err, job->options->out) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    code = steps->prepare ? steps->prepare(job) : -1;
    job->units = (clips + job->group - 1) / job->group;
    if (code < 0 && !job->rows) {
        code = cli_rows_open(&job->own_rows, job->command, job->options);
        job->rows = &job->own_rows;
    }
    return code < 0 ? cli_records_open(job) : code;
}

int cli_job_work(cli_job *job) {
    const cli_steps *steps = job->steps;
    const bool table = !job->options->json;
    if (steps->head && (table || job->command->corpus)) {
        steps->head(job);
    }
    int code = run_units(job);
    if (code < 0 && steps->finish) {
        code = steps->finish(job);
    }
    if (code >= 0) {
        return code;
    }
    if (!steps->quiet) {
        cli_job_say_vacuous(job->vacuous);
    }
    if (table && steps->summary) {
        steps->summary(job);
    }
    if (job->missing > 0) {
        fflush(stdout);
        cli_complain("%zu of %zu clips are missing: the same command with the same journals does "
                     "what is left",
                     job->missing, job->session.clips.given);
    }
    if (job->rows == &job->own_rows && cli_rows_close(&job->own_rows) >= 0) {
        job->failed = true;
    }
    code = cli_interrupt_code();
    return code >= 0 ? code : job->failed || job->records.failed ? CLI_INPUT : CLI_OK;
}

void cli_job_clear(cli_job *job) {
    if (!job->open) {
        return;
    }
    for (size_t i = 0; job->item && i < job->session.clips.count; i++) {
        drop_item(job, i);
    }
    if (job->steps->clear && job->item) {
        job->steps->clear(job);
    }
    free(job->item);
    free(job->done);
    cli_rows_drop(&job->own_rows);
    cli_records_clear(&job->records);
    sp_attacker_clear(&job->attacker);
    cli_session_clear(&job->session);
    job->open = false;
}

int cli_job_replay_open(cli_job *job) {
    job->start = sp_clock_wall();
    job->group = 1;
    job->units = job->session.clips.count;
    job->open = true;
    job->item = calloc(job->units + 1, sizeof *job->item);
    if (!job->item) {
        return cli_clips_out_of_memory(&job->session.clips);
    }
    int code = job->steps->prepare ? job->steps->prepare(job) : -1;
    if (code < 0 && !job->rows) {
        code = cli_rows_open(&job->own_rows, job->command, job->options);
        job->rows = &job->own_rows;
    }
    return code;
}

int cli_job_replay(cli_job *job) {
    int code = cli_job_replay_open(job);
    if (code < 0) {
        code = cli_job_work(job);
    }
    cli_job_clear(job);
    return code;
}

int cli_job_run(cli_job *job) {
    int code = cli_job_open(job);
    if (code < 0) {
        code = cli_job_work(job);
    }
    cli_job_clear(job);
    return code;
}

/* ---- what commands share ---- */

void cli_job_head(cli_job *job, char *row, char *latex) {
    if (job->options->json) {
        free(row);
    } else {
        cli_print(row);
    }
    cli_rows_head(job->rows, latex);
}

void cli_job_put(cli_job *job, char *json, char *row, char *latex) {
    if (!json || !row || !latex) {
        cli_complain("out of memory for a line of output");
    } else {
        puts(job->options->json ? json : row);
        cli_rows_put(job->rows, json, latex);
    }
    free(json);
    free(row);
    free(latex);
}

void cli_job_complain(cli_job *job, size_t clip, const char *text, const char **last) {
    job->failed = true;
    if (strcmp(*last, text) != 0) {
        cli_complain_about(job->session.clips.path[clip], text);
    }
    *last = text;
}

void cli_job_say_vacuous(size_t count) {
    if (count > 0) {
        fflush(stdout);
        cli_complain(
            "%zu certified verdict%s (*) %s vacuous: the noise is below half a step of the "
            "clip's format, so that no other file of the format is among it; what is "
            "proved is true of real-valued noise only",
            count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
    }
}

void cli_job_seconds(const cli_job *job) {
    printf("%.1f s on %d thread%s.\n", sp_clock_wall() - job->start, sp_pool_threads(),
           sp_pool_threads() == 1 ? "" : "s");
}

char *cli_job_path(const cli_job *job, size_t clip, const char *text) {
    return cli_path_beside(job->options->out, job->session.clips.names.name[clip], text);
}

void cli_verdict_fail(sp_verdict *verdict, const sp_error *err, long label,
                      const sp_class_names *names) {
    sp_verdict_init(verdict);
    verdict->names = names;
    verdict->label = label >= 0 ? (size_t)label : SP_NO_LABEL;
    snprintf(verdict->reason, sizeof verdict->reason, "%s", err->text);
}
