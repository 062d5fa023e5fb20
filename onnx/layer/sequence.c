/* Moving the numbers that depend on the input: other axes, parts of them, certain steps. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

static bool is_one(sp_onnx_dim e) {
    return sp_onnx_dim_is(e, 1);
}

static sp_status check_rank(sp_onnx_reader *r, size_t rank) {
    return rank <= SP_ONNX_MAX_RANK
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a result of rank %zu: at most %d", rank,
                                SP_ONNX_MAX_RANK);
}

sp_status sp_onnx_sequence_permute(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                   const size_t *perm) {
    const sp_onnx_sequence old = *sequence;
    int64_t from[SP_ONNX_MAX_RANK], stride[SP_ONNX_MAX_RANK];
    bool same = true;
    size_t last = 0; // of the axes that are longer than 1, but for that of the steps
    sp_onnx_sequence_strides(from, &old);
    for (size_t i = 0; i < old.rank; i++) {
        sequence->dim[i] = old.dim[perm[i]];
        stride[i] = from[perm[i]];
        sequence->outer = perm[i] == old.outer ? i : sequence->outer;
        if (perm[i] != old.outer && !is_one(old.dim[perm[i]])) {
            same = same && perm[i] >= last;
            last = perm[i];
        }
    }
    return same ? SP_OK : sp_onnx_sequence_view(r, sequence, 0, stride);
}

sp_status sp_onnx_sequence_step(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_onnx_dim at) {
    const sp_onnx_dim length = sequence->dim[sequence->outer];
    sp_onnx_affine *row = sp_region_take(&r->region, sequence->width, sizeof *row);
    sp_onnx_dim last;
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    if (!sp_onnx_dim_sub(&last, length, sp_onnx_dim_of(1)) ||
        (sequence->reversed && !sp_onnx_dim_sub(&at, last, at))) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "a step that no recording has");
    }
    for (size_t i = 0; i < sequence->width; i++) {
        const sp_onnx_affine *from = &sequence->row[i];
        sp_onnx_entry *entry = sp_region_take(&r->region, from->entries + 1, sizeof *entry);
        if (!entry) {
            return sp_onnx_out_of_memory(r);
        }
        for (size_t k = 0; k < from->entries; k++) {
            entry[k] = from->entry[k];
            entry[k].at = at;
        }
        row[i] = (sp_onnx_affine){entry, from->entries, from->bias};
    }
    sequence->row = row;
    sequence->dim[sequence->outer] = sp_onnx_dim_of(1);
    sequence->outer = SP_ONNX_NO_AXIS;
    sequence->reversed = false;
    return SP_OK;
}

sp_status sp_onnx_sequence_drop(sp_onnx_reader *r, sp_onnx_sequence *sequence, const bool *drop) {
    if (sequence->outer != SP_ONNX_NO_AXIS && drop[sequence->outer] &&
        is_one(sequence->dim[sequence->outer])) {
        SP_TRY(sp_onnx_sequence_step(r, sequence, sp_onnx_dim_of(0)));
    }
    const sp_onnx_sequence old = *sequence;
    sequence->rank = 0;
    for (size_t i = 0; i < old.rank; i++) {
        if (drop[i]) {
            if (!is_one(old.dim[i])) {
                return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                      "axis %zu is removed, but its length is not 1", i);
            }
            continue;
        }
        sequence->outer = i == old.outer ? sequence->rank : sequence->outer;
        sequence->dim[sequence->rank++] = old.dim[i];
    }
    return SP_OK;
}

sp_status sp_onnx_sequence_insert(sp_onnx_reader *r, sp_onnx_sequence *sequence, const bool *fresh,
                                  size_t rank) {
    SP_TRY(check_rank(r, rank));
    const sp_onnx_sequence old = *sequence;
    sequence->rank = rank;
    size_t from = 0;
    for (size_t i = 0; i < rank; i++) {
        if (fresh[i]) {
            sequence->dim[i] = sp_onnx_dim_of(1);
            continue;
        }
        sequence->outer = from == old.outer ? i : sequence->outer;
        sequence->dim[i] = old.dim[from++];
    }
    return SP_OK;
}

sp_status sp_onnx_sequence_pad(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t rank) {
    bool fresh[SP_ONNX_MAX_RANK] = {false};
    SP_TRY(check_rank(r, rank));
    for (size_t i = 0; i + sequence->rank < rank; i++) {
        fresh[i] = true;
    }
    return rank > sequence->rank ? sp_onnx_sequence_insert(r, sequence, fresh, rank) : SP_OK;
}

/* ---- reshape ---- */

/* The product of lengths; 0: it is not fixed, or too large. */
static int64_t fixed_product(const sp_onnx_dim *dim, size_t first, size_t end) {
    int64_t product = 1;
    for (size_t i = first; i < end; i++) {
        if (dim[i].t != 0 || dim[i].k <= 0 || dim[i].k > INT32_MAX / product) {
            return 0;
        }
        product *= dim[i].k;
    }
    return product;
}

sp_status sp_onnx_sequence_lay_out(sp_onnx_reader *r, sp_onnx_sequence *sequence) {
    const sp_onnx_dim length = sequence->dim[sequence->outer];
    const size_t steps = length.t == 0 ? (size_t)length.k : 0;
    const size_t inner = (size_t)fixed_product(sequence->dim, sequence->outer + 1, sequence->rank);
    const size_t width = sequence->width, axis = sequence->outer;
    if (steps == 0) {
        r->wants_length = true;
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "the shape that it asks for mixes steps, batch or features of '%.60s', which is read "
            "for a fixed number of steps: give the shape by --input %.40s=1xSTEPSxFEATURES, with "
            "the number of frames of your clips",
            sp_onnx_input_name(r, 0), r->root->features->name);
    }
    sp_onnx_affine *row =
        steps > SIZE_MAX / width ? NULL : sp_region_take(&r->region, steps * width, sizeof *row);
    if (!row) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t t = 0; t < steps; t++) {
        sp_onnx_sequence one = *sequence;
        SP_TRY(sp_onnx_sequence_step(r, &one, sp_onnx_dim_of((int64_t)t)));
        for (size_t i = 0; i < width; i++) {
            row[(i / inner * steps + t) * inner + i % inner] = one.row[i];
        }
    }
    sequence->outer = SP_ONNX_NO_AXIS;
    sequence->reversed = false;
    sequence->dim[axis] = length;
    sequence->row = row;
    sequence->width = steps * width;
    return SP_OK;
}

/* The axis of the new shape that can count the steps; SP_ONNX_NO_AXIS: none. */
static size_t find_steps(const sp_onnx_sequence *old, const sp_onnx_dim *dim, size_t rank) {
    const int64_t before = fixed_product(old->dim, 0, old->outer);
    for (size_t i = 0; i < rank; i++) {
        if (sp_onnx_dim_equal(dim[i], old->dim[old->outer]) && fixed_product(dim, 0, i) == before) {
            return i;
        }
    }
    return SP_ONNX_NO_AXIS;
}

sp_status sp_onnx_sequence_reshape(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                   const sp_onnx_dim *dim, size_t rank) {
    SP_TRY(check_rank(r, rank));
    if (sequence->outer != SP_ONNX_NO_AXIS) {
        const size_t axis = find_steps(sequence, dim, rank);
        if (axis == SP_ONNX_NO_AXIS) {
            SP_TRY(sp_onnx_sequence_open(r, sequence));
            SP_TRY(sp_onnx_sequence_lay_out(r, sequence));
        }
        sequence->outer = axis;
    }
    const size_t outer = sequence->outer;
    const bool steps = outer != SP_ONNX_NO_AXIS;
    const int64_t before = fixed_product(dim, 0, steps ? outer : rank);
    const int64_t behind = steps ? fixed_product(dim, outer + 1, rank) : 1;
    if (before <= 0 || behind <= 0 || (size_t)before * (size_t)behind != sequence->width) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "the shape that it asks for does not hold the elements of '%.60s', "
                              "or mixes its steps, batch or features",
                              sp_onnx_input_name(r, 0));
    }
    sequence->rank = rank;
    memcpy(sequence->dim, dim, rank * sizeof *dim);
    return SP_OK;
}

/* ---- selection ---- */

// Exporters write "to the end" as the largest 32-bit or 64-bit number.
static bool is_far(sp_onnx_dim e) {
    return e.t == 0 && e.k >= INT32_MAX;
}

/* *index: the position `given` of a slice, counted from the front. */
static bool from_front(sp_onnx_dim *index, sp_onnx_dim given, sp_onnx_dim length) {
    if (given.t == 0 && given.k < 0) {
        return sp_onnx_dim_add(index, given, length);
    }
    *index = is_far(given) ? length : given;
    return true;
}

static int64_t clamp(int64_t k, int64_t least, int64_t most) {
    return k < least ? least : k > most ? most : k;
}

sp_status sp_onnx_sequence_tap(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t taps,
                               size_t at, size_t stride, sp_onnx_dim count) {
    const size_t n = sequence->width;
    double *weight =
        n > SIZE_MAX / n / taps ? NULL : sp_region_take(&r->region, n * n * taps, sizeof *weight);
    double *bias = sp_region_take(&r->region, n, sizeof *bias);
    if (!weight || !bias) {
        return sp_onnx_out_of_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        weight[(i * taps + at) * n + i] = 1.0;
    }
    const sp_timing timing = {.taps = taps, .stride = stride, .dilation = 1};
    sp_onnx_source source;
    SP_TRY(sp_onnx_layer_timed(r, sequence, n, timing, count, weight, bias, &source));
    sequence->dim[sequence->outer] = count;
    return sp_onnx_sequence_set(r, sequence, source);
}

/* Steps first .. first + count - 1 as a layer: the one tap of many that stands there. */
static sp_status crop(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_onnx_dim first,
                      sp_onnx_dim count) {
    sp_onnx_dim behind;
    const bool known = sp_onnx_dim_sub(&behind, sequence->dim[sequence->outer], count) &&
                       sp_onnx_dim_sub(&behind, behind, first) && first.t == 0 && behind.t == 0 &&
                       first.k >= 0 && behind.k >= 0 && first.k < 4096 && behind.k < 4096;
    if (!known || sequence->reversed) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "which steps of '%.60s' it takes cannot be followed: export the "
                              "model with a fixed number of steps",
                              sp_onnx_input_name(r, 0));
    }
    return sp_onnx_sequence_tap(r, sequence, (size_t)(first.k + behind.k) + 1, (size_t)first.k, 1,
                                count);
}

/* From the last step to the first. */
static bool is_flip(sp_onnx_dim first, sp_onnx_dim end, sp_onnx_dim length, int64_t step) {
    const bool from_last = is_far(first) || sp_onnx_dim_is(first, -1) ||
                           (first.t == length.t && first.k >= length.k - 1);
    return step == -1 && from_last && end.t == 0 &&
           (end.k <= -INT32_MAX || (length.t == 0 && end.k < -length.k));
}

static sp_status select_steps(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_onnx_dim first,
                              sp_onnx_dim end, int64_t step) {
    const sp_onnx_dim length = sequence->dim[sequence->outer];
    sp_onnx_dim count;
    if (is_flip(first, end, length, step)) {
        sequence->reversed = !sequence->reversed;
        return SP_OK;
    }
    if (step != 1) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it takes every %" PRId64 "th step of '%.60s'",
                              step, sp_onnx_input_name(r, 0));
    }
    if (!from_front(&first, first, length) || !from_front(&end, end, length)) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "a step that no recording has");
    }
    if (length.t == 0 && first.t == 0 && end.t == 0) {
        first.k = clamp(first.k, 0, length.k);
        end.k = clamp(end.k, 0, length.k);
    }
    if (!sp_onnx_dim_sub(&count, end, first) || (count.t == 0 && count.k <= 0)) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it takes no steps of '%.60s'",
                              sp_onnx_input_name(r, 0));
    }
    if (sp_onnx_dim_is(first, 0) && sp_onnx_dim_equal(end, length)) {
        return SP_OK;
    }
    return is_one(count) ? sp_onnx_sequence_step(r, sequence, first)
                         : crop(r, sequence, first, count);
}

sp_status sp_onnx_sequence_select(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                                  sp_onnx_dim first, sp_onnx_dim end, int64_t step) {
    if (axis == sequence->outer) {
        return select_steps(r, sequence, first, end, step);
    }
    const int64_t n = sequence->dim[axis].k;
    if (first.t != 0 || end.t != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "the range along axis %zu depends on the number of steps", axis);
    }
    int64_t lo = first.k < 0 ? first.k + n : first.k, hi = end.k < 0 ? end.k + n : end.k, count;
    if (step > 0) {
        lo = clamp(lo, 0, n);
        hi = clamp(hi, 0, n);
        count = hi > lo ? (hi - lo - 1) / step + 1 : 0;
    } else {
        lo = clamp(lo, -1, n - 1);
        hi = clamp(hi, -1, n - 1);
        count = lo > hi ? (lo - hi - 1) / -step + 1 : 0;
    }
    if (count == 0) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it keeps nothing of axis %zu", axis);
    }
    if (lo == 0 && count == n && step == 1) {
        return SP_OK;
    }
    SP_TRY(sp_onnx_sequence_open(r, sequence));
    int64_t stride[SP_ONNX_MAX_RANK];
    sp_onnx_sequence_strides(stride, sequence);
    const int64_t at = lo * stride[axis];
    sequence->dim[axis] = sp_onnx_dim_of(count);
    stride[axis] *= step;
    return sp_onnx_sequence_view(r, sequence, at, stride);
}
