/* Profiles: which share of a budget's radius each sample, or each frame, has. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "base/interval.h"
#include "base/json.h"
#include "base/npy.h"

enum { MOST_SHARES = 1 << 28, MOST_BYTES = 1 << 28 };

void sp_noise_profile_clear(sp_noise_profile *profile) {
    free(profile->share);
    *profile = (sp_noise_profile){0};
}

static sp_status check(sp_error *err, const sp_noise_profile *profile) {
    bool some = false;
    for (size_t i = 0; i < profile->count; i++) {
        const double share = profile->share[i];
        if (!(share >= 0.0 && share <= 1.0)) {
            return sp_fail(err, SP_E_FORMAT,
                           "number %zu is %g: shares of a budget's radius are from 0 to 1", i,
                           share);
        }
        some = some || share > 0.0;
    }
    return some ? SP_OK : sp_fail(err, SP_E_FORMAT, "no share is above 0: there is no noise");
}

/* ---- JSON: a list of numbers, or of lists of them ---- */

static size_t count_of(const sp_json *node) {
    size_t count = sp_json_is_number(node);
    for (const sp_json *at = sp_json_is_array(node) ? sp_json_first(node) : NULL; at;
         at = sp_json_next(at)) {
        count += count_of(at);
    }
    return count;
}

/* False: something else stands in it. */
static bool take_list(double **to, const sp_json *list, bool nested) {
    for (const sp_json *at = sp_json_first(list); at; at = sp_json_next(at)) {
        if (sp_json_is_number(at)) {
            *(*to)++ = sp_json_value(at);
        } else if (!nested || !sp_json_is_array(at) || !take_list(to, at, false)) {
            return false;
        }
    }
    return true;
}

static sp_status read_json(sp_error *err, sp_noise_profile *profile, const char *path) {
    char *text = NULL;
    size_t size = 0;
    sp_json *root = NULL;
    SP_TRY(sp_file_read(err, &text, &size, path, MOST_BYTES));
    sp_status status = sp_json_parse(err, &root, text, size);
    free(text);
    if (status != SP_OK) {
        return status;
    }
    profile->count = count_of(root);
    profile->share = malloc((profile->count + 1) * sizeof *profile->share);
    double *to = profile->share;
    if (profile->share == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu shares", profile->count);
    } else if (!sp_json_is_array(root) || profile->count == 0 || !take_list(&to, root, true)) {
        status = sp_fail(err, SP_E_FORMAT, "is no list of numbers, nor one of lists of them");
    }
    sp_json_destroy(root);
    return status;
}

static sp_status read_npy(sp_error *err, sp_noise_profile *profile, const char *path) {
    size_t rows = 0, columns = 0;
    SP_TRY(sp_npy_read(err, &profile->share, &rows, &columns, path, MOST_SHARES));
    profile->count = rows * columns;
    return SP_OK;
}

sp_status sp_noise_profile_read(sp_error *err, sp_noise_profile *profile, const char *path) {
    const size_t length = strlen(path);
    const bool npy = length > 4 && strcmp(path + length - 4, ".npy") == 0;
    *profile = (sp_noise_profile){0};
    sp_status status = npy ? read_npy(err, profile, path) : read_json(err, profile, path);
    status = status == SP_OK ? check(err, profile) : status;
    if (status != SP_OK) {
        sp_noise_profile_clear(profile);
        return err != NULL && strncmp(err->text, path, length) == 0 ? status
                                                                    : sp_error_in(err, path);
    }
    return SP_OK;
}

sp_status sp_noise_share(sp_error *err, sp_noise *noise, const double *share) {
    bool some = false;
    for (size_t i = 0; i < noise->n; i++) {
        const double r = noise->radius[i] * share[i];
        if (!(share[i] >= 0.0 && share[i] <= 1.0)) {
            return sp_fail(err, SP_E_ARGUMENT, "the share of sample %zu is not from 0 to 1", i);
        }
        noise->radius[i] = share[i] == 1.0 ? r : share[i] > 0.0 && r >= 0.0 ? sp_above(r) : 0.0;
        some = some || noise->radius[i] > 0.0;
    }
    return some ? SP_OK
                : sp_fail(err, SP_E_MISMATCH,
                          "the profile leaves no noise in the samples that are asked about");
}
