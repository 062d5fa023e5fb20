/* Lines for people: complaints on stderr, results on stdout. */
#include "cli/impl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"

void cli_complain(const char *format, ...) {
    va_list arguments;
    sp_progress_clear();
    fputs("soundproof: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
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
