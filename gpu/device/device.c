/* Backends whose operations are kernels: what is launched, how wide, and on which memory. The same
 * for the device and for its emulation. */
#include <stdlib.h>

#include "gpu/impl.h"
#include "gpu/kernel/kernel_boxes.h"
#include "gpu/kernel/kernel_cells.h"
#include "gpu/kernel/kernel_cuts.h"
#include "gpu/kernel/kernel_rows.h"
#include "gpu/kernel/kernel_units.h"

static size_t unit_blocks(size_t count) {
    const size_t blocks = (count + SP_GPU_BLOCK_LANES - 1) / SP_GPU_BLOCK_LANES;
    return blocks < SP_GPU_MOST_BLOCKS ? blocks : SP_GPU_MOST_BLOCKS;
}

size_t sp_gpu_device_blocks(sp_gpu_op op, const void *args) {
    switch (op) {
#define ROW_CASE(name)                                                                             \
    case SP_GPU_OP_##name:                                                                         \
        return (((const sp_gpu_##name##_args *)args)->at.rows + SP_GPU_BLOCK_ROWS - 1) /           \
               SP_GPU_BLOCK_ROWS;
#define UNIT_CASE(name)                                                                            \
    case SP_GPU_OP_##name:                                                                         \
        return unit_blocks(sp_gpu_count_##name(args));
        SP_GPU_ROW_OPS(ROW_CASE)
        SP_GPU_UNIT_OPS(UNIT_CASE)
#undef ROW_CASE
#undef UNIT_CASE
    default:
        return 0;
    }
}

/* The memory of the one device that is selected. */
static struct {
    void *memory; /* of the driver */
    sp_gpu_space *space;
} device;

static sp_status device_begin(sp_error *err, const sp_gpu_driver *driver, size_t *memory) {
    SP_TRY(driver->begin(err, &device.memory, memory));
    device.space = sp_gpu_space_create(device.memory, *memory);
    if (device.space == NULL) {
        driver->end(device.memory);
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    *memory = sp_gpu_space_size(device.space);
    return SP_OK;
}

static void device_end(const sp_gpu_driver *driver) {
    sp_gpu_space_destroy(device.space);
    driver->end(device.memory);
    device.space = NULL;
    device.memory = NULL;
}

static void *device_take(size_t bytes) {
    return sp_gpu_space_take(device.space, bytes);
}

static void device_release(void *block) {
    sp_gpu_space_release(device.space, block);
}

static void device_write(sp_gpu *gpu, void *to, const void *from, size_t bytes) {
    gpu->table->driver->write(gpu->stream, to, from, bytes);
}

static void device_read(sp_gpu *gpu, void *to, const void *from, size_t bytes) {
    gpu->table->driver->read(gpu->stream, to, from, bytes);
}

static void device_run(sp_gpu *gpu, sp_gpu_op op, const void *args) {
    const size_t blocks = sp_gpu_device_blocks(op, args);
    if (blocks > 0) {
        gpu->counts.launches++;
        gpu->table->driver->launch(gpu->stream, op, blocks, args);
    }
}

static void device_multiply(sp_gpu *gpu, const sp_gpu_multiply_args *args) {
    gpu->counts.launches++;
    gpu->table->driver->multiply(gpu->stream, args);
}

static void device_multiply_single(sp_gpu *gpu, const sp_gpu_multiply_single_args *args) {
    gpu->counts.launches++;
    gpu->table->driver->multiply_single(gpu->stream, args);
}

static const char *cuda_name(void) {
    return sp_gpu_cuda_driver.name();
}

static const char *emulator_name(void) {
    return sp_gpu_emulator_driver.name();
}

const sp_gpu_table sp_gpu_cuda_table = {
    "cuda",      &sp_gpu_cuda_driver, cuda_name,       device_begin,
    device_end,  device_take,         device_release,  device_write,
    device_read, device_run,          device_multiply, device_multiply_single,
};

const sp_gpu_table sp_gpu_emulator_table = {
    "emulator",      &sp_gpu_emulator_driver, emulator_name, device_begin, device_end,
    device_take,     device_release,          device_write,  device_read,  device_run,
    device_multiply, device_multiply_single,
};
