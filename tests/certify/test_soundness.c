/* Real clips: nothing that opt-rest certifies is broken by an attack, no proved margin is above an
 * attained one, and opt proves at least what exact does. A handful of clips; all of them with
 * SOUNDPROOF_LONG=1. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "certify/attack/attack.h"
#include "onnx/onnx.h"
#include "tests/support/support.h"

enum { PATH = 1024, MOST_CLIPS = 4096 };

typedef struct real {
    sp_model model;
    sp_front *front;
    sp_pipeline exact, opt;
    sp_attacker attacker;
    char folder[PATH];
} real;

static int open_real(void **state) {
    static real r;
    char model[PATH], front[PATH];
    sp_error err = {0};
    const sp_method *exact = sp_method_find("exact"), *opt = sp_method_find("opt-rest");
    *state = NULL;
    if (!sp_test_data("models/fsdd.onnx", model, PATH) ||
        !sp_test_data("fsdd-front.json", front, PATH) || !sp_test_data("fsdd", r.folder, PATH)) {
        return 0;
    }
    if (sp_model_read(&err, &r.model, model) != SP_OK ||
        sp_front_read(&err, &r.front, front) != SP_OK ||
        sp_pipeline_init(&err, &r.exact, &r.model.net, r.front, exact, exact->front) != SP_OK ||
        sp_pipeline_init(&err, &r.opt, &r.model.net, r.front, opt, opt->front) != SP_OK ||
        sp_attacker_init(&err, &r.attacker, &r.opt) != SP_OK ||
        sp_pool_start(sp_test_long() ? 0 : 2) != SP_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    *state = &r;
    return 0;
}

static int close_real(void **state) {
    real *r = *state;
    if (r) {
        sp_pool_stop();
        sp_attacker_clear(&r->attacker);
        sp_pipeline_clear(&r->exact);
        sp_pipeline_clear(&r->opt);
        sp_front_destroy(r->front);
        sp_model_clear(&r->model);
    }
    return 0;
}

/* What became of one clip at one budget. */
typedef struct outcome {
    bool certified, broken;
} outcome;

static outcome check(const real *r, const char *name, const char *path, double db) {
    const sp_front_layout *layout = sp_front_layout_of(r->front);
    const sp_clip_options wanted = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
    const sp_attack_options options = {.steps = 15, .starts = 2, .seed = 1, .source = path};
    const long label = sp_label_of_name(name, r->model.net.classes);
    sp_error err = {0};
    sp_clip clip;
    sp_verdict verdict, exact;
    sp_attack attack;
    if (sp_clip_read(&err, &clip, path, &wanted) != SP_OK ||
        sp_certify(&err, &exact, &r->exact, &clip, &budget, label, 0.0) != SP_OK ||
        sp_certify(&err, &verdict, &r->opt, &clip, &budget, label, 0.0) != SP_OK ||
        sp_attack_budget(&err, &attack, &r->attacker, &clip, &budget, label, &options) != SP_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    const outcome o = {verdict.kind == SP_VERDICT_CERTIFIED, attack.real_broken};
    if (o.certified && o.broken) {
        fail_msg("%s at %g dB: certified with margin %a, broken with %a", name, db, verdict.margin,
                 attack.real_margin);
    }
    for (size_t k = 0; k < verdict.classes && exact.margins; k++) {
        if (k != verdict.label && !(verdict.margins[k] >= exact.margins[k])) {
            fail_msg("%s at %g dB, label %zu: opt proves %a, exact %a", name, db, k,
                     verdict.margins[k], exact.margins[k]);
        }
    }
    for (size_t k = 0; attack.noise && k < verdict.classes; k++) {
        if (k != verdict.label && !(verdict.margins[k] <= attack.verdict.margins[k] + 1e-9)) {
            fail_msg("%s at %g dB, label %zu: %a proved, %a attained", name, db, k,
                     verdict.margins[k], attack.verdict.margins[k]);
        }
    }
    assert_true(attack.verdict.kind != SP_VERDICT_BROKEN || attack.real_broken);
    sp_attack_clear(&attack);
    sp_verdict_clear(&verdict);
    sp_verdict_clear(&exact);
    sp_clip_clear(&clip);
    return o;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_all(const real *r) {
    static const double db[6] = {-90.0, -80.0, -75.0, -70.0, -65.0, -60.0};
    static char *names[MOST_CLIPS];
    size_t count = 0, certified = 0, broken = 0;
    DIR *folder = opendir(r->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) && count < MOST_CLIPS;) {
        const char *mark = strrchr(entry->d_name, '_');
        // the test set: takes 0 to 4 of every speaker
        if (mark && strstr(entry->d_name, ".wav") && mark[1] <= '4' && mark[2] == '.') {
            names[count++] = strdup(entry->d_name);
        }
    }
    closedir(folder);
    qsort(names, count, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++) {
        for (int b = 0; b < 6; b++) {
            char path[PATH + 256];
            snprintf(path, sizeof path, "%s/%s", r->folder, names[i]);
            const outcome o = check(r, names[i], path, db[b]);
            certified += o.certified;
            broken += o.broken;
        }
        free(names[i]);
    }
    print_message("%zu clips: %zu certified, %zu broken\n", count, certified, broken);
    assert_true(certified > 0 && broken > 0);
}

/* Budgets around the edges of these clips: certified, one or the other or neither, and broken. */
static void nothing_certified_is_broken(void **state) {
    const real *r = *state;
    static const struct {
        const char *name;
        double db[3];
    } clips[] = {{"2_theo_3.wav", {-58.5, -57.0, -54.5}},
                 {"4_yweweler_3.wav", {-64.5, -55.0, -40.0}},
                 {"9_nicolas_0.wav", {-61.0, -59.0, -54.0}},
                 {"1_jackson_4.wav", {-96.0, -93.5, -80.0}}};
    if (!r) {
        print_message("no fsdd data");
        skip();
    }
    const size_t count = sp_test_sanitized() ? 1 : sizeof clips / sizeof clips[0];
    for (size_t i = 0; i < count; i++) {
        for (int b = 0; b < 3; b++) {
            char path[PATH + 64];
            snprintf(path, sizeof path, "%s/%s", r->folder, clips[i].name);
            const outcome o = check(r, clips[i].name, path, clips[i].db[b]);
            if ((b == 0 && !o.certified) || (b == 2 && !o.broken)) {
                fail_msg("%s at %g dB: neither certified nor broken", path, clips[i].db[b]);
            }
        }
    }
    if (sp_test_long()) {
        check_all(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_certified_is_broken)};
    return cmocka_run_group_tests(tests, open_real, close_real);
}
