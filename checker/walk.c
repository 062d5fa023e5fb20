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

typedef enum { FEATURES, IMAGE, RELU, TANH, PRODUCT, SUM } kind;

enum { NONE = -1 };
typedef struct vector {
    kind kind;
    size_t n, frame; /* FEATURES */
    int a, b;        /* operands; IMAGE: m_a a + m_b b + bias, each part where there is one */
    const double *m_a, *m_b, *bias;
    bool tanh_second;       /* PRODUCT: sigma(a) tanh(b), else sigma(a) b */
    const double *slope;    /* [2, n], PRODUCT [2, 2, n]: below, above */
    double *below, *above;  /* [n] offsets, found here */
    double *lo, *hi, *size; /* [n] the box; its largest absolute values */
    double *omega;          /* [n] IMAGE: |m| |operands| + |bias| */
    bool tight;             /* the box was met with rows */
} vector;

typedef struct graph {
    vector *v;
    int count;
    const ck_front *front;
    double **c;      /* [count] coefficients */
    bool *live;      /* [count] */
    double *samples; /* [padded] */
    double *forms;   /* [bands] */
} graph;

/* ---- a row on its way ---- */

typedef struct row {
    double bias, mass, error;
} row;

static double dot_size(const double *a, const double *b, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(a[i]) * b[i];
    }
    return sum;
}

/* Coefficients that are about to be added to. */
static double *touch(graph *g, row *r, int v) {
    if (g->live[v]) {
        r->error += CK_EPS * dot_size(g->c[v], g->v[v].size, g->v[v].n);
    } else {
        memset(g->c[v], 0, g->v[v].n * sizeof(double));
        g->live[v] = true;
    }
    return g->c[v];
}

static void image_back(graph *g, row *r, const vector *v, const double *c) {
    const int operand[] = {v->a, v->b};
    const double *const matrix[] = {v->m_a, v->m_b};
    for (size_t i = 0; i < v->n; i++) {
        r->bias += c[i] * v->bias[i];
        r->mass += fabs(c[i] * v->bias[i]);
    }
    r->error += CK_EPS * dot_size(c, v->omega, v->n);
    for (size_t k = 0; k < 2; k++) {
        if (operand[k] != NONE) {
            double *to = touch(g, r, operand[k]);
            const size_t width = g->v[operand[k]].n;
            for (size_t i = 0; i < v->n; i++) {
                const double *m = matrix[k] + i * width;
                for (size_t j = 0; c[i] != 0.0 && j < width; j++) {
                    to[j] += c[i] * m[j];
                }
            }
        }
    }
}

/* Lines and planes: each coefficient takes the one below or above by its sign. */
static void relaxed_back(graph *g, row *r, const vector *v, const double *c) {
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

static void features_back(graph *g, row *r, const vector *v, const double *c) {
    const ck_front *f = g->front;
    const size_t M = v->n, N = f->bank.frame, J = f->bank.rows, at = v->frame * M;
    double *a = g->forms, apart = 0.0, most = 0.0;
    for (size_t m = 0; m < M; m++) {
        const bool low = c[m] >= 0.0;
        const double off = c[m] * (low ? f->lower_c[at + m] : f->upper_c[at + m]);
        a[m] = c[m] * (low ? f->lower_w[at + m] : f->upper_w[at + m]);
        r->bias += off;
        r->mass += fabs(off);
        r->error += 4.0 * CK_EPS * fabs(a[m]) * f->reach[at + m];
        for (size_t i = 0; i < N; i++) {
            g->samples[v->frame * f->bank.step + i] += a[m] * f->form[(at + m) * N + i];
        }
        apart -= low ? 0.0 : a[m] * f->square[at + m];
    }
    /* the squares of the noise in all bands that were read from above */
    for (size_t j = 0; j < J; j++) {
        double sum = 0.0;
        for (size_t m = 0; m < M; m++) {
            sum -= c[m] >= 0.0 ? 0.0 : a[m] * f->peak[m * J + j];
        }
        most = fmax(most, sum);
    }
    const double saved = apart * (1.0 - CK_EPS) - most * f->energy[v->frame] * (1.0 + 4.0 * CK_EPS);
    if (saved > 0.0) {
        r->bias += saved;
        r->mass += saved;
    }
}

/* At most the objective whose coefficients stand on vectors up to `top`. */
static double lower(graph *g, int top) {
    row r = {0.0, 0.0, 0.0};
    double support = 0.0;
    memset(g->samples, 0, g->front->padded * sizeof(double));
    for (int i = top; i >= 0; i--) {
        const vector *v = &g->v[i];
        if (!g->live[i]) {
            continue;
        }
        g->live[i] = false;
        switch (v->kind) {
        case IMAGE:
            image_back(g, &r, v, g->c[i]);
            break;
        case FEATURES:
            features_back(g, &r, v, g->c[i]);
            break;
        case SUM:
            for (int k = 0; k < 2; k++) {
                const int part = k == 0 ? v->a : v->b;
                double *to = touch(g, &r, part);
                for (size_t j = 0; j < v->n; j++) {
                    to[j] += g->c[i][j];
                }
                r.error += CK_EPS * dot_size(g->c[i], g->v[part].size, v->n);
            }
            break;
        case RELU:
        case TANH:
        case PRODUCT:
            relaxed_back(g, &r, v, g->c[i]);
            break;
        }
    }
    for (size_t i = 0; i < g->front->padded; i++) {
        support += fabs(g->samples[i]) * g->front->radius[i];
    }
    return r.bias - support * (1.0 + LONG_EPS) - r.error * (1.0 + LONG_EPS) - LONG_EPS * r.mass -
           CK_TINY;
}

/* ---- boxes ---- */

static void check_box(graph *g, int i, const char *what) {
    vector *v = &g->v[i];
    for (size_t j = 0; j < v->n; j++) {
        if (!(v->lo[j] <= v->hi[j] && fabs(v->lo[j]) <= 0x1p100 && fabs(v->hi[j]) <= 0x1p100)) {
            ck_refuse("boxes", "%s %d has no finite box", what, i);
        }
        v->size[j] = fmax(fabs(v->lo[j]), fabs(v->hi[j]));
    }
}

/* Meets a box with what rows prove. */
static void tighten(graph *g, int i) {
    vector *v = &g->v[i];
    if (v->tight || i == NONE || (v->kind != IMAGE && v->kind != SUM)) {
        return;
    }
    for (size_t j = 0; j < v->n; j++) {
        for (int sign = 1; sign >= -1; sign -= 2) {
            memset(g->c[i], 0, v->n * sizeof(double));
            g->c[i][j] = sign;
            g->live[i] = true;
            const double bound = lower(g, i);
            if (sign > 0) {
                v->lo[j] = fmax(v->lo[j], bound);
            } else {
                v->hi[j] = fmin(v->hi[j], -bound);
            }
        }
    }
    v->tight = true;
    check_box(g, i, "vector");
}

static int add(graph *g, vector v) {
    double **const arrays[] = {&v.lo, &v.hi, &v.size, &v.below, &v.above, &v.omega};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = ck_alloc(v.n, sizeof(double));
    }
    g->c[g->count] = ck_alloc(v.n, sizeof(double));
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
        double lo = bias[j], hi = bias[j], size = fabs(bias[j]);
        for (size_t k = 0; k < 2; k++) {
            const vector *x = operand[k] != NONE ? &g->v[operand[k]] : NULL;
            for (size_t l = 0; x != NULL && l < x->n; l++) {
                const double w = matrix[k][j * x->n + l];
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

static int add_relu(graph *g, int a, const double *slope) {
    tighten(g, a);
    const size_t n = g->v[a].n;
    const int i = add(g, (vector){.kind = RELU, .n = n, .a = a, .b = NONE, .slope = slope});
    vector *v = &g->v[i];
    for (size_t j = 0; j < n; j++) {
        /* piecewise linear: the least of relu(x) - w x stands at an end or at 0 */
        const double l = g->v[a].lo[j], u = g->v[a].hi[j], w = slope[j], W = slope[n + j];
        const double spread = CK_EPS * (1.0 + fabs(w) + fabs(W)) * fmax(fabs(l), fabs(u));
        double least = fmin(fmax(l, 0.0) - w * l, fmax(u, 0.0) - w * u);
        double most = fmax(fmax(l, 0.0) - W * l, fmax(u, 0.0) - W * u);
        if (l < 0.0 && u > 0.0) {
            least = fmin(least, 0.0);
            most = fmax(most, 0.0);
        }
        v->below[j] = least - (least != 0.0 || w != 0.0 ? spread : 0.0);
        v->above[j] = most + (most != 0.0 || W != 0.0 ? spread : 0.0);
        v->lo[j] = fmax(l, 0.0);
        v->hi[j] = fmax(u, 0.0);
    }
    check_box(g, i, "relu");
    return i;
}

static int add_tanh(graph *g, int a, const double *slope) {
    tighten(g, a);
    const size_t n = g->v[a].n;
    const int i = add(g, (vector){.kind = TANH, .n = n, .a = a, .b = NONE, .slope = slope});
    vector *v = &g->v[i];
    for (size_t j = 0; j < n; j++) {
        const ck_range x = {g->v[a].lo[j], g->v[a].hi[j]};
        v->below[j] = ck_least_tanh(x, slope[j]);
        v->above[j] = ck_most_tanh(x, slope[n + j]);
        v->lo[j] = ck_tanh(x.lo).lo;
        v->hi[j] = ck_tanh(x.hi).hi;
    }
    check_box(g, i, "tanh");
    return i;
}

static int add_product(graph *g, int a, int b, bool tanh_second, const double *slope) {
    tighten(g, a);
    tighten(g, b);
    const size_t n = g->v[a].n;
    const int i = add(
        g,
        (vector){
            .kind = PRODUCT, .n = n, .a = a, .b = b, .tanh_second = tanh_second, .slope = slope});
    vector *v = &g->v[i];
    for (size_t j = 0; j < n; j++) {
        const ck_range x = {g->v[a].lo[j], g->v[a].hi[j]}, y = {g->v[b].lo[j], g->v[b].hi[j]};
        const double *s = slope + j;
        v->below[j] = ck_least_product(tanh_second, x, y, s[0], s[n]);
        v->above[j] = ck_most_product(tanh_second, x, y, s[2 * n], s[3 * n]);
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

static int add_sum(graph *g, int a, int b) {
    const int i = add(g, (vector){.kind = SUM, .n = g->v[a].n, .a = a, .b = b});
    vector *v = &g->v[i];
    for (size_t j = 0; j < v->n; j++) {
        const double spread = CK_EPS * (g->v[a].size[j] + g->v[b].size[j]);
        v->lo[j] = g->v[a].lo[j] + g->v[b].lo[j] - spread;
        v->hi[j] = g->v[a].hi[j] + g->v[b].hi[j] + spread;
    }
    check_box(g, i, "sum");
    return i;
}

/* ---- the network ---- */

/* The slopes of a layer's vector at step t, of `each` numbers a step; layers count from 1. */
static const double *slopes(ck_proof *proof, size_t layer, const char *name, size_t frames,
                            size_t each, size_t t) {
    char full[64];
    snprintf(full, sizeof full, "%zu/%s", layer + 1, name);
    return ck_array(proof, full, frames * each) + t * each;
}

static void add_lstm(graph *g, const ck_layer *layer, size_t index, ck_proof *proof, int *at,
                     size_t frames) {
    const size_t H = layer->out, D = layer->in;
    int h = NONE, c = NONE;
    for (size_t t = 0; t < frames; t++) {
        int gate[4];
        for (size_t k = 0; k < 4; k++) {
            gate[k] = add_image(g, H, layer->weight + k * H * D, at[t],
                                layer->recurrent + k * H * H, h, layer->bias + k * H);
        }
        const int ig =
            add_product(g, gate[0], gate[2], true, slopes(proof, index, "ig", frames, 4 * H, t));
        const double *forget = slopes(proof, index, "fc", frames, 4 * H, t);
        /* the state before the first step is 0 */
        c = c == NONE ? ig : add_sum(g, ig, add_product(g, gate[1], c, false, forget));
        h = add_product(g, gate[3], c, true, slopes(proof, index, "h", frames, 4 * H, t));
        at[t] = h;
    }
}

static void add_rnn(graph *g, const ck_layer *layer, size_t index, ck_proof *proof, int *at,
                    size_t frames) {
    const size_t H = layer->out;
    int h = NONE;
    for (size_t t = 0; t < frames; t++) {
        const int a = add_image(g, H, layer->weight, at[t], layer->recurrent, h, layer->bias);
        h = add_tanh(g, a, slopes(proof, index, "h", frames, 2 * H, t));
        at[t] = h;
    }
}

static void build(graph *g, const ck_network *network, ck_proof *proof, int *at) {
    size_t frames = g->front->frames;
    for (size_t t = 0; t < frames; t++) {
        const size_t M = network->features;
        at[t] = add(g, (vector){.kind = FEATURES, .n = M, .frame = t});
        memcpy(g->v[at[t]].lo, g->front->lo + t * M, M * sizeof(double));
        memcpy(g->v[at[t]].hi, g->front->hi + t * M, M * sizeof(double));
        check_box(g, at[t], "frame");
    }
    for (size_t i = 0; i < network->layers; i++) {
        const ck_layer *layer = &network->layer[i];
        switch (layer->kind) {
        case CK_AFFINE:
            for (size_t t = 0; t < frames; t++) {
                at[t] = add_image(g, layer->out, layer->weight, at[t], NULL, NONE, layer->bias);
            }
            break;
        case CK_RELU:
            for (size_t t = 0; t < frames; t++) {
                at[t] = add_relu(g, at[t], slopes(proof, i, "relu", frames, 2 * layer->out, t));
            }
            break;
        case CK_LSTM:
            add_lstm(g, layer, i, proof, at, frames);
            break;
        case CK_RNN:
            add_rnn(g, layer, i, proof, at, frames);
            break;
        case CK_LAST:
            at[0] = at[frames - 1];
            frames = 1;
            break;
        }
    }
}

double ck_walk(const ck_network *network, const ck_front *front, ck_proof *proof, size_t label) {
    const size_t most = front->frames * (1 + 9 * network->layers);
    graph g = {.front = front};
    if (network->features != front->bank.bands) {
        ck_refuse("model", "it reads %zu features, the front end gives %zu", network->features,
                  front->bank.bands);
    }
    g.v = ck_alloc(most, sizeof *g.v);
    g.c = ck_alloc(most, sizeof *g.c);
    g.live = ck_alloc(most, sizeof *g.live);
    g.samples = ck_alloc(front->padded, sizeof(double));
    g.forms = ck_alloc(front->bank.bands, sizeof(double));
    int *at = ck_alloc(front->frames, sizeof *at);
    build(&g, network, proof, at);
    const int out = at[0];
    double least = INFINITY;
    for (size_t k = 0; k < g.v[out].n; k++) {
        if (k != label) {
            memset(g.c[out], 0, g.v[out].n * sizeof(double));
            g.c[out][label] = 1.0;
            g.c[out][k] = -1.0;
            g.live[out] = true;
            const double bound = lower(&g, out);
            if (!(bound >= least)) { /* NaN, too */
                least = bound;
            }
            if (isnan(least)) {
                ck_refuse("margin", "it is not a number");
            }
        }
    }
    return least;
}
