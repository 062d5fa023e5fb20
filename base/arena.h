/* One 64-byte-aligned block per piece of work. Requests that do not fit set a sticky flag that is
 * checked once; mark and release nest. */
#ifndef SP_BASE_ARENA_H
#define SP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_arena {
    char *block; /* owned, unless borrowed */
    size_t size, used, peak;
    bool failed, borrowed;
} sp_arena;

/** sp_arena_init - takes `bytes` from the system. SP_E_MEMORY leaves an empty arena. */
SP_NODISCARD sp_status sp_arena_init(sp_arena *arena, size_t bytes);
/** sp_arena_over - hands out a block of `bytes` that somebody else owns and that need not be memory
 *  of this program: it is never touched. The block is 64-byte aligned. */
void sp_arena_over(sp_arena *arena, void *block, size_t bytes);
void sp_arena_clear(sp_arena *arena);

/** sp_arena_raw - `count` objects of `size` bytes, 64-byte aligned, not initialised; NULL (and the
 *  sticky flag) when they do not fit or the product overflows. */
void *sp_arena_raw(sp_arena *arena, size_t count, size_t size);
#define sp_arena_take(arena, count, type) ((type *)sp_arena_raw((arena), (count), sizeof(type)))

static inline bool sp_arena_ok(const sp_arena *arena) {
    return !arena->failed;
}
static inline size_t sp_arena_mark(const sp_arena *arena) {
    return arena->used;
}
/** sp_arena_release - gives back everything taken since `mark`. */
void sp_arena_release(sp_arena *arena, size_t mark);

/** sp_arena_copy - all bytes of a stretch of an arena, redzones too, to or from other memory. */
void sp_arena_copy(void *to, const void *from, size_t bytes);

/** sp_arena_need - bytes that one take of count objects may use, alignment and redzone included;
 *  SIZE_MAX on overflow. */
size_t sp_arena_need(size_t count, size_t size);

#ifdef __cplusplus
}
#endif
#endif
