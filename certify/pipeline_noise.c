/* Noise in the samples of some frames only. */
#include "certify/impl.h"

sp_status sp_pipeline_frame_noise(sp_error *err, sp_noise *noise, const sp_noise_set *set,
                                  const sp_front *front, size_t n, double eps, size_t first,
                                  size_t frames) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    const size_t all = sp_front_frames(front, n);
    if (frames > 0 && (first >= all || frames > all - first)) {
        return sp_fail(err, SP_E_MISMATCH, "there are no frames %zu to %zu: the clip has %zu",
                       first, first + frames - 1, all);
    }
    if (frames == 0) {
        return sp_noise_of(err, noise, set, n, eps);
    }
    const size_t start = first * layout->step, before = layout->before;
    const size_t end = start + (frames - 1) * layout->step + layout->used;
    const size_t begin = start > before ? start - before : 0;
    return sp_noise_burst(err, noise, set, n, eps, begin, end > before ? end - before : 0);
}
