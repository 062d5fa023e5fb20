/* The running error term: the same back-substitution with the same planes in Arb at 256 bits must
 * give a bound that is not below the double one, and that differs by no more than the error term
 * printed. */
#include "tests/lstm/toy.h"

#include <arb.h>

#include "lstm/cell_gru.h"

enum { PRECISION = 256, WIDEST = 64 };

/* One row of coefficients, in exact arithmetic as far as 256 bits go. */
typedef struct sp_form {
    arb_struct h[4][WIDEST]; /* on h_t of each LSTM layer, kept for the step below */
    arb_struct c[4][WIDEST];
    arb_struct x[WIDEST]; /* on the output of the layer at hand */
    arb_struct gate[4 * WIDEST], sample[256];
    arb_t bias;
} sp_form;

static void form_init(sp_form *f) {
    for (size_t i = 0; i < 4 * WIDEST; i++) {
        arb_init(&f->h[0][0] + i);
        arb_init(&f->c[0][0] + i);
        arb_init(f->gate + i);
        arb_init(f->sample + i);
    }
    for (size_t i = 0; i < WIDEST; i++) {
        arb_init(f->x + i);
    }
    arb_init(f->bias);
}

static void form_clear(sp_form *f) {
    for (size_t i = 0; i < 4 * WIDEST; i++) {
        arb_clear(&f->h[0][0] + i);
        arb_clear(&f->c[0][0] + i);
        arb_clear(f->gate + i);
        arb_clear(f->sample + i);
    }
    for (size_t i = 0; i < WIDEST; i++) {
        arb_clear(f->x + i);
    }
    arb_clear(f->bias);
}

static void add_scaled(arb_t sum, const arb_t a, double b) {
    arb_t factor;
    arb_init(factor);
    arb_set_d(factor, b);
    arb_addmul(sum, a, factor, PRECISION);
    arb_clear(factor);
}

/* w * product -> its inputs and the bias. */
static void product(sp_form *f, const arb_t w, const sp_gpu_menu *planes, size_t j, arb_t x,
                    arb_t y) {
    const size_t at = (arb_is_negative(w) ? planes->lower * planes->n : 0) + j;
    arb_t copy;
    arb_init(copy);
    arb_set(copy, w);
    arb_zero(x);
    add_scaled(x, copy, planes->a[at]);
    add_scaled(y, copy, planes->b[at]);
    add_scaled(f->bias, copy, planes->c[at]);
    arb_clear(copy);
}

/* x := x W, with `rows` coefficients in `in`. */
static void matrix(arb_struct *out, const arb_struct *in, size_t rows, size_t columns,
                   const double *W) {
    arb_struct *sum = _arb_vec_init((slong)columns);
    for (size_t k = 0; k < rows; k++) {
        for (size_t j = 0; j < columns; j++) {
            add_scaled(sum + j, in + k, W[k * columns + j]);
        }
    }
    for (size_t j = 0; j < columns; j++) {
        arb_set(out + j, sum + j);
    }
    _arb_vec_clear(sum, (slong)columns);
}

static void lstm_layer(sp_form *f, const sp_layer *layer, const sp_state *state, size_t slot,
                       size_t t) {
    const size_t H = layer->out;
    arb_t hidden, cell;
    arb_init(hidden);
    arb_init(cell);
    for (size_t j = 0; j < H; j++) {
        arb_add(hidden, f->x + j, &f->h[slot][j], PRECISION);
        arb_set(cell, &f->c[slot][j]);
        product(f, hidden, &state->menu[2], j, f->gate + 3 * H + j, cell);
        arb_zero(f->gate + 2 * H + j);
        product(f, cell, &state->menu[0], j, f->gate + j, f->gate + 2 * H + j);
        arb_zero(f->gate + H + j);
        arb_zero(&f->c[slot][j]);
        if (t > 0) {
            product(f, cell, &state->menu[1], j, f->gate + H + j, &f->c[slot][j]);
        }
    }
    for (size_t k = 0; k < 4 * H; k++) {
        add_scaled(f->bias, f->gate + k, layer->bias[k]);
    }
    matrix(&f->h[slot][0], f->gate, 4 * H, H, layer->recurrent);
    matrix(f->x, f->gate, 4 * H, layer->in, layer->weight);
    arb_clear(hidden);
    arb_clear(cell);
}

static void line(sp_form *f, size_t n, const sp_gpu_menu *lines, size_t *chosen) {
    for (size_t j = 0; j < n; j++) {
        const bool upper = arb_is_negative(f->x + j);
        const size_t at = (upper ? lines->lower * lines->n : 0) + j;
        arb_t w;
        arb_init(w);
        arb_set(w, f->x + j);
        arb_zero(f->x + j);
        add_scaled(f->x + j, w, lines->a[at]);
        add_scaled(f->bias, w, lines->c[at]);
        chosen[j] = upper;
        arb_clear(w);
    }
}

/* w * curve -> its argument and the bias. */
static void curve(sp_form *f, const arb_t w, const sp_gpu_menu *lines, size_t j, arb_t x) {
    const size_t at = (arb_is_negative(w) ? lines->lower * lines->n : 0) + j;
    arb_zero(x);
    add_scaled(x, w, lines->a[at]);
    add_scaled(f->bias, w, lines->c[at]);
}

/* From coefficients on h_t to those on a_z, a_n (in f->gate) and, in f->h, on h_{t-1}. */
static void gru_output(sp_form *f, const sp_layer *layer, const sp_state *state, size_t slot,
                       size_t t) {
    const size_t H = layer->out;
    const bool paired = sp_gru_is_paired(layer);
    arb_t w, z, y;
    arb_init(w);
    arb_init(z);
    arb_init(y);
    for (size_t j = 0; j < H; j++) {
        arb_add(w, f->x + j, &f->h[slot][j], PRECISION);
        arb_zero(y);
        arb_zero(z);
        if (!paired || t > 0) {
            product(f, w, &state->menu[2], j, z, y);
        }
        arb_set(&f->h[slot][j], y);
        if (paired) {
            arb_zero(f->gate + 2 * H + j);
            product(f, w, &state->menu[1], j, f->gate + j, f->gate + 2 * H + j);
            arb_add(f->gate + j, f->gate + j, z, PRECISION);
        } else {
            arb_set(f->gate + j, z);
            arb_sub(w, w, y, PRECISION);
            curve(f, w, &state->menu[1], j, f->gate + 2 * H + j);
        }
    }
    arb_clear(w);
    arb_clear(z);
    arb_clear(y);
}

static void gru_layer(sp_form *f, const sp_layer *layer, const sp_state *state, size_t slot,
                      size_t t) {
    const size_t H = layer->out;
    arb_struct *p = _arb_vec_init((slong)H), *h = _arb_vec_init((slong)H);
    gru_output(f, layer, state, slot, t);
    _arb_vec_zero(f->gate + H, (slong)H);
    if (layer->reset_after) {
        for (size_t j = 0; j < H; j++) {
            product(f, f->gate + 2 * H + j, &state->menu[0], j, f->gate + H + j, p + j);
            add_scaled(f->bias, p + j, layer->recurrent_bias[j]);
        }
        matrix(h, p, H, H, layer->recurrent + 2 * H * H);
    } else if (t > 0) {
        matrix(p, f->gate + 2 * H, H, H, layer->recurrent + 2 * H * H);
        for (size_t j = 0; j < H; j++) {
            product(f, p + j, &state->menu[0], j, f->gate + H + j, h + j);
        }
    }
    for (size_t k = 0; k < 3 * H; k++) {
        add_scaled(f->bias, f->gate + k, layer->bias[k]);
    }
    _arb_vec_add(&f->h[slot][0], &f->h[slot][0], h, (slong)H, PRECISION);
    matrix(h, f->gate, 2 * H, H, layer->recurrent);
    _arb_vec_add(&f->h[slot][0], &f->h[slot][0], h, (slong)H, PRECISION);
    matrix(f->x, f->gate, 3 * H, layer->in, layer->weight);
    _arb_vec_clear(p, (slong)H);
    _arb_vec_clear(h, (slong)H);
}

static void rnn_layer(sp_form *f, const sp_layer *layer, const sp_state *state, size_t slot) {
    const size_t H = layer->out;
    for (size_t j = 0; j < H; j++) {
        arb_add(f->x + j, f->x + j, &f->h[slot][j], PRECISION);
        curve(f, f->x + j, &state->menu[0], j, f->gate + j);
        add_scaled(f->bias, f->gate + j, layer->bias[j]);
    }
    matrix(&f->h[slot][0], f->gate, H, H, layer->recurrent);
    matrix(f->x, f->gate, H, layer->in, layer->weight);
}

static void recurrent_layer(sp_form *f, const sp_layer *layer, const sp_state *state, size_t slot,
                            size_t t) {
    if (layer->kind == SP_LAYER_LSTM) {
        lstm_layer(f, layer, state, slot, t);
    } else if (layer->kind == SP_LAYER_GRU) {
        gru_layer(f, layer, state, slot, t);
    } else {
        rnn_layer(f, layer, state, slot);
    }
}

/* The squares of all bands together. */
static void joint_squares(sp_form *f, const sp_front_bound *front, size_t t) {
    arb_t single, joint, highest, a;
    arb_init(single);
    arb_init(joint);
    arb_init(highest);
    arb_init(a);
    for (size_t j = 0; j < front->peaks; j++) {
        arb_zero(single);
        arb_zero(joint);
        for (size_t m = 0; m < front->bands; m++) {
            if (arb_is_negative(f->x + m)) {
                arb_neg(a, f->x + m);
                add_scaled(single, a, front->square[t * front->bands + m]);
                add_scaled(joint, a, front->peak[m * front->peaks + j]);
            }
        }
        arb_max(highest, highest, joint, PRECISION);
    }
    arb_zero(joint);
    add_scaled(joint, highest, front->energy[t]);
    arb_sub(single, single, joint, PRECISION);
    if (arb_is_positive(single)) {
        arb_add(f->bias, f->bias, single, PRECISION);
    }
    arb_clear(single);
    arb_clear(joint);
    arb_clear(highest);
    arb_clear(a);
}

static void features(sp_form *f, const sp_bounds *bounds, size_t t, arb_t support) {
    const sp_front_bound *front = bounds->front;
    size_t upper[WIDEST];
    if (front->matrix != NULL) {
        for (size_t i = 0; i < front->features; i++) {
            add_scaled(f->bias, f->x + i, front->matrix_bias[i]);
        }
        matrix(f->x, f->x, front->features, front->bands, front->matrix);
    }
    line(f, front->bands, &bounds->line[t], upper);
    if (front->tangents > 0) {
        joint_squares(f, front, t);
    }
    for (size_t i = 0; i < front->frame; i++) {
        arb_struct *sample = f->sample + t * (front->joint ? front->step : front->frame) + i;
        for (size_t m = 0; m < front->bands; m++) {
            const size_t form = upper[m] ? front->up_form + m : front->lo_form + m;
            add_scaled(sample, f->x + m, front->form[(t * front->forms + form) * front->frame + i]);
        }
    }
    if (t == 0) {
        arb_t a;
        arb_init(a);
        for (size_t i = 0; i < 256; i++) {
            arb_abs(a, f->sample + i);
            add_scaled(support, a, front->radius[0]); // one radius everywhere in the toy
        }
        arb_clear(a);
    }
}

/* The exact lower bound of one row with the planes of `bounds`. */
static void bound_in_arb(arb_t result, const sp_bounds *bounds, const double *row) {
    const sp_net *net = bounds->net;
    sp_form *f = malloc(sizeof *f);
    arb_t support;
    assert_non_null(f);
    form_init(f);
    arb_init(support);
    for (size_t k = 0; k < net->classes; k++) {
        arb_set_d(f->x + k, row[k]);
    }
    for (size_t t = bounds->front->frames; t-- > 0;) {
        size_t slot = 0, slots = 0;
        for (size_t l = 0; l < net->layers; l++) {
            slots += sp_layer_is_recurrent(&net->layer[l]);
        }
        slot = slots;
        bool live = t + 1 == bounds->front->frames;
        for (size_t l = net->layers; l-- > 0;) {
            const sp_layer *layer = &net->layer[l];
            const sp_state *state = sp_state_at(bounds, t, l);
            size_t upper[WIDEST];
            if (sp_layer_is_recurrent(layer)) {
                if (!live) {
                    _arb_vec_zero(f->x, WIDEST);
                }
                live = true;
                recurrent_layer(f, layer, state, --slot, t);
            } else if (live && layer->kind == SP_LAYER_RELU) {
                line(f, layer->out, &state->menu[0], upper);
            } else if (live) {
                for (size_t k = 0; k < layer->out; k++) {
                    add_scaled(f->bias, f->x + k, layer->bias[k]);
                }
                matrix(f->x, f->x, layer->out, layer->in, layer->weight);
            }
        }
        features(f, bounds, t, support);
    }
    arb_sub(result, f->bias, support, PRECISION);
    arb_clear(support);
    form_clear(f);
    free(f);
}

/** outcome - of many random nets. */
typedef struct outcome {
    size_t known, single;    /* with a bound; with products in single precision */
    double worst, worst_gap; /* error term and true error, relative to the bound */
} outcome;

/* The bound of one row, times `size`, against the exact one. */
static void check_row(sp_bounds *bounds, const sp_toy_shape *shape, size_t seed, double size,
                      outcome *all) {
    const double row[8] = {size, -size, 0.3 * size};
    const sp_start start = {
        .t = shape->frames - 1, .layer = bounds->net->layers - 1, .output = {row, shape->classes}};
    double lower, error;
    arb_t exact, low;
    sp_lower_rows(bounds, &lower, &error, 0, &start, 1, 0, false);
    if (lower == -INFINITY) { // unbounded gates may overflow: no information
        return;
    }
    arb_init(exact);
    arb_init(low);
    bound_in_arb(exact, bounds, row);
    arb_set_d(low, lower);
    if (!arb_le(low, exact)) {
        fail_msg("seed %zu: the double bound %a lies above the exact one", seed, lower);
    }
    arb_sub(exact, exact, low, PRECISION);
    const double gap = arf_get_d(arb_midref(exact), ARF_RND_UP);
    if (size == 1.0 && !(gap <= 2.5 * error)) {
        fail_msg("seed %zu: gap %g, error term %g", seed, gap, error);
    }
    all->known++;
    all->single += bounds->forms_narrow;
    all->worst = fmax(all->worst, error / (1.0 + fabs(lower)));
    all->worst_gap = fmax(all->worst_gap, fabs(gap - error) / (1.0 + fabs(lower)));
    arb_clear(exact);
    arb_clear(low);
}

static outcome check_nets(const sp_bounds_options *options, bool joint, double size) {
    const size_t count = sp_test_long() ? 400 : 60;
    outcome all = {0};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        sp_toy toy;
        sp_bounds *bounds;
        shape.cells = i % 3 > 0;
        shape.scale *= shape.cells ? 0.6 : 1.0;
        shape.hidden = 1 + shape.hidden % 8;
        if (joint) {
            shape.joint = true;
            shape.split = shape.plain = false;
        }
        toy_init(&toy, sp_test_seed() + i, &shape);
        assert_int_equal(sp_bounds_create(NULL, &bounds, &toy.net, &toy.front, options), SP_OK);
        check_row(bounds, &shape, i, size, &all);
        sp_bounds_destroy(bounds);
        toy_clear(&toy);
    }
    assert_true(all.known > count - count / 10);
    print_message("largest error term and error relative to the bound: %.2g, %.2g\n", all.worst,
                  all.worst_gap);
    return all;
}

static void error_term_covers_rounding(void **state) {
    const sp_bounds_options options = {.planes = SP_PLANES_STATIC};
    (void)state;
    const outcome all = check_nets(&options, false, 1.0);
    assert_int_equal(all.single, 0);
    assert_true(all.worst < 1e-6);
}

/* Of products in single precision the error is that of floats, and so is the term. */
static void error_term_covers_single_precision(void **state) {
    const sp_bounds_options options = {.planes = SP_PLANES_STATIC, .single = true};
    (void)state;
    const outcome all = check_nets(&options, true, 1.0);
    assert_int_equal(all.single, all.known);
    assert_true(all.worst_gap > 1e-8 && all.worst < 0.1);
}

/* Coefficients of which some, or all, are too small for products of floats. */
static void coefficients_below_floats_are_covered(void **state) {
    const sp_bounds_options options = {.planes = SP_PLANES_STATIC, .single = true};
    const double sizes[] = {0x1p-48, 0x1p-52, 0x1p-160, 0x1p-1040};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const outcome all = check_nets(&options, true, sizes[i]);
        assert_int_equal(all.single, all.known);
    }
}

/* Weights and forms that floats do not hold. */
static void what_does_not_fit_is_read_in_double(void **state) {
    const sp_bounds_options options = {.planes = SP_PLANES_STATIC, .single = true};
    const double misfits[] = {1e-20, -1e25};
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < 6; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        sp_toy toy;
        sp_bounds *bounds;
        outcome all = {0};
        shape.joint = true;
        shape.split = shape.plain = shape.cells = false;
        shape.hidden = 1 + shape.hidden % 8;
        toy_init(&toy, sp_test_seed() + i, &shape);
        const size_t last = toy.net.layers - 1; // dense
        toy.net.layer[last].weight[0] = misfits[0];
        if (i % 2 > 0) {
            ((double *)toy.front.form)[0] = misfits[1]; // its error is large: no bound is checked
        }
        assert_int_equal(sp_bounds_create(NULL, &bounds, &toy.net, &toy.front, &options), SP_OK);
        assert_non_null(bounds->single);
        assert_null(sp_single_of(bounds, toy.net.layer[last].weight));
        assert_non_null(sp_single_of(bounds, bounds->weights[last - 1 - (shape.head > 0 ? 2 : 0)]));
        assert_int_equal(bounds->forms_narrow, i % 2 == 0);
        if (i % 2 == 0) {
            check_row(bounds, &shape, i, 1.0, &all);
            assert_int_equal(all.known, 1);
        }
        sp_bounds_destroy(bounds);
        toy_clear(&toy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(error_term_covers_rounding),
                                       cmocka_unit_test(error_term_covers_single_precision),
                                       cmocka_unit_test(coefficients_below_floats_are_covered),
                                       cmocka_unit_test(what_does_not_fit_is_read_in_double)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
