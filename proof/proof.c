/* A verdict is proved once more, and what the bounds leave is kept. */
#include "proof/proof.h"

#include <math.h>
#include <stdlib.h>

#include "proof/impl.h"

/* The least margin of the label over every other class. */
static sp_status least_margin(sp_error *err, double *margin, const sp_proof_claim *claim,
                              void *bounds) {
    const size_t classes = claim->net->classes, rows = classes - 1;
    double *weight = calloc(rows * (classes + 1), sizeof *weight);
    if (weight == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    }
    double *lower = weight + rows * classes;
    for (size_t k = 0, r = 0; k < classes; k++) {
        if (k != claim->label) {
            weight[r * classes + claim->label] = 1.0;
            weight[r * classes + k] = -1.0;
            r++;
        }
    }
    const sp_status status = claim->domain->margins(err, bounds, lower, NULL, weight, rows);
    *margin = INFINITY;
    for (size_t r = 0; r < rows && status == SP_OK; r++) {
        *margin = lower[r] < *margin || isnan(lower[r]) ? lower[r] : *margin;
    }
    free(weight);
    if (status == SP_OK && !(*margin > 0.0)) {
        return sp_fail(err, SP_E_NUMERIC, "the bounds that a certificate would hold prove nothing");
    }
    return status;
}

static sp_status add_front(sp_error *err, sp_proof_arrays *arrays, const sp_proof_claim *claim,
                           const sp_front_bound *front) {
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

static sp_status write_bounds(sp_error *err, const char *path, const sp_proof_claim *claim,
                              const sp_front_bound *front) {
    const sp_bound_task task = {.net = claim->net, .fronts = &front, .clips = 1};
    sp_proof_arrays arrays = {0};
    void *bounds = NULL;
    double margin = 0.0;
    sp_status status = claim->domain->create(err, &bounds, &task, claim->options);
    if (status == SP_OK) {
        status = least_margin(err, &margin, claim, bounds);
    }
    if (status == SP_OK) {
        status = add_front(err, &arrays, claim, front);
    }
    if (status == SP_OK) {
        status = sp_proof_add_slopes(err, &arrays, claim, bounds, front->frames);
    }
    if (status == SP_OK) {
        status = sp_proof_save(err, path, claim, front, &arrays, margin);
    }
    claim->domain->destroy(bounds);
    sp_proof_arrays_clear(&arrays);
    return status;
}

sp_status sp_proof_write(sp_error *err, const char *path, const sp_proof_claim *claim) {
    sp_front_bound front = {0};
    if (claim->domain->evidence == NULL) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the domain %s leaves no certificate",
                       claim->domain->name);
    }
    SP_TRY(
        sp_front_bound_create(err, &front, claim->forms, claim->samples, claim->n, claim->noise));
    const sp_status status = write_bounds(err, path, claim, &front);
    sp_front_bound_clear(&front);
    return status;
}
