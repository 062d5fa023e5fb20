/* The installed interface: a thin layer over the rooms, with no third-party or internal type in
 * it. */
#include "include/soundproof.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "certify/attack/attack.h"
#include "certify/certify.h"
#include "gpu/backend.h"
#include "onnx/onnx.h"

struct soundproof {
    sp_model model;
    sp_front *front;
    sp_pipeline pipeline;
};

_Static_assert((int)SOUNDPROOF_CERTIFIED == (int)SP_VERDICT_CERTIFIED &&
                   (int)SOUNDPROOF_BROKEN == (int)SP_VERDICT_BROKEN &&
                   (int)SOUNDPROOF_UNKNOWN == (int)SP_VERDICT_UNKNOWN &&
                   (int)SOUNDPROOF_MISCLASSIFIED == (int)SP_VERDICT_MISCLASSIFIED &&
                   (int)SOUNDPROOF_TIMEOUT == (int)SP_VERDICT_TIMEOUT &&
                   (int)SOUNDPROOF_ERROR == (int)SP_VERDICT_ERROR,
               "outcomes and verdicts have one order");

static _Thread_local sp_error last_error;

const char *soundproof_version(void) {
    return SP_VERSION;
}

const char *soundproof_last_error(void) {
    return last_error.text;
}

int soundproof_threads(int threads) {
    last_error = (sp_error){0};
    return sp_pool_start(threads) == SP_OK
               ? 0
               : (int)sp_fail(&last_error, SP_E_THREAD, "cannot start %d threads", threads);
}

static sp_status read_front(sp_error *err, soundproof *system, const char *model,
                            const char *front) {
    if (front) {
        return sp_front_read(err, &system->front, front);
    }
    if (!system->model.front) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "%s: carries no front-end description: pass the path of one", model);
    }
    return sp_front_parse(err, &system->front, system->model.front, strlen(system->model.front),
                          model);
}

static sp_status open_parts(sp_error *err, soundproof *system, const char *model, const char *front,
                            const char *method) {
    const sp_method *row = sp_method_find(method ? method : "exact");
    if (!row) {
        return sp_fail(err, SP_E_ARGUMENT, "there is no method '%s'", method);
    }
    SP_TRY(sp_model_read(err, &system->model, model));
    SP_TRY(read_front(err, system, model, front));
    return sp_pipeline_init(err, &system->pipeline, &system->model.net, system->front, row,
                            row->front);
}

soundproof *soundproof_open(const char *model, const char *front, const char *method) {
    last_error = (sp_error){0};
    soundproof *system = calloc(1, sizeof *system);
    if (!system || !model) {
        free(system);
        sp_fail(&last_error, model ? SP_E_MEMORY : SP_E_ARGUMENT,
                model ? "out of memory" : "no model was named");
        return NULL;
    }
    sp_gpu_init();
    if (open_parts(&last_error, system, model, front, method) != SP_OK) {
        soundproof_close(system);
        return NULL;
    }
    return system;
}

void soundproof_close(soundproof *system) {
    if (system) {
        sp_pipeline_clear(&system->pipeline);
        sp_front_destroy(system->front);
        sp_model_clear(&system->model);
        free(system);
    }
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
    snprintf(empty.reason, sizeof empty.reason, "%s", last_error.text);
    publish(verdict, &empty);
    return (int)status;
}

static int certify_clip(const soundproof *system, soundproof_verdict *verdict, const sp_clip *clip,
                        const sp_budget *budget, long label) {
    sp_verdict inner;
    const sp_status status =
        sp_certify(&last_error, &inner, &system->pipeline, clip, budget, label, 0.0);
    publish(verdict, &inner);
    return (int)status;
}

/* A clip and a budget as they are named by a caller; the label becomes that of the file's name. */
typedef struct request {
    sp_budget budget;
    sp_clip clip;
    long label;
} request;

static sp_status read_request(sp_error *err, request *asked, const soundproof *system,
                              const char *path, const char *budget, long label) {
    const sp_front_layout *layout = sp_front_layout_of(system->front);
    const sp_clip_options options = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    *asked = (request){.label = label};
    SP_TRY(sp_budget_parse(err, &asked->budget, budget));
    SP_TRY(sp_clip_read(err, &asked->clip, path, &options));
    if (label == SOUNDPROOF_LABEL_OF_NAME) {
        asked->label = sp_label_of_name(path, sp_pipeline_answers(&system->model.net));
    }
    return SP_OK;
}

int soundproof_certify_file(const soundproof *system, soundproof_verdict *verdict, const char *path,
                            const char *budget, long label) {
    request asked;
    last_error = (sp_error){0};
    const sp_status status = read_request(&last_error, &asked, system, path, budget, label);
    if (status != SP_OK) {
        return fail_early(verdict, status);
    }
    const int result = certify_clip(system, verdict, &asked.clip, &asked.budget, asked.label);
    sp_clip_clear(&asked.clip);
    return result;
}

int soundproof_attack_file(const soundproof *system, soundproof_verdict *verdict, int *answer,
                           const char *path, const char *budget, long label, const char *out) {
    const sp_attack_options options = {.seed = 1, .source = path, .out = out};
    request asked;
    sp_attacker attacker;
    sp_attack attack;
    *answer = -1;
    last_error = (sp_error){0};
    sp_status status = read_request(&last_error, &asked, system, path, budget, label);
    if (status != SP_OK) {
        return fail_early(verdict, status);
    }
    status = sp_attacker_init(&last_error, &attacker, &system->pipeline);
    if (status == SP_OK) {
        status = sp_attack_budget(&last_error, &attack, &attacker, &asked.clip, &asked.budget,
                                  asked.label, &options);
        publish(verdict, &attack.verdict);
        if (verdict->outcome == SOUNDPROOF_BROKEN) {
            *answer = public_label(attack.file_answer);
        }
        free(attack.noise); // the rest of it is the caller's now
        free(attack.file_path);
    } else {
        fail_early(verdict, status);
    }
    sp_attacker_clear(&attacker);
    sp_clip_clear(&asked.clip);
    return (int)status;
}

/* Samples rescaled to what the front end hears; a power of two changes no digit. */
static sp_status make_clip(sp_error *err, sp_clip *clip, const soundproof *system,
                           const double *samples, size_t n, int rate, double full_scale) {
    const double target = sp_front_layout_of(system->front)->full_scale;
    if (!samples || n == 0 || n > SIZE_MAX / sizeof(double)) {
        return sp_fail(err, SP_E_ARGUMENT, "there are no samples");
    }
    if (!(full_scale > 0.0) || !isfinite(full_scale)) {
        return sp_fail(err, SP_E_ARGUMENT, "the full scale must be a positive number");
    }
    double *scaled = malloc(n * sizeof *scaled);
    if (!scaled) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    for (size_t i = 0; i < n; i++) {
        scaled[i] = samples[i] * (target / full_scale);
    }
    const sp_status status = sp_clip_init(err, clip, scaled, n, rate, target, 0.0);
    free(scaled);
    return status;
}

int soundproof_certify_samples(const soundproof *system, soundproof_verdict *verdict,
                               const double *samples, size_t n, int rate, double full_scale,
                               const char *budget, long label) {
    sp_budget parsed;
    sp_clip clip = {0};
    last_error = (sp_error){0};
    sp_status status = sp_budget_parse(&last_error, &parsed, budget);
    if (status == SP_OK) {
        status = make_clip(&last_error, &clip, system, samples, n, rate, full_scale);
    }
    if (status != SP_OK) {
        return fail_early(verdict, status);
    }
    const int result = certify_clip(system, verdict, &clip, &parsed,
                                    label == SOUNDPROOF_LABEL_OF_NAME ? -1 : label);
    sp_clip_clear(&clip);
    return result;
}
