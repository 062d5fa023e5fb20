/* The toy of command.h, made once for a program of tests, and how it is asked about. */
#ifndef SP_TESTS_CLI_TOY_H
#define SP_TESTS_CLI_TOY_H

#include "tests/cli/command.h"

static toy t;

static inline int prepare(void **state) {
    (void)state;
    make_toy(&t);
    return 0;
}

#define CERTIFY "certify", "--model", t.model, "--front", t.front
#define CLIP_LIST t.clip[0], t.clip[1], t.clip[2], t.clip[3]

#endif
