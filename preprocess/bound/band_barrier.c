/* Interior-point steps towards the least energy of a band over the box, for bands that noise
 * nearly cancels: there gradients need thousands of steps, this a few dozen. They steer only.
 * Half the gradient of E is g; with the distances s = r - d, t = r + d to the walls and their
 * multipliers p, q (push, pull), the conditions are g + p - q = 0, p s = q t = mu. One Newton
 * step is (F' W F + H) move = -g - mu / s + mu / t,   H = p / s + q / t, solved by Woodbury's
 * identity with the R x R matrix W^-1 + F H^-1 F'. */
#include <math.h>

#include "preprocess/bound/impl.h"

#define CENTRING 0.1 /* mu falls by this factor */
#define SHARE 0.99   /* of the way to the nearest wall */

static double mean_product(const sp_descent *s) {
    const double *r = s->frame->r;
    double sum = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        sum += s->push[i] * (r[i] - s->d[i]) + s->pull[i] * (r[i] + s->d[i]);
    }
    return 0.5 * sum / (double)s->n;
}

// From the last point, drawn in from the walls, with multipliers of the size of the gradient.
void sp_descent_barrier_start(sp_descent *s) {
    double mean = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        mean += fabs(s->gradient[i]) / (double)s->n;
    }
    for (size_t i = 0; i < s->n; i++) {
        const double g = s->gradient[i], small = 0.1 * mean;
        s->y[i] = s->d[i] *= 0.9;
        s->push[i] = (g < 0.0 ? -g : 0.0) + small;
        s->pull[i] = (g > 0.0 ? g : 0.0) + small;
    }
    for (size_t k = 0; k < s->rows; k++) {
        s->f_y[k] = s->f_d[k] *= 0.9;
    }
}

// W^-1 + F diag(give) F', lower triangle, factored; next is scratch.
static bool factor(sp_descent *s) {
    const double *f = s->frame->forms->spectrum->matrix;
    for (size_t k = 0; k < s->rows; k++) {
        const double *row = f + s->band->row[k] * s->n; /* f[k, :] */
        for (size_t i = 0; i < s->n; i++) {
            s->next[i] = row[i] * s->give[i];
        }
        sp_rows_times(s->matrix + k * s->rows, f, s->n, s->band->row, k + 1, s->next);
        s->matrix[k * s->rows + k] += 1.0 / s->band->weight[k];
    }
    return sp_cholesky(s->matrix, s->rows);
}

// move = give (rhs - F' (matrix)^-1 F (give rhs)); samples without noise stay.
static bool solve(sp_descent *s, double mu) {
    const double *r = s->frame->r, *f = s->frame->forms->spectrum->matrix;
    for (size_t i = 0; i < s->n; i++) {
        const double up = r[i] - s->d[i], down = r[i] + s->d[i];
        const bool moves = r[i] > 0.0;
        s->give[i] = moves ? 1.0 / (s->push[i] / up + s->pull[i] / down) : 0.0;
        s->move[i] = moves ? s->give[i] * (mu / down - mu / up - s->gradient[i]) : 0.0;
    }
    if (!factor(s)) {
        return false;
    }
    sp_rows_times(s->f_next, f, s->n, s->band->row, s->rows, s->move);
    sp_cholesky_solve(s->matrix, s->rows, s->f_next);
    sp_rows_combine(s->next, f, s->n, s->band->row, s->rows, s->f_next);
    for (size_t i = 0; i < s->n; i++) {
        s->move[i] -= s->give[i] * s->next[i];
    }
    return true;
}

// The largest share of the step that keeps x + share dx at least (1 - SHARE) of x.
static double room(double share, double x, double dx) {
    return share * dx < -SHARE * x ? -SHARE * x / dx : share;
}

bool sp_descent_barrier_step(sp_descent *s) {
    const double *r = s->frame->r, mu = CENTRING * mean_product(s);
    double share = 1.0;
    if (!(mu > 0.0) || !solve(s, mu)) {
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        const double up = r[i] - s->d[i], down = r[i] + s->d[i], move = s->move[i];
        if (r[i] > 0.0) {
            s->give[i] = (mu - s->pull[i] * move) / down - s->pull[i]; /* change of pull */
            s->next[i] = (mu + s->push[i] * move) / up - s->push[i];   /* change of push */
            share = room(room(share, up, -move), down, move);
            share = room(room(share, s->push[i], s->next[i]), s->pull[i], s->give[i]);
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        if (r[i] > 0.0) {
            s->push[i] += share * s->next[i];
            s->pull[i] += share * s->give[i];
            s->y[i] = s->d[i] += share * s->move[i];
        }
    }
    sp_rows_times(s->f_d, s->frame->forms->spectrum->matrix, s->n, s->band->row, s->rows, s->d);
    for (size_t k = 0; k < s->rows; k++) {
        s->f_y[k] = s->f_d[k];
    }
    s->least = sp_descent_energy(s, s->f_d);
    return true;
}
