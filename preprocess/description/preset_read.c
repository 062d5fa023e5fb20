/* Parameters of presets: those that are null have their defaults. */
#include "preprocess/impl.h"

/* A parameter that is not null. */
const sp_json *sp_preset_given(const sp_json *p, const char *key) {
    const sp_json *node = p != NULL ? sp_json_get(p, key) : NULL;
    const bool some = node != NULL &&
                      (sp_json_is_number(node) || sp_json_is_string(node) ||
                       sp_json_is_bool(node) || sp_json_is_object(node) || sp_json_is_array(node));
    return some ? node : NULL;
}

bool sp_preset_is_null(const sp_json *p, const char *key) {
    return p != NULL && sp_json_get(p, key) != NULL && sp_preset_given(p, key) == NULL;
}

sp_status sp_preset_number(sp_error *err, double *value, const sp_json *p, const char *key,
                           double least, double most) {
    return sp_preset_given(p, key) == NULL ? SP_OK
                                           : sp_read_number(err, value, p, key, least, most, true);
}

sp_status sp_preset_count(sp_error *err, size_t *value, const sp_json *p, const char *key,
                          size_t least, size_t most) {
    return sp_preset_given(p, key) == NULL ? SP_OK
                                           : sp_read_count(err, value, p, key, least, most, true);
}

sp_status sp_preset_flag(sp_error *err, bool *value, const sp_json *p, const char *key) {
    return sp_preset_given(p, key) == NULL ? SP_OK : sp_read_flag(err, value, p, key);
}

sp_status sp_preset_choice(sp_error *err, int *value, const sp_json *p, const char *key,
                           const sp_choice *choices) {
    return sp_preset_given(p, key) == NULL ? SP_OK
                                           : sp_read_choice(err, value, p, key, choices, true);
}

sp_status sp_preset_only(sp_error *err, const sp_json *p, const char *const *keys) {
    return p != NULL ? sp_read_only(err, p, keys) : SP_OK;
}

sp_status sp_preset_rate(sp_error *err, sp_description *d, const sp_json *p, const char *key,
                         size_t rate) {
    SP_TRY(sp_preset_count(err, &rate, p, key, 1, 1000000));
    d->sample_rate = (int)rate;
    return SP_OK;
}
