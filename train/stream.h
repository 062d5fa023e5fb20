/* Random numbers that depend on what they are for, never on the order in which they are drawn. */
#ifndef SP_TRAIN_STREAM_H
#define SP_TRAIN_STREAM_H

#include <stdint.h>

#include "base/random.h"

/** sp_train_stream - the stream of a purpose and two numbers, an epoch and a clip for instance. */
static inline sp_random sp_train_stream(uint64_t seed, uint64_t purpose, uint64_t a, uint64_t b) {
    sp_random random = {seed};
    random.state = sp_random_next(&random) ^ purpose;
    random.state = sp_random_next(&random) ^ a;
    random.state = sp_random_next(&random) ^ b;
    random.state = sp_random_next(&random);
    return random;
}

/* Purposes. */
enum {
    SP_TRAIN_STREAM_WEIGHTS = 1,
    SP_TRAIN_STREAM_ORDER,
    SP_TRAIN_STREAM_SPLIT,
    SP_TRAIN_STREAM_CLIP,
    SP_TRAIN_STREAM_ATTACK,
    SP_TRAIN_STREAM_PLANT
};

#endif
