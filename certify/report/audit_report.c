/* The JSON object and the table line of one finding of an audit. */
#include "certify/report/text_table.h"

#include <math.h>
#include <stdio.h>

/* Columns behind the clip: method (where there are several), property, logit, certified dB, eps
 * LSB, SNR dB, broken dB, file dB, seconds of the clip, pieces, verdict, seconds. */
enum { METHOD, PROPERTY, COLUMNS = 12 };
static const int column_width[COLUMNS] = {-9, -13, 7, 12, 8, 7, 9, 8, 11, 6, -13, 8};

char *sp_report_audit_head(size_t clip_width, bool several) {
    static const char *const names[COLUMNS] = {"method",    "property", "logit",     "certified dB",
                                               "eps LSB",   "SNR dB",   "broken dB", "file dB",
                                               "from-to s", "pieces",   "verdict",   "seconds"};
    const int first = several ? METHOD : PROPERTY;
    return sp_table_line("clip", clip_width, names + first, column_width + first, COLUMNS - first);
}

static bool has_pieces(sp_property property) {
    return property == SP_PROPERTY_GAIN || property == SP_PROPERTY_NOISE_LINE ||
           property == SP_PROPERTY_STREAM_FIRE || property == SP_PROPERTY_STREAM_SILENT;
}

char *sp_report_audit_row(const char *clip, size_t clip_width, const char *method,
                          const sp_finding *f) {
    const int first = method ? METHOD : PROPERTY;
    char cell[COLUMNS][SP_TABLE_CELL];
    const char *cells[COLUMNS];
    snprintf(cell[METHOD], SP_TABLE_CELL, "%s", method ? method : "");
    snprintf(cell[PROPERTY], SP_TABLE_CELL, "%s", sp_property_name(f->property));
    sp_table_number(cell[2], "%.2f", f->logit);
    sp_table_number(cell[3], "%.2f", f->certified.db_peak);
    sp_table_lsb(cell[4], f->certified.lsb);
    sp_table_number(cell[5], "%.1f", f->certified.snr_db);
    sp_table_number(cell[6], "%.2f", f->broken.db_peak);
    sp_table_number(cell[7], "%.2f", f->file.db_peak);
    if (f->property == SP_PROPERTY_GAIN && isfinite(f->gain_lo)) {
        snprintf(cell[3], SP_TABLE_CELL, "%+.1f..%+.1f", f->gain_lo, f->gain_hi);
        sp_table_number(cell[6], "%+.2f", f->gain_broken);
    }
    if (f->property == SP_PROPERTY_DEAD && f->kind == SP_VERDICT_CERTIFIED) {
        snprintf(cell[3], SP_TABLE_CELL, "any");
        snprintf(cell[8], SP_TABLE_CELL, "%.0f %% of it", 100.0 * f->dead);
    } else if (isfinite(f->begin_s)) {
        snprintf(cell[8], SP_TABLE_CELL, "%.2f-%.2f", f->begin_s, f->end_s);
    } else {
        snprintf(cell[8], SP_TABLE_CELL, "-");
    }
    sp_table_number(cell[9], "%.0f", has_pieces(f->property) ? (double)f->pieces : NAN);
    sp_table_verdict(cell[10], f->kind, f->certified.vacuous);
    sp_table_number(cell[11], "%.2f", f->seconds);
    for (int i = 0; i < COLUMNS; i++) {
        cells[i] = cell[i];
    }
    return sp_table_line(clip, clip_width, cells + first, column_width + first, COLUMNS - first);
}

static void write_scale(sp_json_line *line, const char *name, const sp_budget_scale *scale) {
    char key[64];
    snprintf(key, sizeof key, "%s_db", name);
    sp_json_line_number(line, key, sp_report_decimals(scale->db_peak, 1e6));
    snprintf(key, sizeof key, "%s_lsb", name);
    sp_json_line_number(line, key, scale->lsb);
    snprintf(key, sizeof key, "%s_snr_db", name);
    sp_json_line_number(line, key, sp_report_decimals(scale->snr_db, 1e6));
}

char *sp_report_audit_json(const char *clip, const sp_audit *audit, const sp_finding *f,
                           const char *out) {
    const bool failed = f->kind == SP_VERDICT_ERROR;
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "clip", clip);
    sp_json_line_text(line, "property", sp_property_name(f->property));
    sp_json_line_text(line, "verdict", sp_verdict_name(f->kind));
    sp_report_string(line, "reason", f->reason);
    sp_json_line_number(line, "threshold", f->threshold);
    sp_report_answer(line, "label", audit->attacker->pipeline->names,
                     failed || f->property == SP_PROPERTY_DEAD ? SP_NO_LABEL
                     : f->fire                                 ? 1
                                                               : 0);
    sp_json_line_number(line, "logit", f->logit);
    sp_json_line_text(line, "method", audit->attacker->pipeline->method->name);
    sp_report_string(line, "norm",
                     sp_audit_of_set(f->property) ? (audit->set ? audit->set->norm : "inf") : NULL);
    if (f->shared) {
        sp_json_line_bool(line, "profile", true);
    }
    write_scale(line, "certified", &f->certified);
    sp_report_vacuous(line, &f->certified);
    write_scale(line, "broken", &f->broken);
    write_scale(line, "file", &f->file);
    sp_json_line_number(line, "margin", f->margin);
    if (f->property == SP_PROPERTY_GAIN) {
        sp_json_line_number(line, "gain_lo_db", f->gain_lo);
        sp_json_line_number(line, "gain_hi_db", f->gain_hi);
        sp_json_line_number(line, "gain_broken_db", f->gain_broken);
    }
    if (f->property == SP_PROPERTY_DEAD) {
        sp_json_line_number(line, "dead_share", failed ? NAN : f->dead);
    }
    if (f->property == SP_PROPERTY_BURST || f->property == SP_PROPERTY_HOPS) {
        sp_json_line_number(line, "burst", (double)audit->burst);
        sp_json_line_numbers(line, "certified_places_db", f->place_db, f->places);
    }
    if (has_pieces(f->property)) {
        sp_json_line_number(line, "pieces", failed ? NAN : (double)f->pieces);
    }
    sp_json_line_number(line, "frame", failed ? NAN : (double)f->frame);
    sp_json_line_number(line, "begin_s", f->begin_s);
    sp_json_line_number(line, "end_s", f->end_s);
    sp_report_string(line, "file", f->kept ? out : NULL);
    sp_report_string(line, "file_format", f->kept ? f->file_format : NULL);
    sp_json_line_number(line, "file_logit", f->file_logit);
    sp_json_line_number(line, "original_logit", f->original_logit);
    sp_json_line_text(line, "deployed", sp_budget_deployed_name(audit->deployed));
    sp_json_line_number(line, "float32_term", f->float32);
    sp_json_line_text(line, "arithmetic",
                      sp_arithmetic_text(audit->attacker->pipeline->arithmetic));
    sp_json_line_number(line, "seconds", failed ? NAN : sp_report_decimals(f->seconds, 1e4));
    return sp_json_line_finish(line);
}
