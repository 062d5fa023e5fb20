/* Noise in the samples of some frames only. */
#include <string.h>

#include "certify/impl.h"

sp_status sp_noise_frames(sp_error *err, sp_noise *noise, const sp_front *front, size_t n,
                          double eps, size_t first, size_t frames) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    const size_t all = sp_front_frames(front, n);
    if (frames > 0 && (first >= all || frames > all - first)) {
        return sp_fail(err, SP_E_MISMATCH, "there are no frames %zu to %zu: the clip has %zu",
                       first, first + frames - 1, all);
    }
    SP_TRY(sp_noise_box(err, noise, n, eps));
    if (frames > 0) {
        const size_t begin = first * layout->step;
        const size_t end = begin + (frames - 1) * layout->step + layout->used;
        for (size_t i = 0; i < n; i++) {
            noise->radius[i] = i >= begin && i < end ? eps : 0.0;
        }
    }
    return SP_OK;
}
