// How much work the bounds of a graph are, and how far it is.
#include <stdio.h>

#include "base/progress.h"
#include "lstm/boxes/boxes.h"

double sp_boxes_work(const sp_boxes *boxes, size_t i, size_t frames) {
    const sp_node_kind kind = boxes->net->node[i].kind;
    size_t cells = 0;
    if (boxes->refinement->tighten == NULL || (kind != SP_NODE_CELL && kind != SP_NODE_CURVE)) {
        return (double)frames;
    }
    for (size_t k = boxes->source + 1; k <= i; k++) {
        cells += boxes->net->node[k].kind == SP_NODE_CELL;
    }
    return (double)frames * (1.0 + (double)cells * (double)frames);
}

void sp_boxes_tell(const sp_boxes *boxes, size_t i, size_t t, double before, double all) {
    char place[64];
    snprintf(place, sizeof place, "frame %zu of %zu, node %zu of %zu", t + 1,
             sp_boxes_frames(boxes, 0, i), i, boxes->net->nodes - 1);
    sp_progress_place(boxes, place);
    sp_progress_part(boxes, "the network", before + sp_boxes_work(boxes, i, t + 1), all);
}
