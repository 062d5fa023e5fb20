/* A process that certifies one clip, against the pass in it. */
#include "cli/bench/bench.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* Processor seconds of all children that have ended. */
static double children_seconds(void) {
    struct rusage usage;
    return getrusage(RUSAGE_CHILDREN, &usage) == 0
               ? seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)
               : NAN;
}

/* This program on these arguments, without a word: its processor seconds. */
static sp_status run_silently(sp_error *err, const char *const *arguments, double *seconds) {
    const double before = children_seconds();
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int failed =
        posix_spawn(&child, arguments[0], &actions, NULL, (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) == CLI_USAGE || WEXITSTATUS(status) == CLI_INPUT) {
        return sp_fail(err, SP_E_IO, "it could not be run");
    }
    *seconds = children_seconds() - before;
    return SP_OK;
}

/* The least of several runs of each, in turn: both on one thread's work, whatever threads there
 * are. */
static sp_status measure(sp_error *err, const bench_case *c, const sp_clip *clip, size_t runs,
                         const char *const *arguments, double *process, double *pass) {
    *process = *pass = INFINITY;
    for (size_t i = 0; i <= runs; i++) { // the first one fills the caches of files
        bench_pass one;
        double seconds = 0.0;
        SP_TRY(run_silently(err, arguments, &seconds));
        SP_TRY(bench_pass_run(err, &one, c, sp_method_find("exact"), clip, 1));
        *process = i > 0 && seconds < *process ? seconds : *process;
        *pass = i > 0 && one.cpu_seconds < *pass ? one.cpu_seconds : *pass;
    }
    return SP_OK;
}

/* What the network answers, so that no other label stops the process before the pass. */
static sp_status answer_of(sp_error *err, size_t *answer, const bench_case *c,
                           const sp_clip *clip) {
    const sp_method *method = sp_method_find("ibp");
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -80.0};
    sp_verdict verdict = {0};
    sp_pipeline pipeline;
    const sp_certify_item item = {
        .clip = clip, .budget = &budget, .label = -1, .verdict = &verdict};
    sp_status status = sp_pipeline_init(err, &pipeline, c->net, c->front, method, method->front);
    if (status == SP_OK) {
        status = sp_certify_all(err, &pipeline, &item, 1, 0.0);
        *answer = verdict.predicted;
    }
    sp_verdict_clear(&verdict);
    sp_pipeline_clear(&pipeline);
    return status;
}

int bench_process(const cli_options *options, const bench_case *c) {
    enum { FRAMES = 11 };
    sp_error err = {0};
    sp_clip clip = {0};
    size_t answer = 0;
    double process = 0.0, pass = 0.0;
    char self[PATH_MAX], file[PATH_MAX], name[64], label[32], what[128];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *const arguments[] = {self,       "certify",     "--threads", "1",
                                     "--method", "exact",       "--budget",  "-80dB",
                                     "--model",  c->model_file, "--front",   c->front_file,
                                     "--label",  label,         file,        NULL};
    if (!c->with_model || !c->front_file || length <= 0 ||
        !bench_case_find(&clip, name, c, FRAMES)) {
        return CLI_OK; // a random network has no file
    }
    self[length] = '\0';
    snprintf(file, sizeof file, "%s/%s", c->clips, name);
    sp_status status = answer_of(&err, &answer, c, &clip);
    snprintf(label, sizeof label, "%zu", answer);
    if (status == SP_OK) {
        status = measure(&err, c, &clip, options->quick ? 3 : 20, arguments, &process, &pass);
    }
    sp_clip_clear(&clip);
    if (status != SP_OK) {
        cli_complain("a process for one clip: %s", err.text);
        return CLI_INPUT;
    }
    snprintf(what, sizeof what, "T = %d (%s): a process for it / the pass, CPU time", FRAMES, name);
    bench_figure(options, "exact", what, process / pass, "x", "<= 1.5");
    return CLI_OK;
}
