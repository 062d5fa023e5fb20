/* What is computed, as a list of vectors, each out of those before it, and rows of coefficients that
 * are carried back through it (docs/certificate.md, 3).
 *
 * A row at any time, for every noise, in real arithmetic:
 *   objective >= sum over vectors v of c_v . v + bias - error.
 * Sums are made in doubles; `error` grows by CK_EPS times the sizes of what was added, over the
 * boxes of the vectors. */
#include <math.h>
#include <string.h>

#include "checker.h"

/* What a row has on its way; each thread has one. */
typedef struct row {
    double bias, mass, terms, error; /* bias: the sum of `terms` numbers, mass: of their sizes */
    double **c;                      /* [most] coefficients, NULL until a row reads the vector */
    bool *live;                      /* [most] */
    double *samples;                 /* [padded] */
    double *bins;                    /* [rows of the spectrum] */
} row;

/* ---- a row on its way ---- */

static double dot_size(const double *a, const double *b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(a[i]) * b[i];
    }
    return sum;
}

/* Coefficients that are about to be added to. */
static double *touch(const ck_graph *g, row *r, int v) {
    if (r->live[v]) {
        r->error += CK_EPS * dot_size(r->c[v], g->v[v].size, g->v[v].n);
        return r->c[v];
    }
    r->c[v] = r->c[v] != NULL ? r->c[v] : ck_alloc(g->v[v].n, sizeof(double));
    r->live[v] = true;
    return memset(r->c[v], 0, g->v[v].n * sizeof(double));
}

static void image_back(const ck_graph *g, row *r, const ck_vector *v, const double *c) {
    for (size_t i = 0; v->bias != NULL && i < v->n; i++) {
        r->bias += c[i] * v->bias[i];
        r->mass += fabs(c[i] * v->bias[i]);
    }
    r->error += CK_EPS * dot_size(c, v->omega, v->n);
    for (size_t k = 0; k < 2; k++) {
        const ck_part *p = &v->part[k];
        double *to = p->of != CK_NONE ? touch(g, r, p->of) : NULL;
        const size_t width = to != NULL ? g->v[p->of].n : 0;
        for (size_t i = 0; to != NULL && i < v->n; i++) {
            if (p->m == NULL) {
                to[i] += c[i] * p->scale;
                continue;
            }
            for (size_t j = 0; j < width; j++) {
                to[j] += c[i] * p->m[i * width + j];
            }
        }
    }
}

/* Lines and planes: each coefficient takes the one below or above by its sign. */
static void relaxed_back(const ck_graph *g, row *r, const ck_vector *v, const double *c) {
    const size_t n = v->n, operands = v->part[1].of != CK_NONE ? 2 : 1;
    for (size_t k = 0; k < operands; k++) {
        const int of = v->part[k].of;
        double *to = touch(g, r, of);
        for (size_t i = 0; i < n; i++) {
            const double a = c[i] * v->slope[((c[i] >= 0.0 ? 0 : operands) + k) * n + i];
            to[i] += a;
            r->error += CK_EPS * fabs(a) * g->v[of].size[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        const double off = c[i] * (c[i] >= 0.0 ? v->below[i] : v->above[i]);
        r->bias += off;
        r->mass += fabs(off);
    }
}

static void frame_back(const ck_graph *g, row *r, const ck_vector *v, const double *c) {
    const ck_front *f = g->front;
    const size_t M = v->n, N = f->bank.frame, J = f->bank.rows, at = v->frame * M;
    double apart = 0.0, most = 0.0;
    memset(r->bins, 0, J * sizeof(double));
    for (size_t m = 0; m < M; m++) {
        const ck_band *band = &f->band[at + m];
        const bool low = c[m] >= 0.0;
        const double off = c[m] * (low ? band->lower_c : band->upper_c);
        const double a = c[m] * (low ? band->lower_w : band->upper_w);
        r->bias += off;
        r->mass += fabs(off);
        r->error += 4.0 * CK_EPS * fabs(a) * band->reach;
        for (size_t i = 0; i < N; i++) {
            r->samples[v->frame * f->bank.step + i] += a * f->form[(at + m) * N + i];
        }
        /* the squares of the noise in all bands that are read from above */
        for (size_t j = 0; !low && j < J; j++) {
            r->bins[j] -= a * f->peak[m * J + j];
        }
        apart -= low ? 0.0 : a * band->square;
    }
    for (size_t j = 0; j < J; j++) {
        most = r->bins[j] > most ? r->bins[j] : most;
    }
    const double saved = apart * (1.0 - CK_EPS) - most * f->energy[v->frame] * (1.0 + 4.0 * CK_EPS);
    if (saved > 0.0) {
        r->bias += saved;
        r->mass += saved;
    }
}

static row *own_row(const ck_graph *g) {
    static _Thread_local row r;
    if (r.c == NULL) {
        r.c = ck_alloc((size_t)g->most, sizeof *r.c);
        r.live = ck_alloc((size_t)g->most, sizeof(bool));
        r.samples = ck_alloc(g->front->padded, sizeof(double));
        r.bins = ck_alloc(g->front->bank.rows, sizeof(double));
    }
    r.bias = r.mass = r.terms = r.error = 0.0;
    memset(r.samples, 0, g->front->padded * sizeof(double));
    return &r;
}

/* At most sign times element j of vector g->of. */
static double lower(const ck_graph *g, size_t j, double sign) {
    static void (*const back[])(const ck_graph *, row *, const ck_vector *, const double *) = {
        [CK_FRAME] = frame_back, [CK_IMAGE] = image_back, [CK_RELAXED] = relaxed_back};
    row *r = own_row(g);
    touch(g, r, g->of)[j] = sign;
    for (int i = g->of; i >= 0; i--) {
        if (r->live[i]) {
            r->live[i] = false;
            r->terms += (double)g->v[i].n + 1.0;
            back[g->v[i].kind](g, r, &g->v[i], r->c[i]);
        }
    }
    const double support =
        ck_support(g->front->norm, r->samples, g->front->radius, g->front->padded);
    /* as CK_EPS, of as many terms as there are */
    const double eps = (r->terms + (double)g->front->padded + 64.0) * 0x1p-53 + 0x1p-48;
    return r->bias - eps * r->mass - support * (1.0 + eps) - 1.001 * r->error - CK_TINY;
}

/* ---- boxes ---- */

void ck_check_box(ck_graph *g, int i, const char *what) {
    ck_vector *v = &g->v[i];
    for (size_t j = 0; j < v->n; j++) {
        ck_require(v->lo[j] <= v->hi[j] && fabs(v->lo[j]) <= 0x1p100 && fabs(v->hi[j]) <= 0x1p100,
                   "boxes", "%s %d has no finite box", what, i);
        v->size[j] = fmax(fabs(v->lo[j]), fabs(v->hi[j]));
    }
}

/* Meets an end of the box of vector g->of with what a row proves. */
static void tighten_end(slong end, void *of) {
    const ck_graph *g = of;
    const ck_vector *v = &g->v[g->of];
    const size_t j = (size_t)end / 2;
    if (end % 2 == 0) {
        v->lo[j] = fmax(v->lo[j], lower(g, j, 1.0));
    } else {
        v->hi[j] = fmin(v->hi[j], -lower(g, j, -1.0));
    }
}

void ck_tighten(ck_graph *g, int i) {
    if (i != CK_NONE && !g->v[i].tight) {
        g->of = i;
        flint_parallel_do(tighten_end, g, 2 * (slong)g->v[i].n, -1, FLINT_PARALLEL_DYNAMIC);
        g->v[i].tight = true;
        ck_check_box(g, i, "vector");
    }
}

static int add(ck_graph *g, ck_vector v) {
    double **const arrays[] = {&v.lo, &v.hi, &v.size, &v.below, &v.above, &v.omega};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = ck_alloc(v.n, sizeof(double));
    }
    ck_require(g->count < g->most, "model", "it is too large for this checker");
    g->v[g->count] = v;
    return g->count++;
}

int ck_add_frame(ck_graph *g, size_t t) {
    const size_t bands = g->front->bank.bands;
    const int i = add(g, (ck_vector){.kind = CK_FRAME, .n = bands, .frame = t});
    for (size_t m = 0; m < bands; m++) {
        g->v[i].lo[m] = g->front->band[t * bands + m].lo;
        g->v[i].hi[m] = g->front->band[t * bands + m].hi;
    }
    ck_check_box(g, i, "frame");
    return i;
}

int ck_add_image(ck_graph *g, size_t n, ck_part a, ck_part b, const double *bias) {
    const int i = add(g, (ck_vector){.kind = CK_IMAGE, .n = n, .part = {a, b}, .bias = bias});
    ck_vector *v = &g->v[i];
    for (size_t j = 0; j < n; j++) {
        const double constant = bias != NULL ? bias[j] : 0.0;
        double lo = constant, hi = constant, size = fabs(constant);
        for (size_t k = 0; k < 2; k++) {
            const ck_part *p = &v->part[k];
            const ck_vector *x = p->of != CK_NONE ? &g->v[p->of] : NULL;
            for (size_t l = p->m != NULL ? 0 : j; x != NULL && l < x->n; l++) {
                const double w = p->m != NULL ? p->m[j * x->n + l] : l == j ? p->scale : 0.0;
                lo += w * (w >= 0.0 ? x->lo[l] : x->hi[l]);
                hi += w * (w >= 0.0 ? x->hi[l] : x->lo[l]);
                size += fabs(w) * x->size[l];
            }
        }
        v->lo[j] = lo - CK_EPS * size - CK_TINY;
        v->hi[j] = hi + CK_EPS * size + CK_TINY;
        v->omega[j] = size * (1.0 + CK_EPS);
    }
    ck_check_box(g, i, "image");
    return i;
}

int ck_add_relaxed(ck_graph *g, ck_curve f, int a, ck_curve q, int b, bool rest, const double *s) {
    ck_tighten(g, a);
    ck_tighten(g, b);
    const size_t n = g->v[a].n, above = b != CK_NONE ? 2 : 1;
    const int i =
        add(g, (ck_vector){.kind = CK_RELAXED, .n = n, .part = {{.of = a}, {.of = b}}, .slope = s});
    ck_vector *v = &g->v[i];
    f.beta = rest ? 1.0 - f.beta : f.beta; /* 1 - f(x) is f(-x) with that */
    for (size_t j = 0; j < n; j++) {
        const ck_range of = {g->v[a].lo[j], g->v[a].hi[j]};
        const ck_range x = rest ? (ck_range){-of.hi, -of.lo} : of;
        const ck_range y =
            b != CK_NONE ? (ck_range){g->v[b].lo[j], g->v[b].hi[j]} : (ck_range){1.0, 1.0};
        const double *p = s + j, *t = p + above * n, sign = rest ? -1.0 : 1.0;
        v->below[j] = ck_least(f, x, q, y, sign * p[0], b != CK_NONE ? p[n] : 0.0);
        v->above[j] = ck_most(f, x, q, y, sign * t[0], b != CK_NONE ? t[n] : 0.0);
        const ck_range all = ck_product(f, x, q, y);
        v->lo[j] = all.lo;
        v->hi[j] = all.hi;
    }
    ck_check_box(g, i, "product");
    return i;
}
