/* Which front ends certificates know, by their descriptions. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "proof/impl.h"

/* Members, those of members behind a point, and the texts that they may be; "*": any. */
typedef struct member {
    const char *name;
    const char *texts[8];
} member;
static const member members[] = {
    {"name", {"*"}},
    {"note", {"*"}},
    {"sample_rate", {NULL}},
    {"scale", {"int16", "unit"}},
    {"gain", {NULL}},
    {"gain.rule", {"peak"}},
    {"gain.to", {NULL}},
    {"pad", {NULL}},
    {"pad.rule", {"none", "append one step of zeros unless the length is a multiple of the step"}},
    {"frame", {NULL}},
    {"frames", {"all complete", "all complete but the last"}},
    {"step", {NULL}},
    {"preemphasis", {NULL}},
    {"preemphasis.coefficient", {NULL}},
    {"preemphasis.where", {"inside each frame"}},
    {"window", {"hamming-periodic", "hamming", "hann-periodic", "hann", "none"}},
    {"fft", {NULL}},
    {"power_norm", {"1/N", "none"}},
    {"mel", {NULL}},
    {"mel.bands", {NULL}},
    {"mel.low_hz", {NULL}},
    {"mel.high_hz", {NULL}},
    {"mel.formula", {"2595*log10(1+f/700)", "1127*ln(1+f/700)", "htk", "kaldi"}},
    {"mel.rounding",
     {"floor((N+1)*hz/rate)", "floor(N*hz/rate)", "floor((N/2+1)*hz/rate)",
      "floor((N/2+2)*hz/rate)"}},
    {"floor", {NULL}},
    {"floor.add", {NULL}},
    {"floor.at_least", {NULL}},
    {"floor.for_zero", {NULL}},
    {"log", {"natural", "log10", "dB"}},
    {"reference", {NULL}},
    {"c0", {"dct", "log energy"}},
    {"dct", {NULL}},
    {"dct.type", {"II"}},
    {"dct.norm", {"orthonormal", "none", "sqrt(2/N)"}},
    {"dct.coefficients", {NULL}},
    {"cmvn", {NULL}},
    {"cmvn.mean", {NULL}},
    {"cmvn.std", {NULL}},
};

static bool may_be(const member *row, const char *text) {
    bool may = false;
    for (size_t i = 0; row->texts[i] != NULL; i++) {
        may = may || strcmp(row->texts[i], text) == 0 || strcmp(row->texts[i], "*") == 0;
    }
    return may;
}

static sp_status check_member(sp_error *err, const char *name, const sp_json *value) {
    const member *row = NULL;
    for (size_t i = 0; i < sizeof members / sizeof members[0] && row == NULL; i++) {
        row = strcmp(members[i].name, name) == 0 ? &members[i] : NULL;
    }
    if (row == NULL) {
        return sp_fail(err, SP_E_UNSUPPORTED, "certificates know no front end with \"%.100s\"",
                       name);
    }
    if (sp_json_is_string(value) && !may_be(row, sp_json_string(value))) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "certificates know no front end whose \"%.100s\" is \"%.100s\"", name,
                       sp_json_string(value));
    }
    const bool list = sp_json_is_array(value), object = sp_json_is_object(value);
    const bool known = list ? strncmp(name, "cmvn.", 5) == 0 : !object || row->texts[0] == NULL;
    return known ? SP_OK
                 : sp_fail(err, SP_E_UNSUPPORTED,
                           "certificates know no front end whose \"%.100s\" is %s", name,
                           list ? "a list" : "an object");
}

static sp_status check_members(sp_error *err, const sp_json *object) {
    for (const sp_json *at = sp_json_first(object); at != NULL; at = sp_json_next(at)) {
        SP_TRY(check_member(err, sp_json_name(at), at));
        for (const sp_json *in = sp_json_is_object(at) ? sp_json_first(at) : NULL; in != NULL;
             in = sp_json_next(in)) {
            char name[128];
            snprintf(name, sizeof name, "%.60s.%.60s", sp_json_name(at), sp_json_name(in));
            SP_TRY(check_member(err, name, in));
        }
    }
    return SP_OK;
}

/* What the checker has room for. */
static sp_status check_sizes(sp_error *err, const sp_json *root) {
    double frame = 0.0, step = 0.0, fft = 0.0, bands = 0.0;
    SP_TRY(sp_json_number(err, &frame, root, "frame"));
    SP_TRY(sp_json_number(err, &step, root, "step"));
    SP_TRY(sp_json_number(err, &fft, root, "fft"));
    SP_TRY(sp_json_number(err, &bands, sp_json_get(root, "mel"), "bands"));
    const bool even = fft / 2.0 == (double)(long)(fft / 2.0);
    return even && frame <= 4096.0 && step <= 4096.0 && fft <= 4094.0 && bands <= 256.0
               ? SP_OK
               : sp_fail(err, SP_E_UNSUPPORTED,
                         "certificates know transforms of an even number of samples, at most 4094, "
                         "frames and steps of 4096, and 256 bands");
}

sp_status sp_proof_front(sp_error *err, const char *text) {
    sp_json *root = NULL;
    SP_TRY(sp_json_parse(err, &root, text, strlen(text)));
    sp_status status = check_members(err, root);
    status = status == SP_OK ? check_sizes(err, root) : status;
    sp_json_destroy(root);
    return status;
}
