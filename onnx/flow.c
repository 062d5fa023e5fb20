/* Moving the numbers that depend on the input: other axes, the last step, one of several states. */
#include <inttypes.h>
#include <string.h>

#include "onnx/impl.h"

static bool is_one(sp_extent e) {
    return sp_extent_is(e, 1);
}

bool sp_flow_is_feature_axis(const sp_flow *flow, size_t axis) {
    if (axis >= flow->rank) {
        return false;
    }
    return flow->width == 1 ? is_one(flow->dim[axis]) : axis == flow->inner;
}

sp_status sp_flow_of_block(sp_reader *r, sp_flow *flow, size_t block, size_t width) {
    size_t *copy = sp_heap_take(&r->heap, 1, sizeof *copy);
    if (!copy) {
        return sp_out_of_memory(r);
    }
    *copy = block;
    flow->block = copy;
    flow->blocks = 1;
    flow->width = width;
    return SP_OK;
}

static sp_status check_rank(sp_reader *r, size_t rank) {
    return rank <= SP_MAX_RANK ? SP_OK
                               : sp_refuse(r, SP_E_UNSUPPORTED, "a result of rank %zu: at most %d",
                                           rank, SP_MAX_RANK);
}

void sp_flow_permute(sp_flow *flow, const size_t *perm) {
    const sp_flow old = *flow;
    for (size_t i = 0; i < old.rank; i++) {
        flow->dim[i] = old.dim[perm[i]];
        flow->outer = perm[i] == old.outer ? i : flow->outer;
        flow->inner = perm[i] == old.inner ? i : flow->inner;
    }
}

sp_status sp_flow_drop(sp_reader *r, sp_flow *flow, const bool *drop) {
    const sp_flow old = *flow;
    flow->rank = 0;
    for (size_t i = 0; i < old.rank; i++) {
        if (drop[i]) {
            if (!is_one(old.dim[i])) {
                return sp_refuse(r, SP_E_UNSUPPORTED,
                                 "axis %zu is removed, but its length is not 1", i);
            }
            continue;
        }
        flow->outer = i == old.outer ? flow->rank : flow->outer;
        flow->inner = i == old.inner ? flow->rank : flow->inner;
        flow->dim[flow->rank++] = old.dim[i];
    }
    return SP_OK;
}

sp_status sp_flow_insert(sp_reader *r, sp_flow *flow, const bool *fresh, size_t rank) {
    SP_TRY(check_rank(r, rank));
    const sp_flow old = *flow;
    flow->rank = rank;
    size_t from = 0;
    for (size_t i = 0; i < rank; i++) {
        if (fresh[i]) {
            flow->dim[i] = sp_whole(1);
            continue;
        }
        flow->outer = from == old.outer ? i : flow->outer;
        flow->inner = from == old.inner ? i : flow->inner;
        flow->dim[i] = old.dim[from++];
    }
    return SP_OK;
}

sp_status sp_flow_pad(sp_reader *r, sp_flow *flow, size_t rank) {
    bool fresh[SP_MAX_RANK] = {false};
    SP_TRY(check_rank(r, rank));
    for (size_t i = 0; i + flow->rank < rank; i++) {
        fresh[i] = true;
    }
    return rank > flow->rank ? sp_flow_insert(r, flow, fresh, rank) : SP_OK;
}

/* Row-major order is kept when the axes longer than 1 stay the same, in the same order. */
sp_status sp_flow_reshape(sp_reader *r, sp_flow *flow, const sp_extent *dim, size_t rank) {
    SP_TRY(check_rank(r, rank));
    const sp_flow old = *flow;
    size_t from = 0;
    for (size_t i = 0; i < rank; i++) {
        flow->dim[i] = dim[i];
        if (is_one(dim[i])) {
            continue;
        }
        while (from < old.rank && is_one(old.dim[from])) {
            from++;
        }
        if (from == old.rank || !sp_extent_equal(old.dim[from], dim[i])) {
            return sp_refuse(r, SP_E_UNSUPPORTED,
                             "the shape that it asks for mixes steps, batch or features of '%.60s'",
                             sp_input_name(r, 0));
        }
        flow->outer = from == old.outer ? i : flow->outer;
        flow->inner = from == old.inner ? i : flow->inner;
        from++;
    }
    for (; from < old.rank; from++) {
        if (!is_one(old.dim[from])) {
            return sp_refuse(r, SP_E_FORMAT, "the shape that it asks for has too few elements");
        }
    }
    flow->rank = rank;
    return SP_OK;
}

/* ---- selection ---- */

// Exporters write "to the end" as the largest 32-bit or 64-bit number.
static bool is_far(sp_extent e) {
    return e.t == 0 && e.k >= INT32_MAX;
}

/* *index: the position `given` of a slice, counted from the front. */
static bool from_front(sp_extent *index, sp_extent given, sp_extent length) {
    if (given.t == 0 && given.k < 0) {
        return sp_extent_add(index, given, length);
    }
    *index = is_far(given) ? length : given;
    return true;
}

static int64_t clamp(int64_t k, int64_t most) {
    return k < 0 ? 0 : k > most ? most : k;
}

/* Other steps than the last one: exporters read their shape. */
static sp_status select_part(sp_reader *r, sp_flow *flow, sp_extent first, sp_extent end,
                             sp_extent length) {
    int64_t count = 0;
    if (length.t == 0 && first.t == 0 && end.t == 0) {
        count = clamp(end.k, length.k) - clamp(first.k, length.k);
    } else if (sp_extent_is(first, 0) && sp_extent_is(end, 1)) {
        count = 1; // there is a first step
    }
    if (count <= 0) {
        return sp_refuse(
            r, SP_E_UNSUPPORTED,
            "it takes other steps than the last one of '%.60s': only the last step can be "
            "read out",
            sp_input_name(r, 0));
    }
    flow->dim[flow->outer] = sp_whole(count);
    flow->partial = true;
    if (count == 1) {
        flow->kind = SP_FLOW_VECTOR;
        flow->outer = SP_NO_AXIS;
    }
    return SP_OK;
}

static sp_status select_steps(sp_reader *r, sp_flow *flow, sp_extent first, sp_extent end) {
    const sp_extent length = flow->dim[flow->outer];
    sp_extent last;
    if (!from_front(&first, first, length) || !from_front(&end, end, length) ||
        !sp_extent_sub(&last, length, sp_whole(1))) {
        return sp_refuse(r, SP_E_FORMAT, "a step that no recording has");
    }
    if (sp_extent_equal(end, length) && sp_extent_is(first, 0)) {
        return SP_OK;
    }
    if (!sp_extent_equal(end, length) || !sp_extent_equal(first, last)) {
        return select_part(r, flow, first, end, length);
    }
    flow->dim[flow->outer] = sp_whole(1);
    flow->kind = SP_FLOW_VECTOR;
    flow->outer = SP_NO_AXIS;
    return SP_OK;
}

static void select_states(sp_flow *flow, int64_t first, int64_t end) {
    flow->block += first;
    flow->blocks = (size_t)(end - first);
    flow->dim[flow->outer] = sp_whole(end - first);
    if (flow->blocks == 1) {
        flow->kind = SP_FLOW_VECTOR;
        flow->outer = SP_NO_AXIS;
    }
}

sp_status sp_flow_select(sp_reader *r, sp_flow *flow, size_t axis, sp_extent first, sp_extent end) {
    if (axis == flow->outer && flow->kind == SP_FLOW_SEQUENCE) {
        return select_steps(r, flow, first, end);
    }
    const int64_t n = flow->dim[axis].k;
    if (first.t != 0 || end.t != 0) {
        return sp_refuse(r, SP_E_UNSUPPORTED,
                         "the range along axis %zu depends on the number of steps", axis);
    }
    int64_t lo = first.k < 0 ? first.k + n : first.k, hi = end.k < 0 ? end.k + n : end.k;
    lo = lo < 0 ? 0 : lo;
    hi = hi > n ? n : hi;
    if (lo >= hi) {
        return sp_refuse(r, SP_E_FORMAT, "it keeps nothing of axis %zu", axis);
    }
    if (lo == 0 && hi == n) {
        return SP_OK;
    }
    if (axis == flow->outer) {
        select_states(flow, lo, hi);
        return SP_OK;
    }
    return sp_refuse(r, SP_E_UNSUPPORTED, "it keeps only some of the features of '%.60s'",
                     sp_input_name(r, 0));
}
