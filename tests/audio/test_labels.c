/* Labels of file names and of manifests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "audio/audio.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

static void digit_before_the_first_underscore(void **state) {
    (void)state;
    assert_int_equal(sp_label_of_name("8_theo_3.wav", 10), 8);
    assert_int_equal(sp_label_of_name("some/folder_7/0_x.wav", 10), 0);
    assert_int_equal(sp_label_of_name("/9_.wav", 10), 9);
    assert_int_equal(sp_label_of_name("8_theo_3.wav", 9), 8);
    assert_int_equal(sp_label_of_name("8_theo_3.wav", 8), -1); // the model has no label 8
    assert_int_equal(sp_label_of_name("theo_8.wav", 10), -1);
    assert_int_equal(sp_label_of_name("12_theo.wav", 10), -1);
    assert_int_equal(sp_label_of_name("8theo.wav", 10), -1);
    assert_int_equal(sp_label_of_name("8.wav", 10), -1);
    assert_int_equal(sp_label_of_name("8_a/clip.wav", 10), -1);
    assert_int_equal(sp_label_of_name("_8.wav", 10), -1);
    assert_int_equal(sp_label_of_name("", 10), -1);
}

static sp_status read_text(sp_error *err, sp_manifest *manifest, const char *text) {
    char path[1024];
    sp_file_write_text("audio_labels.tsv", path, sizeof path, text);
    return sp_manifest_read(err, manifest, path);
}

static void well_formed(void **state) {
    (void)state;
    sp_manifest manifest;
    sp_error err = {0};
    assert_int_equal(
        read_text(&err, &manifest,
                  "\xEF\xBB\xBF# by hand\r\npath\tlabel\r\na b.wav\t3\r\n\r\n#x\t1\n/c.wav\t10"),
        SP_OK);
    assert_int_equal(manifest.count, 2);
    assert_string_equal(manifest.entry[0].given, "a b.wav");
    assert_int_equal(manifest.entry[0].label, 3);
    assert_int_equal(manifest.entry[0].line, 3);
    assert_string_equal(manifest.entry[1].given, "/c.wav");
    assert_string_equal(manifest.entry[1].resolved, "/c.wav");
    assert_int_equal(manifest.entry[1].label, 10);
    assert_ptr_equal(sp_manifest_find(&manifest, "a b.wav"), &manifest.entry[0]);
    assert_null(sp_manifest_find(&manifest, "b.wav"));
    sp_manifest_clear(&manifest);
    assert_int_equal(read_text(&err, &manifest, "a.wav\t0\na.wav\t0\n"), SP_OK);
    sp_manifest_clear(&manifest);
}

/* Each text is refused, with the number of the line at fault. */
static void malformed(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a.wav\t1\nb.wav 2\n", "line 2"},
        {"a.wav\t1\n\tb.wav\t2\n", "line 2"},
        {"a.wav\t1\n#\n\nb.wav\tx\n", "line 4"},
        {"a.wav\tlabels\n", "line 1"},
        {"a.wav\t1\npath\tlabel\n", "line 2"},
        {"a.wav\t-1\n", "line 1"},
        {"a.wav\t1.0\n", "line 1"},
        {"a.wav\t 1\n", "line 1"},
        {"a.wav\t\n", "line 1"},
        {"a.wav\t1\t2\n", "line 1"},
        {"a.wav\t99999999999999999999\n", "line 1"},
        {"a.wav\t1\nb.wav\t1\na.wav\t2\n", "lines 1 and 3"},
        {"a.wav\t1\ttrain\ta\tb\n", "line 1"},
        {"a.wav\t1\tTrain\n", "line 1: the split 'Train'"},
        {"a.wav\t1\ttest\na.wav\t1\ttrain\n", "lines 1 and 2"},
        {"# nothing\n\n", "no clips"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sp_manifest manifest;
        sp_error err = {0};
        assert_int_equal(read_text(&err, &manifest, cases[i].text), SP_E_FORMAT);
        if (!strstr(err.text, cases[i].message)) {
            fail_msg("'%s' does not hold '%s'", err.text, cases[i].message);
        }
        assert_null(strchr(err.text, '\n'));
        assert_int_equal(manifest.count, 0);
    }
}

static void not_a_text_file(void **state) {
    (void)state;
    char path[1024];
    sp_manifest manifest;
    sp_error err = {0};
    sp_file_write("audio_labels.bin", path, sizeof path, "a\t1\n\0b\t2\n", 9);
    assert_int_equal(sp_manifest_read(&err, &manifest, path), SP_E_FORMAT);
    assert_int_not_equal(sp_manifest_read(&err, &manifest, "/nonexistent.tsv"), SP_OK);
    assert_non_null(strstr(err.text, "/nonexistent.tsv"));
}

/* Splits and speakers are optional, line by line. */
static void splits_and_speakers(void **state) {
    (void)state;
    sp_error err = {0};
    sp_manifest manifest;
    assert_int_equal(read_text(&err, &manifest,
                               "path\tlabel\tsplit\tspeaker\na.wav\t1\ttrain\ttheo\r\n"
                               "b.wav\t2\tvalidation\nc.wav\t3\nd.wav\t4\ttest\t\n"),
                     SP_OK);
    static const sp_split split[] = {SP_SPLIT_TRAIN, SP_SPLIT_VALIDATION, SP_SPLIT_NONE,
                                     SP_SPLIT_TEST};
    assert_int_equal(manifest.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(manifest.entry[i].label, i + 1);
        assert_int_equal(manifest.entry[i].split, split[i]);
        assert_string_equal(manifest.entry[i].speaker, i == 0 ? "theo" : "");
        sp_split read = SP_SPLIT_NONE;
        assert_int_equal(sp_split_parse(&read, sp_split_name(split[i])), split[i] != SP_SPLIT_NONE);
        assert_int_equal(read, split[i]);
    }
    sp_manifest_clear(&manifest);
}

/* A clip is found by the path in the manifest, relative to it, and by any other name of the file.
 * */
static void paths_beside_the_manifest(void **state) {
    (void)state;
    char folder[1024], clip[1024], path[1024], roundabout[1100];
    sp_manifest manifest;
    sp_error err = {0};
    sp_test_scratch("audio_labels_folder", folder, sizeof folder);
    mkdir(folder, 0755);
    sp_file_write_text("audio_labels_folder/x.wav", clip, sizeof clip, "x");
    sp_file_write_text("audio_labels_folder/m.tsv", path, sizeof path, "x.wav\t4\n");
    assert_int_equal(sp_manifest_read(&err, &manifest, path), SP_OK);
    assert_string_equal(manifest.entry[0].resolved, clip);
    snprintf(roundabout, sizeof roundabout, "%s/../audio_labels_folder/x.wav", folder);
    assert_ptr_equal(sp_manifest_find(&manifest, "x.wav"), &manifest.entry[0]);
    assert_ptr_equal(sp_manifest_find(&manifest, clip), &manifest.entry[0]);
    assert_ptr_equal(sp_manifest_find(&manifest, roundabout), &manifest.entry[0]);
    assert_null(sp_manifest_find(&manifest, path));
    sp_manifest_clear(&manifest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digit_before_the_first_underscore),
        cmocka_unit_test(well_formed),
        cmocka_unit_test(malformed),
        cmocka_unit_test(not_a_text_file),
        cmocka_unit_test(paths_beside_the_manifest),
        cmocka_unit_test(splits_and_speakers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
