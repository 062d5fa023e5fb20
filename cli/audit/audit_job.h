/* The job of soundproof audit, and its results in journals. Private to this folder. */
#ifndef SP_CLI_AUDIT_JOB_H
#define SP_CLI_AUDIT_JOB_H

#include "cli/audit/audit_options.h"
#include "cli/job/certificates.h"
#include "cli/job/job.h"
#include "cli/job/pipelines.h"

/** cli_audit_item - one clip with a finding for every property, budget and method. */
typedef struct cli_audit_item {
    cli_record record;
    sp_error err;        /* of reading the clip */
    sp_finding *finding; /* [count] owned */
    char **out;          /* [count] owned; where breaking clips go, or NULL */
    size_t *method;      /* [count] owned; which one's */
    size_t count;
    sp_audit audit; /* what was asked last, for the report */
    bool fires;
    double logit, other_logit; /* of the clean clip; with the other bank of filters, or NaN */
    sp_error unproved;         /* why a certificate could not be written */
} cli_audit_item;

typedef struct cli_audit_job {
    cli_job base;
    cli_audit_options asked;
    sp_front *other; /* owned; the other bank of mycroft-precise, or NULL */
    sp_clip noise;   /* owned; of --noise */
    sp_trigger trigger;
    sp_tally tally;
    cli_pipelines pipelines; /* of --methods, or of the method */
    sp_attacker *attacker;   /* [methods] owned */
    cli_proof proof;         /* owned; with --proof */
} cli_audit_job;

/** cli_audit_question - what a finding is of. */
typedef struct cli_audit_question {
    size_t clip;
    sp_property property;
    size_t budget, method;
} cli_audit_question;

/** cli_audit_methods - how many; cli_audit_method - one of them. */
size_t cli_audit_methods(const cli_options *options);
const sp_method *cli_audit_method(const cli_options *options, size_t method);
/** cli_audit_has_method - whether a property is answered by bounds: samples that no frame hears
 *  need none. */
bool cli_audit_has_method(sp_property property);

/** cli_audit_has_budget - levels are searched by one audit, given budgets are one audit each; gains
 *  and dead samples know no budget. */
bool cli_audit_has_budget(sp_property property);
/** cli_audit_place - where a breaking clip goes, made with malloc; NULL: nowhere. */
char *cli_audit_place(const cli_audit_job *j, const cli_audit_question *asked);

/** cli_audit_direction - the noise of lines: the recording of --noise again and again, or white;
 *  its largest sample is 1. [n], free it; NULL: no memory. */
double *cli_audit_direction(sp_error *err, const cli_audit_job *j, size_t n);

/** cli_audit_keep_heard - what was heard in the clean recording. cli_audit_recall_heard - false: it
 *  does not stand in the journal. cli_audit_keep, cli_audit_recall - a finding of the item; the
 *  next one. */
void cli_audit_keep_heard(cli_audit_job *j, const cli_audit_item *it);
bool cli_audit_recall_heard(cli_audit_job *j, cli_audit_item *it);
void cli_audit_keep(cli_audit_job *j, const cli_audit_item *it, size_t at,
                    const cli_audit_question *asked);
bool cli_audit_recall(cli_audit_job *j, cli_audit_item *it, const cli_audit_question *asked);

/** cli_audit_prove_open - what --proof cannot be given with: -1, or the exit code after a message.
 *  cli_audit_prove - the window of a certified finding once more, with its certificate.
 *  cli_audit_prove_say - why there is none. */
int cli_audit_prove_open(cli_audit_job *j);
void cli_audit_prove(cli_audit_job *j, cli_audit_item *it, const sp_finding *finding,
                     const cli_audit_question *asked);
void cli_audit_prove_say(cli_audit_job *j, const cli_audit_item *it, size_t clip);

#endif
