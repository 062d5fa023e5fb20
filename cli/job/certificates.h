/* What --proof asks of a command about clips: certificates of verdicts, as files in a folder. */
#ifndef SP_CLI_CERTIFICATES_H
#define SP_CLI_CERTIFICATES_H

#include "cli/job/job.h"

/** cli_proof - the folder, and what all certificates of a run share. */
typedef struct cli_proof {
    const cli_job *job; /* borrowed */
    const char *folder;
    char *front_text; /* owned: the description in --front, or NULL */
    /* whether of the network alone, or from a certificate before, it can be told that the checker
     * reads the file; owned */
    struct cli_proof_told *told;
    char *plain; /* owned: the file that certificates are of instead of the model's; or NULL */
    char plain_digest[SP_DIGEST_TEXT];
} cli_proof;
/** cli_proof_open - refuses what certificates do not know, before any work is done, and makes the
 *  folder. Of a model that is written otherwise than its net (as a Loop, say) the net is written
 *  there too: certificates are of that file. Returns -1 or an exit code. */
int cli_proof_open(cli_proof *proof, const cli_job *job, const char *folder);
void cli_proof_close(cli_proof *proof);

/** cli_proof_one - one verdict that may be certified: its `keep` writes DIR/CLIP_BUDGET.proof. */
typedef struct cli_proof_one {
    const cli_proof *proof;
    size_t index;        /* of the clip in the session */
    const sp_clip *clip; /* samples `begin` on of the recording */
    size_t begin;
    const char *recording; /* path of the file that holds them; NULL: the clip's */
    const char *name;      /* of the file, behind the clip's; NULL: budget_text */
    const sp_budget *budget;
    const char *budget_text;
    const sp_verdict *verdict; /* its label and radius are read when a certificate is written */
    bool proved;               /* it was certified before, without a certificate */
    sp_certify_keep keep;      /* to be given to sp_certify_kept, or in an item */
    bool written;
    sp_error err; /* why it could not be written */
} cli_proof_one;
void cli_proof_begin(cli_proof_one *one);
/** cli_proof_end - once the verdict is there: SP_OK, or why a certified one, or one that was
 *  `proved`, has no certificate.
 *  What was written of one that came to be none is removed. */
SP_NODISCARD sp_status cli_proof_end(sp_error *err, const cli_proof_one *one);

#endif
