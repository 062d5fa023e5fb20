/* The page of a corpus: its file, and what it shows of searches for radii. */
#include "cli/job/corpus_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int cli_page_open(cli_page *page, const char *path) {
    sp_error err = {0};
    if (!path) {
        return -1;
    }
    if (sp_file_draft_open(&err, &page->draft, path) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    page->path = path;
    page->out = sp_file_draft_stream(&page->draft);
    if (!page->out) {
        sp_file_draft_drop(&page->draft);
        page->path = NULL;
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    return -1;
}

void cli_page_drop(cli_page *page) {
    if (page->out) {
        sp_file_draft_drop(&page->draft);
    }
    sp_page_corpus_clear(&page->corpus);
    *page = (cli_page){0};
}

int cli_page_close(cli_page *page) {
    sp_error err = {0};
    const char *path = page->path;
    if (!page->out) {
        return -1;
    }
    sp_status status = sp_page_corpus_write(&err, page->out, &page->corpus);
    if (status == SP_OK) {
        page->out = NULL;
        status = sp_file_draft_keep(&err, &page->draft);
    }
    cli_page_drop(page);
    if (status != SP_OK) {
        cli_complain_about(path, err.text);
        return CLI_INPUT;
    }
    return -1;
}

/* ---- radii ---- */

enum { LABEL, CERTIFIED, BROKEN, BY_FILE, GAP, SNR, VERDICT, SECONDS, COLUMNS };
static const char *const columns[COLUMNS] = {[LABEL] = "label",      [CERTIFIED] = "certified dB",
                                             [BROKEN] = "broken dB", [BY_FILE] = "file dB",
                                             [GAP] = "gap dB",       [SNR] = "SNR dB",
                                             [VERDICT] = "verdict",  [SECONDS] = "seconds"};

void cli_page_radius_begin(cli_page *page) {
    page->corpus.columns = COLUMNS;
    page->corpus.column = columns;
    page->corpus.share = "share of the clips that are answered rightly without noise, %";
    page->corpus.order = "Of the clips that are answered rightly, those whose certified budget is "
                         "the quietest, or that have none.";
}

static void set_number(sp_page_row *row, size_t column, const char *format, double value) {
    char text[64];
    snprintf(text, sizeof text, format, value);
    sp_page_row_set(row, column, isfinite(value) ? text : "-", value);
}

static bool is_right(const sp_radius *radius) {
    return radius->verdict.kind != SP_VERDICT_ERROR &&
           radius->verdict.kind != SP_VERDICT_MISCLASSIFIED;
}

void cli_page_radius(cli_page *page, const char *name, const char *file, char *link,
                     const sp_radius *radius) {
    const sp_verdict *v = &radius->verdict;
    const bool certified = isfinite(radius->certified_db);
    sp_page_row *row = page->out ? sp_page_corpus_add(&page->corpus, name, file) : NULL;
    char label[SP_CLASS_TEXT];
    if (!row) {
        free(link);
        return;
    }
    row->link = link;
    row->worst = !is_right(radius) ? NAN : certified ? radius->certified_db : -INFINITY;
    sp_page_row_set(row, LABEL, sp_class_text(label, v->names, v->label),
                    v->label == SP_NO_LABEL ? NAN : (double)v->label);
    set_number(row, CERTIFIED, "%.2f", radius->certified_db);
    set_number(row, BROKEN, "%.2f", radius->broken_db);
    set_number(row, BY_FILE, "%.2f", radius->broken_file_db);
    set_number(row, GAP, "%.2f", radius->broken_db - radius->certified_db);
    set_number(row, SNR, "%.1f", certified ? v->scale.snr_db : NAN);
    sp_page_row_set(row, VERDICT, sp_verdict_name(v->kind), (double)v->kind);
    set_number(row, SECONDS, "%.2f", v->seconds);
}

/* The share of the clips whose edge is above each budget: none below it where there is none, or,
 * of breaks, above all.   O share [points] */
static void take_share(const cli_page *page, size_t column, double none, const double *x,
                       double *share, size_t points) {
    size_t right = 0;
    memset(share, 0, points * sizeof *share);
    for (size_t i = 0; i < page->corpus.count; i++) {
        const sp_page_row *row = &page->corpus.row[i];
        const double at = row->cell[column].order, edge = isfinite(at) ? at : none;
        right += !isnan(row->worst);
        for (size_t p = 0; !isnan(row->worst) && p < points; p++) {
            share[p] += column == CERTIFIED ? edge >= x[p] : edge > x[p];
        }
    }
    for (size_t p = 0; p < points; p++) {
        share[p] *= 100.0 / (double)right; // NaN: there is no such clip
    }
}

static void take_curves(cli_page *page, const sp_pipeline *pipeline) {
    enum { POINTS = 161 };
    double least = INFINITY, most = -INFINITY, x[POINTS], share[POINTS];
    for (size_t i = 0; i < page->corpus.count; i++) {
        const sp_page_cell *cell = page->corpus.row[i].cell;
        least = fmin(least, fmin(isfinite(cell[CERTIFIED].order) ? cell[CERTIFIED].order : INFINITY,
                                 isfinite(cell[BROKEN].order) ? cell[BROKEN].order : INFINITY));
        most = fmax(most, fmax(isfinite(cell[CERTIFIED].order) ? cell[CERTIFIED].order : -INFINITY,
                               isfinite(cell[BROKEN].order) ? cell[BROKEN].order : -INFINITY));
    }
    if (!(least <= most)) {
        return;
    }
    least -= 3.0;
    most += 3.0;
    for (size_t p = 0; p < POINTS; p++) {
        x[p] = least + (most - least) * (double)p / (POINTS - 1);
    }
    char name[96];
    snprintf(name, sizeof name, "certified by %s", pipeline->method->name);
    take_share(page, BROKEN, INFINITY, x, share, POINTS);
    bool made = sp_page_corpus_curve(NULL, &page->corpus, "not broken", x, share, POINTS) == SP_OK;
    take_share(page, CERTIFIED, -INFINITY, x, share, POINTS);
    made = sp_page_corpus_curve(NULL, &page->corpus, name, x, share, POINTS) == SP_OK && made;
    if (!made) {
        cli_complain("out of memory for the curves of %s", page->path);
    }
}

void cli_page_radius_end(cli_page *page, const cli_options *options, const sp_pipeline *pipeline,
                         size_t asked) {
    size_t right = 0, certified = 0;
    if (!page->out) {
        return;
    }
    for (size_t i = 0; i < page->corpus.count; i++) {
        right += !isnan(page->corpus.row[i].worst);
        certified += isfinite(page->corpus.row[i].cell[CERTIFIED].order);
    }
    take_curves(page, pipeline);
    page->corpus.arithmetic = pipeline->arithmetic;
    page->corpus.deployed = options->deployed;
    page->corpus.title = "How loud may the noise be?";
    page->corpus.axis = sp_front_width(pipeline->front) > 0 ? "noise budget, dB relative to 1"
                        : options->set->of_energy ? "noise budget, dB relative to the clip's energy"
                                                  : "noise budget, dB relative to the clip's peak";
    snprintf(page->text, sizeof page->text,
             "%zu of %zu clips were heard by %s; %zu are answered rightly without noise, and for "
             "%zu of these a budget was found below which no noise changes the answer (method %s).",
             page->corpus.count, asked, cli_path_name(options->model), right, certified,
             pipeline->method->name);
    page->corpus.introduction = page->text;
}
