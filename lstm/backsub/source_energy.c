// The energies of a row together with its linear part. A row arrives at the samples of a frame with
// coefficients c, and with energies a_m d' Q_m d of the noise, a_m >= 0, that its bias holds at
// their most. With M = mu D - sum_m a_m Q_m >= 0, as for the bound of all bands together, any
// vector p gives
//   c . d - sum_m a_m d' Q_m d  >=  c . d + d' M d - mu sum_i D_i r_i^2
//                               >=  (c + 2 M p) . d - p' M p - mu sum_i D_i r_i^2,
// because d' M d is convex. The best p is where the row in the middle is least over the box; what
// is taken is where c . d + mu d' D d is, or a share of that. Source: docs/theory/front-end.md 4.9.
#include <math.h>

#include "lstm/backsub/impl.h"

/* Frames whose energies are less than this share of what every row of a tile loses at the samples
 * keep them at their most. */
#define LEAST_SHARE 0.01
/* So small energies are not touched, nor is what underflows seen beside the other. */
#define LEAST_WEIGHT 0x1p-400
#define UNDERFLOW 0x1p-300

/* The energies of one row at a frame. */
typedef struct sp_row_energy {
    double mu;     /* >= max_j sum_m a_m peak[m,j]; 0: they stay as they are */
    double held;   /* what the bias holds */
    double most;   /* mu sum_i D_i r_i^2 */
    double single; /* the same, band by band */
    double loud;   /* sum_k c_k R_k^2, c_k = sum_m a_m share[m,k], R_k = sum_i |row_ki| r_i */
} sp_row_energy;

void sp_backsub_fill_energies(sp_backsub *self, const sp_front_bound *front) {
    for (size_t t = 0; t < front->frames; t++) {
        const double *radius = front->radius + t * front->step;
        double *loud = self->source.loud + t * front->bands;
        for (size_t m = 0; m < front->bands; m++) {
            loud[m] = 0.0;
        }
        for (size_t k = 0; k < front->rows; k++) {
            const double *row = front->row + k * front->frame;
            double reach = 0.0;
            for (size_t i = 0; i < front->frame; i++) {
                reach += fabs(row[i]) * radius[i];
            }
            for (size_t m = 0; m < front->bands; m++) {
                loud[m] += front->share[m * front->rows + k] * (reach * reach);
            }
        }
    }
}

/* x [bands]: the row's coefficients on the forms. */
static sp_row_energy energy_of(const sp_walk *walk, size_t t, const double *x) {
    const sp_front_bound *front = walk->self->boxes.front;
    const double *square = front->square + t * front->bands;
    const double *loud = walk->self->source.loud + t * front->bands;
    double highest = 0.0;
    sp_row_energy e = {0.0, 0.0, 0.0, 0.0, 0.0};
    for (size_t j = 0; j < front->peaks; j++) {
        double sum = 0.0;
        for (size_t m = 0; m < front->bands; m++) {
            sum += fmax(0.0, -x[m]) * front->peak[m * front->peaks + j];
        }
        highest = sum > highest ? sum : highest;
    }
    for (size_t m = 0; m < front->bands; m++) {
        e.single += fmax(0.0, -x[m]) * square[m];
        e.loud += fmax(0.0, -x[m]) * loud[m];
    }
    const double mu = sp_above(highest * (1.0 + sp_gamma(2.0 * (double)front->bands + 8.0)));
    e.held = fmin(e.single, front->energy[t] * highest);
    e.mu = mu >= LEAST_WEIGHT && isfinite(mu) ? mu : 0.0;
    e.most = front->energy[t] * e.mu;
    return e;
}

/* p: where c . d + mu d' D d is least over the box. */
static void start_trial(const sp_front_bound *front, size_t t, double mu, const double *c,
                        double *p) {
    const double *radius = front->radius + t * front->step;
    for (size_t i = 0; i < front->frame; i++) {
        const double steep = 2.0 * mu * front->diagonal[i], size = fabs(c[i]);
        const double inside = steep * radius[i] > size ? size / steep : radius[i];
        p[i] = mu > 0.0 ? copysign(fmin(inside, radius[i]), -c[i]) : 0.0;
    }
}

/* c [rows of the spectrum] = sum_m max(0, -x_m) share_m. */
static void weigh_rows(const sp_front_bound *front, const double *x, double *c) {
    for (size_t k = 0; k < front->rows; k++) {
        c[k] = 0.0;
    }
    for (size_t m = 0; m < front->bands; m++) {
        const double a = fmax(0.0, -x[m]), *share = front->share + m * front->rows;
        for (size_t k = 0; a > 0.0 && k < front->rows; k++) {
            c[k] += a * share[k];
        }
    }
}

/* to [rows, n] = from [rows, k] times the spectrum, or (`forward`) its transpose. */
static void through_spectrum(sp_walk *walk, size_t rows, const double *from, double *to,
                             bool forward) {
    const sp_front_bound *front = walk->self->boxes.front;
    const size_t k = forward ? front->frame : front->rows, n = forward ? front->rows : front->frame;
    sp_gpu_multiply(walk->self->boxes.gpu, &(sp_gpu_multiply_args){.m = rows,
                                                                   .n = n,
                                                                   .k = k,
                                                                   .a = from,
                                                                   .lda = k,
                                                                   .b = front->row,
                                                                   .ldb = front->frame,
                                                                   .transposed = forward,
                                                                   .c = to,
                                                                   .ldc = n,
                                                                   .count = 1});
    walk->ws->flops += 2.0 * (double)rows * (double)n * (double)k;
}

/* v = 2 M p of all rows. */
static void turn_rows(sp_walk *walk, size_t rows, const sp_row_energy *e, const double *p,
                      double *v) {
    const sp_front_bound *front = walk->self->boxes.front;
    const size_t n = front->frame, K = front->rows;
    double *wave = sp_boxes_program(&walk->self->boxes, walk->ws->wave), *weight = wave + rows * K;
    const double *x = sp_boxes_program(&walk->self->boxes, walk->ws->form);
    through_spectrum(walk, rows, p, wave, true);
    for (size_t r = 0; r < rows; r++) {
        weigh_rows(front, x + r * front->forms, weight);
        for (size_t k = 0; k < K; k++) {
            wave[r * K + k] *= weight[k];
        }
    }
    through_spectrum(walk, rows, wave, v, false);
    for (size_t r = 0; r < rows; r++) {
        const double mu = e[r].mu;
        for (size_t i = r * n; i < (r + 1) * n; i++) {
            v[i] = 2.0 * (mu * front->diagonal[i - r * n] * p[i] - v[i]);
        }
    }
}

/* By how much the row rises with v share for 2 M p, product = p . v. */
static double gain_of(const sp_front_bound *front, const double *radius, const double *c,
                      const double *v, double product, double share) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < front->frame; i++) {
        sum += (fabs(c[i]) - fabs(c[i] + share * v[i])) * radius[i];
    }
    return sum - 0.5 * share * share * product;
}

/* For rounding: no term of 2 M p, or of the sums over it, meets more roundings. Their sizes add up
 * to 2 (most + loud) at most, since |p| <= r. As a factor of the mass, beside its own. */
static double rounding_of(const sp_walk *walk) {
    const sp_front_bound *front = walk->self->boxes.front;
    const double own = sp_gamma(2.0 * (double)(front->frame + front->rows + front->bands) + 32.0);
    return sp_above(1.0 + sp_above(own / *sp_boxes_program(&walk->self->boxes, walk->self->gamma)));
}

/* Adds the best share of v = 2 M p to the row, if that raises it. */
static void take_row(sp_walk *walk, size_t t, size_t r, const sp_row_energy *e, const double *p,
                     const double *v, double *c) {
    static const double shares[] = {1.0, 0.75, 0.5, 0.25};
    const sp_front_bound *front = walk->self->boxes.front;
    const double *radius = front->radius + t * front->step, fallen = e->held - e->most;
    double product = 0.0, best = 0.0, share = 0.0, support = 0.0;
    for (size_t i = 0; i < front->frame; i++) {
        product += p[i] * v[i];
    }
    for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
        const double gain = gain_of(front, radius, c, v, product, shares[k]) + fallen;
        share = gain > best ? shares[k] : share;
        best = gain > best ? gain : best;
    }
    if (share == 0.0 || !isfinite(best)) {
        return;
    }
    for (size_t i = 0; i < front->frame; i++) {
        c[i] += share * v[i];
        support += fabs(c[i]) * radius[i];
    }
    const sp_boxes *boxes = &walk->self->boxes;
    sp_boxes_program(boxes, walk->ws->bias)[r] += fallen - 0.5 * share * share * product;
    sp_boxes_program(boxes, walk->ws->mass)[r] +=
        support + rounding_of(walk) * (e->single + 3.0 * e->most + 3.0 * e->loud) + UNDERFLOW;
}

void sp_walk_energy(sp_walk *walk, size_t rows, size_t t) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const size_t n = front->frame;
    const double *x = sp_boxes_program(boxes, walk->ws->form), *radius;
    const double *support = sp_boxes_program(boxes, walk->ws->support);
    double *c = sp_boxes_program(boxes, walk->ws->sample);
    double *p = sp_boxes_program(boxes, walk->ws->trial);
    double *v = sp_boxes_program(boxes, walk->ws->turned);
    sp_row_energy e[SP_BACKSUB_TILE];
    bool any = false;
    radius = front->radius + t * front->step;
    for (size_t r = 0; r < rows; r++) {
        double lost = support[r];
        e[r] = energy_of(walk, t, x + r * front->forms);
        start_trial(front, t, e[r].mu, c + r * n, p + r * n);
        for (size_t i = 0; i < n; i++) {
            lost += fabs(c[r * n + i]) * radius[i];
        }
        any = any || (e[r].mu > 0.0 && e[r].held > LEAST_SHARE * lost);
    }
    if (any) {
        turn_rows(walk, rows, e, p, v);
    }
    for (size_t r = 0; any && r < rows; r++) {
        if (e[r].mu > 0.0) {
            take_row(walk, t, r, &e[r], p + r * n, v + r * n, c + r * n);
        }
    }
}

/* ---- forward; heuristic use only ---- */

void sp_walk_energy_value(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows x,
                          sp_backsub_rows feature) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const sp_gpu_menu *lines = &walk->self->source.line[t];
    const size_t K = front->rows, M = front->bands;
    double *wave = sp_boxes_program(boxes, walk->ws->wave);
    double *at = sp_boxes_program(boxes, x.at), *value = sp_boxes_program(boxes, feature.at);
    through_spectrum(walk, rows, sp_boxes_program(boxes, walk->ws->sample), wave, true);
    for (size_t i = 0; i < rows * K; i++) {
        wave[i] *= wave[i];
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t m = 0; m < M; m++) {
            const size_t entry = (size_t)walk->ws->feature[t][r * M + m];
            const double *share = front->share + m * K, square = front->square[t * M + m];
            double q = 0.0;
            for (size_t k = 0; entry >= lines->lower && k < K; k++) {
                q += share[k] * wave[r * K + k];
            }
            if (entry >= lines->lower) {
                value[r * feature.ld + m] -= lines->a[entry * M + m] * (square - q);
                at[r * x.ld + m] += q - 0.5 * square; // lines are chosen with half of the squares
            }
        }
    }
}
