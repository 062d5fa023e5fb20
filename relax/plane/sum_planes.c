// Planes below and above the sum of two products at anchors: slopes by exchange, as in
// plane_exchange.h, over four variables; the offset makes them bounds, whatever they are.
// Source: docs/theory/sums.md 4.
#include "relax/plane/sum_impl.h"

enum { N = 4, BASIS = N + 1, POOL = 160, PIVOTS = 120, PRICINGS = 16 };
/* What may be missed of the gap at an anchor. */
#define TOLERANCE 0.01
/* Anchors stand this share of half a side from the centre, and this share of the way to the next
 * face at most. */
#define SPREAD 0.3
#define INSIDE 0.75
/* Steeper ones are not used. */
#define STEEPEST 0x1p20

/* A point of all four variables, in units of half sides from the middles, and the sum there. */
typedef struct sp_sum_sample {
    double z[N], f;
} sp_sum_sample;

typedef struct sp_sum_exchange {
    const sp_sum_domain *d;
    double middle[N], half[N]; /* of the boxes */
    double centre[N];          /* about in the middle of all that is known, see find_centre */
    sp_sum_sample pool[POOL];
    int count;
    double highest; /* |f| in the pool, at most */
    double anchor[N];
    sp_sum_sample basis[BASIS];
    double inverse[BASIS][BASIS];    /* of the matrix with columns (z, 1) of the basis */
    double weight[BASIS], y[BASIS];  /* of the anchor; the plane through the basis */
    double best, slope[N], constant; /* the best plane at the anchor so far */
} sp_sum_exchange;

/* ---- the pool ---- */

static double value_at(const sp_sum_part *part, double x, double y) {
    return sp_polygon_value(part->f, x, y);
}

static sp_sum_sample *sample(sp_sum_exchange *e, double x0, double y0, double x1, double y1,
                             double f) {
    const double at[N] = {x0, y0, x1, y1};
    sp_sum_sample *s = &e->pool[e->count];
    for (int i = 0; i < N; i++) {
        s->z[i] = (at[i] - e->middle[i]) / e->half[i];
    }
    s->f = f;
    e->highest = sp_relax_max(e->highest, fabs(f));
    e->count++;
    return s;
}

enum { CUTS = 4, FORMS = CUTS + SP_SUM_STRIPS, SWEEPS = 12 };

/* A linear form of the four variables whose range is known: the cuts, then the strips. */
static sp_iv form_of(const sp_sum_domain *d, int k, double form[N]) {
    if (k >= CUTS) {
        for (int i = 0; i < 2; i++) {
            form[2 * i] = d->part[i].a[k - CUTS];
            form[2 * i + 1] = d->part[i].b[k - CUTS];
        }
        return d->range[k - CUTS];
    }
    const sp_cut *cut = &d->part[k / 2].cut;
    for (int i = 0; i < N; i++) {
        form[i] = 0.0;
    }
    form[k - k % 2] = cut->p;
    form[k - k % 2 + 1] = k % 2 == 0 ? cut->q : -cut->q;
    return k % 2 == 0 ? cut->sum : cut->difference;
}

static double at_form(const double form[N], const double z[N]) {
    return form[0] * z[0] + form[1] * z[1] + form[2] * z[2] + form[3] * z[3];
}

/* Half way to the middle of each form in turn, in units of the boxes, from their middles. */
static void find_centre(sp_sum_exchange *e) {
    const int forms = CUTS + e->d->strips;
    for (int i = 0; i < N; i++) {
        e->centre[i] = e->middle[i];
    }
    for (int k = 0; k < SWEEPS * forms; k++) {
        double form[N], size = 0.0;
        const sp_iv range = form_of(e->d, k % forms, form);
        for (int i = 0; i < N; i++) {
            size += form[i] * form[i] * e->half[i] * e->half[i];
        }
        const double by = 0.5 * (sp_relax_middle(range) - at_form(form, e->centre));
        for (int i = 0; i < N && size > 0.0; i++) {
            e->centre[i] += by * form[i] * e->half[i] * e->half[i] / size;
        }
    }
}

/* How far one may go from the centre towards a point. */
static double share(const sp_sum_exchange *e, const double to[N]) {
    double most = 1.0;
    for (int k = 0; k < CUTS + e->d->strips; k++) {
        double form[N];
        const sp_iv range = form_of(e->d, k, form);
        const double start = at_form(form, e->centre), step = at_form(form, to) - start;
        const double room = step > 0.0 ? range.hi - start : start - range.lo;
        const double left = sp_relax_max(room, 0.0);
        most = fabs(step) > left ? sp_relax_min(most, left / fabs(step)) : most;
    }
    return most;
}

static int corners_of(const sp_sum_part *part, sp_polygon *g) {
    const bool made = sp_polygon_make(g, part->f, part->box, part->cut.p, part->cut.q,
                                      part->cut.sum, part->cut.difference);
    return made ? g->corners : 0;
}

/* The corners of both octagons, moved into the strips along the way from the centre. */
static void fill_pool(sp_sum_exchange *e) {
    const sp_sum_part *one = &e->d->part[0], *other = &e->d->part[1];
    sp_polygon g[2];
    const int corners[2] = {corners_of(one, &g[0]), corners_of(other, &g[1])};
    for (int i = 0; i < corners[0]; i++) {
        for (int j = 0; j < corners[1]; j++) {
            const sp_spot s = g[0].corner[i], t = g[1].corner[j];
            const double to[N] = {s.x, s.y, t.x, t.y};
            const double w = share(e, to);
            double at[N];
            for (int k = 0; k < N; k++) {
                at[k] = e->centre[k] + w * (to[k] - e->centre[k]);
            }
            (void)sample(e, at[0], at[1], at[2], at[3],
                         value_at(one, at[0], at[1]) + value_at(other, at[2], at[3]));
        }
    }
}

/* ---- the basis ---- */

static void unit(double m[BASIS][BASIS], int r, double by) {
    for (int k = 0; k < BASIS; k++) {
        m[r][k] *= by;
    }
}

/* Gauss and Jordan; false: the basis lies in a hyperplane. */
static bool invert(sp_sum_exchange *e) {
    double m[BASIS][BASIS];
    for (int r = 0; r < BASIS; r++) {
        for (int c = 0; c < BASIS; c++) {
            m[r][c] = r < N ? e->basis[c].z[r] : 1.0;
            e->inverse[r][c] = r == c ? 1.0 : 0.0;
        }
    }
    for (int c = 0; c < BASIS; c++) {
        int pivot = c;
        for (int r = c + 1; r < BASIS; r++) {
            pivot = fabs(m[r][c]) > fabs(m[pivot][c]) ? r : pivot;
        }
        if (!(fabs(m[pivot][c]) > 1e-12)) {
            return false;
        }
        for (int k = 0; k < BASIS; k++) {
            const double a = m[c][k], b = e->inverse[c][k];
            m[c][k] = m[pivot][k];
            m[pivot][k] = a;
            e->inverse[c][k] = e->inverse[pivot][k];
            e->inverse[pivot][k] = b;
        }
        const double by = 1.0 / m[c][c];
        unit(m, c, by);
        unit(e->inverse, c, by);
        for (int r = 0; r < BASIS; r++) {
            const double factor = m[r][c];
            for (int k = 0; r != c && k < BASIS; k++) {
                m[r][k] -= factor * m[c][k];
                e->inverse[r][k] -= factor * e->inverse[c][k];
            }
        }
    }
    return true;
}

/* The plane through the basis, and the anchor's weights. */
static bool solve(sp_sum_exchange *e) {
    if (!invert(e)) {
        return false;
    }
    for (int r = 0; r < BASIS; r++) {
        e->weight[r] = e->inverse[r][N];
        e->y[r] = 0.0;
        for (int k = 0; k < N; k++) {
            e->weight[r] += e->inverse[r][k] * e->anchor[k];
        }
        for (int k = 0; k < BASIS; k++) {
            e->y[r] += e->basis[k].f * e->inverse[k][r];
        }
    }
    return true;
}

/* A simplex around the anchor, higher than everything: it goes as soon as points are found. */
static void begin(sp_sum_exchange *e, const double anchor[N]) {
    const double high = 8.0 * (1.0 + e->highest);
    for (int k = 0; k < N; k++) {
        e->anchor[k] = anchor[k];
    }
    for (int b = 0; b < BASIS; b++) {
        for (int k = 0; k < N; k++) {
            e->basis[b].z[k] = anchor[k] + (b == N ? -4.0 : b == k ? 4.0 : 0.0);
        }
        e->basis[b].f = high;
    }
    e->best = -INFINITY;
}

static double above(const sp_sum_exchange *e, const sp_sum_sample *s) {
    return e->y[N] + e->y[0] * s->z[0] + e->y[1] * s->z[1] + e->y[2] * s->z[2] + e->y[3] * s->z[3] -
           s->f;
}

static double at_anchor(const sp_sum_exchange *e) {
    const sp_sum_sample anchor = {{e->anchor[0], e->anchor[1], e->anchor[2], e->anchor[3]}, 0.0};
    return above(e, &anchor);
}

/* The point of the pool that lies furthest below the plane; -1: none by more than `allowed`. */
static int lowest(const sp_sum_exchange *e, double allowed) {
    int lowest = -1;
    double most = allowed;
    for (int i = 0; i < e->count; i++) {
        const double by = above(e, &e->pool[i]);
        if (by > most) {
            most = by;
            lowest = i;
        }
    }
    return lowest;
}

/* Brings a point into the basis for the one whose weight at the anchor falls to 0 first. */
static bool pivot(sp_sum_exchange *e, const sp_sum_sample *s) {
    double least = INFINITY;
    int leave = -1;
    for (int r = 0; r < BASIS; r++) {
        double change = e->inverse[r][N];
        for (int k = 0; k < N; k++) {
            change += e->inverse[r][k] * s->z[k];
        }
        if (change > 1e-11) {
            const double ratio = sp_relax_max(e->weight[r], 0.0) / change;
            if (ratio < least) {
                least = ratio;
                leave = r;
            }
        }
    }
    if (leave >= 0) {
        e->basis[leave] = *s;
    }
    return leave >= 0;
}

/* Lowers the plane onto the sum, keeps it if it is the best so far, and adds the point where it
 * touches; false: nothing is to be gained. */
static bool price(sp_sum_exchange *e, double allowed) {
    double slope[N], value = 0.0;
    sp_spot at[2] = {{0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}};
    for (int k = 0; k < N; k++) {
        slope[k] = e->y[k] / e->half[k];
        value += slope[k] * (e->middle[k] + e->half[k] * e->anchor[k]);
        if (!(fabs(slope[k]) <= STEEPEST)) {
            return false;
        }
    }
    const double constant = sp_sum_offset(e->d, slope, at);
    value += constant;
    if (!(constant > -INFINITY)) {
        return false;
    }
    if (value > e->best) {
        e->best = value;
        e->constant = constant;
        for (int k = 0; k < N; k++) {
            e->slope[k] = slope[k];
        }
    }
    if (e->count == POOL || value >= at_anchor(e) - allowed) {
        return false;
    }
    const sp_sum_sample *s = sample(e, at[0].x, at[0].y, at[1].x, at[1].y, at[0].f + at[1].f);
    return above(e, s) > 0.5 * allowed;
}

/* The plane below the sum that is highest at an anchor, nearly; false: none was found. */
static bool plane_at(sp_sum_exchange *e, const double anchor[N], sp_sum_plane *plane) {
    const double x0 = e->middle[0] + e->half[0] * anchor[0],
                 y0 = e->middle[1] + e->half[1] * anchor[1],
                 x1 = e->middle[2] + e->half[2] * anchor[2],
                 y1 = e->middle[3] + e->half[3] * anchor[3];
    const double f = value_at(&e->d->part[0], x0, y0) + value_at(&e->d->part[1], x1, y1);
    int pivots = 0, pricings = 0;
    begin(e, anchor);
    if (solve(e)) { // a constant: something, if all else fails
        (void)price(e, 0.0);
    }
    while (pivots < PIVOTS && solve(e)) {
        const double allowed = TOLERANCE * sp_relax_max(f - at_anchor(e), 0.0) + 1e-12;
        const int enter = lowest(e, 0.5 * allowed);
        if (enter >= 0) {
            pivots++;
            if (!pivot(e, &e->pool[enter])) {
                break;
            }
        } else if (pricings++ == PRICINGS || !price(e, allowed)) {
            break;
        }
    }
    plane->of[0] = (sp_plane){e->slope[0], e->slope[1], e->constant};
    plane->of[1] = (sp_plane){e->slope[2], e->slope[3], 0.0};
    return e->best > -INFINITY;
}

/* ---- anchors ---- */

/* The centre; then on the way to one product's diagonal points, in units of the boxes and well
 * inside: planes next to faces are steep. */
static void anchor_of(const sp_sum_exchange *e, int k, double anchor[N]) {
    double to[N];
    for (int i = 0; i < N; i++) {
        to[i] = e->centre[i];
    }
    if (k > 0) {
        const int i = 2 * ((k - 1) / 4), corner = (k - 1) % 4;
        to[i] += (corner % 2 == 0 ? -SPREAD : SPREAD) / INSIDE * e->half[i];
        to[i + 1] += (corner < 2 ? -SPREAD : SPREAD) / INSIDE * e->half[i + 1];
    }
    const double w = INSIDE * share(e, to);
    for (int i = 0; i < N; i++) {
        anchor[i] = (e->centre[i] + w * (to[i] - e->centre[i]) - e->middle[i]) / e->half[i];
    }
}

static bool side(const sp_sum_product of[2], const sp_sum_strip strip[SP_SUM_STRIPS], bool upper,
                 sp_sum_plane *plane) {
    sp_sum_domain d;
    sp_sum_exchange e = {.d = &d};
    bool found = sp_sum_domain_make(&d, of, strip, upper);
    for (int i = 0; found && i < 2; i++) {
        const sp_box box = d.part[i].box;
        e.middle[2 * i] = sp_relax_middle(box.x);
        e.middle[2 * i + 1] = sp_relax_middle(box.y);
        e.half[2 * i] = 0.5 * (box.x.hi - box.x.lo);
        e.half[2 * i + 1] = 0.5 * (box.y.hi - box.y.lo);
    }
    if (found) {
        find_centre(&e);
        fill_pool(&e);
    }
    for (int k = 0; found && k < SP_SUM_PLANES; k++) {
        double anchor[N];
        anchor_of(&e, k, anchor);
        found = plane_at(&e, anchor, &plane[k]);
        for (int i = 0; found && upper && i < 2; i++) { // both products are odd in y
            plane[k].of[i].a = -plane[k].of[i].a;
            plane[k].of[i].c = -plane[k].of[i].c;
        }
    }
    return found;
}

bool sp_sum_planes(const sp_sum_product of[2], const sp_sum_strip strip[SP_SUM_STRIPS],
                   sp_sum_plane *lower, sp_sum_plane *upper) {
    return side(of, strip, false, lower) && side(of, strip, true, upper);
}
