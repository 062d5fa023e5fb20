/* Shards of about the same cost. Costs are whole numbers, and so are their sums: no machine rounds
 * otherwise. */
#include <stdlib.h>

#include "runs/runs.h"

typedef struct shard_item {
    double cost;
    size_t index;
} shard_item;

/* A shard and what was dealt to it: of a heap whose first has least. */
typedef shard_item shard_load;

static int by_cost(const void *a, const void *b) {
    const shard_item *p = a, *q = b;
    if (p->cost != q->cost) {
        return p->cost > q->cost ? -1 : 1;
    }
    return (p->index > q->index) - (p->index < q->index);
}

static bool has_less(const shard_load *a, const shard_load *b) {
    return a->cost < b->cost || (a->cost == b->cost && a->index < b->index);
}

/* Brings the first of the heap, whose load has grown, to its place. */
static void sink(shard_load *heap, size_t shards) {
    for (size_t at = 0, child = 1; child < shards; child = 2 * at + 1) {
        child += child + 1 < shards && has_less(&heap[child + 1], &heap[child]);
        if (!has_less(&heap[child], &heap[at])) {
            return;
        }
        const shard_load moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

sp_status sp_shard_split(sp_error *err, size_t *shard, const double *cost, size_t count,
                         size_t shards) {
    shard_item *item = malloc((count + 1) * sizeof *item);
    shard_load *heap = malloc((shards + 1) * sizeof *heap);
    if (!item || !heap) {
        free(item);
        free(heap);
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu items", count);
    }
    for (size_t s = 0; s < shards; s++) {
        heap[s] = (shard_load){0.0, s};
    }
    for (size_t i = 0; i < count; i++) {
        item[i] = (shard_item){cost[i], i};
    }
    qsort(item, count, sizeof *item, by_cost);
    for (size_t i = 0; i < count; i++) {
        shard[item[i].index] = heap[0].index;
        heap[0].cost += item[i].cost;
        sink(heap, shards);
    }
    free(item);
    free(heap);
    return SP_OK;
}
