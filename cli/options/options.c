/* The command line. Only this file knows popt. */
#include "cli/impl.h"

#include <ctype.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

/* Options in the order in which --help shows them; `val` is the bit that a command accepts. */
enum { HELP = 1 << 30, OWN = HELP + 1 }; /* OWN + i: option i of the command's own */
static const struct poptOption every_option[] = {
    {"model", 0, POPT_ARG_STRING, NULL, CLI_MODEL, "the network", "M.onnx"},
    {"output", 0, POPT_ARG_STRING, NULL, CLI_OUTPUT,
     "the output of the network that is its logits, where it has several; NAME@last, NAME@first or "
     "NAME@7: its row of one step (from 0), where it has one for each; NAME@all: every row, each "
     "an "
     "answer that must stay; NAME[3]: one of its numbers, as the only logit; NAME[3]@last",
     "NAME"},
    {"rate", 0, POPT_ARG_STRING, NULL, CLI_RATE,
     "the sample rate of a network that hears samples from -1 to 1 itself, which then needs no "
     "--front",
     "HZ"},
    {"steps-axis", 0, POPT_ARG_STRING, NULL, CLI_STEPS_AXIS,
     "the axis of the network's input (from 0) that counts its steps, where the file leaves it "
     "open",
     "N"},
    {"input", 0, POPT_ARG_STRING, NULL, CLI_INPUTS,
     "what another input of the network is, where the file leaves it open: a number (sr=16000), "
     "lengths of its axes (input=1x512), or steps; may be given several times",
     "NAME=VALUE"},
    {"front", 0, POPT_ARG_STRING, NULL, CLI_FRONT,
     "the front end's description; not needed when the model carries one", "F.json"},
    {"property", 0, POPT_ARG_STRING, NULL, CLI_DECISION,
     "what must stay as it is: answer, the largest output; outputs, of networks of several, on "
     "which "
     "side of its threshold each of them is; answer unless given",
     "P"},
    {"threshold", 0, POPT_ARG_STRING, NULL, CLI_THRESHOLD,
     "of an output: a probability where the network ends in sigmoids, else a logit; logit:X is a "
     "logit; one for all, or one for each with commas between; 0.5, or 0, unless given",
     "P"},
    {"budget", 0, POPT_ARG_STRING, NULL, CLI_BUDGET,
     "how loud the noise may be: -70dB (relative to the clip's peak), -50dBFS, 3lsb or 45dBsnr; "
     "may be given several times",
     "B"},
    {"eps", 0, POPT_ARG_STRING, NULL, CLI_EPS,
     "of sequences of numbers (.npy): how far each of them may move, as 0.01, or with --norm the "
     "norm "
     "of all moves; may be given several times",
     "E"},
    {"clip-to", 0, POPT_ARG_STRING, NULL, CLI_CLIP_TO,
     "of sequences: noisy numbers stay between two others, as 0:1", "A:B"},
    {"norm", 0, POPT_ARG_STRING, NULL, CLI_NORM,
     "what a budget limits: inf, every sample by itself; 2, the energy of the noise, however it is "
     "spread; 1, the heights of clicks together; inf unless given",
     "P"},
    {"profile", 0, POPT_ARG_STRING, NULL, CLI_PROFILE,
     "how much of a budget each sample, or each frame, may use: numbers from 0 to 1, one for each, "
     "as "
     ".npy or as a JSON list",
     "F"},
    {"deployed", 0, POPT_ARG_STRING, NULL, CLI_DEPLOYED,
     "what a noisy clip becomes before it is heard: real; file, rounded and clipped to the values "
     "that its file can hold; int16, to 16-bit integers; real unless given",
     "X"},
    {"arithmetic", 0, POPT_ARG_STRING, NULL, CLI_ARITHMETIC,
     "the program that verdicts speak of: real, the network in real numbers; float32, any float32 "
     "runtime, whose rounding is bounded too; real unless given",
     "X"},
    {"method", 0, POPT_ARG_STRING, NULL, CLI_METHOD, "see soundproof methods; exact unless given",
     "NAME"},
    {"front-relax", 0, POPT_ARG_STRING, NULL, CLI_FRONT_RELAX,
     "relaxation of the front end: interval, r2 or joint; the method's own unless given", "RULE"},
    {"symbols", 0, POPT_ARG_STRING, NULL, CLI_SYMBOLS,
     "of zono, hybrid and deepz-forms: at most K symbols, what they leave out becomes an error of "
     "each number; as many as there are unless given",
     "K"},
    {"label", 0, POPT_ARG_STRING, NULL, CLI_LABEL,
     "the right answer for all clips; unless given, the digit before the first _ of the file name, "
     "or else the model's own answer",
     "K"},
    {"manifest", 0, POPT_ARG_STRING, NULL, CLI_MANIFEST,
     "right answers from a file with lines: path, tab, label; its clips are used when none are "
     "named",
     "TSV"},
    {"split", 0, POPT_ARG_STRING, NULL, CLI_SPLIT,
     "of the manifest's clips those for train, validation or test; all unless given", "S"},
    {"names", 0, POPT_ARG_STRING, NULL, CLI_NAMES,
     "what to call the answers: a file with a line for each, in their order; those of the model's "
     "metadata or of the manifest unless given",
     "FILE"},
    {"channel", 0, POPT_ARG_STRING, NULL, CLI_CHANNEL,
     "use channel K (from 1) of files with several", "K"},
    {"downmix", 0, POPT_ARG_NONE, NULL, CLI_DOWNMIX,
     "use the mean of all channels of files with several", NULL},
    {"resample", 0, POPT_ARG_NONE, NULL, CLI_RESAMPLE, "convert clips of another sample rate",
     NULL},
    {"methods", 0, POPT_ARG_STRING, NULL, CLI_METHODS,
     "the methods to compare, with commas between them, each with its own front end or, as in "
     "zono@r2, "
     "another one; all of soundproof methods unless given",
     "A,B,C"},
    {"tol", 0, POPT_ARG_STRING, NULL, CLI_TOL,
     "distance of the budgets that are tried, in dB; 0.5 unless given", "DB"},
    {"frame", 0, POPT_ARG_STRING, NULL, CLI_FRAME,
     "noise only in the samples of frame T (from 0); radius finds that of every frame in turn: all",
     "T"},
    {"burst", 0, POPT_ARG_STRING, NULL, CLI_BURST,
     "noise only in the samples of K consecutive frames, at every place", "K"},
    {"attack", 0, POPT_ARG_NONE, NULL, CLI_ATTACK, "attack the clips that are not certified", NULL},
    {"no-attack", 0, POPT_ARG_NONE, NULL, CLI_NO_ATTACK, "do not attack the clips", NULL},
    {"suite", 0, POPT_ARG_NONE, NULL, CLI_SUITE,
     "also descend cross-entropy, DLR and every label's margin, step to the nearest boundary (FAB) "
     "and "
     "try bursts at random (Square); say how far each came",
     NULL},
    {"out", 0, POPT_ARG_STRING, NULL, CLI_OUT,
     "folder for the breaking clips and what is known of them; made if need be, and unless given "
     "nothing is kept",
     "DIR"},
    {"steps", 0, POPT_ARG_STRING, NULL, CLI_STEPS, "gradient steps of each start of an attack; 40",
     "N"},
    {"starts", 0, POPT_ARG_STRING, NULL, CLI_STARTS, "starts of each attack; 6", "N"},
    {"seed", 0, POPT_ARG_STRING, NULL, CLI_SEED, "seed of the random starts of attacks; 1", "N"},
    {"plot", 0, POPT_ARG_STRING, NULL, CLI_PLOT,
     "draw the certified shares: FILE.svg, FILE.png, or both without an ending", "FILE"},
    {"journal", 0, POPT_ARG_STRING, NULL, CLI_JOURNAL,
     "append every result to this file as it is finished, and do not do again what stands there",
     "FILE"},
    {"shard", 0, POPT_ARG_STRING, NULL, CLI_SHARD,
     "only shard K of N, which have about the same cost; every clip is in one of them", "K/N"},
    {"csv", 0, POPT_ARG_STRING, NULL, CLI_CSV, "write what --json prints as a table of numbers too",
     "FILE"},
    {"latex", 0, POPT_ARG_STRING, NULL, CLI_LATEX, "write the table as LaTeX (booktabs) too",
     "FILE"},
    {"html", 0, POPT_ARG_STRING, NULL, CLI_HTML,
     "write a page too: curves, the worst clips with their sound, a table that is sorted by a "
     "click",
     "FILE"},
    {"timeout", 0, POPT_ARG_STRING, NULL, CLI_TIMEOUT,
     "give up on a clip or a query, or end training, after S seconds", "S"},
    {"quick", 0, POPT_ARG_NONE, NULL, CLI_QUICK, "fewer repetitions, shorter clips", NULL},
    {"backend", 0, POPT_ARG_STRING, NULL, CLI_BACKEND,
     "what computes: cpu, cuda, or emulator (the CUDA kernels on the CPU); cpu unless given", "X"},
    {"device-memory", 0, POPT_ARG_STRING, NULL, CLI_MEMORY,
     "memory of the device that may be used, as 16GB or 500MB; what is free unless given", "SIZE"},
    {"precision", 0, POPT_ARG_STRING, NULL, CLI_PRECISION,
     "float64, or float32: products of matrices in single precision first, with its error terms, "
     "and in double where that does not certify; float64 unless given, and float32 alone for LSTMs "
     "and GRUs of 64 units or more",
     "P"},
    {"threads", 0, POPT_ARG_STRING, NULL, CLI_THREADS,
     "number of threads; one per processor unless given", "N"},
    {"json", 0, POPT_ARG_NONE, NULL, CLI_JSON, "one JSON object per line instead of a table", NULL},
    {"verbose", 'v', POPT_ARG_NONE, NULL, CLI_VERBOSE,
     "margins of all labels, error terms, times of the stages", NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, HELP, "this text", NULL},
};
enum { EVERY_OPTION = sizeof every_option / sizeof every_option[0], MOST_OWN = 48 };

/* --precision takes the twin of the method; one that has none is in double anyway. */
static int take_precision(cli_options *options, const cli_command *command) {
    const sp_method *twin =
        options->precision_given ? sp_method_precise(options->method, options->single) : NULL;
    if (options->single && !twin) {
        return cli_usage(command,
                         "%s is computed in double precision only: --precision float32 goes with "
                         "exact and opt",
                         options->method->name);
    }
    options->method = twin ? twin : options->method;
    return -1;
}

/* The purpose and the examples, then the options as popt prints them, below a line of its own. */
static int print_help(const cli_command *command, poptContext context) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory) {
        poptPrintHelp(context, memory, 0);
    }
    if (!memory || fclose(memory) != 0) {
        free(text);
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    const char *options = strchr(text, '\n');
    printf("Usage: soundproof %s %s\n\n%c%s.\n\nExamples:\n%s\nOptions:\n%s", command->name,
           command->arguments, toupper((unsigned char)command->summary[0]), command->summary + 1,
           command->examples, options ? options + 1 : "");
    free(text);
    return CLI_OK;
}

static int take_value(cli_options *options, const cli_command *command, int option, char *text) {
    if (option >= OWN) {
        free(options->own[option - OWN]);
        options->own[option - OWN] = text;
        return -1;
    }
    return cli_option_value(options, command, option, text);
}

/* Options that do not change what is found out about a clip, or stand for themselves elsewhere: the
 * model, the clips, where results go and how they are shown. */
static bool is_apart(const cli_command *command, int option) {
    static const int apart[] = {CLI_MODEL, CLI_FRONT,   CLI_MANIFEST, CLI_SPLIT,
                                CLI_NAMES, CLI_LABEL,   CLI_PLOT,     CLI_JOURNAL,
                                CLI_SHARD, CLI_CSV,     CLI_LATEX,    CLI_HTML,
                                CLI_JSON,  CLI_THREADS, CLI_MEMORY,   CLI_VERBOSE};
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        if (option == apart[i]) {
            return true;
        }
    }
    return option >= OWN && (command->apart >> (option - OWN) & 1u);
}

/* A line "--name=value", or "--name". */
static int note_given(cli_options *options, const char *name, const char *value) {
    const size_t used = options->given ? strlen(options->given) : 0;
    const size_t more = strlen(name) + (value ? strlen(value) : 0) + sizeof "--=\n";
    char *grown = realloc(options->given, used + more);
    if (!grown) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    sprintf(grown + used, "--%s%s%s\n", name, value ? "=" : "", value ? value : "");
    options->given = grown;
    return -1;
}

static const char *name_of(const struct poptOption *table, int option) {
    while (table->longName && table->val != option) {
        table++;
    }
    return table->longName ? table->longName : "";
}

static int read_option(cli_options *options, const cli_command *command, poptContext context,
                       const struct poptOption *table, int option) {
    if (option != HELP && !is_apart(command, option)) {
        char *value = poptGetOptArg(context);
        const int code = note_given(options, name_of(table, option), value);
        if (code >= 0) {
            free(value);
            return code;
        }
        if (value) {
            return take_value(options, command, option, value);
        }
    }
    switch (option) {
    case HELP:
        return print_help(command, context);
    case CLI_JSON:
        options->json = true;
        return -1;
    case CLI_VERBOSE:
        options->verbose = true;
        return -1;
    case CLI_DOWNMIX:
        options->downmix = true;
        return -1;
    case CLI_RESAMPLE:
        options->resample = true;
        return -1;
    case CLI_QUICK:
        options->quick = true;
        return -1;
    case CLI_ATTACK:
        options->attack = true;
        return -1;
    case CLI_SUITE:
        options->suite = true;
        return -1;
    case CLI_NO_ATTACK:
        options->no_attack = true;
        return -1;
    default: {
        char *text = poptGetOptArg(context);
        return text ? take_value(options, command, option, text)
                    : cli_usage(command, "an option lacks its argument");
    }
    }
}

static int take_arguments(cli_options *options, poptContext context) {
    const char **rest = poptGetArgs(context);
    size_t count = 0;
    while (rest && rest[count]) {
        count++;
    }
    options->argument = calloc(count + 1, sizeof *options->argument);
    for (size_t i = 0; options->argument && i < count; i++) {
        options->argument[i] = strdup(rest[i]);
        if (!options->argument[i]) {
            break;
        }
        options->arguments++;
    }
    if (!options->argument || options->arguments != count) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    return -1;
}

static bool accepts(const cli_command *command, int option) {
    if (option >= CLI_JOURNAL && option <= CLI_LATEX) {
        return command->corpus || (command->tables && option >= CLI_CSV);
    }
    if (option == CLI_HTML) {
        return command->page;
    }
    if (option == CLI_ARITHMETIC || option == CLI_DEPLOYED) {
        return option == CLI_DEPLOYED ? command->deployed : command->programs;
    }
    if (option == CLI_SUITE) {
        return command == &cli_attack;
    }
    if (option == CLI_DECISION || option == CLI_THRESHOLD) {
        return (command->accepts & CLI_LABEL) != 0 && command != &cli_export;
    }
    const bool of_model = option == CLI_OUTPUT || option == CLI_STEPS_AXIS ||
                          option == CLI_INPUTS || option == CLI_RATE;
    const unsigned bit = option == CLI_SPLIT     ? CLI_MANIFEST
                         : option == CLI_NAMES   ? CLI_CHANNEL
                         : option == CLI_EPS     ? CLI_BUDGET
                         : option == CLI_CLIP_TO ? CLI_NORM
                         : option == CLI_PROFILE ? CLI_NORM
                         : option == CLI_SYMBOLS ? CLI_METHOD | CLI_METHODS
                         : of_model              ? CLI_MODEL
                                                 : (unsigned)option;
    if ((option == CLI_EPS || option == CLI_CLIP_TO) && !command->sequences) {
        return false;
    }
    return ((command->accepts | HELP) & bit) != 0 || (of_model && command->reads_models);
}

/* The message about an option that the command has not, or that is written wrongly. */
static int refuse(const cli_command *command, const struct poptOption *table, const char *option,
                  int error) {
    const char *names[EVERY_OPTION + MOST_OWN];
    size_t count = 0;
    while (table[count].longName) {
        names[count] = table[count].longName;
        count++;
    }
    const char *word = option + strspn(option, "-");
    const char *near = error == POPT_ERROR_BADOPT ? cli_nearest(word, names, count) : NULL;
    return near ? cli_usage(command, "%s: %s, perhaps --%s", option, poptStrerror(error), near)
                : cli_usage(command, "%s: %s", option, poptStrerror(error));
}

static int read_all(cli_options *options, const cli_command *command, poptContext context,
                    const struct poptOption *table) {
    int option = 0;
    while ((option = poptGetNextOpt(context)) > 0) {
        const int code = read_option(options, command, context, table, option);
        if (code >= 0) {
            return code;
        }
    }
    if (option < -1) {
        return refuse(command, table, poptBadOption(context, POPT_BADOPTION_NOALIAS), option);
    }
    if (options->channel > 0 && options->downmix) {
        return cli_usage(command, "--channel and --downmix exclude each other");
    }
    if (options->within && !options->set->box) {
        return cli_usage(command, "--clip-to goes with boxes of noise: --norm inf");
    }
    if (options->deployed != SP_BUDGET_AS_REAL && !options->set->box) {
        return cli_usage(command, "--deployed %s goes with --norm inf",
                         sp_budget_deployed_name(options->deployed));
    }
    if (options->profile_path) {
        options->profile = calloc(1, sizeof *options->profile);
        if (!options->profile) {
            cli_complain("out of memory");
            return CLI_INPUT;
        }
    }
    for (size_t b = 0; b < options->budgets; b++) {
        sp_budget *budget = &options->budget[b];
        budget->set = options->set;
        budget->within = options->within;
        budget->least = options->least;
        budget->most = options->most;
        budget->profile = options->profile;
        budget->deployed = options->deployed;
        if (options->frame == CLI_ALL_FRAMES) {
            return cli_usage(command, "--frame all goes with soundproof radius: name a frame");
        }
        if (options->frame != CLI_NO_FRAME) {
            budget->first = (size_t)options->frame;
            budget->frames = 1;
        }
    }
    if (options->front_rule_given && strchr(options->method->name, '@')) {
        return cli_usage(command, "--front-relax and --method NAME@FRONT exclude each other");
    }
    if (!options->front_rule_given) {
        options->front_rule = options->method->front;
    }
    int code = cli_symbols_take(options, command);
    code = code < 0 ? take_precision(options, command) : code;
    return code < 0 ? take_arguments(options, context) : code;
}

int cli_options_read(cli_options *options, const cli_command *command, int argc,
                     const char **argv) {
    struct poptOption table[EVERY_OPTION + MOST_OWN + 1] = {POPT_TABLEEND};
    size_t used = 0;
    for (size_t i = 0; i < command->owned && i < MOST_OWN; i++) {
        const cli_own *own = &command->own[i];
        table[used++] = (struct poptOption){own->name,    0,         POPT_ARG_STRING, NULL,
                                            OWN + (int)i, own->help, own->argument};
    }
    for (size_t i = 0; i < EVERY_OPTION; i++) {
        if (accepts(command, every_option[i].val)) {
            table[used++] = every_option[i];
        }
    }
    table[used] = (struct poptOption)POPT_TABLEEND;
    *options = (cli_options){.command = command,
                             .label = -1,
                             .steps_axis = SP_MODEL_AXIS_BY_FILE,
                             .method = sp_method_find("exact"),
                             .set = &sp_noise_set_box,
                             .tolerance = 0.5,
                             .frame = CLI_NO_FRAME,
                             .seed = 1,
                             .own = calloc(MOST_OWN, sizeof *options->own),
                             .owned = MOST_OWN};
    if (!options->own) {
        options->owned = 0;
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    char title[64];
    snprintf(title, sizeof title, "soundproof %s", command->name);
    argv[0] = title;
    poptContext context = poptGetContext(NULL, argc, argv, table, 0);
    if (!context) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    poptSetOtherOptionHelp(context, command->arguments);
    const int code = read_all(options, command, context, table);
    poptFreeContext(context);
    return code;
}

void cli_options_clear(cli_options *options) {
    for (size_t i = 0; i < options->budgets; i++) {
        free(options->budget_text[i]);
    }
    for (size_t i = 0; i < options->arguments; i++) {
        free(options->argument[i]);
    }
    for (size_t i = 0; i < options->owned; i++) {
        free(options->own[i]);
    }
    for (size_t i = 0; i < options->inputs; i++) {
        free((void *)(uintptr_t)options->input[i].name);
    }
    free(options->input);
    free(options->own);
    free(options->budget_text);
    free(options->budget);
    free(options->argument);
    if (options->profile) {
        sp_noise_profile_clear(options->profile);
        free(options->profile);
    }
    free(options->profile_path);
    free(options->threshold);
    free(options->model);
    free(options->front);
    free(options->manifest);
    free(options->names);
    free(options->out);
    free(options->plot);
    free(options->output);
    free(options->backend);
    free(options->journal);
    free(options->csv);
    free(options->html);
    free(options->latex);
    free(options->given);
    free(options->methods);
    cli_variants_clear(options);
    *options = (cli_options){0};
}
