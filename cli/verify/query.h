/* VNN-LIB queries about a box and a label, as files. */
#ifndef SP_CLI_VERIFY_QUERY_H
#define SP_CLI_VERIFY_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/** cli_query - an input in a box, and another answer than the label: some other output is at least
 *  its; of one output, the other side of the threshold. */
typedef struct cli_query {
    const char *about;     /* a line of words */
    bool late;             /* version 2.0, else 1.0 */
    size_t axis[3], axes;  /* lengths of the input */
    size_t inputs;         /* their product */
    const double *lo, *hi; /* [inputs] written to 17 digits: rounded outward by who fills them in */
    size_t outputs, label;
    double threshold; /* of one output */
} cli_query;

/** cli_query_write - the file. cli_query_language - "1.0" or "2.0" (unless given); NULL: neither.
 */
SP_NODISCARD sp_status cli_query_write(sp_error *err, const char *path, const cli_query *query);
const char *cli_query_language(const char *given);

#endif
