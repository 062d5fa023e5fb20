/* The logarithms of the energies of a clip under a box of noise, between two lines each; the
 * inequalities are those of docs/certificate.md, 4. */
#include <math.h>
#include <string.h>

#include "checker.h"

/* As CK_EPS, for sums of no more terms than a frame has samples or a spectrum rows. */
static double eps = CK_EPS;

static double up(double x) { /* X >= 0 that was computed as x */
    return x * (1.0 + eps) + CK_TINY;
}

/* ---- noises ---- */

double ck_support(ck_norm norm, const double *c, const double *r, size_t n) {
    double sum = 0.0, squares = 1e-300, most = 0.0; /* squares that underflow are less than that */
    for (size_t i = 0; i < n; i++) {
        const double reach = fabs(c[i]) * r[i];
        sum += reach;
        squares += reach * reach;
        most = fmax(most, reach);
    }
    return norm == CK_BOX ? sum : norm == CK_L2 ? sqrt(squares) : most;
}

/* d' Q d is at most sum D_i d_i^2; in a ball of l2 that is at most its largest D_i r_i^2, and in one
 * of l1, whose vertices have one sample each, that of Q_ii r_i^2. */
double ck_square(ck_norm norm, const double *diagonal, const double *r, size_t n) {
    double sum = 0.0, most = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double square = diagonal[i] * (r[i] * r[i]);
        sum += square;
        most = fmax(most, square);
    }
    return norm == CK_BOX ? sum : most;
}

/* ---- a frame ---- */

typedef struct frame {
    const double *r;
    double *mid, *err, *radius; /* [rows]: row of x within err of mid, |row of d| <= radius */
} frame;

static void take_frame(frame *to, const ck_front *front, size_t t, const double *x) {
    const ck_bank *bank = &front->bank;
    const double *r = to->r = front->radius + t * bank->step;
    x += t * bank->step;
    for (size_t k = 0; k < bank->rows; k++) {
        const double *f = bank->f + k * bank->frame;
        double sum = 0.0, size = 0.0;
        for (size_t i = 0; i < bank->frame; i++) {
            sum += f[i] * x[i];
            size += fabs(f[i] * x[i]);
        }
        to->mid[k] = sum;
        to->err[k] = eps * size + CK_TINY;
        to->radius[k] = up(ck_support(front->norm, f, r, bank->frame));
    }
}

static void add_row(double *to, const ck_bank *bank, size_t k, double factor) {
    for (size_t i = 0; i < bank->frame; i++) {
        to[i] += factor * bank->f[k * bank->frame + i];
    }
}

/* sqrt(E) from below, by any numbers z: sqrt(E) sqrt(sum z^2/w + floor) >= sum z (y + f . d) +
 * floor. */
static double least_root(const ck_front *front, const frame *at, size_t m, const double **z,
                         double *work) {
    const ck_bank *bank = &front->bank;
    const double *w = bank->weight + m * bank->rows, added = bank->rule == CK_ADD ? bank->floor : 0;
    double sum = added, mass = 0.0, square = added;
    memset(work, 0, bank->frame * sizeof *work);
    for (size_t k = 0; k < bank->rows; k++) {
        if (w[k] > 0.0) {
            sum += **z * at->mid[k];
            mass += fabs(**z) * (at->err[k] + eps * (fabs(at->mid[k]) + at->radius[k]));
            square += **z * **z / w[k];
            add_row(work, bank, k, *(*z)++);
        }
    }
    const double reach = ck_support(front->norm, work, at->r, bank->frame);
    const double top = sum - eps * added - up(mass) - up(reach), size = up(sqrt(up(square)));
    return top > 0.0 ? top / size * (1.0 - eps) : 0.0;
}

/* The energy of band m of a frame: clean within error; with noise E(0) + form . d, but for slack,
 * and up to square more; |form . d| <= reach; at least least^2, and at most `most`. */
typedef struct bounds {
    double clean, error, slack, square, reach, least, most;
} bounds;

static bounds bound_energy(const ck_front *front, const frame *at, size_t m, double *form,
                           const double *diagonal, const double **z, double *work) {
    const ck_bank *bank = &front->bank;
    const double *w = bank->weight + m * bank->rows, added = bank->rule == CK_ADD ? bank->floor : 0;
    bounds e = {.clean = added};
    double spread = 0.0, high = added, low = added, by_rows = 0.0;
    for (size_t k = 0; k < bank->rows; k++) {
        const double y = at->mid[k], err = at->err[k], c = 2.0 * w[k] * y;
        const double far = fabs(y) + err + at->radius[k];
        const double near = fmax(fabs(y) - err - at->radius[k], 0.0);
        if (!(w[k] > 0.0)) {
            continue;
        }
        e.clean += w[k] * (y * y);
        spread += w[k] * (err * (2.0 * fabs(y) + err));
        e.slack += (2.0 * w[k] * err + eps * fabs(c)) * at->radius[k];
        high += w[k] * (far * far);
        low += w[k] * (near * near);
        by_rows += w[k] * (at->radius[k] * at->radius[k]);
        add_row(form, bank, k, c);
    }
    e.reach = up(ck_support(front->norm, form, at->r, bank->frame));
    e.slack = up(e.slack);
    e.square = up(fmin(ck_square(front->norm, diagonal, at->r, bank->frame), by_rows));
    e.error = eps * e.clean + up(spread);
    e.most = fmin(up(up(e.clean + e.error) + e.slack + e.square + e.reach), up(high));
    e.least = fmax(least_root(front, at, m, z, work), sqrt(added) * (1.0 - eps));
    e.least = fmax(e.least, sqrt(low * (1.0 - eps)) * (1.0 - eps));
    return e;
}

/* log max(E, floor) <= upper (form . d + q) + constant, q the squares of the noise, and, where E may
 * be below the floor, floor itself from form . d = -reach and q = 0 on: log E <= w E - 1 - log w. */
static double upper_constant(const bounds *e, double upper, double floor) {
    const double top = up(upper * up(up(e->clean + e->error) + e->slack + e->square));
    const ck_range log_w = ck_log(upper);
    const double line = top - 1.0 - log_w.lo + eps * (top + 1.0 + fabs(log_w.lo));
    if (!(floor > 0.0) || e->least * e->least * (1.0 - eps) > floor) {
        return line;
    }
    const double log_floor = ck_log(floor).hi, more = up(upper * up(e->reach + e->square));
    return fmax(line, log_floor + more + eps * (fabs(log_floor) + more));
}

/* log E >= 2 log max(from, root + tau / (2 root)), tau = form . d but for slack. */
static double lower_constant(const bounds *e, double lower, double least) {
    const double r1 = sqrt(fmax(e->clean - e->error, 0.0)) * (1.0 - eps);
    const double r2 = up(sqrt(up(e->clean + e->error)));
    const double from = fmin(least, r1), furthest = up(e->reach + e->slack);
    const double to = (r1 + furthest / (2.0 * r2)) * (1.0 - eps);
    const double log_from = 2.0 * ck_log(from).lo, log_to = 2.0 * ck_log(to).lo;
    const double left = log_from + 2.0 * lower * r1 * (r1 - from) * (1.0 - eps);
    const double right = log_to - up(lower * furthest);
    return fmin(left - eps * (fabs(log_from) + fabs(left)),
                right - eps * (fabs(log_to) + fabs(right))) -
           up(lower * e->slack);
}

/* Lines of band m of frame t; one without a slope is an end of the range. */
static void bound_band(ck_band *band, const bounds *e, const ck_bank *bank, size_t t, size_t m) {
    const double floor = bank->rule == CK_AT_LEAST ? bank->floor : 0.0;
    const double least = fmax(e->least, sqrt(floor) * (1.0 - eps));
    ck_require(band->upper_w >= 0.0 && band->lower_w >= 0.0, "front end",
               "frame %zu, band %zu: a slope has the wrong sign", t, m);
    band->reach = e->reach;
    band->square = e->square;
    band->lo = 2.0 * ck_log(least).lo;
    band->hi = ck_log(fmax(e->most, floor)).hi;
    band->upper_c = band->upper_w > 0.0 ? upper_constant(e, band->upper_w, floor) : band->hi;
    band->lower_c = band->lower_w > 0.0 ? lower_constant(e, band->lower_w, least) : band->lo;
    ck_require(band->lo <= band->hi && isfinite(band->lo) && isfinite(band->hi) &&
                   isfinite(band->lower_c) && isfinite(band->upper_c),
               "front end", "frame %zu, band %zu: no finite bounds", t, m);
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

/* Both ends. */
static void move(double *lower, double *upper, ck_range by) {
    *lower += by.lo;
    *lower -= 0x1p-50 * (fabs(*lower) + fabs(by.lo));
    *upper += by.hi;
    *upper += 0x1p-50 * (fabs(*upper) + fabs(by.hi));
}

void ck_front_bound(ck_front *front, ck_proof *proof, const double *s, size_t n, double radius) {
    ck_bank *bank = &front->bank;
    const size_t M = bank->bands, N = bank->frame;
    front->padded = bank->pad_step && n % bank->step != 0 ? n + bank->step : n;
    const size_t whole =
        front->padded < bank->span ? 0 : (front->padded - bank->span) / bank->step + 1;
    const size_t frames = whole > bank->lost ? whole - bank->lost : 0;
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
    const double *lower = ck_array(proof, "front/lower", frames * M);
    const double *upper = ck_array(proof, "front/upper", frames * M);
    ck_bank_prove(bank, front->norm, diagonal, share, energy);

    eps = ((double)(N > bank->rows ? N : bank->rows) + 40.0) * 0x1p-53;
    front->frames = frames;
    front->band = ck_alloc(frames * M, sizeof *front->band);
    front->form = ck_alloc(frames * M * N, sizeof(double));
    front->energy = ck_alloc(frames, sizeof(double));
    front->peak = ck_alloc(M * bank->rows, sizeof(double));
    for (size_t i = 0; i < M * bank->rows; i++) {
        const size_t j = i % bank->rows;
        front->peak[i] = share[j] > 0.0 ? up(bank->weight[i] / share[j]) : 0.0;
    }
    double *x = ck_alloc(front->padded, sizeof *x), *work = ck_alloc(N, sizeof *work);
    front->radius = ck_alloc(front->padded, sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[i] = s[i] * bank->scale;
        front->radius[i] = radius;
    }
    const ck_range shift =
        bank->gain > 0.0 ? take_gain(bank, x, front->padded, radius) : (ck_range){0.0, 0.0};
    frame at = {NULL, ck_alloc(bank->rows, sizeof *x), ck_alloc(bank->rows, sizeof *x),
                ck_alloc(bank->rows, sizeof *x)};
    for (size_t t = 0; t < frames; t++) {
        take_frame(&at, front, t, x);
        front->energy[t] = up(ck_square(front->norm, energy, at.r, N));
        for (size_t m = 0, i = t * M; m < M; m++, i++) {
            ck_band *band = &front->band[i];
            const bounds e =
                bound_energy(front, &at, m, front->form + i * N, diagonal + m * N, &z, work);
            band->lower_w = lower[i];
            band->upper_w = upper[i];
            bound_band(band, &e, bank, t, m);
            move(&band->lower_c, &band->upper_c, shift);
            move(&band->lo, &band->hi, shift);
        }
    }
}
