/* What the files of soundproof compare share. Private to this folder. */
#ifndef SP_CLI_COMPARE_H
#define SP_CLI_COMPARE_H

#include "cli/impl.h"

/** cli_item - one clip. */
typedef struct cli_item {
    sp_error err; /* of reading the clip or its label */
    sp_comparison comparison;
} cli_item;

/** cli_job - one model in a comparison. */
typedef struct cli_job {
    const cli_options *options;
    cli_session
        session; /* its pipeline serves the attack, and the methods with the same front end */
    sp_attacker attacker;
    sp_pipeline *pipeline; /* [methods] */
    size_t *order;         /* [budgets] from quiet to loud */
    sp_comparison_setup setup;
    sp_comparison_totals totals;
    cli_item *item; /* [clips] */
    bool failed;    /* some clip could not be used */
    bool open;
} cli_job;

/** cli_job_open - reads model and clips of job->options and prepares the methods: -1, or the exit
 *  code after a message. cli_job_run - every method and the attack on every clip, printed as it
 *  goes; the exit code. */
int cli_job_open(cli_job *job);
int cli_job_run(cli_job *job);
/** cli_job_clear - also after a failed cli_job_open. */
void cli_job_clear(cli_job *job);

#endif
