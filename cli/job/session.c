/* What the commands about clips under noise begin with: model, front end, clips, forms of the
 * method. */
#include "cli/job/front_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define NAMES_LIMIT ((size_t)1 << 20) /* bytes */

const sp_class_names *cli_session_names(const cli_session *session) {
    return session->names.count > 0 ? &session->names : NULL;
}

/* Those of --names, or else those of the model and of the manifest, which must not contradict each
 * other: labels of the manifest would be answers of another name. */
static int read_names(cli_session *session) {
    const cli_options *options = session->options;
    const char *from[2] = {session->files.model.names, session->clips.manifest.names};
    const char *source[2] = {options->model, options->manifest};
    const size_t answers = sp_pipeline_answers(&session->files.model.net);
    char *text = NULL;
    size_t size = 0;
    sp_error err = {0};
    if (options->names) {
        from[0] = NULL;
        from[1] = NULL;
        if (sp_file_read(&err, &text, &size, options->names, NAMES_LIMIT) == SP_OK) {
            from[0] = text;
            source[0] = options->names;
        }
    }
    for (int i = 0; i < 2 && !err.text[0]; i++) {
        sp_class_names read = {0};
        if (from[i] && sp_class_names_parse(&err, &read, from[i], answers) != SP_OK) {
            (void)sp_error_in(&err, source[i]);
        }
        for (size_t k = 0; session->names.count > 0 && k < read.count; k++) {
            if (strcmp(session->names.name[k], read.name[k]) != 0) {
                sp_fail(&err, SP_E_MISMATCH,
                        "%s calls answer %zu '%s', but the model '%s': --names settles it",
                        source[i], k, read.name[k], session->names.name[k]);
                break;
            }
        }
        if (session->names.count == 0 && read.count > 0) {
            session->names = read;
        } else {
            sp_class_names_clear(&read);
        }
    }
    free(text);
    if (err.text[0]) {
        cli_complain_about(options->names ? options->names : source[0], err.text);
        sp_class_names_clear(&session->names);
        return CLI_INPUT;
    }
    return -1;
}

static int open_pipeline(cli_session *session, const sp_method *method, sp_front_rule rule) {
    const cli_options *options = session->options;
    sp_error err = {0};
    cli_cache_open();
    if (sp_pipeline_init(&err, &session->pipeline, &session->files.model.net, session->files.front,
                         method, rule) != SP_OK) {
        cli_complain("%s with %s: %s", options->model,
                     session->clips.sequences ? "sequences"
                     : options->front         ? options->front
                                              : "its own front end",
                     err.text);
        return CLI_INPUT;
    }
    return -1;
}

/* What --arithmetic says; with -v certify bounds the distance of float32 where that is known. */
static int take_arithmetic(cli_session *session, const cli_command *command) {
    const cli_options *options = session->options;
    const bool single = options->arithmetic == SP_ARITHMETIC_FLOAT32;
    sp_error err = {0};
    if (single || (options->verbose && command->says_float32)) {
        const sp_status status = sp_pipeline_single(&err, &session->pipeline, &session->files.model,
                                                    options->arithmetic);
        if (status != SP_OK && single) {
            cli_complain("%s: %s", options->model, err.text);
            return CLI_INPUT;
        }
    }
    return -1;
}

/* The shares of --profile, once. */
static int read_profile(const cli_options *options) {
    sp_error err = {0};
    if (!options->profile || options->profile->count > 0 ||
        sp_noise_profile_read(&err, options->profile, options->profile_path) == SP_OK) {
        return -1;
    }
    cli_complain_about(options->profile_path, err.text);
    return CLI_INPUT;
}

/* A description alone, which no model is read for. */
static int open_front(cli_session *session, const cli_command *command) {
    const cli_options *options = session->options;
    sp_error err = {0};
    if (!options->front) {
        return cli_usage(command, "--front is missing: which description? or a --model that "
                                  "carries one");
    }
    if (sp_front_read(&err, &session->files.front, options->front) != SP_OK) {
        cli_complain_about(options->front, err.text);
        return CLI_INPUT;
    }
    return -1;
}

static int open_files(cli_session *session, const cli_command *command) {
    const cli_options *options = session->options;
    if (command->front_alone && !options->model) {
        return open_front(session, command);
    }
    return cli_model_files_open(&session->files, command, options,
                                session->clips.sequences && !command->front_alone);
}

int cli_session_open(cli_session *session, const cli_command *command, const cli_options *options,
                     bool bounds) {
    *session = (cli_session){.options = options};
    int code = cli_clips_check(command, options);
    if (code < 0 && !options->model && !command->front_alone) { // before files are read
        code = cli_usage(command, "--model is missing: which ONNX file?");
    }
    if (code < 0) {
        code = cli_clips_open(&session->clips, command, options);
    }
    if (code >= 0) {
        return code;
    }
    code = open_files(session, command);
    if (code >= 0) {
        cli_clips_clear(&session->clips);
        return code;
    }
    if (command->front_alone) {
        return -1;
    }
    code =
        cli_clips_answers(&session->clips, command, sp_pipeline_answers(&session->files.model.net));
    if (code >= 0) {
        cli_clips_clear(&session->clips);
        cli_model_files_clear(&session->files);
        return code;
    }
    code = read_names(session);
    code = code < 0 ? read_profile(options) : code;
    if (code < 0 && bounds) {
        code = open_pipeline(session, options->method, options->front_rule);
        session->pipeline.names = cli_session_names(session);
    }
    code = code < 0 && bounds ? cli_asks_open(session, command) : code;
    if (code < 0 && bounds) {
        code = take_arithmetic(session, command);
    }
    if (code >= 0) {
        cli_session_clear(session);
    } else {
        cli_front_check(session, command);
    }
    return code;
}

void cli_session_clear(cli_session *session) {
    sp_pipeline_clear(&session->pipeline);
    sp_class_names_clear(&session->names);
    free(session->threshold);
    session->threshold = NULL;
    cli_clips_clear(&session->clips);
    cli_model_files_clear(&session->files);
}

int cli_attacker_open(sp_attacker *attacker, const cli_session *session) {
    sp_error err = {0};
    if (sp_attacker_init(&err, attacker, &session->pipeline) != SP_OK) {
        cli_complain("attacks need the joint front end: %s", err.text);
        return CLI_INPUT;
    }
    return -1;
}

sp_attack_options cli_attack_options(const cli_options *options, const char *source) {
    return (sp_attack_options){.steps = (size_t)options->steps,
                               .starts = (size_t)options->starts,
                               .seed = (uint64_t)options->seed,
                               .timeout = options->timeout,
                               .suite = options->suite,
                               .source = source};
}

static bool is_absolute(const cli_options *options) {
    for (size_t b = 0; b < options->budgets; b++) {
        if (options->budget[b].unit == SP_BUDGET_ABSOLUTE) {
            return true;
        }
    }
    return false;
}

void cli_norm_says(const cli_options *options) {
    const sp_noise_set *set = options->set;
    if (!set->box && is_absolute(options)) {
        printf("--norm %s: eps is the %s-norm of what all numbers of a sequence move together.\n",
               set->norm, set->norm);
    } else if (!set->box) {
        printf("--norm %s: a budget is %s.\n", set->norm, set->within);
    }
    if (options->deployed != SP_BUDGET_AS_REAL) {
        printf("--deployed %s: noisy samples are clipped and rounded before they are heard.\n",
               sp_budget_deployed_name(options->deployed));
    }
    if (options->arithmetic != SP_ARITHMETIC_REAL) {
        printf("--arithmetic %s: verdicts speak of any program that computes the network so.\n",
               sp_arithmetic_name(options->arithmetic));
    }
    if (options->profile) {
        printf("--profile %s: each sample or frame has its share of a budget.\n",
               options->profile_path);
    }
}

int cli_budget_check(const cli_command *command, const cli_options *options) {
    return options->budgets > 0 ? -1
                                : cli_usage(command,
                                            "--budget is missing: how loud may the noise be? e.g. "
                                            "--budget -70dB%s",
                                            command->sequences ? "; of sequences --eps 0.01" : "");
}
