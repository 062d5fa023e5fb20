/* Pieces of memory that are given back together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vnnlib/impl.h"

enum { PIECE = 1 << 16, ALIGNMENT = 16 };

typedef struct piece {
    struct piece *next;
    size_t used, size;
    max_align_t data[];
} piece;

struct sp_vnnlib_memory {
    piece *first;
};

sp_vnnlib_memory *sp_vnnlib_memory_create(void) {
    return calloc(1, sizeof(sp_vnnlib_memory));
}

void sp_vnnlib_memory_destroy(sp_vnnlib_memory *memory) {
    while (memory != NULL && memory->first != NULL) {
        piece *next = memory->first->next;
        free(memory->first);
        memory->first = next;
    }
    free(memory);
}

void *sp_vnnlib_take(sp_vnnlib_memory *memory, size_t count, size_t size) {
    if (count > (SIZE_MAX / 2 - sizeof(piece)) / size) {
        return NULL;
    }
    const size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    piece *at = memory->first;
    if (at == NULL || at->size - at->used < bytes) {
        const size_t fresh = bytes > PIECE ? bytes : PIECE;
        at = malloc(sizeof *at + fresh);
        if (at == NULL) {
            return NULL;
        }
        *at = (piece){memory->first, 0, fresh};
        memory->first = at;
    }
    void *taken = (char *)at->data + at->used;
    at->used += bytes;
    return memset(taken, 0, bytes);
}
