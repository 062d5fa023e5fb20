/* Certificates: what a domain leaves behind of a verdict, as a file that another program can check
 * (docs/certificate.md). Only this folder knows zlib. */
#ifndef SP_PROOF_PROOF_H
#define SP_PROOF_PROOF_H

#include <stddef.h>

#include "lstm/domain.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_proof_claim - what was certified, and of what; all borrowed. */
typedef struct sp_proof_claim {
    const sp_net *net;
    const sp_front_forms *forms;
    const double *samples; /* [n], those of the recording from number `begin` on */
    size_t n, begin;
    int rate;
    const sp_noise *noise;             /* with the same radius for every sample */
    const sp_budget *budget;           /* what the radius follows from */
    const sp_domain *domain;           /* that proved all margins, */
    void *bounds;                      /* by these bounds, */
    const sp_front_bound *front_bound; /* behind these */
    double margin;                     /* the least of them */
    const char *model, *recording;     /* paths of the files */
    const char *model_sha256;          /* of the model as it was read */
    const char *front;                 /* path of the description, or NULL: it is the model's own */
    const char *front_text;            /* the description itself */
    const char *budget_text;           /* as the user gave it */
    size_t label;                      /* of one logit: 1, above the threshold, or 0, below it */
    double threshold;                  /* read for one logit */
} sp_proof_claim;

/** sp_proof_knows - whether there can be certificates of a network behind the front end of this
 *  description; SP_E_UNSUPPORTED names what they do not know. */
SP_NODISCARD sp_status sp_proof_knows(sp_error *err, const sp_net *net, const char *front_text);
/** sp_proof_is_chain - whether every node reads the one before it, and nothing but the last step of
 *  all steps: whatever file it was, the network can be written anew. */
bool sp_proof_is_chain(const sp_net *net);
/** sp_proof_write - writes the certificate to `path`, which is replaced whole. SP_E_UNSUPPORTED: it
 *  says what certificates do not know. */
SP_NODISCARD sp_status sp_proof_write(sp_error *err, const char *path, const sp_proof_claim *claim);

#ifdef __cplusplus
}
#endif
#endif
