/* Masks of padding, as Keras' Masking has them: a step counts where one of its numbers is not a
 * certain value. Noise may change that. So the graph is read as it is where every step counts, and
 * a guard is added to its logits: 0 where that holds, else infinite. Then nothing is certified of
 * clips with a step that does not count or that noise may silence. */
#include <math.h>

#include "onnx/layer/mask.h"

static sp_status refuse(sp_onnx_reader *r) {
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                          "it asks whether features have certain values, otherwise than Keras' "
                          "Masking asks for padding in front of a fixed number of steps, and noise "
                          "may change the answer");
}

/* 1 - x. */
static sp_status negate(sp_onnx_reader *r, sp_onnx_sequence *x) {
    double *shift = sp_region_take(&r->region, x->width, sizeof *shift);
    for (size_t i = 0; shift && i < x->width; i++) {
        shift[i] = 1.0;
    }
    SP_TRY(sp_onnx_rows_times(r, x, -1.0));
    return shift ? sp_onnx_rows_scale(r, x, NULL, shift) : sp_onnx_out_of_memory(r);
}

/* How many numbers differ from the value of the mask: a sum of DIFFERS of each. */
static bool counts_differences(const sp_onnx_reader *r, const sp_onnx_sequence *x) {
    bool counts = x->outer != SP_ONNX_NO_AXIS && x->head == SP_ONNX_HEAD_NONE;
    for (size_t i = 0; counts && i < x->width; i++) {
        const sp_onnx_affine *row = &x->row[i];
        counts = row->bias == 0.0 && row->entries > 0;
        for (size_t k = 0; counts && k < row->entries; k++) {
            const sp_onnx_layer *layer = &r->layer[row->entry[k].layer];
            counts = row->entry[k].weight == 1.0 && layer->role == SP_ONNX_LAYER_NODE &&
                     layer->kind == SP_NODE_CURVE && layer->curve.kind == SP_ACTIVATION_DIFFERS;
        }
    }
    return counts;
}

/* True at every step, and a guard. */
static sp_status take_mask(sp_onnx_reader *r, const sp_onnx_sequence *x) {
    sp_onnx_guard *guard = sp_region_take(&r->region, 1, sizeof *guard);
    sp_onnx_tensor to = {.kind = SP_ONNX_WHOLE};
    int64_t dim[SP_ONNX_MAX_RANK];
    for (size_t i = 0; i < x->rank; i++) {
        if (x->dim[i].t != 0) {
            r->wants_length = true;
            return refuse(r);
        }
        dim[i] = x->dim[i].k;
    }
    sp_onnx_dim *numbers =
        sp_onnx_tensor_shape(&to, dim, x->rank) ? sp_onnx_tensor_make(r, &to) : NULL;
    if (!guard || !numbers) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < to.count; i++) {
        numbers[i] = sp_onnx_dim_of(1);
    }
    *guard = (sp_onnx_guard){*x, r->guard};
    SP_TRY(
        sp_onnx_sequence_curve(r, &guard->sequence, (sp_activation){.kind = SP_ACTIVATION_GUARD}));
    SP_TRY(sp_onnx_sequence_pool(r, &guard->sequence, SP_POOLING_SUM));
    r->guard = guard;
    return sp_onnx_return_tensor(r, 0, &to);
}

sp_status sp_onnx_mask_compare(sp_onnx_reader *r) {
    const sp_onnx_value *a = sp_onnx_input(r, 0), *b = sp_onnx_input(r, 1);
    if (a->kind != SP_ONNX_VALUE_SEQUENCE || b->kind != SP_ONNX_VALUE_TENSOR ||
        b->tensor.kind != SP_ONNX_REAL || b->tensor.count != 1 || !isfinite(b->tensor.real[0]) ||
        r->depth > 0 || a->sequence.outer == SP_ONNX_NO_AXIS) {
        return refuse(r);
    }
    sp_onnx_sequence x = a->sequence;
    if (r->node->op_type[0] == 'E') {
        SP_TRY(sp_onnx_sequence_curve(
            r, &x, (sp_activation){SP_ACTIVATION_DIFFERS, b->tensor.real[0], 0.0}));
        SP_TRY(negate(r, &x));
        return sp_onnx_return_sequence(r, 0, &x);
    }
    const bool greater = r->node->op_type[0] == 'G' && r->node->op_type[7] == '\0';
    return greater && b->tensor.real[0] == 0.0 && counts_differences(r, &x) ? take_mask(r, &x)
                                                                            : refuse(r);
}

/* Not of what Equal gives, which is 1 less DIFFERS. */
sp_status sp_onnx_mask_not(sp_onnx_reader *r) {
    sp_onnx_sequence x = sp_onnx_input(r, 0)->sequence;
    SP_TRY(negate(r, &x));
    return counts_differences(r, &x) ? sp_onnx_return_sequence(r, 0, &x) : refuse(r);
}

/* With other weights for every logit: differences of logits do not cancel them. */
sp_status sp_onnx_guards_add(sp_onnx_reader *r, sp_onnx_sequence *logits) {
    for (const sp_onnx_guard *guard = r->guard; guard; guard = guard->before) {
        for (size_t g = 0; g < guard->sequence.width; g++) {
            sp_onnx_sequence each = *logits, sum;
            sp_onnx_affine *row = sp_region_take(&r->region, logits->width, sizeof *row);
            for (size_t i = 0; row && i < logits->width; i++) {
                SP_TRY(
                    sp_onnx_affine_sum(r, &row[i], guard->sequence.row, g, 1, 1, (double)(i + 1)));
            }
            if (!row) {
                return sp_onnx_out_of_memory(r);
            }
            each.row = row;
            SP_TRY(sp_onnx_sequence_add(r, &sum, logits, &each, 1.0));
            *logits = sum;
        }
    }
    return SP_OK;
}
