/* What the front end knows of balls of noise: the numbers of the forms of FSDD's ten bands
 * (docs/theory/noise-sets.md 6), proved and hardly above. */
#include "tests/preprocess/front_check.h"

static void expect_near(const char *what, double fact, double figure, double digit) {
    if (!(fact >= figure - digit && fact <= figure * 1.002 + digit)) {
        fail_msg("%s: %.9g instead of %.9g", what, fact, figure);
    }
}

static void facts_are_those_of_the_theory(void **state) {
    (void)state;
    static const double largest[10] = {.005418, .021097, .055326, .116346,  .218757,
                                       .392408, .623667, .924651, 1.279596, 1.607514};
    static const double entry[10] = {.000242, .001168, .003565, .008487, .020117,
                                     .041465, .074039, .128866, .208146, .304910};
    sp_front *front = front_make(0);
    sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
    for (size_t m = 0; m < 10; m++) {
        expect_near("eigenvalue", forms->band[m].fact[SP_FRONT_SET_l2], largest[m], 1e-6);
        expect_near("entry", forms->band[m].fact[SP_FRONT_SET_l1], entry[m], 1e-6);
    }
    expect_near("eigenvalue of all", forms->energy.fact[SP_FRONT_SET_l2], 1.255828, 1e-6);
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(facts_are_those_of_the_theory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
