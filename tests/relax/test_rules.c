/* Lines and planes of published verifiers against figures that were computed from the papers in
 * another language: docs/theory/published.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relax/rules.h"
#include "tests/relax/check.h"

#define NEAR 1e-8 /* of figures of eight digits and more */

static const sp_activation sigmoid = {.kind = SP_ACTIVATION_SIGMOID};
static const sp_activation hyperbolic = {.kind = SP_ACTIVATION_TANH};
static const sp_activation rectifier = {.kind = SP_ACTIVATION_RELU};
static const sp_activation square = {.kind = SP_ACTIVATION_SQUARE};

static void expect(double got, double wanted) {
    if (!(fabs(got - wanted) <= NEAR)) {
        fail_msg("%.12f instead of %.9f", got, wanted);
    }
}

static void parallel_lines(void **state) {
    (void)state;
    static const struct {
        const sp_activation *f;
        sp_line_rule rule;
        sp_iv x;
        double w, lower, upper;
    } cases[] = {
        {&hyperbolic, SP_LINE_RULE_CHORD, {-3, 3}, .331684918, -.436316574, .436316574},
        {&hyperbolic, SP_LINE_RULE_CHORD, {-1, 1}, .761594156, -.081741507, .081741507},
        {&hyperbolic, SP_LINE_RULE_CHORD, {-3, 1}, .439162227, -.322716989, .322716989},
        {&hyperbolic, SP_LINE_RULE_CHORD, {.5, 2}, .334606949, .294813683, .432966287},
        {&hyperbolic, SP_LINE_RULE_CHORD, {-30, 30}, .033333333, -.903681870, .903681870},
        {&hyperbolic, SP_LINE_RULE_END, {-3, 3}, .009866037, -.965456643, .965456643},
        {&hyperbolic, SP_LINE_RULE_END, {-1, 1}, .419974342, -.341619814, .341619814},
        {&hyperbolic, SP_LINE_RULE_END, {-3, 1}, .009866037, -.965456643, .751728119},
        {&hyperbolic, SP_LINE_RULE_END, {.5, 2}, .070650825, .426791745, .822725930},
        {&sigmoid, SP_LINE_RULE_CHORD, {-3, 3}, .150858042, .408697140, .591302860},
        {&sigmoid, SP_LINE_RULE_CHORD, {.5, 2}, .172225165, .536346753, .562022430},
        {&sigmoid, SP_LINE_RULE_END, {-3, 3}, .045176660, .182955853, .817044147},
        {&sigmoid, SP_LINE_RULE_END, {.5, 2}, .104993585, .569962538, .670809907},
        {&square, SP_LINE_RULE_CHORD, {-1, 3}, 2, -1, 3},
        {&rectifier, SP_LINE_RULE_CHORD, {-.8, 1.2}, .6, 0, .48},
        {&rectifier, SP_LINE_RULE_BOX, {-.8, 1.2}, 0, 0, 1.2},
        {&rectifier, SP_LINE_RULE_END, {-3, .1}, .032258065, 0, .096774194},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_line_pair lines = sp_line_rule_lines(cases[i].rule, *cases[i].f, cases[i].x);
        expect(lines.lower.w, cases[i].w);
        expect(lines.upper.w, cases[i].w);
        expect(lines.lower.c, cases[i].lower);
        expect(lines.upper.c, cases[i].upper);
    }
}

/* Slope and distance of the parallel lines of least distance. */
static void lines_of_least_distance(void **state) {
    (void)state;
    static const struct {
        const sp_activation *f;
        sp_iv x;
        double w, distance;
    } cases[] = {{&hyperbolic, {-3, 3}, .439234024, .645294634},
                 {&hyperbolic, {-1, 1}, .816218753, .109249194},
                 {&hyperbolic, {-3, 1}, .439234024, .645294634},
                 {&hyperbolic, {.5, 2}, .334606949, .138152604},
                 {&sigmoid, {-3, 3}, .171737350, .125276000},
                 {&sigmoid, {.5, 2}, .172225165, .025675677}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_line_pair lines = sp_line_rule_lines(SP_LINE_RULE_LEAST, *cases[i].f, cases[i].x);
        const sp_line_pair chord = sp_line_rule_lines(SP_LINE_RULE_CHORD, *cases[i].f, cases[i].x);
        expect(lines.lower.w, cases[i].w);
        assert_true(fabs(lines.upper.c - lines.lower.c - cases[i].distance) < 1e-6);
        // the chord's are said to be the nearest, and are not where 0 is inside
        assert_true(lines.upper.c - lines.lower.c <= chord.upper.c - chord.lower.c + 1e-12);
        assert_true(cases[i].x.lo > 0.0 ||
                    lines.upper.c - lines.lower.c < chord.upper.c - chord.lower.c - 1e-4);
    }
}

static void three_cases_of_deepcert(void **state) {
    (void)state;
    static const struct {
        const sp_activation *f;
        sp_iv x;
        double upper_w, upper_c, lower_w, lower_c;
    } cases[] = {
        {&hyperbolic, {-2, -.5}, .334606949, -.294813683, .334606949, -.432966287},
        {&hyperbolic, {-3, 1}, .439234024, .322647317, .816218753, -.054624597},
        {&hyperbolic, {-2, 2}, .581572937, .199118294, .581572937, -.199118294},
        {&hyperbolic, {-4, .2}, .284929671, .140389386, .284929671, -.492142882},
        {&sigmoid, {-3, 1}, .170908176, .560150402, .170908176, .436310242},
        {&sigmoid, {-2, 2}, .204054688, .527312299, .204054688, .472687701},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_line_pair lines =
            sp_line_rule_lines(SP_LINE_RULE_DEEPCERT, *cases[i].f, cases[i].x);
        expect(lines.upper.w, cases[i].upper_w);
        expect(lines.upper.c, cases[i].upper_c);
        expect(lines.lower.w, cases[i].lower_w);
        expect(lines.lower.c, cases[i].lower_c);
    }
}

/* Chords, tangents in the middle, tangents through the opposite ends. */
static void lines_of_crown(void **state) {
    (void)state;
    static const struct {
        const sp_activation *f;
        sp_iv x;
        double upper_w, upper_c, lower_w, lower_c;
    } cases[] = {
        {&hyperbolic, {-3, 3}, .439234024, .322647317, .439234024, -.322647317},
        {&hyperbolic, {-3, 1}, .439234024, .322647317, .816218753, -.054624597},
        {&hyperbolic, {-.5, 2}, .942725133, .009245409, .570457895, -.176888210},
        {&hyperbolic, {-2, .4}, .559990226, .155952872, .962210144, -.004935095},
        {&hyperbolic, {.5, 2}, .280414866, .497765057, .334606949, .294813683},
        {&hyperbolic, {-2, -.5}, .334606949, -.294813683, .280414866, -.497765057},
        {&sigmoid, {-3, 1}, .170908176, .560150402, .235681283, .495377295},
        {&sigmoid, {-.5, 2}, .246181158, .500631248, .201302564, .478191951},
        {&sigmoid, {.5, 2}, .173104787, .560918877, .172225165, .536346749},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_line_pair lines = sp_line_rule_lines(SP_LINE_RULE_CROWN, *cases[i].f, cases[i].x);
        expect(lines.upper.w, cases[i].upper_w);
        expect(lines.upper.c, cases[i].upper_c);
        expect(lines.lower.w, cases[i].lower_w);
        expect(lines.lower.c, cases[i].lower_c);
    }
}

static sp_line_pair relu_lines(sp_relu_rule rule, sp_iv x) {
    const sp_relax_rules rules = {.line = SP_LINE_RULE_CHORD, .relu = rule};
    return sp_relax_rules_lines(&rules, rectifier, x);
}

/* Middle and half of what is left, [DiffAI]'s and [DeepZ]'s. */
static void lines_of_relu(void **state) {
    (void)state;
    static const struct {
        sp_relu_rule rule;
        sp_iv x;
        double w, middle, half;
    } cases[] = {
        {SP_RELU_RULE_BOX, {-.8, 1.2}, 0, .6, .6},
        {SP_RELU_RULE_BOX, {-3, .1}, 0, .05, .05},
        {SP_RELU_RULE_DIAGONAL, {-.8, 1.2}, 1, .4, .4},
        {SP_RELU_RULE_DIAGONAL, {-3, .1}, 1, 1.5, 1.5},
        {SP_RELU_RULE_SWITCH, {-.8, 1.2}, 1, .4, .4},
        {SP_RELU_RULE_SWITCH, {-3, .1}, 0, .05, .05},
        {SP_RELU_RULE_SMOOTH, {-.8, 1.2}, .6, .48, .48},
        {SP_RELU_RULE_SMOOTH, {-3, .1}, .032258065, .096774194, .096774194},
        {SP_RELU_RULE_PARALLEL, {-.8, 1.2}, .6, .24, .24},
        {SP_RELU_RULE_PARALLEL, {-3, .1}, .032258065, .048387097, .048387097},
        {SP_RELU_RULE_BOX, {.5, 2}, 1, 0, 0},
        {SP_RELU_RULE_DIAGONAL, {-2, -.5}, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_line_pair lines = relu_lines(cases[i].rule, cases[i].x);
        expect(lines.lower.w, cases[i].w);
        expect(lines.upper.w, cases[i].w);
        expect(0.5 * (lines.lower.c + lines.upper.c), cases[i].middle);
        expect(0.5 * (lines.upper.c - lines.lower.c), cases[i].half);
    }
}

/* Over random intervals, in exact arithmetic at the points where a piecewise linear function and a
 * line are furthest apart. */
static void lines_of_relu_contain_it(void **state) {
    (void)state;
    sp_rng rng;
    sp_rng_init(&rng, sp_test_seed());
    for (int i = 0; i < 20000; i++) {
        const double size = pow(10.0, sp_rng_uniform(&rng, -12.0, 12.0));
        const double p = size * sp_rng_uniform(&rng, -1.0, 1.0);
        const double q = p + size * pow(10.0, sp_rng_uniform(&rng, -9.0, 0.3));
        const sp_iv x = {p, q};
        for (int rule = SP_RELU_RULE_LINES; rule <= SP_RELU_RULE_SMOOTH; rule++) {
            const sp_line_pair lines = relu_lines((sp_relu_rule)rule, x);
            const double at[3] = {x.lo, x.hi, fmin(fmax(0.0, x.lo), x.hi)};
            for (int k = 0; k < 3; k++) {
                const long double y = at[k] > 0.0 ? at[k] : 0.0L;
                const long double lower = (long double)lines.lower.w * at[k] + lines.lower.c;
                const long double upper = (long double)lines.upper.w * at[k] + lines.upper.c;
                if (!(lower <= y + 1e-19L * fabsl(lower)) ||
                    !(upper >= y - 1e-19L * fabsl(upper))) {
                    fail_msg("rule %d on [%a, %a] at %a: [%La, %La]", rule, x.lo, x.hi, at[k],
                             lower, upper);
                }
            }
        }
    }
}

typedef struct plane_case {
    sp_box box; /* x the gate, y the value */
    sp_plane_rule rule;
    double a, b, lower, upper;
} plane_case;

static void check_planes(sp_product f, const plane_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const sp_plane_pair pair =
            sp_plane_rule_planes(cases[i].rule, SP_LINE_RULE_CHORD, f, cases[i].box);
        expect(pair.lower.a, cases[i].a);
        expect(pair.upper.a, cases[i].a);
        expect(pair.lower.b, cases[i].b);
        expect(pair.upper.b, cases[i].b);
        expect(pair.lower.c, cases[i].lower);
        expect(pair.upper.c, cases[i].upper);
    }
}

#define CORNERS SP_PLANE_RULE_CORNERS
#define TABLES SP_PLANE_RULE_TABLES

static void planes_of_table_8(void **state) {
    (void)state;
    static const plane_case cases[] = {
        {{{.4, 1.6}, {-.79, .62}}, TABLES, 0, .604773062, -.084098872, .084098872},
        {{{.4, 1.6}, {-.79, .62}}, CORNERS, -.010429981, .613649642, -.062325545, .095701485},
        {{{0, 2}, {0, 2}}, TABLES, .091774721, .332781616, -.183549443, .156386416},
        {{{0, 2}, {0, 2}}, CORNERS, .091774721, .332781616, -.183549443, .156386416},
        {{{-2, 0}, {0, 2}}, TABLES, .118884971, .149232174, 0, .237769941},
        {{{-2, 0}, {0, 2}}, CORNERS, .091774721, .149232174, 0, .237769941},
        {{{-2, 0}, {-2, 0}}, TABLES, -.118884971, .149232174, -.237769941, 0},
        {{{-2, 0}, {-2, 0}}, CORNERS, -.091774721, .149232174, -.237769941, 0},
        {{{0, 2}, {-1, 2}}, TABLES, 0, .384274566, -.286716918, .286716918},
        {{{0, 2}, {-1, 2}}, CORNERS, .019271514, .397122242, -.312877911, .235791854},
        {{{-1, 2}, {-2, 1}}, TABLES, 0, .310025618, -.364089115, .360784289},
        {{{-1, 2}, {-2, 1}}, CORNERS, -.020643339, .330668958, -.300253986, .381427628},
        {{{-3, 3}, {-3, 3}}, TABLES, 0, .165842459, -.613521384, .613521384},
        {{{-3, 3}, {-3, 3}}, CORNERS, 0, .165842459, -.613521384, .613521384},
        {{{.5, .5}, {-1, 1}}, TABLES, 0, .474061389, -.050880765, .050880765},
        {{{-1, 1}, {.3, .3}}, TABLES, .067310278, .457568481, .006328933, .010442591},
        // the entries of case 2 that are tightest somewhere, as they are and turned round
        {{{-3.19, -.93}, {.06, 2.77}}, TABLES, .076968343, .055465150, .085207792, .244570889},
        {{{-1.63, -.69}, {.48, .77}}, TABLES, .098968627, .172265761, .133774619, .151739549},
        {{{-3.77, -3.31}, {-2.33, -1.49}},
         TABLES,
         -.026268069,
         .002679069,
         -.115555267,
         -.114405619},
        {{{-2.62, -1.61}, {-1.23, -.96}},
         TABLES,
         -.077556669,
         .042679816,
         -.212734186,
         -.202146800},
        // case 7, and turned round
        {{{-.09, .89}, {.11, 1.6}}, TABLES, .025866419, .260265026, .026014657, .258191930},
        {{{-2.49, 3.68}, {-2.85, -1.77}},
         TABLES,
         -.137463457,
         .003524765,
         -.596492197,
         -.372034764},
    };
    check_planes(SP_PRODUCT_SIGMOID_TANH, cases, sizeof cases / sizeof *cases);
}

static void planes_of_table_9(void **state) {
    (void)state;
    static const plane_case cases[] = {
        {{{-1, 1}, {1, 3}}, TABLES, .462117157, .5, -.231058579, .231058579},
        {{{0, 2}, {0, 2}}, TABLES, .190398539, .690398539, -.380797078, 0},
        {{{-2, 2}, {-.5, 2}}, TABLES, 0, .271521753, -.304637662, 1.218550650},
        {{{-2, 2}, {-.5, 2}}, CORNERS, .142798904, .5, -.475996347, .951993},
        {{{-3, 3}, {-3, 3}}, TABLES, 0, .5, -1.357722380, 1.357722380},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plane_case one = cases[i];
        if (i == 3) { // the gap is what is known of it
            const sp_plane_pair pair =
                sp_plane_rule_planes(CORNERS, SP_LINE_RULE_CHORD, SP_PRODUCT_SIGMOID_ID, one.box);
            assert_true(fabs(pair.upper.c - pair.lower.c - one.upper) < 1e-6);
            one.upper = pair.upper.c;
        }
        check_planes(SP_PRODUCT_SIGMOID_ID, &one, 1);
    }
}

/* The product of two affine forms, each in the middle of its parallel lines. */
static void products_of_forms(void **state) {
    (void)state;
    static const struct {
        sp_line_rule lines;
        sp_product f;
        sp_box box;
        double a, b, lower, upper;
    } cases[] = {
        {SP_LINE_RULE_CHORD,
         SP_PRODUCT_SIGMOID_TANH,
         {{-1, 2}, {-2, 1}},
         -.058657301,
         .346260924,
         -.207737816,
         .441863586},
        {SP_LINE_RULE_CHORD,
         SP_PRODUCT_SIGMOID_ID,
         {{-1, 2}, {-2, 1}},
         -.101975943,
         .601975943,
         -.435010464,
         .564093100},
        {SP_LINE_RULE_CHORD,
         SP_PRODUCT_SIGMOID_TANH,
         {{-2, 0}, {.5, 2}},
         .148919964,
         .096756981,
         .182680088,
         .307561464},
        {SP_LINE_RULE_END,
         SP_PRODUCT_SIGMOID_TANH,
         {{-1, 2}, {-2, 1}},
         -.010627106,
         .040614987,
         -.746628491,
         .651449132},
        {SP_LINE_RULE_END,
         SP_PRODUCT_SIGMOID_ID,
         {{-2, 0}, {.5, 2}},
         .131241982,
         .309601461,
         -.118313114,
         .380797078},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_plane_pair pair =
            sp_plane_rule_planes(SP_PLANE_RULE_FORMS, cases[i].lines, cases[i].f, cases[i].box);
        expect(pair.lower.a, cases[i].a);
        expect(pair.upper.a, cases[i].a);
        expect(pair.lower.b, cases[i].b);
        expect(pair.upper.b, cases[i].b);
        expect(pair.lower.c, cases[i].lower);
        expect(pair.upper.c, cases[i].upper);
    }
}

/* Slopes of DeepCert's lines in McCormick's lower plane; the constants are better than composed
 * ones. */
static void lines_and_mccormick(void **state) {
    (void)state;
    static const plane_case cases[] = {
        {{{-1, 2}, {-2, 1}}, SP_PLANE_RULE_COMPOSED, -.227203257, .219515032, -.241894074, 0},
        {{{.4, 1.6}, {-.79, .62}}, SP_PLANE_RULE_COMPOSED, .107162585, .761876463, -.185274892, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_plane_pair pair = sp_plane_rule_planes(cases[i].rule, SP_LINE_RULE_DEEPCERT,
                                                        SP_PRODUCT_SIGMOID_TANH, cases[i].box);
        expect(pair.lower.a, cases[i].a);
        expect(pair.lower.b, cases[i].b);
        assert_true(pair.lower.c >= cases[i].lower - 1e-8);
        // the product is odd in y: the upper plane of the flipped box is this one, flipped
        const sp_iv y = cases[i].box.y;
        const sp_box turned = {cases[i].box.x, {-y.hi, -y.lo}};
        const sp_plane_pair flipped = sp_plane_rule_planes(cases[i].rule, SP_LINE_RULE_DEEPCERT,
                                                           SP_PRODUCT_SIGMOID_TANH, turned);
        expect(flipped.upper.a, -cases[i].a);
        expect(flipped.upper.b, cases[i].b);
        expect(flipped.upper.c, -pair.lower.c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_lines),          cmocka_unit_test(lines_of_least_distance),
        cmocka_unit_test(three_cases_of_deepcert), cmocka_unit_test(planes_of_table_8),
        cmocka_unit_test(planes_of_table_9),       cmocka_unit_test(lines_and_mccormick),
        cmocka_unit_test(lines_of_relu),           cmocka_unit_test(lines_of_relu_contain_it),
        cmocka_unit_test(lines_of_crown),          cmocka_unit_test(products_of_forms),
    };
    return cmocka_run_group_tests_name("relax/rules", tests, NULL, NULL);
}
