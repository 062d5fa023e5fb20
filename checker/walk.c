/* The network as a list of vectors, each out of those before it, and rows of coefficients that are
 * carried back through it (docs/certificate.md, 5).
 *
 * A row at any time, for every noise, in real arithmetic:
 *   objective >= sum over vectors v of c_v . v + bias - error.
 * Sums are made in doubles; `error` grows by CK_EPS times the sizes of what was added, over the
 * boxes of the vectors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"

/* `bias` and `error` add up fewer than 2^20 dot products of at most CK_TERMS terms. */
#define LONG_EPS 0x1p-30

typedef enum { FEATURES, IMAGE, CURVE, PRODUCT } kind;

enum { NONE = -1 };
typedef struct vector {
    kind kind;
    size_t n, frame; /* FEATURES */
    int a, b;        /* operands; IMAGE: m_a a + m_b b + bias, each part where there is one, and no
                        matrix stands for the identity */
    const double *m_a, *m_b, *bias;
    const double *slope;    /* [2, n], PRODUCT [2, 2, n]: below, above */
    double *below, *above;  /* [n] offsets, found here */
    double *lo, *hi, *size; /* [n] the box; its largest absolute values */
    double *omega;          /* [n] IMAGE: |m| |operands| + |bias| */
    bool tight;             /* the box was met with rows */
} vector;

/* What a row has on its way; each thread has one. */
typedef struct row {
    double bias, mass, error;
    double **c;      /* [most] coefficients, NULL until a row reads the vector */
    bool *live;      /* [most] */
    double *samples; /* [padded] */
    double *bins;    /* [rows of the spectrum] */
} row;

typedef struct graph {
    vector *v;
    size_t most; /* room */
    int count;
    const ck_front *front;
    int of; /* the vector that is bounded */
} graph;

/* ---- a row on its way ---- */

static double dot_size(const double *a, const double *b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(a[i]) * b[i];
    }
    return sum;
}

/* Coefficients that are about to be added to. */
static double *touch(const graph *g, row *r, int v) {
    if (r->live[v]) {
        r->error += CK_EPS * dot_size(r->c[v], g->v[v].size, g->v[v].n);
        return r->c[v];
    }
    r->c[v] = r->c[v] != NULL ? r->c[v] : ck_alloc(g->v[v].n, sizeof(double));
    r->live[v] = true;
    return memset(r->c[v], 0, g->v[v].n * sizeof(double));
}

static void image_back(const graph *g, row *r, const vector *v, const double *c) {
    const int operand[] = {v->a, v->b};
    const double *const matrix[] = {v->m_a, v->m_b};
    for (size_t i = 0; v->bias != NULL && i < v->n; i++) {
        r->bias += c[i] * v->bias[i];
        r->mass += fabs(c[i] * v->bias[i]);
    }
    r->error += CK_EPS * dot_size(c, v->omega, v->n);
    for (size_t k = 0; k < 2; k++) {
        double *to = operand[k] != NONE ? touch(g, r, operand[k]) : NULL;
        const size_t width = to != NULL ? g->v[operand[k]].n : 0;
        for (size_t i = 0; to != NULL && i < v->n; i++) {
            if (matrix[k] == NULL) {
                to[i] += c[i];
                continue;
            }
            for (size_t j = 0; j < width; j++) {
                to[j] += c[i] * matrix[k][i * width + j];
            }
        }
    }
}

/* Lines and planes: each coefficient takes the one below or above by its sign. */
static void relaxed_back(const graph *g, row *r, const vector *v, const double *c) {
    const bool product = v->kind == PRODUCT;
    const size_t n = v->n;
    double *x = touch(g, r, v->a), *y = product ? touch(g, r, v->b) : NULL;
    for (size_t i = 0; i < n; i++) {
        const bool low = c[i] >= 0.0;
        const double *slope = v->slope + (low ? 0 : product ? 2 * n : n);
        const double off = c[i] * (low ? v->below[i] : v->above[i]);
        x[i] += c[i] * slope[i];
        r->error += CK_EPS * fabs(c[i] * slope[i]) * g->v[v->a].size[i];
        if (product) {
            y[i] += c[i] * slope[n + i];
            r->error += CK_EPS * fabs(c[i] * slope[n + i]) * g->v[v->b].size[i];
        }
        r->bias += off;
        r->mass += fabs(off);
    }
}

static void features_back(const graph *g, row *r, const vector *v, const double *c) {
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

static row *own_row(const graph *g) {
    static _Thread_local row r;
    if (r.c == NULL) {
        r.c = ck_alloc(g->most, sizeof *r.c);
        r.live = ck_alloc(g->most, sizeof(bool));
        r.samples = ck_alloc(g->front->padded, sizeof(double));
        r.bins = ck_alloc(g->front->bank.rows, sizeof(double));
    }
    r.bias = r.mass = r.error = 0.0;
    memset(r.samples, 0, g->front->padded * sizeof(double));
    return &r;
}

/* At most element `plus` of vector g->of less element `minus`, each unless it is NONE. */
static double lower(const graph *g, int plus, int minus) {
    row *r = own_row(g);
    double *of = touch(g, r, g->of);
    if (plus != NONE) {
        of[plus] = 1.0;
    }
    if (minus != NONE) {
        of[minus] = -1.0;
    }
    for (int i = g->of; i >= 0; i--) {
        const vector *v = &g->v[i];
        if (!r->live[i]) {
            continue;
        }
        r->live[i] = false;
        switch (v->kind) {
        case IMAGE:
            image_back(g, r, v, r->c[i]);
            break;
        case FEATURES:
            features_back(g, r, v, r->c[i]);
            break;
        case CURVE:
        case PRODUCT:
            relaxed_back(g, r, v, r->c[i]);
            break;
        }
    }
    const double support =
        ck_support(g->front->norm, r->samples, g->front->radius, g->front->padded);
    return r->bias - support * (1.0 + LONG_EPS) - r->error * (1.0 + LONG_EPS) - LONG_EPS * r->mass -
           CK_TINY;
}

/* ---- boxes ---- */

static void check_box(graph *g, int i, const char *what) {
    vector *v = &g->v[i];
    for (size_t j = 0; j < v->n; j++) {
        ck_require(v->lo[j] <= v->hi[j] && fabs(v->lo[j]) <= 0x1p100 && fabs(v->hi[j]) <= 0x1p100,
                   "boxes", "%s %d has no finite box", what, i);
        v->size[j] = fmax(fabs(v->lo[j]), fabs(v->hi[j]));
    }
}

/* Meets an end of the box of vector g->of with what a row proves. */
static void tighten_end(slong end, void *of) {
    const graph *g = of;
    const vector *v = &g->v[g->of];
    const int j = (int)end / 2;
    if (end % 2 == 0) {
        v->lo[j] = fmax(v->lo[j], lower(g, j, NONE));
    } else {
        v->hi[j] = fmin(v->hi[j], -lower(g, NONE, j));
    }
}

static void tighten(graph *g, int i) {
    if (!g->v[i].tight) {
        g->of = i;
        flint_parallel_do(tighten_end, g, 2 * (slong)g->v[i].n, -1, FLINT_PARALLEL_DYNAMIC);
        g->v[i].tight = true;
        check_box(g, i, "vector");
    }
}

static int add(graph *g, vector v) {
    double **const arrays[] = {&v.lo, &v.hi, &v.size, &v.below, &v.above, &v.omega};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = ck_alloc(v.n, sizeof(double));
    }
    g->v[g->count] = v;
    return g->count++;
}

static int add_image(graph *g, size_t n, const double *m_a, int a, const double *m_b, int b,
                     const double *bias) {
    const int i = add(
        g, (vector){.kind = IMAGE, .n = n, .a = a, .b = b, .m_a = m_a, .m_b = m_b, .bias = bias});
    vector *v = &g->v[i];
    const int operand[] = {a, b};
    const double *const matrix[] = {m_a, m_b};
    for (size_t j = 0; j < n; j++) {
        const double constant = bias != NULL ? bias[j] : 0.0;
        double lo = constant, hi = constant, size = fabs(constant);
        for (size_t k = 0; k < 2; k++) {
            const vector *x = operand[k] != NONE ? &g->v[operand[k]] : NULL;
            for (size_t l = 0; x != NULL && l < x->n; l++) {
                const double w = matrix[k] != NULL ? matrix[k][j * x->n + l] : l == j ? 1.0 : 0.0;
                lo += w * (w >= 0.0 ? x->lo[l] : x->hi[l]);
                hi += w * (w >= 0.0 ? x->hi[l] : x->lo[l]);
                size += fabs(w) * x->size[l];
            }
        }
        v->lo[j] = lo - CK_EPS * size - CK_TINY;
        v->hi[j] = hi + CK_EPS * size + CK_TINY;
        v->omega[j] = size * (1.0 + CK_EPS);
    }
    check_box(g, i, "image");
    return i;
}

static int add_curve(graph *g, ck_curve curve, int a, const double *slope) {
    tighten(g, a);
    const size_t n = g->v[a].n;
    const int i = add(g, (vector){.kind = CURVE, .n = n, .a = a, .b = NONE, .slope = slope});
    vector *v = &g->v[i];
    for (size_t j = 0; j < n; j++) {
        const ck_range x = {g->v[a].lo[j], g->v[a].hi[j]}, y = ck_curve_range(curve, x);
        v->below[j] = ck_least_curve(curve, x, slope[j]);
        v->above[j] = ck_most_curve(curve, x, slope[n + j]);
        v->lo[j] = y.lo;
        v->hi[j] = y.hi;
    }
    check_box(g, i, "curve");
    return i;
}

/* sigma(a) q(b), or, `rest`, (1 - sigma(a)) q(b) = sigma(-a) q(b); q is tanh or the identity. */
static int add_product(graph *g, int a, int b, bool tanh_second, bool rest, const double *slope) {
    tighten(g, a);
    tighten(g, b);
    const size_t n = g->v[a].n;
    const int i = add(g, (vector){.kind = PRODUCT, .n = n, .a = a, .b = b, .slope = slope});
    vector *v = &g->v[i];
    for (size_t j = 0; j < n; j++) {
        const ck_range of = {g->v[a].lo[j], g->v[a].hi[j]}, y = {g->v[b].lo[j], g->v[b].hi[j]};
        const ck_range x = rest ? (ck_range){-of.hi, -of.lo} : of;
        const double *s = slope + j, sign = rest ? -1.0 : 1.0;
        v->below[j] = ck_least_product(tanh_second, x, y, sign * s[0], s[n]);
        v->above[j] = ck_most_product(tanh_second, x, y, sign * s[2 * n], s[3 * n]);
        const double s_lo = ck_sigma(x.lo).lo, s_hi = ck_sigma(x.hi).hi;
        const double q_lo = tanh_second ? ck_tanh(y.lo).lo : y.lo;
        const double q_hi = tanh_second ? ck_tanh(y.hi).hi : y.hi;
        const double lo = fmin(s_lo * q_lo, s_hi * q_lo), hi = fmax(s_lo * q_hi, s_hi * q_hi);
        v->lo[j] = lo - CK_EPS * fabs(lo) - CK_TINY;
        v->hi[j] = hi + CK_EPS * fabs(hi) + CK_TINY;
    }
    check_box(g, i, "product");
    return i;
}

/* ---- the network ---- */

/* A layer on its way through the steps; `at`: what it reads, then what it gives, step by step. */
typedef struct layer_at {
    graph *g;
    const ck_layer *layer;
    ck_proof *proof;
    size_t index, frames, t;
    int *at;
} layer_at;

/* The slopes of a vector at step t, of `each` times H numbers a step; layers count from 1. */
static const double *slopes(const layer_at *l, const char *name, size_t each) {
    char full[64];
    snprintf(full, sizeof full, "%zu/%s", l->index + 1, name);
    const size_t numbers = each * l->layer->out;
    return ck_array(l->proof, full, l->frames * numbers) + l->t * numbers;
}

/* Gate k: W x + R h + b, each part where there is one. */
static int add_gate(const layer_at *l, size_t k, int x, int h) {
    const size_t H = l->layer->out, D = l->layer->in;
    return add_image(l->g, H, l->layer->weight + k * H * D, x, l->layer->recurrent + k * H * H, h,
                     l->layer->bias + k * H);
}

/* The states before the first step are 0, and so is what they are multiplied by. */
static void add_lstm(layer_at *l) {
    const size_t H = l->layer->out;
    int h = NONE, c = NONE, gate[4];
    for (l->t = 0; l->t < l->frames; l->t++) {
        for (size_t k = 0; k < 4; k++) {
            gate[k] = add_gate(l, k, l->at[l->t], h);
        }
        const int ig = add_product(l->g, gate[0], gate[2], true, false, slopes(l, "ig", 4));
        const double *forget = slopes(l, "fc", 4);
        const int fc = c != NONE ? add_product(l->g, gate[1], c, false, false, forget) : NONE;
        c = add_image(l->g, H, NULL, ig, NULL, fc, NULL);
        h = add_product(l->g, gate[3], c, true, false, slopes(l, "h", 4));
        l->at[l->t] = h;
    }
}

/* z r n; h = (1 - sigma(z)) tanh(n) + sigma(z) h', which lies between tanh(n) and h'. */
static void add_gru(layer_at *l) {
    graph *g = l->g;
    const ck_layer *layer = l->layer;
    const size_t H = layer->out;
    int h = NONE, n;
    for (l->t = 0; l->t < l->frames; l->t++) {
        const int x = l->at[l->t], z = add_gate(l, 0, x, h), r = add_gate(l, 1, x, h), before = h;
        const double *reset = slopes(l, "rh", 4), *kept = slopes(l, "zh", 4);
        if (layer->inside != NULL) { /* r multiplies R h' + its own bias */
            const int q =
                add_image(g, H, NULL, NONE, layer->recurrent + 2 * H * H, h, layer->inside);
            n = add_image(g, H, layer->weight + 2 * H * layer->in, x, NULL,
                          add_product(g, r, q, false, false, reset), layer->bias + 2 * H);
        } else {
            n = add_gate(l, 2, x, h != NONE ? add_product(g, r, h, false, false, reset) : NONE);
        }
        const int rest = add_product(g, z, n, true, true, slopes(l, "zn", 4));
        const int old = h != NONE ? add_product(g, z, h, false, false, kept) : NONE;
        h = add_image(g, H, NULL, rest, NULL, old, NULL);
        for (size_t j = 0; j < H; j++) {
            const double lo = before == NONE ? 0.0 : g->v[before].lo[j];
            const double hi = before == NONE ? 0.0 : g->v[before].hi[j];
            g->v[h].lo[j] = fmax(g->v[h].lo[j], fmin(lo, ck_tanh(g->v[n].lo[j]).lo));
            g->v[h].hi[j] = fmin(g->v[h].hi[j], fmax(hi, ck_tanh(g->v[n].hi[j]).hi));
        }
        check_box(g, h, "state");
        l->at[l->t] = h;
    }
}

static void add_rnn(layer_at *l) {
    int h = NONE;
    for (l->t = 0; l->t < l->frames; l->t++) {
        h = add_gate(l, 0, l->at[l->t], h);
        h = l->layer->kind == CK_RNN ? add_curve(l->g, CK_CURVE_TANH, h, slopes(l, "h", 2)) : h;
        l->at[l->t] = h;
    }
}

static void add_features(graph *g, int *at) {
    const ck_front *front = g->front;
    const ck_bank *bank = &front->bank;
    for (size_t t = 0; t < front->frames; t++) {
        at[t] = add(g, (vector){.kind = FEATURES, .n = bank->bands, .frame = t});
        for (size_t m = 0; m < bank->bands; m++) {
            g->v[at[t]].lo[m] = front->band[t * bank->bands + m].lo;
            g->v[at[t]].hi[m] = front->band[t * bank->bands + m].hi;
        }
        check_box(g, at[t], "frame");
        at[t] = add_image(g, bank->features, bank->map, at[t], NULL, NONE, bank->bias);
    }
}

static void build(graph *g, const ck_network *network, ck_proof *proof, int *at) {
    layer_at l = {.g = g, .proof = proof, .frames = g->front->frames, .at = at};
    add_features(g, at);
    for (; l.index < network->layers; l.index++) {
        const ck_layer *layer = l.layer = &network->layer[l.index];
        switch (layer->kind) {
        case CK_AFFINE:
            for (size_t t = 0; t < l.frames; t++) {
                at[t] = add_image(g, layer->out, layer->weight, at[t], NULL, NONE, layer->bias);
            }
            break;
        case CK_RELU:
            for (l.t = 0; l.t < l.frames; l.t++) {
                at[l.t] = add_curve(g, CK_CURVE_RELU, at[l.t], slopes(&l, "relu", 2));
            }
            break;
        case CK_LSTM:
            add_lstm(&l);
            break;
        case CK_GRU:
            add_gru(&l);
            break;
        case CK_RNN:
        case CK_LINEAR:
            add_rnn(&l);
            break;
        case CK_LAST:
            at[0] = at[l.frames - 1];
            l.frames = 1;
            break;
        }
    }
}

double ck_walk(const ck_network *network, const ck_front *front, ck_proof *proof, size_t label) {
    graph g = {.front = front, .most = front->frames * (3 + 10 * network->layers)};
    ck_require(network->features == front->bank.features, "model",
               "it reads %zu features, the front end gives %zu", network->features,
               front->bank.features);
    g.v = ck_alloc(g.most, sizeof *g.v);
    int *at = ck_alloc(front->frames, sizeof *at);
    build(&g, network, proof, at);
    g.of = at[0];
    const vector *v = &g.v[g.of];
    double least = INFINITY;
    for (size_t k = 0; k < v->n; k++) { /* over class k, by a row, or by the box of the logits */
        const double boxes =
            v->lo[label] - v->hi[k] - CK_EPS * (v->size[label] + v->size[k]) - CK_TINY;
        const double margin = k != label ? fmax(lower(&g, (int)label, (int)k), boxes) : INFINITY;
        ck_require(!isnan(margin), "margin", "it is not a number");
        least = fmin(least, margin);
    }
    return least;
}
