/* Comparisons as JSON, as tables and as a chart. */
#include "certify/impl.h"

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

/* Fills x, one line per method, and the ceiling; all [points], in the order of x. */
static void take_lines(const sp_standings *standings, const sp_contest *contest, bool flip,
                       double *x, double *y) {
    const size_t points = contest->budgets;
    for (size_t i = 0; i < points; i++) {
        const size_t b = contest->quiet_first[flip ? points - 1 - i : i];
        const sp_standing *attack = &standings->attack[b];
        x[i] = contest->budget[b].value;
        for (size_t m = 0; m < contest->methods; m++) {
            const sp_standing *s = &standings->method[b * contest->methods + m];
            y[m * points + i] = share_of(s->certified, s->clips);
        }
        y[contest->methods * points + i] =
            attack->clips ? share_of(attack->clips - attack->broken, attack->clips) : 100.0;
    }
}

sp_status sp_standings_chart(sp_error *err, const sp_standings *standings,
                             const sp_contest *contest, const char *path) {
    const size_t points = contest->budgets, methods = contest->methods;
    const bool flip = contest->budget[0].unit == SP_BUDGET_DB_SNR;
    char label[96];
    SP_TRY(sp_contest_check_chart(err, contest));
    double *x = calloc(points * (methods + 2), sizeof *x), *y = x + points;
    sp_chart_series *series = calloc(methods, sizeof *series);
    sp_status status = x && series ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        take_lines(standings, contest, flip, x, y);
        for (size_t m = 0; m < methods; m++) {
            series[m] = (sp_chart_series){contest->system[m].method->name, y + m * points};
        }
        snprintf(label, sizeof label, "certified share of %zu clips, %%", standings->right);
        const sp_chart chart = {.title = "Clips whose answer no noise within the budget changes",
                                .x_label = axis_of(contest->budget[0].unit),
                                .y_label = label,
                                .points = points,
                                .x = x,
                                .flip = flip,
                                .count = methods,
                                .series = series,
                                .ceiling = contest->attacker ? y + methods * points : NULL,
                                .ceiling_name = "broken by the attack"};
        status = sp_chart_write(err, &chart, path);
    }
    free(series);
    free(x);
    return status;
}
