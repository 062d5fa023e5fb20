/* What a network makes of one input, and whether that provably meets a query. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/interval.h"
#include "certify/verify/verify_search.h"

/* The features [frames, features] of x, owned by the caller; NULL: no memory. */
static double *features_of(sp_error *err, const sp_verify_part *part, const double *x,
                           size_t *frames, sp_status *status) {
    const sp_pipeline *pipeline = part->pipeline;
    *frames = sp_front_frames(pipeline->front, part->n);
    const size_t numbers = *frames * pipeline->net->features;
    double *features = malloc((numbers + part->n + 1) * sizeof *features);
    *status = features ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for an input");
    if (features != NULL) {
        double *sequence = features + numbers;
        for (size_t i = 0; i < part->n; i++) {
            sequence[part->place[i]] = x[i];
        }
        *status = sp_front_run(err, pipeline->front, features, sequence, part->n);
    }
    return features;
}

sp_status sp_verify_outputs(sp_error *err, const sp_verify_part *part, double *y, const double *x) {
    size_t frames = 0;
    sp_status status;
    double *features = features_of(err, part, x, &frames, &status);
    if (status == SP_OK) {
        status = sp_net_run(err, part->pipeline->net, y, features, frames);
    }
    free(features);
    return status;
}

sp_status sp_verify_gradients(sp_error *err, const sp_verify_part *part, double *gradient,
                              const double *x, const double *weight, size_t count) {
    const sp_pipeline *pipeline = part->pipeline;
    size_t frames = 0;
    sp_status status;
    double *features = features_of(err, part, x, &frames, &status);
    const size_t numbers = frames * pipeline->net->features;
    double *slope = malloc((count * (numbers + part->n) + part->n + 1) * sizeof *slope);
    if (status == SP_OK && slope == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for gradients");
    }
    if (status == SP_OK) {
        status = sp_net_gradient(err, pipeline->net, slope, features, frames, weight, count);
    }
    if (status == SP_OK) {
        double *by_place = slope + count * numbers, *sequence = by_place + count * part->n;
        for (size_t i = 0; i < part->n; i++) {
            sequence[part->place[i]] = x[i];
        }
        status = sp_front_gradient(err, pipeline->front, by_place, sequence, part->n, slope, count,
                                   part->deadline);
        for (size_t i = 0; i < count * part->n; i++) {
            gradient[i] = by_place[i / part->n * part->n + part->place[i % part->n]];
        }
    }
    free(features);
    free(slope);
    return status;
}

/* ---- constraints at a point ---- */

sp_status sp_verify_slope(sp_error *err, const sp_verify_part *part, double *gradient,
                          const double *x, double *weight, const sp_vnnlib_constraint *c) {
    memset(gradient, 0, part->n * sizeof *gradient);
    if (!c->outputs) {
        return SP_OK;
    }
    memset(weight, 0, part->classes * sizeof *weight);
    for (size_t i = 0; i < c->terms; i++) {
        if (c->term[i].variable >= part->n) {
            weight[c->term[i].variable - part->n] = c->term[i].coefficient;
        }
    }
    return sp_verify_gradients(err, part, gradient, x, weight, 1);
}

static double value_of(const sp_verify_part *part, const sp_vnnlib_constraint *c, const double *x,
                       const double *y) {
    double sum = -c->bound;
    for (size_t i = 0; i < c->terms; i++) {
        const size_t v = c->term[i].variable;
        sum += c->term[i].coefficient * (v < part->n ? x[v] : y[v - part->n]);
    }
    return sum;
}

double sp_verify_excess(const sp_verify_part *part, size_t alternative, const double *x,
                        const double *y, const sp_vnnlib_constraint **worst) {
    const sp_verify_alternative *a = &part->alternative[alternative];
    const sp_vnnlib_cube *linear = &part->inputs->inputs;
    double excess = -INFINITY;
    *worst = NULL;
    for (size_t i = 0; i < a->rows + linear->constraints; i++) {
        const sp_vnnlib_constraint *c =
            i < a->rows ? part->row[a->row[i]].constraint
                        : &part->query->constraint[linear->constraint[i - a->rows]];
        const double value = value_of(part, c, x, y);
        if (!(value <= excess)) {
            excess = value;
            *worst = c;
        }
    }
    return excess;
}

void sp_verify_snap(const sp_verify_part *part, double *x) {
    for (size_t i = 0; i < part->n; i++) {
        const double least = part->inputs->least[i], most = part->inputs->most[i];
        const double inside = fmax(fmin(x[i], most), least);
        float single = (float)inside;
        if ((double)single > most) {
            single = nextafterf(single, -INFINITY);
        } else if ((double)single < least) {
            single = nextafterf(single, INFINITY);
        }
        x[i] = (double)single >= least && (double)single <= most ? (double)single : inside;
    }
}

/* ---- proofs ---- */

/* The box, in the doubles of the file; single precision: floats. */
static bool is_inside(const sp_verify_part *part, const double *x) {
    const bool single = part->pipeline->arithmetic == SP_ARITHMETIC_FLOAT32;
    bool inside = true;
    for (size_t i = 0; i < part->n; i++) {
        inside = inside && x[i] >= part->inputs->least[i] && x[i] <= part->inputs->most[i] &&
                 (!single || x[i] == (double)(float)x[i]);
    }
    return inside;
}

/* The linear constraints of inputs, with all roundings. */
static bool meets_inputs(const sp_verify_part *part, const double *x) {
    const sp_vnnlib_cube *linear = &part->inputs->inputs;
    bool all = true;
    for (size_t k = 0; k < linear->constraints; k++) {
        const sp_vnnlib_constraint *c = &part->query->constraint[linear->constraint[k]];
        sp_iv sum = {0.0, 0.0};
        for (size_t i = 0; i < c->terms; i++) {
            const sp_iv a = {c->term[i].coefficient, c->term[i].coefficient};
            const sp_iv at = {x[c->term[i].variable], x[c->term[i].variable]};
            sum = sp_iv_add(sum, sp_iv_mul(a, at));
        }
        all = all && (c->strict ? sum.hi < c->bound : sum.hi <= c->bound);
    }
    return all;
}

static sp_status prove_one(sp_error *err, const sp_verify_part *part, size_t alternative,
                           bool *proved, const double *x) {
    const sp_verify_alternative *a = &part->alternative[alternative];
    double *lower = calloc(a->rows + 1, sizeof *lower);
    if (lower == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu constraints", a->rows);
    }
    const sp_verify_bounds bounds = {.lo = x,
                                     .hi = x,
                                     .row = a->row,
                                     .rows = a->rows,
                                     .pass = sp_method_find("exact")->pass,
                                     .met = true};
    const sp_status status = a->rows > 0 ? sp_verify_bound(err, part, lower, NULL, &bounds)
                                         : SP_OK; // bounds of an input alone
    *proved = status == SP_OK;
    for (size_t r = 0; r < a->rows; r++) {
        const bool strict = part->row[a->row[r]].constraint->strict;
        *proved = *proved && (strict ? lower[r] > 0.0 : lower[r] >= 0.0); // NaN fails
    }
    free(lower);
    return sp_query_unproved(status) && status != SP_E_TIMEOUT ? SP_OK : status;
}

sp_status sp_verify_prove(sp_error *err, const sp_verify_part *part, bool *proved,
                          const double *x) {
    double *y = malloc((part->classes + 1) * sizeof *y);
    sp_status status = y ? sp_verify_outputs(err, part, y, x)
                         : sp_fail(err, SP_E_MEMORY, "out of memory for outputs");
    *proved = false;
    const bool possible = status == SP_OK && is_inside(part, x) && meets_inputs(part, x);
    for (size_t a = 0; a < part->alternatives && possible && !*proved && status == SP_OK; a++) {
        const sp_vnnlib_constraint *worst = NULL;
        if (sp_verify_excess(part, a, x, y, &worst) <= 0.0) {
            status = prove_one(err, part, a, proved, x);
        }
    }
    free(y);
    return status;
}
