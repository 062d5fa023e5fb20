/* From a clip to a verdict: clean answer, radius, bounds of the front end, boxes, margins. */
#include "certify/certify.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#if FLT_EVAL_METHOD != 0
#error "doubles must be computed as doubles: use SSE2 arithmetic on 32-bit x86"
#endif

/* What the stages of one verdict share. */
typedef struct work {
    const sp_system *system;
    const sp_clip *clip;
    sp_verdict *verdict;
    double deadline;
} work;

static sp_status check_clip(sp_error *err, const work *w) {
    const sp_front_layout *layout = sp_front_layout_of(w->system->front);
    if (w->clip->rate != layout->sample_rate) {
        return sp_fail(err, SP_E_MISMATCH, "the clip has %d Hz but the front end reads %d Hz",
                       w->clip->rate, layout->sample_rate);
    }
    if (w->clip->full_scale != layout->full_scale) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the clip's samples have full scale %g but the front end reads %g",
                       w->clip->full_scale, layout->full_scale);
    }
    return SP_OK;
}

static sp_status find_radius(sp_error *err, const work *w, const sp_budget *budget) {
    sp_verdict *verdict = w->verdict;
    SP_TRY(sp_budget_radius(err, &verdict->eps, budget, w->clip));
    if (!(verdict->eps > 0.0) || !isfinite(verdict->eps)) {
        return sp_fail(err, SP_E_NONFINITE, "the budget gives no finite positive noise amplitude");
    }
    sp_budget_describe(&verdict->scale, verdict->eps, w->clip);
    // The radius was rounded up from the figure the user gave: report that figure itself.
    if (budget->unit == SP_BUDGET_DB_PEAK) {
        verdict->scale.db_peak = budget->value;
    } else if (budget->unit == SP_BUDGET_LSB) {
        verdict->scale.lsb = budget->value;
    } else if (budget->unit == SP_BUDGET_DB_SNR) {
        verdict->scale.snr_db = budget->value;
    }
    return SP_OK;
}

/* Logits of the clip without noise. */
static sp_status run_clean(sp_error *err, const work *w) {
    const sp_system *system = w->system;
    sp_verdict *verdict = w->verdict;
    const size_t frames = sp_front_frames(system->front, w->clip->n);
    double *features = calloc(frames ? frames : 1, system->net->features * sizeof *features);
    if (!features) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the features of %zu frames", frames);
    }
    sp_status status = sp_front_run(err, system->front, features, w->clip->samples, w->clip->n);
    if (status == SP_OK) {
        verdict->frames = frames;
        status = sp_net_run(err, system->net, verdict->logits, features, frames);
    }
    free(features);
    return status;
}

/* Prediction and label; *settled when the verdict needs no bounds. */
static sp_status choose_label(sp_error *err, const work *w, long label, bool *settled) {
    sp_verdict *verdict = w->verdict;
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
        snprintf(verdict->reason, sizeof verdict->reason,
                 "without any noise the model answers %zu, not %zu", predicted, verdict->label);
    } else if (tie) {
        verdict->kind = SP_VERDICT_UNKNOWN;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "without any noise two labels share the largest logit");
    } else {
        *settled = false;
    }
    return SP_OK;
}

/* One row per false label: +1 at the label, -1 at k. Margins and error terms go to the verdict. */
static sp_status bound_rows(sp_error *err, const work *w, sp_bounds *bounds) {
    sp_verdict *verdict = w->verdict;
    const size_t classes = verdict->classes, rows = classes - 1;
    double *weight = calloc(rows * classes, sizeof *weight); /* [rows, classes] */
    double *lower = malloc(2 * rows * sizeof *lower);
    double *error = lower ? lower + rows : NULL;
    sp_status status = weight && lower ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    for (size_t k = 0, r = 0; status == SP_OK && k < classes; k++) {
        if (k != verdict->label) {
            weight[r * classes + verdict->label] = 1.0;
            weight[r * classes + k] = -1.0;
            r++;
        }
    }
    if (status == SP_OK) {
        status = sp_bounds_rows(err, bounds, lower, error, weight, rows);
    }
    if (status == SP_OK) {
        verdict->error = 0.0;
        for (size_t k = 0, r = 0; k < classes; k++) {
            if (k != verdict->label) {
                verdict->margins[k] = lower[r];
                verdict->error = verdict->error >= error[r] ? verdict->error : error[r];
                r++;
            }
        }
    }
    free(lower);
    free(weight);
    return status;
}

static sp_status bound_net(sp_error *err, const work *w, const sp_front_bound *front) {
    const sp_bounds_options options = {.planes = w->system->method->planes,
                                       .deadline = w->deadline};
    sp_bounds *bounds = NULL;
    const double start = sp_clock_wall();
    sp_status status = sp_bounds_create(err, &bounds, w->system->net, front, &options);
    const double boxed = sp_clock_wall();
    w->verdict->boxes_seconds = boxed - start;
    if (status == SP_OK) {
        status = bound_rows(err, w, bounds);
        w->verdict->rows_seconds = sp_clock_wall() - boxed;
    }
    sp_bounds_destroy(bounds);
    return status;
}

static sp_status bound_clip(sp_error *err, const work *w) {
    sp_noise noise = {0};
    sp_front_bound front = {0};
    const double start = sp_clock_wall();
    SP_TRY(sp_noise_box(err, &noise, w->clip->n, w->verdict->eps));
    sp_status status =
        sp_front_bound_create(err, &front, w->system->forms, w->clip->samples, w->clip->n, &noise);
    w->verdict->front_seconds = sp_clock_wall() - start;
    if (status == SP_OK) {
        status = sp_clock_passed(w->deadline)
                     ? sp_fail(err, SP_E_TIMEOUT, "the time ran out in the front end")
                     : bound_net(err, w, &front);
        sp_front_bound_clear(&front);
    }
    sp_noise_clear(&noise);
    return status;
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

/* The error terms hold for IEEE double arithmetic, rounding to nearest, with subnormal numbers: a host
 * program may have changed the mode, and objects built with fast-math flush subnormals. */
static sp_status check_arithmetic(sp_error *err) {
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

static sp_status certify(sp_error *err, work *w, const sp_budget *budget, long label) {
    const size_t classes = w->system->net->classes;
    bool settled = false;
    SP_TRY(check_arithmetic(err));
    if (label >= 0 && (size_t)label >= classes) {
        return sp_fail(err, SP_E_ARGUMENT, "label %ld does not exist: the model knows 0 to %zu",
                       label, classes - 1);
    }
    SP_TRY(take_memory(err, w->verdict, classes));
    if (label >= 0) {
        w->verdict->label = (size_t)label;
    }
    SP_TRY(check_clip(err, w));
    SP_TRY(find_radius(err, w, budget));
    SP_TRY(run_clean(err, w));
    SP_TRY(choose_label(err, w, label, &settled));
    if (!settled) {
        SP_TRY(bound_clip(err, w));
        sp_verdict_judge(w->verdict);
    }
    return SP_OK;
}

/* A failed stage: no margin may survive it. */
static void fail_verdict(sp_verdict *verdict, const sp_error *err, sp_status status,
                         double timeout) {
    for (size_t k = 0; k < verdict->classes; k++) {
        verdict->margins[k] = NAN;
    }
    verdict->margin = NAN;
    verdict->error = NAN;
    if (status == SP_E_TIMEOUT) {
        verdict->kind = SP_VERDICT_TIMEOUT;
        snprintf(verdict->reason, sizeof verdict->reason, "no verdict within %g s", timeout);
    } else {
        verdict->kind = SP_VERDICT_ERROR;
        snprintf(verdict->reason, sizeof verdict->reason, "%s",
                 err->text[0] ? err->text : sp_status_text(status));
    }
}

sp_status sp_certify(sp_error *err, sp_verdict *verdict, const sp_system *system,
                     const sp_clip *clip, const sp_budget *budget, long label, double timeout) {
    const double start = sp_clock_wall(), cpu = sp_clock_cpu();
    sp_error local = {0};
    work w = {system, clip, verdict, timeout > 0.0 ? start + timeout : 0.0};
    sp_verdict_init(verdict);
    const sp_status status = certify(&local, &w, budget, label);
    if (status != SP_OK) {
        fail_verdict(verdict, &local, status, timeout);
        if (err) {
            *err = local;
        }
    }
    verdict->seconds = sp_clock_wall() - start;
    verdict->cpu_seconds = sp_clock_cpu() - cpu;
    return status;
}
