/* Reads a front-end description. Every member is checked; what is not known is refused by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "preprocess/impl.h"

/* Windows that are periodic stand PERIODIC above those that are not. */
enum { PERIODIC = 100 };
static const sp_choice WINDOWS[] = {{"hamming-periodic", SP_WINDOW_HAMMING + PERIODIC},
                                    {"hamming", SP_WINDOW_HAMMING},
                                    {"hann-periodic", SP_WINDOW_HANN + PERIODIC},
                                    {"hann", SP_WINDOW_HANN},
                                    {"blackman-periodic", SP_WINDOW_BLACKMAN + PERIODIC},
                                    {"blackman", SP_WINDOW_BLACKMAN},
                                    {"sqrt-hann-periodic", SP_WINDOW_SQRT_HANN + PERIODIC},
                                    {"sqrt-hann", SP_WINDOW_SQRT_HANN},
                                    {"povey", SP_WINDOW_POVEY},
                                    {"sine", SP_WINDOW_SINE},
                                    {"none", SP_WINDOW_NONE},
                                    {NULL, 0}};
static const sp_choice SCALES[] = {{"int16", 32768}, {"unit", 1}, {NULL, 0}};
static const sp_choice POWER_NORMS[] = {{"1/N", SP_POWER_OVER_N},
                                        {"1/sum(window^2)", SP_POWER_OVER_WINDOW},
                                        {"none", SP_POWER_WHOLE},
                                        {NULL, 0}};
static const sp_choice LOGS[] = {{"natural", SP_UNIT_NATURAL},
                                 {"log10", SP_UNIT_LOG10},
                                 {"dB", SP_UNIT_DB},
                                 {"none", SP_UNIT_NONE},
                                 {NULL, 0}};
static const sp_choice GAINS[] = {{"peak", 1}, {NULL, 0}};
static const sp_choice WHERES[] = {
    {"inside each frame", SP_EMPHASIS_FRAME}, {"whole clip", SP_EMPHASIS_CLIP}, {NULL, 0}};
static const sp_choice FIRSTS[] = {{"kept", 0}, {"repeated", 1}, {NULL, 0}};
static const sp_choice PADS[] = {
    {"append one step of zeros unless the length is a multiple of the step", SP_PAD_STEP},
    {"none", SP_PAD_NONE},
    {"centre", SP_PAD_CENTRE},
    {"to complete frames", SP_PAD_LAST},
    {"a frame at every step", SP_PAD_STARTS},
    {"around every step", SP_PAD_MIDDLES},
    {NULL, 0}};
static const sp_choice FILLS[] = {{"zeros", SP_FILL_ZEROS},
                                  {"reflect", SP_FILL_REFLECT},
                                  {"mirror", SP_FILL_MIRROR},
                                  {"edge", SP_FILL_EDGE},
                                  {NULL, 0}};
static const sp_choice DCTS[] = {{"II", 2}, {"III", 3}, {NULL, 0}};
static const sp_choice NORMS[] = {{"orthonormal", SP_DCT_ORTHONORMAL},
                                  {"none", SP_DCT_TWICE},
                                  {"sqrt(2/N)", SP_DCT_SAME_SCALE},
                                  {NULL, 0}};
static const sp_choice C0S[] = {{"log energy", 1}, {"dct", 0}, {NULL, 0}};
static const sp_choice ENERGIES[] = {{"spectrum", SP_ENERGY_SPECTRUM},
                                     {"frame", SP_ENERGY_FRAME},
                                     {"windowed frame", SP_ENERGY_WINDOWED},
                                     {NULL, 0}};
static const sp_choice FRAMES[] = {
    {"all complete", 0}, {"all complete but the last", 1}, {NULL, 0}};

static sp_status read_pad(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"rule", "fill", "zeros", NULL};
    const sp_json *node = NULL;
    int rule = SP_PAD_NONE, fill = SP_FILL_ZEROS;
    SP_TRY(sp_read_object(err, &node, root, "pad", keys, false));
    if (node == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_read_choice(err, &rule, node, "rule", PADS, true));
    const bool both = rule == SP_PAD_CENTRE || rule == SP_PAD_MIDDLES;
    SP_TRY(sp_read_choice(err, &fill, node, "fill", FILLS, both));
    SP_TRY(sp_read_count(err, &d->padding.zeros, node, "zeros", 0, SP_FRONT_MAX_FRAME, false));
    if (!both && fill != SP_FILL_ZEROS) {
        return sp_fail(err, SP_E_UNSUPPORTED, "fill: this rule has zeros behind the clip only");
    }
    if (rule != SP_PAD_CENTRE && d->padding.zeros > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED, "zeros: only with the rule \"centre\"");
    }
    d->padding.rule = (sp_pad_rule)rule;
    d->padding.fill = (sp_pad_fill)fill;
    return SP_OK;
}

static sp_status read_gain(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"rule", "to", NULL};
    const sp_json *node = NULL;
    int rule = 0;
    SP_TRY(sp_read_object(err, &node, root, "gain", keys, false));
    if (node == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_read_choice(err, &rule, node, "rule", GAINS, true));
    return sp_read_number(err, &d->gain_peak, node, "to", 1e-6, 1e6, true);
}

static sp_status read_preemphasis(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"coefficient", "where", "first", NULL};
    const sp_json *node = NULL;
    int where = 0, repeated = 0;
    SP_TRY(sp_read_object(err, &node, root, "preemphasis", keys, false));
    if (node == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_read_number(err, &d->preemphasis, node, "coefficient", -1.0, 1.0, true));
    SP_TRY(sp_read_choice(err, &where, node, "where", WHERES, true));
    SP_TRY(sp_read_choice(err, &repeated, node, "first", FIRSTS, false));
    if (where == SP_EMPHASIS_CLIP && repeated) {
        return sp_fail(err, SP_E_UNSUPPORTED, "first: over the clip its first sample is kept");
    }
    d->emphasis = repeated ? SP_EMPHASIS_REPEAT : (sp_emphasis)where;
    return SP_OK;
}

static sp_status read_window(sp_error *err, sp_description *d, const sp_json *root,
                             const char *folder) {
    static const char *const keys[] = {"name", "length", NULL};
    const sp_json *node = sp_json_get(root, "window");
    int window = SP_WINDOW_NONE;
    if (node != NULL && sp_json_is_array(node)) {
        size_t rows = 0;
        SP_TRY(sp_read_numbers(err, &d->window_numbers, &rows, &d->window_length, root, "window",
                               folder));
        d->window = SP_WINDOW_NUMBERS;
        if (rows != 1 || d->window_length > d->frame) {
            return sp_fail(err, SP_E_FORMAT, "window: must be at most %zu numbers, as the frame",
                           d->frame);
        }
        return SP_OK;
    }
    if (node != NULL && sp_json_is_object(node)) {
        SP_TRY(sp_read_object(err, &node, root, "window", keys, true));
        SP_TRY(sp_read_choice(err, &window, node, "name", WINDOWS, true));
        SP_TRY(sp_read_count(err, &d->window_length, node, "length", 1, d->frame, false));
    } else {
        SP_TRY(sp_read_choice(err, &window, root, "window", WINDOWS, true));
    }
    d->window = (sp_window)(window % PERIODIC);
    d->periodic = window >= PERIODIC;
    d->blackman = 0.42;
    return SP_OK;
}

static sp_status read_floor(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"add", "at_least", "for_zero", NULL};
    const sp_json *node = NULL;
    const bool required = d->log != SP_UNIT_NONE && d->floor_rule == SP_FLOOR_NONE;
    SP_TRY(sp_read_object(err, &node, root, "floor", keys, required));
    if (node == NULL) {
        return SP_OK;
    }
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
    return sp_read_number(err, &d->floor, node, keys[rule], 1e-100, 1e100, true);
}

static sp_status read_log(sp_error *err, sp_description *d, const sp_json *root, bool required) {
    int log = (int)d->log;
    SP_TRY(sp_read_choice(err, &log, root, "log", LOGS, required));
    d->log = (sp_unit)log;
    SP_TRY(sp_read_number(err, &d->reference, root, "reference", 1e-100, 1e100, false));
    if (sp_json_get(root, "reference") != NULL && d->log != SP_UNIT_DB) {
        return sp_fail(err, SP_E_FORMAT, "reference: only with \"log\": \"dB\"");
    }
    return sp_read_number(err, &d->top_db, root, "top_db", 1e-3, 1e4, false);
}

static sp_status read_lifter(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"length", "first", NULL};
    const sp_json *node = NULL;
    SP_TRY(sp_read_object(err, &node, root, "lifter", keys, false));
    if (node == NULL) {
        return SP_OK;
    }
    if (d->coefficients == 0) {
        return sp_fail(err, SP_E_FORMAT, "lifter: needs a dct");
    }
    SP_TRY(sp_read_number(err, &d->lifter, node, "length", 1e-3, 1e6, true));
    return sp_read_count(err, &d->lifter_first, node, "first", 0, 1, false);
}

static sp_status read_dct(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"type", "norm", "coefficients", NULL};
    const sp_json *node = NULL;
    int type = 2, norm = 0, c0 = 0;
    SP_TRY(sp_read_object(err, &node, root, "dct", keys, false));
    if (node == NULL) {
        return sp_json_get(root, "c0") == NULL
                   ? SP_OK
                   : sp_fail(err, SP_E_FORMAT, "c0 needs a dct that it can stand in");
    }
    SP_TRY(sp_read_choice(err, &type, node, "type", DCTS, true));
    SP_TRY(sp_read_choice(err, &norm, node, "norm", NORMS, true));
    SP_TRY(sp_read_count(err, &d->coefficients, node, "coefficients", 1, d->bands, true));
    SP_TRY(sp_read_choice(err, &c0, root, "c0", C0S, false));
    d->dct_type = type;
    d->dct_norm = (sp_dct_norm)norm;
    if (type == 3 && norm == SP_DCT_SAME_SCALE) {
        return sp_fail(err, SP_E_UNSUPPORTED, "norm: \"sqrt(2/N)\" is one of type II");
    }
    if (c0 == 1) {
        d->energy = SP_ENERGY_SPECTRUM;
    }
    return SP_OK;
}

static sp_status read_energy(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"of", "at_least", NULL};
    const sp_json *node = NULL;
    int of = 0;
    SP_TRY(sp_read_object(err, &node, root, "energy", keys, false));
    if (node == NULL) {
        return SP_OK;
    }
    if (sp_json_get(root, "c0") != NULL) {
        return sp_fail(err, SP_E_FORMAT, "c0 says it too; keep one");
    }
    SP_TRY(sp_read_choice(err, &of, node, "of", ENERGIES, true));
    d->energy = (sp_energy)of;
    SP_TRY(sp_read_number(err, &d->energy_floor, node, "at_least", 1e-30, 1e30, false));
    if (d->energy_floor > 0.0 && d->floor_rule != SP_FLOOR_AT_LEAST) {
        return sp_fail(err, SP_E_UNSUPPORTED, "at_least: only where the floor is an \"at_least\"");
    }
    return SP_OK;
}

static sp_status read_cmvn(sp_error *err, sp_description *d, const sp_json *root,
                           const char *folder) {
    static const char *const keys[] = {"mean", "std", NULL};
    double **const lists[] = {&d->mean, &d->deviation};
    const sp_json *node = sp_json_get(root, "cmvn");
    if (node != NULL && !sp_json_is_object(node)) {
        return sp_fail(err, SP_E_FORMAT,
                       "must be {\"mean\": [...], \"std\": [...]}: the numbers of the training "
                       "code, one for each feature; the mean of the clip itself is said by "
                       "\"sequence\": [{\"subtract\": \"mean of the clip\"}]");
    }
    SP_TRY(sp_read_object(err, &node, root, "cmvn", keys, false));
    for (size_t i = 0; node != NULL && i < 2; i++) {
        size_t rows = 0, columns = 0;
        if (sp_json_get(node, keys[i]) == NULL) {
            continue;
        }
        SP_TRY(sp_read_numbers(err, lists[i], &rows, &columns, node, keys[i], folder));
        if (rows != 1 || columns != sp_description_rows(d)) {
            return sp_fail(err, SP_E_FORMAT, "%s: %zu numbers for %zu features", keys[i],
                           rows * columns, sp_description_rows(d));
        }
    }
    for (size_t i = 0; d->deviation != NULL && i < sp_description_rows(d); i++) {
        if (!(fabs(d->deviation[i]) >= 1e-30)) {
            return sp_fail(err, SP_E_FORMAT, "std: number %zu is %g", i, d->deviation[i]);
        }
    }
    return SP_OK;
}

static sp_status read_map(sp_error *err, sp_description *d, const sp_json *root,
                          const char *folder) {
    static const char *const keys[] = {"matrix", "bias", NULL};
    const sp_json *node = NULL;
    size_t columns = 0, rows = 1, count = 0;
    SP_TRY(sp_read_object(err, &node, root, "map", keys, false));
    if (node == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_read_numbers(err, &d->map, &d->mapped, &columns, node, "matrix", folder));
    if (columns != sp_description_rows(d) || d->mapped > SP_FRONT_MAX_FRAME) {
        return sp_fail(err, SP_E_FORMAT, "matrix: rows of %zu numbers for %zu features", columns,
                       sp_description_rows(d));
    }
    if (sp_json_get(node, "bias") != NULL) {
        SP_TRY(sp_read_numbers(err, &d->map_bias, &rows, &count, node, "bias", folder));
        if (rows != 1 || count != d->mapped) {
            return sp_fail(err, SP_E_FORMAT, "bias: %zu numbers for %zu rows", rows * count,
                           d->mapped);
        }
        return SP_OK;
    }
    d->map_bias = calloc(d->mapped, sizeof *d->map_bias);
    return d->map_bias != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for the map");
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

static sp_status read_scale(sp_error *err, sp_description *d, const sp_json *root) {
    int scale = 0;
    SP_TRY(sp_read_choice(err, &scale, root, "scale", SCALES, true));
    d->full_scale = scale;
    return SP_OK;
}

static sp_status read_spectrum(sp_error *err, sp_description *d, const sp_json *root,
                               const char *folder) {
    size_t rate = 0, power = 2;
    int norm = 0, frames = 0;
    SP_TRY(sp_read_count(err, &rate, root, "sample_rate", 1, 1000000, true));
    SP_TRY(sp_read_count(err, &d->frame, root, "frame", 1, SP_FRONT_MAX_FRAME, true));
    SP_TRY(sp_read_count(err, &d->step, root, "step", 1, SP_FRONT_MAX_FRAME, true));
    SP_TRY(sp_read_count(err, &d->fft, root, "fft", 2, SP_FRONT_MAX_FRAME, true));
    SP_TRY(read_window(err, d, root, folder));
    SP_TRY(sp_read_choice(err, &norm, root, "power_norm", POWER_NORMS, true));
    SP_TRY(sp_read_choice(err, &frames, root, "frames", FRAMES, false));
    SP_TRY(sp_read_count(err, &power, root, "power", 1, 2, false));
    SP_TRY(sp_read_flag(err, &d->remove_mean, root, "remove_dc"));
    d->sample_rate = (int)rate;
    d->power_norm = (sp_power_norm)norm;
    d->drop_last = frames == 1;
    d->magnitude = power == 1;
    return SP_OK;
}

/* Features that are samples: the model hears them itself. */
static sp_status read_samples(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"name", "note", "sample_rate", "scale", "samples", NULL};
    static const char *const own[] = {"frame", "step", "before", NULL};
    const sp_json *node = NULL;
    size_t rate = 0, before = 0;
    d->frame = d->step = 1;
    SP_TRY(sp_read_only(err, root, keys));
    SP_TRY(sp_read_count(err, &rate, root, "sample_rate", 1, 1000000, true));
    SP_TRY(sp_read_object(err, &node, root, "samples", own, true));
    SP_TRY(sp_read_count(err, &d->frame, node, "frame", 1, SP_FRONT_MAX_FRAME, false));
    SP_TRY(sp_read_count(err, &d->step, node, "step", 1, SP_FRONT_MAX_FRAME, false));
    SP_TRY(sp_read_count(err, &before, node, "before", 0, SP_FRONT_MAX_FRAME, false));
    d->sample_rate = (int)rate;
    d->raw = true;
    d->log = SP_UNIT_NONE;
    d->padding =
        (sp_padding){.rule = SP_PAD_NONE, .before = before, .frame = d->frame, .step = d->step};
    return SP_OK;
}

/* What the parts say together, and the lengths of the padding. */
static sp_status finish(sp_error *err, sp_description *d) {
    sp_padding *p = &d->padding;
    const size_t lead = sp_description_lead(d);
    const bool frame_energy = sp_spectrum_more(d) > 0;
    if (d->remove_mean && lead > 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "remove_dc: not behind pre-emphasis over the whole clip");
    }
    if ((d->remove_mean || frame_energy) && d->frame > d->fft) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the mean or energy of a frame that the fft cuts has no bounds");
    }
    if (d->magnitude && (d->energy != SP_ENERGY_NONE || d->top_db > 0.0)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "power 1 with the frame's energy or with top_db has no bounds");
    }
    if (d->gain_peak > 0.0 && (d->magnitude || d->top_db > 0.0 || d->log == SP_UNIT_NONE)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "gain: has bounds for logarithms of energies without top_db only");
    }
    if (d->log == SP_UNIT_NONE && (d->top_db > 0.0 || d->energy != SP_ENERGY_NONE)) {
        return sp_fail(err, SP_E_FORMAT, "top_db and energy need a logarithm");
    }
    if (lead > 0 && p->fill != SP_FILL_ZEROS) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "pad: pre-emphasis over the whole clip goes with zeros only");
    }
    const size_t half = p->rule == SP_PAD_CENTRE ? d->frame / 2 : d->frame / 2 - d->step / 2;
    if (p->rule == SP_PAD_MIDDLES && d->frame / 2 < d->step / 2) {
        return sp_fail(err, SP_E_UNSUPPORTED, "pad: the step is longer than the frame");
    }
    p->lead = lead;
    p->before =
        lead + p->zeros + (p->rule == SP_PAD_CENTRE || p->rule == SP_PAD_MIDDLES ? half : 0);
    p->frame = d->frame + lead;
    p->step = d->step;
    p->tail = lead > 0 && p->rule != SP_PAD_NONE ? d->preemphasis : 0.0;
    return SP_OK;
}

/* A part of the description, whose errors begin with its name. */
static sp_status in(sp_error *err, sp_status status, const char *key) {
    return status == SP_OK ? SP_OK : sp_error_in(err, key);
}

/* Members that stand beside a preset, behind what it computes. */
static sp_status read_features(sp_error *err, sp_description *d, const sp_json *root,
                               const char *folder) {
    SP_TRY(in(err, read_energy(err, d, root), "energy"));
    SP_TRY(in(err, read_cmvn(err, d, root, folder), "cmvn"));
    SP_TRY(in(err, read_map(err, d, root, folder), "map"));
    return in(err, sp_sequence_read(err, d, root, folder), "sequence");
}

static sp_status read_preset(sp_error *err, sp_description *d, const sp_json *root,
                             const char *folder) {
    static const char *const keys[] = {"name",  "note", "preset",   "parameters", "scale",
                                       "floor", "log",  "cmvn",     "reference",  "top_db",
                                       "map",   "gain", "sequence", NULL};
    const char *name = NULL;
    const sp_json *parameters = sp_json_get(root, "parameters");
    SP_TRY(sp_json_text(err, &name, root, "preset"));
    SP_TRY(sp_read_only(err, root, keys));
    if (parameters != NULL && !sp_json_is_object(parameters)) {
        return sp_fail(err, SP_E_FORMAT, "parameters: must be an object");
    }
    SP_TRY(in(err, sp_preset_read(err, d, name, parameters), name));
    const bool free_log = d->log == SP_UNIT_NONE && d->coefficients == 0;
    static const char *const own[] = {"floor", "log", "reference", "top_db"};
    for (size_t i = 0; !free_log && i < 4; i++) {
        if (sp_json_get(root, own[i]) != NULL) {
            return sp_fail(err, SP_E_FORMAT, "%s: %s takes its logarithm itself", own[i], name);
        }
    }
    SP_TRY(in(err, read_gain(err, d, root), "gain"));
    SP_TRY(read_log(err, d, root, false));
    SP_TRY(in(err, read_floor(err, d, root), "floor"));
    SP_TRY(in(err, read_cmvn(err, d, root, folder), "cmvn"));
    SP_TRY(in(err, read_map(err, d, root, folder), "map"));
    return in(err, sp_sequence_read(err, d, root, folder), "sequence");
}

static sp_status read_members(sp_error *err, sp_description *d, const sp_json *root,
                              const char *folder) {
    static const char *const keys[] = {
        "name", "note",  "sample_rate", "scale",      "pad",       "frame",  "step", "frames",
        "fft",  "power", "remove_dc",   "power_norm", "mel",       "bank",   "log",  "preemphasis",
        "dct",  "c0",    "energy",      "lifter",     "reference", "top_db", "map",  "window",
        "cmvn", "floor", "gain",        "sequence",   NULL};
    if (!sp_json_is_object(root)) {
        return sp_fail(err, SP_E_FORMAT, "a front-end description is one JSON object");
    }
    d->floor_rule = SP_FLOOR_NONE;
    d->reference = 1.0;
    if (sp_json_get(root, "samples") != NULL) {
        SP_TRY(read_name(err, d, root));
        SP_TRY(read_scale(err, d, root));
        return read_samples(err, d, root);
    }
    if (sp_json_get(root, "preset") != NULL) {
        SP_TRY(read_name(err, d, root));
        SP_TRY(read_scale(err, d, root));
        SP_TRY(read_preset(err, d, root, folder));
        return finish(err, d);
    }
    SP_TRY(sp_read_only(err, root, keys));
    SP_TRY(read_name(err, d, root));
    SP_TRY(read_scale(err, d, root));
    SP_TRY(read_spectrum(err, d, root, folder));
    SP_TRY(in(err, read_pad(err, d, root), "pad"));
    SP_TRY(in(err, read_gain(err, d, root), "gain"));
    SP_TRY(in(err, read_preemphasis(err, d, root), "preemphasis"));
    const bool bank = sp_json_get(root, "bank") != NULL;
    SP_TRY(in(err, bank ? sp_read_bank(err, d, root, folder) : sp_read_mel(err, d, root),
              bank ? "bank" : "mel"));
    SP_TRY(read_log(err, d, root, true));
    SP_TRY(in(err, read_floor(err, d, root), "floor"));
    SP_TRY(in(err, read_dct(err, d, root), "dct"));
    SP_TRY(read_lifter(err, d, root));
    SP_TRY(read_features(err, d, root, folder));
    return finish(err, d);
}

sp_status sp_description_parse(sp_error *err, sp_description *description, const char *text,
                               size_t size, const char *folder) {
    sp_json *root = NULL;
    memset(description, 0, sizeof *description);
    SP_TRY(sp_json_parse(err, &root, text, size));
    const sp_status status = read_members(err, description, root, folder);
    sp_json_destroy(root);
    return status;
}

void sp_description_clear(sp_description *d) {
    free(d->window_numbers);
    free(d->bank_numbers);
    free(d->mean);
    free(d->deviation);
    free(d->map);
    free(d->map_bias);
    sp_sequence_clear(d);
    memset(d, 0, sizeof *d);
}
