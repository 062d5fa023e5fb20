/* Products of two matrices that both depend on the input, as attention has them: of a fixed number
 * of steps, laid side by side, every entry of the one times an entry of the other, summed. */
#include "onnx/impl.h"

/* Products of one step. As nodes they have dense matrices of four times their square. */
enum { MOST_PRODUCTS = 1024 };

/* The steps become numbers, unless they are the rows of the first factor, or both have one matrix
 * at every step. */
static sp_status lay_out(sp_onnx_reader *r, sp_onnx_sequence *x, bool keep) {
    if (x->outer == SP_ONNX_NO_AXIS || keep) {
        return SP_OK;
    }
    if (x->dim[x->outer].t != 0) {
        r->wants_length = true;
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "attention compares every step with every other one, which is read for a fixed number "
            "of steps: give the shape by --input %.40s=1xSTEPSxFEATURES, with the number of frames "
            "of your clips, or export the same weights with a fixed length",
            r->root->features->name);
    }
    return sp_onnx_sequence_lay_out(r, x);
}

static sp_status insert(sp_onnx_reader *r, sp_onnx_sequence *x, size_t axis) {
    bool fresh[SP_ONNX_MAX_RANK + 1] = {false};
    fresh[axis] = true;
    return sp_onnx_sequence_insert(r, x, fresh, x->rank + 1);
}

/* How many products a step has, or one number that is too many. */
static size_t count_products(const sp_onnx_sequence *a, const sp_onnx_sequence *b) {
    size_t count = 1;
    for (size_t i = 0; i < a->rank && count <= MOST_PRODUCTS; i++) {
        const bool steps = i == a->outer || i == b->outer;
        const int64_t n = a->dim[i].k > b->dim[i].k ? a->dim[i].k : b->dim[i].k;
        count *= steps ? 1 : (size_t)n;
    }
    return count;
}

static sp_status check_size(sp_onnx_reader *r, const sp_onnx_sequence *a,
                            const sp_onnx_sequence *b) {
    return count_products(a, b) <= MOST_PRODUCTS
               ? SP_OK
               : sp_onnx_refuse(r, SP_E_UNSUPPORTED,
                                "its steps times the width of its inputs is more than %d products "
                                "for one step: attention is read up to there, which is 64 steps "
                                "of 16 numbers or 16 steps of 64",
                                (int)MOST_PRODUCTS);
}

sp_status sp_onnx_sequence_matmul(sp_onnx_reader *r, sp_onnx_sequence *to,
                                  const sp_onnx_sequence *first, const sp_onnx_sequence *second) {
    sp_onnx_sequence a = *first, b = *second;
    if (a.rank < 2 || b.rank < 2 || r->depth > 0) {
        return sp_onnx_refuse(
            r, SP_E_UNSUPPORTED,
            "both '%.60s' and '%.60s' depend on the features, and one is no matrix",
            sp_onnx_input_name(r, 0), sp_onnx_input_name(r, 1));
    }
    SP_TRY(sp_onnx_sequence_open(r, &a));
    SP_TRY(sp_onnx_sequence_open(r, &b));
    SP_TRY(sp_onnx_sequence_pad(r, &a, b.rank));
    SP_TRY(sp_onnx_sequence_pad(r, &b, a.rank));
    const size_t rank = a.rank;
    const bool batch = a.outer == b.outer && a.outer + 2 < rank;
    SP_TRY(lay_out(r, &a, batch || a.outer + 2 == rank));
    SP_TRY(lay_out(r, &b, batch));
    if (!sp_onnx_dim_equal(a.dim[rank - 1], b.dim[rank - 2])) {
        return sp_onnx_refuse(r, SP_E_FORMAT, "its inputs have shapes that cannot be multiplied");
    }
    SP_TRY(insert(r, &a, rank));     // [.., rows, depth, 1]
    SP_TRY(insert(r, &b, rank - 2)); // [.., 1, depth, columns]
    SP_TRY(check_size(r, &a, &b));
    SP_TRY(sp_onnx_sequence_product(r, to, &a, &b));
    SP_TRY(sp_onnx_sequence_total(r, to, rank - 1, 1.0));
    bool drop[SP_ONNX_MAX_RANK] = {false};
    drop[rank - 1] = true;
    return sp_onnx_sequence_drop(r, to, drop);
}
