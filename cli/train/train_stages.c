/* The recipes of a training in several stages. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/train/train_options.h"

enum { MOST_STAGES = 16, LIMIT = 1 << 16, VALUE = 64 };

/* An option that a stage may set, or the number of options. */
static size_t option_of(const char *name) {
    static const int allowed[] = {
        CLI_TRAIN_epochs,       CLI_TRAIN_batch, CLI_TRAIN_patience,   CLI_TRAIN_rate,
        CLI_TRAIN_decay,        CLI_TRAIN_clip,  CLI_TRAIN_gain,       CLI_TRAIN_noise,
        CLI_TRAIN_noise_span,   CLI_TRAIN_shift, CLI_TRAIN_certify,    CLI_TRAIN_adversarial,
        CLI_TRAIN_attack_steps, CLI_TRAIN_box,   CLI_TRAIN_box_weight, CLI_TRAIN_weight,
        CLI_TRAIN_average,      CLI_TRAIN_warm,  CLI_TRAIN_ramp,       CLI_TRAIN_box_ramp,
        CLI_TRAIN_certify_with};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (strcmp(cli_train.own[allowed[i]].name, name) == 0) {
            return (size_t)allowed[i];
        }
    }
    return cli_train.owned;
}

/* One stage: the options of the command line with the members of the stage in their places. */
static int read_stage(sp_recipe *recipe, const cli_options *options, const sp_json *stage) {
    cli_options own = *options;
    char value[CLI_TRAIN_COUNT][VALUE], *text[CLI_TRAIN_COUNT];
    memcpy(text, options->own, cli_train.owned * sizeof *text);
    for (const sp_json *m = sp_json_first(stage); m; m = sp_json_next(m)) {
        const char *name = sp_json_name(m);
        const size_t i = option_of(name);
        if (i == cli_train.owned) {
            return cli_usage(&cli_train, "--stages: '%s' is no option that a stage can set", name);
        }
        if (sp_json_is_number(m)) {
            snprintf(value[i], VALUE, "%.17g", sp_json_value(m));
        } else {
            snprintf(value[i], VALUE, "%s", sp_json_is_string(m) ? sp_json_string(m) : "");
        }
        text[i] = value[i];
    }
    own.own = text;
    return cli_train_recipe(recipe, &own);
}

static int read_stages(sp_recipe **recipe, size_t *count, const cli_options *options,
                       const sp_json *root) {
    static const char *const keys[] = {"note", "stages", NULL};
    sp_error err = {0};
    const sp_json *list = sp_json_get(root, "stages");
    if (!sp_json_is_object(root) || sp_json_only(&err, root, keys) != SP_OK ||
        !sp_json_is_array(list)) {
        return cli_usage(&cli_train, "--stages: an object with a list \"stages\" is needed");
    }
    int code = -1;
    for (const sp_json *at = sp_json_first(list); at && code < 0; at = sp_json_next(at)) {
        if (*count == MOST_STAGES || !sp_json_is_object(at)) {
            return cli_usage(&cli_train, "--stages: a list of at most %d objects is needed",
                             MOST_STAGES);
        }
        code = read_stage(&(*recipe)[*count], options, at);
        (*recipe)[*count].seed += *count;
        (*count)++;
    }
    return code < 0 && *count == 0 ? cli_usage(&cli_train, "--stages: the list is empty") : code;
}

int cli_train_stages_read(sp_recipe **recipe, size_t *count, const cli_options *options) {
    const char *path = options->own[CLI_TRAIN_stages];
    char *text = NULL;
    size_t size = 0;
    sp_json *root = NULL;
    sp_error err = {0};
    *count = 0;
    *recipe = calloc(MOST_STAGES, sizeof **recipe);
    if (!*recipe) {
        cli_complain("no memory for the recipe");
        return CLI_INPUT;
    }
    if (!path) {
        *count = 1;
        return cli_train_recipe(*recipe, options);
    }
    if (sp_file_read(&err, &text, &size, path, LIMIT) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    int code;
    if (sp_json_parse(&err, &root, text, size) != SP_OK) {
        cli_complain("%s: %s", path, err.text);
        code = CLI_INPUT;
    } else {
        code = read_stages(recipe, count, options, root);
    }
    sp_json_destroy(root);
    free(text);
    return code;
}
