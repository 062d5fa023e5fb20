/* The options that only soundproof audit has. */
#include "cli/audit_options.h"

#include <stdlib.h>
#include <string.h>

const cli_own cli_audit_own[CLI_AUDIT_OWNED] = {
    [CLI_AUDIT_PROPERTY] =
        {"property",
         "what to audit, with commas between: fire, silent, burst, gain, noise-line, "
         "stream-fire, stream-silent, dead-samples; all that apply unless given",
         "A,B,C"},
    [CLI_AUDIT_SENSITIVITY] = {"sensitivity", "of mycroft-precise's trigger, between 0 and 1; 0.5",
                               "S"},
    [CLI_AUDIT_GAIN] = {"gain", "the range of gains in dB; -6:6", "LO:HI"},
    [CLI_AUDIT_NOISE] = {"noise",
                         "a recording of the noise of noise-line and the streams; white noise",
                         "WAV"},
    [CLI_AUDIT_BEFORE] = {"before", "seconds of background in front of the recording; 1.5", "S"},
    [CLI_AUDIT_AFTER] = {"after", "seconds of background behind it; 0.75", "S"},
    [CLI_AUDIT_BACKGROUND] =
        {"background",
         "root mean square of the background noise in 16-bit steps, which the recording "
         "gets too; 0 leaves digital silence; 30",
         "LSB"},
};

static bool read_number(double *value, const char *text, double least, double most) {
    char *end = NULL;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= least && *value <= most;
}

static void list_properties(char *text, size_t size) {
    text[0] = '\0';
    for (int p = 0; p < SP_PROPERTIES; p++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", p ? ", " : "", sp_property_name((sp_property)p));
    }
}

static int read_properties(cli_audit_options *asked, const char *text) {
    char *list = strdup(text);
    int code = list ? -1 : CLI_INPUT;
    asked->chosen = true;
    for (char *name = list; name && code < 0;) {
        char *comma = strchr(name, ',');
        if (comma) {
            *comma = '\0';
        }
        const sp_property property = sp_property_find(name);
        if (property == SP_PROPERTIES) {
            char known[256];
            list_properties(known, sizeof known);
            code = cli_usage(&cli_audit, "there is no property '%s'; the properties are %s", name,
                             known);
        } else {
            asked->wanted[property] = true;
        }
        name = comma ? comma + 1 : NULL;
    }
    free(list);
    return code;
}

static int read_gain(cli_audit_options *asked, const char *text) {
    char *copy = strdup(text), *colon = copy ? strchr(copy, ':') : NULL;
    bool good = colon != NULL;
    if (good) {
        *colon = '\0';
        good = read_number(&asked->gain_lo, copy, -60.0, 0.0) &&
               read_number(&asked->gain_hi, colon + 1, 0.0, 60.0) &&
               asked->gain_lo < asked->gain_hi;
    }
    free(copy);
    return good ? -1
                : cli_usage(&cli_audit,
                            "--gain needs two numbers of dB around 0, as in -6:6, not '%s'", text);
}

static int read_one(double *value, const char *text, const char *name, double least, double most) {
    return !text || read_number(value, text, least, most)
               ? -1
               : cli_usage(&cli_audit, "--%s needs a number of %g to %g, not '%s'", name, least,
                           most, text);
}

/* A gain, a line of one noise and samples that nobody hears have no norm. */
static int check_norm(const cli_audit_options *asked, const cli_options *options) {
    for (int p = 0; p < SP_PROPERTIES && !options->set->box; p++) {
        if (asked->wanted[p] && !sp_audit_of_set((sp_property)p)) {
            return cli_usage(&cli_audit,
                             "--norm %s is for fire, silent and burst: %s is not about all noise "
                             "of a budget",
                             options->set->norm, sp_property_name((sp_property)p));
        }
    }
    return -1;
}

int cli_audit_options_read(cli_audit_options *asked, const cli_options *options) {
    char **own = options->own;
    int code = -1;
    *asked = (cli_audit_options){.sensitivity = 0.5,
                                 .gain_lo = -6.0,
                                 .gain_hi = 6.0,
                                 .background = {1.5, 0.75, 30.0, (uint64_t)options->seed},
                                 .noise = own[CLI_AUDIT_NOISE]};
    if (own[CLI_AUDIT_PROPERTY]) {
        code = read_properties(asked, own[CLI_AUDIT_PROPERTY]);
    }
    if (code < 0 && own[CLI_AUDIT_GAIN]) {
        code = read_gain(asked, own[CLI_AUDIT_GAIN]);
    }
    if (code < 0) {
        code =
            read_one(&asked->sensitivity, own[CLI_AUDIT_SENSITIVITY], "sensitivity", 0.001, 0.999);
    }
    if (code < 0) {
        code = read_one(&asked->background.before, own[CLI_AUDIT_BEFORE], "before", 0.0, 600.0);
    }
    if (code < 0) {
        code = read_one(&asked->background.after, own[CLI_AUDIT_AFTER], "after", 0.0, 600.0);
    }
    if (code < 0) {
        code = read_one(&asked->background.noise, own[CLI_AUDIT_BACKGROUND], "background", 0.0,
                        32768.0);
    }
    return code < 0 ? check_norm(asked, options) : code;
}
