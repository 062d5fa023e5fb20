/* The installed interface: a thin layer over the rooms, with no third-party or internal type in
 * it. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "certify/api/impl.h"
#include "certify/attack/attack.h"
#include "certify/study/study.h"
#include "gpu/backend.h"

_Static_assert((int)SOUNDPROOF_CERTIFIED == (int)SP_VERDICT_CERTIFIED &&
                   (int)SOUNDPROOF_BROKEN == (int)SP_VERDICT_BROKEN &&
                   (int)SOUNDPROOF_UNKNOWN == (int)SP_VERDICT_UNKNOWN &&
                   (int)SOUNDPROOF_MISCLASSIFIED == (int)SP_VERDICT_MISCLASSIFIED &&
                   (int)SOUNDPROOF_TIMEOUT == (int)SP_VERDICT_TIMEOUT &&
                   (int)SOUNDPROOF_ERROR == (int)SP_VERDICT_ERROR,
               "outcomes and verdicts have one order");

const char *soundproof_version(void) {
    return SP_VERSION;
}

int soundproof_threads(int threads) {
    sp_api_begin();
    return sp_pool_start(threads) == SP_OK
               ? 0
               : (int)sp_fail(sp_api_error(), SP_E_THREAD, "cannot start %d threads", threads);
}

const char *soundproof_kernels(void) {
    return sp_gpu_fitting_kernels();
}

size_t soundproof_classes(const soundproof *system) {
    return sp_pipeline_answers(&system->model.net);
}

int soundproof_sample_rate(const soundproof *system) {
    return sp_front_layout_of(system->front)->sample_rate;
}

const char *soundproof_outcome_name(soundproof_outcome outcome) {
    return sp_verdict_name((sp_verdict_kind)outcome);
}

static int public_label(size_t label) {
    return label == SP_NO_LABEL ? -1 : (int)label;
}

/* Moves `from` into the public struct, arrays included. */
static void publish(soundproof_verdict *verdict, const sp_verdict *from) {
    *verdict = (soundproof_verdict){
        .outcome = (soundproof_outcome)from->kind,
        .label = public_label(from->label),
        .predicted = public_label(from->predicted),
        .classes = from->classes,
        .frames = from->frames,
        .logits = from->logits,
        .margins = from->margins,
        .margin = from->margin,
        .eps = from->eps,
        .eps_lsb = from->scale.lsb,
        .budget_db = from->scale.db_peak,
        .snr_db = from->scale.snr_db,
        .vacuous = from->scale.vacuous,
        .seconds = from->seconds,
    };
    snprintf(verdict->reason, sizeof verdict->reason, "%s", from->reason);
}

void soundproof_verdict_clear(soundproof_verdict *verdict) {
    free(verdict->logits);
    free(verdict->margins);
    verdict->logits = NULL;
    verdict->margins = NULL;
}

static int fail_early(soundproof_verdict *verdict, sp_status status) {
    sp_verdict empty;
    sp_verdict_init(&empty);
    snprintf(empty.reason, sizeof empty.reason, "%s", sp_api_error()->text);
    publish(verdict, &empty);
    return (int)status;
}

/* ---- queries ---- */

int soundproof_certify(const soundproof *system, soundproof_verdict *verdict,
                       const soundproof_clip *clip, const soundproof_query *query) {
    sp_api_request asked;
    sp_verdict inner;
    sp_api_begin();
    sp_status status = sp_api_request_read(sp_api_error(), &asked, system, clip, query, true);
    if (status != SP_OK) {
        sp_api_request_clear(&asked);
        return fail_early(verdict, status);
    }
    status = sp_certify(sp_api_error(), &inner, &asked.pipeline, &clip->clip, &asked.budget,
                        asked.label, asked.query.timeout);
    publish(verdict, &inner);
    sp_api_request_clear(&asked);
    return (int)status;
}

static sp_attack_options attack_options(const sp_api_request *asked, const soundproof_clip *clip,
                                        const char *out) {
    return (sp_attack_options){.steps = (size_t)asked->query.steps,
                               .starts = (size_t)asked->query.starts,
                               .seed = asked->query.seed,
                               .timeout = asked->query.timeout,
                               .source = clip->path,
                               .out = out};
}

/* Of a clip in memory the noisy samples count as they are, for there is no file. */
static void take_real_noise(sp_attack *attack) {
    sp_verdict *verdict = &attack->verdict;
    char where[SP_VERDICT_WHERE];
    if (verdict->kind == SP_VERDICT_UNKNOWN && attack->real_broken) {
        verdict->kind = SP_VERDICT_BROKEN;
        snprintf(verdict->reason, sizeof verdict->reason,
                 verdict->outputs == 0 ? "real-valued noise within the budget makes it %s"
                 : verdict->sides
                     ? "real-valued noise within the budget moves %s across its threshold"
                     : "real-valued noise within the budget lets %s lead",
                 verdict->outputs == 0 ? sp_class_text(where, NULL, attack->real_answer)
                                       : sp_verdict_where(where, verdict, attack->real_answer));
        attack->file_answer = attack->real_answer;
    }
}

int soundproof_attack(const soundproof *system, soundproof_verdict *verdict, int *answer,
                      double *noisy, const soundproof_clip *clip, const soundproof_query *query,
                      const char *out) {
    sp_api_request asked;
    sp_attacker attacker;
    sp_attack attack;
    *answer = -1;
    sp_api_begin();
    sp_status status = sp_api_request_read(sp_api_error(), &asked, system, clip, query, true);
    if (status == SP_OK && asked.budget.deployed != SP_BUDGET_AS_REAL) {
        status = sp_fail(sp_api_error(), SP_E_ARGUMENT,
                         "attacks search real-valued noise, not rounded clips: ask for a budget in "
                         "whole lsb");
    }
    if (status == SP_OK && out && !clip->path) {
        status = sp_fail(sp_api_error(), SP_E_ARGUMENT,
                         "a clip in memory has no file format to write %s in", out);
    }
    if (status != SP_OK) {
        sp_api_request_clear(&asked);
        return fail_early(verdict, status);
    }
    const sp_attack_options options = attack_options(&asked, clip, out);
    status = sp_attacker_init(sp_api_error(), &attacker, &asked.pipeline);
    if (status == SP_OK) {
        status = sp_attack_budget(sp_api_error(), &attack, &attacker, &clip->clip, &asked.budget,
                                  asked.label, &options);
        if (!clip->path) {
            take_real_noise(&attack);
        }
        publish(verdict, &attack.verdict);
        if (verdict->outcome == SOUNDPROOF_BROKEN) {
            *answer = public_label(attack.file_answer);
        }
        for (size_t i = 0; noisy && i < clip->clip.n; i++) {
            noisy[i] = clip->clip.samples[i] + (attack.noise ? attack.noise[i] : 0.0);
        }
        free(attack.noise); // the rest of it is the caller's now
        free(attack.file_path);
    } else {
        fail_early(verdict, status);
    }
    sp_attacker_clear(&attacker);
    sp_api_request_clear(&asked);
    return (int)status;
}

int soundproof_radius(const soundproof *system, soundproof_verdict *verdict, double *certified_db,
                      double *broken_db, const soundproof_clip *clip,
                      const soundproof_query *query) {
    sp_api_request asked;
    sp_attacker attacker;
    sp_radius radius;
    *certified_db = *broken_db = NAN;
    sp_api_begin();
    sp_status status = sp_api_request_read(sp_api_error(), &asked, system, clip, query, false);
    if (status == SP_OK && !(asked.query.tolerance > 0.0 && isfinite(asked.query.tolerance))) {
        status = sp_fail(sp_api_error(), SP_E_ARGUMENT, "the tolerance is a positive number of dB");
    }
    if (status != SP_OK) {
        sp_api_request_clear(&asked);
        return fail_early(verdict, status);
    }
    const sp_radius_options options = {.tolerance = asked.query.tolerance,
                                       .set = asked.budget.set,
                                       .attack = attack_options(&asked, clip, NULL),
                                       .timeout = asked.query.timeout};
    status = sp_attacker_init(sp_api_error(), &attacker, &asked.pipeline);
    if (status == SP_OK) {
        sp_radius_init(&radius);
        status =
            sp_radius_find(sp_api_error(), &radius, &attacker, &clip->clip, asked.label, &options);
        publish(verdict, &radius.verdict);
        radius.verdict.logits = radius.verdict.margins = NULL; // the caller's now
        *certified_db = radius.certified_db;
        *broken_db = radius.broken_db;
        sp_radius_clear(&radius);
    } else {
        fail_early(verdict, status);
    }
    sp_attacker_clear(&attacker);
    sp_api_request_clear(&asked);
    return (int)status;
}

/* ---- what a clip is without noise, and what its bounds are ---- */

size_t soundproof_scores(const soundproof *system, const soundproof_clip *clip) {
    return sp_pipeline_scores(&system->pipeline, clip->clip.n);
}

int soundproof_logits(const soundproof *system, double *logits, const soundproof_clip *clip) {
    sp_api_begin();
    return (int)sp_pipeline_clean(sp_api_error(), &system->pipeline, logits, &clip->clip);
}

int soundproof_features(const soundproof *system, double **values, size_t *frames, size_t *width,
                        const soundproof_clip *clip) {
    sp_api_begin();
    *values = NULL;
    *width = system->model.net.features;
    *frames = sp_front_frames(system->front, clip->clip.n);
    *values = calloc(*frames ? *frames : 1, *width * sizeof **values);
    if (!*values) {
        return (int)sp_fail(sp_api_error(), SP_E_MEMORY,
                            "out of memory for the features of %zu frames", *frames);
    }
    const sp_status status =
        sp_front_run(sp_api_error(), system->front, *values, clip->clip.samples, clip->clip.n);
    if (status != SP_OK) {
        free(*values);
        *values = NULL;
    }
    return (int)status;
}

void soundproof_free(double *values) {
    free(values);
}

int soundproof_bounds(const soundproof *system, const soundproof_clip *clip,
                      const soundproof_query *query, soundproof_box *see, void *context) {
    sp_api_request asked;
    sp_api_begin();
    const sp_status status = sp_api_request_read(sp_api_error(), &asked, system, clip, query, true);
    const int result = status == SP_OK
                           ? sp_certify_boxes(sp_api_error(), &asked.pipeline, &clip->clip,
                                              &asked.budget, asked.query.timeout, see, context)
                           : (int)status;
    sp_api_request_clear(&asked);
    return result;
}

void soundproof_stop(int stopped) {
    if (stopped) {
        sp_clock_stop();
    } else {
        sp_clock_resume();
    }
}

/* ---- the short forms ---- */

static soundproof_query short_query(const char *budget, long label) {
    soundproof_query query;
    soundproof_query_init(&query);
    query.budget = budget;
    query.label = label;
    return query;
}

int soundproof_certify_file(const soundproof *system, soundproof_verdict *verdict, const char *path,
                            const char *budget, long label) {
    const soundproof_query query = short_query(budget, label);
    soundproof_clip clip = {0};
    sp_api_begin();
    const sp_status status = sp_api_clip_read(sp_api_error(), &clip, system, path);
    const int result = status == SP_OK ? soundproof_certify(system, verdict, &clip, &query)
                                       : fail_early(verdict, status);
    sp_api_clip_clear(&clip);
    return result;
}

int soundproof_attack_file(const soundproof *system, soundproof_verdict *verdict, int *answer,
                           const char *path, const char *budget, long label, const char *out) {
    const soundproof_query query = short_query(budget, label);
    soundproof_clip clip = {0};
    sp_api_begin();
    *answer = -1;
    const sp_status status = sp_api_clip_read(sp_api_error(), &clip, system, path);
    const int result = status == SP_OK
                           ? soundproof_attack(system, verdict, answer, NULL, &clip, &query, out)
                           : fail_early(verdict, status);
    sp_api_clip_clear(&clip);
    return result;
}

int soundproof_certify_samples(const soundproof *system, soundproof_verdict *verdict,
                               const double *samples, size_t n, int rate, double full_scale,
                               const char *budget, long label) {
    const soundproof_query query = short_query(budget, label);
    soundproof_clip clip = {0};
    sp_api_begin();
    const sp_status status =
        sp_api_clip_of(sp_api_error(), &clip, system, samples, n, rate, full_scale);
    const int result = status == SP_OK ? soundproof_certify(system, verdict, &clip, &query)
                                       : fail_early(verdict, status);
    sp_api_clip_clear(&clip);
    return result;
}
