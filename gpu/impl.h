/* Private to gpu/: what a backend is made of.
 *
 * cpu       OpenBLAS and vector loops over memory of the host (cpu.c, cpu_menu.c)
 * device    kernels of kernel_*.h, launched by device.c through a driver:
 *   cuda      streams and cuBLAS (cuda.cu)
 *   emulator  the same grids and blocks on the CPU (emulator.c), for tests and for doubters */
#ifndef SP_GPU_IMPL_H
#define SP_GPU_IMPL_H

#include <stdint.h>

#include "gpu/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_gpu_driver - what a device does for device.c: memory, copies, launches. Everything on a
 *  stream runs in order; failures stay with the stream until sync tells them. */
typedef struct sp_gpu_driver {
    uint64_t layout; /* sp_gpu_layout() of the headers it was compiled with */
    const char *(*name)(void);
    /* The device's memory: *bytes of it, or what is free when that is 0. Or why there is none. */
    sp_status (*begin)(sp_error *err, void **memory, size_t *bytes);
    void (*end)(void *memory);
    sp_status (*open)(sp_error *err, void **stream);
    void (*close)(void *stream);
    void (*write)(void *stream, void *to, const void *from, size_t bytes);
    void (*read)(void *stream, void *to, const void *from, size_t bytes);
    sp_status (*sync)(sp_error *err, void *stream);
    void (*launch)(void *stream, sp_gpu_op op, size_t blocks, const void *args);
    void (*multiply)(void *stream, const sp_gpu_multiply_args *args);
    void (*multiply_single)(void *stream, const sp_gpu_multiply_single_args *args);
} sp_gpu_driver;

/** sp_gpu_layout - a number that changes with the arguments of the operations. */
static inline uint64_t sp_gpu_layout(void) {
    uint64_t sum = sizeof(sp_gpu_multiply_args) + 7 * sizeof(sp_gpu_multiply_single_args) +
                   sizeof(sp_gpu_driver);
#define SP_GPU_LAYOUT(name) sum = sum * 31 + sizeof(sp_gpu_##name##_args);
    SP_GPU_OPS(SP_GPU_LAYOUT)
#undef SP_GPU_LAYOUT
    return sum;
}

/** sp_gpu_table - the operations of a backend on its queues. */
typedef struct sp_gpu_table {
    const char *id;
    const sp_gpu_driver *driver; /* NULL: the CPU */
    const char *(*name)(void);
    /* Reserves *memory bytes (0: what is free; then says how much that is), or says in one line why
     * there is no such backend. */
    sp_status (*begin)(sp_error *err, const sp_gpu_driver *driver, size_t *memory);
    void (*end)(const sp_gpu_driver *driver);
    void *(*take)(size_t bytes); /* NULL: does not fit now */
    void (*release)(void *block);
    void (*write)(sp_gpu *gpu, void *to, const void *from, size_t bytes);
    void (*read)(sp_gpu *gpu, void *to, const void *from, size_t bytes);
    void (*run)(sp_gpu *gpu, sp_gpu_op op, const void *args);
    void (*multiply)(sp_gpu *gpu, const sp_gpu_multiply_args *args);
    void (*multiply_single)(sp_gpu *gpu, const sp_gpu_multiply_single_args *args);
} sp_gpu_table;

struct sp_gpu {
    const sp_gpu_table *table;
    void *stream; /* of the driver */
    sp_gpu_counts counts;
    sp_gpu_profile *profile; /* or NULL */
};

extern const sp_gpu_table sp_gpu_cpu_table, sp_gpu_cuda_table, sp_gpu_emulator_table;
extern const sp_gpu_driver sp_gpu_cuda_driver, sp_gpu_emulator_driver;

const char *sp_gpu_cpu_name(void);
/** sp_gpu_gemm_single - c[m,n] = a[m,k] b[k,n] in floats. */
void sp_gpu_gemm_single(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                        size_t ldb, float *c, size_t ldc);

/** sp_gpu_check_queue - sp_gpu_check for the backend of a queue (check.c). */
SP_NODISCARD sp_status sp_gpu_check_queue(sp_error *err, sp_gpu *gpu);

/** sp_gpu_device_blocks - the number of blocks of an operation; 0: nothing to do. */
size_t sp_gpu_device_blocks(sp_gpu_op op, const void *args);

/** sp_gpu_space - a block of memory that is handed out in pieces (first fit), thread-safe. Taking
 *  waits for others to release theirs; NULL: larger than the block. */
typedef struct sp_gpu_space sp_gpu_space;
sp_gpu_space *sp_gpu_space_create(void *arena, size_t bytes);
void sp_gpu_space_destroy(sp_gpu_space *space);
void *sp_gpu_space_take(sp_gpu_space *space, size_t bytes);
void sp_gpu_space_release(sp_gpu_space *space, void *block);
size_t sp_gpu_space_size(const sp_gpu_space *space);

#ifdef __cplusplus
}
#endif
#endif
