/* Results of soundproof audit in journals: the clean recording is one, and each finding. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit/audit_job.h"

bool cli_audit_has_budget(sp_property property) {
    return property != SP_PROPERTY_GAIN && property != SP_PROPERTY_DEAD;
}

bool cli_audit_has_method(sp_property property) {
    return property != SP_PROPERTY_DEAD;
}

size_t cli_audit_methods(const cli_options *options) {
    return options->method_count ? options->method_count : 1;
}

const sp_method *cli_audit_method(const cli_options *options, size_t method) {
    return options->method_count ? options->methods[method] : options->method;
}

char *cli_audit_place(const cli_audit_job *j, const cli_audit_question *asked) {
    const cli_options *options = j->base.options;
    char text[192];
    const char *at = options->budgets ? options->budget_text[asked->budget] : "";
    const char *by =
        options->method_count > 1 ? cli_audit_method(options, asked->method)->name : "";
    snprintf(text, sizeof text, "%s%s%.60s%s%.60s", sp_property_name(asked->property),
             at[0] ? "_" : "", at, by[0] ? "_" : "", by);
    for (char *c = text; *c; c++) { // of NAME/K
        *c = *c == '/' ? '-' : *c;
    }
    return options->out ? cli_job_path(&j->base, asked->clip, text) : NULL;
}

static void part_of(const cli_audit_job *j, char part[CLI_PART], const cli_audit_question *asked) {
    const cli_options *options = j->base.options;
    const sp_method *method = cli_audit_method(options, asked->method);
    cli_record_part(part, sp_property_name(asked->property), method, method->front,
                    options->budgets && cli_audit_has_budget(asked->property)
                        ? options->budget_text[asked->budget]
                        : NULL);
}

void cli_audit_keep_heard(cli_audit_job *j, const cli_audit_item *it) {
    sp_json_line *line = it->record.on ? sp_json_line_create() : NULL;
    if (line) {
        sp_json_line_number(line, "logit", it->logit);
        sp_json_line_number(line, "other_logit", it->other_logit);
        sp_json_line_bool(line, "fires", it->fires);
        cli_record_keep(&j->base, &it->record, "heard", sp_json_line_finish(line));
    }
}

bool cli_audit_recall_heard(cli_audit_job *j, cli_audit_item *it) {
    const sp_json *result = NULL, *other = NULL;
    sp_json *line = cli_record_find(&result, &j->base, &it->record, "heard");
    const bool found = line && sp_json_number(NULL, &it->logit, result, "logit") == SP_OK;
    if (found) {
        other = sp_json_get(result, "other_logit");
        it->other_logit = sp_json_is_number(other) ? sp_json_value(other) : NAN;
        it->fires = sp_json_flag(sp_json_get(result, "fires"));
    }
    sp_json_destroy(line);
    return found;
}

/* Whether the finding stands there; a breaking file that it speaks of must still be where it was
 * put. */
bool cli_audit_recall(cli_audit_job *j, cli_audit_item *it, const cli_audit_question *asked) {
    const sp_json *result = NULL;
    char part[CLI_PART];
    sp_finding *f = &it->finding[it->count];
    char *out = cli_audit_place(j, asked);
    part_of(j, part, asked);
    sp_json *line = cli_record_find(&result, &j->base, &it->record, part);
    bool found = line && sp_record_take_finding(f, result);
    const sp_json *file = sp_json_get(result, "out");
    if (found && f->kept && sp_json_is_string(file)) {
        free(out);
        out = strdup(sp_json_string(file));
    }
    sp_json_destroy(line);
    if (found && !j->base.records.merged &&
        (!cli_record_settled(&j->base, f->kind) ||
         (j->base.options->out && f->kept && (!out || access(out, R_OK) != 0)) ||
         (!j->base.options->out && f->kept))) {
        sp_finding_clear(f);
        found = false;
    }
    if (!found) {
        *f = (sp_finding){0};
        free(out);
        return false;
    }
    it->method[it->count] = asked->method;
    it->out[it->count++] = out;
    return true;
}

/* The finding, and where its file stands. */
void cli_audit_keep(cli_audit_job *j, const cli_audit_item *it, size_t at,
                    const cli_audit_question *asked) {
    char part[CLI_PART];
    if (!it->record.on) {
        return;
    }
    char *object = sp_record_finding(&it->finding[at]);
    sp_json_line *out = object && it->finding[at].kept ? sp_json_line_create() : NULL;
    if (out) {
        sp_json_line_text(out, "out", it->out[at]);
        char *tail = sp_json_line_finish(out);
        char *joined = tail ? realloc(object, strlen(object) + strlen(tail) + 1) : NULL;
        object = joined ? joined : object;
        if (joined) {
            sprintf(object + strlen(object) - 1, ",%s", tail + 1);
        }
        free(tail);
    }
    part_of(j, part, asked);
    cli_record_keep(&j->base, &it->record, part, object);
}
