/* The lead of the right label over every other one: without noise, and proved under noise. */
#include <math.h>
#include <stdlib.h>

#include "certify/report/page.h"

enum { ROWS = 12, HEIGHT = 22, TOP = 4 };
/* Percent of the width: where the scale begins and ends; what is below 0 gets a part of it. */
#define LEFT 9.0
#define RIGHT 68.0
#define BELOW 0.3

typedef struct scale {
    double least, most;
} scale;

static double place(const scale *s, double margin) {
    const double part = (margin - s->least) / (s->most - s->least);
    return LEFT + (RIGHT - LEFT) * fmin(fmax(part, 0.0), 1.0);
}

static double clean_margin(const sp_verdict *verdict, size_t k) {
    return verdict->logits[verdict->label] - verdict->logits[k];
}

/* By how little each label is beaten: the bound, or the margin without noise where none was
 * computed. */
static double rank(const sp_verdict *verdict, size_t k) {
    return isfinite(verdict->margins[k]) ? verdict->margins[k] : clean_margin(verdict, k);
}

/* Whether label k is among the ROWS that are beaten by least. */
static bool is_shown(const sp_verdict *verdict, size_t k) {
    size_t closer = 0;
    for (size_t j = 0; j < verdict->classes; j++) {
        closer += j != verdict->label && (rank(verdict, j) < rank(verdict, k) ||
                                          (rank(verdict, j) == rank(verdict, k) && j < k));
    }
    return k != verdict->label && closer < ROWS;
}

static void put_row(FILE *out, const scale *s, const sp_verdict *verdict, size_t k, int top) {
    const double clean = clean_margin(verdict, k), bound = verdict->margins[k];
    const double right = place(s, clean), left = isfinite(bound) ? place(s, bound) : right;
    const int y = top + HEIGHT / 2;
    fprintf(out, "<text x=\"0\" y=\"%d\">", y + 4);
    sp_page_answer(out, verdict->names, k);
    fputs("</text>", out);
    if (isfinite(bound)) {
        fprintf(
            out,
            "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>"
            "<svg x=\"%.2f%%\" y=\"%d\" overflow=\"visible\"><path class=\"%s\" d=\"%s\"/></svg>",
            bound > 0.0 ? "lead" : "lead lost", left, right, y, y, left, y,
            bound > 0.0 ? "proved" : "proved lost",
            bound < s->least ? "M-1 0L7 -5V5Z" : "M-4 -5H4V5H-4Z");
    }
    fprintf(out, "<circle class=\"clean\" cx=\"%.2f%%\" cy=\"%d\" r=\"4.5\"/>", right, y);
    fprintf(out, "<text x=\"100%%\" y=\"%d\" text-anchor=\"end\">", y + 4);
    sp_page_margin(out, clean, false);
    fputs(" \xE2\x86\x92 ", out);
    sp_page_margin(out, bound, true);
    fputs("</text>\n", out);
}

void sp_page_margins(FILE *out, const sp_study *study, size_t shown) {
    const sp_verdict *verdict = &study->verdict[shown];
    scale s = {0.0, 1e-300};
    size_t rows = 0;
    for (size_t k = 0; k < verdict->classes; k++) {
        if (is_shown(verdict, k)) {
            s.most = fmax(s.most, clean_margin(verdict, k));
            s.least = isfinite(verdict->margins[k]) ? fmin(s.least, verdict->margins[k]) : s.least;
            rows++;
        }
    }
    s.least = fmax(s.least, -BELOW * s.most);
    s.most *= 1.02;
    fprintf(out,
            "<svg class=\"margins\" width=\"100%%\" height=\"%zu\" role=\"img\" aria-label=\"Lead "
            "over every other label; the numbers are in the table below\">\n",
            TOP + rows * HEIGHT + TOP);
    fprintf(out, "<line class=\"zero\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"%zu\"/>\n",
            place(&s, 0.0), place(&s, 0.0), TOP + rows * HEIGHT + TOP);
    int top = TOP;
    for (size_t k = 0; k < verdict->classes; k++) {
        if (is_shown(verdict, k)) {
            put_row(out, &s, verdict, k, top);
            top += HEIGHT;
        }
    }
    fputs("</svg>\n", out);
}
