/* Counterexamples as files: written in the source's format, read again, heard. */
#include "certify/attack/replay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "certify/attack/descent.h"

/* Whether every sample of the file lies in the set; the loudest and the power of its noise. */
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
        if (!(d <= query->noise.radius[i])) {
            return sp_fail(err, SP_E_NUMERIC,
                           "sample %zu of the written file is %g away from the clip's, %g is "
                           "allowed",
                           i, d, query->noise.radius[i]);
        }
        largest = fmax(largest, d);
        energy += d * d;
    }
    attack->file_largest = largest;
    attack->file_snr_db = 20.0 * log10(clip->rms / sqrt(energy / (double)clip->n));
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
        attack->original_margin = logits[verdict->label] - logits[attack->file_answer];
        if (!(attack->original_margin <= attack->file_margin)) { // NaN: nothing is broken
            attack->file_margin = attack->original_margin;
        }
    }
    free(logits);
    return status;
}

static sp_status run_file(sp_error *err, sp_attack *attack, const sp_query *query,
                          const char *path) {
    const sp_front_layout *layout = sp_front_layout_of(query->pipeline->front);
    const sp_clip_options wanted = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    sp_clip heard = {0};
    SP_TRY(sp_clip_read(err, &heard, path, &wanted));
    sp_status status = measure(err, attack, query, &heard);
    if (status == SP_OK) {
        status = sp_query_attain(err, query, heard.samples);
    }
    if (status == SP_OK) {
        attack->file_margin = query->verdict->margin;
        attack->file_answer = sp_verdict_weakest(query->verdict);
        status = ask_original(err, attack, query, &heard);
    }
    sp_clip_clear(&heard);
    return status;
}

/* Only a file that breaks the clip gets its path. */
static sp_status keep(sp_error *err, sp_attack *attack, sp_file_draft *draft,
                      const sp_attack_options *options) {
    if (!(attack->file_margin < -SP_ATTACK_CLEAR)) {
        return SP_OK;
    }
    free(attack->file);
    attack->file = NULL;
    if (options->most_bytes > 0 &&
        sp_file_read(NULL, &attack->file, &attack->file_size, sp_file_draft_place(draft),
                     options->most_bytes) != SP_OK) {
        attack->file = NULL;
        attack->file_size = 0;
    }
    return options->out ? sp_file_draft_keep(err, draft) : SP_OK;
}

sp_status sp_attack_replay(sp_error *err, sp_attack *attack, const sp_query *query,
                           const double *samples, const sp_attack_options *options) {
    sp_file_draft draft;
    sp_clip noisy = *query->clip;
    noisy.samples = (double *)samples; // read only
    SP_TRY(options->out ? sp_file_draft_open(err, &draft, options->out)
                        : sp_file_draft_temporary(err, &draft));
    sp_status status = sp_clip_draft(err, &draft, &noisy, options->source);
    if (status == SP_OK) {
        status = run_file(err, attack, query, sp_file_draft_place(&draft));
    }
    if (status == SP_OK) {
        status = keep(err, attack, &draft, options);
    }
    sp_file_draft_drop(&draft);
    return status;
}
