/* What one frame says of a band, of hand-made rows: errors of the rows are counted, and so are
 * roundings that all go one way, as real recordings never make them. */
#include "tests/preprocess/front_check.h"
#include "tests/support/arb.h"

enum { ROWS = 512, SAMPLES = 2 };

/* A front end of SAMPLES samples and ROWS rows, all in one band, and a frame of it. */
typedef struct made {
    sp_front_layout layout;
    sp_stage spectrum;
    sp_front_forms forms;
    sp_noise noise;
    sp_frame frame;
    sp_band band;
    double matrix[ROWS * SAMPLES], weight[ROWS], diagonal[SAMPLES], radius[SAMPLES];
    size_t row[ROWS];
    double memory[3 * SAMPLES + 8 * ROWS], work[ROWS];
} made;

static made *make(void) {
    made *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->layout = (sp_front_layout){.used = SAMPLES, .bands = 1, .features = 1};
    m->spectrum = (sp_stage){.in = SAMPLES, .out = ROWS, .matrix = m->matrix};
    m->band = (sp_band){.rows = ROWS, .row = m->row, .weight = m->weight, .diagonal = m->diagonal};
    m->forms = (sp_front_forms){.layout = &m->layout, .spectrum = &m->spectrum, .band = &m->band};
    for (size_t k = 0; k < ROWS; k++) {
        m->row[k] = k;
        m->weight[k] = 1.0;
    }
    assert_int_equal(sp_noise_box(NULL, &m->noise, SAMPLES, 0.0), SP_OK);
    sp_frame_place(&m->frame, &m->forms, m->memory);
    m->frame.noise = &m->noise;
    m->frame.work = m->work;
    return m;
}

static void destroy(made *m) {
    sp_noise_clear(&m->noise);
    free(m);
}

/* Rows whose products with themselves are 1 and then `small`, up to the square root's rounding. */
static void fill(double *v, double small) {
    for (size_t k = 0; k < ROWS; k++) {
        v[k] = k == 0 ? 1.0 : sqrt(small);
    }
}

static void sums_that_lose_every_term_are_covered(void **state) {
    (void)state;
    const double smalls[] = {SP_TEST_LOST, SP_TEST_RAISED};
    arb_t z;
    arb_init(z);
    for (size_t i = 0; i < 2; i++) {
        made *m = make();
        double *mid = m->frame.bins.mid, form[SAMPLES];
        fill(mid, smalls[i]);
        sp_arb_weighted(z, m->weight, mid, mid, ROWS);
        const sp_iv sum =
            sp_band_products(&m->band, mid, m->frame.bins.err, mid, m->frame.bins.err);
        assert_true(sp_arb_within(z, sum.lo, sum.hi));
        const sp_band_energy e = sp_band_energy_of(form, &m->frame, &m->band);
        assert_true(sp_arb_within(z, e.clean.lo, e.clean.hi));
        for (size_t k = 0; k < ROWS; k++) {
            m->frame.bins.mag[k] = mid[k];
        }
        const sp_iv box = sp_band_interval(&m->band, &m->frame.bins);
        assert_true(sp_arb_within(z, box.lo, box.hi));
        destroy(m);
    }
    arb_clear(z);
}

/* Each number may be anywhere within its error: all of them at their ends. */
static void errors_of_rows_are_counted(void **state) {
    (void)state;
    arb_t z;
    arb_init(z);
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    made *m = make();
    double p[ROWS], q[ROWS], p_err[ROWS], q_err[ROWS], p_end[ROWS], q_end[ROWS];
    for (int trial = 0; trial < 20; trial++) {
        const double share = trial % 2 == 0 ? 1e-6 : 2.0; // errors beside and above the numbers
        for (size_t k = 0; k < ROWS; k++) {
            m->weight[k] = sp_rng_uniform(&rng, 0.1, 1.0);
            p[k] = rint(0x1p20 * sp_rng_normal(&rng)) * 0x1p-20;
            q[k] = rint(0x1p20 * sp_rng_normal(&rng)) * 0x1p-20;
            p_err[k] = trial % 4 < 2 ? rint(0x1p20 * share) * 0x1p-20 : 0.0;
            q_err[k] = rint(0x1p20 * share) * 0x1p-20;
        }
        const sp_iv sum = sp_band_products(&m->band, p, p_err, q, q_err);
        for (int end = -1; end <= 1; end += 2) {
            for (size_t k = 0; k < ROWS; k++) { // |p| and |q| grow, with the sign that adds up
                p_end[k] = p[k] + copysign(p_err[k], p[k]);
                q_end[k] = q[k] + end * copysign(q_err[k], p[k]);
            }
            sp_arb_weighted(z, m->weight, p_end, q_end, ROWS);
            assert_true(sp_arb_within(z, sum.lo, sum.hi));
        }
        // and hardly more than that
        double most = 0.0;
        for (size_t k = 0; k < ROWS; k++) {
            most += m->weight[k] *
                    (p_err[k] * fabs(q[k]) + q_err[k] * fabs(p[k]) + p_err[k] * q_err[k]);
        }
        assert_true(sum.hi - sum.lo <= 2.0 * most * (1.0 + 1e-9) + 1e-9);
    }
    destroy(m);
    arb_clear(z);
}

/* z = sum_k 2 weight_k (mid_k + end err_k) f_k . d - form . d */
static void gradient_distance(arb_t z, const made *m, const double *form, const double *d,
                              double end) {
    arb_t term, row, factor;
    arb_init(term);
    arb_init(row);
    arb_init(factor);
    arb_zero(z);
    for (size_t k = 0; k < ROWS; k++) {
        sp_arb_dot(row, m->matrix + k * SAMPLES, d, SAMPLES);
        arb_set_d(term, m->frame.bins.mid[k]);
        sp_arb_addmul_d(term, end, m->frame.bins.err[k]);
        arb_mul(term, term, row, SP_ARB_BITS);
        arb_set_d(factor, 2.0 * m->weight[k]);
        arb_addmul(z, term, factor, SP_ARB_BITS);
    }
    sp_arb_dot(row, form, d, SAMPLES);
    arb_sub(z, z, row, SP_ARB_BITS);
    arb_clear(term);
    arb_clear(row);
    arb_clear(factor);
}

static void slack_covers_the_gradient(void **state) {
    (void)state;
    const double d[SAMPLES] = {1.0, 0.0};
    arb_t z;
    arb_init(z);
    for (int kind = 0; kind < 3; kind++) {
        made *m = make();
        double form[SAMPLES];
        // forms of 1 and lost or raised terms; then rows that are known badly
        fill(m->frame.bins.mid,
             kind == 0 ? SP_TEST_LOST * SP_TEST_LOST : SP_TEST_RAISED * SP_TEST_RAISED);
        for (size_t k = 0; k < ROWS; k++) {
            m->matrix[k * SAMPLES] = 1.0;
            m->frame.bins.err[k] = kind == 2 ? 0.25 : 0.0;
            m->frame.bins.radius[k] = 1.0;
            m->frame.bins.mag[k] = m->frame.bins.mid[k] + m->frame.bins.err[k] + 1.0;
        }
        m->frame.r[0] = 1.0;
        const sp_band_energy e = sp_band_energy_of(form, &m->frame, &m->band);
        for (int end = -1; end <= 1; end++) {
            gradient_distance(z, m, form, d, end);
            assert_true(sp_arb_within(z, -e.slack, e.slack));
        }
        assert_true(e.slack <= (kind == 2 ? 2.0 * ROWS * 0.25 * 1.001 : 1e-9));
        destroy(m);
    }
    arb_clear(z);
}

/* z = sum_k weight_k (w_k mid_k + c_k) - offset - form . 0: what R2's side adds up. */
static void r2_sides_cover_lost_terms(void **state) {
    (void)state;
    arb_t z, term;
    arb_init(z);
    arb_init(term);
    for (int raised = 0; raised < 2; raised++) {
        for (int constant = 0; constant < 3; constant++) {
            made *m = make();
            sp_bins *bins = &m->frame.bins;
            double lower[SAMPLES], upper[SAMPLES];
            arb_zero(z);
            for (size_t k = 0; k < ROWS; k++) {
                const double v = (k == 0   ? 1.0
                                  : raised ? SP_TEST_RAISED
                                           : SP_TEST_LOST) *
                                 (constant == 2 ? -1 : 1);
                bins->lo_w[k] = bins->up_w[k] = constant ? 0.0 : v;
                bins->lo_c[k] = bins->up_c[k] = constant ? v : 0.0;
                bins->mid[k] = bins->mag[k] = 1.0;
                arb_set_d(term, v);
                arb_add(z, z, term, SP_ARB_BITS);
            }
            const sp_band_r2 e = sp_front_r2_energy(&m->frame, &m->band, lower, upper);
            assert_true(sp_arb_within(z, e.below, e.above));
            destroy(m);
        }
    }
    arb_clear(z);
    arb_clear(term);
}

/* A matrix of one entry that was computed as a sum of ROWS products, and lost all but the first. */
static void eigenvalues_are_those_of_the_exact_matrix(void **state) {
    (void)state;
    const double exact = 1.0 + (ROWS - 1) * SP_TEST_LOST, computed = 1.0;
    double work = 0.0;
    assert_false(sp_eigenvalues_below(&computed, &work, 1, ROWS, exact * (1.0 - 0x1p-52)));
    assert_true(sp_eigenvalues_below(&computed, &work, 1, ROWS, 1.0 + 8.0 * (ROWS + 16) * 0x1p-53));
    // one product: 8 roundings more than the entry itself, and those of the diagonal
    assert_false(sp_eigenvalues_below(&computed, &work, 1, 1, 1.0 + 12.0 * 0x1p-53));
    assert_true(sp_eigenvalues_below(&computed, &work, 1, 1, 1.0 + 64.0 * 0x1p-53));
}

/* One row that is known badly: its least energy is that of its nearer end. */
static void the_least_energy_counts_errors_of_rows(void **state) {
    (void)state;
    made *m = make();
    m->band.rows = 1;
    m->forms.most_rows = 1;
    m->band.weight[0] = 0.25;
    m->frame.bins.mid[0] = 3.0;
    m->frame.bins.err[0] = 0.5;
    m->frame.bins.radius[0] = m->matrix[0] = 1.0;
    m->frame.bins.mag[0] = 4.5;
    m->frame.r[0] = m->noise.radius[0] = 1.0;
    m->band.curvature = 0.25;
    double *room = calloc(sp_band_minimum_work(&m->forms), sizeof *room);
    assert_non_null(room);
    m->frame.work = room;
    const double least = sp_band_minimum(&m->frame, &m->band, 2.25);
    assert_true(least <= 0.75 && least >= 0.75 * (1.0 - 1e-3));
    free(room);
    destroy(m);
}

/* The value of a band in long double at an energy. */
static long double value_at(sp_band_kind kind, long double energy) {
    return kind == SP_BAND_LOG ? logl(energy) : kind == SP_BAND_SQRT ? sqrtl(energy) : energy;
}

/* Two rows that are known badly, and lines of the band over all samples of the box. */
static void check_lines(sp_rng *rng, made *m, sp_front_bound *bound) {
    const double r0 = m->frame.r[0], r1 = m->frame.r[1];
    const sp_band *band = &m->band;
    const sp_bins *bins = &m->frame.bins;
    const sp_band_kind kind = m->forms.kind;
    for (int sample = 0; sample < 400; sample++) {
        const bool corner = sample % 2 == 0;
        const double a = sp_rng_uniform(rng, -1.0, 1.0), b = sp_rng_uniform(rng, -1.0, 1.0);
        const double d[SAMPLES] = {r0 * (corner ? copysign(1.0, a) : a),
                                   r1 * (corner ? copysign(1.0, b) : b)};
        long double energy = band->floor, form = 0.0L;
        for (size_t k = 0; k < band->rows; k++) {
            const double end = sp_rng_below(rng, 3) == 0   ? sp_rng_uniform(rng, -1.0, 1.0)
                               : sp_rng_below(rng, 2) == 0 ? 1.0
                                                           : -1.0;
            long double y = (long double)bins->mid[k] + (long double)end * bins->err[k];
            for (size_t i = 0; i < SAMPLES; i++) {
                y += (long double)m->matrix[k * SAMPLES + i] * d[i];
            }
            energy += band->weight[k] * y * y;
        }
        for (size_t i = 0; i < SAMPLES; i++) {
            form += (long double)bound->form[i] * d[i];
        }
        const long double value = value_at(kind, fmaxl(energy, band->least));
        const long double tiny = 1e-15L * (1.0L + fabsl(value));
        assert_true(value + tiny >= bound->lo_w[0] * form + bound->lo_c[0]);
        assert_true(value - tiny <= bound->up_w[0] * form + bound->up_c[0]);
        assert_true(value + tiny >= bound->lo[0] && value - tiny <= bound->hi[0]);
        for (size_t k = 0; k < SP_FRONT_TANGENTS; k++) {
            assert_true(value - tiny <= bound->tangent_w[k] * form + bound->tangent_c[k]);
        }
    }
}

static void lines_hold_whatever_errors_rows_have(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (int trial = 0; trial < (sp_test_sanitized() ? 300 : 1200); trial++) {
        made *m = make();
        sp_bins *bins = &m->frame.bins;
        sp_front_bound bound = {.rule = SP_FRONT_JOINT,
                                .frames = 1,
                                .bands = 1,
                                .features = 1,
                                .frame = SAMPLES,
                                .step = 1,
                                .padded = SAMPLES,
                                .joint = true,
                                .forms = 1,
                                .tangents = SP_FRONT_TANGENTS};
        m->forms.kind = trial % 3 == 0   ? SP_BAND_LOG
                        : trial % 3 == 1 ? SP_BAND_SQRT
                                         : SP_BAND_ENERGY;
        m->forms.rule = SP_FRONT_JOINT;
        m->forms.most_rows = m->band.rows = 2;
        const double noise = pow(10.0, sp_rng_uniform(&rng, -3.0, 0.5));
        const double wrong = trial % 2 == 0 ? 0.0 : pow(10.0, sp_rng_uniform(&rng, -3.0, -0.5));
        double trace = 0.0;
        for (size_t k = 0; k < 2; k++) {
            m->weight[k] = sp_rng_uniform(&rng, 0.2, 2.0);
            bins->mid[k] = sp_rng_normal(&rng);
            bins->err[k] = wrong * sp_rng_uniform(&rng, 0.0, 1.0);
            bins->radius[k] = 0.0;
            for (size_t i = 0; i < SAMPLES; i++) {
                const double f = sp_rng_normal(&rng);
                m->matrix[k * SAMPLES + i] = f;
                m->frame.r[i] = m->noise.radius[i] = noise;
                bins->radius[k] += 1.0000001 * fabs(f) * noise;
                trace += 1.0000001 * m->weight[k] * f * f;
            }
            bins->mag[k] = 1.0000001 * (fabs(bins->mid[k]) + bins->err[k] + bins->radius[k]);
        }
        m->diagonal[0] = m->diagonal[1] = m->band.curvature = trace; // D >= Q
        m->band.floor = trial % 4 == 0 ? 0.1 : trial % 4 == 1 ? 1e-6 : 0.0;
        m->band.least = trial % 4 == 2 ? 0.3 : 0.0;
        m->forms.energy = m->band;
        double *room = calloc(sp_band_minimum_work(&m->forms) + ROWS, sizeof *room);
        assert_non_null(room);
        m->frame.work = room;
        assert_int_equal(sp_front_bound_memory(NULL, &bound), SP_OK);
        sp_front_joint(&bound, &m->frame);
        if (isfinite(bound.lo[0])) {
            check_lines(&rng, m, &bound);
        } else { // only the logarithm of an energy that may vanish is unknown
            assert_true(m->forms.kind == SP_BAND_LOG && m->band.floor == 0.0 &&
                        m->band.least == 0.0);
        }
        sp_front_bound_clear(&bound);
        free(room);
        destroy(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_that_lose_every_term_are_covered),
        cmocka_unit_test(errors_of_rows_are_counted),
        cmocka_unit_test(slack_covers_the_gradient),
        cmocka_unit_test(r2_sides_cover_lost_terms),
        cmocka_unit_test(eigenvalues_are_those_of_the_exact_matrix),
        cmocka_unit_test(the_least_energy_counts_errors_of_rows),
        cmocka_unit_test(lines_hold_whatever_errors_rows_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
