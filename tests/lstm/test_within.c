/* Lines below objectives, and bounds on the part of a noise set in a halfspace, against attained
 * values of random networks. */
#include "tests/lstm/attained.h"

enum { SAMPLES = 400, ROWS = 16 };

/* Points of the set and what the network makes of them. */
typedef struct sp_cloud {
    sp_toy toy;
    size_t n, classes;
    double *d;        /* [SAMPLES, n] */
    double *features; /* [frames, features] scratch */
    sp_trace trace;
    uint64_t seed;
} sp_cloud;

static double *point(const sp_cloud *cloud, size_t s) {
    return cloud->d + s * cloud->n;
}

static void cloud_init(sp_cloud *cloud, uint64_t seed, sp_toy_shape shape) {
    sp_rng rng;
    shape.joint = true;
    shape.split = false;
    toy_init(&cloud->toy, seed, &shape);
    cloud->seed = seed;
    cloud->n = toy_point_size(&cloud->toy);
    cloud->classes = shape.classes;
    assert_true(cloud->n == cloud->toy.front.padded);
    cloud->d = calloc(SAMPLES * cloud->n, sizeof(double));
    cloud->features = calloc(shape.frames * cloud->toy.front.features, sizeof(double));
    assert_non_null(cloud->d);
    assert_non_null(cloud->features);
    trace_init(&cloud->trace, &cloud->toy);
    sp_rng_init(&rng, seed ^ 0xa11);
    for (size_t s = 0; s < SAMPLES; s++) {
        const double share = s % 3 == 0 ? 1.0 : sp_rng_uniform(&rng, 0.0, 1.0);
        for (size_t i = 0; i < cloud->n; i++) {
            const double eps = cloud->toy.front.radius[i];
            point(cloud, s)[i] = s % 3 == 2 ? sp_rng_uniform(&rng, -eps, eps)
                                            : (sp_rng_below(&rng, 2) ? eps : -eps) * share;
        }
    }
}

static void cloud_clear(sp_cloud *cloud) {
    trace_clear(&cloud->trace);
    free(cloud->features);
    free(cloud->d);
    toy_clear(&cloud->toy);
}

static void run(sp_cloud *cloud, const double *d) {
    toy_features(&cloud->toy, d, cloud->features);
    trace_run(&cloud->trace, cloud->features);
}

static double line_at(const sp_halfspace *line, const double *d, size_t n) {
    double sum = line->offset;
    for (size_t i = 0; i < n; i++) {
        sum += line->slope[i] * d[i];
    }
    return sum;
}

/* Every line and every bound below the objective at a point of the part. */
static void check_point(sp_cloud *cloud, const double *d, const double *weight, const double *lower,
                        const sp_halfspace *line) {
    run(cloud, d);
    for (size_t r = 0; r < cloud->classes; r++) {
        const double value =
            objective(weight + r * cloud->classes, trace_output(&cloud->trace), cloud->classes);
        const double below = line_at(&line[r], d, cloud->n);
        if (!(lower[r] <= value + 1e-12) || !(below <= value + 1e-11)) {
            fail_msg("seed %llu: row %zu: bound %a, line %a above attained %a",
                     (unsigned long long)cloud->seed, r, lower[r], below, value);
        }
    }
}

/* Coordinate flips that stay in the halfspace and lower the objective of row r. */
static void descend(sp_cloud *cloud, double *d, const double *weight, size_t r,
                    const sp_halfspace *half) {
    double best = INFINITY;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < cloud->n; i++) {
            d[i] = -d[i];
            double value = INFINITY;
            if (line_at(half, d, cloud->n) <= 0.0) {
                run(cloud, d);
                value = objective(weight + r * cloud->classes, trace_output(&cloud->trace),
                                  cloud->classes);
            }
            if (value < best) {
                best = value;
            } else {
                d[i] = -d[i];
            }
        }
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The halfspace that holds a share of the cloud's points. */
static sp_halfspace cut(const sp_cloud *cloud, const sp_halfspace *line, double share) {
    double at[SAMPLES];
    for (size_t s = 0; s < SAMPLES; s++) {
        at[s] = line_at(line, point(cloud, s), cloud->n);
    }
    qsort(at, SAMPLES, sizeof at[0], by_size);
    return (sp_halfspace){line->slope, line->offset - at[(size_t)(share * (SAMPLES - 1))]};
}

static void lines_of(sp_bounds *bounds, const sp_cloud *cloud, const sp_method *method,
                     const sp_halfspace *within, const double *weight, double *lower,
                     sp_halfspace *line, double *memory) {
    for (size_t r = 0; r < cloud->classes; r++) {
        line[r].slope = memory + r * cloud->n;
    }
    bounds->front = &cloud->toy.front;
    bounds->task = (sp_bound_task){.net = &cloud->toy.net,
                                   .fronts = &bounds->front,
                                   .clips = 1,
                                   .within = within,
                                   .lines = true};
    assert_int_equal(sp_domain_serves_task(NULL, method->domain, &bounds->task), SP_OK);
    assert_int_equal(bounds_create(NULL, bounds, method), SP_OK);
    assert_int_equal(
        method->domain->lines(NULL, bounds->self, lower, NULL, line, weight, cloud->classes),
        SP_OK);
}

/* Returns by how much the bound of the row that made the halfspace rises in it. */
static double check_net(uint64_t seed, const sp_toy_shape *shape, const sp_method *method,
                        double share) {
    sp_cloud cloud;
    sp_bounds bounds;
    double weight[ROWS * ROWS], lower[ROWS], inside[ROWS];
    sp_halfspace line[ROWS], part[ROWS];
    cloud_init(&cloud, seed, *shape);
    double *memory = calloc(2 * cloud.classes * cloud.n, sizeof(double));
    assert_non_null(memory);
    margin_rows(weight, cloud.classes);
    lines_of(&bounds, &cloud, method, NULL, weight, lower, line, memory);
    for (size_t s = 0; s < SAMPLES; s++) {
        check_point(&cloud, point(&cloud, s), weight, lower, line);
    }
    bounds_destroy(&bounds);
    const sp_halfspace half = cut(&cloud, &line[0], share);
    lines_of(&bounds, &cloud, method, &half, weight, inside, part,
             memory + cloud.classes * cloud.n);
    for (size_t s = 0; s < SAMPLES; s++) {
        if (line_at(&half, point(&cloud, s), cloud.n) <= 0.0) {
            check_point(&cloud, point(&cloud, s), weight, inside, part);
            check_boxes(&bounds, &cloud.trace, seed);
        }
    }
    for (size_t r = 0; r < cloud.classes; r++) {
        descend(&cloud, point(&cloud, r), weight, r, &half);
        if (line_at(&half, point(&cloud, r), cloud.n) <= 0.0) {
            check_point(&cloud, point(&cloud, r), weight, inside, part);
        }
    }
    bounds_destroy(&bounds);
    free(memory);
    const double rise = inside[0] - lower[0];
    cloud_clear(&cloud);
    return rise;
}

static void parts_contain_attained_values(void **state) {
    const sp_method methods[] = {method_backsub((sp_backsub_options){0}),
                                 method_backsub((sp_backsub_options){
                                     .octagons = true, .box_iterations = 1, .row_iterations = 3})};
    const size_t count = sp_test_sanitized() ? 6 : sp_test_long() ? 200 : 24;
    const double shares[] = {0.05, 0.4, 0.8}; // the last with the clip itself inside
    double risen = 0.0;
    sp_rng rng;
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < count; i++) {
        sp_toy_shape shape = toy_shape(&rng);
        shape.cells = i % 4 == 3;
        risen += check_net(sp_test_seed() + i, &shape, &methods[i % 2], shares[i % 3]);
    }
    assert_true(risen > 0.0); // a part is less than the whole
}

static void wrong_uses_are_refused(void **state) {
    sp_toy toy;
    sp_bounds bounds;
    sp_error err;
    sp_rng rng;
    double lower, weight[ROWS] = {1.0}, slope[64];
    const sp_halfspace half = {slope, 0.0};
    const sp_method method = method_backsub((sp_backsub_options){0});
    const sp_method sampled = method_backsub((sp_backsub_options){.planes = SP_BACKSUB_R2_LP});
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    sp_toy_shape shape = toy_shape(&rng);
    for (int joint = 0; joint < 2; joint++) {
        shape.joint = joint > 0;
        toy_init(&toy, sp_test_seed(), &shape);
        bounds.front = &toy.front;
        bounds.task =
            (sp_bound_task){.net = &toy.net, .fronts = &bounds.front, .clips = 1, .lines = true};
        assert_int_equal(bounds_create(&err, &bounds, joint > 0 ? &sampled : &method),
                         SP_E_ARGUMENT);
        assert_null(bounds.self);
        toy_clear(&toy);
    }
    toy_init(&toy, sp_test_seed(), &shape);
    assert_int_equal(bounds_of(&err, &bounds, &toy.net, &toy.front, &method), SP_OK);
    sp_halfspace line = {slope, 0.0};
    assert_int_equal(method.domain->lines(&err, bounds.self, &lower, NULL, &line, weight, 1),
                     SP_E_ARGUMENT);
    bounds_destroy(&bounds);
    bounds.task.within = &half;
    assert_int_equal(sp_domain_serves_task(&err, &sp_domain_interval, &bounds.task), SP_E_ARGUMENT);
    assert_non_null(strstr(err.text, "halfspaces"));
    assert_int_equal(sp_domain_serves_task(&err, &sp_domain_r2opt, &bounds.task), SP_E_ARGUMENT);
    assert_int_equal(sp_domain_serves_task(&err, &sp_domain_backsub, &bounds.task), SP_OK);
    bounds.task.within = NULL;
    bounds.task.lines = true;
    assert_int_equal(sp_domain_serves_task(&err, &sp_domain_interval, &bounds.task), SP_E_ARGUMENT);
    bounds.task.lines = false;
    bounds.task.clips = 2;
    assert_int_equal(sp_domain_serves_task(&err, &sp_domain_r2opt, &bounds.task), SP_E_ARGUMENT);
    toy_clear(&toy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_contain_attained_values),
        cmocka_unit_test(wrong_uses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
