/* The options that only soundproof audit has. */
#include "cli/audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool read_number(double *value, const char *text, double least, double most) {
    char *end = NULL;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && *value >= least && *value <= most;
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
            code = cli_usage(&cli_audit, "there is no property '%s'", name);
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

int cli_audit_options_read(cli_audit_options *asked, const cli_options *options) {
    char **own = options->own;
    int code = -1;
    *asked = (cli_audit_options){.sensitivity = 0.5,
                                 .gain_lo = -6.0,
                                 .gain_hi = 6.0,
                                 .background = {1.5, 0.75, 30.0, (uint64_t)options->seed},
                                 .noise = own[AUDIT_NOISE]};
    if (own[AUDIT_PROPERTY]) {
        code = read_properties(asked, own[AUDIT_PROPERTY]);
    }
    if (code < 0 && own[AUDIT_GAIN]) {
        code = read_gain(asked, own[AUDIT_GAIN]);
    }
    if (code < 0) {
        code = read_one(&asked->sensitivity, own[AUDIT_SENSITIVITY], "sensitivity", 0.001, 0.999);
    }
    if (code < 0) {
        code = read_one(&asked->background.before, own[AUDIT_BEFORE], "before", 0.0, 600.0);
    }
    if (code < 0) {
        code = read_one(&asked->background.after, own[AUDIT_AFTER], "after", 0.0, 600.0);
    }
    if (code < 0) {
        code =
            read_one(&asked->background.noise, own[AUDIT_BACKGROUND], "background", 0.0, 32768.0);
    }
    return code;
}
