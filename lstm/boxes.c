// Boxes of a layer at one step, for all clips: operations of the backend.
#include "lstm/layers.h"

void sp_bound_image(sp_bounds *bounds, const sp_gpu_interval_args *image) {
    sp_gpu_interval_args args = *image;
    args.at = (sp_gpu_clips){bounds->clips, bounds->stride};
    sp_gpu_interval(bounds->gpu, &args);
}

void sp_bound_activation(sp_bounds *bounds, size_t n, sp_activation f, sp_gpu_range x,
                         sp_gpu_range y, sp_gpu_range from, double *lo, double *hi) {
    sp_gpu_activate(bounds->gpu, &(sp_gpu_activate_args){.at = {bounds->clips, bounds->stride},
                                                         .n = n,
                                                         .f = f,
                                                         .x = x,
                                                         .y = y,
                                                         .from = from,
                                                         .lo = lo,
                                                         .hi = hi});
}

void sp_bound_affine(sp_bounds *bounds, size_t t, size_t layer, double *lo, double *hi) {
    const sp_layer *at = &bounds->net->layer[layer];
    const bool later = t > 0 && sp_layer_is_recurrent(at);
    const sp_state *before = later ? sp_state_at(bounds, t - 1, layer) : NULL;
    sp_gpu_interval_args args = {.out = sp_layer_gates(at) * at->out,
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
    sp_bound_image(bounds, &args);
}

void sp_bound_ranges(sp_bounds *bounds, size_t n, const sp_gpu_factor *first,
                     const sp_gpu_factor *second, double *lo, double *hi) {
    const sp_gpu_factor none = {first->map, {NULL, NULL}, {NULL, NULL}};
    sp_gpu_ranges(bounds->gpu, &(sp_gpu_ranges_args){.at = {bounds->clips, bounds->stride},
                                                     .n = n,
                                                     .first = *first,
                                                     .second = second != NULL ? *second : none,
                                                     .lo = lo,
                                                     .hi = hi});
}
