/* Boxes of every stage of one frame: what the interval and the R2 rule prove on the way. */
#include <math.h>
#include <stdlib.h>

#include "preprocess/bound/impl.h"

// The range of both lines over their domain: what R2's code reports as the box of a stage.
static sp_iv line_range(sp_line_pair lines, sp_iv x) {
    const double a = sp_below(sp_below(lines.lower.w * x.lo) + lines.lower.c);
    const double b = sp_below(sp_below(lines.lower.w * x.hi) + lines.lower.c);
    const double c = sp_above(sp_above(lines.upper.w * x.lo) + lines.upper.c);
    const double d = sp_above(sp_above(lines.upper.w * x.hi) + lines.upper.c);
    return sp_iv_make(fmin(a, b), fmax(c, d));
}

static void put(double *lo, double *hi, size_t at, sp_iv box) {
    lo[at] = box.lo;
    hi[at] = box.hi;
}

static void interval_boxes(double *lo, double *hi, const sp_frame *frame) {
    const size_t rows = frame->forms->spectrum->out, bands = frame->forms->layout->bands;
    for (size_t k = 0; k < rows; k++) {
        put(lo, hi, rows + k, sp_square_range(sp_bin_box(&frame->bins, k)));
    }
    for (size_t m = 0; m < bands; m++) {
        const sp_band *band = &frame->forms->band[m];
        const sp_iv energy = sp_band_interval(band, &frame->bins);
        put(lo, hi, 2 * rows + m, energy);
        put(lo, hi, 2 * rows + bands + m, sp_band_range(frame->forms->kind, band, energy));
    }
}

static void r2_boxes(double *lo, double *hi, sp_frame *frame, double *form) {
    const size_t rows = frame->forms->spectrum->out, bands = frame->forms->layout->bands;
    sp_front_r2_squares(frame);
    for (size_t k = 0; k < rows; k++) {
        const sp_line_pair lines = {{frame->bins.lo_w[k], frame->bins.lo_c[k]},
                                    {frame->bins.up_w[k], frame->bins.up_c[k]}};
        put(lo, hi, rows + k, line_range(lines, sp_bin_box(&frame->bins, k)));
    }
    for (size_t m = 0; m < bands; m++) {
        const sp_band_r2 e = sp_front_r2_energy(frame, &frame->forms->band[m], form,
                                                form + frame->forms->layout->used);
        put(lo, hi, 2 * rows + m, e.lines);
        put(lo, hi, 2 * rows + bands + m, line_range(sp_log_lines_r2(e.range), e.lines));
    }
}

sp_status sp_front_stage_boxes(sp_error *err, double *lo, double *hi, const sp_front_forms *forms,
                               const double *samples, size_t n, const sp_noise *noise, size_t t) {
    if (forms->rule == SP_FRONT_JOINT || forms->floor != NULL || forms->dct != NULL ||
        forms->gain_peak > 0.0 || forms->kind != SP_BAND_LOG ||
        !sp_padding_plain(&forms->padding)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "this front end has no boxes of its stages");
    }
    SP_TRY(sp_front_check(err, forms, samples, n, noise));
    if (t >= sp_forms_frames(forms, n)) {
        return sp_fail(err, SP_E_ARGUMENT, "frame %zu is behind the clip's last", t);
    }
    const size_t form_size = 2 * forms->layout->used;
    double *memory = malloc((sp_frame_size(forms) + form_size) * sizeof *memory);
    if (memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the boxes of a frame");
    }
    sp_frame frame;
    sp_frame_place(&frame, forms, memory + form_size);
    const bool finite = sp_frame_load(&frame, samples, n, noise, t);
    for (size_t k = 0; k < forms->spectrum->out; k++) {
        put(lo, hi, k, sp_bin_box(&frame.bins, k));
    }
    if (forms->rule == SP_FRONT_R2) {
        r2_boxes(lo, hi, &frame, memory);
    } else {
        interval_boxes(lo, hi, &frame);
    }
    free(memory);
    return finite
               ? SP_OK
               : sp_fail(err, SP_E_NONFINITE, "frame %zu has no finite bounds at this radius", t);
}
