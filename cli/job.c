/* The skeleton of a command about clips: what they have in common from opening the model to the
 * exit code. Work is parallel, its results are emitted in order. */
#include "cli/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "base/progress.h"

/* ---- parallel work, in order ---- */

typedef struct queue {
    cli_job *job;
    size_t next; /* the first unit that was not emitted */
    size_t cut;  /* units that are done in part */
    pthread_mutex_t lock;
} queue;

static void emit_next(queue *q) {
    sp_progress_clear();
    q->job->steps->emit(q->job, q->next++);
    fflush(stdout);
}

/* Units that an interruption cut short are not done, unless the command takes them as they are. */
static void run_unit(void *context, size_t unit) {
    queue *q = context;
    cli_job *job = q->job;
    if (sp_clock_stopped()) {
        return;
    }
    job->steps->work(job, unit);
    pthread_mutex_lock(&q->lock);
    const bool cut = sp_clock_stopped();
    job->done[unit] = job->steps->partial || !cut;
    q->cut += cut && job->done[unit];
    while (q->next < job->units && job->done[q->next]) {
        emit_next(q);
    }
    pthread_mutex_unlock(&q->lock);
    sp_progress_step();
}

static void say_interrupted(const queue *q) {
    const cli_job *job = q->job;
    size_t done = 0;
    for (size_t i = 0; i < job->units; i++) {
        done += job->done[i];
    }
    cli_complain("interrupted: %zu of %zu %s done%s", done - q->cut, job->units,
                 job->units == job->session.clips.count ? "clips" : "groups of clips",
                 q->cut > 0 ? ", others in part" : "");
}

/* What is done behind the first unit that is not. */
static void emit_rest(queue *q) {
    const cli_job *job = q->job;
    while (q->next < job->units) {
        if (job->done[q->next]) {
            emit_next(q);
        } else {
            q->next++;
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
    job->done = calloc(job->units + 1, sizeof *job->done);
    if (!job->done) {
        return cli_job_out_of_memory(job);
    }
    cli_interrupt_watch();
    sp_progress_begin(job->command->name, job->units, advice_of(job->command));
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
    job->units = job->session.clips.count;
    job->item = calloc(job->units, steps->item);
    if (!job->item) {
        return cli_job_out_of_memory(job);
    }
    sp_error err = {0};
    if (job->options->out && cli_path_make_folder(&err, job->options->out) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    return steps->prepare ? steps->prepare(job) : -1;
}

int cli_job_work(cli_job *job) {
    const cli_steps *steps = job->steps;
    const bool table = !job->options->json;
    if (table && steps->head) {
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
    code = cli_interrupt_code();
    return code >= 0 ? code : job->failed ? CLI_INPUT : CLI_OK;
}

void cli_job_clear(cli_job *job) {
    if (!job->open) {
        return;
    }
    if (job->steps->clear && job->item) {
        job->steps->clear(job);
    }
    free(job->item);
    free(job->done);
    sp_attacker_clear(&job->attacker);
    cli_session_clear(&job->session);
    job->open = false;
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

int cli_job_out_of_memory(const cli_job *job) {
    cli_complain("out of memory for %zu clips", job->session.clips.count);
    return CLI_INPUT;
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
