/* The parts of soundproof report. Private to this folder. */
#ifndef SP_CLI_REPORT_JOB_H
#define SP_CLI_REPORT_JOB_H

#include "base/file.h"
#include "cli/job/corpus_page.h"
#include "cli/job/job.h"
#include "cli/job/windows.h"

/** cli_report_item - one clip. */
typedef struct cli_report_item {
    sp_study study;
    cli_record record;
    size_t frame; /* of a recording that is longer than the model's window: where the one begins
                   * that the study is of */
} cli_report_item;

enum { CLI_REPORT_USUAL = 4 };
typedef struct cli_report_job {
    cli_job base;
    size_t budgets;
    sp_budget usual[CLI_REPORT_USUAL];
    const sp_budget *budget;  /* [budgets] */
    char *const *budget_text; /* [budgets] */
    char **kept;              /* [clips] owned; where breaking files are kept, or NULL */
    const char *html;
    const char *pages; /* NULL: one page for all clips */
    char *folder;      /* owned: where pages stand */
    char *back;        /* owned: the report, from there */
    cli_page page;
    sp_file_draft draft; /* the report, until it is whole */
    FILE *out;           /* to it */
    long hop;            /* frames from one window of a longer recording to the next */
} cli_report_job;

/** cli_report_work, cli_report_recall - of the steps (report_work.c). */
void cli_report_work(void *context, size_t clip);
bool cli_report_recall(cli_job *j, size_t clip);

/** cli_report_open - begins the report, or the folder of its pages: -1, or the exit code after a
 *  message. cli_report_page - the page of one clip, and its row on that of all. cli_report_finish -
 *  of the steps. cli_report_drop - what is not finished (report_file.c). */
int cli_report_open(cli_report_job *own);
void cli_report_page(cli_report_job *own, size_t clip);
int cli_report_finish(cli_job *j);
void cli_report_drop(cli_report_job *own);

#endif
