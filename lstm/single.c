/* Products of matrices in single precision. Rows, boxes, planes and everything else stay in double;
 * only what a product reads is rounded to floats: docs/theory/single-precision.md.
 *
 * Error. Let rows a meet a matrix B whose columns belong to variables v, and omega >= |B| |v|. With
 * entries of a and B that are 0 or in [SP_GPU_TINY, LARGEST] the product of floats c' satisfies
 *   |c' - a B| <= gamma_{2k+2} |a| |B|,  u = 2^-24 (gpu/backend.h),
 * so the objective is off by at most gamma_{2k+2} |a| omega, and |a| omega is part of the mass of
 * the row. Smaller entries of a are taken out of the product and off the bias (sp_gpu_narrow).
 * Weights that do not fit are multiplied in double. Of the forms of a frame, entries that reach at
 * most 2^-40 of the form's largest value are dropped: all of them together less than one rounding.
 */
#include <math.h>
#include <stdlib.h>

#include "lstm/layers.h"

#define LARGEST 0x1p60
#define DROPPED 0x1p-40

bool sp_single_is_of_use(const sp_front_bound *front, const sp_bounds_options *options) {
    return options->single && options->planes == SP_PLANES_STATIC && !sp_bounds_slopes(options) &&
           front->tangents > 0 && front->bins == 0;
}

static bool fits(double b) {
    return b == 0.0 || (fabs(b) >= SP_GPU_TINY && fabs(b) <= LARGEST); // NaN does not
}

/* ---- weights ---- */

/* Matrix `which` of layer l on the program's side: 0 the weights, 1 those of the state. */
static size_t matrix_size(const sp_layer *layer, size_t which) {
    const size_t gates = sp_layer_gates(layer) * layer->out;
    if (layer->kind == SP_LAYER_LSTM) { // [W | R]
        return which == 0 ? gates * (layer->in + layer->out) : 0;
    }
    return which == 0 ? gates * layer->in : sp_layer_is_recurrent(layer) ? gates * layer->out : 0;
}

size_t sp_single_size(const sp_net *net, size_t index) {
    return matrix_size(&net->layer[index / 2], index % 2);
}

/* What walks read. */
static const double *matrix_of(const sp_bounds *bounds, size_t index) {
    const sp_layer *layer = &bounds->net->layer[index / 2];
    return layer->kind == SP_LAYER_LSTM ? bounds->weights[index / 2]
           : index % 2 == 0             ? layer->weight
                                        : layer->recurrent;
}

void sp_single_take(sp_bounds *bounds, size_t index, const double *matrix, float *buffer) {
    const size_t count = sp_single_size(bounds->net, index);
    bool taken = true;
    for (size_t i = 0; i < count; i++) {
        taken = taken && fits(matrix[i]);
        buffer[i] = (float)matrix[i];
    }
    sp_gpu_write(bounds->gpu, bounds->single[index].to, buffer, count * sizeof *buffer);
    bounds->single[index].taken = taken;
}

const float *sp_single_of(const sp_bounds *bounds, const double *matrix) {
    for (size_t i = 0; bounds->single != NULL && i < 2 * bounds->net->layers; i++) {
        const double *from = matrix_of(bounds, i);
        const size_t count = bounds->single[i].taken ? sp_single_size(bounds->net, i) : 0;
        if (count > 0 && matrix >= from && matrix < from + count) {
            return bounds->single[i].to + (matrix - from);
        }
    }
    return NULL;
}

/* ---- forms ---- */

static bool narrow_form(float *to, const double *form, const double *radius, size_t n,
                        double largest) {
    for (size_t i = 0; i < n; i++) {
        const bool dropped = fabs(form[i]) * radius[i] <= DROPPED * largest;
        if (!dropped && !fits(form[i])) {
            return false;
        }
        to[i] = dropped ? 0.0F : (float)form[i];
    }
    return true;
}

bool sp_single_forms(const sp_front_bound *front, float *to) {
    const size_t n = front->frame;
    for (size_t i = 0; i < front->frames * front->forms; i++) {
        const double *radius = front->radius + i / front->forms * front->step;
        if (!narrow_form(to + i * n, front->form + i * n, radius, n, front->form_max[i])) {
            return false;
        }
    }
    return true;
}

/* ---- products ---- */

void sp_single_multiply(sp_walk *walk, const sp_single_product *p) {
    sp_gpu *gpu = walk->bounds->gpu;
    float *a = walk->ws->narrow, *c = walk->ws->wide;
    const size_t rows = walk->rows / p->count;
    sp_gpu_narrow(gpu, &(sp_gpu_narrow_args){.at = sp_walk_at(walk),
                                             .n = p->k,
                                             .a = p->a.w,
                                             .lda = p->a.ld,
                                             .omega = p->omega,
                                             .to = a,
                                             .bias = walk->ws->bias});
    sp_gpu_multiply_single(gpu, &(sp_gpu_multiply_single_args){.m = rows,
                                                               .n = p->n,
                                                               .k = p->k,
                                                               .a = a,
                                                               .b = p->b,
                                                               .c = c,
                                                               .lda = p->k,
                                                               .ldb = p->ldb,
                                                               .ldc = p->n,
                                                               .count = p->count,
                                                               .a_step = rows * p->k,
                                                               .b_step = p->step,
                                                               .c_step = rows * p->n});
    sp_gpu_widen(
        gpu,
        &(sp_gpu_widen_args){
            .rows = walk->rows, .n = p->n, .from = c, .add = p->add, .to = p->c, .ldt = p->ldc});
}
