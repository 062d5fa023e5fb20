/* One block, handed out from its start. `used` is always a multiple of the alignment, so the sum of
 * sp_arena_need over all takes is exactly what they use. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if SP_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, bytes) __asan_poison_memory_region((at), (bytes))
#define UNPOISON(at, bytes) __asan_unpoison_memory_region((at), (bytes))
#else
#define POISON(at, bytes) ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

enum { ALIGNMENT = 64, RED_ZONE = SP_ASAN ? 64 : 0 };

size_t sp_arena_need(size_t count, size_t size) {
    if (size != 0 && count > (SIZE_MAX - RED_ZONE - ALIGNMENT) / size) {
        return SIZE_MAX;
    }
    const size_t bytes = count * size;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + RED_ZONE;
}

sp_status sp_arena_init(sp_arena *arena, size_t bytes) {
    const sp_arena empty = {NULL, 0, 0, 0, false, false};
    *arena = empty;
    const size_t size = sp_arena_need(bytes > 0 ? bytes : 1, 1);
    if (size > (size_t)PTRDIFF_MAX) {
        return SP_E_MEMORY;
    }
    arena->block = aligned_alloc(ALIGNMENT, size);
    if (arena->block == NULL) {
        return SP_E_MEMORY;
    }
    arena->size = size;
    POISON(arena->block, size);
    return SP_OK;
}

void sp_arena_over(sp_arena *arena, void *block, size_t bytes) {
    const sp_arena over = {block, bytes, 0, 0, false, true};
    *arena = over;
}

void sp_arena_clear(sp_arena *arena) {
    const sp_arena empty = {NULL, 0, 0, 0, false, false};
    if (arena->block != NULL && !arena->borrowed) {
        UNPOISON(arena->block, arena->size);
        free(arena->block);
    }
    *arena = empty;
}

void *sp_arena_raw(sp_arena *arena, size_t count, size_t size) {
    const size_t need = sp_arena_need(count, size);
    if (arena->block == NULL || need > arena->size - arena->used) {
        arena->failed = true;
        return NULL;
    }
    char *at = arena->block + arena->used;
    arena->used += need;
    if (arena->used > arena->peak) {
        arena->peak = arena->used;
    }
    if (!arena->borrowed) {
        UNPOISON(at, count * size);
    }
    return at;
}

void sp_arena_release(sp_arena *arena, size_t mark) {
    if (mark < arena->used) {
        if (!arena->borrowed) {
            POISON(arena->block + mark, arena->used - mark);
        }
        arena->used = mark;
    }
}

#if SP_ASAN
/* Byte by byte, which the sanitizer does not see. */
SP_UNWATCHED void sp_arena_copy(void *to, const void *from, size_t bytes) {
    volatile char *target = to;
    const volatile char *source = from;
    for (size_t i = 0; i < bytes; i++) {
        target[i] = source[i];
    }
}
#else
void sp_arena_copy(void *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
}
#endif
