/* One frame: its samples, radii, and the box of every row of the spectrum. */
#include <math.h>

#include "preprocess/bound/impl.h"

size_t sp_frame_size(const sp_front_forms *forms) {
    return 3 * forms->layout->used + 8 * forms->spectrum->out + sp_band_minimum_work(forms);
}

void sp_frame_place(sp_frame *frame, const sp_front_forms *forms, double *memory) {
    const size_t n = forms->layout->used, rows = forms->spectrum->out;
    frame->forms = forms;
    frame->x = memory;
    frame->r = frame->x + n;
    frame->negative = frame->r + n;
    frame->bins.mid = frame->negative + n;
    frame->bins.err = frame->bins.mid + rows;
    frame->bins.radius = frame->bins.err + rows;
    frame->bins.mag = frame->bins.radius + rows;
    frame->bins.lo_w = frame->bins.mag + rows;
    frame->bins.lo_c = frame->bins.lo_w + rows;
    frame->bins.up_w = frame->bins.lo_c + rows;
    frame->bins.up_c = frame->bins.up_w + rows;
    frame->work = frame->bins.up_c + rows;
}

bool sp_frame_load(sp_frame *frame, const double *samples, size_t n, const sp_noise *noise,
                   size_t t) {
    const sp_front_forms *forms = frame->forms;
    const size_t size = forms->layout->used;
    const sp_stage *spectrum = forms->spectrum;
    bool finite = true;
    frame->noise = noise;
    frame->t = t;
    frame->first = t * forms->layout->step;
    for (size_t i = 0; i < size; i++) {
        const size_t at = frame->first + i;
        frame->x[i] = at < n ? samples[at] : 0.0;
        frame->r[i] = at < n ? noise->radius[at] : 0.0;
    }
    for (size_t k = 0; k < spectrum->out; k++) {
        const double *f = spectrum->matrix + k * size; /* f[k, :] */
        const double bias = spectrum->bias[k], mid = sp_row_dot(f, frame->x, size) + bias;
        // |mid - (f.x + bias)| <= gamma_{size+1} (|f|.|x| + |bias|)
        const double error =
            sp_gamma((double)size + 1.0) * (sp_row_size(f, frame->x, size) + fabs(bias));
        frame->bins.mid[k] = mid;
        frame->bins.err[k] = sp_front_up(error, (double)size + 3.0);
        frame->bins.radius[k] =
            noise->set->box ? sp_front_up(sp_row_size(f, frame->r, size), (double)size + 1.0)
                            : sp_noise_support(noise, f, frame->first, size);
        frame->bins.mag[k] =
            sp_above(sp_above(fabs(mid) + frame->bins.err[k]) + frame->bins.radius[k]);
        finite = finite && frame->bins.mag[k] <= 0x1p200;
    }
    return finite;
}

sp_iv sp_bin_box(const sp_bins *bins, size_t k) {
    return sp_iv_make(sp_below(sp_below(bins->mid[k] - bins->err[k]) - bins->radius[k]),
                      sp_above(sp_above(bins->mid[k] + bins->err[k]) + bins->radius[k]));
}

sp_iv sp_frame_reach(const sp_frame *frame, const double *c) {
    const size_t n = frame->forms->layout->used;
    for (size_t i = 0; i < n; i++) {
        frame->negative[i] = -c[i];
    }
    const sp_iv reach = {-sp_noise_support(frame->noise, frame->negative, frame->first, n),
                         sp_noise_support(frame->noise, c, frame->first, n)};
    return reach;
}
