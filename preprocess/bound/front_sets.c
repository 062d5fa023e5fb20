/* The noise sets that the joint front end knows. */
#include <math.h>
#include <pthread.h>

#include "preprocess/bound/impl.h"

typedef struct known {
    const sp_noise_set *set;
    const sp_front_set *front;
} known;
#define ROW(name) {&sp_noise_set_##name, &sp_front_set_##name},
static const known table[SP_FRONT_SETS] = {SP_NOISE_SETS(ROW)};
#undef ROW

/* Of all facts: they are found once, and seldom. */
static pthread_mutex_t finding = PTHREAD_MUTEX_INITIALIZER;

static double fact_at(const sp_band *band, const sp_stage *spectrum, size_t i) {
    const sp_front_set *front = table[i].front;
    if (front->fact == NULL) {
        return INFINITY;
    }
    pthread_mutex_lock(&finding);
    if (isnan(band->fact[i])) {
        const double found = front->fact(band, spectrum);
        band->fact[i] = isnan(found) ? INFINITY : found;
    }
    const double fact = band->fact[i];
    pthread_mutex_unlock(&finding);
    return fact;
}

double sp_front_square(const sp_frame *frame, const sp_band *band) {
    for (size_t i = 0; i < SP_FRONT_SETS; i++) {
        if (table[i].set == frame->noise->set) {
            return table[i].front->square(frame, band, fact_at(band, frame->forms->spectrum, i));
        }
    }
    return INFINITY;
}

double sp_front_fact(const sp_band *band, const sp_stage *spectrum, const sp_noise_set *set) {
    for (size_t i = 0; i < SP_FRONT_SETS; i++) {
        if (table[i].set == set) {
            return fact_at(band, spectrum, i);
        }
    }
    return INFINITY;
}

void sp_front_facts(sp_band *band, const sp_stage *spectrum) {
    for (size_t i = 0; i < SP_FRONT_SETS; i++) {
        band->fact[i] = NAN;
    }
    for (size_t i = 0; i < SP_FRONT_SETS && !(band->eigenvalue > 0.0); i++) {
        (void)fact_at(band, spectrum, i);
    }
}
