/* Products of numbers that are a curve: x F(u), where u is an affine function of x. Exporters write
 * SiLU, GELU, Mish and the hard swish so.
 *
 * A layer that is a curve remembers the rows that it is applied to, so that those of both factors
 * can be compared. Numbers computed out of those of the file are rounded to doubles, as everywhere.
 */
#include <math.h>

#include "onnx/impl.h"

/* ---- rows that are functions of others ---- */

/* sp_onnx_link - u = scale x + shift, the same for all rows. */
typedef struct sp_onnx_link {
    bool known;
    double scale, shift;
} sp_onnx_link;

static const double tolerance = 1e-13;

static bool near(double a, double b, double size) {
    return fabs(a - b) <= tolerance * (fabs(a) + size);
}

static bool same_number(const sp_onnx_entry *a, const sp_onnx_entry *b) {
    return a->layer == b->layer && a->feature == b->feature && sp_onnx_dim_equal(a->at, b->at);
}

/* Whether the first entries of u are those of x times a number; takes over or checks the link. */
static bool is_linked(sp_onnx_link *link, const sp_onnx_affine *u, const sp_onnx_affine *x) {
    if (x->entries == 0 || u->entries < x->entries || x->entry->weight == 0.0) {
        return false;
    }
    const double scale = u->entry->weight / x->entry->weight;
    for (size_t k = 0; k < x->entries; k++) {
        if (!same_number(&u->entry[k], &x->entry[k]) ||
            !near(u->entry[k].weight, scale * x->entry[k].weight, 0.0)) {
            return false;
        }
    }
    const double shift = u->bias - scale * x->bias;
    if (!link->known) {
        *link = (sp_onnx_link){true, scale, shift};
    }
    return near(scale, link->scale, 0.0) &&
           near(shift, link->shift, fabs(u->bias) + fabs(scale * x->bias));
}

static bool has_no_shift(const sp_onnx_link *link, const sp_onnx_affine *u) {
    return fabs(link->shift) <= tolerance * fabs(u->bias);
}

/* The curve that a row reads and nothing else; *argument: what that is applied to, as rows that are
 * read where the row is; NULL: it reads something else. */
static const sp_onnx_layer *curve_of(sp_onnx_reader *r, const sp_onnx_entry *entry,
                                     sp_onnx_affine *argument) {
    const sp_onnx_layer *layer = &r->layer[entry->layer];
    if (layer->kind != SP_NODE_CURVE || !layer->argument) {
        return NULL;
    }
    const sp_onnx_affine *row = &layer->argument[entry->feature];
    sp_onnx_entry *read = sp_region_take(&r->region, row->entries + 1, sizeof *read);
    if (!read) {
        return NULL;
    }
    for (size_t k = 0; k < row->entries; k++) {
        read[k] = row->entry[k];
        read[k].at = layer->once ? read[k].at : entry->at;
    }
    *argument = (sp_onnx_affine){read, row->entries, row->bias};
    return layer;
}

/* ---- the products that are known ---- */

/* sp_onnx_swish - x (a F(u) + b) = scale f(x) + rest x. */
typedef struct sp_onnx_swish {
    bool known;
    sp_activation f;
    double scale, rest;
} sp_onnx_swish;

static bool agrees(sp_onnx_swish *all, sp_onnx_swish one) {
    if (!all->known) {
        *all = one;
        all->known = true;
    }
    return all->f.kind == one.f.kind && near(all->f.alpha, one.f.alpha, 0.0) &&
           near(all->f.beta, one.f.beta, tolerance) && near(all->scale, one.scale, 0.0) &&
           near(all->rest, one.rest, fabs(one.scale));
}

/* tanh of scale x + weight x^3, or of softplus(x). */
static bool match_tanh(sp_onnx_reader *r, sp_onnx_swish *to, const sp_onnx_affine *u,
                       const sp_onnx_affine *x, double a, double b) {
    sp_onnx_affine inner;
    sp_onnx_link outer = {0}, link = {0};
    const sp_onnx_layer *curve =
        u->entries > 0 ? curve_of(r, &u->entry[u->entries - 1], &inner) : NULL;
    const double weight = u->entries > 0 ? u->entry[u->entries - 1].weight : 0.0;
    if (u->entries == x->entries) { // x tanh(s x) = 2 x sigma(2 s x) - x
        if (is_linked(&outer, u, x) && has_no_shift(&outer, u)) {
            *to =
                (sp_onnx_swish){true, {SP_ACTIVATION_SILU, 2.0 * outer.scale, 0.0}, 2.0 * a, b - a};
            return true;
        }
    }
    if (curve && curve->curve.kind == SP_ACTIVATION_SOFTPLUS && u->entries == 1 && weight == 1.0 &&
        u->bias == 0.0 && inner.entries == x->entries) {
        const bool itself = is_linked(&link, &inner, x) && link.scale == 1.0 && link.shift == 0.0;
        *to = (sp_onnx_swish){true, {SP_ACTIVATION_MISH, 0.0, 0.0}, a, b};
        return itself;
    }
    if (curve && curve->curve.kind == SP_ACTIVATION_CUBE && u->entries == x->entries + 1 &&
        inner.entries == x->entries && is_linked(&outer, u, x) && has_no_shift(&outer, u) &&
        is_linked(&link, &inner, x) && has_no_shift(&link, &inner)) {
        const double cube = weight * link.scale * link.scale * link.scale / outer.scale;
        *to = (sp_onnx_swish){true, {SP_ACTIVATION_GELU_TANH, outer.scale, cube}, 2.0 * a, b - a};
        return cube >= 0.0;
    }
    return false;
}

/* x (a F(u) + b), row by row; u: the argument of F. */
static bool match_row(sp_onnx_reader *r, sp_onnx_swish *to, const sp_onnx_affine *x,
                      const sp_onnx_affine *y) {
    sp_onnx_affine u;
    sp_onnx_link link = {0};
    const sp_onnx_layer *curve = y->entries == 1 ? curve_of(r, y->entry, &u) : NULL;
    if (!curve) {
        return false;
    }
    const double a = y->entry->weight, b = y->bias;
    const sp_activation f = curve->curve;
    if (f.kind == SP_ACTIVATION_TANH) {
        return match_tanh(r, to, &u, x, a, b);
    }
    if (u.entries != x->entries || !is_linked(&link, &u, x)) {
        return false;
    }
    const double s = link.scale, wide = f.beta - f.alpha;
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
        *to = (sp_onnx_swish){true, {SP_ACTIVATION_SILU, s, 0.0}, a, b};
        return has_no_shift(&link, &u);
    case SP_ACTIVATION_ERF: // x erf(s x) = 2 GELU - x
        *to = (sp_onnx_swish){true, {SP_ACTIVATION_GELU, s, 0.0}, 2.0 * a, b - a};
        return has_no_shift(&link, &u);
    case SP_ACTIVATION_SQUARE:
        *to = (sp_onnx_swish){true, {SP_ACTIVATION_CUBE, 0.0, 0.0}, a * s * s, b};
        return has_no_shift(&link, &u);
    case SP_ACTIVATION_HARD_SIGMOID:
        *to = (sp_onnx_swish){
            true, {SP_ACTIVATION_HARD_SWISH, f.alpha * s, f.alpha * link.shift + f.beta}, a, b};
        return true;
    case SP_ACTIVATION_CLIP: // clip(u) = alpha + (beta - alpha) min(max((u - alpha) / .., 0), 1)
        *to = (sp_onnx_swish){true,
                              {SP_ACTIVATION_HARD_SWISH, s / wide, (link.shift - f.alpha) / wide},
                              a * wide,
                              a * f.alpha + b};
        return wide > 0.0;
    default:
        return false;
    }
}

/* x x. */
static bool match_square(sp_onnx_swish *to, const sp_onnx_affine *x, const sp_onnx_affine *y) {
    sp_onnx_link link = {0};
    *to = (sp_onnx_swish){true, {SP_ACTIVATION_SQUARE, 0.0, 0.0}, 1.0, 0.0};
    return x->entries == y->entries && is_linked(&link, y, x) && link.scale == 1.0 &&
           link.shift == 0.0;
}

static bool match(sp_onnx_reader *r, sp_onnx_swish *all, const sp_onnx_sequence *x,
                  const sp_onnx_sequence *y) {
    *all = (sp_onnx_swish){0};
    for (size_t i = 0; i < x->width; i++) {
        sp_onnx_swish one;
        if (!(match_row(r, &one, &x->row[i], &y->row[i]) ||
              match_square(&one, &x->row[i], &y->row[i])) ||
            !agrees(all, one)) {
            return false;
        }
    }
    return all->known;
}

static bool have_one_shape(const sp_onnx_sequence *a, const sp_onnx_sequence *b) {
    bool same = a->rank == b->rank && a->outer == b->outer && a->reversed == b->reversed;
    for (size_t i = 0; same && i < a->rank; i++) {
        same = sp_onnx_dim_equal(a->dim[i], b->dim[i]);
    }
    return same;
}

sp_status sp_onnx_sequence_swish(sp_onnx_reader *r, sp_onnx_sequence *to, const sp_onnx_sequence *a,
                                 const sp_onnx_sequence *b, bool *is_one) {
    sp_onnx_swish found;
    const sp_onnx_sequence *x = a;
    *is_one = have_one_shape(a, b) && (match(r, &found, a, b) || match(r, &found, x = b, a));
    if (!*is_one) {
        return SP_OK;
    }
    sp_onnx_sequence curve = *x, rest = *x;
    SP_TRY(sp_onnx_sequence_curve(r, &curve, found.f));
    SP_TRY(sp_onnx_rows_times(r, &curve, found.scale));
    if (fabs(found.rest) <= tolerance * fabs(found.scale)) {
        *to = curve;
        return SP_OK;
    }
    SP_TRY(sp_onnx_rows_times(r, &rest, found.rest));
    return sp_onnx_sequence_add(r, to, &curve, &rest, 1.0);
}
