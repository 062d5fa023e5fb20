/* The parts of soundproof certify. Private to this folder. */
#ifndef SP_CLI_CERTIFY_JOB_H
#define SP_CLI_CERTIFY_JOB_H

#include "cli/job/certificates.h"
#include "cli/job/dump.h"
#include "cli/job/job.h"
#include "cli/job/windows.h"

/* The options that only certify has. */
enum { CLI_CERTIFY_PROOF, CLI_CERTIFY_DUMP, CLI_CERTIFY_HOP };

/** cli_certify_clip - one clip with a verdict per budget. */
typedef struct cli_certify_clip {
    cli_record record;
    bool *known; /* [budgets] owned: verdicts that stood in the journal */
    long label;  /* -1: the model's own answer */
    bool usable;
    sp_error err;        /* of reading the clip or its label */
    sp_error unproved;   /* why a certificate could not be written */
    sp_verdict *verdict; /* [budgets] owned */
    bool longer;         /* than the model's window */
    cli_dump_part *part; /* [budgets] owned; NULL without --dump-bounds */
} cli_certify_clip;

typedef struct cli_certify_job {
    cli_job base;
    sp_tally *tally;   /* [budgets] */
    size_t own_labels; /* clips whose label is the model's own answer */
    cli_proof proof;   /* owned; with --proof */
    cli_dump *dump;    /* owned; or NULL */
    long hop;          /* frames from one window of a longer recording to the next */
    size_t longer;     /* such recordings */
} cli_certify_job;

/** cli_certify_work, cli_certify_recall - of the steps (certify_work.c). */
void cli_certify_work(void *context, size_t unit);
bool cli_certify_recall(cli_job *j, size_t unit);

#endif
