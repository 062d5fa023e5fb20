/* A self-test: samples that no frame hears change nothing, neither a bound nor a feature. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certify/audit/audit_task.h"

/* Whether some frame of the window hears sample i. */
static bool is_heard(const sp_front_layout *layout, size_t frames, size_t i) {
    const size_t at = i / layout->step, last = at < frames ? at : frames - 1;
    return i < last * layout->step + layout->used; // earlier frames end earlier
}

static sp_status bounds_of(sp_error *err, sp_front_bound *bound, const sp_audit_task *q,
                           const sp_noise *noise) {
    return sp_front_bound_create(err, bound, q->audit->attacker->forms, q->window.samples,
                                 q->window.n, noise);
}

static bool same_rows(const double *a, const double *b, size_t n) {
    return memcmp(a, b, n * sizeof *a) == 0;
}

/* The bounds under noise of full scale in the dead samples are those under none, bit by bit. */
static sp_status same_bounds(sp_error *err, sp_audit_task *q, const sp_noise *dead, bool *same) {
    sp_noise none = {0};
    sp_front_bound with = {0}, without = {0};
    SP_TRY(sp_noise_box(err, &none, q->window.n, 0.0));
    sp_status status = bounds_of(err, &with, q, dead);
    if (status == SP_OK) {
        status = bounds_of(err, &without, q, &none);
    }
    if (status == SP_OK) {
        const size_t cells = with.frames * with.bands, rows = with.frames * with.forms;
        *same = same_rows(with.lo_c, without.lo_c, cells) &&
                same_rows(with.up_c, without.up_c, cells) &&
                same_rows(with.lo, without.lo, cells) && same_rows(with.hi, without.hi, cells) &&
                same_rows(with.lo_w, without.lo_w, cells) &&
                same_rows(with.up_w, without.up_w, cells) &&
                same_rows(with.form_max, without.form_max, rows);
        for (size_t t = 0; t < with.frames; t++) { // no live sample carries a radius
            for (size_t i = 0; i < with.frame; i++) {
                *same = *same && with.radius[t * with.step + i] == 0.0;
            }
        }
    }
    sp_front_bound_clear(&with);
    sp_front_bound_clear(&without);
    sp_noise_clear(&none);
    return status;
}

/* The logit of the window with the dead samples overwritten by noise of full scale. */
static sp_status same_logit(sp_error *err, sp_audit_task *q, const sp_noise *dead, bool *same) {
    double logit[2] = {NAN, NAN}, *samples = malloc(q->window.n * sizeof *samples);
    if (!samples) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", q->window.n);
    }
    sp_clip_white_noise(samples, q->window.n, 1);
    for (size_t i = 0; i < q->window.n; i++) {
        samples[i] = dead->radius[i] > 0.0 ? dead->radius[i] * samples[i] : q->window.samples[i];
    }
    const sp_pipeline *pipeline = q->audit->attacker->pipeline;
    sp_status status = sp_stream_run(err, &logit[0], &q->one, pipeline, samples, q->window.n);
    if (status == SP_OK) {
        status = sp_stream_run(err, &logit[1], &q->one, pipeline, q->window.samples, q->window.n);
    }
    *same = memcmp(&logit[0], &logit[1], sizeof logit[0]) == 0;
    free(samples);
    return status;
}

sp_status sp_audit_task_dead(sp_error *err, sp_audit_task *q) {
    const sp_front_layout *layout = sp_front_layout_of(q->audit->attacker->pipeline->front);
    sp_finding *f = q->finding;
    sp_noise dead = {0};
    size_t count = 0;
    bool bounds = false, logit = false;
    SP_TRY(sp_noise_box(err, &dead, q->window.n, 0.0));
    for (size_t i = 0; i < q->window.n; i++) {
        const bool heard = is_heard(layout, q->one.steps, i);
        dead.radius[i] = heard ? 0.0 : layout->full_scale;
        count += heard ? 0 : 1;
    }
    sp_status status = same_bounds(err, q, &dead, &bounds);
    if (status == SP_OK) {
        status = same_logit(err, q, &dead, &logit);
    }
    sp_noise_clear(&dead);
    f->dead = (double)count / (double)q->window.n;
    if (status != SP_OK) {
        return status;
    }
    f->kind = !bounds || !logit ? SP_VERDICT_BROKEN
              : count > 0       ? SP_VERDICT_CERTIFIED
                                : SP_VERDICT_UNKNOWN;
    if (!bounds || !logit) {
        snprintf(f->reason, sizeof f->reason,
                 "samples that no frame hears change the %s: this is a defect of the front end",
                 bounds ? "logit" : "bounds");
    } else if (count == 0) {
        snprintf(f->reason, sizeof f->reason, "this front end hears every sample");
    }
    return SP_OK;
}
