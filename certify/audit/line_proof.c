/* Proofs about triggers under one-dimensional noise: from the start to both ends of the set in
 * parts, as wide as they can be proved. On a part each window is bounded until the bits that are
 * certain settle what the trigger does. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/interval.h"
#include "base/pool.h"
#include "certify/audit/audit.h"
#include "certify/impl.h"

#define WIDER 1.6 /* the next part after a success, against the last one */
#define BATCH 4   /* windows that are bounded before the trigger is asked again */
#define MOST_PARTS 400

typedef enum { BIT_UNKNOWN, BIT_ON, BIT_OFF } bit;

/* One search. */
typedef struct search {
    const sp_audit_line *q;
    sp_front_path *path; /* owned */
    double *samples;     /* [n] owned; scratch */
    double *logit;       /* [count] owned; concrete ones in the middle of the part at hand */
    double *score;       /* [count] owned */
    size_t *order;       /* [count] owned; windows, the most useful first */
    unsigned char *bits; /* [count] owned; proved on a part that contains the one at hand */
    double *term;        /* [count] owned; what float32 changes of it; NaN: not asked */
    double *margin;      /* [count] owned; proved distance from the threshold there; -inf: none */
    bool *on, *keep;     /* [count] owned */
    sp_audit_line_result *answer;
} search;

/* ---- concretely ---- */

static void noisy_clip(const search *s, double a) {
    const sp_clip *clip = s->q->clip;
    const sp_noise *noise = s->q->noise;
    const double factor = noise->set->factor(a);
    for (size_t i = 0; i < clip->n; i++) {
        s->samples[i] = clip->samples[i] + factor * noise->direction[i];
    }
}

/* Whether the trigger does as it must at parameter a; leaves the logits. */
static sp_status run_at(sp_error *err, search *s, double a, bool *holds) {
    const sp_audit_line *q = s->q;
    noisy_clip(s, a);
    SP_TRY(sp_stream_run(err, s->logit, q->stream, q->pipeline, s->samples, q->clip->n));
    *holds = sp_trigger_hears(q->trigger, s->logit, q->stream->count, 0.0) == q->fire;
    return SP_OK;
}

/* ---- which windows to bound first ---- */

/* To fire: a window is worth the least logit of the best run of predictions, as long as the trigger
 * needs, that contains it. To stay silent: the quieter of two neighbours first, since the
 * activation falls with every second one; then by the logit. */
static void take_scores(search *s) {
    const size_t count = s->q->stream->count, run = sp_trigger_run(s->q->trigger);
    for (size_t i = 0; i < count; i++) {
        if (s->q->fire) {
            s->score[i] = -INFINITY;
            continue;
        }
        const size_t pair = i ^ 1;
        const bool first = s->q->trigger->rule == SP_TRIGGER_PRECISE && s->q->trigger->level > 0 &&
                           (pair >= count || s->logit[i] < s->logit[pair] ||
                            (s->logit[i] == s->logit[pair] && i < pair));
        s->score[i] = (first ? 1e6 : 0.0) - s->logit[i];
    }
    for (size_t i = 0; s->q->fire && i + run <= count; i++) {
        double least = INFINITY;
        for (size_t k = i; k < i + run; k++) {
            least = fmin(least, s->logit[k]);
        }
        for (size_t k = i; k < i + run; k++) {
            s->score[k] = fmax(s->score[k], least);
        }
    }
}

static void sort_windows(search *s) {
    take_scores(s);
    for (size_t i = 0; i < s->q->stream->count; i++) { // few enough for insertion
        size_t at = i;
        for (; at > 0 && s->score[i] > s->score[s->order[at - 1]]; at--) {
            s->order[at] = s->order[at - 1];
        }
        s->order[at] = i;
    }
}

/* ---- bounds ---- */

typedef struct batch {
    search *s;
    const sp_front_bound *front;
    size_t window[BATCH];
    sp_status status[BATCH];
    sp_error error[BATCH];
} batch;

/* The objective of a window: its logit less the threshold, or the other way round. */
static sp_status bound_window(sp_error *err, const search *s, const sp_front_bound *front,
                              size_t window) {
    const sp_audit_line *q = s->q;
    sp_front_bound part = {0};
    sp_objectives objective = {0}, *const list[] = {&objective};
    const double sign = q->fire ? 1.0 : -1.0;
    sp_status status = sp_objectives_init(err, &objective, 1, q->pipeline->net->classes, false);
    if (status == SP_OK) {
        status =
            sp_front_bound_window(err, &part, front, q->stream->first[window], q->stream->steps);
    }
    if (status == SP_OK) {
        objective.front = &part;
        objective.weight[0] = sign;
        objective.constant[0] = -sign * q->trigger->threshold;
        objective.clean[0] = sign * (s->logit[window] - q->trigger->threshold);
        objective.deadline = q->deadline;
        objective.program = q->pipeline->gap ? &q->pipeline->program : NULL;
        objective.float32 = q->pipeline->arithmetic == SP_ARITHMETIC_FLOAT32;
        sp_schedule_run(q->pipeline->method, q->pipeline->net, list, 1);
        status = objective.status;
        *err = objective.err;
        s->margin[window] = fmax(s->margin[window], objective.proved[0]);
        s->term[window] = objective.term[0];
    }
    sp_objectives_clear(&objective);
    sp_front_bound_clear(&part);
    return status;
}

static void batch_task(void *context, size_t index) {
    batch *b = context;
    b->status[index] = bound_window(&b->error[index], b->s, b->front, b->window[index]);
}

/* How far below the threshold a prediction is low: at most by the first, at least by the second. */
static sp_iv lower_by(const search *s) {
    const sp_trigger *trigger = s->q->trigger;
    const double apart = trigger->threshold - trigger->low;
    const bool speech = trigger->rule == SP_TRIGGER_SPEECH && apart > 0.0;
    return speech ? (sp_iv){fmax(0.0, sp_below(apart)), sp_above(apart)} : (sp_iv){0.0, 0.0};
}

/* Whether the bits that are certain prove what the trigger must do. */
static bool settled(const search *s) {
    const sp_audit_line *q = s->q;
    const sp_iv lower = lower_by(s);
    for (size_t i = 0; i < q->stream->count; i++) { // of a part without a bound nothing is certain
        s->on[i] = q->fire ? s->margin[i] > 0.0 : !(s->margin[i] > 0.0);
        s->keep[i] = q->fire ? s->margin[i] > -lower.lo : !(s->margin[i] > lower.hi);
    }
    return sp_trigger_fires(NULL, q->trigger, s->on, s->keep, q->stream->count) == q->fire;
}

/* Windows whose concrete logit already is on the wrong side need no bounds. */
static bool hopeless(const search *s, size_t window) {
    const double distance = s->logit[window] - s->q->trigger->threshold;
    return s->q->fire ? distance < -lower_by(s).hi : distance >= 0.0;
}

/* What is proved of a part, which holds for its parts. */
static void forget(search *s) {
    memset(s->bits, 0, s->q->stream->count);
    for (size_t i = 0; i < s->q->stream->count; i++) {
        s->margin[i] = -INFINITY;
    }
}

static sp_status bound_batch(sp_error *err, search *s, const sp_front_bound *front, batch *b,
                             size_t count) {
    b->s = s;
    b->front = front;
    sp_pool_run(count, 0, batch_task, b);
    for (size_t i = 0; i < count; i++) {
        const size_t window = b->window[i];
        // bounds that overflow prove nothing; anything else ends the search
        if (b->status[i] != SP_OK && !sp_query_unproved(b->status[i])) {
            return err ? (*err = b->error[i]).code : b->status[i];
        }
        if (b->status[i] == SP_E_TIMEOUT) {
            s->answer->late = true;
        }
        if (b->status[i] == SP_OK && !(s->answer->float32 >= s->term[window])) {
            s->answer->float32 = s->term[window];
        }
        if (b->status[i] == SP_OK && s->margin[window] > 0.0) {
            s->bits[window] = s->q->fire ? BIT_ON : BIT_OFF;
        }
    }
    return SP_OK;
}

static sp_status bound_windows(sp_error *err, search *s, const sp_front_bound *front,
                               bool *proved) {
    const size_t count = s->q->stream->count;
    size_t next = 0;
    *proved = settled(s);
    while (!*proved && next < count && !s->answer->late) {
        batch b;
        size_t taken = 0;
        for (; next < count && taken < BATCH; next++) {
            const size_t window = s->order[next];
            if (s->bits[window] == BIT_UNKNOWN && !hopeless(s, window)) {
                b.window[taken++] = window;
            }
        }
        if (taken > 0) {
            SP_TRY(bound_batch(err, s, front, &b, taken));
        }
        *proved = settled(s);
    }
    return SP_OK;
}

/* Keeps the least margin of the windows that the trigger's proof uses. */
static void keep_weakest(search *s) {
    const unsigned char sure = s->q->fire ? BIT_ON : BIT_OFF;
    for (size_t i = 0; i < s->q->stream->count; i++) {
        if (s->bits[i] == sure) {
            s->answer->weakest = fmin(s->answer->weakest, s->margin[i]);
        }
    }
}

/* *proved or *broken, the nearest one to the start, or neither. `up`: the start lies below. */
static sp_status try_part(sp_error *err, search *s, double lo, double hi, bool up, bool *proved,
                          double *broken) {
    const double points[3] = {lo, hi, lo + 0.5 * (hi - lo)};
    *proved = false;
    for (size_t i = 0; i < 3; i++) { // the middle last: its logits order the windows
        bool holds = false;
        SP_TRY(run_at(err, s, points[i], &holds));
        if (!holds) {
            *broken = up ? fmin(*broken, points[i]) : fmax(*broken, points[i]);
        }
    }
    if (up ? *broken <= hi : *broken >= lo) {
        return SP_OK;
    }
    sp_front_bound front = {0};
    s->answer->tried++;
    const sp_status bounded = sp_front_path_bound(err, &front, s->path, lo, hi);
    if (bounded != SP_OK) {
        return sp_query_unproved(bounded) ? SP_OK : bounded;
    }
    sort_windows(s);
    const sp_status status = bound_windows(err, s, &front, proved);
    sp_front_bound_clear(&front);
    return status;
}

/* ---- from the start to one end ---- */

static sp_status climb(sp_error *err, search *s, double end, double *certified, double *broken) {
    const sp_audit_line *q = s->q;
    const size_t most = q->most ? q->most : MOST_PARTS;
    const bool up = end >= q->start;
    double at = q->start, width = fabs(end - at), nearest = up ? INFINITY : -INFINITY;
    forget(s);
    for (bool done = false; !done;) {
        const bool reaches = !(width < fabs(end - at));
        const double next = reaches ? end : up ? at + width : at - width;
        bool proved = false;
        SP_TRY(try_part(err, s, fmin(at, next), fmax(at, next), up, &proved, &nearest));
        if (proved) {
            keep_weakest(s);
            s->answer->pieces++;
            *certified = at = next;
            width *= WIDER;
            forget(s);
        } else { // what is proved of this part holds for its half too
            width = 0.5 * fabs(next - at);
        }
        s->answer->late = s->answer->late || sp_clock_passed(q->deadline);
        done = (proved && reaches) || s->answer->late || s->answer->tried >= most ||
               (!proved && !(width >= fmax(q->finest, q->share * fabs(at)))) ||
               (up ? nearest <= at : nearest >= at);
    }
    *broken = isfinite(nearest) ? nearest : NAN;
    return SP_OK;
}

static sp_status take_memory(sp_error *err, search *s) {
    const size_t n = s->q->clip->n, count = s->q->stream->count;
    s->samples = calloc(n + 4 * count + 1, sizeof *s->samples);
    s->order = calloc(count + 1, sizeof *s->order);
    s->bits = calloc(3 * count + 3, 1);
    if (!s->samples || !s->order || !s->bits) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu predictions", count);
    }
    s->logit = s->samples + n;
    s->score = s->logit + count;
    s->margin = s->score + count;
    s->term = s->margin + count;
    s->on = (bool *)(s->bits + count + 1);
    s->keep = s->on + count + 1;
    return SP_OK;
}

sp_status sp_audit_line_prove(sp_error *err, sp_audit_line_result *answer,
                              const sp_audit_line *line) {
    search s = {.q = line, .answer = answer};
    const sp_noise *noise = line->noise;
    *answer = (sp_audit_line_result){NAN, NAN, NAN, NAN, 0, 0, INFINITY, NAN, false};
    sp_status status = take_memory(err, &s);
    if (status == SP_OK) {
        status = sp_front_path_create(err, &s.path, line->pipeline->forms, line->clip->samples,
                                      line->clip->n, noise, line->deadline);
    }
    if (status == SP_OK) {
        status = climb(err, &s, noise->hi, &answer->hi, &answer->broken_hi);
    }
    if (status == SP_OK && line->start > noise->lo) {
        status = climb(err, &s, noise->lo, &answer->lo, &answer->broken_lo);
    }
    if (isnan(answer->lo) && !isnan(answer->hi)) { // the start is in the first part
        answer->lo = line->start;
    }
    if (isnan(answer->hi) && !isnan(answer->lo)) {
        answer->hi = line->start;
    }
    sp_front_path_destroy(s.path);
    free(s.samples);
    free(s.order);
    free(s.bits);
    if (status != SP_OK) {
        answer->lo = answer->hi = NAN;
    }
    return status;
}
