/* Comparisons as JSON, as tables and as a chart. */
#include "certify/report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double share_of(size_t part, size_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : NAN;
}

static double mean_of(double sum, size_t count) {
    return count > 0 ? sum / (double)count : NAN;
}

/* ---- one clip ---- */

static int cell_width(const char *name) {
    return strlen(name) > 8 ? (int)strlen(name) : 8;
}

char *sp_comparison_head(size_t clip_width, const sp_contest *contest) {
    const size_t columns = contest->methods + 2;
    const char **cell = calloc(columns, sizeof *cell);
    int *width = calloc(columns, sizeof *width);
    char *line = NULL;
    if (cell && width) {
        cell[0] = "label";
        width[0] = 5;
        for (size_t m = 0; m < contest->methods; m++) {
            cell[m + 1] = contest->system[m].method->name;
            width[m + 1] = cell_width(cell[m + 1]);
        }
        cell[columns - 1] = "broken";
        width[columns - 1] = 8;
        line = sp_table_line("clip", clip_width, cell, width,
                             contest->attacker ? columns : columns - 1);
    }
    free(cell);
    free(width);
    return line;
}

/* The loudest budget that a method certifies, as the user wrote it. */
static const char *loudest(const sp_comparison *comparison, const sp_contest *contest,
                           size_t method) {
    const char *text = "-";
    for (size_t i = 0; i < contest->budgets; i++) {
        const size_t b = contest->quiet_first[i];
        if (comparison->verdict[b * contest->methods + method].kind == SP_VERDICT_CERTIFIED) {
            text = contest->text[b];
        }
    }
    return text;
}

/* The quietest budget that the attack breaks. */
static void write_broken(char cell[SP_CELL], const sp_comparison *comparison,
                         const sp_contest *contest) {
    snprintf(cell, SP_CELL, "-");
    for (size_t i = contest->budgets; i-- > 0;) {
        const size_t b = contest->quiet_first[i];
        if (comparison->attack[b].real_broken) {
            snprintf(cell, SP_CELL, "%s", contest->text[b]);
        }
    }
}

char *sp_comparison_row(const char *clip, size_t clip_width, const sp_comparison *comparison,
                        const sp_contest *contest) {
    const size_t columns = contest->methods + 2;
    const sp_verdict *first = &comparison->verdict[0];
    const char **cell = calloc(columns, sizeof *cell);
    int *width = calloc(columns, sizeof *width);
    char label[SP_CELL], broken[SP_CELL], *line = NULL;
    const char *outcome = first->kind == SP_VERDICT_ERROR           ? "error"
                          : first->kind == SP_VERDICT_MISCLASSIFIED ? "wrong"
                                                                    : NULL;
    if (cell && width) {
        sp_table_label(label, first->label);
        write_broken(broken, comparison, contest);
        cell[0] = label;
        width[0] = 5;
        for (size_t m = 0; m < contest->methods; m++) {
            cell[m + 1] = outcome ? outcome : loudest(comparison, contest, m);
            width[m + 1] = cell_width(contest->system[m].method->name);
        }
        cell[columns - 1] = broken;
        width[columns - 1] = 8;
        line =
            sp_table_line(clip, clip_width, cell, width, contest->attacker ? columns : columns - 1);
    }
    free(cell);
    free(width);
    return line;
}

/* ---- all clips ---- */

char *sp_standing_json(const sp_standings *standings, const sp_contest *contest, size_t budget,
                       size_t method) {
    const bool attack = method == contest->methods;
    const sp_standing *s = attack ? &standings->attack[budget]
                                  : &standings->method[budget * standings->methods + method];
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "summary", contest->text[budget]);
    sp_json_line_text(line, "method", attack ? "attack" : contest->system[method].method->name);
    sp_json_line_number(line, "clips", (double)standings->heard);
    sp_json_line_number(line, "right", (double)s->clips);
    if (attack) {
        sp_json_line_number(line, "broken", (double)s->broken);
        sp_json_line_number(line, "broken_by_file", (double)s->broken_file);
        sp_json_line_number(line, "share", share_of(s->clips - s->broken, s->clips));
    } else {
        sp_json_line_number(line, "certified", (double)s->certified);
        sp_json_line_number(line, "share", share_of(s->certified, s->clips));
    }
    sp_json_line_number(line, "mean_margin", mean_of(s->margin, s->margins));
    sp_json_line_number(line, "mean_seconds", mean_of(s->seconds, s->clips));
    return sp_json_line_finish(line);
}

typedef enum { SHARE, NOT_BY_FILE, MARGIN, SECONDS } figure;

static void write_figure(FILE *out, const sp_standing *s, figure what, bool attack) {
    char cell[SP_CELL];
    switch (what) {
    case SHARE:
        sp_table_number(cell, "%.1f",
                        share_of(attack ? s->clips - s->broken : s->certified, s->clips));
        break;
    case NOT_BY_FILE:
        sp_table_number(cell, "%.1f", share_of(s->clips - s->broken_file, s->clips));
        break;
    case MARGIN:
        sp_table_margin(cell, mean_of(s->margin, s->margins));
        break;
    case SECONDS:
        sp_table_number(cell, "%.3f", mean_of(s->seconds, s->clips));
        break;
    }
    fprintf(out, "  %9s", cell);
}

static void write_line(FILE *out, const sp_standings *standings, const sp_contest *contest,
                       const char *name, size_t method, figure what) {
    fprintf(out, "  %-20s", name);
    for (size_t i = 0; i < contest->budgets; i++) {
        const size_t b = contest->quiet_first[i];
        const bool attack = method == contest->methods;
        write_figure(out,
                     attack ? &standings->attack[b]
                            : &standings->method[b * standings->methods + method],
                     what, attack);
    }
    fputc('\n', out);
}

static void write_block(FILE *out, const sp_standings *standings, const sp_contest *contest,
                        const char *title, figure what) {
    fprintf(out, "%-22s", title);
    for (size_t i = 0; i < contest->budgets; i++) {
        fprintf(out, "  %9s", contest->text[contest->quiet_first[i]]);
    }
    fputc('\n', out);
    for (size_t m = 0; m < contest->methods; m++) {
        write_line(out, standings, contest, contest->system[m].method->name, m, what);
    }
    if (!contest->attacker) {
        return;
    }
    if (what == SHARE) {
        write_line(out, standings, contest, "not broken", contest->methods, SHARE);
        write_line(out, standings, contest, "not broken by a file", contest->methods, NOT_BY_FILE);
    } else {
        write_line(out, standings, contest, "attack", contest->methods, what);
    }
}

char *sp_standings_table(const sp_standings *standings, const sp_contest *contest) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out,
            "%zu of %zu clips are answered rightly without noise; all figures are of these.\n\n",
            standings->right, standings->heard);
    write_block(out, standings, contest, "certified, %", SHARE);
    fputc('\n', out);
    write_block(out, standings, contest, "mean margin", MARGIN);
    fputc('\n', out);
    write_block(out, standings, contest, "seconds per clip", SECONDS);
    return fclose(out) == 0 ? text : NULL;
}

/* ---- the chart ---- */

static const char *axis_of(sp_budget_unit unit) {
    switch (unit) {
    case SP_BUDGET_DB_PEAK:
        return "noise budget, dB relative to the clip's peak";
    case SP_BUDGET_DBFS:
        return "noise budget, dBFS";
    case SP_BUDGET_LSB:
        return "noise budget, steps of the sample format";
    case SP_BUDGET_DB_SNR:
        return "least signal-to-noise ratio, dB";
    }
    return "noise budget";
}

sp_status sp_contest_check_chart(sp_error *err, const sp_contest *contest) {
    for (size_t b = 1; b < contest->budgets; b++) {
        if (contest->budget[b].unit != contest->budget[0].unit) {
            return sp_fail(err, SP_E_ARGUMENT, "budgets in different units have no common axis");
        }
    }
    return contest->budgets >= 2 ? SP_OK
                                 : sp_fail(err, SP_E_ARGUMENT, "a chart needs two budgets or more");
}

/* The budget of point i, from quiet to loud, or as SNR from loud to quiet. */
static size_t budget_at(const sp_contest *contest, size_t i, bool flip) {
    return contest->quiet_first[flip ? contest->budgets - 1 - i : i];
}

/* The lines of one model, [methods, points]. */
static void take_lines(const sp_field *field, bool only, bool flip, double *y) {
    const sp_contest *contest = field->contest;
    for (size_t m = 0; m < contest->methods; m++) {
        for (size_t i = 0; i < contest->budgets; i++) {
            const size_t b = budget_at(contest, i, flip);
            const sp_standing *s = &field->standings->method[b * contest->methods + m];
            *y++ = share_of(s->certified, only ? s->clips : field->standings->heard);
        }
    }
}

static void take_ceiling(const sp_field *field, bool flip, double *y) {
    for (size_t i = 0; i < field->contest->budgets; i++) {
        const sp_standing *s = &field->standings->attack[budget_at(field->contest, i, flip)];
        y[i] = s->clips ? share_of(s->clips - s->broken, s->clips) : 100.0;
    }
}

/* Names of the series of one model: the method's, behind the model's when there are several. */
static bool name_series(const sp_field *field, bool only, sp_chart_series *series) {
    bool named = true;
    for (size_t m = 0; m < field->contest->methods; m++) {
        const char *method = field->contest->system[m].method->name;
        const size_t size = strlen(field->model ? field->model : "") + strlen(method) + 4;
        char *name = malloc(size);
        named = named && name;
        if (name && only) {
            snprintf(name, size, "%s", method);
        } else if (name) {
            snprintf(name, size, "%s, %s", field->model, method);
        }
        series[m].name = name;
    }
    return named;
}

static sp_status draw(sp_error *err, const sp_field *field, size_t fields, sp_chart *chart,
                      sp_chart_series *series, double *x, double *y, const char *path) {
    const size_t points = chart->points;
    const bool only = fields == 1;
    bool named = true;
    size_t used = 0;
    for (size_t i = 0; i < points; i++) {
        x[i] = field->contest->budget[budget_at(field->contest, i, chart->flip)].value;
    }
    for (size_t f = 0; f < fields; f++) {
        named = name_series(&field[f], only, series + used) && named;
        take_lines(&field[f], only, chart->flip, y + used * points);
        used += field[f].contest->methods;
    }
    for (size_t s = 0; s < used; s++) {
        series[s].y = y + s * points;
    }
    if (only && field->contest->attacker) {
        chart->ceiling = y + used * points;
        take_ceiling(field, chart->flip, y + used * points);
    }
    return named ? sp_chart_write(err, chart, path) : sp_fail(err, SP_E_MEMORY, "out of memory");
}

sp_status sp_standings_chart(sp_error *err, const sp_field *field, size_t fields,
                             const char *path) {
    const sp_contest *contest = field->contest;
    const size_t points = contest->budgets;
    size_t lines = 0;
    char label[96];
    SP_TRY(sp_contest_check_chart(err, contest));
    for (size_t f = 0; f < fields; f++) {
        lines += field[f].contest->methods;
    }
    double *x = calloc(points * (lines + 2), sizeof *x);
    sp_chart_series *series = calloc(lines, sizeof *series);
    sp_status status = SP_E_MEMORY;
    if (x && series) {
        snprintf(label, sizeof label, "certified share of %zu clips, %%",
                 fields == 1 ? field->standings->right : field->standings->heard);
        sp_chart chart = {.title = "Clips whose answer no noise within the budget changes",
                          .x_label = axis_of(contest->budget[0].unit),
                          .y_label = label,
                          .points = points,
                          .x = x,
                          .flip = contest->budget[0].unit == SP_BUDGET_DB_SNR,
                          .count = lines,
                          .series = series,
                          .ceiling_name = "broken by the attack"};
        status = draw(err, field, fields, &chart, series, x, x + points, path);
    } else {
        sp_fail(err, status, "out of memory");
    }
    for (size_t s = 0; series && s < lines; s++) {
        free((char *)(uintptr_t)series[s].name);
    }
    free(series);
    free(x);
    return status;
}
