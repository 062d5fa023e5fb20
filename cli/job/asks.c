/* What is asked of a clip: that the answer stays, or many decisions at once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/impl.h"

bool cli_asks_logit(double *value, const sp_net *net, bool logit) {
    if (!net->sigmoid || logit) {
        return true;
    }
    const double p = *value;
    *value = log(p) - log1p(-p);
    return p > 0.0 && p < 1.0;
}

/* One number of --threshold; *rest: what stands behind it, or NULL. */
static int read_threshold(double *value, const cli_command *command, const sp_net *net,
                          const char *text, const char **rest) {
    const bool logit = strncmp(text, "logit:", 6) == 0;
    char *end = NULL;
    const char *at = text + (logit ? 6 : 0);
    *value = strtod(at, &end);
    if (end == at || (*end != '\0' && *end != ',') || !(fabs(*value) <= 1e6)) {
        return cli_usage(command,
                         "--threshold needs a number, or logit: and a number, or one for each "
                         "output with commas between, not '%s'",
                         text);
    }
    *rest = *end == ',' ? end + 1 : NULL;
    if (!cli_asks_logit(value, net, logit)) {
        return cli_usage(command,
                         "--threshold: %.*s is no probability between 0 and 1, which this model's "
                         "outputs are; logit:%.*s says a logit",
                         (int)(end - at), at, (int)(end - at), at);
    }
    return -1;
}

static int read_thresholds(cli_session *session, const cli_command *command) {
    const sp_net *net = &session->files.model.net;
    const char *at = session->options->threshold;
    size_t count = 0;
    session->threshold = calloc(net->classes + 1, sizeof *session->threshold);
    if (!session->threshold) {
        return cli_clips_out_of_memory(&session->clips);
    }
    for (; at && count < net->classes; count++) {
        const int code = read_threshold(&session->threshold[count], command, net, at, &at);
        if (code >= 0) {
            return code;
        }
    }
    if (at || (count != 1 && count != net->classes)) {
        return cli_usage(command, "--threshold: one for all outputs, or one for each of %zu",
                         net->classes);
    }
    for (size_t k = count; k < net->classes; k++) {
        session->threshold[k] = session->threshold[0];
    }
    return -1;
}

int cli_asks_open(cli_session *session, const cli_command *command) {
    const cli_options *options = session->options;
    sp_pipeline *pipeline = &session->pipeline;
    pipeline->asks = options->asks;
    const bool many = sp_pipeline_asks_many(pipeline);
    const size_t classes = session->files.model.net.classes;
    session->clips.unlabelled = many;
    if (many && options->label >= 0) {
        return cli_usage(command, "--label is the one right answer, and many decisions are asked "
                                  "about: each must stay as it is without noise");
    }
    if (options->threshold && classes > 1 && options->asks != SP_DECISION_OUTPUTS) {
        return cli_usage(command,
                         "--threshold goes with --property outputs: which of %zu outputs is "
                         "the largest knows no threshold",
                         classes);
    }
    const int code = options->threshold ? read_thresholds(session, command) : -1;
    if (code < 0 && session->threshold) {
        pipeline->threshold = session->threshold[0];
        pipeline->thresholds = session->threshold;
    }
    return code;
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
