/* How the checker ends when it does not accept, and its threads. */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
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

/* ---- threads ---- */

size_t ck_threads = 1;

typedef struct crew {
    ck_work *work;
    void *context;
    size_t count;
    atomic_size_t next, thread;
} crew;

static void *run(void *of) {
    crew *c = of;
    const size_t thread = atomic_fetch_add(&c->thread, 1);
    for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->count;) {
        c->work(c->context, i, thread);
    }
    return NULL;
}

void ck_parallel(size_t count, ck_work *work, void *context) {
    crew c = {work, context, count, 0, 0};
    pthread_t *const id = ck_alloc(ck_threads, sizeof *id);
    size_t started = 0;
    while (started + 1 < ck_threads && pthread_create(&id[started], NULL, run, &c) == 0) {
        started++;
    }
    (void)run(&c);
    while (started > 0) {
        pthread_join(id[--started], NULL);
    }
}
