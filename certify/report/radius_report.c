/* The JSON object and the lines of one search for a radius. */
#include "certify/report/text_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns behind the clip: label, frame, certified dB, eps LSB, SNR dB, broken dB, file dB, or
 * certified, broken and file eps, gap dB, verdict, seconds. */
enum { COLUMNS = 13, FRAME = 1 };
static const int column_width[COLUMNS] = {5, 7, 12, 8, 7, 9, 7, 9, 9, 9, 6, -13, 8};
static const char column_kind[COLUMNS + 1] = "..rrrrrsss...";

static char *make_line(const char *clip, size_t clip_width, const char *const cell[COLUMNS],
                       bool sequences, bool moments, const sp_class_names *names) {
    char kind[COLUMNS + 1];
    int width[COLUMNS];
    memcpy(kind, column_kind, sizeof kind);
    memcpy(width, column_width, sizeof width);
    kind[FRAME] = moments ? '.' : 'm';
    width[0] = sp_table_label_width(names, width[0]);
    return sp_table_pick(clip, clip_width, cell, width, kind, sequences);
}

char *sp_report_radius_head(size_t clip_width, bool sequences, bool moments,
                            const sp_class_names *names) {
    static const char *const titles[COLUMNS] = {
        "label",     "frames", "certified dB", "eps LSB", "SNR dB",  "broken dB", "file dB",
        "certified", "broken", "file",         "gap dB",  "verdict", "seconds"};
    return make_line("clip", clip_width, titles, sequences, moments, names);
}

char *sp_report_radius_row(const char *clip, size_t clip_width, bool sequences,
                           const sp_radius *radius, bool moments) {
    const sp_verdict *verdict = &radius->verdict;
    const bool certified = isfinite(radius->certified_db);
    const size_t last = radius->first + (radius->frames ? radius->frames - 1 : 0);
    char cell[COLUMNS][SP_TABLE_CELL];
    const char *cells[COLUMNS];
    sp_table_label(cell[0], verdict->names, verdict->label);
    snprintf(cell[FRAME], SP_TABLE_CELL, last > radius->first ? "%zu-%zu" : "%zu", radius->first,
             last);
    sp_table_number(cell[2], "%.2f", radius->certified_db);
    sp_table_lsb(cell[3], certified ? verdict->scale.lsb : NAN);
    sp_table_number(cell[4], "%.1f", certified ? verdict->scale.snr_db : NAN);
    sp_table_number(cell[5], "%.2f", radius->broken_db);
    sp_table_number(cell[6], "%.2f", radius->broken_file_db);
    sp_table_eps_of(cell[7], radius->certified_db);
    sp_table_eps_of(cell[8], radius->broken_db);
    sp_table_eps_of(cell[9], radius->broken_file_db);
    sp_table_number(cell[10], "%.2f", radius->broken_db - radius->certified_db);
    sp_table_verdict(cell[11], verdict->kind, verdict->scale.vacuous);
    sp_table_number(cell[12], "%.2f", verdict->seconds);
    for (int i = 0; i < COLUMNS; i++) {
        cells[i] = cell[i];
    }
    return make_line(clip, clip_width, cells, sequences, moments, verdict->names);
}

static void write_point(FILE *out, const sp_radius_point *point) {
    char margin[SP_TABLE_CELL];
    sp_table_margin(margin, point->margin);
    if (!point->attacked) {
        fprintf(out, "    %8.2f dB  certify  %-13s  proved margin %9s  %6.2f s\n", point->db,
                point->certified ? "certified" : "not certified", margin, point->seconds);
        return;
    }
    fprintf(out, "    %8.2f dB  attack   %-13s  margin reached %8s  %6.2f s%s\n", point->db,
            point->broken ? "broken" : "not broken", margin, point->seconds,
            point->file ? "  (by a file)" : "");
}

static int by_loudness(const void *a, const void *b) {
    const sp_radius_point *p = a, *q = b;
    return (p->db > q->db) - (p->db < q->db);
}

char *sp_report_radius_details(const sp_radius *radius) {
    char *text = NULL;
    size_t size = 0;
    sp_radius_point *sorted = calloc(radius->points + 1, sizeof *sorted);
    FILE *out = sorted ? open_memstream(&text, &size) : NULL;
    if (!out) {
        free(sorted);
        return NULL;
    }
    for (size_t i = 0; i < radius->points; i++) {
        sorted[i] = radius->point[i];
    }
    qsort(sorted, radius->points, sizeof *sorted, by_loudness);
    if (radius->verdict.reason[0]) {
        fprintf(out, "    why: %s\n", radius->verdict.reason);
    }
    for (size_t i = 0; i < radius->points; i++) {
        write_point(out, &sorted[i]);
    }
    fprintf(out, "    %zu budgets tried", radius->points);
    free(sorted);
    return fclose(out) == 0 ? text : NULL;
}

/* The budgets of one kind of try, and what became of them, as two lists. */
static void write_tries(sp_json_line *line, const sp_radius *radius, const char *key,
                        const char *outcome, bool attacked, bool file) {
    double *db = calloc(2 * radius->points + 1, sizeof *db), *hit = db + radius->points;
    size_t count = 0;
    for (size_t i = 0; db && i < radius->points; i++) {
        const sp_radius_point *point = &radius->point[i];
        if (point->attacked == attacked && point->file == file) {
            db[count] = point->db;
            hit[count++] = point->certified || point->broken ? 1.0 : 0.0;
        }
    }
    sp_json_line_numbers(line, key, db, count);
    sp_json_line_numbers(line, outcome, hit, count);
    free(db);
}

char *sp_report_radius_json(const char *clip, const sp_pipeline *pipeline, const sp_radius *radius,
                            bool weakest) {
    sp_json_line *line = sp_json_line_create();
    const sp_front_layout *layout = sp_front_layout_of(pipeline->front);
    const bool numbers = sp_front_width(pipeline->front) > 0;
    sp_report_verdict_members(line, clip, pipeline->method->name, &radius->verdict);
    sp_json_line_number(line, "certified_db", radius->certified_db);
    sp_json_line_number(line, "broken_db", radius->broken_db);
    sp_json_line_number(line, "broken_file_db", radius->broken_file_db);
    if (numbers) {
        sp_json_line_number(line, "certified_eps", pow(10.0, radius->certified_db / 20.0));
        sp_json_line_number(line, "broken_eps", pow(10.0, radius->broken_db / 20.0));
    }
    if (radius->frames > 0) {
        sp_json_line_number(line, "frame", (double)radius->first);
        sp_json_line_number(line, "burst", (double)radius->frames);
        sp_json_line_number(line, "start_s",
                            numbers ? NAN
                                    : (double)(radius->first * layout->step) / layout->sample_rate);
        sp_json_line_bool(line, "weakest", weakest);
    }
    write_tries(line, radius, "tried_db", "tried_certified", false, false);
    write_tries(line, radius, "attacked_db", "attacked_broken", true, false);
    write_tries(line, radius, "file_attacked_db", "file_attacked_broken", true, true);
    sp_json_line_number(line, "float32_term", radius->verdict.float32);
    sp_json_line_text(line, "arithmetic", sp_arithmetic_text(radius->verdict.arithmetic));
    return sp_json_line_finish(line);
}

/* "certified up to -60.00 dB", or up to eps 0.001. */
static void write_edge(char *text, size_t size, const char *what, double db, bool numbers) {
    char eps[SP_TABLE_CELL];
    sp_table_eps_of(eps, db);
    if (numbers) {
        snprintf(text, size, "%s eps %.20s", what, eps);
    } else {
        snprintf(text, size, "%s %.2f dB", what, db);
    }
}

char *sp_report_radius_moment(const sp_pipeline *pipeline, const sp_radius *radius) {
    const sp_front_layout *layout = sp_front_layout_of(pipeline->front);
    const bool numbers = sp_front_width(pipeline->front) > 0;
    const double rate = (double)layout->sample_rate;
    const size_t begin = radius->first * layout->step;
    const size_t end = begin + (radius->frames - 1) * layout->step + layout->used;
    char *text = NULL, certified[64] = "nothing certified", broken[64] = "not broken";
    char when[64] = "";
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    if (isfinite(radius->certified_db)) {
        write_edge(certified, sizeof certified, "certified up to", radius->certified_db, numbers);
    }
    if (isfinite(radius->broken_db)) {
        write_edge(broken, sizeof broken, "broken from", radius->broken_db, numbers);
        strcat(broken, " on");
    }
    if (!numbers) {
        snprintf(when, sizeof when, ", %.3f to %.3f s", (double)begin / rate, (double)end / rate);
    }
    fprintf(out, "    weakest moment: frame %zu%s%s: %s, %s", radius->first,
            radius->frames > 1 ? " on" : "", when, certified, broken);
    return fclose(out) == 0 ? text : NULL;
}
