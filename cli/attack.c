/* soundproof attack: noise within a budget that changes the answer, as files. */
#include "cli/impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/pool.h"

/* One clip with an attack per budget. */
typedef struct item {
    sp_error err;      /* of reading the clip or its label */
    sp_attack *attack; /* [budgets] owned */
    bool resampled;
    char **out; /* [budgets] owned; where the breaking clip goes, or NULL */
} item;

typedef struct job {
    const cli_options *options;
    cli_session session;
    sp_attacker attacker;
    item *item;      /* [clips] */
    sp_tally *tally; /* [budgets] */
    size_t *real;    /* [budgets] clips that only real-valued noise was found to break */
    bool failed;
} job;

/* ---- files ---- */

/* The JSON object of a broken clip, in a file beside it. */
static void write_beside(job *j, const char *clip, const char *out, const char *text) {
    const char *dot = strrchr(out, '.'), *slash = strrchr(out, '/');
    const size_t stem = dot && dot > slash ? (size_t)(dot - out) : strlen(out);
    char *path = malloc(stem + sizeof ".json");
    FILE *file = NULL;
    bool written = false;
    if (path && text) {
        memcpy(path, out, stem);
        memcpy(path + stem, ".json", sizeof ".json");
        file = fopen(path, "w");
        written = file && fprintf(file, "%s\n", text) > 0;
    }
    if (file) {
        written = fclose(file) == 0 && written;
    }
    if (!written) {
        j->failed = true;
        cli_complain("%s: %s cannot be written", clip, path ? path : "the JSON file");
    }
    free(path);
}

/* ---- one clip ---- */

typedef struct budget_task {
    const job *job;
    item *item;
    const sp_clip *clip;
    const char *file;
    long label;
} budget_task;

static sp_attack_options options_of(const job *j, const item *it, const char *file, size_t budget) {
    sp_attack_options options = cli_attack_options(j->options, file);
    options.out = it->out[budget];
    return options;
}

static void attack_budget(void *context, size_t index) {
    const budget_task *task = context;
    const sp_attack_options options = options_of(task->job, task->item, task->file, index);
    sp_attack_budget(NULL, &task->item->attack[index], &task->job->attacker, task->clip,
                     &task->job->options->budget[index], task->label, &options);
}

static void fail_item(const job *j, item *it, long label) {
    for (size_t b = 0; b < j->options->budgets; b++) {
        sp_attack_init(&it->attack[b]);
        sp_verdict *verdict = &it->attack[b].verdict;
        verdict->label = label >= 0 ? (size_t)label : SP_NO_LABEL;
        snprintf(verdict->reason, sizeof verdict->reason, "%s", it->err.text);
    }
}

static void work(void *context, size_t index) {
    job *j = context;
    item *it = &j->item[index];
    const cli_clips *clips = &j->session.clips;
    sp_clip clip = {0};
    long label = -1;
    if (cli_clips_read(&it->err, &clip, &label, clips, index, j->session.source.front) != SP_OK) {
        fail_item(j, it, label);
        return;
    }
    it->resampled = clip.resampled;
    budget_task task = {j, it, &clip, clips->file[index], label};
    sp_pool_run(j->options->budgets, 0, attack_budget, &task);
    sp_clip_clear(&clip);
}

/* ---- printing, in the order of the clips ---- */

static void print_attack(job *j, size_t clip, size_t budget) {
    const item *it = &j->item[clip];
    const cli_clips *clips = &j->session.clips;
    const sp_attack *attack = &it->attack[budget];
    const sp_attack_options options = options_of(j, it, clips->file[clip], budget);
    char *json = sp_report_attack_json(clips->path[clip], attack, &options);
    if (attack->verdict.kind == SP_VERDICT_BROKEN && options.out) {
        write_beside(j, clips->path[clip], options.out, json);
    }
    if (j->options->json) {
        cli_print(json);
        return;
    }
    free(json);
    cli_print(sp_report_attack_row(clips->names.name[clip], clips->names.width, attack));
    if (j->options->verbose && attack->verdict.reason[0]) {
        printf("    why: %s; %zu gradients\n", attack->verdict.reason, attack->steps);
    }
}

static void emit(void *context, size_t index) {
    job *j = context;
    item *it = &j->item[index];
    const char *last = "";
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_attack *attack = &it->attack[b];
        const sp_verdict *verdict = &attack->verdict;
        sp_tally_add(&j->tally[b], verdict);
        j->real[b] += attack->real_broken && verdict->kind != SP_VERDICT_BROKEN;
        print_attack(j, index, b);
        if (verdict->kind == SP_VERDICT_ERROR && strcmp(last, verdict->reason) != 0) {
            j->failed = true;
            cli_complain_about(j->session.clips.path[index], verdict->reason);
            last = verdict->reason;
        }
    }
    fflush(stdout);
    if (it->resampled && j->options->out) {
        cli_complain("%s: was resampled: breaking clips have the model's sample rate",
                     j->session.clips.path[index]);
    }
    for (size_t b = 0; b < j->options->budgets; b++) {
        sp_attack_clear(&it->attack[b]);
    }
}

static void print_summary(const job *j, double seconds) {
    putchar('\n');
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_tally *tally = &j->tally[b];
        printf("%s: broken %zu of %zu by a file", j->options->budget_text[b],
               tally->kind[SP_VERDICT_BROKEN], tally->total);
        if (j->real[b] > 0) {
            printf(", %zu more by real-valued noise only", j->real[b]);
        }
        if (tally->kind[SP_VERDICT_MISCLASSIFIED] > 0) {
            printf(", %zu misclassified without noise", tally->kind[SP_VERDICT_MISCLASSIFIED]);
        }
        putchar('\n');
    }
    if (j->options->out) {
        printf("Breaking clips and what is known of them: %s/\n", j->options->out);
    }
    printf("%.1f s on %d thread%s.\n", seconds, sp_pool_threads(),
           sp_pool_threads() == 1 ? "" : "s");
}

/* ---- the whole run ---- */

static bool take_memory(job *j) {
    const size_t budgets = j->options->budgets, count = j->session.clips.count;
    j->item = calloc(count, sizeof *j->item);
    j->tally = calloc(budgets, sizeof *j->tally);
    j->real = calloc(budgets, sizeof *j->real);
    bool taken = j->item && j->tally && j->real;
    for (size_t i = 0; taken && i < count; i++) {
        item *it = &j->item[i];
        it->attack = calloc(budgets, sizeof *it->attack);
        it->out = calloc(budgets, sizeof *it->out);
        taken = it->attack && it->out;
        for (size_t b = 0; taken && j->options->out && b < budgets; b++) {
            it->out[b] = cli_path_beside(j->options->out, j->session.clips.names.name[i],
                                         j->options->budget_text[b]);
            taken = it->out[b] != NULL;
        }
    }
    return taken;
}

static void clear_job(job *j) {
    for (size_t i = 0; j->item && i < j->session.clips.count; i++) {
        for (size_t b = 0; j->item[i].out && b < j->options->budgets; b++) {
            free(j->item[i].out[b]);
        }
        free(j->item[i].out);
        free(j->item[i].attack);
    }
    free(j->item);
    free(j->tally);
    free(j->real);
    sp_attacker_clear(&j->attacker);
    cli_session_clear(&j->session);
}

static int attack_all(job *j) {
    const double start = sp_clock_wall();
    const size_t count = j->session.clips.count;
    if (j->options->out && !cli_path_make_folder(j->options->out)) {
        cli_complain("%s: no such folder can be made", j->options->out);
        return CLI_INPUT;
    }
    if (!take_memory(j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        cli_print(sp_report_attack_head(j->session.clips.names.width));
    }
    if (!cli_batch_run("attack", count, work, emit, j)) {
        cli_complain("out of memory for %zu clips", count);
        return CLI_INPUT;
    }
    if (!j->options->json) {
        print_summary(j, sp_clock_wall() - start);
    }
    return j->failed ? CLI_INPUT : CLI_OK;
}

static int run(const cli_options *options) {
    job j = {.options = options};
    int code = cli_budget_check(&cli_attack, options);
    if (code < 0) {
        code = cli_session_open(&j.session, &cli_attack, options);
    }
    if (code >= 0) {
        return code;
    }
    code = cli_attacker_open(&j.attacker, &j.session);
    if (code < 0) {
        code = attack_all(&j);
    }
    clear_job(&j);
    return code;
}

const cli_command cli_attack = {
    .name = "attack",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "look for noise within a budget that changes the model's answer",
    .examples =
        "  soundproof attack --model M.onnx --front F.json --budget -50dB 8_theo_3.wav\n"
        "  soundproof attack --model M.onnx --front F.json --budget -50dB --out attacks *.wav\n"
        "  soundproof attack --model M.onnx --front F.json --budget 20lsb --steps 200 --starts 20 "
        "8_theo_3.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_LABEL | CLI_MANIFEST | CLI_AUDIO | CLI_OUT |
               CLI_EFFORT | CLI_TIMEOUT | CLI_THREADS | CLI_JSON | CLI_VERBOSE,
    .run = run,
};
