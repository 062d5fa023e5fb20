/* The tables that --csv and --latex write. Private to this folder. */
#ifndef SP_CLI_ROWS_H
#define SP_CLI_ROWS_H

#include <stdio.h>

#include "base/file.h"
#include "cli/impl.h"

/** cli_rows - the files in the making; all zero: none. Rows of the CSV wait as JSON lines until all
 *  their columns are known. */
typedef struct cli_rows {
    const char *csv, *latex; /* borrowed: their paths; or NULL */
    sp_file_draft waiting;   /* of the CSV's rows */
    sp_file_draft table;     /* the LaTeX file */
    FILE *rows, *out;        /* to them */
    bool headed;             /* the LaTeX table has begun */
    char **column;           /* [columns] owned */
    size_t columns;
    const char *prefix_key; /* a first column for all rows that follow; or NULL */
    const char *prefix;
} cli_rows;

/** cli_rows_open - -1, or the exit code after a message. cli_rows_close - writes what is left and
 *  keeps the files: -1, or the exit code after a message. cli_rows_drop - without keeping them;
 *  harmless after cli_rows_close. */
int cli_rows_open(cli_rows *rows, const cli_command *command, const cli_options *options);
int cli_rows_close(cli_rows *rows);
void cli_rows_drop(cli_rows *rows);
/** cli_rows_put - a row; `latex`: its line in the other table, or NULL. cli_rows_head - the line of
 *  titles of the LaTeX table, made with malloc and freed. cli_rows_block - several lines that are a
 *  LaTeX table already. NULL for rows, and files that were not asked for, are nothing to do. */
void cli_rows_put(cli_rows *rows, const char *json, const char *latex);
void cli_rows_head(cli_rows *rows, char *latex);
void cli_rows_block(cli_rows *rows, char *latex);

#endif
