/* The lines of the table that people read. */
#include "certify/certify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL 32 /* bytes of a number's cell */

/* Columns behind the clip: label, answer, budget dB, eps LSB, SNR dB, verdict, margin, seconds. */
static const int column_width[8] = {5, 6, 9, 8, 7, -13, 9, 8};

static char *make_line(const char *clip, size_t clip_width, const char *const cell[8]) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    const size_t width = sp_text_width(clip);
    fprintf(out, "%s%*s", clip, (int)(width < clip_width ? clip_width - width : 0), "");
    for (int i = 0; i < 8; i++) {
        fprintf(out, "  %*s", column_width[i], cell[i]);
    }
    return fclose(out) == 0 ? text : NULL;
}

static void write_cell(char cell[CELL], const char *format, double value) {
    if (isfinite(value)) {
        snprintf(cell, CELL, format, value);
    } else {
        snprintf(cell, CELL, "-");
    }
}

static void write_label(char cell[CELL], size_t label) {
    if (label == SP_NO_LABEL) {
        snprintf(cell, CELL, "-");
    } else {
        snprintf(cell, CELL, "%zu", label);
    }
}

/* Three decimals, or three digits where those would read as zero or not fit. */
static void write_margin(char cell[CELL], double margin) {
    const double size = fabs(margin);
    const bool plain = size == 0.0 || (size >= 0.001 && size < 1e4);
    write_cell(cell, plain ? "%.3f" : "%.2e", margin);
}

char *sp_report_head(size_t clip_width) {
    static const char *const names[8] = {"label",  "answer",  "budget dB", "eps LSB",
                                         "SNR dB", "verdict", "margin",    "seconds"};
    return make_line("clip", clip_width, names);
}

char *sp_report_row(const char *clip, size_t clip_width, const sp_verdict *verdict) {
    char cell[8][CELL];
    const char *cells[8];
    write_label(cell[0], verdict->label);
    write_label(cell[1], verdict->predicted);
    write_cell(cell[2], "%.2f", verdict->scale.db_peak);
    const double lsb = verdict->scale.lsb;
    write_cell(cell[3], lsb >= 0.01 && lsb < 1e5 ? "%.2f" : "%.1e", lsb);
    write_cell(cell[4], "%.1f", verdict->scale.snr_db);
    snprintf(cell[5], CELL, "%s", sp_verdict_name(verdict->kind));
    write_margin(cell[6], verdict->margin);
    write_cell(cell[7], "%.2f", verdict->seconds);
    for (int i = 0; i < 8; i++) {
        cells[i] = cell[i];
    }
    return make_line(clip, clip_width, cells);
}

char *sp_report_details(const sp_verdict *verdict) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    if (verdict->reason[0]) {
        fprintf(out, "    why: %s\n", verdict->reason);
    }
    for (size_t k = 0; verdict->logits && k < verdict->classes; k++) {
        char logit[CELL], margin[CELL];
        write_margin(logit, verdict->logits[k]);
        write_margin(margin, verdict->margins[k]);
        fprintf(out, "    label %3zu  logit %9s  proved margin %9s%s\n", k, logit,
                k == verdict->label ? "" : margin, k == verdict->label ? "(the label)" : "");
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
    for (int kind = 0; kind < SP_VERDICT_KINDS; kind++) {
        if (meaning[kind] && tally->kind[kind] > 0) {
            fprintf(out, ", %zu %s", tally->kind[kind], meaning[kind]);
        }
    }
    return fclose(out) == 0 ? text : NULL;
}
