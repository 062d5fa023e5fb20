/* The table of methods. */
#include "certify/certify.h"

#include <stdio.h>
#include <string.h>

static const sp_bounds_options intervals[] = {{.planes = SP_PLANES_INTERVAL}};
static const sp_bounds_options sampled[] = {{.planes = SP_PLANES_R2_LP}};
static const sp_bounds_options mixed[] = {
    {.planes = SP_PLANES_R2_LP},
    {.planes = SP_PLANES_R2_OPT, .mix_epochs = 200},
};
/* The passes of exact and opt. */
#define STATIC_PASS .planes = SP_PLANES_STATIC
#define OCTAGON_PASS STATIC_PASS, .octagons = true, .row_iterations = 3, .stop_positive = true
#define CHOOSING_PASS                                                                              \
    STATIC_PASS, .octagons = true, .box_iterations = 1, .row_iterations = 8, .stop_positive = true
static const sp_bounds_options fixed[] = {{STATIC_PASS}};
static const sp_bounds_options optimised[] = {
    {STATIC_PASS},
    {OCTAGON_PASS, .hopeless = -1.0},
    {CHOOSING_PASS},
};

/* Each pass with products in single precision, then in double for what it misses by little. The
 * two are seldom further apart than NEAR. */
#define NEAR (-0.25)
static const sp_bounds_options fixed_single[] = {
    {STATIC_PASS, .single = true},
    {STATIC_PASS, .hopeless = NEAR},
};
static const sp_bounds_options optimised_single[] = {
    {STATIC_PASS, .single = true},
    {STATIC_PASS, .hopeless = NEAR},
    {OCTAGON_PASS, .hopeless = -1.0, .single = true},
    {OCTAGON_PASS, .hopeless = NEAR},
    {CHOOSING_PASS, .single = true},
    {CHOOSING_PASS, .hopeless = NEAR},
};

#define PASSES(table) sizeof(table) / sizeof((table)[0]), table

static const sp_method methods[] = {
    {"ibp", "intervals through every stage and layer; fastest and loosest", SP_FRONT_INTERVAL,
     PASSES(intervals), 0},
    {"r2-lp", "R2's front end and its sampled LP planes, as published (CAV 2021)", SP_FRONT_R2,
     PASSES(sampled), 0},
    {"r2-opt", "R2's OPT as published: r2-lp, then mixtures of five planes per product by Adam",
     SP_FRONT_R2, PASSES(mixed), 0},
    {"exact", "joint front end, exact supporting planes at static anchors", SP_FRONT_JOINT,
     PASSES(fixed), 0},
    {"opt", "exact, then octagons, then planes chosen by every row at its worst case",
     SP_FRONT_JOINT, PASSES(optimised), 0},
    {"opt-rest", "opt, then its boxes again on the noises for which a label could still win",
     SP_FRONT_JOINT, PASSES(optimised), 2},
};

/* Those of them that multiply matrices, in single precision first. */
static const sp_method methods_single[] = {
    {"exact/float32", "exact, products of matrices in single precision first", SP_FRONT_JOINT,
     PASSES(fixed_single), 0},
    {"opt/float32", "opt, products of matrices in single precision first", SP_FRONT_JOINT,
     PASSES(optimised_single), 0},
};

const sp_method *sp_methods(size_t *count) {
    *count = sizeof methods / sizeof methods[0];
    return methods;
}

static const sp_method *find(const sp_method *table, size_t count, const char *name) {
    for (size_t i = 0; name && i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

const sp_method *sp_method_find(const char *name) {
    const sp_method *method = find(methods, sizeof methods / sizeof methods[0], name);
    return method ? method
                  : find(methods_single, sizeof methods_single / sizeof methods_single[0], name);
}

const sp_method *sp_method_single(const sp_method *method) {
    char name[32];
    snprintf(name, sizeof name, "%s/float32", method->name);
    return sp_method_find(name);
}
