/* The logarithms of the energies of a clip under a box of noise, between two lines each; the
 * inequalities are those of docs/certificate.md, 4. */
#include <math.h>
#include <stdlib.h>

#include "checker.h"

/* As CK_EPS, for sums of no more terms than a frame has samples or a spectrum rows. */
static double eps = CK_EPS;

static double up(double x) { /* X >= 0 that was computed as x */
    return x * (1.0 + eps) + CK_TINY;
}

typedef struct frame {
    const double *r;
    double *mid, *err, *radius; /* [rows]: row of x within err of mid, |row of d| <= radius */
} frame;

static void take_frame(frame *to, const ck_bank *bank, const double *x, const double *r) {
    to->r = r;
    for (size_t k = 0; k < bank->rows; k++) {
        const double *f = bank->f + k * bank->frame;
        double sum = 0.0, size = 0.0, radius = 0.0;
        for (size_t i = 0; i < bank->frame; i++) {
            sum += f[i] * x[i];
            size += fabs(f[i] * x[i]);
            radius += fabs(f[i]) * r[i];
        }
        to->mid[k] = sum;
        to->err[k] = eps * size + CK_TINY;
        to->radius[k] = up(radius);
    }
}

/* sqrt(E) from below, by any numbers z: sqrt(E) sqrt(sum z^2/w + floor) >= sum z (y + f . d) +
 * floor. */
static double least_root(const ck_bank *bank, const frame *at, size_t m, const double *z,
                         double *work) {
    const double *w = bank->weight + m * bank->rows;
    double sum = bank->floor, mass = 0.0, square = 0.0, reach = 0.0;
    for (size_t i = 0; i < bank->frame; i++) {
        work[i] = 0.0;
    }
    for (size_t k = 0; k < bank->rows; k++) {
        if (w[k] > 0.0) {
            sum += *z * at->mid[k];
            mass += fabs(*z) * (at->err[k] + eps * (fabs(at->mid[k]) + at->radius[k]));
            square += *z * *z / w[k];
            for (size_t i = 0; i < bank->frame; i++) {
                work[i] += *z * bank->f[k * bank->frame + i];
            }
            z++;
        }
    }
    for (size_t i = 0; i < bank->frame; i++) {
        reach += fabs(work[i]) * at->r[i];
    }
    const double top = sum - eps * bank->floor - up(mass) - up(reach);
    const double size = up(sqrt(up(square + bank->floor)));
    return top > 0.0 ? top / size * (1.0 - eps) : 0.0;
}

/* Lines of band m of frame t. */
static void bound_band(ck_front *front, const frame *at, size_t t, size_t m, const double *diagonal,
                       const double *z, double *work) {
    const ck_bank *bank = &front->bank;
    const double *w = bank->weight + m * bank->rows;
    const size_t i_band = t * bank->bands + m, n = bank->frame;
    double *form = front->form + i_band * n;
    double clean = bank->floor, spread = 0.0, slack = 0.0, high = bank->floor, low = bank->floor;
    double by_rows = 0.0, square = 0.0, reach = 0.0;
    for (size_t k = 0; k < bank->rows; k++) {
        const double y = at->mid[k], err = at->err[k], c = 2.0 * w[k] * y;
        const double far = fabs(y) + err + at->radius[k];
        const double near = fmax(fabs(y) - err - at->radius[k], 0.0);
        if (!(w[k] > 0.0)) {
            continue;
        }
        clean += w[k] * (y * y);
        spread += w[k] * (err * (2.0 * fabs(y) + err));
        slack += (2.0 * w[k] * err + eps * fabs(c)) * at->radius[k];
        high += w[k] * (far * far);
        low += w[k] * (near * near);
        by_rows += w[k] * (at->radius[k] * at->radius[k]);
        for (size_t i = 0; i < n; i++) {
            form[i] += c * bank->f[k * n + i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        square += diagonal[i] * (at->r[i] * at->r[i]);
        reach += fabs(form[i]) * at->r[i];
    }
    reach = up(reach);
    slack = up(slack);
    square = up(fmin(square, by_rows));
    const double error = eps * clean + up(spread);
    const double e_lo = fmax(clean - error, bank->floor * (1.0 - eps));
    const double e_hi = up(clean + error), most = fmin(up(e_hi + slack + square + reach), up(high));
    const double floor_root = sqrt(bank->floor) * (1.0 - eps);
    double least = fmax(least_root(bank, at, m, z, work), floor_root);
    least = fmax(least, sqrt(low * (1.0 - eps)) * (1.0 - eps));

    /* upper line: log E <= w E - 1 - log w */
    const double upper = front->upper_w[i_band], lower = front->lower_w[i_band];
    ck_require(upper > 0.0 && lower >= 0.0, "front end",
               "frame %zu, band %zu: a slope has the wrong sign", t, m);
    const double top = up(upper * up(e_hi + slack + square));
    front->upper_c[i_band] = top - 1.0 - ck_log(upper).lo;
    front->upper_c[i_band] += eps * (top + 1.0 + fabs(ck_log(upper).lo));

    /* lower line: log E >= 2 log max(from, root + tau / (2 root)) */
    const double r1 = sqrt(e_lo) * (1.0 - eps), r2 = up(sqrt(e_hi));
    const double from = fmin(least, r1), furthest = up(reach + slack);
    const double to = (r1 + furthest / (2.0 * r2)) * (1.0 - eps);
    const double log_from = 2.0 * ck_log(from).lo, log_to = 2.0 * ck_log(to).lo;
    const double left = log_from + 2.0 * lower * r1 * (r1 - from) * (1.0 - eps);
    const double right = log_to - up(lower * furthest);
    front->lower_c[i_band] = fmin(left - eps * (fabs(log_from) + fabs(left)),
                                  right - eps * (fabs(log_to) + fabs(right))) -
                             up(lower * slack);
    front->reach[i_band] = reach;
    front->square[i_band] = square;
    front->lo[i_band] = 2.0 * ck_log(least).lo;
    front->hi[i_band] = ck_log(most).hi;
    ck_require(front->lo[i_band] <= front->hi[i_band] && isfinite(front->lo[i_band]) &&
                   isfinite(front->hi[i_band]) && isfinite(front->lower_c[i_band]) &&
                   isfinite(front->upper_c[i_band]),
               "front end", "frame %zu, band %zu: no finite bounds", t, m);
}

static void take_memory(ck_front *front, const ck_bank *bank, size_t frames) {
    double **const arrays[] = {&front->reach,   &front->square, &front->lower_c,
                               &front->upper_c, &front->lo,     &front->hi};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = ck_alloc(frames * bank->bands, sizeof(double));
    }
    front->form = ck_alloc(frames * bank->bands * bank->frame, sizeof(double));
    front->energy = ck_alloc(frames, sizeof(double));
    front->peak = ck_alloc(bank->bands * bank->rows, sizeof(double));
}

/* The peak gain g = to / max |x + d| in front of the frames. With f = floor / g0^2 and g0 near g,
 *   log(g^2 E + floor) - log(E + f) lies between log min(g^2, floor/f) and log max(g^2, floor/f).
 * Returns that range and puts f in the place of the floor. */
static ck_range take_gain(ck_bank *bank, const double *x, size_t n, double radius) {
    double peak = 0.0;
    for (size_t i = 0; i < n; i++) {
        peak = fmax(peak, fabs(x[i]));
    }
    const double least = (peak - radius) * (1.0 - 0x1p-50),
                 most = (peak + radius) * (1.0 + 0x1p-50);
    ck_require(least > 1e-20 && most < 1e20 && bank->gain > 1e-20, "front end",
               "the noise can silence the recording, which has no finite gain");
    const double high = bank->gain / least, low = bank->gain / most, middle = bank->gain / peak;
    const double f = bank->floor / (middle * middle), whole = bank->floor / f;
    bank->floor = f;
    return (ck_range){ck_log(fmin(low * low, whole) * (1.0 - 0x1p-48)).lo,
                      ck_log(fmax(high * high, whole) * (1.0 + 0x1p-48)).hi};
}

static void move(double *lower, double *upper, ck_range by) {
    *lower += by.lo;
    *lower -= 0x1p-50 * (fabs(*lower) + fabs(by.lo));
    *upper += by.hi;
    *upper += 0x1p-50 * (fabs(*upper) + fabs(by.hi));
}

void ck_front_bound(ck_front *front, ck_proof *proof, const ck_sound *sound, double radius) {
    ck_bank *bank = &front->bank;
    const size_t n = sound->n, M = bank->bands, N = bank->frame;
    front->padded = bank->pad_step && n % bank->step != 0 ? n + bank->step : n;
    const size_t frames = front->padded < N ? 0 : (front->padded - N) / bank->step + 1;
    ck_require(ck_whole(&proof->header, "frames", 1, CK_TERMS) == frames, "front end",
               "the recording has %zu frames", frames);
    size_t weights = 0;
    for (size_t i = 0; i < M * bank->rows; i++) {
        weights += bank->weight[i] > 0.0;
    }
    const double *diagonal = ck_array(proof, "front/diagonal", M * N);
    const double *share = ck_array(proof, "front/share", bank->rows);
    const double *energy = ck_array(proof, "front/energy", N);
    const double *z = ck_array(proof, "front/witness", frames * weights);
    front->lower_w = ck_array(proof, "front/lower", frames * M);
    front->upper_w = ck_array(proof, "front/upper", frames * M);
    ck_bank_prove(bank, diagonal, share, energy);

    eps = ((double)(N > bank->rows ? N : bank->rows) + 40.0) * 0x1p-53;
    front->frames = frames;
    take_memory(front, bank, frames);
    for (size_t i = 0; i < M * bank->rows; i++) {
        const size_t j = i % bank->rows;
        front->peak[i] = share[j] > 0.0 ? up(bank->weight[i] / share[j]) : 0.0;
    }
    double *x = ck_alloc(front->padded, sizeof *x), *work = ck_alloc(N, sizeof *work);
    front->radius = ck_alloc(front->padded, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[i] = sound->sample[i] * bank->scale;
        front->radius[i] = radius;
    }
    const bool gain = bank->gain > 0.0;
    const ck_range shift = gain ? take_gain(bank, x, n, radius) : (ck_range){0.0, 0.0};
    frame at = {NULL, ck_alloc(bank->rows, sizeof *x), ck_alloc(bank->rows, sizeof *x),
                ck_alloc(bank->rows, sizeof *x)};
    for (size_t t = 0; t < frames; t++) {
        take_frame(&at, bank, x + t * bank->step, front->radius + t * bank->step);
        for (size_t i = 0; i < N; i++) {
            front->energy[t] += energy[i] * (at.r[i] * at.r[i]);
        }
        front->energy[t] = up(front->energy[t]);
        for (size_t m = 0; m < M; m++) {
            bound_band(front, &at, t, m, diagonal + m * N, z, work);
            if (gain) {
                move(front->lower_c + t * M + m, front->upper_c + t * M + m, shift);
                move(front->lo + t * M + m, front->hi + t * M + m, shift);
            }
            for (size_t k = 0; k < bank->rows; k++) {
                z += bank->weight[m * bank->rows + k] > 0.0;
            }
        }
    }
}
