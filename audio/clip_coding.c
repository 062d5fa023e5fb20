/* The values that samples of a coding can have. G.711 numbers its values by size: 3 bits of
 * segment, 4 bits within it; from one segment to the next the steps double. */
#include <math.h>

#include "audio/impl.h"

/* Values -first .. last of a law, in ascending order. */
enum { MU_LAST = 127, A_FIRST = -128, A_LAST = 127 };

/* mu_law - value `place` of -127..127, in steps of 16 bits. */
static int mu_law(int place) {
    const int size = place < 0 ? -place : place;
    const int value = ((8 * (size % 16) + 0x84) << (size / 16)) - 0x84;
    return place < 0 ? -value : value;
}

/* a_law - value `place` of -128..127, likewise: there is no zero. */
static int a_law(int place) {
    const int size = place < 0 ? -1 - place : place, segment = size / 16;
    const int value = 16 * (size % 16) + 8;
    const int size_of = segment == 0 ? value : (value + 0x100) << (segment - 1);
    return place < 0 ? -size_of : size_of;
}

static bool is_law(const sp_clip *clip) {
    return clip->coding == SP_CLIP_MU_LAW || clip->coding == SP_CLIP_A_LAW;
}

static double law(const sp_clip *clip, int place) {
    const int value = clip->coding == SP_CLIP_MU_LAW ? mu_law(place) : a_law(place);
    return value * (clip->full_scale * 0x1p-15);
}

static int first_place(const sp_clip *clip) {
    return clip->coding == SP_CLIP_MU_LAW ? -MU_LAST : A_FIRST;
}

/* The place of the largest value that is at most x; one before the first: there is none. */
static int law_floor(const sp_clip *clip, double x) {
    int below = first_place(clip) - 1, above = A_LAST + 1;
    while (above - below > 1) {
        const int middle = below + (above - below) / 2;
        if (law(clip, middle) <= x) {
            below = middle;
        } else {
            above = middle;
        }
    }
    return below;
}

static double law_value(const sp_clip *clip, int place) {
    return place < first_place(clip) ? -INFINITY : place > A_LAST ? INFINITY : law(clip, place);
}

static double single_floor(double x, double scale) {
    float value = (float)(x / scale);
    value = (double)value * scale > x ? nextafterf(value, -INFINITY) : value;
    return isfinite(value) ? (double)value * scale : -INFINITY;
}

/* The nearest multiple or the one below: the quotient, which is rounded, cannot tell which. */
static double step_floor(double x, double lsb, double least, double most) {
    const double steps = nearbyint(fmin(x, most) / lsb);
    const double value = lsb * steps > x ? lsb * (steps - 1.0) : lsb * steps;
    return value >= least ? value : -INFINITY;
}

double sp_clip_floor(const sp_clip *clip, double x) {
    switch (clip->coding) {
    case SP_CLIP_REAL:
        break;
    case SP_CLIP_SINGLE:
        return single_floor(x, clip->full_scale);
    case SP_CLIP_INTEGER:
    case SP_CLIP_ADAPTIVE:
        return step_floor(x, clip->lsb, -clip->full_scale, clip->full_scale - clip->lsb);
    case SP_CLIP_MU_LAW:
    case SP_CLIP_A_LAW:
        return law_value(clip, law_floor(clip, x));
    }
    return x;
}

double sp_clip_ceil(const sp_clip *clip, double x) {
    switch (clip->coding) {
    case SP_CLIP_REAL:
        break;
    case SP_CLIP_SINGLE:
        return -single_floor(-x, clip->full_scale);
    case SP_CLIP_INTEGER:
    case SP_CLIP_ADAPTIVE:
        return -step_floor(-x, clip->lsb, clip->lsb - clip->full_scale, clip->full_scale);
    case SP_CLIP_MU_LAW:
    case SP_CLIP_A_LAW: {
        const int place = law_floor(clip, x);
        const double below = law_value(clip, place);
        return below == x ? x : law_value(clip, place + 1);
    }
    }
    return x;
}

double sp_clip_round(const sp_clip *clip, double x) {
    if (clip->coding == SP_CLIP_INTEGER || clip->coding == SP_CLIP_ADAPTIVE) {
        const double most = clip->full_scale - clip->lsb;
        return fmin(fmax(clip->lsb * nearbyint(x / clip->lsb), -clip->full_scale), most);
    }
    const double below = sp_clip_floor(clip, x), above = sp_clip_ceil(clip, x);
    return x - below < above - x || !isfinite(above) ? below : above;
}

double sp_clip_gap(const sp_clip *clip) {
    double gap = clip->mixed > 0 ? clip->lsb / (double)clip->mixed : clip->lsb;
    if (is_law(clip) && clip->mixed == 0 && !clip->resampled) {
        gap = INFINITY;
        for (size_t i = 0; i < clip->n; i++) {
            const double x = clip->samples[i];
            const int place = law_floor(clip, x);
            gap = fmin(gap, law_value(clip, place + 1) - x);
            gap = fmin(gap, x - law_value(clip, place - (law_value(clip, place) == x ? 1 : 0)));
        }
    }
    return gap;
}
