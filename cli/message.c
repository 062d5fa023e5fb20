/* Lines for people: complaints on stderr, results on stdout. */
#include "cli/impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"

/* One line: what would end it or move the cursor becomes '?'. */
static void print_line(const char *format, va_list arguments) {
    char text[8192];
    vsnprintf(text, sizeof text, format, arguments);
    for (char *c = text; *c; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
    }
    sp_progress_clear();
    fprintf(stderr, "soundproof: %s\n", text);
}

void cli_complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

void cli_complain_about(const char *input, const char *text) {
    if (strncmp(text, input, strlen(input)) == 0) {
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

void cli_print(char *text) {
    if (text) {
        puts(text);
    } else {
        cli_complain("out of memory for a line of output");
    }
    free(text);
}
