/* Counterexamples as files: written in the source's format, read again, heard. */
#include "certify/attack/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certify/attack/descent.h"

sp_status sp_temporary_make(sp_error *err, char *path, size_t size) {
    const char *folder = getenv("TMPDIR");
    const int length =
        snprintf(path, size, "%s/soundproof-XXXXXX", folder && folder[0] ? folder : "/tmp");
    const int file = length > 0 && (size_t)length < size ? mkstemp(path) : -1;
    if (file < 0) {
        return sp_fail(err, SP_E_IO, "%s: no temporary file can be made there: %s",
                       folder && folder[0] ? folder : "/tmp", strerror(errno));
    }
    close(file);
    return SP_OK;
}

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

/* Only a file that breaks the clip stays. */
static sp_status replay(sp_error *err, sp_attack *attack, const sp_query *query,
                        const double *samples, const char *path, const char *source) {
    sp_clip noisy = *query->clip;
    noisy.samples = (double *)samples; // read only
    SP_TRY(sp_clip_write(err, path, &noisy, source));
    const sp_status status = run_file(err, attack, query, path);
    if (status != SP_OK || !(attack->file_margin < -SP_ATTACK_CLEAR)) {
        unlink(path);
    }
    return status;
}

sp_status sp_attack_replay(sp_error *err, sp_attack *attack, const sp_query *query,
                           const double *samples, const sp_attack_options *options) {
    char path[1024];
    if (options->out) {
        return replay(err, attack, query, samples, options->out, options->source);
    }
    SP_TRY(sp_temporary_make(err, path, sizeof path));
    const sp_status status = replay(err, attack, query, samples, path, options->source);
    unlink(path);
    return status;
}
