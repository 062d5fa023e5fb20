/* Private to the domain: the mixtures of a tile of final rows. */
#ifndef SP_LSTM_MIXTURE_H
#define SP_LSTM_MIXTURE_H

#include "base/adam.h"
#include "lstm/backsub/impl.h"

/** sp_r2opt_mixed - the mixtures of one product of all units of a cell at one step. */
typedef struct sp_r2opt_mixed {
    double *score; /* [rows, n, 2, K] softmax weights before normalisation, from below and above */
    double *gradient;       /* of the bound by the scores */
    double *first, *second; /* Adam's moments */
    double *w, *a, *b, *c;  /* [rows, n] coefficient and mixed plane of the last walk */
} sp_r2opt_mixed;

/** sp_r2opt_mixture - of all products. */
typedef struct sp_r2opt_mixture {
    const sp_backsub *self;  /* borrowed */
    double *memory;          /* owned */
    sp_r2opt_mixed *product; /* [states, SP_CELL_VARIABLES] owned */
    size_t states, rows;
} sp_r2opt_mixture;

SP_NODISCARD sp_status sp_r2opt_mixture_init(sp_error *err, sp_r2opt_mixture *mix,
                                             const sp_backsub *self, size_t rows, uint64_t seed);
void sp_r2opt_mixture_clear(sp_r2opt_mixture *mix);
/** sp_r2opt_mixture_step - one step of Adam upwards in all scores. */
void sp_r2opt_mixture_step(sp_r2opt_mixture *mix, size_t epoch);
/** sp_r2opt_mixture_mixer - products back and forward through the mixtures; forward also gives the
 *  gradient: the bound's derivative by a plane is its coefficient times the point that attains it.
 */
extern const sp_walk_mixer sp_r2opt_mixture_mixer;

#endif
