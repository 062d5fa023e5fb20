/* Pipelines of several methods: the forms of the session's front end serve all that have it. */
#include "cli/job/pipelines.h"

#include <stdlib.h>

static int open_one(sp_pipeline *pipeline, const sp_pipeline *first, const sp_method *method,
                    bool merged) {
    sp_error err = {0};
    *pipeline = *first;
    pipeline->method = method;
    if (merged) {
        pipeline->front_rule = method->front;
        return -1;
    }
    if (method->front == first->front_rule) {
        return -1;
    }
    if (sp_pipeline_init(&err, pipeline, first->net, first->front, method, method->front) !=
        SP_OK) {
        cli_complain("%s: %s", method->name, err.text);
        return CLI_INPUT;
    }
    pipeline->names = first->names;
    pipeline->asks = first->asks;
    pipeline->threshold = first->threshold;
    pipeline->thresholds = first->thresholds;
    pipeline->original = first->original;
    pipeline->arithmetic = first->arithmetic;
    pipeline->gap = first->gap;
    pipeline->program = first->program;
    return -1;
}

int cli_pipelines_open(cli_pipelines *pipelines, const cli_session *session,
                       const sp_method *const *methods, size_t count, bool merged) {
    *pipelines = (cli_pipelines){.list = calloc(count, sizeof *pipelines->list),
                                 .shared = session->pipeline.forms};
    int code = pipelines->list ? -1 : cli_clips_out_of_memory(&session->clips);
    for (size_t m = 0; code < 0 && m < count; m++) {
        code = open_one(&pipelines->list[m], &session->pipeline, methods[m], merged);
        pipelines->count = code < 0 ? m + 1 : m;
    }
    return code;
}

void cli_pipelines_clear(cli_pipelines *pipelines) {
    for (size_t m = 0; m < pipelines->count; m++) {
        if (pipelines->list[m].forms != pipelines->shared) {
            sp_pipeline_clear(&pipelines->list[m]);
        }
    }
    free(pipelines->list);
    *pipelines = (cli_pipelines){0};
}
