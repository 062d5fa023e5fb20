/* The lines of the table that people read. */
#include "certify/report/text_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns behind the clip: label, answer, budget dB, eps LSB, SNR dB, or eps, verdict, margin,
 * seconds. */
enum { COLUMNS = 9, MOST_COLUMNS = 16 };
static const int column_width[COLUMNS] = {5, 6, 9, 8, 7, 9, -13, 9, 8};
static const char column_kind[COLUMNS + 1] = "..rrrs...";

/* printf counts bytes, terminals columns. */
static void put_cell(FILE *out, const char *text, int width) {
    const size_t used = sp_table_text_width(text), wide = (size_t)abs(width);
    const int padding = used < wide ? (int)(wide - used) : 0;
    fprintf(out, "%*s%s%*s", width > 0 ? padding : 0, "", text, width < 0 ? padding : 0, "");
}

/* Minus signs before digits are those of numbers; a dash alone says that something is not known. */
void sp_table_latex(FILE *out, const char *text) {
    if (strcmp(text, "-") == 0) {
        fputs("--", out);
        return;
    }
    for (const char *c = text; *c; c++) {
        const bool number = c[1] >= '0' && c[1] <= '9' && (c == text || c[-1] == ' ');
        if (*c == '-' && number) {
            fputs("$-$", out);
        } else if (*c == '\\') {
            fputs("\\textbackslash{}", out);
        } else if (*c == '~' || *c == '^') {
            fprintf(out, "\\%c{}", *c);
        } else {
            fprintf(out, strchr("&%$#_{}", *c) ? "\\%c" : "%c", *c);
        }
    }
}

char *sp_table_line(const char *clip, size_t clip_width, const char *const *cell, const int *width,
                    size_t columns) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    if (clip_width == SP_TABLE_LATEX) {
        sp_table_latex(out, clip);
        for (size_t i = 0; i < columns; i++) {
            fputs(" & ", out);
            sp_table_latex(out, cell[i]);
        }
        fputs(" \\\\", out);
        return fclose(out) == 0 ? text : NULL;
    }
    const size_t used = sp_table_text_width(clip);
    fprintf(out, "%s%*s", clip, (int)(used < clip_width ? clip_width - used : 0), "");
    for (size_t i = 0; i < columns; i++) {
        fputs("  ", out);
        put_cell(out, cell[i], width[i]);
    }
    return fclose(out) == 0 ? text : NULL;
}

char *sp_table_pick(const char *clip, size_t clip_width, const char *const *cell, const int *width,
                    const char *kinds, bool sequences) {
    const char *shown[MOST_COLUMNS];
    int shown_width[MOST_COLUMNS];
    size_t columns = 0;
    for (size_t i = 0; kinds[i] && columns < MOST_COLUMNS; i++) {
        if (kinds[i] == '.' || kinds[i] == (sequences ? 's' : 'r')) {
            shown[columns] = cell[i];
            shown_width[columns++] = width[i];
        }
    }
    return sp_table_line(clip, clip_width, shown, shown_width, columns);
}

void sp_table_number(char cell[SP_TABLE_CELL], const char *format, double value) {
    if (isfinite(value)) {
        snprintf(cell, SP_TABLE_CELL, format, value);
    } else {
        snprintf(cell, SP_TABLE_CELL, "-");
    }
}

int sp_table_label_width(const sp_class_names *names, int least) {
    for (size_t k = 0; names && k < names->count; k++) {
        const int width = (int)sp_table_text_width(names->name[k]);
        least = width > least ? width : least;
    }
    return least;
}

void sp_table_label(char cell[SP_TABLE_CELL], const sp_class_names *names, size_t label) {
    if (label == SP_NO_LABEL) {
        snprintf(cell, SP_TABLE_CELL, "-");
    } else {
        sp_class_text(cell, names, label);
    }
}

void sp_table_lsb(char cell[SP_TABLE_CELL], double lsb) {
    sp_table_number(cell, lsb >= 0.01 && lsb < 1e5 ? "%.2f" : "%.1e", lsb);
}

void sp_table_eps(char cell[SP_TABLE_CELL], double eps) {
    sp_table_number(cell, eps >= 1e-4 && eps < 1e4 ? "%.5f" : "%.2e", eps);
}

void sp_table_eps_of(char cell[SP_TABLE_CELL], double db) {
    sp_table_eps(cell, pow(10.0, db / 20.0));
}

void sp_table_margin(char cell[SP_TABLE_CELL], double margin) {
    const double size = fabs(margin);
    const bool plain = size == 0.0 || (size >= 0.001 && size < 1e4);
    sp_table_number(cell, plain ? "%.3f" : "%.2e", margin);
}

/* The widths of the columns, of which the first two hold names. */
static void widen(int width[COLUMNS], const sp_class_names *names) {
    memcpy(width, column_width, sizeof column_width);
    width[0] = sp_table_label_width(names, width[0]);
    width[1] = sp_table_label_width(names, width[1]);
}

char *sp_report_verdict_head(size_t clip_width, bool sequences, const sp_class_names *names) {
    static const char *const titles[COLUMNS] = {
        "label", "answer", "budget dB", "eps LSB", "SNR dB", "eps", "verdict", "margin", "seconds"};
    int width[COLUMNS];
    widen(width, names);
    return sp_table_pick("clip", clip_width, titles, width, column_kind, sequences);
}

void sp_table_verdict(char cell[SP_TABLE_CELL], sp_verdict_kind kind, bool vacuous) {
    snprintf(cell, SP_TABLE_CELL, "%s%s", sp_verdict_name(kind),
             kind == SP_VERDICT_CERTIFIED && vacuous ? "*" : "");
}

char *sp_report_verdict_row(const char *clip, size_t clip_width, bool sequences,
                            const sp_verdict *verdict) {
    char cell[COLUMNS][SP_TABLE_CELL];
    const char *cells[COLUMNS];
    int width[COLUMNS];
    widen(width, verdict->names);
    sp_table_label(cell[0], verdict->names, verdict->label);
    sp_table_label(cell[1], verdict->names, verdict->predicted);
    sp_table_number(cell[2], "%.2f", verdict->scale.db_peak);
    sp_table_lsb(cell[3], verdict->scale.lsb);
    sp_table_number(cell[4], "%.1f", verdict->scale.snr_db);
    sp_table_eps(cell[5], verdict->eps);
    sp_table_verdict(cell[6], verdict->kind, verdict->scale.vacuous);
    sp_table_margin(cell[7], verdict->margin);
    sp_table_number(cell[8], "%.2f", verdict->seconds);
    for (int i = 0; i < COLUMNS; i++) {
        cells[i] = cell[i];
    }
    return sp_table_pick(clip, clip_width, cells, width, column_kind, sequences);
}

/* Of many decisions the scores that are nearest to changing. */
static void put_scores(FILE *out, const sp_verdict *verdict) {
    enum { MOST = 10 };
    size_t at[MOST], count = 0;
    for (size_t k = 0; verdict->outputs > 0 && verdict->margins && k < verdict->classes; k++) {
        size_t i = count < MOST ? count++ : MOST;
        if (isnan(verdict->margins[k])) {
            count -= i < MOST;
            continue;
        }
        for (; i > 0 && verdict->margins[k] < verdict->margins[at[i - 1]]; i--) {
            if (i < MOST) {
                at[i] = at[i - 1];
            }
        }
        if (i < MOST) {
            at[i] = k;
        }
    }
    for (size_t i = 0; i < count; i++) {
        char where[SP_VERDICT_WHERE], logit[SP_TABLE_CELL], margin[SP_TABLE_CELL];
        sp_table_margin(logit, verdict->logits[at[i]]);
        sp_table_margin(margin, verdict->margins[at[i]]);
        fprintf(out, "    %s  logit %9s  proved margin %9s\n",
                sp_verdict_where(where, verdict, at[i]), logit, margin);
    }
}

char *sp_report_verdict_details(const sp_verdict *verdict) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    if (verdict->reason[0]) {
        fprintf(out, "    why: %s\n", verdict->reason);
    }
    const int padding = sp_table_label_width(verdict->names, 3);
    put_scores(out, verdict);
    for (size_t k = 0; verdict->logits && verdict->outputs == 0 && k < verdict->classes; k++) {
        char label[SP_TABLE_CELL], logit[SP_TABLE_CELL], margin[SP_TABLE_CELL];
        sp_table_margin(logit, verdict->logits[k]);
        sp_table_margin(margin, verdict->margins[k]);
        sp_table_label(label, verdict->names, k);
        fputs("    label ", out);
        put_cell(out, label, padding);
        fprintf(out, "  logit %9s  proved margin %9s%s\n", logit, k == verdict->label ? "" : margin,
                k == verdict->label ? "(the label)" : "");
    }
    if (verdict->deployed != SP_BUDGET_AS_REAL) {
        fprintf(out, "    --deployed %s: what is heard differs from the clip by at most %.6g\n",
                sp_budget_deployed_name(verdict->deployed), verdict->heard_eps);
    }
    if (verdict->float32 < INFINITY) {
        fprintf(out, "    float32 arithmetic changes margins by at most %.2e%s\n", verdict->float32,
                verdict->arithmetic == SP_ARITHMETIC_FLOAT32
                    ? ", which was subtracted from them"
                    : "; --arithmetic float32 subtracts it");
    }
    if (isfinite(verdict->error)) {
        fprintf(out, "    rounding error already subtracted from the margins: at most %.2e\n",
                verdict->error);
    }
    fprintf(out, "    %zu frames; %.3f s: front end %.3f, boxes of all cells %.3f, margins %.3f",
            verdict->frames, verdict->seconds, verdict->front_seconds, verdict->boxes_seconds,
            verdict->rows_seconds);
    return fclose(out) == 0 ? text : NULL;
}

void sp_tally_add(sp_tally *tally, const sp_verdict *verdict) {
    tally->total++;
    tally->kind[verdict->kind]++;
    tally->vacuous += sp_verdict_is_vacuous(verdict);
}

char *sp_report_summary(const char *budget, const sp_tally *tally) {
    static const char *const meaning[SP_VERDICT_KINDS] = {
        [SP_VERDICT_BROKEN] = "broken",
        [SP_VERDICT_UNKNOWN] = "unknown (neither proved nor disproved)",
        [SP_VERDICT_MISCLASSIFIED] = "misclassified without noise",
        [SP_VERDICT_TIMEOUT] = "out of time",
        [SP_VERDICT_ERROR] = "unusable",
    };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out, "%s: certified %zu of %zu", budget, tally->kind[SP_VERDICT_CERTIFIED],
            tally->total);
    if (tally->vacuous > 0) {
        fprintf(out, " (%zu of them below half a step *)", tally->vacuous);
    }
    for (int kind = 0; kind < SP_VERDICT_KINDS; kind++) {
        if (meaning[kind] && tally->kind[kind] > 0) {
            fprintf(out, ", %zu %s", tally->kind[kind], meaning[kind]);
        }
    }
    return fclose(out) == 0 ? text : NULL;
}
