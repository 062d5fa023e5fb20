/* The outputs of a graph as logits: one step of them or every one, one number of them, all of them
 * the same. */
#include "onnx/impl.h"

/* The step and the number that --output names. */
static sp_status take_part(sp_onnx_reader *r, sp_onnx_sequence *x, const char *name) {
    const sp_onnx_part_of *part = &r->chosen;
    sp_onnx_dim at = sp_onnx_dim_of(part->at);
    r->chosen.axis = x->outer;
    if (part->step && x->outer != SP_ONNX_NO_AXIS) {
        const sp_onnx_dim length = x->dim[x->outer];
        if ((part->at < 0 && !sp_onnx_dim_sub(&at, length, sp_onnx_dim_of(1))) ||
            (length.t == 0 && at.k >= length.k)) {
            return sp_fail(r->err, SP_E_UNSUPPORTED, "the output '%.80s' has no step %ld", name,
                           part->at);
        }
        SP_TRY(sp_onnx_sequence_step(r, x, at));
    }
    if (part->number && (x->outer == SP_ONNX_NO_AXIS || part->every)) {
        if (part->index >= x->width) {
            return sp_fail(r->err, SP_E_UNSUPPORTED,
                           "the output '%.80s' has %zu numbers, none is number %zu", name, x->width,
                           part->index);
        }
        x->row += part->index;
        x->dim[0] = part->every && !r->streams ? x->dim[x->outer] : x->dim[0];
        x->rank = x->outer == SP_ONNX_NO_AXIS ? 0 : 1;
        x->outer = x->outer == SP_ONNX_NO_AXIS ? SP_ONNX_NO_AXIS : 0;
        x->width = 1;
    }
    return SP_OK;
}

static sp_status check_result(sp_onnx_reader *r, const sp_onnx_sequence **result, size_t i) {
    const sp_onnx_value *value = NULL;
    const char *name = r->root->definition[r->root->result[i]].name;
    SP_TRY(sp_onnx_value_load(r, &value, r->root->result[i]));
    if (!value || value->kind != SP_ONNX_VALUE_SEQUENCE) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' is not a function of the input that can be followed",
                       name);
    }
    sp_onnx_sequence *part = sp_region_take(&r->region, 1, sizeof *part);
    if (!part) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for the output '%.80s'", name);
    }
    *part = value->sequence;
    SP_TRY(take_part(r, part, name));
    const bool steps = part->outer != SP_ONNX_NO_AXIS;
    if (steps && !r->chosen.every) {
        return sp_fail(
            r->err, SP_E_UNSUPPORTED,
            "the output '%.80s' has one row per step: say whose row is meant by --output "
            "'%.80s@last', '@first' or '@N' (from 0), or '@all', or export the model with the last "
            "step's logits as its output",
            name, name);
    }
    if (r->hop > 0 && steps) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' has a row for each of the %zu steps of a hop: say which "
                       "one is the hop's answer, --output '%.80s@last@all'",
                       name, r->hop, name);
    }
    if (r->chosen.every && (r->streams ? steps : !steps || part->reversed)) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' has no row for each step, in their order: '@all' is of "
                       "outputs that have one",
                       name);
    }
    if (sp_onnx_sequence_is_input(part)) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the output '%.80s' is the input, without any layer", name);
    }
    *result = part;
    return SP_OK;
}

static bool are_same(const sp_onnx_sequence *a, const sp_onnx_sequence *b) {
    bool same = a->width == b->width;
    for (size_t i = 0; same && i < a->width; i++) {
        const sp_onnx_affine *x = &a->row[i], *y = &b->row[i];
        same = x->entries == y->entries && x->bias == y->bias;
        for (size_t k = 0; same && k < x->entries; k++) {
            same = x->entry[k].layer == y->entry[k].layer &&
                   x->entry[k].feature == y->entry[k].feature &&
                   x->entry[k].weight == y->entry[k].weight &&
                   sp_onnx_dim_equal(x->entry[k].at, y->entry[k].at);
        }
    }
    return same;
}

sp_status sp_onnx_results_check(sp_onnx_reader *r, const sp_onnx_sequence **result) {
    const size_t outputs = r->root->results;
    for (size_t i = outputs; i-- > 0;) {
        const sp_onnx_sequence *other = *result;
        const sp_status status = check_result(r, result, i);
        if (outputs > 1 && (status != SP_OK || (other && !are_same(other, *result)))) {
            return sp_fail(r->err, SP_E_UNSUPPORTED,
                           "the graph has %zu outputs, and '%.80s' is not the same logits as the "
                           "others: choose the logits by --output",
                           outputs, r->root->definition[r->root->result[i]].name);
        }
        SP_TRY(status);
    }
    return SP_OK;
}
