/* soundproof certify: a verdict for every clip and budget. */
#include "cli/certify/certify_job.h"

#include <stdlib.h>

static const cli_own own_options[] = {
    {"proof", "write a certificate of every certified verdict into DIR (docs/certificate.md)",
     "DIR"},
    {"dump-bounds",
     "write the boxes of every node of the network at every frame, under every clip and budget, to "
     "FILE.npz (NumPy) or FILE.json",
     "FILE"},
    {"hop", "of recordings that are longer than the model's window: every N-th frame begins one; 1",
     "N"}};

static cli_certify_clip *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- printing, in the order of the clips ---- */

/* The boxes of a clip go into the file. */
static void emit_boxes(cli_certify_job *own, size_t index) {
    cli_job *j = &own->base;
    const cli_certify_clip *it = item_of(j, index);
    for (size_t b = 0; own->dump != NULL && b < j->options->budgets; b++) {
        sp_error err = {0};
        if (cli_dump_add(&err, own->dump, &it->part[b], j->session.clips.names.name[index],
                         j->options->budget_text[b], it->verdict[b].eps) != SP_OK) {
            cli_complain_about(j->session.clips.path[index], err.text);
            j->failed = true;
        }
    }
}

static void emit_clip(cli_certify_job *own, size_t index) {
    cli_job *j = &own->base;
    cli_certify_clip *it = item_of(j, index);
    const cli_clips *clips = &j->session.clips;
    const char *last = "";
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_verdict *verdict = &it->verdict[b];
        sp_tally_add(&own->tally[b], verdict);
        j->vacuous += sp_verdict_is_vacuous(verdict);
        cli_job_put(j, sp_report_verdict_json(clips->path[index], &j->session.pipeline, verdict),
                    sp_report_verdict_row(clips->names.name[index], clips->names.width,
                                          clips->sequences, verdict),
                    sp_report_verdict_row(clips->names.name[index], SP_TABLE_LATEX,
                                          clips->sequences, verdict));
        if (!j->options->json) {
            cli_asks_print(verdict);
        }
        if (j->options->verbose && !j->options->json) {
            cli_print(sp_report_verdict_details(verdict));
        }
    }
    fflush(stdout);
    own->longer += it->longer;
    own->own_labels += !it->longer && it->label < 0 && it->verdict[0].label != SP_NO_LABEL;
    for (size_t b = 0; b < j->options->budgets; b++) {
        if (it->verdict[b].kind == SP_VERDICT_ERROR) {
            cli_job_complain(j, index, it->verdict[b].reason, &last);
        }
    }
    if (it->unproved.text[0]) {
        cli_complain_about(clips->path[index], it->unproved.text);
        j->failed = true;
    }
    if (it->longer && (own->dump != NULL || j->options->own[CLI_CERTIFY_PROOF])) {
        cli_complain_about(j->session.clips.path[index],
                           "is longer than the model's window: --proof and --dump-bounds are of "
                           "clips as they are");
        j->failed = true;
        return;
    }
    emit_boxes(own, index);
}

static void emit(void *context, size_t index) {
    cli_certify_job *own = context;
    const size_t first = index * own->base.group, end = first + own->base.group;
    for (size_t i = first; i < end && i < own->base.session.clips.count; i++) {
        emit_clip(own, i);
    }
}

static void print_head(cli_job *j) {
    const sp_class_names *names = cli_session_names(&j->session);
    const bool sequences = j->session.clips.sequences;
    cli_job_head(j, sp_report_verdict_head(j->session.clips.names.width, sequences, names),
                 sp_report_verdict_head(SP_TABLE_LATEX, sequences, names));
}

static void print_summary(cli_job *j) {
    const cli_certify_job *own = (const cli_certify_job *)j;
    putchar('\n');
    for (size_t b = 0; b < j->options->budgets; b++) {
        cli_print(sp_report_summary(j->options->budget_text[b], &own->tally[b]));
    }
    if (own->own_labels > 0) {
        printf("For %zu of the clips the right answer is not known: what is certified is that the "
               "model's own answer stays what it is.\n",
               own->own_labels);
    }
    cli_windows_says(&j->session, own->longer, own->hop);
    cli_asks_says(&j->session);
    cli_norm_says(j->options);
    printf("Method %s, ", j->session.pipeline.method->name);
    cli_job_seconds(j);
}

/* ---- the whole run ---- */

/* Certificates speak of real-valued noise and of real numbers, and attacks of the former. */
static int check_programs(const cli_job *j) {
    const cli_options *options = j->options;
    const bool proves = options->own[CLI_CERTIFY_PROOF] != NULL;
    if (options->deployed != SP_BUDGET_AS_REAL && (options->attack || proves)) {
        return cli_usage(j->command,
                         "--%s speaks of real-valued noise, not of --deployed %s: give it a "
                         "--budget in whole lsb instead",
                         options->attack ? "attack" : "proof",
                         sp_budget_deployed_name(options->deployed));
    }
    if (options->arithmetic != SP_ARITHMETIC_REAL && proves) {
        return cli_usage(j->command, "--proof speaks of real numbers, not of --arithmetic float32");
    }
    return -1;
}

/* Certificates and dumps are of clips as they are. */
static int check_windows(const cli_job *j) {
    char *const *own = j->options->own;
    if (own[CLI_CERTIFY_HOP] && (own[CLI_CERTIFY_PROOF] || own[CLI_CERTIFY_DUMP])) {
        return cli_usage(j->command,
                         "--hop cuts recordings into windows: --proof and --dump-bounds "
                         "are of clips as they are");
    }
    return -1;
}

static int prepare(cli_job *j) {
    cli_certify_job *own = (cli_certify_job *)j;
    own->tally = calloc(j->options->budgets, sizeof *own->tally);
    if (!own->tally) {
        return cli_clips_out_of_memory(&j->session.clips);
    }
    const int hop = cli_windows_hop_read(&own->hop, j->command, j->options->own[CLI_CERTIFY_HOP]);
    if (hop >= 0 || j->records.merged) {
        return hop;
    }
    j->group = sp_certify_group();
    int code = check_programs(j);
    code = code < 0 && j->session.files.model.net.steps > 0 ? check_windows(j) : code;
    code = code < 0 && j->options->own[CLI_CERTIFY_PROOF]
               ? cli_proof_open(&own->proof, j, j->options->own[CLI_CERTIFY_PROOF])
               : code;
    if (code < 0 && j->options->own[CLI_CERTIFY_DUMP] && j->options->journal) {
        return cli_usage(j->command, "--dump-bounds bounds every clip, and --journal leaves out "
                                     "those that stand there: give one of them");
    }
    code = code < 0 && j->options->own[CLI_CERTIFY_DUMP]
               ? cli_dump_open(&own->dump, j->command, j->options->own[CLI_CERTIFY_DUMP])
               : code;
    return code < 0 && j->options->attack ? cli_attacker_open(&j->attacker, &j->session) : code;
}

static int finish(cli_job *j) {
    cli_certify_job *own = (cli_certify_job *)j;
    sp_error err = {0};
    if (own->dump != NULL && cli_dump_close(&err, &own->dump) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    return -1;
}

static bool begin(cli_job *j, void *of, size_t clip) {
    cli_certify_clip *it = of;
    (void)clip;
    it->verdict = calloc(j->options->budgets, sizeof *it->verdict);
    it->known = calloc(j->options->budgets, sizeof *it->known);
    it->part = calloc(j->options->budgets, sizeof *it->part);
    return it->verdict && it->known && it->part;
}

static void end(cli_job *j, void *of) {
    cli_certify_clip *it = of;
    for (size_t b = 0; it->verdict && b < j->options->budgets; b++) {
        sp_verdict_clear(&it->verdict[b]);
    }
    for (size_t b = 0; it->part && b < j->options->budgets; b++) {
        cli_dump_part_clear(&it->part[b]);
    }
    free(it->verdict);
    free(it->part);
    free(it->known);
}

static void clear(cli_job *j) {
    cli_dump_drop(((cli_certify_job *)j)->dump);
    free(((cli_certify_job *)j)->tally);
    cli_proof_close(&((cli_certify_job *)j)->proof);
}

static const cli_steps steps = {.item = sizeof(cli_certify_clip),
                                .budget = true,
                                .prepare = prepare,
                                .head = print_head,
                                .begin = begin,
                                .recall = cli_certify_recall,
                                .work = cli_certify_work,
                                .emit = emit,
                                .end = end,
                                .finish = finish,
                                .summary = print_summary,
                                .clear = clear};

static int run(const cli_options *options) {
    cli_certify_job j = {.base = {.command = &cli_certify, .steps = &steps, .options = options}};
    return cli_job_run(&j.base);
}

int cli_certify_merge(cli_job *base) {
    cli_certify_job j = {.base = *base};
    j.base.steps = &steps;
    return cli_job_replay(&j.base);
}

const cli_command cli_certify = {
    .name = "certify",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "prove that no noise within a budget changes the model's answer",
    .examples =
        "  soundproof certify --model M.onnx --front F.json --budget -70dB 8_theo_3.wav\n"
        "  soundproof certify --model M.onnx --front F.json --budget -80dB --budget -60dB *.wav\n"
        "  soundproof certify --model M.onnx --front F.json --budget 3lsb --label 8 take.wav\n"
        "  soundproof certify --model M.onnx --front F.json --budget 45dBsnr --manifest test.tsv "
        "--json\n"
        "  soundproof certify --model M.onnx --front F.json --budget -50dB --attack *.wav\n"
        "  soundproof certify --model M.onnx --budget -70dB --proof proofs *.wav\n"
        "  soundproof certify --model M.onnx --front F.json --norm 2 --budget 40dBsnr *.wav\n"
        "  soundproof certify --model M.onnx --budget -60dB --deployed int16 *.wav\n"
        "  soundproof certify --model M.onnx --budget -60dB --dump-bounds boxes.npz take.wav\n"
        "  soundproof certify --model M.onnx --eps 0.01 --clip-to 0:1 --manifest images.tsv\n"
        "  soundproof certify --model M.onnx --budget -60dB --arithmetic float32 *.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHOD | CLI_FRONT_RELAX |
               CLI_LABEL | CLI_MANIFEST | CLI_AUDIO | CLI_TIMEOUT | CLI_DEVICE | CLI_PRECISION |
               CLI_THREADS | CLI_JSON | CLI_VERBOSE | CLI_ATTACK | CLI_EFFORT | CLI_FRAME,
    .sequences = true,
    .says_float32 = true,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .apart = 1 << CLI_CERTIFY_PROOF | 1 << CLI_CERTIFY_DUMP,
    .corpus = true,
    .programs = true,
    .deployed = true,
    .run = run,
};
