/* Private to train/: how counterexamples are planted. */
#ifndef SP_TRAIN_PLANT_PLANT_H
#define SP_TRAIN_PLANT_PLANT_H

#include "train/impl.h"

enum {
    SP_TRAIN_PLANT_KEPT = 24,   /* attacks that are remembered, of each box */
    SP_TRAIN_PLANT_STARTS = 6,  /* of an attack in training */
    SP_TRAIN_PLANT_STEPS = 12,  /* of its ascent */
    SP_TRAIN_PLANT_JUDGES = 64, /* starts of those that judge */
};

/** sp_train_runner - a batch of inputs of one length, and the buffers of a pass over it. */
typedef struct sp_train_runner {
    sp_train_packed_batch batch;
    sp_train_pass pass;
    double *slope; /* [clips, classes] owned */
} sp_train_runner;

/** sp_train_planting - a network at work. */
typedef struct sp_train_planting {
    const sp_plant *plant;
    sp_planted *planted;
    const sp_net *net;
    size_t n;     /* numbers of an input */
    double *kept; /* [KEPT, instances, n] inputs that attacks found; owned */
    double *hard; /* [KEPT, instances] their losses when they were seen last; owned */
    sp_train_runner learn, attack, judge; /* of [instances] times KEPT + 1, STARTS, JUDGES */
    bool *found;                          /* [instances] by the judges; owned */
    sp_train_block *block;                /* owned */
    size_t blocks, parameters;
    double *memory; /* owned: the arrays below, each [parameters] */
    double *parameter, *gradient;
    sp_train_adam adam;
} sp_train_planting;

/* ---- batches: plant_attack.c ---- */

/** sp_train_runner_open - of `clips` inputs, those of the boxes in turn. sp_train_runner_number -
 *  where number k of an input stands in rows of the batch: all sequences have one length. */
SP_NODISCARD sp_status sp_train_runner_open(sp_error *err, sp_train_runner *runner,
                                            const sp_train_planting *planting, size_t clips);
void sp_train_runner_close(sp_train_runner *runner);
double *sp_train_runner_number(double *rows, const sp_train_runner *runner, size_t clip, size_t k);

/* ---- attacks: plant_attack.c ---- */

/** sp_train_plant_remember - attacks, and keeps what each box has worst. sp_train_plant_is_safe -
 *  whether the judges find no wrong answer in any box. sp_train_plant_loss - cross-entropy of one
 *  input. */
void sp_train_plant_remember(sp_train_planting *planting, size_t epoch);
bool sp_train_plant_is_safe(sp_train_planting *planting);
double sp_train_plant_loss(const double *logits, size_t classes, size_t label);

/** sp_train_plant_learn - until the judges find nothing; the weights are floats in the end, as the
 *  file has them (plant_learn.c). */
SP_NODISCARD sp_status sp_train_plant_learn(sp_error *err, sp_train_planting *planting);

/* ---- units: plant_unit.c ---- */

/** sp_train_plant_reserve - units that are to be made are 0, and stay so in training: no slope
 *  reaches them. sp_train_plant_units - makes them, and the counterexamples. */
void sp_train_plant_reserve(const sp_train_planting *planting);
SP_NODISCARD sp_status sp_train_plant_units(sp_error *err, sp_train_planting *planting);

#endif
