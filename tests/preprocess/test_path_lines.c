/* Lines of the logarithm of a band's energy along a one-dimensional set, of hand-made energies:
 * contained in exact mathematics, and as tight as cells and chords allow. */
#include "tests/preprocess/front_check.h"
#include "tests/support/arb.h"

enum { ROWS = 3, POINTS = 160 };

static sp_rng rng;

static int trials(int n) {
    return sp_test_sanitized() ? n / 4 : sp_test_long() ? 20 * n : n;
}

/* An energy in exact mathematics: sum_k weight_k (y_k + x v_k)^2 + floor, or e^2x sum_k weight_k
 * y_k^2 + floor; the larger of it and `least`. */
typedef struct exact_energy {
    double weight[ROWS], y[ROWS], v[ROWS], floor, least;
    bool gain;
} exact_energy;

/* z = the energy at x, not raised. */
static void energy_at(arb_t z, const exact_energy *e, double x) {
    arb_t at, factor;
    arb_init(at);
    arb_init(factor);
    arb_set_d(at, x);
    sp_arb_weighted(z, e->weight, e->y, e->y, ROWS);
    if (e->gain) {
        arb_mul_ui(factor, at, 2, SP_ARB_BITS);
        arb_exp(factor, factor, SP_ARB_BITS);
        arb_mul(z, z, factor, SP_ARB_BITS);
    } else {
        sp_arb_weighted(factor, e->weight, e->y, e->v, ROWS);
        arb_mul_ui(factor, factor, 2, SP_ARB_BITS);
        arb_addmul(z, factor, at, SP_ARB_BITS);
        sp_arb_weighted(factor, e->weight, e->v, e->v, ROWS);
        arb_mul(factor, factor, at, SP_ARB_BITS);
        arb_addmul(z, factor, at, SP_ARB_BITS);
    }
    arb_set_d(factor, e->floor);
    arb_add(z, z, factor, SP_ARB_BITS);
    arb_clear(at);
    arb_clear(factor);
}

/* z = log max(energy, least) at x; false where the energy is no positive number for certain. */
static bool log_at(arb_t z, const exact_energy *e, double x) {
    arb_t least;
    arb_init(least);
    arb_set_d(least, e->least);
    energy_at(z, e, x);
    if (e->least > 0.0) {
        arb_max(z, z, least, SP_ARB_BITS);
    }
    const bool positive = arb_is_positive(z);
    if (positive) {
        arb_log(z, z, SP_ARB_BITS);
    }
    arb_clear(least);
    return positive;
}

static sp_iv hull(const arb_t z) {
    const sp_iv range = {sp_arb_lower(z), sp_arb_upper(z)};
    return range;
}

static sp_path_energy curve_of(const exact_energy *e) {
    sp_path_energy curve = {.floor = e->floor, .least = e->least};
    arb_t z, floor;
    arb_init(z);
    arb_init(floor);
    arb_set_d(floor, e->floor);
    sp_arb_weighted(z, e->weight, e->y, e->y, ROWS);
    if (!e->gain) {
        arb_add(z, z, floor, SP_ARB_BITS);
    }
    curve.a = hull(z);
    sp_arb_weighted(z, e->weight, e->y, e->v, ROWS);
    arb_mul_ui(z, z, 2, SP_ARB_BITS);
    curve.b = hull(z);
    sp_arb_weighted(z, e->weight, e->v, e->v, ROWS);
    curve.c = hull(z);
    arb_clear(z);
    arb_clear(floor);
    return curve;
}

/* z -= w (x - middle) + c; the distance of a line. */
static void less_line(arb_t z, sp_line line, double x, double middle) {
    arb_t at, m;
    arb_init(at);
    arb_init(m);
    arb_set_d(at, x);
    arb_set_d(m, middle);
    arb_sub(at, at, m, SP_ARB_BITS);
    arb_set_d(m, line.w);
    arb_submul(z, at, m, SP_ARB_BITS);
    arb_set_d(m, line.c);
    arb_sub(z, z, m, SP_ARB_BITS);
    arb_clear(at);
    arb_clear(m);
}

typedef struct distances {
    double lower, upper; /* least distance of each line */
    double at[3][2];     /* of lower and upper at lo, middle, hi */
    double bottom, top;  /* of the range from what is attained */
} distances;

static void look_at(distances *d, const exact_energy *e, const sp_line_pair *lines, sp_iv range,
                    double x, double middle, int place) {
    arb_t log, z;
    arb_init(log);
    arb_init(z);
    if (log_at(log, e, x)) {
        assert_true(sp_arb_within(log, range.lo, range.hi));
        d->bottom = fmin(d->bottom, sp_arb_upper(log) - range.lo);
        d->top = fmin(d->top, range.hi - sp_arb_lower(log));
        arb_set(z, log);
        less_line(z, lines->lower, x, middle);
        if (!sp_arb_ge(z, 0.0)) {
            fail_msg("the lower line fails by %g at %a", -sp_arb_lower(z), x);
        }
        const double below = sp_arb_upper(z);
        arb_set(z, log);
        less_line(z, lines->upper, x, middle);
        if (!sp_arb_le(z, 0.0)) {
            fail_msg("the upper line fails by %g at %a", sp_arb_upper(z), x);
        }
        const double above = -sp_arb_lower(z);
        d->lower = fmin(d->lower, below);
        d->upper = fmin(d->upper, above);
        if (place >= 0) {
            d->at[place][0] = below;
            d->at[place][1] = above;
        }
    }
    arb_clear(log);
    arb_clear(z);
}

/* False where there is no information, which only an energy that vanishes may give. */
static bool check(distances *d, const exact_energy *e, double lo, double hi) {
    const sp_path_energy curve = curve_of(e);
    const double middle = lo + 0.5 * (hi - lo);
    sp_iv range = {0.0, 0.0};
    const sp_line_pair lines = e->gain ? sp_path_gain_lines(&range, &curve, lo, hi, middle)
                                       : sp_path_lines(&range, &curve, lo, hi, middle);
    *d = (distances){INFINITY, INFINITY, {{0.0}}, INFINITY, INFINITY};
    if (!(isfinite(lines.lower.c) && isfinite(lines.upper.c) && isfinite(range.lo))) {
        assert_true(e->floor == 0.0 && e->least == 0.0);
        assert_false(lines.lower.c > -INFINITY && range.lo == -INFINITY);
        return false;
    }
    for (int k = 0; k <= POINTS; k++) {
        const double x = k == 0        ? lo
                         : k == POINTS ? hi
                                       : fmin(hi, lo + (hi - lo) * k / (double)POINTS);
        look_at(d, e, &lines, range, x, middle, k == 0 ? 0 : k == POINTS ? 2 : -1);
    }
    look_at(d, e, &lines, range, middle, middle, 1);
    return true;
}

static exact_energy random_energy(bool gain) {
    exact_energy e = {.gain = gain};
    const double size = pow(10.0, sp_rng_uniform(&rng, -2.0, 2.0));
    double energy = 0.0;
    for (size_t k = 0; k < ROWS; k++) {
        e.weight[k] = sp_rng_uniform(&rng, 0.1, 1.0);
        e.y[k] = size * sp_rng_normal(&rng);
        e.v[k] = sp_rng_below(&rng, 4) == 0 ? 0.0 : size * sp_rng_normal(&rng);
        energy += e.weight[k] * e.y[k] * e.y[k];
    }
    const size_t kind = sp_rng_below(&rng, 3);
    const double part = energy * pow(10.0, sp_rng_uniform(&rng, -4.0, 1.0));
    e.floor = kind == 1 ? part : 0.0;
    e.least = kind == 2 ? part : 0.0;
    return e;
}

static void energies_stay_between_their_lines(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    int informed = 0, count = trials(2000);
    for (int trial = 0; trial < count; trial++) {
        const exact_energy e = random_energy(trial % 2 == 1);
        const double lo = sp_rng_uniform(&rng, -1.5, 1.5);
        const double wide = trial % 5 == 0 ? 0.0 : pow(10.0, sp_rng_uniform(&rng, -6.0, 0.3));
        distances d;
        informed += check(&d, &e, lo, lo + wide);
    }
    assert_true(informed > 4 * count / 5);
}

/* Where lo = hi nothing but roundings stands between bounds and value. */
static void points_are_bounded_up_to_roundings(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (int trial = 0; trial < trials(4000); trial++) {
        const exact_energy e = random_energy(trial % 2 == 1);
        const double x = sp_rng_uniform(&rng, -1.0, 1.0);
        distances d;
        if (check(&d, &e, x, x)) {
            const double log_size = 1.0 + fabs(log(fmax(e.floor, e.least) + 1e-3));
            // a lower line of a gain gives 1e-12 away
            assert_true(d.lower <= 2e-12 * log_size || (e.least > 0.0 && e.gain));
            assert_true(d.upper <= 1e-12 * log_size || !e.gain);
            assert_true(d.bottom <= 1e-11 * log_size && d.top <= 1e-11 * log_size);
        }
    }
}

/* One row that grows from 1: E = (1 + x)^2 + floor, log E bends by at most 2 (2 / E). */
static void tame_energies_have_tight_lines(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (int trial = 0; trial < trials(200); trial++) {
        const double hi = sp_rng_uniform(&rng, 0.05, 1.0), sign = trial % 2 == 0 ? 1.0 : -1.0;
        const exact_energy e = {.weight = {1.0},
                                .y = {1.0},
                                .v = {sign},
                                .floor = trial % 3 == 0 ? 0.5 : 0.0,
                                .least = trial % 3 == 1 ? 1e-3 : 0.0};
        const double lo = sign > 0.0 ? 0.0 : -hi;
        distances d;
        assert_true(check(&d, &e, lo, lo + hi));
        // what a chord of a cell may miss: |g''| <= 2 / E + (2 (1 + x) / E)^2 <= 6, h = hi / 32
        const double cell = hi / 32.0, missed = 6.0 * cell * cell / 8.0;
        assert_true(d.lower <= 1.1 * missed + 1e-12 && d.upper <= 1.1 * missed + 1e-12);
        assert_true(d.bottom <= 0.1 * hi && d.top <= 0.1 * hi);
    }
}

/* A chord touches at both ends, Jensen's line at the middle; without a floor all is one line. */
static void lines_of_gains_touch(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (int trial = 0; trial < trials(400); trial++) {
        const double size = pow(10.0, sp_rng_uniform(&rng, -1.0, 1.0)), energy = size * size;
        const double lo = sp_rng_uniform(&rng, -1.0, 0.0), hi = lo + sp_rng_uniform(&rng, 0.1, 2.0);
        exact_energy e = {.weight = {1.0}, .y = {size}, .gain = true};
        e.floor = trial % 4 == 0 ? energy * sp_rng_uniform(&rng, 0.1, 10.0) : 0.0;
        // below all energies, above all of them, between
        e.least = trial % 4 == 1   ? 0.9 * energy * exp(2.0 * lo)
                  : trial % 4 == 2 ? 1.1 * energy * exp(2.0 * hi)
                  : trial % 4 == 3 ? energy * exp(lo + hi)
                                   : 0.0;
        distances d;
        assert_true(check(&d, &e, lo, hi));
        assert_true(fmax(d.at[0][1], d.at[2][1]) <= 1e-13 * 32.0);
        assert_true(d.at[1][0] <= 2e-12 * 8.0);
        assert_true(d.bottom <= 1e-13 * 32.0 && d.top <= 1e-13 * 32.0);
        if (trial % 4 == 1 || trial % 4 == 2) {
            assert_true(d.at[0][0] <= 2e-12 * 8.0 && d.at[2][0] <= 2e-12 * 8.0);
        }
    }
}

/* The energy of a row that may be anything from 0 up leaves the floor, or nothing. */
static void an_unknown_energy_lies_above_its_floor(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        const sp_path_energy curve = {
            .a = {0.0, 2.0}, .floor = kind == 1 ? 3.0 : 0.0, .least = kind == 2 ? 3.0 : 0.0};
        sp_iv range;
        const sp_line_pair lines = sp_path_gain_lines(&range, &curve, -0.5, 0.5, 0.0);
        if (kind == 0) {
            assert_true(lines.lower.c == -INFINITY && range.lo == -INFINITY);
            continue;
        }
        const double most = kind == 1 ? 2.0 * exp(1.0) + 3.0 : 2.0 * exp(1.0);
        assert_true(range.lo <= log(3.0) && range.lo >= log(3.0) - 1e-14);
        assert_true(range.hi >= log(most) && range.hi <= log(most) + 1e-13);
        assert_true(lines.lower.w == 0.0 && lines.lower.c == range.lo);
        assert_true(lines.upper.w == 0.0 && lines.upper.c == range.hi);
    }
}

static void silence_is_the_largest_of_its_floors(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        for (int gain = 0; gain < 2; gain++) {
            const sp_path_energy curve = {.floor = kind == 0 ? 3.0 : 1.0,
                                          .least = kind == 1 ? 3.0 : 1.0,
                                          .for_zero = kind == 2 ? 3.0 : 1.0,
                                          .silent = true};
            sp_iv range;
            const sp_line_pair lines = gain ? sp_path_gain_lines(&range, &curve, -1.0, 1.0, 0.0)
                                            : sp_path_lines(&range, &curve, -1.0, 1.0, 0.0);
            assert_true(range.lo <= log(3.0) && range.hi >= log(3.0));
            assert_true(range.hi - range.lo <= 1e-14);
            assert_true(lines.lower.w == 0.0 && lines.lower.c == range.lo);
            assert_true(lines.upper.w == 0.0 && lines.upper.c == range.hi);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energies_stay_between_their_lines),
        cmocka_unit_test(points_are_bounded_up_to_roundings),
        cmocka_unit_test(tame_energies_have_tight_lines),
        cmocka_unit_test(lines_of_gains_touch),
        cmocka_unit_test(an_unknown_energy_lies_above_its_floor),
        cmocka_unit_test(silence_is_the_largest_of_its_floors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
