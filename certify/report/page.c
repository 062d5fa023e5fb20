/* The HTML report: one file without scripts and without anything from elsewhere. */
#include "certify/report/page.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- counts ---- */

static bool is_right(const sp_study *study) {
    const sp_verdict *verdict = &study->radius.verdict;
    return verdict->kind != SP_VERDICT_ERROR &&
           (verdict->label != SP_NO_LABEL || verdict->outputs > 0) &&
           verdict->predicted == verdict->label;
}

static size_t count_right(const sp_page *page) {
    size_t right = 0;
    for (size_t i = 0; i < page->count; i++) {
        right += is_right(&page->study[i]);
    }
    return right;
}

static size_t count_own(const sp_page *page) {
    size_t own = 0;
    for (size_t i = 0; i < page->count; i++) {
        own += page->study[i].own && is_right(&page->study[i]);
    }
    return own;
}

static size_t count_kind(const sp_page *page, size_t budget, sp_verdict_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < page->count; i++) {
        const sp_study *study = &page->study[i];
        count += study->verdict && is_right(study) && study->verdict[budget].kind == kind;
    }
    return count;
}

/* ---- sections ---- */

static void put_head(FILE *out, const sp_page *page) {
    sp_page_open(out, "Noise report: ", page->model, "");
    // patterns are found by their names from every chart of the page
    fputs("<svg width=\"0\" height=\"0\" class=\"hidden\" aria-hidden=\"true\"><defs>"
          "<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
          "<rect class=\"unknown-ground\" width=\"6\" height=\"6\"/>"
          "<path class=\"unknown-line\" d=\"M-1 7L7 -1M-1 1L1 -1M5 7L7 5\"/></pattern>"
          "<pattern id=\"dots\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
          "<rect class=\"broken-ground\" width=\"6\" height=\"6\"/>"
          "<circle class=\"broken-dot\" cx=\"3\" cy=\"3\" r=\"1.4\"/></pattern>"
          "</defs></svg>\n",
          out);
}

/* What budgets of a set mean, in sentences. */
typedef struct set_words {
    const char *rule, *scale, *budget;
} set_words;

static const set_words *words_of(const sp_page *page) {
    static const set_words box = {
        "moves no sample by more than a budget",
        "Largest change of a sample, in dB relative to the clip\xE2\x80\x99s loudest sample",
        "No sample of the clip may change by more than this. \xE2\x88\x92"
        "60\xC2\xA0"
        "dB is a thousandth of the loudest sample, \xE2\x88\x92"
        "40\xC2\xA0"
        "dB a hundredth."};
    static const set_words energy = {
        "has no more energy than a budget, however it is spread over the samples",
        "Energy of the noise, in dB relative to that of the clip",
        "The squares of all changes add up to no more than this. \xE2\x88\x92"
        "40\xC2\xA0"
        "dB is a ten-thousandth of the clip\xE2\x80\x99s energy, a signal-to-noise ratio of "
        "40\xC2\xA0"
        "dB or more."};
    static const set_words clicks = {
        "is made of clicks whose heights add up to no more than a budget",
        "Heights of all clicks together, in dB relative to the clip\xE2\x80\x99s loudest sample",
        "The sizes of all changes add up to no more than this. \xE2\x88\x92"
        "40\xC2\xA0"
        "dB is one click of a hundredth of the loudest sample, or several that make one up."};
    return !page->set || page->set->box ? &box : page->set->of_energy ? &energy : &clicks;
}

const char *sp_page_deployed(sp_budget_deployed deployed) {
    switch (deployed) {
    case SP_BUDGET_AS_REAL:
        return "";
    case SP_BUDGET_AS_FILE:
        return ", and of noisy samples that are clipped and rounded to what the clip\xE2\x80\x99s "
               "file can hold";
    case SP_BUDGET_AS_INT16:
        return ", and of noisy samples that are clipped and rounded to 16-bit integers";
    }
    return "";
}

static void put_introduction(FILE *out, const sp_page *page) {
    const size_t right = count_right(page), own = count_own(page);
    if (page->back) {
        fputs("<p><a href=\"", out);
        sp_page_text(out, page->back);
        fputs("\">All clips</a></p>\n", out);
    }
    fputs("<header><h1>What can noise do to this classifier?</h1>\n<p>", out);
    fprintf(out, "%zu clip%s, heard by <b>", page->count, page->count == 1 ? "" : "s");
    sp_page_text(out, page->model);
    fprintf(out,
            "</b>: %zu answered rightly without noise. Then any noise is allowed that %s. There "
            "are infinitely many such noises. soundproof bounds what all of them together can do "
            "(method <code>",
            right, words_of(page)->rule);
    sp_page_text(out, page->pipeline->method->name);
    fputs("</code>), and looks for one that changes the answer.</p>\n", out);
    if (page->shared) {
        fputs(
            "<p class=\"note\">A profile gives each sample, or each frame, its share of a budget: "
            "what follows speaks of noise that keeps to it.</p>\n",
            out);
    }
    if (page->asked > page->count) {
        fprintf(out,
                "<p class=\"note\">The run was interrupted: %zu more clips were given, and are not "
                "here.</p>\n",
                page->asked - page->count);
    }
    if (own > 0) {
        fprintf(out,
                "<p class=\"note\">For %zu of the clips the right answer is not known: what is "
                "certified is that the model\xE2\x80\x99s own answer stays what it is.</p>\n",
                own);
    }
    if (page->pipeline->arithmetic == SP_ARITHMETIC_FLOAT32) {
        fputs(
            "<p class=\"note\">What is certified holds of every runtime that computes the network "
            "in float32, whose rounding is bounded too.</p>\n",
            out);
    }
    if (page->deployed != SP_BUDGET_AS_REAL) {
        fputs(
            "<p class=\"note\">What is certified is about noisy clips that are clipped and rounded "
            "before they are heard. No breaking noise was looked for: attacks look for noise that "
            "is not rounded.</p>\n",
            out);
    }
    fputs("</header>\n", out);
}

static size_t count_vacuous(const sp_page *page, size_t budget) {
    size_t count = 0;
    for (size_t i = 0; i < page->count; i++) {
        const sp_study *study = &page->study[i];
        count +=
            study->verdict && is_right(study) && sp_verdict_is_vacuous(&study->verdict[budget]);
    }
    return count;
}

/* `vacuous`: so many of them are. */
static void put_share(FILE *out, size_t count, size_t all, const char *class, size_t vacuous) {
    fprintf(out,
            "<td><svg class=\"share-bar\" width=\"100%%\" height=\"12\" aria-hidden=\"true\">"
            "<rect class=\"frame\" width=\"100%%\" height=\"12\"/>"
            "<rect class=\"%s\" width=\"%.2f%%\" height=\"12\"/></svg>%zu",
            class, all ? 100.0 * (double)count / (double)all : 0.0, count);
    if (vacuous > 0) {
        fprintf(out, " (%zu*)", vacuous);
    }
    fputs("</td>", out);
}

static void put_budgets(FILE *out, const sp_page *page) {
    const size_t right = count_right(page);
    if (page->budgets == 0) {
        return;
    }
    fprintf(out,
            "<section><h2>At fixed budgets</h2>\n<table class=\"shares\"><caption>Of the clips "
            "that are answered rightly without noise (%zu); * below half a step of the "
            "clip\xE2\x80\x99s "
            "format</caption><thead><tr><th scope=\"col\">budget"
            "</th><th scope=\"col\">certified</th><th scope=\"col\">unknown</th><th scope=\"col\">"
            "broken by a file</th></tr></thead><tbody>\n",
            right);
    for (size_t b = 0; b < page->budgets; b++) {
        const size_t certified = count_kind(page, b, SP_VERDICT_CERTIFIED);
        const size_t broken = count_kind(page, b, SP_VERDICT_BROKEN);
        fputs("<tr><th scope=\"row\">", out);
        sp_page_budget(out, page->budget[b]);
        fputs("</th>", out);
        put_share(out, certified, right, "certified", count_vacuous(page, b));
        put_share(out, right - certified - broken, right, "unknown", 0);
        put_share(out, broken, right, "broken", 0);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></section>\n", out);
}

static void put_clip_row(FILE *out, const sp_page *page, const sp_page_axis *axis, size_t i) {
    const sp_study *study = &page->study[i];
    const sp_radius *radius = &study->radius;
    fprintf(out, "<li><a href=\"#clip-%zu\">", i + 1);
    sp_page_text(out, page->name[i]);
    fputs("</a><div class=\"edge\">", out);
    if (is_right(study)) {
        sp_page_db(out, radius->certified_db);
        fputs(sp_verdict_is_vacuous(&radius->verdict) ? "* / " : " / ", out);
        sp_page_db(out, radius->broken_db);
        fputs("</div><div class=\"chart\">", out);
        sp_page_bar(out, axis, radius);
    } else {
        sp_page_verdict(out, &radius->verdict);
        fputs("</div><div class=\"chart\">", out);
        sp_page_text(out, radius->verdict.reason);
    }
    fputs("</div></li>\n", out);
}

/* Of the clips whose loudest certified budget is below half a step. */
static void put_count(FILE *out, const sp_page *page) {
    size_t certified = 0, vacuous = 0;
    for (size_t i = 0; i < page->count; i++) {
        const sp_radius *radius = &page->study[i].radius;
        certified += isfinite(radius->certified_db);
        vacuous += sp_verdict_is_vacuous(&radius->verdict);
    }
    if (vacuous > 0) {
        fprintf(out,
                "; for %zu of the %zu certified clips (*) the former is below half a step of the "
                "clip\xE2\x80\x99s format, so that no other file of that format is among the noise",
                vacuous, certified);
    }
}

static void put_overview(FILE *out, const sp_page *page, const sp_page_axis *axis) {
    fputs(
        "<section><h2>How loud may the noise be?</h2>\n<ul class=\"key\">"
        "<li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"certified\" "
        "width=\"26\" height=\"14\"/></svg> certified: proved that no noise changes the answer</li>"
        "<li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"unknown\" "
        "width=\"26\" height=\"14\"/></svg> unknown: neither proved nor broken</li>"
        "<li><svg width=\"26\" height=\"14\" aria-hidden=\"true\"><rect class=\"broken\" "
        "width=\"26\" height=\"14\"/></svg> broken: noise that changes it was found</li></ul>\n"
        "<ol class=\"overview\">\n",
        out);
    for (size_t i = 0; i < page->count; i++) {
        put_clip_row(out, page, axis, i);
    }
    fputs("<li class=\"last\" aria-hidden=\"true\"><span></span><div class=\"edge\"></div>"
          "<div class=\"chart\">",
          out);
    sp_page_bar_axis(out, axis);
    fprintf(out,
            "</div></li></ol>\n<p class=\"note\">%s: quiet on the left, loud on the right. The "
            "figures are the loudest certified and the quietest breaking budget",
            words_of(page)->scale);
    put_count(out, page);
    fputs(".</p></section>\n", out);
}

static void put_explanation(FILE *out, const sp_page *page) {
    fprintf(out,
            "<section><h2>How to read this</h2>\n<dl class=\"words\"><dt>Budget</dt><dd>%s</dd>",
            words_of(page)->budget);
    fputs(
        "<dt>Certified</dt><dd>Proved, with every rounding error of the computation subtracted: "
        "whatever the noise, the right answer keeps its lead.</dd>"
        "<dt>Below half a step (*)</dt><dd>True of real-valued noise, for instance of noise that "
        "is "
        "added before the recording is quantised, and good for comparing methods. No other file of "
        "the clip\xE2\x80\x99s format is so close, so nothing is said about files.</dd>"
        "<dt>Unknown</dt><dd>Not proved. The bound on some lead is not positive, which says "
        "nothing "
        "about real noise.</dd>"
        "<dt>Broken</dt><dd>Noise of that loudness changes the answer. By a file: a clip in the "
        "same sample format was written, read again and heard to be answered otherwise.</dd>"
        "<dt>Lead</dt><dd>The network\xE2\x80\x99s score of the right answer minus that of another "
        "one; below zero the other one would be given.</dd>"
        "<dt>Sensitive</dt><dd>How steeply the smallest lead falls when the samples of one step "
        "between frames change, as a share of the whole clip. This is a slope at the clip without "
        "noise, no proof.</dd></dl>\n",
        out);
    fprintf(out,
            "<p class=\"note\">A verdict speaks of %s%s. Made by soundproof " SP_VERSION
            ".</p></section>\n</body>\n</html>\n",
            sp_arithmetic_text(page->pipeline->arithmetic), sp_page_deployed(page->deployed));
}

sp_status sp_page_write(sp_error *err, FILE *out, const sp_page *page) {
    const sp_page_axis axis = sp_page_axis_make(page);
    put_head(out, page);
    put_introduction(out, page);
    put_overview(out, page, &axis);
    put_budgets(out, page);
    fputs("<h2>Clip by clip</h2>\n", out);
    for (size_t i = 0; i < page->count; i++) {
        sp_page_clip(out, page, &axis, i);
    }
    put_explanation(out, page);
    if (fflush(out) != 0 || ferror(out)) {
        return sp_fail(err, SP_E_IO, "the report cannot be written: %s", strerror(errno));
    }
    return SP_OK;
}
