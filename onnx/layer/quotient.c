/* Reciprocals, and what is made of them: quotients, softmaxes over an axis. A quotient is a curve
 * and a product; a softmax is exp(x) over its sum. The number of steps as something to divide by.
 */
#include "onnx/impl.h"

sp_status sp_onnx_sequence_under_roots(sp_onnx_reader *r, const sp_onnx_sequence *x,
                                       sp_onnx_sequence *inside, bool *roots) {
    sp_onnx_affine *row = sp_region_take(&r->region, x->width, sizeof *row);
    *roots = true;
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; *roots && i < x->width; i++) {
        const sp_onnx_entry *e = x->row[i].entry;
        const bool plain = x->row[i].entries == 1 && x->row[i].bias == 0.0 && e->weight == 1.0;
        const sp_onnx_layer *layer = plain ? &r->layer[e->layer] : NULL;
        *roots = plain && layer->kind == SP_NODE_CURVE && layer->argument &&
                 layer->curve.kind == SP_ACTIVATION_SQRT &&
                 layer->once == (x->outer == SP_ONNX_NO_AXIS) &&
                 sp_onnx_row_least(r, &layer->argument[e->feature]) >= 0.0;
        row[i] = *roots ? layer->argument[e->feature] : row[i];
    }
    *inside = *x;
    inside->row = row;
    return SP_OK;
}

sp_status sp_onnx_sequence_reciprocal(sp_onnx_reader *r, sp_onnx_sequence *x) {
    sp_onnx_sequence inside;
    bool roots = false;
    SP_TRY(sp_onnx_sequence_open(r, x));
    for (size_t i = 0; i < x->width; i++) {
        if (!(sp_onnx_row_least(r, &x->row[i]) >= 0.0)) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it divides by what is not known never to be negative: sums of "
                                  "squares, roots, and what a Relu, Exp, Max or Clip at 0 makes, "
                                  "are read");
        }
    }
    SP_TRY(sp_onnx_sequence_under_roots(r, x, &inside, &roots));
    *x = roots ? inside : *x;
    const sp_activation_kind kind = roots ? SP_ACTIVATION_RSQRT : SP_ACTIVATION_RECIPROCAL;
    return sp_onnx_sequence_curve(r, x, (sp_activation){.kind = kind});
}

/* Over the axes from first to before end, but for that of the steps where there are several. */
static sp_status softmax_over(sp_onnx_reader *r, sp_onnx_sequence *x, size_t first, size_t end) {
    sp_onnx_sequence sum, parts = *x;
    SP_TRY(sp_onnx_sequence_curve(r, &parts, (sp_activation){.kind = SP_ACTIVATION_EXP}));
    sum = parts;
    for (size_t axis = first; axis < end; axis++) {
        SP_TRY(end - first > 1 && axis == sum.outer ? SP_OK
                                                    : sp_onnx_sequence_total(r, &sum, axis, 1.0));
    }
    SP_TRY(sp_onnx_sequence_reciprocal(r, &sum));
    return sp_onnx_sequence_product(r, x, &parts, &sum);
}

sp_status sp_onnx_sequence_softmax(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis) {
    return softmax_over(r, x, axis, axis + 1);
}

sp_status sp_onnx_sequence_softmax_all(sp_onnx_reader *r, sp_onnx_sequence *x) {
    return softmax_over(r, x, 0, x->rank);
}

sp_status sp_onnx_sequence_count(sp_onnx_reader *r, sp_onnx_sequence *to,
                                 const sp_onnx_tensor *number) {
    const size_t n = r->layer[SP_ONNX_FEATURES].out;
    double *weight = sp_region_take(&r->region, n, sizeof *weight);
    double *one = sp_region_take(&r->region, 1, sizeof *one);
    sp_onnx_part *part = sp_region_take(&r->region, 1, sizeof *part);
    if (!weight || !one || !part) {
        return sp_onnx_out_of_memory(r);
    }
    *one = 1.0;
    *part = (sp_onnx_part){{.layer = SP_ONNX_FEATURES, .reading = SP_ONNX_READ_EVERY}, weight};
    sp_onnx_source source = {.reading = SP_ONNX_READ_EVERY};
    SP_TRY(sp_onnx_layer_push(r,
                              (sp_onnx_layer){.kind = SP_NODE_AFFINE,
                                              .out = 1,
                                              .frames = r->layer[SP_ONNX_FEATURES].frames,
                                              .parts = 1,
                                              .part = part,
                                              .timing = sp_timing_same,
                                              .bias = one},
                              &source.layer));
    *to = (sp_onnx_sequence){.rank = 1, .dim = {{.k = 0, .t = 1}}, .outer = 0, .width = 1};
    SP_TRY(sp_onnx_sequence_set(r, to, source));
    SP_TRY(sp_onnx_sequence_pool(r, to, SP_POOLING_SUM));
    const double times = (double)number->whole->t, plus = (double)number->whole->k;
    SP_TRY(sp_onnx_rows_scale(r, to, &times, &plus));
    to->rank = number->rank;
    for (size_t i = 0; i < number->rank; i++) {
        to->dim[i] = sp_onnx_dim_of(1);
    }
    return SP_OK;
}
