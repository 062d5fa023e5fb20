/* Properties, methods and verdicts: what the command and the library offer. */
#ifndef SP_CERTIFY_CERTIFY_H
#define SP_CERTIFY_CERTIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "audio/audio.h"
#include "base/status.h"
#include "lstm/lstm.h"
#include "preprocess/preprocess.h"
#include "relax/relax.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_method - a row of the table of methods. */
typedef struct sp_method {
    const char *name;    /* "exact" */
    const char *summary; /* one line, with its source */
    sp_front_rule front; /* default relaxation of the front end */
    sp_plane_rule planes;
} sp_method;

/** sp_methods - the table; sp_method_find - a row by name, or NULL. */
const sp_method *sp_methods(size_t *count);
const sp_method *sp_method_find(const char *name);

/** sp_system - a network behind its front end: what is being certified. Shared by clips and threads. */
typedef struct sp_system {
    const sp_net *net;     /* borrowed */
    const sp_front *front; /* borrowed */
    sp_front_forms *forms; /* owned; for the rule of the method */
    const sp_method *method;
    sp_front_rule front_rule;
} sp_system;

/** sp_system_init - checks that net and front end fit together and prepares the forms of `rule`
 *  (method->front, or another one asked for by --front-relax). */
SP_NODISCARD sp_status sp_system_init(sp_error *err, sp_system *system, const sp_net *net,
                                      const sp_front *front, const sp_method *method,
                                      sp_front_rule rule);
void sp_system_clear(sp_system *system);

typedef enum {
    SP_VERDICT_CERTIFIED,     /* no noise of the set changes the answer: every margin is positive */
    SP_VERDICT_BROKEN,        /* a noise of the set that changes it is known */
    SP_VERDICT_UNKNOWN,       /* neither was shown */
    SP_VERDICT_MISCLASSIFIED, /* the clean clip is not given this label */
    SP_VERDICT_TIMEOUT,
    SP_VERDICT_ERROR
} sp_verdict_kind;
const char *sp_verdict_name(sp_verdict_kind kind);

/** sp_verdict - the outcome for one clip and one budget. */
typedef struct sp_verdict {
    sp_verdict_kind kind;
    char reason[256];  /* why it is not certified; "" when it is */
    size_t label, predicted, classes, frames;
    double *logits;    /* [classes] owned; of the clean clip */
    double *margins;   /* [classes] owned; certified lower bound of logit[label] - logit[k]; NaN at the label
                          and where none was computed */
    double margin;     /* least of them; NaN when none was computed */
    double error;      /* largest running error term inside the margins */
    double eps;        /* radius in sample units */
    sp_budget_scale scale;
    double seconds, cpu_seconds;
} sp_verdict;
void sp_verdict_clear(sp_verdict *verdict);

/** SP_ARITHMETIC - the arithmetic model of every verdict, printed with it (after GPUPoly's levels). */
#define SP_ARITHMETIC                                                                              \
    "real arithmetic over the file's weights and the front end's double constants"

/** sp_certify - the verdict for one clip. `label` < 0: the model's own prediction.
 *  Always leaves a verdict: errors become SP_VERDICT_ERROR (or _TIMEOUT) with the reason, and are also
 *  returned. timeout in seconds, 0: none. */
sp_status sp_certify(sp_error *err, sp_verdict *verdict, const sp_system *system, const sp_clip *clip,
                     const sp_budget *budget, long label, double timeout);

#ifdef __cplusplus
}
#endif
#endif
