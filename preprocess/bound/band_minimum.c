/* The least value of E(d) = sum_k weight_k (y_k + f_k . d)^2 + floor over the set, from below.
 * sqrt(E) is the norm of an affine map of d. For any numbers z_k, by Cauchy-Schwarz, sqrt(E(d))
 * >= (sum_k z_k (y_k + f_k . d) + floor) / sqrt(sum_k z_k^2 / weight_k + floor), and the right
 * side is bounded over the set by its support function. A descent on E looks for a good z, by
 * gradients and, where these are slow in a box, by interior points; only the last evaluation is
 * rounded with care. Source: docs/theory/front-end.md 4.3. */
#include <math.h>
#include <string.h>

#include "preprocess/bound/impl.h"

#define GRADIENT_STEPS 60
#define ONLY_GRADIENT_STEPS 240 /* where there are no interior points */
#define BARRIER_STEPS 60
/* stop when what is left to gain is this part of the range of log E */
#define PART 1e-4
/* where no logarithm is taken, what is below this part of the largest root is as good as 0 */
#define SMALL 1e-3

size_t sp_band_minimum_work(const sp_front_forms *forms) {
    const size_t rows = forms->most_rows;
    const size_t dense = rows < SP_BARRIER_ROWS ? rows : SP_BARRIER_ROWS;
    return dense * dense + 6 * rows + 8 * forms->layout->used;
}

static void start(sp_descent *s, const sp_frame *frame, const sp_band *band) {
    const size_t n = frame->forms->layout->used, most = frame->forms->most_rows;
    double *at = frame->work;
    *s = (sp_descent){.frame = frame, .band = band, .n = n, .rows = band->rows, .speed = 1.0};
    double **const row_arrays[] = {&s->mid, &s->z, &s->best_z, &s->f_next, &s->f_d, &s->f_y};
    double **const arrays[] = {&s->d,    &s->y,    &s->next, &s->gradient,
                               &s->push, &s->pull, &s->move, &s->give};
    for (size_t i = 0; i < 6; i++, at += most) {
        *row_arrays[i] = at;
    }
    for (size_t i = 0; i < 8; i++, at += n) {
        *arrays[i] = at;
    }
    s->matrix = at;
    memset(s->f_d, 0, s->rows * sizeof *s->f_d);
    memset(s->f_y, 0, s->rows * sizeof *s->f_y);
    memset(s->d, 0, n * sizeof *s->d);
    memset(s->y, 0, n * sizeof *s->y);
    for (size_t k = 0; k < s->rows; k++) {
        s->mid[k] = frame->bins.mid[band->row[k]];
        s->best_z[k] = band->weight[k] * s->mid[k];
    }
}

// The bound at z_k = weight_k (y_k + f_k . y), half the gradient of E there; keeps the best z.
static void look(sp_descent *s) {
    const sp_noise_set *set = s->frame->noise->set;
    double top = s->band->floor, reach = 0.0;
    for (size_t k = 0; k < s->rows; k++) {
        s->z[k] = s->band->weight[k] * (s->mid[k] + s->f_y[k]);
        top += s->z[k] * s->mid[k];
    }
    sp_rows_combine(s->gradient, s->frame->forms->spectrum->matrix, s->n, s->band->row, s->rows,
                    s->z);
    for (size_t i = 0; set->box && i < s->n; i++) {
        reach += fabs(s->gradient[i]) * s->frame->r[i];
    }
    if (!set->box) {
        reach = set->finish(set->gather(0.0, s->gradient, s->frame->r, s->n), s->n, 1, 1);
    }
    const double bound = (top - reach) / sp_descent_energy(s, s->f_y);
    if (bound > s->best) {
        s->best = bound;
        memcpy(s->best_z, s->z, s->rows * sizeof *s->z);
    }
}

static bool converged(const sp_descent *s, double floor, double ceiling) {
    const double best = s->best > floor ? s->best : floor;
    return log(s->least / best) <= PART * log(ceiling / best) || s->least <= 2.0 * floor;
}

static void descend(sp_descent *s, double floor, double ceiling) {
    const bool interior = s->frame->noise->set->box && s->rows <= SP_BARRIER_ROWS;
    const size_t steps = s->frame->noise->set->box ? GRADIENT_STEPS : ONLY_GRADIENT_STEPS;
    for (size_t k = 0; k < steps; k++) {
        look(s);
        sp_descent_gradient_step(s);
        if (converged(s, floor, ceiling)) {
            return;
        }
    }
    if (!interior) {
        look(s);
        return;
    }
    sp_descent_barrier_start(s);
    for (size_t k = 0; k < BARRIER_STEPS; k++) {
        look(s);
        if (!sp_descent_barrier_step(s) || converged(s, floor, ceiling)) {
            break;
        }
    }
    look(s);
}

/* The bound at best_z, rounded down. With h the computed sum of z_k f_k and P that of z_k mid_k,
 * sum_k z_k (y_k + f_k . d) is at least P + h . d less
 *   sum_k |z_k| (err_k + gamma_{R+1} (|mid_k| + radius_k)). */
static double certify(const sp_descent *s) {
    const sp_frame *frame = s->frame;
    const sp_band *band = s->band;
    const double rows = (double)s->rows, g = sp_gamma(rows + 1.0);
    double sum = 0.0, error = 0.0, square = 0.0;
    for (size_t k = 0; k < s->rows; k++) {
        const size_t j = band->row[k];
        const double z = s->best_z[k];
        sum += z * s->mid[k];
        error += fabs(z) * (frame->bins.err[j] + g * (fabs(s->mid[k]) + frame->bins.radius[j]));
        square += z * z / band->weight[k];
    }
    sp_rows_combine(s->gradient, frame->forms->spectrum->matrix, s->n, band->row, s->rows,
                    s->best_z);
    const double reach = sp_frame_reach(frame, s->gradient).lo;
    const double top =
        sp_below(sp_below(sp_below(sum - sp_front_up(error, rows + 5.0)) + reach) + band->floor);
    const double size = sp_above(sqrt(sp_above(sp_front_up(square, rows + 3.0) + band->floor)));
    return top > 0.0 ? sp_below(top / size) : 0.0;
}

static bool nothing_moves(const sp_frame *frame) {
    bool still = true;
    for (size_t i = 0; still && i < frame->forms->layout->used; i++) {
        still = frame->r[i] == 0.0;
    }
    return still;
}

void sp_band_witness(double *z, const sp_frame *frame, const sp_band *band, double ceiling) {
    sp_descent s;
    start(&s, frame, band);
    if (!nothing_moves(frame)) {
        descend(&s, fmax(sp_below(sqrt(fmax(band->floor, band->least))), sqrt(band->for_zero)),
                ceiling);
    }
    memcpy(z, s.best_z, s.rows * sizeof *z);
}

double sp_band_minimum(const sp_frame *frame, const sp_band *band, double ceiling) {
    const double floor = fmax(sp_below(sqrt(fmax(band->floor, band->least))), 0.0);
    const double interval = sp_below(sqrt(sp_band_interval(band, &frame->bins).lo));
    if (nothing_moves(frame)) { // the boxes of the bins are points up to rounding
        return interval > floor ? interval : floor;
    }
    sp_descent s;
    start(&s, frame, band);
    // without any floor the energy that stands for zero is a sensible place to stop at
    const bool may_vanish = frame->forms->kind != SP_BAND_LOG;
    descend(&s, fmax(fmax(floor, sqrt(band->for_zero)), may_vanish ? SMALL * ceiling : 0.0),
            ceiling);
    const double bound = certify(&s);
    const double least = interval > floor ? interval : floor;
    return bound > least ? bound : least;
}
