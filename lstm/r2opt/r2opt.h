/* R2's OPT: boxes by back-substitution with R2's sampled LP planes, final rows that mix five planes
 * of every product. Each layer has planes of its own, so that it holds for any number of layers,
 * unlike R2's released code. [R2, section 3.2 and algorithm 1] */
#ifndef SP_LSTM_R2OPT_H
#define SP_LSTM_R2OPT_H

#include <stddef.h>

/** sp_r2opt_options - epochs: of Adam over the mixtures of each final row; standard: 200. */
typedef struct sp_r2opt_options {
    size_t epochs;
} sp_r2opt_options;

#endif
