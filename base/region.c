/* Blocks that are given back together, within a budget. */
#include "base/region.h"

#include <stdlib.h>

typedef struct sp_region_piece {
    struct sp_region_piece *next;
    max_align_t data[];
} sp_region_piece;

void *sp_region_take(sp_region *region, size_t count, size_t size) {
    const size_t overhead = sizeof(sp_region_piece) + 32;
    if (region->left < overhead || count > (region->left - overhead) / size) {
        return NULL;
    }
    sp_region_piece *block = calloc(1, sizeof *block + count * size);
    if (!block) {
        return NULL;
    }
    region->left -= count * size + overhead;
    block->next = region->first;
    region->first = block;
    return block->data;
}

void sp_region_clear(sp_region *region, size_t budget) {
    while (region->first) {
        sp_region_piece *next = region->first->next;
        free(region->first);
        region->first = next;
    }
    region->left = budget;
}
