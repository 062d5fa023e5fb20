/* Audits under one-dimensional noise: gains of a window, a recorded noise at every level on a
 * window, and on the whole recording with its trigger. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "certify/audit/audit_task.h"

#define DB_A_NEPER 8.685889638065035 /* 20 / ln 10 */
#define FINEST_DB (-90.0)            /* levels below are not told apart, relative to the peak */
#define FINEST_SHARE 0.02            /* parts are at least 0.17 dB wide */
#define SCAN_DB 0.5                  /* of the concrete look for the quietest break */
#define LOUDER_DB 3.0                /* how much louder a file may be than the break it rounds */

/* Who hears what. */
typedef struct listener {
    const sp_clip *clip;
    const sp_stream *stream;
    const sp_trigger *trigger;
    sp_noise noise;          /* owned */
    double *samples, *logit; /* [n], [count] owned */
} listener;

static void clear(listener *l) {
    sp_noise_clear(&l->noise);
    free(l->samples);
    free(l->logit);
}

static sp_status take_memory(sp_error *err, listener *l) {
    l->samples = calloc(l->clip->n, sizeof *l->samples);
    l->logit = calloc(l->stream->count + 1, sizeof *l->logit);
    return l->samples && l->logit
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", l->clip->n);
}

static void add_noise(const listener *l, double a) {
    const double factor = l->noise.set->factor(a);
    for (size_t i = 0; i < l->clip->n; i++) {
        l->samples[i] = l->clip->samples[i] + factor * l->noise.direction[i];
    }
}

static sp_status holds_at(sp_error *err, const sp_audit_task *q, const listener *l, double a,
                          bool *holds) {
    add_noise(l, a);
    SP_TRY(sp_stream_run(err, l->logit, l->stream, q->audit->attacker->pipeline, l->samples,
                         l->clip->n));
    *holds = sp_trigger_hears(l->trigger, l->logit, l->stream->count, 0.0) == q->fire;
    return SP_OK;
}

static sp_audit_line line_of(const sp_audit_task *q, const listener *l) {
    const sp_audit_line line = {.pipeline = q->audit->attacker->pipeline,
                                .stream = l->stream,
                                .trigger = l->trigger,
                                .clip = l->clip,
                                .noise = &l->noise,
                                .fire = q->fire,
                                .deadline = q->deadline};
    return line;
}

/* Samples of the clip's coding. */
static void round_samples(const listener *l) {
    for (size_t i = 0; i < l->clip->n; i++) {
        l->samples[i] = sp_clip_round(l->clip, l->samples[i]);
    }
}

/* Tries files from the break on, a little further out each time, until one breaks the property. */
static sp_status keep_break(sp_error *err, sp_audit_task *q, const listener *l, double from,
                            double step, size_t tries, double *at, bool *broken) {
    *broken = false;
    for (size_t k = 0; k < tries && !*broken; k++) {
        *at = l->noise.set->scales ? from + step * (double)k
                                   : from * pow(10.0, step * (double)k / 20.0);
        add_noise(l, *at);
        round_samples(l);
        SP_TRY(sp_audit_task_keep(err, q, l->clip, l->stream, l->trigger, l->samples, broken));
    }
    return SP_OK;
}

static void conclude(sp_finding *f, const sp_audit_line_result *answer, bool certified, bool whole,
                     bool broken) {
    f->pieces = answer->pieces;
    f->margin = answer->pieces > 0 ? answer->weakest : NAN;
    f->float32 = answer->float32;
    f->kind = certified ? SP_VERDICT_CERTIFIED : broken ? SP_VERDICT_BROKEN : SP_VERDICT_UNKNOWN;
    if (answer->late && !whole) {
        f->kind = certified ? f->kind : SP_VERDICT_TIMEOUT;
        snprintf(f->reason, sizeof f->reason,
                 "the time ran out: this is what was proved until then");
    } else if (!certified && broken) {
        snprintf(f->reason, sizeof f->reason, "noise of the set breaks it");
    } else if (!certified) {
        snprintf(f->reason, sizeof f->reason,
                 "neither proved nor broken: pieces of the set became "
                 "too small");
    }
}

/* ---- gains ---- */

sp_status sp_audit_task_gain(sp_error *err, sp_audit_task *q) {
    const sp_audit *audit = q->audit;
    sp_finding *f = q->finding;
    listener l = {.clip = &q->window, .stream = &q->one, .trigger = &q->single};
    sp_audit_line_result answer;
    const double lo = audit->gain_lo / DB_A_NEPER, hi = audit->gain_hi / DB_A_NEPER;
    sp_status status = take_memory(err, &l);
    if (status == SP_OK) {
        status = sp_noise_gain(err, &l.noise, q->window.samples, q->window.n, lo, hi);
    }
    sp_audit_line line = line_of(q, &l);
    line.finest = 0.02; // 0.17 dB
    if (status == SP_OK) {
        status = sp_audit_line_prove(err, &answer, &line);
    }
    if (status == SP_OK) {
        const bool whole = answer.lo <= lo && answer.hi >= hi;
        const bool above = !isnan(answer.broken_hi) &&
                           (isnan(answer.broken_lo) || answer.broken_hi < -answer.broken_lo);
        const double nearest = above ? answer.broken_hi : answer.broken_lo;
        bool kept = false;
        double at = NAN;
        f->gain_lo = answer.lo <= lo ? audit->gain_lo : answer.lo * DB_A_NEPER;
        f->gain_hi = answer.hi >= hi ? audit->gain_hi : answer.hi * DB_A_NEPER;
        f->gain_broken = nearest * DB_A_NEPER;
        conclude(f, &answer, answer.pieces > 0, whole, !isnan(nearest));
        if (!isnan(nearest)) {
            status = keep_break(err, q, &l, nearest, above ? 0.01 : -0.01, 12, &at, &kept);
        }
    }
    clear(&l);
    return status;
}

/* ---- a recorded noise ---- */

static double mean_power(const double *x, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * x[i] / (double)n;
    }
    return sum;
}

/* The quietest level of a grid up to `most` that breaks the property; NaN: none. */
static sp_status scan(sp_error *err, const sp_audit_task *q, const listener *l, double most,
                      double *broken) {
    *broken = NAN;
    for (int k = 120; k >= 0; k--) {
        const double a = most * pow(10.0, -SCAN_DB * k / 20.0);
        bool holds = true;
        SP_TRY(holds_at(err, q, l, a, &holds));
        if (!holds) {
            *broken = a;
            return SP_OK;
        }
    }
    return SP_OK;
}

static sp_status prove_line(sp_error *err, sp_audit_task *q, listener *l, double most,
                            double seen) {
    const sp_audit *audit = q->audit;
    sp_finding *f = q->finding;
    const double power = mean_power(l->noise.direction, l->clip->n);
    sp_audit_line line = line_of(q, l);
    sp_audit_line_result answer;
    line.finest = audit->clip->peak * pow(10.0, FINEST_DB / 20.0);
    line.share = FINEST_SHARE;
    SP_TRY(sp_audit_line_prove(err, &answer, &line));
    const double broken =
        fmin(isnan(answer.broken_hi) ? INFINITY : answer.broken_hi, isnan(seen) ? INFINITY : seen);
    const bool whole = answer.hi >= most && !(broken <= most);
    const bool certified = audit->budget ? whole : answer.hi > 0.0;
    if (certified) {
        f->certified = sp_audit_task_scale(&sp_noise_set_box, audit->clip, answer.hi, power);
    }
    if (isfinite(broken)) {
        f->broken = sp_audit_task_scale(&sp_noise_set_box, audit->clip, broken, power);
    }
    conclude(f, &answer, certified, whole, isfinite(broken));
    if (isfinite(broken)) {
        bool kept = false;
        double at = NAN;
        const size_t tries = (size_t)(LOUDER_DB / 0.25) + 1;
        SP_TRY(keep_break(err, q, l, broken, 0.25, tries, &at, &kept));
        if (kept) {
            f->file = sp_audit_task_scale(&sp_noise_set_box, audit->clip, at, power);
        }
    }
    return SP_OK;
}

sp_status sp_audit_task_line(sp_error *err, sp_audit_task *q, bool stream) {
    const sp_audit *audit = q->audit;
    const sp_front_layout *layout = sp_front_layout_of(audit->attacker->pipeline->front);
    const size_t first = stream ? 0 : q->finding->frame * layout->step;
    listener l = {.clip = stream ? audit->clip : &q->window,
                  .stream = stream ? &q->whole : &q->one,
                  .trigger = stream ? &audit->trigger : &q->single};
    double most = audit->clip->peak, seen = NAN;
    if (stream) {
        q->finding->begin_s = 0.0;
        q->finding->end_s = (double)audit->clip->n / audit->clip->rate;
    }
    if (audit->budget) {
        SP_TRY(sp_budget_radius(err, &most, audit->budget, audit->clip));
    }
    sp_status status = take_memory(err, &l);
    if (status == SP_OK) {
        status = sp_noise_line(err, &l.noise, audit->noise + first, l.clip->n, 0.0, most);
    }
    if (status == SP_OK) {
        status = scan(err, q, &l, most, &seen);
    }
    if (status == SP_OK && !isnan(seen)) { // no proof beyond a break
        l.noise.hi = seen;
    }
    if (status == SP_OK) {
        status = prove_line(err, q, &l, most, seen);
    }
    clear(&l);
    return status;
}
