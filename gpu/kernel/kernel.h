/* What a kernel is, on a device and in its emulation on the CPU.
 *
 * A kernel is a number of phases that all lanes of a block go through together: a barrier stands
 * between two phases, and what a lane hands to another phase stands in the block's shared memory.
 * nvcc runs a phase on all lanes at once, the emulator lane after lane in any order, or with one
 * thread per lane; blocks are independent. A kernel is a function (arguments, place, phase).
 *
 * Rows kernels give each row SP_GPU_ROW_LANES lanes. Phase 0 sums what falls on each lane, in
 * order; then a tree of fixed shape adds the lanes up; the last phase stores. So a sum does not
 * depend on the number of blocks, the device, or the order in which lanes run. */
#ifndef SP_GPU_KERNEL_H
#define SP_GPU_KERNEL_H

#include "base/hd.h"
#include "gpu/ops.h"

enum {
    SP_GPU_ROW_LANES = 32,
    SP_GPU_BLOCK_ROWS = 4,
    SP_GPU_BLOCK_LANES = SP_GPU_ROW_LANES * SP_GPU_BLOCK_ROWS,
    SP_GPU_ROW_FOLDS = 5, /* log2 of SP_GPU_ROW_LANES */
    SP_GPU_ROW_PHASES = SP_GPU_ROW_FOLDS + 2,
    SP_GPU_SHARED = 2 * SP_GPU_BLOCK_LANES, /* doubles: two sums per lane */
    SP_GPU_MOST_BLOCKS = 1024               /* of units kernels, which stride over the rest */
};

/** sp_gpu_at - where a lane stands. */
typedef struct sp_gpu_at {
    size_t block, blocks;
    unsigned lane;
    double *shared; /* [SP_GPU_SHARED] of the block */
} sp_gpu_at;

/** sp_gpu_sums - two sums of one row. */
typedef struct sp_gpu_sums {
    double sum, absolute;
} sp_gpu_sums;

SP_HD size_t sp_gpu_at_row(sp_gpu_at at) {
    return at.block * SP_GPU_BLOCK_ROWS + at.lane / SP_GPU_ROW_LANES;
}

SP_HD size_t sp_gpu_at_column(sp_gpu_at at) {
    return at.lane % SP_GPU_ROW_LANES;
}

SP_HD void sp_gpu_at_leave(sp_gpu_at at, sp_gpu_sums s) {
    at.shared[at.lane] = s.sum;
    at.shared[SP_GPU_BLOCK_LANES + at.lane] = s.absolute;
}

/** sp_gpu_at_fold - one step of the tree: the upper half of the lanes that are left is added to the
 *  lower one. phase 1 .. SP_GPU_ROW_FOLDS. */
SP_HD void sp_gpu_at_fold(sp_gpu_at at, int phase) {
    const unsigned half = (unsigned)SP_GPU_ROW_LANES >> phase;
    if (at.lane % SP_GPU_ROW_LANES < half) {
        at.shared[at.lane] += at.shared[at.lane + half];
        at.shared[SP_GPU_BLOCK_LANES + at.lane] += at.shared[SP_GPU_BLOCK_LANES + at.lane + half];
    }
}

/** sp_gpu_at_finish - the phases behind the first: folds, then the row's first lane adds the sums
 *  to bias and mass (NULL: to bias only). */
SP_HD void sp_gpu_at_finish(sp_gpu_at at, int phase, size_t rows, double *bias, double *mass) {
    const size_t row = sp_gpu_at_row(at);
    if (phase <= SP_GPU_ROW_FOLDS) {
        sp_gpu_at_fold(at, phase);
    } else if (sp_gpu_at_column(at) == 0 && row < rows) {
        bias[row] += at.shared[at.lane];
        if (mass != NULL) {
            mass[row] += at.shared[SP_GPU_BLOCK_LANES + at.lane];
        }
    }
}

/** sp_gpu_clip_offset - doubles from the arrays of the first clip to those of the clip of a row. */
SP_HD size_t sp_gpu_clip_offset(sp_gpu_rows at, size_t row) {
    return row / at.span * at.stride;
}

/** sp_gpu_middle - of a box; the same number wherever it is asked for. */
SP_HD double sp_gpu_middle(sp_gpu_range box, size_t at) {
    return 0.5 * box.lo[at] + 0.5 * box.hi[at];
}

#endif
