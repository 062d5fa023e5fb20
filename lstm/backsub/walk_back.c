// Back-substitution of one tile of rows of linear objectives through the graph down to the samples,
// node by node, each with all its frames ([DeepPoly], [CROWN]; [R2, section 3]).
//
// Invariant of a row at every point of the walk, for every perturbation d of the set, in real
// arithmetic:
//   objective >= sum_v coefficient_v * v(d) + bias - gamma_chain * mass - lost,
// less the error of products in single precision, which `rough` counts.
// Each operation treats the coefficients that it is given as exact and adds to `mass` the sum of
// absolute values, over the boxes, of the terms that it rounds; no term meets more than `chain`
// roundings. `lost` is what underflow can take (docs/theory/rounding.md).
#include <string.h>

#include "lstm/backsub/impl.h"

static const sp_node *node_at(const sp_walk *walk, size_t i) {
    return &walk->self->boxes.net->node[i];
}

/* ---- affine ---- */

/* One frame of the input for each of the output. */
static bool is_same(sp_timing t) {
    return t.taps == 1 && t.stride == 1 && t.before == 0 && t.after == 0;
}

static void biases_back(sp_walk *walk, size_t i, sp_backsub_span span) {
    const sp_boxes *boxes = &walk->self->boxes;
    for (size_t t = span.first; t < span.end; t++) {
        const sp_boxes_state *state = sp_boxes_state_at(boxes, i, t);
        const size_t rows = sp_walk_rows(walk, i, t), width = node_at(walk, i)->width;
        sp_walk_affine(walk, rows, width, sp_walk_on(walk, i, t), boxes->constants[i].bias,
                       state->omega);
        if (boxes->constants[i].weight.narrow != NULL) {
            sp_walk_centre(walk, rows, width, sp_walk_on(walk, i, t), state->shift, state->spread);
        }
    }
}

/* Frame t of node i to one frame of an input, by one tap, of the clips that have both: to others
 * the frame is padding, and has no box. */
static void tap_back(sp_walk *walk, size_t i, size_t t, const sp_term *term, size_t frame,
                     sp_boxes_matrix tap, bool add) {
    const sp_boxes *boxes = &walk->self->boxes;
    const size_t here = sp_walk_rows(walk, i, t), there = sp_walk_rows(walk, term->input, frame);
    const size_t rows = here < there ? here : there;
    if (rows > 0) {
        sp_walk_multiply(walk, rows, term->in, node_at(walk, i)->width, sp_walk_on(walk, i, t),
                         sp_boxes_state_at(boxes, i, t)->omega, tap,
                         sp_boxes_out(boxes, term->input, frame), add,
                         sp_walk_on(walk, term->input, frame));
    }
}

static void same_back(sp_walk *walk, size_t i, const sp_term *term, sp_boxes_matrix tap,
                      sp_backsub_span span) {
    const bool add = sp_walk_open(walk, term->input, span.first, span.end);
    if (tap.narrow == NULL) {
        const size_t rows =
            (span.end - 1 - span.first) * walk->rows + sp_walk_rows(walk, i, span.end - 1);
        sp_walk_multiply_wide(walk, rows, term->in, node_at(walk, i)->width,
                              sp_walk_on(walk, i, span.first), tap, add,
                              sp_walk_on(walk, term->input, span.first));
        return;
    }
    for (size_t t = span.first; t < span.end; t++) {
        tap_back(walk, i, t, term, t, tap, add);
    }
}

/* The frames of the input that frames of the output read. */
static sp_backsub_span frames_read(sp_timing timing, sp_backsub_span span, size_t frames) {
    const size_t first = span.first * timing.stride;
    const size_t end = (span.end - 1) * timing.stride + (timing.taps - 1) * timing.dilation + 1;
    size_t from = first > timing.before ? first - timing.before : 0;
    size_t to = end > timing.before ? end - timing.before : 0;
    if (timing.reflects) { // what stands before the first one lies behind it, and so on
        const size_t back = first < timing.before ? timing.before - first + 1 : 0;
        const size_t over = to > frames ? to - frames : 0;
        to = to > back ? to : back;
        from = over == 0 ? from : frames - 1 - over < from ? frames - 1 - over : from;
    }
    if (timing.repeats) {
        from = from < frames ? from : frames - 1;
        to = to > 0 ? to : 1;
    }
    return (sp_backsub_span){from < frames ? from : frames, to < frames ? to : frames};
}

static void window_back(sp_walk *walk, size_t i, const sp_term *term, size_t column,
                        sp_backsub_span span) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_timing timing = term->timing;
    const size_t frames = sp_boxes_frames(boxes, 0, term->input);
    const sp_backsub_span reads = frames_read(timing, span, frames);
    if (reads.first >= reads.end) {
        return; // padding only
    }
    if (!sp_walk_open(walk, term->input, reads.first, reads.end)) {
        const sp_backsub_rows to = sp_walk_on(walk, term->input, reads.first);
        sp_walk_set(walk, (reads.end - reads.first) * walk->rows, to.ld, sp_backsub_no_rows, to);
    }
    for (size_t t = span.first; t < span.end; t++) {
        for (size_t k = 0; k < timing.taps; k++) {
            size_t frame = 0;
            if (sp_timing_reads(&frame, &timing, frames, t, k)) {
                tap_back(walk, i, t, term, frame,
                         sp_boxes_matrix_at(&boxes->constants[i].weight, 0, column + k * term->in),
                         true);
            }
        }
    }
}

static void affine_back(sp_walk *walk, size_t i) {
    const sp_node *node = node_at(walk, i);
    const sp_backsub_span span = walk->ws->span[i];
    size_t column = 0;
    biases_back(walk, i, span);
    for (size_t k = 0; k < node->terms; k++) {
        const sp_term *term = &node->term[k];
        if (is_same(term->timing)) {
            same_back(walk, i, term,
                      sp_boxes_matrix_at(&walk->self->boxes.constants[i].weight, 0, column), span);
        } else {
            window_back(walk, i, term, column, span);
        }
        column += term->timing.taps * term->in;
    }
}

/* ---- curves and pools ---- */

static void curve_back(sp_walk *walk, size_t i) {
    const sp_node *node = node_at(walk, i);
    const sp_backsub_span span = walk->ws->span[i];
    const bool add = sp_walk_open(walk, node->input, span.first, span.end);
    const sp_backsub_rows spare = {walk->ws->spare, sp_backsub_apart(node->width)};
    for (size_t t = span.first; t < span.end; t++) {
        const size_t rows = sp_walk_rows(walk, i, t);
        const sp_backsub_rows to = sp_walk_on(walk, node->input, t);
        sp_walk_line(walk, rows, i, t, 0, sp_walk_on(walk, i, t), add ? spare : to);
        if (add) {
            sp_walk_add(walk, rows, node->width, to, spare, false, to);
        }
    }
}

/* The frame that a pool takes of a clip. */
static size_t pooled(const sp_walk *walk, size_t i, size_t clip) {
    const sp_node *node = node_at(walk, i);
    return node->pool == SP_POOLING_LAST
               ? sp_boxes_frames(&walk->self->boxes, clip, node->input) - 1
               : 0;
}

static void pool_back(sp_walk *walk, size_t i) {
    const sp_node *node = node_at(walk, i);
    const sp_backsub_rows from = sp_walk_on(walk, i, 0);
    const size_t clips = walk->rows / walk->span;
    const size_t end = pooled(walk, i, 0) + 1, first = pooled(walk, i, clips - 1);
    if (!sp_walk_open(walk, node->input, first, end)) {
        const sp_backsub_rows to = sp_walk_on(walk, node->input, first);
        sp_walk_set(walk, (end - first) * walk->rows, to.ld, sp_backsub_no_rows, to);
    }
    for (size_t clip = 0; clip < clips;) {
        size_t next = clip + 1;
        while (next < clips && pooled(walk, i, next) == pooled(walk, i, clip)) {
            next++;
        }
        const size_t row = clip * walk->span;
        const sp_backsub_rows to =
            sp_backsub_rows_from(sp_walk_on(walk, node->input, pooled(walk, i, clip)), row);
        sp_walk_add(walk, (next - clip) * walk->span, node->width, to,
                    sp_backsub_rows_from(from, row), false, to);
        clip = next;
    }
}

/* ---- the walk ---- */

static void node_back(sp_walk *walk, size_t i) {
    switch (node_at(walk, i)->kind) {
    case SP_NODE_INPUT:
        break;
    case SP_NODE_AFFINE:
        affine_back(walk, i);
        break;
    case SP_NODE_CURVE:
        curve_back(walk, i);
        break;
    case SP_NODE_CELL:
        sp_walk_cell_back(walk, i);
        break;
    case SP_NODE_POOL:
        pool_back(walk, i);
        break;
    }
}

static void clear_sums(sp_walk *walk) {
    const sp_boxes_array sums[] = {walk->ws->bias, walk->ws->mass, walk->ws->support,
                                   walk->ws->rough};
    const size_t count = walk->self->boxes.single ? 4 : 3;
    for (size_t i = 0; i < count; i++) {
        sp_walk_set(walk, 1, walk->rows, sp_backsub_no_rows,
                    (sp_backsub_rows){sums[i], walk->rows});
    }
    if (walk->self->slopes) {
        const size_t width = sp_backsub_slope_width(walk->self->boxes.front);
        sp_walk_set(walk, walk->rows, width, sp_backsub_no_rows,
                    (sp_backsub_rows){walk->ws->slope, width});
    }
}

void sp_walk_back(sp_walk *walk) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_backsub_start *start = walk->start;
    memset(walk->ws->span, 0, boxes->net->nodes * sizeof *walk->ws->span);
    clear_sums(walk);
    if (start->end == 0) {
        (void)sp_walk_open(walk, start->node, start->t, start->t + 1);
        sp_walk_begin(walk, walk->rows, boxes->net->node[start->node].width, start->output,
                      sp_walk_on(walk, start->node, start->t));
    }
    for (size_t i = start->node; i > boxes->source && !walk->late; i--) {
        const sp_backsub_span span = walk->ws->span[i];
        if (span.first < span.end || (i == start->node && start->end > 0)) {
            node_back(walk, i);
        }
    }
    if (walk->late) {
        return;
    }
    sp_walk_source_back(walk);
    if (walk->self->part.halves > 0) {
        sp_walk_within(walk);
    }
}
