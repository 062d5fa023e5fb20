// Cuts of the boxes of products: bounds on p x + q y and p x - q y by back-substitution
// (docs/theory/octagons.md 2).
#include "lstm/layers.h"

void sp_cut_rows(sp_bounds *bounds, const sp_start *where, size_t first, size_t end) {
    const sp_layer *layer = &bounds->net->layer[where->layer];
    const sp_layer_ops *ops = sp_layer_ops_of(layer);
    const size_t H = layer->out, rows = (end - first) * H * SP_ROWS_PER_CUT;
    const sp_state *state = sp_state_at(bounds, where->t, where->layer);
    // of several clips the rows are made where and when a tile of them is walked (rows.c)
    sp_gpu_cut_rows_args args = {.at = {rows, rows, bounds->stride},
                                 .n = H,
                                 .gates = bounds->far ? bounds->work->gates : bounds->cut_gates,
                                 .gates_width = 4 * H,
                                 .other = bounds->far ? bounds->work->c : bounds->cut_cell,
                                 .other_width = H};
    sp_gpu_cuts_args cuts = {.at = {bounds->clips, bounds->stride},
                             .n = H,
                             .products = end - first,
                             .apart = bounds->apart,
                             .lower = bounds->box_lower};
    sp_start start = *where;
    start.cuts = &args;
    start.gates = (sp_rows){args.gates, 4 * H};
    for (size_t k = first; k < end; k++) {
        const sp_arguments at = ops->arguments(bounds, where->t, where->layer, k);
        if (at.y_block != SP_ON_GATES) {
            *(at.y_block == SP_ON_CELL ? &start.cell : &start.before) = (sp_rows){args.other, H};
        }
        args.of[k - first] = cuts.of[k - first] =
            (sp_gpu_cut_of){.x = at.x,
                            .y = at.y,
                            .x_column = at.x_column,
                            .y_column = at.y_column,
                            .y_on_gates = at.y_block == SP_ON_GATES,
                            .cut = state->cut[k]};
    }
    if (!bounds->far) {
        sp_gpu_cut_rows(bounds->gpu, &args);
    }
    sp_lower_rows(bounds, bounds->box_lower, NULL, bounds->apart, &start, rows,
                  bounds->options.box_iterations, false);
    sp_gpu_cuts(bounds->gpu, &cuts);
}
