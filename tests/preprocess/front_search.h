/* A search for the perturbation of one frame at which a line of a front-end bound comes closest to
 * its feature.
 * It computes in doubles; what it finds is judged by front_slack. */
#ifndef SP_TESTS_RELAX_FRONT_SEARCH_H
#define SP_TESTS_RELAX_FRONT_SEARCH_H

#include "tests/preprocess/front_check.h"

/** front_target - what to make small over d: sign (log E(d) - slope form . d) for a line, sign log
 *  E for the range (slope 0). */
typedef struct front_target {
    const sp_front_forms *forms;
    const sp_band *band;
    const double *x, *r, *form; /* [frame] */
    double slope, sign;
    const sp_noise_set *set; /* of r; NULL: a box */
} front_target;

typedef struct front_value {
    double value;
    double gradient[512];
} front_value;

static inline void front_target_at(front_value *out, const front_target *f, const double *d) {
    const sp_stage *s = f->forms->spectrum;
    const size_t n = s->in, rows = f->band->rows;
    double y[520], c[520], x[512] = {0.0}, energy = f->band->floor, linear = 0.0;
    for (size_t i = 0; i < n; i++) {
        x[i] = f->x[i] + d[i];
        linear += f->form == NULL ? 0.0 : f->form[i] * d[i];
    }
    sp_rows_times(y, s->matrix, n, f->band->row, rows, x);
    for (size_t k = 0; k < rows; k++) {
        c[k] = 2.0 * f->band->weight[k] * y[k];
        energy += f->band->weight[k] * y[k] * y[k];
    }
    const bool raised = energy < f->band->least;
    sp_rows_combine(out->gradient, s->matrix, n, f->band->row, rows, c);
    for (size_t i = 0; i < n; i++) {
        out->gradient[i] = f->sign * ((raised ? 0.0 : out->gradient[i] / energy) -
                                      (f->form == NULL ? 0.0 : f->slope * f->form[i]));
    }
    out->value = f->sign * (log(raised ? f->band->least : energy) - f->slope * linear);
}

/** front_search - conditional gradient from d, with the best of a few step lengths; then single
 *  gradient steps, which reach points that are no corner. */
static inline double front_search(double *d, const front_target *f, size_t rounds) {
    static const double steps[] = {1.0, 0.6, 0.3, 0.1, 0.03, 0.01, 0.002};
    const size_t n = f->forms->spectrum->in;
    const sp_noise_set *set = f->set != NULL ? f->set : &sp_noise_set_box;
    front_value here, there;
    double next[512], corner[512];
    front_target_at(&here, f, d);
    for (size_t round = 0; round < rounds; round++) {
        double scale = 0.0, best = here.value, choice[512];
        for (size_t i = 0; i < n; i++) {
            scale = fmax(scale, fabs(here.gradient[i]));
            corner[i] = -here.gradient[i];
        }
        set->attain(corner, corner, f->r, n);
        for (size_t k = 0; k < 14; k++) {
            for (size_t i = 0; i < n; i++) {
                const double g = here.gradient[i], step = steps[k % 7];
                const double moved = d[i] - 8.0 * step * f->r[i] * g / (scale > 0.0 ? scale : 1.0);
                const double there_i = set->box && g == 0.0 ? d[i] : corner[i];
                next[i] = k < 7 ? d[i] + step * (there_i - d[i]) : moved;
            }
            set->project(next, f->r, n);
            front_target_at(&there, f, next);
            if (there.value < best) {
                best = there.value;
                memcpy(choice, next, n * sizeof *next);
            }
        }
        if (!(best < here.value)) {
            break;
        }
        memcpy(d, choice, n * sizeof *d);
        front_target_at(&here, f, d);
    }
    return here.value;
}

#endif
