/* What the commands about clips under noise begin with: model, front end, clips, forms of the
 * method. */
#include "cli/impl.h"

static int open_pipeline(cli_session *session, const sp_method *method, sp_front_rule rule) {
    const cli_options *options = session->options;
    sp_error err = {0};
    if (sp_pipeline_init(&err, &session->pipeline, &session->files.model.net, session->files.front,
                         method, rule) != SP_OK) {
        cli_complain("%s with %s: %s", options->model,
                     options->front ? options->front : "its own front end", err.text);
        return CLI_INPUT;
    }
    return -1;
}

int cli_session_open(cli_session *session, const cli_command *command, const cli_options *options,
                     bool bounds) {
    *session = (cli_session){.options = options};
    int code = cli_clips_check(command, options);
    if (code < 0) {
        code = cli_model_files_open(&session->files, command, options);
    }
    if (code >= 0) {
        return code;
    }
    code = cli_clips_open(&session->clips, command, options,
                          sp_pipeline_answers(&session->files.model.net));
    if (code < 0 && bounds) {
        code = open_pipeline(session, options->method, options->front_rule);
        if (code >= 0) {
            cli_clips_clear(&session->clips);
        }
    }
    if (code >= 0) {
        cli_model_files_clear(&session->files);
    }
    return code;
}

void cli_session_clear(cli_session *session) {
    sp_pipeline_clear(&session->pipeline);
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
                               .source = source};
}

void cli_norm_says(const cli_options *options) {
    const sp_noise_set *set = options->set;
    if (!set->box) {
        printf("--norm %s: a budget is %s.\n", set->norm, set->within);
    }
}

int cli_budget_check(const cli_command *command, const cli_options *options) {
    return options->budgets > 0
               ? -1
               : cli_usage(command, "--budget is missing: how loud may the noise be? e.g. "
                                    "--budget -70dB");
}
