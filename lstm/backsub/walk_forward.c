// The noise that attains the bound of each row of a tile, run forward through the relaxations that
// the row chose; there each row chooses anew (docs/theory/planes.md, p-iteration with a menu of
// planes). Nothing here needs to be sound.
#include "lstm/backsub/impl.h"

static void affine_forward(sp_walk *walk, size_t i) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_node *node = &boxes->net->node[i];
    const sp_backsub_span span = walk->ws->span[i];
    for (size_t t = span.first; t < span.end; t++) {
        const size_t rows = sp_walk_rows(walk, i, t);
        const sp_backsub_rows out = sp_walk_on(walk, i, t);
        size_t column = 0;
        sp_walk_bias(walk, rows, node->width, boxes->constants[i].bias, out);
        for (size_t k = 0; k < node->terms; k++) {
            const sp_term *term = &node->term[k];
            const sp_timing timing = term->timing;
            for (size_t tap = 0; tap < timing.taps; tap++) {
                size_t frame = 0;
                if (sp_timing_reads(&frame, &timing, sp_boxes_frames(boxes, 0, term->input), t,
                                    tap)) {
                    const size_t read = sp_walk_rows(walk, term->input, frame);
                    sp_walk_weigh(walk, read < rows ? read : rows, node->width, term->in,
                                  sp_walk_on(walk, term->input, frame),
                                  sp_boxes_matrix_at(&boxes->constants[i].weight, 0, column), out);
                }
                column += term->in;
            }
        }
    }
}

static void curve_forward(sp_walk *walk, size_t i, size_t iteration) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_node *node = &boxes->net->node[i];
    const sp_backsub_span span = walk->ws->span[i];
    for (size_t t = span.first; t < span.end; t++) {
        const sp_walk_value x = {sp_walk_on(walk, node->input, t),
                                 sp_boxes_state_at(boxes, i, t)->input};
        sp_walk_line_value(walk, sp_walk_rows(walk, i, t), i, t, 0, x, iteration,
                           sp_walk_on(walk, i, t));
    }
}

static void pool_forward(sp_walk *walk, size_t i) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_node *node = &boxes->net->node[i];
    const sp_backsub_rows to = sp_walk_on(walk, i, 0);
    for (size_t clip = 0; clip < walk->rows / walk->span; clip++) {
        const size_t row = clip * walk->span;
        const size_t frame =
            node->pool == SP_POOLING_LAST ? sp_boxes_frames(boxes, clip, node->input) - 1 : 0;
        sp_walk_set(walk, walk->span, node->width,
                    sp_backsub_rows_from(sp_walk_on(walk, node->input, frame), row),
                    sp_backsub_rows_from(to, row));
    }
}

void sp_walk_forward(sp_walk *walk, size_t iteration) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_backsub_start *start = walk->start;
    sp_walk_source_forward(walk, iteration);
    for (size_t i = boxes->source + 1; i <= start->node; i++) {
        const sp_backsub_span span = walk->ws->span[i];
        if (span.first == span.end && !(i == start->node && start->end > 0)) {
            continue;
        }
        switch (boxes->net->node[i].kind) {
        case SP_NODE_INPUT:
            break;
        case SP_NODE_AFFINE:
            affine_forward(walk, i);
            break;
        case SP_NODE_CURVE:
            curve_forward(walk, i, iteration);
            break;
        case SP_NODE_CELL:
            sp_walk_cell_forward(walk, i, iteration);
            break;
        case SP_NODE_POOL:
            pool_forward(walk, i);
            break;
        }
    }
}
