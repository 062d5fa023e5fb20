/* Every kernel, as a device would run it, against the CPU's own loops; with its lanes in any order,
 * and with a thread per lane. */
#include "tests/gpu/case_fill.h"

#include <pthread.h>
#include <stdio.h>

#include "gpu/device/emulator.h"

static const char *const op_names[] = {
#define NAME(name) #name,
    SP_GPU_OPS(NAME)
#undef NAME
};

static size_t repetitions(void) {
    return sp_test_long() ? 2000 : sp_test_sanitized() ? 20 : 150;
}

static bool is_sum(const gpu_case *c, size_t i) {
    for (size_t k = 0; k < c->sum_count; k++) {
        if (i >= c->sums[k].first && i < c->sums[k].first + c->sums[k].count) {
            return true;
        }
    }
    return false;
}

/* Bit for bit, but for sums: n terms of at most 4 each, added in another order. */
static void compare(const gpu_case *c, sp_gpu_op op, const double *a, const double *b,
                    uint64_t seed) {
    const bool emulated = strcmp(sp_gpu_id(), "cuda") != 0;
    if (!emulated && op == SP_GPU_OP_planes) {
        return; // another libm may take other points: tests/lstm/ hold the planes to their contract
    }
    for (size_t i = 0; i < c->used; i++) {
        const bool near = (is_sum(c, i) || (!emulated && op == SP_GPU_OP_ranges)) &&
                          fabs(a[i] - b[i]) <= 1e-13 * (double)(c->n + 60);
        if (memcmp(a + i, b + i, sizeof *a) != 0 && !near) {
            fail_msg("%s, seed %llu: element %zu of %zu is %a and %a (%zu clips, %zu rows each, n "
                     "%zu)",
                     op_names[op], (unsigned long long)seed, i, c->used, a[i], b[i], c->clips,
                     c->span, c->n);
        }
    }
}

static double *take_data(void) {
    double *data = aligned_alloc(64, CASE_SIZE * sizeof *data);
    assert_non_null(data);
    return data;
}

static void kernels_agree_with_the_cpu(void **state) {
    double *data = take_data(), *on_cpu = take_data(), *on_device = take_data();
    sp_gpu *cpu = NULL, *device = NULL;
    (void)state;
    const char *id = getenv("SOUNDPROOF_BACKEND"); // make check-gpu
    assert_int_equal(sp_gpu_select(NULL, id != NULL ? id : "emulator", CASE_SIZE * sizeof(double)),
                     SP_OK);
    assert_int_equal(sp_gpu_open(NULL, &cpu, true), SP_OK);
    assert_int_equal(sp_gpu_open(NULL, &device, false), SP_OK);
    assert_true(sp_gpu_is_host(cpu) && !sp_gpu_is_host(device));
    double *there = sp_gpu_take(device, CASE_SIZE * sizeof(double));
    assert_non_null(there);
    for (sp_gpu_op op = 0; op < SP_GPU_OP_COUNT; op++) {
        for (size_t i = 0; i < repetitions(); i++) {
            const uint64_t seed = sp_test_seed() + 1000 * (uint64_t)op + i;
            gpu_case here, far;
            case_init(&here, data, seed, op, on_cpu);
            memcpy(on_cpu, data, here.used * sizeof *data);
            sp_gpu_run(cpu, op, &here.args);
            case_init(&far, data, seed, op, there);
            sp_gpu_write(device, there, data, far.used * sizeof *data);
            sp_gpu_run(device, op, &far.args);
            sp_gpu_read(device, on_device, there, far.used * sizeof *data);
            assert_int_equal(sp_gpu_sync(NULL, device), SP_OK);
            compare(&here, op, on_cpu, on_device, seed);
        }
    }
    sp_gpu_release(device, there);
    sp_gpu_close(device);
    sp_gpu_close(cpu);
    assert_int_equal(sp_gpu_select(NULL, "cpu", 0), SP_OK);
    free(on_device);
    free(on_cpu);
    free(data);
}

/* Elements beyond the largest grid: the last blocks stride. */
static void grids_stride_over_large_work(void **state) {
    const size_t rows = 1001, n = 257;
    double *from = malloc(rows * n * sizeof *from), *to = malloc(rows * n * sizeof *to);
    (void)state;
    assert_non_null(from);
    assert_non_null(to);
    assert_true(rows * n > (size_t)SP_GPU_MOST_BLOCKS * SP_GPU_BLOCK_LANES);
    for (size_t i = 0; i < rows * n; i++) {
        from[i] = (double)i;
        to[i] = NAN;
    }
    const sp_gpu_copy_args copy = {rows, n, from, n, rows, to, n};
    const size_t blocks = sp_gpu_device_blocks(SP_GPU_OP_copy, &copy);
    assert_int_equal(blocks, SP_GPU_MOST_BLOCKS);
    sp_gpu_emulator_run(SP_GPU_OP_copy, blocks, &copy);
    assert_memory_equal(from, to, rows * n * sizeof *to);
    free(from);
    free(to);
}

/* ---- a thread per lane ---- */

typedef struct crew {
    const sp_gpu_emulated *kernel;
    const void *args;
    size_t blocks;
    double shared[SP_GPU_SHARED];
    pthread_barrier_t barrier;
} crew;

typedef struct crew_lane {
    crew *crew;
    unsigned lane;
} crew_lane;

static void *run_lane(void *context) {
    const crew_lane *me = context;
    crew *c = me->crew;
    for (size_t b = 0; b < c->blocks; b++) {
        for (int phase = 0; phase < c->kernel->phases; phase++) {
            const sp_gpu_at at = {b, c->blocks, me->lane, c->shared};
            c->kernel->lane(c->args, at, phase);
            pthread_barrier_wait(&c->barrier);
        }
    }
    return NULL;
}

static void run_crew(sp_gpu_op op, size_t blocks, const void *args) {
    crew c = {.kernel = sp_gpu_emulator_kernel(op), .args = args, .blocks = blocks};
    pthread_t thread[SP_GPU_BLOCK_LANES];
    crew_lane lane[SP_GPU_BLOCK_LANES];
    assert_int_equal(pthread_barrier_init(&c.barrier, NULL, SP_GPU_BLOCK_LANES), 0);
    for (unsigned i = 0; i < SP_GPU_BLOCK_LANES; i++) {
        lane[i] = (crew_lane){&c, i};
        assert_int_equal(pthread_create(&thread[i], NULL, run_lane, &lane[i]), 0);
    }
    for (unsigned i = 0; i < SP_GPU_BLOCK_LANES; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    pthread_barrier_destroy(&c.barrier);
}

static void lanes_as_threads_change_no_bit(void **state) {
    double *data = take_data(), *one = take_data(), *many = take_data();
    (void)state;
    for (sp_gpu_op op = 0; op < SP_GPU_OP_COUNT; op++) {
        for (size_t i = 0; i < 2; i++) {
            const uint64_t seed = sp_test_seed() + 7000 * (uint64_t)op + i;
            gpu_case a, b;
            case_init(&a, data, seed, op, one);
            memcpy(one, data, a.used * sizeof *data);
            sp_gpu_emulator_run(op, sp_gpu_device_blocks(op, &a.args), &a.args);
            case_init(&b, data, seed, op, many);
            memcpy(many, data, b.used * sizeof *data);
            run_crew(op, sp_gpu_device_blocks(op, &b.args), &b.args);
            assert_memory_equal(one, many, a.used * sizeof *one);
        }
    }
    free(many);
    free(one);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_with_the_cpu),
        cmocka_unit_test(grids_stride_over_large_work),
        cmocka_unit_test(lanes_as_threads_change_no_bit),
    };
    return cmocka_run_group_tests_name("gpu/kernels", tests, NULL, NULL);
}
