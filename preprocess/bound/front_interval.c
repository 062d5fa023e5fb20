/* The front end by interval arithmetic, stage by stage. */
#include <math.h>

#include "preprocess/bound/impl.h"

sp_iv sp_band_interval(const sp_band *band, const sp_bins *bins) {
    double least = 0.0, most = 0.0;
    for (size_t k = 0; k < band->rows; k++) {
        const size_t j = band->row[k];
        const double near = sp_below(sp_below(fabs(bins->mid[j]) - bins->err[j]) - bins->radius[j]);
        least += near > 0.0 ? band->weight[k] * (near * near) : 0.0;
        most += band->weight[k] * (bins->mag[j] * bins->mag[j]);
    }
    // two roundings a product, rows - 1 additions
    const double chain = (double)band->rows + 2.0;
    const sp_iv range = {fmax(sp_below(sp_front_down(least, chain) + band->floor), band->floor),
                         sp_above(sp_front_up(most, chain) + band->floor)};
    return range;
}

sp_iv sp_band_value(sp_band_kind kind, sp_iv energy) {
    const sp_iv unbounded = {-INFINITY, INFINITY};
    const sp_activation root = {.kind = SP_ACTIVATION_SQRT};
    switch (kind) {
    case SP_BAND_LOG:
        return energy.lo > 0.0 ? sp_log_range(energy) : unbounded;
    case SP_BAND_SQRT:
        return sp_activation_range(root, energy);
    case SP_BAND_ENERGY:
        return energy;
    }
    return unbounded;
}

sp_iv sp_band_range(sp_band_kind kind, const sp_band *band, sp_iv energy) {
    const sp_iv floored = {fmax(energy.lo, band->least), fmax(energy.hi, band->least)};
    return sp_band_value(kind, floored);
}

void sp_front_interval(sp_front_bound *bound, const sp_frame *frame) {
    for (size_t m = 0; m < bound->bands; m++) {
        const size_t at = frame->t * bound->bands + m;
        const sp_band *band = &frame->forms->band[m];
        const sp_iv range =
            sp_band_range(frame->forms->kind, band, sp_band_interval(band, &frame->bins));
        bound->lo_w[at] = bound->up_w[at] = 0.0;
        bound->lo[at] = bound->lo_c[at] = range.lo;
        bound->hi[at] = bound->up_c[at] = range.hi;
    }
}
