// What products in single precision are taken around: docs/theory/single-precision.md 3.
#include "lstm/boxes/boxes.h"

void sp_boxes_spread(const sp_boxes *boxes, size_t node, size_t t, size_t first,
                     const sp_gpu_interval_args *image) {
    const sp_boxes_constants *constants = &boxes->constants[node];
    const sp_boxes_state *state = sp_boxes_state_at(boxes, node, t);
    if (!boxes->single) {
        return;
    }
    sp_gpu_spread(boxes->gpu,
                  &(sp_gpu_spread_args){
                      .at = image->at,
                      .out = image->out,
                      .in = image->in,
                      .hidden = image->hidden,
                      .weight = constants->weight.narrow != NULL ? image->weight : NULL,
                      .recurrent = constants->recurrent.narrow != NULL ? image->recurrent : NULL,
                      .x = image->x,
                      .h = image->h,
                      .shift = sp_boxes_array_at(state->shift, first).on,
                      .spread = sp_boxes_array_at(state->spread, first).on});
}
