// Where boxes live: memory of the program, or of a backend that has its own, with copies there of
// all that its operations read. Planned by a first pass that only counts, then carved from one
// block.
#include <stdlib.h>
#include <string.h>

#include "lstm/boxes/boxes.h"

/* ---- carving ---- */

static size_t add(size_t a, size_t b) {
    return b > SIZE_MAX - a ? SIZE_MAX : a + b;
}

void *sp_boxes_carve_host(sp_boxes_carver *carver, size_t count, size_t size) {
    carver->host_need = add(carver->host_need, sp_arena_need(count, size));
    void *array = carver->host != NULL ? sp_arena_raw(carver->host, count, size) : NULL;
    return array != NULL ? memset(array, 0, count * size) : NULL;
}

void *sp_boxes_carve(sp_boxes_carver *carver, size_t count, size_t size) {
    carver->need = add(carver->need, sp_arena_need(count, size));
    return carver->numbers != NULL ? sp_arena_raw(carver->numbers, count, size) : NULL;
}

sp_boxes_array sp_boxes_carve_array(sp_boxes_carver *carver, size_t count) {
    return (sp_boxes_array){count > 0 ? sp_boxes_carve(carver, count, sizeof(double)) : NULL};
}

sp_boxes_range sp_boxes_carve_range(sp_boxes_carver *carver, size_t count) {
    const sp_boxes_array lo = sp_boxes_carve_array(carver, count);
    return (sp_boxes_range){lo, sp_boxes_carve_array(carver, count)};
}

/* ---- weights ---- */

/* The matrix of an affine node as one: the taps of all terms side by side. */
static bool is_joined(const sp_node *node) {
    return node->terms > 1;
}

static size_t columns_of(const sp_node *node) {
    size_t columns = 0;
    for (size_t i = 0; i < node->terms; i++) {
        columns += node->term[i].timing.taps * node->term[i].in;
    }
    return columns;
}

/* The weights of a node as the program holds them. */
typedef struct sp_weights {
    const double *weight, *recurrent, *bias, *recurrent_bias;
    size_t rows, columns, hidden; /* [rows, columns], [rows, hidden] */
} sp_weights;

static sp_weights weights_of(const sp_node *node) {
    if (node->kind == SP_NODE_AFFINE) {
        return (sp_weights){.weight = is_joined(node) ? NULL : node->term[0].weight,
                            .bias = node->bias,
                            .rows = node->width,
                            .columns = columns_of(node)};
    }
    if (node->kind == SP_NODE_CELL) {
        const sp_cell *cell = &node->cell;
        return (sp_weights){cell->weight,
                            cell->recurrent,
                            cell->bias,
                            cell->recurrent_bias,
                            sp_cell_gates(cell) * cell->out,
                            cell->in,
                            cell->out};
    }
    return (sp_weights){.rows = 0};
}

/* On the program's side the weights of the net itself are read. */
static sp_boxes_array carve_weights(sp_boxes *boxes, sp_boxes_carver *carver, const double *from,
                                    size_t count, bool copy) {
    if (boxes->device || copy) {
        return sp_boxes_carve_array(carver, from != NULL || copy ? count : 0);
    }
    return (sp_boxes_array){(double *)from};
}

static void carve_constants(sp_boxes *boxes, sp_boxes_carver *carver) {
    boxes->constants = sp_boxes_carve_host(carver, boxes->net->nodes, sizeof *boxes->constants);
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        const sp_weights w = weights_of(node);
        const bool joined = node->kind == SP_NODE_AFFINE && is_joined(node);
        sp_boxes_constants constants = {.columns = w.columns};
        constants.weight.wide = carve_weights(boxes, carver, w.weight, w.rows * w.columns, joined);
        constants.recurrent.wide =
            carve_weights(boxes, carver, w.recurrent, w.rows * w.hidden, false);
        constants.weight.ld = w.columns;
        constants.recurrent.ld = w.hidden;
        constants.bias = carve_weights(boxes, carver, w.bias, w.rows, false);
        constants.recurrent_bias = carve_weights(boxes, carver, w.recurrent_bias, w.hidden, false);
        if (boxes->single) {
            constants.weight.narrow = sp_boxes_carve(carver, w.rows * w.columns, sizeof(float));
            constants.recurrent.narrow = sp_boxes_carve(carver, w.rows * w.hidden, sizeof(float));
        }
        if (node->kind == SP_NODE_CELL) {
            sp_cell_describe(&constants.cell, &node->cell);
            constants.runs = sp_boxes_runs(&constants.cell, constants.run);
        }
        if (boxes->constants != NULL) {
            boxes->constants[i] = constants;
        }
    }
}

/* [out, columns] with the taps of each term in columns of their own. */
static void join_terms(double *to, const sp_node *node, size_t columns) {
    size_t at = 0;
    for (size_t i = 0; i < node->terms; i++) {
        const size_t width = node->term[i].timing.taps * node->term[i].in;
        for (size_t row = 0; row < node->width; row++) {
            memcpy(to + row * columns + at, node->term[i].weight + row * width,
                   width * sizeof(double));
        }
        at += width;
    }
}

static void write_array(sp_boxes *boxes, sp_boxes_array to, const double *from, size_t count) {
    if (count > 0 && from != NULL && to.on != from) {
        sp_gpu_write(boxes->gpu, to.on, from, count * sizeof *from);
    }
}

/* Rounds a matrix to floats, or drops its float copy where some number does not fit. */
static void take_narrow(sp_boxes *boxes, sp_boxes_matrix *matrix, const double *from, size_t count,
                        float *buffer) {
    bool fits = from != NULL && count > 0 && matrix->narrow != NULL;
    for (size_t i = 0; fits && i < count; i++) {
        const double size = from[i] < 0.0 ? -from[i] : from[i];
        fits = size == 0.0 || (size >= SP_GPU_TINY && size <= SP_GPU_LARGE); // NaN does not
        buffer[i] = (float)from[i];
    }
    if (fits) {
        sp_gpu_write(boxes->gpu, matrix->narrow, buffer, count * sizeof *buffer);
    } else {
        matrix->narrow = NULL;
    }
}

static size_t most_weights(const sp_boxes *boxes) {
    size_t most = 1;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_weights w = weights_of(&boxes->net->node[i]);
        const size_t wide = w.columns > w.hidden ? w.columns : w.hidden;
        most = w.rows * wide > most ? w.rows * wide : most;
    }
    return most;
}

static sp_status fill_constants(sp_error *err, sp_boxes *boxes) {
    const size_t most = most_weights(boxes);
    double *joined = malloc(most * (sizeof *joined + sizeof(float)));
    if (joined == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the weights");
    }
    float *rounded = (float *)(joined + most);
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        sp_weights w = weights_of(node);
        sp_boxes_constants *to = &boxes->constants[i];
        if (w.weight == NULL && w.rows > 0) {
            join_terms(joined, node, w.columns);
            w.weight = joined;
        }
        write_array(boxes, to->weight.wide, w.weight, w.rows * w.columns);
        write_array(boxes, to->recurrent.wide, w.recurrent, w.rows * w.hidden);
        write_array(boxes, to->bias, w.bias, w.rows);
        write_array(boxes, to->recurrent_bias, w.recurrent_bias, w.hidden);
        take_narrow(boxes, &to->weight, w.weight, w.rows * w.columns, rounded);
        take_narrow(boxes, &to->recurrent, w.recurrent, w.rows * w.hidden, rounded);
    }
    free(joined);
    return SP_OK;
}

/* ---- states ---- */

/* Whether a product or curve is read by a pre-activation, a product or a curve: then it has a box
 * of its own. */
static bool is_read(const sp_cell_steps *steps, int v) {
    for (size_t i = 0; i < steps->count; i++) {
        const sp_cell_variable *at = &steps->variable[i];
        const bool relaxed = at->op == SP_CELL_PRODUCT || at->op == SP_CELL_CURVE;
        if ((at->op == SP_CELL_IMAGE && at->a == v) || (relaxed && (at->a == v || at->b == v))) {
            return true;
        }
    }
    return false;
}

static void carve_cell(sp_boxes_carver *carver, sp_boxes_state *state, const sp_cell_steps *steps,
                       size_t n, bool single) {
    state->input = sp_boxes_carve_range(carver, steps->images * n);
    state->omega = sp_boxes_carve_array(carver, steps->images * n);
    state->shift = sp_boxes_carve_array(carver, single ? steps->images * n : 0);
    state->spread = sp_boxes_carve_array(carver, single ? steps->images * n : 0);
    for (size_t v = 0; v < steps->count; v++) {
        const sp_cell_variable *at = &steps->variable[v];
        const bool relaxed = at->op == SP_CELL_PRODUCT || at->op == SP_CELL_CURVE;
        const bool sum = at->op == SP_CELL_SUM || at->op == SP_CELL_DIFFERENCE;
        if ((int)v != steps->output && (sum || (relaxed && is_read(steps, (int)v)))) {
            state->variable[v] = sp_boxes_carve_range(carver, n);
        }
        if (at->op == SP_CELL_DIFFERENCE) {
            state->size[v] = sp_boxes_carve_array(carver, n);
        }
    }
}

static void carve_state(const sp_boxes *boxes, sp_boxes_carver *carver, size_t i,
                        sp_boxes_state *state) {
    const sp_node *node = &boxes->net->node[i];
    *state = (sp_boxes_state){.out = sp_boxes_carve_range(carver, node->width)};
    if (node->kind == SP_NODE_AFFINE) {
        state->omega = sp_boxes_carve_array(carver, node->width);
        state->shift = sp_boxes_carve_array(carver, boxes->single ? node->width : 0);
        state->spread = sp_boxes_carve_array(carver, boxes->single ? node->width : 0);
    } else if (node->kind == SP_NODE_CURVE) {
        state->input = sp_boxes_carve_range(carver, node->width);
    } else if (node->kind == SP_NODE_CELL) {
        sp_cell_steps steps;
        sp_cell_describe(&steps, &node->cell);
        carve_cell(carver, state, &steps, node->width, boxes->single);
    }
}

static void carve_states(sp_boxes *boxes, sp_boxes_carver *carver) {
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        for (size_t t = 0; t < sp_boxes_frames(boxes, 0, i); t++) {
            sp_boxes_state spare;
            carve_state(boxes, carver, i,
                        boxes->state != NULL ? sp_boxes_state_at(boxes, i, t) : &spare);
        }
    }
}

/* What the program fills for a clip. */
static void carve_inputs(sp_boxes *boxes, sp_boxes_carver *carver, size_t frames) {
    boxes->lost = sp_boxes_carve_array(carver, 1);
    if (boxes->refinement->carve_inputs != NULL) {
        boxes->refinement->carve_inputs(boxes, carver, frames);
    }
}

static void carve_clip(sp_boxes *boxes, sp_boxes_carver *carver) {
    const sp_front_bound *front = boxes->front;
    const size_t start = carver->need, numbers = front->frames * front->features;
    carve_inputs(boxes, carver, front->frames);
    boxes->input_bytes = carver->need - start;
    boxes->features = boxes->device ? sp_boxes_carve_range(carver, numbers)
                                    : (sp_boxes_range){{front->feature_lo}, {front->feature_hi}};
    boxes->window = sp_boxes_carve_range(carver, boxes->gathered);
    carve_states(boxes, carver);
    if (boxes->refinement->carve_clip != NULL) {
        boxes->refinement->carve_clip(boxes, carver);
    }
    boxes->clip_bytes = carver->need - start;
}

static sp_boxes_need carve_all(sp_boxes *boxes, sp_boxes_carver carver) {
    boxes->first = sp_boxes_carve_host(&carver, boxes->net->nodes, sizeof *boxes->first);
    size_t states = 0;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        if (boxes->first != NULL) {
            boxes->first[i] = states;
        }
        states += sp_boxes_frames(boxes, 0, i);
    }
    boxes->state = sp_boxes_carve_host(&carver, states, sizeof *boxes->state);
    carve_constants(boxes, &carver);
    if (boxes->refinement->carve != NULL) {
        boxes->refinement->carve(boxes, &carver);
    }
    boxes->clip_at = carver.need;
    carve_clip(boxes, &carver);
    boxes->stride = boxes->device ? boxes->clip_bytes / sizeof(double) : 0;
    return (sp_boxes_need){carver.host_need, boxes->clip_at, boxes->clip_bytes};
}

sp_boxes_need sp_boxes_count(sp_boxes *boxes) {
    return carve_all(boxes, (sp_boxes_carver){NULL, NULL, 0, 0});
}

size_t sp_boxes_total(sp_boxes_need need, size_t clips) {
    return need.clip != 0 && clips > (SIZE_MAX - need.shared) / need.clip
               ? SIZE_MAX
               : need.shared + clips * need.clip;
}

static sp_status fail(sp_error *err, const sp_boxes *boxes, size_t need) {
    const double megabytes = (double)need / 1e6;
    if (boxes->device) {
        return sp_fail(err, SP_E_MEMORY,
                       "the bounds of %zu frames need %.1f MB of the device's memory, %.1f MB are "
                       "planned: raise --device-memory",
                       boxes->front->frames, megabytes, (double)sp_gpu_memory() / 1e6);
    }
    return sp_fail(err, SP_E_MEMORY, "out of memory: the bounds of %zu frames need %.0f MB",
                   boxes->front->frames, megabytes);
}

static sp_status take_memory(sp_error *err, sp_boxes *boxes) {
    const sp_boxes_need need = sp_boxes_count(boxes);
    const size_t numbers = sp_boxes_total(need, boxes->clips);
    SP_TRY(sp_gpu_open(err, &boxes->gpu, !boxes->device));
    if (numbers == SIZE_MAX || sp_arena_init(&boxes->host, need.host) != SP_OK) {
        return fail(err, boxes, numbers);
    }
    if (boxes->device) {
        boxes->block = sp_gpu_take(boxes->gpu, numbers);
        if (boxes->block == NULL) {
            return fail(err, boxes, numbers);
        }
        sp_arena_over(&boxes->numbers, boxes->block, numbers);
    } else if (sp_arena_init(&boxes->numbers, numbers) != SP_OK) {
        return fail(err, boxes, numbers);
    }
    (void)carve_all(boxes, (sp_boxes_carver){&boxes->host, &boxes->numbers, 0, 0});
    return sp_arena_ok(&boxes->host) && sp_arena_ok(&boxes->numbers) ? SP_OK
                                                                     : fail(err, boxes, numbers);
}

/* ---- the clips' inputs ---- */

void sp_boxes_send(sp_boxes *boxes, size_t clip, sp_boxes_array to, const double *from,
                   size_t count) {
    write_array(boxes, sp_boxes_array_at(to, clip * boxes->stride), from, count);
}

static void fill(sp_boxes *boxes, const sp_front_bound *front, double *lost) {
    *lost = sp_boxes_front_loss(boxes, front);
    if (boxes->refinement->fill_inputs != NULL) {
        boxes->refinement->fill_inputs(boxes, front);
    }
}

/* The inputs of each clip are filled in at `staged` and sent. */
static sp_status send_inputs(sp_error *err, sp_boxes *boxes) {
    void *staged = aligned_alloc(64, (boxes->input_bytes + 63) / 64 * 64 + 64);
    sp_status status = staged != NULL
                           ? SP_OK
                           : sp_fail(err, SP_E_MEMORY, "out of memory for the inputs of a clip");
    for (size_t clip = 0; status == SP_OK && clip < boxes->clips; clip++) {
        const sp_front_bound *front = boxes->fronts[clip];
        const size_t numbers = front->frames * front->features;
        sp_arena arena;
        memset(staged, 0, boxes->input_bytes);
        sp_arena_over(&arena, staged, boxes->input_bytes);
        sp_boxes_carver carver = {NULL, &arena, 0, 0};
        carve_inputs(boxes, &carver, front->frames);
        double lost;
        fill(boxes, front, &lost);
        memcpy(boxes->lost.on, &lost, sizeof lost); // staged
        char *to = (char *)boxes->block + boxes->clip_at + clip * boxes->clip_bytes;
        sp_gpu_write(boxes->gpu, to, staged, carver.need);
        sp_boxes_send(boxes, clip, boxes->features.lo, front->feature_lo, numbers);
        sp_boxes_send(boxes, clip, boxes->features.hi, front->feature_hi, numbers);
        if (boxes->refinement->send_front != NULL) {
            status = boxes->refinement->send_front(err, boxes, clip);
        }
    }
    free(staged);
    sp_arena arena;
    sp_arena_over(&arena, (char *)boxes->block + boxes->clip_at, boxes->input_bytes);
    sp_boxes_carver carver = {NULL, &arena, 0, 0};
    carve_inputs(boxes, &carver, boxes->front->frames);
    return status;
}

sp_status sp_boxes_take(sp_error *err, sp_boxes *boxes) {
    sp_gpu_init();
    SP_TRY(sp_gpu_check(err));
    SP_TRY(take_memory(err, boxes));
    SP_TRY(fill_constants(err, boxes));
    if (boxes->refinement->prepare != NULL) {
        SP_TRY(boxes->refinement->prepare(err, boxes));
    }
    if (boxes->device) {
        return send_inputs(err, boxes);
    }
    double lost;
    fill(boxes, boxes->front, &lost);
    sp_gpu_write(boxes->gpu, boxes->lost.on, &lost, sizeof lost);
    return SP_OK;
}

void sp_boxes_clear(sp_boxes *boxes) {
    if (boxes->block != NULL) {
        const sp_status waited = sp_gpu_sync(NULL, boxes->gpu); // nothing may run on it now
        (void)waited;
        sp_gpu_release(boxes->gpu, boxes->block);
    }
    if (boxes->gpu != NULL) {
        sp_gpu_close(boxes->gpu);
    }
    sp_arena_clear(&boxes->numbers);
    sp_arena_clear(&boxes->host);
    sp_net_clear(&boxes->unrolled);
    free(boxes->frames);
    free(boxes->fronts);
    free(boxes->mirror);
}

const double *sp_boxes_host(sp_boxes *boxes, sp_boxes_array array) {
    if (!boxes->device || array.on == NULL) {
        return array.on;
    }
    const char *first = (const char *)boxes->block + boxes->clip_at;
    if (boxes->mirror == NULL) {
        boxes->mirror = malloc(boxes->clip_bytes);
        if (boxes->mirror == NULL) {
            return NULL;
        }
        sp_gpu_read(boxes->gpu, boxes->mirror, first, boxes->clip_bytes);
    }
    return boxes->mirror + ((const char *)array.on - first) / (ptrdiff_t)sizeof(double);
}

sp_status sp_boxes_unroll(sp_error *err, sp_boxes *boxes, const sp_bound_task *task) {
    boxes->net = task->net;
    if (!sp_net_has_sums(task->net, task->fronts[0]->node)) {
        return SP_OK;
    }
    for (size_t i = 1; i < task->clips; i++) {
        if (task->fronts[i]->frames != task->fronts[0]->frames) {
            return sp_fail(err, SP_E_UNSUPPORTED,
                           "clips of different lengths are not bounded at once by a network with a "
                           "mean or sum over all steps");
        }
    }
    SP_TRY(sp_net_unroll(err, &boxes->unrolled, task->net, task->fronts[0]->node,
                         task->fronts[0]->frames));
    boxes->net = &boxes->unrolled;
    return SP_OK;
}
