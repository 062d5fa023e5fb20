/* The page of a corpus in the making: --html. Private to this folder. */
#ifndef SP_CLI_CORPUS_PAGE_H
#define SP_CLI_CORPUS_PAGE_H

#include "base/file.h"
#include "cli/impl.h"

/** cli_page - all zero: none. */
typedef struct cli_page {
    const char *path; /* borrowed; NULL: none */
    sp_file_draft draft;
    FILE *out; /* to it, until it is kept or dropped */
    sp_page_corpus corpus;
    char text[1024]; /* its introduction */
} cli_page;

/** cli_page_open - begins the file where a path is given: -1, or the exit code after a message.
 *  cli_page_close - writes and keeps it, likewise. cli_page_drop - without keeping it; harmless
 *  afterwards. */
int cli_page_open(cli_page *page, const char *path);
int cli_page_close(cli_page *page);
void cli_page_drop(cli_page *page);
/** cli_page_radius - titles, and the row of a search for a radius: `link`, owned by the page, or
 *  NULL. cli_page_radius_end - the introduction, and the curves of all rows; `asked` clips. */
void cli_page_radius_begin(cli_page *page);
void cli_page_radius(cli_page *page, const char *name, const char *file, char *link,
                     const sp_radius *radius);
void cli_page_radius_end(cli_page *page, const cli_options *options, const sp_pipeline *pipeline,
                         size_t asked);

#endif
