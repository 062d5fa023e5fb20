/* Texts, numbers and sounds of the HTML report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "certify/report/page.h"

#define MINUS "\xE2\x88\x92"
#define REPLACEMENT "\xEF\xBF\xBD"

static const char *entity_of(char c) {
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* U+FFFE and U+FFFF are UTF-8 but no characters of XML. */
static bool is_shown(const char *at, size_t length) {
    const bool control = length == 1 && ((unsigned char)at[0] < 0x20 || at[0] == 0x7F);
    const bool none = length == 3 && memcmp(at, "\xEF\xBF", 2) == 0 && (unsigned char)at[2] >= 0xBE;
    return length > 0 && !control && !none;
}

void sp_page_text(FILE *out, const char *text) {
    while (*text) {
        const size_t length = sp_utf8_length(text);
        const char *entity = entity_of(*text);
        if (entity) {
            fputs(entity, out);
        } else if (is_shown(text, length)) {
            fwrite(text, 1, length, out);
        } else {
            fputs(REPLACEMENT, out);
        }
        text += length ? length : 1;
    }
}

/* ---- numbers ---- */

void sp_page_plain(FILE *out, const char *format, double value) {
    char text[64];
    if (!isfinite(value)) {
        fputs("\xE2\x80\x93", out); // an en dash
        return;
    }
    snprintf(text, sizeof text, format, value);
    const bool zero = strspn(text, "-0.") == strlen(text);
    fprintf(out, "%s%s", text[0] == '-' && !zero ? MINUS : "", text + (text[0] == '-'));
}

void sp_page_answer(FILE *out, const sp_class_names *names, size_t answer) {
    char text[SP_CLASS_TEXT];
    sp_page_text(out, sp_class_text(text, names, answer));
}

void sp_page_db(FILE *out, double db) {
    sp_page_plain(out, "%.6g", isfinite(db) ? round(100.0 * db) / 100.0 : db);
    if (isfinite(db)) {
        fputs("\xC2\xA0"
              "dB",
              out);
    }
}

void sp_page_budget(FILE *out, const char *text) {
    const size_t number = strspn(text, "+-0123456789.eE");
    char copy[32];
    snprintf(copy, sizeof copy, "%.*s", (int)number, text);
    fputs(copy[0] == '-' ? MINUS : "", out);
    sp_page_text(out, copy + (copy[0] == '-'));
    fputs("\xC2\xA0", out);
    sp_page_text(out, text + number + strspn(text + number, " "));
}

/* `digits` significant digits of x at most; not more than `decimals` decimals unless nothing would
 * be left, and never more than six; rounded down, up, or to the nearest. */
static void put_rounded(FILE *out, double x, int digits, int decimals, double (*round_to)(double)) {
    const int needed = x == 0.0 ? 0 : digits - 1 - (int)floor(log10(fabs(x)));
    const int most = fabs(x) * pow(10.0, decimals) >= 1.0 ? decimals : 6;
    const int places = needed < 0 ? 0 : needed > most ? most : needed;
    const double scale = pow(10.0, places);
    char format[16];
    snprintf(format, sizeof format, "%%.%df", places);
    sp_page_plain(out, format, round_to(x * scale) / scale);
}

void sp_page_margin(FILE *out, double margin, bool proved) {
    if (!isfinite(margin)) {
        sp_page_plain(out, "%g", margin);
        return;
    }
    put_rounded(out, margin, 3, 2, proved ? floor : nearbyint);
}

void sp_page_amount(FILE *out, double amount, bool up) {
    if (!isfinite(amount)) {
        sp_page_plain(out, "%g", amount);
        return;
    }
    const double whole = nearbyint(amount);
    if (fabs(amount - whole) <= 1e-9 * amount) { // computed with an error
        sp_page_plain(out, "%.0f", whole);
    } else {
        put_rounded(out, amount, 2, 1, up ? ceil : floor);
    }
}

/* ---- sounds ---- */

/* By the ending; of files without one by their first bytes. */
static const char *type_of(const char *file, const char *data, size_t size) {
    static const char *const types[][2] = {{".wav", "audio/wav"},  {".flac", "audio/flac"},
                                           {".ogg", "audio/ogg"},  {".oga", "audio/ogg"},
                                           {".opus", "audio/ogg"}, {".mp3", "audio/mpeg"}};
    static const char *const marks[][2] = {
        {"RIFF", "audio/wav"}, {"fLaC", "audio/flac"}, {"OggS", "audio/ogg"}};
    const char *slash = strrchr(file, '/'), *dot = strrchr(slash ? slash : file, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(dot, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    for (size_t i = 0; !dot && size >= 4 && i < sizeof marks / sizeof marks[0]; i++) {
        if (memcmp(data, marks[i][0], 4) == 0) {
            return marks[i][1];
        }
    }
    return NULL;
}

void sp_page_sound(FILE *out, const char *name, const char *file, const char *data, size_t size) {
    const char *type = type_of(file, data, data ? size : 0);
    char *text = data && type ? sp_base64_text(data, size) : NULL;
    fputs("<div class=\"sound\"><span>", out);
    sp_page_text(out, name);
    fputs("</span> ", out);
    if (text) {
        fputs("<audio controls=\"controls\" preload=\"none\" aria-label=\"", out);
        sp_page_text(out, name);
        fprintf(out, "\" src=\"data:%s;base64,", type);
        fputs(text, out);
        fputs("\"></audio>", out);
    } else {
        fputs("<em>too large for this page, or in a format that browsers do not play</em>", out);
    }
    fputs("</div>\n", out);
    free(text);
}

void sp_page_open(FILE *out, const char *before, const char *title, const char *style) {
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
            "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>%s",
            before);
    sp_page_text(out, title);
    fprintf(out, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n", sp_page_style, style);
}
