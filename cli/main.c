/* soundproof: the subcommands and what is common to them. */
#include "cli/journal/record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"
#include "gpu/backend.h"

static const cli_command *const commands[] = {
    &cli_certify, &cli_radius, &cli_attack, &cli_compare, &cli_audit,
    &cli_report,  &cli_merge,  &cli_run,    &cli_info,    &cli_features,
    &cli_methods, &cli_train,  &cli_verify, &cli_export,  &cli_bench};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void) {
    puts("Usage: soundproof [--threads N] COMMAND [OPTION...] [ARGUMENT...]\n\n"
         "Proves that noise within a budget cannot change the answer of a speech classifier.\n\n"
         "Commands (soundproof help COMMAND shows options and examples):");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
    }
    printf("  %-9s %s\n", "supports", "answer what verify can do, as VNN-LIB 2.0 asks");
    printf("  %-9s %s\n", "help", "show what a command does, with examples, and its options");
    puts("\nExample:\n"
         "  soundproof certify --model M.onnx --front F.json --budget -70dB CLIP.wav\n\n"
         "Exit codes: 0 every clip got a verdict; 1 the command line is wrong; 2 some input could "
         "not be used;\n130 interrupted.");
}

static int complain_generally(const char *what, const char *text) {
    cli_complain("%s '%s' (see soundproof --help)", what, text);
    return CLI_USAGE;
}

static int complain_of_command(const char *word) {
    const char *names[COMMANDS + 1];
    char known[256] = "";
    for (size_t i = 0; i <= COMMANDS; i++) {
        const size_t used = strlen(known);
        names[i] = i < COMMANDS ? commands[i]->name : "help";
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *near = cli_nearest(word, names, COMMANDS + 1);
    cli_complain("unknown command '%s'%s%s: the commands are %s (see soundproof --help)", word,
                 near ? ", perhaps " : "", near ? near : "", known);
    return CLI_USAGE;
}

static const cli_command *find_command(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* soundproof help, and soundproof help COMMAND. */
static int help(int argc, const char **argv) {
    const bool about_help =
        argc == 2 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
                      strcmp(argv[1], "-h") == 0);
    const cli_command *command = argc > 1 ? find_command(argv[1]) : NULL;
    const char *arguments[] = {"", "--help"};
    cli_options options;
    if (about_help) {
        print_help();
        return CLI_OK;
    }
    if (argc == 2 && strcmp(argv[1], "supports") == 0) {
        return cli_supports(2, arguments);
    }
    if (argc > 2 || (argc == 2 && !command)) {
        return complain_of_command(argv[argc - 1]);
    }
    if (!command) {
        print_help();
        return CLI_OK;
    }
    const int code = cli_options_read(&options, command, 2, arguments);
    cli_options_clear(&options);
    return code;
}

/* Output that could not be written, to a full disk for instance, is no success. */
static int finish_output(int code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_complain("the output could not be written");
        return CLI_INPUT;
    }
    return code;
}

static int run_command(const cli_command *command, int threads, int argc, const char **argv) {
    cli_options options;
    int code = cli_options_read(&options, command, argc, argv);
    if (code < 0) {
        sp_gpu_init();
        if (sp_pool_start(options.threads ? options.threads : threads) == SP_OK) {
            code = cli_backend_select(command, &options);
            code = code < 0 ? command->run(&options) : code;
            cli_records_close();
            sp_pool_stop();
        } else {
            cli_complain("cannot start the threads: try a smaller --threads");
            code = CLI_INPUT;
        }
    }
    cli_options_clear(&options);
    return code;
}

/* The options before the command; -1 to go on with argv[*at]. */
static int read_general(int argc, const char **argv, int *at, int *threads) {
    for (*at = 1; *at < argc && argv[*at][0] == '-'; (*at)++) {
        const char *option = argv[*at];
        const char *number = NULL;
        if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
            print_help();
            return CLI_OK;
        }
        if (strcmp(option, "--name") == 0) {
            puts("soundproof");
            return CLI_OK;
        }
        if (strcmp(option, "--version") == 0) {
            puts("soundproof " SP_VERSION);
            return CLI_OK;
        }
        if (strcmp(option, "--threads") == 0) {
            number = *at + 1 < argc ? argv[++*at] : "";
        } else if (strncmp(option, "--threads=", 10) == 0) {
            number = option + 10;
        } else {
            return complain_generally("unknown option", option);
        }
        if (!cli_threads_parse(threads, number)) {
            return complain_generally("--threads needs a whole number of 1 to 1024, not", number);
        }
    }
    return -1;
}

/* OpenBLAS reads its environment before main: a program that finds it on kernels of older
 * processors starts once more, without the threads of OpenBLAS, which it does not use. Where that
 * is not possible it goes on, more slowly. */
static void take_fitting_kernels(char **argv) {
    char path[4096];
    const char *kernels = getenv("OPENBLAS_CORETYPE") == NULL ? sp_gpu_fitting_kernels() : NULL;
    const ssize_t length = kernels != NULL ? readlink("/proc/self/exe", path, sizeof path - 1) : -1;
    if (length > 0) {
        path[length] = '\0';
        setenv("OPENBLAS_CORETYPE", kernels, 0);
        setenv("OPENBLAS_NUM_THREADS", "1", 0);
        execv(path, argv);
        unsetenv("OPENBLAS_CORETYPE");
    }
}

int main(int argc, char **argv) {
    take_fitting_kernels(argv);
    const char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
    int at = 1, threads = 0;
    if (!arguments) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    for (int i = 0; i < argc; i++) {
        arguments[i] = argv[i];
    }
    int code = read_general(argc, arguments, &at, &threads);
    if (code < 0 && at >= argc) {
        cli_complain("which command? (see soundproof --help)");
        code = CLI_USAGE;
    } else if (code < 0 && strcmp(arguments[at], "help") == 0) {
        code = help(argc - at, arguments + at);
    } else if (code < 0 && strcmp(arguments[at], "supports") == 0) {
        code = cli_supports(argc - at, arguments + at);
    } else if (code < 0) {
        const cli_command *command = find_command(arguments[at]);
        code = command ? run_command(command, threads, argc - at, arguments + at)
                       : complain_of_command(arguments[at]);
    }
    free(arguments);
    return finish_output(code);
}
