/* One step of projected accelerated gradient towards the least energy of a band over the set,
 * with restarts [Restart]. It steers only: the bound is certified in
 * band_minimum.c. */
#include <math.h>

#include "preprocess/bound/impl.h"

void sp_descent_gradient_step(sp_descent *s) {
    const double *r = s->frame->r, size = 1.0 / s->band->curvature;
    double turn = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        s->next[i] = s->y[i] - size * s->gradient[i];
    }
    s->frame->noise->set->project(s->next, r, s->n);
    for (size_t i = 0; i < s->n; i++) {
        turn += (s->y[i] - s->next[i]) * (s->next[i] - s->d[i]);
    }
    sp_rows_times(s->f_next, s->frame->forms->spectrum->matrix, s->n, s->band->row, s->rows,
                  s->next);
    const double speed = turn > 0.0 ? 1.0 : s->speed;
    const double faster = 0.5 * (1.0 + sqrt(1.0 + 4.0 * speed * speed));
    const double beta = (speed - 1.0) / faster;
    for (size_t k = 0; k < s->rows; k++) {
        s->f_y[k] = s->f_next[k] + beta * (s->f_next[k] - s->f_d[k]);
        s->f_d[k] = s->f_next[k];
    }
    for (size_t i = 0; i < s->n; i++) {
        s->y[i] = s->next[i] + beta * (s->next[i] - s->d[i]);
        s->d[i] = s->next[i];
    }
    s->least = sp_descent_energy(s, s->f_d);
    s->speed = faster;
}
