/* What is asked of a clip: that the answer stays, or many decisions at once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/impl.h"

int cli_asks_open(cli_session *session, const cli_command *command) {
    const cli_options *options = session->options;
    sp_pipeline *pipeline = &session->pipeline;
    sp_error err = {0};
    const size_t classes = session->files.model.net.classes;
    session->threshold = calloc(classes + 1, sizeof *session->threshold);
    if (!session->threshold) {
        return cli_clips_out_of_memory(&session->clips);
    }
    if (options->threshold && classes > 1 && options->asks != SP_DECISION_OUTPUTS) {
        return cli_usage(command,
                         "--threshold goes with --property outputs: which of %zu outputs is "
                         "the largest knows no threshold",
                         classes);
    }
    const sp_status status =
        sp_pipeline_ask(&err, pipeline, session->threshold, options->asks, options->threshold);
    session->clips.unlabelled = sp_pipeline_asks_many(pipeline);
    if (session->clips.unlabelled && options->label >= 0) {
        return cli_usage(command, "--label is the one right answer, and many decisions are asked "
                                  "about: each must stay as it is without noise");
    }
    return status == SP_OK ? -1 : cli_usage(command, "--threshold: %s", err.text);
}

void cli_asks_says(const cli_session *session) {
    const sp_net *net = &session->files.model.net;
    const bool sides = session->pipeline.asks == SP_DECISION_OUTPUTS || net->classes == 1;
    if (session->pipeline.net && sp_pipeline_asks_many(&session->pipeline)) {
        printf("Asked of every clip: that %s%s.\n",
               sides && net->classes > 1 ? "each output stays on its side of its threshold"
               : sides                   ? "the output stays on its side of its threshold"
                                         : "the largest output stays the largest",
               net->every ? " at every frame" : "");
    }
}

void cli_asks_print(const sp_verdict *verdict) {
    char where[SP_VERDICT_WHERE];
    const bool known = verdict->outputs > 0 && verdict->margins && isfinite(verdict->margin);
    const size_t at = known ? sp_verdict_weakest(verdict) : SP_NO_LABEL;
    if (at != SP_NO_LABEL) {
        printf("    %zu decisions, the least margin %s %s\n", sp_verdict_decisions(verdict),
               verdict->sides ? "at" : "over", sp_verdict_where(where, verdict, at));
    }
}
