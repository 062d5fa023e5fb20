/* The parts of soundproof compare. Private to this folder. */
#ifndef SP_CLI_COMPARE_H
#define SP_CLI_COMPARE_H

#include "cli/job/corpus_page.h"
#include "cli/job/job.h"
#include "cli/job/pipelines.h"
#include "cli/job/windows.h"

/* The options that only compare has. */
enum { CLI_COMPARE_MODELS, CLI_COMPARE_HOP };

/** cli_compare_job - one model; its session's pipeline serves the attack, and the methods with the
 *  same front end. */
typedef struct cli_compare_job {
    cli_job base;
    cli_pipelines pipelines; /* of the methods */
    size_t *order;           /* [budgets] from quiet to loud */
    sp_comparison_setup setup;
    sp_comparison_totals totals;
    cli_page *page;       /* borrowed: of all models */
    cli_rows *total_rows; /* borrowed: the CSV of the totals; or NULL */
    long hop;             /* frames from one window of a longer recording to the next */
    size_t longer;        /* such recordings */
} cli_compare_job;

/** cli_compare_steps - of such a job (compare.c). */
extern const cli_steps cli_compare_steps;

/** cli_compare_windows - what sp_comparison_run does, of all windows of a recording: the verdicts
 *  of the weakest window, and attacks on all (compare_windows.c). */
void cli_compare_windows(sp_comparison *comparison, const sp_comparison_setup *setup,
                         const cli_windows *windows, const char *source);

/** cli_compare_page_row - a clip on the page. cli_compare_page_curves - what all clips of a model
 *  add up to. cli_compare_page_end - the introduction, of `count` models (compare_page.c). */
void cli_compare_page_row(const cli_compare_job *own, size_t clip, const sp_comparison *comparison);
void cli_compare_page_curves(const cli_compare_job *own);
void cli_compare_page_end(cli_page *page, const cli_compare_job *job, size_t count);
/** cli_compare_page_begin - the titles; `models` of the page. false: no memory. */
bool cli_compare_page_begin(const cli_compare_job *own);

#endif
