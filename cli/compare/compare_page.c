/* What compare shows on the page of a corpus: shares against the budget for each model and method,
 * and for each clip how far each method certifies it. */
#include "cli/compare/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns: model, where there are several, label, methods, broken, margin ---- */

static size_t first_column(const cli_compare_job *own) {
    return own->base.models > 1;
}

bool cli_compare_page_begin(const cli_compare_job *own) {
    sp_page_corpus *corpus = own->page ? &own->page->corpus : NULL;
    const sp_comparison_setup *setup = &own->setup;
    size_t columns = 0;
    if (!own->page || !own->page->out || corpus->columns > 0) {
        return true;
    }
    const char **column = calloc(setup->methods + 4, sizeof *column);
    if (!column) {
        return false;
    }
    if (own->base.models > 1) {
        column[columns++] = "model";
    }
    column[columns++] = "label";
    for (size_t m = 0; m < setup->methods; m++) {
        column[columns++] = setup->pipeline[m].method->name;
    }
    if (setup->attacker) {
        column[columns++] = "broken";
    }
    column[columns++] = "margin";
    corpus->column = column;
    corpus->columns = columns;
    corpus->share = own->base.models > 1
                        ? "share of all clips, %"
                        : "share of the clips that are answered rightly without noise, %";
    corpus->order = "Of the clips that are answered rightly, those that the last method certifies "
                    "least.";
    return true;
}

/* The loudest certified budget of a method, by its place in the order; -1: none. */
static long loudest(const cli_compare_job *own, const sp_comparison *comparison, size_t method) {
    long best = -1;
    for (size_t i = 0; i < own->setup.budgets; i++) {
        const size_t b = own->setup.quiet_first[i];
        if (comparison->verdict[b * comparison->methods + method].kind == SP_VERDICT_CERTIFIED) {
            best = (long)i;
        }
    }
    return best;
}

static long quietest_break(const cli_compare_job *own, const sp_comparison *comparison) {
    for (size_t i = 0; own->setup.attacker && i < own->setup.budgets; i++) {
        if (comparison->attack[own->setup.quiet_first[i]].real_broken) {
            return (long)i;
        }
    }
    return -1;
}

static void set_budget(const cli_compare_job *own, sp_page_row *row, size_t column, long place,
                       const char *outcome) {
    const char *text = place < 0 ? "-" : own->setup.text[own->setup.quiet_first[place]];
    sp_page_row_set(row, column, outcome ? outcome : text,
                    place < 0 || outcome ? NAN : (double)place);
}

void cli_compare_page_row(const cli_compare_job *own, size_t clip,
                          const sp_comparison *comparison) {
    const sp_comparison_setup *setup = &own->setup;
    const cli_clips *clips = &own->base.session.clips;
    const sp_verdict *first = &comparison->verdict[0];
    const char *outcome = first->kind == SP_VERDICT_ERROR           ? "error"
                          : first->kind == SP_VERDICT_MISCLASSIFIED ? "wrong"
                                                                    : NULL;
    const size_t quiet = setup->quiet_first[0] * setup->methods + setup->methods - 1;
    const double margin = comparison->verdict[quiet].margin;
    char label[SP_CLASS_TEXT], text[64];
    sp_page_row *row = own->page && own->page->out
                           ? sp_page_corpus_add(&own->page->corpus, clips->names.name[clip],
                                                clips->sequences ? NULL : clips->file[clip])
                           : NULL;
    if (!row) {
        return;
    }
    size_t column = first_column(own);
    if (column > 0) {
        sp_page_row_set(row, 0, cli_path_name(own->base.options->model), NAN);
    }
    sp_page_row_set(row, column++, sp_class_text(label, first->names, first->label),
                    first->label == SP_NO_LABEL ? NAN : (double)first->label);
    for (size_t m = 0; m < setup->methods; m++) {
        set_budget(own, row, column++, loudest(own, comparison, m), outcome);
    }
    if (setup->attacker) {
        set_budget(own, row, column++, quietest_break(own, comparison), NULL);
    }
    snprintf(text, sizeof text, "%.4g", margin);
    sp_page_row_set(row, column, isfinite(margin) ? text : "-", margin);
    if (!outcome) { // by budgets, and among equals by the margin at the quietest
        const double rest = isfinite(margin) ? margin / (1.0 + fabs(margin)) : -1.0;
        row->worst = (double)loudest(own, comparison, setup->methods - 1) + 0.4 * rest;
    }
}

/* ---- curves ---- */

static bool add_curve(const cli_compare_job *own, const char *name, size_t method, double *x,
                      double *share) {
    const sp_comparison_setup *setup = &own->setup;
    const bool flip = setup->budget[0].unit == SP_BUDGET_DB_SNR;
    const size_t heard = own->base.models > 1 ? own->totals.heard : 0;
    char text[512];
    for (size_t i = 0; i < setup->budgets; i++) {
        const size_t b = setup->quiet_first[flip ? setup->budgets - 1 - i : i];
        const sp_comparison_sum *s = method == setup->methods
                                         ? &own->totals.attack[b]
                                         : &own->totals.method[b * setup->methods + method];
        const size_t kept = method == setup->methods ? s->clips - s->broken : s->certified;
        x[i] = setup->budget[b].value;
        share[i] = sp_comparison_share(kept, heard ? heard : s->clips);
    }
    snprintf(text, sizeof text, "%s%s%s", heard ? cli_path_name(own->base.options->model) : "",
             heard ? ", " : "", name);
    return sp_page_corpus_curve(NULL, &own->page->corpus, text, x, share, setup->budgets) == SP_OK;
}

void cli_compare_page_curves(const cli_compare_job *own) {
    const sp_comparison_setup *setup = &own->setup;
    double *x = own->page && own->page->out ? calloc(2 * setup->budgets, sizeof *x) : NULL;
    if (!x || sp_report_comparison_check_chart(NULL, setup) != SP_OK) { // no axis, no curves
        free(x);
        return;
    }
    bool made =
        !setup->attacker || add_curve(own, "not broken", setup->methods, x, x + setup->budgets);
    for (size_t m = 0; m < setup->methods; m++) {
        made = add_curve(own, setup->pipeline[m].method->name, m, x, x + setup->budgets) && made;
    }
    if (!made) {
        cli_complain("out of memory for the curves of %s", own->page->path);
    }
    free(x);
}

void cli_compare_page_end(cli_page *page, const cli_compare_job *job, size_t count) {
    size_t used = 0;
    if (!page->out || count == 0) {
        return;
    }
    page->corpus.title = "How many clips keep their answer?";
    page->corpus.arithmetic = job->base.options->arithmetic;
    page->corpus.deployed = job->base.options->deployed;
    page->corpus.axis = sp_report_comparison_axis(&job->setup);
    page->text[0] = '\0';
    for (size_t i = 0; i < count && used + 1 < sizeof page->text; i++) {
        const int length = snprintf(
            page->text + used, sizeof page->text - used,
            "%s%s answers %zu of %zu clips rightly without noise%s", i ? "; " : "",
            cli_path_name(job[i].base.options->model), job[i].totals.right, job[i].totals.heard,
            i + 1 < count ? ""
                          : ". A budget limits the noise; certified: proved that no noise "
                            "within it changes the answer. Margin: the least one that the "
                            "last method proves at the quietest budget.");
        used += length > 0 ? (size_t)length : 0;
    }
    page->corpus.introduction = page->text;
}
