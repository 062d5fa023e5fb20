// Boxes of a layer at one step, for all clips: operations of the backend.
#include "lstm/layers.h"

void sp_bound_affine(sp_bounds *bounds, size_t t, size_t layer, double *lo, double *hi) {
    const sp_layer *at = &bounds->net->layer[layer];
    const bool later = t > 0 && sp_layer_is_recurrent(at);
    const sp_state *before = later ? sp_state_at(bounds, t - 1, layer) : NULL;
    sp_gpu_interval_args args = {.at = {bounds->clips, bounds->stride},
                                 .out = sp_layer_gates(at) * at->out,
                                 .in = at->in,
                                 .weight = at->weight,
                                 .bias = at->bias,
                                 .lo = lo,
                                 .hi = hi,
                                 .omega = sp_state_at(bounds, t, layer)->omega};
    sp_input_box(bounds, t, layer, &args.x.lo, &args.x.hi);
    if (later) {
        args.hidden = at->out;
        args.recurrent = at->recurrent;
        args.h = (sp_gpu_range){before->out_lo, before->out_hi};
    }
    sp_gpu_interval(bounds->gpu, &args);
}

void sp_bound_ranges(sp_bounds *bounds, size_t n, const sp_gpu_factor *first,
                     const sp_gpu_factor *second, double *lo, double *hi) {
    const sp_gpu_factor none = {first->f, {NULL, NULL}, {NULL, NULL}};
    sp_gpu_ranges(bounds->gpu, &(sp_gpu_ranges_args){.at = {bounds->clips, bounds->stride},
                                                     .n = n,
                                                     .first = *first,
                                                     .second = second != NULL ? *second : none,
                                                     .lo = lo,
                                                     .hi = hi});
}
