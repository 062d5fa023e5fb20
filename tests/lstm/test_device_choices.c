/* Rows that choose their relaxations on a device, emulated: the same choices as on the CPU. */
#include "tests/lstm/compare.h"

/* A shape behind the joint front end with its squares, where rows may choose. */
static sp_toy_shape choosing_shape(sp_rng *rng) {
    sp_toy_shape shape = toy_shape(rng);
    shape.hidden = 1 + shape.hidden % 9;
    shape.lstms = 1 + shape.lstms % 2;
    shape.joint = true;
    shape.split = false;
    return shape;
}

static void rows_choose_alike(void **state) {
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed() + 5);
    for (size_t i = 0; i < (sp_test_long() ? 200 : sp_test_sanitized() ? 3 : 12); i++) {
        sp_toy_shape shape = choosing_shape(&rng);
        if (i % 3 == 2) {
            tame_cells(&shape);
        }
        const sp_method method =
            method_backsub((sp_backsub_options){.box_iterations = i % 2,
                                                .row_iterations = i % 4 == 0 ? 0 : 2,
                                                .octagons = i % 4 != 1,
                                                .single = i % 5 == 4});
        clips c;
        size_t frames[MOST_CLIPS];
        const size_t count = 1 + sp_rng_below(&rng, MOST_CLIPS);
        random_frames(&rng, shape.frames, frames, count);
        clips_mixed(&c, sp_test_seed() + 50 + i, &shape, frames, count);
        compare(&c, &method, 0, 1 + sp_rng_below(&rng, SOME_ROWS), sp_test_seed() + i);
        clips_clear(&c);
    }
    check_strayed();
}

/* Objectives that are positive without noise; those of some tiles are likely to be so under noise.
 */
static void likely_rows(sp_rng *rng, const sp_toy *toy, double *weight, size_t rows, size_t clip) {
    const size_t classes = toy->net.classes;
    double *noise = calloc(toy_point_size(toy), sizeof *noise);
    double *features = malloc(toy->front.frames * toy->front.features * sizeof *features);
    double logit[MOST_CLASSES];
    assert_true(noise != NULL && features != NULL);
    toy_features(toy, noise, features);
    assert_int_equal(sp_net_run(NULL, &toy->net, logit, features, toy->front.frames), SP_OK);
    for (size_t i = 0; i < rows * classes; i++) {
        const double spread = 0.02 * pow(12.0, (double)((i / classes / 64 + clip) % 3));
        weight[i] = logit[i % classes] * (1.0 + sp_rng_uniform(rng, -spread, spread));
    }
    free(features);
    free(noise);
}

/* Tiles of 64 rows of each clip stop by themselves at the first walk that proves them positive. */
static void tiles_stop_alike(void **state) {
    const sp_method through = method_backsub((sp_backsub_options){.row_iterations = 3});
    sp_method stopping = through;
    double weight[MOST_CLIPS * MOST_ROWS * MOST_CLASSES], bound[2][MOST_CLIPS * MOST_ROWS];
    size_t stopped = 0, improved = 0;
    sp_rng rng;
    (void)state;
    stopping.backsub.stop_positive = true;
    sp_rng_init(&rng, sp_test_seed() + 6);
    for (size_t i = 0; i < 6; i++) {
        sp_toy_shape shape = choosing_shape(&rng);
        clips c;
        shape.eps = pow(10.0, sp_rng_uniform(&rng, -2.0, -0.5));
        shape.hidden = i < 3 ? shape.hidden : 18; // then several tiles are walked at once
        clips_init(&c, sp_test_seed() + 70 + i, &shape, 3);
        const size_t rows = i % 2 == 0 ? MOST_ROWS : 70, classes = c.toy[0].net.classes;
        for (size_t k = 0; k < c.count; k++) {
            sp_toy own = c.toy[k];
            own.net = c.toy[0].net;
            own.map = c.toy[0].map;
            likely_rows(&rng, &own, weight + k * rows * classes, rows, k);
        }
        compare_rows(&c, &stopping, 0, weight, rows, bound[0], sp_test_seed() + i);
        compare_rows(&c, &through, 0, weight, rows, bound[1], sp_test_seed() + i);
        for (size_t r = 0; r < c.count * rows; r++) {
            stopped += bound[0][r] != bound[1][r];
            improved += bound[0][r] <= 0.0;
        }
        clips_clear(&c);
    }
    assert_true(stopped > 0 && improved > 0);
}

static void work_is_split_to_fit(void **state) {
    sp_toy_shape shape = wide;
    (void)state;
    split_to_fit(&shape, &chosen);
    shape.cells = true;
    split_to_fit(&shape, &chosen);
}

/* What a clip adds: three times what is read of its front end and proved of it at most. */
static void little_is_moved(void **state) {
    enum { ROWS = 3 };
    sp_toy_shape shape = wide;
    double weight[MOST_CLIPS * ROWS * MOST_CLASSES];
    size_t moved[2];
    clips c;
    sp_rng rng;
    (void)state;
    shape.frames = 8;
    shape.frame = 40;
    shape.step = 30;
    clips_init(&c, 33, &shape, MOST_CLIPS);
    sp_rng_init(&rng, 3);
    random_rows(&rng, weight, MOST_CLIPS * ROWS * MOST_CLASSES);
    select_backend(device_id(), 0);
    for (size_t k = 0; k < 2; k++) {
        double lower[MOST_CLIPS * ROWS], error[MOST_CLIPS * ROWS];
        sp_bounds bounds;
        assert_int_equal(bounds_of_clips(NULL, &bounds, &c, k == 0 ? 1 : MOST_CLIPS, &chosen),
                         SP_OK);
        assert_int_equal(bounds_margins(NULL, &bounds, lower, error, weight, ROWS), SP_OK);
        moved[k] = bounds_moved(&bounds);
        bounds_destroy(&bounds);
    }
    select_backend("cpu", 0);
    const sp_front_bound *f = c.front[0];
    const size_t inputs = f->frames * f->forms * (f->frame + 1) + 6 * f->frames * f->bands +
                          f->padded + ROWS * MOST_CLASSES;
    const double per_clip = (double)(moved[1] - moved[0]) / (MOST_CLIPS - 1);
    const double allowed = 3.0 * 8.0 * (double)(inputs + 2 * ROWS);
    if (!(per_clip <= allowed)) {
        fail_msg("%.0f bytes are moved per clip, %.0f allowed", per_clip, allowed);
    }
    clips_clear(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_choose_alike),
        cmocka_unit_test(tiles_stop_alike),
        cmocka_unit_test(work_is_split_to_fit),
        cmocka_unit_test(little_is_moved),
    };
    return cmocka_run_group_tests_name("lstm/device_choices", tests, NULL, NULL);
}
