/* The energy of a band in one frame: its value, its gradient, and how far both may be off. */
#include <math.h>

#include "preprocess/bound/impl.h"

/* sum_k weight_k p_k q_k of numbers within p_err, q_err of p, q: the computed sum is off by at most
 * gamma_{2R+6} of its sizes, and by sum weight (|p| q_err + |q| p_err + p_err q_err). */
sp_iv sp_band_products(const sp_band *band, const double *p, const double *p_err, const double *q,
                       const double *q_err) {
    const double rows = (double)band->rows;
    double sum = 0.0, size = 0.0, spread = 0.0;
    for (size_t k = 0; k < band->rows; k++) {
        const size_t j = band->row[k];
        const double w = band->weight[k];
        sum += w * (p[j] * q[j]);
        size += w * fabs(p[j] * q[j]);
        spread += w * (fabs(p[j]) * q_err[j] + fabs(q[j]) * p_err[j] + p_err[j] * q_err[j]);
    }
    const double error = sp_front_up(sp_gamma(2.0 * rows + 6.0) * size + spread, rows + 9.0);
    const sp_iv range = {sp_below(sum - error), sp_above(sum + error)};
    return range;
}

// form = sum_k c_k f_k with c_k = fl(2 weight_k mid_k). Against g = sum_k 2 weight_k y_k f_k, per
// row: |2 weight y - c| <= 2 weight err + 2u |c|, and the sum itself is off by gamma_R |c| |f|.
static double take_gradient(double *form, const sp_frame *frame, const sp_band *band) {
    const sp_bins *bins = &frame->bins;
    const double g = sp_gamma((double)band->rows + 2.0);
    double *c = frame->work, slack = 0.0;
    for (size_t k = 0; k < band->rows; k++) {
        const size_t j = band->row[k];
        c[k] = 2.0 * band->weight[k] * bins->mid[j];
        slack += (2.0 * band->weight[k] * bins->err[j] + g * fabs(c[k])) * bins->radius[j];
    }
    sp_rows_combine(form, frame->forms->spectrum->matrix, frame->forms->layout->used, band->row,
                    band->rows, c);
    return sp_front_up(slack, (double)band->rows + 5.0);
}

// What is known of the set, and also d' Q d <= sum_k weight_k radius_k^2.
static double largest_square(const sp_frame *frame, const sp_band *band) {
    double rows = 0.0;
    for (size_t k = 0; k < band->rows; k++) {
        const double radius = frame->bins.radius[band->row[k]];
        rows += band->weight[k] * (radius * radius);
    }
    return fmin(sp_front_square(frame, band), sp_front_up(rows, (double)band->rows + 2.0));
}

sp_band_energy sp_band_energy_of(double *form, const sp_frame *frame, const sp_band *band) {
    sp_band_energy e;
    const double *mid = frame->bins.mid, *err = frame->bins.err;
    const sp_iv sum = sp_band_products(band, mid, err, mid, err);
    e.clean.lo = fmax(sp_below(fmax(sum.lo, 0.0) + band->floor), band->floor);
    e.clean.hi = sp_above(sum.hi + band->floor);
    e.slack = take_gradient(form, frame, band);
    e.square = largest_square(frame, band);
    e.reach = sp_iv_mag(sp_frame_reach(frame, form));
    const double most = sp_above(sp_above(sp_above(e.clean.hi + e.slack) + e.square) + e.reach);
    e.most = fmin(most, sp_band_interval(band, &frame->bins).hi);
    return e;
}
