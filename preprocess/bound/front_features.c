/* Frames of exact silence, and the boxes of features that are a linear map of the bands. */
#include <math.h>
#include <string.h>

#include "preprocess/bound/impl.h"

bool sp_frame_is_silent(const sp_frame *frame) {
    bool silent = true;
    for (size_t i = 0; silent && i < frame->forms->layout->used; i++) {
        silent = frame->x[i] == 0.0 && frame->r[i] == 0.0;
    }
    for (size_t k = 0; silent && k < frame->forms->spectrum->out; k++) {
        silent = frame->forms->spectrum->bias[k] == 0.0;
    }
    return silent;
}

void sp_front_constant(sp_front_bound *bound, const sp_frame *frame, size_t m) {
    const sp_band *band = &frame->forms->band[m];
    const size_t t = frame->t, at = t * bound->bands + m;
    const double energy = fmax(fmax(band->floor, band->least), band->for_zero);
    const sp_iv point = {energy, energy}, value = sp_band_value(frame->forms->kind, point);
    bound->lo_w[at] = bound->up_w[at] = 0.0;
    bound->lo[at] = bound->lo_c[at] = value.lo;
    bound->hi[at] = bound->up_c[at] = value.hi;
    for (size_t k = 0; k < bound->tangents; k++) {
        const size_t i = (t * bound->tangents + k) * bound->bands + m;
        bound->tangent_w[i] = 0.0;
        bound->tangent_c[i] = value.hi;
    }
    if (bound->tangents > 0) {
        bound->square[at] = 0.0;
        bound->clean_lo[at] = bound->clean_hi[at] = bound->slack[at] = 0.0;
    }
    if (bound->bins > 0) {
        bound->log_lo_w[at] = bound->log_up_w[at] = 0.0;
        bound->log_lo_c[at] = value.lo;
        bound->log_up_c[at] = value.hi;
        bound->energy_max[at] = band->floor;
    }
}

void sp_front_silence(sp_front_bound *bound, const sp_frame *frame) {
    const size_t t = frame->t, forms = bound->forms, bins = bound->bins;
    memset(bound->form + t * forms * bound->frame, 0, forms * bound->frame * sizeof(double));
    memset(bound->form_max + t * forms, 0, forms * sizeof(double));
    for (size_t k = t * bins; k < (t + 1) * bins; k++) {
        bound->bin_max[k] = bound->square_max[k] = 0.0;
        bound->square_lo_w[k] = bound->square_lo_c[k] = 0.0;
        bound->square_up_w[k] = bound->square_up_c[k] = 0.0;
    }
    for (size_t m = 0; m < bound->bands; m++) {
        sp_front_constant(bound, frame, m);
    }
    if (bound->tangents > 0) {
        bound->energy[t] = 0.0;
    }
}

/* Each sum has bands + 1 terms of one rounding each. */
void sp_front_features(sp_front_bound *bound, size_t t) {
    const size_t M = bound->bands;
    const double gamma = sp_gamma((double)M + 3.0);
    for (size_t i = 0; bound->matrix != NULL && i < bound->features; i++) {
        const double *row = bound->matrix + i * M; /* matrix[i,:] */
        double lo = bound->matrix_bias[i], hi = lo, size = fabs(lo);
        for (size_t m = 0; m < M; m++) {
            const double p = row[m] * bound->lo[t * M + m], q = row[m] * bound->hi[t * M + m];
            lo += fmin(p, q);
            hi += fmax(p, q);
            size += fmax(fabs(p), fabs(q));
        }
        const double error = sp_above(2.0 * gamma * size);
        bound->feature_lo[t * bound->features + i] = sp_below(lo - error);
        bound->feature_hi[t * bound->features + i] = sp_above(hi + error);
    }
}
