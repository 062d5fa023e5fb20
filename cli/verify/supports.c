/* soundproof supports: what verify can do, in the words of VNN-LIB 2.0. [VNN-LIB, chapter 5] */
#include "cli/impl.h"

#include <string.h>

/* What stands in a table, one a line; the others are computed. */
typedef struct capability {
    const char *name, *lines;
    void (*print)(void);
} capability;

static void print_opsets(void) {
    long least = 0, most = 0;
    sp_model_opsets(&least, &most);
    printf("%ld\n%ld\n", least, most);
}

static void print_operators(void) {
    for (size_t i = 0; sp_model_operator(i); i++) {
        puts(sp_model_operator(i));
    }
}

static const capability capabilities[] = {
    {"--onnx-opset-versions", NULL, print_opsets},
    {"--onnx-element-types", "float32\nreal\n", NULL},
    {"--onnx-operators", NULL, print_operators},
    {"--vnnlib-versions", "1.0\n2.0\n", NULL},
    {"--hidden-node-theories", "NH\n", NULL},
    {"--multiple-input-output-theories", "SIO\n", NULL},
    {"--multiple-network-theories", "SNET\n", NULL},
    {"--multiple-node-comparison-theories", "MNC\n", NULL},
    {"--arithmetic-complexity-theories", "LIN\n", NULL},
    {"--optimised-disjunctive-reasoning", "true\n", NULL},
    {"--serialise-assignments", "false\n", NULL},
};
enum { CAPABILITIES = sizeof capabilities / sizeof *capabilities };

static void print_help(void) {
    puts("Usage: soundproof supports CAPABILITY\n\n"
         "Answers what soundproof verify can do, as VNN-LIB 2.0 asks its solvers.\n\n"
         "Examples:\n  soundproof supports --vnnlib-versions\n\nOptions:");
    for (size_t i = 0; i < CAPABILITIES; i++) {
        printf("  %s\n", capabilities[i].name);
    }
}

int cli_supports(int argc, const char **argv) {
    const char *names[CAPABILITIES], *asked = argc > 1 ? argv[1] : "";
    if (strcmp(asked, "--help") == 0 || strcmp(asked, "-h") == 0) {
        print_help();
        return CLI_OK;
    }
    for (size_t i = 0; i < CAPABILITIES; i++) {
        names[i] = capabilities[i].name;
        if (argc == 2 && strcmp(asked, names[i]) == 0) {
            if (capabilities[i].print) {
                capabilities[i].print();
            } else {
                fputs(capabilities[i].lines, stdout);
            }
            return CLI_OK;
        }
    }
    const char *near = cli_nearest(asked, names, CAPABILITIES);
    cli_complain("supports answers one capability%s%s%s%s (see soundproof supports --help)",
                 argc == 2 ? ", and knows no " : "", argc == 2 ? asked : "",
                 near ? "; perhaps " : "", near ? near : "");
    return CLI_USAGE;
}
