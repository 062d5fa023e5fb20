/* The parts of a training: architectures, recipes, variants of clips, the reach of noise, Adam. */
#include "tests/train/small_data.h"

/* ---- architectures ---- */

static void architectures_are_read(void **state) {
    (void)state;
    sp_net net, again, other;
    sp_error err = {0};
    assert_int_equal(sp_arch_parse(&err, &net, small_arch, strlen(small_arch), "a", 5, 7), SP_OK);
    static const sp_node_kind kinds[] = {SP_NODE_INPUT, SP_NODE_AFFINE, SP_NODE_CURVE,
                                         SP_NODE_CELL,  SP_NODE_CELL,   SP_NODE_CELL,
                                         SP_NODE_CELL,  SP_NODE_POOL,   SP_NODE_AFFINE};
    static const size_t width[] = {5, 8, 8, 6, 5, 6, 5, 5, 3};
    assert_int_equal(net.nodes, 9);
    assert_int_equal(net.features, 5);
    for (size_t n = 0; n < 9; n++) {
        assert_int_equal(net.node[n].kind, kinds[n]);
        assert_int_equal(net.node[n].width, width[n]);
    }
    const sp_cell *lstm = &net.node[3].cell, *gru = &net.node[4].cell, *rnn = &net.node[5].cell;
    assert_true(lstm->kind == SP_CELL_LSTM && gru->kind == SP_CELL_GRU && rnn->kind == SP_CELL_RNN);
    assert_true(lstm->bias[6] == 1.0 && lstm->bias[0] == 0.0);
    assert_true(gru->reset_after && gru->recurrent_bias);
    const sp_node *linear = &net.node[6];
    assert_true(sp_train_is_linear(linear) && !sp_train_is_linear(&net.node[5]));
    for (size_t j = 1; j < 5; j++) { // lambda from 0.3 to 0.8, nothing beside it
        const double *r = linear->cell.recurrent + j * 5;
        assert_true(r[j] > linear->cell.recurrent[(j - 1) * 6] && r[(j + 1) % 5] == 0.0);
    }
    assert_true(fabs(linear->cell.recurrent[0] - 0.3) < 1e-12 &&
                fabs(linear->cell.recurrent[24] - 0.8) < 1e-12);
    assert_int_equal(sp_arch_parse(&err, &again, small_arch, strlen(small_arch), "a", 5, 7), SP_OK);
    assert_int_equal(sp_arch_parse(&err, &other, small_arch, strlen(small_arch), "a", 5, 8), SP_OK);
    assert_memory_equal(lstm->weight, again.node[3].cell.weight, 24 * 8 * sizeof(double));
    assert_memory_not_equal(lstm->weight, other.node[3].cell.weight, 24 * 8 * sizeof(double));
    sp_net_clear(&net);
    sp_net_clear(&again);
    sp_net_clear(&other);
}

/* Without a recurrent layer there is one step, which the trainer and files know. */
static void dense_layers_alone_take_one_step(void **state) {
    (void)state;
    static const char text[] =
        "{\"layers\": [{\"kind\": \"dense\", \"out\": 4}, {\"kind\": \"relu\"},"
        " {\"kind\": \"dense\", \"out\": 3}]}";
    sp_net net;
    sp_training *training = NULL;
    sp_error err = {0};
    setting s;
    setting_init(&s, SP_DEFENCE_NONE, 2);
    assert_int_equal(sp_arch_parse(&err, &net, text, strlen(text), "dense", 5, 1), SP_OK);
    assert_int_equal(net.steps, 1);
    assert_int_equal(sp_training_create(&err, &training, &net, s.front, &s.data, &s.recipe),
                     SP_E_MISMATCH);
    assert_non_null(strstr(err.text, "clips of several steps"));
    setting_clear(&s);
}

static void wrong_architectures_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"[]", "object"},
        {"{\"layers\": 3}", "layers"},
        {"{\"layers\": []}", "at least one layer"},
        {"{\"layers\": [], \"more\": 1}", "more"},
        {"{\"layers\": [7]}", "layer 1"},
        {"{\"layers\": [{\"kind\": \"conv\", \"out\": 3}]}", "conv"},
        {"{\"layers\": [{\"kind\": \"lstm\"}]}", "out"},
        {"{\"layers\": [{\"kind\": \"lstm\", \"out\": 0}]}", "whole number"},
        {"{\"layers\": [{\"kind\": \"lstm\", \"out\": 2.5}]}", "whole number"},
        {"{\"layers\": [{\"kind\": \"lstm\", \"out\": 2, \"activation\": \"tanh\"}]}",
         "activation"},
        {"{\"layers\": [{\"kind\": \"rnn\", \"out\": 2, \"activation\": \"elu\"}]}", "elu"},
        {"{\"layers\": [{\"kind\": \"relu\"}, {\"kind\": \"rnn\", \"out\": 2}]}", "first layer"},
        {"{\"layers\": [{\"kind\": \"linear\", \"out\": 2, \"decay\": [0.9, 0.2]}]}", "decay"},
        {"{\"layers\": [{\"kind\": \"linear\", \"out\": 2, \"decay\": 0.9}]}", "decay"},
        {"{\"layers\": [{\"kind\": \"rnn\", \"out\": 2}]}", "dense"},
        {"{\"layers\": [{\"kind\": \"rnn\", \"out\": 2}", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sp_net net;
        sp_error err = {0};
        const sp_status status =
            sp_arch_parse(&err, &net, cases[i].text, strlen(cases[i].text), "arch.json", 4, 1);
        assert_int_not_equal(status, SP_OK);
        if (!strstr(err.text, cases[i].word) || strncmp(err.text, "arch.json: ", 11) != 0) {
            fail_msg("'%s' does not speak of '%s'", err.text, cases[i].word);
        }
        assert_int_equal(net.nodes, 0);
    }
}

/* ---- recipes ---- */

static void wrong_recipes_are_refused(void **state) {
    (void)state;
    sp_recipe good;
    sp_recipe_standard(&good);
    assert_int_equal(sp_recipe_check(NULL, &good), SP_OK);
    good.defence = SP_DEFENCE_CERTIFIED;
    good.budget_db = -60.0;
    good.noise_db = NAN;
    assert_int_equal(sp_recipe_check(NULL, &good), SP_OK);
    sp_recipe bad[16];
    size_t count = 0;
#define BAD(change)                                                                                \
    do {                                                                                           \
        bad[count] = good;                                                                         \
        bad[count++].change;                                                                       \
    } while (0)
    BAD(epochs = 0);
    BAD(batch = 0);
    BAD(rate = 0.0);
    BAD(rate = NAN);
    BAD(decay = -1.0);
    BAD(clip = -1.0);
    BAD(gain_db = NAN);
    BAD(noise_db = 3.0);
    BAD(noise_span_db = -1.0);
    BAD(budget_db = NAN);
    BAD(weight = 0.0);
    BAD(weight = 1.5);
    BAD(box = 0.0);
    BAD(box = NAN);
    BAD(ramp = 150);
#undef BAD
    for (size_t i = 0; i < count; i++) {
        sp_error err = {0};
        if (sp_recipe_check(&err, &bad[i]) != SP_E_ARGUMENT) {
            fail_msg("recipe %zu is accepted", i);
        }
    }
    good.defence = SP_DEFENCE_ADVERSARIAL;
    good.attack_steps = 0;
    assert_int_equal(sp_recipe_check(NULL, &good), SP_E_ARGUMENT);
}

/* ---- variants ---- */

static void variants_are_what_they_say(void **state) {
    (void)state;
    sp_dataset_clip one;
    sp_recipe recipe;
    double samples[1000];
    make_clip(&one, 0, 0);
    const sp_clip *clip = &one.clip;
    const size_t n = clip->n;
    sp_random random = {5};
    sp_train_variant v = {.gain = 1.0};
    assert_int_equal(sp_train_variant_length(&v, clip), n);
    assert_true(sp_train_variant_fill(samples, &v, clip, &random) == clip->peak);
    assert_memory_equal(samples, clip->samples, n * sizeof *samples);
    v = (sp_train_variant){.gain = 0.5, .shift = 3};
    sp_train_variant_fill(samples, &v, clip, &random);
    assert_int_equal(sp_train_variant_length(&v, clip), n + 3);
    for (size_t i = 0; i < n; i++) {
        assert_true(samples[i + 3] == 0.5 * clip->samples[i]);
    }
    assert_true(samples[0] == 0.5 * clip->samples[3]);
    v = (sp_train_variant){.gain = 1.0, .shift = -4, .noise = 10.0};
    sp_train_variant_fill(samples, &v, clip, &random);
    assert_int_equal(sp_train_variant_length(&v, clip), n - 4);
    double largest = 0.0;
    for (size_t i = 0; i < n - 4; i++) {
        largest = fmax(largest, fabs(samples[i] - clip->samples[i + 4]));
    }
    assert_true(largest > 8.0 && largest <= 10.0);
    sp_recipe_standard(&recipe);
    double most = 0.0, least = 0.0;
    for (int i = 0; i < 300; i++) {
        v = sp_train_variant_draw(&recipe, clip, 64, &random);
        assert_true(fabs(20.0 * log10(v.gain)) <= recipe.gain_db + 1e-9);
        assert_true(sp_train_variant_length(&v, clip) >= 64);
        assert_true(labs(v.shift) <= 200);
        const double db = 20.0 * log10(v.noise / (v.gain * clip->peak)) - recipe.noise_db;
        assert_true(db <= 1e-9 && db >= -recipe.noise_span_db - 1e-9);
        most = fmax(most, (double)v.shift);
        least = fmin(least, (double)v.shift);
    }
    assert_true(most > 20.0 && least < -20.0);
    sp_clip_clear(&one.clip);
}

/* ---- how far noise reaches ---- */

static void noise_stays_in_reach(void **state) {
    (void)state;
    enum { N = 214, T = 4, M = 5 }; // three steps and one frame
    sp_front *front = make_front();
    sp_train_band_noise band_noise;
    sp_rng rng;
    double samples[N], noisy[N], clean[T * M], x[T * M];
    assert_int_equal(sp_train_band_noise_create(NULL, &band_noise, front), SP_OK);
    assert_int_equal(band_noise.bands, M);
    assert_int_equal(sp_front_frames(front, N), T + 1); // the padding makes one more
    sp_rng_init(&rng, sp_test_seed());
    double used = 0.0;
    for (int trial = 0; trial < 400; trial++) {
        const double eps = pow(10.0, sp_rng_uniform(&rng, 0.0, 3.0));
        double more[(T + 1) * M], more_clean[(T + 1) * M];
        const double tone = sp_rng_uniform(&rng, 0.0, 3.0),
                     loud = pow(10.0, sp_rng_uniform(&rng, 0, 4));
        for (size_t i = 0; i < N; i++) {
            samples[i] = loud * sin(tone * (double)i);
            noisy[i] = samples[i] + (sp_rng_below(&rng, 2) ? eps : -eps);
        }
        assert_int_equal(sp_front_run(NULL, front, more_clean, samples, N), SP_OK);
        assert_int_equal(sp_front_run(NULL, front, more, noisy, N), SP_OK);
        memcpy(clean, more_clean, sizeof clean);
        memcpy(x, more, sizeof x);
        for (size_t k = 0; k < T * M; k++) {
            const size_t m = k % M;
            const double a = sp_train_band_noise_amplitude(clean[k], band_noise.floor[m]);
            const double r = eps * band_noise.bound[m];
            const double lo = sp_train_band_noise_feature(a, -r, band_noise.floor[m]);
            const double hi = sp_train_band_noise_feature(a, r, band_noise.floor[m]);
            if (!(lo <= x[k] + 1e-9 && x[k] <= hi + 1e-9)) {
                fail_msg("band %zu: %g is not in [%g, %g]", m, x[k], lo, hi);
            }
            const double moved = fabs(sp_train_band_noise_amplitude(x[k], band_noise.floor[m]) - a);
            used = fmax(used, moved / r);
        }
    }
    assert_true(used > 0.1); // not a bound that says nothing
    sp_train_band_noise_clear(&band_noise);
    sp_front_destroy(front);
}

/* ---- losses and steps ---- */

static void cross_entropies(void **state) {
    (void)state;
    static const double logits[6] = {1.0, 2.0, 0.5, 800.0, -800.0, 800.0};
    static const size_t label[2] = {1, 0};
    double slope[6];
    size_t right = 0;
    const double loss = sp_train_cross_entropy(slope, logits, label, 2, 3, 0.5, &right);
    const double first = log(exp(-1.0) + 1.0 + exp(-1.5));
    assert_true(fabs(loss - 0.5 * (first + log(2.0))) <= 1e-15);
    assert_int_equal(right, 1); // a tie is not right
    for (size_t i = 0; i < 2; i++) {
        assert_true(fabs(slope[3 * i] + slope[3 * i + 1] + slope[3 * i + 2]) <= 1e-15);
    }
    assert_true(slope[1] < 0.0 && slope[3] == -0.25 && slope[5] == 0.25);
}

/* The first step is one rate against the sign of the slope; then the textbook's recursion. */
static void adam_takes_its_steps(void **state) {
    (void)state;
    double value[3] = {1.0, -2.0, 0.5}, mean[3] = {0.0}, square[3] = {0.0};
    const double slope[3] = {0.3, -40.0, 0.0};
    const sp_train_block block[2] = {{value, 0, 2, 1, true}, {value + 2, 2, 1, 1, false}};
    sp_train_adam adam = {.mean = mean, .square = square};
    assert_true(fabs(sp_train_gradient_norm(slope, 3) - sqrt(0.09 + 1600.0)) <= 1e-14);
    sp_train_step(&adam, value, block, 2, slope, 1.0, 0.1, 0.01);
    assert_true(fabs(value[0] - (1.0 - 0.1 * 0.01 - 0.1)) <= 1e-7);
    assert_true(fabs(value[1] - (-2.0 + 0.1 * 0.01 * 2.0 + 0.1)) <= 1e-7);
    assert_true(value[2] == 0.5); // no slope, and biases do not decay
    const double before = value[0], second[3] = {-0.6, 0.0, 0.0};
    sp_train_step(&adam, value, block, 2, second, 0.5, 0.1, 0.0);
    const double m = (0.9 * 0.1 * 0.3 - 0.1 * 0.3) / (1.0 - 0.81);
    const double v = (0.999 * 0.001 * 0.09 + 0.001 * 0.09) / (1.0 - 0.999 * 0.999);
    assert_true(fabs(value[0] - (before - 0.1 * m / (sqrt(v) + 1e-8))) <= 1e-12);
    assert_int_equal(adam.steps, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(architectures_are_read),
        cmocka_unit_test(dense_layers_alone_take_one_step),
        cmocka_unit_test(wrong_architectures_are_refused),
        cmocka_unit_test(wrong_recipes_are_refused),
        cmocka_unit_test(variants_are_what_they_say),
        cmocka_unit_test(noise_stays_in_reach),
        cmocka_unit_test(cross_entropies),
        cmocka_unit_test(adam_takes_its_steps),
    };
    return cmocka_run_group_tests_name("train/parts", tests, NULL, NULL);
}
