/* A block of device memory that is handed out in pieces: first fit, few pieces, never touched. */
#include <pthread.h>
#include <stdlib.h>

#include "gpu/impl.h"

enum { ALIGNMENT = 256 };

typedef struct piece {
    size_t first, end;
} piece;

struct sp_gpu_space {
    char *arena; /* borrowed */
    size_t size;
    piece *piece; /* [pieces] owned; in ascending order */
    size_t pieces, room;
    pthread_mutex_t lock;
    pthread_cond_t released;
};

sp_gpu_space *sp_gpu_space_create(void *arena, size_t bytes) {
    sp_gpu_space *space = calloc(1, sizeof *space);
    if (space != NULL) {
        space->arena = arena;
        space->size = bytes / ALIGNMENT * ALIGNMENT;
        pthread_mutex_init(&space->lock, NULL);
        pthread_cond_init(&space->released, NULL);
    }
    return space;
}

void sp_gpu_space_destroy(sp_gpu_space *space) {
    if (space != NULL) {
        pthread_cond_destroy(&space->released);
        pthread_mutex_destroy(&space->lock);
        free(space->piece);
        free(space);
    }
}

size_t sp_gpu_space_size(const sp_gpu_space *space) {
    return space->size;
}

static bool grow(sp_gpu_space *space) {
    if (space->pieces < space->room) {
        return true;
    }
    const size_t room = 2 * space->room + 8;
    piece *grown = realloc(space->piece, room * sizeof *grown);
    if (grown != NULL) {
        space->piece = grown;
        space->room = room;
    }
    return grown != NULL;
}

static void *take(sp_gpu_space *space, size_t bytes) {
    size_t first = 0, at = 0;
    while (at < space->pieces && space->piece[at].first - first < bytes) {
        first = space->piece[at++].end;
    }
    if (space->size - first < bytes || !grow(space)) {
        return NULL;
    }
    for (size_t i = space->pieces++; i > at; i--) {
        space->piece[i] = space->piece[i - 1];
    }
    space->piece[at] = (piece){first, first + bytes};
    return space->arena + first;
}

void *sp_gpu_space_take(sp_gpu_space *space, size_t bytes) {
    if (bytes > space->size) {
        return NULL;
    }
    const size_t whole = (bytes > 0 ? bytes + ALIGNMENT - 1 : ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    pthread_mutex_lock(&space->lock);
    void *block = take(space, whole);
    while (block == NULL && space->pieces > 0) {
        pthread_cond_wait(&space->released, &space->lock);
        block = take(space, whole);
    }
    pthread_mutex_unlock(&space->lock);
    return block;
}

void sp_gpu_space_release(sp_gpu_space *space, void *block) {
    pthread_mutex_lock(&space->lock);
    for (size_t i = 0; i < space->pieces; i++) {
        if (space->arena + space->piece[i].first == (char *)block) {
            for (space->pieces--; i < space->pieces; i++) {
                space->piece[i] = space->piece[i + 1];
            }
        }
    }
    pthread_cond_broadcast(&space->released);
    pthread_mutex_unlock(&space->lock);
}
