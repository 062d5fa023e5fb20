/* Audits of one window under all noise of a box or a ball: everywhere, or in a few frames at every
 * place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "certify/audit/audit_task.h"

double sp_audit_task_shares(const sp_audit_task *q, const sp_clip *clip) {
    sp_noise noise = {0};
    double power = NAN;
    if (!q->audit->profile) {
        return 1.0;
    }
    if (sp_noise_box(NULL, &noise, clip->n, 1.0) == SP_OK &&
        sp_pipeline_share(NULL, &noise, q->audit->profile, q->audit->attacker->pipeline->front) ==
            SP_OK) {
        power = noise.set->energy(noise.radius, noise.n) / (double)noise.n;
    }
    sp_noise_clear(&noise);
    return power;
}

/* Part of the samples of the window that noise in `frames` frames reaches; 1: in all of it. */
static double power_of(const sp_audit_task *q, size_t frames) {
    if (q->audit->profile) {
        return sp_audit_task_shares(q, &q->window);
    }
    const sp_front_layout *layout = sp_front_layout_of(q->audit->attacker->pipeline->front);
    const size_t noisy = frames ? (frames - 1) * layout->step + layout->used : q->window.n;
    return (double)noisy / (double)q->window.n;
}

static sp_budget_scale scale_at(const sp_audit_task *q, double db, size_t frames) {
    const sp_budget_scale none = {NAN, NAN, NAN, false};
    if (isnan(db)) {
        return none;
    }
    const sp_noise_set *set = sp_audit_task_set(q);
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db, .set = set};
    double eps = NAN;
    if (sp_budget_radius(NULL, &eps, &budget, &q->window) != SP_OK) {
        return none;
    }
    sp_budget_scale scale = sp_audit_task_scale(set, &q->window, eps, power_of(q, frames));
    scale.db_peak = db;
    return scale;
}

/* The breaking file of a search is written once more, to where it shall stay, and heard. */
static sp_status keep_file(sp_error *err, sp_audit_task *q, const double *noise, double db,
                           size_t frames) {
    bool broken = false;
    double *samples = malloc(q->window.n * sizeof *samples);
    if (!samples) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", q->window.n);
    }
    for (size_t i = 0; i < q->window.n; i++) {
        samples[i] = q->window.samples[i] + noise[i];
    }
    const sp_status status =
        sp_audit_task_keep(err, q, &q->window, &q->one, &q->single, samples, &broken);
    if (status == SP_OK && broken) {
        q->finding->file = scale_at(q, db, frames);
    }
    free(samples);
    return status;
}

static void conclude(sp_finding *f) {
    const bool certified = isfinite(f->certified.db_peak), broken = isfinite(f->broken.db_peak);
    f->kind = certified ? SP_VERDICT_CERTIFIED : broken ? SP_VERDICT_BROKEN : SP_VERDICT_UNKNOWN;
    if (!certified) {
        snprintf(f->reason, sizeof f->reason, "%s",
                 broken ? "no level could be certified, and noise was found that breaks it"
                        : "no level could be certified or broken");
    }
}

/* ---- one budget ---- */

/* Clears the verdict. */
static void take_verdict(sp_audit_task *q, sp_verdict *verdict, const sp_noise_set *set,
                         size_t frames) {
    sp_finding *f = q->finding;
    f->margin = verdict->margin;
    f->float32 = verdict->float32;
    f->kind = verdict->kind;
    snprintf(f->reason, sizeof f->reason, "%s", verdict->reason);
    if (verdict->kind == SP_VERDICT_CERTIFIED) {
        f->certified = verdict->scale;
        f->certified.snr_db =
            sp_audit_task_scale(set, &q->window, verdict->eps, power_of(q, frames)).snr_db;
    }
    sp_verdict_clear(verdict);
}

static sp_status decide(sp_error *err, sp_audit_task *q, const sp_noise *noise, size_t frames) {
    sp_finding *f = q->finding;
    const sp_attack_options options = sp_audit_task_attack(q);
    const long label = q->fire ? 1 : 0;
    sp_verdict verdict;
    sp_attack attack;
    sp_status status = sp_certify_noise(err, &verdict, q->audit->attacker->pipeline, &q->window,
                                        noise, label, sp_audit_task_time(q));
    const sp_budget_scale scale = verdict.scale;
    take_verdict(q, &verdict, noise->set, frames);
    if (status != SP_OK || f->kind != SP_VERDICT_UNKNOWN) {
        return status;
    }
    status = sp_attack_noise(err, &attack, q->audit->attacker, &q->window, noise, label, &options);
    if (status == SP_OK && attack.real_broken) {
        f->broken = scale;
        f->kind = SP_VERDICT_BROKEN;
        snprintf(f->reason, sizeof f->reason, "%s", attack.verdict.reason);
    }
    if (status == SP_OK && attack.verdict.kind == SP_VERDICT_BROKEN) {
        status = keep_file(err, q, attack.noise, scale.db_peak, frames);
    }
    sp_attack_clear(&attack);
    return status;
}

/* Noisy samples of the window that are rounded before they are heard: not attacked. */
static sp_status decide_deployed(sp_error *err, sp_audit_task *q) {
    sp_budget budget = *q->audit->budget;
    sp_verdict verdict;
    budget.deployed = q->audit->deployed;
    const sp_status status = sp_certify(err, &verdict, q->audit->attacker->pipeline, &q->window,
                                        &budget, q->fire ? 1 : 0, sp_audit_task_time(q));
    take_verdict(q, &verdict, sp_budget_set(&budget), 0);
    return status;
}

static sp_status decide_budget(sp_error *err, sp_audit_task *q, size_t first, size_t frames) {
    sp_noise noise = {0};
    double eps = 0.0;
    if (q->audit->deployed != SP_BUDGET_AS_REAL) {
        return decide_deployed(err, q);
    }
    SP_TRY(sp_budget_radius(err, &eps, q->audit->budget, &q->window));
    SP_TRY(sp_pipeline_frame_noise(err, &noise, sp_budget_set(q->audit->budget),
                                   q->audit->attacker->pipeline->front, q->window.n, eps, first,
                                   frames));
    sp_status status =
        sp_pipeline_share(err, &noise, q->audit->profile, q->audit->attacker->pipeline->front);
    status = status == SP_OK ? decide(err, q, &noise, frames) : status;
    sp_noise_clear(&noise);
    return status;
}

/* ---- all levels ---- */

static sp_radius_options search_of(const sp_audit_task *q, size_t first, size_t frames) {
    const sp_radius_options options = {.tolerance = q->audit->tolerance,
                                       .set = q->audit->set,
                                       .profile = q->audit->profile,
                                       .deployed = q->audit->deployed,
                                       .first = first,
                                       .frames = frames,
                                       .attack = sp_audit_task_attack(q),
                                       .timeout = sp_audit_task_time(q)};
    return options;
}

/* A search that was stopped keeps what it has proved. */
static sp_status take_radius(sp_error *err, sp_audit_task *q, const sp_radius *radius) {
    sp_finding *f = q->finding;
    const size_t frames = radius->frames;
    f->certified = scale_at(q, radius->certified_db, frames);
    f->broken = scale_at(q, radius->broken_db, frames);
    f->margin = isfinite(radius->certified_db) ? radius->verdict.margin : NAN;
    f->float32 = radius->verdict.float32;
    conclude(f);
    if (radius->verdict.kind == SP_VERDICT_TIMEOUT) {
        snprintf(f->reason, sizeof f->reason, "%s", radius->verdict.reason);
        f->kind = f->kind == SP_VERDICT_CERTIFIED ? f->kind : SP_VERDICT_TIMEOUT;
    }
    if (radius->file_noise && isfinite(radius->broken_file_db)) {
        return keep_file(err, q, radius->file_noise, radius->broken_file_db, frames);
    }
    return SP_OK;
}

sp_status sp_audit_task_box(sp_error *err, sp_audit_task *q) {
    sp_radius radius;
    if (q->audit->budget) {
        return decide_budget(err, q, 0, 0);
    }
    const sp_radius_options options = search_of(q, 0, 0);
    sp_status status =
        sp_radius_find(err, &radius, q->audit->attacker, &q->window, q->fire ? 1 : 0, &options);
    if (status == SP_OK) {
        status = take_radius(err, q, &radius);
    }
    sp_radius_clear(&radius);
    return status;
}

/* ---- every place of a burst ---- */

enum { ATTACKED = 2 }; /* the weakest places, which are attacked too */

typedef struct places {
    const sp_audit_task *q;
    sp_radius *radius; /* [count] */
    sp_status *status; /* [count] */
    sp_error *error;   /* [count] */
    size_t count;
} places;

static void search_place(void *context, size_t index) {
    places *p = context;
    const sp_audit_task *q = p->q;
    sp_radius_options options = search_of(q, index, q->audit->burst);
    options.no_attack = true;
    p->status[index] = sp_radius_find(&p->error[index], &p->radius[index], q->audit->attacker,
                                      &q->window, q->fire ? 1 : 0, &options);
}

static double certified_of(const sp_radius *radius) {
    return isnan(radius->certified_db) ? -INFINITY : radius->certified_db;
}

/* Attacks the places that are certified least; keeps the strongest break. */
static sp_status attack_places(sp_error *err, sp_audit_task *q, places *p, size_t *weakest) {
    bool *done = calloc(p->count, sizeof *done);
    sp_status status = done ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    *weakest = sp_radius_weakest(p->radius, p->count);
    for (size_t k = 0; k < ATTACKED && k < p->count && status == SP_OK; k++) {
        size_t next = p->count;
        for (size_t i = 0; i < p->count; i++) {
            if (!done[i] && (next == p->count ||
                             certified_of(&p->radius[i]) < certified_of(&p->radius[next]))) {
                next = i;
            }
        }
        const sp_radius_options options = search_of(q, next, q->audit->burst);
        sp_radius found;
        done[next] = true;
        status =
            sp_radius_find(err, &found, q->audit->attacker, &q->window, q->fire ? 1 : 0, &options);
        sp_radius_clear(&p->radius[next]);
        p->radius[next] = found;
    }
    free(done);
    return status;
}

/* The certified level holds at every place; the broken one is that of the weakest place known. */
static sp_status take_places(sp_error *err, sp_audit_task *q, const places *p, size_t weakest) {
    const sp_front_layout *layout = sp_front_layout_of(q->audit->attacker->pipeline->front);
    sp_finding *f = q->finding;
    size_t broken = weakest;
    for (size_t i = 0; i < p->count; i++) {
        const bool louder = !(p->radius[i].broken_db < p->radius[broken].broken_db);
        broken = louder && !isnan(p->radius[broken].broken_db) ? broken
                 : isnan(p->radius[i].broken_db)               ? broken
                                                               : i;
    }
    SP_TRY(take_radius(err, q, &p->radius[broken]));
    f->certified = scale_at(q, p->radius[weakest].certified_db, q->audit->burst);
    f->margin = isfinite(f->certified.db_peak) ? p->radius[weakest].verdict.margin : NAN;
    conclude(f);
    const size_t begin = (f->frame + weakest) * layout->step;
    const size_t end = begin + (q->audit->burst - 1) * layout->step + layout->used;
    f->frame += weakest;
    f->begin_s = (double)begin / layout->sample_rate;
    f->end_s = (double)end / layout->sample_rate;
    return SP_OK;
}

static sp_status search_places(sp_error *err, sp_audit_task *q, places *p) {
    size_t weakest = 0;
    sp_pool_run(p->count, 0, search_place, p);
    for (size_t i = 0; i < p->count; i++) {
        if (p->status[i] != SP_OK) {
            return sp_fail(err, p->status[i], "%s", p->error[i].text);
        }
        if (p->radius[i].verdict.kind == SP_VERDICT_TIMEOUT) {
            return sp_fail(err, SP_E_TIMEOUT, "the time ran out");
        }
    }
    double *place_db = malloc(p->count * sizeof *place_db);
    if (!place_db) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < p->count; i++) {
        place_db[i] = p->radius[i].certified_db;
    }
    q->finding->place_db = place_db;
    q->finding->places = p->count;
    SP_TRY(attack_places(err, q, p, &weakest));
    return take_places(err, q, p, weakest);
}

/* With a budget, the place with the least proved margin decides. */
static sp_status decide_places(sp_error *err, sp_audit_task *q, size_t count) {
    const sp_front_layout *layout = sp_front_layout_of(q->audit->attacker->pipeline->front);
    const sp_finding clean = *q->finding;
    sp_finding worst = clean;
    size_t weakest = 0;
    for (size_t i = 0; i < count; i++) {
        *q->finding = clean;
        SP_TRY(decide_budget(err, q, i, q->audit->burst));
        const sp_finding *f = q->finding;
        const bool first = i == 0;
        const bool worse = f->kind != SP_VERDICT_CERTIFIED && worst.kind == SP_VERDICT_CERTIFIED;
        const bool broken = f->kind == SP_VERDICT_BROKEN && worst.kind != SP_VERDICT_BROKEN;
        const bool lower = f->kind == worst.kind && f->margin < worst.margin;
        if (first || worse || broken || lower) {
            worst = *f;
            weakest = i;
        }
        if (f->kind == SP_VERDICT_BROKEN) {
            break;
        }
    }
    *q->finding = worst;
    const size_t begin = (clean.frame + weakest) * layout->step;
    q->finding->frame = clean.frame + weakest;
    q->finding->begin_s = (double)begin / layout->sample_rate;
    q->finding->end_s =
        (double)(begin + (q->audit->burst - 1) * layout->step + layout->used) / layout->sample_rate;
    return SP_OK;
}

sp_status sp_audit_task_burst(sp_error *err, sp_audit_task *q) {
    const size_t steps = q->one.steps, burst = q->audit->burst;
    if (burst == 0 || burst > steps) {
        return sp_fail(err, SP_E_ARGUMENT, "a burst of %zu frames: the model hears %zu", burst,
                       steps);
    }
    places p = {.q = q, .count = steps - burst + 1};
    if (q->audit->budget) {
        return decide_places(err, q, p.count);
    }
    p.radius = calloc(p.count, sizeof *p.radius);
    p.status = calloc(p.count, sizeof *p.status);
    p.error = calloc(p.count, sizeof *p.error);
    sp_status status = p.radius && p.status && p.error ? search_places(err, q, &p)
                                                       : sp_fail(err, SP_E_MEMORY, "out of memory");
    for (size_t i = 0; p.radius && i < p.count; i++) {
        sp_radius_clear(&p.radius[i]);
    }
    free(p.radius);
    free(p.status);
    free(p.error);
    return status;
}
