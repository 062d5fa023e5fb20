/* Recordings that are longer than what a model with a fixed window hears: cut into windows, of
 * which each must keep its answer. */
#include "cli/job/windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int cli_windows_hop_read(long *hop, const cli_command *command, const char *text) {
    *hop = 1;
    return !text || cli_whole_parse(hop, text, 1, 1000000)
               ? -1
               : cli_usage(command, "--hop needs a number of frames, not '%s'", text);
}

/* ---- cutting ---- */

static sp_status refuse_short(sp_error *err, const sp_front *front, size_t n, size_t frames,
                              size_t steps) {
    size_t missing = 0;
    const size_t most = sp_front_samples(front, steps);
    while (missing < most && sp_front_frames(front, n + missing) < steps) {
        missing++;
    }
    return sp_fail(err, SP_E_MISMATCH,
                   "the model hears windows of %zu frames and the clip has %zu: %zu samples are "
                   "missing, which the front end's description does not fill",
                   steps, frames, missing);
}

/* A part of the recording must have the recording's features there, and no others. */
static sp_status check_front(sp_error *err, const sp_front *front, size_t frames, size_t steps) {
    const char *whole = sp_front_hears_all(front);
    if (!whole && sp_front_frames(front, sp_front_samples(front, steps)) == steps) {
        return SP_OK;
    }
    return sp_fail(err, SP_E_UNSUPPORTED,
                   "the clip has %zu frames and the model hears windows of %zu, but the front end "
                   "%s, so that a window of the recording is no clip of its own: give it clips of "
                   "%zu frames",
                   frames, steps, whole ? whole : "pads the clip (\"pad\")", steps);
}

static sp_status take(sp_error *err, cli_windows *w, size_t count) {
    w->part = calloc(count, sizeof *w->part);
    w->first = calloc(count, sizeof *w->first);
    w->margin = calloc(count, sizeof *w->margin);
    w->order = calloc(count, sizeof *w->order);
    if (!w->part || !w->first || !w->margin || !w->order) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu windows", count);
    }
    w->count = w->all = count;
    return SP_OK;
}

/* The least margin of the answer of window i, and its score; of many decisions the margin. */
static sp_status hear(sp_error *err, cli_windows *w, const sp_pipeline *pipeline, size_t i,
                      double *logits, size_t *answer, double *score) {
    const size_t answers = sp_pipeline_answers(pipeline->net);
    bool tie = false;
    if (sp_pipeline_asks_many(pipeline)) {
        return sp_pipeline_margin(err, pipeline, &w->margin[i], &w->part[i]);
    }
    SP_TRY(sp_pipeline_clean(err, pipeline, logits, &w->part[i]));
    *answer = sp_prediction(logits, answers, &tie);
    if (*answer == SP_NO_LABEL) {
        return sp_fail(err, SP_E_NONFINITE, "a logit of the clean clip is not finite");
    }
    *score = logits[*answer];
    w->margin[i] = INFINITY;
    for (size_t k = 0; k < answers; k++) {
        w->margin[i] = k == *answer ? w->margin[i] : fmin(w->margin[i], *score - logits[k]);
    }
    return SP_OK;
}

/* Only window i, of which the label is asked. */
static void keep_one(cli_windows *w, size_t i, long label) {
    const sp_clip part = w->part[i];
    w->part[i] = w->part[0];
    w->part[0] = part;
    w->first[0] = w->first[i];
    w->margin[0] = w->margin[i];
    for (size_t k = 1; k < w->count; k++) {
        sp_clip_clear(&w->part[k]);
    }
    w->count = 1;
    w->label = label;
}

static void sort(cli_windows *w) {
    for (size_t i = 0; i < w->count; i++) {
        size_t at = i;
        for (; at > 0 && w->margin[i] < w->margin[w->order[at - 1]]; at--) {
            w->order[at] = w->order[at - 1];
        }
        w->order[at] = i;
    }
}

static sp_status cut(sp_error *err, cli_windows *w, const cli_session *session, const sp_clip *clip,
                     long label, size_t hop) {
    const sp_pipeline *pipeline = &session->pipeline;
    const sp_front_layout *layout = sp_front_layout_of(session->files.front);
    const size_t length = sp_front_samples(session->files.front, session->files.model.net.steps);
    double *logits = calloc(sp_pipeline_answers(pipeline->net), sizeof *logits);
    sp_status status = logits ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    double most = -INFINITY;
    size_t loudest = 0, predicted = 0;
    for (size_t i = 0; i < w->count && status == SP_OK; i++) {
        size_t answer = 0;
        double score = 0.0;
        w->first[i] = i * hop;
        status = sp_clip_window(err, &w->part[i], clip, w->first[i] * layout->step, length);
        status = status == SP_OK ? hear(err, w, pipeline, i, logits, &answer, &score) : status;
        if (status == SP_OK && score > most) {
            most = score;
            loudest = i;
            predicted = answer;
        }
    }
    free(logits);
    if (status == SP_OK && label >= 0 && (size_t)label != predicted) {
        keep_one(w, loudest, label);
    }
    return status;
}

static bool is_noisy(const double *share, size_t n) {
    size_t quiet = 0;
    while (quiet < n && share[quiet] == 0.0) {
        quiet++;
    }
    return quiet < n;
}

/* Every window gets its samples' shares; those of which all are 0 go. */
static sp_status share_out(sp_error *err, cli_windows *w, const cli_session *session,
                           const sp_clip *clip) {
    const sp_front *front = session->files.front;
    const size_t step = sp_front_layout_of(front)->step;
    const size_t length = sp_front_samples(front, session->files.model.net.steps);
    double *share = NULL;
    SP_TRY(sp_pipeline_shares(err, &share, session->options->profile, front, clip->n));
    size_t kept = 0;
    w->profile = calloc(w->count, sizeof *w->profile);
    sp_status status =
        w->profile ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for %zu windows", w->count);
    for (size_t i = 0; i < w->count && status == SP_OK; i++) {
        const double *of = share + w->first[i] * step;
        if (!is_noisy(of, length)) {
            continue;
        }
        double *own = malloc(length * sizeof *own);
        if (!own) {
            status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu shares", length);
            break;
        }
        memcpy(own, of, length * sizeof *own);
        const sp_clip part = w->part[i];
        w->part[i] = w->part[kept];
        w->part[kept] = part;
        w->first[kept] = w->first[i];
        w->margin[kept] = w->margin[i];
        w->profile[kept++] = (sp_noise_profile){own, length};
    }
    free(share);
    w->count = kept;
    return status != SP_OK || kept > 0
               ? status
               : sp_fail(err, SP_E_MISMATCH,
                         "the profile leaves no noise in the windows that are asked about");
}

sp_status cli_windows_cut(sp_error *err, cli_windows *windows, const cli_session *session,
                          const sp_clip *clip, long label, size_t hop) {
    const sp_front *front = session->files.front;
    const size_t steps = session->files.model.net.steps;
    *windows = (cli_windows){.label = -1};
    if (steps == 0 || session->clips.sequences) {
        return SP_OK;
    }
    const sp_front_layout *layout = sp_front_layout_of(front);
    const size_t frames = sp_front_frames(front, clip->n);
    windows->step_s = (double)layout->step / layout->sample_rate;
    if (frames == steps) {
        return SP_OK;
    }
    if (frames < steps) {
        return refuse_short(err, front, clip->n, frames, steps);
    }
    SP_TRY(check_front(err, front, frames, steps));
    if (session->options->frame != CLI_NO_FRAME || session->options->burst > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "--frame and --burst are of clips that the model hears as they are, and "
                       "this one has %zu frames, its window %zu: --profile says where noise is in "
                       "a recording",
                       frames, steps);
    }
    sp_status status = take(err, windows, (frames - steps) / hop + 1);
    if (status == SP_OK) {
        status = cut(err, windows, session, clip, label, hop);
    }
    if (status == SP_OK && session->options->profile) {
        status = share_out(err, windows, session, clip);
    }
    sort(windows);
    if (status != SP_OK) {
        cli_windows_clear(windows);
    }
    return status;
}

void cli_windows_clear(cli_windows *w) {
    for (size_t i = 0; w->part && i < w->all; i++) {
        sp_clip_clear(&w->part[i]);
    }
    for (size_t i = 0; w->profile && i < w->count; i++) {
        sp_noise_profile_clear(&w->profile[i]);
    }
    free(w->profile);
    free(w->part);
    free(w->first);
    free(w->margin);
    free(w->order);
    *w = (cli_windows){0};
}

void cli_windows_says(const cli_session *session, size_t recordings, long hop) {
    char every[48] = "every frame";
    if (hop > 1) {
        snprintf(every, sizeof every, "every %ld frames", hop);
    }
    if (recordings > 0) {
        printf(
            "Longer than the model's window of %zu frames: %zu. A window begins at %s; each must "
            "keep the\nanswer that it gets without noise, and the row is that of the weakest.\n",
            session->files.model.net.steps, recordings, every);
    }
}
