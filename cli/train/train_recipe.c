/* The recipe that the options of soundproof train describe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/train/train_options.h"

enum { MOST = 1000000 };

const char *const cli_train_certifier[SP_CERTIFIERS] = {"interval", "zonotope", "interzono"};

static int read_whole(size_t *value, const cli_options *options, int option, const char *name) {
    const char *text = options->own[option];
    long number = 0;
    if (!text) {
        return -1;
    }
    if (!cli_whole_parse(&number, text, 0, MOST)) {
        return cli_usage(&cli_train, "--%s needs a whole number of 0 to %d, not '%s'", name, MOST,
                         text);
    }
    *value = (size_t)number;
    return -1;
}

static int read_real(double *value, const cli_options *options, int option, const char *name) {
    const char *text = options->own[option];
    char *end = NULL;
    if (!text) {
        return -1;
    }
    const double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number)) {
        return cli_usage(&cli_train, "--%s needs a number, not '%s'", name, text);
    }
    *value = number;
    return -1;
}

static int read_budget(sp_recipe *recipe, const cli_options *options, int option,
                       sp_defence defence, const char *name) {
    const char *text = options->own[option];
    sp_budget budget;
    sp_error err = {0};
    if (!text) {
        return -1;
    }
    if (recipe->defence != SP_DEFENCE_NONE) {
        return cli_usage(&cli_train, "--certify and --adversarial exclude each other");
    }
    if (sp_budget_parse_absolute(&err, &budget, text) == SP_OK) { // of sequences
        recipe->defence = defence;
        recipe->budget_db = 20.0 * log10(budget.value);
        recipe->absolute = true;
        return -1;
    }
    if (sp_budget_parse(&err, &budget, text) != SP_OK) {
        return cli_usage(&cli_train, "--%s: %s", name, err.text);
    }
    if (budget.unit != SP_BUDGET_DB_PEAK) {
        return cli_usage(&cli_train, "--%s needs a budget relative to the peak, as -60dB, not '%s'",
                         name, text);
    }
    recipe->defence = defence;
    recipe->budget_db = budget.value;
    return -1;
}

static int read_noise(sp_recipe *recipe, const cli_options *options) {
    const char *text = options->own[CLI_TRAIN_noise];
    if (text && strcmp(text, "none") == 0) {
        recipe->noise_db = NAN;
        return -1;
    }
    return read_real(&recipe->noise_db, options, CLI_TRAIN_noise, "noise");
}

static int read_certifier(sp_recipe *recipe, const cli_options *options) {
    const char *text = options->own[CLI_TRAIN_certify_with];
    if (!text) {
        return -1;
    }
    if (recipe->defence != SP_DEFENCE_CERTIFIED) {
        return cli_usage(&cli_train, "--certify-with goes with --certify B: which noise?");
    }
    for (size_t d = 0; d < SP_CERTIFIERS; d++) {
        if (strcmp(text, cli_train_certifier[d]) == 0) {
            recipe->certifier = (sp_certifier)d;
            return -1;
        }
    }
    return cli_usage(&cli_train, "--certify-with needs interval, zonotope or interzono, not '%s'",
                     text);
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        const int try_code = (call);                                                               \
        if (try_code >= 0) {                                                                       \
            return try_code;                                                                       \
        }                                                                                          \
    } while (0)

int cli_train_recipe(sp_recipe *recipe, const cli_options *o) {
    size_t seed = 1;
    sp_error err = {0};
    sp_recipe_standard(recipe);
    TRY(read_whole(&seed, o, CLI_TRAIN_seed, "seed"));
    recipe->seed = seed;
    TRY(read_whole(&recipe->epochs, o, CLI_TRAIN_epochs, "epochs"));
    TRY(read_whole(&recipe->batch, o, CLI_TRAIN_batch, "batch"));
    TRY(read_whole(&recipe->patience, o, CLI_TRAIN_patience, "patience"));
    TRY(read_whole(&recipe->shift, o, CLI_TRAIN_shift, "shift"));
    TRY(read_whole(&recipe->attack_steps, o, CLI_TRAIN_attack_steps, "attack-steps"));
    TRY(read_whole(&recipe->warm, o, CLI_TRAIN_warm, "warm"));
    TRY(read_whole(&recipe->ramp, o, CLI_TRAIN_ramp, "ramp"));
    TRY(read_real(&recipe->rate, o, CLI_TRAIN_rate, "rate"));
    TRY(read_real(&recipe->decay, o, CLI_TRAIN_decay, "decay"));
    TRY(read_real(&recipe->clip, o, CLI_TRAIN_clip, "clip"));
    TRY(read_real(&recipe->gain_db, o, CLI_TRAIN_gain, "gain"));
    TRY(read_noise(recipe, o));
    TRY(read_real(&recipe->noise_span_db, o, CLI_TRAIN_noise_span, "noise-span"));
    TRY(read_real(&recipe->box, o, CLI_TRAIN_box, "box"));
    TRY(read_whole(&recipe->box_ramp, o, CLI_TRAIN_box_ramp, "box-ramp"));
    TRY(read_real(&recipe->weight, o, CLI_TRAIN_weight, "weight"));
    TRY(read_real(&recipe->box_weight, o, CLI_TRAIN_box_weight, "box-weight"));
    TRY(read_real(&recipe->average, o, CLI_TRAIN_average, "average"));
    TRY(read_budget(recipe, o, CLI_TRAIN_certify, SP_DEFENCE_CERTIFIED, "certify"));
    TRY(read_budget(recipe, o, CLI_TRAIN_adversarial, SP_DEFENCE_ADVERSARIAL, "adversarial"));
    TRY(read_certifier(recipe, o));
    return sp_recipe_check(&err, recipe) == SP_OK ? -1 : cli_usage(&cli_train, "%s", err.text);
}
