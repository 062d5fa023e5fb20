/* The job of soundproof audit, and its results in journals. Private to this folder. */
#ifndef SP_CLI_AUDIT_JOB_H
#define SP_CLI_AUDIT_JOB_H

#include "cli/audit/audit_options.h"
#include "cli/job/job.h"

/** cli_audit_item - one clip with a finding for every property and budget. */
typedef struct cli_audit_item {
    cli_record record;
    sp_error err;        /* of reading the clip */
    sp_finding *finding; /* [count] owned */
    char **out;          /* [count] owned; where breaking clips go, or NULL */
    size_t count;
    sp_audit audit; /* what was asked last, for the report */
    bool fires;
    double logit, other_logit; /* of the clean clip; with the other bank of filters, or NaN */
} cli_audit_item;

typedef struct cli_audit_job {
    cli_job base;
    cli_audit_options asked;
    sp_front *other; /* owned; the other bank of mycroft-precise, or NULL */
    sp_clip noise;   /* owned; of --noise */
    sp_trigger trigger;
    sp_tally tally;
} cli_audit_job;

/** cli_audit_has_budget - levels are searched by one audit, given budgets are one audit each; gains
 *  and dead samples know no budget. */
bool cli_audit_has_budget(sp_property property);
/** cli_audit_place - where a breaking clip goes, made with malloc; NULL: nowhere. */
char *cli_audit_place(const cli_audit_job *j, size_t clip, sp_property property, size_t budget);

/** cli_audit_keep_heard - what was heard in the clean recording. cli_audit_recall_heard - false: it
 *  does not stand in the journal. cli_audit_keep, cli_audit_recall - a finding of the item; the
 *  next one. */
void cli_audit_keep_heard(cli_audit_job *j, const cli_audit_item *it);
bool cli_audit_recall_heard(cli_audit_job *j, cli_audit_item *it);
void cli_audit_keep(cli_audit_job *j, const cli_audit_item *it, size_t at, sp_property property,
                    size_t budget);
bool cli_audit_recall(cli_audit_job *j, cli_audit_item *it, size_t clip, sp_property property,
                      size_t budget);

#endif
