/* Budgets: strict reading, and radii that are never below the exact ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "audio/audio.h"
#include "tests/support/arb.h"
#include "tests/support/support.h"

static sp_budget parsed(const char *text) {
    sp_budget budget = {.unit = SP_BUDGET_LSB, .value = -1.0};
    sp_error err = {SP_OK, ""};
    if (sp_budget_parse(&err, &budget, text) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return budget;
}

static void four_forms_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        sp_budget_unit unit;
        double value;
    } cases[] = {
        {"-70dB", SP_BUDGET_DB_PEAK, -70.0},   {"-70DB", SP_BUDGET_DB_PEAK, -70.0},
        {"+5db", SP_BUDGET_DB_PEAK, 5.0},      {"0dB", SP_BUDGET_DB_PEAK, 0.0},
        {"-62.5dB", SP_BUDGET_DB_PEAK, -62.5}, {"-.5dB", SP_BUDGET_DB_PEAK, -0.5},
        {"-7.dB", SP_BUDGET_DB_PEAK, -7.0},    {"-7e1dB", SP_BUDGET_DB_PEAK, -70.0},
        {"-50dBFS", SP_BUDGET_DBFS, -50.0},    {"-50dbfs", SP_BUDGET_DBFS, -50.0},
        {"3lsb", SP_BUDGET_LSB, 3.0},          {"0.5LSB", SP_BUDGET_LSB, 0.5},
        {"1e-3Lsb", SP_BUDGET_LSB, 1e-3},      {"45dBsnr", SP_BUDGET_DB_SNR, 45.0},
        {"45DBSNR", SP_BUDGET_DB_SNR, 45.0},   {"-3.25dbSnr", SP_BUDGET_DB_SNR, -3.25},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sp_budget budget = parsed(cases[i].text);
        assert_int_equal(budget.unit, cases[i].unit);
        assert_true(budget.value == cases[i].value);
    }
}

static void expect_refused(const char *text) {
    sp_budget budget = {.unit = SP_BUDGET_LSB, .value = -1.0};
    sp_error err = {SP_OK, ""};
    if (sp_budget_parse(&err, &budget, text) != SP_E_ARGUMENT) {
        fail_msg("\"%s\" was read as %g", text, budget.value);
    }
    assert_true(budget.unit == SP_BUDGET_LSB && budget.value == -1.0); // untouched
    static const char *const forms[] = {"-70dB", "-50dBFS", "3lsb", "45dBsnr"};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(strstr(err.text, forms[i]));
    }
    assert_null(strchr(err.text, '\n'));
}

static void anything_else_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "-banana",       "",        "dB",      "lsb",      "nan dB",    "nandB",
        "infdB",         "-infdB",  "1e999dB", "-70",      "-70 dB",    " -70dB",
        "-70dB ",        "3 lsb x", "3lsbx",   "0lsb",     "-3lsb",     "-0lsb",
        "--3dB",         "+-3dB",   "0x10dB",  "1e400lsb", "1e-400lsb", "-70dBf",
        "-70dBFSx",      "-70d",    "-70B",    "-dB",      ".dB",       "-.dB",
        "-70,5dB",       "70%",     "1e+dB",   "-7\n0dB",  "-70dB\n",   "-70dB -3",
        "-70\302\240dB", "1_0dB",   "e3dB",    "-70dBsn"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_refused(texts[i]);
    }
}

/* Random short texts over the alphabet of the forms: read only when they are one of the forms. */
static void random_texts_are_read_strictly(void **state) {
    (void)state;
    static const char alphabet[] = "0123456789.-+eEdDbBfFsSlLnNrR x";
    sp_rng rng;
    size_t read = 0;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t round = 0; round < 200000; round++) {
        char text[8] = "";
        sp_budget budget;
        const size_t length = 1 + sp_rng_below(&rng, 6);
        for (size_t i = 0; i < length; i++) {
            text[i] = alphabet[sp_rng_below(&rng, sizeof alphabet - 1)];
        }
        if (sp_budget_parse(NULL, &budget, text) == SP_OK) {
            const char *unit = text + strspn(text, "0123456789.-+eE");
            char lower[8] = "";
            for (size_t i = 0; unit[i] != '\0'; i++) {
                lower[i] = (char)tolower((unsigned char)unit[i]);
            }
            read++;
            assert_true(strcmp(lower, "db") == 0 || strcmp(lower, "dbfs") == 0 ||
                        strcmp(lower, "lsb") == 0 || strcmp(lower, "dbsnr") == 0);
            assert_true(isfinite(budget.value) && strpbrk(text, "0123456789") != NULL);
        }
    }
    assert_true(read > 0);
}

/* ---- radii ---- */

enum { N = 500 };

static void make_clip(sp_clip *clip, double size, double full_scale, double lsb, uint64_t seed) {
    double samples[N];
    sp_error err;
    sp_rng rng;
    sp_rng_init(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        samples[i] = size * sp_rng_normal(&rng);
    }
    assert_int_equal(sp_clip_init(&err, clip, samples, N, 8000, full_scale, lsb), SP_OK);
}

/* exact - the radius by definition, of the decimal value as it is written. */
static void exact(arb_t eps, const sp_clip *clip, sp_budget_unit unit, const char *decimal,
                  const sp_noise_set *set) {
    const bool energy = unit == SP_BUDGET_DB_SNR || (unit == SP_BUDGET_DB_PEAK && set->of_energy);
    arb_t v, base;
    arb_init(v);
    arb_init(base);
    assert_int_equal(arb_set_str(v, decimal, SP_ARB_BITS), 0);
    arb_set_d(base, unit == SP_BUDGET_DB_PEAK ? clip->peak
                    : unit == SP_BUDGET_DBFS  ? clip->full_scale
                                              : clip->lsb);
    if (energy) { // of a ball all may be in one sample
        sp_arb_dot(base, clip->samples, clip->samples, clip->n);
        arb_div_ui(base, base, set->box ? clip->n : 1, SP_ARB_BITS);
        arb_sqrt(base, base, SP_ARB_BITS);
    }
    if (unit == SP_BUDGET_DB_SNR) {
        arb_neg(v, v);
    }
    if (unit != SP_BUDGET_LSB) {
        arb_div_ui(v, v, 20, SP_ARB_BITS);
        arb_set_ui(eps, 10);
        arb_pow(v, eps, v, SP_ARB_BITS);
    }
    arb_mul(eps, base, v, SP_ARB_BITS);
    arb_clear(v);
    arb_clear(base);
}

/* check_radius - eps is not below the exact radius and within 1e-12 of it. */
static void check_radius(const sp_clip *clip, sp_budget_unit unit, const char *decimal,
                         const sp_noise_set *set) {
    static const char *const suffix[] = {"dB", "dBFS", "lsb", "dBsnr"};
    char text[80];
    double eps = -1.0;
    sp_error err;
    arb_t truth, slack;
    arb_init(truth);
    arb_init(slack);
    snprintf(text, sizeof text, "%s%s", decimal, suffix[unit]);
    sp_budget budget = parsed(text);
    assert_int_equal(budget.unit, unit);
    assert_ptr_equal(sp_budget_set(&budget), &sp_noise_set_box);
    budget.set = set;
    assert_int_equal(sp_budget_radius(&err, &eps, &budget, clip), SP_OK);
    exact(truth, clip, unit, decimal, set);
    arb_set_d(slack, 1.0 + 1e-12);
    arb_mul(slack, slack, truth, SP_ARB_BITS);
    if (!sp_arb_le(truth, eps) || !sp_arb_ge(slack, eps)) {
        fail_msg("%s, %s gives %a instead of %a", text, set->name, eps, sp_arb_upper(truth));
    }
    arb_clear(truth);
    arb_clear(slack);
}

static void radii_are_rounded_up(void **state) {
    (void)state;
    const size_t rounds = sp_test_long() ? 40000 : sp_test_sanitized() ? 300 : 2000;
    static const sp_noise_set *const sets[] = {&sp_noise_set_box, &sp_noise_set_l2,
                                               &sp_noise_set_l1};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (size_t round = 0; round < rounds; round++) {
        static const double sizes[] = {1000.0, 0.1, 1e-30, 1e30};
        static const double scales[] = {32768.0, 1.0, 0.3};
        const double full_scale = scales[round % 3];
        char decimal[40];
        sp_clip clip;
        make_clip(&clip, sizes[round % 4], full_scale, ldexp(full_scale, -15), round);
        for (int unit = 0; unit < 4; unit++) {
            const double range = round % 5 == 0 ? 2000.0 : 120.0;
            const double v = unit == SP_BUDGET_LSB ? exp(sp_rng_uniform(&rng, -12.0, 12.0))
                                                   : sp_rng_uniform(&rng, -range, range);
            snprintf(decimal, sizeof decimal, "%.*f", (int)(round % 7) + (v < 0.1) * 8, v);
            if (unit != SP_BUDGET_LSB || strpbrk(decimal, "123456789") != NULL) {
                check_radius(&clip, (sp_budget_unit)unit, decimal, sets[round / 12 % 3]);
            }
        }
        sp_clip_clear(&clip);
    }
}

static void whole_steps_are_exact(void **state) {
    (void)state;
    sp_clip clip;
    make_clip(&clip, 1000.0, 32768.0, 1.0 / 256.0, 3);
    for (int steps = 1; steps < 3000; steps++) {
        const sp_budget budget = {.unit = SP_BUDGET_LSB, .value = steps};
        double eps = 0.0;
        sp_error err;
        assert_int_equal(sp_budget_radius(&err, &eps, &budget, &clip), SP_OK);
        assert_true(eps == steps / 256.0);
    }
    sp_clip_clear(&clip);
}

static void expect_no_radius(const sp_clip *clip, sp_budget budget, sp_status code,
                             const char *part) {
    double eps = -1.0;
    sp_error err = {SP_OK, ""};
    assert_int_equal(sp_budget_radius(&err, &eps, &budget, clip), code);
    assert_true(eps == -1.0);
    if (strstr(err.text, part) == NULL) {
        fail_msg("\"%s\" does not speak of \"%s\"", err.text, part);
    }
}

static void budgets_without_meaning_are_refused(void **state) {
    (void)state;
    const double zeros[4] = {0.0};
    sp_error err;
    sp_clip clip, silent;
    make_clip(&clip, 0.1, 1.0, 0.0, 4);
    assert_int_equal(sp_clip_init(&err, &silent, zeros, 4, 8000, 32768.0, 1.0), SP_OK);
    expect_no_radius(&silent, (sp_budget){.unit = SP_BUDGET_DB_PEAK, .value = -70.0}, SP_E_MISMATCH,
                     "silent");
    expect_no_radius(&silent, (sp_budget){.unit = SP_BUDGET_DB_SNR, .value = 45.0}, SP_E_MISMATCH,
                     "silent");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_LSB, .value = 3.0}, SP_E_MISMATCH,
                     "no steps");
    expect_no_radius(&silent, (sp_budget){.unit = SP_BUDGET_LSB, .value = -1.0}, SP_E_ARGUMENT,
                     "above 0");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_DB_PEAK, .value = NAN}, SP_E_ARGUMENT,
                     "finite");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_DB_PEAK, .value = INFINITY},
                     SP_E_ARGUMENT, "finite");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_DB_PEAK, .value = 9000.0}, SP_E_ARGUMENT,
                     "not finite");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_DBFS, .value = -9000.0}, SP_E_ARGUMENT,
                     "too small");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_DBFS, .value = -6200.0}, SP_E_ARGUMENT,
                     "too small");
    expect_no_radius(&clip, (sp_budget){.unit = SP_BUDGET_DB_SNR, .value = 1e300}, SP_E_ARGUMENT,
                     "too small");
    const sp_budget floor = {.unit = SP_BUDGET_DBFS, .value = -60.0};
    double eps = 0.0;
    assert_int_equal(sp_budget_radius(&err, &eps, &floor, &silent), SP_OK);
    assert_true(fabs(eps - 32.768) < 1e-9);
    sp_clip_clear(&clip);
    sp_clip_clear(&silent);
}

static void scales_describe_the_radius(void **state) {
    (void)state;
    const double samples[4] = {3.0, -4.0, 0.0, 0.0};
    sp_error err;
    sp_clip clip;
    sp_budget_scale scale;
    assert_int_equal(sp_clip_init(&err, &clip, samples, 4, 8000, 32768.0, 1.0), SP_OK);
    assert_true(clip.rms == 2.5 && clip.peak == 4.0);
    sp_budget_describe(&scale, 0.25, &sp_noise_set_box, &clip);
    assert_true(fabs(scale.db_peak + 24.082399653118497) < 1e-12); // 20 lg (1/16)
    assert_true(scale.lsb == 0.25);
    assert_true(fabs(scale.snr_db - 20.0) < 1e-12);
    assert_true(scale.vacuous);
    sp_budget_describe(&scale, 0.5, &sp_noise_set_box, &clip);
    assert_false(scale.vacuous);
    sp_budget_describe(&scale, 0.5, &sp_noise_set_l2, &clip); // relative to the norm, 5
    assert_true(fabs(scale.db_peak + 20.0) < 1e-12 && fabs(scale.snr_db - 20.0) < 1e-12);
    sp_budget_describe(&scale, 0.5, &sp_noise_set_l1, &clip); // all in one sample
    assert_true(fabs(scale.db_peak + 18.061799739838872) < 1e-12);
    assert_true(fabs(scale.snr_db - 20.0) < 1e-12);
    sp_clip_clear(&clip);
    assert_int_equal(sp_clip_init(&err, &clip, samples, 4, 8000, 1.0, 0.0), SP_OK);
    sp_budget_describe(&scale, 1e-9, &sp_noise_set_box, &clip);
    assert_true(isnan(scale.lsb) && !scale.vacuous);
    sp_clip_clear(&clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_forms_are_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(random_texts_are_read_strictly),
        cmocka_unit_test(radii_are_rounded_up),
        cmocka_unit_test(whole_steps_are_exact),
        cmocka_unit_test(budgets_without_meaning_are_refused),
        cmocka_unit_test(scales_describe_the_radius),
    };
    return cmocka_run_group_tests_name("audio/budget", tests, NULL, NULL);
}
