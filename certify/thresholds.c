/* Thresholds of outputs, as they are written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "certify/impl.h"

bool sp_decision_logit(double *value, const sp_net *net, bool logit) {
    if (!net->sigmoid || logit) {
        return true;
    }
    const double p = *value;
    *value = log(p) - log1p(-p);
    return p > 0.0 && p < 1.0;
}

/* One number; *rest: what stands behind it, or NULL. */
static sp_status parse_one(sp_error *err, double *value, const sp_net *net, const char *text,
                           const char **rest) {
    const bool logit = strncmp(text, "logit:", 6) == 0;
    char *end = NULL;
    const char *at = text + (logit ? 6 : 0);
    *value = strtod(at, &end);
    if (end == at || (*end != '\0' && *end != ',') || !(fabs(*value) <= 1e6)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "needs a number, or logit: and a number, or one for each output with commas "
                       "between, not '%.80s'",
                       text);
    }
    *rest = *end == ',' ? end + 1 : NULL;
    if (!sp_decision_logit(value, net, logit)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "%.*s is no probability between 0 and 1, which this model's outputs are; "
                       "logit:%.*s says a logit",
                       (int)(end - at), at, (int)(end - at), at);
    }
    return SP_OK;
}

sp_status sp_decision_thresholds(sp_error *err, double *threshold, const sp_net *net,
                                 const char *text) {
    const char *at = text;
    size_t count = 0;
    for (; at && count < net->classes; count++) {
        SP_TRY(parse_one(err, &threshold[count], net, at, &at));
    }
    if (at || (count != 1 && count != net->classes)) {
        return sp_fail(err, SP_E_ARGUMENT, "one for all outputs, or one for each of %zu",
                       net->classes);
    }
    for (size_t k = count; k < net->classes; k++) {
        threshold[k] = threshold[0];
    }
    return SP_OK;
}

sp_status sp_pipeline_ask(sp_error *err, sp_pipeline *pipeline, double *threshold, sp_decision asks,
                          const char *text) {
    const sp_net *net = pipeline->net;
    pipeline->asks = asks;
    if (!text) {
        return SP_OK;
    }
    if (net->classes > 1 && asks != SP_DECISION_OUTPUTS) {
        return sp_fail(
            err, SP_E_MISMATCH,
            "goes with the property outputs: which of %zu outputs is the largest knows no "
            "threshold",
            net->classes);
    }
    SP_TRY(sp_decision_thresholds(err, threshold, net, text));
    pipeline->threshold = threshold[0];
    pipeline->thresholds = threshold;
    return SP_OK;
}
