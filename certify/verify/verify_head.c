/* Queries about what stands behind a sigmoid or a softmax. Both are monotone: comparisons of two
 * outputs, and bounds of one of a sigmoid or of two of a softmax, are asked of the logits instead.
 * For anything else the function becomes nodes of the network. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interval.h"
#include "certify/verify/verify_search.h"

/* ---- which constraints are about logits ---- */

static bool is_exact(const sp_vnnlib_constraint *c) {
    bool exact = c->error == 0.0;
    for (size_t i = 0; i < c->terms; i++) {
        exact = exact && c->term[i].error == 0.0;
    }
    return exact;
}

/* a (y_j - y_k) <= 0 is a (z_j - z_k) <= 0. */
static bool compares_two(const sp_vnnlib_constraint *c, size_t n) {
    return c->terms == 2 && c->term[0].variable >= n && c->bound == 0.0 && is_exact(c) &&
           c->term[0].coefficient == -c->term[1].coefficient;
}

/* a y_k <= b, with an a of a known sign. */
static bool bounds_one(const sp_vnnlib_constraint *c, size_t n) {
    return c->terms == 1 && c->term[0].variable >= n &&
           fabs(c->term[0].coefficient) > c->term[0].error;
}

static bool speaks_of_logits(const sp_vnnlib_constraint *c, size_t n, const sp_model *model) {
    const sp_net *net = &model->net;
    return !c->outputs || compares_two(c, n) ||
           (bounds_one(c, n) && (net->sigmoid || (net->softmax && net->classes == 2)));
}

/* ---- bounds of one output ---- */

/* Around log(p / (1 - p)): each logarithm is off by at most one unit in the last place, the
 * difference by half of one; 2^-48 is eight times as much. */
static sp_iv logit_of(double p) {
    if (!(p > 0.0)) {
        return (sp_iv){-INFINITY, -INFINITY};
    }
    if (!(p < 1.0)) {
        return (sp_iv){INFINITY, INFINITY};
    }
    const double a = log(p), b = log1p(-p), slack = 0x1p-48 * (fabs(a) + fabs(b)) + SP_IV_LEAST;
    return (sp_iv){sp_below(a - b - slack), sp_above(a - b + slack)};
}

/* b / |a| of the reals that the file may mean. */
static sp_iv quotient_of(const sp_vnnlib_constraint *c) {
    const double a = fabs(c->term[0].coefficient), da = c->term[0].error;
    sp_iv b = {c->bound, c->bound}, by = {a, a};
    if (c->error > 0.0) {
        b = (sp_iv){sp_below(c->bound - c->error), sp_above(c->bound + c->error)};
    }
    if (da > 0.0) {
        by = (sp_iv){sp_below(a - da), sp_above(a + da)};
    } else if (a == 1.0) {
        return b;
    }
    if (!(by.lo > 0.0)) {
        return (sp_iv){-INFINITY, INFINITY};
    }
    return (sp_iv){sp_below(fmin(b.lo / by.lo, b.lo / by.hi)),
                   sp_above(fmax(b.hi / by.lo, b.hi / by.hi))};
}

/* sigma(z) <= t, or -sigma(z) <= t, as a bound of z or -z. */
static void bound_logit(sp_vnnlib_constraint *c, sp_iv t, bool negative) {
    const sp_iv p = negative ? (sp_iv){-t.hi, -t.lo} : t; // sigma(z) <= p, or >= p
    const double lo = logit_of(p.lo).lo, hi = logit_of(p.hi).hi;
    c->error = 0.0;
    if (lo == INFINITY || hi == -INFINITY) { // p >= 1, or p <= 0: always or never
        c->bound = (lo == INFINITY) == !negative ? DBL_MAX : -DBL_MAX;
        return;
    }
    if (lo == -INFINITY || hi == INFINITY) { // not known on which side of 0 or 1
        c->bound = 0.0;
        c->error = INFINITY;
        return;
    }
    const double middle = lo + 0.5 * (hi - lo);
    c->bound = negative ? -middle : middle;
    c->error = sp_above(fmax(sp_above(hi - middle), sp_above(middle - lo)));
}

/* y_k of two outputs of a softmax is sigma(z_k - z_other).   O term [2] */
static void translate(sp_vnnlib_constraint *c, sp_vnnlib_term *term, size_t n, bool pair) {
    const bool negative = c->term[0].coefficient < 0.0;
    const size_t k = c->term[0].variable - n;
    const sp_iv t = quotient_of(c);
    const double sign = negative ? -1.0 : 1.0;
    if (pair) {
        term[0] = (sp_vnnlib_term){n, k == 0 ? sign : -sign, 0.0};
        term[1] = (sp_vnnlib_term){n + 1, k == 1 ? sign : -sign, 0.0};
    } else {
        term[0] = (sp_vnnlib_term){n + k, sign, 0.0};
    }
    c->term = term;
    c->terms = pair ? 2 : 1;
    bound_logit(c, t, negative);
}

static sp_status translate_all(sp_error *err, sp_verify_head *head, const sp_model *model) {
    const size_t count = head->query.constraints, n = head->query.input.size;
    head->constraint = calloc(count + 1, sizeof *head->constraint);
    head->term = calloc(2 * count + 1, sizeof *head->term);
    if (!head->constraint || !head->term) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu constraints", count);
    }
    for (size_t i = 0; i < count; i++) {
        head->constraint[i] = head->query.constraint[i];
        if (head->constraint[i].outputs && bounds_one(&head->constraint[i], n)) {
            translate(&head->constraint[i], head->term + 2 * i, n, model->net.softmax);
        }
    }
    head->query.constraint = head->constraint;
    return SP_OK;
}

/* ---- the function as nodes ---- */

/* z_j - z_k of all j but k, for each k. */
static sp_status add_differences(sp_error *err, sp_net *net, double *weight, const double *zero) {
    const size_t C = net->classes;
    for (size_t k = 0; k < C; k++) {
        for (size_t i = 0; i + 1 < C; i++) {
            double *row = weight + (k * (C - 1) + i) * C; /* [C] */
            row[i < k ? i : i + 1] = 1.0;
            row[k] = -1.0;
        }
    }
    return sp_net_add_affine(err, net, C * (C - 1), weight, zero);
}

/* 1 + the sum of the exponentials of each k. */
static sp_status add_sums(sp_error *err, sp_net *net, double *weight, double *one, size_t C) {
    const size_t in = C * (C - 1);
    memset(weight, 0, C * in * sizeof *weight);
    for (size_t k = 0; k < C; k++) {
        one[k] = 1.0;
        for (size_t i = 0; i + 1 < C; i++) {
            weight[k * in + k * (C - 1) + i] = 1.0;
        }
    }
    return sp_net_add_affine(err, net, C, weight, one);
}

/* y_k = 1 / (1 + the sum of exp(z_j - z_k)), or its logarithm. */
static sp_status add_softmax(sp_error *err, sp_net *net, bool logarithm) {
    const size_t C = net->classes, all = C * C * (C - 1);
    double *weight = calloc(all + C * C + 1, sizeof *weight), *bias = weight + all;
    if (!weight) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a softmax");
    }
    sp_status status = add_differences(err, net, weight, bias);
    if (status == SP_OK) {
        status = sp_net_add_curve(err, net, (sp_activation){.kind = SP_ACTIVATION_EXP});
    }
    status = status == SP_OK ? add_sums(err, net, weight, bias, C) : status;
    if (status == SP_OK) {
        const sp_activation_kind kind = logarithm ? SP_ACTIVATION_LOG : SP_ACTIVATION_RECIPROCAL;
        status = sp_net_add_curve(err, net, (sp_activation){.kind = kind});
    }
    if (status == SP_OK && logarithm) {
        memset(weight, 0, C * C * sizeof *weight);
        memset(bias, 0, C * sizeof *bias);
        for (size_t k = 0; k < C; k++) {
            weight[k * C + k] = -1.0;
        }
        status = sp_net_add_affine(err, net, C, weight, bias);
    }
    free(weight);
    return status;
}

static sp_status open_head(sp_error *err, sp_verify_head *head, const sp_model *model) {
    sp_net *net = &head->net;
    const bool one = model->net.classes == 1;
    SP_TRY(sp_net_copy(err, net, &model->net));
    net->sigmoid = net->softmax = false;
    head->opened = true;
    if (model->net.sigmoid) {
        return sp_net_add_curve(err, net, (sp_activation){.kind = SP_ACTIVATION_SIGMOID});
    }
    return one ? sp_fail(err, SP_E_UNSUPPORTED, "a softmax of one output is always 1")
               : add_softmax(err, net, model->log_softmax);
}

/* ---- both ---- */

sp_status sp_verify_head_init(sp_error *err, sp_verify_head *head, const sp_vnnlib *query,
                              const sp_model *model, sp_arithmetic arithmetic) {
    const sp_net *net = &model->net;
    const bool real = arithmetic == SP_ARITHMETIC_REAL;
    bool logits = true;
    *head = (sp_verify_head){.query = *query};
    if (!net->sigmoid && !net->softmax && !model->log_softmax) {
        return SP_OK;
    }
    for (size_t i = 0; i < query->constraints; i++) {
        logits = logits && speaks_of_logits(&query->constraint[i], query->input.size, model);
    }
    if (real && logits) {
        return translate_all(err, head, model);
    }
    if (!real && !net->sigmoid) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the network ends in a softmax, whose rounding in single precision is not "
                       "bounded: --arithmetic real asks about real numbers");
    }
    return open_head(err, head, model);
}

void sp_verify_head_clear(sp_verify_head *head) {
    sp_net_clear(&head->net);
    free(head->constraint);
    free(head->term);
    *head = (sp_verify_head){0};
}
