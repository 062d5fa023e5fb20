// What rows meet of the front end: its lines as menus, the scales of its rounding errors, and its
// arrays on a device.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/menu.h"
#include "lstm/backsub/impl.h"

static sp_backsub *of(sp_boxes *boxes) {
    return (sp_backsub *)(void *)boxes;
}

/* ---- lines ---- */

static void store(sp_gpu_menu *menu, size_t e, size_t m, sp_line line, double x) {
    const sp_plane plane = {line.w, 0.0, line.c};
    sp_gpu_menu_store(menu, e, m, plane);
    menu->mass[m] = sp_gpu_menu_raise(menu->mass[m], e, plane, x, 0.0);
}

/* Rows choose by lines that hold half of the squares: together the bands have about that. */
static void bias_scores(sp_gpu_menu *menu, size_t e, size_t m, double square) {
    menu->rough[(3 * e + 2) * menu->n + m] -=
        0.5F * menu->rough[3 * e * menu->n + m] * (float)square;
}

/* More lines of feature m at step t, for rows that choose: its least value, and tangents. */
static void fill_choices(sp_gpu_menu *menu, const sp_front_bound *front, size_t t, size_t m) {
    const size_t i = t * front->bands + m;
    const double reach = front->form_max[i] + front->square[i];
    store(menu, 1, m, (sp_line){0.0, front->lo[i]}, reach);
    for (size_t k = 0; k < front->tangents; k++) {
        const size_t at = (t * front->tangents + k) * front->bands + m;
        store(menu, menu->lower + 1 + k, m, (sp_line){front->tangent_w[at], front->tangent_c[at]},
              reach);
    }
    for (size_t e = menu->lower; e < menu->entries; e++) {
        bias_scores(menu, e, m, front->square[i]);
    }
}

/* Lines of the features over the linear forms of a frame. */
static void fill_form_lines(sp_backsub *self, const sp_front_bound *front, size_t t,
                            double *form_min) {
    sp_gpu_menu *menu = &self->source.line[t];
    for (size_t m = 0; m < front->bands; m++) {
        const size_t i = t * front->bands + m;
        const double *largest = front->form_max + t * front->forms;
        const bool linear = front->forms > 0, joint = front->tangents > 0;
        store(menu, 0, m, (sp_line){front->lo_w[i], front->lo_c[i]},
              linear ? largest[front->lo_form + m] : 0.0);
        store(menu, menu->lower, m, (sp_line){front->up_w[i], front->up_c[i]},
              (linear ? largest[front->up_form + m] : 0.0) + (joint ? front->square[i] : 0.0));
        if (sp_backsub_features_choose(self)) {
            fill_choices(menu, front, t, m);
        }
    }
    for (size_t j = t * front->forms; j < (t + 1) * front->forms; j++) {
        form_min[j] = -front->form_max[j];
    }
}

/* Lines of the features over the energies, lines of the squares over the bins, and |mel| squares +
 * floor. */
static void fill_bin_lines(sp_backsub *self, const sp_front_bound *front, size_t t,
                           double *energy_omega) {
    const size_t K = front->bins;
    sp_gpu_menu *bins = &self->source.bin_line[t], *bands = &self->source.line[t];
    for (size_t k = 0; k < K; k++) {
        const size_t i = t * K + k;
        store(bins, 0, k, (sp_line){front->square_lo_w[i], front->square_lo_c[i]},
              front->bin_max[i]);
        store(bins, 1, k, (sp_line){front->square_up_w[i], front->square_up_c[i]},
              front->bin_max[i]);
    }
    for (size_t m = 0; m < front->bands; m++) {
        const size_t i = t * front->bands + m;
        store(bands, 0, m, (sp_line){front->log_lo_w[i], front->log_lo_c[i]}, front->energy_max[i]);
        store(bands, 1, m, (sp_line){front->log_up_w[i], front->log_up_c[i]}, front->energy_max[i]);
        double sum = fabs(front->mel_bias[m]);
        for (size_t k = 0; k < K; k++) {
            sum += fabs(front->mel[m * K + k]) * front->square_max[t * K + k];
        }
        energy_omega[i] =
            sp_above(sum * (1.0 + sp_gamma(2.0 * (double)K + 8.0)) + (double)K * SP_IV_LEAST);
    }
}

/* |matrix| |bands| + |bias| of frame t: the scale of the rounding errors of the features' map. */
static void fill_feature_scale(const sp_front_bound *front, size_t t, double *omega) {
    const size_t M = front->bands;
    for (size_t i = 0; front->matrix != NULL && i < front->features; i++) {
        double sum = fabs(front->matrix_bias[i]);
        for (size_t m = 0; m < M; m++) {
            const sp_iv band = {front->lo[t * M + m], front->hi[t * M + m]};
            sum += fabs(front->matrix[i * M + m]) * sp_iv_mag(band);
        }
        omega[t * front->features + i] =
            sp_above(sum * (1.0 + sp_gamma(2.0 * (double)M + 8.0)) + (double)M * SP_IV_LEAST);
    }
}

/* The error of rows by their mass. Products in single precision have up to three sums in the bias
 * where others have one: docs/theory/single-precision.md 6. */
static double gamma_of(const sp_boxes *boxes, const sp_front_bound *front) {
    return sp_gamma((boxes->single ? 8.0 : 1.0) * sp_boxes_chain(boxes, front));
}

/* What is filled here is the program's, or staged in memory of the program. */
void sp_backsub_fill_inputs(sp_boxes *boxes, const sp_front_bound *front) {
    sp_backsub *self = of(boxes);
    const double gamma = gamma_of(boxes, front);
    memcpy(self->gamma.on, &gamma, sizeof gamma);
    for (size_t t = 0; t < front->frames; t++) {
        fill_feature_scale(front, t, self->source.feature_omega.on);
        if (front->bins > 0) {
            fill_bin_lines(self, front, t, self->source.energy_omega.on);
        } else {
            fill_form_lines(self, front, t, self->source.form_min.on);
        }
    }
    if (self->energies) {
        sp_backsub_fill_energies(self, front);
    }
}

/* ---- forms in single precision ---- */

/* Entries that reach at most this share of the form's largest value are dropped: all of them
 * together are less than one rounding. */
#define DROPPED 0x1p-40

static bool narrow_form(float *to, const double *form, const double *radius, size_t n,
                        double largest) {
    for (size_t i = 0; i < n; i++) {
        const double size = fabs(form[i]);
        const bool dropped = size * radius[i] <= DROPPED * largest && largest > 0x1p-900;
        const bool fits = form[i] == 0.0 || (size >= SP_GPU_TINY && size <= SP_GPU_LARGE);
        if (!dropped && !fits) {
            return false;
        }
        to[i] = dropped ? 0.0F : (float)form[i];
    }
    return true;
}

static bool narrow_forms(const sp_front_bound *front, float *to) {
    const size_t n = front->frame;
    for (size_t i = 0; i < front->frames * front->forms; i++) {
        const double *radius = front->radius + i / front->forms * front->step;
        if (!narrow_form(to + i * n, front->form + i * n, radius, n, front->form_max[i])) {
            return false;
        }
    }
    return true;
}

/* The forms of all clips in single precision, or of none. */
static sp_status take_narrow_forms(sp_error *err, sp_backsub *self) {
    const sp_boxes *boxes = &self->boxes;
    const sp_front_bound *front = boxes->front;
    self->source.narrow = self->source.form.narrow != NULL;
    if (!self->source.narrow) {
        return SP_OK;
    }
    float *staged = malloc((front->frames * front->forms * front->frame + 1) * sizeof *staged);
    if (staged == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of a clip");
    }
    for (size_t clip = 0; clip < boxes->clips && self->source.narrow; clip++) {
        const sp_front_bound *of_clip = boxes->fronts[clip];
        self->source.narrow = narrow_forms(of_clip, staged);
        sp_gpu_write(boxes->gpu,
                     self->source.form.narrow +
                         clip * boxes->stride * (sizeof(double) / sizeof(float)),
                     staged, of_clip->frames * of_clip->forms * of_clip->frame * sizeof *staged);
    }
    free(staged);
    return SP_OK;
}

/* ---- constants ---- */

/* Rows e_0, -e_0, e_1, -e_1, ... */
static sp_status take_unit(sp_error *err, sp_backsub *self) {
    const size_t n = self->unit_width;
    double *unit = calloc(2 * n * n + 1, sizeof *unit);
    if (unit == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the rows of boxes");
    }
    for (size_t j = 0; j < n; j++) {
        unit[2 * j * n + j] = 1.0;
        unit[(2 * j + 1) * n + j] = -1.0;
    }
    sp_gpu_write(self->boxes.gpu, self->unit.on, unit, 2 * n * n * sizeof *unit);
    free(unit);
    return SP_OK;
}

static void write_constant(sp_boxes *boxes, sp_boxes_array to, const double *from, size_t count) {
    if (boxes->device && to.on != NULL) {
        sp_gpu_write(boxes->gpu, to.on, from, count * sizeof *from);
    }
}

sp_status sp_backsub_prepare(sp_error *err, sp_boxes *boxes) {
    sp_backsub *self = of(boxes);
    const sp_front_bound *front = boxes->front;
    const sp_backsub_source *source = &self->source;
    SP_TRY(take_unit(err, self));
    SP_TRY(take_narrow_forms(err, self));
    write_constant(boxes, source->matrix.wide, front->matrix, front->features * front->bands);
    write_constant(boxes, source->matrix_bias, front->matrix_bias, front->features);
    write_constant(boxes, source->peak, front->peak, front->bands * front->peaks);
    return SP_OK;
}

sp_status sp_backsub_send_front(sp_error *err, sp_boxes *boxes, size_t clip) {
    const sp_backsub *self = of(boxes);
    const sp_front_bound *from = boxes->fronts[clip];
    const sp_backsub_source *to = &self->source;
    const size_t T = from->frames, squares = from->tangents > 0 ? T : 0;
    (void)err;
    sp_boxes_send(boxes, clip, to->form.wide, from->form, T * from->forms * from->frame);
    if (sp_backsub_features_choose(self)) {
        sp_boxes_send(boxes, clip, to->form_max, from->form_max, T * from->forms);
    }
    sp_boxes_send(boxes, clip, to->radius, from->radius, sp_backsub_samples_read(from));
    sp_boxes_send(boxes, clip, to->square, from->square, squares * from->bands);
    sp_boxes_send(boxes, clip, to->energy, from->energy, squares);
    return SP_OK;
}

bool sp_backsub_source_silent(const sp_backsub *self, size_t t) {
    const sp_front_bound *front = self->boxes.front;
    if (self->boxes.device || front->radius == NULL) {
        return false;
    }
    const double *radius = front->radius + t * front->step;
    for (size_t i = 0; i < front->frame; i++) {
        if (radius[i] != 0.0) {
            return false;
        }
    }
    return true;
}
