/* The domain of linear bounds by back-substitution: each box, each cut and each objective is a row
 * of coefficients that is carried back through the graph to the samples, replacing every product
 * and curve by a bounding plane or line. Boxes are met with intervals. [DeepPoly], [CROWN], [R2] */
#ifndef SP_LSTM_BACKSUB_H
#define SP_LSTM_BACKSUB_H

#include <stdbool.h>
#include <stddef.h>

#include "relax/rules.h"

/** sp_backsub_planes - which planes products get. */
typedef enum {
    SP_BACKSUB_STATIC,        /* exact supporting planes at the static anchors */
    SP_BACKSUB_R2_LP,         /* R2's sampled LP */
    SP_BACKSUB_R2_CANDIDATES, /* R2's five candidates; those of its LP are the standard ones */
    SP_BACKSUB_RULES          /* as `rules` say, and the lines too; on the CPU */
} sp_backsub_planes;

/* From so many units on single precision halves the time of a pass. */
enum { SP_BACKSUB_WIDE = 64 };

/** sp_backsub_options - standard: all 0. What goes beyond R2's planes needs the static ones. */
typedef struct sp_backsub_options {
    sp_backsub_planes planes;
    sp_relax_rules rules; /* of SP_BACKSUB_RULES */
    /* rounds in which each row of a box, and each final row, chooses its relaxations anew; 0: the
     * standard ones */
    size_t box_iterations, row_iterations;
    bool energies;      /* every row has the energies of its own worst noise, where the noises are a
                           box under the joint front end, on the CPU (source_energy.c) */
    bool sums;          /* products that a cell adds up have planes of the sum too: with octagons,
                           rows of boxes that choose, on the CPU (sums.c) */
    bool octagons;      /* cut the boxes of products by bounds on x + y and x - y */
    bool stop_positive; /* final rows need not be improved once they are positive, or reach the goal
                           of the task */
    /* parts into which the noises of a final row that misses the goal of the task are cut at most,
     * where they are a box under the joint front end, on the CPU; 0: none (branch.c) */
    size_t parts;
    /* products of matrices in single precision, with its error terms, where they are of use: static
     * planes without halfspaces and lines, any front end but bins, weights that floats hold */
    bool single;
    bool single_wide; /* the same for nets with an LSTM or GRU of SP_BACKSUB_WIDE units or more */
} sp_backsub_options;

#endif
