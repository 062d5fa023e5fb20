/* Comparisons as JSON and as tables. */
#include "certify/report/comparison_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        sp_json_line_number(line, "share", sp_comparison_share(s->clips - s->broken, s->clips));
        sp_json_line_number(line, "share_of_all",
                            sp_comparison_share(s->clips - s->broken, totals->heard));
    } else {
        sp_json_line_number(line, "certified", (double)s->certified);
        sp_json_line_number(line, "vacuous", (double)s->vacuous);
        sp_json_line_number(line, "share", sp_comparison_share(s->certified, s->clips));
        sp_json_line_number(line, "share_of_all", sp_comparison_share(s->certified, totals->heard));
    }
    sp_json_line_number(line, "timeouts", (double)s->timeouts);
    sp_json_line_number(line, "mean_margin", mean_of(s->margin, s->margins));
    if (!attack) {
        sp_json_line_number(line, "margin_deviation",
                            sp_report_statistics_spread(totals, budget, method).deviation);
    }
    sp_json_line_number(line, "mean_seconds", mean_of(s->seconds, s->clips));
    sp_json_line_text(line, "norm", sp_budget_set(&setup->budget[budget])->norm);
    return sp_json_line_finish(line);
}

typedef enum { SHARE, OF_ALL, VACUOUS, NOT_BY_FILE, LATE, MARGIN, DEVIATION, SECONDS } figure;

/* method == methods: the attack. */
static void take_figure(char cell[SP_TABLE_CELL], const sp_comparison_totals *totals, size_t budget,
                        size_t method, figure what) {
    const bool attack = method == totals->methods;
    const sp_comparison_sum *s =
        attack ? &totals->attack[budget] : &totals->method[budget * totals->methods + method];
    switch (what) {
    case SHARE:
        sp_table_number(
            cell, "%.1f",
            sp_comparison_share(attack ? s->clips - s->broken : s->certified, s->clips));
        break;
    case OF_ALL:
        sp_table_number(
            cell, "%.1f",
            sp_comparison_share(attack ? s->clips - s->broken : s->certified, totals->heard));
        break;
    case DEVIATION:
        sp_table_margin(cell, sp_report_statistics_spread(totals, budget, method).deviation);
        break;
    case VACUOUS:
        sp_table_number(cell, "%.1f", sp_comparison_share(s->vacuous, s->clips));
        break;
    case NOT_BY_FILE:
        sp_table_number(cell, "%.1f", sp_comparison_share(s->clips - s->broken_file, s->clips));
        break;
    case LATE:
        sp_table_number(cell, "%.1f", sp_comparison_share(s->timeouts, s->clips));
        break;
    case MARGIN:
        sp_table_margin(cell, mean_of(s->margin, s->margins));
        break;
    case SECONDS:
        sp_table_number(cell, "%.3f", mean_of(s->seconds, s->clips));
        break;
    }
}

static void write_line(FILE *out, const sp_comparison_totals *totals,
                       const sp_comparison_setup *setup, const char *name, size_t method,
                       figure what) {
    char cell[SP_TABLE_CELL];
    fprintf(out, "  %-20s", name);
    for (size_t i = 0; i < setup->budgets; i++) {
        take_figure(cell, totals, setup->quiet_first[i], method, what);
        fprintf(out, "  %9s", cell);
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
    if (!setup->attacker || what == VACUOUS || what == DEVIATION) {
        return;
    }
    if (what == SHARE || what == OF_ALL) {
        write_line(out, totals, setup, "not broken", setup->methods, what);
    }
    if (what == SHARE) {
        write_line(out, totals, setup, "not broken by a file", setup->methods, NOT_BY_FILE);
    } else if (what != OF_ALL) {
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
            "%zu of %zu clips are answered rightly without noise; all figures are of these%s.\n\n",
            totals->right, totals->heard, totals->right < totals->heard ? " unless said" : "");
    write_block(out, totals, setup, "certified, %", SHARE);
    fputc('\n', out);
    if (totals->right < totals->heard) {
        write_block(out, totals, setup, "of all clips, %", OF_ALL);
        fputc('\n', out);
    }
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
    if (totals->right > 1) {
        write_block(out, totals, setup, "deviation of margins", DEVIATION);
        fputc('\n', out);
    }
    write_block(out, totals, setup, "seconds per clip", SECONDS);
    sp_report_statistics_text(out, totals, setup);
    return fclose(out) == 0 ? text : NULL;
}

/* ---- LaTeX ---- */

/* A row of figures, in the order of the budgets from quiet to loud. */
static void write_latex_row(FILE *out, const sp_comparison_totals *totals,
                            const sp_comparison_setup *setup, const char *name, size_t method,
                            figure what) {
    char cell[SP_TABLE_CELL];
    sp_table_latex(out, name);
    for (size_t i = 0; i < setup->budgets; i++) {
        take_figure(cell, totals, setup->quiet_first[i], method, what);
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
    if (setup->attacker && what != DEVIATION) {
        const bool share = what == SHARE || what == OF_ALL;
        fputs("\\midrule\n", out);
        write_latex_row(out, totals, setup, share ? "not broken" : "attack", setup->methods, what);
    }
    fputs("\\bottomrule\n\\end{tabular}", out);
}

char *sp_report_comparison_latex(const sp_comparison_totals *totals,
                                 const sp_comparison_setup *setup) {
    static const struct {
        const char *title;
        figure what;
    } block[] = {{"certified, %", SHARE},
                 {"certified, % of all clips", OF_ALL},
                 {"mean margin", MARGIN},
                 {"deviation of margins", DEVIATION},
                 {"seconds per clip", SECONDS}};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out,
            "%% needs \\usepackage{booktabs}\n%% %zu of %zu clips are answered rightly without "
            "noise; all figures are of these unless said\n",
            totals->right, totals->heard);
    for (size_t i = 0; i < sizeof block / sizeof block[0]; i++) {
        write_latex_block(out, totals, setup, block[i].title, block[i].what);
        fputs(i + 1 < sizeof block / sizeof block[0] ? "\n\n" : "", out);
    }
    sp_report_statistics_latex(out, totals, setup);
    return fclose(out) == 0 ? text : NULL;
}
