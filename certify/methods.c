/* The table of methods. */
#include "certify/certify.h"

#include <stdio.h>
#include <string.h>

#include "lstm/backsub/backsub.h"
#include "lstm/zonotope/zonotope.h"

static const sp_method_pass intervals[] = {{.domain = &sp_domain_interval}};

static const sp_backsub_options sampled_planes = {.planes = SP_BACKSUB_R2_LP};
static const sp_method_pass sampled[] = {{&sp_domain_backsub, &sampled_planes, 0.0}};
static const sp_method_pass mixed[] = {{&sp_domain_backsub, &sampled_planes, 0.0},
                                       {&sp_domain_r2opt, NULL, 0.0}};

/* Affine forms carried forward. */
static const sp_zonotope_options mean_slopes = {
    .rules = {.plane = SP_PLANE_RULE_CORNERS, .line = SP_LINE_RULE_LEAST}};
static const sp_method_pass forms[] = {{&sp_domain_zonotope, &mean_slopes, 0.0}};
static const sp_zonotope_options hybrid_options = {.rules = {.plane = SP_PLANE_RULE_CORNERS,
                                                             .line = SP_LINE_RULE_CHORD,
                                                             .alone = true,
                                                             .relu = SP_RELU_RULE_BOX},
                                                   .independent = true};
static const sp_method_pass hybrid[] = {{&sp_domain_zonotope, &hybrid_options, 0.0}};
static const sp_zonotope_options product_options = {
    .rules = {.plane = SP_PLANE_RULE_FORMS, .line = SP_LINE_RULE_END, .alone = true},
    .products = true};
static const sp_method_pass products[] = {{&sp_domain_zonotope, &product_options, 0.0}};

/* Published relaxations. */
#define PUBLISHED(name, planes_of, lines_of, met, relu_of)                                         \
    static const sp_backsub_options name##_rules = {.planes = SP_BACKSUB_RULES,                    \
                                                    .rules = {SP_PLANE_RULE_##planes_of,           \
                                                              SP_LINE_RULE_##lines_of, !(met),     \
                                                              SP_RELU_RULE_##relu_of}};            \
    static const sp_method_pass name[] = {{&sp_domain_backsub, &name##_rules, 0.0}};
PUBLISHED(zbox, BOX, BOX, true, BOX)
PUBLISHED(zdiag, BOX, BOX, false, DIAGONAL)
PUBLISHED(zswitch, BOX, BOX, false, SWITCH)
PUBLISHED(zsmooth, BOX, BOX, false, SMOOTH)
PUBLISHED(deepz, FORMS, END, false, LINES)
PUBLISHED(cert_rnn, TABLES, CHORD, false, LINES)
PUBLISHED(interzono, CORNERS, CHORD, true, LINES)
PUBLISHED(crown, COMPOSED, CROWN, true, LINES)
PUBLISHED(deepcert, COMPOSED, DEEPCERT, true, LINES)
#undef PUBLISHED

/* The passes of exact and opt. */
#define WIDE .single_wide = true
#define OCTAGONS .octagons = true, .row_iterations = 3, .stop_positive = true
#define CHOICES .octagons = true, .box_iterations = 1, .row_iterations = 8, .stop_positive = true
static const sp_backsub_options plain = {WIDE}, plain_single = {.single = true};
static const sp_backsub_options plain_double = {.single = false};
static const sp_backsub_options cut = {OCTAGONS, WIDE}, cut_single = {OCTAGONS, .single = true};
static const sp_backsub_options cut_double = {OCTAGONS};
static const sp_backsub_options chosen = {CHOICES, WIDE}, chosen_single = {CHOICES, .single = true};
static const sp_backsub_options chosen_double = {CHOICES};
static const sp_backsub_options joined = {.octagons = true,
                                          .box_iterations = 4,
                                          .row_iterations = 8,
                                          .stop_positive = true,
                                          .energies = true,
                                          .sums = true};
static const sp_backsub_options branched = {CHOICES, .parts = 32};
static const sp_method_pass fixed[] = {{&sp_domain_backsub, &plain, 0.0}};
static const sp_method_pass optimised[] = {{&sp_domain_backsub, &plain, 0.0},
                                           {&sp_domain_backsub, &cut, -1.0},
                                           {&sp_domain_backsub, &chosen, 0.0}};
static const sp_method_pass most[] = {{&sp_domain_backsub, &plain, 0.0},
                                      {&sp_domain_backsub, &cut, -1.0},
                                      {&sp_domain_backsub, &chosen, 0.0},
                                      {&sp_domain_backsub, &joined, 0.0}};
static const sp_method_pass branching[] = {{&sp_domain_backsub, &plain, 0.0},
                                           {&sp_domain_backsub, &cut, -1.0},
                                           {&sp_domain_backsub, &branched, 0.0}};

/* Each pass with products in single precision, then in double for what it misses by little. The
 * two are seldom further apart than NEAR. */
#define NEAR (-0.25)
static const sp_method_pass fixed_single[] = {{&sp_domain_backsub, &plain_single, 0.0},
                                              {&sp_domain_backsub, &plain_double, NEAR}};
static const sp_method_pass optimised_single[] = {
    {&sp_domain_backsub, &plain_single, 0.0},  {&sp_domain_backsub, &plain_double, NEAR},
    {&sp_domain_backsub, &cut_single, -1.0},   {&sp_domain_backsub, &cut_double, NEAR},
    {&sp_domain_backsub, &chosen_single, 0.0}, {&sp_domain_backsub, &chosen_double, NEAR},
};
static const sp_method_pass fixed_double[] = {{&sp_domain_backsub, &plain_double, 0.0}};
static const sp_method_pass optimised_double[] = {{&sp_domain_backsub, &plain_double, 0.0},
                                                  {&sp_domain_backsub, &cut_double, -1.0},
                                                  {&sp_domain_backsub, &chosen_double, 0.0}};

#define PASSES(table) sizeof(table) / sizeof((table)[0]), table

static const sp_method methods[] = {
    {"ibp", "intervals through every stage and layer; fastest and loosest", "interval",
     SP_FRONT_INTERVAL, PASSES(intervals), 0, 0.0, 0},
    {"r2-lp", "R2's front end and its sampled LP planes, as published (CAV 2021)", "r2-lp",
     SP_FRONT_R2, PASSES(sampled), 0, 0.0, 0},
    {"r2-opt", "R2's OPT as published: r2-lp, then mixtures of five planes per product by Adam",
     "r2-opt", SP_FRONT_R2, PASSES(mixed), 0, 0.0, 0},
    {"zbox", "DiffAI's boxes: every product and curve forgets what it depends on", "constant",
     SP_FRONT_R2, PASSES(zbox), 0, 0.0, 0},
    {"zdiag", "DiffAI's boxes, but ReLU in a strip along the identity (zDiag)", "constant",
     SP_FRONT_R2, PASSES(zdiag), 0, 0.0, 0},
    {"zswitch", "DiffAI's boxes, but ReLU by the smaller of zBox and zDiag (zSwitch)", "constant",
     SP_FRONT_R2, PASSES(zswitch), 0, 0.0, 0},
    {"zsmooth", "DiffAI's boxes, but ReLU by a mean of zBox and zDiag (zSmooth)", "constant",
     SP_FRONT_R2, PASSES(zsmooth), 0, 0.0, 0},
    {"hybrid", "DiffAI's hybrid zonotopes: symbols of the features alone, zBox, chords", "corners",
     SP_FRONT_JOINT, PASSES(hybrid), 0, 0.0, 0},
    {"deepz", "DeepZ's lines, and the slopes that products of affine forms have", "forms",
     SP_FRONT_R2, PASSES(deepz), 0, 0.0, 0},
    {"deepz-forms", "DeepZ as composed of its parts: products of affine forms, carried forward",
     "products", SP_FRONT_R2, PASSES(products), 0, 0.0, 0},
    {"cert-rnn", "Cert-RNN's zonotopes: chords, Tables 8 and 9, with sound constants", "tables",
     SP_FRONT_R2, PASSES(cert_rnn), 0, 0.0, 0},
    {"interzono", "RNN-Guard's InterZono: zonotopes met with intervals", "corners", SP_FRONT_JOINT,
     PASSES(interzono), 0, 0.0, 0},
    {"crown", "CROWN's lines, products by McCormick", "composed", SP_FRONT_R2, PASSES(crown), 0,
     0.0, 0},
    {"deepcert", "DeepCert's three cases of lines, products by McCormick", "composed", SP_FRONT_R2,
     PASSES(deepcert), 0, 0.0, 0},
    {"zono", "joint front end, zonotopes carried forward with parallel planes of small gap",
     "parallel", SP_FRONT_JOINT, PASSES(forms), 0, 0.0, 0},
    {"exact", "joint front end, exact supporting planes at static anchors", "exact", SP_FRONT_JOINT,
     PASSES(fixed), 0, 0.0, 0},
    {"opt", "exact, then octagons, then planes chosen by every row at its worst case", "octagons",
     SP_FRONT_JOINT, PASSES(optimised), 0, 0.0, 0},
    {"opt-rest", "opt, then its boxes again on the noises for which a label could still win",
     "octagons", SP_FRONT_JOINT, PASSES(optimised), 2, 0.3, 0},
    {"opt-bab", "opt, then branch and bound on the kinks and gates that cost a label's margin most",
     "octagons", SP_FRONT_JOINT, PASSES(branching), 0, 0.0, 0},
    {"opt-max",
     "opt-rest with more rounds, energies of every row's own worst noise, and pieces of it",
     "octagons", SP_FRONT_JOINT, PASSES(most), 8, 0.1, 16},
};

/* Those of them that multiply matrices, in single precision first, or in double alone. */
static const sp_method methods_precise[] = {
    {"exact/float32", "exact, products of matrices in single precision first", "exact",
     SP_FRONT_JOINT, PASSES(fixed_single), 0, 0.0, 0},
    {"opt/float32", "opt, products of matrices in single precision first", "octagons",
     SP_FRONT_JOINT, PASSES(optimised_single), 0, 0.0, 0},
    {"exact/float64", "exact, products of matrices in double precision", "exact", SP_FRONT_JOINT,
     PASSES(fixed_double), 0, 0.0, 0},
    {"opt/float64", "opt, products of matrices in double precision", "octagons", SP_FRONT_JOINT,
     PASSES(optimised_double), 0, 0.0, 0},
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
                  : find(methods_precise, sizeof methods_precise / sizeof methods_precise[0], name);
}

const sp_method *sp_method_precise(const sp_method *method, bool single) {
    char name[32];
    snprintf(name, sizeof name, "%s/%s", method->name, single ? "float32" : "float64");
    return sp_method_find(name);
}
