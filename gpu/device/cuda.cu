/* The CUDA driver: one arena of device memory, a stream and a cuBLAS handle per queue, and the
 * kernels of kernel_*.h as they stand. Compiled without fused multiply-add, flushing or approximate
 * division (Makefile). CUDA's exp, log, tanh, log1p and expm1 are within 2 ulp (CUDA C++
 * Programming Guide, appendix on mathematical functions), inside the 4 of relax/scalar.h.
 *
 * Failures stick to the stream: everything after the first is skipped, and sync tells it. */
#include <cstdio>
#include <cstring>
#include <new>

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "gpu/device/cuda_kernels.cuh"
#include "gpu/impl.h"

/* ---- kernels ---- */

static const void *kernel_of(sp_gpu_op op) {
    switch (op) {
#define KERNEL_CASE(op)                                                                            \
    case SP_GPU_OP_##op:                                                                           \
        return (const void *)soundproof_##op;
        SP_GPU_OPS(KERNEL_CASE)
#undef KERNEL_CASE
    default:
        return nullptr;
    }
}

/* ---- streams ---- */

struct queue {
    cudaStream_t stream;
    cublasHandle_t blas;
    cudaError_t failed;
    cublasStatus_t blas_failed;
};

static bool works(const queue *q) {
    return q->failed == cudaSuccess && q->blas_failed == CUBLAS_STATUS_SUCCESS;
}

static void note(queue *q, cudaError_t status) {
    if (q->failed == cudaSuccess) {
        q->failed = status;
    }
}

static const char *name(void) {
    static char text[sizeof(cudaDeviceProp::name) + 64];
    cudaDeviceProp device;
    if (text[0] == '\0') {
        if (cudaGetDeviceProperties(&device, 0) != cudaSuccess) {
            return "cuda";
        }
        snprintf(text, sizeof text, "cuda (%s, compute capability %d.%d, %.0f GB)", device.name,
                 device.major, device.minor, (double)device.totalGlobalMem / 1e9);
    }
    return text;
}

static sp_status begin(sp_error *err, void **memory, size_t *bytes) {
    int devices = 0;
    size_t unused = 0, total = 0;
    cudaError_t status = cudaGetDeviceCount(&devices);
    if (status != cudaSuccess || devices == 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "no CUDA device can be used (%s): --backend cpu computes the same",
                       status != cudaSuccess ? cudaGetErrorString(status) : "none is there");
    }
    status = cudaMemGetInfo(&unused, &total);
    if (status == cudaSuccess) {
        // what cuBLAS and the stacks of the kernels take for themselves is left
        *bytes = *bytes > 0 ? *bytes : unused / 10 * 9;
        status = cudaMalloc(memory, *bytes);
    }
    if (status != cudaSuccess) {
        return sp_fail(err, SP_E_MEMORY,
                       "%.0f MB of device memory cannot be had (%s): %.0f MB of %.0f are free",
                       (double)*bytes / 1e6, cudaGetErrorString(status), (double)unused / 1e6,
                       (double)total / 1e6);
    }
    return SP_OK;
}

static void end(void *memory) {
    cudaFree(memory);
}

static void close_stream(void *stream) {
    queue *q = static_cast<queue *>(stream);
    if (q != nullptr) {
        if (q->stream != nullptr) {
            cudaStreamSynchronize(q->stream);
        }
        if (q->blas != nullptr) {
            cublasDestroy(q->blas);
        }
        if (q->stream != nullptr) {
            cudaStreamDestroy(q->stream);
        }
        delete q;
    }
}

/* Pedantic: products of doubles by doubles, never by emulation with narrower numbers. */
static sp_status open_stream(sp_error *err, void **stream) {
    queue *q = new (std::nothrow) queue{nullptr, nullptr, cudaSuccess, CUBLAS_STATUS_SUCCESS};
    *stream = q;
    if (q == nullptr) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a stream");
    }
    note(q, cudaStreamCreateWithFlags(&q->stream, cudaStreamNonBlocking));
    if (works(q)) {
        q->blas_failed = cublasCreate(&q->blas);
    }
    if (works(q)) {
        q->blas_failed = cublasSetStream(q->blas, q->stream);
    }
    if (works(q)) {
        q->blas_failed = cublasSetMathMode(q->blas, CUBLAS_PEDANTIC_MATH);
    }
    if (works(q)) {
        q->blas_failed = cublasSetAtomicsMode(q->blas, CUBLAS_ATOMICS_NOT_ALLOWED);
    }
    if (!works(q)) {
        const sp_status status =
            sp_fail(err, SP_E_DEVICE, "cannot start a CUDA stream: %s, %s",
                    cudaGetErrorString(q->failed), cublasGetStatusString(q->blas_failed));
        close_stream(q);
        *stream = nullptr;
        return status;
    }
    return SP_OK;
}

static void write_bytes(void *stream, void *to, const void *from, size_t bytes) {
    queue *q = static_cast<queue *>(stream);
    if (works(q)) {
        note(q, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, q->stream));
        note(q, cudaStreamSynchronize(q->stream)); // `from` may go
    }
}

/* What cannot be read is left as NaN: nobody shall take it for a result. */
static void read_bytes(void *stream, void *to, const void *from, size_t bytes) {
    queue *q = static_cast<queue *>(stream);
    if (works(q)) {
        note(q, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, q->stream));
        note(q, cudaStreamSynchronize(q->stream));
    }
    if (!works(q)) {
        memset(to, 0xff, bytes);
    }
}

static sp_status sync_stream(sp_error *err, void *stream) {
    queue *q = static_cast<queue *>(stream);
    if (works(q)) {
        note(q, cudaStreamSynchronize(q->stream));
    }
    return works(q) ? SP_OK
                    : sp_fail(err, SP_E_DEVICE, "the CUDA device failed: %s, %s",
                              cudaGetErrorString(q->failed), cublasGetStatusString(q->blas_failed));
}

static void launch(void *stream, sp_gpu_op op, size_t blocks, const void *args) {
    queue *q = static_cast<queue *>(stream);
    if (works(q)) {
        void *parameters[] = {const_cast<void *>(args)};
        note(q, cudaLaunchKernel(kernel_of(op), dim3((unsigned)blocks), dim3(SP_GPU_BLOCK_LANES),
                                 parameters, 0, q->stream));
        note(q, cudaGetLastError());
    }
}

/* Row-major c = a b is column-major c' = b' a'. */
static void multiply(void *stream, const sp_gpu_multiply_args *p) {
    queue *q = static_cast<queue *>(stream);
    const double one = 1.0;
    if (works(q)) {
        q->blas_failed = cublasDgemmStridedBatched_64(
            q->blas, p->transposed ? CUBLAS_OP_T : CUBLAS_OP_N, CUBLAS_OP_N, (int64_t)p->n,
            (int64_t)p->m, (int64_t)p->k, &one, p->b, (int64_t)p->ldb, (long long)p->b_step, p->a,
            (int64_t)p->lda, (long long)p->a_step, &p->beta, p->c, (int64_t)p->ldc,
            (long long)p->c_step, (int64_t)p->count);
    }
}

static void multiply_single(void *stream, const sp_gpu_multiply_single_args *p) {
    queue *q = static_cast<queue *>(stream);
    const float one = 1.0F, zero = 0.0F;
    if (works(q)) {
        q->blas_failed = cublasSgemmStridedBatched_64(
            q->blas, CUBLAS_OP_N, CUBLAS_OP_N, (int64_t)p->n, (int64_t)p->m, (int64_t)p->k, &one,
            p->b, (int64_t)p->ldb, (long long)p->b_step, p->a, (int64_t)p->lda,
            (long long)p->a_step, &zero, p->c, (int64_t)p->ldc, (long long)p->c_step,
            (int64_t)p->count);
    }
}

extern "C" const sp_gpu_driver sp_gpu_cuda_plugin = {
    sp_gpu_layout(), name,       begin,       end,    open_stream, close_stream,
    write_bytes,     read_bytes, sync_stream, launch, multiply,    multiply_single};
