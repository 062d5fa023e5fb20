/* soundproof train --plant: counterexamples are there, equal seeds plant the same ones, and no
 * method says that there are none. */
#include "tests/cli/replay.h"

const char *const program = "cli_plant";

enum { TEXT = 1 << 16 };

typedef struct network {
    const char *kind, *shape, *arch; /* arch: NULL: that of the examples */
    const char *radius, *inside;     /* of the boxes; one at which some are certified */
} network;

static const char small_dense[] =
    "{\"layers\": [{\"kind\": \"dense\", \"out\": 20}, {\"kind\": \"relu\"},"
    " {\"kind\": \"dense\", \"out\": 12}, {\"kind\": \"relu\"}, {\"kind\": \"dense\", \"out\": "
    "3}]}";
static const char small_gru[] =
    "{\"layers\": [{\"kind\": \"gru\", \"out\": 8}, {\"kind\": \"dense\", \"out\": 8},"
    " {\"kind\": \"relu\"}, {\"kind\": \"dense\", \"out\": 3}]}";
static const network small[] = {{"dense", "1x16", small_dense, "0.03", "0.02"},
                                {"gru", "3x6", small_gru, "0.1", "0.04"}};
static const network large[] = {{"dense", "1x20", NULL, "0.2", "0.05"},
                                {"rnn", "4x5", NULL, "0.2", "0.05"},
                                {"lstm", "4x5", NULL, "0.2", "0.05"},
                                {"gru", "4x5", NULL, "0.2", "0.05"}};

static char arch[PATH], folder[PATH];

static void plant(const network *n, const char *into, const char *count, const char *seed,
                  const char *threads) {
    char name[64];
    if (n->arch) {
        snprintf(name, sizeof name, "%s.json", n->kind);
        write_text(arch, name, n->arch);
    } else {
        snprintf(arch, sizeof arch, "examples/archs/plant-%s.json", n->kind);
    }
    file_in(folder, into);
    sp_process process =
        RUN("train", "--plant", count, "--shape", n->shape, "--arch", arch, "--radius", n->radius,
            "--seed", seed, "--threads", threads, "--out", folder);
    expect_code(&process, 0);
    assert_string_equal(process.err, ""); // all of them are planted
    sp_process_clear(&process);
}

/* FOLDER/PART/NAME_SEED[_K].ENDING */
static const char *place(char path[2 * PATH], const char *part, const char *seed, int number,
                         const char *ending) {
    const char *slash = strrchr(arch, '/'), *dot = strrchr(arch, '.');
    char text[32] = "";
    if (number >= 0) {
        snprintf(text, sizeof text, "_%d", number);
    }
    snprintf(path, 2 * PATH, "%s/%s/%.*s_%s%s.%s", folder, part, (int)(dot - slash - 1), slash + 1,
             seed, text, ending);
    return path;
}

static char *read_whole(const char *path) {
    char *text = calloc(TEXT, 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(text);
    assert_non_null(file);
    assert_true(fread(text, 1, TEXT - 1, file) > 0);
    fclose(file);
    return text;
}

/* ---- what is planted ---- */

/* With the counterexample in place of its box, the query is proved to be met. */
static void expect_counterexample(const char *seed, int number, const char *onnx) {
    char path[2 * PATH], own[PATH], option[3 * PATH];
    char *query = read_whole(place(path, "vnnlib", seed, number, "vnnlib"));
    char *answer = read_whole(place(path, "counterexamples", seed, number, "txt"));
    char *point = calloc(TEXT, 1), *from = query;
    assert_non_null(point);
    assert_int_equal(strncmp(answer, "sat\nX real [", 12), 0);
    const char *at = strchr(answer + 4, '\n') + 1;
    double value = strtod(at, (char **)&at), inside = 1.0;
    for (char *line = strtok(from, "\n"); line; line = strtok(NULL, "\n")) {
        const bool below = strncmp(line, "(assert (>= X", 13) == 0;
        const bool above = strncmp(line, "(assert (<= X", 13) == 0;
        if (below || above) {
            const double bound = strtod(strrchr(line, ' '), NULL);
            inside = (below ? value >= bound : value <= bound) ? inside : 0.0;
            sprintf(point + strlen(point), "%.*s %.17g))\n", (int)(strrchr(line, ' ') - line), line,
                    value);
        } else {
            sprintf(point + strlen(point), "%s\n", line);
        }
        value = above ? strtod(at, (char **)&at) : value;
    }
    assert_true(inside == 1.0);
    write_text(own, "point.vnnlib", point);
    snprintf(option, sizeof option, "f=%s", onnx);
    sp_process process = RUN("verify", own, "--network", option);
    expect_code(&process, 0);
    assert_int_equal(strncmp(process.out, "sat\n", 4), 0);
    sp_process_clear(&process);
    free(query);
    free(answer);
    free(point);
}

/* The names of all rows of the table, with commas between them. */
static void all_methods(char list[TEXT]) {
    sp_process process = RUN("methods");
    size_t count = 0;
    expect_code(&process, 0);
    list[0] = '\0';
    for (char *line = strchr(process.out, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        char name[32];
        if (sscanf(line + 1, "%31s", name) == 1) {
            sprintf(list + strlen(list), "%s%s", count++ > 0 ? "," : "", name);
        }
    }
    sp_process_clear(&process);
    assert_true(count >= 20);
}

/* No method certifies any of the boxes; how many are certified in a smaller one. */
static double expect_nothing_certified(const network *n, const char *list, const char *seed) {
    char onnx[2 * PATH], clips[2 * PATH];
    double share = 0.0;
    place(onnx, "onnx", seed, -1, "onnx");
    place(clips, "centres", seed, -1, "tsv");
    sp_process process = RUN("compare", "--methods", list, "--model", onnx, "--manifest", clips,
                             "--eps", n->radius, "--no-attack");
    expect_code(&process, 0);
    const char *at = strstr(process.out, "certified, %");
    assert_non_null(at);
    for (at = strchr(at, '\n'); at && at[1] == ' '; at = strchr(at + 1, '\n')) {
        char name[32];
        assert_int_equal(sscanf(at + 1, "%31s %lf", name, &share), 2);
        if (!(share == 0.0)) {
            fail_msg("%s certifies a box of %s with a counterexample", name, folder);
        }
    }
    sp_process_clear(&process);
    process = RUN("certify", "--method", "opt-bab", "--model", onnx, "--manifest", clips, "--eps",
                  n->inside);
    expect_code(&process, 0);
    at = strstr(process.out, ": certified ");
    assert_non_null(at);
    share = strtod(at + 12, NULL);
    sp_process_clear(&process);
    return share;
}

/* None of the table's rows certifies a box, `verify` never says unsat of one, and the file beside
 * it shows why; smaller boxes are certified, so that this is not for want of trying. */
static void expect_no_wrong_verdict(const network *n, const char *seed, int count,
                                    const char *timeout) {
    char onnx[2 * PATH], query[2 * PATH], answer[2 * PATH], option[3 * PATH];
    static char list[TEXT];
    all_methods(list);
    assert_true(expect_nothing_certified(n, list, seed) > 0.0);
    place(onnx, "onnx", seed, -1, "onnx");
    snprintf(option, sizeof option, "f=%s", onnx);
    size_t open = 0;
    for (int i = 0; i < count; i++) {
        place(query, "vnnlib", seed, i, "vnnlib");
        expect_counterexample(seed, i, onnx);
        sp_process process = RUN("verify", query, "--network", option, "--timeout", timeout);
        expect_code(&process, 0);
        if (strncmp(process.out, "unsat", 5) == 0) {
            fail_msg("%s: %s", query, process.out);
        }
        open += strncmp(process.out, "sat", 3) != 0;
        sp_process_clear(&process);
        (void)replays_file(onnx, query, place(answer, "counterexamples", seed, i, "txt"));
    }
    print_message("%s: %zu of %d counterexamples not found by verify\n", folder, open, count);
}

static void no_method_certifies_a_planted_box(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        plant(&small[i], small[i].kind, "2", "3", "2");
        expect_no_wrong_verdict(&small[i], "3", 2, "1");
    }
}

static void no_method_certifies_a_planted_box_of_a_larger_set(void **state) {
    (void)state;
    if (!sp_test_long()) {
        print_message("only make check-long plants it: minutes\n");
        skip();
    }
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        plant(&large[i], large[i].kind, "5", "1", "2");
        expect_no_wrong_verdict(&large[i], "1", 5, "5");
    }
}

/* ---- repetition and refusals ---- */

static void equal_seeds_plant_equal_bits(void **state) {
    (void)state;
    static const char *const parts[] = {"onnx", "vnnlib", "counterexamples"};
    static const char *const endings[] = {"onnx", "vnnlib", "txt"};
    char *first[3];
    for (int run = 0; run < 2; run++) {
        plant(&small[0], run == 0 ? "once" : "again", "1", "5", run == 0 ? "1" : "3");
        for (int i = 0; i < 3; i++) {
            char path[2 * PATH];
            char *text = read_whole(place(path, parts[i], "5", i == 0 ? -1 : 0, endings[i]));
            if (run == 0) {
                first[i] = text;
            } else {
                assert_memory_equal(first[i], text, TEXT);
                free(first[i]);
                free(text);
            }
        }
    }
}

static void what_cannot_be_planted_is_said(void **state) {
    (void)state;
    char dense[PATH], gru[PATH], flat[PATH], out[PATH];
    write_text(dense, "d.json", small_dense);
    write_text(gru, "g.json", small_gru);
    write_text(flat, "f.json",
               "{\"layers\": [{\"kind\": \"gru\", \"out\": 8},"
               " {\"kind\": \"dense\", \"out\": 3}]}");
    file_in(out, "refused");
    const struct {
        const char *list[16];
        int code;
        const char *word;
    } cases[] = {
        {{"train", "--plant", "1", "--shape", "1x4", "--out", out}, 1, "--arch is missing"},
        {{"train", "--plant", "1", "--shape", "1x4", "--arch", dense}, 1, "into which folder"},
        {{"train", "--plant", "1", "--arch", dense, "--out", out}, 1, "--shape TxD"},
        {{"train", "--plant", "1", "--shape", "4", "--arch", dense, "--out", out}, 1, "--shape"},
        {{"train", "--plant", "0", "--shape", "1x4", "--arch", dense, "--out", out}, 1, "--plant"},
        {{"train", "--plant", "1", "--shape", "1x4", "--arch", dense, "--out", out, "--data", "d"},
         1,
         "--data does not go with --plant"},
        {{"train", "--shape", "1x4", "--arch", dense, "--out", out}, 1, "--shape goes with"},
        {{"train", "--plant", "1", "--shape", "2x4", "--arch", dense, "--out", out},
         2,
         "--shape 1x8"},
        {{"train", "--plant", "1", "--shape", "2x4", "--arch", flat, "--out", out},
         2,
         "dense, relu and dense"},
        {{"train", "--plant", "5", "--shape", "2x4", "--arch", gru, "--out", out},
         2,
         "twice as many outputs"},
        {{"train", "--plant", "1", "--shape", "2x4", "--arch", gru, "--out", out, "--radius", "-1"},
         2,
         "radius"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_process process = run_list(cases[i].list);
        expect_code(&process, cases[i].code);
        expect_complaint(&process, 1, cases[i].word);
        sp_process_clear(&process);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_method_certifies_a_planted_box),
        cmocka_unit_test(no_method_certifies_a_planted_box_of_a_larger_set),
        cmocka_unit_test(equal_seeds_plant_equal_bits),
        cmocka_unit_test(what_cannot_be_planted_is_said),
    };
    return cmocka_run_group_tests_name("plant", tests, NULL, NULL);
}
