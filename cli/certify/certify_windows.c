/* Verdicts of recordings that are longer than the model's window. */
#include <stdlib.h>

#include "base/pool.h"
#include "cli/job/windows.h"

typedef struct window_task {
    const cli_job *job;
    const cli_windows *windows;
    const sp_budget *budget;
    const char *file;
    sp_verdict *verdict; /* [windows] */
} window_task;

static void certify_window(void *context, size_t index) {
    const window_task *task = context;
    const cli_job *j = task->job;
    const cli_windows *w = task->windows;
    sp_verdict *verdict = &task->verdict[index];
    (void)sp_certify(NULL, verdict, &j->session.pipeline, &w->part[index], task->budget, w->label,
                     j->options->timeout);
    if (j->options->attack && verdict->kind == SP_VERDICT_UNKNOWN) {
        const sp_attack_options attack = cli_attack_options(j->options, task->file);
        sp_attack_verdict(verdict, &j->attacker, &w->part[index], task->budget, w->label, &attack);
    }
}

static void take_weakest(sp_verdict *to, const cli_windows *w, sp_verdict *verdict) {
    double seconds = 0.0, cpu = 0.0;
    size_t weakest = 0;
    for (size_t i = 0; i < w->count; i++) {
        weakest = cli_windows_worse(&verdict[i], &verdict[weakest]) ? i : weakest;
        seconds += verdict[i].seconds;
        cpu += verdict[i].cpu_seconds;
    }
    *to = verdict[weakest];
    verdict[weakest] = (sp_verdict){0};
    to->seconds = seconds;
    to->cpu_seconds = cpu;
    cli_windows_name(to, w, weakest);
    for (size_t i = 0; i < w->count; i++) {
        sp_verdict_clear(&verdict[i]);
    }
}

void cli_windows_certify(sp_verdict *verdict, const cli_job *job, const cli_windows *windows,
                         const sp_budget *budget, const char *file) {
    const sp_error none = {.text = "out of memory for the windows of a recording"};
    sp_verdict *all = calloc(windows->count, sizeof *all);
    for (size_t b = 0; b < job->options->budgets; b++) {
        window_task task = {job, windows, &budget[b], file, all};
        if (all) {
            sp_pool_run(windows->count, 0, certify_window, &task);
            take_weakest(&verdict[b], windows, all);
        } else {
            cli_verdict_fail(&verdict[b], &none, windows->label, cli_session_names(&job->session));
        }
    }
    free(all);
}
