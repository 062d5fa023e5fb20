/* Whether --front is the front end that the model was made for, as far as that can be known: the
 * description inside the model may say otherwise, and models of mycroft-precise do not say which of
 * two banks they were trained with. Either silently ruins a model: both answers are named. */
#include "cli/job/front_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the answer with one front end ---- */

typedef struct heard {
    bool known;
    size_t answer; /* the largest score of any window */
    double score;
    double *features; /* [frames, width] owned */
    size_t count;
} heard;

/* The answer of the window whose score is the largest; nets with one logit fire from 0 on. */
static sp_status answer(sp_error *err, heard *h, const sp_net *net, size_t frames) {
    const size_t steps = net->steps > 0 ? net->steps : frames;
    double *logits = calloc(net->classes, sizeof *logits);
    sp_status status = logits ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    h->score = -INFINITY;
    for (size_t first = 0; status == SP_OK && first + steps <= frames; first++) {
        bool tie = false;
        status = sp_net_run(err, net, logits, h->features + first * net->features, steps);
        const size_t best = status == SP_OK ? sp_prediction(logits, net->classes, &tie) : 0;
        if (status == SP_OK && best != SP_NO_LABEL && logits[best] > h->score) {
            h->score = logits[best];
            h->answer = net->classes == 1 ? logits[0] >= 0.0 : best;
            h->known = true;
        }
    }
    free(logits);
    return status;
}

static heard hear(const cli_session *session, const sp_front *front) {
    const sp_net *net = &session->files.model.net;
    const size_t width = sp_front_layout_of(front)->features;
    heard h = {0};
    sp_clip clip = {0};
    sp_error err = {0};
    const sp_front_layout *layout = sp_front_layout_of(front);
    const sp_clip_options wanted = {.rate = layout->sample_rate,
                                    .full_scale = layout->full_scale,
                                    .channel = session->options->channel,
                                    .downmix = session->options->downmix,
                                    .resample = session->options->resample};
    if (strcmp(session->clips.file[0], "-") == 0 ||
        sp_clip_read(&err, &clip, session->clips.file[0], &wanted) != SP_OK) {
        return h;
    }
    const size_t frames = sp_front_frames(front, clip.n);
    h.features = malloc((frames * width + 1) * sizeof *h.features);
    if (h.features && sp_front_run(&err, front, h.features, clip.samples, clip.n) == SP_OK) {
        h.count = frames * width;
        if (width == net->features && answer(&err, &h, net, frames) != SP_OK) {
            h.known = false;
        }
    }
    sp_clip_clear(&clip);
    return h;
}

/* ---- what is said ---- */

static void write_answer(char *text, size_t size, const cli_session *session, const heard *h) {
    char name[SP_CLASS_TEXT];
    const sp_class_names *names = cli_session_names(session);
    if (session->files.model.net.classes == 1) {
        snprintf(text, size, "a largest logit of %.4g", h->score);
    } else {
        snprintf(text, size, "answer %s", sp_class_text(name, names, h->answer));
    }
}

static bool same_features(const heard *a, const heard *b) {
    bool same = a->features && b->features && a->count > 0 && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = fabs(a->features[i] - b->features[i]) <= 1e-9 * fmax(1.0, fabs(b->features[i]));
    }
    return same;
}

/* "; CLIP is given ... with it and ... with the other", or why that is not known. */
static void write_answers(char *text, size_t size, const cli_session *session, const heard *ours,
                          const heard *theirs) {
    char one[128] = "no answer", two[128] = "no answer";
    if (same_features(ours, theirs)) {
        snprintf(text, size, "; on the first clip both make the same features");
        return;
    }
    if (ours->known) {
        write_answer(one, sizeof one, session, ours);
    }
    if (theirs->known) {
        write_answer(two, sizeof two, session, theirs);
    }
    if (ours->known || theirs->known) {
        snprintf(text, size, "; %.200s gets %s with --front, %s with the other",
                 session->clips.path[0], one, two);
    }
}

static void say_members(const cli_session *session, const sp_front *inside) {
    const char *member[SP_FRONT_MEMBERS], *model = session->options->model;
    const size_t count = sp_front_differences(member, session->files.front, inside);
    char list[512] = "", answers[512] = "";
    for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s\"%s\"",
                 i == 0           ? ""
                 : i + 1 == count ? " and "
                                  : ", ",
                 member[i]);
    }
    if (count > 0) {
        heard ours = hear(session, session->files.front), theirs = hear(session, inside);
        write_answers(answers, sizeof answers, session, &ours, &theirs);
        cli_complain("%s: differs from the description inside %s in %s%s. Verdicts are about the "
                     "model behind --front",
                     session->options->front, model, list, answers);
        free(ours.features);
        free(theirs.features);
    }
}

/* ---- banks ---- */

sp_front *cli_front_other_bank(const sp_front *front, const char *path) {
    static const char *const names[2] = {"precise-sonopy", "precise-speechpy"};
    const char *name = sp_front_name(front), *slash = path ? strrchr(path, '/') : NULL;
    const size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    sp_front *other = NULL;
    for (int i = 0; path && i < 2; i++) {
        char *place = NULL;
        if (strcmp(name, names[i]) == 0) {
            place = malloc(folder + strlen(names[1 - i]) + sizeof ".json");
        }
        if (place) {
            memcpy(place, path, folder);
            sprintf(place + folder, "%s.json", names[1 - i]);
            if (sp_front_read(NULL, &other, place) != SP_OK) {
                other = NULL;
            }
            free(place);
        }
    }
    return other;
}

void cli_front_say_bank(const char *clip, const sp_front *front, double logit,
                        const sp_front *other, double other_logit, double threshold) {
    const bool differs = (logit >= threshold) != (other_logit >= threshold);
    if (!isnan(other_logit) && (differs || fabs(logit - other_logit) > 3.0)) {
        char text[256];
        snprintf(text, sizeof text,
                 "with %s the largest logit is %.2f, with %s it would be %.2f: make sure that the "
                 "model was trained with the former",
                 sp_front_name(front), logit, other ? sp_front_name(other) : "the other mel bank",
                 other_logit);
        cli_complain_about(clip, text);
    }
}

static void say_bank(const cli_session *session) {
    sp_front *other = cli_front_other_bank(session->files.front, session->options->front);
    if (other && session->files.model.net.classes == 1) {
        heard ours = hear(session, session->files.front), theirs = hear(session, other);
        if (ours.known && theirs.known) {
            cli_front_say_bank(session->clips.path[0], session->files.front, ours.score, other,
                               theirs.score, 0.0);
        }
        free(ours.features);
        free(theirs.features);
    }
    sp_front_destroy(other);
}

void cli_front_check(const cli_session *session, const cli_command *command) {
    const char *text = session->files.model.front;
    sp_front *inside = NULL;
    if (!session->options->front || !session->files.front || session->clips.count == 0) {
        return;
    }
    if (text &&
        sp_front_parse(NULL, &inside, text, strlen(text), session->options->model) == SP_OK) {
        say_members(session, inside);
    }
    sp_front_destroy(inside);
    if (!command->says_bank) {
        say_bank(session);
    }
}
