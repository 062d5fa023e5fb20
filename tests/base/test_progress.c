/* The progress bar on a pseudo-terminal of several widths, and its silence elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/pool.h"
#include "base/progress.h"
#include "tests/support/support.h"

static void draw_all(size_t total, bool clear_before_end) {
    sp_progress_begin("certify", total, NULL);
    for (size_t i = 0; i < total; i++) {
        sp_progress_step_of(1.0, false);
    }
    sp_progress_step_of(1.0, false); // one too many is ignored
    if (clear_before_end) {
        sp_progress_clear();
    }
    sp_progress_end();
}

/* redirected - what draw_all writes while stderr is `file`, which is closed. */
static void redirected(int file, size_t total, bool clear_before_end) {
    fflush(stderr);
    const int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    draw_all(total, clear_before_end);
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(file);
}

/* on_terminal - the bytes that a terminal of `width` columns receives. */
static void on_terminal(unsigned short width, size_t total, bool clear, char *text, size_t size) {
    const struct winsize window = {24, width, 0, 0};
    int screen, program;
    size_t used = 0;
    if (openpty(&screen, &program, NULL, NULL, &window) != 0) {
        print_message("no pseudo-terminal can be opened here\n");
        skip();
    }
    fcntl(screen, F_SETFL, O_NONBLOCK);
    redirected(dup(program), total, clear);
    for (;;) {
        const ssize_t got = read(screen, text + used, size - 1 - used);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    text[used] = '\0';
    close(program);
    close(screen);
}

static void nothing_outside_a_terminal(void **state) {
    (void)state;
    char path[512];
    sp_test_scratch("base_progress/out", path, sizeof path);
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    assert_true(file >= 0);
    redirected(dup(file), 5, false);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    close(file);
}

static void nothing_for_one_item(void **state) {
    (void)state;
    char text[4096];
    on_terminal(80, 1, true, text, sizeof text);
    assert_string_equal(text, "");
    on_terminal(80, 0, true, text, sizeof text);
    assert_string_equal(text, "");
}

static void the_bar_shows_its_figures(void **state) {
    (void)state;
    char text[4096];
    on_terminal(80, 3, false, text, sizeof text);
    assert_non_null(strstr(text, "certify [........"));
    assert_non_null(strstr(text, "] 0/3   0%  0:00, --:-- left"));
    assert_non_null(strstr(text, "] 3/3 100%  0:00, 0:00 left"));
    assert_null(strstr(text, "4/3"));
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\n'));
}

/* visible - replays the text as a terminal would; returns the longest line that was reached. */
static size_t visible(const char *text, char *line, size_t size) {
    size_t column = 0, longest = 0;
    memset(line, ' ', size);
    for (; *text != '\0'; text++) {
        if (*text == '\r') {
            column = 0;
            continue;
        }
        assert_true(column < size);
        line[column++] = *text;
        longest = column > longest ? column : longest;
    }
    return longest;
}

static void the_line_never_wraps(void **state) {
    (void)state;
    char text[4096], line[400];
    for (unsigned short width = 1; width <= 300; width += 7) {
        on_terminal(width, 12345, false, text, sizeof text);
        assert_true(visible(text, line, sizeof line) < width);
    }
}

static void wiping_leaves_blanks(void **state) {
    (void)state;
    char text[4096], line[400];
    for (int clear = 0; clear < 2; clear++) {
        on_terminal(80, 20, clear != 0, text, sizeof text);
        assert_true(visible(text, line, sizeof line) > 30);
        for (size_t i = 0; i < sizeof line; i++) {
            assert_int_equal(line[i], ' ');
        }
        assert_int_equal(text[strlen(text) - 1], '\r');
    }
}

static void step(void *context, size_t index) {
    (void)context;
    (void)index;
    sp_progress_step_of(1.0, false);
}

static void steps_may_come_from_any_thread(void **state) {
    (void)state;
    assert_int_equal(sp_pool_start(4), SP_OK);
    sp_progress_begin(NULL, 1000, NULL);
    sp_pool_run(1000, 0, step, NULL);
    sp_progress_end();
    sp_pool_stop();
}

/* A part of the only item: its rate is known after some seconds, and work that takes long is told
 * of in one line, wherever stderr goes. */
static void long_work_is_announced(void **state) {
    (void)state;
    char path[512], text[512] = "";
    const struct timespec pause = {0, 100000000};
    sp_test_scratch("base_progress/parts", path, sizeof path);
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    const int saved = dup(STDERR_FILENO);
    assert_true(file >= 0 && saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    sp_progress_part(&saved, "nobody's work", 1.0, 2.0); // nothing was begun
    sp_progress_begin("certify", 1, "try less");
    for (int i = 0; i < 45; i++) {
        sp_progress_place(&saved, i < 10 ? "frame 1 of 7" : "frame 2 of 7");
        sp_progress_part(&saved, "the front end", i, 10000.0);
        sp_progress_place(&file, "nowhere");
        sp_progress_part(&file, "another clip", i, 10000.0);
        nanosleep(&pause, NULL);
    }
    sp_progress_end();
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_true(pread(file, text, sizeof text - 1, 0) > 0);
    close(file);
    assert_non_null(
        strstr(text, "soundproof: certify: the front end (frame 2 of 7) will take about 1"));
    assert_non_null(strstr(text, "more; try less\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); // one line
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outside_a_terminal),
        cmocka_unit_test(nothing_for_one_item),
        cmocka_unit_test(the_bar_shows_its_figures),
        cmocka_unit_test(the_line_never_wraps),
        cmocka_unit_test(wiping_leaves_blanks),
        cmocka_unit_test(steps_may_come_from_any_thread),
        cmocka_unit_test(long_work_is_announced),
    };
    return cmocka_run_group_tests_name("base/progress", tests, NULL, NULL);
}
