/* What becomes of the features of all frames together, as a list of steps in their order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/impl.h"

enum { MOST_REACH = 32 };
typedef enum { DELTAS_HTK, DELTAS_KALDI, DELTAS_LIBROSA } deltas_rule;
static const sp_choice RULES[] = {
    {"htk", DELTAS_HTK}, {"kaldi", DELTAS_KALDI}, {"librosa", DELTAS_LIBROSA}, {NULL, 0}};
static const sp_choice EDGES[] = {{"repeated", 1}, {"zeros", 0}, {NULL, 0}};
static const sp_choice SUBTRACTED[] = {{"mean of the clip", 1}, {NULL, 0}};

static sp_status take_filters(sp_error *err, sp_sequence_step *step, size_t filters) {
    step->kind = SP_SEQUENCE_FILTERS;
    step->filter = calloc(filters, sizeof *step->filter);
    if (step->filter == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a step over all frames");
    }
    step->filters = filters;
    step->filter[0] = (sp_filter){.taps = 1, .tap = {1.0}};
    return SP_OK;
}

/* The slope of the line that fits 2 n + 1 frames best. */
static sp_filter slope(size_t n) {
    sp_filter f = {.taps = 2 * n + 1, .before = n, .repeats = true};
    const double squares = (double)(n * (n + 1) * (2 * n + 1)) / 3.0;
    for (size_t k = 0; k < f.taps; k++) {
        f.tap[k] = ((double)k - (double)n) / squares;
    }
    return f;
}

/* The same twice, as one filter. */
static sp_filter slope_twice(size_t n) {
    const sp_filter once = slope(n);
    sp_filter f = {.taps = 4 * n + 1, .before = 2 * n, .repeats = true};
    for (size_t i = 0; i < once.taps; i++) {
        for (size_t k = 0; k < once.taps; k++) {
            f.tap[i + k] += once.tap[i] * once.tap[k];
        }
    }
    return f;
}

/* The second derivative of the parabola that fits them best: with s2, s4 the sums of j^2 and j^4,
 * 2 sum_j (j^2 - s2 / taps) x_j / (s4 - s2^2 / taps). */
static sp_filter curvature(size_t n) {
    sp_filter f = {.taps = 2 * n + 1, .before = n};
    const double taps = (double)f.taps;
    double s2 = 0.0, s4 = 0.0;
    for (size_t k = 0; k < f.taps; k++) {
        const double j = (double)k - (double)n;
        s2 += j * j;
        s4 += j * j * j * j;
    }
    for (size_t k = 0; k < f.taps; k++) {
        const double j = (double)k - (double)n;
        f.tap[k] = 2.0 * (j * j - s2 / taps) / (s4 - s2 * s2 / taps);
    }
    return f;
}

static sp_status read_deltas(sp_error *err, sp_sequence_step *step, const sp_json *node) {
    static const char *const keys[] = {"rule", "reach", "order", NULL};
    size_t reach = 0, order = 0;
    int rule = 0;
    SP_TRY(sp_read_only(err, node, keys));
    SP_TRY(sp_read_choice(err, &rule, node, "rule", RULES, true));
    SP_TRY(sp_read_count(err, &reach, node, "reach", 1, MOST_REACH, true));
    SP_TRY(sp_read_count(err, &order, node, "order", 1, 2, true));
    SP_TRY(take_filters(err, step, 1 + order));
    step->filter[1] = slope(reach);
    if (order == 2) {
        step->filter[2] = rule == DELTAS_HTK     ? slope(reach)
                          : rule == DELTAS_KALDI ? slope_twice(reach)
                                                 : curvature(reach);
        step->filter[2].of = rule == DELTAS_HTK ? 2 : 0;
    }
    for (size_t i = 1; rule == DELTAS_LIBROSA && i <= order; i++) {
        step->filter[i].hold = reach;
        step->filter[i].repeats = false;
    }
    return SP_OK;
}

static sp_status read_context(sp_error *err, sp_sequence_step *step, const sp_json *node) {
    static const char *const keys[] = {"left", "right", "edges", NULL};
    size_t left = 0, right = 0;
    int edges = 1;
    SP_TRY(sp_read_only(err, node, keys));
    SP_TRY(sp_read_count(err, &left, node, "left", 0, MOST_REACH, true));
    SP_TRY(sp_read_count(err, &right, node, "right", 0, MOST_REACH, true));
    SP_TRY(sp_read_choice(err, &edges, node, "edges", EDGES, true));
    SP_TRY(take_filters(err, step, left + 1 + right));
    for (size_t i = 0; i < step->filters; i++) {
        step->filter[i] = (sp_filter){.taps = step->filters, .before = left, .repeats = edges == 1};
        step->filter[i].tap[i] = 1.0;
    }
    return SP_OK;
}

static sp_status read_normalise(sp_error *err, sp_sequence_step *step, const sp_json *node,
                                size_t width, const char *folder) {
    static const char *const keys[] = {"mean", "std", NULL};
    double *number[2] = {NULL, NULL};
    sp_status status = sp_read_only(err, node, keys);
    step->kind = SP_SEQUENCE_AFFINE;
    for (size_t i = 0; i < 2 && status == SP_OK; i++) {
        size_t rows = 0, columns = 0;
        if (sp_json_get(node, keys[i]) != NULL) {
            status = sp_read_numbers(err, &number[i], &rows, &columns, node, keys[i], folder);
        }
        if (status == SP_OK && number[i] != NULL && (rows != 1 || columns != width)) {
            status = sp_fail(err, SP_E_FORMAT, "%s: %zu numbers for %zu features", keys[i],
                             rows * columns, width);
        }
    }
    step->scale = malloc(width * sizeof *step->scale);
    step->shift = malloc(width * sizeof *step->shift);
    if (status == SP_OK && (step->scale == NULL || step->shift == NULL)) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu features", width);
    }
    for (size_t i = 0; i < width && status == SP_OK; i++) {
        const double mean = number[0] != NULL ? number[0][i] : 0.0;
        const double deviation = number[1] != NULL ? number[1][i] : 1.0;
        if (!(fabs(deviation) >= 1e-30)) {
            status = sp_fail(err, SP_E_FORMAT, "std: number %zu is %g", i, deviation);
        } else {
            step->scale[i] = 1.0 / deviation;
            step->shift[i] = (double)(-(long double)mean / (long double)deviation);
        }
    }
    free(number[0]);
    free(number[1]);
    return status;
}

static sp_status read_step(sp_error *err, sp_description *d, const sp_json *item,
                           const char *folder) {
    static const char *const keys[] = {"deltas", "context", "subtract", "normalise", NULL};
    sp_sequence_step *step = &d->step_of[d->steps];
    const size_t width = sp_sequence_width(d, d->steps, sp_rows_features(d));
    const sp_json *only = sp_json_is_object(item) ? sp_json_first(item) : NULL;
    if (only == NULL || sp_json_next(only) != NULL) {
        return sp_fail(err, SP_E_FORMAT, "each step is an object with one member");
    }
    SP_TRY(sp_read_only(err, item, keys));
    const char *key = sp_json_name(only);
    d->steps++; // what it owns is cleared whatever happens
    if (strcmp(key, "subtract") == 0) {
        int which = 0;
        step->kind = SP_SEQUENCE_CENTRED;
        return sp_read_choice(err, &which, item, key, SUBTRACTED, true);
    }
    if (!sp_json_is_object(only)) {
        return sp_fail(err, SP_E_FORMAT, "%s: must be an object", key);
    }
    const sp_status status = strcmp(key, "deltas") == 0 ? read_deltas(err, step, only)
                             : strcmp(key, "context") == 0
                                 ? read_context(err, step, only)
                                 : read_normalise(err, step, only, width, folder);
    return status == SP_OK ? SP_OK : sp_error_in(err, key);
}

sp_status sp_sequence_read(sp_error *err, sp_description *d, const sp_json *root,
                           const char *folder) {
    const sp_json *list = sp_json_get(root, "sequence");
    if (list == NULL) {
        return SP_OK;
    }
    if (!sp_json_is_array(list)) {
        return sp_fail(err, SP_E_FORMAT, "must be a list of steps");
    }
    for (const sp_json *item = sp_json_first(list); item != NULL; item = sp_json_next(item)) {
        if (d->steps == SP_SEQUENCE_STEPS) {
            return sp_fail(err, SP_E_UNSUPPORTED, "at most %d steps", SP_SEQUENCE_STEPS);
        }
        SP_TRY(read_step(err, d, item, folder));
        if (sp_sequence_width(d, d->steps, sp_rows_features(d)) > SP_FRONT_MAX_FRAME) {
            return sp_fail(err, SP_E_UNSUPPORTED, "more than %d features", SP_FRONT_MAX_FRAME);
        }
    }
    return SP_OK;
}

void sp_sequence_clear(sp_description *d) {
    for (size_t i = 0; i < SP_SEQUENCE_STEPS; i++) {
        free(d->step_of[i].filter);
        free(d->step_of[i].scale);
        free(d->step_of[i].shift);
    }
}
