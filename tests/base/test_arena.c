/* The arena: alignment, the sticky flag, nested release, and sizes that add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "tests/support/support.h"

static void takes_are_aligned_and_apart(void **state) {
    (void)state;
    sp_arena arena;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    assert_int_equal(sp_arena_init(&arena, 1 << 20), SP_OK);
    char *end = NULL;
    for (size_t i = 0; i < 200; i++) {
        const size_t count = sp_rng_below(&rng, 300);
        double *at = sp_arena_take(&arena, count, double);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % 64, 0);
        assert_true(end == NULL || (char *)at >= end);
        memset(at, 0x5a, count * sizeof *at);
        end = (char *)(at + count);
    }
    assert_true(sp_arena_ok(&arena));
    sp_arena_clear(&arena);
    assert_null(arena.block);
}

static void needs_add_up_exactly(void **state) {
    (void)state;
    const size_t need =
        sp_arena_need(7, sizeof(double)) + sp_arena_need(1, 1) + sp_arena_need(64, 3);
    for (int lacking = 0; lacking < 2; lacking++) {
        sp_arena arena;
        assert_int_equal(sp_arena_init(&arena, need), SP_OK);
        arena.size = need - (size_t)lacking; // as small as the request allows
        assert_non_null(sp_arena_take(&arena, 7, double));
        assert_non_null(sp_arena_take(&arena, 1, char));
        assert_int_equal(sp_arena_raw(&arena, 64, 3) == NULL, lacking);
        assert_int_equal(sp_arena_ok(&arena), !lacking);
        arena.size = need;
        sp_arena_clear(&arena);
    }
}

static void the_flag_is_sticky(void **state) {
    (void)state;
    sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 1000), SP_OK);
    assert_null(sp_arena_take(&arena, 1000, double));
    assert_false(sp_arena_ok(&arena));
    assert_non_null(sp_arena_take(&arena, 1, double));
    sp_arena_release(&arena, 0);
    assert_false(sp_arena_ok(&arena));
    sp_arena_clear(&arena);
}

static void overflowing_products_are_refused(void **state) {
    (void)state;
    sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 1000), SP_OK);
    assert_null(sp_arena_raw(&arena, SIZE_MAX / 4, 8));
    assert_null(sp_arena_raw(&arena, SIZE_MAX, 1));
    assert_null(sp_arena_raw(&arena, (SIZE_MAX >> 1) + 2, 2)); // wraps to 2
    assert_false(sp_arena_ok(&arena));
    sp_arena_clear(&arena);
    assert_true(sp_arena_need(SIZE_MAX / 4, 8) == SIZE_MAX);
    assert_true(sp_arena_need(SIZE_MAX - 10, 1) == SIZE_MAX);
    assert_int_equal(sp_arena_init(&arena, SIZE_MAX), SP_E_MEMORY);
    assert_null(arena.block);
    assert_null(sp_arena_take(&arena, 1, char));
    sp_arena_clear(&arena);
}

static void marks_nest(void **state) {
    (void)state;
    sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096), SP_OK);
    int *kept = sp_arena_take(&arena, 4, int);
    memset(kept, 1, 4 * sizeof *kept);
    const size_t outer = sp_arena_mark(&arena);
    char *first = sp_arena_take(&arena, 100, char);
    const size_t inner = sp_arena_mark(&arena);
    assert_non_null(sp_arena_take(&arena, 500, char));
    const size_t most = arena.used;
    sp_arena_release(&arena, inner);
    sp_arena_release(&arena, outer);
    assert_ptr_equal(sp_arena_take(&arena, 10, char), first);
    assert_int_equal(arena.peak, most);
    assert_int_equal(kept[3], 0x01010101);
    sp_arena_clear(&arena);
}

static void empty_takes_are_fine(void **state) {
    (void)state;
    sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 0), SP_OK);
    assert_non_null(sp_arena_raw(&arena, 0, sizeof(double)));
    assert_true(sp_arena_ok(&arena));
    sp_arena_clear(&arena);
    sp_arena_clear(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_are_aligned_and_apart),
        cmocka_unit_test(needs_add_up_exactly),
        cmocka_unit_test(the_flag_is_sticky),
        cmocka_unit_test(overflowing_products_are_refused),
        cmocka_unit_test(marks_nest),
        cmocka_unit_test(empty_takes_are_fine),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
