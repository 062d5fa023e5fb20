/* soundproof export: clips as queries with the verdicts of certify, and what is not written. */
#include "base/npy.h"
#include "tests/cli/replay.h"

const char *const program = "cli_export";

static void read_line(char line[PATH], const char *text, size_t number) {
    for (size_t i = 0; i < number; i++) {
        text = strchr(text, '\n');
        assert_non_null(text);
        text++;
    }
    snprintf(line, PATH, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Every box of the inputs, around whole samples, holds all that is within eps of its sample: both
 * differences are exact. */
static void expect_all_noise(const char *path, double eps) {
    char line[PATH];
    size_t moving = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "(assert (>= X", 13) == 0) {
            const double lo = strtod(strrchr(line, ' '), NULL);
            assert_non_null(fgets(line, sizeof line, file));
            const double hi = strtod(strrchr(line, ' '), NULL);
            const double x = rint(0.5 * (lo + hi));
            if (lo < hi && fabs(x) > 4.0 * eps) {
                assert_true(x - lo >= eps && hi - x >= eps);
                moving++;
            }
        }
    }
    fclose(file);
    assert_true(moving > 50);
}

/* What certify proves of a clip is unsat for the file over samples, what is loud enough is sat: in
 * both versions, with the same logits. */
static void exported_queries_have_the_verdicts_of_certify(void **state) {
    (void)state;
    static const char *const languages[] = {"1.0", "2.0"};
    toy t;
    size_t certified = 0, broken = 0;
    make_toy(&t);
    for (int v = 0; v < 2; v++) {
        const sp_test_onnx shape = {
            .features = 10, .hidden = 4, .classes = 3, .seed = 31 + (uint64_t)v};
        char folder[PATH], line[PATH], onnx[PATH] = "f=";
        write_model(t.model, "toy.onnx", &shape);
        file_in(folder, v == 0 ? "export1" : "export2");
        sp_process made = RUN("export", "--vnnlib", folder, "--language", languages[v], "--model",
                              t.model, "--front", t.front, "--budget", "-95dB", "--budget", "6dB",
                              "--timeout", "77", t.clip[v], t.clip[v + 2]);
        expect_code(&made, 0);
        assert_int_equal(sp_process_lines(made.out), 5); // clips of one length
        read_line(line, made.out, 0);
        strcat(onnx, line);
        for (size_t i = 0; i < 4; i++) {
            read_line(line, made.out, 1 + i);
            sp_process verified = RUN("verify", line, "--network", onnx);
            expect_code(&verified, 0);
            sp_process proved =
                RUN("certify", "--method", "opt", "--model", t.model, "--front", t.front, "--json",
                    "--budget", i % 2 == 0 ? "-95dB" : "6dB", t.clip[v + 2 * (int)(i / 2)]);
            expect_code(&proved, 0);
            if (i % 2 == 0) {
                expect_all_noise(line, strtod(strstr(proved.out, "\"eps\":") + 6, NULL));
            }
            const bool unsat = strcmp(verified.out, "unsat\n") == 0;
            assert_true(unsat == (strstr(proved.out, "\"certified\"") != NULL));
            certified += unsat;
            if (strncmp(verified.out, "sat\n", 4) == 0) {
                broken += replays(onnx + 2, line, verified.out);
            }
            sp_process_clear(&verified);
            sp_process_clear(&proved);
        }
        strcat(folder, "/instances.csv");
        FILE *list = fopen(folder, "r");
        assert_non_null(list);
        assert_non_null(fgets(line, sizeof line, list));
        assert_non_null(strstr(line, ".vnnlib,77\n"));
        assert_true(strncmp(line, "onnx/", 5) == 0);
        fclose(list);
        sp_process_clear(&made);
    }
    print_message("%zu certified, %zu broken\n", certified, broken);
    assert_true(certified > 1 && broken > 1);
}

/* Numbers behind the last column of names in a row of `run`. */
static void read_logits(double y[3], const char *out) {
    const char *at = strrchr(out, '\n'); // the end of the row
    assert_non_null(at);
    for (int k = 2; k >= 0; k--) {
        while (at > out && at[-1] == ' ') {
            at--;
        }
        while (at > out && at[-1] != ' ') {
            at--;
        }
        y[k] = strtod(at, NULL);
    }
}

/* The middles of the boxes of a query as a sequence of numbers. */
static void write_middles(const char *path, const char *query) {
    static double x[2 * CLIP_SAMPLES];
    char line[PATH];
    size_t count = 0;
    FILE *file = fopen(query, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "(assert (>= X", 13) == 0) {
            const double lo = strtod(strrchr(line, ' '), NULL);
            assert_non_null(fgets(line, sizeof line, file));
            assert_true(count < 2 * CLIP_SAMPLES);
            x[count++] = rint(0.5 * (lo + strtod(strrchr(line, ' '), NULL)));
        }
    }
    fclose(file);
    assert_int_equal(sp_npy_write(NULL, path, x, count, 1), SP_OK);
}

/* The written network hears a clip as the description does, however loud it is. */
static void a_gain_by_the_peak_is_exported(void **state) {
    (void)state;
    char gain[PATH], text[2048], folder[PATH], onnx[PATH], query[PATH], middles[PATH];
    toy t;
    make_toy(&t);
    file_in(folder, "export4");
    file_in(middles, "middles.npy");
    snprintf(text, sizeof text, "{\"gain\": {\"rule\": \"peak\", \"to\": 10000}, %s",
             toy_front + 1);
    write_text(gain, "gain.json", text);
    for (int i = 0; i < 2; i++) {
        double own[3], written[3];
        sp_process made = RUN("export", "--vnnlib", folder, "--model", t.model, "--front", gain,
                              "--budget", "-60dB", t.clip[i]);
        expect_code(&made, 0);
        read_line(onnx, made.out, 0);
        read_line(query, made.out, 1);
        write_middles(middles, query);
        sp_process described = RUN("run", "--model", t.model, "--front", gain, t.clip[i]);
        sp_process heard = RUN("run", "--model", onnx, middles);
        expect_code(&described, 0);
        expect_code(&heard, 0);
        read_logits(own, described.out);
        read_logits(written, heard.out);
        for (int k = 0; k < 3; k++) {
            assert_true(fabs(own[k] - written[k]) <= 0.0011); // they have three digits
        }
        sp_process_clear(&made);
        sp_process_clear(&described);
        sp_process_clear(&heard);
    }
}

/* Behind one sigmoid the other side of the threshold is that of 0.5; noise is not heard here. */
static void one_sigmoid_is_exported_with_its_threshold(void **state) {
    (void)state;
    enum { HEARD = 24000 };
    static int16_t samples[HEARD];
    char model[PATH], clip[PATH], folder[PATH], query[PATH], line[PATH], last[PATH] = "";
    const char *data = getenv("SOUNDPROOF_DATA");
    snprintf(model, sizeof model, "%s/wake/hey_mycroft_mk1.onnx", data ? data : "");
    if (access(model, R_OK) != 0) {
        print_message("hey_mycroft_mk1.onnx is absent, see docs/data.md\n");
        skip();
    }
    for (int i = 0; i < HEARD; i++) {
        samples[i] = (int16_t)lrint(3000.0 * sin(0.02 * i));
    }
    sp_bytes bytes = sp_wav_bytes(samples, HEARD, 1, 16000);
    write_bytes(clip, "tone.wav", bytes.data, bytes.size);
    sp_bytes_clear(&bytes);
    file_in(folder, "export5");
    sp_process made = RUN("export", "--vnnlib", folder, "--model", model, "--front",
                          "examples/fronts/precise-sonopy.json", "--budget", "-90dB", clip);
    expect_code(&made, 0);
    read_line(query, made.out, 1);
    sp_process_clear(&made);
    FILE *file = fopen(query, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        strcpy(last, line);
    }
    fclose(file);
    assert_string_equal(last, "(assert (>= Y[0,0] 0.5))\n");
}

static void what_is_not_exported_is_said(void **state) {
    (void)state;
    char top[PATH], text[2048], folder[PATH];
    toy t;
    make_toy(&t);
    file_in(folder, "export3");
    snprintf(text, sizeof text, "{\"top_db\": 80, %s", toy_front + 1);
    write_text(top, "top.json", text);
    const struct {
        const char *list[16];
        int code;
        const char *word;
    } cases[] = {
        {{"export", "--model", t.model, "--front", t.front, "--budget", "-60dB", t.clip[0]},
         1,
         "--vnnlib is missing"},
        {{"export", "--vnnlib", folder, "--model", t.model, "--front", t.front, t.clip[0]},
         1,
         "--budget is missing"},
        {{"export", "--vnnlib", folder, "--language", "3", "--model", t.model, "--front", t.front,
          "--budget", "-60dB", t.clip[0]},
         1,
         "--language is 1.0 or 2.0"},
        {{"export", "--vnnlib", folder, "--model", t.model, "--front", top, "--budget", "-60dB",
          t.clip[0]},
         2,
         "top_db compares every band with the loudest of the clip"},
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
        cmocka_unit_test(exported_queries_have_the_verdicts_of_certify),
        cmocka_unit_test(a_gain_by_the_peak_is_exported),
        cmocka_unit_test(one_sigmoid_is_exported_with_its_threshold),
        cmocka_unit_test(what_is_not_exported_is_said),
    };
    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
