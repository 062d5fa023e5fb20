/* Audits of models that answer after every hop of a stream: noise in a few hops at every place,
 * which begins with the states that the model has there without noise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "certify/audit/audit_task.h"

/* ---- places ---- */

/* What is the same at all places. */
typedef struct hops {
    const sp_audit_task *q;
    size_t count, burst, every; /* hops; of them noisy ones; from place to place */
    size_t frames;              /* of a hop */
    size_t width;
    double *states;       /* [frames of the clip, width] owned; behind each, without noise */
    double *logit;        /* [count] owned; likewise */
    sp_front *front;      /* owned; without padding before the clip, of places behind the first */
    sp_pipeline rest;     /* owned, behind that; or empty: the audit's serves */
    sp_attacker attacker; /* owned, of `rest` */
    bool padded;
} hops;

/* One place: the network from its states on, and the samples that its hops hear. */
typedef struct place {
    sp_net net; /* owned */
    sp_pipeline pipeline;
    sp_attacker attacker;
    sp_clip part;             /* owned */
    sp_noise_profile profile; /* owned: samples of the hops before get no noise */
} place;

static void close_hops(hops *h) {
    free(h->states);
    free(h->logit);
    sp_attacker_clear(&h->attacker);
    sp_pipeline_clear(&h->rest);
    sp_front_destroy(h->front);
}

/* Frames of samples without those before the clip. */
static sp_status open_rest(sp_error *err, hops *h, const sp_pipeline *of) {
    const sp_front_layout *layout = sp_front_layout_of(of->front);
    char text[192];
    snprintf(
        text, sizeof text,
        "{\"sample_rate\": %d, \"scale\": \"%s\", \"samples\": {\"frame\": %zu, \"step\": %zu}}",
        layout->sample_rate, layout->full_scale > 1.0 ? "int16" : "unit", layout->frame,
        layout->step);
    SP_TRY(sp_front_parse(err, &h->front, text, strlen(text), "hops"));
    SP_TRY(sp_pipeline_init(err, &h->rest, of->net, h->front, of->method, of->front_rule));
    h->rest.names = of->names;
    h->rest.threshold = of->threshold;
    return sp_attacker_init(err, &h->attacker, &h->rest);
}

static sp_status run_clean(sp_error *err, hops *h, const sp_pipeline *pipeline,
                           const sp_clip *clip) {
    const size_t width = pipeline->net->features,
                 frames = sp_front_frames(pipeline->front, clip->n);
    double *features = calloc(frames * width + 1, sizeof *features);
    h->width = sp_net_state_width(pipeline->net);
    h->states = calloc(frames * h->width + 1, sizeof *h->states);
    h->logit = calloc(h->count + 1, sizeof *h->logit);
    sp_status status = features && h->states && h->logit
                           ? SP_OK
                           : sp_fail(err, SP_E_MEMORY, "out of memory for %zu hops", h->count);
    if (status == SP_OK) {
        status = sp_front_run(err, pipeline->front, features, clip->samples, clip->n);
    }
    if (status == SP_OK) {
        status = sp_net_states(err, pipeline->net, h->states, features, frames);
    }
    if (status == SP_OK) {
        status = sp_net_run_rows(err, pipeline->net, h->logit, features, frames);
    }
    free(features);
    return status;
}

static sp_status open_hops(sp_error *err, hops *h, const sp_audit_task *q) {
    const sp_audit *audit = q->audit;
    const sp_pipeline *pipeline = audit->attacker->pipeline;
    *h = (hops){.q = q, .burst = audit->burst, .every = audit->every ? audit->every : 1};
    h->frames = sp_net_hop(pipeline->net);
    h->count = sp_front_frames(pipeline->front, audit->clip->n) / h->frames;
    if (h->burst == 0 || h->burst > h->count) {
        return sp_fail(err, SP_E_ARGUMENT, "a burst of %zu hops: the recording has %zu", h->burst,
                       h->count);
    }
    h->padded = sp_front_layout_of(pipeline->front)->before > 0;
    SP_TRY(run_clean(err, h, pipeline, audit->clip));
    return h->padded && h->count > h->burst ? open_rest(err, h, pipeline) : SP_OK;
}

static void close_place(place *p) {
    sp_net_clear(&p->net);
    sp_clip_clear(&p->part);
    sp_noise_profile_clear(&p->profile);
}

/* Samples of a step of `hops` hops. */
static size_t samples_of(const hops *h, size_t hops_of) {
    const sp_pipeline *pipeline = h->q->audit->attacker->pipeline;
    return hops_of * h->frames * sp_front_layout_of(pipeline->front)->step;
}

/* Without noise the place must answer as the recording does there. */
static sp_status check_place(sp_error *err, const place *p, const hops *h, size_t first) {
    double *logit = calloc(h->burst + 1, sizeof *logit);
    sp_status status =
        !logit ? sp_fail(err, SP_E_MEMORY, "out of memory for %zu hops", h->burst)
        : sp_pipeline_scores(&p->pipeline, p->part.n) != h->burst
            ? sp_fail(err, SP_E_MISMATCH, "a burst that is not of %zu hops", h->burst)
            : sp_pipeline_clean(err, &p->pipeline, logit, &p->part);
    for (size_t i = 0; i < h->burst && status == SP_OK; i++) {
        const double clean = h->logit[first + i];
        if (!(fabs(logit[i] - clean) <= 1e-6 * (1.0 + fabs(clean)))) {
            status = sp_fail(err, SP_E_CONTRADICTION,
                             "hop %zu is answered %g where the recording goes on, %g from its "
                             "beginning: this is an error of soundproof, please report it",
                             first + i, logit[i], clean);
        }
    }
    free(logit);
    return status;
}

/* The hops from `first` on, and the samples that they share with those before. */
static sp_status open_place(sp_error *err, place *p, const hops *h, size_t first) {
    const sp_attacker *whole = h->q->audit->attacker;
    const sp_attacker *of = first > 0 && h->padded ? &h->attacker : whole;
    const sp_front_layout *layout = sp_front_layout_of(whole->pipeline->front);
    const size_t length = sp_front_samples(of->pipeline->front, h->burst * h->frames),
                 before = layout->before;
    const size_t begin = samples_of(h, first), cut = begin < before ? before - begin : 0;
    const size_t shared =
        first > 0 && layout->used > layout->step ? layout->used - layout->step : 0;
    *p = (place){.pipeline = *of->pipeline, .attacker = *of};
    p->attacker.own = NULL;
    p->attacker.pipeline = &p->pipeline;
    p->pipeline.original = NULL; // it starts at the beginning
    if (first > 0) {
        SP_TRY(sp_net_resume(err, &p->net, whole->pipeline->net,
                             h->states + (first * h->frames - 1) * h->width));
        p->pipeline.net = &p->net;
    }
    SP_TRY(sp_clip_part(err, &p->part, h->q->audit->clip, begin > before ? begin - before : 0,
                        length - cut));
    p->profile.share = calloc(p->part.n, sizeof *p->profile.share);
    if (!p->profile.share) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", p->part.n);
    }
    p->profile.count = p->part.n;
    for (size_t i = shared; i < p->part.n; i++) {
        p->profile.share[i] = 1.0;
    }
    return check_place(err, p, h, first);
}

/* ---- what is known of one place ---- */

typedef struct known {
    sp_status status;
    sp_error err;
    double certified, broken, file; /* dB; NaN: none */
    double margin;
    bool late;
    double *noise; /* [n of the part] owned: of the file, or the best real one; or NULL */
} known;

typedef struct search {
    const hops *h;
    known *at; /* [places] */
    size_t places;
    bool attacks;
} search;

static void take_radius(known *k, sp_radius *radius) {
    k->certified = radius->certified_db;
    k->broken = radius->broken_db;
    k->file = radius->broken_file_db;
    k->margin = radius->verdict.margin;
    k->late = radius->verdict.kind == SP_VERDICT_TIMEOUT;
    k->noise = radius->file_noise;
    radius->file_noise = NULL;
    sp_radius_clear(radius);
}

static sp_status search_levels(known *k, const search *s, place *p) {
    const sp_audit_task *q = s->h->q;
    const sp_radius_options options = {.tolerance = q->audit->tolerance,
                                       .set = q->audit->set,
                                       .profile = &p->profile,
                                       .no_attack = !s->attacks,
                                       .attack = sp_audit_task_attack(q),
                                       .timeout = sp_audit_task_time(q)};
    sp_radius radius;
    const sp_status status = sp_radius_find(&k->err, &radius, &p->attacker, &p->part, -1, &options);
    take_radius(k, &radius);
    return status;
}

static sp_status decide_budget(known *k, const search *s, place *p) {
    const sp_audit_task *q = s->h->q;
    sp_budget budget = *q->audit->budget;
    sp_verdict verdict;
    budget.profile = &p->profile;
    sp_status status =
        sp_certify(&k->err, &verdict, &p->pipeline, &p->part, &budget, -1, sp_audit_task_time(q));
    const double db = verdict.scale.db_peak;
    const bool open = verdict.kind == SP_VERDICT_UNKNOWN;
    k->certified = verdict.kind == SP_VERDICT_CERTIFIED ? db : NAN;
    k->margin = verdict.margin;
    k->late = verdict.kind == SP_VERDICT_TIMEOUT;
    sp_verdict_clear(&verdict);
    if (status == SP_OK && open && s->attacks) {
        const sp_attack_options options = sp_audit_task_attack(q);
        sp_attack attack;
        status = sp_attack_budget(&k->err, &attack, &p->attacker, &p->part, &budget, -1, &options);
        k->broken = attack.real_broken ? db : NAN;
        k->file = attack.verdict.kind == SP_VERDICT_BROKEN ? db : NAN;
        k->noise = attack.verdict.kind == SP_VERDICT_BROKEN ? attack.noise : NULL;
        attack.noise = k->noise ? NULL : attack.noise;
        sp_attack_clear(&attack);
    }
    return status;
}

static void search_place(void *context, size_t index) {
    search *s = context;
    known *k = &s->at[index];
    place p = {0};
    free(k->noise);
    *k = (known){.certified = NAN, .broken = NAN, .file = NAN, .margin = NAN};
    k->status = open_place(&k->err, &p, s->h, index * s->h->every);
    if (k->status == SP_OK) {
        k->status = s->h->q->audit->budget ? decide_budget(k, s, &p) : search_levels(k, s, &p);
    }
    k->late = k->late || k->status == SP_E_TIMEOUT;
    close_place(&p);
}

/* ---- all places ---- */

static double certified_of(const known *k) {
    return isnan(k->certified) ? -INFINITY : k->certified;
}

/* Certified least, and among those by the least margin. */
static size_t weakest_of(const search *s, const bool *done) {
    size_t weakest = s->places;
    for (size_t i = 0; i < s->places; i++) {
        const bool taken = done && done[i];
        const double a = certified_of(&s->at[i]);
        const double b = weakest < s->places ? certified_of(&s->at[weakest]) : INFINITY;
        const bool less = a < b || (a == b && s->at[i].margin < s->at[weakest].margin);
        weakest = !taken && (weakest == s->places || less) ? i : weakest;
    }
    return weakest;
}

enum { ATTACKED = 2 };

/* Attacks the places that are certified least; *broken: the one with the quietest break, or none.
 */
static sp_status attack_places(sp_error *err, search *s, size_t *broken) {
    bool *done = calloc(s->places, sizeof *done);
    sp_status status = done ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    *broken = s->places;
    s->attacks = true;
    for (size_t k = 0; k < ATTACKED && k < s->places && status == SP_OK; k++) {
        const size_t next = weakest_of(s, done);
        const bool settled = s->h->q->audit->budget && !isnan(s->at[next].certified);
        done[next] = true;
        if (settled) {
            break;
        }
        search_place(s, next);
        status = s->at[next].status == SP_OK
                     ? SP_OK
                     : sp_fail(err, s->at[next].status, "%s", s->at[next].err.text);
        const bool quieter = *broken == s->places || !(s->at[*broken].broken <= s->at[next].broken);
        *broken = !isnan(s->at[next].broken) && quieter ? next : *broken;
    }
    free(done);
    return status;
}

static sp_budget_scale scale_at(const sp_audit_task *q, const hops *h, double db) {
    const sp_budget_scale none = {NAN, NAN, NAN, false};
    const sp_noise_set *set = sp_audit_task_set(q);
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db, .set = set};
    double eps = NAN;
    if (isnan(db) || sp_budget_radius(NULL, &eps, &budget, q->audit->clip) != SP_OK) {
        return none;
    }
    const double noisy = (double)samples_of(h, h->burst) / (double)q->audit->clip->n;
    sp_budget_scale scale = sp_audit_task_scale(set, q->audit->clip, eps, fmin(noisy, 1.0));
    scale.db_peak = db;
    return scale;
}

/* The whole recording with the noise of the break, as a file. */
static sp_status keep_file(sp_error *err, sp_audit_task *q, const hops *h, size_t first,
                           const known *k) {
    const sp_clip *clip = q->audit->clip;
    const sp_front_layout *layout = sp_front_layout_of(q->audit->attacker->pipeline->front);
    const size_t start = samples_of(h, first), before = layout->before;
    const size_t begin = start > before ? start - before : 0;
    const size_t length =
        sp_front_samples(h->padded && first > 0 ? h->front : q->audit->attacker->pipeline->front,
                         h->burst * h->frames) -
        (start < before ? before - start : 0);
    double *samples = malloc(clip->n * sizeof *samples);
    bool broken = false;
    if (!samples) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", clip->n);
    }
    memcpy(samples, clip->samples, clip->n * sizeof *samples);
    for (size_t i = 0; i < length; i++) {
        samples[begin + i] += k->noise[i];
    }
    q->clean = h->logit;
    q->from = first;
    q->end = first + h->burst;
    const sp_status status =
        sp_audit_task_keep(err, q, clip, &q->whole, &q->single, samples, &broken);
    q->clean = NULL;
    if (status == SP_OK && broken) {
        q->finding->file = scale_at(q, h, k->file);
    }
    free(samples);
    return status;
}

static void tell(sp_finding *f, const search *s, bool budget) {
    size_t certified = 0;
    for (size_t i = 0; i < s->places; i++) {
        certified += !isnan(s->at[i].certified);
    }
    const bool whole = certified == s->places, broken = isfinite(f->broken.db_peak);
    f->kind = whole ? SP_VERDICT_CERTIFIED : broken ? SP_VERDICT_BROKEN : SP_VERDICT_UNKNOWN;
    if (!whole) {
        snprintf(f->reason, sizeof f->reason, "%zu of %zu places are certified%s%s", certified,
                 s->places, budget ? "" : " at some level",
                 broken ? ", and noise was found that breaks one" : "");
    }
}

static sp_status conclude(sp_error *err, sp_audit_task *q, const hops *h, search *s) {
    const sp_front_layout *layout = sp_front_layout_of(q->audit->attacker->pipeline->front);
    sp_finding *f = q->finding;
    size_t broken = s->places;
    f->place_db = calloc(s->places, sizeof *f->place_db);
    f->places = f->place_db ? s->places : 0;
    for (size_t i = 0; i < s->places; i++) {
        if (s->at[i].status != SP_OK && !s->at[i].late) {
            return sp_fail(err, s->at[i].status, "%s", s->at[i].err.text);
        }
        if (f->place_db) {
            f->place_db[i] = s->at[i].certified;
        }
    }
    if (!q->audit->no_attack && !(q->deadline > 0.0 && sp_clock_passed(q->deadline))) {
        SP_TRY(attack_places(err, s, &broken));
    }
    const size_t weakest = weakest_of(s, NULL), shown = broken < s->places ? broken : weakest;
    const size_t hop = weakest * h->every;
    f->certified = scale_at(q, h, s->at[weakest].certified);
    f->margin = s->at[weakest].margin;
    f->broken = scale_at(q, h, s->at[shown].broken);
    f->frame = hop * h->frames;
    f->logit = h->logit[hop];
    f->begin_s = (double)samples_of(h, hop) / layout->sample_rate;
    f->end_s = (double)samples_of(h, hop + h->burst) / layout->sample_rate;
    tell(f, s, q->audit->budget != NULL);
    if (f->kind != SP_VERDICT_CERTIFIED && s->at[weakest].late) {
        f->kind = SP_VERDICT_TIMEOUT;
    }
    return broken < s->places && s->at[broken].noise && !isnan(s->at[broken].file)
               ? keep_file(err, q, h, broken * h->every, &s->at[broken])
               : SP_OK;
}

sp_status sp_audit_task_hops(sp_error *err, sp_audit_task *q) {
    hops h;
    search s = {.h = &h};
    sp_status status = open_hops(err, &h, q);
    if (status == SP_OK) {
        s.places = (h.count - h.burst) / h.every + 1;
        s.at = calloc(s.places, sizeof *s.at);
        status = s.at ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for %zu places", s.places);
    }
    if (status == SP_OK) {
        sp_pool_run(s.places, 0, search_place, &s);
        status = conclude(err, q, &h, &s);
    }
    for (size_t i = 0; s.at && i < s.places; i++) {
        free(s.at[i].noise);
    }
    free(s.at);
    close_hops(&h);
    return status;
}
