// Intervals through the nodes of a graph in topological order, each with all its frames.
#include "lstm/boxes/boxes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/interval.h"

/* ---- the task ---- */

static sp_status check_front(sp_error *err, const sp_bound_task *task, size_t i) {
    const sp_front_bound *front = task->fronts[i], *before = task->fronts[i > 0 ? i - 1 : 0];
    if (front->frames == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "nothing to bound: no frames");
    }
    if (front->node >= task->net->nodes || task->net->node[front->node].width != front->features) {
        return sp_fail(err, SP_E_MISMATCH, "the model reads %zu features, the front end gives %zu",
                       front->node < task->net->nodes ? task->net->node[front->node].width : 0,
                       front->features);
    }
    if (before->forms != front->forms || before->matrix != front->matrix ||
        before->frame != front->frame || before->step != front->step ||
        before->node != front->node) {
        return sp_fail(err, SP_E_MISMATCH, "the clips of a batch come from another front end");
    }
    if (before->frames < front->frames) {
        return sp_fail(err, SP_E_ARGUMENT, "a clip of %zu frames stands behind one of %zu",
                       front->frames, before->frames);
    }
    return SP_OK;
}

static sp_status check_nodes(sp_error *err, const sp_bound_task *task) {
    const sp_net *net = task->net;
    const size_t source = task->fronts[0]->node;
    if (source + 1 >= net->nodes) {
        return sp_fail(err, SP_E_ARGUMENT, "nothing to bound: no node behind the front end");
    }
    for (size_t i = source + 1; i < net->nodes; i++) {
        if (net->node[i].width > SP_BOXES_MAX_WIDTH) {
            return sp_fail(err, SP_E_UNSUPPORTED, "node %zu is wider than %d", i,
                           SP_BOXES_MAX_WIDTH);
        }
        for (size_t k = 0; k < sp_node_inputs(&net->node[i]); k++) {
            if (sp_node_input(&net->node[i], k) < source) {
                return sp_fail(err, SP_E_UNSUPPORTED,
                               "node %zu reads node %zu, which is inside the front end", i,
                               sp_node_input(&net->node[i], k));
            }
        }
    }
    return SP_OK;
}

static sp_status count_frames(sp_error *err, sp_boxes *boxes) {
    const sp_net *net = boxes->net;
    for (size_t clip = 0; clip < boxes->clips; clip++) {
        for (size_t i = boxes->source; i < net->nodes; i++) {
            const size_t frames = sp_net_frames(net, boxes->source, i, boxes->fronts[clip]->frames);
            boxes->frames[clip * net->nodes + i] = frames;
            if (frames == 0) {
                return sp_fail(err, SP_E_MISMATCH, "%zu frames are too few for node %zu",
                               boxes->fronts[clip]->frames, i);
            }
        }
    }
    return SP_OK;
}

/* An affine node that reads one frame as it stands needs no window. */
static bool reads_one_frame(const sp_node *node) {
    const sp_timing *timing = &node->term[0].timing;
    return node->terms == 1 && timing->taps == 1 && timing->before == 0 && timing->after == 0;
}

/* The most terms that a product of matrices, or another sum over columns, has. */
static double width_of(const sp_boxes *boxes) {
    const sp_front_bound *front = boxes->front;
    size_t width = front->forms + front->bands + front->bins + front->features;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        size_t widest = node->width;
        if (node->kind == SP_NODE_CELL) {
            sp_cell_steps steps;
            sp_cell_describe(&steps, &node->cell);
            const size_t images = steps.images * node->width;
            widest = images > node->cell.in ? images : node->cell.in;
        }
        for (size_t k = 0; node->kind == SP_NODE_AFFINE && k < node->terms; k++) {
            widest += node->term[k].timing.taps * node->term[k].in;
        }
        width = widest > width ? widest : width;
    }
    return (double)width;
}

/* Sums over a row's coefficients that a node adds to its bound at one frame, at most. */
static size_t sums_of(const sp_node *node) {
    size_t sums = 2;
    if (node->kind == SP_NODE_CELL) {
        sp_cell_steps steps;
        sp_cell_describe(&steps, &node->cell);
        sums += steps.roundings;
    }
    for (size_t k = 0; node->kind == SP_NODE_AFFINE && k < node->terms; k++) {
        sums += node->term[k].timing.taps;
    }
    return sums;
}

/* Every product of matrices sums at most `width` terms, every operation adds its sum of at most
 * `width` terms to a running bias of `sums` terms, samples are summed over the padded clip; a
 * coefficient meets a few more roundings on its way. Doubled: the masses are themselves computed.
 */
double sp_boxes_chain(const sp_boxes *boxes, const sp_front_bound *front) {
    double sums = 4.0 * (double)front->frames;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const size_t frames = sp_net_frames(boxes->net, boxes->source, i, front->frames);
        sums += (double)sums_of(&boxes->net->node[i]) * (double)frames;
    }
    return 2.0 * (boxes->width + sums + (double)front->padded + 64.0);
}

sp_status sp_boxes_shape(sp_error *err, sp_boxes *boxes, const sp_bound_task *task,
                         const sp_boxes_refinement *refinement, bool device) {
    if (task->clips == 0 || task->net->nodes == 0) {
        return sp_fail(err, SP_E_ARGUMENT, "nothing to bound: %zu clips, %zu nodes", task->clips,
                       task->net->nodes);
    }
    for (size_t i = 0; i < task->clips; i++) {
        SP_TRY(check_front(err, task, i));
    }
    SP_TRY(check_nodes(err, task));
    SP_TRY(sp_boxes_unroll(err, boxes, task));
    boxes->clips = task->clips;
    boxes->source = task->fronts[0]->node;
    boxes->deadline = task->deadline;
    boxes->evident = task->evident;
    boxes->device = device;
    boxes->refinement = refinement;
    boxes->fronts = calloc(task->clips, sizeof *boxes->fronts);
    boxes->frames = calloc(task->clips * task->net->nodes, sizeof *boxes->frames);
    if (boxes->fronts == NULL || boxes->frames == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    memcpy(boxes->fronts, task->fronts, task->clips * sizeof *boxes->fronts);
    boxes->front = boxes->fronts[0];
    SP_TRY(count_frames(err, boxes));
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const sp_node *node = &boxes->net->node[i];
        size_t columns = 0;
        for (size_t k = 0; node->kind == SP_NODE_AFFINE && k < node->terms; k++) {
            columns += node->term[k].timing.taps * node->term[k].in;
        }
        if (columns > boxes->gathered && !reads_one_frame(node)) {
            boxes->gathered = columns;
        }
    }
    boxes->width = width_of(boxes);
    // in single precision each product has four more sums: docs/theory/single-precision.md 6
    boxes->underflow =
        (boxes->single ? 4.0 : 1.0) * sp_boxes_chain(boxes, boxes->front) * SP_IV_LEAST;
    return SP_OK;
}

/* ---- reading what is there ---- */

size_t sp_boxes_clips_at(const sp_boxes *boxes, size_t node, size_t t) {
    size_t clips = boxes->clips;
    while (clips > 0 && sp_boxes_frames(boxes, clips - 1, node) <= t) {
        clips--;
    }
    return clips;
}

sp_boxes_range sp_boxes_out(const sp_boxes *boxes, size_t node, size_t frame) {
    if (node == boxes->source) {
        return sp_boxes_range_at(boxes->features, frame * boxes->front->features);
    }
    const sp_node *at = &boxes->net->node[node];
    return sp_boxes_state_at(boxes, node,
                             sp_boxes_step_frame(at, frame, sp_boxes_frames(boxes, 0, node)))
        ->out;
}

sp_boxes_range sp_boxes_variable(const sp_boxes *boxes, size_t node, size_t t, int variable) {
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    const sp_boxes_range none = {{NULL}, {NULL}};
    if (variable == SP_NO_VARIABLE || sp_cell_zero(steps, variable, t == 0)) {
        return none;
    }
    const sp_cell_variable *v = &steps->variable[variable];
    const sp_boxes_state *state = sp_boxes_state_at(boxes, node, t);
    if (v->op == SP_CELL_STATE) {
        for (size_t i = 0; t > 0 && i < steps->states; i++) {
            if (steps->state[i].before == variable) {
                return sp_boxes_variable(boxes, node, t - 1, steps->state[i].after);
            }
        }
        return none;
    }
    if (variable == steps->output) {
        return state->out;
    }
    return v->op == SP_CELL_IMAGE
               ? sp_boxes_range_at(state->input, v->place * boxes->net->node[node].width)
               : state->variable[variable];
}

void sp_boxes_box(sp_boxes *boxes, size_t node, size_t frame, int variable, const double **lo,
                  const double **hi) {
    const sp_node *at = &boxes->net->node[node];
    sp_boxes_range box = {{NULL}, {NULL}};
    if (variable == SP_NO_VARIABLE) {
        box = sp_boxes_out(boxes, node, frame);
    } else if (at->kind == SP_NODE_CELL) {
        box = sp_boxes_variable(
            boxes, node, sp_boxes_step_frame(at, frame, sp_boxes_frames(boxes, 0, node)), variable);
    }
    *lo = sp_boxes_host(boxes, box.lo);
    *hi = sp_boxes_host(boxes, box.hi);
}

void sp_boxes_output(sp_boxes *boxes, size_t clip, double *lo, double *hi) {
    const size_t bytes = boxes->net->classes * sizeof *lo;
    const size_t output = boxes->net->nodes - 1;
    const sp_boxes_range box =
        sp_boxes_range_at(sp_boxes_out(boxes, output, boxes->answer), clip * boxes->stride);
    sp_gpu_read(boxes->gpu, lo, box.lo.on, bytes);
    sp_gpu_read(boxes->gpu, hi, box.hi.on, bytes);
}

void sp_boxes_know_nothing(double *lower, double *error, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        lower[r] = -INFINITY;
        if (error != NULL) {
            error[r] = 0.0;
        }
    }
}

sp_status sp_boxes_check_objectives(sp_error *err, const double *weight, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(weight[i])) {
            return sp_fail(err, SP_E_NONFINITE, "entry %zu of the objectives is not finite", i);
        }
    }
    return SP_OK;
}

/* ---- underflow ---- */

void sp_boxes_lose(sp_boxes *boxes, sp_gpu_clips at, size_t n, sp_boxes_range box) {
    if (n > 0 && box.lo.on != NULL) {
        sp_gpu_lose(boxes->gpu, &(sp_gpu_lose_args){.at = at,
                                                    .n = n,
                                                    .x = sp_boxes_range_of(box),
                                                    .rate = boxes->underflow,
                                                    .lost = boxes->lost.on});
    }
}

static double loss(double sum, double lo, double hi) {
    return sp_above(sum + sp_above(1.0 + sp_iv_mag((sp_iv){lo, hi})));
}

double sp_boxes_front_loss(const sp_boxes *boxes, const sp_front_bound *front) {
    const size_t T = front->frames;
    double sum = 0.0;
    for (size_t i = 0; i < T * front->features; i++) {
        sum = loss(sum, front->feature_lo[i], front->feature_hi[i]);
    }
    for (size_t i = 0; i < T * front->bands; i++) {
        sum = loss(sum, front->lo[i], front->hi[i]);
        sum = front->tangents > 0 ? loss(sum, 0.0, front->square[i]) : sum;
        sum = front->bins > 0 ? loss(sum, 0.0, front->energy_max[i]) : sum;
    }
    for (size_t i = 0; i < T * front->forms; i++) {
        sum = loss(sum, 0.0, front->form_max[i]);
    }
    for (size_t i = 0; i < T * front->bins; i++) {
        sum = loss(loss(sum, 0.0, front->bin_max[i]), 0.0, front->square_max[i]);
    }
    for (size_t t = 0; front->tangents > 0 && t < T; t++) {
        sum = loss(sum, 0.0, front->energy[t]);
    }
    for (size_t i = 0; front->radius != NULL && i < front->padded; i++) {
        sum = loss(sum, 0.0, front->radius[i]);
    }
    for (size_t i = 0; front->radius != NULL && i < T * front->frame; i++) {
        sum = loss(sum, 0.0, front->radius[i / front->frame * front->step + i % front->frame]);
    }
    return sp_above(sp_above(boxes->underflow * sum));
}

/* ---- nodes ---- */

static void copy_box(sp_boxes *boxes, sp_gpu_clips at, size_t first, size_t n, sp_boxes_range from,
                     sp_boxes_range to) {
    const size_t offset = first * boxes->stride;
    const sp_boxes_array pair[2][2] = {{from.lo, to.lo}, {from.hi, to.hi}};
    for (size_t side = 0; at.clips > 0 && side < 2; side++) {
        sp_gpu_copy(boxes->gpu,
                    &(sp_gpu_copy_args){.rows = at.clips,
                                        .n = n,
                                        .from = sp_boxes_array_at(pair[side][0], offset).on,
                                        .ldf = boxes->stride,
                                        .period = at.clips,
                                        .to = sp_boxes_array_at(pair[side][1], offset).on,
                                        .ldt = boxes->stride});
    }
}

/* The box of a frame that a tap reads, of all clips; 0 for those in which it is padding. */
static void gather_frame(sp_boxes *boxes, sp_gpu_clips at, const sp_term *term, size_t t,
                         size_t tap, sp_boxes_range to) {
    const sp_boxes_range zero = {{NULL}, {NULL}};
    size_t clips = 0, frame = 0;
    if (sp_timing_reads(&frame, &term->timing, sp_boxes_frames(boxes, 0, term->input), t, tap)) {
        clips = sp_boxes_clips_at(boxes, term->input, frame);
        clips = clips < at.clips ? clips : at.clips;
        copy_box(boxes, (sp_gpu_clips){clips, at.stride}, 0, term->in,
                 sp_boxes_out(boxes, term->input, frame), to);
    }
    copy_box(boxes, (sp_gpu_clips){at.clips - clips, at.stride}, clips, term->in, zero, to);
}

/* Gathers the boxes of the frames that an affine node reads into one window. */
static void gather(sp_boxes *boxes, const sp_node *node, size_t t, sp_gpu_clips at) {
    size_t column = 0;
    for (size_t i = 0; i < node->terms; i++) {
        const sp_term *term = &node->term[i];
        for (size_t k = 0; k < term->timing.taps; k++) {
            gather_frame(boxes, at, term, t, k, sp_boxes_range_at(boxes->window, column));
            column += term->in;
        }
    }
}

static void bound_affine(sp_boxes *boxes, size_t i, size_t t) {
    const sp_node *node = &boxes->net->node[i];
    const sp_boxes_constants *c = &boxes->constants[i];
    const sp_boxes_state *state = sp_boxes_state_at(boxes, i, t);
    const sp_gpu_clips at = sp_boxes_clips_of(boxes, i, t);
    sp_boxes_range x = boxes->window;
    if (reads_one_frame(node)) {
        x = sp_boxes_out(boxes, node->term[0].input, t * node->term[0].timing.stride);
    } else {
        gather(boxes, node, t, at);
    }
    const sp_gpu_interval_args image = {.at = at,
                                        .out = node->width,
                                        .in = c->columns,
                                        .weight = c->weight.wide.on,
                                        .bias = c->bias.on,
                                        .x = sp_boxes_range_of(x),
                                        .lo = state->out.lo.on,
                                        .hi = state->out.hi.on,
                                        .omega = state->omega.on};
    sp_gpu_interval(boxes->gpu, &image);
    sp_boxes_spread(boxes, i, t, 0, &image);
}

static sp_status bound_curve(sp_error *err, sp_boxes *boxes, size_t i, size_t t) {
    const sp_node *node = &boxes->net->node[i];
    const sp_boxes_state *state = sp_boxes_state_at(boxes, i, t);
    const sp_gpu_clips at = sp_boxes_clips_of(boxes, i, t);
    copy_box(boxes, at, 0, node->width, sp_boxes_out(boxes, node->input, t), state->input);
    if (boxes->refinement->tighten != NULL) {
        boxes->refinement->tighten(boxes, i, t, 0, 1);
    }
    if (boxes->refinement->relax != NULL) {
        SP_TRY(boxes->refinement->relax(err, boxes, i, t, 0, 1));
    }
    sp_gpu_activate(boxes->gpu, &(sp_gpu_activate_args){.at = at,
                                                        .n = node->width,
                                                        .f = node->curve,
                                                        .x = sp_boxes_range_of(state->input),
                                                        .lo = state->out.lo.on,
                                                        .hi = state->out.hi.on});
    sp_boxes_lose(boxes, at, node->width, state->input);
    return SP_OK;
}

/* The clips of a batch end at different frames. */
static void bound_pool(sp_boxes *boxes, size_t i) {
    const sp_node *node = &boxes->net->node[i];
    size_t first = 0;
    while (first < boxes->clips) {
        const size_t frames = sp_boxes_frames(boxes, first, node->input);
        size_t end = first + 1;
        while (end < boxes->clips && sp_boxes_frames(boxes, end, node->input) == frames) {
            end++;
        }
        const size_t from = node->pool == SP_POOLING_LAST ? frames - 1 : 0;
        copy_box(boxes, (sp_gpu_clips){end - first, boxes->stride}, first, node->width,
                 sp_boxes_out(boxes, node->input, from), sp_boxes_state_at(boxes, i, 0)->out);
        first = end;
    }
}

sp_status sp_boxes_bound_frame(sp_error *err, sp_boxes *boxes, size_t i, size_t t) {
    switch (boxes->net->node[i].kind) {
    case SP_NODE_INPUT:
        return sp_fail(err, SP_E_ARGUMENT, "node %zu is an input behind the front end", i);
    case SP_NODE_AFFINE:
        bound_affine(boxes, i, t);
        break;
    case SP_NODE_CURVE:
        SP_TRY(bound_curve(err, boxes, i, t));
        break;
    case SP_NODE_CELL:
        SP_TRY(sp_boxes_bound_cell(err, boxes, i, t));
        break;
    case SP_NODE_POOL:
        bound_pool(boxes, i);
        break;
    }
    if (boxes->refinement->finish != NULL) {
        boxes->refinement->finish(boxes, i, t);
    }
    sp_boxes_lose(boxes, sp_boxes_clips_of(boxes, i, t), boxes->net->node[i].width,
                  sp_boxes_state_at(boxes, i, t)->out);
    return SP_OK;
}

sp_status sp_boxes_bound(sp_error *err, sp_boxes *boxes) {
    double before = 0.0, all = 0.0;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        all += sp_boxes_work(boxes, i, sp_boxes_frames(boxes, 0, i));
    }
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const size_t frames = sp_boxes_frames(boxes, 0, i);
        for (size_t t = 0; t < frames; t++) {
            if (sp_clock_passed(boxes->deadline)) {
                return sp_fail(err, SP_E_TIMEOUT,
                               "time limit reached at frame %zu of %zu of node %zu of %zu", t + 1,
                               frames, i, boxes->net->nodes);
            }
            SP_TRY(sp_boxes_bound_frame(err, boxes, i, t));
            if (boxes->deadline > 0.0) {
                SP_TRY(sp_gpu_sync(err, boxes->gpu)); // the clock tells of work that is done
            }
            sp_boxes_tell(boxes, i, t, before, all);
        }
        before += sp_boxes_work(boxes, i, frames);
    }
    return sp_gpu_sync(err, boxes->gpu);
}
