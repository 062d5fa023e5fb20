// One step of a cell, there and back, by its description.
#include <math.h>
#include <string.h>

#include "net/impl.h"

size_t sp_cell_block(const sp_cell *cell, const sp_cell_steps *steps) {
    return 2 * steps->count * cell->out;
}

static const double *bias_of(const sp_cell *cell, const sp_cell_variable *v) {
    return v->recurrent_bias ? cell->recurrent_bias : cell->bias + v->block * cell->out;
}

/* W x + R a + bias + b, in this order; `sum` is scratch. */
static void image(const sp_cell *cell, const sp_cell_variable *v, double *value, double *sum,
                  const double *a, const double *b, const double *x) {
    const size_t H = cell->out;
    const double *bias = bias_of(cell, v);
    memset(value, 0, H * sizeof *value);
    if (v->input) {
        sp_products(value, cell->weight + v->block * H * cell->in, cell->in, H, cell->in, x);
    }
    if (a != NULL) {
        memset(sum, 0, H * sizeof *sum);
        sp_products(sum, cell->recurrent + v->block * H * H, H, H, H, a);
    }
    for (size_t j = 0; j < H; j++) {
        value[j] = (a != NULL ? value[j] + sum[j] : value[j]) + bias[j];
        value[j] += b != NULL ? b[j] : 0.0;
    }
}

static bool same(sp_activation f, sp_activation g) {
    return f.kind == g.kind && f.alpha == g.alpha && f.beta == g.beta;
}

/* An earlier product with the same gate, or NULL. */
static const double *gate_before(const sp_cell_steps *steps, size_t v, const double *gates,
                                 size_t H) {
    const sp_cell_variable *at = &steps->variable[v];
    for (size_t i = 0; i < v; i++) {
        const sp_cell_variable *other = &steps->variable[i];
        if (other->op == SP_CELL_PRODUCT && other->used && other->a == at->a &&
            same(other->f, at->f)) {
            return gates + i * H;
        }
    }
    return NULL;
}

static void product(const sp_cell_variable *v, double *value, double *gate, const double *known,
                    const double *a, const double *b, size_t H) {
    for (size_t j = 0; j < H; j++) {
        gate[j] = known != NULL ? known[j] : sp_activation_value(v->f, a[j]);
        value[j] = (v->complement ? 1.0 - gate[j] : gate[j]) * (v->second_tanh ? tanh(b[j]) : b[j]);
    }
}

static void state(const sp_cell_steps *steps, size_t v, double *value, const double *before,
                  size_t H) {
    memset(value, 0, H * sizeof *value);
    for (size_t i = 0; before != NULL && i < steps->states; i++) {
        if (steps->state[i].before == (int)v) {
            memcpy(value, before + (size_t)steps->state[i].after * H, H * sizeof *value);
        }
    }
}

/* a + b; of n + z (h - n) the convex combination (1 - z) n + z h that it is: no digits are lost
 * where n is much larger than h. */
static void sum(const sp_cell_steps *steps, const sp_cell_variable *v, double *value,
                const double *block, size_t H) {
    const sp_cell_variable *kept = &steps->variable[v->b];
    const double *a = block + (size_t)v->a * H, *b = block + (size_t)v->b * H;
    const bool blend = v->range == SP_CELL_RANGE_BLEND && kept->op == SP_CELL_PRODUCT &&
                       steps->variable[kept->b].op == SP_CELL_DIFFERENCE;
    if (!blend) {
        for (size_t j = 0; j < H; j++) {
            value[j] = a[j] + b[j];
        }
        return;
    }
    const double *z = block + (steps->count + (size_t)v->b) * H;
    const double *h = block + (size_t)steps->variable[kept->b].a * H;
    for (size_t j = 0; j < H; j++) {
        value[j] = (1.0 - z[j]) * a[j] + z[j] * h[j];
    }
}

void sp_cell_step(const sp_cell *cell, const sp_cell_steps *steps, double *block,
                  const double *before, const double *x) {
    const size_t H = cell->out;
    double *gates = block + steps->count * H;
    for (size_t i = 0; i < steps->count; i++) {
        const sp_cell_variable *v = &steps->variable[i];
        double *value = block + i * H, *gate = gates + i * H;
        const double *a = v->a == SP_NO_VARIABLE ? NULL : block + (size_t)v->a * H;
        const double *b = v->b == SP_NO_VARIABLE ? NULL : block + (size_t)v->b * H;
        if (!v->used) {
            continue;
        }
        switch (v->op) {
        case SP_CELL_STATE:
            state(steps, i, value, before, H);
            break;
        case SP_CELL_IMAGE:
            image(cell, v, value, gate, a, b, x);
            break;
        case SP_CELL_PRODUCT:
            product(v, value, gate, gate_before(steps, i, gates, H), a, b, H);
            break;
        case SP_CELL_CURVE:
            for (size_t j = 0; j < H; j++) {
                value[j] = sp_activation_value(v->f, a[j]);
            }
            break;
        case SP_CELL_SUM:
            sum(steps, v, value, block, H);
            break;
        case SP_CELL_DIFFERENCE:
            for (size_t j = 0; j < H; j++) {
                value[j] = a[j] - b[j];
            }
            break;
        }
    }
}

/* ---- and back ---- */

/* da += slope W over one block of H rows; W [H, n]. */
static void product_back(double *da, const double *slope, const double *weight, size_t H,
                         size_t n) {
    for (size_t j = 0; j < H; j++) {
        const double s = slope[j], *w = weight + j * n;
        for (size_t i = 0; i < n; i++) {
            da[i] += s * w[i];
        }
    }
}

/* by_a, by_b [H]: the derivatives of variable v by its operands, where it is a product or curve. */
static void derivatives(const sp_cell_steps *steps, size_t i, const double *block, size_t H,
                        double *by_a, double *by_b) {
    const sp_cell_variable *v = &steps->variable[i];
    const double *a = block + (size_t)(v->a < 0 ? 0 : v->a) * H;
    const double *b = block + (size_t)(v->b < 0 ? 0 : v->b) * H;
    const double *gate = block + (steps->count + i) * H;
    for (size_t j = 0; v->op == SP_CELL_CURVE && j < H; j++) {
        by_a[j] = sp_activation_tangent(v->f, a[j]).w;
    }
    for (size_t j = 0; v->op == SP_CELL_PRODUCT && j < H; j++) {
        const double second = v->second_tanh ? tanh(b[j]) : b[j];
        const double slope = sp_activation_tangent(v->f, a[j]).w;
        by_a[j] = (v->complement ? -slope : slope) * second;
        by_b[j] = (v->complement ? 1.0 - gate[j] : gate[j]) *
                  (v->second_tanh ? 1.0 - second * second : 1.0);
    }
}

/* d += s by, or d += factor s where by is NULL. */
static void add_slope(double *d, const double *s, const double *by, double factor, size_t H) {
    for (size_t j = 0; j < H; j++) {
        d[j] += by != NULL ? s[j] * by[j] : factor * s[j];
    }
}

static void row_back(const sp_cell *cell, const sp_cell_steps *steps, double *slope, double *dx,
                     const double *by_a, const double *by_b) {
    const size_t H = cell->out, D = cell->in;
    for (size_t i = steps->count; i-- > 0;) {
        const sp_cell_variable *v = &steps->variable[i];
        const double *s = slope + i * H;
        double *da = v->a == SP_NO_VARIABLE ? NULL : slope + (size_t)v->a * H;
        double *db = v->b == SP_NO_VARIABLE ? NULL : slope + (size_t)v->b * H;
        if (!v->used) {
            continue;
        }
        switch (v->op) {
        case SP_CELL_STATE:
            break;
        case SP_CELL_IMAGE:
            if (v->input) {
                product_back(dx, s, cell->weight + v->block * H * D, H, D);
            }
            if (da != NULL) {
                product_back(da, s, cell->recurrent + v->block * H * H, H, H);
            }
            if (db != NULL) {
                add_slope(db, s, NULL, 1.0, H);
            }
            break;
        case SP_CELL_PRODUCT:
            add_slope(da, s, by_a + i * H, 1.0, H);
            add_slope(db, s, by_b + i * H, 1.0, H);
            break;
        case SP_CELL_CURVE:
            add_slope(da, s, by_a + i * H, 1.0, H);
            break;
        case SP_CELL_SUM:
            add_slope(da, s, NULL, 1.0, H);
            add_slope(db, s, NULL, 1.0, H);
            break;
        case SP_CELL_DIFFERENCE:
            add_slope(da, s, NULL, 1.0, H);
            add_slope(db, s, NULL, -1.0, H);
            break;
        }
    }
}

void sp_cell_step_back(const sp_cell *cell, const sp_cell_steps *steps, double *slope, double *dx,
                       size_t ld, const double *block, size_t rows, double *scratch) {
    const size_t H = cell->out, n = steps->count * H;
    double *by_a = scratch, *by_b = scratch + n;
    for (size_t i = 0; i < steps->count; i++) {
        derivatives(steps, i, block, H, by_a + i * H, by_b + i * H);
    }
    for (size_t r = 0; r < rows; r++) {
        row_back(cell, steps, slope + r * n, dx + r * ld, by_a, by_b);
    }
}
