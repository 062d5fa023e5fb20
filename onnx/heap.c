/* Blocks that are given back together, within a budget. */
#include <stdlib.h>

#include "onnx/impl.h"

typedef struct sp_heap_block {
    struct sp_heap_block *next;
    max_align_t data[];
} sp_heap_block;

void *sp_heap_take(sp_heap *heap, size_t count, size_t size) {
    const size_t overhead = sizeof(sp_heap_block) + 32;
    if (heap->left < overhead || count > (heap->left - overhead) / size) {
        return NULL;
    }
    sp_heap_block *block = calloc(1, sizeof *block + count * size);
    if (!block) {
        return NULL;
    }
    heap->left -= count * size + overhead;
    block->next = heap->first;
    heap->first = block;
    return block->data;
}

void sp_heap_clear(sp_heap *heap, size_t budget) {
    while (heap->first) {
        sp_heap_block *next = heap->first->next;
        free(heap->first);
        heap->first = next;
    }
    heap->left = budget;
}
