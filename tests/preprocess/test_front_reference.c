/* The R2 rule gives the boxes that the published certifier reports, at every stage, to float32
 * accuracy.
 * Its stages (reference/intermediates_*.json): the spectrum by intervals, and each later box by
 * the linear bounds carried back to the samples of the frame. */
#include <cjson/cJSON.h>

#include "base/file.h"
#include "tests/preprocess/stage_boxes.h"

static const char *const STAGES[] = {"mtx1", "square", "mel", "log"};
/* 64 roundings of the published float32 run, of the largest value of the stage in that frame: its
 * lines cancel when they are carried back to the samples. */
#define SINGLE (64.0 * 0x1p-24)

typedef struct published {
    cJSON *root;
    front_clip clip;
    double eps;
} published;

static bool load(published *p, const char *name) {
    char path[512], relative[128];
    char *text = NULL;
    size_t size = 0;
    sp_error err;
    (void)snprintf(relative, sizeof relative, "reference/intermediates_%s_m90.json", name);
    if (sp_test_data(relative, path, sizeof path) == NULL || !front_clip_load(&p->clip, name)) {
        return false;
    }
    assert_int_equal(sp_file_read(&err, &text, &size, path, 1u << 26), SP_OK);
    p->root = cJSON_ParseWithLength(text, size);
    free(text);
    assert_non_null(p->root);
    p->eps = cJSON_GetObjectItemCaseSensitive(p->root, "delta")->valuedouble;
    return true;
}

/* The largest |value| of a list. */
static double largest(const cJSON *list) {
    double most = 0.0;
    for (const cJSON *v = list->child; v != NULL; v = v->next) {
        most = fmax(most, fabs(v->valuedouble));
    }
    return most;
}

/* The largest distance of a list from ours, in units of scale[i] (of scale[0] if it is one
 * number). */
static double furthest(const cJSON *list, const double *ours, const double *scale, bool one) {
    double off = 0.0;
    size_t i = 0;
    for (const cJSON *v = list->child; v != NULL; v = v->next, i++) {
        off = fmax(off, fabs(ours[i] - v->valuedouble) / scale[one ? 0 : i]);
    }
    return off;
}

static void check_frame(const cJSON *frame, size_t t, const double *lo, const double *hi,
                        double *most) {
    double scale[10], loudest = 1.0;
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        const cJSON *box = cJSON_GetObjectItemCaseSensitive(frame, STAGES[i]);
        const cJSON *lb = cJSON_GetObjectItemCaseSensitive(box, "lb");
        const cJSON *ub = cJSON_GetObjectItemCaseSensitive(box, "ub");
        scale[0] = fmax(largest(lb), largest(ub));
        loudest = i == 2 ? scale[0] : loudest;
        for (size_t m = 0; m < 10 && i == 3; m++) { // d log E = dE / E, and its own rounding
            scale[m] = loudest / lo[516 + m] + 20.0;
        }
        const double off =
            fmax(furthest(lb, lo + at, scale, i < 3), furthest(ub, hi + at, scale, i < 3));
        most[i] = fmax(most[i], off);
        if (!(off <= SINGLE)) {
            fail_msg("frame %zu, %s: off by %g of the largest value", t, STAGES[i], off);
        }
        at += (size_t)cJSON_GetArraySize(lb);
    }
    assert_int_equal(at, 536);
}

static void check_clip(const char *name) {
    published p;
    sp_noise noise;
    sp_error err;
    if (!load(&p, name)) {
        skip();
    }
    sp_front *front = front_make(0);
    sp_front_forms *forms = front_forms(front, SP_FRONT_R2);
    assert_int_equal(sp_noise_box(&err, &noise, p.clip.n, p.eps), SP_OK);
    const cJSON *frames = cJSON_GetObjectItemCaseSensitive(p.root, "frames");
    double most[4] = {0.0};
    size_t t = 0;
    assert_int_equal(cJSON_GetArraySize(frames), sp_front_frames(front, p.clip.n));
    for (const cJSON *frame = frames->child; frame != NULL; frame = frame->next, t++) {
        double lo[536], hi[536];
        stage_boxes(lo, hi, forms, &p.clip, &noise, t);
        check_frame(frame, t, lo, hi, most);
    }
    print_message("%s: largest distance %.1e %.1e %.1e %.1e\n", name, most[0], most[1], most[2],
                  most[3]);
    sp_noise_clear(&noise);
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
    cJSON_Delete(p.root);
    free(p.clip.samples);
}

static void test_theo(void **state) {
    (void)state;
    check_clip("4_theo_0");
}

static void test_yweweler(void **state) {
    (void)state;
    check_clip("5_yweweler_0");
}

/* The range that is used lies inside the published one, and inside that of intervals. */
static void test_range_is_no_wider(void **state) {
    (void)state;
    published p;
    sp_noise noise;
    sp_error err;
    if (!load(&p, "5_yweweler_0")) {
        skip();
    }
    sp_front *front = front_make(0);
    assert_int_equal(sp_noise_box(&err, &noise, p.clip.n, p.eps), SP_OK);
    sp_front_bound bound[3];
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms *forms = front_forms(front, rule);
        assert_int_equal(
            sp_front_bound_create(&err, &bound[rule], forms, p.clip.samples, p.clip.n, &noise),
            SP_OK);
        if (rule < SP_FRONT_JOINT) {
            for (size_t t = 0; t < bound[rule].frames; t++) {
                double lo[536], hi[536];
                stage_boxes(lo, hi, forms, &p.clip, &noise, t);
                for (size_t m = 0; m < 10; m++) {
                    assert_true(bound[rule].lo[10 * t + m] >= lo[526 + m] - 1e-9);
                    assert_true(bound[rule].hi[10 * t + m] <= hi[526 + m] + 1e-9);
                }
            }
        }
        sp_front_forms_destroy(forms);
    }
    for (size_t i = 0; i < 10 * bound[0].frames; i++) {
        assert_true(bound[SP_FRONT_R2].lo[i] >= bound[SP_FRONT_INTERVAL].lo[i] - 1e-12);
        assert_true(bound[SP_FRONT_R2].hi[i] <= bound[SP_FRONT_INTERVAL].hi[i] + 1e-12);
        assert_true(bound[SP_FRONT_JOINT].lo[i] >= bound[SP_FRONT_R2].lo[i] - 1e-3);
        assert_true(bound[SP_FRONT_JOINT].hi[i] <= bound[SP_FRONT_R2].hi[i] + 1e-3);
    }
    for (size_t rule = 0; rule < 3; rule++) {
        sp_front_bound_clear(&bound[rule]);
    }
    sp_noise_clear(&noise);
    sp_front_destroy(front);
    cJSON_Delete(p.root);
    free(p.clip.samples);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_theo),
        cmocka_unit_test(test_yweweler),
        cmocka_unit_test(test_range_is_no_wider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
