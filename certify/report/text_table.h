/* Private to certify/report/: what tables and JSON objects share. */
#ifndef SP_CERTIFY_TEXT_TABLE_H
#define SP_CERTIFY_TEXT_TABLE_H

#include "base/json.h"
#include "certify/report/report.h"

/* ---- tables ---- */

enum { SP_TABLE_CELL = 160 }; /* bytes of a number's cell */

/** sp_table_line - a line of a table: the clip, then `columns` cells of the widths (negative: to
 *  the left). Free it with free; NULL: no memory. */
char *sp_table_line(const char *clip, size_t clip_width, const char *const *cell, const int *width,
                    size_t columns);
/** sp_table_pick - the same with those columns whose letter in `kinds` [columns] is shown: '.'
 *  always, 'r' of recordings, 's' of sequences; other letters are not. */
char *sp_table_pick(const char *clip, size_t clip_width, const char *const *cell, const int *width,
                    const char *kinds, bool sequences);
/** sp_table_latex - a text with what LaTeX takes for commands made plain. */
void sp_table_latex(FILE *out, const char *text);
/** Cells; what is not known becomes "-". Margins have three decimals, or three digits where those
 *  would read as zero or not fit. */
void sp_table_number(char cell[SP_TABLE_CELL], const char *format, double value);
void sp_table_label(char cell[SP_TABLE_CELL], const sp_class_names *names, size_t label);
/** sp_table_label_width - of a column of labels: the longest name, `least` at least. */
int sp_table_label_width(const sp_class_names *names, int least);
void sp_table_lsb(char cell[SP_TABLE_CELL], double lsb);
void sp_table_margin(char cell[SP_TABLE_CELL], double margin);
/** sp_table_eps - how far numbers may move; of so many dB relative to 1. */
void sp_table_eps(char cell[SP_TABLE_CELL], double eps);
void sp_table_eps_of(char cell[SP_TABLE_CELL], double db);
/** sp_table_verdict - its name, with a star behind it when it is certified and vacuous. */
void sp_table_verdict(char cell[SP_TABLE_CELL], sp_verdict_kind kind, bool vacuous);

/* ---- JSON ---- */

/** sp_report_verdict_members - the members that describe a verdict, in the order of README.md.
 *  sp_report_label / sp_report_string - null for SP_NO_LABEL, and for NULL or "". */
void sp_report_verdict_members(sp_json_line *line, const char *clip, const char *method,
                               const sp_verdict *verdict);
void sp_report_label(sp_json_line *line, const char *key, size_t label);
/** sp_report_answer - the label as KEY and its name as KEY_name, which is null without names. */
void sp_report_answer(sp_json_line *line, const char *key, const sp_class_names *names,
                      size_t label);
/** sp_report_score - which of many decisions: KEY_output with KEY_output_name, and KEY_frame; null
 *  for SP_NO_LABEL. */
void sp_report_score(sp_json_line *line, const char *key, const sp_verdict *verdict, size_t score);
void sp_report_string(sp_json_line *line, const char *key, const char *value);
/** sp_report_vacuous - whether the budget is; null when there is none. */
void sp_report_vacuous(sp_json_line *line, const sp_budget_scale *scale);
/** sp_report_decimals - x with as many decimals as `scale`, a power of ten, has zeros. */
double sp_report_decimals(double x, double scale);

#endif
