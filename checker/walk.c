/* The layers of a network one after the other, step by step, and the margin of the claim. */
#include <math.h>
#include <stdio.h>

#include "checker.h"

static const ck_curve identity = {.kind = CK_IDENTITY}, sigmoid = {.kind = CK_SIGMOID},
                      hyperbolic = {.kind = CK_TANH}, rectifier = {.kind = CK_RECTIFIER};
static const ck_part nothing = {.of = CK_NONE};

/* A layer on its way through the steps: what it reads and gives, step by step, and its state. */
typedef struct layer_at {
    ck_graph *g;
    const ck_layer *layer;
    ck_proof *proof;
    size_t index, frames, t; /* index: of those with slopes, from 1 */
    const int *x, *y;
    int h, c;
} layer_at;

/* The slopes of a vector at step t, of `each` times H numbers a step. */
static const double *slopes(const layer_at *l, const char *name, size_t each) {
    char full[64];
    snprintf(full, sizeof full, "%zu/%s", l->index, name);
    const size_t numbers = each * l->layer->out;
    return ck_array(l->proof, full, l->frames * numbers) + l->t * numbers;
}

static ck_part all_of(int v) {
    return (ck_part){.of = v, .scale = 1.0};
}

static int sum(const layer_at *l, ck_part a, ck_part b) {
    return ck_add_image(l->g, l->layer->out, a, b, NULL);
}

/* f(a) q(b). */
static int product(const layer_at *l, ck_curve f, int a, ck_curve q, int b, const char *name) {
    return ck_add_relaxed(l->g, f, a, q, b, false, slopes(l, name, 4));
}

/* Block k of a matrix, where there is one, and of a bias. */
static const double *block(const double *m, size_t k, size_t size) {
    return m != NULL ? m + k * size : NULL;
}

/* Gate k: W x + R h + b, each part where there is one. */
static int gate(const layer_at *l, size_t k, int x, int h) {
    const ck_layer *of = l->layer;
    const ck_part w = {.of = x, .m = block(of->weight, k, of->out * of->in), .scale = 1.0};
    const ck_part r = {.of = h, .m = block(of->recurrent, k, of->out * of->out)};
    return ck_add_image(l->g, of->out, w, r, block(of->bias, k, of->out));
}

/* The states before the first step are 0, and so is what they are multiplied by. */
static int lstm(layer_at *l) {
    int a[4];
    for (size_t k = 0; k < 4; k++) {
        a[k] = gate(l, k, l->x[l->t], l->h);
    }
    (void)slopes(l, "fc", 4);
    const int ig = product(l, sigmoid, a[0], hyperbolic, a[2], "ig");
    const int fc = l->c != CK_NONE ? product(l, sigmoid, a[1], identity, l->c, "fc") : CK_NONE;
    l->c = sum(l, all_of(ig), all_of(fc));
    return product(l, sigmoid, a[3], hyperbolic, l->c, "h");
}

/* z r n; h = (1 - z) q(n) + z h', which lies between q(n) and h'; where q is the identity,
 * h = n + z (h' - n). */
static int gru(layer_at *l) {
    ck_graph *g = l->g;
    const ck_layer *of = l->layer;
    const size_t H = of->out;
    const int x = l->x[l->t], before = l->h, z = gate(l, 0, x, before), r = gate(l, 1, x, before);
    int h = before, n;
    (void)slopes(l, "rh", 4);
    if (of->inside != NULL) { /* r multiplies R h' + its own bias */
        const ck_part own = {.of = h, .m = of->recurrent + 2 * H * H};
        const int q = ck_add_image(g, H, own, nothing, of->inside);
        const ck_part in = {.of = x, .m = of->weight + 2 * H * of->in};
        n = ck_add_image(g, H, in, all_of(product(l, of->gate, r, identity, q, "rh")),
                         of->bias + 2 * H);
    } else {
        n = gate(l, 2, x, h != CK_NONE ? product(l, of->gate, r, identity, h, "rh") : CK_NONE);
    }
    if (of->candidate.kind == CK_IDENTITY) {
        const int d = sum(l, all_of(before), (ck_part){.of = n, .scale = -1.0});
        h = sum(l, all_of(n), all_of(product(l, of->gate, z, identity, d, "zd")));
    } else {
        (void)slopes(l, "zh", 4);
        const int old = h != CK_NONE ? product(l, of->gate, z, identity, h, "zh") : CK_NONE;
        h = sum(l,
                all_of(ck_add_relaxed(g, of->gate, z, of->candidate, n, true, slopes(l, "zn", 4))),
                all_of(old));
    }
    for (size_t j = 0; j < H; j++) {
        const ck_vector *old = before != CK_NONE ? &g->v[before] : NULL, *new = &g->v[n];
        const double least = fmin(old ? old->lo[j] : 0.0, ck_value(of->candidate, new->lo[j]).lo);
        const double most = fmax(old ? old->hi[j] : 0.0, ck_value(of->candidate, new->hi[j]).hi);
        g->v[h].lo[j] = fmax(g->v[h].lo[j], least);
        g->v[h].hi[j] = fmin(g->v[h].hi[j], most);
    }
    ck_check_box(g, h, "state");
    return h;
}

static int plain(layer_at *l) {
    const ck_layer *of = l->layer;
    const int x = l->x[l->t];
    const int a = of->kind == CK_TWO ? sum(l, all_of(x), all_of(l->y[l->t]))
                  : of->bias != NULL ? gate(l, 0, x, of->recurrent != NULL ? l->h : CK_NONE)
                                     : x;
    return of->candidate.kind != CK_IDENTITY
               ? ck_add_relaxed(l->g, of->candidate, a, identity, CK_NONE, false, slopes(l, "h", 2))
               : a;
}

/* The sum so far; of a mean at the end over their number. */
static int total(layer_at *l) {
    const int h = sum(l, all_of(l->h), all_of(l->x[l->t]));
    const bool mean = l->layer->kind == CK_MEAN && l->t + 1 == l->frames;
    return mean ? sum(l, (ck_part){.of = h, .scale = 1.0 / (double)l->frames}, nothing) : h;
}

/* The state is how far the largest number so far is above the one at hand:
 * max(state' + x' - x, 0). */
static int maximum(layer_at *l) {
    const int x = l->x[l->t];
    const double *s = slopes(l, "h", 2);
    if (l->t > 0) {
        const int fall = sum(l, all_of(l->x[l->t - 1]), (ck_part){.of = x, .scale = -1.0});
        const int above = sum(l, all_of(l->c), all_of(fall));
        l->c = ck_add_relaxed(l->g, rectifier, above, identity, CK_NONE, false, s);
    }
    return l->t + 1 == l->frames ? sum(l, all_of(x), all_of(l->c)) : x;
}

/* What the claim says of the logits is positive, as an image of them: by rows or by their box. */
static double margin_of(ck_graph *g, int logits, const ck_claim *claim) {
    const size_t n = g->v[logits].n;
    double *m = ck_alloc(n * n, sizeof *m), *bias = ck_alloc(n, sizeof *bias), least = INFINITY;
    size_t rows = 0;
    for (size_t k = 0; k < n; k++) {
        if (claim->single) {
            m[0] = claim->label == 1 ? 1.0 : -1.0;
            bias[rows++] = -m[0] * claim->threshold;
        } else if (k != claim->label) {
            m[rows * n + claim->label] = 1.0;
            m[rows++ * n + k] = -1.0;
        }
    }
    const int end = ck_add_image(g, rows, (ck_part){.of = logits, .m = m}, nothing, bias);
    ck_tighten(g, end);
    for (size_t k = 0; k < rows; k++) {
        least = fmin(least, g->v[end].lo[k]);
    }
    return least;
}

double ck_walk(const ck_network *network, const ck_front *front, ck_proof *proof,
               const ck_claim *claim) {
    static int (*const step[])(layer_at *) = {
        [CK_PLAIN] = plain, [CK_LSTM] = lstm, [CK_GRU] = gru,    [CK_TWO] = plain,
        [CK_LAST] = plain,  [CK_SUM] = total, [CK_MEAN] = total, [CK_MAX] = maximum};
    const ck_bank *bank = &front->bank;
    const size_t T = front->frames, most = T * (3 + 10 * network->layers);
    ck_require(network->features == bank->features, "model",
               "it reads %zu features, the front end gives %zu", network->features, bank->features);
    ck_require(network->steps == 0 || network->steps == T, "model",
               "it hears %zu frames, and there are %zu", network->steps, T);
    ck_graph g = {.front = front, .most = (int)most, .v = ck_alloc(most, sizeof *g.v)};
    layer_at l = {.g = &g, .proof = proof};
    int *at = ck_alloc((network->layers + 1) * T, sizeof *at); /* [layers and features, T] */
    size_t *frames = ck_alloc(network->layers + 1, sizeof *frames);
    frames[0] = T;
    for (size_t t = 0; t < T; t++) {
        const ck_part bands = {.of = ck_add_frame(&g, t), .m = bank->map};
        at[t] = ck_add_image(&g, bank->features, bands, nothing, bank->bias);
    }
    for (size_t k = 1; k <= network->layers; k++) {
        const ck_layer *of = l.layer = &network->layer[k - 1];
        l.frames = frames[of->from[0]];
        l.x = at + of->from[0] * T;
        l.y = at + of->from[1] * T;
        l.h = l.c = CK_NONE;
        ck_require(frames[of->from[1]] == l.frames, "model", "layer %zu adds other steps", k);
        l.index += of->kind == CK_LSTM || of->kind == CK_GRU || of->kind == CK_MAX ||
                   of->recurrent != NULL || of->candidate.kind != CK_IDENTITY;
        for (l.t = 0; l.t < l.frames; l.t++) {
            at[k * T + l.t] = l.h = step[of->kind](&l);
        }
        at[k * T] = of->kind >= CK_LAST ? l.h : at[k * T];
        frames[k] = of->kind >= CK_LAST ? 1 : l.frames;
    }
    return margin_of(&g, at[network->output * T], claim);
}
