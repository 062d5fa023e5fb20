/* Certificates of networks that add layers up and pool all steps: what is certified is accepted, as
 * exporters write the file; of a file that computes something else with the same weights nothing
 * false is accepted. */
#include "tests/cli/attained.h"
#include "tests/cli/forged.h"
#include "tests/onnx/build.h"

#include "base/digest.h"
#include "base/file.h"

const char *const program = "cli_proof_graphs";

enum { WIDTH = 6, CLASSES = 3, NOISES = 60 };
typedef enum { LAST, MEAN, SUM, MAX, POOLS } pool;
static const char *const pool_names[POOLS] = {"last", "mean", "sum", "max"};

/* What a file holds behind its first layer. */
typedef struct shape {
    pool pool;
    const char *cell;  /* NULL: none */
    bool turned;       /* recordings in front of steps */
    bool inside, over; /* a layer is added to what it reads; the cell is */
    bool kept;         /* the pooled axis stays */
    bool apart;        /* the axis of directions stays, so that a sum has steps twice */
    bool across;       /* not the steps are pooled */
    int64_t opset;
} shape;

static void add_reals(om *m, sp_rng *rng, const char *name, const char *dims, double scale) {
    size_t count = 0;
    double values[1024];
    (void)om_bare(m, name, dims, &count);
    assert_true(count <= 1024);
    for (size_t i = 0; i < count; i++) {
        values[i] = (double)(float)sp_rng_uniform(rng, -scale, scale);
    }
    om_reals(m, name, dims, values);
}

static void add_dense(om *m, sp_rng *rng, const char *in, const char *out, const char *dims,
                      const char *bias, double scale) {
    char weight[32], sum[64], product[32], inputs[64], name[32];
    snprintf(weight, sizeof weight, "%sW", out);
    snprintf(name, sizeof name, "%sB", out);
    snprintf(product, sizeof product, "%sP", out);
    add_reals(m, rng, weight, dims, scale);
    add_reals(m, rng, name, bias, 0.5);
    snprintf(inputs, sizeof inputs, "%s,%s", in, weight);
    snprintf(sum, sizeof sum, "%s,%s", product, name);
    om_node(m, "MatMul", inputs, product);
    om_node(m, "Add", sum, out);
}

static void add_turn(om *m, const char *in, const char *out) {
    const int64_t perm[] = {1, 0, 2};
    om_ints(m, om_node(m, "Transpose", in, out), "perm", 3, perm);
}

static const char *add_cell(om *m, sp_rng *rng, const shape *s, const char *in) {
    const bool lstm = s->cell[0] == 'L', gru = s->cell[0] == 'G';
    add_reals(m, rng, "cW", lstm ? "1x24x6" : gru ? "1x18x6" : "1x6x6", 0.15);
    add_reals(m, rng, "cR", lstm ? "1x24x6" : gru ? "1x18x6" : "1x6x6", 0.5);
    add_reals(m, rng, "cB", lstm ? "1x48" : gru ? "1x36" : "1x12", 0.5);
    const int64_t axis = 1;
    om_list(m, "axis", 1, &axis);
    if (s->turned) {
        add_turn(m, in, "cX");
    }
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s,cW,cR,cB", s->turned ? "cX" : in);
    Onnx__NodeProto *node = om_node(m, s->cell, inputs, "cY");
    om_int(m, node, "hidden_size", WIDTH);
    if (gru) {
        om_int(m, node, "linear_before_reset", 1);
    }
    om_node(m, s->apart ? "Identity" : "Squeeze", s->apart ? "cY" : "cY,axis",
            s->turned ? "cS" : "c");
    if (s->turned) {
        add_turn(m, "cS", "c");
    }
    return "c";
}

static void add_pool(om *m, const shape *s, const char *in) {
    static const char *const ops[] = {"Gather", "ReduceMean", "ReduceSum", "ReduceMax"};
    const int64_t axis = s->turned != s->across, last = -1;
    char inputs[32];
    snprintf(inputs, sizeof inputs, "%s%s", in,
             s->pool == LAST                    ? ",last"
             : s->pool == SUM || s->opset >= 18 ? ",steps"
                                                : "");
    om_whole(m, "last", last);
    om_list(m, "steps", 1, &axis);
    Onnx__NodeProto *node = om_node(m, ops[s->pool], inputs, "pooled");
    if (s->pool == LAST) {
        om_int(m, node, "axis", axis);
        return;
    }
    om_int(m, node, "keepdims", s->kept);
    if (s->pool != SUM && s->opset < 18) {
        om_ints(m, node, "axes", 1, &axis);
    }
}

/* The same seed gives the same weights, whatever is made of them. */
static void make_file(char path[PATH], const char *name, const shape *s, uint64_t seed) {
    sp_rng rng;
    sp_rng_init(&rng, seed);
    om *m = om_new(s->opset);
    om_input(m, "x", s->turned ? "1xTx5" : "Tx1x5");
    add_dense(m, &rng, "x", "a", "5x6", "6", 0.1);
    om_node(m, "Relu", "a", "b");
    add_dense(m, &rng, "b", "d", "6x6", "6", 0.5);
    om_node(m, "Tanh", "d", "e");
    const char *at = "e";
    if (s->inside) {
        om_node(m, "Add", "b,e", "f");
        at = "f";
    }
    const char *before = at;
    if (s->cell) {
        at = add_cell(m, &rng, s, at);
    }
    if (s->over) {
        char inputs[32];
        snprintf(inputs, sizeof inputs, "%s,%s", at, before);
        om_node(m, "Add", inputs, "g");
        at = "g";
    }
    add_pool(m, s, at);
    om_node(m, "Relu", "pooled", "h");
    om_node(m, "Add", "pooled,h", "k");
    add_dense(m, &rng, "k", "logits", "6x3", "3", 3.0);
    om_output(m, "logits");
    size_t size = 0;
    uint8_t *data = om_pack(m, &size);
    write_bytes(path, name, data, size);
    free(data);
    om_free(m);
}

static shape random_shape(uint64_t seed, pool of) {
    static const char *const cells[] = {"LSTM", "GRU", "RNN", NULL};
    sp_rng rng;
    sp_rng_init(&rng, seed);
    shape s = {.pool = of};
    s.cell = cells[(size_t)sp_rng_uniform(&rng, 0.0, 4.0) % 4];
    s.turned = sp_rng_uniform(&rng, 0.0, 1.0) < 0.5;
    s.inside = sp_rng_uniform(&rng, 0.0, 1.0) < 0.5;
    s.over = s.cell && sp_rng_uniform(&rng, 0.0, 1.0) < 0.5;
    s.kept = sp_rng_uniform(&rng, 0.0, 1.0) < 0.5;
    s.opset = sp_rng_uniform(&rng, 0.0, 1.0) < 0.5 ? 13 : 18;
    return s;
}

static const char *front_file(void) {
    static char path[PATH];
    return write_text(path, "front.json", small_fronts[0]);
}

static bool certify(const char *model, const char *clip, const char *budget) {
    // soundproof-check, which is started here, ends without giving memory back
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    sp_process process = RUN("certify", "--model", model, "--front", front_file(), "--method",
                             "exact", "--budget", budget, "--proof", proof_folder(), clip);
    const bool yes = strstr(process.out, "certified 1 of 1") != NULL;
    if (yes && process.code != 0) {
        fail_msg("%s", process.err);
    }
    sp_process_clear(&process);
    return yes;
}

static void name_of(char name[128], const shape *s, uint64_t seed) {
    snprintf(name, 128, "seed %llu: %s of %s, %s in front, added %d %d, opset %d",
             (unsigned long long)seed, pool_names[s->pool], s->cell ? s->cell : "curves",
             s->turned ? "recordings" : "steps", s->inside, s->over, (int)s->opset);
}

/* Whether there was anything to check. */
static bool prove_one(uint64_t seed, pool of, const char *budget) {
    const shape s = random_shape(seed, of);
    char model[PATH], clip[PATH], path[PATH], name[128];
    name_of(name, &s, seed);
    make_file(model, "graph.onnx", &s, seed);
    write_small_clip(clip, "graph.wav", seed);
    if (!certify(model, clip, budget)) {
        return false;
    }
    proof_path(path, clip, budget);
    sp_process process = check_proof(model, clip, front_file(), path, "1");
    if (process.code != 0) {
        fail_msg("%s: %s", name, process.err);
    }
    const double margin = number_behind(process.out, "margin "),
                 claimed = number_behind(process.out, "claimed ");
    if (!(fabs(margin - claimed) <= 1e-5 * (1.0 + claimed))) {
        fail_msg("%s: proved %g, claimed %g", name, margin, claimed);
    }
    sp_process_clear(&process);
    return true;
}

static void every_pooling_of_every_layer_is_proved(void **state) {
    (void)state;
    static const char *const budgets[] = {"-70dB", "-50dB", "-60dBFS", "2lsb"};
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 60 : 6;
    for (pool of = 0; of < POOLS; of++) {
        size_t proved = 0;
        for (size_t i = 0; i < rounds || (proved < 3 && i < 100); i++) {
            proved += prove_one(seed + 1000 * i + (uint64_t)of, of, budgets[i % 4]);
        }
        assert_true(proved >= 3);
    }
}

/* The certificate of one file under the digest of another one, which has the same weights. */
static const char *forge(char path[PATH], const char *from, const char *model) {
    sp_error err;
    char *data = NULL, sum[SP_DIGEST_TEXT], quoted[SP_DIGEST_TEXT + 2];
    size_t size = 0, bytes = 0;
    parts p;
    assert_int_equal(sp_file_read(&err, &data, &size, from, 1 << 28), SP_OK);
    take_apart(&p, data, size);
    free(data);
    assert_int_equal(sp_file_read(&err, &data, &bytes, model, 1 << 28), SP_OK);
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, data, bytes);
    assert_int_equal(sp_digest_finish(digest, sum), SP_OK);
    free(data);
    snprintf(quoted, sizeof quoted, "\"%s\"", sum);
    set_member(&p, "model_sha256", quoted);
    seal(path, &p);
    parts_clear(&p);
    return path;
}

/* What is accepted of the other file must hold of it; one that has no answer must be refused. */
static size_t check_other(const char *proof, const shape *s, uint64_t seed, const char *clip) {
    char model[PATH], path[PATH], name[128];
    make_file(model, "other.onnx", s, seed);
    name_of(name, s, seed);
    sp_process process = check_proof(model, clip, front_file(), forge(path, proof, model), "1");
    const bool accepted = process.code == 0;
    if (accepted && (s->apart || s->across)) {
        fail_msg("%s has no single answer: %s", name, process.out);
    }
    if (accepted) {
        const size_t label = (size_t)number_behind(process.out, "label ");
        const double radius = number_behind(process.out, "noise of at most ");
        const double attained = least_attained(model, small_fronts[0], seed, label, radius, NOISES);
        if (!(number_behind(process.out, "margin ") <= attained * (1.0 + 1e-5))) {
            fail_msg("%s: %s; %g is attained", name, process.out, attained);
        }
    } else if (process.code != 1 || sp_process_lines(process.err) != 1) {
        fail_msg("%s ends with %d: %s", name, process.code, process.err);
    }
    sp_process_clear(&process);
    return accepted;
}

static void nothing_false_is_accepted_of_another_network(void **state) {
    (void)state;
    const uint64_t seed = sp_test_seed();
    const size_t rounds = sp_test_long() ? 40 : 5;
    size_t accepted = 0, forged = 0;
    char model[PATH], clip[PATH], proof[PATH], own[PATH];
    for (size_t i = 0, done = 0; done < rounds; i++) {
        assert_true(i < 40 * rounds);
        const shape s = random_shape(seed + i, (pool)(i % POOLS));
        make_file(model, "graph.onnx", &s, seed + i);
        write_small_clip(clip, "graph.wav", seed + i);
        if (!certify(model, clip, "-50dB")) {
            continue;
        }
        done++;
        proof_path(proof, clip, "-50dB");
        sp_process process = check_proof(model, clip, front_file(), forge(own, proof, model), "1");
        expect_code(&process, 0);
        sp_process_clear(&process);
        for (pool of = 0; of < POOLS; of++) {
            for (int k = 0; k < 4; k++) {
                shape other = s;
                other.pool = of;
                other.inside = k == 1 ? !s.inside : s.inside;
                other.over = k == 2 ? s.cell && !s.over : s.over;
                other.turned = k == 3 ? !s.turned : s.turned;
                accepted += check_other(proof, &other, seed + i, clip);
                forged++;
            }
        }
        shape odd = s;
        odd.across = true;
        (void)check_other(proof, &odd, seed + i, clip);
        odd = s;
        odd.apart = odd.over = true;
        odd.turned = false;
        if (s.cell) {
            (void)check_other(proof, &odd, seed + i, clip);
        }
    }
    print_message("%zu of %zu certificates of another network prove a true claim\n", accepted,
                  forged);
}

/* What this checker does not read leaves no certificate, and one line. */
static void what_the_checker_does_not_read_leaves_none(void **state) {
    (void)state;
    char model[PATH], clip[PATH], path[PATH];
    const shape s = {.pool = MEAN, .opset = 13};
    sp_rng rng;
    sp_rng_init(&rng, 5);
    om *m = om_new(13);
    om_input(m, "x", "Tx1x5");
    add_dense(m, &rng, "x", "a", "5x6", "6", 0.1);
    om_node(m, "Relu", "a", "b");
    add_dense(m, &rng, "b", "d", "6x6", "6", 0.1);
    om_int(m, om_node(m, "Concat", "b,d", "e"), "axis", 2); /* side by side */
    add_pool(m, &s, "e");
    add_dense(m, &rng, "pooled", "logits", "12x3", "3", 0.1);
    om_output(m, "logits");
    size_t size = 0;
    uint8_t *data = om_pack(m, &size);
    write_bytes(model, "side.onnx", data, size);
    free(data);
    om_free(m);
    write_small_clip(clip, "side.wav", 3);
    sp_process process = RUN("certify", "--model", model, "--front", front_file(), "--method",
                             "exact", "--budget", "-120dB", "--proof", proof_folder(), clip);
    assert_non_null(strstr(process.out, "certified 1 of 1"));
    assert_true(process.code != 0);
    assert_non_null(strstr(process.err, "no certificate: the first certificate of a file: "));
    assert_non_null(strstr(process.err, "(Concat)"));
    sp_process_clear(&process);
    proof_path(path, clip, "-120dB");
    assert_null(fopen(path, "rb"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pooling_of_every_layer_is_proved),
        cmocka_unit_test(nothing_false_is_accepted_of_another_network),
        cmocka_unit_test(what_the_checker_does_not_read_leaves_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
