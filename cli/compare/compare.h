/* The parts of soundproof compare. Private to this folder. */
#ifndef SP_CLI_COMPARE_H
#define SP_CLI_COMPARE_H

#include "cli/job/job.h"

/** cli_compare_job - one model; its session's pipeline serves the attack, and the methods with the
 *  same front end. */
typedef struct cli_compare_job {
    cli_job base;
    sp_pipeline *pipeline; /* [methods] */
    size_t *order;         /* [budgets] from quiet to loud */
    sp_comparison_setup setup;
    sp_comparison_totals totals;
    cli_rows *total_rows; /* borrowed: the CSV of the totals; or NULL */
} cli_compare_job;

/** cli_compare_steps - of such a job (compare.c). */
extern const cli_steps cli_compare_steps;

#endif
