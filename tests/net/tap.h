/* The frame that a tap of an affine node reads, in whole numbers with a sign. */
#ifndef SP_TESTS_NET_TAP_H
#define SP_TESTS_NET_TAP_H

#include "net/net.h"

/** tap_frame - the frame of the input that tap k of frame t reads, or -1: zeros. */
static inline long tap_frame(const sp_timing *g, size_t frames, size_t t, size_t k) {
    const long at = (long)(t * g->stride) + (long)(k * g->dilation) - (long)g->before;
    const long last = (long)frames - 1;
    if (g->reflects) {
        return at < 0 ? -at : at > last ? 2 * last - at : at;
    }
    if (at >= 0 && at <= last) {
        return at;
    }
    return !g->repeats ? -1 : at < 0 ? 0 : last;
}

#endif
