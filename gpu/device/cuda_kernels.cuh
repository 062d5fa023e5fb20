/* The kernels of kernel_*.h as entry points of a CUDA device. What else the driver needs stands in
 * cuda.cu: this compiles without the host's headers too (tests/gpu/older_devices.py). */
#ifndef SP_GPU_CUDA_KERNELS_CUH
#define SP_GPU_CUDA_KERNELS_CUH

#include "gpu/kernel/kernel_boxes.h"
#include "gpu/kernel/kernel_cells.h"
#include "gpu/kernel/kernel_cuts.h"
#include "gpu/kernel/kernel_rows.h"
#include "gpu/kernel/kernel_units.h"

#define DEVICE_ROWS(op)                                                                            \
    __global__ void __launch_bounds__(SP_GPU_BLOCK_LANES)                                          \
        soundproof_##op(const __grid_constant__ sp_gpu_##op##_args args) {                         \
        __shared__ double shared[SP_GPU_SHARED];                                                   \
        const sp_gpu_at at = {blockIdx.x, gridDim.x, threadIdx.x, shared};                         \
        for (int phase = 0; phase < SP_GPU_ROW_PHASES; phase++) {                                  \
            if (phase > 0) {                                                                       \
                __syncthreads();                                                                   \
            }                                                                                      \
            sp_gpu_kernel_##op(&args, at, phase);                                                  \
        }                                                                                          \
    }
#define DEVICE_UNITS(op)                                                                           \
    __global__ void __launch_bounds__(SP_GPU_BLOCK_LANES, 2)                                       \
        soundproof_##op(const __grid_constant__ sp_gpu_##op##_args args) {                         \
        const size_t count = sp_gpu_count_##op(&args);                                             \
        for (size_t i = (size_t)blockIdx.x * SP_GPU_BLOCK_LANES + threadIdx.x; i < count;          \
             i += (size_t)gridDim.x * SP_GPU_BLOCK_LANES) {                                        \
            sp_gpu_unit_##op(&args, i);                                                            \
        }                                                                                          \
    }
SP_GPU_ROW_OPS(DEVICE_ROWS)
SP_GPU_UNIT_OPS(DEVICE_UNITS)

#undef DEVICE_ROWS
#undef DEVICE_UNITS

#endif
