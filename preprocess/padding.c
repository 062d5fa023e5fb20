/* Where a clip gets samples that it has not: in front, behind its end. */
#include <stdint.h>
#include <stdlib.h>

#include "preprocess/impl.h"

bool sp_padding_plain(const sp_padding *p) {
    return p->before == 0 && p->fill == SP_FILL_ZEROS && p->tail == 0.0;
}

static size_t frames_from(size_t count, size_t step, size_t frame) {
    return count == 0 ? 0 : (count - 1) * step + frame;
}

size_t sp_padding_length(const sp_padding *p, size_t n) {
    const size_t all = n + 2 * p->zeros;
    // a reflection needs as many samples as it gives, and one to stand at
    if (n == 0 || (p->rule == SP_PAD_CENTRE && p->fill == SP_FILL_REFLECT &&
                   p->before - p->zeros - p->lead >= all)) {
        return p->rule == SP_PAD_NONE || p->rule == SP_PAD_STEP ? n : 0;
    }
    switch (p->rule) {
    case SP_PAD_NONE:
        return all + (p->before - p->zeros);
    case SP_PAD_STEP:
        return p->before + (n % p->step != 0 ? n + p->step : n);
    case SP_PAD_CENTRE:
        return n + 2 * p->before - p->lead;
    case SP_PAD_LAST: {
        const size_t length = n + p->before, more = length > p->frame ? length - p->frame : 0;
        return p->frame + (more + p->step - 1) / p->step * p->step;
    }
    case SP_PAD_STARTS:
        return frames_from((n + p->step - 1) / p->step, p->step, p->frame);
    case SP_PAD_MIDDLES:
        return frames_from((n + p->step / 2) / p->step, p->step, p->frame);
    }
    return 0;
}

/* The sample of n that reflections put at position i, which may be negative. */
static size_t reflected(long i, long n, bool mirror) {
    if (n == 1) {
        return 0;
    }
    while (i < 0 || i >= n) {
        const long turn = i < 0 ? -1 : 2 * n - 1;
        i = (mirror ? turn : i < 0 ? 0 : 2 * n - 2) - i;
    }
    return (size_t)i;
}

static double power_of(double base, size_t exponent) {
    double value = 1.0;
    for (size_t k = 0; k < exponent && value != 0.0; k++) {
        value *= base;
    }
    return value;
}

size_t sp_padding_source(const sp_padding *p, size_t n, size_t i, double *weight) {
    const size_t all = n + 2 * p->zeros, before = p->before - p->zeros;
    size_t at = SIZE_MAX;
    *weight = 1.0;
    if (i >= before && i - before < all) {
        at = i - before;
    } else if (p->tail != 0.0 && i >= before + all && n > 0) {
        *weight = power_of(p->tail, i - before - all + 1);
        at = p->zeros + n - 1;
    } else if (p->fill == SP_FILL_REFLECT || p->fill == SP_FILL_MIRROR) {
        at = reflected((long)i - (long)before, (long)all, p->fill == SP_FILL_MIRROR);
    } else if (p->fill == SP_FILL_EDGE) {
        at = i < before ? 0 : all - 1;
    }
    return at != SIZE_MAX && at >= p->zeros && at - p->zeros < n ? at - p->zeros : SIZE_MAX;
}

sp_status sp_padding_lift(sp_error *err, double **padded, size_t *length, const sp_padding *padding,
                          const double *samples, size_t n) {
    *padded = NULL;
    *length = n;
    if (sp_padding_plain(padding)) {
        return SP_OK;
    }
    *length = sp_padding_length(padding, n);
    *padded = malloc((*length + 1) * sizeof **padded);
    if (*padded == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a padded clip");
    }
    for (size_t i = 0; i < *length; i++) {
        double weight = 0.0;
        const size_t at = sp_padding_source(padding, n, i, &weight);
        (*padded)[i] = at == SIZE_MAX ? 0.0 : weight * samples[at];
    }
    return SP_OK;
}
