/* Methods of published verifiers on small networks that are written down here, against figures that
 * were computed from the papers in another language, and two engines against each other. */
#include "tests/lstm/toy_graph.h"
#include "tests/net/sines.h"

enum { T = SINES_FRAMES, D = SINES_WIDTH, CLASSES = SINES_CLASSES };

/* Margins of objectives [rows, classes] over the box [lo, hi] of the features [frames, width]. */
static void margins_of(double *lower, const sp_domain *domain, const void *options,
                       const sp_net *net, double *lo, double *hi, size_t frames, size_t width,
                       const double *weight, size_t rows) {
    double *zeros = calloc(frames * width, sizeof *zeros), radius = 0.0;
    sp_error err = {0};
    assert_non_null(zeros);
    const sp_front_bound front = {.rule = SP_FRONT_INTERVAL,
                                  .frames = frames,
                                  .bands = width,
                                  .features = width,
                                  .frame = 1,
                                  .lo_w = zeros,
                                  .up_w = zeros,
                                  .lo_c = lo,
                                  .up_c = hi,
                                  .lo = lo,
                                  .hi = hi,
                                  .feature_lo = lo,
                                  .feature_hi = hi,
                                  .padded = 1,
                                  .radius = &radius};
    const sp_front_bound *fronts = &front;
    const sp_bound_task task = {.net = net, .fronts = &fronts, .clips = 1};
    if (sp_domain_bound(&err, domain, &task, options, lower, NULL, weight, rows) != SP_OK) {
        fail_msg("%s", err.text);
    }
    free(zeros);
}

static void near(double got, double wanted, double tolerance, const char *what) {
    if (!(fabs(got - wanted) <= tolerance)) {
        fail_msg("%s: %.10f instead of %.10f", what, got, wanted);
    }
}

/* ---- two recurrent layers of sines ---- */

/* The answer of the net at its input, over the two others. */
static size_t make_rows(double weight[2 * CLASSES], const sp_net *net, const double *x) {
    double logits[CLASSES];
    bool tie = false;
    assert_int_equal(sp_net_run(NULL, net, logits, x, T), SP_OK);
    const size_t label = sp_prediction(logits, CLASSES, &tie);
    memset(weight, 0, 2 * CLASSES * sizeof *weight);
    for (size_t k = 0, row = 0; k < CLASSES; k++) {
        if (k != label) {
            weight[row * CLASSES + label] = 1.0;
            weight[row++ * CLASSES + k] = -1.0;
        }
    }
    return label;
}

static void sines_margins(double lower[2], const sp_domain *domain, const void *options,
                          const sp_net *net, double eps) {
    double weight[2 * CLASSES], x[T * D], lo[T * D], hi[T * D];
    sines_input(x);
    make_rows(weight, net, x);
    for (size_t i = 0; i < T * D; i++) {
        lo[i] = x[i] - eps;
        hi[i] = x[i] + eps;
    }
    margins_of(lower, domain, options, net, lo, hi, T, D, weight, 2);
}

#define RULES(p, l, a)                                                                             \
    { .plane = SP_PLANE_RULE_##p, .line = SP_LINE_RULE_##l, .alone = a }

static void zonotopes_of_an_lstm(void **state) {
    (void)state;
    static const struct {
        const char *what;
        sp_relax_rules rules;
        double margin[3][2]; /* radii .02, .1, .3 */
    } cases[] = {
        {"Tables 8 and 9", // of equal slopes of the second case the paper's first
         RULES(TABLES, CHORD, true),
         {{.26643637, .37609043}, {.22458651, .29163296}, {-.09166214, -.19415822}}},
        {"corners",
         RULES(CORNERS, CHORD, true),
         {{.26646039, .37611756}, {.22488243, .29436426}, {-.10770599, -.22244236}}},
        {"corners, met with intervals", // [RNNGuard]
         RULES(CORNERS, CHORD, false),
         {{.26646200, .37611935}, {.22512082, .29464759}, {-.08517042, -.16797820}}},
    };
    static const double radius[3] = {0.02, 0.1, 0.3};
    sp_net net;
    sines_make(&net, 4);
    for (size_t i = 0; i < 9; i++) {
        const sp_relax_rules *rules = &cases[i / 3].rules;
        const sp_backsub_options back = {.planes = SP_BACKSUB_RULES, .rules = *rules};
        double rows[2], forward[2];
        sines_margins(rows, &sp_domain_backsub, &back, &net, radius[i % 3]);
        const sp_zonotope_options forms = {.rules = *rules};
        sines_margins(forward, &sp_domain_zonotope, &forms, &net, radius[i % 3]);
        for (int k = 0; k < 2; k++) {
            near(rows[k], cases[i / 3].margin[i % 3][k], 1e-7, cases[i / 3].what);
            // an affine form carried forward is a row carried back
            if (rules->alone && !(fabs(forward[k] - rows[k]) <= 1e-9)) {
                fail_msg("%s: %.12f forward, %.12f back", cases[i / 3].what, forward[k], rows[k]);
            }
        }
    }
    sp_net_clear(&net);
}

/* What only forms that are carried forward have: errors without symbols, products of forms. */
static void forms_of_an_lstm(void **state) {
    (void)state;
    static const struct {
        const char *what;
        sp_zonotope_options options;
        double margin[3][2]; /* radii .02, .1, .3 */
    } cases[] = {
        {"independent errors",
         {.rules = RULES(CORNERS, CHORD, true), .independent = true},
         {{.26575210, .37526265}, {.20416880, .26913088}, {-.37336243, -.56813883}}},
        {"products of forms, DeepZ's lines",
         {.rules = RULES(FORMS, END, true), .products = true},
         {{.26629247, .37609286}, {.21807802, .29099720}, {-.29628114, -.40362488}}},
        {"products of forms, chords",
         {.rules = RULES(FORMS, CHORD, true), .products = true},
         {{.26648818, .37612101}, {.22478936, .29341963}, {-.16646711, -.31000047}}},
    };
    static const double radius[3] = {0.02, 0.1, 0.3};
    sp_net net;
    sines_make(&net, 4);
    for (size_t i = 0; i < 9; i++) {
        double forward[2];
        sines_margins(forward, &sp_domain_zonotope, &cases[i / 3].options, &net, radius[i % 3]);
        for (int k = 0; k < 2; k++) {
            near(forward[k], cases[i / 3].margin[i % 3][k], 1e-7, cases[i / 3].what);
        }
    }
    sp_net_clear(&net);
}

/* Intervals alone, and supporting planes at static anchors: those that are known lie up to a
 * thousandth below the supporting ones. */
static void boxes_and_supports_of_an_lstm(void **state) {
    (void)state;
    static const double radius[3] = {0.02, 0.1, 0.3};
    static const double boxes[3][2] = {
        {.22719948, .32869554}, {.06313647, .09411691}, {-.59850723, -.74504938}};
    static const double supports[3][2] = {
        {.266758, .376875}, {.235419, .318350}, {.111175, .146014}};
    const sp_backsub_options exact = {.planes = SP_BACKSUB_STATIC};
    sp_net net;
    sines_make(&net, 4);
    for (size_t i = 0; i < 3; i++) {
        double lower[2], rows[2];
        sines_margins(lower, &sp_domain_interval, NULL, &net, radius[i]);
        sines_margins(rows, &sp_domain_backsub, &exact, &net, radius[i]);
        for (int k = 0; k < 2; k++) {
            near(lower[k], boxes[i][k], 1e-7, "intervals");
            near(rows[k], supports[i][k], 3e-5, "supports");
        }
    }
    sp_net_clear(&net);
}

/* ---- the two engines ---- */

/* Every rule whose lines and planes are parallel, alone. */
static size_t parallel_rules(sp_relax_rules *rules, size_t number) {
    const size_t planes = SP_PLANE_RULE_BOX + 1, lines = SP_LINE_RULE_BOX + 1;
    const size_t relus = SP_RELU_RULE_SMOOTH + 1;
    *rules = (sp_relax_rules){.plane = (sp_plane_rule)(number % planes),
                              .line = (sp_line_rule)(number / planes % lines),
                              .relu = (sp_relu_rule)(number / planes / lines % relus),
                              .alone = true};
    return planes * lines * relus;
}

/* How many of the objectives agree to 1e-9; all do but for the error terms that both subtract, and
 * that are all there is where bounds explode. */
static size_t compare_engines(const sp_toy *toy, const sp_relax_rules *rules, size_t classes,
                              uint64_t seed) {
    const sp_method method[2] = {
        method_backsub((sp_backsub_options){.planes = SP_BACKSUB_RULES, .rules = *rules}),
        {.domain = &sp_domain_zonotope, .zonotope = {.rules = *rules}}};
    double rows[16 * 16], lower[2][16];
    size_t near_ones = 0;
    memset(rows, 0, sizeof rows);
    for (size_t k = 0; k < classes; k++) {
        rows[k * classes + k] = 1.0;
        rows[k * classes + (k + 1) % classes] = -1.0;
    }
    for (int e = 0; e < 2; e++) {
        sp_bounds bounds;
        assert_int_equal(bounds_of(NULL, &bounds, &toy->net, &toy->front, &method[e]), SP_OK);
        assert_int_equal(bounds_margins(NULL, &bounds, lower[e], NULL, rows, classes), SP_OK);
        bounds_destroy(&bounds);
    }
    for (size_t k = 0; k < classes; k++) {
        const double apart = fabs(lower[0][k] - lower[1][k]);
        const double most = fmax(fabs(lower[0][k]), fabs(lower[1][k]));
        near_ones += apart <= 1e-9 * fmax(1.0, most) || most > 1e4;
        if (!(apart <= 1e-7 * fmax(1.0, most) || (lower[0][k] < -1e12 && lower[1][k] < -1e12))) {
            fail_msg("seed %llu, planes %d, lines %d, relu %d: %.12g back, %.12g forward",
                     (unsigned long long)seed, (int)rules->plane, (int)rules->line,
                     (int)rules->relu, lower[0][k], lower[1][k]);
        }
    }
    return near_ones;
}

/* States with seeds have intervals in rows, and in the other engine what the forms say. */
static bool has_seeds(const sp_net *net) {
    bool any = false;
    for (size_t i = 0; i < net->nodes; i++) {
        any = any || (net->node[i].kind == SP_NODE_CELL && net->node[i].cell.seeded);
    }
    return any;
}

/* Random chains and graphs with every cell, behind fronts of one slope for both lines. */
static void rows_carried_back_are_forms_carried_forward(void **state) {
    (void)state;
    sp_rng rng;
    size_t number = 0, compared = 0, rows = 0, near_ones = 0;
    const size_t wanted = sp_test_long() ? 2000 : sp_test_sanitized() ? 20 : 200;
    sp_rng_init(&rng, sp_test_seed());
    for (uint64_t seed = sp_test_seed(); compared < wanted; number++) {
        sp_relax_rules rules;
        parallel_rules(&rules, sp_rng_below(&rng, 1000000));
        if (!sp_relax_rules_parallel(&rules)) {
            continue;
        }
        sp_toy_shape shape = toy_shape(&rng);
        sp_toy toy;
        shape.split = false;
        shape.plain = true;
        shape.cells = number % 2 > 0;
        shape.hidden = 1 + shape.hidden / 3; // error terms of boxes grow with nets
        shape.lstms = 1 + shape.lstms / 2;
        shape.scale = fmin(shape.scale, 1.0);
        shape.eps = pow(10.0, sp_rng_uniform(&rng, -3.0, -1.0));
        toy_init(&toy, seed + number, &shape);
        if (compared % 3 == 2) {
            toy_graph(&rng, &toy, shape.classes, true, compared % 2 > 0);
        }
        if (!has_seeds(&toy.net)) {
            near_ones += compare_engines(&toy, &rules, shape.classes, seed + number);
            rows += shape.classes;
            compared++;
        }
        toy_clear(&toy);
    }
    print_message("%zu of %zu objectives agree to 1e-9\n", near_ones, rows);
    assert_true(near_ones >= rows - rows / 20);
}

/* In vanilla nets the lines of [DeepCert] are better than those of least area. */
static void lines_of_an_rnn(void **state) {
    (void)state;
    static const struct {
        const char *what;
        sp_relax_rules rules;
        double margin[2];
    } cases[] = {
        {"DeepCert", RULES(OWN, DEEPCERT, true), {-.09707074, .48193979}},
        {"DeepCert, met with intervals", RULES(OWN, DEEPCERT, false), {-.05226256, .50894855}},
        {"chord", RULES(OWN, CHORD, true), {-.10582898, .46279329}},
    };
    sp_net net;
    sines_make(&net, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sp_backsub_options back = {.planes = SP_BACKSUB_RULES, .rules = cases[i].rules};
        double rows[2];
        sines_margins(rows, &sp_domain_backsub, &back, &net, 0.3);
        near(rows[0], cases[i].margin[0], 1e-7, cases[i].what);
        near(rows[1], cases[i].margin[1], 1e-7, cases[i].what);
    }
    // this program's lines are above those in the middle of every interval
    static const double middle[2][2] = {{-.17873488, .39911910}, {-.12052911, .43077342}};
    for (size_t i = 0; i < 2; i++) {
        const sp_relax_rules own = RULES(OWN, OWN, i == 0);
        const sp_backsub_options back = {.planes = SP_BACKSUB_RULES, .rules = own};
        double rows[2];
        sines_margins(rows, &sp_domain_backsub, &back, &net, 0.3);
        assert_true(rows[0] > middle[i][0] && rows[1] > middle[i][1]);
    }
    sp_net_clear(&net);
}

/* The cell of [R2, section 2]: all gates of unit 1 are x, of unit 2 x/2 + 1, |x| <= 1.2. */
static void the_cell_of_r2(void **state) {
    (void)state;
    static const double w[8] = {1, .5, 1, .5, 1, .5, 1, .5}, b[8] = {0, 1, 0, 1, 0, 1, 0, 1};
    static const double r[16] = {0.0}, same[4] = {1, 0, 0, 1}, none[2] = {0.0};
    const double row[2] = {-1.0, 1.0};
    const sp_backsub_options zonotope = {.planes = SP_BACKSUB_RULES,
                                         .rules = RULES(CORNERS, CHORD, true)};
    const sp_backsub_options met = {.planes = SP_BACKSUB_RULES,
                                    .rules = RULES(CORNERS, CHORD, false)};
    double lo = -1.2, hi = 1.2, lower;
    sp_net net;
    assert_int_equal(sp_net_init(NULL, &net, 1), SP_OK);
    assert_int_equal(sp_net_add_lstm(NULL, &net, 2, w, r, b), SP_OK);
    assert_int_equal(sp_net_add_pool(NULL, &net, SP_POOLING_LAST), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, &net, 2, same, none), SP_OK);
    margins_of(&lower, &sp_domain_backsub, &zonotope, &net, &lo, &hi, 1, 1, row, 1);
    near(lower, -.0391763976, 1e-8, "zonotope");
    margins_of(&lower, &sp_domain_backsub, &met, &net, &lo, &hi, 1, 1, row, 1);
    near(lower, -.0237713265, 1e-8, "zonotope met with intervals");
    sp_net_clear(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zonotopes_of_an_lstm),
        cmocka_unit_test(forms_of_an_lstm),
        cmocka_unit_test(boxes_and_supports_of_an_lstm),
        cmocka_unit_test(rows_carried_back_are_forms_carried_forward),
        cmocka_unit_test(lines_of_an_rnn),
        cmocka_unit_test(the_cell_of_r2),
    };
    return cmocka_run_group_tests_name("lstm/published", tests, toy_backend, NULL);
}
