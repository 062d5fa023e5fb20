/* soundproof methods: the table of methods. */
#include "cli/impl.h"

#include <string.h>

#include "base/json.h"

static const char *front_text(sp_front_rule rule) {
    switch (rule) {
    case SP_FRONT_INTERVAL:
        return "interval";
    case SP_FRONT_R2:
        return "r2";
    case SP_FRONT_JOINT:
        return "joint";
    }
    return "none";
}

static void print_json(const sp_method *method, bool is_default) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "method", method->name);
    sp_json_line_text(line, "front_relax", front_text(method->front));
    sp_json_line_text(line, "planes", method->planes);
    sp_json_line_text(line, "summary", method->summary);
    sp_json_line_bool(line, "default", is_default);
    cli_print(sp_json_line_finish(line));
}

static int run(const cli_options *options) {
    size_t count = 0;
    const sp_method *methods = sp_methods(&count);
    if (options->arguments > 0) {
        return cli_usage(&cli_methods, "methods takes no argument '%s'", options->argument[0]);
    }
    if (!options->json) {
        printf("%-11s  %-9s  %-8s  %s\n", "method", "front end", "planes", "summary");
    }
    for (size_t i = 0; i < count; i++) {
        const bool is_default = strcmp(methods[i].name, "exact") == 0;
        if (options->json) {
            print_json(&methods[i], is_default);
        } else {
            printf("%-11s  %-9s  %-8s  %s%s\n", methods[i].name, front_text(methods[i].front),
                   methods[i].planes, methods[i].summary, is_default ? " (default)" : "");
        }
    }
    return CLI_OK;
}

const cli_command cli_methods = {
    .name = "methods",
    .arguments = "[OPTION...]",
    .summary = "list the methods of certify: published ones, then those of this program",
    .examples = "  soundproof methods\n  soundproof methods --json\n",
    .accepts = CLI_JSON | CLI_THREADS,
    .run = run,
};
