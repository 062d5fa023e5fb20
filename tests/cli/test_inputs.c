/* Files that cannot be used: each gives exactly one line that names it and exit code 2, and
 * everything else still runs. */
#include "tests/cli/toy.h"

#include <sys/stat.h>
#include <unistd.h>

const char *const program = "cli_inputs";
static int malformed_files;

/* One bad clip between two good ones: with and without --json. */
static void bad_clip(const char *path) {
    sp_process process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-90dB",
                             "--json", "--label", "1", t.clip[0], path, t.clip[1]);
    expect_code(&process, 2);
    if (!strstr(process.err, path)) {
        fail_msg("%s is not named: %s", path, process.err);
    }
    assert_int_equal(sp_process_lines(process.out), 3);
    char *second = strchr(process.out, '\n') + 1, *third = strchr(second, '\n') + 1;
    second[-1] = third[-1] = '\0';
    assert_null(strstr(process.out, "\"verdict\":\"error\""));
    assert_non_null(strstr(second, "\"verdict\":\"error\""));
    assert_null(strstr(third, "\"verdict\":\"error\""));
    sp_process_clear(&process);
    process = RUN("run", "--model", t.model, "--front", t.front, path, t.clip[1]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, path);
    assert_int_equal(sp_process_lines(process.out), 3); // head, two rows
    sp_process_clear(&process);
    malformed_files++;
}

static void bad_clip_bytes(const char *name, const void *data, size_t size) {
    char path[PATH];
    bad_clip(write_bytes(path, name, data, size));
}

static void clips(void **state) {
    (void)state;
    char path[PATH];
    int16_t samples[CLIP_SAMPLES];
    make_samples(samples, CLIP_SAMPLES, 1);
    sp_bytes wav = sp_wav_bytes(samples, CLIP_SAMPLES, 1, CLIP_RATE);
    bad_clip(file_in(path, "absent.wav"));
    file_in(path, "folder.wav");
    mkdir(path, 0755);
    bad_clip(path);
    bad_clip_bytes("empty.wav", "", 0);
    bad_clip_bytes("text.wav", "this is not audio\n", 18);
    bad_clip_bytes("header_only.wav", wav.data, 20);
    bad_clip_bytes("no_samples.wav", wav.data, 44);
    bad_clip_bytes("short.wav", wav.data, 44 + 20);
    bad_clip(t.model);
    wav.data[20] = 0x77; // an audio format that does not exist
    bad_clip_bytes("codec.wav", wav.data, wav.size);
    sp_bytes_clear(&wav);
    bad_clip(write_clip(path, "stereo.wav", 1, 2, CLIP_RATE));
    bad_clip(write_clip(path, "rate.wav", 1, 1, 16000));
    wav = sp_wav_bytes(samples, 30, 1, CLIP_RATE);
    bad_clip_bytes("too_short.wav", wav.data, wav.size);
    sp_bytes_clear(&wav);
}

/* Digital silence has no peak to be 90 dB below; the concrete run can still hear it. */
static void silence(void **state) {
    (void)state;
    char path[PATH];
    const int16_t samples[CLIP_SAMPLES] = {0};
    sp_bytes wav = sp_wav_bytes(samples, CLIP_SAMPLES, 1, CLIP_RATE);
    write_bytes(path, "silence.wav", wav.data, wav.size);
    sp_bytes_clear(&wav);
    sp_process process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-90dB",
                             "--budget", "-80dB", path);
    expect_code(&process, 2);
    expect_complaint(&process, 1, path);
    sp_process_clear(&process);
}

/* --channel, --downmix and --resample make stereo files and other rates usable. */
static void channels_and_rates(void **state) {
    (void)state;
    char stereo[PATH], fast[PATH];
    write_clip(stereo, "stereo.wav", 1, 2, CLIP_RATE);
    write_clip(fast, "rate.wav", 1, 1, 16000);
    sp_process process =
        RUN("run", "--model", t.model, "--front", t.front, "--channel", "2", stereo);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN("run", "--model", t.model, "--front", t.front, "--channel", "3", stereo);
    expect_code(&process, 2);
    expect_complaint(&process, 1, stereo);
    sp_process_clear(&process);
    process = RUN("run", "--model", t.model, "--front", t.front, "--downmix", stereo);
    expect_code(&process, 0);
    sp_process_clear(&process);
    process = RUN("run", "--model", t.model, "--front", t.front, "--resample", fast);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

/* "-" is standard input; a header without a length gets a note. */
static void standard_input(void **state) {
    (void)state;
    char streamed[PATH], command[4 * PATH];
    int16_t samples[CLIP_SAMPLES];
    make_samples(samples, CLIP_SAMPLES, 1);
    sp_bytes wav = sp_wav_bytes(samples, CLIP_SAMPLES, 1, CLIP_RATE);
    memset(wav.data + 40, 0xFF, 4);
    write_bytes(streamed, "streamed.wav", wav.data, wav.size);
    sp_bytes_clear(&wav);
    snprintf(command, sizeof command,
             "\"$SOUNDPROOF\" certify --model '%s' --front '%s' --budget -70dB - < '%s'", t.model,
             t.front, streamed);
    sp_process process =
        sp_process_run(program, (const char *const[]){"/bin/sh", "-c", command, NULL});
    expect_code(&process, 0);
    expect_complaint(&process, 1, "-: its header leaves its length open");
    assert_non_null(strstr(process.out, "\nstdin "));
    sp_process_clear(&process);
}

/* A model or front end that cannot be used stops everything. */
static void bad_system(const char *model, const char *front, const char *word) {
    sp_process process =
        RUN("certify", "--model", model, "--front", front, "--budget", "-90dB", t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 1, word);
    assert_string_equal(process.out, "");
    sp_process_clear(&process);
    malformed_files++;
}

static void bad_model(const char *name, const sp_test_onnx *shape, const char *word) {
    char path[PATH];
    write_model(path, name, shape);
    bad_system(path, t.front, word);
    bad_system(path, t.front, path);
    malformed_files--; // one file, run twice
}

static void models(void **state) {
    (void)state;
    char path[PATH];
    const sp_test_onnx good = {.features = 10, .hidden = 4, .classes = 3, .seed = 21};
    sp_bytes bytes = sp_test_onnx_bytes(&good);
    bad_system(file_in(path, "absent.onnx"), t.front, path);
    file_in(path, "folder.onnx");
    mkdir(path, 0755);
    bad_system(path, t.front, path);
    bad_system(t.clip[0], t.front, t.clip[0]);
    bad_system(t.front, t.front, t.front);
    write_bytes(path, "empty.onnx", "", 0);
    bad_system(path, t.front, path);
    for (size_t part = 1; part < 4; part++) {
        write_bytes(path, "cut.onnx", bytes.data, bytes.size * part / 4);
        bad_system(path, t.front, path);
    }
    sp_bytes_clear(&bytes);
    sp_test_onnx bad = good;
    bad.readout = "Softsign";
    bad_model("operator.onnx", &bad, "Softsign");
    bad = good;
    bad.direction = "bidirectional";
    bad_model("direction.onnx", &bad, "direction");
    bad = good;
    bad.nan_weight = 1;
    bad_model("nan.onnx", &bad, "");
    bad = good;
    bad.short_weight = 1;
    bad_model("short_weight.onnx", &bad, "");
    bad = good;
    bad.unknown_input = 1;
    bad_model("unknown_input.onnx", &bad, "nowhere");
    bad = good;
    bad.features = 7;
    bad_model("widths.onnx", &bad, "10 features");
}

/* The good description with one piece of text put in another's place. */
static void bad_front(const char *name, const char *piece, const char *other) {
    char text[2048], path[PATH];
    const char *at = strstr(toy_front, piece);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - toy_front), toy_front, other,
             at + strlen(piece));
    bad_system(t.model, write_text(path, name, text), path);
}

static void fronts(void **state) {
    (void)state;
    char path[PATH];
    bad_system(t.model, file_in(path, "absent.json"), path);
    bad_system(t.model, t.model, t.model);
    bad_system(t.model, write_text(path, "empty.json", ""), path);
    bad_system(t.model, write_text(path, "list.json", "[1, 2]"), path);
    bad_front("comma.json", "\"frame\": 256,", "\"frame\": 256");
    bad_front("unknown.json", "\"frame\"", "\"frames\"");
    bad_front("extra.json", "\"fft\"", "\"dither\": 1, \"fft\"");
    bad_front("negative.json", "\"step\": 200", "\"step\": -200");
    bad_front("huge.json", "\"frame\": 256", "\"frame\": 1e300");
    bad_front("text.json", "\"frame\": 256", "\"frame\": \"long\"");
    bad_front("window.json", "hamming-periodic", "triangle");
    bad_front("floor.json", "1e-10", "-1");
    bad_front("bands.json", "\"bands\": 10", "\"bands\": 0");
    bad_front("steps.json", "\"fft\"", "\"sequence\": {}, \"fft\"");
    bad_front(
        "order.json", "\"fft\"",
        "\"sequence\": [{\"deltas\": {\"rule\": \"htk\", \"reach\": 2, \"order\": 3}}], \"fft\"");
    bad_front("std.json", "\"fft\"", "\"sequence\": [{\"normalise\": {\"std\": [1, 2]}}], \"fft\"");
}

/* The members that differ and both answers; nothing where only the spelling does. */
static void fronts_that_contradict_the_model(void **state) {
    (void)state;
    char text[2048], path[PATH];
    const char *at = strstr(toy_front, "\"int16\"");
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s\"unit\"%s", (int)(at - toy_front), toy_front,
             at + strlen("\"int16\""));
    write_text(path, "contrary.json", text);
    static const char *const commands[] = {"run", "attack", "certify"};
    for (size_t i = 0; i < 3; i++) {
        sp_process process = i == 0
                                 ? RUN("run", "--model", t.with_front, "--front", path, t.clip[0])
                                 : RUN(commands[i], "--model", t.with_front, "--front", path,
                                       "--budget", "-90dB", t.clip[0]);
        const char *said = strstr(process.err, "differs from the description inside");
        expect_code(&process, 0);
        assert_non_null(said);
        assert_non_null(strstr(said, "in \"scale\";"));
        assert_non_null(strstr(said, "with the other"));
        sp_process_clear(&process);
    }
    sp_process process = RUN("run", "--model", t.with_front, "--front", t.front, t.clip[0]);
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    sp_process_clear(&process);
}

static void manifests(void **state) {
    (void)state;
    char path[PATH];
    static const char *const bad[] = {"a.wav 1\n", "a.wav\tone\n", "", "a.wav\t1\na.wav\t2\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_text(path, "bad.tsv", bad[i]);
        sp_process process = RUN("certify", "--model", t.model, "--front", t.front, "--budget",
                                 "-90dB", "--manifest", path);
        expect_code(&process, 2);
        expect_complaint(&process, 1, path);
        assert_string_equal(process.out, "");
        sp_process_clear(&process);
    }
}

/* A clip that the manifest does not list, and one with a label that the model does not know. */
static void manifest_and_clips(void **state) {
    (void)state;
    char text[4 * PATH], path[PATH];
    snprintf(text, sizeof text, "%s\t1\n%s\t7\n", t.clip[0], t.clip[1]);
    write_text(path, "labels.tsv", text);
    sp_process process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-60dB",
                             "--json", "--manifest", path, t.clip[2], t.clip[1], t.clip[0]);
    expect_code(&process, 2);
    expect_complaint(&process, 2, t.clip[2]);
    expect_complaint(&process, 2, "line 2: label 7");
    assert_int_equal(sp_process_lines(process.out), 3);
    assert_non_null(strstr(process.out, "\"label\":1"));
    sp_process_clear(&process);
}

/* A split is chosen, or the user hears that all clips are taken. */
static void manifests_with_splits(void **state) {
    (void)state;
    char text[8 * PATH], path[PATH];
    snprintf(text, sizeof text, "%s\t1\ttrain\n%s\t1\ttest\n%s\t1\n%s\t1\ttest\n", t.clip[0],
             t.clip[1], t.clip[2], t.clip[3]);
    write_text(path, "splits.tsv", text);
    sp_process process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-60dB",
                             "--json", "--manifest", path);
    expect_code(&process, 0);
    expect_complaint(&process, 1, "has splits, and all its clips are taken: 1 for train, 0 for");
    assert_int_equal(sp_process_lines(process.out), 4);
    sp_process_clear(&process);
    process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-60dB", "--json",
                  "--manifest", path, "--split", "test");
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    assert_int_equal(sp_process_lines(process.out), 2);
    assert_non_null(strstr(process.out, "clip1.wav"));
    assert_non_null(strstr(process.out, "clip3.wav"));
    sp_process_clear(&process);
    process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-60dB",
                  "--manifest", path, "--split", "validation");
    expect_code(&process, 2);
    expect_complaint(&process, 1, "no clips of the split validation: 1 are for train, 0 for");
    sp_process_clear(&process);
    process = RUN("certify", "--model", t.model, "--front", t.front, "--budget", "-60dB",
                  "--manifest", path, t.clip[0]);
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    sp_process_clear(&process);
}

/* Numbers about a clip that could not be used are none. */
static void failed_clips_have_no_numbers(void **state) {
    (void)state;
    static const char *const empty[] = {"seconds", "real_broken", "steps", "frames", "noise"};
    char absent[PATH];
    sp_process process = RUN("attack", "--model", t.model, "--front", t.front, "--budget", "-60dB",
                             "--json", file_in(absent, "absent.wav"));
    expect_code(&process, 2);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        char null[64];
        snprintf(null, sizeof null, "\"%s\":null", empty[i]);
        if (!strstr(process.out, null)) {
            fail_msg("no %s in %s", null, process.out);
        }
    }
    sp_process_clear(&process);
}

static void there_were_twenty(void **state) {
    (void)state;
    print_message("%d files that could not be used\n", malformed_files);
    assert_true(malformed_files >= 20);
}

/* What cannot be written at the end is refused at the beginning. */
static void places_are_checked_first(void **state) {
    (void)state;
    const char *const bad[] = {"/nonexistent/a.onnx", "/dev/null/a.onnx", "/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sp_process process = RUN("train", "--front", t.front, "--arch", "absent.json", "--data",
                                 "absent.tsv", "--out", bad[i]);
        expect_code(&process, 2);
        expect_complaint(&process, 1, bad[i]);
        assert_string_equal(process.out, "");
        sp_process_clear(&process);
    }
    sp_process process = RUN("train", "--front", t.front, "--arch", "absent.json", "--data",
                             "absent.tsv", "--out", t.model, "--checkpoint", "/nonexistent/part");
    expect_code(&process, 2);
    expect_complaint(&process, 1, "/nonexistent/part");
    sp_process_clear(&process);
}

/* Names are bytes, and what is printed stays a line. */
static void names_that_are_no_lines_are_shown_as_one(void **state) {
    (void)state;
    char bad[PATH], good[PATH];
    write_text(bad, "odd\nname\x1b.wav", "no sound");
    file_in(good, "two\nlines.wav");
    (void)unlink(good);
    assert_int_equal(symlink(t.clip[0], good), 0);
    static const char *const commands[] = {"run", "features"};
    for (size_t i = 0; i < 2; i++) {
        sp_process process = RUN(commands[i], "--model", t.model, "--front", t.front, bad, good);
        expect_code(&process, 2);
        expect_complaint(&process, 1, "odd?name?.wav: is no audio file");
        assert_null(strstr(strstr(process.err, "odd?name") + 1, "odd?name"));
        expect_text(&process, "two?lines.wav");
        sp_process_clear(&process);
    }
    char folder[PATH];
    file_in(folder, "queries");
    sp_process process = RUN("export", "--model", t.model, "--front", t.front, "--budget", "-60dB",
                             "--vnnlib", folder, good);
    expect_code(&process, 2);
    expect_complaint(&process, 1, "the end of a line");
    sp_process_clear(&process);
    (void)unlink(good);
    (void)unlink(bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips),
        cmocka_unit_test(silence),
        cmocka_unit_test(channels_and_rates),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(models),
        cmocka_unit_test(fronts),
        cmocka_unit_test(fronts_that_contradict_the_model),
        cmocka_unit_test(manifests),
        cmocka_unit_test(manifest_and_clips),
        cmocka_unit_test(manifests_with_splits),
        cmocka_unit_test(failed_clips_have_no_numbers),
        cmocka_unit_test(there_were_twenty),
        cmocka_unit_test(places_are_checked_first),
        cmocka_unit_test(names_that_are_no_lines_are_shown_as_one),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
