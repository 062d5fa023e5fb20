/* How the checker ends when it does not accept. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "checker.h"

void ck_end(int code, const char *step, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, code == 1 ? "refused: %s: " : "soundproof-check: %s: ", step);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(code);
}

void *ck_alloc(size_t count, size_t size) {
    void *memory = size > 0 && count < ((size_t)1 << 34) / size ? calloc(count + 1, size) : NULL;
    ck_readable(memory != NULL, "memory", "there is none left");
    return memory;
}
