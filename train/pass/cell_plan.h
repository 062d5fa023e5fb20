/* How a cell's description is carried out over a batch: where the numbers of a row stand, and which
 * products with the state of the step before are one. */
#ifndef SP_TRAIN_CELL_PLAN_H
#define SP_TRAIN_CELL_PLAN_H

#include "train/impl.h"

#define SP_TRAIN_NO_SLOT ((size_t)-1)

/** sp_train_cell_group - pre-activations that stand side by side and read the same state. */
typedef struct sp_train_cell_group {
    size_t place, block, count; /* the first of them; how many */
} sp_train_cell_group;

/** sp_train_cell_plan - a row has `slots` times out numbers: the pre-activations first, by their
 *  places, then other variables. What reads a variable by way of a function finds the function's
 *  value: in the place of a pre-activation that nothing else reads. */
typedef struct sp_train_cell_plan {
    sp_cell_steps steps;
    size_t slots;
    size_t raw[SP_CELL_VARIABLES];             /* slot of the variable itself */
    size_t through[SP_CELL_VARIABLES];         /* slot of the function's value */
    sp_activation function[SP_CELL_VARIABLES]; /* the function */
    bool skip[SP_CELL_VARIABLES];              /* not computed */
    int blend;                                 /* a sum that is the convex combination
                                                     (1 - gate(a)) tanh(n) + gate(a) h; or none */
    sp_train_cell_group group[SP_CELL_VARIABLES];
    size_t groups;
} sp_train_cell_plan;

/** sp_train_cell_plan_make - boxes: blends are computed as such, not as sums of products.
 *  False: the cell reads more than its own output of the step before. */
bool sp_train_cell_plan_make(sp_train_cell_plan *plan, const sp_cell *cell, bool boxes);

/** sp_train_cell_after - the variable that a STATE is one step later. */
size_t sp_train_cell_after(const sp_train_cell_plan *plan, size_t state);

#endif
