/* The ways to write a noise budget. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"

static const struct {
    const char *suffix; // lower case
    sp_budget_unit unit;
} forms[] = {{"db", SP_BUDGET_DB_PEAK},
             {"dbfs", SP_BUDGET_DBFS},
             {"lsb", SP_BUDGET_LSB},
             {"dbsnr", SP_BUDGET_DB_SNR}};

static size_t digits(const char *text) {
    return strspn(text, "0123456789");
}

/* number_length - of a plain decimal number at the start of `text`; 0 when there is none. Blanks,
 * hexadecimal, inf and nan, which strtod would read, are no such numbers. */
static size_t number_length(const char *text) {
    size_t at = text[0] == '-' || text[0] == '+' ? 1 : 0;
    const size_t whole = digits(text + at);
    at += whole;
    size_t part = 0;
    if (text[at] == '.') {
        part = digits(text + at + 1);
        at += 1 + part;
    }
    if (whole + part == 0) {
        return 0;
    }
    if (text[at] == 'e' || text[at] == 'E') {
        const size_t sign = text[at + 1] == '-' || text[at + 1] == '+' ? 1 : 0;
        const size_t power = digits(text + at + 1 + sign);
        at += power > 0 ? 1 + sign + power : 0;
    }
    return at;
}

/* unit_matches - the rest of the text is exactly this suffix, in any case. */
static bool unit_matches(const char *text, const char *suffix) {
    while (*suffix != '\0' && tolower((unsigned char)*text) == *suffix) {
        text++;
        suffix++;
    }
    return *suffix == '\0' && *text == '\0';
}

static bool parse(sp_budget *budget, const char *text) {
    const size_t length = number_length(text);
    char *end = NULL;
    if (length == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (unit_matches(text + length, forms[i].suffix)) {
            budget->unit = forms[i].unit;
            budget->value = strtod(text, &end);
            return end == text + length && isfinite(budget->value) &&
                   (budget->unit != SP_BUDGET_LSB || budget->value > 0.0);
        }
    }
    return false;
}

sp_status sp_budget_parse(sp_error *err, sp_budget *budget, const char *text) {
    sp_budget parsed = {.unit = SP_BUDGET_DB_PEAK, .value = 0.0};
    if (!parse(&parsed, text)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "budget \"%.40s\" is not understood: write it as -70dB (relative to the "
                       "clip's peak), -50dBFS, 3lsb or 45dBsnr, without blanks",
                       text);
    }
    *budget = parsed;
    return SP_OK;
}

sp_status sp_budget_parse_absolute(sp_error *err, sp_budget *budget, const char *text) {
    char *end = NULL;
    const size_t length = number_length(text);
    const double value = length > 0 ? strtod(text, &end) : NAN;
    if (length == 0 || *end != '\0' || end != text + length || !(value > 0.0) || !isfinite(value)) {
        return sp_fail(err, SP_E_ARGUMENT, "eps is a number above 0, as 0.01, not '%.40s'", text);
    }
    *budget = (sp_budget){.unit = SP_BUDGET_ABSOLUTE, .value = value};
    return SP_OK;
}
