/* S-expressions, with indices in brackets, quoted names, and comments that begin with ';'. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vnnlib/impl.h"

enum { DEEPEST = 256 };

typedef struct reading {
    sp_error *err;
    sp_region *memory;
    char *at, *end;
    size_t line;
    char held; /* what stood where a zero now ends a word */
} reading;

sp_status sp_vnnlib_out_of_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "out of memory for a query");
}

sp_status sp_vnnlib_complain(sp_error *err, sp_status code, const sp_vnnlib_expression *at,
                             const char *format, ...) {
    char text[400];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    return sp_fail(err, code, "line %zu: %s", at->line, text);
}

bool sp_vnnlib_is_word(const sp_vnnlib_expression *e, const char *word) {
    return e != NULL && e->kind == SP_VNNLIB_WORD && strcmp(e->text, word) == 0;
}

static sp_status refuse(reading *r, const char *what) {
    return sp_fail(r->err, SP_E_FORMAT, "line %zu: %s", r->line, what);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

/* The character at hand, which a zero may have replaced. */
static char look(const reading *r) {
    return r->held != '\0' ? r->held : *r->at;
}

static void step(reading *r) {
    r->line += look(r) == '\n';
    r->held = '\0';
    r->at++;
}

static void skip_blanks(reading *r) {
    while (r->at < r->end && (is_blank(look(r)) || look(r) == ';')) {
        const bool comment = look(r) == ';';
        do {
            step(r);
        } while (comment && r->at < r->end && look(r) != '\n');
    }
}

/* Ends a word in front of what is at hand. */
static void cut(reading *r) {
    if (r->at < r->end) {
        r->held = *r->at;
        *r->at = '\0';
    }
}

static sp_status read_word(reading *r, sp_vnnlib_expression *e) {
    char *begin = r->at;
    if (look(r) == ']') {
        return refuse(r, "a ']' without its '['");
    }
    while (r->at < r->end && !is_blank(*r->at) && strchr("()[]\";", *r->at) == NULL) {
        r->at++;
    }
    e->kind = SP_VNNLIB_WORD;
    e->text = begin;
    cut(r);
    return SP_OK;
}

/* What stands between the brackets, without blanks. */
static sp_status read_index(reading *r, sp_vnnlib_expression *e) {
    step(r);
    char *to = r->at;
    e->kind = SP_VNNLIB_INDEX;
    e->text = to;
    while (r->at < r->end && *r->at != ']') {
        if (strchr("()[\";", *r->at) != NULL && *r->at != '\0') {
            return refuse(r, "a '[' without its ']'");
        }
        const char c = *r->at;
        step(r);
        if (!is_blank(c)) {
            *to++ = c;
        }
    }
    if (r->at >= r->end) {
        return refuse(r, "a '[' without its ']'");
    }
    step(r);
    *to = '\0';
    return SP_OK;
}

static sp_status read_quote(reading *r, sp_vnnlib_expression *e) {
    step(r);
    e->kind = SP_VNNLIB_QUOTE;
    e->text = r->at;
    while (r->at < r->end && *r->at != '"') {
        step(r);
    }
    if (r->at >= r->end) {
        return refuse(r, "a quoted name does not end");
    }
    *r->at = '\0';
    r->held = '"';
    step(r);
    return SP_OK;
}

static sp_status read_one(reading *r, sp_vnnlib_expression **made, size_t depth);

static sp_status read_list(reading *r, sp_vnnlib_expression *e, size_t depth) {
    sp_vnnlib_expression **last = &e->first;
    e->kind = SP_VNNLIB_LIST;
    step(r);
    for (;;) {
        skip_blanks(r);
        if (r->at >= r->end) {
            return sp_vnnlib_complain(r->err, SP_E_FORMAT, e, "a '(' without its ')'");
        }
        if (look(r) == ')') {
            step(r);
            return SP_OK;
        }
        SP_TRY(read_one(r, last, depth + 1));
        last = &(*last)->next;
    }
}

static sp_status read_one(reading *r, sp_vnnlib_expression **made, size_t depth) {
    sp_vnnlib_expression *e = sp_region_take(r->memory, 1, sizeof *e);
    if (e == NULL) {
        return sp_vnnlib_out_of_memory(r->err);
    }
    if (depth > DEEPEST) {
        return refuse(r, "expressions are nested too deeply");
    }
    *made = e;
    e->line = r->line;
    switch (look(r)) {
    case '(':
        return read_list(r, e, depth);
    case ')':
        return refuse(r, "a ')' without its '('");
    case '[':
        return read_index(r, e);
    case '"':
        return read_quote(r, e);
    default:
        return read_word(r, e);
    }
}

sp_status sp_vnnlib_expressions(sp_error *err, sp_vnnlib_expression **first, sp_region *memory,
                                char *copy, size_t size) {
    reading r = {.err = err, .memory = memory, .at = copy, .end = copy + size, .line = 1};
    sp_vnnlib_expression **last = first;
    *first = NULL;
    if (memchr(copy, '\0', size) != NULL) {
        return sp_fail(err, SP_E_FORMAT, "holds a zero byte: it is no text");
    }
    for (skip_blanks(&r); r.at < r.end; skip_blanks(&r)) {
        SP_TRY(read_one(&r, last, 0));
        last = &(*last)->next;
    }
    return SP_OK;
}
