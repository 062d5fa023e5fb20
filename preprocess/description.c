/* Reads a front-end description. Every member is checked; what is not known is refused by name. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "preprocess/impl.h"

typedef struct choice {
    const char *text;
    int value;
} choice;

static const choice WINDOWS[] = {{"hamming-periodic", SP_WINDOW_HAMMING_PERIODIC},
                                 {"hamming", SP_WINDOW_HAMMING},
                                 {"hann-periodic", SP_WINDOW_HANN_PERIODIC},
                                 {"hann", SP_WINDOW_HANN},
                                 {"none", SP_WINDOW_NONE},
                                 {NULL, 0}};
static const choice SCALES[] = {{"int16", 32768}, {"unit", 1}, {NULL, 0}};
static const choice POWER_NORMS[] = {{"1/N", 1}, {"none", 0}, {NULL, 0}};
static const choice LOGS[] = {{"natural", 0}, {NULL, 0}};
static const choice GAINS[] = {{"peak", 1}, {NULL, 0}};
static const choice WHERES[] = {{"inside each frame", 0}, {NULL, 0}};
static const choice PADS[] = {
    {"append one step of zeros unless the length is a multiple of the step", 1},
    {"none", 0},
    {NULL, 0}};
static const choice DCTS[] = {{"II", 0}, {NULL, 0}};
static const choice NORMS[] = {{"orthonormal", 0}, {NULL, 0}};
static const choice C0S[] = {{"log energy", 1}, {"dct", 0}, {NULL, 0}};
static const choice FRAMES[] = {{"all complete", 0}, {"all complete but the last", 1}, {NULL, 0}};
static const choice FORMULAS[] = {
    {"2595*log10(1+f/700)", SP_MEL_2595_LOG10}, {"1127*ln(1+f/700)", SP_MEL_1127_LN}, {NULL, 0}};
static const choice ROUNDINGS[] = {{"floor((N+1)*hz/rate)", SP_MEL_FLOOR_N_PLUS_1},
                                   {"floor(N*hz/rate)", SP_MEL_FLOOR_N},
                                   {"floor((N/2+1)*hz/rate)", SP_MEL_FLOOR_HALF_N_PLUS_1},
                                   {"floor((N/2+2)*hz/rate)", SP_MEL_FLOOR_HALF_N_PLUS_2},
                                   {NULL, 0}};

// A required member that must be one of the texts in `choices`; the error lists them.
static sp_status read_choice(sp_error *err, int *value, const sp_json *object, const char *key,
                             const choice *choices) {
    const char *text = NULL;
    SP_TRY(sp_json_text(err, &text, object, key));
    for (const choice *c = choices; c->text != NULL; c++) {
        if (strcmp(text, c->text) == 0) {
            *value = c->value;
            return SP_OK;
        }
    }
    char known[256] = "";
    for (const choice *c = choices; c->text != NULL; c++) {
        const size_t used = strlen(known);
        if (used + strlen(c->text) + 5 < sizeof known) {
            strcat(known, used > 0 ? ", \"" : "\"");
            strcat(known, c->text);
            strcat(known, "\"");
        }
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "%s: \"%.80s\" is not known; use %s", key, text, known);
}

static sp_status read_number(sp_error *err, double *value, const sp_json *object, const char *key,
                             double least, double most) {
    SP_TRY(sp_json_number(err, value, object, key));
    if (!(*value >= least && *value <= most)) {
        return sp_fail(err, SP_E_FORMAT, "%s: %g is outside %g to %g", key, *value, least, most);
    }
    return SP_OK;
}

static sp_status read_count(sp_error *err, size_t *value, const sp_json *object, const char *key,
                            size_t least, size_t most) {
    double number = 0.0;
    SP_TRY(read_number(err, &number, object, key, (double)least, (double)most));
    if (number != floor(number)) {
        return sp_fail(err, SP_E_FORMAT, "%s: %g is not a whole number", key, number);
    }
    *value = (size_t)number;
    return SP_OK;
}

// The member `key` as an object with no other members than `keys`; *node = NULL when it may be
// absent and is.
static sp_status read_object(sp_error *err, const sp_json **node, const sp_json *root,
                             const char *key, const char *const *keys, bool required) {
    *node = sp_json_get(root, key);
    if (*node == NULL && !required) {
        return SP_OK;
    }
    if (*node == NULL || !sp_json_is_object(*node)) {
        return sp_fail(err, SP_E_FORMAT, "%s: %s", key,
                       *node == NULL ? "is missing" : "must be an object");
    }
    if (sp_json_only(err, *node, keys) != SP_OK) {
        return sp_error_in(err, key);
    }
    return SP_OK;
}

static sp_status read_pad(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"rule", NULL};
    const sp_json *node = NULL;
    SP_TRY(read_object(err, &node, root, "pad", keys, false));
    if (node != NULL) {
        int pad = 0;
        SP_TRY(read_choice(err, &pad, node, "rule", PADS));
        d->pad_step = pad == 1;
    }
    return SP_OK;
}

static sp_status read_preemphasis(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"coefficient", "where", NULL};
    const sp_json *node = NULL;
    SP_TRY(read_object(err, &node, root, "preemphasis", keys, false));
    if (node != NULL) {
        int where = 0;
        SP_TRY(read_number(err, &d->preemphasis, node, "coefficient", -1.0, 1.0));
        SP_TRY(read_choice(err, &where, node, "where", WHERES));
    }
    return SP_OK;
}

static sp_status read_gain(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"rule", "to", NULL};
    const sp_json *node = NULL;
    SP_TRY(read_object(err, &node, root, "gain", keys, false));
    if (node != NULL) {
        int rule = 0;
        SP_TRY(read_choice(err, &rule, node, "rule", GAINS));
        SP_TRY(read_number(err, &d->gain_peak, node, "to", 1e-6, 1e6));
    }
    return SP_OK;
}

static sp_status read_mel(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"bands", "low_hz", "high_hz", "formula", "rounding", NULL};
    const sp_json *node = NULL;
    int formula = 0, rounding = 0;
    SP_TRY(read_object(err, &node, root, "mel", keys, true));
    SP_TRY(read_count(err, &d->bands, node, "bands", 1, SP_FRONT_MAX_BANDS));
    SP_TRY(read_number(err, &d->low_hz, node, "low_hz", 0.0, 1e6));
    SP_TRY(read_number(err, &d->high_hz, node, "high_hz", 0.0, 1e6));
    SP_TRY(read_choice(err, &formula, node, "formula", FORMULAS));
    SP_TRY(read_choice(err, &rounding, node, "rounding", ROUNDINGS));
    if (!(d->low_hz < d->high_hz)) {
        return sp_fail(err, SP_E_FORMAT, "low_hz: %g is not below high_hz, %g", d->low_hz,
                       d->high_hz);
    }
    d->formula = (sp_mel_formula)formula;
    d->rounding = (sp_mel_rounding)rounding;
    // sonopy's corners run to the sample rate itself, in units of half of it
    const bool whole = d->rounding == SP_MEL_FLOOR_HALF_N_PLUS_1;
    const double most = whole ? (double)d->sample_rate : 0.5 * d->sample_rate;
    if (!(d->high_hz <= most)) {
        return sp_fail(err, SP_E_FORMAT, "high_hz: %g is above %s, %g", d->high_hz,
                       whole ? "the sample rate" : "half the sample rate", most);
    }
    return SP_OK;
}

static sp_status read_floor(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"add", "at_least", "for_zero", NULL};
    const sp_json *node = NULL;
    SP_TRY(read_object(err, &node, root, "floor", keys, true));
    size_t found = 0, rule = 0;
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (sp_json_get(node, keys[i]) != NULL) {
            found++;
            rule = i;
        }
    }
    if (found != 1) {
        return sp_fail(err, SP_E_FORMAT, "one of \"add\", \"at_least\", \"for_zero\" is needed");
    }
    static const sp_floor_rule rules[] = {SP_FLOOR_ADD, SP_FLOOR_AT_LEAST, SP_FLOOR_FOR_ZERO};
    d->floor_rule = rules[rule];
    return read_number(err, &d->floor, node, keys[rule], 1e-100, 1e100);
}

static sp_status read_dct(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"type", "norm", "coefficients", NULL};
    const sp_json *node = NULL;
    int type = 0, norm = 0, c0 = 0;
    SP_TRY(read_object(err, &node, root, "dct", keys, false));
    if (node == NULL) {
        return sp_json_get(root, "c0") == NULL
                   ? SP_OK
                   : sp_fail(err, SP_E_FORMAT, "c0 needs a dct that it can stand in");
    }
    SP_TRY(read_choice(err, &type, node, "type", DCTS));
    SP_TRY(read_choice(err, &norm, node, "norm", NORMS));
    SP_TRY(read_count(err, &d->coefficients, node, "coefficients", 1, d->bands));
    if (sp_json_get(root, "c0") != NULL) {
        SP_TRY(read_choice(err, &c0, root, "c0", C0S));
    }
    d->log_energy = c0 == 1;
    return SP_OK;
}

static sp_status read_name(sp_error *err, sp_description *d, const sp_json *root) {
    const char *name = NULL;
    if (sp_json_get(root, "name") != NULL) {
        SP_TRY(sp_json_text(err, &name, root, "name"));
        if (strlen(name) >= sizeof d->name) {
            return sp_fail(err, SP_E_FORMAT, "name: at most %zu bytes", sizeof d->name - 1);
        }
        strcpy(d->name, name);
    }
    return sp_json_get(root, "note") != NULL ? sp_json_text(err, &name, root, "note") : SP_OK;
}

static sp_status read_members(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"name",   "note",  "sample_rate", "scale",  "gain",
                                       "pad",    "frame", "step",        "frames", "preemphasis",
                                       "window", "fft",   "power_norm",  "mel",    "floor",
                                       "log",    "dct",   "c0",          NULL};
    if (!sp_json_is_object(root)) {
        return sp_fail(err, SP_E_FORMAT, "a front-end description is one JSON object");
    }
    size_t rate = 0;
    int scale = 0, window = 0, norm = 0, logarithm = 0, frames = 0;
    SP_TRY(sp_json_only(err, root, keys));
    SP_TRY(read_name(err, d, root));
    SP_TRY(read_count(err, &rate, root, "sample_rate", 1, 1000000));
    SP_TRY(read_choice(err, &scale, root, "scale", SCALES));
    SP_TRY(read_count(err, &d->frame, root, "frame", 1, SP_FRONT_MAX_FRAME));
    SP_TRY(read_count(err, &d->step, root, "step", 1, SP_FRONT_MAX_FRAME));
    SP_TRY(read_count(err, &d->fft, root, "fft", 2, SP_FRONT_MAX_FRAME));
    SP_TRY(read_choice(err, &window, root, "window", WINDOWS));
    SP_TRY(read_choice(err, &norm, root, "power_norm", POWER_NORMS));
    SP_TRY(read_choice(err, &logarithm, root, "log", LOGS));
    if (sp_json_get(root, "frames") != NULL) {
        SP_TRY(read_choice(err, &frames, root, "frames", FRAMES));
    }
    d->drop_last = frames == 1;
    d->sample_rate = (int)rate;
    d->full_scale = scale;
    d->window = (sp_window)window;
    d->power_over_n = norm == 1;
    if (read_pad(err, d, root) != SP_OK) {
        return sp_error_in(err, "pad");
    }
    if (read_gain(err, d, root) != SP_OK) {
        return sp_error_in(err, "gain");
    }
    if (read_preemphasis(err, d, root) != SP_OK) {
        return sp_error_in(err, "preemphasis");
    }
    if (read_mel(err, d, root) != SP_OK) {
        return sp_error_in(err, "mel");
    }
    if (read_floor(err, d, root) != SP_OK) {
        return sp_error_in(err, "floor");
    }
    if (read_dct(err, d, root) != SP_OK) {
        return sp_error_in(err, "dct");
    }
    return SP_OK;
}

sp_status sp_description_parse(sp_error *err, sp_description *description, const char *text,
                               size_t size) {
    sp_json *root = NULL;
    memset(description, 0, sizeof *description);
    SP_TRY(sp_json_parse(err, &root, text, size));
    const sp_status status = read_members(err, description, root);
    sp_json_destroy(root);
    return status;
}
