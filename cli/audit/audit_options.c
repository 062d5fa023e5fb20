/* The options that only soundproof audit has. */
#include "cli/audit/audit_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const cli_own cli_audit_own[CLI_AUDIT_OWNED] = {
    [CLI_AUDIT_PROPERTY] =
        {"property",
         "what to audit, with commas between: fire, silent, burst, gain, noise-line, "
         "stream-fire, stream-silent, dead-samples; of models that answer after every hop of a "
         "stream: hops, trigger; all that apply unless given",
         "A,B,C"},
    [CLI_AUDIT_SENSITIVITY] = {"sensitivity", "of mycroft-precise's trigger, between 0 and 1; 0.5",
                               "S"},
    [CLI_AUDIT_GAIN] = {"gain", "the range of gains in dB; -6:6", "LO:HI"},
    [CLI_AUDIT_NOISE] = {"noise",
                         "a recording of the noise of noise-line and the streams; white noise",
                         "WAV"},
    [CLI_AUDIT_BEFORE] = {"before",
                          "seconds of background in front of the recording; 1.5, of "
                          "streams 0",
                          "S"},
    [CLI_AUDIT_AFTER] = {"after", "seconds of background behind it; 0.75, of streams 0", "S"},
    [CLI_AUDIT_BACKGROUND] =
        {"background",
         "root mean square of the background noise in 16-bit steps, which the recording "
         "gets too; 0 leaves digital silence; 30, of streams 0",
         "LSB"},
    [CLI_AUDIT_THRESHOLD] = {"threshold",
                             "from which answer on a prediction is on: a probability where the "
                             "model ends in a sigmoid, else a logit; logit:X is a logit",
                             "P"},
    [CLI_AUDIT_TRIGGER] = {"trigger",
                           "what makes it fire: precise (default without --threshold), single "
                           "(default with it), consecutive:N, speech[:LOW[,MS[,MS]]], silero's two "
                           "thresholds with the least durations of speech and silence (0.15 below, "
                           "250, 100)",
                           "RULE"},
    [CLI_AUDIT_HOP] =
        {"hop",
         "frames from one prediction to the next; 1, or 1024 samples with precise; of "
         "hops, from one place of the noise to the next",
         "FRAMES"},
    [CLI_AUDIT_PROOF] =
        {"proof",
         "write a certificate of every certified window, fire and silent, into DIR, "
         "and the recording as it is heard (docs/certificate.md)",
         "DIR"},
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
            code = cli_usage(asked->command, "there is no property '%s'; the properties are %s",
                             name, known);
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
                : cli_usage(asked->command,
                            "--gain needs two numbers of dB around 0, as in -6:6, not '%s'", text);
}

static int read_one(const cli_audit_options *asked, double *value, const char *text,
                    const char *name, double least, double most) {
    return !text || read_number(value, text, least, most)
               ? -1
               : cli_usage(asked->command, "--%s needs a number of %g to %g, not '%s'", name, least,
                           most, text);
}

/* ---- thresholds and triggers ---- */

static int read_threshold(cli_audit_options *asked, const char *text) {
    asked->logit = strncmp(text, "logit:", 6) == 0;
    return read_number(&asked->threshold, text + (asked->logit ? 6 : 0), -1e6, 1e6)
               ? -1
               : cli_usage(asked->command,
                           "--threshold needs a number, or logit: and a number, not '%s'", text);
}

/* speech, then up to three numbers. */
static bool read_speech(cli_audit_options *asked, const char *text) {
    double number[3] = {NAN, 250.0, 100.0};
    size_t count = 0;
    asked->rule = SP_TRIGGER_SPEECH;
    for (const char *at = text[0] == ':' ? text + 1 : NULL; at != NULL; count++) {
        char *end = NULL;
        if (count == 3) {
            return false;
        }
        number[count] = strtod(at, &end);
        if (end == at || (*end != '\0' && *end != ',')) {
            return false;
        }
        at = *end == ',' ? end + 1 : NULL;
    }
    asked->low = number[0];
    asked->speech_s = number[1] / 1000.0;
    asked->silence_s = number[2] / 1000.0;
    return (text[0] == '\0' || count > 0) && asked->speech_s >= 0.0 && asked->silence_s >= 0.0 &&
           asked->speech_s <= 3600.0 && asked->silence_s <= 3600.0;
}

static int read_trigger(cli_audit_options *asked, const char *text) {
    long least = 1;
    bool good = true;
    if (strcmp(text, "precise") == 0) {
        asked->rule = SP_TRIGGER_PRECISE;
    } else if (strcmp(text, "single") == 0) {
        asked->rule = SP_TRIGGER_CONSECUTIVE;
    } else if (strncmp(text, "consecutive:", 12) == 0) {
        asked->rule = SP_TRIGGER_CONSECUTIVE;
        good = cli_whole_parse(&least, text + 12, 1, 1000000);
    } else {
        good = strncmp(text, "speech", 6) == 0 && read_speech(asked, text + 6);
    }
    asked->least = (size_t)least;
    return good ? -1
                : cli_usage(asked->command,
                            "--trigger knows precise, single, consecutive:N and "
                            "speech[:LOW[,MS[,MS]]], not '%s'",
                            text);
}

static int read_rules(cli_audit_options *asked, char *const *own) {
    int code = own[CLI_AUDIT_THRESHOLD] ? read_threshold(asked, own[CLI_AUDIT_THRESHOLD]) : -1;
    asked->rule = own[CLI_AUDIT_THRESHOLD] ? SP_TRIGGER_CONSECUTIVE : SP_TRIGGER_PRECISE;
    asked->rule_given = own[CLI_AUDIT_TRIGGER] != NULL;
    asked->least = 1;
    if (code < 0 && own[CLI_AUDIT_TRIGGER]) {
        code = read_trigger(asked, own[CLI_AUDIT_TRIGGER]);
    }
    if (code < 0 && own[CLI_AUDIT_HOP] &&
        !cli_whole_parse(&asked->hop, own[CLI_AUDIT_HOP], 1, 1000000)) {
        code = cli_usage(asked->command, "--hop needs a number of frames, not '%s'",
                         own[CLI_AUDIT_HOP]);
    }
    if (code < 0 && own[CLI_AUDIT_SENSITIVITY] &&
        (own[CLI_AUDIT_THRESHOLD] || asked->rule != SP_TRIGGER_PRECISE)) {
        code =
            cli_usage(asked->command, "--sensitivity is of mycroft-precise's trigger: with another "
                                      "one, --threshold says from where on a prediction is on");
    }
    return code;
}

/* The logit of an answer. */
static int to_logit(double *logit, double answer, const cli_audit_options *asked,
                    const sp_net *net) {
    *logit = answer;
    if (!sp_decision_logit(logit, net, asked->logit)) {
        return cli_usage(asked->command,
                         "--threshold, --trigger: %g is no probability between 0 and 1, which this "
                         "model's answers are; logit:%g says a logit",
                         answer, answer);
    }
    return -1;
}

static size_t predictions(double seconds, const sp_trigger *trigger, int rate, bool up) {
    const double count = seconds * rate / (double)trigger->chunk;
    return (size_t)(up ? ceil(count) : floor(count));
}

int cli_audit_trigger(sp_trigger *trigger, const cli_audit_options *asked, const sp_net *net,
                      const sp_front_layout *layout) {
    enum { LEVEL = 3, CHUNK = 1024 };
    const bool hops = net->every && !asked->rule_given;
    const sp_trigger_rule rule = hops ? SP_TRIGGER_CONSECUTIVE : asked->rule;
    const bool precise = rule == SP_TRIGGER_PRECISE;
    const double own = net->sigmoid && !asked->logit ? 0.5 : 0.0;
    const double threshold = isnan(asked->threshold) ? own : asked->threshold;
    const double low = isnan(asked->low) ? threshold - 0.15 : asked->low;
    *trigger = (sp_trigger){.level = LEVEL, .rule = rule, .least = asked->least};
    trigger->chunk = net->every       ? layout->step * sp_net_hop(net)
                     : asked->hop > 0 ? (size_t)asked->hop * layout->step
                     : precise        ? CHUNK
                                      : layout->step;
    if (precise && isnan(asked->threshold)) {
        trigger->threshold = sp_trigger_threshold(asked->sensitivity);
        return -1;
    }
    int code = to_logit(&trigger->threshold, threshold, asked, net);
    if (code < 0 && rule == SP_TRIGGER_SPEECH) {
        trigger->least = predictions(asked->speech_s, trigger, layout->sample_rate, false) + 1;
        trigger->silence = predictions(asked->silence_s, trigger, layout->sample_rate, true);
        code = to_logit(&trigger->low, low, asked, net);
    }
    if (code < 0 && asked->rule == SP_TRIGGER_SPEECH && trigger->low > trigger->threshold) {
        code = cli_usage(asked->command,
                         "--trigger: the lower threshold %g is above the other one, %g", low,
                         threshold);
    }
    return code;
}

void cli_audit_trigger_text(char text[160], const cli_audit_options *asked,
                            const sp_trigger *trigger) {
    switch (trigger->rule) {
    case SP_TRIGGER_PRECISE:
        if (isnan(asked->threshold)) {
            snprintf(text, 160, "sensitivity %g", asked->sensitivity);
        } else {
            snprintf(text, 160, "mycroft-precise's trigger");
        }
        break;
    case SP_TRIGGER_CONSECUTIVE:
        if (trigger->least == 1) {
            snprintf(text, 160, "one prediction, every %zu samples", trigger->chunk);
        } else {
            snprintf(text, 160, "%zu predictions in a row, every %zu samples", trigger->least,
                     trigger->chunk);
        }
        break;
    case SP_TRIGGER_SPEECH:
        snprintf(text, 160,
                 "%zu predictions, every %zu samples, ended by %zu behind one below %.4g",
                 trigger->least, trigger->chunk, trigger->silence, trigger->low);
        break;
    }
}

/* Shares are of the window that fires, or is nearest to firing. */
static int check_profile(const cli_audit_options *asked, const cli_options *options) {
    const bool rounded = options->deployed != SP_BUDGET_AS_REAL;
    for (int p = 0; p < SP_PROPERTIES && (options->profile || rounded); p++) {
        if (asked->wanted[p] && !sp_audit_of_window((sp_property)p)) {
            return cli_usage(asked->command, "--%s is for fire, silent and trigger, not for %s",
                             rounded ? "deployed" : "profile", sp_property_name((sp_property)p));
        }
    }
    return -1;
}

/* A gain, a line of one noise and samples that nobody hears have no norm. */
static int check_norm(const cli_audit_options *asked, const cli_options *options) {
    for (int p = 0; p < SP_PROPERTIES && !options->set->box; p++) {
        if (asked->wanted[p] && !sp_audit_of_set((sp_property)p)) {
            return cli_usage(asked->command,
                             "--norm %s is for fire, silent, burst, hops and trigger: %s is not "
                             "about all noise of a budget",
                             options->set->norm, sp_property_name((sp_property)p));
        }
    }
    return -1;
}

int cli_audit_options_of_stream(cli_audit_options *asked, const cli_options *options) {
    static const char *const other[] = {"--proof", "--noise", "--gain"};
    static const int option[] = {CLI_AUDIT_PROOF, CLI_AUDIT_NOISE, CLI_AUDIT_GAIN};
    sp_clip_background *b = &asked->background;
    for (int i = 0; i < 3; i++) {
        if (options->own[option[i]]) {
            return cli_usage(asked->command,
                             "%s is of models with a window, and this one answers after every hop "
                             "of a stream, of which hops and trigger are asked",
                             other[i]);
        }
    }
    for (int p = 0; p < SP_PROPERTIES; p++) {
        if (asked->wanted[p] && !sp_audit_of_hops((sp_property)p)) {
            return cli_usage(asked->command,
                             "%s is of models with a window; of one that answers after every hop "
                             "ask hops and trigger",
                             sp_property_name((sp_property)p));
        }
    }
    b->before = asked->background_given[0] ? b->before : 0.0;
    b->after = asked->background_given[1] ? b->after : 0.0;
    b->noise = asked->background_given[2] ? b->noise : 0.0;
    return -1;
}

int cli_audit_options_read(cli_audit_options *asked, const cli_options *options) {
    char **own = options->own;
    int code = -1;
    *asked = (cli_audit_options){.command = options->command,
                                 .sensitivity = 0.5,
                                 .threshold = NAN,
                                 .low = NAN,
                                 .gain_lo = -6.0,
                                 .gain_hi = 6.0,
                                 .background = {1.5, 0.75, 30.0, (uint64_t)options->seed},
                                 .noise = own[CLI_AUDIT_NOISE]};
    asked->background_given[0] = own[CLI_AUDIT_BEFORE] != NULL;
    asked->background_given[1] = own[CLI_AUDIT_AFTER] != NULL;
    asked->background_given[2] = own[CLI_AUDIT_BACKGROUND] != NULL;
    if (own[CLI_AUDIT_PROPERTY]) {
        code = read_properties(asked, own[CLI_AUDIT_PROPERTY]);
    }
    if (code < 0 && own[CLI_AUDIT_GAIN]) {
        code = read_gain(asked, own[CLI_AUDIT_GAIN]);
    }
    if (code < 0) {
        code = read_one(asked, &asked->sensitivity, own[CLI_AUDIT_SENSITIVITY], "sensitivity",
                        0.001, 0.999);
    }
    if (code < 0) {
        code =
            read_one(asked, &asked->background.before, own[CLI_AUDIT_BEFORE], "before", 0.0, 600.0);
    }
    if (code < 0) {
        code = read_one(asked, &asked->background.after, own[CLI_AUDIT_AFTER], "after", 0.0, 600.0);
    }
    if (code < 0) {
        code = read_one(asked, &asked->background.noise, own[CLI_AUDIT_BACKGROUND], "background",
                        0.0, 32768.0);
    }
    if (code < 0 && options->method_count > 0 && strstr(options->given, "--method=")) {
        code = cli_usage(asked->command, "--method and --methods exclude each other");
    }
    code = code < 0 ? read_rules(asked, own) : code;
    code = code < 0 ? check_norm(asked, options) : code;
    return code < 0 ? check_profile(asked, options) : code;
}
