/* soundproof verify: whether some input of a network meets a VNN-LIB query. */
#include "certify/verify/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/impl.h"

enum { NETWORK, ARITHMETIC, SPLITS, OWNED };
static const cli_own own_options[OWNED] = {
    {"network",
     "the network of the query, by the name that the query declares (version 1.0 declares none: "
     "any, or the file alone)",
     "f=M.onnx"},
    {"arithmetic",
     "the program that the answer speaks of: real, real numbers over the file's weights, or "
     "float32, any that computes the network in single precision; what the query's element type "
     "says unless given",
     "A"},
    {"boxes", "cut the inputs into N boxes at most; unless given, as the time allows", "N"}};

typedef struct verification {
    const cli_options *options;
    const char *path; /* of the network; within an option */
    sp_vnnlib query;
    sp_model model;
    sp_verify_options how;
    sp_verify_answer answer;
} verification;

/* ---- what is asked ---- */

static size_t networks_given(const cli_options *options) {
    size_t count = 0;
    for (const char *at = options->given; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        count += strncmp(at, "--network=", 10) == 0;
    }
    return count;
}

static int check_arguments(const cli_options *options) {
    if (options->arguments != 1) {
        return cli_usage(&cli_verify,
                         options->arguments == 0 ? "which query?" : "one query at a time");
    }
    if (!options->own[NETWORK]) {
        return cli_usage(&cli_verify, "--network is missing: which ONNX file?");
    }
    return networks_given(options) == 1 ? -1
                                        : cli_usage(&cli_verify, "--network was given more than "
                                                                 "once: queries about one network "
                                                                 "are verified");
}

/* NAME=FILE; the name must be the query's, if it has one. */
static int take_network(verification *v) {
    const char *text = v->options->own[NETWORK], *equals = strchr(text, '=');
    const char *declared = v->query.network;
    v->path = equals ? equals + 1 : text;
    if (declared[0] == '\0') {
        return -1;
    }
    if (!equals || strlen(declared) != (size_t)(equals - text) ||
        strncmp(text, declared, strlen(declared)) != 0) {
        return cli_usage(&cli_verify, "the query declares the network %s: --network %s=M.onnx",
                         declared, declared);
    }
    return -1;
}

/* A query about floats is about a program that computes in them. */
static int take_arithmetic(verification *v) {
    const char *name = v->options->own[ARITHMETIC];
    const sp_vnnlib_tensor *input = &v->query.input;
    const sp_vnnlib_type type = input->type;
    if (name && strcmp(name, "real") != 0 && strcmp(name, "float32") != 0) {
        return cli_usage(&cli_verify, "--arithmetic is real or float32, not '%s'", name);
    }
    const bool single = name ? strcmp(name, "float32") == 0 : type == SP_VNNLIB_FLOAT32;
    if (!name && (type != v->query.output.type || type == SP_VNNLIB_FLOAT64)) {
        cli_complain("%s: the element type %s: answers about real and float32 are proved; declare "
                     "the tensors real, or say --arithmetic real",
                     v->options->argument[0],
                     type == SP_VNNLIB_FLOAT64 ? input->type_name : v->query.output.type_name);
        return CLI_INPUT;
    }
    v->how.arithmetic = single ? SP_ARITHMETIC_FLOAT32 : SP_ARITHMETIC_REAL;
    return -1;
}

static int take_options(verification *v) {
    const cli_options *o = v->options;
    long boxes = 0;
    if (o->own[SPLITS] && !cli_whole_parse(&boxes, o->own[SPLITS], 1, 1000000000)) {
        return cli_usage(&cli_verify, "--boxes is a number from 1, not '%s'", o->own[SPLITS]);
    }
    v->how.timeout = o->timeout;
    v->how.steps = (size_t)o->steps;
    v->how.starts = (size_t)o->starts;
    v->how.seed = (uint64_t)o->seed;
    v->how.most_boxes = (size_t)boxes;
    return -1;
}

static int open(verification *v) {
    sp_error err = {0};
    const sp_model_choice choice = {.steps_axis = SP_MODEL_AXIS_BY_FILE, .flat = true};
    int code = check_arguments(v->options);
    if (code < 0 && sp_vnnlib_read(&err, &v->query, v->options->argument[0]) != SP_OK) {
        cli_complain_about(v->options->argument[0], err.text);
        return CLI_INPUT;
    }
    code = code < 0 ? take_network(v) : code;
    code = code < 0 ? take_arithmetic(v) : code;
    code = code < 0 ? take_options(v) : code;
    if (code < 0 && sp_model_open(&err, &v->model, v->path, &choice) != SP_OK) {
        cli_complain_about(v->path, err.text);
        return CLI_INPUT;
    }
    return code;
}

/* ---- what is said ---- */

/* Version 2.0 of the standard has another word than the competition. */
static const char *word_of(const verification *v) {
    const bool late = v->answer.kind == SP_VERIFY_TIMEOUT && v->query.version == 2;
    return late ? "timed-out" : sp_verify_name(v->answer.kind);
}

static void print_json(const verification *v) {
    const sp_verify_answer *a = &v->answer;
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "query", v->options->argument[0]);
    sp_json_line_text(line, "network", v->path);
    sp_json_line_text(line, "answer", word_of(v));
    if (a->reason[0] != '\0') {
        sp_json_line_text(line, "reason", a->reason);
    } else {
        sp_json_line_null(line, "reason");
    }
    if (a->input != NULL) {
        sp_json_line_numbers(line, "input", a->input, v->query.input.size);
        sp_json_line_numbers(line, "output", a->output, v->query.output.size);
    } else {
        sp_json_line_null(line, "input");
        sp_json_line_null(line, "output");
    }
    sp_json_line_text(line, "arithmetic", sp_arithmetic_name(v->how.arithmetic));
    sp_json_line_number(line, "boxes", (double)a->boxes);
    sp_json_line_number(line, "volume", a->volume);
    sp_json_line_number(line, "seconds", a->seconds);
    cli_print(sp_json_line_finish(line));
}

static void print_answer(const verification *v) {
    const sp_verify_answer *a = &v->answer;
    puts(word_of(v));
    if (a->kind == SP_VERIFY_SAT) {
        sp_vnnlib_witness(stdout, &v->query, a->input, a->output);
    }
    if (a->reason[0] != '\0') {
        cli_complain("%s", a->reason);
    }
    if (v->options->verbose) {
        cli_complain("%s; %zu box%s bounded, %.3g%% of the inputs settled; %.2f s",
                     sp_arithmetic_text(v->how.arithmetic), a->boxes, a->boxes == 1 ? "" : "es",
                     100.0 * a->volume / (v->query.parts > 0 ? (double)v->query.parts : 1.0),
                     a->seconds);
    }
}

static int run(const cli_options *options) {
    verification v = {.options = options};
    sp_error err = {0};
    cli_interrupt_watch();
    int code = open(&v);
    if (code < 0) {
        code = CLI_OK;
        if (sp_verify_query(&err, &v.answer, &v.query, &v.model, &v.how) != SP_OK) {
            cli_complain_about(v.path, err.text);
            code = CLI_INPUT;
        } else if (options->json) {
            print_json(&v);
        } else {
            print_answer(&v);
        }
    }
    sp_verify_answer_clear(&v.answer);
    sp_model_clear(&v.model);
    sp_vnnlib_clear(&v.query);
    return cli_interrupt_code() >= 0 ? cli_interrupt_code() : code;
}

const cli_command cli_verify = {
    .name = "verify",
    .arguments = "[OPTION...] Q.vnnlib",
    .summary = "answer a VNN-LIB query about a network: sat with a witness, or unsat",
    .examples = "  soundproof verify Q.vnnlib --network f=M.onnx --timeout 60\n"
                "  soundproof verify Q.vnnlib --network f=M.onnx --arithmetic float32 --json\n",
    .accepts = CLI_TIMEOUT | CLI_EFFORT | CLI_JSON | CLI_VERBOSE | CLI_THREADS,
    .own = own_options,
    .owned = OWNED,
    .run = run,
};
