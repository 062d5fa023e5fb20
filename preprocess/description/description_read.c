/* Members of a description, checked one by one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/npy.h"
#include "preprocess/impl.h"

/* Members that other tools have: how the same is said here, or why it cannot be. */
typedef struct hint {
    const char *key, *says;
} hint;
static const hint HINTS[] = {
    {"center", "\"pad\": {\"rule\": \"centre\", \"fill\": \"reflect\" or \"zeros\"} says it"},
    {"snip_edges", "\"pad\": {\"rule\": \"around every step\", \"fill\": \"mirror\"} says false"},
    {"dither", "random numbers have no verdict: evaluate the model without them (dither 0), which "
               "is what it is trained to bear"},
    {"pcen",
     "its smoothing divides by a recursion, which has no bounds here: put it into the model "
     "file and certify from features on"},
    {"pitch",
     "it has no bounds here: hold it at its value (a constant input of the model), and the "
     "verdict is of that value"},
    {"deltas", "\"sequence\": [{\"deltas\": {\"rule\": ..., \"reach\": 2, \"order\": 2}}] says it"},
    {"use_log_fbank", "\"log\": \"none\" says false"},
    {"vtln_warp", "only 1 (none) has bounds: leave it out"},
    {"mel_scale", "\"formula\" in \"mel\" says it"},
    {"n_mels", "\"bands\" in \"mel\" says it"},
    {"hop_length", "\"step\" says it"},
    {"n_fft", "\"fft\" says it"}};

sp_status sp_read_only(sp_error *err, const sp_json *object, const char *const *keys) {
    for (const sp_json *member = sp_json_first(object); member != NULL;
         member = sp_json_next(member)) {
        const char *key = sp_json_name(member), *says = NULL;
        bool known = false;
        for (size_t i = 0; keys[i] != NULL; i++) {
            known = known || strcmp(keys[i], key) == 0;
        }
        for (size_t i = 0; i < sizeof HINTS / sizeof *HINTS; i++) {
            says = strcmp(HINTS[i].key, key) == 0 ? HINTS[i].says : says;
        }
        if (known) {
            continue;
        }
        if (says != NULL) {
            return sp_fail(err, SP_E_UNSUPPORTED, "member \"%.40s\": %s", key, says);
        }
        char list[320] = "";
        for (size_t i = 0; keys[i] != NULL && strlen(list) + strlen(keys[i]) + 4 < sizeof list;
             i++) {
            (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
                           i > 0 ? ", " : "", keys[i]);
        }
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "member \"%.40s\" is not known; without it this would be another front "
                       "end. Known: %s",
                       key, list);
    }
    return SP_OK;
}

sp_status sp_read_choice(sp_error *err, int *value, const sp_json *object, const char *key,
                         const sp_choice *choices, bool required) {
    const char *text = NULL;
    if (!required && sp_json_get(object, key) == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_json_text(err, &text, object, key));
    for (const sp_choice *c = choices; c->text != NULL; c++) {
        if (strcmp(text, c->text) == 0) {
            *value = c->value;
            return SP_OK;
        }
    }
    char known[384] = "";
    for (const sp_choice *c = choices; c->text != NULL; c++) {
        const size_t used = strlen(known);
        if (used + strlen(c->text) + 5 < sizeof known) {
            (void)snprintf(known + used, sizeof known - used, "%s\"%s\"", used > 0 ? ", " : "",
                           c->text);
        }
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "%s: \"%.60s\" is not known; known: %s", key, text,
                   known);
}

sp_status sp_read_number(sp_error *err, double *value, const sp_json *object, const char *key,
                         double least, double most, bool required) {
    if (!required && sp_json_get(object, key) == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_json_number(err, value, object, key));
    if (!(*value >= least && *value <= most)) {
        return sp_fail(err, SP_E_FORMAT, "%s: %g is outside %g to %g", key, *value, least, most);
    }
    return SP_OK;
}

sp_status sp_read_count(sp_error *err, size_t *value, const sp_json *object, const char *key,
                        size_t least, size_t most, bool required) {
    double number = (double)*value;
    if (!required && sp_json_get(object, key) == NULL) {
        return SP_OK;
    }
    SP_TRY(sp_read_number(err, &number, object, key, (double)least, (double)most, true));
    if (number != floor(number)) {
        return sp_fail(err, SP_E_FORMAT, "%s: %g is not a whole number", key, number);
    }
    *value = (size_t)number;
    return SP_OK;
}

sp_status sp_read_flag(sp_error *err, bool *value, const sp_json *object, const char *key) {
    const sp_json *node = sp_json_get(object, key);
    if (node == NULL) {
        return SP_OK;
    }
    if (!sp_json_is_bool(node)) {
        return sp_fail(err, SP_E_FORMAT, "%s: must be true or false", key);
    }
    *value = sp_json_flag(node);
    return SP_OK;
}

sp_status sp_read_object(sp_error *err, const sp_json **node, const sp_json *root, const char *key,
                         const char *const *keys, bool required) {
    *node = sp_json_get(root, key);
    if (*node == NULL && !required) {
        return SP_OK;
    }
    if (*node == NULL || !sp_json_is_object(*node)) {
        return sp_fail(err, SP_E_FORMAT, "%s: %s", key,
                       *node == NULL ? "is missing" : "must be an object");
    }
    if (sp_read_only(err, *node, keys) != SP_OK) {
        return sp_error_in(err, key);
    }
    return SP_OK;
}

static size_t count_of(const sp_json *list) {
    size_t count = 0;
    for (const sp_json *at = sp_json_first(list); at != NULL; at = sp_json_next(at)) {
        count++;
    }
    return count;
}

static bool take_list(double *to, const sp_json *list) {
    bool numbers = true;
    for (const sp_json *at = sp_json_first(list); at != NULL; at = sp_json_next(at)) {
        numbers = numbers && sp_json_is_number(at);
        *to++ = sp_json_is_number(at) ? sp_json_value(at) : NAN;
    }
    return numbers;
}

static sp_status read_file(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                           const char *key, const char *file, const char *folder) {
    char path[1024];
    if (folder == NULL) {
        return sp_fail(err, SP_E_FORMAT,
                       "%s: a description inside a model cannot name the file %.60s; write its "
                       "numbers as lists",
                       key, file);
    }
    const int size = snprintf(path, sizeof path, "%s%s", file[0] == '/' ? "" : folder, file);
    if (size < 0 || (size_t)size >= sizeof path) {
        return sp_fail(err, SP_E_FORMAT, "%s: the path of %.60s is too long", key, file);
    }
    if (sp_npy_read(err, numbers, rows, columns, path, SP_FRONT_MAX_ENTRIES) != SP_OK) {
        return sp_error_in(err, key);
    }
    return SP_OK;
}

sp_status sp_read_numbers(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                          const sp_json *object, const char *key, const char *folder) {
    const sp_json *node = sp_json_get(object, key);
    *numbers = NULL;
    if (node != NULL && sp_json_is_string(node)) {
        return read_file(err, numbers, rows, columns, key, sp_json_string(node), folder);
    }
    if (node == NULL || !sp_json_is_array(node) || sp_json_first(node) == NULL) {
        return sp_fail(err, SP_E_FORMAT,
                       "%s: must be a list of numbers or the name of an .npy file", key);
    }
    const bool nested = sp_json_is_array(sp_json_first(node));
    *rows = nested ? count_of(node) : 1;
    *columns = count_of(nested ? sp_json_first(node) : node);
    *numbers = malloc((*rows * *columns + 1) * sizeof **numbers);
    if (*numbers == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %s", key);
    }
    bool good = *columns > 0;
    size_t row = 0;
    for (const sp_json *at = nested ? sp_json_first(node) : node; at != NULL && good;
         at = nested ? sp_json_next(at) : NULL) {
        good = sp_json_is_array(at) && count_of(at) == *columns &&
               take_list(*numbers + row++ * *columns, at);
    }
    if (!good) {
        free(*numbers);
        *numbers = NULL;
        return sp_fail(err, SP_E_FORMAT, "%s: must be numbers, in lists of equal length", key);
    }
    return SP_OK;
}
