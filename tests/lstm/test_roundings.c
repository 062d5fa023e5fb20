/* The number of roundings that the error of a row is computed from, against the sums that a walk
 * really adds to its bound: the operations that reduce rows, as the queue counts them. */
#include <stdio.h>

#include "tests/lstm/toy.h"

enum { FRAMES = 6, WIDTH = 3, CLASSES = 2 };

typedef struct measured {
    double counted; /* sums that the error term knows of, over all frames */
    double added;   /* sums that the walk of one row added */
} measured;

static size_t row_operations(const sp_gpu_profile *profile) {
    size_t calls = 0;
#define ADD(name) calls += profile->calls[SP_GPU_OP_##name];
    SP_GPU_ROW_OPS(ADD)
#undef ADD
    return calls;
}

static void add_cell(sp_net *net, sp_rng *rng, const sp_toy_cell *cell) {
    double *w = toy_random(rng, 4 * WIDTH * WIDTH, 0.5),
           *r = toy_random(rng, 4 * WIDTH * WIDTH, 0.5);
    double *b = toy_random(rng, 4 * WIDTH, 0.5), *own = toy_random(rng, WIDTH, 0.5);
    if (!cell) {
        assert_int_equal(sp_net_add_lstm(NULL, net, WIDTH, w, r, b), SP_OK);
    } else if (cell->rnn) {
        assert_int_equal(sp_net_add_rnn(NULL, net, WIDTH, cell->candidate, w, r, b), SP_OK);
    } else {
        assert_int_equal(sp_net_add_gru(NULL, net, WIDTH, cell->gate, cell->candidate, cell->after,
                                        w, r, b, cell->after ? own : NULL),
                         SP_OK);
    }
    free(w);
    free(r);
    free(b);
    free(own);
}

/* A net of `cells` cells of one kind (NULL: LSTMs) behind a ReLU, and a readout. */
static measured measure(const sp_toy_cell *cell, size_t cells) {
    const sp_toy_shape shape = {.frames = FRAMES,
                                .bands = WIDTH,
                                .frame = 4,
                                .step = 2,
                                .lstms = 1,
                                .hidden = WIDTH,
                                .classes = CLASSES,
                                .joint = true,
                                .plain = true,
                                .eps = 0.01,
                                .wiggle = 0.01,
                                .scale = 0.5};
    const sp_method method = method_backsub((sp_backsub_options){0});
    const double weight[CLASSES] = {1.0, -1.0};
    double lower, error;
    sp_gpu_profile profile = {{0.0}, {0}, 0.0};
    sp_toy toy;
    sp_rng rng;
    sp_bounds bounds;
    sp_error err;
    sp_rng_init(&rng, 3);
    toy_init(&toy, 3, &shape);
    sp_net_clear(&toy.net);
    assert_int_equal(sp_net_init(NULL, &toy.net, WIDTH), SP_OK);
    toy_affine(&rng, &toy.net, WIDTH, WIDTH, 0.5);
    assert_int_equal(sp_net_add_relu(NULL, &toy.net), SP_OK);
    for (size_t l = 0; l < cells; l++) {
        add_cell(&toy.net, &rng, cell);
    }
    assert_int_equal(sp_net_add_pool(NULL, &toy.net, SP_POOLING_LAST), SP_OK);
    toy_affine(&rng, &toy.net, WIDTH, CLASSES, 1.0);
    sp_gpu_profile_into(&profile);
    if (bounds_of(&err, &bounds, &toy.net, &toy.front, &method) != SP_OK) {
        fail_msg("%s", err.text);
    }
    const size_t before = row_operations(&profile);
    assert_int_equal(bounds_margins(&err, &bounds, &lower, &error, weight, 1), SP_OK);
    sp_gpu_profile_into(NULL);
    const sp_boxes *boxes = boxes_of(&bounds);
    const measured found = {sp_boxes_chain(boxes, &toy.front) / 2.0 - boxes->width -
                                (double)toy.front.padded,
                            (double)(row_operations(&profile) - before)};
    bounds_destroy(&bounds);
    toy_clear(&toy);
    return found;
}

/* Also for one cell more, so that what is to spare elsewhere hides nothing. */
static void check(const sp_toy_cell *cell, const char *name) {
    const measured one = measure(cell, 1), two = measure(cell, 2);
    assert_true(one.added > 0.0 && two.added >= one.added + FRAMES);
    if (!(two.added <= two.counted) || !(two.added - one.added <= two.counted - one.counted)) {
        fail_msg("%s: one cell adds %g of %g sums, two add %g of %g", name, one.added, one.counted,
                 two.added, two.counted);
    }
}

static void every_sum_of_a_cell_is_counted(void **state) {
    (void)state;
    check(NULL, "LSTM");
    for (size_t i = 0; i < TOY_CELLS; i++) {
        const sp_toy_cell cell = toy_cell_number(i);
        char name[32];
        (void)snprintf(name, sizeof name, "cell %zu", i);
        check(&cell, name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sum_of_a_cell_is_counted),
    };
    return cmocka_run_group_tests_name("lstm/roundings", tests, toy_backend, NULL);
}
