/* Status texts and error lines that are safe to print on a terminal. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

const char *sp_status_text(sp_status code) {
    switch (code) {
#define SP_STATUS_ENTRY(name, value, text)                                                         \
    case name:                                                                                     \
        return text;
        SP_STATUS_LIST(SP_STATUS_ENTRY)
#undef SP_STATUS_ENTRY
    }
    return "unknown status";
}

/* Control characters: C0, DEL, and C1 (U+0080-U+009F), which terminals read as escapes too. */
static int is_control(const char *at, size_t length) {
    const unsigned char *byte = (const unsigned char *)at;
    return (length == 1 && (byte[0] < 0x20 || byte[0] == 0x7f)) ||
           (length == 2 && byte[0] == 0xc2 && byte[1] < 0xa0);
}

/* clean - replaces what must not reach a terminal, in place. */
static void clean(char *text) {
    char *out = text;
    for (const char *at = text; *at != '\0';) {
        const size_t length = sp_utf8_length(at);
        if (length == 0 || is_control(at, length)) {
            *out++ = '?';
            at += length == 0 ? 1 : length;
        } else {
            memmove(out, at, length);
            out += length;
            at += length;
        }
    }
    *out = '\0';
}

/* store - puts `text`, whose full length is `length`, into *err; too long a text ends in "...". */
static void store(sp_error *err, char *text, int length) {
    const size_t size = sizeof err->text;
    if (length < 0) {
        snprintf(text, size, "%s", sp_status_text(err->code));
    } else if ((size_t)length >= size) {
        size_t cut = size - 4;
        while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) {
            cut--; // a character is kept whole
        }
        memcpy(text + cut, "...", 4);
    }
    clean(text);
    memcpy(err->text, text, strlen(text) + 1);
}

sp_status sp_fail(sp_error *err, sp_status code, const char *format, ...) {
    if (err != NULL) {
        char text[sizeof err->text];
        va_list values;
        va_start(values, format);
        const int length = vsnprintf(text, sizeof text, format, values);
        va_end(values);
        err->code = code;
        store(err, text, length);
    }
    return code;
}

sp_status sp_error_in(sp_error *err, const char *place) {
    if (err == NULL || err->code == SP_OK) {
        return sp_fail(err, SP_E_ARGUMENT, "%s: failed without a reason", place);
    }
    char text[sizeof err->text];
    const int length = snprintf(text, sizeof text, "%s: %s", place, err->text);
    store(err, text, length);
    return err->code;
}
