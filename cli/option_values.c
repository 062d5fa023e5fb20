/* Values of options that are more than a text: numbers, methods and lists of methods. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/impl.h"

bool cli_whole_parse(long *value, const char *text, long least, long most) {
    char *end = NULL;
    errno = 0;
    const long read = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || read < least ||
        read > most) {
        return false;
    }
    *value = read;
    return true;
}

int cli_method_parse(const sp_method **method, const cli_command *command, const char *name) {
    char known[256] = "";
    size_t count = 0;
    const sp_method *methods = sp_methods(&count);
    *method = sp_method_find(name);
    for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", methods[i].name);
    }
    return *method ? -1
                   : cli_usage(command, "there is no method '%s'; the methods are %s", name, known);
}

static int add_method(cli_options *options, const cli_command *command, const char *name) {
    const sp_method *method = NULL;
    const int code = cli_method_parse(&method, command, name);
    if (code >= 0) {
        return code;
    }
    for (size_t i = 0; i < options->method_count; i++) {
        if (options->methods[i] == method) {
            return cli_usage(command, "--methods names %s twice", name);
        }
    }
    const sp_method **grown =
        realloc(options->methods, (options->method_count + 1) * sizeof *options->methods);
    if (!grown) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    options->methods = grown;
    options->methods[options->method_count++] = method;
    return -1;
}

static int read_methods(cli_options *options, const cli_command *command, const char *text) {
    char *list = strdup(text);
    int code = list ? -1 : CLI_INPUT;
    for (char *name = list; name && code < 0;) {
        char *comma = strchr(name, ',');
        if (comma) {
            *comma = '\0';
        }
        code = add_method(options, command, name);
        name = comma ? comma + 1 : NULL;
    }
    free(list);
    return code;
}

static int read_tolerance(cli_options *options, const cli_command *command, const char *text) {
    char *end = NULL;
    options->tolerance = strtod(text, &end);
    if (end == text || *end != '\0' || !(options->tolerance >= 0.01 && options->tolerance <= 10)) {
        return cli_usage(command, "--tol needs a number of dB of 0.01 to 10, not '%s'", text);
    }
    return -1;
}

static int read_frame(cli_options *options, const cli_command *command, const char *text) {
    if (strcmp(text, "all") == 0) {
        options->frame = CLI_ALL_FRAMES;
        return -1;
    }
    return cli_whole_parse(&options->frame, text, 0, 999999)
               ? -1
               : cli_usage(command, "--frame needs a frame's number from 0, or all, not '%s'",
                           text);
}

static int read_whole(long *value, const cli_command *command, const char *name, const char *text,
                      long least, long most) {
    return cli_whole_parse(value, text, least, most)
               ? -1
               : cli_usage(command, "--%s needs a whole number of %ld to %ld, not '%s'", name,
                           least, most, text);
}

int cli_option_value(cli_options *options, const cli_command *command, int option, const char *text,
                     bool *known) {
    *known = true;
    switch (option) {
    case CLI_METHODS:
        return read_methods(options, command, text);
    case CLI_TOL:
        return read_tolerance(options, command, text);
    case CLI_FRAME:
        return read_frame(options, command, text);
    case CLI_BURST:
        return read_whole(&options->burst, command, "burst", text, 1, 999999);
    case CLI_STEPS:
        return read_whole(&options->steps, command, "steps", text, 1, 100000);
    case CLI_STARTS:
        return read_whole(&options->starts, command, "starts", text, 1, 100000);
    case CLI_MEMORY:
        return cli_memory_parse(&options->memory, text)
                   ? -1
                   : cli_usage(command, "--device-memory needs a size like 16GB or 500MB, not '%s'",
                               text);
    case CLI_SEED:
        return read_whole(&options->seed, command, "seed", text, 0, 999999999);
    default:
        *known = false;
        return -1;
    }
}
