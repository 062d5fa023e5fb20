/* What every query about a clip begins with: checks, the clean answer, the label, the noise
 * set. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certify/impl.h"

#if FLT_EVAL_METHOD != 0
#error "doubles must be computed as doubles: use SSE2 arithmetic on 32-bit x86"
#endif

sp_status sp_query_check_clip(sp_error *err, const sp_pipeline *pipeline, const sp_clip *clip) {
    const sp_front_layout *layout = sp_front_layout_of(pipeline->front);
    if (clip->width != sp_front_width(pipeline->front)) {
        return sp_fail(err, SP_E_MISMATCH,
                       clip->width > 0 ? "a sequence with rows of %zu numbers does not fit"
                                       : "a recording is no sequence of numbers (%zu)",
                       clip->width);
    }
    if (clip->rate != layout->sample_rate) {
        return sp_fail(err, SP_E_MISMATCH, "the clip has %d Hz but the front end reads %d Hz",
                       clip->rate, layout->sample_rate);
    }
    if (clip->full_scale != layout->full_scale) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip's samples have full scale %g but the front end reads %g",
                       clip->full_scale, layout->full_scale);
    }
    return SP_OK;
}

static sp_status check_radius(sp_error *err, double eps) {
    if (!(eps > 0.0) || !isfinite(eps)) {
        return sp_fail(err, SP_E_NONFINITE, "the budget gives no finite positive noise amplitude");
    }
    return SP_OK;
}

static double largest_radius(const sp_noise *noise) {
    double largest = 0.0;
    for (size_t i = 0; i < noise->n; i++) {
        largest = fmax(largest, noise->radius[i]);
    }
    return largest;
}

/* The SNR of the loudest noise where not all samples have the same. */
static double loudest_snr(const sp_clip *clip, const sp_noise *noise) {
    const double energy = noise->set->energy(noise->radius, clip->n);
    return 20.0 * log10(clip->rms / sqrt(energy / (double)clip->n));
}

static sp_status take_budget(sp_error *err, sp_query *query, const sp_budget *budget) {
    sp_verdict *verdict = query->verdict;
    verdict->set = sp_budget_set(budget);
    verdict->deployed = budget->deployed;
    verdict->shared = budget->profile != NULL;
    SP_TRY(sp_pipeline_noise(err, &query->noise, &query->moved, &verdict->eps, query->pipeline,
                             query->clip, budget));
    SP_TRY(check_radius(err, verdict->eps));
    query->middle = query->moved ? query->moved : query->middle;
    verdict->heard_eps = largest_radius(&query->noise);
    sp_budget_describe(&verdict->scale, verdict->eps, verdict->set, query->clip);
    // The radius was rounded up from the figure the user gave: report that figure itself.
    if (budget->unit == SP_BUDGET_DB_PEAK) {
        verdict->scale.db_peak = budget->value;
    } else if (budget->unit == SP_BUDGET_LSB) {
        verdict->scale.lsb = budget->value;
    } else if (budget->unit == SP_BUDGET_DB_SNR) {
        verdict->scale.snr_db = budget->value;
    }
    if ((budget->frames > 0 || budget->profile) && query->clip->width == 0) {
        verdict->scale.snr_db = loudest_snr(query->clip, &query->noise);
    }
    return SP_OK;
}

/* A radius of its own for every sample; the SNR is that of the loudest noise of this set. */
static sp_status take_noise(sp_error *err, sp_query *query, const sp_noise *noise) {
    sp_verdict *verdict = query->verdict;
    const size_t n = query->clip->n;
    double largest = 0.0;
    if (noise->n != n) {
        return sp_fail(err, SP_E_MISMATCH, "the noise set has %zu samples but the clip has %zu",
                       noise->n, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (!(noise->radius[i] >= 0.0)) {
            return sp_fail(err, SP_E_ARGUMENT, "the radius of sample %zu is not a number from 0",
                           i);
        }
        largest = fmax(largest, noise->radius[i]);
    }
    SP_TRY(check_radius(err, largest));
    verdict->eps = verdict->heard_eps = largest;
    verdict->set = noise->set;
    sp_budget_describe(&verdict->scale, largest, noise->set, query->clip);
    if (query->clip->width == 0) {
        verdict->scale.snr_db = loudest_snr(query->clip, noise);
    }
    return sp_noise_copy(err, &query->noise, noise);
}

sp_status sp_pipeline_run(sp_error *err, const sp_pipeline *pipeline, double *logits,
                          const double *samples, size_t n) {
    const size_t frames = sp_front_frames(pipeline->front, n);
    double *features = calloc(frames ? frames : 1, pipeline->net->features * sizeof *features);
    if (!features) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the features of %zu frames", frames);
    }
    sp_status status = sp_front_run(err, pipeline->front, features, samples, n);
    const bool single = pipeline->net->classes == 1 && !sp_pipeline_asks_many(pipeline);
    if (status == SP_OK) {
        status =
            sp_net_run_rows(err, pipeline->net, single ? logits + 1 : logits, features, frames);
    }
    if (single) {
        logits[0] = pipeline->threshold;
    }
    free(features);
    return status;
}

sp_status sp_pipeline_clean(sp_error *err, const sp_pipeline *pipeline, double *logits,
                            const sp_clip *clip) {
    SP_TRY(sp_query_check_clip(err, pipeline, clip));
    return sp_pipeline_run(err, pipeline, logits, clip->samples, clip->n);
}

sp_status sp_query_attain(sp_error *err, const sp_query *query, const double *samples) {
    sp_verdict *verdict = query->verdict;
    double *logits = malloc(verdict->classes * sizeof *logits);
    sp_status status =
        logits ? sp_pipeline_run(err, query->pipeline, logits, samples, query->clip->n)
               : sp_fail(err, SP_E_MEMORY, "out of memory for %zu logits", verdict->classes);
    for (size_t k = 0; status == SP_OK && k < verdict->classes; k++) {
        sp_lead lead;
        const bool other = sp_lead_of(&lead, query->pipeline, verdict, k);
        verdict->margins[k] = other ? sp_lead_value(&lead, logits) : NAN;
    }
    if (status == SP_OK) {
        verdict->margin = verdict->margins[sp_verdict_weakest(verdict)];
    }
    free(logits);
    return status;
}

/* Prediction and label; *settled when the verdict needs no bounds. */
static sp_status choose_label(sp_error *err, const sp_query *query, long label, bool *settled) {
    sp_verdict *verdict = query->verdict;
    bool tie = false;
    const size_t predicted = sp_prediction(verdict->logits, verdict->classes, &tie);
    *settled = true;
    if (predicted == SP_NO_LABEL) {
        return sp_fail(err, SP_E_NONFINITE, "a logit of the clean clip is not finite");
    }
    verdict->predicted = predicted;
    verdict->label = label < 0 ? predicted : (size_t)label;
    if (verdict->logits[verdict->label] < verdict->logits[predicted]) {
        verdict->kind = SP_VERDICT_MISCLASSIFIED;
        char heard[SP_CLASS_TEXT], right[SP_CLASS_TEXT];
        snprintf(verdict->reason, sizeof verdict->reason,
                 "without any noise the model answers %s, not %s",
                 sp_class_text(heard, verdict->names, predicted),
                 sp_class_text(right, verdict->names, verdict->label));
    } else if (tie) {
        verdict->kind = SP_VERDICT_UNKNOWN;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "without any noise two labels share the largest logit");
    } else {
        *settled = false;
    }
    return SP_OK;
}

static sp_status take_memory(sp_error *err, sp_verdict *verdict, size_t classes) {
    verdict->logits = malloc(classes * sizeof *verdict->logits);
    verdict->margins = malloc(classes * sizeof *verdict->margins);
    if (!verdict->logits || !verdict->margins) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu classes", classes);
    }
    verdict->classes = classes;
    for (size_t k = 0; k < classes; k++) {
        verdict->logits[k] = NAN;
        verdict->margins[k] = NAN;
    }
    return SP_OK;
}

/* The error terms hold for IEEE double arithmetic, rounding to nearest, with subnormal numbers: a
 * host program may have changed the mode, and objects built with fast-math flush subnormals. */
sp_status sp_arithmetic_check(sp_error *err) {
    const volatile double tiny = 0x1p-1022, half = 0.5, one = 1.0, ulp = 0x1p-53;
    const volatile double subnormal = tiny * half, above = one + ulp, below = -one - ulp;
    const volatile double up = one + ulp * 1.5, down = one - ulp * 0.75;
    if (!(subnormal > 0.0) || above != 1.0 || below != -1.0 || up != 1.0 + 0x1p-52 ||
        down != 1.0 - 0x1p-53) {
        return sp_fail(err, SP_E_NUMERIC,
                       "this thread does not round to nearest or flushes subnormal numbers: undo "
                       "fesetround, and link nothing that was built with fast-math");
    }
    return SP_OK;
}

static sp_status open_problem(sp_error *err, sp_query *query, const sp_query_options *options,
                              bool *settled) {
    sp_verdict *verdict = query->verdict;
    const sp_pipeline *pipeline = query->pipeline;
    const sp_clip *clip = query->clip;
    const bool many = sp_pipeline_asks_many(pipeline);
    const long label = options->label;
    const size_t classes = sp_pipeline_scores(pipeline, clip->n);
    SP_TRY(sp_arithmetic_check(err));
    if (many && label >= 0) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "a label is one answer, and many decisions are asked about");
    }
    if (many && classes == 0) {
        return sp_fail(err, SP_E_MISMATCH, "the clip is too short for the model");
    }
    if (label >= 0 && (size_t)label >= classes) {
        return sp_fail(err, SP_E_ARGUMENT, "label %ld does not exist: the model knows 0 to %zu",
                       label, classes - 1);
    }
    SP_TRY(take_memory(err, verdict, classes));
    if (label >= 0) {
        verdict->label = (size_t)label;
    }
    SP_TRY(sp_query_check_clip(err, pipeline, clip));
    SP_TRY(options->noise ? take_noise(err, query, options->noise)
                          : take_budget(err, query, options->budget));
    SP_TRY(sp_pipeline_run(err, pipeline, verdict->logits, clip->samples, clip->n));
    verdict->frames = sp_front_frames(pipeline->front, clip->n);
    return many ? sp_decision_settle(err, pipeline, verdict, settled)
                : choose_label(err, query, label, settled);
}

/* What the passes before the one that ran out of time have proved stays in the margins. */
static void time_out(sp_verdict *verdict, const sp_error *err, double timeout) {
    size_t known = 0, positive = 0;
    int used = 0;
    for (size_t k = 0; k < verdict->classes; k++) {
        known += k != verdict->label && !isnan(verdict->margins[k]);
        positive += k != verdict->label && verdict->margins[k] > 0.0;
    }
    verdict->kind = SP_VERDICT_TIMEOUT;
    char *reason = verdict->reason;
    const size_t room = sizeof verdict->reason;
    if (sp_clock_stopped()) {
        used = snprintf(reason, room, "interrupted");
    } else {
        used = snprintf(reason, room, "no verdict within %g s", timeout);
    }
    if (known > 0) {
        snprintf(reason + used, room - (size_t)used,
                 "; until then %zu of %zu margins were proved positive, and that none is below "
                 "%.4g",
                 positive, known, verdict->margin);
        return;
    }
    verdict->margin = NAN;
    verdict->error = NAN;
    if (err->text[0]) {
        snprintf(reason + used, room - (size_t)used, ": %.400s", err->text);
    }
}

/* A failed stage: no margin may survive it. */
static void fail_verdict(sp_verdict *verdict, const sp_error *err, sp_status status,
                         double timeout) {
    if (status == SP_E_TIMEOUT) {
        time_out(verdict, err, timeout);
        return;
    }
    for (size_t k = 0; k < verdict->classes; k++) {
        verdict->margins[k] = NAN;
    }
    verdict->margin = NAN;
    verdict->error = NAN;
    verdict->kind = SP_VERDICT_ERROR;
    snprintf(verdict->reason, sizeof verdict->reason, "%s",
             err->text[0] ? err->text : sp_status_text(status));
}

sp_status sp_query_open(sp_error *err, sp_query *query, sp_verdict *verdict,
                        const sp_pipeline *pipeline, const sp_clip *clip,
                        const sp_query_options *options, bool *settled) {
    const double start = sp_clock_wall(), timeout = options->timeout;
    *query = (sp_query){.pipeline = pipeline,
                        .clip = clip,
                        .middle = clip->samples,
                        .verdict = verdict,
                        .deadline = timeout > 0.0 ? start + timeout : 0.0,
                        .start = start,
                        .cpu = sp_clock_cpu(),
                        .timeout = timeout,
                        .keep = options->keep};
    *settled = false;
    sp_verdict_init(verdict);
    verdict->names = pipeline->names;
    verdict->arithmetic = pipeline->arithmetic;
    return open_problem(err, query, options, settled);
}

void sp_query_close(const sp_error *err, sp_query *query, sp_status status) {
    sp_verdict *verdict = query->verdict;
    sp_noise_clear(&query->noise);
    free(query->moved);
    query->moved = NULL;
    if (status != SP_OK) {
        fail_verdict(verdict, err, status, query->timeout);
    }
    verdict->seconds = sp_clock_wall() - query->start;
    verdict->cpu_seconds = sp_clock_cpu() - query->cpu;
}

sp_status sp_query_answer(sp_error *err, sp_verdict *verdict, const sp_pipeline *pipeline,
                          const sp_clip *clip, const sp_query_options *options,
                          sp_query_work answer, void *context) {
    sp_error local = {0};
    sp_query query;
    bool settled;
    sp_status status = sp_query_open(&local, &query, verdict, pipeline, clip, options, &settled);
    if (status == SP_OK && !settled) {
        status = answer(&local, &query, context);
    }
    sp_query_close(&local, &query, status);
    if (status != SP_OK && err) {
        *err = local;
    }
    return status;
}
