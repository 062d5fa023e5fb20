/* Boxes of the outputs of every stage of one frame, which the rules of intervals and of R2 prove on
 * the way: intervals from stage to stage; for R2 the ranges of its linear bounds, without the
 * intersections of sp_front_bound_create. */
#ifndef SP_TESTS_PREPROCESS_STAGE_BOXES_H
#define SP_TESTS_PREPROCESS_STAGE_BOXES_H

#include "tests/preprocess/front_check.h"

// The range of both lines over their domain: what R2's code reports as the box of a stage.
static inline sp_iv line_range(sp_line_pair lines, sp_iv x) {
    const double a = sp_below(sp_below(lines.lower.w * x.lo) + lines.lower.c);
    const double b = sp_below(sp_below(lines.lower.w * x.hi) + lines.lower.c);
    const double c = sp_above(sp_above(lines.upper.w * x.lo) + lines.upper.c);
    const double d = sp_above(sp_above(lines.upper.w * x.hi) + lines.upper.c);
    return sp_iv_make(fmin(a, b), fmax(c, d));
}

static inline void put_box(double *lo, double *hi, size_t at, sp_iv box) {
    lo[at] = box.lo;
    hi[at] = box.hi;
}

static inline void interval_boxes(double *lo, double *hi, const sp_frame *frame) {
    const size_t rows = frame->forms->spectrum->out, bands = frame->forms->layout->bands;
    for (size_t k = 0; k < rows; k++) {
        put_box(lo, hi, rows + k, sp_square_range(sp_bin_box(&frame->bins, k)));
    }
    for (size_t m = 0; m < bands; m++) {
        const sp_band *band = &frame->forms->band[m];
        const sp_iv energy = sp_band_interval(band, &frame->bins);
        put_box(lo, hi, 2 * rows + m, energy);
        put_box(lo, hi, 2 * rows + bands + m, sp_band_range(frame->forms->kind, band, energy));
    }
}

static inline void r2_boxes(double *lo, double *hi, sp_frame *frame, double *form) {
    const size_t rows = frame->forms->spectrum->out, bands = frame->forms->layout->bands;
    sp_front_r2_squares(frame);
    for (size_t k = 0; k < rows; k++) {
        const sp_line_pair lines = {{frame->bins.lo_w[k], frame->bins.lo_c[k]},
                                    {frame->bins.up_w[k], frame->bins.up_c[k]}};
        put_box(lo, hi, rows + k, line_range(lines, sp_bin_box(&frame->bins, k)));
    }
    for (size_t m = 0; m < bands; m++) {
        const sp_band_r2 e = sp_front_r2_energy(frame, &frame->forms->band[m], form,
                                                form + frame->forms->layout->used);
        put_box(lo, hi, 2 * rows + m, e.lines);
        put_box(lo, hi, 2 * rows + bands + m, line_range(sp_log_lines_r2(e.range), e.lines));
    }
}

/* lo, hi [sum of stage.out]: frame t, in the order of sp_front_stages. */
static inline void stage_boxes(double *lo, double *hi, const sp_front_forms *forms,
                               const front_clip *clip, const sp_noise *noise, size_t t) {
    const size_t form_size = 2 * forms->layout->used;
    double *memory = malloc((sp_frame_size(forms) + form_size) * sizeof *memory);
    sp_frame frame;
    assert_non_null(memory);
    assert_true(forms->rule != SP_FRONT_JOINT && forms->floor == NULL && forms->dct == NULL);
    sp_frame_place(&frame, forms, memory + form_size);
    assert_true(sp_frame_load(&frame, clip->samples, clip->n, noise, t));
    for (size_t k = 0; k < forms->spectrum->out; k++) {
        put_box(lo, hi, k, sp_bin_box(&frame.bins, k));
    }
    if (forms->rule == SP_FRONT_R2) {
        r2_boxes(lo, hi, &frame, memory);
    } else {
        interval_boxes(lo, hi, &frame);
    }
    free(memory);
}

#endif
