/* Certificates of verdicts, written by whoever proves them while the bounds are there. */
#include "cli/job/certificates.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/job/rehearsal.h"
#include "proof/proof.h"

/* Engine and checker round by themselves: a margin that is thinner may be one of the engine's
 * only. The largest difference seen is a hundredth of it. */
#define THIN_MARGIN 1e-3

struct cli_proof_told {
    atomic_bool yes;
};

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

/* ---- models that are written otherwise than their nets ---- */

static bool same_numbers(const double *a, const double *b, size_t count) {
    for (size_t i = 0; a && b && i < count; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return (a == NULL) == (b == NULL);
}

static bool same_activation(sp_activation a, sp_activation b) {
    return a.kind == b.kind && a.alpha == b.alpha && a.beta == b.beta;
}

static bool same_cell(const sp_cell *a, const sp_cell *b) {
    const size_t rows = sp_cell_gates(a) * a->out;
    return a->kind == b->kind && a->in == b->in && a->out == b->out && a->reverse == b->reverse &&
           a->reset_after == b->reset_after && same_activation(a->candidate, b->candidate) &&
           (a->kind == SP_CELL_RNN || same_activation(a->gate, b->gate)) &&
           same_numbers(a->weight, b->weight, rows * a->in) &&
           same_numbers(a->recurrent, b->recurrent, rows * a->out) &&
           same_numbers(a->bias, b->bias, rows) &&
           same_numbers(a->recurrent_bias, b->recurrent_bias, a->out);
}

/* Of chains that certificates know. */
static bool same_nets(const sp_net *a, const sp_net *b) {
    bool same = a->nodes == b->nodes && a->features == b->features;
    for (size_t i = 1; same && i < a->nodes; i++) {
        const sp_node *x = &a->node[i], *y = &b->node[i];
        same = x->kind == y->kind && x->width == y->width;
        if (same && x->kind == SP_NODE_AFFINE) {
            same = same_numbers(x->term->weight, y->term->weight, x->width * x->term->in) &&
                   same_numbers(x->bias, y->bias, x->width);
        } else if (same && x->kind == SP_NODE_CELL) {
            same = same_cell(&x->cell, &y->cell);
        } else if (same && x->kind == SP_NODE_CURVE) {
            same = same_activation(x->curve, y->curve);
        }
    }
    return same;
}

/* FOLDER/MODEL_net.onnx holds the same net, to the bit. */
static sp_status write_net(sp_error *err, cli_proof *proof, const sp_model *model,
                           const char *path) {
    const char *slash = strrchr(path, '/');
    const sp_model_note note = {"soundproof.front", model->front};
    void *data = NULL;
    size_t size = 0;
    sp_model read = {0};
    proof->plain = cli_path_beside(proof->folder, slash ? slash + 1 : path, "net");
    if (!proof->plain) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    SP_TRY(sp_model_pack(err, &data, &size, &model->net, &note, model->front ? 1 : 0));
    sp_status status = sp_model_parse(err, &read, data, size, proof->plain);
    if (status == SP_OK && !same_nets(&model->net, &read.net)) {
        status = sp_fail(err, SP_E_UNSUPPORTED,
                         "its weights are no float32 numbers, or not those of one net");
    }
    if (status == SP_OK) {
        memcpy(proof->plain_digest, read.digest, sizeof read.digest);
        status = sp_file_replace(err, proof->plain, data, size);
    }
    sp_model_clear(&read);
    free(data);
    return status;
}

static int write_plain(cli_proof *proof) {
    const sp_model *model = &proof->job->session.files.model;
    const char *path = proof->job->options->model;
    sp_error err = {0};
    double biases = 0.0;
    const bool chain = sp_proof_is_chain(&model->net);
    atomic_store(&proof->told->yes, chain && strncmp(model->producer, "soundproof", 10) == 0);
    if (!chain || sp_model_single(NULL, model, &biases) == SP_OK) {
        return -1;
    }
    atomic_store(&proof->told->yes, true); // of a file that is written here
    if (write_net(&err, proof, model, path) != SP_OK) {
        cli_complain("%s: the file writes its net in another way than certificates read, and it "
                     "cannot be written anew for them: %s",
                     path, err.text);
        return CLI_INPUT;
    }
    cli_complain("%s: the file writes its net in another way than certificates read; they are of "
                 "%s, which holds the same net, bit by bit",
                 path, proof->plain);
    return -1;
}

int cli_proof_open(cli_proof *proof, const cli_job *job, const char *folder) {
    const cli_options *options = job->options;
    sp_error err = {0};
    size_t size = 0;
    *proof = (cli_proof){.job = job, .folder = folder, .told = calloc(1, sizeof *proof->told)};
    if (!proof->told) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    if (!begins_with_exact(options->method) || options->front_rule != SP_FRONT_JOINT) {
        return cli_usage(job->command, "--proof knows --method exact, opt and opt-rest with their "
                                       "own front-end relaxation");
    }
    if (job->session.clips.sequences || options->frame != CLI_NO_FRAME || options->profile) {
        return cli_usage(job->command, "--proof knows recordings with noise in all samples");
    }
    if (job->session.clips.unlabelled) {
        return cli_usage(job->command, "--proof is of one answer, not of many decisions");
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
    return write_plain(proof);
}

void cli_proof_close(cli_proof *proof) {
    free(proof->told);
    free(proof->front_text);
    free(proof->plain);
    *proof = (cli_proof){0};
}

static const char *recording_of(const cli_proof_one *one) {
    return one->recording ? one->recording : one->proof->job->session.clips.file[one->index];
}

static sp_status write_to(sp_error *err, const cli_proof_one *one, const char *path,
                          const sp_domain *domain, void *bounds, const sp_front_bound *front,
                          double margin) {
    const cli_job *j = one->proof->job;
    const cli_options *options = j->options;
    const char *plain = one->proof->plain;
    sp_noise noise = {0};
    SP_TRY(sp_noise_of(err, &noise, options->set, one->clip->n, one->verdict->eps));
    const sp_proof_claim claim = {
        .net = &j->session.files.model.net,
        .forms = j->session.pipeline.forms,
        .samples = one->clip->samples,
        .n = one->clip->n,
        .begin = one->begin,
        .rate = one->clip->rate,
        .noise = &noise,
        .budget = one->budget,
        .domain = domain,
        .bounds = bounds,
        .front_bound = front,
        .margin = margin,
        .model = plain ? plain : options->model,
        .model_sha256 = plain ? one->proof->plain_digest : j->session.files.model.digest,
        .recording = recording_of(one),
        .front = options->front,
        .front_text = options->front ? one->proof->front_text : j->session.files.model.front,
        .budget_text = one->budget_text,
        .label = one->verdict->label,
        .threshold = j->session.pipeline.threshold};
    const sp_status status = sp_proof_write(err, path, &claim);
    sp_noise_clear(&noise);
    return status;
}

static char *path_of(const cli_proof_one *one) {
    const char *name = one->proof->job->session.clips.names.name[one->index];
    return cli_path_proof(one->proof->folder, name, one->name ? one->name : one->budget_text);
}

/* What is refused does not stay. */
static sp_status rehearse(cli_proof_one *one, const char *path, const char *why) {
    const cli_options *options = one->proof->job->options;
    const char *plain = one->proof->plain;
    sp_error said = {0};
    if (cli_rehearse(&said, path, plain ? plain : options->model, recording_of(one),
                     options->front) == SP_OK) {
        return SP_OK;
    }
    remove(path);
    return sp_fail(&one->err, SP_E_UNSUPPORTED, "%.100s: %.200s", why, said.text);
}

static void keep(void *context, const sp_domain *domain, void *bounds, const sp_front_bound *front,
                 double margin) {
    cli_proof_one *one = context;
    char *path = path_of(one), why[64];
    sp_status status = path ? SP_OK : sp_fail(&one->err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = write_to(&one->err, one, path, domain, bounds, front, margin);
    }
    if (status == SP_OK && margin < THIN_MARGIN) {
        snprintf(why, sizeof why, "the margin of %.3g is within rounding", margin);
        status = rehearse(one, path, why);
    } else if (status == SP_OK && !atomic_load(&one->proof->told->yes)) {
        status = rehearse(one, path, "the first certificate of a file");
    }
    if (status == SP_OK) {
        atomic_store(&one->proof->told->yes, true);
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
    if (one->written || (!certified && !one->proved)) {
        return SP_OK;
    }
    return sp_fail(err, SP_E_UNSUPPORTED, "no certificate: %.400s",
                   one->err.text[0] ? one->err.text
                                    : "it takes several passes, parts of the noise, or intervals "
                                      "of what the last layer reads, to prove this verdict");
}
