/* Counterexamples as files: written in the clip's format or as WAV, read again, heard. */
#include "certify/attack/replay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/interval.h"
#include "certify/attack/descent.h"

/* The noise of the file as a whole must lie in the ball; the radius of the least one that holds
 * it. */
static sp_status measure_ball(sp_error *err, double *radius, const sp_query *query,
                              const sp_clip *heard) {
    const sp_noise *noise = &query->noise;
    double *d = malloc(heard->n * sizeof *d);
    if (!d) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", heard->n);
    }
    for (size_t i = 0; i < heard->n; i++) {
        d[i] = heard->samples[i] - query->middle[i];
    }
    const double size = noise->set->size(d, noise->radius, heard->n);
    free(d);
    *radius = sp_above(size * query->verdict->eps);
    return size <= 1.0 ? SP_OK
                       : sp_fail(err, SP_E_NUMERIC,
                                 "the noise of the written file is %.9g times as large as the "
                                 "budget allows",
                                 size);
}

/* Whether the file lies in the set; the loudest sample and the power of its noise. */
static sp_status measure(sp_error *err, sp_attack *attack, const sp_query *query,
                         const sp_clip *heard) {
    const sp_clip *clip = query->clip;
    double largest = 0.0, energy = 0.0;
    if (heard->n != clip->n) {
        return sp_fail(err, SP_E_NUMERIC, "the written file has %zu samples instead of %zu",
                       heard->n, clip->n);
    }
    for (size_t i = 0; i < clip->n; i++) {
        const double d = fabs(heard->samples[i] - clip->samples[i]);
        const double away = fabs(heard->samples[i] - query->middle[i]);
        if (!(away <= query->noise.radius[i])) {
            return sp_fail(err, SP_E_NUMERIC,
                           "sample %zu of the written file is %g away from the clip's, %g is "
                           "allowed",
                           i, away, query->noise.radius[i]);
        }
        largest = fmax(largest, d);
        energy += d * d;
    }
    attack->file_largest = attack->file_radius = largest;
    if (!query->noise.set->box) {
        SP_TRY(measure_ball(err, &attack->file_radius, query, heard));
    }
    attack->file_snr_db =
        clip->width > 0 ? NAN : 20.0 * log10(clip->rms / sqrt(energy / (double)clip->n));
    return SP_OK;
}

/* The file must also break the model as its own graph computes it. */
static sp_status ask_original(sp_error *err, sp_attack *attack, const sp_query *query,
                              const sp_clip *heard) {
    const sp_verdict *verdict = query->verdict;
    double *logits = malloc(verdict->classes * sizeof *logits);
    sp_status status =
        logits ? sp_pipeline_original(err, query->pipeline, logits, heard->samples, heard->n)
               : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK && query->pipeline->original) {
        sp_lead lead;
        const bool known = attack->file_answer < verdict->classes &&
                           sp_lead_of(&lead, query->pipeline, verdict, attack->file_answer);
        attack->original_margin = known ? sp_lead_value(&lead, logits) : NAN;
        if (!(attack->original_margin <= attack->file_margin)) { // NaN: nothing is broken
            attack->file_margin = attack->original_margin;
        }
    }
    free(logits);
    return status;
}

/* I/O samples [n] become those of the file. */
static sp_status run_file(sp_error *err, sp_attack *attack, const sp_query *query, double *samples,
                          const char *path) {
    const sp_front_layout *layout = sp_front_layout_of(query->pipeline->front);
    const sp_clip_options wanted = {.rate = layout->sample_rate,
                                    .full_scale = layout->full_scale,
                                    .width = sp_front_width(query->pipeline->front)};
    sp_clip heard = {0};
    SP_TRY(sp_clip_read(err, &heard, path, &wanted));
    sp_status status = measure(err, attack, query, &heard);
    if (status == SP_OK) {
        status = sp_query_attain(err, query, heard.samples);
    }
    if (status == SP_OK) {
        memcpy(samples, heard.samples, heard.n * sizeof *samples);
        attack->file_margin = query->verdict->margin;
        attack->file_answer = sp_verdict_weakest(query->verdict);
        status = ask_original(err, attack, query, &heard);
    }
    sp_clip_clear(&heard);
    return status;
}

/* Only a file that breaks the clip gets its path. */
static sp_status keep(sp_error *err, sp_attack *attack, sp_file_draft *draft, char *place,
                      const sp_attack_options *options) {
    free(attack->file);
    attack->file = NULL;
    if (options->most_bytes > 0 &&
        sp_file_read(NULL, &attack->file, &attack->file_size, sp_file_draft_place(draft),
                     options->most_bytes) != SP_OK) {
        attack->file = NULL;
        attack->file_size = 0;
    }
    if (place) {
        SP_TRY(sp_file_draft_keep(err, draft));
        free(attack->file_path);
        attack->file_path = strdup(place);
    }
    return SP_OK;
}

/* One file.   I/O samples [n] what is written, and what it decodes to */
static sp_status try_draft(sp_error *err, sp_attack *attack, const sp_query *query, double *samples,
                           sp_clip_form form, sp_file_draft *draft) {
    const sp_clip *clip = query->clip;
    sp_clip noisy = *clip;
    noisy.samples = samples;
    attack->file_margin = NAN;
    attack->file_own = form == SP_CLIP_OWN || (clip->format == 0 && clip->width == 0);
    sp_clip_form_name(attack->file_format, sizeof attack->file_format, clip, form);
    SP_TRY(sp_clip_draft(err, draft, &noisy, form));
    return run_file(err, attack, query, samples, sp_file_draft_place(draft));
}

static sp_status try_file(sp_error *err, sp_attack *attack, const sp_query *query, double *samples,
                          sp_clip_form form, const sp_attack_options *options) {
    char *place = options->out ? sp_clip_form_place(options->out, query->clip, form) : NULL;
    sp_file_draft draft;
    if (options->out && !place) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    sp_status status =
        place ? sp_file_draft_open(err, &draft, place) : sp_file_draft_temporary(err, &draft);
    if (status == SP_OK) {
        status = try_draft(err, attack, query, samples, form, &draft);
        if (status == SP_OK && attack->file_margin < -SP_ATTACK_CLEAR) {
            status = keep(err, attack, &draft, place, options);
        }
        sp_file_draft_drop(&draft);
    }
    free(place);
    return status;
}

/* An own file of an encoding that moves the samples.   I/O samples [n] */
static bool try_near(sp_attack *attack, const sp_query *query, double *samples,
                     const sp_attack_options *options) {
    const size_t n = query->clip->n;
    double *trial = malloc(n * sizeof *trial);
    const bool broken = trial && sp_attack_recode(trial, query, samples) &&
                        try_file(NULL, attack, query, trial, SP_CLIP_OWN, options) == SP_OK &&
                        attack->file_margin < -SP_ATTACK_CLEAR;
    if (broken) {
        memcpy(samples, trial, n * sizeof *samples);
    }
    free(trial);
    return broken;
}

sp_status sp_attack_replay(sp_error *err, sp_attack *attack, const sp_query *query, double *samples,
                           const sp_attack_options *options) {
    switch (sp_clip_own(query->clip)) {
    case SP_CLIP_KEPT: {
        sp_error own = {0};
        const sp_status status = try_file(&own, attack, query, samples, SP_CLIP_OWN, options);
        if (status != SP_E_UNSUPPORTED && status != SP_E_NUMERIC) {
            return status == SP_OK ? SP_OK : sp_fail(err, status, "%s", own.text);
        }
        break;
    }
    case SP_CLIP_NEAR:
        if (try_near(attack, query, samples, options)) {
            return SP_OK;
        }
        break;
    case SP_CLIP_LOST:
        break;
    }
    return try_file(err, attack, query, samples, SP_CLIP_WAV, options);
}
