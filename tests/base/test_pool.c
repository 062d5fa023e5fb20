/* The pool: every task once, nested sets, the width, the same results for any thread count, and
 * floating point as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "tests/support/support.h"

enum { MANY = 1000 };

static void count_visit(void *context, size_t index) {
    atomic_int *visits = context;
    atomic_fetch_add(&visits[index], 1);
}

static void every_task_runs_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        assert_int_equal(sp_pool_start(threads), SP_OK);
        assert_int_equal(sp_pool_threads(), threads);
        for (size_t count = 0; count < 40; count++) {
            atomic_int visits[64] = {0};
            sp_pool_run(count, count % 4, count_visit, visits);
            for (size_t i = 0; i < 64; i++) {
                assert_int_equal(atomic_load(&visits[i]), i < count ? 1 : 0);
            }
        }
        sp_pool_stop();
    }
}

static void wrong_starts_are_refused(void **state) {
    (void)state;
    assert_int_equal(sp_pool_start(-1), SP_E_ARGUMENT);
    assert_int_equal(sp_pool_start(0), SP_OK);
    assert_true(sp_pool_threads() >= 1);
    assert_int_equal(sp_pool_start(2), SP_E_ARGUMENT);
    sp_pool_stop();
    sp_pool_stop();
    assert_int_equal(sp_pool_threads(), 1);
}

typedef struct caller {
    pthread_t thread;
    size_t next;
} caller;

static void in_order_in_the_caller(void *context, size_t index) {
    caller *here = context;
    assert_true(pthread_equal(here->thread, pthread_self()));
    assert_int_equal(index, here->next++);
}

static void without_a_pool_the_caller_works(void **state) {
    (void)state;
    caller here = {pthread_self(), 0};
    sp_pool_run(MANY, 0, in_order_in_the_caller, &here);
    assert_int_equal(here.next, MANY);
    assert_int_equal(sp_pool_start(4), SP_OK);
    here.next = 0;
    sp_pool_run(MANY, 1, in_order_in_the_caller, &here);
    assert_int_equal(here.next, MANY);
    sp_pool_stop();
}

typedef struct gauge {
    atomic_int now, most;
} gauge;

static void measure(void *context, size_t index) {
    gauge *g = context;
    const int now = atomic_fetch_add(&g->now, 1) + 1;
    int most = atomic_load(&g->most);
    while (now > most && !atomic_compare_exchange_weak(&g->most, &most, now)) {
    }
    for (size_t i = 0; i < 20 + index % 7; i++) {
        sched_yield();
    }
    atomic_fetch_sub(&g->now, 1);
}

static void measure_inside(void *context, size_t index) {
    if (index == 0) {
        sp_pool_run(300, 2, measure, context);
    }
}

static void the_width_is_kept(void **state) {
    (void)state;
    assert_int_equal(sp_pool_start(6), SP_OK);
    for (size_t width = 1; width <= 4; width++) {
        gauge g = {0, 0};
        sp_pool_run(200, width, measure, &g);
        assert_int_equal(atomic_load(&g.now), 0);
        assert_true((size_t)atomic_load(&g.most) <= width);
    }
    gauge inner = {0, 0}; // the threads that leave the outer set look for work
    sp_pool_run(30, 0, measure_inside, &inner);
    assert_true(atomic_load(&inner.most) <= 2);
    sp_pool_stop();
}

/* meet - returns only when `atomic_int` many tasks are inside at once (or after ten seconds). */
typedef struct meeting {
    atomic_int inside;
    int wanted;
    atomic_int late;
} meeting;

static void meet(void *context, size_t index) {
    meeting *m = context;
    const double deadline = sp_clock_wall() + 10.0;
    (void)index;
    atomic_fetch_add(&m->inside, 1);
    while (atomic_load(&m->inside) < m->wanted) {
        if (sp_clock_passed(deadline)) {
            atomic_fetch_add(&m->late, 1);
            return;
        }
        sched_yield();
    }
}

static void open_meeting(void *context, size_t index) {
    if (index == 0) {
        sp_pool_run(3, 0, meet, context);
    }
}

static void idle_threads_join_inner_sets(void **state) {
    (void)state;
    assert_int_equal(sp_pool_start(3), SP_OK);
    meeting outer = {0, 3, 0}, inner = {0, 3, 0};
    sp_pool_run(3, 0, meet, &outer);
    sp_pool_run(2, 0, open_meeting, &inner);
    sp_pool_stop();
    assert_int_equal(atomic_load(&outer.late), 0);
    assert_int_equal(atomic_load(&inner.late), 0);
}

/* A tree of sets three levels deep: each leaf writes its own cell, parents add in index order. */
enum { LEVELS = 3, FAN = 6, LEAVES = FAN * FAN * FAN };

typedef struct branch {
    int level;
    size_t base;
    double *leaves; // [LEAVES]
    double sum[FAN];
} branch;

static void grow(void *context, size_t index) {
    branch *parent = context;
    const size_t base = parent->base * FAN + index;
    if (parent->level + 1 == LEVELS) {
        parent->leaves[base] = sin((double)base) * 1e3;
        parent->sum[index] = parent->leaves[base];
        return;
    }
    branch child = {parent->level + 1, base, parent->leaves, {0.0}};
    sp_pool_run(FAN, index % 3, grow, &child);
    for (size_t i = 0; i < FAN; i++) {
        parent->sum[index] += child.sum[i];
    }
}

static double grow_tree(double *leaves) {
    branch root = {0, 0, leaves, {0.0}};
    double sum = 0.0;
    sp_pool_run(FAN, 0, grow, &root);
    for (size_t i = 0; i < FAN; i++) {
        sum += root.sum[i];
    }
    return sum;
}

static void results_do_not_depend_on_threads(void **state) {
    (void)state;
    double expected[LEAVES], leaves[LEAVES];
    const double sum = grow_tree(expected);
    const int rounds = sp_test_long() ? 5000 : sp_test_sanitized() ? 30 : 200;
    for (int threads = 2; threads <= 8; threads += 3) {
        assert_int_equal(sp_pool_start(threads), SP_OK);
        for (int round = 0; round < rounds; round++) {
            memset(leaves, 0, sizeof leaves);
            assert_true(grow_tree(leaves) == sum);
            assert_memory_equal(leaves, expected, sizeof leaves);
        }
        sp_pool_stop();
    }
}

static void add_index(void *context, size_t index) {
    long *cells = context;
    cells[index] += (long)index;
}

/* Tiny sets one after another: what one set wrote without atomics the next one reads. */
static void sets_follow_each_other(void **state) {
    (void)state;
    long cells[16] = {0};
    const long rounds = sp_test_sanitized() ? 2000 : 20000;
    assert_int_equal(sp_pool_start(4), SP_OK);
    for (long round = 0; round < rounds; round++) {
        sp_pool_run(16, 0, add_index, cells);
    }
    sp_pool_stop();
    for (long i = 0; i < 16; i++) {
        assert_int_equal(cells[i], i * rounds);
    }
}

/* ---- floating point ---- */

static bool to_nearest(void) {
    const volatile double one = 1.0, little = 0x1p-60;
    const volatile double above = one + little, below = one - little;
    return above == 1.0 && below == 1.0;
}

static bool keeps_subnormals(void) {
    const volatile double tiny = DBL_MIN, half = 0.5;
    const volatile double product = tiny * half;
    return product > 0.0;
}

typedef struct inspection {
    meeting all; // every thread takes one task
    pthread_t asker;
    atomic_int directed, flushing;
} inspection;

static void inspect(void *context, size_t index) {
    inspection *seen = context;
    meet(&seen->all, index);
    if (!pthread_equal(seen->asker, pthread_self())) {
        atomic_fetch_add(&seen->directed, !to_nearest());
        atomic_fetch_add(&seen->flushing, !keeps_subnormals());
    }
}

/* Starts a pool from here and looks at its threads. */
static void expect_plain_workers(void) {
    inspection seen = {.all = {.wanted = 4}, .asker = pthread_self()};
    assert_int_equal(sp_pool_start(4), SP_OK);
    sp_pool_run(4, 0, inspect, &seen);
    sp_pool_stop();
    assert_int_equal(atomic_load(&seen.all.late), 0);
    assert_int_equal(atomic_load(&seen.directed), 0);
    assert_int_equal(atomic_load(&seen.flushing), 0);
}

static void workers_round_to_nearest_whoever_starts_them(void **state) {
    (void)state;
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(fesetround(modes[i]), 0);
        assert_true(to_nearest() == (modes[i] == FE_TONEAREST));
        expect_plain_workers();
        assert_int_equal(fegetround(), modes[i]); // the asker's own mode is left alone
    }
    assert_int_equal(fesetround(FE_TONEAREST), 0);
}

static void workers_keep_subnormals_whoever_starts_them(void **state) {
    (void)state;
    if (!sp_test_flush_subnormals(true)) {
        print_message("this test knows no flush-to-zero of this processor\n");
        skip();
    }
    assert_false(keeps_subnormals());
    expect_plain_workers();
    assert_false(keeps_subnormals());
    sp_test_flush_subnormals(false);
    assert_true(keeps_subnormals());
}

static void clocks_run_forward(void **state) {
    (void)state;
    const double wall = sp_clock_wall(), cpu = sp_clock_cpu();
    while (sp_clock_wall() < wall + 0.02) {
        // the processor is busy
    }
    assert_true(sp_clock_cpu() > cpu && sp_clock_cpu() < cpu + 10.0);
    assert_false(sp_clock_passed(0.0));
    assert_true(sp_clock_passed(wall));
    assert_false(sp_clock_passed(sp_clock_wall() + 100.0));
    assert_true(sp_clock_passed(NAN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_pool_the_caller_works),
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(wrong_starts_are_refused),
        cmocka_unit_test(the_width_is_kept),
        cmocka_unit_test(idle_threads_join_inner_sets),
        cmocka_unit_test(results_do_not_depend_on_threads),
        cmocka_unit_test(sets_follow_each_other),
        cmocka_unit_test(workers_round_to_nearest_whoever_starts_them),
        cmocka_unit_test(workers_keep_subnormals_whoever_starts_them),
        cmocka_unit_test(clocks_run_forward),
    };
    return cmocka_run_group_tests_name("base/pool", tests, NULL, NULL);
}
