/* What bounds on a device take: room for batches, bytes that are moved, time, and memory that
 * several threads wait for. */
#include "tests/lstm/device.h"

#include "base/clock.h"
#include "base/pool.h"

static void check_room(const sp_method *method) {
    clips c;
    sp_bounds bounds;
    clips_init(&c, 32, &wide, MOST_CLIPS);
    const size_t three = device_bytes(&c, 0, 3, method);
    assert_int_equal(device_room(&c, method), 1);
    select_backend(device_id(), three + 256);
    assert_int_equal(device_room(&c, method), 3);
    assert_int_equal(bounds_of_clips(NULL, &bounds, &c, 4, method), SP_E_ARGUMENT);
    assert_null(bounds.self);
    assert_int_equal(bounds_of_clips(NULL, &bounds, &c, 3, method), SP_OK);
    bounds_destroy(&bounds);
    select_backend("cpu", 0);
    clips_clear(&c);
}

static void room_is_what_fits(void **state) {
    (void)state;
    check_room(&exact);
    check_room(&chosen);
}

/* The longest clip stands first, and room is counted for it. */
static void batches_are_ordered(void **state) {
    static const size_t frames[MOST_CLIPS] = {4, 3, 3, 1, 1};
    const sp_front_bound *wrong[2];
    clips c;
    sp_bounds bounds;
    sp_error err;
    (void)state;
    clips_mixed(&c, 36, &wide, frames, MOST_CLIPS);
    select_backend(device_id(), device_bytes(&c, 0, 2, &exact) + 256);
    assert_int_equal(device_room(&c, &exact), 2);
    assert_true(device_bytes(&c, 3, 2, &exact) < device_bytes(&c, 0, 2, &exact));
    assert_int_equal(bounds_of_clips(NULL, &bounds, &c, 3, &exact), SP_E_ARGUMENT);
    assert_int_equal(bounds_of_clips(NULL, &bounds, &c, 2, &exact), SP_OK);
    bounds_destroy(&bounds);
    wrong[0] = c.front[1];
    wrong[1] = c.front[0];
    bounds.task.fronts = wrong;
    assert_int_equal(bounds_create(&err, &bounds, &exact), SP_E_ARGUMENT);
    assert_non_null(strstr(err.text, "4 frames"));
    assert_null(bounds.self);
    select_backend("cpu", 0);
    clips_clear(&c);
}

/* Time that is up leaves nothing behind. */
static void time_limits_hold(void **state) {
    static const size_t frames[3] = {4, 2, 1};
    clips c;
    sp_bounds bounds;
    (void)state;
    clips_mixed(&c, 37, &wide, frames, 3);
    select_backend(device_id(), device_bytes(&c, 0, 3, &exact) + 256);
    bounds.task = clips_task(&c, 3);
    bounds.task.deadline = sp_clock_wall() - 1.0;
    assert_int_equal(bounds_create(NULL, &bounds, &exact), SP_E_TIMEOUT);
    assert_null(bounds.self);
    bounds.task.deadline = sp_clock_wall() + 1000.0;
    assert_int_equal(bounds_create(NULL, &bounds, &exact), SP_OK);
    bounds_destroy(&bounds);
    select_backend("cpu", 0);
    clips_clear(&c);
}

static size_t bytes_moved(const clips *c, size_t count, const double *weight, size_t rows) {
    double lower[MOST_CLIPS * SOME_ROWS], error[MOST_CLIPS * SOME_ROWS];
    sp_bounds bounds;
    assert_int_equal(bounds_of_clips(NULL, &bounds, c, count, &exact), SP_OK);
    assert_int_equal(bounds_margins(NULL, &bounds, lower, error, weight, rows), SP_OK);
    const size_t moved = bounds_moved(&bounds);
    bounds_destroy(&bounds);
    return moved;
}

/* Inputs: what is read of a clip's front end, as far as it goes; outputs: bounds and error terms of
 * its rows, the boxes of its logits and of what the last layer reads. Arrays start at 64 bytes,
 * under sanitizers with a red zone before: lines are followed by a gap. */
static void little_is_moved(void **state) {
    enum { ROWS = 3, EDGES = 4 };
    const size_t gap = sp_test_sanitized() ? 16 : 8;
    static const size_t frames[2][MOST_CLIPS] = {{8, 8, 8, 8, 8}, {8, 7, 3, 3, 1}};
    sp_toy_shape shape = wide;
    double weight[MOST_CLIPS * ROWS * 4];
    sp_rng rng;
    (void)state;
    shape.frame = 40;
    shape.step = 30;
    sp_rng_init(&rng, 3);
    random_rows(&rng, weight, MOST_CLIPS * ROWS * 4);
    select_backend(device_id(), 0);
    for (size_t k = 0; k < 2; k++) {
        clips c;
        clips_mixed(&c, 33, &shape, frames[k], MOST_CLIPS);
        size_t before = bytes_moved(&c, 1, weight, ROWS);
        for (size_t i = 1; i < MOST_CLIPS; i++) { // what clip i adds to those before it
            const size_t all = bytes_moved(&c, i + 1, weight, ROWS), moved = all - before;
            before = all;
            const sp_front_bound *f = c.front[i];
            const size_t lines = f->frames * 3 * (2 * f->bands + gap);
            const size_t inputs = f->frames * f->forms * (f->frame + 1) +
                                  f->frames * (3 * f->bands + 1) + f->padded + ROWS * 4;
            const size_t allowed =
                8 * (lines + inputs + 2 * ROWS + 2 * (4 + shape.hidden) + EDGES * gap);
            if (moved > allowed) {
                fail_msg("%zu bytes are moved for clip %zu, %zu allowed", moved, i, allowed);
            }
        }
        clips_clear(&c);
    }
    select_backend("cpu", 0);
}

/* ---- several threads, each with a queue ---- */

typedef struct crowd {
    const clips *c;
    double lower[MOST_CLIPS];
} crowd;

static void bound_one(void *context, size_t index) {
    crowd *work = context;
    const double row[4] = {1.0, -1.0, 0.5, 0.0};
    sp_bounds bounds;
    work->lower[index] = NAN;
    if (bounds_of_clip(NULL, &bounds, work->c, index, &exact) == SP_OK) {
        if (bounds_margins(NULL, &bounds, &work->lower[index], NULL, row, 1) != SP_OK) {
            work->lower[index] = NAN;
        }
        bounds_destroy(&bounds);
    }
}

static void queues_wait_for_memory(void **state) {
    clips c;
    crowd one = {.c = &c}, many = {.c = &c};
    (void)state;
    clips_init(&c, 35, &wide, MOST_CLIPS);
    const size_t need = device_bytes(&c, 0, 1, &exact);
    select_backend(device_id(), need + need / 2); // room for one at a time
    for (size_t i = 0; i < MOST_CLIPS; i++) {
        bound_one(&one, i);
    }
    assert_int_equal(sp_pool_start(3), SP_OK);
    sp_pool_run(MOST_CLIPS, 0, bound_one, &many);
    sp_pool_stop();
    assert_memory_equal(one.lower, many.lower, sizeof one.lower);
    for (size_t i = 0; i < MOST_CLIPS; i++) {
        assert_true(isfinite(one.lower[i]));
    }
    select_backend("cpu", 0);
    clips_clear(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_what_fits),      cmocka_unit_test(batches_are_ordered),
        cmocka_unit_test(time_limits_hold),       cmocka_unit_test(little_is_moved),
        cmocka_unit_test(queues_wait_for_memory),
    };
    return cmocka_run_group_tests_name("lstm/device_room", tests, NULL, NULL);
}
