/* Certificates of windows that soundproof audit has certified. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/audit/audit_job.h"

int cli_audit_prove_open(cli_audit_job *j) {
    const cli_options *options = j->base.options;
    const bool *wanted = j->asked.wanted;
    if (!options->own[CLI_AUDIT_PROOF]) {
        return -1;
    }
    if (options->journal) {
        return cli_usage(j->base.command, "--proof writes certificates while bounds are there, and "
                                          "--journal leaves out what is done: give one of them");
    }
    if (options->arithmetic != SP_ARITHMETIC_REAL || options->deployed != SP_BUDGET_AS_REAL) {
        return cli_usage(j->base.command, "--proof speaks of real numbers and real-valued noise: "
                                          "not with --arithmetic float32 and --deployed");
    }
    if (options->method_count) {
        return cli_usage(j->base.command, "--proof is of one method: not with --methods");
    }
    if (j->asked.chosen && !wanted[SP_PROPERTY_FIRE] && !wanted[SP_PROPERTY_SILENT]) {
        return cli_usage(j->base.command, "--proof is of fire and silent, and --property names "
                                          "neither");
    }
    if (j->base.session.files.model.streams || j->base.session.files.model.net.steps == 0) {
        return cli_usage(j->base.command, "--proof is of models with a window, which begin anew in "
                                          "each: this one hands its states on, or hears all");
    }
    return cli_proof_open(&j->proof, &j->base, options->own[CLI_AUDIT_PROOF]);
}

/* The recording in its background, beside the certificates: FOLDER/CLIP_heard.wav. */
static char *write_heard(sp_error *err, const cli_audit_job *j, const cli_audit_item *it,
                         size_t clip) {
    char *path = cli_path_heard(j->proof.folder, j->base.session.clips.names.name[clip]);
    if (!path) {
        (void)sp_fail(err, SP_E_MEMORY, "out of memory");
    } else if (sp_clip_write(err, path, it->audit.clip, SP_CLIP_WAV) != SP_OK) {
        free(path);
        path = NULL;
    }
    return path;
}

/* Its window, with the budget that was asked for, or the loudest one that was certified. */
static sp_status prove(sp_error *err, const cli_audit_job *j, const sp_finding *finding,
                       const cli_audit_question *asked, const sp_clip *heard, const char *path) {
    const cli_options *options = j->base.options;
    const sp_pipeline *pipeline = &j->base.session.pipeline;
    const sp_budget loudest = {
        .unit = SP_BUDGET_DB_PEAK, .value = finding->certified.db_peak, .set = options->set};
    const bool given = options->budgets > 0;
    const char *text = given ? options->budget_text[asked->budget] : "radius";
    char name[160];
    snprintf(name, sizeof name, "%s_%.100s", sp_property_name(finding->property), text);
    sp_clip window = {0};
    sp_verdict verdict = {0};
    cli_proof_one one = {
        .proof = &j->proof,
        .index = asked->clip,
        .clip = &window,
        .begin = finding->frame * sp_front_layout_of(pipeline->front)->step,
        .recording = path,
        .name = name,
        .budget = given ? &options->budget[asked->budget] : &loudest,
        .budget_text = text,
        .verdict = &verdict,
        .proved = true,
    };
    SP_TRY(sp_clip_part(err, &window, heard, one.begin,
                        sp_front_samples(pipeline->front, pipeline->net->steps)));
    cli_proof_begin(&one);
    (void)sp_certify_kept(NULL, &verdict, pipeline, &window, one.budget, finding->fire ? 1 : 0,
                          options->timeout, &one.keep); // the verdict tells
    const sp_status status = cli_proof_end(err, &one);
    sp_verdict_clear(&verdict);
    sp_clip_clear(&window);
    return status;
}

void cli_audit_prove(cli_audit_job *j, cli_audit_item *it, const sp_finding *finding,
                     const cli_audit_question *asked) {
    const bool of_window =
        finding->property == SP_PROPERTY_FIRE || finding->property == SP_PROPERTY_SILENT;
    if (!j->proof.folder || !of_window || finding->kind != SP_VERDICT_CERTIFIED) {
        return;
    }
    char *path = write_heard(&it->unproved, j, it, asked->clip);
    if (path) {
        (void)prove(&it->unproved, j, finding, asked, it->audit.clip, path);
    }
    free(path);
}

void cli_audit_prove_say(cli_audit_job *j, const cli_audit_item *it, size_t clip) {
    if (it->unproved.text[0]) {
        cli_complain_about(j->base.session.clips.path[clip], it->unproved.text);
        j->base.failed = true;
    }
}
