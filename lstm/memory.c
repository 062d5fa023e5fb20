// Where the bounds live: memory of the program, or of a backend that has its own, with copies there
// of all that its operations read.
#include <stdlib.h>

#include "base/pool.h"
#include "lstm/layers.h"

/* What the kernels know: every layer, exact planes, the joint front end, the whole noise set. Where
 * rows choose, the joint front end with its tangents. */
static bool kernels_know(const sp_front_bound *front, const sp_bounds_options *options) {
    return options->planes == SP_PLANES_STATIC && options->mix_epochs == 0 &&
           !sp_bounds_slopes(options) && front->bins == 0 &&
           (!sp_rows_choose(options) || front->tangents > 0);
}

/* Counts the memory; the tile shrinks to what fits. */
static sp_plan plan(sp_bounds *bounds, size_t room) {
    bounds->tile = SP_TILE;
    sp_plan p = sp_bounds_plan(bounds, true);
    if (bounds->far) {
        bounds->tile = bounds->apart;
        p = sp_bounds_plan(bounds, true);
        while (bounds->tile > SP_TILE && sp_plan_numbers(p, bounds->batch) > room) {
            bounds->tile = sp_whole_tiles(bounds->tile / 2);
            p = sp_bounds_plan(bounds, true);
        }
    }
    return p;
}

static sp_bounds shape_of(const sp_net *net, const sp_front_bound *const *fronts,
                          const sp_bounds_options *options, size_t clips, bool far) {
    return (sp_bounds){.net = net,
                       .front = fronts[0],
                       .fronts = (const sp_front_bound **)fronts,
                       .batch = clips,
                       .far = far,
                       .options = *options,
                       .slots = far ? 1 : (size_t)sp_pool_threads()};
}

size_t sp_bounds_need(const sp_net *net, const sp_front_bound *front,
                      const sp_bounds_options *options, size_t clips, bool far) {
    sp_bounds shape = shape_of(net, &front, options, clips, far);
    return sp_plan_numbers(plan(&shape, SIZE_MAX), clips);
}

size_t sp_bounds_room(const sp_net *net, const sp_front_bound *front,
                      const sp_bounds_options *options) {
    const size_t memory = sp_gpu_memory();
    size_t fits = 1, fails = 2;
    if (memory == SIZE_MAX || !kernels_know(front, options)) {
        return 1;
    }
    while (fails < SP_MAX_CLIPS && sp_bounds_need(net, front, options, fails, true) <= memory) {
        fits = fails;
        fails *= 2;
    }
    while (fits + 1 < fails) {
        const size_t middle = fits + (fails - fits) / 2;
        if (sp_bounds_need(net, front, options, middle, true) <= memory) {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    return fits;
}

bool sp_bounds_together(void) {
    return sp_gpu_memory() != SIZE_MAX;
}

static sp_status fail(sp_error *err, const sp_bounds *bounds, size_t need) {
    const double megabytes = (double)need / 1e6;
    if (bounds->far) {
        return sp_fail(err, SP_E_MEMORY,
                       "the bounds of %zu frames need %.1f MB of the device's memory, %.1f MB are "
                       "planned: raise --device-memory",
                       bounds->front->frames, megabytes, (double)sp_gpu_memory() / 1e6);
    }
    return sp_fail(err, SP_E_MEMORY, "out of memory: the bounds of %zu frames need %.0f MB",
                   bounds->front->frames, megabytes);
}

sp_status sp_bounds_memory(sp_error *err, sp_bounds *bounds) {
    const bool device = sp_gpu_memory() != SIZE_MAX;
    bounds->far = device && kernels_know(bounds->front, &bounds->options);
    bounds->slots = bounds->far ? 1 : (size_t)sp_pool_threads();
    const sp_plan p = plan(bounds, sp_gpu_memory());
    const size_t numbers = sp_plan_numbers(p, bounds->batch);
    SP_TRY(sp_gpu_open(err, &bounds->gpu, !bounds->far));
    if (numbers == SIZE_MAX || sp_arena_init(&bounds->arena, p.host) != SP_OK) {
        return fail(err, bounds, numbers);
    }
    if (bounds->far) {
        bounds->block = sp_gpu_take(bounds->gpu, numbers);
        if (bounds->block == NULL) {
            return fail(err, bounds, numbers);
        }
        sp_arena_over(&bounds->numbers, bounds->block, numbers);
    } else if (sp_arena_init(&bounds->numbers, numbers) != SP_OK) {
        return fail(err, bounds, numbers);
    }
    (void)sp_bounds_plan(bounds, false);
    return sp_arena_ok(&bounds->arena) && sp_arena_ok(&bounds->numbers)
               ? SP_OK
               : fail(err, bounds, numbers);
}

/* ---- copies ---- */

static void write_array(sp_bounds *bounds, const double *to, const double *from, size_t count) {
    if (count > 0) {
        sp_gpu_write(bounds->gpu, (void *)to, from, count * sizeof *from);
    }
}

void sp_bounds_upload_weights(sp_bounds *bounds) {
    for (size_t l = 0; l < bounds->net->layers; l++) {
        const sp_layer *from = &bounds->net->layer[l], *to = &bounds->near_net.layer[l];
        const size_t gates = sp_layer_gates(from) * from->out;
        write_array(bounds, to->weight, from->weight, gates * from->in);
        write_array(bounds, to->recurrent, from->recurrent,
                    sp_layer_is_recurrent(from) ? gates * from->out : 0);
        write_array(bounds, to->bias, from->bias, gates);
        write_array(bounds, to->recurrent_bias, from->recurrent_bias,
                    from->recurrent_bias != NULL ? from->out : 0);
    }
    const sp_front_bound *front = bounds->front;
    if (front->matrix != NULL) {
        write_array(bounds, bounds->near_front.matrix, front->matrix,
                    front->features * front->bands);
        write_array(bounds, bounds->near_front.matrix_bias, front->matrix_bias, front->features);
    }
    write_array(bounds, bounds->near_front.peak, front->peak, front->bands * front->peaks);
    bounds->net = &bounds->near_net;
}

/* Where an array of the first clip stands for another clip. */
static const double *of_clip(const sp_bounds *bounds, const double *array, size_t clip) {
    return array + clip * bounds->stride;
}

/* The lines of the clip that were filled in at `staged`. */
static void send_lines(sp_bounds *bounds, const void *staged, size_t clip) {
    const sp_front_bound *front = bounds->front;
    const sp_gpu_menu *last = &bounds->line[front->frames - 1];
    const struct {
        const double *from, *end;
    } parts[] = {
        {bounds->gamma, last->mass + last->n},
        {bounds->feature_omega,
         bounds->feature_omega + (front->matrix != NULL ? front->frames * front->features : 0)},
        {bounds->form_min, bounds->form_min + front->frames * front->forms},
    };
    const char *const base = (const char *)bounds->block + bounds->clip_at;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const ptrdiff_t at = (const char *)parts[i].from - (const char *)staged;
        write_array(bounds, of_clip(bounds, (const double *)(const void *)(base + at), clip),
                    parts[i].from, (size_t)(parts[i].end - parts[i].from));
    }
}

static void send_front(sp_bounds *bounds, size_t clip) {
    const sp_front_bound *from = bounds->front, *to = &bounds->near_front;
    const size_t T = from->frames, squares = from->tangents > 0 ? T : 0;
    write_array(bounds, of_clip(bounds, to->form, clip), from->form, T * from->forms * from->frame);
    if (sp_features_choose(bounds)) {
        write_array(bounds, of_clip(bounds, to->form_max, clip), from->form_max, T * from->forms);
    }
    write_array(bounds, of_clip(bounds, to->radius, clip), from->radius, sp_samples_read(from));
    write_array(bounds, of_clip(bounds, to->feature_lo, clip), from->feature_lo,
                T * from->features);
    write_array(bounds, of_clip(bounds, to->feature_hi, clip), from->feature_hi,
                T * from->features);
    write_array(bounds, of_clip(bounds, to->square, clip), from->square, squares * from->bands);
    write_array(bounds, of_clip(bounds, to->energy, clip), from->energy, squares);
}

/* The forms of all clips in single precision, or of none. */
static sp_status send_narrow_forms(sp_error *err, sp_bounds *bounds) {
    const sp_front_bound *first = bounds->fronts[0];
    bounds->forms_narrow = bounds->form_single != NULL;
    if (!bounds->forms_narrow) {
        return SP_OK;
    }
    float *staged = malloc((first->frames * first->forms * first->frame + 1) * sizeof *staged);
    if (staged == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of a clip");
    }
    for (size_t clip = 0; clip < bounds->batch && bounds->forms_narrow; clip++) {
        const sp_front_bound *front = bounds->fronts[clip];
        bounds->forms_narrow = sp_single_forms(front, staged);
        sp_gpu_write(bounds->gpu,
                     (void *)of_clip(bounds, (const double *)(void *)bounds->form_single, clip),
                     staged, front->frames * front->forms * front->frame * sizeof *staged);
    }
    free(staged);
    return SP_OK;
}

sp_status sp_bounds_inputs(sp_error *err, sp_bounds *bounds, void (*fill)(sp_bounds *bounds)) {
    SP_TRY(send_narrow_forms(err, bounds));
    if (!bounds->far) {
        fill(bounds);
        return SP_OK;
    }
    void *staged = calloc(bounds->line_bytes, 1);
    if (staged == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the inputs of a clip");
    }
    sp_plan_lines(bounds, staged);
    for (size_t clip = 0; clip < bounds->batch; clip++) {
        bounds->front = bounds->fronts[clip];
        fill(bounds);
        send_lines(bounds, staged, clip);
        send_front(bounds, clip);
    }
    sp_plan_clip(bounds, (char *)bounds->block + bounds->clip_at);
    bounds->front = &bounds->near_front;
    free(staged);
    return SP_OK;
}

/* ---- the clips of a batch ---- */

size_t sp_bounds_having(const sp_bounds *bounds, size_t t) {
    size_t clips = bounds->batch;
    while (clips > 0 && bounds->fronts[clips - 1]->frames <= t) {
        clips--;
    }
    return clips;
}

void sp_bounds_turn(sp_bounds *bounds, size_t first, size_t clips) {
    if (first != bounds->first) {
        sp_plan_clip(bounds, (char *)bounds->block + bounds->clip_at + first * bounds->clip_bytes);
    }
    bounds->first = first;
    bounds->clips = clips;
}

const double *sp_bounds_near(sp_bounds *bounds, const double *array) {
    if (!bounds->far || array == NULL) {
        return array;
    }
    const char *first = (const char *)bounds->block + bounds->clip_at;
    if (bounds->mirror == NULL) {
        bounds->mirror = malloc(bounds->clip_bytes);
        if (bounds->mirror == NULL) {
            return NULL;
        }
        sp_gpu_read(bounds->gpu, bounds->mirror, first, bounds->clip_bytes);
    }
    return bounds->mirror + ((const char *)array - first) / (ptrdiff_t)sizeof(double);
}
