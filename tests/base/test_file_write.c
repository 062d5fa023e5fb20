/* Whoever looks at a path sees the old file or the new one, whole, whatever happens to the run that
 * writes: a kill, a full disk, a folder that may not be written to. */
#if defined(__linux__)
#define _GNU_SOURCE // unshare
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/mount.h>
#endif

#include "base/file.h"
#include "tests/support/support.h"

/* ---- looking ---- */

/* A new folder of scratch files. */
static const char *new_folder(const char *name, char *path) {
    char below[128];
    snprintf(below, sizeof below, "base_file_write_%ld/%s/x", (long)getpid(), name);
    sp_test_scratch(below, path, 512);
    *strrchr(path, '/') = '\0';
    return path;
}

static size_t entries_of(const char *folder) {
    size_t count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *e = readdir(entries); e; e = readdir(entries)) {
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    closedir(entries);
    return count;
}

static bool holds(const char *path, const char *text) {
    char content[256] = "";
    FILE *file = fopen(path, "rb");
    const size_t size = file ? fread(content, 1, sizeof content - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    return file && size == strlen(text) && memcmp(content, text, size) == 0;
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static sp_status replace(sp_error *err, const char *path, const char *text) {
    *err = (sp_error){SP_OK, ""};
    return sp_file_replace(err, path, text, strlen(text));
}

/* ---- what is written ---- */

static void files_are_replaced_whole(void **state) {
    (void)state;
    char folder[512], path[800];
    sp_error err;
    snprintf(path, sizeof path, "%s/f", new_folder("replaced", folder));
    assert_int_equal(replace(&err, path, "first"), SP_OK);
    assert_true(holds(path, "first"));
    assert_int_equal(replace(&err, path, "2nd"), SP_OK);
    assert_true(holds(path, "2nd"));
    assert_int_equal(entries_of(folder), 1);
    // names as long as the file system has them
    memset(path + strlen(folder) + 1, 'n', 255);
    path[strlen(folder) + 256] = '\0';
    assert_int_equal(replace(&err, path, "long"), SP_OK);
    assert_true(holds(path, "long"));
}

static void a_draft_shows_only_when_it_is_kept(void **state) {
    (void)state;
    char folder[512], path[600];
    sp_error err = {SP_OK, ""};
    sp_file_draft draft;
    snprintf(path, sizeof path, "%s/f", new_folder("kept", folder));
    put(path, "old");
    for (int keep = 0; keep < 2; keep++) {
        assert_int_equal(sp_file_draft_open(&err, &draft, path), SP_OK);
        assert_non_null(sp_file_draft_stream(&draft));
        assert_true(fprintf(draft.stream, "new") == 3 && fflush(draft.stream) == 0);
        assert_true(holds(path, "old"));
        if (keep) {
            assert_int_equal(sp_file_draft_keep(&err, &draft), SP_OK);
        } else {
            sp_file_draft_drop(&draft);
        }
        assert_true(holds(path, keep ? "new" : "old"));
        assert_int_equal(entries_of(folder), 1);
        sp_file_draft_drop(&draft);
        assert_int_equal(sp_file_draft_keep(&err, &draft), SP_E_ARGUMENT);
    }
}

static void links_and_modes_stay(void **state) {
    (void)state;
    char folder[512], path[600], link[600];
    struct stat about;
    sp_error err;
    snprintf(path, sizeof path, "%s/f", new_folder("links", folder));
    snprintf(link, sizeof link, "%s/link", folder);
    put(path, "old");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(symlink("f", link), 0);
    assert_int_equal(replace(&err, link, "new"), SP_OK);
    assert_int_equal(lstat(link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    assert_true(holds(path, "new"));
    assert_int_equal(chmod(path, 0440), 0);
    if (geteuid() != 0) { // root may write anything
        assert_int_equal(replace(&err, path, "newer"), SP_E_IO);
        assert_true(holds(path, "new"));
    }
}

static void what_cannot_be_written_says_why(void **state) {
    (void)state;
    char folder[512], path[600];
    sp_error err;
    assert_int_equal(replace(&err, "/nonexistent/folder/f", "x"), SP_E_IO);
    assert_non_null(strstr(err.text, "/nonexistent/folder/f: cannot be written: "));
    assert_non_null(strstr(err.text, "No such file"));
    new_folder("refused", folder);
    assert_int_equal(replace(&err, folder, "x"), SP_E_IO);
    assert_non_null(strstr(err.text, "directory"));
    snprintf(path, sizeof path, "%s/f", folder);
    put(path, "old");
    strcat(path, "/below");
    assert_int_equal(replace(&err, path, "x"), SP_E_IO);
    assert_non_null(strstr(err.text, "Not a directory"));
    assert_int_equal(entries_of(folder), 1);
}

/* They are no files that a rename may replace. */
static void devices_are_written_directly(void **state) {
    (void)state;
    struct stat about;
    sp_error err;
    sp_file_draft draft;
    assert_int_equal(replace(&err, "/dev/null", "x"), SP_OK);
    assert_int_equal(stat("/dev/null", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
    if (access("/dev/full", W_OK) != 0) {
        print_message("no /dev/full\n");
        skip();
    }
    assert_int_equal(replace(&err, "/dev/full", "x"), SP_E_IO);
    assert_non_null(strstr(err.text, "/dev/full: cannot be written: No space left"));
    assert_int_equal(sp_file_draft_open(&err, &draft, "/dev/full"), SP_OK);
    assert_true(fprintf(sp_file_draft_stream(&draft), "x") == 1); // in the stream's own memory
    assert_int_equal(sp_file_draft_keep(&err, &draft), SP_E_IO);
    assert_non_null(strstr(err.text, "/dev/full: cannot be written: No space left"));
    assert_int_equal(stat("/dev/full", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
}

/* ---- kills ---- */

typedef struct run {
    pid_t child;
    int from, to; /* pipes: a byte says that the draft is half written; one lets it be kept */
} run;

/* A run that stops in the middle of writing. */
static run begin(const char *path, const char *text) {
    int from[2], to[2];
    char byte = 0;
    assert_int_equal(pipe(from), 0);
    assert_int_equal(pipe(to), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sp_file_draft draft;
        close(from[0]);
        close(to[1]);
        const size_t half = strlen(text) / 2, rest = strlen(text) - half;
        const bool done = sp_file_draft_open(NULL, &draft, path) == SP_OK &&
                          write(draft.file, text, half) == (ssize_t)half &&
                          write(from[1], "h", 1) == 1 && read(to[0], &byte, 1) == 1 &&
                          write(draft.file, text + half, rest) == (ssize_t)rest &&
                          sp_file_draft_keep(NULL, &draft) == SP_OK;
        _exit(done ? 0 : 1);
    }
    close(from[1]);
    close(to[0]);
    assert_int_equal(read(from[0], &byte, 1), 1);
    return (run){child, from[0], to[1]};
}

static void end(run *r, bool killed) {
    int status = 0;
    if (killed) {
        assert_int_equal(kill(r->child, SIGKILL), 0);
    } else {
        assert_int_equal(write(r->to, "k", 1), 1);
    }
    assert_int_equal(waitpid(r->child, &status, 0), r->child);
    assert_true(killed ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(r->from);
    close(r->to);
}

/* The runs of one folder write two files; one is killed, one lives on. */
static void leftovers_of_killed_runs_go_and_live_drafts_stay(void **state) {
    (void)state;
    char folder[512], killed_path[600], live_path[600], third[600];
    snprintf(killed_path, sizeof killed_path, "%s/killed", new_folder("kills", folder));
    snprintf(live_path, sizeof live_path, "%s/live", folder);
    snprintf(third, sizeof third, "%s/third", folder);
    put(killed_path, "old");
    put(live_path, "old");
    run live = begin(live_path, "the text of the live run");
    run killed = begin(killed_path, "the text of the killed run");
    assert_int_equal(entries_of(folder), 4);
    end(&killed, true);
    assert_true(holds(killed_path, "old"));
    assert_int_equal(entries_of(folder), 4);
    run next = begin(third, "something else");
    assert_int_equal(entries_of(folder), 4); // the killed run's has gone, this one's has come
    end(&next, false);
    assert_true(holds(third, "something else"));
    assert_true(holds(live_path, "old"));
    end(&live, false);
    assert_true(holds(live_path, "the text of the live run"));
    assert_true(holds(killed_path, "old"));
    assert_int_equal(entries_of(folder), 3);
}

/* Writers of one path that are killed at any moment, and a reader that must always see a whole
 * file: as many times the same letter as its size says. */
static void readers_never_see_half_a_file(void **state) {
    (void)state;
    enum { RUNS = 40, SIZE = 20000 };
    static char text[SIZE + 1], seen[SIZE + 1];
    char folder[512], path[600];
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    snprintf(path, sizeof path, "%s/f", new_folder("readers", folder));
    memset(text, '.', SIZE);
    put(path, text);
    for (int i = 0; i < RUNS; i++) {
        pid_t child[2];
        for (int k = 0; k < 2; k++) {
            child[k] = fork();
            assert_true(child[k] >= 0);
            if (child[k] == 0) {
                memset(text, 'a' + (2 * i + k) % 26, SIZE);
                for (;;) {
                    if (sp_file_replace(NULL, path, text, SIZE) != SP_OK) {
                        _exit(1);
                    }
                }
            }
        }
        const size_t looks = 1 + sp_rng_below(&rng, 300);
        for (size_t look = 0; look < looks; look++) {
            FILE *file = fopen(path, "rb");
            assert_non_null(file);
            const size_t size = fread(seen, 1, SIZE, file);
            fclose(file);
            assert_int_equal(size, SIZE);
            memset(text, seen[0], SIZE);
            assert_memory_equal(seen, text, SIZE);
        }
        for (int k = 0; k < 2; k++) {
            int status = 0;
            assert_int_equal(kill(child[k], SIGKILL), 0);
            assert_int_equal(waitpid(child[k], &status, 0), child[k]);
            assert_true(WIFSIGNALED(status)); // not by a failure of its own
        }
    }
    assert_int_equal(sp_file_replace(NULL, path, "end", 3), SP_OK);
    assert_int_equal(entries_of(folder), 1);
}

/* ---- disks ---- */

#if defined(__linux__)
/* In a name space of its own, so that nothing stays mounted: a disk of 64 kB at `folder`. */
static bool mount_disk(const char *folder) {
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, "size=64k") == 0;
}

/* 0, or the number of the step that failed. */
static int fill_disk(const char *folder) {
    static char much[200000];
    char path[600];
    sp_error err = {SP_OK, ""};
    snprintf(path, sizeof path, "%s/f", folder);
    memset(much, 'x', sizeof much);
    if (sp_file_replace(&err, path, "old", 3) != SP_OK) {
        return 1;
    }
    if (sp_file_replace(&err, path, much, sizeof much) != SP_E_IO ||
        !strstr(err.text, "/f: cannot be written: No space left")) {
        return 2;
    }
    if (!holds(path, "old") || entries_of(folder) != 1) {
        return 3;
    }
    if (sp_file_replace(&err, path, "small", 5) != SP_OK || !holds(path, "small")) {
        return 4;
    }
    if (mount("none", folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return 5;
    }
    if (sp_file_replace(&err, path, "new", 3) != SP_E_IO || !holds(path, "small") ||
        !strstr(err.text, "/f: cannot be written: ") || !strstr(err.text, "ead-only")) {
        return 6;
    }
    return 0;
}
#else
static bool mount_disk(const char *folder) {
    (void)folder;
    return false;
}
static int fill_disk(const char *folder) {
    (void)folder;
    return 0;
}
#endif

static void full_and_closed_disks_leave_the_old_file(void **state) {
    (void)state;
    enum { NO_DISK = 77 };
    char folder[512];
    int status = 0;
    new_folder("disk", folder);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(mount_disk(folder) ? fill_disk(folder) : NO_DISK);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_DISK) {
        print_message("no disk may be mounted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void temporary_drafts_are_read_and_go(void **state) {
    (void)state;
    sp_file_draft draft;
    char folder[512], path[512];
    new_folder("temporary", folder);
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    assert_int_equal(sp_file_draft_temporary(NULL, &draft), SP_OK);
    assert_int_equal(sp_file_draft_write(NULL, &draft, "one ", 4), SP_OK);
    assert_int_equal(sp_file_draft_write(NULL, &draft, "two", 3), SP_OK);
    snprintf(path, sizeof path, "%s", sp_file_draft_place(&draft));
    assert_true(holds(path, "one two"));
    assert_int_equal(entries_of(folder), 1);
    sp_file_draft_drop(&draft);
    assert_int_equal(entries_of(folder), 0);
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    sp_error err = {0};
    assert_int_equal(sp_file_draft_temporary(&err, &draft), SP_E_IO);
    assert_non_null(strstr(err.text, "/nonexistent"));
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(a_draft_shows_only_when_it_is_kept),
        cmocka_unit_test(temporary_drafts_are_read_and_go),
        cmocka_unit_test(links_and_modes_stay),
        cmocka_unit_test(what_cannot_be_written_says_why),
        cmocka_unit_test(devices_are_written_directly),
        cmocka_unit_test(leftovers_of_killed_runs_go_and_live_drafts_stay),
        cmocka_unit_test(readers_never_see_half_a_file),
        cmocka_unit_test(full_and_closed_disks_leave_the_old_file),
    };
    return cmocka_run_group_tests_name("base/file_write", tests, NULL, NULL);
}
