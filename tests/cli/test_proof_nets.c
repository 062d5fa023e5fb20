/* Certificates of networks of every kind that they know, behind front ends of several kinds and for
 * every unit of budgets, are accepted; other kinds are refused by name and leave no file. */
#include "tests/cli/proofs.h"

#include "onnx/onnx.h"

const char *const program = "cli_proof_nets";

enum { WIDTH = 4, CLASSES = 3 };
typedef enum {
    LSTM,
    GRU_BEFORE,
    GRU_AFTER,
    GRU_HARD, /* gates are hard sigmoids */
    GRU_LINE, /* the candidate has no curve */
    GRU_WAKE, /* both: mycroft-precise's */
    RNN,
    LINEAR,
    KINDS
} kind;
static const char *const kind_name[KINDS] = {
    "lstm", "gru",   "gru, reset after", "gru, hard gates", "gru, linear", "gru of wake words",
    "rnn",  "linear"};

static void random_list(sp_rng *rng, double *values, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        values[i] = (double)(float)sp_rng_uniform(rng, -scale, scale);
    }
}

static void add_cell(sp_net *net, sp_rng *rng, kind k) {
    const sp_activation sigmoid = {.kind = SP_ACTIVATION_SIGMOID},
                        curve = {.kind = SP_ACTIVATION_TANH},
                        line = {.kind = SP_ACTIVATION_AFFINE, .alpha = 1.0},
                        hard = {SP_ACTIVATION_HARD_SIGMOID, (double)0.2F, 0.5};
    double weight[4 * WIDTH * 16], recurrent[4 * WIDTH * WIDTH], bias[4 * WIDTH], inside[WIDTH];
    random_list(rng, weight, 4 * WIDTH * 16, 0.15);
    random_list(rng, recurrent, 4 * WIDTH * WIDTH, 0.5);
    random_list(rng, bias, 4 * WIDTH, 0.5);
    random_list(rng, inside, WIDTH, 0.5);
    sp_status status = SP_OK;
    switch (k) {
    case LSTM:
        status = sp_net_add_lstm(NULL, net, WIDTH, weight, recurrent, bias);
        break;
    case GRU_BEFORE:
        status =
            sp_net_add_gru(NULL, net, WIDTH, sigmoid, curve, false, weight, recurrent, bias, NULL);
        break;
    case GRU_AFTER:
        status =
            sp_net_add_gru(NULL, net, WIDTH, sigmoid, curve, true, weight, recurrent, bias, inside);
        break;
    case GRU_HARD:
    case GRU_LINE:
    case GRU_WAKE:
        status = sp_net_add_gru(NULL, net, WIDTH, k == GRU_LINE ? sigmoid : hard,
                                k == GRU_HARD ? curve : line, k == GRU_LINE, weight, recurrent,
                                bias, k == GRU_LINE ? inside : NULL);
        break;
    case RNN:
    case LINEAR:
        status = sp_net_add_rnn(NULL, net, WIDTH, k == RNN ? curve : line, weight, recurrent, bias);
        break;
    case KINDS:
        fail();
    }
    assert_int_equal(status, SP_OK);
}

static void add_dense(sp_net *net, sp_rng *rng, size_t in, size_t out, double scale) {
    double weight[16 * 16], bias[16];
    random_list(rng, weight, in * out, scale);
    random_list(rng, bias, out, 0.5);
    assert_int_equal(sp_net_add_affine(NULL, net, out, weight, bias), SP_OK);
}

/* Dense and ReLU, or not, one or two cells, the last step, ReLU, or not, and the logits. */
static void make_net(sp_net *net, sp_rng *rng, kind k) {
    size_t width = SMALL_BANDS;
    assert_int_equal(sp_net_init(NULL, net, width), SP_OK);
    if (sp_rng_uniform(rng, 0.0, 1.0) < 0.5) {
        const sp_activation tangent = {.kind = SP_ACTIVATION_TANH};
        add_dense(net, rng, width, WIDTH, 0.1);
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
        if (sp_rng_uniform(rng, 0.0, 1.0) < 0.5) {
            assert_int_equal(sp_net_add_curve(NULL, net, tangent), SP_OK);
        }
    }
    add_cell(net, rng, k);
    if (sp_rng_uniform(rng, 0.0, 1.0) < 0.5) {
        add_cell(net, rng, (kind)sp_rng_uniform(rng, 0.0, (double)KINDS));
    }
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    if (sp_rng_uniform(rng, 0.0, 1.0) < 0.3) {
        add_dense(net, rng, WIDTH, WIDTH, 1.0);
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
    }
    add_dense(net, rng, WIDTH, CLASSES, 3.0);
}

/* Certifies a random net of a kind on a random clip; what comes out as certified is checked, and
 * proved up to a thousandth of the margin. Returns whether there was anything to check. */
static bool prove_one(uint64_t seed, kind k, size_t front, const char *norm, const char *budget) {
    char model[PATH], path[PATH], clip[PATH], name[64];
    sp_rng rng;
    sp_net net;
    sp_rng_init(&rng, seed);
    make_net(&net, &rng, k);
    const sp_model_note note = {"soundproof.front", small_fronts[front]};
    file_in(model, "net.onnx");
    assert_int_equal(sp_model_write(NULL, model, &net, &note, 1), SP_OK);
    sp_net_clear(&net);
    snprintf(name, sizeof name, "clip_%s.wav", budget);
    write_small_clip(clip, name, seed);
    sp_process process = RUN("certify", "--model", model, "--method", "exact", "--norm", norm,
                             "--budget", budget, "--proof", proof_folder(), clip);
    expect_code(&process, 0);
    const bool yes = strstr(process.out, "certified 1 of 1") != NULL;
    sp_process_clear(&process);
    if (!yes) {
        return false;
    }
    proof_path(path, clip, budget);
    process = check_proof(model, clip, NULL, path, "1");
    if (process.code != 0) {
        fail_msg("%s behind front end %zu at %s of norm %s, seed %llu: %s", kind_name[k], front,
                 budget, norm, (unsigned long long)seed, process.err);
    }
    const double margin = number_behind(process.out, "margin "),
                 claimed = number_behind(process.out, "claimed ");
    /* of l2 the engine knows a better bound for a frame that reaches into the padding */
    const double apart = strcmp(norm, "2") == 0 ? 0.1 : 1e-3;
    if (!(fabs(margin - claimed) <= apart * (1.0 + claimed))) {
        fail_msg("%s behind front end %zu at %s of norm %s, seed %llu: proved %g, claimed %g",
                 kind_name[k], front, budget, norm, (unsigned long long)seed, margin, claimed);
    }
    sp_process_clear(&process);
    return true;
}

static void nets_of_every_kind_are_proved(void **state) {
    (void)state;
    static const char *const budgets[] = {"-70dB", "-60dBFS", "2lsb", "50dBsnr", "-50dB"};
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 40 : 3;
    for (kind k = 0; k < KINDS; k++) {
        size_t proved = 0;
        for (size_t i = 0; i < rounds || (proved == 0 && i < 100); i++) {
            proved += prove_one(seed + 1000 * i + (uint64_t)k, k, (i + (size_t)k) % SMALL_FRONTS,
                                "inf", budgets[(i + (size_t)k) % 5])
                          ? 1
                          : 0;
        }
        assert_true(proved > 0);
    }
}

static void front_ends_of_every_kind_are_proved_in_every_norm(void **state) {
    (void)state;
    static const char *const norms[] = {"inf", "2", "1"};
    static const char *const budgets[] = {"-70dB", "60dBsnr", "-80dBFS", "2lsb"};
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 20 : 1;
    for (size_t front = 0; front < SMALL_FRONTS; front++) {
        for (size_t norm = 0; norm < 3; norm++) {
            size_t proved = 0;
            for (size_t i = 0; i < rounds || (proved == 0 && i < 100); i++) {
                proved += prove_one(seed + 1000 * i + front, LSTM, front, norms[norm],
                                    budgets[(front + norm + i) % 4])
                              ? 1
                              : 0;
            }
            assert_true(proved > 0);
        }
    }
}

/* Whether the certificate of an LSTM in this file is accepted; false: there is none. */
static bool prove_file(const sp_test_onnx *shape, const char *said) {
    char model[PATH], path[PATH], clip[PATH];
    write_model(model, "file.onnx", shape);
    write_small_clip(clip, "clip_file.wav", shape->seed);
    sp_process process = RUN("certify", "--model", model, "--method", "exact", "--budget", "-70dB",
                             "--proof", proof_folder(), clip);
    expect_code(&process, 0);
    const bool yes = strstr(process.out, "certified 1 of 1") != NULL;
    sp_process_clear(&process);
    if (yes) {
        proof_path(path, clip, "-70dB");
        process = check_proof(model, clip, NULL, path, "1");
        expect_code(&process, 0);
        assert_non_null(strstr(process.out, said));
        sp_process_clear(&process);
    }
    return yes;
}

/* Recordings in front of steps, windows of so many frames, and what stands behind the logits. */
static void files_are_read_as_exporters_write_them(void **state) {
    (void)state;
    static const struct {
        size_t classes, steps;
        bool turned;
        const char *head, *said;
    } files[] = {{3, 5, false, "Softmax", ": label "},
                 {3, 5, true, NULL, ": label "},
                 {3, 0, true, "Softmax", ": label "},
                 {1, 5, true, "Sigmoid", ", a threshold of 0 "},
                 {1, 0, false, "Sigmoid", ", a threshold of 0 "}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bool proved = false;
        for (uint64_t k = 0; k < 50 && !proved; k++) {
            const sp_test_onnx shape = {.features = SMALL_BANDS,
                                        .hidden = WIDTH,
                                        .classes = files[i].classes,
                                        .steps = files[i].steps,
                                        .seed = sp_test_seed() + k,
                                        .front = small_fronts[0],
                                        .turned = files[i].turned,
                                        .head = files[i].head};
            proved = prove_file(&shape, files[i].said);
        }
        assert_true(proved);
    }
}

static void threads_change_nothing(void **state) {
    (void)state;
    char path[PATH];
    for (uint64_t seed = 1; !prove_one(seed, GRU_AFTER, 1, "inf", "-60dB"); seed++) {
        assert_true(seed < 100);
    }
    char model[PATH], clip[PATH];
    file_in(model, "net.onnx");
    file_in(clip, "clip_-60dB.wav");
    proof_path(path, clip, "-60dB");
    sp_process one = check_proof(model, clip, NULL, path, "1");
    sp_process four = check_proof(model, clip, NULL, path, "4");
    expect_code(&one, 0);
    expect_code(&four, 0);
    assert_string_equal(one.out, four.out);
    sp_process_clear(&one);
    sp_process_clear(&four);
}

/* However near to the edge: what is certified has a certificate that is accepted, or none, and one
 * line that says so. */
static void no_certificate_of_the_edge_is_refused(void **state) {
    (void)state;
    double low = -70.0, high = 0.0;
    char model[PATH], clip[PATH], path[PATH], budget[64];
    for (uint64_t seed = 1; !prove_one(seed, LSTM, 0, "inf", "-70dB"); seed++) {
        assert_true(seed < 100);
    }
    file_in(model, "net.onnx");
    file_in(clip, "clip_-70dB.wav");
    for (int i = 0; i < 48; i++) {
        const double middle = 0.5 * (low + high);
        snprintf(budget, sizeof budget, "%.17gdB", middle);
        sp_process process = RUN("certify", "--model", model, "--method", "exact", "--budget",
                                 budget, "--proof", proof_folder(), clip);
        const bool yes = strstr(process.out, "certified 1 of 1") != NULL;
        proof_path(path, clip, budget);
        FILE *file = fopen(path, "rb");
        assert_true(yes || !file);
        if (file) {
            fclose(file);
            sp_process check = check_proof(model, clip, NULL, path, "1");
            expect_code(&check, 0);
            sp_process_clear(&check);
        } else if (yes) {
            assert_non_null(strstr(process.err, "no certificate: the margin"));
            assert_true(high - low < 1e-4); /* dB */
        }
        sp_process_clear(&process);
        *(yes ? &low : &high) = middle;
    }
}

/* What certificates do not know: one line says what, before anything is computed, and no file is
 * written. */
static void expect_unknown(const sp_net *net, const char *front, const char *word) {
    char model[PATH], clip[PATH], path[PATH];
    const sp_model_note note = {"soundproof.front", front};
    file_in(model, "unknown.onnx");
    assert_int_equal(sp_model_write(NULL, model, net, &note, 1), SP_OK);
    write_small_clip(clip, "unknown.wav", 3);
    sp_process process = RUN("certify", "--model", model, "--method", "exact", "--budget", "-120dB",
                             "--proof", proof_folder(), clip);
    expect_code(&process, 1);
    expect_complaint(&process, 1, word);
    sp_process_clear(&process);
    proof_path(path, clip, "-120dB");
    assert_null(fopen(path, "rb"));
}

static void other_kinds_are_refused_by_name(void **state) {
    (void)state;
    const sp_activation relu = {.kind = SP_ACTIVATION_RELU};
    double weight[4 * WIDTH * 16], recurrent[4 * WIDTH * WIDTH], bias[4 * WIDTH];
    sp_rng rng;
    sp_net net;
    sp_rng_init(&rng, 7);
    random_list(&rng, weight, 4 * WIDTH * 16, 0.15);
    random_list(&rng, recurrent, 4 * WIDTH * WIDTH, 0.5);
    random_list(&rng, bias, 4 * WIDTH, 0.5);
    assert_int_equal(sp_net_init(NULL, &net, SMALL_BANDS), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, &net, WIDTH, relu, weight, recurrent, bias), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    add_dense(&net, &rng, WIDTH, CLASSES, 3.0);
    expect_unknown(&net, small_fronts[0], "cells with this activation");
    sp_net_clear(&net);
    make_net(&net, &rng, LSTM);
    for (size_t i = 0; i < sizeof unknown_fronts / sizeof unknown_fronts[0]; i++) {
        expect_unknown(&net, unknown_fronts[i][0], unknown_fronts[i][1]);
    }
    sp_net_clear(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_of_every_kind_are_proved),
        cmocka_unit_test(front_ends_of_every_kind_are_proved_in_every_norm),
        cmocka_unit_test(files_are_read_as_exporters_write_them),
        cmocka_unit_test(no_certificate_of_the_edge_is_refused),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(other_kinds_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
