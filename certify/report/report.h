/* Reports: lines of tables, JSON objects, the HTML page and charts. */
#ifndef SP_CERTIFY_REPORT_H
#define SP_CERTIFY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "certify/audit/audit.h"
#include "certify/study/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reports: texts without a trailing newline unless said; free them with free; NULL: no memory
 * ---- */

/** sp_report_verdict_json - one JSON object with the keys that README.md lists; `pipeline` may be
 *  NULL. */
char *sp_report_verdict_json(const char *clip, const sp_pipeline *pipeline,
                             const sp_verdict *verdict);

/** sp_table_text_width - the number of terminal columns of a UTF-8 text. */
size_t sp_table_text_width(const char *text);
/** SP_TABLE_LATEX - in the place of a width: the line is one of a LaTeX table, "a & b \\\\". */
#define SP_TABLE_LATEX ((size_t)-1)
/** sp_report_verdict_head / sp_report_verdict_row - a line of the table; the first column is
 *  clip_width wide. `sequences`: the clips are; here and in other tables. `names` of the answers,
 *  as the verdicts have them; or NULL. */
char *sp_report_verdict_head(size_t clip_width, bool sequences, const sp_class_names *names);
char *sp_report_verdict_row(const char *clip, size_t clip_width, bool sequences,
                            const sp_verdict *verdict);
/** sp_report_verdict_details - the margin of every label, the error term and the times of the
 *  stages; several indented lines. */
char *sp_report_verdict_details(const sp_verdict *verdict);

/** sp_report_attack_json - one JSON object: the members of sp_report_verdict_json up to the reason,
 *  and those of the attack. sp_report_attack_head / sp_report_attack_row - a line of the table of
 *  attacks. */
char *sp_report_attack_json(const char *clip, const sp_attack *attack,
                            const sp_attack_options *options);
char *sp_report_attack_head(size_t clip_width, bool sequences, const sp_class_names *names);
char *sp_report_attack_row(const char *clip, size_t clip_width, bool sequences,
                           const sp_attack *attack);

/** sp_report_radius_json - one JSON object: the members of sp_report_verdict_json up to the reason,
 *  and those of the search. `weakest`: of noise in some frames only, this is the clip's weakest
 *  moment. sp_report_radius_head / sp_report_radius_row - a line of the table; `moments` adds the
 *  column of the frames. sp_report_radius_details - every budget that was tried, several indented
 *  lines. */
char *sp_report_radius_json(const char *clip, const sp_pipeline *pipeline, const sp_radius *radius,
                            bool weakest);
char *sp_report_radius_head(size_t clip_width, bool sequences, bool moments,
                            const sp_class_names *names);
char *sp_report_radius_row(const char *clip, size_t clip_width, bool sequences,
                           const sp_radius *radius, bool moments);
char *sp_report_radius_details(const sp_radius *radius);
/** sp_report_radius_moment - one line that names the weakest moment; its frames must not be 0. */
char *sp_report_radius_moment(const sp_pipeline *pipeline, const sp_radius *radius);

/** sp_report_comparison_head / sp_report_comparison_row - a line per clip: the loudest budget that
 *  each method certifies and the quietest that the attack breaks. */
char *sp_report_comparison_head(size_t clip_width, const sp_comparison_setup *setup);
char *sp_report_comparison_row(const char *clip, size_t clip_width, const sp_comparison *comparison,
                               const sp_comparison_setup *setup);
/** sp_report_comparison_json - one JSON object for a budget and a method; method == methods: the
 *  attack. sp_report_comparison_table - shares, margins, seconds per clip, radii and paired
 *  differences, several lines. sp_report_comparison_radii_json - the radii of a method.
 *  sp_report_comparison_paired_json - the last method less another one on the same clips: margins
 *  at a budget, or radii with budget == budgets. */
char *sp_report_comparison_radii_json(const sp_comparison_totals *totals,
                                      const sp_comparison_setup *setup, size_t method);
char *sp_report_comparison_paired_json(const sp_comparison_totals *totals,
                                       const sp_comparison_setup *setup, size_t budget,
                                       size_t method);
char *sp_report_comparison_json(const sp_comparison_totals *totals,
                                const sp_comparison_setup *setup, size_t budget, size_t method);
char *sp_report_comparison_table(const sp_comparison_totals *totals,
                                 const sp_comparison_setup *setup);
/** sp_report_comparison_latex - the same as LaTeX for booktabs, several tables. */
char *sp_report_comparison_latex(const sp_comparison_totals *totals,
                                 const sp_comparison_setup *setup);
/** sp_report_model - what one model achieved. Everything is borrowed. */
typedef struct sp_report_model {
    const char *name; /* not read when it is the only one */
    const sp_comparison_totals *totals;
    const sp_comparison_setup *setup;
} sp_report_model;
/** sp_report_comparison_axis - what the budgets are on an axis, in words. */
const char *sp_report_comparison_axis(const sp_comparison_setup *setup);
/** sp_report_comparison_spread_chart - boxes of the margins of every method at every budget: from
 *  the quarter to three quarters of the clips, with the median and whiskers from 5 to 95 %.
 *  sp_report_comparison_chart - the certified shares against the budget. One model: of the clips
 *  that it answers rightly, under the attack's ceiling; several, with the same budgets: of all
 *  clips. A hatched floor is the share of clips for which the budget is below half a step.
 *  sp_report_comparison_check_chart - SP_E_ARGUMENT when there is no common axis for the
 *  budgets. */
SP_NODISCARD sp_status sp_report_comparison_chart(sp_error *err, const sp_report_model *model,
                                                  size_t models, const char *path);
SP_NODISCARD sp_status sp_report_comparison_spread_chart(sp_error *err,
                                                         const sp_report_model *model,
                                                         size_t models, const char *path);
SP_NODISCARD sp_status sp_report_comparison_check_chart(sp_error *err,
                                                        const sp_comparison_setup *setup);

/** sp_tally - how many verdicts of each kind. */
typedef struct sp_tally {
    size_t total, kind[SP_VERDICT_KINDS];
    size_t vacuous; /* of the certified ones */
} sp_tally;
void sp_tally_add(sp_tally *tally, const sp_verdict *verdict);
/** sp_report_summary - one line that says what was proved; `budget` is the user's text. */
char *sp_report_summary(const char *budget, const sp_tally *tally);

/** sp_report_audit_json, sp_report_audit_head, sp_report_audit_row - as the other reports; with a
 *  column for the method where there are `several`, else `method` is NULL. */
char *sp_report_audit_json(const char *clip, const sp_audit *audit, const sp_finding *finding,
                           const char *out);
char *sp_report_audit_head(size_t clip_width, bool several);
char *sp_report_audit_row(const char *clip, size_t clip_width, const char *method,
                          const sp_finding *finding);

/* ---- the page ---- */

/** sp_page - a report on several clips; everything is borrowed. */
typedef struct sp_page {
    const char *model;           /* its name, to be shown */
    const sp_pipeline *pipeline; /* that was certified */
    const sp_noise_set *set;     /* of the budgets; NULL: boxes */
    bool shared;                 /* a profile gives samples shares of them */
    sp_budget_deployed deployed; /* what noisy samples become; rounded ones are not attacked */
    size_t count, budgets;
    size_t asked;          /* clips that were given; more than count when the run was interrupted */
    const sp_study *study; /* [count] */
    char *const *name;     /* [count] of the clips, to be shown */
    const char **file;     /* [count] of the clips: the ending says how a browser plays it */
    char *const *kept;     /* [count] where breaking files were kept; or NULL, as each may be */
    char *const *budget;   /* [budgets] as the user wrote them */
    const char *back;      /* the page of all clips, relative to this one; or NULL */
} sp_page;
/** sp_page_write - one HTML file that is also well-formed XML: charts, styles and sounds are inside
 *  it. The same page gives the same bytes. */
SP_NODISCARD sp_status sp_page_write(sp_error *err, FILE *out, const sp_page *page);

/* ---- the page of a corpus ---- */

/** sp_page_cell - of its table: what is shown, NULL or "-" for nothing, and by what the column is
 *  sorted; NaN: last. */
typedef struct sp_page_cell {
    char *text; /* owned */
    double order;
} sp_page_cell;
/** sp_page_row - a clip. */
typedef struct sp_page_row {
    char *name, *file;  /* owned; file: its sound, or NULL */
    char *link;         /* owned: a page of its own, relative to this one; or NULL */
    double worst;       /* the less, the worse; NaN: it is not counted among them */
    sp_page_cell *cell; /* [columns] owned */
} sp_page_row;
/** sp_page_curve - x [points], and behind it the shares in percent; NaN leaves a gap. */
typedef struct sp_page_curve {
    char *name; /* owned */
    size_t points;
    double *x; /* [2, points] owned */
} sp_page_curve;
/** sp_page_corpus - one page about many clips: texts and columns are borrowed, and stand there
 *  before the first row. */
typedef struct sp_page_corpus {
    const char *title, *introduction;
    const char *axis, *share; /* of the curves: what is on which axis */
    const char *order;        /* by what clips are the worst */
    sp_arithmetic arithmetic; /* that verdicts speak of */
    sp_budget_deployed deployed;
    size_t columns;
    const char *const *column; /* [columns] titles, behind the clip's name */
    size_t count, room;
    sp_page_row *row; /* [count] owned */
    size_t curves;
    sp_page_curve *curve; /* [curves] owned */
} sp_page_corpus;
/** sp_page_corpus_add - a row more; NULL: no memory. It is good until the next one is added.
 *  sp_page_row_set - one of its cells. sp_page_corpus_curve - a curve, which is copied. */
sp_page_row *sp_page_corpus_add(sp_page_corpus *corpus, const char *name, const char *file);
void sp_page_row_set(sp_page_row *row, size_t column, const char *text, double order);
SP_NODISCARD sp_status sp_page_corpus_curve(sp_error *err, sp_page_corpus *corpus, const char *name,
                                            const double *x, const double *share, size_t points);
/** sp_page_corpus_write - as sp_page_write; a script of its own sorts the table. Of more than 5,000
 *  rows the worst are shown. */
SP_NODISCARD sp_status sp_page_corpus_write(sp_error *err, FILE *out, const sp_page_corpus *corpus);
void sp_page_corpus_clear(sp_page_corpus *corpus);

/* ---- charts ---- */

typedef struct sp_chart_series {
    const char *name;
    const double *y; /* [points] in percent; NaN leaves a gap */
} sp_chart_series;

/** sp_chart - shares in percent against something else, one line per series. */
typedef struct sp_chart {
    const char *title, *x_label, *y_label;
    size_t points;
    const double *x; /* [points] ascending */
    bool flip;       /* the largest x stands on the left */
    size_t count;
    const sp_chart_series *series; /* [count] */
    const double *ceiling;         /* [points] share that no series can exceed; or NULL */
    const char *ceiling_name;
    const double *floor; /* [points] share that says nothing about files; or NULL */
    const char *floor_name;
} sp_chart;

/** sp_chart_write - to FILE.svg or FILE.png; a path with another ending gets both. */
SP_NODISCARD sp_status sp_chart_write(sp_error *err, const sp_chart *chart, const char *path);

/** sp_chart_boxes - spreads side by side: a group per name on the x axis, in each a box per
 *  series. */
typedef struct sp_chart_boxes {
    const char *title, *x_label, *y_label;
    size_t groups;
    const char *const *group; /* [groups] */
    size_t count;
    const char *const *series;   /* [count] */
    const sp_paired_spread *box; /* [groups, count]; with count 0: there is none */
} sp_chart_boxes;
/** sp_chart_boxes_write - as sp_chart_write; the y axis is linear from -1 to 1 and logarithmic
 *  beyond. */
SP_NODISCARD sp_status sp_chart_boxes_write(sp_error *err, const sp_chart_boxes *boxes,
                                            const char *path);

#ifdef __cplusplus
}
#endif

#endif
