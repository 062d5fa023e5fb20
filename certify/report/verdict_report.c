/* The JSON line of one verdict. */
#include "certify/report/text_table.h"

#include <math.h>

static const char *front_rule_name(sp_front_rule rule) {
    switch (rule) {
    case SP_FRONT_INTERVAL:
        return "interval";
    case SP_FRONT_R2:
        return "r2";
    case SP_FRONT_JOINT:
        return "joint";
    }
    return "unknown";
}

void sp_report_label(sp_json_line *line, const char *key, size_t label) {
    if (label == SP_NO_LABEL) {
        sp_json_line_null(line, key);
    } else {
        sp_json_line_number(line, key, (double)label);
    }
}

void sp_report_answer(sp_json_line *line, const char *key, const sp_class_names *names,
                      size_t label) {
    char name_key[64];
    snprintf(name_key, sizeof name_key, "%s_name", key);
    sp_report_label(line, key, label);
    sp_report_string(line, name_key, sp_class_name(names, label));
}

static void write_list(sp_json_line *line, const char *key, const double *values, size_t count) {
    if (values) {
        sp_json_line_numbers(line, key, values, count);
    } else {
        sp_json_line_null(line, key);
    }
}

double sp_report_decimals(double x, double scale) {
    return fabs(x) < 0x1p52 / scale ? round(x * scale) / scale : x;
}

static void write_budget(sp_json_line *line, const sp_verdict *verdict) {
    sp_json_line_number(line, "budget_db", sp_report_decimals(verdict->scale.db_peak, 1e6));
    sp_json_line_number(line, "eps", verdict->eps);
    sp_json_line_number(line, "eps_lsb", verdict->scale.lsb);
    sp_json_line_number(line, "snr_db", sp_report_decimals(verdict->scale.snr_db, 1e6));
    sp_report_string(line, "norm", verdict->set ? verdict->set->norm : NULL);
    if (verdict->shared) {
        sp_json_line_bool(line, "profile", true);
    }
    sp_report_vacuous(line, &verdict->scale);
    sp_json_line_text(line, "deployed", sp_budget_deployed_name(verdict->deployed));
    sp_json_line_number(line, "heard_eps", verdict->heard_eps);
}

void sp_report_vacuous(sp_json_line *line, const sp_budget_scale *scale) {
    if (isnan(scale->db_peak)) {
        sp_json_line_null(line, "vacuous");
    } else {
        sp_json_line_bool(line, "vacuous", scale->vacuous);
    }
}

void sp_report_string(sp_json_line *line, const char *key, const char *value) {
    if (value && value[0]) {
        sp_json_line_text(line, key, value);
    } else {
        sp_json_line_null(line, key);
    }
}

void sp_report_score(sp_json_line *line, const char *key, const sp_verdict *verdict, size_t score) {
    const bool known = verdict->outputs > 0 && score != SP_NO_LABEL;
    char name[64];
    snprintf(name, sizeof name, "%s_output", key);
    sp_report_answer(line, name, verdict->outputs > 1 ? verdict->names : NULL,
                     known ? score % verdict->outputs : SP_NO_LABEL);
    snprintf(name, sizeof name, "%s_frame", key);
    sp_report_label(line, name, known ? score / verdict->outputs : SP_NO_LABEL);
}

/* Where the least margin of many decisions is. */
static void write_many(sp_json_line *line, const sp_verdict *verdict) {
    if (verdict->outputs > 0) {
        sp_json_line_text(
            line, "property",
            sp_decision_name(verdict->sides ? SP_DECISION_OUTPUTS : SP_DECISION_ANSWER));
        sp_json_line_number(line, "outputs", (double)verdict->outputs);
        sp_json_line_number(line, "decisions", (double)sp_verdict_decisions(verdict));
        sp_report_score(line, "weakest", verdict,
                        verdict->margins && isfinite(verdict->margin) ? sp_verdict_weakest(verdict)
                                                                      : SP_NO_LABEL);
    }
}

void sp_report_verdict_members(sp_json_line *line, const char *clip, const char *method,
                               const sp_verdict *verdict) {
    sp_json_line_text(line, "clip", clip);
    sp_report_answer(line, "label", verdict->names, verdict->label);
    sp_report_answer(line, "predicted", verdict->names, verdict->predicted);
    sp_report_label(line, "frames", verdict->frames ? verdict->frames : SP_NO_LABEL);
    write_budget(line, verdict);
    sp_report_string(line, "method", method);
    sp_json_line_text(line, "verdict", sp_verdict_name(verdict->kind));
    sp_json_line_number(line, "margin", verdict->margin);
    write_list(line, "margins", verdict->margins, verdict->classes);
    sp_json_line_number(
        line, "seconds",
        verdict->kind == SP_VERDICT_ERROR ? NAN : sp_report_decimals(verdict->seconds, 1e4));
    sp_report_string(line, "reason", verdict->reason);
    write_many(line, verdict);
    if (verdict->windows > 0) {
        sp_json_line_number(line, "windows", (double)verdict->windows);
        sp_json_line_number(line, "window_frame", (double)verdict->first_frame);
        sp_json_line_number(line, "window_s", verdict->begin_s);
    }
}

char *sp_report_verdict_json(const char *clip, const sp_pipeline *pipeline,
                             const sp_verdict *verdict) {
    sp_json_line *line = sp_json_line_create();
    sp_report_verdict_members(line, clip, pipeline ? pipeline->method->name : NULL, verdict);
    const char *rule = pipeline == NULL ? NULL
                       : pipeline->front && sp_front_width(pipeline->front) > 0
                           ? "none"
                           : front_rule_name(pipeline->front_rule);
    sp_report_string(line, "front_relax", rule);
    write_list(line, "logits", verdict->logits, verdict->classes);
    sp_json_line_number(line, "error_term", verdict->error);
    sp_json_line_number(line, "float32_term", verdict->float32);
    sp_json_line_text(line, "arithmetic", sp_arithmetic_text(verdict->arithmetic));
    return sp_json_line_finish(line);
}
