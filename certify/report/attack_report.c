/* The JSON object and the table line of one attack. */
#include "certify/report/text_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Columns behind the clip: label, answer, budget dB, eps LSB, noise LSB, SNR dB, or eps, noise,
 * verdict, file margin, real margin, seconds. */
enum { COLUMNS = 12 };
static const int column_width[COLUMNS] = {5, 7, 9, 8, 9, 7, 9, 9, -13, 11, 11, 8};
static const char column_kind[COLUMNS + 1] = "..rrrrss....";

char *sp_report_attack_json(const char *clip, const sp_attack *attack,
                            const sp_attack_options *options) {
    const sp_verdict *verdict = &attack->verdict;
    const bool broken = verdict->kind == SP_VERDICT_BROKEN;
    const bool failed = verdict->kind == SP_VERDICT_ERROR && isnan(attack->real_margin);
    const double lsb = verdict->eps / verdict->scale.lsb;
    sp_json_line *line = sp_json_line_create();
    sp_report_verdict_members(line, clip, "attack", verdict);
    const bool many = verdict->outputs > 0;
    sp_report_answer(line, "answer", verdict->names,
                     broken && !many ? attack->file_answer : SP_NO_LABEL);
    if (many) {
        sp_report_score(line, "broken", verdict, broken ? attack->file_answer : SP_NO_LABEL);
    }
    sp_report_string(line, "file", broken ? attack->file_path : NULL);
    sp_report_string(line, "file_format", broken ? attack->file_format : NULL);
    sp_json_line_number(line, "file_margin", attack->file_margin);
    sp_json_line_number(line, "noise", attack->file_largest);
    sp_json_line_number(line, "noise_lsb", attack->file_largest / lsb);
    sp_json_line_number(line, "noise_snr_db", sp_report_decimals(attack->file_snr_db, 1e6));
    if (failed) {
        sp_json_line_null(line, "real_broken");
    } else {
        sp_json_line_bool(line, "real_broken", attack->real_broken);
    }
    sp_json_line_number(line, "real_margin", attack->real_margin);
    sp_report_label(line, "real_answer",
                    attack->real_broken && !many ? attack->real_answer : SP_NO_LABEL);
    for (size_t p = 0; options->suite && p < SP_ATTACK_PART_COUNT; p++) {
        char key[32];
        snprintf(key, sizeof key, "suite_%s", sp_attack_part_name(p));
        sp_json_line_number(line, key, attack->part[p]);
    }
    if (options->suite) {
        sp_json_line_bool(line, "masked", sp_attack_is_masked(attack));
    }
    sp_json_line_text(line, "arithmetic", sp_arithmetic_text(verdict->arithmetic));
    sp_json_line_number(line, "seed", (double)options->seed);
    sp_json_line_number(line, "steps", failed ? NAN : (double)attack->steps);
    return sp_json_line_finish(line);
}

/* The widths of the columns, of which the first two hold names. */
static void widen(int width[COLUMNS], const sp_class_names *names) {
    const int longest = sp_table_label_width(names, 0);
    memcpy(width, column_width, sizeof column_width);
    width[0] = longest > width[0] ? longest : width[0];
    width[1] = 2 * longest + 2 > width[1] && longest > 0 ? 2 * longest + 2 : width[1];
}

char *sp_report_attack_head(size_t clip_width, bool sequences, const sp_class_names *names) {
    static const char *const titles[COLUMNS] = {
        "label", "answer", "budget dB", "eps LSB",     "noise LSB",   "SNR dB",
        "eps",   "noise",  "verdict",   "file margin", "real margin", "seconds"};
    int width[COLUMNS];
    widen(width, names);
    return sp_table_pick("clip", clip_width, titles, width, column_kind, sequences);
}

char *sp_report_attack_row(const char *clip, size_t clip_width, bool sequences,
                           const sp_attack *attack) {
    const sp_verdict *verdict = &attack->verdict;
    const bool broken = verdict->kind == SP_VERDICT_BROKEN;
    const double lsb = verdict->eps / verdict->scale.lsb;
    char cell[COLUMNS][SP_TABLE_CELL];
    const char *cells[COLUMNS];
    int width[COLUMNS];
    widen(width, verdict->names);
    sp_table_label(cell[0], verdict->names, verdict->label);
    sp_table_label(cell[1], verdict->names, verdict->predicted);
    if (broken && verdict->outputs == 0) {
        char from[SP_CLASS_TEXT], to[SP_CLASS_TEXT];
        snprintf(cell[1], SP_TABLE_CELL, "%s->%s",
                 sp_class_text(from, verdict->names, verdict->predicted),
                 sp_class_text(to, verdict->names, attack->file_answer));
    }
    sp_table_number(cell[2], "%.2f", verdict->scale.db_peak);
    sp_table_lsb(cell[3], verdict->scale.lsb);
    sp_table_lsb(cell[4], attack->file_largest / lsb);
    sp_table_number(cell[5], "%.1f", broken ? attack->file_snr_db : verdict->scale.snr_db);
    sp_table_eps(cell[6], verdict->eps);
    sp_table_eps(cell[7], attack->file_radius);
    snprintf(cell[8], SP_TABLE_CELL, "%s%s", sp_verdict_name(verdict->kind),
             sp_attack_is_vacuous(attack) ? "*" : "");
    sp_table_margin(cell[9], attack->file_margin);
    sp_table_margin(cell[10], attack->real_margin);
    sp_table_number(cell[11], "%.2f", verdict->seconds);
    for (int i = 0; i < COLUMNS; i++) {
        cells[i] = cell[i];
    }
    return sp_table_pick(clip, clip_width, cells, width, column_kind, sequences);
}
