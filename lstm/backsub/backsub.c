// The domain of back-substitution: which tasks it takes, its memory, and its objectives.
#include "lstm/backsub/backsub.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"
#include "lstm/backsub/impl.h"

static const sp_boxes_refinement refinement = {.carve = sp_backsub_carve,
                                               .carve_clip = sp_backsub_carve_clip,
                                               .carve_inputs = sp_backsub_carve_inputs,
                                               .fill_inputs = sp_backsub_fill_inputs,
                                               .prepare = sp_backsub_prepare,
                                               .send_front = sp_backsub_send_front,
                                               .tighten = sp_backsub_tighten,
                                               .relax = sp_backsub_relax};

/* ---- what a device takes ---- */

static bool is_joint(const sp_front_bound *front) {
    return front->joint && front->forms > 0;
}

static bool all_boxes(const sp_bound_task *task) {
    bool all = true;
    for (size_t i = 0; i < task->clips; i++) {
        all = all && sp_front_noise_set(task->fronts[i])->box;
    }
    return all;
}

/* Parts are made for rows that have a goal, where halfspaces are known. */
static bool makes_parts(const sp_bound_task *task, const sp_backsub_options *options) {
    return options->parts > 1 && task->goal != NULL && task->clips == 1 && all_boxes(task) &&
           is_joint(task->fronts[0]);
}

/* Energies of a row's own worst noise. */
static bool meets_energies(const sp_bound_task *task, const sp_backsub_options *options) {
    const sp_front_bound *front = task->fronts[0];
    return options->energies && task->clips == 1 && all_boxes(task) && is_joint(front) &&
           front->tangents > 0 && front->rows > 0;
}

static bool has_slopes(const sp_bound_task *task, const sp_backsub_options *options) {
    return task->lines || task->within != NULL || makes_parts(task, options);
}

static bool cells_run_forward(const sp_net *net) {
    for (size_t i = 0; i < net->nodes; i++) {
        if (net->node[i].kind == SP_NODE_CELL && net->node[i].cell.reverse) {
            return false;
        }
    }
    return true;
}

/* What the kernels know: exact planes, the joint front end, boxes of noise and all of them, cells
 * that run forward. Where rows choose, the joint front end with its tangents. */
static bool kernels_know(const sp_bound_task *task, const sp_backsub_options *options) {
    const sp_front_bound *front = task->fronts[0];
    const bool choose = options->box_iterations + options->row_iterations > 0;
    return options->planes == SP_BACKSUB_STATIC && !has_slopes(task, options) &&
           !options->energies && !options->sums && front->bins == 0 && all_boxes(task) &&
           cells_run_forward(task->net) && (!choose || front->tangents > 0);
}

static bool has_wide_cell(const sp_net *net) {
    bool wide = false;
    for (size_t i = 0; i < net->nodes; i++) {
        const sp_node *node = &net->node[i];
        wide = wide || (node->kind == SP_NODE_CELL && node->width >= SP_BACKSUB_WIDE &&
                        sp_cell_gates(&node->cell) > 1);
    }
    return wide;
}

static bool single_is_of_use(const sp_bound_task *task, const sp_backsub_options *options) {
    return (options->single || (options->single_wide && has_wide_cell(task->net))) &&
           options->planes == SP_BACKSUB_STATIC && !has_slopes(task, options) &&
           !options->energies && !options->sums && task->fronts[0]->bins == 0;
}

/* ---- memory ---- */

static sp_status shape(sp_error *err, sp_backsub *self, const sp_bound_task *task,
                       const sp_backsub_options *options, bool device) {
    self->options = *options;
    self->part.halves = task->within != NULL ? 1 : 0;
    self->part.half[0] = task->within;
    self->goal = task->goal;
    self->parts = makes_parts(task, options);
    self->lines = has_slopes(task, options);
    self->energies = meets_energies(task, options) && !device;
    self->sums = options->sums && options->octagons && options->box_iterations > 0 && !device &&
                 task->clips == 1 && options->planes == SP_BACKSUB_STATIC;
    self->set = sp_front_noise_set(task->fronts[0]);
    self->slopes = self->lines || (!self->set->box && sp_backsub_rows_choose(self));
    self->threads = device ? 1 : (size_t)sp_pool_threads();
    self->boxes.single = single_is_of_use(task, options);
    SP_TRY(sp_boxes_shape(err, &self->boxes, task, &refinement, device));
    const size_t frames = self->boxes.front->frames;
    self->steps = !device ? 1 : frames < SP_BACKSUB_DEVICE_STEPS ? frames : SP_BACKSUB_DEVICE_STEPS;
    self->slot_of = calloc(3 * task->net->nodes, sizeof *self->slot_of);
    if (self->slot_of == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    self->slot_size = self->slot_of + task->net->nodes;
    return SP_OK;
}

/* The tile shrinks to what fits into `room` bytes; returns the need of all clips. */
static size_t fit_tile(sp_backsub *self, size_t room) {
    self->tile = SP_BACKSUB_TILE;
    sp_boxes_need need = sp_boxes_count(&self->boxes);
    if (self->boxes.device) {
        self->tile = self->most;
        need = sp_boxes_count(&self->boxes);
        while (self->tile > SP_BACKSUB_TILE && sp_boxes_total(need, self->boxes.clips) > room) {
            self->tile = sp_backsub_whole_tiles(self->tile / 2);
            need = sp_boxes_count(&self->boxes);
        }
    }
    return sp_boxes_total(need, self->boxes.clips);
}

/* The same clip `clips` times. */
static size_t bytes_of(const sp_bound_task *task, const sp_backsub_options *options, size_t clips,
                       bool device) {
    sp_backsub self = {0};
    size_t bytes = SIZE_MAX;
    const sp_front_bound **fronts = calloc(clips, sizeof *fronts);
    sp_bound_task many = *task;
    for (size_t i = 0; fronts != NULL && i < clips; i++) {
        fronts[i] = task->fronts[0];
    }
    many.fronts = fronts;
    many.clips = clips;
    if (fronts != NULL && shape(NULL, &self, &many, options, device) == SP_OK) {
        bytes = fit_tile(&self, SIZE_MAX);
    }
    sp_backsub_clear(&self);
    free(fronts);
    return bytes;
}

size_t sp_backsub_bytes(const sp_bound_task *task, const void *options, bool device) {
    const sp_backsub_options standard = {0};
    return bytes_of(task, options != NULL ? options : &standard, task->clips, device);
}

size_t sp_backsub_room(const sp_bound_task *task, const void *options) {
    const sp_backsub_options standard = {0};
    const sp_backsub_options *o = options != NULL ? options : &standard;
    const size_t memory = sp_gpu_memory();
    size_t fits = 1, fails = 2;
    if (memory == SIZE_MAX || !kernels_know(task, o) || o->parts > 1 ||
        sp_net_has_sums(task->net, task->fronts[0]->node)) {
        return 1;
    }
    while (fails < SP_BOXES_MAX_CLIPS && bytes_of(task, o, fails, true) <= memory) {
        fits = fails;
        fails *= 2;
    }
    while (fits + 1 < fails) {
        const size_t middle = fits + (fails - fits) / 2;
        *(bytes_of(task, o, middle, true) <= memory ? &fits : &fails) = middle;
    }
    return fits;
}

sp_status sp_backsub_init(sp_error *err, sp_backsub *self, const sp_bound_task *task,
                          const sp_backsub_options *options) {
    if (has_slopes(task, options) &&
        (options->planes != SP_BACKSUB_STATIC || !is_joint(task->fronts[0]))) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "lines and halfspaces need exact planes and the joint front end");
    }
    if (options->rules.alone && options->planes != SP_BACKSUB_RULES) {
        return sp_fail(err, SP_E_ARGUMENT, "rows alone go with the planes of a rule");
    }
    if (has_slopes(task, options) && task->clips > 1) {
        return sp_fail(err, SP_E_ARGUMENT, "lines and halfspaces are of one clip");
    }
    if (task->within != NULL && !all_boxes(task)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "halfspaces are known of boxes of noise only");
    }
    if (task->clips > 1 && sp_backsub_room(task, options) < task->clips) {
        return sp_fail(err, SP_E_ARGUMENT, "no backend bounds %zu clips like these at once",
                       task->clips);
    }
    const bool device = sp_gpu_memory() != SIZE_MAX && kernels_know(task, options);
    SP_TRY(shape(err, self, task, options, device));
    (void)fit_tile(self, sp_gpu_memory());
    SP_TRY(sp_boxes_take(err, &self->boxes));
    return sp_boxes_bound(err, &self->boxes);
}

void sp_backsub_clear(sp_backsub *self) {
    sp_boxes_clear(&self->boxes);
    free(self->slot_of);
}

static void destroy(void *self) {
    if (self != NULL) {
        sp_backsub_clear(self);
        free(self);
    }
}

static sp_status create(sp_error *err, void **out, const sp_bound_task *task, const void *options) {
    const sp_backsub_options standard = {0};
    sp_backsub *self = calloc(1, sizeof *self);
    *out = NULL;
    if (self == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for bounds");
    }
    const sp_status status =
        sp_backsub_init(err, self, task, options != NULL ? options : &standard);
    if (status != SP_OK) {
        destroy(self);
        return status;
    }
    *out = self;
    return SP_OK;
}

/* ---- objectives ---- */

static void program_rows(sp_backsub *self, double *lower, double *error, sp_halfspace *line,
                         const double *weight, size_t rows) {
    sp_backsub_start start = sp_backsub_final_rows(self, (sp_boxes_array){(double *)weight});
    start.line = line;
    start.goal = self->goal;
    sp_backsub_lower_rows(self, (sp_boxes_array){lower}, (sp_boxes_array){error}, &start, rows,
                          self->options.row_iterations, self->options.stop_positive);
}

/* Rows [first, first + count) of every clip. buffer: [clips, count, classes]. */
static void some_device_rows(sp_backsub *self, double *lower, double *error, const double *weight,
                             size_t rows, size_t first, size_t count, double *buffer) {
    sp_boxes *boxes = &self->boxes;
    const size_t classes = boxes->net->classes;
    for (size_t clip = 0; clip < boxes->clips; clip++) {
        memcpy(buffer + clip * count * classes, weight + (clip * rows + first) * classes,
               count * classes * sizeof *buffer);
    }
    sp_gpu_write(boxes->gpu, self->objective.on, buffer,
                 boxes->clips * count * classes * sizeof *buffer);
    const sp_backsub_start start = sp_backsub_final_rows(self, self->objective);
    sp_backsub_lower_rows(self, self->box_lower, self->row_error, &start, count,
                          self->options.row_iterations, self->options.stop_positive);
    for (size_t clip = 0; clip < boxes->clips; clip++) {
        sp_gpu_read(boxes->gpu, lower + clip * rows + first,
                    sp_boxes_array_at(self->box_lower, clip * self->most).on,
                    count * sizeof *lower);
        if (error != NULL) {
            sp_gpu_read(boxes->gpu, error + clip * rows + first,
                        sp_boxes_array_at(self->row_error, clip * self->most).on,
                        count * sizeof *error);
        }
    }
}

static sp_status device_rows(sp_error *err, sp_backsub *self, double *lower, double *error,
                             const double *weight, size_t rows) {
    const size_t most = rows < self->tile ? rows : self->tile;
    double *buffer =
        malloc((self->boxes.clips * most * self->boxes.net->classes + 1) * sizeof *buffer);
    if (buffer == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu rows", rows);
    }
    for (size_t first = 0; first < rows; first += most) {
        some_device_rows(self, lower, error, weight, rows, first,
                         rows - first < most ? rows - first : most, buffer);
    }
    free(buffer);
    return SP_OK;
}

/* Rows that miss their goals, on parts of the noises. */
static sp_status branch_rows(sp_error *err, sp_backsub *self, double *lower, double *error,
                             const double *weight, size_t rows) {
    sp_status status = SP_OK;
    for (size_t r = 0; r < rows && status == SP_OK; r++) {
        if (!(lower[r] > self->goal[r])) {
            status = sp_backsub_branch(err, self, lower + r, error != NULL ? error + r : NULL,
                                       weight + r * self->boxes.net->classes, self->goal[r]);
        }
    }
    return status;
}

/* line: NULL, or those that attain the bounds. */
static sp_status bound_rows(sp_error *err, sp_backsub *self, double *lower, double *error,
                            sp_halfspace *line, const double *weight, size_t rows) {
    sp_boxes *boxes = &self->boxes;
    const size_t all = boxes->clips * rows;
    SP_TRY(sp_boxes_check_objectives(err, weight, all * boxes->net->classes));
    sp_boxes_know_nothing(lower, error, all);
    sp_status status = SP_OK;
    if (boxes->device) {
        status = device_rows(err, self, lower, error, weight, rows);
    } else {
        program_rows(self, lower, error, line, weight, rows);
    }
    if (status == SP_OK && sp_clock_passed(boxes->deadline)) {
        status = sp_fail(err, SP_E_TIMEOUT, "time limit reached in the last rows");
    }
    if (status == SP_OK && !self->options.rules.alone) {
        status = sp_boxes_raise(err, boxes, lower, weight, rows);
    }
    if (status == SP_OK && self->parts) {
        status = branch_rows(err, self, lower, error, weight, rows);
    }
    if (status == SP_OK) {
        status = sp_gpu_sync(err, boxes->gpu);
    }
    if (status != SP_OK) {
        sp_boxes_know_nothing(lower, error, all);
    }
    return status;
}

void sp_backsub_answer(void *of, size_t frame, const double *goal) {
    sp_backsub *self = of;
    self->boxes.answer = frame;
    self->goal = goal;
}

sp_status sp_backsub_margins(sp_error *err, void *self, double *lower, double *error,
                             const double *weight, size_t rows) {
    return bound_rows(err, self, lower, error, NULL, weight, rows);
}

static sp_status lines(sp_error *err, void *of, double *lower, double *error, sp_halfspace *line,
                       const double *weight, size_t rows) {
    sp_backsub *self = of;
    if (!self->lines) {
        return sp_fail(err, SP_E_ARGUMENT, "lines must be asked for when bounds are created");
    }
    for (size_t r = 0; r < rows; r++) {
        memset(line[r].slope, 0, self->boxes.front->padded * sizeof(double));
        line[r].offset = -INFINITY;
    }
    return bound_rows(err, self, lower, error, line, weight, rows);
}

void sp_backsub_box(void *self, size_t node, size_t frame, int variable, const double **lo,
                    const double **hi) {
    sp_boxes_box(&((sp_backsub *)self)->boxes, node, frame, variable, lo, hi);
}

void sp_backsub_spent(void *of, double *flops, size_t *moved) {
    const sp_backsub *self = of;
    const sp_gpu_counts counts = sp_gpu_counted(self->boxes.gpu);
    *flops = 0.0;
    for (size_t i = 0; i < self->threads; i++) {
        *flops += self->work[i].flops;
    }
    *moved = self->boxes.device ? counts.written + counts.read : 0;
}

const sp_domain sp_domain_backsub = {.name = "backsub",
                                     .serves =
                                         SP_SERVES_HALFSPACE | SP_SERVES_LINES | SP_SERVES_BATCH,
                                     .create = create,
                                     .answer = sp_backsub_answer,
                                     .margins = sp_backsub_margins,
                                     .lines = lines,
                                     .box = sp_backsub_box,
                                     .evidence = sp_backsub_evidence,
                                     .room = sp_backsub_room,
                                     .bytes = sp_backsub_bytes,
                                     .spent = sp_backsub_spent,
                                     .destroy = destroy};
