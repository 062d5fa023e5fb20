/* Columns that a UTF-8 text takes on a terminal. */
#define _XOPEN_SOURCE 700 // wcwidth
#include "certify/report/report.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

static size_t width_in_locale(const char *text) {
    const size_t length = strlen(text);
    mbstate_t state;
    size_t width = 0;
    memset(&state, 0, sizeof state);
    for (size_t i = 0; i < length;) {
        wchar_t symbol = 0;
        const size_t taken = mbrtowc(&symbol, text + i, length - i, &state);
        if (taken == 0 || taken > length - i) { // not UTF-8: the terminal shows one mark per byte
            memset(&state, 0, sizeof state);
            width++;
            i++;
            continue;
        }
        const int columns = wcwidth(symbol);
        width += columns < 0 ? 1 : (size_t)columns;
        i += taken;
    }
    return width;
}

size_t sp_table_text_width(const char *text) {
    const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (utf8 == (locale_t)0) {
        return strlen(text);
    }
    const locale_t before = uselocale(utf8);
    const size_t width = width_in_locale(text);
    uselocale(before);
    freelocale(utf8);
    return width;
}
