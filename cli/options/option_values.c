/* What the arguments of options mean: paths, numbers, budgets, methods and rules by name. */
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

static int add_method(cli_options *options, const cli_command *command, const char *name) {
    const sp_method *method = NULL;
    const int code = cli_method_parse(&method, options, command, name);
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

bool cli_threads_parse(int *threads, const char *text) {
    long value = 0;
    const bool fits = cli_whole_parse(&value, text, 1, 1024);
    *threads = fits ? (int)value : 0;
    return fits;
}

/* Noise above the signal is allowed, but mostly a forgotten minus, or one too many. */
static void warn_loud(const sp_budget *budget, const char *text) {
    const bool ratio = budget->unit == SP_BUDGET_DB_SNR;
    if (budget->unit != SP_BUDGET_LSB && (ratio ? budget->value < 0.0 : budget->value > 0.0)) {
        cli_complain("--budget %s allows noise that is louder than the clip%s: is a minus %s?",
                     text, budget->unit == SP_BUDGET_DBFS ? " can be" : "",
                     ratio ? "too much" : "missing");
    }
}

static int read_budget(cli_options *options, const cli_command *command, char *text,
                       bool absolute) {
    const size_t count = options->budgets;
    char **texts = realloc(options->budget_text, (count + 1) * sizeof *texts);
    options->budget_text = texts ? texts : options->budget_text;
    sp_budget *budget = realloc(options->budget, (count + 1) * sizeof *budget);
    options->budget = budget ? budget : options->budget;
    if (!texts || !budget) {
        free(text);
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    sp_error err = {0};
    texts[count] = text;
    options->budgets++;
    if (absolute) {
        return sp_budget_parse_absolute(&err, &budget[count], text) == SP_OK
                   ? -1
                   : cli_usage(command, "--eps: %s", err.text);
    }
    if (sp_budget_parse(&err, &budget[count], text) != SP_OK) {
        return cli_usage(command, "%s", err.text);
    }
    warn_loud(&budget[count], text);
    return -1;
}

/* A:B. */
static int read_interval(cli_options *options, const cli_command *command, const char *text) {
    char *middle = NULL, *end = NULL;
    options->least = strtod(text, &middle);
    options->most = *middle == ':' ? strtod(middle + 1, &end) : NAN;
    options->within = true;
    return middle != text && end && end != middle + 1 && *end == '\0' &&
                   options->least < options->most && isfinite(options->least) &&
                   isfinite(options->most)
               ? -1
               : cli_usage(command, "--clip-to needs two numbers, as 0:1, not '%s'", text);
}

static int read_norm(cli_options *options, const cli_command *command, const char *text) {
    options->set = sp_noise_set_of_norm(text);
    return options->set ? -1 : cli_usage(command, "--norm is inf, 2 or 1, not '%s'", text);
}

static int read_front_rule(cli_options *options, const cli_command *command, const char *name) {
    options->front_rule_given = cli_front_parse(&options->front_rule, name);
    if (options->front_rule_given) {
        return -1;
    }
    return cli_usage(command, "--front-relax is interval, r2 or joint, not '%s'", name);
}

static int read_precision(cli_options *options, const cli_command *command, const char *name) {
    options->precision_given = true;
    options->single = strcmp(name, "float32") == 0;
    return options->single || strcmp(name, "float64") == 0
               ? -1
               : cli_usage(command, "--precision is float64 or float32, not '%s'", name);
}

static int read_timeout(cli_options *options, const cli_command *command, const char *text) {
    char *end = NULL;
    options->timeout = strtod(text, &end);
    if (end == text || *end != '\0' || !(options->timeout > 0.0) || !isfinite(options->timeout)) {
        return cli_usage(command, "--timeout needs a positive number of seconds, not '%s'", text);
    }
    return -1;
}

static int read_shard(cli_options *options, const cli_command *command, const char *text) {
    char first[16] = "";
    const char *slash = strchr(text, '/');
    long shard = 0, shards = 0;
    if (slash && (size_t)(slash - text) < sizeof first) {
        memcpy(first, text, (size_t)(slash - text));
    }
    if (!slash || !cli_whole_parse(&shards, slash + 1, 1, 1000000) ||
        !cli_whole_parse(&shard, first, 1, shards)) {
        return cli_usage(command, "--shard needs K/N, the K-th of N shards, as 3/16, not '%s'",
                         text);
    }
    options->shard = (size_t)shard;
    options->shards = (size_t)shards;
    return -1;
}

static int read_number(cli_options *options, const cli_command *command, int option,
                       const char *text) {
    long channel = 0;
    if (option == CLI_LABEL && !cli_whole_parse(&options->label, text, 0, 999999999)) {
        return cli_usage(command, "--label needs a whole number from 0, not '%s'", text);
    }
    if (option == CLI_CHANNEL) {
        if (!cli_whole_parse(&channel, text, 1, 1024)) {
            return cli_usage(command, "--channel needs a whole number from 1, not '%s'", text);
        }
        options->channel = (int)channel;
    }
    if (option == CLI_THREADS && !cli_threads_parse(&options->threads, text)) {
        return cli_usage(command, "--threads needs a whole number of 1 to 1024, not '%s'", text);
    }
    return -1;
}

/* Where an option that is a text alone goes; NULL for the others. */
static char **path_of(cli_options *options, int option) {
    switch (option) {
    case CLI_MODEL:
        return &options->model;
    case CLI_FRONT:
        return &options->front;
    case CLI_MANIFEST:
        return &options->manifest;
    case CLI_NAMES:
        return &options->names;
    case CLI_OUT:
        return &options->out;
    case CLI_PLOT:
        return &options->plot;
    case CLI_BACKEND:
        return &options->backend;
    case CLI_OUTPUT:
        return &options->output;
    case CLI_THRESHOLD:
        return &options->threshold;
    case CLI_JOURNAL:
        return &options->journal;
    case CLI_CSV:
        return &options->csv;
    case CLI_HTML:
        return &options->html;
    case CLI_LATEX:
        return &options->latex;
    case CLI_PROFILE:
        return &options->profile_path;
    default:
        return NULL;
    }
}

/* NAME=VALUE, one more of them. */
static int read_input(cli_options *options, const cli_command *command, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals[1] == '\0') {
        return cli_usage(command, "--input needs NAME=VALUE, such as sr=16000, not '%s'", text);
    }
    sp_model_input *grown = realloc(options->input, (options->inputs + 1) * sizeof *options->input);
    char *name = strdup(text);
    options->input = grown ? grown : options->input;
    if (!grown || !name) {
        free(name);
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    name[equals - text] = '\0';
    options->input[options->inputs++] = (sp_model_input){name, name + (equals - text) + 1};
    return -1;
}

/* Numbers and what is chosen by name. */
static int read_value(cli_options *options, const cli_command *command, int option,
                      const char *text) {
    switch (option) {
    case CLI_DECISION:
        return sp_decision_find(&options->asks, text)
                   ? -1
                   : cli_usage(command, "--property is answer or outputs, not '%s'", text);
    case CLI_NORM:
        return read_norm(options, command, text);
    case CLI_CLIP_TO:
        return read_interval(options, command, text);
    case CLI_METHOD:
        return cli_method_parse(&options->method, options, command, text);
    case CLI_METHODS:
        return read_methods(options, command, text);
    case CLI_FRONT_RELAX:
        return read_front_rule(options, command, text);
    case CLI_SPLIT:
        return sp_split_parse(&options->split, text)
                   ? -1
                   : cli_usage(command, "--split is train, validation or test, not '%s'", text);
    case CLI_ARITHMETIC:
        return sp_arithmetic_find(&options->arithmetic, text)
                   ? -1
                   : cli_usage(command, "--arithmetic is real or float32, not '%s'", text);
    case CLI_DEPLOYED:
        return sp_budget_deployed_find(&options->deployed, text)
                   ? -1
                   : cli_usage(command, "--deployed is real, file or int16, not '%s'", text);
    case CLI_PRECISION:
        return read_precision(options, command, text);
    case CLI_TIMEOUT:
        return read_timeout(options, command, text);
    case CLI_TOL:
        return read_tolerance(options, command, text);
    case CLI_FRAME:
        return read_frame(options, command, text);
    case CLI_SHARD:
        return read_shard(options, command, text);
    case CLI_RATE:
        return read_whole(&options->rate, command, "rate", text, 1, 1000000);
    case CLI_STEPS_AXIS:
        return read_whole(&options->steps_axis, command, "steps-axis", text, 0, 3);
    case CLI_INPUTS:
        return read_input(options, command, text);
    case CLI_BURST:
        return read_whole(&options->burst, command, "burst", text, 1, 999999);
    case CLI_SYMBOLS:
        return read_whole(&options->symbols, command, "symbols", text, 8, 100000000);
    case CLI_STEPS:
        return read_whole(&options->steps, command, "steps", text, 1, 100000);
    case CLI_STARTS:
        return read_whole(&options->starts, command, "starts", text, 1, 100000);
    case CLI_SEED:
        return read_whole(&options->seed, command, "seed", text, 0, 999999999);
    case CLI_MEMORY:
        return cli_memory_parse(&options->memory, text)
                   ? -1
                   : cli_usage(command, "--device-memory needs a size like 16GB or 500MB, not '%s'",
                               text);
    default:
        return read_number(options, command, option, text);
    }
}

int cli_option_value(cli_options *options, const cli_command *command, int option, char *text) {
    char **path = path_of(options, option);
    if (path) {
        free(*path);
        *path = text;
        return -1;
    }
    if (option == CLI_BUDGET || option == CLI_EPS) {
        return read_budget(options, command, text, option == CLI_EPS);
    }
    const int code = read_value(options, command, option, text);
    free(text);
    return code;
}
