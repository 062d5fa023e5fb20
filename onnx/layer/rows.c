/* The numbers of a sequence: rows that are moved, scaled, repeated and added. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

static sp_onnx_affine *take_rows(sp_onnx_reader *r, size_t count) {
    return sp_region_take(&r->region, count > 0 ? count : 1, sizeof(sp_onnx_affine));
}

sp_status sp_onnx_sequence_set(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_onnx_source from) {
    const size_t n = sequence->width;
    sp_onnx_affine *row = take_rows(r, n);
    sp_onnx_entry *entry = sp_region_take(&r->region, n, sizeof *entry);
    if (!row || !entry) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        entry[i] = (sp_onnx_entry){from.layer, i, from.at, 1.0};
        row[i] = (sp_onnx_affine){&entry[i], 1, 0.0};
    }
    sequence->row = row;
    return SP_OK;
}

bool sp_onnx_sequence_is_input(const sp_onnx_sequence *sequence) {
    for (size_t i = 0; i < sequence->width; i++) {
        const sp_onnx_affine *row = &sequence->row[i];
        if (row->entries != 1 || row->bias != 0.0 || row->entry->weight != 1.0 ||
            row->entry->layer != SP_ONNX_FEATURES) {
            return false;
        }
    }
    return true;
}

sp_status sp_onnx_sequence_copy(sp_onnx_reader *r, sp_onnx_sequence *copy,
                                const sp_onnx_sequence *sequence) {
    sp_onnx_affine *row = take_rows(r, sequence->width);
    *copy = *sequence;
    copy->row = row;
    for (size_t i = 0; row && i < sequence->width; i++) {
        const sp_onnx_affine *from = &sequence->row[i];
        sp_onnx_entry *entry = sp_region_take(&r->region, from->entries + 1, sizeof *entry);
        if (!entry) {
            return sp_onnx_out_of_memory(r);
        }
        if (from->entries > 0) {
            memcpy(entry, from->entry, from->entries * sizeof *entry);
        }
        row[i] = (sp_onnx_affine){entry, from->entries, from->bias};
    }
    return row ? SP_OK : sp_onnx_out_of_memory(r);
}

void sp_onnx_sequence_strides(int64_t *stride, const sp_onnx_sequence *sequence) {
    int64_t step = 1;
    for (size_t i = sequence->rank; i-- > 0;) {
        stride[i] = i == sequence->outer ? 0 : step;
        step *= i == sequence->outer ? 1 : sequence->dim[i].k;
    }
}

/* Sets the width from the axes. */
static bool measure(sp_onnx_sequence *sequence) {
    size_t width = 1;
    for (size_t i = 0; i < sequence->rank; i++) {
        if (i == sequence->outer) {
            continue;
        }
        const sp_onnx_dim dim = sequence->dim[i];
        if (dim.t != 0 || dim.k <= 0 || (size_t)dim.k > ((size_t)1 << 31) / width) {
            return false;
        }
        width *= (size_t)dim.k;
    }
    sequence->width = width;
    return true;
}

sp_status sp_onnx_sequence_view(sp_onnx_reader *r, sp_onnx_sequence *sequence, int64_t first,
                                const int64_t *stride) {
    if (!measure(sequence)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "its result has no or too many elements");
    }
    sp_onnx_affine *row = take_rows(r, sequence->width);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    int64_t index[SP_ONNX_MAX_RANK] = {0}, at = first;
    for (size_t i = 0; i < sequence->width; i++) {
        row[i] = sequence->row[at];
        for (size_t k = sequence->rank; k-- > 0;) {
            if (k == sequence->outer) {
                continue;
            }
            at += stride[k];
            if (++index[k] < sequence->dim[k].k) {
                break;
            }
            at -= stride[k] * index[k];
            index[k] = 0;
        }
    }
    sequence->row = row;
    return SP_OK;
}

static sp_status scale_row(sp_onnx_reader *r, sp_onnx_affine *to, const sp_onnx_affine *row,
                           double factor) {
    *to = *row;
    if (factor == 1.0) {
        return SP_OK;
    }
    sp_onnx_entry *entry = sp_region_take(&r->region, row->entries + 1, sizeof *entry);
    if (!entry) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t k = 0; k < row->entries; k++) {
        entry[k] = row->entry[k];
        entry[k].weight *= factor;
    }
    to->entry = entry;
    to->entries = factor == 0.0 ? 0 : row->entries;
    to->bias *= factor;
    return SP_OK;
}

sp_status sp_onnx_rows_scale(sp_onnx_reader *r, sp_onnx_sequence *sequence, const double *factor,
                             const double *shift) {
    sp_onnx_affine *row = take_rows(r, sequence->width);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < sequence->width; i++) {
        SP_TRY(scale_row(r, &row[i], &sequence->row[i], factor ? factor[i] : 1.0));
        row[i].bias += shift ? shift[i] : 0.0;
    }
    sequence->row = row;
    return SP_OK;
}

sp_status sp_onnx_rows_times(sp_onnx_reader *r, sp_onnx_sequence *sequence, double factor) {
    double *factors = sp_region_take(&r->region, sequence->width, sizeof *factors);
    if (!factors) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < sequence->width; i++) {
        factors[i] = factor;
    }
    return sp_onnx_rows_scale(r, sequence, factors, NULL);
}

sp_status sp_onnx_affine_sum(sp_onnx_reader *r, sp_onnx_affine *to, const sp_onnx_affine *rows,
                             size_t first, size_t stride, size_t count, double weight) {
    size_t entries = 0, at = 0;
    for (size_t k = 0; k < count; k++) {
        entries += rows[first + k * stride].entries;
    }
    sp_onnx_entry *entry = sp_region_take(&r->region, entries + 1, sizeof *entry);
    if (!entry) {
        return sp_onnx_out_of_memory(r);
    }
    *to = (sp_onnx_affine){entry, entries, 0.0};
    for (size_t k = 0; k < count; k++) {
        const sp_onnx_affine *row = &rows[first + k * stride];
        to->bias += weight * row->bias;
        for (size_t i = 0; i < row->entries; i++) {
            entry[at] = row->entry[i];
            entry[at++].weight *= weight;
        }
    }
    return SP_OK;
}

sp_status sp_onnx_sequence_expand(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                  const sp_onnx_dim *dim, size_t rank) {
    int64_t stride[SP_ONNX_MAX_RANK];
    bool same = true;
    SP_TRY(sp_onnx_sequence_pad(r, sequence, rank));
    sp_onnx_sequence_strides(stride, sequence);
    for (size_t i = 0; i < rank; i++) {
        const size_t axis = sequence->rank - rank + i;
        if (sp_onnx_dim_is(dim[i], 1) || sp_onnx_dim_equal(dim[i], sequence->dim[axis])) {
            continue;
        }
        if (axis == sequence->outer || !sp_onnx_dim_is(sequence->dim[axis], 1) || dim[i].t != 0) {
            return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                  "it repeats numbers that depend on the features along axis %zu",
                                  axis);
        }
        sequence->dim[axis] = dim[i];
        stride[axis] = 0;
        same = false;
    }
    return same ? SP_OK : sp_onnx_sequence_view(r, sequence, 0, stride);
}

sp_status sp_onnx_sequence_constant(sp_onnx_reader *r, sp_onnx_sequence *to,
                                    const sp_onnx_tensor *constant, const sp_onnx_sequence *like) {
    const bool steps = like && like->outer != SP_ONNX_NO_AXIS;
    *to = (sp_onnx_sequence){.rank = constant->rank, .outer = SP_ONNX_NO_AXIS};
    sp_onnx_affine *row = take_rows(r, constant->count);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    if (constant->kind != SP_ONNX_REAL || constant->count == 0) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "a constant must hold FLOAT or DOUBLE numbers");
    }
    for (size_t i = 0; i < constant->rank; i++) {
        to->dim[i] = sp_onnx_dim_of(constant->dim[i]);
    }
    for (size_t i = 0; i < constant->count; i++) {
        row[i].bias = constant->real[i];
    }
    to->width = constant->count;
    to->row = row;
    if (!steps) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_sequence_pad(r, to, like->rank));
    const size_t axis = to->rank - like->rank + like->outer;
    if (!sp_onnx_dim_is(to->dim[axis], 1)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "a constant has the length %" PRId64
                              " along axis %zu: it must be the same at every step",
                              to->dim[axis].k, axis);
    }
    to->outer = axis;
    to->dim[axis] = like->dim[like->outer];
    to->reversed = like->reversed;
    return SP_OK;
}

/* Numbers without steps, where the axis of those of `like` has the length 1: the same at each. */
static sp_status spread(sp_onnx_reader *r, sp_onnx_sequence *x, const sp_onnx_sequence *like) {
    if (x->outer != SP_ONNX_NO_AXIS || like->outer == SP_ONNX_NO_AXIS ||
        !sp_onnx_dim_is(x->dim[like->outer], 1)) {
        return SP_OK;
    }
    sp_onnx_source source;
    SP_TRY(sp_onnx_sequence_settle_once(r, x, &source));
    SP_TRY(sp_onnx_sequence_set(r, x, source));
    x->outer = like->outer;
    x->dim[x->outer] = like->dim[like->outer];
    x->reversed = like->reversed;
    return SP_OK;
}

sp_status sp_onnx_sequence_match(sp_onnx_reader *r, sp_onnx_sequence *x, sp_onnx_sequence *y) {
    SP_TRY(sp_onnx_sequence_pad(r, x, y->rank));
    SP_TRY(sp_onnx_sequence_pad(r, y, x->rank));
    SP_TRY(spread(r, x, y));
    SP_TRY(spread(r, y, x));
    if (x->outer != y->outer ||
        (x->outer != SP_ONNX_NO_AXIS &&
         (!sp_onnx_dim_equal(x->dim[x->outer], y->dim[y->outer]) || x->reversed != y->reversed))) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "'%.60s' and '%.60s' do not have the same steps on the same axis",
                              sp_onnx_input_name(r, 0), sp_onnx_input_name(r, 1));
    }
    SP_TRY(sp_onnx_sequence_expand(r, x, y->dim, y->rank));
    return sp_onnx_sequence_expand(r, y, x->dim, x->rank);
}

sp_status sp_onnx_sequence_add(sp_onnx_reader *r, sp_onnx_sequence *to, const sp_onnx_sequence *a,
                               const sp_onnx_sequence *b, double sign) {
    sp_onnx_sequence x = *a, y = *b;
    SP_TRY(sp_onnx_sequence_match(r, &x, &y));
    SP_TRY(sp_onnx_rows_scale(r, &x, NULL, NULL));
    sp_onnx_affine *row = take_rows(r, x.width);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < x.width; i++) {
        sp_onnx_affine pair[2] = {x.row[i]};
        SP_TRY(scale_row(r, &pair[1], &y.row[i], sign));
        if (pair[0].entries == 0 || pair[1].entries == 0) {
            row[i] = pair[0].entries == 0 ? pair[1] : pair[0];
            row[i].bias = pair[0].bias + pair[1].bias;
        } else {
            SP_TRY(sp_onnx_affine_sum(r, &row[i], pair, 0, 1, 2, 1.0));
        }
    }
    *to = x;
    to->row = row;
    return SP_OK;
}

sp_status sp_onnx_sequence_join(sp_onnx_reader *r, sp_onnx_sequence *to,
                                const sp_onnx_sequence *other, size_t axis) {
    sp_onnx_affine *row = sp_region_take(&r->region, 2 * to->width, sizeof *row);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    memcpy(row, to->row, to->width * sizeof *row);
    memcpy(row + to->width, other->row, to->width * sizeof *row);
    to->row = row;
    to->width *= 2;
    to->dim[axis] = sp_onnx_dim_of(2);
    return SP_OK;
}
