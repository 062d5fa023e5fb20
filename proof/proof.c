/* What the bounds that proved a verdict leave is kept. */
#include "proof/proof.h"

#include <stdlib.h>

#include "proof/impl.h"

static sp_status add_front(sp_error *err, sp_proof_arrays *arrays, const sp_proof_claim *claim) {
    const sp_front_bound *front = claim->front_bound;
    sp_front_evidence e;
    SP_TRY(sp_front_evidence_create(err, &e, claim->forms, front, claim->samples, claim->n,
                                    claim->noise));
    const struct {
        const char *name;
        const double *from;
        size_t size;
    } list[] = {{"front/diagonal", e.diagonal, e.bands * e.frame},
                {"front/share", e.share, e.rows},
                {"front/energy", e.energy, e.frame},
                {"front/witness", e.witness, e.frames * e.weights},
                {"front/lower", front->lo_w, e.frames * e.bands},
                {"front/upper", front->up_w, e.frames * e.bands}};
    sp_status status = SP_OK;
    for (size_t i = 0; i < sizeof list / sizeof list[0] && status == SP_OK; i++) {
        status = sp_proof_add(err, arrays, list[i].name, list[i].from, list[i].size);
    }
    sp_front_evidence_clear(&e);
    return status;
}

/* The bounds must be of this noise. */
static sp_status check_noise(sp_error *err, const sp_proof_claim *claim) {
    const sp_front_bound *front = claim->front_bound;
    bool same = front->radius != NULL && sp_front_noise_set(front) == claim->noise->set &&
                front->padded >= claim->n;
    for (size_t i = 0; same && i < claim->n; i++) {
        same = front->radius[i] == claim->noise->radius[0];
    }
    return same ? SP_OK
                : sp_fail(err, SP_E_UNSUPPORTED,
                          "certificates know noise with one radius for all samples");
}

sp_status sp_proof_knows(sp_error *err, const sp_net *net, const char *front_text) {
    sp_proof_text nodes = {0};
    const sp_status status = sp_proof_nodes(err, &nodes, net);
    free(nodes.at);
    return status == SP_OK ? sp_proof_front(err, front_text) : status;
}

sp_status sp_proof_write(sp_error *err, const char *path, const sp_proof_claim *claim) {
    sp_proof_arrays arrays = {0};
    if (claim->domain->evidence == NULL) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the domain %s leaves no certificate",
                       claim->domain->name);
    }
    sp_status status = check_noise(err, claim);
    status = status == SP_OK ? add_front(err, &arrays, claim) : status;
    if (status == SP_OK) {
        status = sp_proof_add_slopes(err, &arrays, claim);
    }
    if (status == SP_OK) {
        status = sp_proof_save(err, path, claim, &arrays);
    }
    sp_proof_arrays_clear(&arrays);
    return status;
}
