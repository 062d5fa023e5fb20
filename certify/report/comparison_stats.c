/* The statistics of comparisons: radii, and differences of methods on the same clips. */
#include "certify/report/comparison_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- figures ---- */

static double *column_of(const sp_comparison_totals *totals, size_t budget, size_t method) {
    double *values = calloc(totals->right + 1, sizeof *values);
    if (values) {
        sp_comparison_column(totals, values, budget, method);
    }
    return values;
}

sp_paired_spread sp_report_statistics_spread(const sp_comparison_totals *totals, size_t budget,
                                             size_t method) {
    double *values = column_of(totals, budget, method);
    sp_paired_spread spread;
    const bool made = values && sp_paired_spread_of(NULL, &spread, values, totals->right) == SP_OK;
    free(values);
    return made ? spread : (sp_paired_spread){.mean = NAN, .deviation = NAN};
}

/* How many clips have no certified budget. */
static size_t count_none(const sp_comparison_totals *totals, size_t method) {
    double *values = column_of(totals, totals->budgets, method);
    size_t none = 0;
    for (size_t i = 0; values && i < totals->right; i++) {
        none += values[i] == 0.0;
    }
    free(values);
    return none;
}

/* The last method less another one: the tightest usually stands last. */
static sp_paired pairs_of(const sp_comparison_totals *totals, size_t budget, size_t method) {
    double *last = column_of(totals, budget, totals->methods - 1);
    double *other = column_of(totals, budget, method);
    sp_paired paired;
    const bool made =
        last && other && sp_paired_test(NULL, &paired, last, other, totals->right) == SP_OK;
    free(last);
    free(other);
    return made ? paired : (sp_paired){.p = NAN, .difference = {.mean = NAN, .deviation = NAN}};
}

/* ---- JSON ---- */

char *sp_report_comparison_radii_json(const sp_comparison_totals *totals,
                                      const sp_comparison_setup *setup, size_t method) {
    const sp_paired_spread spread = sp_report_statistics_spread(totals, totals->budgets, method);
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "radii", setup->pipeline[method].method->name);
    sp_json_line_number(line, "clips", (double)spread.count);
    sp_json_line_number(line, "none", (double)count_none(totals, method));
    sp_json_line_number(line, "mean_radius", spread.mean);
    sp_json_line_number(line, "radius_deviation", spread.deviation);
    sp_json_line_numbers(line, "radius_quantiles", spread.quantile, SP_PAIRED_QUANTILES);
    sp_json_line_text(line, "norm", sp_budget_set(&setup->budget[0])->norm);
    return sp_json_line_finish(line);
}

char *sp_report_comparison_paired_json(const sp_comparison_totals *totals,
                                       const sp_comparison_setup *setup, size_t budget,
                                       size_t method) {
    const sp_paired paired = pairs_of(totals, budget, method);
    const bool radii = budget == setup->budgets;
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "paired", setup->pipeline[setup->methods - 1].method->name);
    sp_json_line_text(line, "method", setup->pipeline[method].method->name);
    sp_json_line_text(line, "measure", radii ? "radius" : "margin");
    if (radii) {
        sp_json_line_null(line, "budget");
    } else {
        sp_json_line_text(line, "budget", setup->text[budget]);
    }
    sp_json_line_number(line, "pairs", (double)paired.pairs);
    sp_json_line_number(line, "larger", (double)paired.larger);
    sp_json_line_number(line, "equal", (double)paired.equal);
    sp_json_line_number(line, "smaller", (double)paired.smaller);
    sp_json_line_number(line, "mean_difference", paired.difference.mean);
    sp_json_line_number(line, "difference_deviation", paired.difference.deviation);
    sp_json_line_numbers(line, "difference_quantiles", paired.difference.quantile,
                         SP_PAIRED_QUANTILES);
    sp_json_line_number(line, "rank_sum", paired.rank_sum);
    sp_json_line_number(line, "p", paired.p);
    sp_json_line_bool(line, "exact", paired.exact);
    sp_json_line_text(line, "norm", sp_budget_set(&setup->budget[radii ? 0 : budget])->norm);
    return sp_json_line_finish(line);
}

/* ---- tables, as text and for LaTeX ---- */

enum { RADIUS_CELLS = 4, PAIRED_CELLS = 6 };
static const char *const radius_title[RADIUS_CELLS] = {"mean", "deviation", "median", "none"};
static const char *const paired_title[PAIRED_CELLS] = {"larger", "equal",     "smaller",
                                                       "mean",   "deviation", "p"};

static void put_radius(char cell[SP_TABLE_CELL], double radius) {
    if (radius == 0.0) {
        snprintf(cell, SP_TABLE_CELL, "0");
    } else {
        sp_table_eps(cell, radius);
    }
}

static void take_radii(char cell[RADIUS_CELLS][SP_TABLE_CELL], const sp_comparison_totals *totals,
                       size_t method) {
    const sp_paired_spread spread = sp_report_statistics_spread(totals, totals->budgets, method);
    put_radius(cell[0], spread.mean);
    put_radius(cell[1], spread.deviation);
    put_radius(cell[2], spread.quantile[SP_PAIRED_QUANTILES / 2]);
    snprintf(cell[3], SP_TABLE_CELL, "%zu", count_none(totals, method));
}

static void take_pairs(char cell[PAIRED_CELLS][SP_TABLE_CELL], const sp_comparison_totals *totals,
                       size_t budget, size_t method) {
    const sp_paired paired = pairs_of(totals, budget, method);
    const size_t count[3] = {paired.larger, paired.equal, paired.smaller};
    void (*put)(char *, double) = budget == totals->budgets ? put_radius : sp_table_margin;
    for (int i = 0; i < 3; i++) {
        snprintf(cell[i], SP_TABLE_CELL, "%zu", count[i]);
    }
    put(cell[3], paired.difference.mean);
    put(cell[4], paired.difference.deviation);
    if (paired.p == 0.0) { // less than the least double
        snprintf(cell[5], SP_TABLE_CELL, "<1e-300");
    } else {
        sp_table_number(cell[5], "%.2g", paired.p);
    }
}

/* "deepz, margin -60dB"; of one budget it is shown as it is written. */
static void name_pair(char name[SP_TABLE_CELL], const sp_comparison_setup *setup, size_t budget,
                      size_t method) {
    const bool radii = budget == setup->budgets;
    snprintf(name, SP_TABLE_CELL, "%s, %s%s", setup->pipeline[method].method->name,
             radii ? "radius" : "margin ", radii ? "" : setup->text[budget]);
}

static const char *relative_to(const sp_comparison_setup *setup) {
    return setup->budget[0].unit == SP_BUDGET_ABSOLUTE   ? "as eps"
           : sp_budget_set(&setup->budget[0])->of_energy ? "as a part of the clip's energy (root)"
                                                         : "as a part of the clip's peak";
}

static void write_cells(FILE *out, const char *name, const char (*cell)[SP_TABLE_CELL],
                        size_t count) {
    fprintf(out, "  %-26s", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %9s", cell[i]);
    }
    fputc('\n', out);
}

static void write_titles(FILE *out, const char *name, const char *const *title, size_t count) {
    fprintf(out, "\n%-28s", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %9s", title[i]);
    }
    fputc('\n', out);
}

void sp_report_statistics_text(FILE *out, const sp_comparison_totals *totals,
                               const sp_comparison_setup *setup) {
    char radii[RADIUS_CELLS][SP_TABLE_CELL], pair[PAIRED_CELLS][SP_TABLE_CELL];
    char name[SP_TABLE_CELL];
    if (totals->right < 2) { // nothing is spread
        return;
    }
    write_titles(out, "radius", radius_title, RADIUS_CELLS);
    for (size_t m = 0; m < setup->methods; m++) {
        take_radii(radii, totals, m);
        write_cells(out, setup->pipeline[m].method->name, (const char(*)[SP_TABLE_CELL])radii,
                    RADIUS_CELLS);
    }
    fprintf(out, "The loudest of these budgets that is certified, %s; 0 where none is.\n",
            relative_to(setup));
    if (setup->methods < 2) {
        return;
    }
    snprintf(name, sizeof name, "%s less", setup->pipeline[setup->methods - 1].method->name);
    write_titles(out, name, paired_title, PAIRED_CELLS);
    for (size_t m = 0; m + 1 < setup->methods; m++) {
        for (size_t i = 0; i <= setup->budgets; i++) {
            const size_t b = i == 0 ? setup->budgets : setup->quiet_first[i - 1];
            name_pair(name, setup, b, m);
            take_pairs(pair, totals, b, m);
            write_cells(out, name, (const char(*)[SP_TABLE_CELL])pair, PAIRED_CELLS);
        }
    }
    fputs("p: Wilcoxon's signed-rank test of the pairs, two-sided.\n", out);
}

/* ---- LaTeX ---- */

static void begin_latex(FILE *out, const char *title, const char *const *column, size_t count) {
    fputs("\n\n\\begin{tabular}{l", out);
    for (size_t i = 0; i < count; i++) {
        fputc('r', out);
    }
    fputs("}\n\\toprule\n", out);
    sp_table_latex(out, title);
    for (size_t i = 0; i < count; i++) {
        fputs(" & ", out);
        sp_table_latex(out, column[i]);
    }
    fputs(" \\\\\n\\midrule\n", out);
}

static void put_latex(FILE *out, const char *name, const char (*cell)[SP_TABLE_CELL],
                      size_t count) {
    sp_table_latex(out, name);
    for (size_t i = 0; i < count; i++) {
        fputs(" & ", out);
        sp_table_latex(out, cell[i]);
    }
    fputs(" \\\\\n", out);
}

void sp_report_statistics_latex(FILE *out, const sp_comparison_totals *totals,
                                const sp_comparison_setup *setup) {
    char radii[RADIUS_CELLS][SP_TABLE_CELL], pair[PAIRED_CELLS][SP_TABLE_CELL];
    char name[SP_TABLE_CELL];
    snprintf(name, sizeof name, "radius, %s", relative_to(setup));
    begin_latex(out, name, radius_title, RADIUS_CELLS);
    for (size_t m = 0; m < setup->methods; m++) {
        take_radii(radii, totals, m);
        put_latex(out, setup->pipeline[m].method->name, (const char(*)[SP_TABLE_CELL])radii,
                  RADIUS_CELLS);
    }
    fputs("\\bottomrule\n\\end{tabular}", out);
    if (setup->methods < 2) {
        return;
    }
    snprintf(name, sizeof name, "%s less", setup->pipeline[setup->methods - 1].method->name);
    begin_latex(out, name, paired_title, PAIRED_CELLS);
    for (size_t m = 0; m + 1 < setup->methods; m++) {
        for (size_t i = 0; i <= setup->budgets; i++) {
            const size_t b = i == 0 ? setup->budgets : setup->quiet_first[i - 1];
            name_pair(name, setup, b, m);
            take_pairs(pair, totals, b, m);
            put_latex(out, name, (const char(*)[SP_TABLE_CELL])pair, PAIRED_CELLS);
        }
    }
    fputs("\\bottomrule\n\\end{tabular}", out);
}
