/* The least value of E(d) = sum_k weight_k (y_k + f_k . d)^2 + floor over the set, from below.
 *
 * sqrt(E) is the norm of an affine map of d. For any numbers z_k, by Cauchy-Schwarz,
 *   sqrt(E(d)) >= (sum_k z_k (y_k + f_k . d) + floor) / sqrt(sum_k z_k^2 / weight_k + floor),
 * and the right side is bounded over the set by its support function. Projected accelerated
 * gradient (with restarts, O'Donoghue and Candes 2015) looks for a good z; only the last
 * evaluation is rounded with care. Source: math/frontend.md, "E_min must be converged". */
#include <math.h>
#include <string.h>

#include "relax/front_impl.h"

#define MOST_STEPS 1500
/* stop when what is left to gain is this part of the range of log E */
#define PART 1e-4

typedef struct descent {
    size_t n, rows;
    double *mid, *f_d, *f_next, *f_y, *z, *best_z; /* [rows]; f_v: rows times v */
    double *d, *y, *next, *gradient;               /* [n] */
    double best;                                   /* largest bound of sqrt(E) seen */
    double least;                                  /* sqrt(E) at the last point of the box */
    double speed;                                  /* t_k of the acceleration */
} descent;

size_t sp_band_minimum_work(const sp_front_forms *forms) {
    return 6 * forms->most_rows + 4 * forms->layout->frame;
}

static void start(descent *s, const sp_frame *frame, const sp_band *band) {
    const size_t most = frame->forms->most_rows;
    double *at = frame->work;
    s->n = frame->forms->layout->frame;
    s->rows = band->rows;
    s->best = s->least = 0.0;
    s->speed = 1.0;
    s->mid = at;
    s->z = at + most;
    s->best_z = at + 2 * most;
    s->f_next = at + 3 * most;
    s->f_d = at + 4 * most;
    s->f_y = at + 5 * most;
    s->d = at + 6 * most;
    s->y = s->d + s->n;
    s->next = s->y + s->n;
    s->gradient = s->next + s->n;
    memset(s->f_d, 0, 2 * most * sizeof *s->f_d);
    memset(s->d, 0, 2 * s->n * sizeof *s->d);
    for (size_t k = 0; k < s->rows; k++) {
        s->mid[k] = frame->bins.mid[band->row[k]];
        s->best_z[k] = band->weight[k] * s->mid[k];
    }
}

// The bound at z_k = weight_k (y_k + f_k . y), half the gradient of E there; keeps the best z.
static void look(descent *s, const sp_frame *frame, const sp_band *band) {
    double top = band->floor, square = band->floor, reach = 0.0;
    for (size_t k = 0; k < s->rows; k++) {
        const double v = s->mid[k] + s->f_y[k];
        s->z[k] = band->weight[k] * v;
        top += s->z[k] * s->mid[k];
        square += s->z[k] * v;
    }
    sp_rows_combine(s->gradient, frame->forms->spectrum->matrix, s->n, band->row, s->rows, s->z);
    for (size_t i = 0; i < s->n; i++) {
        reach += fabs(s->gradient[i]) * frame->r[i];
    }
    const double bound = (top - reach) / sqrt(square);
    if (bound > s->best) {
        s->best = bound;
        memcpy(s->best_z, s->z, s->rows * sizeof *s->z);
    }
}

// One projected step from y, the value there, and the next extrapolated point.
static void step(descent *s, const sp_frame *frame, const sp_band *band) {
    const double size = 1.0 / band->curvature;
    double turn = 0.0, square = band->floor;
    for (size_t i = 0; i < s->n; i++) {
        const double free = s->y[i] - size * s->gradient[i], r = frame->r[i];
        s->next[i] = free < -r ? -r : free > r ? r : free;
        turn += (s->y[i] - s->next[i]) * (s->next[i] - s->d[i]);
    }
    sp_rows_times(s->f_next, frame->forms->spectrum->matrix, s->n, band->row, s->rows, s->next);
    const double speed = turn > 0.0 ? 1.0 : s->speed;
    const double faster = 0.5 * (1.0 + sqrt(1.0 + 4.0 * speed * speed));
    const double beta = (speed - 1.0) / faster;
    for (size_t k = 0; k < s->rows; k++) {
        const double v = s->mid[k] + s->f_next[k];
        square += band->weight[k] * (v * v);
        s->f_y[k] = s->f_next[k] + beta * (s->f_next[k] - s->f_d[k]);
        s->f_d[k] = s->f_next[k];
    }
    for (size_t i = 0; i < s->n; i++) {
        s->y[i] = s->next[i] + beta * (s->next[i] - s->d[i]);
        s->d[i] = s->next[i];
    }
    s->least = sqrt(square);
    s->speed = faster;
}

/* The bound at best_z, rounded down. With h the computed sum_k z_k f_k and P the computed sum_k
 * z_k mid_k,
 *   sum_k z_k (y_k + f_k . d) >= P + h . d - sum_k |z_k| (err_k + gamma_{R+1} (|mid_k| +
 *  radius_k)). */
static double certify(const descent *s, const sp_frame *frame, const sp_band *band) {
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
    for (size_t i = 0; still && i < frame->forms->layout->frame; i++) {
        still = frame->r[i] == 0.0;
    }
    return still;
}

// Whether the noise of least norm that cancels the band, d = -F' (F F')^-1 y, lies in the box.
static bool cancels(descent *s, const sp_frame *frame, const sp_band *band) {
    for (size_t k = 0; k < s->rows; k++) {
        s->z[k] = s->mid[k];
    }
    sp_cholesky_solve(band->solver, s->rows, s->z);
    sp_rows_combine(s->gradient, frame->forms->spectrum->matrix, s->n, band->row, s->rows, s->z);
    for (size_t i = 0; i < s->n; i++) {
        if (!(fabs(s->gradient[i]) <= frame->r[i])) {
            return false;
        }
    }
    return true;
}

double sp_band_minimum(const sp_frame *frame, const sp_band *band, double ceiling) {
    const double floor = sp_below(sqrt(band->floor));
    const double interval = sp_below(sqrt(sp_band_interval(band, &frame->bins).lo));
    if (nothing_moves(frame)) { // the boxes of the bins are points up to rounding
        return interval > floor ? interval : floor;
    }
    descent s;
    start(&s, frame, band);
    if (interval <= floor && band->solvable && cancels(&s, frame, band)) {
        return floor;
    }
    for (size_t k = 0; k < MOST_STEPS; k++) {
        look(&s, frame, band);
        step(&s, frame, band);
        const double best = s.best > floor ? s.best : floor;
        const bool done = log(s.least / best) <= PART * log(ceiling / best);
        if (done || s.least <= 2.0 * floor) {
            break;
        }
    }
    const double bound = certify(&s, frame, band);
    const double least = interval > floor ? interval : floor;
    return bound > least ? bound : least;
}
