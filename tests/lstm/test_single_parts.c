/* The parts of what a float32 program may be off by, each against an adversary that rounds as badly
 * as it may: slopes, curves, products of a cell, sums, and derivatives over wide ranges. */
#include "lstm/single/impl.h"
#include "tests/lstm/float_machine.h"

static int trials(int n) {
    return sp_test_sanitized() ? n / 10 : sp_test_long() ? 20 * n : n;
}

static sp_activation random_known(sp_rng *rng) {
    sp_activation f;
    do {
        f = (sp_activation){(sp_activation_kind)sp_rng_below(rng, SP_ACTIVATION_KINDS),
                            sp_rng_uniform(rng, -1.5, 1.5), sp_rng_uniform(rng, -1.0, 1.0)};
    } while (!sp_single_known(f));
    return f;
}

static sp_iv random_range(sp_rng *rng, double size) {
    const double p = size * sp_rng_normal(rng);
    const double width = size * pow(10.0, sp_rng_uniform(rng, -6.0, 0.6));
    return (sp_iv){p, p + width};
}

static double random_in(sp_rng *rng, sp_iv x) {
    const size_t where = sp_rng_below(rng, 4);
    return where == 0                             ? x.lo
           : where == 1                           ? x.hi
           : where == 2 && x.lo < 0.0 && x.hi > 0 ? 0.0
                                                  : sp_rng_uniform(rng, x.lo, x.hi);
}

static double half_ulp(double size) {
    int power = 0;
    (void)frexp(fabs(size), &power);
    return size == 0.0 ? 0.0 : fmax(SP_SINGLE_UNIT * ldexp(1.0, power - 1), 0x1p-150);
}

/* A result as far from x as rounding to the side of `sign` takes it; what is subnormal is lost. */
static double pushed(double x, double sign) {
    return fabs(x) < 0x1p-126 ? 0.0 : x + sign * half_ulp(x);
}

/* ---- slopes ---- */

static void expect_quotient(double by, double rise, sp_iv slope, sp_activation f) {
    const double q = rise / by;
    if (!(q >= slope.lo - 1e-7 && q <= slope.hi + 1e-7)) {
        fail_msg("%s (%g, %g): %.9g of [%.9g, %.9g]", sp_activation_name(f.kind), f.alpha, f.beta,
                 q, slope.lo, slope.hi);
    }
}

static void slopes_between_any_two_points(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < trials(20000); i++) {
        const sp_activation f = random_known(&rng);
        const sp_iv x = random_range(&rng, 2.0), slope = sp_single_slope(f, x);
        double least = INFINITY, most = -INFINITY;
        for (int k = 0; k <= 40; k++) {
            const double p = x.lo + (x.hi - x.lo) * k / 40.0, q = random_in(&rng, x);
            const double at = sp_activation_tangent(f, p).w;
            least = fmin(least, at);
            most = fmax(most, at);
            if (fabs(p - q) > 1e-7) {
                expect_quotient(p - q, sp_activation_value(f, p) - sp_activation_value(f, q), slope,
                                f);
            }
        }
        // and hardly more than the slopes there are, where no kink is near
        if (f.kind == SP_ACTIVATION_SIGMOID || f.kind == SP_ACTIVATION_TANH) {
            assert_true(slope.lo >= least - 1e-6 && slope.hi <= most + 0.02 * (x.hi - x.lo));
        }
    }
}

/* ---- products of cells ---- */

typedef struct gated {
    sp_cell_variable v;
    sp_iv a, b;
} gated;

/* A product of a random cell, over random ranges of its operands. */
static gated random_product(sp_rng *rng, double size) {
    static double numbers[64];
    sp_cell cell = {
        .kind = sp_rng_below(rng, 2) ? SP_CELL_LSTM : SP_CELL_GRU,
        .in = 1,
        .out = 1,
        .weight = numbers,
        .recurrent = numbers,
        .bias = numbers,
        .recurrent_bias = numbers,
        .gate = {sp_rng_below(rng, 3) ? SP_ACTIVATION_SIGMOID : SP_ACTIVATION_HARD_SIGMOID, 0.2,
                 0.5},
        .candidate = {SP_ACTIVATION_TANH, 0.0, 0.0},
        .reset_after = true};
    sp_cell_steps steps;
    if (cell.kind == SP_CELL_LSTM) {
        cell.recurrent_bias = NULL;
        cell.reset_after = false;
    }
    sp_cell_describe(&steps, &cell);
    size_t v = 0;
    do {
        v = sp_rng_below(rng, steps.count);
    } while (steps.variable[v].op != SP_CELL_PRODUCT);
    return (gated){steps.variable[v], random_range(rng, 2.0), random_range(rng, size)};
}

static double first_of(const gated *g, double a) {
    return g->v.complement ? 1.0 - sp_activation_value(g->v.f, a) : sp_activation_value(g->v.f, a);
}

static double second_of(const gated *g, double b) {
    return g->v.second_tanh ? tanh(b) : b;
}

static void derivatives_of_products(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (int i = 0; i < trials(20000); i++) {
        const gated g = random_product(&rng, 2.0);
        sp_iv by_a, by_b;
        sp_single_partials(&g.v, g.a, g.b, &by_a, &by_b);
        for (int k = 0; k < 12; k++) {
            const double a = random_in(&rng, g.a), b = random_in(&rng, g.b);
            const double p = random_in(&rng, g.a), q = random_in(&rng, g.b);
            if (fabs(p - a) > 1e-6) {
                expect_quotient(p - a, (first_of(&g, p) - first_of(&g, a)) * second_of(&g, b), by_a,
                                g.v.f);
            }
            if (fabs(q - b) > 1e-6) {
                expect_quotient(q - b, first_of(&g, a) * (second_of(&g, q) - second_of(&g, b)),
                                by_b, g.v.f);
            }
        }
    }
}

/* gate, what is left of one, second factor, product: each as far off as it may. */
static double product_off(const gated *g, double a, double b, double function, const int *sign) {
    const bool smooth = g->v.f.kind == SP_ACTIVATION_SIGMOID;
    const double alpha = g->v.f.alpha, beta = g->v.f.beta;
    double gate = sp_activation_value(g->v.f, a);
    if (smooth) {
        gate += sign[0] * function;
    } else {
        gate = fmin(fmax(pushed(pushed(alpha * a, sign[0]) + beta, sign[0]), 0.0), 1.0);
    }
    const double first = g->v.complement ? pushed(1.0 - gate, sign[1]) : gate;
    const double second = second_of(g, b) + (g->v.second_tanh ? sign[2] * function : 0.0);
    return fabs(pushed(first * second, sign[3]) - first_of(g, a) * second_of(g, b));
}

static void products_are_off_by_their_local_error(void **state) {
    (void)state;
    static const double sizes[] = {1.0, 1e-3, 1e6, 1e-38, 1e-36},
                        functions[] = {0x1p-22, 0.0, 1e-3, 0.1};
    sp_rng rng;
    size_t near = 0, all = 0;
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (int i = 0; i < trials(20000); i++) {
        const gated g = random_product(&rng, sizes[sp_rng_below(&rng, 5)]);
        const sp_single_program program = {.function = functions[sp_rng_below(&rng, 4)]};
        const sp_single s = {.program = &program};
        const double local = sp_single_product_local(&s, &g.v, g.a, g.b);
        double most = 0.0;
        for (int k = 0; k < 64; k++) {
            const int sign[] = {k & 1 ? 1 : -1, k & 2 ? 1 : -1, k & 4 ? 1 : -1, k & 8 ? 1 : -1};
            const double a = k & 16 ? g.a.lo : g.a.hi, b = k & 32 ? g.b.lo : g.b.hi;
            most = fmax(most, product_off(&g, a, b, program.function, sign));
        }
        if (!(most <= local * (1.0 + 1e-9))) {
            fail_msg("%s: %g instead of %g", sp_activation_name(g.v.f.kind), most, local);
        }
        all++;
        near += local <= 2.0 * most;
    }
    assert_true(2 * near > all);
}

static double curve_off(sp_activation f, double x, const int *sign) {
    const double real = sp_activation_value(f, x);
    double got = real;
    switch (f.kind) {
    case SP_ACTIVATION_SIGMOID:
    case SP_ACTIVATION_TANH:
        return 0.0;
    case SP_ACTIVATION_RELU:
    case SP_ACTIVATION_AT_LEAST:
        got = fabs(real) < 0x1p-126 ? 0.0 : real;
        break;
    case SP_ACTIVATION_LEAKY_RELU:
        got = x < 0.0 ? pushed(f.alpha * x, sign[0]) : x;
        break;
    case SP_ACTIVATION_HARD_SIGMOID:
        got = fmin(fmax(pushed(pushed(f.alpha * x, sign[0]) + f.beta, sign[1]), 0.0), 1.0);
        break;
    default:
        got = pushed(pushed(f.alpha * x, sign[0]) + f.beta, sign[1]);
    }
    return fabs(got - real);
}

static void curves_are_off_by_their_local_error(void **state) {
    (void)state;
    static const double sizes[] = {1.0, 1e-3, 1e4, 1e-38, 1e-36};
    const sp_single_program program = {.function = 0x1p-22};
    const sp_single s = {.program = &program};
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (int i = 0; i < trials(40000); i++) {
        sp_activation f = random_known(&rng);
        const sp_iv x = random_range(&rng, sizes[sp_rng_below(&rng, 5)]);
        f.beta *= sp_rng_below(&rng, 3) == 0 ? 0.0 : sp_rng_below(&rng, 2) ? 1.0 : 1e4;
        const double local = sp_single_curve_local(&s, f, x);
        for (int k = 0; k < 8; k++) {
            const int sign[] = {k & 1 ? 1 : -1, k & 2 ? 1 : -1};
            const double at = k & 4 ? x.lo : x.hi, off = curve_off(f, at, sign);
            if (!(off <= local)) {
                fail_msg("%s (%g, %g) at %g: %g instead of %g", sp_activation_name(f.kind), f.alpha,
                         f.beta, at, off, local);
            }
        }
    }
}

/* ---- sums ---- */

enum { TERMS = 48 };

static int downwards(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* What a sum in descending order is off by, when all roundings go to the side of `sign`. */
static double sum_off(const double *weight, const double *x, size_t count, const double *bias,
                      size_t biases, size_t spare, double sign) {
    double term[TERMS + 2], real = 0.0, sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        real += weight[i] * x[i];
        term[i] = pushed(weight[i] * x[i], sign);
    }
    for (size_t i = 0; i < biases; i++) {
        real += bias[i];
        term[count + i] = bias[i];
    }
    qsort(term, count + biases, sizeof *term, downwards);
    for (size_t i = 0; i < count + biases; i++) {
        const size_t at = sign > 0.0 ? i : count + biases - 1 - i;
        sum = i == 0 ? term[at] : pushed(sum + term[at], sign);
    }
    for (size_t i = 0; i < spare; i++) {
        sum = pushed(sum, sign);
    }
    return fabs(sum - real);
}

static void sums_are_off_by_their_local_error(void **state) {
    (void)state;
    sp_rng rng;
    size_t near = 0, alike = 0;
    sp_rng_init(&rng, sp_test_seed() + 4);
    for (int i = 0; i < trials(6000); i++) {
        const size_t count = 1 + sp_rng_below(&rng, TERMS), biases = 1 + sp_rng_below(&rng, 2);
        const size_t spare = sp_rng_below(&rng, 3);
        const bool positive = sp_rng_below(&rng, 2), point = sp_rng_below(&rng, 2);
        const double scale = sp_rng_below(&rng, 4) ? 1.0 : 0x1p-128;
        double weight[TERMS], lo[TERMS], hi[TERMS], error[TERMS], most[TERMS + 2], least[TERMS + 2];
        double local[1], inherited[1], computed[2], wanted = 0.0, range[2] = {0.0, 0.0}, mass = 0.0;
        double *const at_lo[] = {lo}, *const at_hi[] = {hi}, *const at_local[] = {local};
        double *errors[] = {error, inherited};
        for (size_t k = 0; k < count; k++) {
            const double w = scale * sp_rng_normal(&rng) * pow(10.0, sp_rng_uniform(&rng, -3.0, 0));
            const sp_iv x = random_range(&rng, 1.0);
            weight[k] = positive ? fabs(w) : w;
            lo[k] = positive ? fabs(x.lo) : x.lo;
            hi[k] = point ? lo[k] : lo[k] + (x.hi - x.lo);
            error[k] = sp_rng_uniform(&rng, 0.0, 1e-3);
            wanted += fabs(weight[k]) * error[k];
            range[0] += fmin(weight[k] * lo[k], weight[k] * hi[k]);
            range[1] += fmax(weight[k] * lo[k], weight[k] * hi[k]);
            mass += fabs(weight[k]) * fmax(fabs(lo[k]), fabs(hi[k]));
        }
        const double extra = biases == 2 ? scale * sp_rng_uniform(&rng, 0.0, 8.0) : 0.0;
        const double bias = positive ? scale : scale * sp_rng_normal(&rng);
        // two biases of the file: the sum of their sizes is |bias| + extra
        const double both[] = {biases == 2 ? fmax(bias, 0.0) + 0.5 * extra : bias,
                               fmin(bias, 0.0) - 0.5 * extra};
        const sp_single_program program = {0};
        const sp_single s = {.program = &program,
                             .lo = (double **)at_lo,
                             .hi = (double **)at_hi,
                             .error = errors,
                             .local = (double **)at_local,
                             .most = most,
                             .least = least};
        sp_single_sums sum = {.biases = biases};
        const size_t first = sp_rng_below(&rng, count + 1); // of two matrices, say
        sp_single_add_products(&sum, weight, &s, 0, 0, first);
        sp_single_add_products(&sum, weight + first, &s, 0, first, count - first);
        sum.spare = spare;
        sp_single to = s;
        to.error = errors + 1;
        sp_single_finish_sum(&to, 0, 0, computed, 1, &sum, bias, extra);
        assert_true(fabs(inherited[0] - wanted) <= 1e-12 * wanted);
        assert_true(computed[0] <= range[0] + bias && computed[1] >= range[1] + bias);
        assert_true(computed[1] - computed[0] <=
                    range[1] - range[0] + 1e-8 * (mass + fabs(bias) + extra));
        double attained = 0.0;
        for (int side = -1; side <= 1; side += 2) {
            for (int end = 0; end < 2; end++) {
                double x[TERMS];
                for (size_t k = 0; k < count; k++) {
                    x[k] = (weight[k] >= 0.0) == (end == 1) ? hi[k] : lo[k];
                }
                attained = fmax(attained, sum_off(weight, x, count, both, biases, spare, side));
            }
        }
        if (!(attained <= local[0] * (1.0 + 1e-6))) { // these doubles round, too
            fail_msg("%zu terms, %zu biases: %g instead of %g", count, biases, attained, local[0]);
        }
        alike += positive && scale == 1.0;
        near += positive && scale == 1.0 && local[0] <= 1.5 * attained;
    }
    assert_true(10 * near > 9 * alike); // terms of one sign: nothing is given away
}

/* ---- derivatives over wide ranges ---- */

static sp_front_bound front_over(double *memory, size_t frames, size_t features, double lo,
                                 double hi) {
    const size_t count = frames * features;
    for (size_t i = 0; i < count; i++) {
        memory[i] = lo;
        memory[count + i] = hi;
    }
    return (sp_front_bound){.rule = SP_FRONT_INTERVAL,
                            .frames = frames,
                            .bands = features,
                            .features = features,
                            .lo_w = memory + 2 * count,
                            .up_w = memory + 2 * count,
                            .lo_c = memory,
                            .up_c = memory + count,
                            .lo = memory,
                            .hi = memory + count,
                            .feature_lo = memory,
                            .feature_hi = memory + count};
}

static double first_term(const sp_net *net, const sp_front_bound *front,
                         const sp_single_program *program) {
    const sp_method method = {.domain = &sp_domain_interval};
    double row[16] = {1.0}, lower[1], term[1];
    sp_error err = {0};
    sp_bounds bounds;
    assert_int_equal(bounds_of(&err, &bounds, net, front, &method), SP_OK);
    assert_int_equal(bounds_margins(&err, &bounds, lower, NULL, row, 1), SP_OK);
    assert_int_equal(sp_single_terms(&err, term, program, net, front, &sp_domain_interval,
                                     bounds.self, row, 1, 0.0),
                     SP_OK);
    bounds_destroy(&bounds);
    return term[0];
}

/* The most that the first logit moves when every feature of a point of a grid moves by `step`. */
static double moved(const sp_net *net, size_t frames, double lo, double hi, double step) {
    enum { GRID = 9 };
    const size_t count = frames * net->features;
    double most = 0.0;
    size_t places = 1;
    for (size_t i = 0; i < count; i++) {
        places *= GRID;
    }
    for (size_t place = 0; place < places; place++) {
        for (size_t signs = 0; signs < (size_t)1 << count; signs++) {
            double at[4], by[4], real[16], off[16];
            size_t rest = place;
            for (size_t i = 0; i < count; i++) {
                at[i] = lo + (hi - lo) * (double)(rest % GRID) / (GRID - 1.0);
                by[i] = at[i] + (signs >> i & 1 ? step : -step);
                rest /= GRID;
            }
            assert_int_equal(sp_net_run_from(NULL, net, 0, real, at, frames), SP_OK);
            assert_int_equal(sp_net_run_from(NULL, net, 0, off, by, frames), SP_OK);
            most = fmax(most, fabs(off[0] - real[0]));
        }
    }
    return most;
}

typedef void (*builder)(sp_net *net);

static const sp_activation hyperbolic = {SP_ACTIVATION_TANH, 0.0, 0.0};
static const sp_activation logistic_gate = {SP_ACTIVATION_SIGMOID, 0.0, 0.0};

static void make_ends(sp_net *net, sp_pooling pool) {
    const double row[] = {1.0, 0.75, -0.5}, bias[] = {0.0};
    assert_int_equal(sp_net_add_pool(NULL, net, pool), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 1, row, bias), SP_OK);
}

static void dense_tanh(sp_net *net) {
    const double w[] = {1.0, -1.0, 0.5, 2.0, -0.25, 1.5}, bias[] = {0.125, 0.25, -0.125};
    assert_int_equal(sp_net_init(NULL, net, 2), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 3, w, bias), SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, net, hyperbolic), SP_OK);
    make_ends(net, SP_POOLING_LAST);
}

static void dense_ramp(sp_net *net) {
    const sp_activation ramp = {SP_ACTIVATION_HARD_SIGMOID, -0.75, 0.5};
    const double w[] = {1.0, 1.0, 0.5, -2.0, 0.25, 1.5}, bias[] = {0.5, 0.25, -0.125};
    assert_int_equal(sp_net_init(NULL, net, 2), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 3, w, bias), SP_OK);
    assert_int_equal(sp_net_add_curve(NULL, net, ramp), SP_OK);
    make_ends(net, SP_POOLING_LAST);
}

static void recurrent_mean(sp_net *net) {
    const double w[] = {1.0, -1.0, 0.5}, bias[] = {0.0, 0.125, -0.125};
    const double u[] = {0.5, 0.25, 0.0, -0.5, 0.5, 0.25, 0.0, 0.25, 1.0};
    assert_int_equal(sp_net_init(NULL, net, 1), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, net, 3, hyperbolic, w, u, bias), SP_OK);
    make_ends(net, SP_POOLING_MEAN);
}

static void recurrent_sum(sp_net *net) {
    const double w[] = {0.5, 1.0, 0.25}, bias[] = {0.0, 0.125, -0.125};
    const double u[] = {0.5, 0.25, 0.0, 0.5, 0.5, 0.25, 0.0, 0.25, 1.0};
    assert_int_equal(sp_net_init(NULL, net, 1), SP_OK);
    assert_int_equal(sp_net_add_rnn(NULL, net, 3, hyperbolic, w, u, bias), SP_OK);
    make_ends(net, SP_POOLING_SUM);
}

static void one_lstm(sp_net *net) {
    const double w[] = {1.0, -1.0, 0.5, 2.0}, bias[] = {0.25, 0.5, 0.125, 0.0};
    const double u[] = {0.5, 1.0, -0.5, 0.25};
    assert_int_equal(sp_net_init(NULL, net, 1), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, net, 1, w, u, bias), SP_OK);
    make_ends(net, SP_POOLING_LAST);
}

static void one_gru(sp_net *net) {
    const double w[] = {1.0, -1.0, 1.5}, bias[] = {0.25, 0.5, 0.125}, u[] = {0.5, 1.0, -0.5};
    assert_int_equal(sp_net_init(NULL, net, 1), SP_OK);
    assert_int_equal(
        sp_net_add_gru(NULL, net, 1, logistic_gate, hyperbolic, false, w, u, bias, NULL), SP_OK);
    make_ends(net, SP_POOLING_LAST);
}

/* Features that are off by far more than all roundings: the term is the largest derivative times
 * that, wherever in the range it is, and within a factor of what is attained. */
static void derivatives_over_wide_ranges(void **state) {
    (void)state;
    static const struct {
        builder make;
        size_t frames;
        double lo, hi, share;
    } cases[] = {{dense_tanh, 1, -1.5, 0.5, 0.7},     {dense_tanh, 1, 0.25, 0.5, 0.8},
                 {dense_ramp, 1, -1.0, 1.0, 0.6},     {dense_ramp, 1, -0.25, 0.0, 0.9},
                 {recurrent_mean, 3, -1.0, 0.5, 0.2}, {recurrent_mean, 3, 0.5, 0.75, 0.4},
                 {recurrent_sum, 3, -0.5, 1.0, 0.9},  {recurrent_sum, 3, -1.0, -0.75, 0.9},
                 {one_lstm, 3, -1.0, 0.5, 0.2},       {one_lstm, 3, 0.5, 0.75, 0.4},
                 {one_gru, 3, -0.5, 1.0, 0.2},        {one_gru, 3, 0.25, 0.5, 0.6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double step = 1e-3;
        const sp_single_program program = {0.0, step, 0.0, 0.0};
        double memory[16] = {0.0};
        sp_net net;
        cases[i].make(&net);
        const sp_front_bound front =
            front_over(memory, cases[i].frames, net.features, cases[i].lo, cases[i].hi);
        const double term = first_term(&net, &front, &program);
        const double most = moved(&net, cases[i].frames, cases[i].lo, cases[i].hi, step);
        if (!(most <= term && term * cases[i].share <= most)) {
            fail_msg("case %zu: %g attained of %g, %.3f", i, most, term, most / term);
        }
        sp_net_clear(&net);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_between_any_two_points),
        cmocka_unit_test(derivatives_of_products),
        cmocka_unit_test(products_are_off_by_their_local_error),
        cmocka_unit_test(curves_are_off_by_their_local_error),
        cmocka_unit_test(sums_are_off_by_their_local_error),
        cmocka_unit_test(derivatives_over_wide_ranges),
    };
    return cmocka_run_group_tests_name("lstm/single_parts", tests, NULL, NULL);
}
