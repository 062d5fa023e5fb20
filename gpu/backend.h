/* Where bound propagation computes: a backend has memory of its own and runs operations on it, one
 * after the other, on a queue.
 *
 *   cpu       OpenBLAS and vector loops; its memory is the program's. Many threads may run
 *             operations on one queue, on different rows
 *   cuda      cuBLAS and the kernels of kernel_*.h, on the first device; one thread per queue
 *   emulator  those kernels, block by block and lane by lane, on the CPU; for tests
 *
 * Each operation has one structure of arguments (ops.h) and is called as
 *     sp_gpu_product(gpu, &(sp_gpu_product_args){...});
 * Operations may return before they are done: only sp_gpu_read and sp_gpu_sync wait. Memory that a
 * backend handed out is touched by its operations alone, unless sp_gpu_is_host. Nothing here
 * allocates while it computes; results do not depend on the number of threads or blocks. */
#ifndef SP_GPU_BACKEND_H
#define SP_GPU_BACKEND_H

#include "base/status.h"
#include "gpu/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_gpu - a queue of operations on a backend. */
typedef struct sp_gpu sp_gpu;

/** sp_gpu_init - once per process: pins OpenBLAS to the calling thread (our pool makes the
 *  threads). */
void sp_gpu_init(void);
/** sp_gpu_check - whether OpenBLAS computes products of matrices on this processor: compared once
 *  per process with plain sums. SP_E_NUMERIC when not: then nothing may be certified. */
SP_NODISCARD sp_status sp_gpu_check(sp_error *err);
/** sp_gpu_fitting_kernels - the OPENBLAS_CORETYPE for the instructions of this processor, where an
 *  older OpenBLAS fell back to kernels without AVX2; NULL: it did not. OpenBLAS reads that
 *  variable when the program starts. */
const char *sp_gpu_fitting_kernels(void);

/** sp_gpu_select - the backend of all queues that are opened from now on: "cpu" (at start), "cuda"
 *  or "emulator". `memory`: bytes of the device that may be used, planned and taken here; 0: what
 *  is free. Call it when no queue is open. SP_E_UNSUPPORTED: not built in, or no device, in one
 *  line; the CPU is selected then. */
SP_NODISCARD sp_status sp_gpu_select(sp_error *err, const char *id, size_t memory);
/** sp_gpu_id, sp_gpu_name - "cuda"; "cuda (NVIDIA ..., 80 GB)" for messages and benchmarks. */
const char *sp_gpu_id(void);
const char *sp_gpu_name(void);
/** sp_gpu_memory - bytes that all queues together may take; SIZE_MAX for the CPU. */
size_t sp_gpu_memory(void);

/** sp_gpu_open - a queue on the selected backend; host true: on the CPU whatever was selected. */
SP_NODISCARD sp_status sp_gpu_open(sp_error *err, sp_gpu **gpu, bool host);
void sp_gpu_close(sp_gpu *gpu);
/** sp_gpu_is_host - whether its memory is the program's own. */
bool sp_gpu_is_host(const sp_gpu *gpu);

/** sp_gpu_take - memory of the backend, 256-byte aligned, not initialised; waits until other queues
 *  have released enough of theirs: whoever waits must hold none. NULL: does not fit at all. */
void *sp_gpu_take(sp_gpu *gpu, size_t bytes);
void sp_gpu_release(sp_gpu *gpu, void *block);
/** sp_gpu_write - to the backend; sp_gpu_read - from it, after all operations before. */
void sp_gpu_write(sp_gpu *gpu, void *to, const void *from, size_t bytes);
void sp_gpu_read(sp_gpu *gpu, void *to, const void *from, size_t bytes);
/** sp_gpu_sync - waits, and tells whether anything on this queue failed since it was opened: no
 *  result may be used before. */
SP_NODISCARD sp_status sp_gpu_sync(sp_error *err, sp_gpu *gpu);

/** sp_gpu_counts - what went through a queue. */
typedef struct sp_gpu_counts {
    size_t written, read, launches; /* bytes, bytes, operations and products */
} sp_gpu_counts;
sp_gpu_counts sp_gpu_counted(const sp_gpu *gpu);

/** sp_gpu_profile - what queues spent their time on; entry SP_GPU_OP_COUNT is products of matrices.
 */
typedef struct sp_gpu_profile {
    double seconds[SP_GPU_OP_COUNT + 1];
    size_t calls[SP_GPU_OP_COUNT + 1];
    double flops; /* of the products of matrices */
} sp_gpu_profile;
/** sp_gpu_profile_into - queues that are opened from now on wait for each operation and add its
 *  time to *profile; NULL: they do not. sp_gpu_op_name - "product"; "multiply" for
 *  SP_GPU_OP_COUNT. */
void sp_gpu_profile_into(sp_gpu_profile *profile);
const char *sp_gpu_op_name(size_t op);

/** sp_gpu_multiply_args - c[m, n] = a[m, k] b[k, n] + beta c[m, n], beta 0 or 1; transposed: b is
 *  stored as [n, k]. Repeated `count` times, the matrices a_step, b_step, c_step apart. Every entry
 *  is a sum of k products in some order: its error is at most gamma_{k+1} |a| |b| (+ |c|). */
typedef struct sp_gpu_multiply_args {
    size_t m, n, k;
    const double *a, *b;
    double *c;
    size_t lda, ldb, ldc;
    bool transposed;
    double beta;
    size_t count, a_step, b_step, c_step;
} sp_gpu_multiply_args;
void sp_gpu_multiply(sp_gpu *gpu, const sp_gpu_multiply_args *args);

/** sp_gpu_multiply_single_args - c[m, n] = a[m, k] b[k, n] in floats, repeated like the above. With
 *  entries of a and b that are 0 or of SP_GPU_TINY to 2^60 the error is at most
 *  gamma_{2k+2} of single precision times |a| |b| (a rounding to floats of both included): k + 2
 *  roundings, and k sums below 2^-126 that may become 0 beside terms above 2^-100. */
typedef struct sp_gpu_multiply_single_args {
    size_t m, n, k;
    const float *a, *b;
    float *c;
    size_t lda, ldb, ldc, count, a_step, b_step, c_step;
} sp_gpu_multiply_single_args;
void sp_gpu_multiply_single(sp_gpu *gpu, const sp_gpu_multiply_single_args *args);

/** sp_gpu_run - one of the operations below. */
void sp_gpu_run(sp_gpu *gpu, sp_gpu_op op, const void *args);
#define SP_GPU_OP_CALL(name)                                                                       \
    static inline void sp_gpu_##name(sp_gpu *gpu, const sp_gpu_##name##_args *args) {              \
        sp_gpu_run(gpu, SP_GPU_OP_##name, args);                                                   \
    }
SP_GPU_OPS(SP_GPU_OP_CALL)
#undef SP_GPU_OP_CALL

/* ---- on the program's memory ---- */

/** sp_gpu_gemm - c[m,n] = a[m,k] b[k,n] + beta c[m,n], beta 0 or 1; transposed: b is stored as
 *  [n,k]. Every entry is a sum of k products in some order: its error is at most gamma_{k+1} |a|
 *  |b| (+ |c|). */
void sp_gpu_gemm(size_t m, size_t n, size_t k, const double *a, size_t lda, const double *b,
                 size_t ldb, bool transposed, double beta, double *c, size_t ldc);

/** sp_gpu_affine_interval - the operation `interval`, on the program's memory. */
void sp_gpu_affine_interval(const sp_gpu_interval_args *args);

#ifdef __cplusplus
}
#endif
#endif
