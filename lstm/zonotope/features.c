// The features of a clip as affine forms over its samples, or over one symbol for each band.
#include <math.h>
#include <string.h>

#include "lstm/zonotope/impl.h"

size_t sp_zonotope_samples(const sp_front_bound *front, const sp_zonotope_options *options) {
    const size_t all = front->joint ? front->padded : front->frames * front->frame;
    const size_t bands = front->frames * front->bands;
    const bool fits = options->symbols == 0 || all + bands <= options->symbols;
    return front->forms > 0 && front->lo_form == front->up_form && fits ? all : 0;
}

/* Band m of frame t over the samples: one slope between those of its two lines. */
static void take_band(sp_zonotope *z, sp_zonotope_form *band, size_t t, size_t m) {
    const sp_front_bound *front = z->boxes.front;
    const size_t at = t * front->bands + m, form = t * front->forms + front->up_form + m;
    double *g = band->generator + m * z->capacity; /* generator[m,:] */
    sp_iv rest = {front->lo[at], front->hi[at]};
    memset(g, 0, z->symbols * sizeof *g);
    band->center[m] = band->noise[m] = 0.0;
    if (z->samples > 0) {
        const double w = 0.5 * front->lo_w[at] + 0.5 * front->up_w[at];
        const double most = front->form_max[form], *f = front->form + form * front->frame;
        const size_t first = front->joint ? t * front->step : t * front->frame;
        double sum = 0.0;
        for (size_t i = 0; i < front->frame; i++) {
            g[first + i] = w * (f[i] * front->radius[t * front->step + i]);
            sum += fabs(g[first + i]);
        }
        const double below = sp_above(sp_above(fabs(front->lo_w[at] - w)) * most);
        const double above = sp_above(sp_above(fabs(front->up_w[at] - w)) * most);
        rest = sp_iv_make(sp_below(front->lo_c[at] - below), sp_above(front->up_c[at] + above));
        band->noise[m] = sp_above(sp_above(sp_gamma((double)front->frame + 8.0) * sum) +
                                  (double)front->frame * sp_above((1.0 + fabs(w)) * 0x1p-1074));
    }
    const sp_zonotope_form copy = *band;
    sp_zonotope_combine(z, band, m, 1.0, &copy, m, 0.0, NULL, 0, rest);
}

void sp_zonotope_features(sp_zonotope *z) {
    const sp_front_bound *front = z->boxes.front;
    z->node = z->boxes.source;
    z->fresh = true;
    for (size_t t = 0; t < front->frames; t++) {
        sp_zonotope_form *to = z->features + t;
        sp_zonotope_form *band = front->matrix != NULL ? &z->variable[0] : to;
        for (size_t m = 0; m < front->bands; m++) {
            take_band(z, band, t, m);
        }
        if (front->matrix != NULL) {
            sp_zonotope_form bands = *band;
            bands.n = front->bands;
            const sp_zonotope_part part = {front->matrix, front->bands, &bands};
            sp_zonotope_image(z, to, 0, front->features, &part, 1, front->matrix_bias);
            memset(band->generator, 0, front->bands * z->capacity * sizeof(double));
        }
    }
    z->fresh = !z->options.independent;
}
