/* Noise that survives an encoding which moves samples, as ADPCM does: it is made weaker before
 * every sample that comes back outside the noise set, and the clip is encoded again. An encoder
 * that gives back its own output unchanged ends at the clip itself if need be. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certify/attack/descent.h"
#include "certify/attack/replay.h"

enum { ROUNDS = 40 };
#define WEAKER 0.5  /* of the noise that is left, at every sample outside */
#define BEFORE 0.02 /* seconds of it before such a sample */
static const double shares[] = {1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1};
enum { SHARES = sizeof shares / sizeof shares[0] };

typedef struct search {
    const sp_query *query;
    const double *samples;            /* [n] */
    double *weight, *trial, *decoded; /* [n] */
    double *noise;                    /* [n] */
} search;

static sp_status encode(const search *s) {
    const sp_clip *clip = s->query->clip;
    sp_clip noisy = *clip;
    for (size_t i = 0; i < clip->n; i++) {
        const double x = clip->samples[i];
        s->trial[i] = sp_clip_round(clip, x + s->weight[i] * (s->samples[i] - x));
    }
    noisy.samples = s->trial;
    return sp_clip_recode(NULL, s->decoded, &noisy);
}

/* False: the noise that came back is outside the ball, and there is less of all of it now. */
static bool stays_in_ball(const search *s) {
    const sp_clip *clip = s->query->clip;
    const sp_noise *noise = &s->query->noise;
    for (size_t i = 0; i < clip->n; i++) {
        s->noise[i] = s->decoded[i] - clip->samples[i];
    }
    const bool inside = noise->set->size(s->noise, noise->radius, clip->n) <= 1.0;
    for (size_t i = 0; i < clip->n && !inside; i++) {
        s->weight[i] *= WEAKER;
    }
    return inside;
}

/* False: a sample came back outside the box, and there is less noise before it now. */
static bool stays_in_box(const search *s) {
    const sp_clip *clip = s->query->clip;
    const size_t before = (size_t)(BEFORE * clip->rate) + 1;
    size_t done = 0; // samples below were made weaker already in this round
    bool inside = true;
    for (size_t i = 0; i < clip->n; i++) {
        if (fabs(s->decoded[i] - clip->samples[i]) <= s->query->noise.radius[i]) {
            continue;
        }
        const size_t first = i > before ? i - before : 0;
        for (size_t k = first > done ? first : done; k <= i; k++) {
            s->weight[k] *= WEAKER;
        }
        done = i + 1;
        inside = false;
    }
    return inside;
}

static bool breaks(const search *s) {
    return sp_query_attain(NULL, s->query, s->decoded) == SP_OK &&
           s->query->verdict->margin < -SP_ATTACK_CLEAR;
}

/* From this share of the noise on. */
static bool descend_from(const search *s, double share) {
    for (size_t i = 0; i < s->query->clip->n; i++) {
        s->weight[i] = share;
    }
    for (size_t round = 0; round < ROUNDS && !sp_clock_passed(s->query->deadline); round++) {
        if (encode(s) != SP_OK) {
            return false;
        }
        if (s->query->noise.set->box ? stays_in_box(s) : stays_in_ball(s)) {
            return breaks(s);
        }
    }
    return false;
}

bool sp_attack_recode(double *trial, const sp_query *query, const double *samples) {
    const size_t n = query->clip->n;
    double *memory = malloc(3 * n * sizeof *memory);
    const search s = {
        query, samples, memory, trial, memory ? memory + n : NULL, memory ? memory + 2 * n : NULL};
    bool found = false;
    for (size_t k = 0; memory && k < SHARES && !found; k++) {
        found = descend_from(&s, shares[k]);
    }
    free(memory);
    return found;
}
