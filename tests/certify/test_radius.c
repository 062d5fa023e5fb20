/* The search for a radius: what it reports was certified and attacked itself, on the grid it
 * promises. */
#include "tests/certify/attacked.h"

#include "certify/impl.h"

static sp_radius_options coarse(const attacked *a, double tolerance) {
    return (sp_radius_options){.tolerance = tolerance,
                               .attack = {.steps = 15, .starts = 2, .seed = 1, .source = a->path}};
}

static void find(sp_radius *radius, const attacked *a, const sp_radius_options *options) {
    sp_error err = {0};
    if (sp_radius_find(&err, radius, &a->attacker, &a->clip, (long)a->label, options) != SP_OK) {
        fail_msg("%s", err.text);
    }
}

static sp_verdict_kind certify_at(const attacked *a, double db, double *margin) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
    sp_verdict verdict;
    assert_int_equal(
        sp_certify(NULL, &verdict, &a->pipeline, &a->clip, &budget, (long)a->label, 0.0), SP_OK);
    const sp_verdict_kind kind = verdict.kind;
    *margin = verdict.margin;
    sp_verdict_clear(&verdict);
    return kind;
}

static const sp_radius_point *point_at(const sp_radius *radius, double db, bool attack, bool file) {
    for (size_t i = 0; i < radius->points; i++) {
        const sp_radius_point *point = &radius->point[i];
        if (point->attacked == attack && point->file == file && fabs(point->db - db) < 1e-9) {
            return point;
        }
    }
    return NULL;
}

/* Every claim of the search against its list of tries, and against sp_certify itself. */
static void check(const attacked *a, const sp_radius *radius, double tolerance) {
    double margin = NAN;
    assert_int_equal(radius->verdict.kind, SP_VERDICT_CERTIFIED);
    assert_int_equal(radius->verdict.label, a->label);
    assert_true(fabs(radius->verdict.scale.db_peak - radius->certified_db) < 1e-9);
    for (size_t i = 0; i < radius->points; i++) {
        const double steps = radius->point[i].db / tolerance;
        assert_true(fabs(steps - nearbyint(steps)) < 1e-6);
        assert_false(!radius->point[i].attacked && radius->point[i].certified &&
                     radius->point[i].db > radius->certified_db);
    }
    assert_int_equal(certify_at(a, radius->certified_db, &margin), SP_VERDICT_CERTIFIED);
    assert_true(margin == radius->verdict.margin);
    const sp_radius_point *above = point_at(radius, radius->certified_db + tolerance, false, false);
    if (above) {
        assert_false(above->certified);
        assert_int_equal(certify_at(a, radius->certified_db + tolerance, &margin),
                         SP_VERDICT_UNKNOWN);
    } else { // the next budget is broken already
        assert_true(radius->broken_db <= radius->certified_db + tolerance + 1e-9);
    }
    if (isfinite(radius->broken_db)) {
        assert_true(radius->certified_db < radius->broken_db);
        assert_true(point_at(radius, radius->broken_db, true, false)->broken);
        assert_false(point_at(radius, radius->broken_db - tolerance, true, false)->broken);
    }
    if (isfinite(radius->broken_file_db)) {
        assert_true(radius->broken_db <= radius->broken_file_db);
        assert_true(point_at(radius, radius->broken_file_db, true, true)->broken);
    }
}

static void claims_were_tried(void **state) {
    (void)state;
    static const double tolerances[3] = {0.5, 1.0, 3.0};
    const uint64_t nets = sp_test_long() ? 12 : sp_test_sanitized() ? 1 : 3;
    size_t broken = 0, by_file = 0;
    for (uint64_t seed = 1; seed <= nets; seed++) {
        attacked a;
        attacked_init(&a, sp_test_seed() + seed, 3000.0, "exact");
        const double tolerance = tolerances[seed % 3];
        const sp_radius_options options = coarse(&a, tolerance);
        sp_radius radius;
        find(&radius, &a, &options);
        check(&a, &radius, tolerance);
        broken += isfinite(radius.broken_db);
        by_file += isfinite(radius.broken_file_db);
        sp_radius_clear(&radius);
        attacked_clear(&a);
    }
    assert_true(broken > 0 && by_file > 0);
}

/* Noise in fewer samples is never worse, and its set is what it says. */
static void frames_bear_more(void **state) {
    (void)state;
    attacked a;
    sp_radius whole, part;
    sp_noise noise;
    attacked_init(&a, sp_test_seed() + 3, 3000.0, "exact");
    sp_radius_options options = coarse(&a, 1.0);
    find(&whole, &a, &options);
    const size_t frames = whole.verdict.frames;
    for (size_t burst = 1; burst <= 2; burst++) {
        for (size_t first = 0; first + burst <= frames; first += frames - burst) {
            options.first = first;
            options.frames = burst;
            find(&part, &a, &options);
            assert_true(part.certified_db >= whole.certified_db);
            assert_int_equal(part.first, first);
            assert_int_equal(part.frames, burst);
            sp_radius_clear(&part);
        }
    }
    assert_int_equal(
        sp_pipeline_frame_noise(NULL, &noise, &sp_noise_set_box, a.front, a.clip.n, 2.0, 1, 2),
        SP_OK);
    for (size_t i = 0; i < a.clip.n; i++) { // frames of 64 samples every 50
        assert_true(noise.radius[i] == (i >= 50 && i < 164 ? 2.0 : 0.0));
    }
    sp_noise_clear(&noise);
    options.first = frames;
    assert_int_equal(sp_radius_find(NULL, &part, &a.attacker, &a.clip, -1, &options),
                     SP_E_MISMATCH);
    assert_int_equal(part.verdict.kind, SP_VERDICT_ERROR);
    assert_non_null(strstr(part.verdict.reason, "the clip has 6"));
    sp_radius_clear(&part);
    sp_radius_clear(&whole);
    attacked_clear(&a);
}

static void what_stops_a_search(void **state) {
    (void)state;
    attacked a;
    sp_radius radius;
    sp_error err = {0};
    attacked_init(&a, sp_test_seed() + 3, 3000.0, "exact");
    sp_radius_options options = coarse(&a, 1.0);
    options.timeout = 1e-9;
    (void)sp_radius_find(&err, &radius, &a.attacker, &a.clip, -1, &options);
    assert_int_equal(radius.verdict.kind, SP_VERDICT_TIMEOUT);
    assert_true(isnan(radius.certified_db));
    sp_radius_clear(&radius);
    options.timeout = 0.0;
    const long wrong = (long)((a.label + 1) % C);
    assert_int_equal(sp_radius_find(&err, &radius, &a.attacker, &a.clip, wrong, &options), SP_OK);
    assert_int_equal(radius.verdict.kind, SP_VERDICT_MISCLASSIFIED);
    assert_true(isnan(radius.certified_db) && isnan(radius.broken_db));
    assert_int_equal(radius.points, 0);
    sp_radius_clear(&radius);
    memset(a.clip.samples, 0, a.clip.n * sizeof *a.clip.samples);
    a.clip.peak = a.clip.rms = 0.0;
    assert_int_not_equal(sp_radius_find(&err, &radius, &a.attacker, &a.clip, -1, &options), SP_OK);
    assert_int_equal(radius.verdict.kind, SP_VERDICT_ERROR);
    assert_non_null(strstr(radius.verdict.reason, "silen"));
    sp_radius_clear(&radius);
    attacked_clear(&a);
}

static void the_weakest_moment(void **state) {
    (void)state;
    sp_radius radius[5];
    static const double certified[5] = {-40.0, -50.0, -50.0, -30.0, -50.0};
    static const double broken[5] = {-20.0, NAN, -35.0, -10.0, -30.0};
    for (int i = 0; i < 5; i++) {
        sp_radius_init(&radius[i]);
        radius[i].certified_db = certified[i];
        radius[i].broken_db = broken[i];
    }
    assert_int_equal(sp_radius_weakest(radius, 5), 2);
    assert_int_equal(sp_radius_weakest(radius, 2), 1);
    radius[3].certified_db = NAN;
    assert_int_equal(sp_radius_weakest(radius, 5), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_were_tried),
        cmocka_unit_test(frames_bear_more),
        cmocka_unit_test(what_stops_a_search),
        cmocka_unit_test(the_weakest_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
