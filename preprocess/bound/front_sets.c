/* The noise sets that the joint front end knows. */
#include "preprocess/bound/impl.h"

typedef struct known {
    const sp_noise_set *set;
    const sp_front_set *front;
} known;
#define ROW(name) {&sp_noise_set_##name, &sp_front_set_##name},
static const known table[SP_FRONT_SETS] = {SP_NOISE_SETS(ROW)};
#undef ROW

double sp_front_square(const sp_frame *frame, const sp_band *band) {
    for (size_t i = 0; i < SP_FRONT_SETS; i++) {
        if (table[i].set == frame->noise->set) {
            return table[i].front->square(frame, band, band->fact[i]);
        }
    }
    return INFINITY;
}

void sp_front_facts(sp_band *band, const sp_stage *spectrum) {
    for (size_t i = 0; i < SP_FRONT_SETS; i++) {
        const sp_front_set *front = table[i].front;
        band->fact[i] = front->fact != NULL ? front->fact(band, spectrum) : INFINITY;
    }
}

double sp_front_fact(const sp_band *band, const sp_noise_set *set) {
    for (size_t i = 0; i < SP_FRONT_SETS; i++) {
        if (table[i].set == set) {
            return band->fact[i];
        }
    }
    return INFINITY;
}
