/* The kernels of the emulated device one by one, for tests that run each lane in a thread of its
 * own. Private to gpu/ and its tests. */
#ifndef SP_GPU_EMULATOR_H
#define SP_GPU_EMULATOR_H

#include "gpu/impl.h"
#include "gpu/kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_gpu_emulated - a kernel: one phase of one lane, and the number of phases. */
typedef struct sp_gpu_emulated {
    void (*lane)(const void *args, sp_gpu_at at, int phase);
    int phases;
} sp_gpu_emulated;
const sp_gpu_emulated *sp_gpu_emulator_kernel(sp_gpu_op op);

/** sp_gpu_emulator_run - a launch, on memory of the program. */
void sp_gpu_emulator_run(sp_gpu_op op, size_t blocks, const void *args);

#ifdef __cplusplus
}
#endif
#endif
