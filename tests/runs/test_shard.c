/* Shards: every item in one, the same wherever it is computed, none much dearer than another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runs/runs.h"
#include "tests/support/support.h"

enum { MOST = 3000 };

static double costs[MOST];
static size_t shard[MOST], again[MOST];

static void fill(sp_rng *rng, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double u = sp_rng_uniform(rng, 0.0, 1.0);
        costs[i] = floor(1e9 * u * u * u); // few are dear
        costs[i] = sp_rng_below(rng, 10) == 0 ? 0.0 : costs[i];
    }
}

static void loads_are_within_one_item(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int round = 0; round < 100; round++) {
        const size_t count = sp_rng_below(&rng, MOST), shards = 1 + sp_rng_below(&rng, 50);
        double *load = calloc(shards, sizeof *load), most = 0.0;
        fill(&rng, count);
        assert_int_equal(sp_shard_split(NULL, shard, costs, count, shards), SP_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(shard[i] < shards);
            load[shard[i]] += costs[i];
            most = fmax(most, costs[i]);
        }
        double lo = INFINITY, hi = 0.0;
        for (size_t s = 0; s < shards; s++) {
            lo = fmin(lo, load[s]);
            hi = fmax(hi, load[s]);
        }
        assert_true(hi - lo <= most);
        free(load);
    }
}

static void the_split_is_a_function_of_the_costs(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    fill(&rng, MOST);
    assert_int_equal(sp_shard_split(NULL, shard, costs, MOST, 16), SP_OK);
    assert_int_equal(sp_shard_split(NULL, again, costs, MOST, 16), SP_OK);
    assert_memory_equal(shard, again, sizeof shard);
    const double five[] = {3.0, 3.0, 2.0, 2.0, 2.0}; // by hand
    const size_t expected[] = {0, 1, 0, 1, 0};
    assert_int_equal(sp_shard_split(NULL, again, five, 5, 2), SP_OK);
    assert_memory_equal(again, expected, sizeof expected);
}

static void more_shards_than_items_leave_some_empty(void **state) {
    (void)state;
    const double cost[] = {5.0, 7.0};
    assert_int_equal(sp_shard_split(NULL, shard, cost, 2, 9), SP_OK);
    assert_int_equal(shard[1], 0);
    assert_int_equal(shard[0], 1);
    assert_int_equal(sp_shard_split(NULL, shard, cost, 0, 3), SP_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_are_within_one_item),
        cmocka_unit_test(the_split_is_a_function_of_the_costs),
        cmocka_unit_test(more_shards_than_items_leave_some_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
