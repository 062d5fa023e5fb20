/* Whole numbers k + t L, exact or refused. */
#include "onnx/impl.h"

static bool add(int64_t *r, int64_t a, int64_t b) {
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) {
        return false;
    }
    *r = a + b;
    return true;
}

static bool multiply(int64_t *r, int64_t a, int64_t b) {
    if (a != 0 && b != 0) {
        if (a == INT64_MIN || b == INT64_MIN) {
            return false;
        }
        const int64_t p = a < 0 ? -a : a, q = b < 0 ? -b : b;
        if (p > INT64_MAX / q) {
            return false;
        }
    }
    *r = a * b;
    return true;
}

/* r->of for a result of a and b; false when they grow with different lengths. */
static bool join(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b) {
    const size_t of = a.t != 0 ? a.of : b.of;
    const bool fits = a.t == 0 || b.t == 0 || a.of == b.of;
    r->of = r->t != 0 ? of : 0;
    return fits;
}

bool sp_onnx_dim_add(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b) {
    return add(&r->k, a.k, b.k) && add(&r->t, a.t, b.t) && join(r, a, b);
}

bool sp_onnx_dim_sub(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b) {
    if (b.k == INT64_MIN || b.t == INT64_MIN) {
        return false;
    }
    return add(&r->k, a.k, -b.k) && add(&r->t, a.t, -b.t) && join(r, a, b);
}

bool sp_onnx_dim_mul(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b) {
    if (a.t != 0 && b.t != 0) {
        return false;
    }
    const int64_t factor = a.t == 0 ? a.k : b.k;
    const sp_onnx_dim other = a.t == 0 ? b : a;
    return multiply(&r->k, other.k, factor) && multiply(&r->t, other.t, factor) && join(r, a, b);
}

bool sp_onnx_dim_div(sp_onnx_dim *r, sp_onnx_dim a, sp_onnx_dim b) {
    if (b.t != 0 || b.k == 0 || (b.k == -1 && (a.k == INT64_MIN || a.t == INT64_MIN))) {
        return false;
    }
    // k + t L is divided term by term only where nothing is cut off.
    if (a.t != 0 && (a.t % b.k != 0 || a.k % b.k != 0)) {
        return false;
    }
    *r = (sp_onnx_dim){a.k / b.k, a.t / b.k, a.of};
    return true;
}

bool sp_onnx_dim_same(bool *same, sp_onnx_dim a, sp_onnx_dim b) {
    sp_onnx_dim d;
    if (!sp_onnx_dim_sub(&d, a, b)) {
        return false;
    }
    // k + t L = 0 needs a whole L >= 1.
    const bool possible =
        d.t != 0 && d.k != INT64_MIN && d.t != INT64_MIN && -d.k % d.t == 0 && -d.k / d.t >= 1;
    *same = d.t == 0 && d.k == 0;
    return d.t == 0 || (!possible && d.k != INT64_MIN && d.t != INT64_MIN);
}
