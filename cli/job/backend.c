/* Which backend computes, and how much of its memory is used. */
#include "cli/impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/backend.h"

bool cli_memory_parse(size_t *bytes, const char *text) {
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"MB", 1e6}, {"GB", 1e9}, {"MiB", 0x1p20}, {"GiB", 0x1p30}};
    char *end = NULL;
    const double value = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof units[0]; i++) {
        const double size = value * units[i].bytes;
        if (strcmp(end, units[i].unit) == 0 && size >= 1e5 && size <= 1e15) {
            *bytes = (size_t)size;
            return true;
        }
    }
    return false;
}

int cli_backend_select(const cli_command *command, const cli_options *options) {
    const char *id = options->backend ? options->backend : "cpu";
    sp_error err = {0};
    if (options->memory > 0 && strcmp(id, "cpu") == 0) {
        return cli_usage(command, "--device-memory is for backends with memory of their own: add "
                                  "--backend cuda");
    }
    const sp_status status = sp_gpu_select(&err, id, options->memory);
    if (status == SP_E_ARGUMENT) {
        return cli_usage(command, "%s", err.text);
    }
    if (status != SP_OK) {
        cli_complain("--backend %s: %s", id, err.text);
        return CLI_INPUT;
    }
    return -1;
}
