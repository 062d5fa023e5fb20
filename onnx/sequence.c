/* Moving the numbers that depend on the input: other axes, the last step, one of several states. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

static bool is_one(sp_onnx_dim e) {
    return sp_onnx_dim_is(e, 1);
}

bool sp_onnx_sequence_is_feature_axis(const sp_onnx_sequence *sequence, size_t axis) {
    if (axis >= sequence->rank) {
        return false;
    }
    return sequence->width == 1 ? is_one(sequence->dim[axis]) : axis == sequence->inner;
}

sp_status sp_onnx_sequence_of_layer(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t layer,
                                    size_t width) {
    size_t *copy = sp_onnx_region_take(&r->region, 1, sizeof *copy);
    if (!copy) {
        return sp_onnx_out_of_memory(r);
    }
    *copy = layer;
    sequence->layer = copy;
    sequence->layers = 1;
    sequence->width = width;
    return SP_OK;
}

static sp_status check_rank(sp_onnx_reader *r, size_t rank) {
    return rank <= SP_ONNX_MAX_RANK
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED, "a result of rank %zu: at most %d", rank,
                                SP_ONNX_MAX_RANK);
}

void sp_onnx_sequence_permute(sp_onnx_sequence *sequence, const size_t *perm) {
    const sp_onnx_sequence old = *sequence;
    for (size_t i = 0; i < old.rank; i++) {
        sequence->dim[i] = old.dim[perm[i]];
        sequence->outer = perm[i] == old.outer ? i : sequence->outer;
        sequence->inner = perm[i] == old.inner ? i : sequence->inner;
    }
}

sp_status sp_onnx_sequence_drop(sp_onnx_reader *r, sp_onnx_sequence *sequence, const bool *drop) {
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
        sequence->inner = i == old.inner ? sequence->rank : sequence->inner;
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
        sequence->inner = from == old.inner ? i : sequence->inner;
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

/* Row-major order is kept when the axes longer than 1 stay the same, in the same order. */
sp_status sp_onnx_sequence_reshape(sp_onnx_reader *r, sp_onnx_sequence *sequence,
                                   const sp_onnx_dim *dim, size_t rank) {
    SP_TRY(check_rank(r, rank));
    const sp_onnx_sequence old = *sequence;
    size_t from = 0;
    for (size_t i = 0; i < rank; i++) {
        sequence->dim[i] = dim[i];
        if (is_one(dim[i])) {
            continue;
        }
        while (from < old.rank && is_one(old.dim[from])) {
            from++;
        }
        if (from == old.rank || !sp_onnx_dim_equal(old.dim[from], dim[i])) {
            return sp_onnx_refuse(
                r, SP_E_UNSUPPORTED,
                "the shape that it asks for mixes steps, batch or features of '%.60s'",
                sp_onnx_input_name(r, 0));
        }
        sequence->outer = from == old.outer ? i : sequence->outer;
        sequence->inner = from == old.inner ? i : sequence->inner;
        from++;
    }
    for (; from < old.rank; from++) {
        if (!is_one(old.dim[from])) {
            return sp_onnx_refuse(r, SP_E_FORMAT,
                                  "the shape that it asks for has too few elements");
        }
    }
    sequence->rank = rank;
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

static int64_t clamp(int64_t k, int64_t most) {
    return k < 0 ? 0 : k > most ? most : k;
}

/* Other steps than the last one: exporters read their shape. */
static sp_status select_part(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_onnx_dim first,
                             sp_onnx_dim end, sp_onnx_dim length) {
    int64_t count = 0;
    if (length.t == 0 && first.t == 0 && end.t == 0) {
        count = clamp(end.k, length.k) - clamp(first.k, length.k);
    } else if (sp_onnx_dim_is(first, 0) && sp_onnx_dim_is(end, 1)) {
        count = 1; // there is a first step
    }
    if (count <= 0) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "it takes other steps than the last one of '%.60s': only the last step can be "
            "read out",
            sp_onnx_input_name(r, 0));
    }
    sequence->dim[sequence->outer] = sp_onnx_dim_of(count);
    sequence->partial = true;
    if (count == 1) {
        sequence->kind = SP_ONNX_SEQUENCE_LAST;
        sequence->outer = SP_ONNX_NO_AXIS;
    }
    return SP_OK;
}

static sp_status select_steps(sp_onnx_reader *r, sp_onnx_sequence *sequence, sp_onnx_dim first,
                              sp_onnx_dim end) {
    const sp_onnx_dim length = sequence->dim[sequence->outer];
    sp_onnx_dim last;
    if (!from_front(&first, first, length) || !from_front(&end, end, length) ||
        !sp_onnx_dim_sub(&last, length, sp_onnx_dim_of(1))) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "a step that no recording has");
    }
    if (sp_onnx_dim_equal(end, length) && sp_onnx_dim_is(first, 0)) {
        return SP_OK;
    }
    if (!sp_onnx_dim_equal(end, length) || !sp_onnx_dim_equal(first, last)) {
        return select_part(r, sequence, first, end, length);
    }
    sequence->dim[sequence->outer] = sp_onnx_dim_of(1);
    sequence->kind = SP_ONNX_SEQUENCE_LAST;
    sequence->outer = SP_ONNX_NO_AXIS;
    return SP_OK;
}

static void select_states(sp_onnx_sequence *sequence, int64_t first, int64_t end) {
    sequence->layer += first;
    sequence->layers = (size_t)(end - first);
    sequence->dim[sequence->outer] = sp_onnx_dim_of(end - first);
    if (sequence->layers == 1) {
        sequence->kind = SP_ONNX_SEQUENCE_LAST;
        sequence->outer = SP_ONNX_NO_AXIS;
    }
}

sp_status sp_onnx_sequence_select(sp_onnx_reader *r, sp_onnx_sequence *sequence, size_t axis,
                                  sp_onnx_dim first, sp_onnx_dim end) {
    if (axis == sequence->outer && sequence->kind == SP_ONNX_SEQUENCE_STEPS) {
        return select_steps(r, sequence, first, end);
    }
    const int64_t n = sequence->dim[axis].k;
    if (first.t != 0 || end.t != 0) {
        return sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                              "the range along axis %zu depends on the number of steps", axis);
    }
    int64_t lo = first.k < 0 ? first.k + n : first.k, hi = end.k < 0 ? end.k + n : end.k;
    lo = lo < 0 ? 0 : lo;
    hi = hi > n ? n : hi;
    if (lo >= hi) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "it keeps nothing of axis %zu", axis);
    }
    if (lo == 0 && hi == n) {
        return SP_OK;
    }
    if (axis == sequence->outer) {
        select_states(sequence, lo, hi);
        return SP_OK;
    }
    return sp_onnx_refuse(r, SP_E_UNSUPPORTED, "it keeps only some of the features of '%.60s'",
                          sp_onnx_input_name(r, 0));
}
