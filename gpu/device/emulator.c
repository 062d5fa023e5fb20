/* The device's kernels on the CPU: the same grids, blocks, lanes and phases. Lanes of a phase run
 * in an order that changes from phase to phase, so that no result can depend on one. Memory of the
 * emulated device is closed to the program while no operation runs: what touches it outside of one
 * ends with a signal, as it would on a device. */
#define _DEFAULT_SOURCE // MAP_ANONYMOUS
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu/device/emulator.h"
#include "gpu/kernel/kernel_boxes.h"
#include "gpu/kernel/kernel_cells.h"
#include "gpu/kernel/kernel_cuts.h"
#include "gpu/kernel/kernel_rows.h"
#include "gpu/kernel/kernel_units.h"

enum { EMULATED_MEMORY = 1 << 30 };

/* ---- kernels ---- */

#define LANE_OF_ROWS(name)                                                                         \
    static void lane_##name(const void *args, sp_gpu_at at, int phase) {                           \
        sp_gpu_kernel_##name(args, at, phase);                                                     \
    }
#define LANE_OF_UNITS(name)                                                                        \
    static void lane_##name(const void *args, sp_gpu_at at, int phase) {                           \
        const size_t count = sp_gpu_count_##name(args);                                            \
        (void)phase;                                                                               \
        for (size_t i = at.block * SP_GPU_BLOCK_LANES + at.lane; i < count;                        \
             i += at.blocks * SP_GPU_BLOCK_LANES) {                                                \
            sp_gpu_unit_##name(args, i);                                                           \
        }                                                                                          \
    }
SP_GPU_ROW_OPS(LANE_OF_ROWS)
SP_GPU_UNIT_OPS(LANE_OF_UNITS)

static const sp_gpu_emulated kernels[] = {
#define ROWS_ENTRY(name) [SP_GPU_OP_##name] = {lane_##name, SP_GPU_ROW_PHASES},
#define UNITS_ENTRY(name) [SP_GPU_OP_##name] = {lane_##name, 1},
    SP_GPU_ROW_OPS(ROWS_ENTRY) SP_GPU_UNIT_OPS(UNITS_ENTRY)};

const sp_gpu_emulated *sp_gpu_emulator_kernel(sp_gpu_op op) {
    return &kernels[op];
}

/* Odd steps through a power of two meet every lane once. */
static unsigned nth_lane(unsigned i, size_t block, int phase) {
    const unsigned step = 2 * (unsigned)((block + (size_t)phase) % 61) + 1;
    return (i * step + (unsigned)phase * 37) % SP_GPU_BLOCK_LANES;
}

void sp_gpu_emulator_run(sp_gpu_op op, size_t blocks, const void *args) {
    const sp_gpu_emulated *kernel = &kernels[op];
    double shared[SP_GPU_SHARED];
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = 0; i < SP_GPU_SHARED; i++) {
            shared[i] = NAN; // nothing may be read that was not written
        }
        for (int phase = 0; phase < kernel->phases; phase++) {
            for (unsigned i = 0; i < SP_GPU_BLOCK_LANES; i++) {
                const sp_gpu_at at = {b, blocks, nth_lane(i, b, phase), shared};
                kernel->lane(args, at, phase);
            }
        }
    }
}

/* ---- the emulated device ---- */

static struct {
    pthread_mutex_t lock;
    void *memory;
    size_t bytes, users;
} device = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void enter(void) {
    pthread_mutex_lock(&device.lock);
    if (device.users++ == 0) {
        mprotect(device.memory, device.bytes, PROT_READ | PROT_WRITE);
    }
    pthread_mutex_unlock(&device.lock);
}

static void leave(void) {
    pthread_mutex_lock(&device.lock);
    if (--device.users == 0) {
        mprotect(device.memory, device.bytes, PROT_NONE);
    }
    pthread_mutex_unlock(&device.lock);
}

static const char *name(void) {
    return "emulator (the CUDA kernels on the CPU)";
}

static sp_status begin(sp_error *err, void **memory, size_t *bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t wanted = *bytes > 0 ? *bytes : EMULATED_MEMORY;
    const size_t size = wanted > (size_t)PTRDIFF_MAX ? 0 : (wanted + page - 1) / page * page;
    void *block =
        size == 0 ? MAP_FAILED
                  : mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) {
        return sp_fail(err, SP_E_MEMORY, "no %.0f MB for the emulated device",
                       (double)wanted / 1e6);
    }
    device.memory = *memory = block;
    device.bytes = size;
    *bytes = wanted;
    return SP_OK;
}

static void end(void *memory) {
    munmap(memory, device.bytes);
    device.memory = NULL;
}

static sp_status open_stream(sp_error *err, void **stream) {
    (void)err;
    *stream = NULL;
    return SP_OK;
}

static void close_stream(void *stream) {
    (void)stream;
}

static void copy(void *stream, void *to, const void *from, size_t bytes) {
    (void)stream;
    enter();
    memcpy(to, from, bytes);
    leave();
}

static sp_status sync_stream(sp_error *err, void *stream) {
    (void)err;
    (void)stream;
    return SP_OK;
}

static void launch(void *stream, sp_gpu_op op, size_t blocks, const void *args) {
    (void)stream;
    enter();
    sp_gpu_emulator_run(op, blocks, args);
    leave();
}

static void multiply(void *stream, const sp_gpu_multiply_args *args) {
    (void)stream;
    enter();
    sp_gpu_cpu_table.multiply(NULL, args);
    leave();
}

static void multiply_single(void *stream, const sp_gpu_multiply_single_args *args) {
    (void)stream;
    enter();
    sp_gpu_cpu_table.multiply_single(NULL, args);
    leave();
}

const sp_gpu_driver sp_gpu_emulator_driver = {0,           name,         begin,    end,
                                              open_stream, close_stream, copy,     copy,
                                              sync_stream, launch,       multiply, multiply_single};
