/* Certificates of verdicts, written by whoever proves them while the bounds are there. */
#include "cli/job/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proof/proof.h"

/* Methods that begin with the pass that certificates know. */
static bool begins_with_exact(const sp_method *method) {
    static const char *const names[] = {"exact", "opt", "opt-rest", "exact/float64", "opt/float64"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(method->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

int cli_proof_open(cli_proof *proof, const cli_job *job, const char *folder) {
    const cli_options *options = job->options;
    sp_error err = {0};
    size_t size = 0;
    *proof = (cli_proof){.job = job, .folder = folder};
    if (!begins_with_exact(options->method) || options->front_rule != SP_FRONT_JOINT) {
        return cli_usage(job->command, "--proof knows --method exact, opt and opt-rest with their "
                                       "own front-end relaxation");
    }
    if (job->session.clips.sequences || options->frame != CLI_NO_FRAME || options->profile) {
        return cli_usage(job->command, "--proof knows recordings with noise in all samples");
    }
    if (job->session.pipeline.joined ||
        (job->session.files.front && sp_front_is_samples(job->session.files.front))) {
        return cli_usage(job->command,
                         "--proof knows front ends of energies frame by frame: this one "
                         "takes magnitudes, looks at several frames, or is inside the model");
    }
    if (options->channel > 0 || options->downmix || options->resample) {
        return cli_usage(job->command, "--proof speaks of files as they are: --channel, --downmix "
                                       "and --resample make other clips, write these first");
    }
    if (cli_path_make_folder(&err, folder) != SP_OK ||
        (options->front &&
         sp_file_read(&err, &proof->front_text, &size, options->front, 1 << 24) != SP_OK)) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    if (sp_proof_knows(&err, &job->session.files.model.net,
                       options->front ? proof->front_text : job->session.files.model.front) !=
        SP_OK) {
        return cli_usage(job->command, "--proof: %s", err.text);
    }
    return -1;
}

void cli_proof_close(cli_proof *proof) {
    free(proof->front_text);
    *proof = (cli_proof){0};
}

static sp_status write_to(sp_error *err, const cli_proof_one *one, const char *path,
                          const sp_domain *domain, void *bounds, const sp_front_bound *front,
                          double margin) {
    const cli_job *j = one->proof->job;
    const cli_options *options = j->options;
    sp_noise noise = {0};
    SP_TRY(sp_noise_of(err, &noise, options->set, one->clip->n, one->verdict->eps));
    const sp_proof_claim claim = {.net = &j->session.files.model.net,
                                  .forms = j->session.pipeline.forms,
                                  .samples = one->clip->samples,
                                  .n = one->clip->n,
                                  .rate = one->clip->rate,
                                  .noise = &noise,
                                  .budget = one->budget,
                                  .domain = domain,
                                  .bounds = bounds,
                                  .front_bound = front,
                                  .margin = margin,
                                  .model = options->model,
                                  .model_sha256 = j->session.files.model.digest,
                                  .recording = j->session.clips.file[one->index],
                                  .front = options->front,
                                  .front_text = options->front ? one->proof->front_text
                                                               : j->session.files.model.front,
                                  .budget_text = one->budget_text,
                                  .label = one->verdict->label};
    const sp_status status = sp_proof_write(err, path, &claim);
    sp_noise_clear(&noise);
    return status;
}

static char *path_of(const cli_proof_one *one) {
    const char *name = one->proof->job->session.clips.names.name[one->index];
    return cli_path_proof(one->proof->folder, name, one->budget_text);
}

static void keep(void *context, const sp_domain *domain, void *bounds, const sp_front_bound *front,
                 double margin) {
    cli_proof_one *one = context;
    char *path = path_of(one);
    sp_status status = path ? SP_OK : sp_fail(&one->err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = write_to(&one->err, one, path, domain, bounds, front, margin);
    }
    one->written = status == SP_OK;
    free(path);
}

void cli_proof_begin(cli_proof_one *one) {
    one->keep = (sp_certify_keep){keep, one};
    one->written = false;
    one->err = (sp_error){0};
}

sp_status cli_proof_end(sp_error *err, const cli_proof_one *one) {
    const bool certified = one->verdict->kind == SP_VERDICT_CERTIFIED;
    if (one->written && !certified) { // whatever came after its margins
        char *path = path_of(one);
        if (path) {
            remove(path);
        }
        free(path);
    }
    if (one->written || !certified) {
        return SP_OK;
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "no certificate: %.400s",
                   one->err.text[0] ? one->err.text
                                    : "it takes several passes, or parts of the noise, to prove "
                                      "this verdict");
}
