/* Private to certify/report/: the statistics of comparisons. */
#ifndef SP_CERTIFY_COMPARISON_STATS_H
#define SP_CERTIFY_COMPARISON_STATS_H

#include "certify/report/text_table.h"

/** sp_report_statistics_spread - of the margins at a budget, or of the radii with budget ==
 *  budgets; NaN where there is no memory. */
sp_paired_spread sp_report_statistics_spread(const sp_comparison_totals *totals, size_t budget,
                                             size_t method);
/** sp_report_statistics_text - radii and paired differences, several lines with an empty one before
 *  each block. sp_report_statistics_latex - as tables. */
void sp_report_statistics_text(FILE *out, const sp_comparison_totals *totals,
                               const sp_comparison_setup *setup);
void sp_report_statistics_latex(FILE *out, const sp_comparison_totals *totals,
                                const sp_comparison_setup *setup);

#endif
