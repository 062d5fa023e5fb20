/* Padding that repeats samples. Sample i of the padded clip is w_i times sample source(i) of the
 * clip, so it moves by w_i d_source(i). A box of the radii |w_i| r_source(i) holds all of these; of
 * the other sets of radii, whose |d_i| / r_i are at most 1 in some norm between l1 and l-infinity,
 * one whose radii are multiplied by the number of copies does: the copies of one sample together
 * add at most what it adds itself. Source: docs/theory/front-end.md 4.7. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

static sp_status take_memory(sp_error *err, sp_lifted *l, const sp_noise *noise, size_t **copies,
                             size_t n) {
    l->own_samples = malloc((l->n + 1) * sizeof(double));
    l->own_noise = (sp_noise){.set = noise->set, .n = l->n, .lo = noise->lo, .hi = noise->hi};
    l->own_noise.radius = malloc((l->n + 1) * sizeof(double));
    if (noise->direction != NULL) {
        l->own_noise.direction = malloc((l->n + 1) * sizeof(double));
    }
    *copies = calloc(n + 1, sizeof **copies);
    const bool have = l->own_samples != NULL && l->own_noise.radius != NULL && *copies != NULL &&
                      (noise->direction == NULL || l->own_noise.direction != NULL);
    return have ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a padded clip");
}

/* Products with weights other than 1 are rounded; the radius takes that in. */
static void fill_sample(sp_lifted *l, const sp_noise *noise, const double *samples, size_t i,
                        size_t at, double weight, double copies) {
    const double x = weight * samples[at];
    double radius = noise->radius[at];
    if (weight != 1.0) {
        radius = sp_above(sp_above(fabs(weight) * radius) + sp_above(0x1p-52 * fabs(x)));
    }
    l->own_samples[i] = x;
    l->own_noise.radius[i] = noise->set->box || copies == 1.0 ? radius : sp_above(radius * copies);
    if (noise->direction != NULL) {
        l->own_noise.direction[i] = weight * noise->direction[at];
    }
}

static void fill_lifted(sp_lifted *l, const sp_padding *padding, const double *samples, size_t n,
                        const sp_noise *noise, size_t *copies) {
    double weight = 0.0;
    for (size_t i = 0; i < l->n; i++) {
        const size_t at = sp_padding_source(padding, n, i, &weight);
        copies[at != SIZE_MAX ? at : n]++;
    }
    for (size_t i = 0; i < l->n; i++) {
        const size_t at = sp_padding_source(padding, n, i, &weight);
        l->own_samples[i] = l->own_noise.radius[i] = 0.0;
        if (noise->direction != NULL) {
            l->own_noise.direction[i] = 0.0;
        }
        if (at != SIZE_MAX) {
            fill_sample(l, noise, samples, i, at, weight, (double)copies[at]);
        }
    }
}

sp_status sp_front_lift(sp_error *err, sp_lifted *l, const sp_front_forms *forms,
                        const double *samples, size_t n, const sp_noise *noise) {
    const sp_padding *padding = &forms->padding;
    size_t *copies = NULL;
    *l = (sp_lifted){.samples = samples, .noise = noise, .n = n};
    if (sp_padding_plain(padding)) {
        return SP_OK;
    }
    if (padding->tail != 0.0 && !noise->set->box) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "pre-emphasis over the clip with padding behind it has bounds for boxes of "
                       "noise only");
    }
    l->n = sp_padding_length(padding, n);
    sp_status status = take_memory(err, l, noise, &copies, n);
    if (status == SP_OK) {
        fill_lifted(l, padding, samples, n, noise, copies);
        l->samples = l->own_samples;
        l->noise = &l->own_noise;
    }
    free(copies);
    if (status != SP_OK) {
        sp_lifted_clear(l);
    }
    return status;
}

void sp_lifted_clear(sp_lifted *l) {
    free(l->own_samples);
    free(l->own_noise.radius);
    free(l->own_noise.direction);
    *l = (sp_lifted){0};
}
