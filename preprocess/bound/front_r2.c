/* R2's front end [R2, section 4]: a box per FFT row, lines for the squares and for the
 * logarithm. */
#include <math.h>

#include "preprocess/bound/impl.h"

void sp_front_r2_squares(sp_frame *frame) {
    const sp_bins *bins = &frame->bins;
    for (size_t k = 0; k < frame->forms->spectrum->out; k++) {
        const sp_line_pair lines = sp_square_lines_r2(sp_bin_box(bins, k));
        bins->lo_w[k] = lines.lower.w;
        bins->lo_c[k] = lines.lower.c;
        bins->up_w[k] = lines.upper.w;
        bins->up_c[k] = lines.upper.c;
    }
}

/* One side of sum_k weight_k (w_k y_k + c_k) + floor, y_k = row k of x + d, as form . d + offset.
 * With a_k = fl(weight_k w_k), R rows, and |y_k| <= mag_k over the whole set:
 *   weight_k w_k against a_k              2u |a_k| mag_k
 *   y_k(x) against mid_k                  |a_k| err_k
 *   the computed sum of a_k f_k           gamma_R |a_k| radius_k
 *   the sum of a_k mid_k + weight_k c_k   gamma_{2R+2} (|a_k| |mid_k| + |weight_k c_k|)
 * so the sum of |a_k| (err_k + g mag_k) + g |weight_k c_k| with g = gamma_{2R+4} covers all. */
static double side(double *form, const sp_frame *frame, const sp_band *band, double *a,
                   bool upper) {
    const sp_bins *bins = &frame->bins;
    const double *w = upper ? bins->up_w : bins->lo_w, *c = upper ? bins->up_c : bins->lo_c;
    const double g = sp_gamma(2.0 * (double)band->rows + 4.0);
    double offset = 0.0, error = 0.0;
    for (size_t k = 0; k < band->rows; k++) {
        const size_t j = band->row[k];
        const double constant = band->weight[k] * c[j];
        a[k] = band->weight[k] * w[j];
        offset += a[k] * bins->mid[j] + constant;
        error += fabs(a[k]) * (bins->err[j] + g * bins->mag[j]) + g * fabs(constant);
    }
    sp_rows_combine(form, frame->forms->spectrum->matrix, frame->forms->layout->used, band->row,
                    band->rows, a);
    error = sp_front_up(error, (double)band->rows + 6.0);
    return upper ? sp_above(sp_above(offset + error) + band->floor)
                 : sp_below(sp_below(offset - error) + band->floor);
}

sp_band_r2 sp_front_r2_energy(const sp_frame *frame, const sp_band *band, double *lower,
                              double *upper) {
    sp_band_r2 e;
    e.below = side(lower, frame, band, frame->work, false);
    e.above = side(upper, frame, band, frame->work, true);
    e.reach_low = sp_frame_reach(frame, lower);
    e.reach_high = sp_frame_reach(frame, upper);
    e.lines.lo = sp_below(e.below + e.reach_low.lo);
    e.lines.hi = sp_above(e.above + e.reach_high.hi);
    e.range = sp_iv_meet(e.lines, sp_band_interval(band, &frame->bins));
    return e;
}

/* The lines of the squares over v = f_k . d instead of y + v, y being row k of the unperturbed
 * frame: w (y + v) + c = w v + (c + w y), and w y is within |w| err of w mid. */
static void put_squares(sp_front_bound *bound, const sp_frame *frame) {
    const sp_bins *bins = &frame->bins;
    for (size_t k = 0; k < bound->bins; k++) {
        const size_t at = frame->t * bound->bins + k;
        const double lo = bins->lo_w[k], up = bins->up_w[k];
        const double lo_slack = sp_above(fabs(lo) * bins->err[k]);
        const double up_slack = sp_above(fabs(up) * bins->err[k]);
        bound->bin_max[at] = bins->radius[k];
        bound->square_lo_w[at] = lo;
        bound->square_lo_c[at] =
            sp_below(sp_below(sp_below(lo * bins->mid[k]) - lo_slack) + bins->lo_c[k]);
        bound->square_up_w[at] = up;
        bound->square_up_c[at] =
            sp_above(sp_above(sp_above(up * bins->mid[k]) + up_slack) + bins->up_c[k]);
        bound->square_max[at] = sp_above(bins->mag[k] * bins->mag[k]);
    }
}

/* Lines of log max(E, least). Below `least` the lower one falls under it by itself; the upper one
 * is raised: it is read at upper bounds of E, which are not negative. */
static sp_line_pair band_lines(sp_band_kind kind, const sp_band *band, sp_iv energy) {
    const sp_iv floored = {fmax(energy.lo, band->least), fmax(energy.hi, band->least)};
    sp_line_pair lines = {{0.0, -INFINITY}, {0.0, INFINITY}};
    if (kind == SP_BAND_ENERGY) {
        lines = (sp_line_pair){{1.0, 0.0}, {1.0, 0.0}};
    } else if (kind == SP_BAND_SQRT) {
        const sp_activation root = {.kind = SP_ACTIVATION_SQRT};
        lines = sp_activation_lines(root, floored, 0.5 * floored.lo + 0.5 * floored.hi);
    } else if (floored.lo > 0.0) {
        lines = sp_log_lines_r2(floored);
    }
    if (energy.lo < band->least) {
        const sp_iv least = {band->least, band->least};
        lines.upper.c = fmax(lines.upper.c, sp_band_value(kind, least).hi);
    }
    return lines;
}

void sp_front_r2(sp_front_bound *bound, sp_frame *frame) {
    sp_front_r2_squares(frame);
    put_squares(bound, frame);
    for (size_t m = 0; m < bound->bands; m++) {
        const size_t at = frame->t * bound->bands + m;
        const size_t row = frame->t * bound->forms + m; /* form[t, m]; the upper one bands later */
        double *lower = bound->form + row * bound->frame;
        double *upper = lower + bound->bands * bound->frame;
        const sp_band_r2 e = sp_front_r2_energy(frame, &frame->forms->band[m], lower, upper);
        // E >= lower . d + below and E <= upper . d + above; the slopes of the log lines are >= 0
        const sp_band *band = &frame->forms->band[m];
        const sp_band_kind kind = frame->forms->kind;
        const sp_line_pair lines = band_lines(kind, band, e.range);
        const sp_iv range = sp_band_range(kind, band, e.range);
        bound->form_max[row] = sp_iv_mag(e.reach_low);
        bound->form_max[row + bound->bands] = sp_iv_mag(e.reach_high);
        bound->log_lo_w[at] = bound->lo_w[at] = lines.lower.w;
        bound->log_up_w[at] = bound->up_w[at] = lines.upper.w;
        bound->log_lo_c[at] = lines.lower.c;
        bound->log_up_c[at] = lines.upper.c;
        bound->lo_c[at] = sp_below(sp_below(lines.lower.w * e.below) + lines.lower.c);
        bound->up_c[at] = sp_above(sp_above(lines.upper.w * e.above) + lines.upper.c);
        bound->energy_max[at] = e.range.hi;
        bound->lo[at] = range.lo;
        bound->hi[at] = range.hi;
    }
}
