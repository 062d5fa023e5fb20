/* The members "mel" and "bank" of a description: which bins make a band. */
#include <string.h>

#include "preprocess/impl.h"

static const sp_choice FORMULAS[] = {{"2595*log10(1+f/700)", SP_MEL_2595_LOG10},
                                     {"1127*ln(1+f/700)", SP_MEL_1127_LN},
                                     {"htk", SP_MEL_2595_LOG10},
                                     {"kaldi", SP_MEL_1127_LN},
                                     {"slaney", SP_MEL_SLANEY},
                                     {NULL, 0}};
static const sp_choice ROUNDINGS[] = {{"floor((N+1)*hz/rate)", SP_MEL_FLOOR_N_PLUS_1},
                                      {"floor(N*hz/rate)", SP_MEL_FLOOR_N},
                                      {"floor((N/2+1)*hz/rate)", SP_MEL_FLOOR_HALF_N_PLUS_1},
                                      {"floor((N/2+2)*hz/rate)", SP_MEL_FLOOR_HALF_N_PLUS_2},
                                      {"none", SP_MEL_IN_HZ},
                                      {NULL, 0}};
static const sp_choice TRIANGLES[] = {{"Hz", SP_MEL_IN_HZ}, {"mel", SP_MEL_IN_MEL}, {NULL, 0}};
static const sp_choice AREAS[] = {{"none", 0}, {"slaney", 1}, {NULL, 0}};
static const sp_choice EMPTIES[] = {{"refused", 0}, {"allowed", 1}, {NULL, 0}};

static sp_status read_triangles(sp_error *err, sp_description *d, const sp_json *node) {
    int formula = 0, rounding = 0, triangles = SP_MEL_IN_HZ, area = 0, empty = 0;
    SP_TRY(sp_read_choice(err, &formula, node, "formula", FORMULAS, true));
    SP_TRY(sp_read_choice(err, &rounding, node, "rounding", ROUNDINGS, true));
    SP_TRY(sp_read_choice(err, &triangles, node, "triangles", TRIANGLES, false));
    SP_TRY(sp_read_choice(err, &area, node, "norm", AREAS, false));
    SP_TRY(sp_read_choice(err, &empty, node, "empty", EMPTIES, false));
    if (rounding != SP_MEL_IN_HZ && sp_json_get(node, "triangles") != NULL) {
        return sp_fail(err, SP_E_FORMAT, "triangles: only with the rounding \"none\"");
    }
    d->formula = (sp_mel_formula)formula;
    d->rounding = (sp_mel_rounding)(rounding == SP_MEL_IN_HZ ? triangles : rounding);
    d->area = area == 1;
    d->empty_bands = empty == 1;
    return SP_OK;
}

sp_status sp_read_mel(sp_error *err, sp_description *d, const sp_json *root) {
    static const char *const keys[] = {"bands",     "low_hz", "high_hz", "formula", "rounding",
                                       "triangles", "norm",   "empty",   NULL};
    const sp_json *node = NULL;
    SP_TRY(sp_read_object(err, &node, root, "mel", keys, true));
    SP_TRY(sp_read_count(err, &d->bands, node, "bands", 1, SP_FRONT_MAX_BANDS, true));
    SP_TRY(sp_read_number(err, &d->low_hz, node, "low_hz", 0.0, 1e6, true));
    SP_TRY(sp_read_number(err, &d->high_hz, node, "high_hz", 0.0, 1e6, true));
    SP_TRY(read_triangles(err, d, node));
    if (!(d->low_hz < d->high_hz)) {
        return sp_fail(err, SP_E_FORMAT, "low_hz: %g is not below high_hz, %g", d->low_hz,
                       d->high_hz);
    }
    // sonopy's corners run to the sample rate itself, in units of half of it
    const bool whole = d->rounding == SP_MEL_FLOOR_HALF_N_PLUS_1;
    const double most = whole ? (double)d->sample_rate : 0.5 * d->sample_rate;
    if (!(d->high_hz <= most)) {
        return sp_fail(err, SP_E_FORMAT, "high_hz: %g is above %s, %g", d->high_hz,
                       whole ? "the sample rate" : "half the sample rate", most);
    }
    return SP_OK;
}

sp_status sp_read_bank(sp_error *err, sp_description *d, const sp_json *root, const char *folder) {
    const sp_json *node = sp_json_get(root, "bank");
    size_t columns = 0;
    if (sp_json_get(root, "mel") != NULL) {
        return sp_fail(err, SP_E_FORMAT, "bank: \"mel\" says the bands too; keep one");
    }
    if (sp_json_is_string(node) && strcmp(sp_json_string(node), "bins") == 0) {
        d->bank = SP_BANK_BINS;
        d->bands = sp_description_bins(d);
        return SP_OK;
    }
    d->bank = SP_BANK_NUMBERS;
    SP_TRY(sp_read_numbers(err, &d->bank_numbers, &d->bands, &columns, root, "bank", folder));
    if (columns != sp_description_bins(d) || d->bands > SP_FRONT_MAX_BANDS) {
        return sp_fail(err, SP_E_FORMAT,
                       "bank: has %zu x %zu numbers; an fft of %zu needs rows of %zu, at most %d",
                       d->bands, columns, d->fft, sp_description_bins(d), SP_FRONT_MAX_BANDS);
    }
    for (size_t i = 0; i < d->bands * columns; i++) {
        if (!(d->bank_numbers[i] >= 0.0)) {
            return sp_fail(err, SP_E_UNSUPPORTED,
                           "bank: row %zu has the weight %g: only weights from 0 make energies",
                           i / columns, d->bank_numbers[i]);
        }
    }
    return SP_OK;
}
