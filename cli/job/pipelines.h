/* Pipelines of several methods in a session. Private to this folder. */
#ifndef SP_CLI_PIPELINES_H
#define SP_CLI_PIPELINES_H

#include "cli/impl.h"

/** cli_pipelines - one for each method: that of the session with another method, or one of its own
 *  where the method has another front end. */
typedef struct cli_pipelines {
    sp_pipeline *list; /* [count] owned */
    size_t count;
    const sp_front_forms *shared; /* borrowed: those of the session's */
} cli_pipelines;

/** cli_pipelines_open - -1, or the exit code after a message. `merged`: nothing is computed.
 *  cli_pipelines_clear - also after a failure. */
int cli_pipelines_open(cli_pipelines *pipelines, const cli_session *session,
                       const sp_method *const *methods, size_t count, bool merged);
void cli_pipelines_clear(cli_pipelines *pipelines);

#endif
