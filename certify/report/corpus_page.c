/* The HTML page of a corpus: shares against the budget, the worst clips with their sound, and a
 * table of all that is sorted in the browser. One file; without its script it is as it stands. */
#include "certify/report/page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* Rows of the table, clips with sound, and bytes of such a sound, at most. */
enum { MOST_ROWS = 5000, WORST = 12 };
#define MOST_SOUND ((size_t)1 << 20)

/* ---- what is collected ---- */

sp_page_row *sp_page_corpus_add(sp_page_corpus *corpus, const char *name, const char *file) {
    if (corpus->count == corpus->room) {
        const size_t room = 2 * corpus->room + 64;
        sp_page_row *grown = realloc(corpus->row, room * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        corpus->row = grown;
        corpus->room = room;
    }
    sp_page_row *row = &corpus->row[corpus->count];
    *row = (sp_page_row){.name = strdup(name),
                         .file = file ? strdup(file) : NULL,
                         .worst = NAN,
                         .cell = calloc(corpus->columns + 1, sizeof *row->cell)};
    if (!row->name || !row->cell) {
        free(row->name);
        free(row->file);
        free(row->cell);
        return NULL;
    }
    corpus->count++;
    return row;
}

void sp_page_row_set(sp_page_row *row, size_t column, const char *text, double order) {
    free(row->cell[column].text);
    row->cell[column] = (sp_page_cell){strdup(text), order};
}

sp_status sp_page_corpus_curve(sp_error *err, sp_page_corpus *corpus, const char *name,
                               const double *x, const double *share, size_t points) {
    sp_page_curve *grown = realloc(corpus->curve, (corpus->curves + 1) * sizeof *grown);
    corpus->curve = grown ? grown : corpus->curve;
    double *copy = calloc(2 * points + 1, sizeof *copy);
    char *text = strdup(name);
    if (!grown || !copy || !text) {
        free(copy);
        free(text);
        return sp_fail(err, SP_E_MEMORY, "out of memory for a curve");
    }
    memcpy(copy, x, points * sizeof *copy);
    memcpy(copy + points, share, points * sizeof *copy);
    corpus->curve[corpus->curves++] = (sp_page_curve){text, points, copy};
    return SP_OK;
}

void sp_page_corpus_clear(sp_page_corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) {
        for (size_t c = 0; c < corpus->columns; c++) {
            free(corpus->row[i].cell[c].text);
        }
        free(corpus->row[i].cell);
        free(corpus->row[i].name);
        free(corpus->row[i].file);
        free(corpus->row[i].link);
    }
    for (size_t i = 0; i < corpus->curves; i++) {
        free(corpus->curve[i].name);
        free(corpus->curve[i].x);
    }
    free(corpus->row);
    free(corpus->curve);
    *corpus = (sp_page_corpus){0};
}

/* ---- curves ---- */

enum { CHART = 240, BELOW = 22 }; /* pixels of the chart, and of the labels below it */

typedef struct range {
    double least, most, step;
} range;

static range range_of(const sp_page_corpus *corpus) {
    range r = {INFINITY, -INFINITY, 1.0};
    for (size_t i = 0; i < corpus->curves; i++) {
        for (size_t p = 0; p < corpus->curve[i].points; p++) {
            r.least = fmin(r.least, corpus->curve[i].x[p]);
            r.most = fmax(r.most, corpus->curve[i].x[p]);
        }
    }
    if (!(r.most > r.least)) {
        r.least = isfinite(r.least) ? r.least - 1.0 : 0.0;
        r.most = r.least + 2.0;
    }
    r.step = pow(10.0, floor(log10((r.most - r.least) / 6.0)));
    for (int i = 0; (r.most - r.least) / r.step > 6.0 * (1.0 + 1e-9); i++) {
        r.step *= i % 3 == 1 ? 2.5 : 2.0;
    }
    return r;
}

static double percent(const range *r, double x) {
    return 100.0 * (x - r->least) / (r->most - r->least);
}

static void put_axes(FILE *out, const range *r) {
    for (int share = 0; share <= 100; share += 20) {
        const double y = (100.0 - share) / 100.0 * CHART;
        fprintf(out,
                "<line class=\"rule\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"-6\" y=\"%.1f\" text-anchor=\"end\">%d</text>",
                y, y, y + 4.0, share);
    }
    for (double x = r->step * ceil(r->least / r->step - 1e-9); x <= r->most + 1e-9 * r->step;
         x += r->step) {
        const double at = percent(r, x);
        fprintf(out, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"%s\">", at, CHART + 17,
                at < 3.0    ? "start"
                : at > 97.0 ? "end"
                            : "middle");
        sp_page_plain(out, "%.6g", fabs(x) < 1e-9 * r->step ? 0.0 : x);
        fputs("</text>", out);
    }
}

static void put_curve(FILE *out, const range *r, const sp_page_curve *curve, size_t style) {
    bool drawing = false;
    fprintf(out, "<path class=\"curve c%zu\" vector-effect=\"non-scaling-stroke\" d=\"", style);
    for (size_t p = 0; p < curve->points; p++) {
        const double share = curve->x[curve->points + p];
        if (isfinite(share)) {
            fprintf(out, "%c%.2f %.2f", drawing ? 'L' : 'M', 10.0 * percent(r, curve->x[p]),
                    10.0 * (100.0 - share));
        }
        drawing = isfinite(share);
    }
    fputs("\"/>", out);
}

/* Styles are told apart by colour and by dashes; the last curve has the first one. */
static size_t style_of(const sp_page_corpus *corpus, size_t curve) {
    return (corpus->curves - 1 - curve) % 6;
}

static void put_curves(FILE *out, const sp_page_corpus *corpus) {
    const range r = range_of(corpus);
    if (corpus->curves == 0) {
        return;
    }
    fputs("<section><h2>How many clips at which budget?</h2>\n<ul class=\"key\">", out);
    for (size_t i = corpus->curves; i-- > 0;) {
        fprintf(out,
                "<li><svg width=\"30\" height=\"10\" aria-hidden=\"true\"><path class=\"curve "
                "c%zu\" d=\"M0 5L30 5\"/></svg> ",
                style_of(corpus, i));
        sp_page_text(out, corpus->curve[i].name);
        fputs("</li>", out);
    }
    fputs("</ul>\n<figure class=\"curves\"><figcaption>", out);
    sp_page_text(out, corpus->share);
    fprintf(out, "</figcaption><svg width=\"100%%\" height=\"%d\" role=\"img\" aria-label=\"",
            CHART + BELOW);
    sp_page_text(out, corpus->share);
    fputs("\">", out);
    put_axes(out, &r);
    fprintf(out,
            "<svg width=\"100%%\" height=\"%d\" viewBox=\"0 0 1000 1000\" "
            "preserveAspectRatio=\"none\">",
            CHART);
    for (size_t i = 0; i < corpus->curves; i++) {
        put_curve(out, &r, &corpus->curve[i], style_of(corpus, i));
    }
    fputs("</svg></svg><p class=\"note\">", out);
    sp_page_text(out, corpus->axis);
    fputs("</p></figure></section>\n", out);
}

/* ---- order ---- */

typedef struct place {
    double worst;
    size_t row;
} place;

static int by_worst(const void *a, const void *b) {
    const place *p = a, *q = b;
    const int none = isnan(p->worst) - isnan(q->worst);
    const int order = (p->worst > q->worst) - (p->worst < q->worst);
    return none ? none : order ? order : (p->row > q->row) - (p->row < q->row);
}

static int by_row(const void *a, const void *b) {
    const place *p = a, *q = b;
    return (p->row > q->row) - (p->row < q->row);
}

/* ---- the worst clips ---- */

static void put_name(FILE *out, const sp_page_row *row) {
    if (row->link) {
        fputs("<a href=\"", out);
        for (const char *at = row->link; *at; at++) { // what a reference may hold as it is
            const unsigned char c = (unsigned char)*at;
            const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                               (c >= 'A' && c <= 'Z') || strchr("/._-~", c);
            fprintf(out, plain ? "%c" : "%%%02X", c);
        }
        fputs("\">", out);
    }
    sp_page_text(out, row->name);
    fputs(row->link ? "</a>" : "", out);
}

static void put_text(FILE *out, const char *text) {
    if (!text || strcmp(text, "-") == 0) {
        fputs("\xE2\x80\x93", out);
    } else if (text[0] == '-' && text[1] >= '0' && text[1] <= '9') {
        fputs("\xE2\x88\x92", out);
        sp_page_text(out, text + 1);
    } else {
        sp_page_text(out, text);
    }
}

static void put_worst(FILE *out, const sp_page_corpus *corpus, const place *sorted) {
    if (corpus->count == 0 || isnan(sorted[0].worst)) {
        return;
    }
    fputs("<section><h2>The worst clips</h2>\n<p class=\"note\">", out);
    sp_page_text(out, corpus->order);
    fputs("</p>\n<ol class=\"worst\">\n", out);
    for (size_t i = 0; i < WORST && i < corpus->count && !isnan(sorted[i].worst); i++) {
        const sp_page_row *row = &corpus->row[sorted[i].row];
        char *data = NULL;
        size_t size = 0;
        fputs("<li><h3>", out);
        put_name(out, row);
        fputs("</h3><dl>", out);
        for (size_t c = 0; c < corpus->columns; c++) {
            fputs("<div><dt>", out);
            sp_page_text(out, corpus->column[c]);
            fputs("</dt><dd>", out);
            put_text(out, row->cell[c].text);
            fputs("</dd></div>", out);
        }
        fputs("</dl>", out);
        if (row->file) {
            const bool read = sp_file_read(NULL, &data, &size, row->file, MOST_SOUND) == SP_OK;
            sp_page_sound(out, "", row->file, read ? data : NULL, size);
            free(read ? data : NULL);
        }
        fputs("</li>\n", out);
    }
    fputs("</ol></section>\n", out);
}

/* ---- the table ---- */

static void put_head_cell(FILE *out, const char *title) {
    fputs("<th scope=\"col\"><button type=\"button\">", out);
    sp_page_text(out, title);
    fputs("</button></th>", out);
}

static void put_row(FILE *out, const sp_page_corpus *corpus, const sp_page_row *row) {
    fputs("<tr><th scope=\"row\">", out);
    put_name(out, row);
    fputs("</th>", out);
    for (size_t c = 0; c < corpus->columns; c++) {
        if (isfinite(row->cell[c].order)) {
            fprintf(out, "<td data-order=\"%.9g\">", row->cell[c].order);
        } else {
            fputs("<td data-order=\"\">", out);
        }
        put_text(out, row->cell[c].text);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

/* In the order of the clips; of too many the worst. */
static void put_table(FILE *out, const sp_page_corpus *corpus, place *sorted) {
    const size_t shown = corpus->count < MOST_ROWS ? corpus->count : MOST_ROWS;
    qsort(sorted, shown, sizeof *sorted, by_row);
    fputs("<section><h2>Clip by clip</h2>\n", out);
    if (shown < corpus->count) {
        fprintf(out, "<p class=\"note\">The worst %zu of %zu lines.</p>\n", shown, corpus->count);
    }
    fputs("<p class=\"note\">The titles sort.</p>\n<div class=\"wide\" tabindex=\"0\">"
          "<table class=\"clips\"><thead><tr>",
          out);
    put_head_cell(out, "clip");
    for (size_t c = 0; c < corpus->columns; c++) {
        put_head_cell(out, corpus->column[c]);
    }
    fputs("</tr></thead><tbody>\n", out);
    for (size_t i = 0; i < shown; i++) {
        put_row(out, corpus, &corpus->row[sorted[i].row]);
    }
    fputs("</tbody></table></div></section>\n", out);
}

/* ---- the page ---- */

static void put_head(FILE *out, const sp_page_corpus *corpus) {
    sp_page_open(out, "", corpus->title, sp_page_corpus_style);
    fputs("<header><h1>", out);
    sp_page_text(out, corpus->title);
    fputs("</h1>\n<p>", out);
    sp_page_text(out, corpus->introduction);
    fputs("</p></header>\n", out);
}

sp_status sp_page_corpus_write(sp_error *err, FILE *out, const sp_page_corpus *corpus) {
    place *sorted = calloc(corpus->count + 1, sizeof *sorted);
    if (!sorted) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", corpus->count);
    }
    for (size_t i = 0; i < corpus->count; i++) {
        sorted[i] = (place){corpus->row[i].worst, i};
    }
    qsort(sorted, corpus->count, sizeof *sorted, by_worst);
    put_head(out, corpus);
    put_curves(out, corpus);
    put_worst(out, corpus, sorted);
    put_table(out, corpus, sorted);
    fprintf(out,
            "<p class=\"note\">A verdict speaks of %s%s. Made by soundproof " SP_VERSION
            ".</p>\n<script>\n%s</script>\n</body>\n</html>\n",
            sp_arithmetic_text(corpus->arithmetic), sp_page_deployed(corpus->deployed),
            sp_page_corpus_script);
    free(sorted);
    if (fflush(out) != 0 || ferror(out)) {
        return sp_fail(err, SP_E_IO, "cannot be written: %s", strerror(errno));
    }
    return SP_OK;
}
