/* The trigger of mycroft-precise: thresholds of its sensitivities, and the detector. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certify/audit/audit.h"
#include "tests/support/support.h"

/* Measured on the decoder of [Precise]. */
static void thresholds_are_the_decoders(void **state) {
    (void)state;
    static const double table[][2] = {{0.5, 2.6295}, {0.2, 7.870}, {0.1, 9.976}, {0.8, 0.379}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_true(fabs(sp_trigger_threshold(table[i][0]) - table[i][1]) < 6e-4);
    }
    for (double s = 0.02; s < 0.98; s += 0.01) {
        assert_true(sp_trigger_threshold(s) >= sp_trigger_threshold(s + 0.01));
    }
}

static bool fires(const char *bits, int level, size_t *at) {
    bool on[64] = {false};
    const sp_trigger trigger = {.level = level, .chunk = 1024};
    for (size_t i = 0; bits[i]; i++) {
        on[i] = bits[i] == '1';
    }
    return sp_trigger_fires(at, &trigger, on, NULL, strlen(bits));
}

static void detector_by_hand(void **state) {
    (void)state;
    size_t at = 99;
    assert_false(fires("", 3, NULL));
    assert_false(fires("111", 3, NULL));
    assert_true(fires("1111", 3, &at) && at == 3);
    assert_true(fires("0001111", 3, &at) && at == 6);
    assert_true(fires("110111", 3, &at) && at == 5); // 1 2 1 2 3 4
    assert_false(fires("1101100110011", 3, NULL));
    assert_false(fires("0101010101010101", 3, NULL));
    assert_false(fires("1001100110011001", 3, NULL));
    assert_true(fires("0001", 0, &at) && at == 3);
    assert_false(fires("0000", 0, NULL));
}

/* Of predictions that are on (+), low (-) or neither (0). */
static bool hears(const char *text, sp_trigger trigger, size_t *at) {
    bool on[64] = {false}, keep[64] = {false};
    double logit[64];
    trigger.threshold = 2.0;
    trigger.low = 1.0;
    for (size_t i = 0; text[i]; i++) {
        on[i] = text[i] == '+';
        keep[i] = text[i] != '-';
        logit[i] = text[i] == '+' ? 2.0 : text[i] == '-' ? 0.5 : 1.0;
    }
    const bool fires = sp_trigger_fires(at, &trigger, on, keep, strlen(text));
    assert_true(sp_trigger_hears(&trigger, logit, strlen(text), 0.0) == fires);
    return fires;
}

static void other_detectors_by_hand(void **state) {
    (void)state;
    size_t at = 99;
    const sp_trigger row = {.rule = SP_TRIGGER_CONSECUTIVE, .least = 3};
    assert_false(hears("++0++", row, NULL));
    assert_true(hears("++-+++", row, &at) && at == 5);
    const sp_trigger speech = {.rule = SP_TRIGGER_SPEECH, .least = 4, .silence = 2};
    assert_true(hears("-+000", speech, &at) && at == 4);    // keeps on between the thresholds
    assert_false(hears("000+--0", speech, NULL));           // quiet at the end
    assert_true(hears("+--+", speech, &at) && at == 3);     // a short gap belongs to it
    assert_false(hears("+---+", speech, NULL));             // ended by the third low one
    assert_true(hears("+---+000", speech, &at) && at == 7); // and begins anew
    assert_true(hears("+-00+", speech, &at) && at == 4);    // ends at low predictions only
    assert_false(hears("+-00-+", speech, NULL));
}

/* More bits never prevent the first firing: what makes certified bits a proof. */
static void detector_is_monotone(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    size_t fired = 0;
    for (int round = 0; round < 20000; round++) {
        const sp_trigger trigger = {.level = (int)sp_rng_below(&rng, 5),
                                    .chunk = 1,
                                    .rule = (sp_trigger_rule)sp_rng_below(&rng, 3),
                                    .least = sp_rng_below(&rng, 6),
                                    .silence = sp_rng_below(&rng, 4)};
        const size_t n = 1 + sp_rng_below(&rng, 24);
        bool few[24], many[24], keep[24], keeps[24];
        size_t first = 0, second = 0;
        for (size_t i = 0; i < n; i++) {
            few[i] = sp_rng_below(&rng, 2) == 0;
            many[i] = few[i] || sp_rng_below(&rng, 3) == 0;
            keep[i] = few[i] || sp_rng_below(&rng, 3) == 0;
            keeps[i] = many[i] || keep[i] || sp_rng_below(&rng, 3) == 0;
        }
        if (sp_trigger_fires(&first, &trigger, few, keep, n)) {
            fired++;
            assert_true(sp_trigger_fires(&second, &trigger, many, keeps, n));
            assert_true(second <= first);
        }
    }
    assert_true(fired > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_are_the_decoders),
        cmocka_unit_test(detector_by_hand),
        cmocka_unit_test(other_detectors_by_hand),
        cmocka_unit_test(detector_is_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
