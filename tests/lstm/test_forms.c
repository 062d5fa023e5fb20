/* The arithmetic of affine forms, operation by operation, in exact mathematics: whatever the
 * symbols and the noise of the arguments are, the result has a value for them. With roundings that
 * all go one way, and products that underflow, as trained networks hardly make them. */
#include "tests/lstm/toy.h"

#include "lstm/zonotope/impl.h"
#include "tests/support/arb.h"

enum { SYMBOLS = 64, MOST = 256 };

typedef enum { ORDINARY, LOSING, RAISING, VANISHING, CASES } test_case;

static int trials(void) {
    return sp_test_sanitized() ? 40 : sp_test_long() ? 2000 : 160;
}

static sp_zonotope_form form_new(const sp_zonotope *z, size_t n) {
    double *memory = calloc(n * (2 + z->capacity), sizeof *memory);
    assert_non_null(memory);
    const sp_zonotope_form form = {n, memory, memory + n, memory + 2 * n};
    return form;
}

/* A domain without a network: symbols and memory only. */
static sp_zonotope *domain_new(bool fresh) {
    sp_zonotope *z = calloc(1, sizeof *z);
    assert_non_null(z);
    assert_int_equal(sp_gpu_open(NULL, &z->boxes.gpu, true), SP_OK);
    z->capacity = SYMBOLS + 1;
    z->symbols = SYMBOLS;
    z->fresh = fresh;
    z->scratch = calloc(2 * MOST, sizeof *z->scratch);
    z->weight = calloc(z->capacity, sizeof *z->weight);
    assert_true(z->scratch != NULL && z->weight != NULL);
    return z;
}

static void domain_free(sp_zonotope *z) {
    sp_gpu_close(z->boxes.gpu);
    free(z->scratch);
    free(z->weight);
    free(z);
}

/* A number of the k-th of equals that add up. */
static double number(sp_rng *rng, test_case which, size_t k) {
    switch (which) {
    case LOSING:
        return k == 0 ? 1.0 : SP_TEST_LOST;
    case RAISING:
        return k == 0 ? 1.0 : SP_TEST_RAISED;
    case VANISHING:
        return sp_rng_uniform(rng, 0.9, 0.99) * 0x1.6ap-538; // two make less than 2^-1075
    default:
        return sp_rng_normal(rng);
    }
}

static void fill(sp_rng *rng, const sp_zonotope *z, sp_zonotope_form *x, test_case which) {
    const bool noisy = which == ORDINARY && sp_rng_below(rng, 2) > 0;
    for (size_t i = 0; i < x->n; i++) {
        x->center[i] = number(rng, which, i);
        x->noise[i] = noisy ? fabs(sp_rng_normal(rng)) : 0.0;
        for (size_t s = 0; s < SYMBOLS; s++) {
            x->generator[i * z->capacity + s] = number(rng, which, which == ORDINARY ? s : s + i);
        }
    }
}

/* Values of the symbols, and of the noises as parts of their size: their ends, mostly. */
static void choose(sp_rng *rng, double *at, size_t n, bool all) {
    for (size_t i = 0; i < n; i++) {
        const double end = sp_rng_below(rng, 2) > 0 ? 1.0 : -1.0;
        at[i] = all ? 1.0 : sp_rng_below(rng, 8) == 0 ? 0.25 * end : end;
    }
}

/* v = center_i + sum_s generator[i, s] e_s + part noise_i */
static void value(arb_t v, const sp_zonotope *z, const sp_zonotope_form *x, size_t i,
                  const double *e, double part) {
    arb_set_d(v, x->center[i]);
    for (size_t s = 0; s < SYMBOLS; s++) {
        sp_arb_addmul_d(v, x->generator[i * z->capacity + s], e[s]);
    }
    sp_arb_addmul_d(v, x->noise[i], part);
}

/* Whether number j of `to` may be v for the same symbols; `radius` of a symbol of its own. */
static void check(const arb_t v, const sp_zonotope *z, const sp_zonotope_form *to, size_t j,
                  const double *e, const char *what) {
    arb_t own, rest;
    arb_init(own);
    arb_init(rest);
    value(own, z, to, j, e, 0.0);
    arb_sub(own, v, own, SP_ARB_BITS);
    arb_abs(own, own);
    arb_set_d(rest, to->noise[j]);
    for (size_t s = SYMBOLS; s < z->symbols; s++) {
        sp_arb_addmul_d(rest, fabs(to->generator[j * z->capacity + s]), 1.0);
    }
    if (!arb_le(own, rest)) {
        fail_msg("%s: off by %g where the noise is %g", what, sp_arb_upper(own),
                 sp_arb_upper(rest));
    }
    arb_clear(own);
    arb_clear(rest);
}

static void an_image_has_every_value(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    arb_t v, x, w;
    arb_init(v);
    arb_init(x);
    arb_init(w);
    for (int trial = 0; trial < trials(); trial++) {
        const test_case which = (test_case)(trial % CASES);
        sp_zonotope *z = domain_new(false);
        const size_t n[2] = {which == ORDINARY ? 1 + sp_rng_below(&rng, 5) : 200,
                             trial % 2 == 0 ? 0 : 3};
        sp_zonotope_form in[2] = {form_new(z, n[0]), form_new(z, n[1] + (n[1] == 0))};
        sp_zonotope_form to = form_new(z, 1);
        double matrix[MOST], bias = number(&rng, which == LOSING ? ORDINARY : which, 1);
        double e[SYMBOLS], part[MOST];
        for (size_t p = 0; p < 2; p++) {
            fill(&rng, z, &in[p], which);
        }
        for (size_t j = 0; j < MOST; j++) {
            matrix[j] = which == ORDINARY    ? sp_rng_normal(&rng)
                        : which == VANISHING ? number(&rng, which, j)
                                             : 1.0;
        }
        const sp_zonotope_part parts[2] = {{matrix, n[0] + n[1], &in[0]},
                                           {matrix + n[0], n[0] + n[1], &in[1]}};
        const bool with_bias = trial % 3 > 0;
        sp_zonotope_image(z, &to, 0, 1, parts, n[1] > 0 ? 2 : 1, with_bias ? &bias : NULL);
        for (int sample = 0; sample < 8; sample++) {
            choose(&rng, e, SYMBOLS, sample == 0);
            choose(&rng, part, MOST, sample == 0);
            arb_set_d(v, with_bias ? bias : 0.0);
            for (size_t j = 0; j < n[0] + n[1]; j++) {
                const bool second = j >= n[0];
                value(x, z, &in[second], second ? j - n[0] : j, e, part[j]);
                arb_set_d(w, matrix[j]);
                arb_addmul(v, x, w, SP_ARB_BITS);
            }
            check(v, z, &to, 0, e, "image");
        }
        free(in[0].center);
        free(in[1].center);
        free(to.center);
        domain_free(z);
    }
    arb_clear(v);
    arb_clear(x);
    arb_clear(w);
}

static void sums_and_products_have_every_value(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    arb_t v, x, y, w;
    arb_init(v);
    arb_init(x);
    arb_init(y);
    arb_init(w);
    for (int trial = 0; trial < 4 * trials(); trial++) {
        const test_case which = (test_case)(trial % CASES);
        const bool product = trial / CASES % 2 > 0, fresh = trial / CASES % 4 > 1;
        const bool two = product || trial / CASES % 8 > 3;
        sp_zonotope *z = domain_new(fresh);
        sp_zonotope_form a = form_new(z, 1), b = form_new(z, 1), to = form_new(z, 1);
        const double p = which == ORDINARY ? sp_rng_normal(&rng) : number(&rng, which, 0),
                     q = which == ORDINARY ? sp_rng_normal(&rng) : number(&rng, which, 0);
        const double middle = which == VANISHING ? 0.0 : sp_rng_normal(&rng);
        const double wide = which == VANISHING || trial % 3 == 0 ? 0.0 : fabs(sp_rng_normal(&rng));
        const sp_iv rest = {middle - wide, middle + wide};
        double e[SYMBOLS], part[4];
        fill(&rng, z, &a, which);
        fill(&rng, z, &b, which);
        if (product && trial % 5 == 0) { // a constant times numbers whose products round down
            memset(a.generator, 0, SYMBOLS * sizeof *a.generator);
            a.noise[0] = 0.0;
            for (size_t s = 0; s < SYMBOLS && which == LOSING; s++) {
                a.center[0] = 1.5;
                b.generator[s] = 1.0 + 0x1.8p-51;
            }
        }
        if (product) {
            sp_zonotope_multiply(z, &to, 0, &a, &b);
        } else {
            sp_zonotope_combine(z, &to, 0, p, &a, 0, q, two ? &b : NULL, 0, rest);
        }
        for (int sample = 0; sample < 8; sample++) {
            choose(&rng, e, SYMBOLS, sample == 0);
            choose(&rng, part, 4, sample == 0);
            value(x, z, &a, 0, e, part[0]);
            value(y, z, &b, 0, e, part[1]);
            if (product) {
                arb_mul(v, x, y, SP_ARB_BITS);
            } else {
                arb_set_d(v, part[2] > 0.0 ? rest.hi : rest.lo);
                arb_set_d(w, p);
                arb_addmul(v, x, w, SP_ARB_BITS);
                arb_set_d(w, two ? q : 0.0);
                arb_addmul(v, y, w, SP_ARB_BITS);
            }
            check(v, z, &to, 0, e, product ? "product" : "sum");
        }
        free(a.center);
        free(b.center);
        free(to.center);
        domain_free(z);
    }
    arb_clear(v);
    arb_clear(x);
    arb_clear(y);
    arb_clear(w);
}

static void ranges_reach_every_value(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 2);
    arb_t v;
    arb_init(v);
    for (int trial = 0; trial < trials(); trial++) {
        sp_zonotope *z = domain_new(false);
        sp_zonotope_form x = form_new(z, 1);
        double e[SYMBOLS];
        fill(&rng, z, &x, (test_case)(trial % CASES));
        const sp_iv range = sp_zonotope_range(z, &x, 0);
        for (int end = -1; end <= 1; end += 2) {
            for (size_t s = 0; s < SYMBOLS; s++) {
                e[s] = end * copysign(1.0, x.generator[s]);
            }
            value(v, z, &x, 0, e, end);
            assert_true(sp_arb_within(v, range.lo, range.hi));
        }
        assert_true(range.hi - range.lo <=
                    2.0 * (sp_arb_upper(v) - x.center[0]) * 1.000001 + 1e-12);
        free(x.center);
        domain_free(z);
    }
    arb_clear(v);
}

/* Of bounded numbers of symbols the lightest give way to noise, in every form that is read. */
static void fewer_symbols_keep_every_value(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 3);
    arb_t before, after, noise;
    arb_init(before);
    arb_init(after);
    arb_init(noise);
    for (int trial = 0; trial < trials(); trial++) {
        const test_case which = (test_case)(trial % CASES);
        sp_zonotope *z = domain_new(false);
        sp_front_bound front = {.frames = 0};
        size_t last = 0;
        z->boxes.front = &front;
        z->last = &last;
        z->hidden = 2;
        for (size_t v = 0; v < SP_CELL_VARIABLES; v++) {
            z->variable[v] = form_new(z, 2);
            fill(&rng, z, &z->variable[v], which);
            for (size_t s = 0; s < SYMBOLS && which == LOSING; s++) { // some that stay, and 1
                z->variable[v].generator[s] = s < SYMBOLS - SYMBOLS / 4 ? 4.0
                                              : s + 1 < SYMBOLS         ? SP_TEST_LOST
                                                                        : 1.0;
            }
        }
        for (size_t k = 0; k < SP_ZONOTOPE_FACTORS; k++) {
            z->factor[k] = form_new(z, 1);
        }
        sp_zonotope_form *x = &z->variable[trial % SP_CELL_VARIABLES], old = form_new(z, 2);
        double e[SYMBOLS], kept[SYMBOLS] = {0.0};
        memcpy(old.center, x->center, 2 * (2 + z->capacity) * sizeof(double));
        sp_zonotope_reduce(z);
        assert_int_equal(z->symbols, SYMBOLS - SYMBOLS / 4);
        for (int sample = 0; sample < 8; sample++) {
            choose(&rng, e, SYMBOLS, sample == 0);
            for (size_t s = 0; s < z->symbols; s++) { // symbols that stay, in their order
                kept[s] = e[z->weight[s].symbol];
                assert_true(s == 0 || z->weight[s].symbol > z->weight[s - 1].symbol);
            }
            for (size_t i = 0; i < 2; i++) {
                const double part = sample % 2 == 0 ? 1.0 : -1.0;
                value(before, z, &old, i, e, part);
                value(after, z, x, i, kept, 0.0);
                arb_sub(before, before, after, SP_ARB_BITS);
                arb_abs(before, before);
                arb_set_d(noise, x->noise[i]);
                assert_true(arb_le(before, noise));
            }
        }
        free(old.center);
        for (size_t v = 0; v < SP_CELL_VARIABLES; v++) {
            free(z->variable[v].center);
        }
        for (size_t k = 0; k < SP_ZONOTOPE_FACTORS; k++) {
            free(z->factor[k].center);
        }
        domain_free(z);
    }
    arb_clear(before);
    arb_clear(after);
    arb_clear(noise);
}

enum { FRAMES = 2, BANDS = 2, FRAME = 40, STEP = 20 };

/* A front end: lines of bands over a linear form each, or constants (`linear` false). */
typedef struct test_front {
    double radius[FRAMES * STEP + FRAME], form[FRAMES * BANDS * FRAME], form_max[FRAMES * BANDS];
    double lo_w[FRAMES * BANDS], up_w[FRAMES * BANDS], lo_c[FRAMES * BANDS], up_c[FRAMES * BANDS];
    double lo[FRAMES * BANDS], hi[FRAMES * BANDS];
    sp_front_bound bound;
} test_front;

static void make_front(sp_rng *rng, test_front *f, test_case which, bool one_line) {
    for (size_t i = 0; i < FRAMES * STEP + FRAME; i++) {
        f->radius[i] = which == LOSING ? 1.5 : fabs(number(rng, which, i));
    }
    for (size_t k = 0; k < FRAMES * BANDS; k++) {
        f->form_max[k] = 0.0;
        for (size_t i = 0; i < FRAME; i++) {
            f->form[k * FRAME + i] =
                which == LOSING ? 1.0 + 0x1p-52 : number(rng, which, which == ORDINARY ? i : k + i);
            f->form_max[k] += fabs(f->form[k * FRAME + i]) * f->radius[k / BANDS * STEP + i];
        }
        f->form_max[k] = f->form_max[k] * (1.0 + 0x1p-40) + 0x1p-1060;
        f->lo_w[k] = which == LOSING ? 1.5 : which == VANISHING ? 1.0 : sp_rng_normal(rng);
        f->up_w[k] = one_line ? f->lo_w[k] : sp_rng_normal(rng);
        f->lo_c[k] = one_line ? 0.0 : sp_rng_normal(rng);
        f->up_c[k] = one_line ? 0.0 : f->lo_c[k] + 0.01;
        f->lo[k] = f->lo_c[k];
        f->hi[k] = f->up_c[k];
    }
    f->bound = (sp_front_bound){.frames = FRAMES,
                                .bands = BANDS,
                                .features = BANDS,
                                .frame = FRAME,
                                .step = STEP,
                                .padded = (FRAMES - 1) * STEP + FRAME,
                                .joint = true,
                                .forms = BANDS,
                                .form = f->form,
                                .form_max = f->form_max,
                                .radius = f->radius,
                                .lo_w = f->lo_w,
                                .up_w = f->up_w,
                                .lo_c = f->lo_c,
                                .up_c = f->up_c,
                                .lo = f->lo,
                                .hi = f->hi};
}

/* Both lines of every band, at noises of all signs, are among the values of its form. */
static void features_have_every_value(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 4);
    arb_t v, linear, w;
    arb_init(v);
    arb_init(linear);
    arb_init(w);
    for (int trial = 0; trial < 4 * trials(); trial++) {
        const test_case which = (test_case)(trial % CASES);
        sp_zonotope *z = domain_new(true);
        sp_zonotope_form forms[FRAMES];
        test_front front;
        const bool samples = trial / CASES % 4 > 0;
        make_front(&rng, &front, which, trial / CASES % 2 > 0);
        z->capacity = SYMBOLS + FRAMES * BANDS;
        z->samples = samples ? front.bound.padded : 0;
        z->boxes.front = &front.bound;
        z->features = forms;
        for (size_t t = 0; t < FRAMES; t++) {
            forms[t] = form_new(z, BANDS);
        }
        sp_zonotope_features(z);
        for (int sample = 0; sample < 8; sample++) {
            double e[SYMBOLS];
            choose(&rng, e, SYMBOLS, sample == 0);
            for (size_t k = 0; k < FRAMES * BANDS; k++) {
                const size_t t = k / BANDS;
                arb_zero(linear);
                for (size_t i = 0; i < FRAME && samples; i++) {
                    arb_set_d(w, front.form[k * FRAME + i]);
                    arb_zero(v);
                    sp_arb_addmul_d(v, front.radius[t * STEP + i], e[t * STEP + i]);
                    arb_addmul(linear, w, v, SP_ARB_BITS);
                }
                for (int upper = 0; upper < 2; upper++) {
                    arb_set_d(v, upper ? front.up_c[k] : front.lo_c[k]);
                    arb_set_d(w, upper ? front.up_w[k] : front.lo_w[k]);
                    arb_addmul(v, linear, w, SP_ARB_BITS);
                    check(v, z, &forms[t], k % BANDS, e, "feature");
                }
            }
        }
        for (size_t t = 0; t < FRAMES; t++) {
            free(forms[t].center);
        }
        domain_free(z);
    }
    arb_clear(v);
    arb_clear(linear);
    arb_clear(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_has_every_value),
        cmocka_unit_test(sums_and_products_have_every_value),
        cmocka_unit_test(ranges_reach_every_value),
        cmocka_unit_test(fewer_symbols_keep_every_value),
        cmocka_unit_test(features_have_every_value),
    };
    return cmocka_run_group_tests_name("lstm/forms", tests, toy_backend, NULL);
}
