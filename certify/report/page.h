/* Private to certify/report/: the parts of the HTML report. Charts are SVG whose horizontal
 * positions are percentages and whose heights and texts are pixels: they fit any width, letters
 * unscaled. */
#ifndef SP_CERTIFY_PAGE_H
#define SP_CERTIFY_PAGE_H

#include "certify/report/report.h"

/* ---- text (page_text.c) ---- */

/** sp_page_text - escapes markup; bytes that are not UTF-8 and control characters become U+FFFD. */
void sp_page_text(FILE *out, const char *text);
/** sp_page_open - all up to the body: a title of two parts, the style of all pages and more. */
void sp_page_open(FILE *out, const char *before, const char *title, const char *style);
/** sp_page_deployed - what is said of it behind the arithmetic; "" where nothing is rounded. */
const char *sp_page_deployed(sp_budget_deployed deployed);
/** sp_page_answer - its name, or number. */
void sp_page_answer(FILE *out, const sp_class_names *names, size_t answer);
/** Numbers with a true minus sign:
 *  sp_page_db      at most two decimals: -58.5 dB
 *  sp_page_margin  three digits; `proved`: rounded down, so that a bound stays one
 *  sp_page_amount  two digits or a whole number; up: rounded up, else down
 *  sp_page_budget  a budget as the user wrote it: -70 dB
 *  sp_page_plain   as printf writes it */
void sp_page_db(FILE *out, double db);
void sp_page_margin(FILE *out, double margin, bool proved);
void sp_page_amount(FILE *out, double amount, bool up);
void sp_page_budget(FILE *out, const char *text);
void sp_page_plain(FILE *out, const char *format, double value);
/** sp_page_sound - an audio element with the bytes inside it, when the ending of `file`, or its
 *  first bytes where it has none, are of a format that browsers play; `name` says what it is. */
void sp_page_sound(FILE *out, const char *name, const char *file, const char *data, size_t size);

/* ---- charts (page_timeline.c, page_margins.c, page_bar.c) ---- */

/** sp_page_axis - a range of decibels and the distance of its labels. */
typedef struct sp_page_axis {
    double least, most, step;
} sp_page_axis;
/** sp_page_axis_make - covers the edges of all studies. */
sp_page_axis sp_page_axis_make(const sp_page *page);
/** sp_page_bar - certified, unknown and broken budgets of a clip. sp_page_bar_axis - its labels. */
void sp_page_bar(FILE *out, const sp_page_axis *axis, const sp_radius *radius);
void sp_page_bar_axis(FILE *out, const sp_page_axis *axis);

/** sp_page_timeline - waveform and sensitivity over one time axis. */
void sp_page_timeline(FILE *out, const sp_page *page, size_t index);
/** sp_page_hot - the most sensitive frames, the first of them the most; how many of `most`. */
size_t sp_page_hot(const sp_study *study, size_t *frame, size_t most);

/** sp_page_margins - a row per label: without noise, and proved at budget `shown`. */
void sp_page_margins(FILE *out, const sp_study *study, size_t shown);

/* ---- sections (page_clip.c) and style (page_style.c) ---- */

void sp_page_clip(FILE *out, const sp_page *page, const sp_page_axis *axis, size_t index);
/** sp_page_verdict - what became of a clip at a budget, in a word and a colour. */
void sp_page_verdict(FILE *out, const sp_verdict *verdict);
extern const char *const sp_page_style; /* CSS */
/** sp_page_corpus_style - more of it, for the page of a corpus. sp_page_corpus_script - JavaScript
 *  (corpus_style.c). */
extern const char *const sp_page_corpus_style, *const sp_page_corpus_script;

#endif
