/* Results as JSON objects: what comes back makes the same object, and prints the same lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "certify/report/report.h"
#include "runs/runs.h"
#include "tests/support/support.h"

static sp_rng rng;

/* Any number, now and then one that does not exist. */
static double any(void) {
    const double size = pow(10.0, sp_rng_uniform(&rng, -12.0, 12.0));
    return sp_rng_below(&rng, 8) == 0 ? NAN : sp_rng_uniform(&rng, -1.0, 1.0) * size;
}

static double *any_list(size_t count) {
    double *list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = any();
    }
    return list;
}

static size_t any_label(size_t classes) {
    return sp_rng_below(&rng, 5) == 0 ? SP_NO_LABEL : sp_rng_below(&rng, classes);
}

static bool coin(void) {
    return sp_rng_below(&rng, 2) == 0;
}

static sp_budget_scale any_scale(void) {
    return (sp_budget_scale){any(), any(), any(), coin()};
}

static sp_verdict any_verdict(void) {
    sp_verdict v;
    sp_verdict_init(&v);
    v.kind = (sp_verdict_kind)sp_rng_below(&rng, SP_VERDICT_KINDS);
    v.classes = 2 + sp_rng_below(&rng, 9);
    v.frames = sp_rng_below(&rng, 100);
    v.label = any_label(v.classes);
    v.predicted = any_label(v.classes);
    v.margin = v.kind == SP_VERDICT_CERTIFIED ? sp_rng_uniform(&rng, 1e-9, 9.0) : any();
    v.logits = coin() ? any_list(v.classes) : NULL;
    v.margins = coin() ? any_list(v.classes) : NULL;
    v.error = any();
    v.eps = any();
    v.deployed = (sp_budget_deployed)sp_rng_below(&rng, 3);
    v.heard_eps = any();
    v.set = coin() ? &sp_noise_set_l2 : coin() ? &sp_noise_set_box : NULL;
    v.scale = any_scale();
    v.arithmetic = coin() ? SP_ARITHMETIC_FLOAT32 : SP_ARITHMETIC_REAL;
    v.float32 = any();
    v.rival = any_label(v.classes);
    v.windows = coin() ? 1 + sp_rng_below(&rng, 9) : 0;
    v.first_frame = v.windows ? sp_rng_below(&rng, 9) : 0;
    v.begin_s = v.windows ? 0.25 : 0.0;
    v.seconds = sp_rng_uniform(&rng, 0.0, 9.0);
    v.cpu_seconds = v.front_seconds = v.boxes_seconds = v.rows_seconds = v.seconds / 3.0;
    snprintf(v.reason, sizeof v.reason, "%s", coin() ? "" : "\"quoted\", \xC3\xA4 and\\so on");
    return v;
}

static sp_json *parse(const char *text) {
    sp_error err = {0};
    sp_json *object = NULL;
    if (sp_json_parse(&err, &object, text, strlen(text)) != SP_OK) {
        fail_msg("%s: %s", err.text, text);
    }
    return object;
}

static void expect_same(char *a, char *b) {
    assert_non_null(a);
    assert_non_null(b);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static void verdicts_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        sp_verdict v = any_verdict(), w;
        char *text = sp_record_verdict(&v);
        sp_json *object = parse(text);
        assert_true(sp_record_take_verdict(&w, object));
        sp_json_destroy(object);
        expect_same(text, sp_record_verdict(&w));
        expect_same(sp_report_verdict_json("c", NULL, &v), sp_report_verdict_json("c", NULL, &w));
        expect_same(sp_report_verdict_row("c", 8, false, &v),
                    sp_report_verdict_row("c", 8, false, &w));
        assert_true(w.arithmetic == v.arithmetic && w.rival == v.rival);
        assert_true(w.kind == v.kind && w.set == v.set && w.scale.vacuous == v.scale.vacuous);
        sp_verdict_clear(&v);
        sp_verdict_clear(&w);
    }
}

static void attacks_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        const sp_attack_options options = {.seed = 3};
        sp_attack a, b;
        sp_attack_init(&a);
        a.verdict = any_verdict();
        a.real_margin = any();
        a.real_answer = any_label(9);
        a.real_broken = coin();
        a.file_margin = any();
        a.original_margin = any();
        a.file_answer = any_label(9);
        a.file_largest = any();
        a.file_radius = any();
        a.file_snr_db = any();
        a.file_own = coin();
        a.file_path = coin() ? strdup("a folder/file \"1\".wav") : NULL;
        a.steps = sp_rng_below(&rng, 1000);
        snprintf(a.file_format, sizeof a.file_format, "%s", coin() ? "mu-law WAV" : "");
        char *text = sp_record_attack(&a);
        sp_json *object = parse(text);
        assert_true(sp_record_take_attack(&b, object));
        sp_json_destroy(object);
        expect_same(text, sp_record_attack(&b));
        expect_same(sp_report_attack_json("c", &a, &options),
                    sp_report_attack_json("c", &b, &options));
        assert_true(a.real_broken == b.real_broken && a.file_own == b.file_own);
        sp_attack_clear(&a);
        sp_attack_clear(&b);
    }
}

static void radii_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        sp_radius r, s;
        sp_radius_init(&r);
        r.verdict = any_verdict();
        r.certified_db = any();
        r.broken_db = any();
        r.broken_file_db = any();
        r.first = sp_rng_below(&rng, 9);
        r.frames = sp_rng_below(&rng, 3);
        r.points = sp_rng_below(&rng, 12);
        r.point = calloc(r.points + 1, sizeof *r.point);
        for (size_t i = 0; i < r.points; i++) {
            r.point[i] = (sp_radius_point){
                sp_rng_uniform(&rng, -90.0, 0.0), coin(), coin(), coin(), coin(), any(), 0.25};
        }
        char *text = sp_record_radius(&r);
        sp_json *object = parse(text);
        assert_true(sp_record_take_radius(&s, object));
        sp_json_destroy(object);
        expect_same(text, sp_record_radius(&s));
        expect_same(sp_report_radius_row("c", 8, false, &r, true),
                    sp_report_radius_row("c", 8, false, &s, true));
        expect_same(sp_report_radius_details(&r), sp_report_radius_details(&s));
        sp_radius_clear(&r);
        sp_radius_clear(&s);
    }
}

static void findings_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        sp_finding f = {.property = (sp_property)sp_rng_below(&rng, SP_PROPERTIES)}, g;
        f.kind = (sp_verdict_kind)sp_rng_below(&rng, SP_VERDICT_KINDS);
        f.fire = coin();
        f.shared = sp_rng_below(&rng, 2) > 0;
        f.threshold = any();
        f.logit = any();
        f.certified = any_scale();
        f.broken = any_scale();
        f.file = any_scale();
        f.gain_lo = any();
        f.gain_hi = any();
        f.gain_broken = any();
        f.pieces = sp_rng_below(&rng, 99);
        f.margin = any();
        f.float32 = any();
        f.begin_s = any();
        f.end_s = any();
        f.frame = sp_rng_below(&rng, 99);
        f.places = sp_rng_below(&rng, 9);
        f.place_db = coin() ? any_list(f.places) : NULL;
        f.file_logit = any();
        f.original_logit = any();
        f.dead = 0.5;
        f.kept = coin();
        f.form = coin() ? SP_CLIP_WAV : SP_CLIP_OWN;
        f.seconds = 1.5;
        char *text = sp_record_finding(&f);
        sp_json *object = parse(text);
        assert_true(sp_record_take_finding(&g, object));
        sp_json_destroy(object);
        expect_same(text, sp_record_finding(&g));
        expect_same(sp_report_audit_row("c", 8, "exact", &f),
                    sp_report_audit_row("c", 8, "exact", &g));
        sp_finding_clear(&f);
        sp_finding_clear(&g);
    }
}

/* With the bytes of its breaking file, whatever they are. */
static void studies_come_back(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        sp_study a, b;
        sp_study_init(&a);
        a.radius.verdict = any_verdict();
        a.radius.point = calloc(1, sizeof *a.radius.point);
        a.radius.certified_db = any();
        a.attack.verdict = any_verdict();
        a.own = coin();
        a.nearest = any_label(9);
        a.share = coin() ? any_list(a.radius.verdict.frames) : NULL;
        a.budgets = sp_rng_below(&rng, 4);
        a.verdict = calloc(a.budgets + 1, sizeof *a.verdict);
        for (size_t k = 0; k < a.budgets; k++) {
            a.verdict[k] = any_verdict();
        }
        a.attack.file_size = sp_rng_below(&rng, 100);
        a.attack.file = coin() ? calloc(1, a.attack.file_size + 1) : NULL;
        for (size_t i = 0; a.attack.file && i < a.attack.file_size; i++) {
            a.attack.file[i] = (char)sp_rng_below(&rng, 256);
        }
        char *text = sp_record_study(&a);
        sp_json *object = parse(text);
        assert_true(sp_record_take_study(&b, object));
        sp_json_destroy(object);
        assert_int_equal(!a.attack.file, !b.attack.file);
        if (a.attack.file) {
            assert_int_equal(a.attack.file_size, b.attack.file_size);
            assert_memory_equal(a.attack.file, b.attack.file, a.attack.file_size);
        }
        assert_true(a.budgets == b.budgets && a.own == b.own && a.nearest == b.nearest);
        expect_same(text, sp_record_study(&b));
        sp_study_clear(&a);
        sp_study_clear(&b);
    }
}

/* What is no result is none: above all, nothing is certified that does not say its margin. */
static void what_is_not_whole_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "{\"kind\":\"certified\",\"deployed\":\"real\"}",
        "{\"kind\":\"certified\",\"margin\":1,\"deployed\":\"unreal\",\"seconds\":[0,0,0,0,0]}",
        "{\"kind\":\"splendid\",\"deployed\":\"real\",\"seconds\":[0,0,0,0,0]}",
        "{\"kind\":\"certified\",\"margin\":0,\"deployed\":\"real\",\"seconds\":[0,0,0,0,0]}",
        "{\"kind\":\"certified\",\"margin\":-1,\"deployed\":\"real\",\"seconds\":[0,0,0,0,0]}",
        "{\"kind\":\"certified\",\"margin\":null,\"deployed\":\"real\",\"seconds\":[0,0,0,0,0]}",
        "{\"kind\":\"unknown\",\"classes\":3,\"logits\":[1,2],\"deployed\":\"real\",\"seconds\":[0,"
        "0,0,0,0]}",
        "{\"kind\":\"unknown\",\"deployed\":\"real\",\"seconds\":[0,0]}",
        "{\"kind\":\"unknown\",\"deployed\":\"real\",\"arithmetic\":\"vague\",\"seconds\":[0,0,0,0,"
        "0]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_json *object = parse(wrong[i]);
        sp_verdict v;
        sp_attack a;
        sp_radius r;
        sp_finding f;
        sp_study study;
        assert_false(sp_record_take_study(&study, object));
        assert_false(sp_record_take_verdict(&v, object));
        assert_false(sp_record_take_attack(&a, object));
        assert_false(sp_record_take_radius(&r, object));
        assert_false(sp_record_take_finding(&f, object));
        sp_json_destroy(object);
    }
}

static int prepare(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_come_back), cmocka_unit_test(attacks_come_back),
        cmocka_unit_test(radii_come_back),    cmocka_unit_test(findings_come_back),
        cmocka_unit_test(studies_come_back),  cmocka_unit_test(what_is_not_whole_is_refused),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
