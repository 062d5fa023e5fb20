/* The domain of zonotopes: affine forms over shared symbols, carried forward through the graph node
 * by node; no row is ever walked back. [DeepZ], [CertRNN] */
#ifndef SP_LSTM_ZONOTOPE_H
#define SP_LSTM_ZONOTOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "relax/rules.h"

/** sp_zonotope_options - standard: all 0, with the slopes of slopes.c. */
typedef struct sp_zonotope_options {
    sp_relax_rules rules;
    bool independent; /* what is relaxed has no symbols: an error of each number by itself [DiffAI]
                       */
    bool products;    /* products of gates are those of affine forms [DeepZ] */
    size_t symbols;   /* at most so many, 8 at least: those that weigh least become errors of each
                         number by itself; 0: as many as there are */
} sp_zonotope_options;

#endif
