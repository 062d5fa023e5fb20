/* top_db: every band is raised to `top` below the largest band of the clip, M. With M in [m, M']
 * over the set, m the largest lower end and M' the largest upper end of all boxes, a band b becomes
 * max(b, M - top):
 *   lower: the line of b, or the constant m - top, whichever is higher without noise;
 *   upper: the line of b raised so that it stays above M' - top, or a constant.
 * Source: docs/theory/front-end.md 4.8. */
#include <math.h>

#include "preprocess/bound/impl.h"

typedef struct raise {
    double least, most; /* M - top lies between */
} raise;

static raise find(const sp_front_bound *b, const sp_front_forms *forms) {
    double least = -INFINITY, most = -INFINITY;
    for (size_t i = 0; i < b->frames * b->bands; i++) {
        if (i % b->bands < forms->tops) {
            least = fmax(least, b->lo[i]);
            most = fmax(most, b->hi[i]);
        }
    }
    const raise r = {sp_below(least - forms->top), sp_above(most - forms->top)};
    return r;
}

/* w x + c + (what is added for squares, at most `square`) stays above `most`; x >= -reach. */
static void lift_upper(double *w, double *c, double reach, double square, double hi, double most) {
    const double raised = fmax(*c, sp_above(most + sp_above(*w * sp_above(reach + square))));
    const double flat = fmax(hi, most);
    if (*w == 0.0 || raised >= sp_above(flat + 0.5 * *w * square)) {
        *w = 0.0;
        *c = flat;
    } else {
        *c = raised;
    }
}

static void lift_lower(double *w, double *c, double lo, double least) {
    if (!(*c >= least)) {
        *w = 0.0;
        *c = fmax(lo, least);
    }
}

static void raise_band(sp_front_bound *b, size_t t, size_t m, raise r) {
    const size_t at = t * b->bands + m;
    const double square = b->tangents > 0 ? b->square[at] : 0.0, hi = b->hi[at];
    const double reach = b->forms > 0 ? b->form_max[t * b->forms + b->up_form + m] : 0.0;
    lift_upper(&b->up_w[at], &b->up_c[at], reach, square, hi, r.most);
    lift_lower(&b->lo_w[at], &b->lo_c[at], b->lo[at], r.least);
    for (size_t k = 0; k < b->tangents; k++) {
        const size_t i = (t * b->tangents + k) * b->bands + m;
        lift_upper(&b->tangent_w[i], &b->tangent_c[i], reach, square, hi, r.most);
    }
    if (b->bins > 0) { // read at upper bounds of the energy, which are not negative
        lift_upper(&b->log_up_w[at], &b->log_up_c[at], 0.0, 0.0, INFINITY, r.most);
        if (r.least > b->lo[at]) {
            b->log_lo_w[at] = 0.0;
            b->log_lo_c[at] = r.least;
        }
    }
    b->lo[at] = fmax(b->lo[at], r.least);
    b->hi[at] = fmax(hi, r.most);
}

void sp_front_raise(sp_front_bound *b, const sp_front_forms *forms) {
    const raise r = find(b, forms);
    for (size_t i = 0; i < b->frames * b->bands; i++) {
        if (i % b->bands < forms->tops && !(b->lo[i] >= r.most)) {
            raise_band(b, i / b->bands, i % b->bands, r);
        }
    }
    for (size_t t = 0; t < b->frames; t++) {
        sp_front_features(b, t);
    }
}
