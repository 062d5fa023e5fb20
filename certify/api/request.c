/* The installed interface: queries as the rooms below read them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certify/api/impl.h"

void soundproof_query_start(soundproof_query *query, size_t size) {
    const soundproof_query fresh = {
        .size = size, .label = SOUNDPROOF_LABEL_PREDICTED, .seed = 1, .tolerance = 0.5};
    memset(query, 0, size);
    memcpy(query, &fresh, size < sizeof fresh ? size : sizeof fresh);
    query->size = size;
}

static sp_status read_set(sp_error *err, sp_api_request *asked) {
    const char *norm = asked->query.norm;
    asked->budget.set = sp_noise_set_of_norm(norm ? norm : "inf");
    return asked->budget.set
               ? SP_OK
               : sp_fail(err, SP_E_ARGUMENT, "the norm is inf, 2 or 1, not '%s'", norm);
}

/* What must stay as it is, for a pipeline of this query's own. */
static sp_status read_property(sp_error *err, sp_api_request *asked, const soundproof *system) {
    const char *property = asked->query.property;
    sp_decision asks = SP_DECISION_ANSWER;
    sp_error why = {0};
    asked->pipeline = system->pipeline;
    if (property && !sp_decision_find(&asks, property)) {
        return sp_fail(err, SP_E_ARGUMENT, "the property is answer or outputs, not '%.80s'",
                       property);
    }
    asked->thresholds = calloc(system->model.net.classes + 1, sizeof *asked->thresholds);
    if (!asked->thresholds) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    const sp_status status =
        sp_pipeline_ask(&why, &asked->pipeline, asked->thresholds, asks, asked->query.threshold);
    return status == SP_OK ? SP_OK : sp_fail(err, status, "the threshold: %.400s", why.text);
}

static sp_status read_label(sp_error *err, sp_api_request *asked, const soundproof *system,
                            const soundproof_clip *clip) {
    const bool many = sp_pipeline_asks_many(&asked->pipeline);
    asked->label = asked->query.label;
    if (many && asked->label >= 0) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "a label is the one right answer, and many decisions are asked about: each "
                       "must stay as it is without noise");
    }
    if (asked->label == SOUNDPROOF_LABEL_OF_NAME) {
        asked->label = clip->path && !many
                           ? sp_label_of_name(clip->path, sp_pipeline_answers(&system->model.net))
                           : -1;
    }
    return SP_OK;
}

static sp_status take_members(sp_error *err, sp_api_request *asked, const soundproof_query *query) {
    *asked = (sp_api_request){0};
    soundproof_query_start(&asked->query, sizeof asked->query);
    if (query->size < offsetof(soundproof_query, tolerance) || query->size > 4096) {
        return sp_fail(err, SP_E_ARGUMENT, "the query was not begun by soundproof_query_init");
    }
    memcpy(&asked->query, query,
           query->size < sizeof asked->query ? query->size : sizeof asked->query);
    return SP_OK;
}

sp_status sp_api_request_read(sp_error *err, sp_api_request *asked, const soundproof *system,
                              const soundproof_clip *clip, const soundproof_query *query,
                              bool of_budget) {
    *asked = (sp_api_request){0};
    if (!clip || !query) {
        return sp_fail(err, SP_E_ARGUMENT, "a clip and a query are needed");
    }
    SP_TRY(take_members(err, asked, query));
    if (!(asked->query.timeout >= 0.0) || asked->query.steps < 0 || asked->query.starts < 0) {
        return sp_fail(err, SP_E_ARGUMENT, "time limits, steps and starts are numbers from 0");
    }
    if (of_budget && !query->budget) {
        return sp_fail(err, SP_E_ARGUMENT, "the query has no budget");
    }
    if (of_budget) {
        SP_TRY(sp_budget_parse(err, &asked->budget, query->budget));
    }
    SP_TRY(read_set(err, asked));
    if (asked->query.deployed &&
        !sp_budget_deployed_find(&asked->budget.deployed, asked->query.deployed)) {
        return sp_fail(err, SP_E_ARGUMENT, "deployed is real, file or int16, not '%s'",
                       asked->query.deployed);
    }
    SP_TRY(read_property(err, asked, system));
    return read_label(err, asked, system, clip);
}

void sp_api_request_clear(sp_api_request *asked) {
    free(asked->thresholds);
    asked->thresholds = NULL;
}

size_t soundproof_outputs(const soundproof *system, const soundproof_query *query) {
    sp_api_request asked = {0};
    sp_api_begin();
    sp_status status = query ? take_members(sp_api_error(), &asked, query) : SP_OK;
    if (status == SP_OK) {
        status = read_property(sp_api_error(), &asked, system);
    }
    const bool many = status == SP_OK && sp_pipeline_asks_many(&asked.pipeline);
    sp_api_request_clear(&asked);
    return many ? system->model.net.classes : 0;
}
