/* Random networks behind a toy front end whose features are known exactly, for the tests of lstm/.
 * band[t,m](d) = base + z + wiggle sin(5 form . d_t + phase), bounded by the lines that a front end
 * would hand over, and the features are the bands or a random map of them. z = form . d_t, plus a
 * square q_m = (m + 1) (u_m . d_t)^2 where the front end is joint and not split: the u_m are
 * orthonormal (a cosine transform), so that the bands together have less than one by one. */
#ifndef SP_TESTS_LSTM_TOY_H
#define SP_TESTS_LSTM_TOY_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/backend.h"
#include "lstm/backsub/backsub.h"
#include "lstm/boxes/boxes.h"
#include "lstm/r2opt/r2opt.h"
#include "lstm/zonotope/zonotope.h"
#include "tests/net/tap.h"
#include "tests/support/support.h"

#define TOY_PI 3.14159265358979323846

typedef struct sp_toy {
    sp_net net;
    sp_front_bound front;
    sp_noise noise;
    double *base, *wiggle, *phase; /* [T, M] */
    double *map; /* [F, M] then [F]: features from bands; NULL: they are the bands */
} sp_toy;

typedef struct sp_toy_shape {
    size_t frames, bands, frame, step;
    size_t dense;         /* width of a dense-ReLU layer before the LSTMs; 0: none */
    size_t lstms, hidden; /* recurrent layers */
    bool cells;           /* they are GRUs and RNNs of every kind, not LSTMs */
    size_t head;          /* width of a dense-ReLU layer behind the readout; 0: none */
    size_t classes;
    size_t mapped; /* features F that are a linear map of the bands; 0: they are the bands */
    bool joint, split, plain;  /* plain: no squares */
    double eps, wiggle, scale; /* radius, nonlinearity of the features, size of the weights */
    const sp_noise_set *set;   /* of the noise; NULL: a box */
} sp_toy_shape;

/* ---- domains ---- */

/** sp_method - a domain and its options. */
typedef struct sp_method {
    const sp_domain *domain;
    sp_zonotope_options zonotope;
    sp_backsub_options backsub;
    sp_r2opt_options r2opt;
} sp_method;

static inline sp_method method_intervals(void) {
    return (sp_method){.domain = &sp_domain_interval};
}

static inline sp_method method_backsub(sp_backsub_options options) {
    return (sp_method){.domain = &sp_domain_backsub, .backsub = options};
}

static inline sp_method method_r2opt(size_t epochs) {
    return (sp_method){.domain = &sp_domain_r2opt, .r2opt = {epochs}};
}

static inline const void *method_options(const sp_method *method) {
    return method->domain == &sp_domain_zonotope  ? (const void *)&method->zonotope
           : method->domain == &sp_domain_backsub ? (const void *)&method->backsub
           : method->domain == &sp_domain_r2opt   ? (const void *)&method->r2opt
                                                  : NULL;
}

/** sp_bounds - what a domain made of the clips of a net, and the task that it borrows. */
typedef struct sp_bounds {
    const sp_domain *domain;
    sp_bound_task task;
    const sp_front_bound *front; /* of one clip */
    void *self;
} sp_bounds;

static inline sp_status bounds_create(sp_error *err, sp_bounds *bounds, const sp_method *method) {
    bounds->domain = method->domain;
    return bounds->domain->create(err, &bounds->self, &bounds->task, method_options(method));
}

/* Of one clip. The bounds stay where they are: the task points into them. */
static inline sp_status bounds_of(sp_error *err, sp_bounds *bounds, const sp_net *net,
                                  const sp_front_bound *front, const sp_method *method) {
    bounds->front = front;
    bounds->task = (sp_bound_task){.net = net, .fronts = &bounds->front, .clips = 1};
    return bounds_create(err, bounds, method);
}

static inline sp_status bounds_margins(sp_error *err, sp_bounds *bounds, double *lower,
                                       double *error, const double *weight, size_t rows) {
    return bounds->domain->margins(err, bounds->self, lower, error, weight, rows);
}

static inline void bounds_destroy(sp_bounds *bounds) {
    bounds->domain->destroy(bounds->self);
    bounds->self = NULL;
}

/* Every domain begins with its boxes. */
static inline sp_boxes *boxes_of(const sp_bounds *bounds) {
    return bounds->self;
}

/* ---- backends ---- */

/* SOUNDPROOF_BACKEND: the backend of the tests of a program; cmocka's group setup. */
static inline int toy_backend(void **state) {
    const char *id = getenv("SOUNDPROOF_BACKEND");
    sp_error err;
    (void)state;
    if (id != NULL && sp_gpu_select(&err, id, 0) != SP_OK) {
        print_message("backend %s: %s\n", id, err.text);
        return 1;
    }
    return 0;
}

/* The same for the emulated device. */
static inline int toy_emulator(void **state) {
    (void)state;
    return sp_gpu_select(NULL, "emulator", 0) == SP_OK ? 0 : 1;
}

static inline double *toy_random(sp_rng *rng, size_t n, double scale) {
    double *a = malloc((n > 0 ? n : 1) * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++) {
        a[i] = sp_rng_uniform(rng, -scale, scale);
    }
    return a;
}

static inline void toy_affine(sp_rng *rng, sp_net *net, size_t in, size_t out, double scale) {
    double *w = toy_random(rng, in * out, scale), *b = toy_random(rng, out, 0.5);
    assert_int_equal(sp_net_add_affine(NULL, net, out, w, b), SP_OK);
    free(w);
    free(b);
}

/* Unbounded gates multiply states with states: they are drawn less often. */
static inline sp_activation toy_activation(sp_rng *rng, bool gate) {
    static const sp_activation_kind gates[8] = {
        SP_ACTIVATION_SIGMOID,      SP_ACTIVATION_SIGMOID,      SP_ACTIVATION_SIGMOID,
        SP_ACTIVATION_HARD_SIGMOID, SP_ACTIVATION_HARD_SIGMOID, SP_ACTIVATION_TANH,
        SP_ACTIVATION_RELU,         SP_ACTIVATION_AFFINE};
    const size_t kind = sp_rng_below(rng, gate ? 8 : 5);
    const sp_activation f = {gate ? gates[kind] : (sp_activation_kind)kind,
                             sp_rng_uniform(rng, 0.2, 1.0) * (sp_rng_below(rng, 4) ? 1.0 : -1.0),
                             sp_rng_uniform(rng, -0.3, 0.7)};
    return f;
}

static inline void toy_cell(sp_rng *rng, sp_net *net, size_t in, size_t H, double scale) {
    double *w = toy_random(rng, 3 * H * in, scale), *r = toy_random(rng, 3 * H * H, scale);
    double *b = toy_random(rng, 3 * H, 1.0), *own = toy_random(rng, H, 1.0);
    const sp_activation tanh_of = {SP_ACTIVATION_TANH, 0.0, 0.0};
    const sp_activation gate = toy_activation(rng, true);
    sp_activation candidate = toy_activation(rng, false);
    const bool after = sp_rng_below(rng, 2) > 0;
    if (sp_rng_below(rng, 3) == 0) {
        candidate = tanh_of; // the usual one; with sigmoid gates it has products of its own
    }
    if (sp_rng_below(rng, 4) == 0) {
        assert_int_equal(sp_net_add_rnn(NULL, net, H, candidate, w, r, b), SP_OK);
    } else {
        assert_int_equal(
            sp_net_add_gru(NULL, net, H, gate, candidate, after, w, r, b, after ? own : NULL),
            SP_OK);
    }
    free(w);
    free(r);
    free(b);
    free(own);
}

/* Every kind of GRU, then every kind of RNN. */
typedef struct sp_toy_cell {
    bool rnn, after;
    sp_activation gate, candidate;
} sp_toy_cell;

enum { TOY_CELLS = 55 }; /* 50 GRUs and 5 RNNs */

static inline sp_toy_cell toy_cell_number(size_t i) {
    const sp_toy_cell cell = {i / 50 == 1,
                              i / 25 % 2 == 1,
                              {(sp_activation_kind)(i % 5), 0.3, 0.4},
                              {(sp_activation_kind)(i / 5 % 5), 0.6, -0.1}};
    return cell;
}

/* A net of one such layer and a readout, in place of another net. */
static inline void toy_cell_net(sp_rng *rng, sp_net *net, const sp_toy_cell *cell, size_t in,
                                size_t H, size_t classes) {
    double *w = toy_random(rng, 3 * H * in, 0.6), *r = toy_random(rng, 3 * H * H, 0.5);
    double *b = toy_random(rng, 3 * H, 0.5), *own = toy_random(rng, H, 0.5);
    sp_net_clear(net);
    assert_int_equal(sp_net_init(NULL, net, in), SP_OK);
    if (cell->rnn) {
        assert_int_equal(sp_net_add_rnn(NULL, net, H, cell->candidate, w, r, b), SP_OK);
    } else {
        assert_int_equal(sp_net_add_gru(NULL, net, H, cell->gate, cell->candidate, cell->after, w,
                                        r, b, cell->after ? own : NULL),
                         SP_OK);
    }
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    toy_affine(rng, net, H, classes, 1.0);
    free(w);
    free(r);
    free(b);
    free(own);
}

static inline void toy_net(sp_rng *rng, sp_net *net, const sp_toy_shape *s) {
    size_t width = s->mapped > 0 ? s->mapped : s->bands;
    assert_int_equal(sp_net_init(NULL, net, width), SP_OK);
    if (s->dense > 0) {
        toy_affine(rng, net, width, s->dense, s->scale);
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
        width = s->dense;
    }
    for (size_t l = 0; l < s->lstms; l++) {
        const size_t H = s->hidden;
        if (s->cells) {
            toy_cell(rng, net, width, H, s->scale);
            width = H;
            continue;
        }
        double *w = toy_random(rng, 4 * H * width, s->scale);
        double *r = toy_random(rng, 4 * H * H, s->scale), *b = toy_random(rng, 4 * H, 1.0);
        assert_int_equal(sp_net_add_lstm(NULL, net, H, w, r, b), SP_OK);
        free(w);
        free(r);
        free(b);
        width = H;
    }
    assert_int_equal(sp_net_add_pool(NULL, net, SP_POOLING_LAST), SP_OK);
    if (s->head > 0) {
        toy_affine(rng, net, width, s->head, 1.0);
        assert_int_equal(sp_net_add_relu(NULL, net), SP_OK);
        width = s->head;
    }
    toy_affine(rng, net, width, s->classes, 1.0);
}

static inline bool toy_has_squares(const sp_front_bound *f) {
    return f->tangents > 0;
}

/* Number k of u_m; 0 for bands beyond the length of the frame. */
static inline double toy_wave(size_t m, size_t L, size_t k) {
    return m < L ? cos(TOY_PI * (double)m * ((double)k + 0.5) / (double)L) *
                       sqrt((m > 0 ? 2.0 : 1.0) / (double)L)
                 : 0.0;
}

static inline double toy_cosine(size_t m, size_t L, const double *d) {
    double sum = 0.0;
    for (size_t k = 0; k < L; k++) {
        sum += d[k] * toy_wave(m, L, k);
    }
    return sum;
}

/* What stands behind the squares: a little less than these, so that 1 is at least their sum. */
static inline void toy_rows(sp_front_bound *f, double *at) {
    const size_t M = f->bands, L = f->frame;
    double *row = at, *share = row + M * L, *diagonal = share + M * M;
    for (size_t m = 0; m < M; m++) {
        for (size_t k = 0; k < L; k++) {
            row[m * L + k] = (1.0 - 1e-14) * toy_wave(m, L, k);
        }
        share[m * M + m] = (double)m + 1.0;
    }
    for (size_t k = 0; k < L; k++) {
        diagonal[k] = 1.0;
    }
    f->rows = M;
    f->row = row;
    f->share = share;
    f->diagonal = diagonal;
}

/* Squares and tangents of slopes 2 and 1/2 for feature i, whose upper line is z + c, |form . d| <=
 * reach. */
static inline void toy_squares(sp_front_bound *f, size_t i, double reach) {
    const size_t M = f->bands, L = f->frame, t = i / M, m = i % M;
    const double eps = f->radius[0], c = f->up_c[i];
    double sum = 0.0;
    for (size_t k = 0; m < L && k < L; k++) {
        sum += fabs(cos(TOY_PI * (double)m * ((double)k + 0.5) / (double)L)) * eps;
    }
    sum *= sqrt((m > 0 ? 2.0 : 1.0) / (double)L);
    f->square[i] = ((double)m + 1.0) * sum * sum * (1.0 + 1e-13);
    f->energy[t] = (double)L * eps * eps * (1.0 + 1e-13);
    f->up_c[i] = c + f->square[i] + 1e-14;
    f->hi[i] += f->square[i] + 1e-14;
    const double most = reach + f->square[i];
    f->tangent_w[2 * t * M + m] = 2.0;
    f->tangent_c[2 * t * M + m] = c + reach + 2.0 * f->square[i] + 1e-13;
    f->tangent_w[(2 * t + 1) * M + m] = 0.5;
    f->tangent_c[(2 * t + 1) * M + m] = c + 0.5 * most + 0.5 * f->square[i] + 1e-13;
}

static inline void toy_front(sp_rng *rng, sp_toy *toy, const sp_toy_shape *s) {
    const size_t T = s->frames, M = s->bands, L = s->frame, forms = s->split ? 2 * M : M;
    const size_t F = s->mapped > 0 ? s->mapped : M;
    const size_t padded = (T - 1) * s->step + L;
    toy->base = toy_random(rng, T * M, 1.0);
    toy->wiggle = toy_random(rng, T * M, 1.0);
    toy->phase = toy_random(rng, T * M, 3.0);
    const sp_noise_set *set = s->set != NULL ? s->set : &sp_noise_set_box;
    assert_int_equal(sp_noise_of(NULL, &toy->noise, set, padded, s->eps), SP_OK);
    sp_front_bound *f = &toy->front;
    *f = (sp_front_bound){.rule = s->joint ? SP_FRONT_JOINT : SP_FRONT_R2,
                          .frames = T,
                          .bands = M,
                          .features = F,
                          .frame = L,
                          .step = s->step,
                          .padded = padded,
                          .joint = s->joint,
                          .forms = forms,
                          .lo_form = 0,
                          .up_form = s->split ? M : 0,
                          .set = set,
                          .noise = &toy->noise};
    const bool squares = s->joint && !s->split && !s->plain;
    f->tangents = squares ? 2 : 0;
    f->peaks = squares ? M : 0;
    const size_t total =
        T * forms * L + T * forms + 11 * T * M + 2 * T * F + padded + T + 2 * M * M + M * L + L;
    double *p = f->memory = calloc(total, sizeof *p);
    assert_non_null(p);
    f->form = p, p += T * forms * L;
    f->form_max = p, p += T * forms;
    f->lo_w = p, p += T * M;
    f->lo_c = p, p += T * M;
    f->up_w = p, p += T * M;
    f->up_c = p, p += T * M;
    f->lo = p, p += T * M;
    f->hi = p, p += T * M;
    f->feature_lo = p, p += T * F;
    f->feature_hi = p, p += T * F;
    f->square = p, p += T * M;
    f->tangent_w = p, p += 2 * T * M;
    f->tangent_c = p, p += 2 * T * M;
    f->energy = p, p += T;
    f->peak = p;
    for (size_t m = 0; m < f->peaks; m++) {
        p[m * M + m] = (double)m + 1.0;
    }
    p += M * M;
    if (squares) {
        toy_rows(f, p);
    }
    p += M * M + M * L + L;
    f->radius = p;
    for (size_t i = 0; i < padded; i++) {
        f->radius[i] = s->eps;
    }
    for (size_t i = 0; i < T * M; i++) {
        const size_t t = i / M, m = i % M;
        double *form = f->form + (t * forms + m) * L, sum = 0.0, extra = 0.0;
        for (size_t k = 0; k < L; k++) {
            form[k] = sp_rng_uniform(rng, -1.0, 1.0);
            sum += fabs(form[k]) * s->eps;
        }
        toy->wiggle[i] = s->wiggle * fabs(toy->wiggle[i]);
        f->form_max[t * forms + m] = sum * (1.0 + 1e-14);
        if (s->split) {
            double *upper = form + M * L, upper_sum = 0.0;
            for (size_t k = 0; k < L; k++) {
                const double shift = sp_rng_uniform(rng, -0.2, 0.2);
                upper[k] = 0.5 * (form[k] + shift); /* the upper line has slope 2 */
                extra += fabs(2.0 * upper[k] - form[k]) * s->eps;
                upper_sum += fabs(upper[k]) * s->eps;
            }
            f->form_max[t * forms + M + m] = upper_sum * (1.0 + 1e-14);
        }
        f->lo_w[i] = 1.0;
        f->up_w[i] = s->split ? 2.0 : 1.0;
        f->lo_c[i] = toy->base[i] - toy->wiggle[i] - 1e-14;
        f->up_c[i] = toy->base[i] + toy->wiggle[i] + extra * (1.0 + 1e-13) + 1e-14;
        f->lo[i] = f->lo_c[i] - sum * (1.0 + 1e-13);
        f->hi[i] = toy->base[i] + toy->wiggle[i] + sum * (1.0 + 1e-13) + 1e-13;
        if (squares) {
            toy_squares(f, i, sum * (1.0 + 1e-13));
        }
    }
    if (s->mapped == 0) {
        f->feature_lo = f->lo;
        f->feature_hi = f->hi;
        return;
    }
    toy->map = toy_random(rng, F * M + F, 1.0);
    f->matrix = toy->map;
    f->matrix_bias = toy->map + F * M;
    for (size_t i = 0; i < T * F; i++) {
        const size_t t = i / F, k = i % F;
        f->feature_lo[i] = f->feature_hi[i] = f->matrix_bias[k];
        for (size_t m = 0; m < M; m++) {
            const double w = toy->map[k * M + m];
            const double a = w * f->lo[t * M + m], b = w * f->hi[t * M + m];
            f->feature_lo[i] += fmin(a, b) - 1e-13;
            f->feature_hi[i] += fmax(a, b) + 1e-13;
        }
    }
}

static inline void toy_init(sp_toy *toy, uint64_t seed, const sp_toy_shape *shape) {
    sp_rng rng;
    sp_rng_init(&rng, seed);
    memset(toy, 0, sizeof *toy);
    toy_net(&rng, &toy->net, shape);
    toy_front(&rng, toy, shape);
}

static inline void toy_clear(sp_toy *toy) {
    sp_net_clear(&toy->net);
    sp_noise_clear(&toy->noise);
    free(toy->front.memory);
    free(toy->base);
    free(toy->wiggle);
    free(toy->phase);
    free(toy->map);
}

/* Length of a point of the noise set: one sample vector, or one vector per frame. */
static inline size_t toy_point_size(const sp_toy *toy) {
    const sp_front_bound *f = &toy->front;
    return f->joint ? f->padded : f->frames * f->frame;
}

static inline void toy_features(const sp_toy *toy, const double *d, double *features) {
    const sp_front_bound *f = &toy->front;
    double *bands = toy->map ? malloc(f->frames * f->bands * sizeof *bands) : features;
    for (size_t i = 0; i < f->frames * f->bands; i++) {
        const size_t t = i / f->bands, m = i % f->bands;
        const double *form = f->form + (t * f->forms + m) * f->frame;
        const double *dt = d + t * (f->joint ? f->step : f->frame);
        double x = 0.0;
        for (size_t k = 0; k < f->frame; k++) {
            x += form[k] * dt[k];
        }
        const double u = toy_has_squares(f) ? toy_cosine(m, f->frame, dt) : 0.0;
        bands[i] = toy->base[i] + x + ((double)m + 1.0) * u * u +
                   toy->wiggle[i] * sin(5.0 * x + toy->phase[i]);
    }
    for (size_t i = 0; toy->map && i < f->frames * f->features; i++) {
        const size_t t = i / f->features, k = i % f->features;
        features[i] = f->matrix_bias[k];
        for (size_t m = 0; m < f->bands; m++) {
            features[i] += f->matrix[k * f->bands + m] * bands[t * f->bands + m];
        }
    }
    if (toy->map) {
        free(bands);
    }
}

/* A random shape with everything that the engine knows: layers, overlap, gaps, split forms. */
static inline sp_toy_shape toy_shape(sp_rng *rng) {
    sp_toy_shape s = {0};
    s.lstms = 1 + sp_rng_below(rng, 3);
    s.frames = 1 + sp_rng_below(rng, 8);
    s.hidden = 1 + sp_rng_below(rng, 16);
    s.bands = 1 + sp_rng_below(rng, 4);
    s.frame = 2 + sp_rng_below(rng, 5);
    s.step = 1 + sp_rng_below(rng, 7);
    s.dense = sp_rng_below(rng, 3) > 0 ? 1 + sp_rng_below(rng, 9) : 0;
    s.head = sp_rng_below(rng, 3) == 0 ? 1 + sp_rng_below(rng, 6) : 0;
    s.classes = 2 + sp_rng_below(rng, 3);
    s.mapped = sp_rng_below(rng, 3) == 0 ? 1 + sp_rng_below(rng, 5) : 0;
    s.joint = sp_rng_below(rng, 2) > 0;
    s.split = sp_rng_below(rng, 2) > 0;
    s.eps = pow(10.0, sp_rng_uniform(rng, -4.0, 0.0));
    s.wiggle = sp_rng_below(rng, 2) > 0 ? 0.3 * s.eps : 0.0;
    s.scale = sp_rng_uniform(rng, 0.2, 1.5);
    return s;
}

#endif
