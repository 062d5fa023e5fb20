/* Results as JSON objects, and back. */
#include "runs/runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* ---- members ---- */

static double get_number(const sp_json *object, const char *key) {
    const sp_json *member = sp_json_get(object, key);
    return sp_json_is_number(member) ? sp_json_value(member) : NAN;
}

/* Whole numbers from 0; `other` where there is none. */
static size_t get_size(const sp_json *object, const char *key, size_t other) {
    const double value = get_number(object, key);
    return value >= 0.0 && value <= 9007199254740992.0 ? (size_t)value : other;
}

static const char *get_text(const sp_json *object, const char *key) {
    const sp_json *member = sp_json_get(object, key);
    return sp_json_is_string(member) ? sp_json_string(member) : NULL;
}

static void copy_text(char *to, size_t size, const sp_json *object, const char *key) {
    const char *text = get_text(object, key);
    snprintf(to, size, "%s", text ? text : "");
}

/* A list of numbers, NULL where there is none; false: no memory, or another length. */
static bool get_list(double **values, const sp_json *object, const char *key, size_t count) {
    const sp_json *list = sp_json_get(object, key);
    *values = NULL;
    if (!sp_json_is_array(list)) {
        return true;
    }
    size_t i = 0;
    double *made = calloc(count + 1, sizeof *made);
    for (const sp_json *e = sp_json_first(list); made && e && i < count; e = sp_json_next(e)) {
        made[i++] = sp_json_is_number(e) ? sp_json_value(e) : NAN;
    }
    if (!made || i != count) {
        free(made);
        return false;
    }
    *values = made;
    return true;
}

static void put_index(sp_json_line *line, const char *key, size_t value) {
    if (value == SP_NO_LABEL) {
        sp_json_line_null(line, key);
    } else {
        sp_json_line_number(line, key, (double)value);
    }
}

static void put_raw(sp_json_line *line, const char *key, char *object) {
    sp_json_line_raw(line, key, object);
    free(object);
}

static void put_list(sp_json_line *line, const char *key, const double *values, size_t count) {
    if (values) {
        sp_json_line_numbers(line, key, values, count);
    } else {
        sp_json_line_null(line, key);
    }
}

static bool find_kind(sp_verdict_kind *kind, const sp_json *object) {
    const char *name = get_text(object, "kind");
    for (int k = 0; name && k < SP_VERDICT_KINDS; k++) {
        if (strcmp(sp_verdict_name((sp_verdict_kind)k), name) == 0) {
            *kind = (sp_verdict_kind)k;
            return true;
        }
    }
    return false;
}

/* What says nothing of it speaks of real numbers. */
static bool find_arithmetic(sp_arithmetic *arithmetic, const sp_json *object) {
    const char *name = get_text(object, "arithmetic");
    *arithmetic = SP_ARITHMETIC_REAL;
    return !name || sp_arithmetic_find(arithmetic, name);
}

static void put_scale(sp_json_line *line, const char *key, const sp_budget_scale *scale) {
    const double numbers[4] = {scale->db_peak, scale->lsb, scale->snr_db, scale->vacuous};
    sp_json_line_numbers(line, key, numbers, 4);
}

static void get_scale(sp_budget_scale *scale, const sp_json *object, const char *key) {
    double *numbers = NULL;
    *scale = (sp_budget_scale){NAN, NAN, NAN, false};
    if (get_list(&numbers, object, key, 4) && numbers) {
        *scale = (sp_budget_scale){numbers[0], numbers[1], numbers[2], numbers[3] == 1.0};
    }
    free(numbers);
}

/* ---- verdicts ---- */

char *sp_record_verdict(const sp_verdict *v) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "kind", sp_verdict_name(v->kind));
    sp_json_line_text(line, "reason", v->reason);
    put_index(line, "label", v->label);
    put_index(line, "predicted", v->predicted);
    put_index(line, "classes", v->classes);
    put_index(line, "frames", v->frames);
    put_index(line, "outputs", v->outputs);
    sp_json_line_bool(line, "sides", v->sides);
    put_list(line, "logits", v->logits, v->classes);
    put_list(line, "margins", v->margins, v->classes);
    sp_json_line_number(line, "margin", v->margin);
    sp_json_line_number(line, "error", v->error);
    sp_json_line_number(line, "eps", v->eps);
    sp_json_line_text(line, "deployed", sp_budget_deployed_name(v->deployed));
    sp_json_line_number(line, "heard_eps", v->heard_eps);
    sp_json_line_text(line, "norm", v->set ? v->set->norm : NULL);
    sp_json_line_bool(line, "shared", v->shared);
    put_scale(line, "scale", &v->scale);
    sp_json_line_text(line, "arithmetic", sp_arithmetic_name(v->arithmetic));
    sp_json_line_number(line, "float32", v->float32);
    put_index(line, "rival", v->rival);
    if (v->windows > 0) {
        const double window[3] = {(double)v->windows, (double)v->first_frame, v->begin_s};
        sp_json_line_numbers(line, "window", window, 3);
    }
    const double seconds[5] = {v->seconds, v->cpu_seconds, v->front_seconds, v->boxes_seconds,
                               v->rows_seconds};
    sp_json_line_numbers(line, "seconds", seconds, 5);
    return sp_json_line_finish(line);
}

/* Of a longer recording, which window. */
static void get_window(sp_verdict *v, const sp_json *object) {
    double *window = NULL;
    if (get_list(&window, object, "window", 3) && window && window[0] >= 1.0 && window[1] >= 0.0) {
        v->windows = (size_t)window[0];
        v->first_frame = (size_t)window[1];
        v->begin_s = window[2];
    }
    free(window);
}

bool sp_record_take_verdict(sp_verdict *v, const sp_json *object) {
    double *seconds = NULL;
    const char *norm = get_text(object, "norm"), *deployed = get_text(object, "deployed");
    sp_verdict_init(v);
    if (!find_kind(&v->kind, object) || !deployed ||
        !sp_budget_deployed_find(&v->deployed, deployed) ||
        !find_arithmetic(&v->arithmetic, object)) {
        return false;
    }
    copy_text(v->reason, sizeof v->reason, object, "reason");
    v->label = get_size(object, "label", SP_NO_LABEL);
    v->predicted = get_size(object, "predicted", SP_NO_LABEL);
    v->classes = get_size(object, "classes", 0);
    v->frames = get_size(object, "frames", 0);
    v->outputs = get_size(object, "outputs", 0);
    v->sides = sp_json_flag(sp_json_get(object, "sides"));
    v->margin = get_number(object, "margin");
    v->error = get_number(object, "error");
    v->eps = get_number(object, "eps");
    v->heard_eps = get_number(object, "heard_eps");
    v->set = norm ? sp_noise_set_of_norm(norm) : NULL;
    v->shared = sp_json_flag(sp_json_get(object, "shared"));
    get_scale(&v->scale, object, "scale");
    v->float32 = get_number(object, "float32");
    v->rival = get_size(object, "rival", SP_NO_LABEL);
    get_window(v, object);
    if (!get_list(&v->logits, object, "logits", v->classes) ||
        !get_list(&v->margins, object, "margins", v->classes) ||
        !get_list(&seconds, object, "seconds", 5) || !seconds) {
        free(seconds);
        sp_verdict_clear(v);
        sp_verdict_init(v);
        return false;
    }
    v->seconds = seconds[0];
    v->cpu_seconds = seconds[1];
    v->front_seconds = seconds[2];
    v->boxes_seconds = seconds[3];
    v->rows_seconds = seconds[4];
    free(seconds);
    if ((v->kind == SP_VERDICT_CERTIFIED && !(v->margin > 0.0)) ||
        (v->outputs > 0 && v->classes % v->outputs != 0)) { // is none
        sp_verdict_clear(v);
        sp_verdict_init(v);
        return false;
    }
    return true;
}

/* ---- attacks ---- */

char *sp_record_attack(const sp_attack *a) {
    sp_json_line *line = sp_json_line_create();
    put_raw(line, "verdict", sp_record_verdict(&a->verdict));
    sp_json_line_number(line, "real_margin", a->real_margin);
    put_index(line, "real_answer", a->real_answer);
    sp_json_line_bool(line, "real_broken", a->real_broken);
    sp_json_line_number(line, "file_margin", a->file_margin);
    sp_json_line_number(line, "original_margin", a->original_margin);
    put_index(line, "file_answer", a->file_answer);
    sp_json_line_number(line, "file_largest", a->file_largest);
    sp_json_line_number(line, "file_radius", a->file_radius);
    sp_json_line_number(line, "file_snr_db", a->file_snr_db);
    sp_json_line_text(line, "file_format", a->file_format);
    sp_json_line_bool(line, "file_own", a->file_own);
    sp_json_line_text(line, "file_path", a->file_path);
    sp_json_line_numbers(line, "suite", a->part, SP_ATTACK_PART_COUNT);
    put_index(line, "steps", a->steps);
    return sp_json_line_finish(line);
}

bool sp_record_take_attack(sp_attack *a, const sp_json *object) {
    const char *path = get_text(object, "file_path");
    sp_attack_init(a);
    if (!sp_record_take_verdict(&a->verdict, sp_json_get(object, "verdict"))) {
        return false;
    }
    a->real_margin = get_number(object, "real_margin");
    a->real_answer = get_size(object, "real_answer", SP_NO_LABEL);
    a->real_broken = sp_json_flag(sp_json_get(object, "real_broken"));
    a->file_margin = get_number(object, "file_margin");
    a->original_margin = get_number(object, "original_margin");
    a->file_answer = get_size(object, "file_answer", SP_NO_LABEL);
    a->file_largest = get_number(object, "file_largest");
    a->file_radius = get_number(object, "file_radius");
    a->file_snr_db = get_number(object, "file_snr_db");
    copy_text(a->file_format, sizeof a->file_format, object, "file_format");
    a->file_own = sp_json_flag(sp_json_get(object, "file_own"));
    a->file_path = path ? strdup(path) : NULL;
    double *part = NULL;
    if (get_list(&part, object, "suite", SP_ATTACK_PART_COUNT) && part) {
        memcpy(a->part, part, sizeof a->part);
    }
    free(part);
    a->steps = get_size(object, "steps", 0);
    return true;
}

/* ---- radii ---- */

enum { POINT = 7 }; /* numbers of a budget that was tried */

char *sp_record_radius(const sp_radius *r) {
    sp_json_line *line = sp_json_line_create();
    double *points = calloc(r->points + 1, POINT * sizeof *points);
    for (size_t i = 0; points && i < r->points; i++) {
        const sp_radius_point *p = &r->point[i];
        const double numbers[POINT] = {p->db,     p->attacked, p->certified, p->file,
                                       p->broken, p->margin,   p->seconds};
        memcpy(points + POINT * i, numbers, sizeof numbers);
    }
    put_raw(line, "verdict", sp_record_verdict(&r->verdict));
    sp_json_line_number(line, "certified_db", r->certified_db);
    sp_json_line_number(line, "broken_db", r->broken_db);
    sp_json_line_number(line, "broken_file_db", r->broken_file_db);
    put_index(line, "first", r->first);
    put_index(line, "frames", r->frames);
    put_index(line, "tried", r->points);
    put_list(line, "points", points, POINT * r->points);
    char *text = sp_json_line_finish(line);
    if (!points) {
        free(text);
        return NULL;
    }
    free(points);
    return text;
}

bool sp_record_take_radius(sp_radius *r, const sp_json *object) {
    const size_t tried = get_size(object, "tried", 0);
    double *points = NULL;
    sp_radius_init(r);
    if (!sp_record_take_verdict(&r->verdict, sp_json_get(object, "verdict"))) {
        return false;
    }
    r->certified_db = get_number(object, "certified_db");
    r->broken_db = get_number(object, "broken_db");
    r->broken_file_db = get_number(object, "broken_file_db");
    r->first = get_size(object, "first", 0);
    r->frames = get_size(object, "frames", 0);
    if (tried < 1000000) {
        r->point = calloc(tried + 1, sizeof *r->point);
    }
    if (!r->point || !get_list(&points, object, "points", POINT * tried) || !points) {
        free(points);
        sp_radius_clear(r);
        return false;
    }
    r->points = tried;
    for (size_t i = 0; i < tried; i++) {
        const double *n = points + POINT * i;
        r->point[i] = (sp_radius_point){.db = n[0],
                                        .attacked = n[1] == 1.0,
                                        .certified = n[2] == 1.0,
                                        .file = n[3] == 1.0,
                                        .broken = n[4] == 1.0,
                                        .margin = n[5],
                                        .seconds = n[6]};
    }
    free(points);
    return true;
}

/* ---- findings of audits ---- */

char *sp_record_finding(const sp_finding *f) {
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "property", sp_property_name(f->property));
    sp_json_line_text(line, "kind", sp_verdict_name(f->kind));
    sp_json_line_text(line, "reason", f->reason);
    sp_json_line_bool(line, "fire", f->fire);
    sp_json_line_bool(line, "shared", f->shared);
    sp_json_line_number(line, "threshold", f->threshold);
    sp_json_line_number(line, "logit", f->logit);
    put_scale(line, "certified", &f->certified);
    put_scale(line, "broken", &f->broken);
    put_scale(line, "file", &f->file);
    sp_json_line_number(line, "gain_lo", f->gain_lo);
    sp_json_line_number(line, "gain_hi", f->gain_hi);
    sp_json_line_number(line, "gain_broken", f->gain_broken);
    put_index(line, "pieces", f->pieces);
    sp_json_line_number(line, "margin", f->margin);
    sp_json_line_number(line, "float32", f->float32);
    sp_json_line_number(line, "begin_s", f->begin_s);
    sp_json_line_number(line, "end_s", f->end_s);
    put_index(line, "frame", f->frame);
    put_index(line, "places", f->places);
    put_list(line, "place_db", f->place_db, f->places);
    sp_json_line_number(line, "file_logit", f->file_logit);
    sp_json_line_number(line, "original_logit", f->original_logit);
    sp_json_line_number(line, "dead", f->dead);
    sp_json_line_bool(line, "kept", f->kept);
    sp_json_line_number(line, "form", (double)f->form);
    sp_json_line_text(line, "file_format", f->file_format);
    sp_json_line_number(line, "seconds", f->seconds);
    return sp_json_line_finish(line);
}

bool sp_record_take_finding(sp_finding *f, const sp_json *object) {
    const char *name = get_text(object, "property");
    *f = (sp_finding){.property = name ? sp_property_find(name) : SP_PROPERTIES};
    if (f->property == SP_PROPERTIES || !find_kind(&f->kind, object)) {
        return false;
    }
    copy_text(f->reason, sizeof f->reason, object, "reason");
    f->fire = sp_json_flag(sp_json_get(object, "fire"));
    f->shared = sp_json_flag(sp_json_get(object, "shared"));
    f->threshold = get_number(object, "threshold");
    f->logit = get_number(object, "logit");
    get_scale(&f->certified, object, "certified");
    get_scale(&f->broken, object, "broken");
    get_scale(&f->file, object, "file");
    f->gain_lo = get_number(object, "gain_lo");
    f->gain_hi = get_number(object, "gain_hi");
    f->gain_broken = get_number(object, "gain_broken");
    f->pieces = get_size(object, "pieces", 0);
    f->margin = get_number(object, "margin");
    f->float32 = get_number(object, "float32");
    f->begin_s = get_number(object, "begin_s");
    f->end_s = get_number(object, "end_s");
    f->frame = get_size(object, "frame", 0);
    f->places = get_size(object, "places", 0);
    f->file_logit = get_number(object, "file_logit");
    f->original_logit = get_number(object, "original_logit");
    f->dead = get_number(object, "dead");
    f->kept = sp_json_flag(sp_json_get(object, "kept"));
    f->form = get_number(object, "form") == (double)SP_CLIP_WAV ? SP_CLIP_WAV : SP_CLIP_OWN;
    copy_text(f->file_format, sizeof f->file_format, object, "file_format");
    f->seconds = get_number(object, "seconds");
    return get_list(&f->place_db, object, "place_db", f->places);
}

/* ---- studies ---- */

static char *list_verdicts(const sp_study *study) {
    sp_json_line *line = sp_json_line_create();
    char key[32];
    for (size_t b = 0; b < study->budgets; b++) {
        snprintf(key, sizeof key, "%zu", b);
        put_raw(line, key, sp_record_verdict(&study->verdict[b]));
    }
    return sp_json_line_finish(line);
}

/* The bytes of the breaking file stand in it too: the file need not stay. */
char *sp_record_study(const sp_study *study) {
    sp_json_line *line = sp_json_line_create();
    put_raw(line, "radius", sp_record_radius(&study->radius));
    sp_json_line_bool(line, "own", study->own);
    put_index(line, "budgets", study->verdict ? study->budgets : SP_NO_LABEL);
    if (study->verdict) {
        put_raw(line, "verdicts", list_verdicts(study));
    }
    put_raw(line, "attack", sp_record_attack(&study->attack));
    if (study->attack.file) {
        char *text = sp_base64_text(study->attack.file, study->attack.file_size);
        sp_json_line_text(line, "file", text ? text : "");
        free(text);
    }
    put_index(line, "nearest", study->nearest);
    put_list(line, "share", study->share, study->radius.verdict.frames);
    return sp_json_line_finish(line);
}

static bool take_verdicts(sp_study *study, const sp_json *object) {
    const size_t budgets = get_size(object, "budgets", SP_NO_LABEL);
    const sp_json *list = sp_json_get(object, "verdicts");
    char key[32];
    if (budgets == SP_NO_LABEL) {
        return true;
    }
    study->verdict = budgets < 1000000 ? calloc(budgets + 1, sizeof *study->verdict) : NULL;
    bool taken = study->verdict != NULL;
    for (size_t b = 0; taken && b < budgets; b++) {
        snprintf(key, sizeof key, "%zu", b);
        taken = sp_record_take_verdict(&study->verdict[b], sp_json_get(list, key));
        study->budgets += taken;
    }
    return taken;
}

bool sp_record_take_study(sp_study *study, const sp_json *object) {
    const char *file = get_text(object, "file");
    sp_study_init(study);
    bool taken = sp_record_take_radius(&study->radius, sp_json_get(object, "radius")) &&
                 sp_record_take_attack(&study->attack, sp_json_get(object, "attack")) &&
                 take_verdicts(study, object) &&
                 get_list(&study->share, object, "share", study->radius.verdict.frames) &&
                 (!file || sp_base64_bytes(&study->attack.file, &study->attack.file_size, file));
    study->own = sp_json_flag(sp_json_get(object, "own"));
    study->nearest = get_size(object, "nearest", SP_NO_LABEL);
    if (!taken) {
        sp_study_clear(study);
        sp_study_init(study);
    }
    return taken;
}
