/* Lines for people: complaints on stderr, results on stdout. */
#include "cli/impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"

void cli_plain(char *text) {
    for (char *c = text; *c; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
    }
}

static void print_line(const char *format, va_list arguments) {
    char text[8192];
    vsnprintf(text, sizeof text, format, arguments);
    cli_plain(text);
    sp_progress_clear();
    fprintf(stderr, "soundproof: %s\n", text);
}

void cli_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

/* Errors have '?' in place of what is not to be printed. */
static bool begins_with(const char *text, const char *input) {
    for (; *input; input++, text++) {
        const unsigned char c = (unsigned char)*input;
        const bool hidden = c < 0x20 || c == 0x7F || c >= 0x80;
        if (*text != *input && !(*text == '?' && hidden)) {
            return false;
        }
    }
    return true;
}

void cli_complain_about(const char *input, const char *text) {
    if (begins_with(text, input)) {
        cli_complain("%s", text);
    } else {
        cli_complain("%s: %s", input, text);
    }
}

int cli_usage(const cli_command *command, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cli_complain("%s (see soundproof %s --help)", text, command->name);
    return CLI_USAGE;
}

enum { LONGEST = 32 };

/* The number of letters to put in, take out or replace. */
static size_t distance(const char *a, const char *b) {
    size_t row[LONGEST + 1];
    const size_t n = strlen(b);
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            const size_t replaced = diagonal + (a[i] != b[j]);
            const size_t other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < other ? replaced : other;
        }
    }
    return row[n];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count) {
    const char *nearest = NULL;
    size_t least = 3;
    for (size_t i = 0; i < count; i++) {
        const bool fits = strlen(word) <= LONGEST && strlen(names[i]) <= LONGEST;
        const size_t away = fits ? distance(word, names[i]) : least;
        if (away < least && away < strlen(names[i]) / 2 + 1) {
            least = away;
            nearest = names[i];
        }
    }
    return nearest;
}

void cli_print(char *text) {
    if (text) {
        puts(text);
    } else {
        cli_complain("out of memory for a line of output");
    }
    free(text);
}
