/* How the checker ends when it does not accept. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "checker.h"

static _Noreturn void end(int code, const char *step, const char *format, va_list arguments) {
    fprintf(stderr, code == 1 ? "refused: %s: " : "%s: ", step);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(code);
}

void ck_refuse(const char *step, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    end(1, step, format, arguments);
}

void ck_require(bool holds, const char *step, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!holds) {
        end(1, step, format, arguments);
    }
    va_end(arguments);
}

void ck_unreadable(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    end(2, "soundproof-check", format, arguments);
}

void *ck_alloc(size_t count, size_t size) {
    void *memory = size > 0 && count < ((size_t)1 << 34) / size ? calloc(count + 1, size) : NULL;
    if (memory == NULL) {
        ck_unreadable("out of memory");
    }
    return memory;
}
