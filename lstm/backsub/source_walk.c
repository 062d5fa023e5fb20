// Rows and values through the front end, frame by frame: from the features to the samples.
#include <string.h>

#include "lstm/backsub/impl.h"

static const sp_front_bound *front_of(const sp_walk *walk) {
    return walk->self->boxes.front;
}

/* ---- back ---- */

/* Signs of the coefficients c on samples [first, end) of frame t; none: 0. */
static void record_signs(sp_walk *walk, size_t rows, size_t t, size_t first, size_t end,
                         sp_backsub_rows c) {
    const sp_front_bound *front = front_of(walk);
    sp_gpu_signs(walk->self->boxes.gpu,
                 &(sp_gpu_signs_args){.rows = rows,
                                      .n = end - first,
                                      .c = sp_boxes_array_at(c.at, first).on,
                                      .ldc = c.ld,
                                      .sign = walk->ws->sign + sp_backsub_sign_at(front, t) + first,
                                      .lds = sp_backsub_sign_width(front)});
}

/* Terms of the support of the samples from `at` on, n of them. Boxes are known to devices, other
 * sets are the program's; for these the support is a running sum until all frames are met. */
static void gather(sp_walk *walk, size_t rows, size_t at, size_t n, sp_backsub_rows c) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_noise_set *set = walk->self->set;
    if (set->box) {
        sp_gpu_support(
            boxes->gpu,
            &(sp_gpu_support_args){.at = sp_walk_at(walk, rows),
                                   .n = n,
                                   .c = c.at.on,
                                   .ldc = c.ld,
                                   .radius = sp_boxes_array_at(walk->self->source.radius, at).on,
                                   .out = walk->ws->support.on});
        return;
    }
    const double *from = sp_boxes_program(boxes, c.at);
    double *support = sp_boxes_program(boxes, walk->ws->support);
    for (size_t r = 0; support != NULL && r < rows; r++) {
        support[r] = set->gather(support[r], from + r * c.ld, boxes->front->radius + at, n);
    }
}

/* The sums of all frames of a set that is no box become supports. */
static void finish(sp_walk *walk, size_t frames) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const sp_noise_set *set = walk->self->set;
    const bool apart = !front->joint && front->step > 0 && front->step < front->frame;
    const size_t copies = apart ? (front->frame + front->step - 1) / front->step : 1;
    double *support = sp_boxes_program(boxes, walk->ws->support);
    for (size_t r = 0; !set->box && support != NULL && r < walk->rows; r++) {
        support[r] = set->finish(support[r], frames * front->frame, frames, copies);
    }
}

/* The columns [first, end) of the window of frame t meet no earlier frame: they are concretised. */
static void concretise(sp_walk *walk, size_t rows, size_t t, size_t first, size_t end) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_rows sample = {walk->ws->sample, front->frame};
    const sp_backsub_rows c = {sp_boxes_array_at(sample.at, first), sample.ld};
    gather(walk, rows, t * front->step + first, end - first, c);
    if (walk->self->slopes) {
        sp_walk_set(walk, rows, end - first, c,
                    (sp_backsub_rows){
                        sp_boxes_array_at(walk->ws->slope, sp_backsub_sign_at(front, t) + first),
                        sp_backsub_slope_width(front)});
    }
    if (walk->choosing) {
        record_signs(walk, rows, t, first, end, sample);
    }
}

/* Coefficients on the features of step t to those on its bands. */
static sp_backsub_rows bands_back(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows in) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_source *source = &walk->self->source;
    if (front->matrix == NULL) {
        return in;
    }
    const sp_boxes_array omega = sp_boxes_array_at(source->feature_omega, t * front->features);
    const sp_backsub_rows band = {walk->ws->band, front->bands};
    sp_walk_affine(walk, rows, front->features, in, source->matrix_bias, omega);
    const sp_boxes_range none = {{NULL}, {NULL}}; // a product in double
    sp_walk_multiply(walk, rows, front->bands, front->features, in, omega, source->matrix, none,
                     false, band);
    return band;
}

/* The same for the joint front end: the squares of the noise in all bands are bounded together. */
static void joint_back(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows in,
                       sp_backsub_rows form) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_source *source = &walk->self->source;
    sp_backsub_workspace *ws = walk->ws;
    if (walk->choosing) {
        sp_walk_menu_pick(walk, rows, in, &source->line[t], ws->feature[t], form,
                          sp_backsub_no_rows, false);
    } else {
        sp_walk_scalars(walk, rows, in, &source->line[t], false, form);
    }
    sp_gpu_squares(
        walk->self->boxes.gpu,
        &(sp_gpu_squares_args){.at = sp_walk_at(walk, rows),
                               .bands = front->bands,
                               .peaks = front->peaks,
                               .x = form.at.on,
                               .ldx = form.ld,
                               .square = sp_boxes_array_at(source->square, t * front->bands).on,
                               .energy = sp_boxes_array_at(source->energy, t).on,
                               .peak = source->peak.on,
                               .highest = walk->choosing ? ws->peak[t] : NULL,
                               .bias = ws->bias.on,
                               .mass = ws->mass.on});
}

/* Which side of its lines each coefficient took; lines have one entry each side. Program's memory:
 * a device takes the joint front end only. */
static void record_sides(const sp_walk *walk, size_t rows, size_t n, sp_backsub_rows in,
                         unsigned char *entry) {
    const double *w = sp_boxes_program(&walk->self->boxes, in.at);
    for (size_t r = 0; walk->choosing && w != NULL && r < rows; r++) {
        for (size_t m = 0; m < n; m++) {
            entry[r * n + m] = w[r * in.ld + m] >= 0.0 ? 0 : 1;
        }
    }
}

/* Coefficients on the bands of step t to those on its linear forms; returns how many there are. */
static size_t forms_back(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows in) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_source *source = &walk->self->source;
    sp_backsub_workspace *ws = walk->ws;
    if (front->tangents > 0) {
        joint_back(walk, rows, t, in, (sp_backsub_rows){ws->form, front->forms});
        return front->forms;
    }
    record_sides(walk, rows, front->bands, in, walk->choosing ? ws->feature[t] : NULL);
    if (front->bins == 0) {
        sp_walk_scalars(
            walk, rows, in, &source->line[t], front->lo_form != front->up_form,
            (sp_backsub_rows){ws->form, front->forms > 0 ? front->forms : front->bands});
        return front->forms;
    }
    const sp_backsub_rows squares = {ws->form, front->bins}, energy = {ws->energy, front->bands};
    const sp_boxes_array omega = sp_boxes_array_at(source->energy_omega, t * front->bands);
    sp_walk_scalars(walk, rows, in, &source->line[t], false, energy);
    sp_walk_affine(walk, rows, front->bands, energy, source->mel_bias, omega);
    const sp_boxes_range none = {{NULL}, {NULL}}; // a product in double
    sp_walk_multiply(walk, rows, front->bins, front->bands, energy, omega, source->mel, none, false,
                     squares);
    record_sides(walk, rows, front->bins, squares, walk->choosing ? ws->bin[t] : NULL);
    sp_walk_scalars(walk, rows, squares, &source->bin_line[t], false, squares);
    return front->bins;
}

/* Coefficients on the forms of frame t to those on its samples. Each clip has forms of its own. */
static void multiply_forms(sp_walk *walk, size_t rows, size_t t, size_t forms) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const sp_backsub_source *source = &walk->self->source;
    const size_t frame = front->frame, clips = rows / walk->span;
    sp_backsub_workspace *ws = walk->ws;
    if (source->narrow) {
        const sp_boxes_array form_max = sp_boxes_array_at(source->form_min, t * forms);
        sp_walk_multiply_narrow(walk, &(sp_walk_narrow_product){
                                          .rows = rows,
                                          .n = frame,
                                          .k = forms,
                                          .count = clips,
                                          .step = boxes->stride * (sizeof(double) / sizeof(float)),
                                          .ldb = frame,
                                          .a = {ws->form, forms},
                                          .omega = form_max,
                                          .spread = form_max,
                                          .b = source->form.narrow + t * forms * frame,
                                          .c = {ws->sample, frame}});
        return;
    }
    const bool bins = front->bins > 0;
    sp_gpu_multiply(boxes->gpu,
                    &(sp_gpu_multiply_args){
                        .m = walk->span,
                        .n = frame,
                        .k = forms,
                        .a = ws->form.on,
                        .lda = forms,
                        .b = bins ? source->spectrum.wide.on
                                  : sp_boxes_matrix_at(&source->form, t * front->forms, 0).wide.on,
                        .ldb = frame,
                        .c = ws->sample.on,
                        .ldc = frame,
                        .count = clips,
                        .a_step = walk->span * forms,
                        .b_step = bins ? 0 : boxes->stride,
                        .c_step = walk->span * frame});
    ws->flops += 2.0 * (double)rows * (double)frame * (double)forms;
}

/* The first `keep` columns of the window of frame t+1 are the last ones of that of frame t: they
 * wait in ws->carry while the window is computed anew, and are added to it. */
static void take_carry(sp_walk *walk, size_t rows, size_t keep) {
    const size_t frame = front_of(walk)->frame;
    sp_walk_set(walk, rows, keep, (sp_backsub_rows){walk->ws->sample, frame},
                (sp_backsub_rows){walk->ws->carry, keep});
}

static void add_carry(sp_walk *walk, size_t rows, size_t keep) {
    const size_t frame = front_of(walk)->frame;
    const sp_backsub_rows end = {sp_boxes_array_at(walk->ws->sample, frame - keep), frame};
    sp_walk_add(walk, rows, keep, end, (sp_backsub_rows){walk->ws->carry, keep}, false, end);
}

/* Through the front end to the samples of frame t. Samples that no earlier frame shares are
 * concretised here, the others move on to frame t-1, unless this is the last one to be met.
 * carried: rows for which frame t+1 left some. */
static void frame_back(sp_walk *walk, size_t rows, size_t carried, size_t t, bool last) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_rows in = sp_walk_on(walk, walk->self->boxes.source, t);
    const size_t forms = forms_back(walk, rows, t, bands_back(walk, rows, t, in));
    if (forms == 0) {
        return;
    }
    const size_t keep = front->joint && front->step < front->frame ? front->frame - front->step : 0;
    if (keep == 0 && !walk->self->slopes && sp_backsub_source_silent(walk->self, t)) {
        if (walk->choosing) {
            record_signs(walk, rows, t, 0, front->frame, sp_backsub_no_rows);
        }
        return; // its samples do not move
    }
    if (keep > 0 && carried > 0) {
        take_carry(walk, carried, keep);
    }
    multiply_forms(walk, rows, t, forms);
    if (keep > 0 && carried > 0) {
        add_carry(walk, carried, keep);
    }
    if (walk->meeting) {
        sp_walk_energy(walk, rows, t);
    }
    concretise(walk, rows, t, last ? 0 : keep, front->frame);
}

void sp_walk_source_back(sp_walk *walk) {
    const sp_backsub_span span = walk->ws->span[walk->self->boxes.source];
    size_t carried = 0;
    for (size_t t = span.end; t-- > span.first;) {
        const size_t rows = sp_walk_rows(walk, walk->self->boxes.source, t);
        frame_back(walk, rows, carried, t, t == span.first);
        carried = rows;
    }
    finish(walk, span.end - span.first);
}

/* ---- forward; heuristic use only ---- */

/* Under a set that is no box: the noise at which the rows are least, in the place of their
 * coefficients on all samples. Frames with noise of their own have it one by one. */
static void attain(sp_walk *walk) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_front_bound *front = boxes->front;
    const size_t width = sp_backsub_slope_width(front), parts = front->joint ? 1 : front->frames;
    const size_t n = front->joint ? width : front->frame;
    double *slope = sp_boxes_program(boxes, walk->ws->slope);
    for (size_t r = 0; !walk->self->set->box && slope != NULL && r < walk->rows; r++) {
        for (size_t t = 0; t < parts; t++) {
            double *d = slope + r * width + sp_backsub_sign_at(front, t);
            walk->self->set->attain(d, d, front->radius + t * front->step, n);
            for (size_t i = 0; i < n; i++) {
                d[i] = -d[i];
            }
        }
    }
}

/* The samples of frame t at which the rows are least, in ws->sample. */
static void worst_samples(sp_walk *walk, size_t rows, size_t t) {
    const sp_front_bound *front = front_of(walk);
    const size_t at = t * front->step;
    if (!walk->self->set->box) {
        sp_walk_set(
            walk, rows, front->frame,
            (sp_backsub_rows){sp_boxes_array_at(walk->ws->slope, sp_backsub_sign_at(front, t)),
                              sp_backsub_slope_width(front)},
            (sp_backsub_rows){walk->ws->sample, front->frame});
        return;
    }
    sp_gpu_attain(
        walk->self->boxes.gpu,
        &(sp_gpu_attain_args){.at = sp_walk_at(walk, rows),
                              .n = front->frame,
                              .sign = walk->ws->sign + sp_backsub_sign_at(front, t),
                              .lds = sp_backsub_sign_width(front),
                              .radius = sp_boxes_array_at(walk->self->source.radius, at).on,
                              .d = walk->ws->sample.on,
                              .ldd = front->frame});
}

/* out [rows, count] = the forms of these samples; each clip has a matrix of its own, `step` doubles
 * apart. */
static void forms_value(sp_walk *walk, size_t rows, size_t t, size_t count, sp_boxes_array matrix,
                        size_t step, sp_boxes_array out) {
    const size_t frame = front_of(walk)->frame;
    if (sp_backsub_source_silent(walk->self, t)) {
        sp_walk_set(walk, rows, count, sp_backsub_no_rows, (sp_backsub_rows){out, count});
        return;
    }
    sp_gpu_multiply(walk->self->boxes.gpu, &(sp_gpu_multiply_args){.m = walk->span,
                                                                   .n = count,
                                                                   .k = frame,
                                                                   .a = walk->ws->sample.on,
                                                                   .lda = frame,
                                                                   .b = matrix.on,
                                                                   .ldb = frame,
                                                                   .transposed = true,
                                                                   .c = out.on,
                                                                   .ldc = count,
                                                                   .count = rows / walk->span,
                                                                   .a_step = walk->span * frame,
                                                                   .b_step = step,
                                                                   .c_step = walk->span * count});
    walk->ws->flops += 2.0 * (double)rows * (double)count * (double)frame;
}

/* The energies of frame t by the chosen lines of the squares. */
static void energy_value(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows energy) {
    const sp_backsub_source *source = &walk->self->source;
    sp_backsub_workspace *ws = walk->ws;
    const size_t K = front_of(walk)->bins;
    const sp_backsub_rows square = {ws->form, K};
    forms_value(walk, rows, t, K, source->spectrum.wide, 0, ws->form);
    sp_walk_menu_value(walk, rows, &source->bin_line[t], ws->bin[t], square, sp_backsub_no_rows,
                       square);
    sp_walk_bias(walk, rows, energy.ld, source->mel_bias, energy);
    sp_walk_weigh(walk, rows, energy.ld, K, square, source->mel, energy);
}

/* The forms that the chosen line of each feature reads. */
static void form_value(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows to) {
    const sp_front_bound *front = front_of(walk);
    sp_backsub_workspace *ws = walk->ws;
    const size_t bands = front->bands, lower = walk->self->source.line[t].lower;
    const sp_boxes *boxes = &walk->self->boxes;
    forms_value(walk, rows, t, front->forms,
                sp_boxes_matrix_at(&walk->self->source.form, t * front->forms, 0).wide,
                boxes->stride, ws->form);
    if (front->lo_form == front->up_form) {
        const sp_backsub_rows form = {sp_boxes_array_at(ws->form, front->lo_form), front->forms};
        sp_walk_set(walk, rows, bands, form, to);
        return;
    }
    const double *form = sp_boxes_program(boxes, ws->form);
    double *x = sp_boxes_program(boxes, to.at);
    for (size_t r = 0; form != NULL && r < rows; r++) {
        for (size_t m = 0; m < bands; m++) {
            const bool upper = (size_t)ws->feature[t][r * bands + m] >= lower;
            const size_t of = (upper ? front->up_form : front->lo_form) + m;
            x[r * bands + m] = form[r * front->forms + of];
        }
    }
}

/* Takes from features on upper lines what their squares have less together than one by one. */
static void take_squares(sp_walk *walk, size_t rows, size_t t, sp_backsub_rows feature) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_source *source = &walk->self->source;
    sp_gpu_relieve(
        walk->self->boxes.gpu,
        &(sp_gpu_relieve_args){.at = sp_walk_at(walk, rows),
                               .lines = source->line[t],
                               .choice = walk->ws->feature[t],
                               .square = sp_boxes_array_at(source->square, t * front->bands).on,
                               .energy = sp_boxes_array_at(source->energy, t).on,
                               .peaks = front->peaks,
                               .peak = source->peak.on,
                               .highest = walk->ws->peak[t],
                               .v = feature.at.on,
                               .ldv = feature.ld});
}

/* The features of step t through the chosen lines. */
static void frame_forward(sp_walk *walk, size_t rows, size_t t, size_t iteration) {
    const sp_front_bound *front = front_of(walk);
    const sp_backsub_source *source = &walk->self->source;
    sp_backsub_workspace *ws = walk->ws;
    const sp_backsub_rows out = sp_walk_on(walk, walk->self->boxes.source, t);
    const sp_backsub_rows x = {ws->energy, front->bands};
    const sp_backsub_rows band =
        front->matrix != NULL ? (sp_backsub_rows){ws->band, front->bands} : out;
    if (front->forms > 0) {
        worst_samples(walk, rows, t);
    }
    if (front->bins > 0) {
        energy_value(walk, rows, t, x);
    } else if (front->forms > 0) {
        form_value(walk, rows, t, x);
    } else {
        sp_walk_set(walk, rows, front->bands, sp_backsub_no_rows, x);
    }
    sp_walk_menu_value(walk, rows, &source->line[t], ws->feature[t], x, sp_backsub_no_rows, band);
    if (walk->self->energies) {
        sp_walk_energy_value(walk, rows, t, x, band);
    } else if (front->tangents > 0) {
        take_squares(walk, rows, t, band);
    }
    if (sp_backsub_features_choose(walk->self) && walk->mixer == NULL) {
        const size_t forms = t * front->forms;
        const sp_walk_value at = {x,
                                  {sp_boxes_array_at(source->form_min, forms),
                                   sp_boxes_array_at(source->form_max, forms)}};
        const sp_walk_value none = {sp_backsub_no_rows, {{NULL}, {NULL}}};
        sp_walk_menu_choose(walk, rows, &source->line[t], at, none, iteration,
                            ws->feature_anchor[t], ws->feature[t]);
    }
    if (front->matrix != NULL) {
        sp_walk_bias(walk, rows, front->features, source->matrix_bias, out);
        sp_walk_weigh(walk, rows, front->features, front->bands, band, source->matrix, out);
    }
}

void sp_walk_source_forward(sp_walk *walk, size_t iteration) {
    const size_t source = walk->self->boxes.source;
    const sp_backsub_span span = walk->ws->span[source];
    attain(walk);
    for (size_t t = span.first; t < span.end; t++) {
        frame_forward(walk, sp_walk_rows(walk, source, t), t, iteration);
    }
}
