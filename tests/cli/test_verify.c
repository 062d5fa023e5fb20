/* soundproof verify and supports: answers, witnesses that onnxruntime repeats, what is refused. */
#include <time.h>

#include "base/status.h"
#include "tests/cli/replay.h"

const char *const program = "cli_verify";

enum { STEPS = 3, WIDTH = 2, N = STEPS * WIDTH, TEXT = 16384 };

static char model[PATH], network[2 * PATH];

static int prepare(void **state) {
    const sp_test_onnx shape = {.features = WIDTH, .hidden = 4, .classes = 3, .seed = 21};
    (void)state;
    write_model(model, "net.onnx", &shape);
    snprintf(network, sizeof network, "f=%s", model);
    return 0;
}

static void add(char *text, const char *format, ...) SP_PRINTF(2, 3);
static void add(char *text, const char *format, ...) {
    va_list values;
    const size_t used = strlen(text);
    va_start(values, format);
    vsnprintf(text + used, TEXT - used, format, values);
    va_end(values);
}

/* A query of either version: inputs within `width` of 0. */
static const char *write_query(char path[PATH], const char *name, int version, double width,
                               const char *assertion) {
    char text[TEXT] = "";
    if (version == 2) {
        add(text,
            "(vnnlib-version <2.0>)\n(declare-network f\n  (declare-input X real [%d,1,%d])\n"
            "  (declare-output Y real [1,3]))\n",
            STEPS, WIDTH);
    }
    for (int i = 0; version == 1 && i < N + 3; i++) {
        add(text, "(declare-const %s_%d Real)\n", i < N ? "X" : "Y", i < N ? i : i - N);
    }
    for (int i = 0; i < N; i++) {
        char x[32];
        snprintf(x, sizeof x, version == 1 ? "X_%d" : "X[%d,0,%d]", version == 1 ? i : i / WIDTH,
                 i % WIDTH);
        add(text, "(assert (<= %s %g))\n(assert (>= %s %g))\n", x, width, x, -width);
    }
    add(text, "%s\n", assertion);
    return write_text(path, name, text);
}

/* Logits of zeros, to know what is true there. */
static void logits_at_zero(double y[3]) {
    char query[PATH];
    write_query(query, "point.vnnlib", 1, 0.0, "(assert (<= Y_0 1e6))");
    sp_process process = RUN("verify", query, "--network", network);
    expect_code(&process, 0);
    assert_int_equal(strncmp(process.out, "sat\n", 4), 0);
    for (int k = 0; k < 3; k++) {
        char name[16];
        snprintf(name, sizeof name, "(Y_%d ", k);
        const char *at = strstr(process.out, name);
        assert_non_null(at);
        y[k] = strtod(at + strlen(name), NULL);
    }
    sp_process_clear(&process);
}

/* Of a small box and of a large one, in both versions: Y_a cannot fall below Y_b near 0. */
static void the_first_line_is_the_answer(void **state) {
    (void)state;
    double y[3];
    logits_at_zero(y);
    const int best = y[0] > y[1] ? (y[0] > y[2] ? 0 : 2) : (y[1] > y[2] ? 1 : 2);
    const int other = (best + 1) % 3;
    for (int version = 1; version <= 2; version++) {
        char assertion[128], query[PATH];
        snprintf(assertion, sizeof assertion,
                 version == 1 ? "(assert (<= Y_%d Y_%d))" : "(assert (<= Y[0,%d] Y[0,%d]))", best,
                 other);
        write_query(query, "small.vnnlib", version, 0.001, assertion);
        sp_process process = RUN("verify", query, "--network", network);
        expect_code(&process, 0);
        assert_string_equal(process.out, "unsat\n");
        assert_string_equal(process.err, "");
        sp_process_clear(&process);
        snprintf(assertion, sizeof assertion,
                 version == 1 ? "(assert (>= Y_%d Y_%d))" : "(assert (>= Y[0,%d] Y[0,%d]))", best,
                 other);
        write_query(query, "other.vnnlib", version, 0.001, assertion);
        process = RUN("verify", query, "--network", network, "-v");
        expect_code(&process, 0);
        expect_text(&process, version == 1 ? "sat\n((X_0 " : "sat\nX real [3,1,2]\n");
        expect_complaint(&process, 1, "real arithmetic");
        sp_process_clear(&process);
    }
}

static void json_has_the_same(void **state) {
    (void)state;
    char query[PATH], *first = NULL;
    write_query(query, "json.vnnlib", 1, 1.0, "(assert (<= Y_0 -1000))");
    for (int threads = 1; threads <= 3; threads += 2) {
        char count[8];
        snprintf(count, sizeof count, "%d", threads);
        sp_process process = RUN("verify", "--json", "--threads", count, "--boxes", "200", query,
                                 "--network", network);
        expect_code(&process, 0);
        expect_text(&process, "\"answer\":\"unsat\",\"reason\":null,\"input\":null");
        expect_text(&process, "\"arithmetic\":\"real\"");
        char *end = strstr(process.out, "\"seconds\"");
        assert_non_null(end);
        *end = '\0';
        if (first) {
            assert_string_equal(first, process.out);
        }
        free(first);
        first = strdup(process.out);
        sp_process_clear(&process);
    }
    free(first);
}

static void time_runs_out(void **state) {
    (void)state;
    for (int version = 1; version <= 2; version++) {
        char query[PATH];
        const time_t start = time(NULL);
        write_query(query, "late.vnnlib", version, 3.0,
                    version == 1 ? "(assert (<= (+ Y_0 Y_1 Y_2) -5.5))"
                                 : "(assert (<= (+ Y[0,0] Y[0,1] Y[0,2]) -5.5))");
        sp_process process = RUN("verify", query, "--network", network, "--timeout", "0.001");
        expect_code(&process, 0);
        assert_string_equal(process.out, version == 1 ? "timeout\n" : "timed-out\n");
        expect_complaint(&process, 1, "no answer within 0.001 s");
        assert_true(time(NULL) - start < 30);
        sp_process_clear(&process);
    }
}

static void what_cannot_be_asked_is_said(void **state) {
    (void)state;
    char query[PATH], two[PATH], wide[PATH], broken[PATH], float64[PATH], other[2 * PATH];
    write_query(query, "q1.vnnlib", 1, 1.0, "");
    write_query(two, "q2.vnnlib", 2, 1.0, "");
    write_text(wide, "wide.vnnlib",
               "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 1))"
               "(assert (>= X_0 1))");
    write_text(broken, "broken.vnnlib", "(declare-const X_0 Real)\n(assert (<= X_0 1)");
    write_text(float64, "float64.vnnlib",
               "(vnnlib-version <2.0>)(declare-network f (declare-input X float64 [1,1,2])"
               "(declare-output Y float64 [1,3]))(assert (and (<= X[0,0,0] 1) (>= X[0,0,0] 0) "
               "(<= X[0,0,1] 1) (>= X[0,0,1] 0)))(assert (<= Y[0,0] -1000))");
    snprintf(other, sizeof other, "g=%s", model);
    const struct {
        const char *list[8];
        int code;
        const char *word;
    } cases[] = {
        {{"verify", "--network", network}, 1, "which query?"},
        {{"verify", query, two, "--network", network}, 1, "one query at a time"},
        {{"verify", query}, 1, "--network is missing"},
        {{"verify", query, "--network", network, "--network", network}, 1, "more than once"},
        {{"verify", two, "--network", other}, 1, "declares the network f: --network f=M.onnx"},
        {{"verify", two, "--network", model}, 1, "declares the network f"},
        {{"verify", query, "--network", network, "--boxes", "0"}, 1, "--boxes"},
        {{"verify", query, "--network", network, "--arithmetic", "half"}, 1, "--arithmetic is"},
        {{"verify", wide, "--network", network}, 2, "the query has 1 inputs"},
        {{"verify", broken, "--network", network}, 2, "line 2: a '(' without its ')'"},
        {{"verify", "absent.vnnlib", "--network", network}, 2, "absent.vnnlib: no such file"},
        {{"verify", query, "--network", "f=absent.onnx"}, 2, "absent.onnx: no such file"},
        {{"verify", float64, "--network", network}, 2, "the element type float64"},
        {{"supports"}, 1, "supports answers one capability"},
        {{"supports", "--vnnlib-version"}, 1, "perhaps --vnnlib-versions"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sp_process process = run_list(cases[i].list);
        expect_code(&process, cases[i].code);
        assert_string_equal(process.out, "");
        expect_complaint(&process, 1, cases[i].word);
        sp_process_clear(&process);
    }
    sp_process process =
        RUN("verify", float64, "--network", network, "--arithmetic", "real", "--json");
    expect_code(&process, 0);
    expect_text(&process, "unsat");
    sp_process_clear(&process);
}

static void capabilities_are_answered(void **state) {
    (void)state;
    sp_process process = RUN("supports", "--vnnlib-versions");
    expect_code(&process, 0);
    assert_string_equal(process.out, "1.0\n2.0\n");
    sp_process_clear(&process);
    process = RUN("supports", "--onnx-operators");
    expect_code(&process, 0);
    expect_text(&process, "\nLSTM\n");
    sp_process_clear(&process);
    process = RUN("--name");
    expect_code(&process, 0);
    assert_string_equal(process.out, "soundproof\n");
    sp_process_clear(&process);
    process = RUN("help", "supports");
    expect_code(&process, 0);
    expect_text(&process, "--onnx-element-types");
    sp_process_clear(&process);
}

/* ---- the scripts of VNN-COMP ---- */

static int script(const char *name, const char *const *arguments) {
    char path[PATH];
    const char *list[10] = {path};
    snprintf(path, sizeof path, "examples/vnncomp/%s", name);
    for (size_t i = 0; arguments[i]; i++) {
        list[i + 1] = arguments[i];
    }
    sp_process process = sp_process_run(program, list);
    const int code = process.code;
    sp_process_clear(&process);
    return code;
}
#define SCRIPT(name, ...) script(name, (const char *const[]){__VA_ARGS__, NULL})

static void scripts_of_the_competition_write_results(void **state) {
    (void)state;
    for (int version = 1; version <= 2; version++) {
        char query[PATH], results[PATH], list[2 * PATH], line[64];
        write_query(query, "script.vnnlib", version, 0.5,
                    version == 1 ? "(assert (<= Y_0 1000))" : "(assert (<= Y[0,0] 1000))");
        write_text(results, "results", "");
        snprintf(list, sizeof list, version == 1 ? "%s" : "[('f','%s')]", model);
        assert_int_equal(SCRIPT("install_tool.sh", "v1"), 0);
        assert_int_equal(SCRIPT("prepare_instance.sh", "v1", "test", list, query), 0);
        assert_int_equal(SCRIPT("run_instance.sh", "v1", "test", list, query, results, "30"), 0);
        FILE *file = fopen(results, "r");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof line, file));
        assert_string_equal(line, "sat\n");
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(strncmp(line, version == 1 ? "((X_0 " : "X real [3,1,2]", 6), 0);
        fclose(file);
        assert_int_equal(
            SCRIPT("run_instance.sh", "v1", "test", "absent.onnx", query, results, "30") == 0, 0);
        assert_int_equal(SCRIPT("prepare_instance.sh", "v1", "test", "absent.onnx", query), 1);
        assert_int_equal(SCRIPT("prepare_instance.sh", "v2", "test", list, query), 1);
    }
}

static void onnxruntime_repeats_the_witnesses(void **state) {
    (void)state;
    if (!python()) {
        print_message(
            "onnxruntime is absent: tests/onnx/onnxruntime_env.sh installs it from PyPI\n");
        skip();
    }
    double y[3];
    sp_rng rng;
    size_t met = 0;
    logits_at_zero(y);
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < 6; i++) {
        char query[PATH], assertion[256];
        const int a = (int)sp_rng_below(&rng, 3), version = 1 + i % 2;
        const double value = y[a] + sp_rng_uniform(&rng, -0.2, 0.2);
        snprintf(assertion, sizeof assertion,
                 version == 1 ? "(assert (or (>= Y_%d %.4f) (<= (- (* 2 Y_0) Y_1) -9)))"
                              : "(assert (or (>= Y[0,%d] %.4f) (<= (- (* 2 Y[0,0]) Y[0,1]) -9)))",
                 a, value);
        write_query(query, "replay.vnnlib", version, 1.0, assertion);
        sp_process process =
            RUN("verify", query, "--network", network, "--timeout", "5", "--boxes", "300");
        expect_code(&process, 0);
        if (strncmp(process.out, "sat\n", 4) == 0) {
            met += replays(model, query, process.out);
        }
        sp_process_clear(&process);
    }
    assert_true(met > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_answer),
        cmocka_unit_test(json_has_the_same),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(what_cannot_be_asked_is_said),
        cmocka_unit_test(capabilities_are_answered),
        cmocka_unit_test(scripts_of_the_competition_write_results),
        cmocka_unit_test(onnxruntime_repeats_the_witnesses),
    };
    return cmocka_run_group_tests_name("verify", tests, prepare, NULL);
}
