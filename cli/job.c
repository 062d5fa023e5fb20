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
    bool *done;  /* [units] */
    pthread_mutex_t lock;
} queue;

static void run_unit(void *context, size_t unit) {
    queue *q = context;
    const cli_steps *steps = q->job->steps;
    steps->work(q->job, unit);
    pthread_mutex_lock(&q->lock);
    q->done[unit] = true;
    while (q->next < q->job->units && q->done[q->next]) {
        sp_progress_clear();
        steps->emit(q->job, q->next++);
        fflush(stdout);
    }
    pthread_mutex_unlock(&q->lock);
    sp_progress_step();
}

/* A progress bar shows on a terminal. */
static int run_units(cli_job *job) {
    queue q = {job, 0, calloc(job->units + 1, sizeof *q.done), PTHREAD_MUTEX_INITIALIZER};
    if (!q.done) {
        return cli_job_out_of_memory(job);
    }
    sp_progress_begin(job->command->name, job->units);
    sp_pool_run(job->units, 0, run_unit, &q);
    sp_progress_end();
    pthread_mutex_destroy(&q.lock);
    free(q.done);
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
    if (job->options->out && !cli_path_make_folder(job->options->out)) {
        cli_complain("%s: is no folder and cannot be made", job->options->out);
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
    if (table && steps->summary) {
        steps->summary(job);
    }
    return job->failed ? CLI_INPUT : CLI_OK;
}

void cli_job_clear(cli_job *job) {
    if (!job->open) {
        return;
    }
    if (job->steps->clear && job->item) {
        job->steps->clear(job);
    }
    free(job->item);
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

void cli_verdict_fail(sp_verdict *verdict, const sp_error *err, long label) {
    sp_verdict_init(verdict);
    verdict->label = label >= 0 ? (size_t)label : SP_NO_LABEL;
    snprintf(verdict->reason, sizeof verdict->reason, "%s", err->text);
}
