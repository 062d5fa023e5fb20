/* What must stay as it is: one answer, or many decisions at once, of several outputs and frames;
 * and how far each is from changing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certify/impl.h"

static const char *const asks_names[] = {
    [SP_DECISION_ANSWER] = "answer", [SP_DECISION_OUTPUTS] = "outputs"};

const char *sp_decision_name(sp_decision asks) {
    return asks_names[asks];
}

bool sp_decision_find(sp_decision *asks, const char *name) {
    for (size_t i = 0; i < sizeof asks_names / sizeof asks_names[0]; i++) {
        if (strcmp(asks_names[i], name) == 0) {
            *asks = (sp_decision)i;
            return true;
        }
    }
    return false;
}

size_t sp_pipeline_scores(const sp_pipeline *pipeline, size_t n) {
    const sp_net *net = pipeline->net;
    return sp_pipeline_asks_many(pipeline)
               ? sp_net_rows(net, 0, sp_front_frames(pipeline->front, n)) * net->classes
               : sp_pipeline_answers(net);
}

/* ---- margins ---- */

/* The largest score of the frame that score k is of. */
static size_t largest_of(const sp_verdict *verdict, size_t k) {
    const size_t first = k / verdict->outputs * verdict->outputs;
    bool tie = false;
    const size_t largest = sp_prediction(verdict->logits + first, verdict->outputs, &tie);
    return largest == SP_NO_LABEL ? SP_NO_LABEL : first + largest;
}

static double threshold_of(const sp_pipeline *pipeline, const sp_verdict *verdict, size_t k) {
    return pipeline->thresholds ? pipeline->thresholds[k % verdict->outputs] : pipeline->threshold;
}

bool sp_lead_of(sp_lead *lead, const sp_pipeline *pipeline, const sp_verdict *verdict, size_t k) {
    if (verdict->sides) {
        const double threshold = threshold_of(pipeline, verdict, k);
        const bool above = verdict->logits[k] >= threshold;
        *lead =
            above ? (sp_lead){k, SP_NO_LABEL, -threshold} : (sp_lead){SP_NO_LABEL, k, threshold};
        return true;
    }
    *lead = (sp_lead){verdict->outputs > 0 ? largest_of(verdict, k) : verdict->label, k, 0.0};
    return lead->plus != k;
}

double sp_lead_value(const sp_lead *lead, const double *score) {
    const double plus = lead->plus == SP_NO_LABEL ? 0.0 : score[lead->plus];
    const double minus = lead->minus == SP_NO_LABEL ? 0.0 : score[lead->minus];
    return plus - minus + lead->constant;
}

size_t sp_lead_list(size_t *at, size_t most, const sp_pipeline *pipeline,
                    const sp_verdict *verdict) {
    const bool many = verdict->outputs > 0;
    size_t count = 0;
    for (size_t k = 0; k < verdict->classes; k++) {
        sp_lead lead, other;
        if (!sp_lead_of(&lead, pipeline, verdict, k)) {
            continue;
        }
        const double clean = sp_lead_value(&lead, verdict->logits);
        size_t i = !many || count < most ? count++ : most;
        for (; many && i > 0; i--) {
            (void)sp_lead_of(&other, pipeline, verdict, at[i - 1]);
            if (!(clean < sp_lead_value(&other, verdict->logits))) {
                break;
            }
            if (i < most) {
                at[i] = at[i - 1];
            }
        }
        if (!many || i < most) {
            at[i] = k;
        }
    }
    return count;
}

double sp_lead_least(const sp_pipeline *pipeline, const sp_verdict *verdict, const double *score,
                     size_t *at) {
    double least = INFINITY;
    *at = SP_NO_LABEL;
    for (size_t k = 0; k < verdict->classes; k++) {
        sp_lead lead;
        if (!sp_lead_of(&lead, pipeline, verdict, k)) {
            continue;
        }
        const double margin = sp_lead_value(&lead, score);
        if (isnan(margin)) {
            *at = k;
            return margin;
        }
        if (*at == SP_NO_LABEL || margin < least) {
            least = margin;
            *at = k;
        }
    }
    return *at == SP_NO_LABEL ? NAN : least;
}

size_t sp_verdict_weakest(const sp_verdict *verdict) {
    size_t weakest = SP_NO_LABEL, own = verdict->label;
    for (size_t k = 0; k < verdict->classes; k++) {
        if (verdict->outputs > 0 && !verdict->sides && k % verdict->outputs == 0) {
            own = verdict->logits ? largest_of(verdict, k) : SP_NO_LABEL;
        }
        if (!verdict->sides && k == own) {
            continue;
        }
        if (isnan(verdict->margins[k])) {
            return k;
        }
        if (weakest == SP_NO_LABEL || verdict->margins[k] < verdict->margins[weakest]) {
            weakest = k;
        }
    }
    return weakest;
}

/* ---- many decisions ---- */

size_t sp_verdict_decisions(const sp_verdict *verdict) {
    return verdict->outputs == 0 ? 1
           : verdict->sides      ? verdict->classes
                                 : verdict->classes / verdict->outputs;
}

const char *sp_verdict_where(char text[SP_VERDICT_WHERE], const sp_verdict *verdict, size_t score) {
    const size_t outputs = verdict->outputs, frame = outputs > 0 ? score / outputs : 0;
    const bool frames = outputs > 0 && verdict->classes > outputs;
    char name[SP_CLASS_TEXT], of[48] = "";
    sp_class_text(name, verdict->names, outputs > 0 ? score % outputs : score);
    if (frames) {
        snprintf(of, sizeof of, "%sframe %zu", outputs > 1 ? " of " : "", frame);
    }
    snprintf(text, SP_VERDICT_WHERE, "%s%s%s",
             outputs == 1 && frames ? ""
             : verdict->sides       ? "output "
                                    : "label ",
             outputs == 1 && frames ? "" : name, of);
    return text;
}

sp_status sp_decision_settle(sp_error *err, const sp_pipeline *pipeline, sp_verdict *verdict,
                             bool *settled) {
    size_t at = SP_NO_LABEL;
    char where[SP_VERDICT_WHERE];
    for (size_t k = 0; k < verdict->classes; k++) {
        if (!isfinite(verdict->logits[k])) {
            return sp_fail(err, SP_E_NONFINITE, "a logit of the clean clip is not finite");
        }
    }
    verdict->outputs = pipeline->net->classes;
    verdict->sides = pipeline->asks == SP_DECISION_OUTPUTS || verdict->outputs == 1;
    const double least = sp_lead_least(pipeline, verdict, verdict->logits, &at);
    *settled = !(least > 0.0);
    if (at == SP_NO_LABEL) {
        return sp_fail(err, SP_E_ARGUMENT, "there is nothing that could change");
    }
    if (*settled) {
        verdict->kind = SP_VERDICT_UNKNOWN;
        snprintf(verdict->reason, sizeof verdict->reason,
                 verdict->sides ? "without any noise %s lies on its threshold"
                                : "without any noise %s shares the largest logit",
                 sp_verdict_where(where, verdict, at));
    }
    return SP_OK;
}

sp_status sp_pipeline_margin(sp_error *err, const sp_pipeline *pipeline, double *margin,
                             const sp_clip *clip) {
    sp_verdict clean;
    size_t at = 0;
    bool settled = false;
    sp_verdict_init(&clean);
    clean.classes = sp_pipeline_scores(pipeline, clip->n);
    clean.logits = calloc(clean.classes + 1, sizeof *clean.logits);
    sp_status status = clean.logits ? sp_pipeline_clean(err, pipeline, clean.logits, clip)
                                    : sp_fail(err, SP_E_MEMORY, "out of memory for logits");
    status = status == SP_OK ? sp_decision_settle(err, pipeline, &clean, &settled) : status;
    *margin = status == SP_OK ? sp_lead_least(pipeline, &clean, clean.logits, &at) : NAN;
    sp_verdict_clear(&clean);
    return status;
}

void sp_decision_explain(sp_verdict *verdict, size_t k) {
    const size_t decisions = sp_verdict_decisions(verdict);
    const double margin = verdict->margins[k];
    char where[SP_VERDICT_WHERE];
    size_t open = 0, last = SP_NO_LABEL;
    for (size_t i = 0; i < verdict->classes; i++) {
        const size_t decision = verdict->sides ? i : i / verdict->outputs;
        const bool own = !verdict->sides && largest_of(verdict, i) == i;
        if (!own && !(verdict->margins[i] > 0.0) && decision != last) {
            open++;
            last = decision;
        }
    }
    sp_verdict_where(where, verdict, k);
    if (!isfinite(margin)) {
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%zu of %zu decisions are not proved; no finite bound was found for %s", open,
                 decisions, where);
        return;
    }
    snprintf(verdict->reason, sizeof verdict->reason,
             verdict->sides
                 ? "%zu of %zu decisions are not proved, least of all %s, which for all "
                   "that is proved may be %.4g beyond its threshold under this noise"
                 : "%zu of %zu decisions are not proved, least of all that %s, which for "
                   "all that is proved may lead by %.4g under this noise, does not",
             open, decisions, where, fabs(margin));
}
