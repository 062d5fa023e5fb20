/* All that a report shows of one clip: the search for its radius, verdicts at fixed budgets, the
 * file that breaks it, and the frames in which the answer is most sensitive. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/pool.h"
#include "certify/attack/descent.h"
#include "certify/study/study.h"

/* ---- verdicts ---- */

typedef struct study_task {
    sp_study *study;
    const sp_attacker *attacker;
    const sp_study_options *options;
    long label;
    /* Of the fixed budgets, and of the whole: values of sp_clock_wall; 0: none. */
    double halftime, deadline;
} study_task;

/* What is left of the time until then; never 0, which would be no limit. */
static double time_until(double deadline) {
    return deadline > 0.0 ? fmax(deadline - sp_clock_wall(), 1e-6) : 0.0;
}

static void certify(void *context, size_t index) {
    const study_task *e = context;
    (void)sp_certify(NULL, &e->study->verdict[index], e->attacker->pipeline, &e->study->clip,
                     &e->options->budget[index], e->label, time_until(e->halftime));
}

/* The file that breaks the clip also breaks every budget whose set it lies in. */
static void spread_break(sp_study *study) {
    for (size_t b = 0; b < study->budgets; b++) {
        sp_verdict *verdict = &study->verdict[b];
        if (study->attack.verdict.kind == SP_VERDICT_BROKEN &&
            verdict->kind == SP_VERDICT_UNKNOWN && verdict->set == study->attack.verdict.set &&
            study->attack.file_radius <= verdict->eps) {
            verdict->kind = SP_VERDICT_BROKEN;
            memcpy(verdict->reason, study->attack.verdict.reason, sizeof verdict->reason);
        }
    }
}

/* ---- files ---- */

/* What came through a pipe cannot be read again: the clip as it was heard stands for it. */
static void load_source(sp_study *study, const char *path) {
    struct stat about;
    sp_file_draft draft;
    sp_status status = path ? SP_OK : SP_E_ARGUMENT;
    if (path && stat(path, &about) == 0 && S_ISREG(about.st_mode)) {
        status = sp_file_read(NULL, &study->sound, &study->sound_size, path, SP_STUDY_BYTES);
    } else if (path && sp_file_draft_temporary(NULL, &draft) == SP_OK) {
        status = sp_clip_draft(NULL, &draft, &study->clip, SP_CLIP_WAV);
        if (status == SP_OK) {
            status = sp_file_read(NULL, &study->sound, &study->sound_size,
                                  sp_file_draft_place(&draft), SP_STUDY_BYTES);
        }
        sp_file_draft_drop(&draft);
    }
    if (status != SP_OK) {
        study->sound = NULL;
        study->sound_size = 0;
    }
}

/* Writes and replays the quietest file that the search found, once more and to stay. */
static void write_break(const study_task *e) {
    sp_study *study = e->study;
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK,
                              .value = study->radius.broken_file_db,
                              .set = e->options->radius.set,
                              .profile = e->options->radius.profile};
    sp_attack_options options = e->options->radius.attack;
    if (study->radius.file_noise) {
        options.hint = study->radius.file_noise;
        options.timeout = 0.0;
        options.most_bytes = SP_STUDY_BYTES;
        (void)sp_attack_budget(NULL, &study->attack, e->attacker, &study->clip, &budget, e->label,
                               &options);
    }
}

/* ---- sensitivity ---- */

/* One row per lead.   O weight [leads, classes] of zeros */
static void fill_weights(double *weight, const sp_pipeline *pipeline, const sp_verdict *verdict,
                         const size_t *at, size_t leads) {
    for (size_t i = 0; i < leads; i++) {
        double *row = weight + i * verdict->classes;
        sp_lead lead;
        (void)sp_lead_of(&lead, pipeline, verdict, at[i]);
        if (lead.plus != SP_NO_LABEL) {
            row[lead.plus] = 1.0;
        }
        if (lead.minus != SP_NO_LABEL) {
            row[lead.minus] = -1.0;
        }
    }
}

static double slope_of(const double *gradient, size_t n) {
    double slope = 0.0;
    for (size_t i = 0; i < n; i++) {
        slope += fabs(gradient[i]);
    }
    return slope;
}

/* The row whose margin the linearised model loses at the smallest amplitude of noise. */
static size_t weakest_row(const double *gradient, const sp_pipeline *pipeline,
                          const sp_verdict *verdict, const size_t *at, size_t leads, size_t n,
                          size_t *nearest) {
    size_t weakest = 0;
    double least = INFINITY;
    *nearest = SP_NO_LABEL;
    for (size_t row = 0; row < leads; row++) {
        sp_lead lead;
        (void)sp_lead_of(&lead, pipeline, verdict, at[row]);
        const double margin = sp_lead_value(&lead, verdict->logits);
        const double edge = margin / slope_of(gradient + row * n, n); /* gradient[row,:] */
        if (edge < least) {
            least = edge;
            weakest = row;
            *nearest = at[row];
        }
    }
    return weakest;
}

static void take_shares(sp_study *study, const sp_front_layout *layout, const double *gradient) {
    const size_t n = study->clip.n, frames = study->radius.verdict.frames;
    const double slope = slope_of(gradient, n);
    study->share = calloc(frames, sizeof *study->share);
    for (size_t t = 0; study->share && t < frames; t++) {
        const size_t begin = t * layout->step < n ? t * layout->step : n;
        const size_t end = t + 1 < frames && begin + layout->step < n ? begin + layout->step : n;
        study->share[t] = slope_of(gradient + begin, end - begin) / slope;
    }
}

static void find_sensitive_frames(const study_task *e) {
    sp_study *study = e->study;
    const sp_pipeline *pipeline = e->attacker->pipeline;
    const sp_verdict *verdict = &study->radius.verdict;
    const size_t classes = verdict->classes, n = study->clip.n;
    size_t *at = calloc(classes + SP_ATTACK_LEADS, sizeof *at);
    const size_t rows = at ? sp_lead_list(at, SP_ATTACK_LEADS, pipeline, verdict) : 0;
    double *gradient = calloc(rows * (n + classes) + 1, sizeof *gradient);
    double *weight = gradient ? gradient + rows * n : NULL; /* [rows, classes] */
    if (!gradient || rows == 0) {
        free(at);
        free(gradient);
        return;
    }
    fill_weights(weight, pipeline, verdict, at, rows);
    if (sp_attacker_gradient(NULL, e->attacker, gradient, study->clip.samples, n, weight, rows,
                             e->deadline) == SP_OK) {
        const size_t row = weakest_row(gradient, pipeline, verdict, at, rows, n, &study->nearest);
        if (study->nearest != SP_NO_LABEL) {
            take_shares(study, sp_front_layout_of(pipeline->front), gradient + row * n);
        }
    }
    free(at);
    free(gradient);
}

/* ---- the whole ---- */

static bool is_heard_rightly(const sp_verdict *verdict) {
    return verdict->kind != SP_VERDICT_ERROR && verdict->kind != SP_VERDICT_MISCLASSIFIED &&
           verdict->frames > 0 && (verdict->classes > 1 || verdict->outputs > 0) &&
           verdict->predicted == verdict->label;
}

void sp_study_init(sp_study *study) {
    *study = (sp_study){.nearest = SP_NO_LABEL};
    sp_radius_init(&study->radius);
    sp_attack_init(&study->attack);
}

void sp_study_make(sp_study *study, const sp_attacker *attacker, sp_clip *clip, long label,
                   const sp_study_options *options) {
    const double timeout = options->radius.timeout;
    study_task e = {study,
                    attacker,
                    options,
                    label,
                    timeout > 0.0 ? sp_clock_wall() + 0.5 * timeout : 0.0,
                    timeout > 0.0 ? sp_clock_wall() + timeout : 0.0};
    sp_radius_options search = options->radius;
    sp_study_init(study);
    study->budgets = options->budgets;
    study->own = label < 0;
    study->clip = *clip;
    *clip = (sp_clip){0};
    study->verdict = calloc(options->budgets ? options->budgets : 1, sizeof *study->verdict);
    if (study->verdict) {
        sp_pool_run(options->budgets, 0, certify, &e);
    }
    search.timeout = time_until(e.deadline);
    (void)sp_radius_find(NULL, &study->radius, attacker, &study->clip, label, &search);
    if (is_heard_rightly(&study->radius.verdict)) {
        write_break(&e);
        find_sensitive_frames(&e);
    }
    if (study->verdict) {
        spread_break(study);
    }
    load_source(study, options->radius.attack.source);
}

void sp_study_hear(sp_study *study, sp_clip *clip, const char *source) {
    study->clip = *clip;
    *clip = (sp_clip){0};
    load_source(study, source);
}

void sp_study_clear(sp_study *study) {
    for (size_t b = 0; study->verdict && b < study->budgets; b++) {
        sp_verdict_clear(&study->verdict[b]);
    }
    free(study->verdict);
    sp_radius_clear(&study->radius);
    sp_attack_clear(&study->attack);
    sp_clip_clear(&study->clip);
    free(study->share);
    free(study->sound);
    *study = (sp_study){0};
}
