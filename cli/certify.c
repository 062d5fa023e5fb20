/* soundproof certify: a verdict for every clip and budget. */
#include "cli/dump.h"
#include "cli/job.h"
#include "cli/windows.h"

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "cli/certificates.h"

enum { PROOF, DEPLOYED, DUMP, HOP };
static const cli_own own_options[] = {
    {"proof", "write a certificate of every certified verdict into DIR (docs/certificate.md)",
     "DIR"},
    {"deployed",
     "what a noisy clip becomes before it is heard: real; file, rounded and clipped to the values "
     "that its file can hold; int16, to 16-bit integers; real unless given",
     "X"},
    {"dump-bounds",
     "write the boxes of every node of the network at every frame, under every clip and budget, to "
     "FILE.npz (NumPy) or FILE.json",
     "FILE"},
    {"hop", "of recordings that are longer than the model's window: every N-th frame begins one; 1",
     "N"}};

/* One clip with a verdict per budget. */
typedef struct item {
    long label; /* -1: the model's own answer */
    bool usable;
    sp_error err;        /* of reading the clip or its label */
    sp_error unproved;   /* why a certificate could not be written */
    sp_verdict *verdict; /* [budgets] owned */
    cli_dump_part *part; /* [budgets] owned; NULL without --dump-bounds */
    bool longer;         /* than the model's window */
} item;

typedef struct job {
    cli_job base;
    sp_tally *tally;   /* [budgets] */
    size_t own_labels; /* clips whose label is the model's own answer */
    cli_proof proof;   /* owned; with --proof */
    sp_budget *budget; /* [budgets] owned; with what --deployed says */
    cli_dump *dump;    /* owned; or NULL */
    long hop;          /* frames from one window of a longer recording to the next */
    size_t longer;     /* such recordings */
} job;

static item *item_of(const cli_job *j, size_t clip) {
    return (item *)j->item + clip;
}

/* ---- a group of clips: one, or as many as a device bounds together ---- */

typedef struct group {
    cli_job *job;
    size_t first, count;
    sp_clip *clip;         /* [count] */
    cli_windows *windows;  /* [count] of those that are longer than the model's window */
    sp_certify_item *work; /* [count, budgets]; those that can be used come first */
    size_t works;
    cli_proof_one *proof; /* [count, budgets]; NULL without --proof */
} group;

static void fail_item(const cli_job *j, item *it) {
    const sp_class_names *names = cli_session_names(&j->session);
    for (size_t b = 0; b < j->options->budgets; b++) {
        cli_verdict_fail(&it->verdict[b], &it->err, it->label, names);
    }
}

static void read_clip(void *context, size_t index) {
    group *g = context;
    cli_job *j = g->job;
    item *it = item_of(j, g->first + index);
    sp_status status = cli_clips_read(&it->err, &g->clip[index], &it->label, &j->session.clips,
                                      g->first + index, j->session.files.front);
    if (status == SP_OK) {
        status = cli_windows_cut(&it->err, &g->windows[index], &j->session, &g->clip[index],
                                 it->label, (size_t)((const job *)j)->hop);
    }
    it->longer = g->windows[index].count > 0;
    it->usable = status == SP_OK;
    if (!it->usable) {
        fail_item(j, it);
    }
}

static void list_work(group *g) {
    const cli_options *options = g->job->options;
    const sp_budget *budget = ((const job *)g->job)->budget;
    for (size_t i = 0; i < g->count; i++) {
        item *it = item_of(g->job, g->first + i);
        for (size_t b = 0; it->usable && !it->longer && b < options->budgets; b++) {
            g->work[g->works++] = (sp_certify_item){.clip = &g->clip[i],
                                                    .budget = &budget[b],
                                                    .label = it->label,
                                                    .verdict = &it->verdict[b]};
        }
    }
}

static void attack_work(void *context, size_t index) {
    const group *g = context;
    const cli_job *j = g->job;
    const sp_certify_item *work = &g->work[index];
    if (work->verdict->kind == SP_VERDICT_UNKNOWN) {
        const size_t clip = g->first + (size_t)(work->clip - g->clip);
        const sp_attack_options attack =
            cli_attack_options(j->options, j->session.clips.file[clip]);
        sp_attack_verdict(work->verdict, &j->attacker, work->clip, work->budget, work->label,
                          &attack);
    }
}

/* ---- certificates ---- */

/* What each item leaves while it is proved. */
static void begin_proofs(group *g) {
    const job *own = (const job *)g->job;
    for (size_t i = 0; g->proof && i < g->works; i++) {
        sp_certify_item *work = &g->work[i];
        g->proof[i] =
            (cli_proof_one){.proof = &own->proof,
                            .index = g->first + (size_t)(work->clip - g->clip),
                            .clip = work->clip,
                            .budget = work->budget,
                            .budget_text = g->job->options->budget_text[work->budget - own->budget],
                            .verdict = work->verdict};
        cli_proof_begin(&g->proof[i]);
        work->keep = &g->proof[i].keep;
    }
}

static void end_proofs(const group *g) {
    for (size_t i = 0; g->proof && i < g->works; i++) {
        sp_error err = {0};
        if (cli_proof_end(&err, &g->proof[i]) != SP_OK) {
            item_of(g->job, g->proof[i].index)->unproved = err;
        }
    }
}

/* Boxes of whatever has a verdict, and time. */
static void dump_work(void *context, size_t index) {
    const group *g = context;
    const cli_job *j = g->job;
    const sp_certify_item *work = &g->work[index];
    const item *it = item_of(j, g->first + (size_t)(work->clip - g->clip));
    if (work->verdict->kind != SP_VERDICT_ERROR && work->verdict->kind != SP_VERDICT_TIMEOUT) {
        cli_dump_bounds(&it->part[work->budget - ((const job *)j)->budget], &j->session.pipeline,
                        work->clip, work->budget, j->options->timeout);
    }
}

static void certify_group(group *g) {
    const cli_options *options = g->job->options;
    sp_error err = {0};
    sp_pool_run(g->count, 0, read_clip, g);
    list_work(g);
    begin_proofs(g);
    if (sp_certify_all(&err, &g->job->session.pipeline, g->work, g->works, options->timeout) !=
        SP_OK) {
        for (size_t i = 0; i < g->count; i++) {
            item_of(g->job, g->first + i)->err = err;
            fail_item(g->job, item_of(g->job, g->first + i));
        }
    } else if (options->attack) {
        sp_pool_run(g->works, 0, attack_work, g);
    }
    end_proofs(g);
    if (((const job *)g->job)->dump != NULL) {
        sp_pool_run(g->works, 0, dump_work, g);
    }
    for (size_t i = 0; i < g->count; i++) {
        if (item_of(g->job, g->first + i)->longer) {
            item *it = item_of(g->job, g->first + i);
            const job *own = (const job *)g->job;
            cli_windows_certify(it->verdict, g->job, &g->windows[i], own->budget,
                                g->job->session.clips.file[g->first + i]);
        }
        cli_windows_clear(&g->windows[i]);
        sp_clip_clear(&g->clip[i]);
    }
}

static void work(void *context, size_t index) {
    cli_job *j = context;
    const size_t first = index * sp_certify_group(), left = j->session.clips.count - first;
    const size_t count = left < sp_certify_group() ? left : sp_certify_group();
    group g = {.job = j,
               .first = first,
               .count = count,
               .clip = calloc(count, sizeof *g.clip),
               .windows = calloc(count, sizeof *g.windows),
               .work = calloc(count * j->options->budgets, sizeof *g.work)};
    const bool proves = j->options->own[PROOF] != NULL;
    if (proves) {
        g.proof = calloc(count * j->options->budgets, sizeof *g.proof);
    }
    const bool taken = g.clip && g.windows && g.work && (g.proof || !proves);
    if (taken) {
        certify_group(&g);
    }
    for (size_t i = 0; i < count && !taken; i++) {
        item *it = item_of(j, first + i);
        sp_fail(&it->err, SP_E_MEMORY, "out of memory for %zu clips", count);
        fail_item(j, it);
    }
    free(g.clip);
    free(g.windows);
    free(g.work);
    free(g.proof);
}

/* ---- printing, in the order of the clips ---- */

/* The boxes of a clip go into the file. */
static void emit_boxes(job *own, size_t index) {
    cli_job *j = &own->base;
    const item *it = item_of(j, index);
    if (it->longer && (own->dump != NULL || j->options->own[PROOF])) {
        cli_complain_about(j->session.clips.path[index],
                           "is longer than the model's window: --proof and --dump-bounds are of "
                           "clips as they are");
        j->failed = true;
        return;
    }
    for (size_t b = 0; own->dump != NULL && b < j->options->budgets; b++) {
        sp_error err = {0};
        if (cli_dump_add(&err, own->dump, &it->part[b], j->session.clips.names.name[index],
                         j->options->budget_text[b], it->verdict[b].eps) != SP_OK) {
            cli_complain_about(j->session.clips.path[index], err.text);
            j->failed = true;
        }
    }
}

static void emit_clip(job *own, size_t index) {
    cli_job *j = &own->base;
    item *it = item_of(j, index);
    const cli_clips *clips = &j->session.clips;
    const char *last = "";
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_verdict *verdict = &it->verdict[b];
        sp_tally_add(&own->tally[b], verdict);
        j->vacuous += sp_verdict_is_vacuous(verdict);
        if (j->options->json) {
            cli_print(sp_report_verdict_json(clips->path[index], &j->session.pipeline, verdict));
        } else {
            cli_print(sp_report_verdict_row(clips->names.name[index], clips->names.width,
                                            clips->sequences, verdict));
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
    emit_boxes(own, index);
    for (size_t b = 0; b < j->options->budgets; b++) {
        sp_verdict_clear(&it->verdict[b]);
    }
}

static void emit(void *context, size_t index) {
    job *own = context;
    const size_t first = index * sp_certify_group(), end = first + sp_certify_group();
    for (size_t i = first; i < end && i < own->base.session.clips.count; i++) {
        emit_clip(own, i);
    }
}

static void print_head(cli_job *j) {
    cli_print(sp_report_verdict_head(j->session.clips.names.width, j->session.clips.sequences,
                                     cli_session_names(&j->session)));
}

static void print_summary(cli_job *j) {
    const job *own = (const job *)j;
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
    cli_norm_says(j->options);
    printf("Method %s, ", j->session.pipeline.method->name);
    cli_job_seconds(j);
}

/* ---- the whole run ---- */

/* The budgets, with what --deployed says. */
static int take_budgets(cli_job *j) {
    const cli_options *options = j->options;
    const char *name = options->own[DEPLOYED];
    sp_budget_deployed deployed = SP_BUDGET_AS_REAL;
    if (name && !sp_budget_deployed_find(&deployed, name)) {
        return cli_usage(j->command, "--deployed is real, file or int16, not '%s'", name);
    }
    if (deployed != SP_BUDGET_AS_REAL && !options->set->box) {
        return cli_usage(j->command, "--deployed %s goes with --norm inf", name);
    }
    if (deployed != SP_BUDGET_AS_REAL && (options->attack || options->own[PROOF])) {
        return cli_usage(j->command,
                         "--%s speaks of real-valued noise, not of --deployed %s: give it a "
                         "--budget in whole lsb instead",
                         options->attack ? "attack" : "proof", name);
    }
    sp_budget *budget = calloc(options->budgets, sizeof *budget);
    if (!budget) {
        return cli_job_out_of_memory(j);
    }
    ((job *)j)->budget = budget;
    for (size_t b = 0; b < options->budgets; b++) {
        budget[b] = options->budget[b];
        budget[b].deployed = deployed;
    }
    return -1;
}

/* Certificates and dumps are of clips as they are. */
static int check_windows(const cli_job *j) {
    if (j->options->own[HOP] && (j->options->own[PROOF] || j->options->own[DUMP])) {
        return cli_usage(j->command,
                         "--hop cuts recordings into windows: --proof and --dump-bounds "
                         "are of clips as they are");
    }
    return -1;
}

static int prepare(cli_job *j) {
    job *own = (job *)j;
    const size_t budgets = j->options->budgets, count = j->session.clips.count;
    own->tally = calloc(budgets, sizeof *own->tally);
    bool taken = own->tally != NULL;
    for (size_t i = 0; taken && i < count; i++) {
        item *it = item_of(j, i);
        it->verdict = calloc(budgets, sizeof *it->verdict);
        it->part = calloc(budgets, sizeof *it->part);
        taken = it->verdict != NULL && it->part != NULL;
    }
    if (!taken) {
        return cli_job_out_of_memory(j);
    }
    j->units = (count + sp_certify_group() - 1) / sp_certify_group();
    int code = cli_windows_hop_read(&own->hop, j->command, j->options->own[HOP]);
    code = code < 0 ? take_budgets(j) : code;
    code = code < 0 && j->session.files.model.net.steps > 0 ? check_windows(j) : code;
    code = code < 0 && j->options->own[PROOF]
               ? cli_proof_open(&own->proof, j, j->options->own[PROOF])
               : code;
    code = code < 0 && j->options->own[DUMP]
               ? cli_dump_open(&own->dump, j->command, j->options->own[DUMP])
               : code;
    return code < 0 && j->options->attack ? cli_attacker_open(&j->attacker, &j->session) : code;
}

static int finish(cli_job *j) {
    job *own = (job *)j;
    sp_error err = {0};
    if (own->dump != NULL && cli_dump_close(&err, &own->dump) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    return -1;
}

static void clear(cli_job *j) {
    for (size_t i = 0; i < j->session.clips.count; i++) {
        sp_verdict *verdict = item_of(j, i)->verdict;
        cli_dump_part *part = item_of(j, i)->part;
        for (size_t b = 0; b < j->options->budgets; b++) {
            if (verdict) {
                sp_verdict_clear(&verdict[b]);
            }
            if (part) {
                cli_dump_part_clear(&part[b]);
            }
        }
        free(verdict);
        free(part);
    }
    cli_dump_drop(((job *)j)->dump);
    free(((job *)j)->tally);
    cli_proof_close(&((job *)j)->proof);
    free(((job *)j)->budget);
}

static int run(const cli_options *options) {
    static const cli_steps steps = {.item = sizeof(item),
                                    .budget = true,
                                    .prepare = prepare,
                                    .head = print_head,
                                    .work = work,
                                    .emit = emit,
                                    .finish = finish,
                                    .summary = print_summary,
                                    .clear = clear};
    job j = {.base = {.command = &cli_certify, .steps = &steps, .options = options}};
    return cli_job_run(&j.base);
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
        "  soundproof certify --model M.onnx --eps 0.01 --clip-to 0:1 --manifest images.tsv\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHOD | CLI_FRONT_RELAX |
               CLI_LABEL | CLI_MANIFEST | CLI_AUDIO | CLI_TIMEOUT | CLI_DEVICE | CLI_PRECISION |
               CLI_THREADS | CLI_JSON | CLI_VERBOSE | CLI_ATTACK | CLI_EFFORT | CLI_FRAME,
    .sequences = true,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
