// Where the bounds live: memory of the program, or of a backend that has its own, with copies there
// of all that its operations read.
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "lstm/layers.h"

/* What the kernels know: every layer, planes at static anchors, rows that choose nothing, the joint
 * front end, the whole noise set. */
static bool kernels_know(const sp_front_bound *front, const sp_bounds_options *options) {
    return options->planes == SP_PLANES_STATIC && !options->octagons && !sp_rows_choose(options) &&
           !sp_bounds_slopes(options) && front->bins == 0;
}

/* Counts the memory; the tile shrinks to what fits. */
static sp_plan plan(sp_bounds *bounds, size_t room) {
    bounds->tile = SP_TILE;
    sp_plan p = sp_bounds_plan(bounds, true);
    if (bounds->far) {
        const size_t most = 2 * bounds->unit_width;
        bounds->tile = most > SP_TILE ? most : SP_TILE;
        p = sp_bounds_plan(bounds, true);
        while (bounds->tile > SP_TILE && sp_plan_numbers(p, bounds->clips) > room) {
            bounds->tile = bounds->tile / 2 > SP_TILE ? bounds->tile / 2 : SP_TILE;
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
                       .clips = clips,
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
                       "the bounds of %zu frames need %.0f MB of the device's memory, %.0f MB are "
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
    const size_t numbers = sp_plan_numbers(p, bounds->clips);
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

static double *moved(double *array, ptrdiff_t by) {
    return array != NULL ? array + by : NULL;
}

static void move_menu(sp_gpu_menu *menu, ptrdiff_t by) {
    menu->a = moved(menu->a, by);
    menu->b = moved(menu->b, by);
    menu->c = moved(menu->c, by);
    menu->rough = (float *)moved((double *)menu->rough, by);
    menu->mass = moved(menu->mass, by);
}

/* Moves all pointers to the arrays of carve_inputs (plan.c). */
static void move_inputs(sp_bounds *bounds, ptrdiff_t by) {
    for (size_t t = 0; t < bounds->front->frames; t++) {
        move_menu(&bounds->line[t], by);
        if (bounds->front->bins > 0) {
            move_menu(&bounds->square[t], by);
        }
    }
    bounds->energy_omega = moved(bounds->energy_omega, by);
    bounds->feature_omega = moved(bounds->feature_omega, by);
    bounds->form_min = moved(bounds->form_min, by);
    if (bounds->far) {
        sp_front_bound *near = &bounds->near_front;
        near->form = moved(near->form, by);
        near->radius = moved(near->radius, by);
        near->feature_lo = moved(near->feature_lo, by);
        near->feature_hi = moved(near->feature_hi, by);
        near->square = moved(near->square, by);
        near->energy = moved(near->energy, by);
    }
}

static void copy_inputs(sp_bounds *bounds) {
    const sp_front_bound *from = bounds->front, *to = &bounds->near_front;
    const size_t T = from->frames;
    memcpy(to->form, from->form, T * from->forms * from->frame * sizeof(double));
    memcpy(to->radius, from->radius, sp_samples_read(from) * sizeof(double));
    memcpy(to->feature_lo, from->feature_lo, T * from->features * sizeof(double));
    memcpy(to->feature_hi, from->feature_hi, T * from->features * sizeof(double));
    if (from->tangents > 0) {
        memcpy(to->square, from->square, T * from->bands * sizeof(double));
        memcpy(to->energy, from->energy, T * sizeof(double));
    }
}

sp_status sp_bounds_inputs(sp_error *err, sp_bounds *bounds, void (*fill)(sp_bounds *bounds)) {
    if (!bounds->far) {
        fill(bounds);
        return SP_OK;
    }
    char *staged = calloc(bounds->input_bytes, 1),
         *inputs = (char *)bounds->block + bounds->clip_at;
    if (staged == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the inputs of a clip");
    }
    // both addresses are aligned to more than a double
    const ptrdiff_t by =
        ((ptrdiff_t)(uintptr_t)staged - (ptrdiff_t)(uintptr_t)inputs) / (ptrdiff_t)sizeof(double);
    move_inputs(bounds, by);
    for (size_t clip = 0; clip < bounds->clips; clip++) {
        bounds->front = bounds->fronts[clip];
        fill(bounds);
        copy_inputs(bounds);
        sp_gpu_write(bounds->gpu, inputs + clip * bounds->clip_bytes, staged, bounds->input_bytes);
    }
    move_inputs(bounds, -by);
    bounds->front = &bounds->near_front;
    free(staged);
    return SP_OK;
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
