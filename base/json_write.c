/* Writing one JSON object as a line. Memory trouble is remembered and reported at the end. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

struct sp_json_line {
    char *text; /* owned, not ended by a zero byte */
    size_t used, room;
    bool failed;
};

/* put - appends bytes, or sets the sticky flag. */
static void put(sp_json_line *line, const char *bytes, size_t count) {
    if (line->failed) {
        return;
    }
    if (count > line->room - line->used) {
        const size_t room = 2 * line->room + count;
        char *larger = realloc(line->text, room);
        if (larger == NULL) {
            line->failed = true;
            return;
        }
        line->text = larger;
        line->room = room;
    }
    memcpy(line->text + line->used, bytes, count);
    line->used += count;
}

static void put_text(sp_json_line *line, const char *text) {
    put(line, text, strlen(text));
}

/* put_character - one character of `length` bytes inside quotes. */
static void put_character(sp_json_line *line, const char *at, size_t length) {
    static const char plain[] = "\"\\\b\f\n\r\t", named[] = "\"\\bfnrt";
    const char *found = length == 1 ? strchr(plain, at[0]) : NULL;
    char escape[8];
    if (found != NULL) {
        snprintf(escape, sizeof escape, "\\%c", named[found - plain]);
        put_text(line, escape);
    } else if (length == 1 && (unsigned char)at[0] < 0x20) {
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)at[0]);
        put_text(line, escape);
    } else {
        put(line, at, length);
    }
}

static void put_quoted(sp_json_line *line, const char *text) {
    put(line, "\"", 1);
    while (*text != '\0') {
        const size_t length = sp_utf8_length(text);
        if (length == 0) {
            put_text(line, "\xef\xbf\xbd"); // U+FFFD for a byte that is not UTF-8
            text++;
        } else {
            put_character(line, text, length);
            text += length;
        }
    }
    put(line, "\"", 1);
}

/* put_point - the number with '.' whatever the locale's decimal point is. */
static void put_point(sp_json_line *line, const char *number) {
    const char *point = localeconv()->decimal_point;
    const size_t length = strlen(point);
    const char *found = length > 0 ? strstr(number, point) : NULL;
    if (found == NULL) {
        put_text(line, number);
        return;
    }
    put(line, number, (size_t)(found - number));
    put(line, ".", 1);
    put_text(line, found + length);
}

static void put_number(sp_json_line *line, double value) {
    char text[64];
    if (!isfinite(value)) {
        put_text(line, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    put_point(line, text);
}

static void put_list(sp_json_line *line, const double *values, size_t count) {
    put(line, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            put(line, ",", 1);
        }
        put_number(line, values[i]);
    }
    put(line, "]", 1);
}

/* begin - the comma and the key; false without a line. */
static bool begin(sp_json_line *line, const char *key) {
    if (line == NULL) {
        return false;
    }
    put(line, ",", line->used > 1 ? 1 : 0);
    put_quoted(line, key);
    put(line, ":", 1);
    return true;
}

sp_json_line *sp_json_line_create(void) {
    sp_json_line *line = calloc(1, sizeof *line);
    if (line != NULL) {
        put(line, "{", 1);
    }
    return line;
}

void sp_json_line_text(sp_json_line *line, const char *key, const char *value) {
    if (value == NULL) {
        sp_json_line_null(line, key);
    } else if (begin(line, key)) {
        put_quoted(line, value);
    }
}

void sp_json_line_number(sp_json_line *line, const char *key, double value) {
    if (begin(line, key)) {
        put_number(line, value);
    }
}

void sp_json_line_null(sp_json_line *line, const char *key) {
    if (begin(line, key)) {
        put_text(line, "null");
    }
}

void sp_json_line_bool(sp_json_line *line, const char *key, bool value) {
    if (begin(line, key)) {
        put_text(line, value ? "true" : "false");
    }
}

void sp_json_line_numbers(sp_json_line *line, const char *key, const double *values, size_t count) {
    if (begin(line, key)) {
        put_list(line, values, count);
    }
}

void sp_json_line_rows(sp_json_line *line, const char *key, const double *values, size_t rows,
                       size_t columns) {
    if (!begin(line, key)) {
        return;
    }
    put(line, "[", 1);
    for (size_t r = 0; r < rows; r++) {
        put(line, ",", r > 0 ? 1 : 0);
        put_list(line, values + r * columns, columns);
    }
    put(line, "]", 1);
}

void sp_json_line_raw(sp_json_line *line, const char *key, const char *json) {
    if (line != NULL && json == NULL) {
        line->failed = true;
    } else if (begin(line, key)) {
        put_text(line, json);
    }
}

char *sp_json_line_finish(sp_json_line *line) {
    if (line == NULL) {
        return NULL;
    }
    put(line, "}", 2); // with the zero byte
    char *text = line->text;
    if (line->failed) {
        free(text);
        text = NULL;
    }
    free(line);
    return text;
}
