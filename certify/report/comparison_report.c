/* Comparisons as JSON, as tables and as a chart. */
#include "certify/report/text_table.h"

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

enum { EXTRA = 3 }; /* columns beyond those of the methods */

static int cell_width(const char *name) {
    return strlen(name) > 8 ? (int)strlen(name) : 8;
}

char *sp_report_comparison_head(size_t clip_width, const sp_comparison_setup *setup) {
    const char **cell = calloc(setup->methods + EXTRA, sizeof *cell);
    int *width = calloc(setup->methods + EXTRA, sizeof *width);
    char *line = NULL;
    if (cell && width) {
        size_t columns = 0;
        cell[columns] = "label";
        width[columns++] = sp_table_label_width(setup->pipeline[0].names, 5);
        for (size_t m = 0; m < setup->methods; m++) {
            cell[columns] = setup->pipeline[m].method->name;
            width[columns] = cell_width(cell[columns]);
            columns++;
        }
        if (setup->attacker) {
            cell[columns] = "broken";
            width[columns++] = 8;
        }
        if (setup->timeout > 0.0) {
            cell[columns] = "out of time";
            width[columns++] = 11;
        }
        line = sp_table_line("clip", clip_width, cell, width, columns);
    }
    free(cell);
    free(width);
    return line;
}

/* The loudest budget that a method certifies, as the user wrote it, with a star when that is
 * vacuous. */
static void write_loudest(char cell[SP_TABLE_CELL], const sp_comparison *comparison,
                          const sp_comparison_setup *setup, size_t method) {
    snprintf(cell, SP_TABLE_CELL, "-");
    for (size_t i = 0; i < setup->budgets; i++) {
        const size_t b = setup->quiet_first[i];
        const sp_verdict *verdict = &comparison->verdict[b * setup->methods + method];
        if (verdict->kind == SP_VERDICT_CERTIFIED) {
            snprintf(cell, SP_TABLE_CELL, "%s%s", setup->text[b],
                     sp_verdict_is_vacuous(verdict) ? "*" : "");
        }
    }
}

/* The quietest budget that the attack breaks. */
static void write_broken(char cell[SP_TABLE_CELL], const sp_comparison *comparison,
                         const sp_comparison_setup *setup) {
    snprintf(cell, SP_TABLE_CELL, "-");
    for (size_t i = setup->budgets; i-- > 0;) {
        const size_t b = setup->quiet_first[i];
        if (comparison->attack[b].real_broken) {
            snprintf(cell, SP_TABLE_CELL, "%s", setup->text[b]);
        }
    }
}

/* How many verdicts and attacks of the clip ran out of time. */
static void write_late(char cell[SP_TABLE_CELL], const sp_comparison *comparison,
                       const sp_comparison_setup *setup) {
    size_t late = 0;
    for (size_t i = 0; i < setup->budgets * setup->methods; i++) {
        late += comparison->verdict[i].kind == SP_VERDICT_TIMEOUT;
    }
    for (size_t b = 0; setup->attacker && b < setup->budgets; b++) {
        late += comparison->attack[b].verdict.kind == SP_VERDICT_TIMEOUT;
    }
    snprintf(cell, SP_TABLE_CELL, late > 0 ? "%zu" : "-", late);
}

char *sp_report_comparison_row(const char *clip, size_t clip_width, const sp_comparison *comparison,
                               const sp_comparison_setup *setup) {
    const sp_verdict *first = &comparison->verdict[0];
    const char **cell = calloc(setup->methods + EXTRA, sizeof *cell);
    int *width = calloc(setup->methods + EXTRA, sizeof *width);
    char(*edge)[SP_TABLE_CELL] = calloc(setup->methods, sizeof *edge);
    char label[SP_TABLE_CELL], broken[SP_TABLE_CELL], late[SP_TABLE_CELL], *line = NULL;
    const char *outcome = first->kind == SP_VERDICT_ERROR           ? "error"
                          : first->kind == SP_VERDICT_MISCLASSIFIED ? "wrong"
                                                                    : NULL;
    if (cell && width && edge) {
        size_t columns = 0;
        sp_table_label(label, first->names, first->label);
        write_broken(broken, comparison, setup);
        write_late(late, comparison, setup);
        cell[columns] = label;
        width[columns++] = sp_table_label_width(setup->pipeline[0].names, 5);
        for (size_t m = 0; m < setup->methods; m++) {
            write_loudest(edge[m], comparison, setup, m);
            cell[columns] = outcome ? outcome : edge[m];
            width[columns++] = cell_width(setup->pipeline[m].method->name);
        }
        if (setup->attacker) {
            cell[columns] = broken;
            width[columns++] = 8;
        }
        if (setup->timeout > 0.0) {
            cell[columns] = late;
            width[columns++] = 11;
        }
        line = sp_table_line(clip, clip_width, cell, width, columns);
    }
    free(cell);
    free(width);
    free(edge);
    return line;
}

/* ---- all clips ---- */

char *sp_report_comparison_json(const sp_comparison_totals *totals,
                                const sp_comparison_setup *setup, size_t budget, size_t method) {
    const bool attack = method == setup->methods;
    const sp_comparison_sum *s =
        attack ? &totals->attack[budget] : &totals->method[budget * totals->methods + method];
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "summary", setup->text[budget]);
    sp_json_line_text(line, "method", attack ? "attack" : setup->pipeline[method].method->name);
    sp_json_line_number(line, "clips", (double)totals->heard);
    sp_json_line_number(line, "right", (double)s->clips);
    if (attack) {
        sp_json_line_number(line, "broken", (double)s->broken);
        sp_json_line_number(line, "broken_by_file", (double)s->broken_file);
        sp_json_line_number(line, "share", share_of(s->clips - s->broken, s->clips));
    } else {
        sp_json_line_number(line, "certified", (double)s->certified);
        sp_json_line_number(line, "vacuous", (double)s->vacuous);
        sp_json_line_number(line, "share", share_of(s->certified, s->clips));
    }
    sp_json_line_number(line, "timeouts", (double)s->timeouts);
    sp_json_line_number(line, "mean_margin", mean_of(s->margin, s->margins));
    sp_json_line_number(line, "mean_seconds", mean_of(s->seconds, s->clips));
    sp_json_line_text(line, "norm", sp_budget_set(&setup->budget[budget])->norm);
    return sp_json_line_finish(line);
}

typedef enum { SHARE, VACUOUS, NOT_BY_FILE, LATE, MARGIN, SECONDS } figure;

static void take_figure(char cell[SP_TABLE_CELL], const sp_comparison_sum *s, figure what,
                        bool attack) {
    switch (what) {
    case SHARE:
        sp_table_number(cell, "%.1f",
                        share_of(attack ? s->clips - s->broken : s->certified, s->clips));
        break;
    case VACUOUS:
        sp_table_number(cell, "%.1f", share_of(s->vacuous, s->clips));
        break;
    case NOT_BY_FILE:
        sp_table_number(cell, "%.1f", share_of(s->clips - s->broken_file, s->clips));
        break;
    case LATE:
        sp_table_number(cell, "%.1f", share_of(s->timeouts, s->clips));
        break;
    case MARGIN:
        sp_table_margin(cell, mean_of(s->margin, s->margins));
        break;
    case SECONDS:
        sp_table_number(cell, "%.3f", mean_of(s->seconds, s->clips));
        break;
    }
}

static void write_figure(FILE *out, const sp_comparison_sum *s, figure what, bool attack) {
    char cell[SP_TABLE_CELL];
    take_figure(cell, s, what, attack);
    fprintf(out, "  %9s", cell);
}

static void write_line(FILE *out, const sp_comparison_totals *totals,
                       const sp_comparison_setup *setup, const char *name, size_t method,
                       figure what) {
    fprintf(out, "  %-20s", name);
    for (size_t i = 0; i < setup->budgets; i++) {
        const size_t b = setup->quiet_first[i];
        const bool attack = method == setup->methods;
        write_figure(out,
                     attack ? &totals->attack[b] : &totals->method[b * totals->methods + method],
                     what, attack);
    }
    fputc('\n', out);
}

static void write_block(FILE *out, const sp_comparison_totals *totals,
                        const sp_comparison_setup *setup, const char *title, figure what) {
    fprintf(out, "%-22s", title);
    for (size_t i = 0; i < setup->budgets; i++) {
        fprintf(out, "  %9s", setup->text[setup->quiet_first[i]]);
    }
    fputc('\n', out);
    for (size_t m = 0; m < setup->methods; m++) {
        write_line(out, totals, setup, setup->pipeline[m].method->name, m, what);
    }
    if (!setup->attacker || what == VACUOUS) {
        return;
    }
    if (what == SHARE) {
        write_line(out, totals, setup, "not broken", setup->methods, SHARE);
        write_line(out, totals, setup, "not broken by a file", setup->methods, NOT_BY_FILE);
    } else {
        write_line(out, totals, setup, "attack", setup->methods, what);
    }
}

static bool has_vacuous(const sp_comparison_totals *totals) {
    size_t vacuous = 0;
    for (size_t i = 0; i < totals->budgets * totals->methods; i++) {
        vacuous += totals->method[i].vacuous;
    }
    return vacuous > 0;
}

char *sp_report_comparison_table(const sp_comparison_totals *totals,
                                 const sp_comparison_setup *setup) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out,
            "%zu of %zu clips are answered rightly without noise; all figures are of these.\n\n",
            totals->right, totals->heard);
    write_block(out, totals, setup, "certified, %", SHARE);
    fputc('\n', out);
    if (has_vacuous(totals)) {
        write_block(out, totals, setup, "* below half a step, %", VACUOUS);
        fputc('\n', out);
    }
    if (setup->timeout > 0.0) {
        write_block(out, totals, setup, "out of time, %", LATE);
        fputc('\n', out);
    }
    write_block(out, totals, setup, "mean margin", MARGIN);
    fputc('\n', out);
    write_block(out, totals, setup, "seconds per clip", SECONDS);
    return fclose(out) == 0 ? text : NULL;
}

/* ---- LaTeX ---- */

/* A row of figures, in the order of the budgets from quiet to loud. */
static void write_latex_row(FILE *out, const sp_comparison_totals *totals,
                            const sp_comparison_setup *setup, const char *name, size_t method,
                            figure what) {
    const bool attack = method == setup->methods;
    char cell[SP_TABLE_CELL];
    sp_table_latex(out, name);
    for (size_t i = 0; i < setup->budgets; i++) {
        const size_t b = setup->quiet_first[i];
        take_figure(cell,
                    attack ? &totals->attack[b] : &totals->method[b * totals->methods + method],
                    what, attack);
        fputs(" & ", out);
        sp_table_latex(out, cell);
    }
    fputs(" \\\\\n", out);
}

static void write_latex_block(FILE *out, const sp_comparison_totals *totals,
                              const sp_comparison_setup *setup, const char *title, figure what) {
    fputs("\\begin{tabular}{l", out);
    for (size_t b = 0; b < setup->budgets; b++) {
        fputc('r', out);
    }
    fputs("}\n\\toprule\n", out);
    sp_table_latex(out, title);
    for (size_t i = 0; i < setup->budgets; i++) {
        fputs(" & ", out);
        sp_table_latex(out, setup->text[setup->quiet_first[i]]);
    }
    fputs(" \\\\\n\\midrule\n", out);
    for (size_t m = 0; m < setup->methods; m++) {
        write_latex_row(out, totals, setup, setup->pipeline[m].method->name, m, what);
    }
    if (setup->attacker) {
        fputs("\\midrule\n", out);
        write_latex_row(out, totals, setup, what == SHARE ? "not broken" : "attack", setup->methods,
                        what);
    }
    fputs("\\bottomrule\n\\end{tabular}", out);
}

char *sp_report_comparison_latex(const sp_comparison_totals *totals,
                                 const sp_comparison_setup *setup) {
    static const struct {
        const char *title;
        figure what;
    } block[] = {{"certified, %", SHARE}, {"mean margin", MARGIN}, {"seconds per clip", SECONDS}};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out,
            "%% needs \\usepackage{booktabs}\n%% %zu of %zu clips are answered rightly without "
            "noise; all figures are of these\n",
            totals->right, totals->heard);
    for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) {
        write_latex_block(out, totals, setup, block[i].title, block[i].what);
        fputs(i + 1 < sizeof block / sizeof block[0] ? "\n\n" : "", out);
    }
    return fclose(out) == 0 ? text : NULL;
}

/* ---- the chart ---- */

static const char *axis_of(const sp_budget *budget) {
    switch (budget->unit) {
    case SP_BUDGET_DB_PEAK:
        return sp_budget_set(budget)->of_energy ? "noise budget, dB relative to the clip's energy"
                                                : "noise budget, dB relative to the clip's peak";
    case SP_BUDGET_DBFS:
        return "noise budget, dBFS";
    case SP_BUDGET_LSB:
        return "noise budget, steps of the sample format";
    case SP_BUDGET_ABSOLUTE:
        return sp_budget_set(budget)->box ? "how far every number may move, eps"
                                          : "norm of what the numbers move, eps";
    case SP_BUDGET_DB_SNR:
        return "least signal-to-noise ratio, dB";
    }
    return "noise budget";
}

sp_status sp_report_comparison_check_chart(sp_error *err, const sp_comparison_setup *setup) {
    for (size_t b = 1; b < setup->budgets; b++) {
        if (setup->budget[b].unit != setup->budget[0].unit) {
            return sp_fail(err, SP_E_ARGUMENT, "budgets in different units have no common axis");
        }
    }
    return setup->budgets >= 2 ? SP_OK
                               : sp_fail(err, SP_E_ARGUMENT, "a chart needs two budgets or more");
}

/* The budget of point i, from quiet to loud, or as SNR from loud to quiet. */
static size_t budget_at(const sp_comparison_setup *setup, size_t i, bool flip) {
    return setup->quiet_first[flip ? setup->budgets - 1 - i : i];
}

/* The lines of one model, [methods, points]. */
static void take_lines(const sp_report_model *model, bool only, bool flip, double *y) {
    const sp_comparison_setup *setup = model->setup;
    for (size_t m = 0; m < setup->methods; m++) {
        for (size_t i = 0; i < setup->budgets; i++) {
            const size_t b = budget_at(setup, i, flip);
            const sp_comparison_sum *s = &model->totals->method[b * setup->methods + m];
            *y++ = share_of(s->certified, only ? s->clips : model->totals->heard);
        }
    }
}

static void take_ceiling(const sp_report_model *model, bool flip, double *y) {
    for (size_t i = 0; i < model->setup->budgets; i++) {
        const sp_comparison_sum *s = &model->totals->attack[budget_at(model->setup, i, flip)];
        y[i] = s->clips ? share_of(s->clips - s->broken, s->clips) : 100.0;
    }
}

/* The clips of whose format no other file lies in the set. */
static bool take_floor(const sp_report_model *model, bool only, bool flip, double *y) {
    const sp_comparison_totals *totals = model->totals;
    bool any = false;
    for (size_t i = 0; i < model->setup->budgets; i++) {
        const size_t b = budget_at(model->setup, i, flip);
        const size_t quiet = only ? totals->quiet_right[b] : totals->quiet_heard[b];
        const size_t clips = only ? totals->right : totals->heard;
        y[i] = clips > 0 ? share_of(quiet, clips) : 0.0;
        any = any || quiet > 0;
    }
    return any;
}

/* Names of the series of one model: the method's, behind the model's when there are several. */
static bool name_series(const sp_report_model *model, bool only, sp_chart_series *series) {
    bool named = true;
    for (size_t m = 0; m < model->setup->methods; m++) {
        const char *method = model->setup->pipeline[m].method->name;
        const size_t size = strlen(model->name ? model->name : "") + strlen(method) + 4;
        char *name = malloc(size);
        named = named && name;
        if (name && only) {
            snprintf(name, size, "%s", method);
        } else if (name) {
            snprintf(name, size, "%s, %s", model->name, method);
        }
        series[m].name = name;
    }
    return named;
}

static sp_status draw(sp_error *err, const sp_report_model *model, size_t models, sp_chart *chart,
                      sp_chart_series *series, double *x, double *y, const char *path) {
    const size_t points = chart->points;
    const bool only = models == 1;
    bool named = true;
    size_t used = 0;
    for (size_t i = 0; i < points; i++) {
        x[i] = model->setup->budget[budget_at(model->setup, i, chart->flip)].value;
    }
    for (size_t f = 0; f < models; f++) {
        named = name_series(&model[f], only, series + used) && named;
        take_lines(&model[f], only, chart->flip, y + used * points);
        used += model[f].setup->methods;
    }
    for (size_t s = 0; s < used; s++) {
        series[s].y = y + s * points;
    }
    if (only && model->setup->attacker) {
        chart->ceiling = y + used * points;
        take_ceiling(model, chart->flip, y + used * points);
    }
    if (take_floor(model, only, chart->flip, y + (used + 1) * points)) {
        chart->floor = y + (used + 1) * points;
    }
    return named ? sp_chart_write(err, chart, path) : sp_fail(err, SP_E_MEMORY, "out of memory");
}

sp_status sp_report_comparison_chart(sp_error *err, const sp_report_model *model, size_t models,
                                     const char *path) {
    const sp_comparison_setup *setup = model->setup;
    const size_t points = setup->budgets;
    size_t lines = 0;
    char label[96];
    SP_TRY(sp_report_comparison_check_chart(err, setup));
    for (size_t f = 0; f < models; f++) {
        lines += model[f].setup->methods;
    }
    double *x = calloc(points * (lines + 3), sizeof *x);
    sp_chart_series *series = calloc(lines, sizeof *series);
    sp_status status = SP_E_MEMORY;
    if (x && series) {
        snprintf(label, sizeof label, "certified share of %zu clips, %%",
                 models == 1 ? model->totals->right : model->totals->heard);
        sp_chart chart = {.title = "Clips whose answer no noise within the budget changes",
                          .x_label = axis_of(&setup->budget[0]),
                          .y_label = label,
                          .points = points,
                          .x = x,
                          .flip = setup->budget[0].unit == SP_BUDGET_DB_SNR,
                          .count = lines,
                          .series = series,
                          .ceiling_name = "broken by the attack",
                          .floor_name = "below half a step"};
        status = draw(err, model, models, &chart, series, x, x + points, path);
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
