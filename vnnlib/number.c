/* Numbers of a query: doubles, and how far the decimal numbers of the file are from them. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interval.h"
#include "vnnlib/impl.h"

/* Half a unit in the last place of |x|, and what underflow can lose. */
static double half_ulp(double x) {
    return fabs(x) * 0x1p-53 + SP_IV_LEAST;
}

static bool is_decimal(const char *text) {
    const char *at = text + (*text == '-' || *text == '+');
    size_t digits = strspn(at, "0123456789");
    at += digits;
    if (*at == '.') {
        const size_t more = strspn(++at, "0123456789");
        digits += more;
        at += more;
    }
    if (digits > 0 && (*at == 'e' || *at == 'E')) {
        at++;
        at += *at == '-' || *at == '+';
        digits = strspn(at, "0123456789");
        at += digits;
    }
    return digits > 0 && *at == '\0';
}

/* Whether the decimal number is the double itself: all digits of the double are written out and
 * compared, of numbers without an exponent and with no more than MOST digits behind the point. */
static bool is_exact(const char *text, double value) {
    enum { MOST = 60 };
    char all[512];
    const char *point = strchr(text, '.');
    const size_t behind = point != NULL ? strlen(point + 1) : 0;
    if (value == 0.0) {
        return strspn(text, "+-0.") == strlen(text);
    }
    if (strpbrk(text, "eE") != NULL || behind > MOST || !(fabs(value) < 0x1p53) ||
        fabs(value) < 0x1p-60) {
        return false;
    }
    snprintf(all, sizeof all, "%.*f", (int)behind, fabs(value));
    // exact with so many digits, and these are the file's
    const double scaled = ldexp(value, (int)behind);
    const char *own = text + strspn(text, "+-0");
    const char *made = all + strspn(all, "0");
    size_t length = strlen(own);
    length -= point != NULL && behind == 0 ? 1 : 0; // "5."
    return scaled == floor(scaled) && strlen(made) == length && strncmp(made, own, length) == 0;
}

bool sp_vnnlib_number_read(sp_vnnlib_number *number, const char *text) {
    if (!is_decimal(text)) {
        return false;
    }
    number->value = strtod(text, NULL);
    number->error = is_exact(text, number->value) ? 0.0 : half_ulp(number->value);
    return isfinite(number->value);
}

sp_vnnlib_number sp_vnnlib_number_add(sp_vnnlib_number a, sp_vnnlib_number b) {
    const double sum = a.value + b.value, part = sum - a.value;
    const double lost = (a.value - (sum - part)) + (b.value - part); // exact: Knuth's two-sum
    const double own = lost == 0.0 ? 0.0 : half_ulp(sum);
    const double error = a.error + b.error + own;
    return (sp_vnnlib_number){sum, error > 0.0 ? error * (1.0 + 0x1p-50) : error};
}

sp_vnnlib_number sp_vnnlib_number_times(sp_vnnlib_number a, sp_vnnlib_number b) {
    const double product = a.value * b.value;
    const bool exact = fma(a.value, b.value, -product) == 0.0 &&
                       (fabs(product) >= 0x1p-900 || a.value == 0.0 || b.value == 0.0);
    const double least = a.error > 0.0 || b.error > 0.0 ? 4.0 * SP_IV_LEAST : 0.0; // underflow
    const double error = fabs(a.value) * b.error + fabs(b.value) * a.error + a.error * b.error +
                         (exact ? 0.0 : half_ulp(product)) + least;
    return (sp_vnnlib_number){product, error > 0.0 ? error * (1.0 + 0x1p-50) : error};
}
