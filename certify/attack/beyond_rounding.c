/* Whether a changed answer is changed for every float32 program too. */
#include "certify/attack/descent.h"

sp_status sp_attack_beyond_rounding(sp_error *err, bool *beyond, double *term,
                                    const sp_query *query, const double *samples, size_t other,
                                    double margin) {
    const sp_pipeline *pipeline = query->pipeline;
    *term = 0.0;
    *beyond = margin < -SP_ATTACK_CLEAR;
    if (!*beyond || pipeline->arithmetic == SP_ARITHMETIC_REAL) {
        return SP_OK;
    }
    SP_TRY(sp_pipeline_single_term(err, term, pipeline, samples, query->clip->n,
                                   query->verdict->label, other, query->deadline));
    *beyond = margin < -SP_ATTACK_CLEAR - *term; // NaN fails
    return SP_OK;
}
