/* Verdicts: what they hold, and what margins make of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certify/impl.h"

const char *sp_verdict_name(sp_verdict_kind kind) {
    switch (kind) {
    case SP_VERDICT_CERTIFIED:
        return "certified";
    case SP_VERDICT_BROKEN:
        return "broken";
    case SP_VERDICT_UNKNOWN:
        return "unknown";
    case SP_VERDICT_MISCLASSIFIED:
        return "misclassified";
    case SP_VERDICT_TIMEOUT:
        return "timeout";
    case SP_VERDICT_ERROR:
        return "error";
    }
    return "error";
}

const char *sp_arithmetic_name(sp_arithmetic arithmetic) {
    return arithmetic == SP_ARITHMETIC_FLOAT32 ? "float32" : "real";
}

bool sp_arithmetic_find(sp_arithmetic *arithmetic, const char *name) {
    const bool single = strcmp(name, "float32") == 0;
    *arithmetic = single ? SP_ARITHMETIC_FLOAT32 : SP_ARITHMETIC_REAL;
    return single || strcmp(name, "real") == 0;
}

const char *sp_arithmetic_text(sp_arithmetic arithmetic) {
    return arithmetic == SP_ARITHMETIC_FLOAT32
               ? "any IEEE float32 runtime over the file's weights, sums in any order, from "
                 "features "
                 "within one unit in the last place, sigmoid and tanh within 2^-22"
               : "real arithmetic over the file's weights and the front end's double constants";
}

void sp_verdict_init(sp_verdict *verdict) {
    *verdict = (sp_verdict){.kind = SP_VERDICT_ERROR,
                            .label = SP_NO_LABEL,
                            .predicted = SP_NO_LABEL,
                            .margin = NAN,
                            .float32 = NAN,
                            .rival = SP_NO_LABEL,
                            .error = NAN,
                            .eps = NAN,
                            .heard_eps = NAN,
                            .scale = {NAN, NAN, NAN, false}};
}

void sp_verdict_clear(sp_verdict *verdict) {
    free(verdict->logits);
    free(verdict->margins);
    sp_verdict_init(verdict);
}

void sp_verdict_judge(sp_verdict *verdict) {
    const size_t weakest = sp_verdict_weakest(verdict);
    char right[SP_CLASS_TEXT], other[SP_CLASS_TEXT];
    sp_class_text(right, verdict->names, verdict->label);
    sp_class_text(other, verdict->names, weakest);
    verdict->kind = SP_VERDICT_UNKNOWN;
    verdict->margin = -INFINITY;
    if (weakest == SP_NO_LABEL || (verdict->outputs == 0 && verdict->label >= verdict->classes)) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 "there is no other label to compare with");
        return;
    }
    const double margin = verdict->margins[weakest];
    if (margin > 0.0) {
        verdict->kind = SP_VERDICT_CERTIFIED;
        verdict->margin = margin;
        verdict->reason[0] = '\0';
        return;
    }
    if (verdict->outputs > 0) {
        verdict->margin = isfinite(margin) ? margin : -INFINITY;
        sp_decision_explain(verdict, weakest);
        return;
    }
    if (verdict->arithmetic == SP_ARITHMETIC_FLOAT32 && verdict->rival != SP_NO_LABEL) {
        verdict->margin = margin;
        sp_class_text(other, verdict->names, verdict->rival);
        snprintf(verdict->reason, sizeof verdict->reason,
                 "in float32 the answer is open even without noise: label %s leads label %s by "
                 "%.4g, and rounding may change that by %.4g",
                 right, other, verdict->logits[verdict->label] - verdict->logits[verdict->rival],
                 verdict->float32);
        return;
    }
    const double clean = verdict->logits[verdict->label] - verdict->logits[weakest];
    if (!isfinite(margin)) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 "no finite bound was found for label %s against label %s", right, other);
        return;
    }
    verdict->margin = margin;
    snprintf(verdict->reason, sizeof verdict->reason,
             "label %s could not be excluded: without noise label %s leads it by %.4g, but under "
             "this noise the lead is only proved to stay above %.4g",
             other, right, clean, margin);
}

bool sp_verdict_is_vacuous(const sp_verdict *verdict) {
    return verdict->kind == SP_VERDICT_CERTIFIED && verdict->scale.vacuous;
}
