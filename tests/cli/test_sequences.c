/* Sequences of numbers (.npy) as clips of every command that takes them, and what is refused. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/npy.h"
#include "tests/cli/command.h"

const char *const program = "cli_sequences";

enum { PARTS = 3, ROWS = 5, WIDTH = 10 };
static toy t;
static char many[PATH], one[2 * PATH], manifest[PATH], wide[PATH];

static void write_numbers(char path[PATH], const char *name, size_t width, uint64_t seed) {
    char header[119];
    sp_bytes bytes = {0};
    sp_rng rng;
    sp_rng_init(&rng, seed);
    memset(header, ' ', sizeof header);
    snprintf(header, sizeof header,
             "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d, %zu), }", PARTS, ROWS,
             width);
    header[strlen(header)] = ' ';
    header[117] = '\n';
    sp_bytes_add(&bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    sp_bytes_add(&bytes, header, 118);
    for (size_t i = 0; i < PARTS * ROWS * width; i++) {
        const double x = sp_rng_uniform(&rng, 0.0, 1.0);
        sp_bytes_add(&bytes, &x, sizeof x);
    }
    write_bytes(path, name, bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
}

static int prepare(void **state) {
    (void)state;
    make_toy(&t);
    write_numbers(many, "many.npy", WIDTH, 4);
    write_numbers(wide, "wide.npy", WIDTH + 1, 4);
    snprintf(one, sizeof one, "%s:1", many);
    write_text(manifest, "labels.tsv",
               "cli_sequences_many.npy:0\t0\ttest\ncli_sequences_many.npy:2\t2\ttrain\n");
    return 0;
}

#define MODEL "--model", t.model

static size_t count_of(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

static void a_file_is_all_its_sequences(void **state) {
    (void)state;
    sp_process process = RUN("run", MODEL, many);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 1 + PARTS);
    expect_text(&process, "many.npy:2");
    sp_process_clear(&process);
    process = RUN("run", MODEL, "--json", one);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 1);
    expect_text(&process, "\"frames\":5");
    sp_process_clear(&process);
}

static void every_command_takes_them(void **state) {
    (void)state;
    sp_process process = RUN("certify", MODEL, "--eps", "0.001", "--eps", "0.01", many);
    expect_code(&process, 0);
    expect_text(&process, "0.00100  certified");
    expect_text(&process, "0.001: certified 3 of 3");
    assert_null(strstr(process.out, "LSB"));
    sp_process_clear(&process);
    process = RUN("radius", MODEL, "--frame", "all", "--tol", "2", one);
    expect_code(&process, 0);
    assert_int_equal(count_of(process.out, "many.npy:1 "), ROWS);
    expect_text(&process, "weakest moment: frame ");
    sp_process_clear(&process);
    process = RUN("compare", MODEL, "--eps", "0.01", "--methods", "ibp,deepz,zono,exact",
                  "--starts", "1", "--steps", "5", many);
    expect_code(&process, 0);
    expect_text(&process, "certified, %                 0.01");
    sp_process_clear(&process);
    process = RUN("certify", MODEL, "--eps", "0.01", "--json", one);
    expect_text(&process, "\"budget_db\":null,\"eps\":0.01");
    expect_text(&process, "\"front_relax\":\"none\"");
    sp_process_clear(&process);
}

static double margin_of(const char *json) {
    const char *at = strstr(json, "\"margin\":");
    assert_non_null(at);
    return strtod(at + 9, NULL);
}

/* Shares of numbers and of rows: those of one row alone are noise in that frame; half
 * of them is less of it. */
static void rows_have_shares(void **state) {
    (void)state;
    char path[PATH];
    double shares[ROWS * WIDTH] = {0.0}, margin[4];
    for (size_t k = 0; k < 3; k++) { // by rows, by numbers, and half of these
        const size_t count = k == 0 ? ROWS : ROWS * WIDTH, each = count / ROWS;
        for (size_t i = 0; i < count; i++) {
            shares[i] = i / each == 2 ? (k < 2 ? 1.0 : 0.5) : 0.0;
        }
        file_in(path, "shares.npy");
        assert_int_equal(sp_npy_write(NULL, path, shares, 1, count), SP_OK);
        sp_process process =
            RUN("certify", MODEL, "--eps", "0.01", "--json", "--profile", path, one);
        expect_code(&process, 0);
        expect_text(&process, "\"profile\":true");
        margin[k] = margin_of(process.out);
        sp_process_clear(&process);
    }
    sp_process process = RUN("certify", MODEL, "--eps", "0.01", "--json", "--frame", "2", one);
    margin[3] = margin_of(process.out);
    sp_process_clear(&process);
    assert_true(margin[0] == margin[1] && fabs(margin[0] - margin[3]) <= 1e-12 &&
                margin[2] > margin[0]);
    process = RUN("radius", MODEL, "--profile", path, "--tol", "2", many);
    expect_code(&process, 0);
    expect_text(&process, "--profile ");
    sp_process_clear(&process);
}

static void breaking_sequences_are_files(void **state) {
    (void)state;
    char out[PATH], path[2 * PATH];
    struct stat info;
    file_in(out, "broken");
    sp_process process = RUN("attack", MODEL, "--eps", "50", "--out", out, one);
    expect_code(&process, 0);
    expect_text(&process, "broken");
    sp_process_clear(&process);
    snprintf(path, sizeof path, "%s/cli_sequences_many_1_50.npy", out);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 128 + ROWS * WIDTH * 8);
    process = RUN("run", MODEL, "--json", path);
    expect_code(&process, 0);
    sp_process_clear(&process);
    unlink(path);
}

static void labels_are_those_of_the_manifest(void **state) {
    (void)state;
    sp_process process = RUN("certify", MODEL, "--eps", "0.001", "--json", "--manifest", manifest,
                             "--split", "train");
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.out), 1);
    expect_text(&process, "many.npy:2\",\"label\":2,");
    sp_process_clear(&process);
    process = RUN("certify", MODEL, "--eps", "0.001", "--json", "--manifest", manifest, one);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "has no line for this clip");
    sp_process_clear(&process);
}

static void noise_is_cut_and_placed(void **state) {
    (void)state;
    sp_process all = RUN("certify", MODEL, "--eps", "0.5", "--json", one);
    sp_process cut = RUN("certify", MODEL, "--eps", "0.5", "--clip-to", "0:1", "--json", one);
    sp_process placed = RUN("certify", MODEL, "--eps", "0.5", "--frame", "4", "--json", one);
    const char *const key = "\"margin\":";
    const double margin = strtod(strstr(all.out, key) + strlen(key), NULL);
    assert_true(strtod(strstr(cut.out, key) + strlen(key), NULL) > margin);
    assert_true(strtod(strstr(placed.out, key) + strlen(key), NULL) > margin);
    sp_process_clear(&all);
    sp_process_clear(&cut);
    sp_process_clear(&placed);
    placed = RUN("certify", MODEL, "--eps", "0.5", "--frame", "5", one);
    expect_code(&placed, 2);
    expect_complaint(&placed, 1, "no frames 5 to 5");
    sp_process_clear(&placed);
    cut = RUN("certify", MODEL, "--eps", "0.5", "--clip-to", "0:0.5", one);
    expect_code(&cut, 2);
    expect_complaint(&cut, 1, "which is not within 0 and 0.5");
    sp_process_clear(&cut);
}

static void what_they_have_not_is_refused_in_one_line(void **state) {
    (void)state;
    const struct {
        const char *word;
        const char *argument[10];
    } cases[] = {
        {"--eps", {"certify", MODEL, "--budget", "-70dB", one}},
        {"--budget", {"certify", MODEL, "--front", t.front, "--eps", "0.1", t.clip[0]}},
        {"--eps", {"certify", MODEL, one}},
        {"do not go together", {"certify", MODEL, "--eps", "0.1", one, t.clip[0]}},
        {"no front end", {"certify", MODEL, "--eps", "0.1", "--method", "zono@r2", one}},
        {"no front end", {"compare", MODEL, "--eps", "0.1", "--methods", "exact,zono@r2", one}},
        {"no front end", {"radius", MODEL, "--front-relax", "r2", one}},
        {"--front does not go", {"radius", MODEL, "--front", t.front, one}},
        {"no sound", {"audit", MODEL, "--front", t.front, one}},
        {"no sound", {"report", MODEL, "--front", t.front, one}},
        {"--clip-to", {"radius", MODEL, "--clip-to", "1:0", one}},
        {"--clip-to goes with boxes", {"radius", MODEL, "--clip-to", "0:1", "--norm", "2", one}},
        {"above 0", {"certify", MODEL, "--eps", "-0.1", one}},
        {"soundproof radius", {"certify", MODEL, "--eps", "0.1", "--frame", "all", one}},
        {"recordings", {"certify", MODEL, "--eps", "0.1", "--proof", "x", one}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sp_process process = run_list(cases[i].argument);
        expect_code(&process, 1);
        expect_complaint(&process, 1, cases[i].word);
        sp_process_clear(&process);
    }
}

static void shapes_that_differ_are_refused_in_one_line(void **state) {
    (void)state;
    char other[2 * PATH];
    snprintf(other, sizeof other, "%s:0", wide);
    sp_process process = RUN("certify", MODEL, "--eps", "0.1", other);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "has rows of 11 numbers, and the model reads 10");
    sp_process_clear(&process);
    process = RUN("features", "--front", t.front, one);
    expect_code(&process, 1);
    expect_complaint(&process, 1, "this command is about recordings");
    sp_process_clear(&process);
}

/* Features that a front end has made are a sequence, and the model answers them as the clip. */
static void features_are_sequences(void **state) {
    (void)state;
    char path[PATH];
    file_in(path, "features.npy");
    sp_process process = RUN("features", "--front", t.front, "--npy", path, t.clip[0]);
    expect_code(&process, 0);
    sp_process_clear(&process);
    sp_process clip = RUN("run", MODEL, "--front", t.front, "--json", t.clip[0]);
    process = RUN("run", "--model", t.with_front, "--json", path);
    expect_code(&process, 0);
    assert_string_equal(strstr(process.out, "\"predicted\""), strstr(clip.out, "\"predicted\""));
    sp_process_clear(&clip);
    sp_process_clear(&process);
}

/* As one by one, whatever the threads; a clip that cannot be read is named, and the others told. */
static void features_come_in_the_order_of_the_clips(void **state) {
    (void)state;
    char gone[PATH], all[1 << 16] = "";
    file_in(gone, "gone.wav");
    sp_process process = RUN("features", "--front", t.front, "--json", "--threads", "4", t.clip[0],
                             t.clip[1], gone, t.clip[2]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "no such file");
    for (int i = 0; i < 3; i++) {
        sp_process one_clip = RUN("features", "--model", t.with_front, "--json", t.clip[i]);
        expect_code(&one_clip, 0);
        assert_true(strlen(all) + strlen(one_clip.out) < sizeof all);
        strcat(all, one_clip.out);
        sp_process_clear(&one_clip);
    }
    assert_string_equal(process.out, all);
    sp_process_clear(&process);
}

/* Forty sequences of two kinds, which tell themselves apart by the sign of their numbers. */
static void write_kinds(char path[PATH], char text[PATH]) {
    enum { SEQUENCES = 40 };
    char header[119], lines[SEQUENCES * 64] = "";
    sp_bytes bytes = {0};
    sp_rng rng;
    sp_rng_init(&rng, 9);
    memset(header, ' ', sizeof header);
    snprintf(header, sizeof header,
             "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 4, 3), }", SEQUENCES);
    header[strlen(header)] = ' ';
    header[117] = '\n';
    sp_bytes_add(&bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    sp_bytes_add(&bytes, header, 118);
    for (int i = 0; i < SEQUENCES; i++) {
        for (int k = 0; k < 12; k++) {
            const double x = (i % 2 ? 0.4 : -0.4) + sp_rng_uniform(&rng, -0.3, 0.3);
            sp_bytes_add(&bytes, &x, sizeof x);
        }
        const size_t used = strlen(lines);
        snprintf(lines + used, sizeof lines - used, "cli_sequences_kinds.npy:%d\t%d\t%s\n", i,
                 i % 2,
                 i < 28   ? "train"
                 : i < 34 ? "validation"
                          : "test");
    }
    write_bytes(path, "kinds.npy", bytes.data, bytes.size);
    write_text(text, "kinds.tsv", lines);
    sp_bytes_clear(&bytes);
}

/* Certified training of sequences teaches what is then proved. */
static void sequences_are_learned_and_certified(void **state) {
    (void)state;
    char numbers[PATH], labels[PATH], arch[PATH], out[PATH];
    write_kinds(numbers, labels);
    write_text(
        arch, "kinds.json",
        "{\"layers\": [{\"kind\": \"lstm\", \"out\": 4}, {\"kind\": \"dense\", \"out\": 2}]}");
    file_in(out, "kinds.onnx");
    sp_process process = RUN("train", "--arch", arch, "--data", labels, "--certify", "0.2", "--box",
                             "1", "--epochs", "40", "--batch", "7", "--rate", "0.02", "--out", out);
    expect_code(&process, 0);
    expect_text(&process, "100.00 % on test clips");
    sp_process_clear(&process);
    process =
        RUN("certify", "--model", out, "--eps", "0.2", "--manifest", labels, "--split", "test");
    expect_code(&process, 0);
    expect_text(&process, "0.2: certified 6 of 6");
    sp_process_clear(&process);
    static const char *const wrong[][2] = {{"--gain", "3"}, {"--certify", "-60dB"}};
    for (int i = 0; i < 2; i++) {
        process =
            RUN("train", "--arch", arch, "--data", labels, wrong[i][0], wrong[i][1], "--out", out);
        expect_code(&process, 2);
        expect_complaint(&process, 1,
                         i == 0 ? "--gain is about recordings" : "numbers have no peak");
        sp_process_clear(&process);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_all_its_sequences),
        cmocka_unit_test(every_command_takes_them),
        cmocka_unit_test(rows_have_shares),
        cmocka_unit_test(breaking_sequences_are_files),
        cmocka_unit_test(labels_are_those_of_the_manifest),
        cmocka_unit_test(noise_is_cut_and_placed),
        cmocka_unit_test(what_they_have_not_is_refused_in_one_line),
        cmocka_unit_test(shapes_that_differ_are_refused_in_one_line),
        cmocka_unit_test(features_are_sequences),
        cmocka_unit_test(features_come_in_the_order_of_the_clips),
        cmocka_unit_test(sequences_are_learned_and_certified),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
