/* soundproof attack: noise within a budget that changes the answer, as files. */
#include "cli/job/job.h"
#include "cli/job/windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pool.h"

/* One clip with an attack per budget. */
typedef struct item {
    cli_record record;
    bool *known;            /* [budgets] owned: attacks that stood in the journal */
    sp_error err;           /* of reading the clip or its label */
    sp_attack *attack;      /* [budgets] owned */
    bool resampled, longer; /* longer than the model's window */
    char **out;             /* [budgets] owned; where the breaking clip goes, or NULL */
} item;

typedef struct job {
    cli_job base;
    sp_tally *tally; /* [budgets] */
    size_t *real;    /* [budgets] clips that only real-valued noise was found to break */
    size_t *vacuous; /* [budgets] clips of whose format no other file lies in the set */
    long hop;        /* frames from one window of a longer recording to the next */
    size_t longer;   /* such recordings */
} job;

enum { HOP };
static const cli_own own_options[] = {
    [HOP] = {
        "hop",
        "of recordings that are longer than the model's window: every N-th frame begins one; 1",
        "N"}};

static item *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- files ---- */

/* The JSON object of a broken clip, in a file beside it. */
static void write_beside(cli_job *j, size_t clip, const char *out, const char *text) {
    const char *dot = strrchr(out, '.'), *slash = strrchr(out, '/'), *last = "";
    const size_t stem = dot && dot > slash ? (size_t)(dot - out) : strlen(out);
    const size_t length = text ? strlen(text) : 0;
    char *path = malloc(stem + sizeof ".json"), *line = malloc(length + 1);
    sp_error err = {0};
    sp_status status = path && text && line ? SP_OK : sp_fail(&err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        memcpy(path, out, stem);
        memcpy(path + stem, ".json", sizeof ".json");
        memcpy(line, text, length);
        line[length] = '\n';
        status = sp_file_replace(&err, path, line, length + 1);
    }
    if (status != SP_OK) {
        cli_job_complain(j, clip, err.text, &last);
    }
    free(path);
    free(line);
}

/* ---- one clip ---- */

static void keep(cli_job *j, item *it, size_t budget) {
    char part[CLI_PART];
    cli_record_part(part, "attack", NULL, SP_FRONT_JOINT, j->options->budget_text[budget]);
    cli_record_keep(j, &it->record, part,
                    it->record.on ? sp_record_attack(&it->attack[budget]) : NULL);
}

typedef struct budget_task {
    cli_job *job;
    item *item;
    const sp_clip *clip;
    const char *file;
    long label;
    const cli_windows *windows;
} budget_task;

static sp_attack_options options_of(const cli_job *j, const item *it, const char *file,
                                    size_t budget) {
    sp_attack_options options = cli_attack_options(j->options, file);
    options.out = it->out[budget];
    return options;
}

static void attack_budget(void *context, size_t index) {
    const budget_task *task = context;
    const sp_attack_options options = options_of(task->job, task->item, task->file, index);
    if (task->item->known[index]) {
        return;
    }
    if (task->windows->count > 0) {
        cli_windows_attack(&task->item->attack[index], task->windows, &task->job->attacker,
                           &task->job->options->budget[index], &options);
        keep(task->job, task->item, index);
        return;
    }
    sp_attack_budget(NULL, &task->item->attack[index], &task->job->attacker, task->clip,
                     &task->job->options->budget[index], task->label, &options);
    keep(task->job, task->item, index);
}

/* An attack that has left a file stands only as long as the file does. */
static bool has_file(const cli_job *j, const item *it, const sp_attack *attack, size_t budget) {
    const bool broken = attack->verdict.kind == SP_VERDICT_BROKEN;
    return j->records.merged || !broken || !it->out[budget] ||
           (attack->file_path && access(attack->file_path, R_OK) == 0);
}

static bool recall(cli_job *j, size_t clip) {
    item *it = item_of(j, clip);
    size_t known = 0;
    cli_record_open(&it->record, j, clip);
    for (size_t b = 0; b < j->options->budgets; b++) {
        char part[CLI_PART];
        const sp_json *result = NULL;
        sp_attack *attack = &it->attack[b];
        cli_record_part(part, "attack", NULL, SP_FRONT_JOINT, j->options->budget_text[b]);
        sp_json *line = cli_record_find(&result, j, &it->record, part);
        if (line && sp_record_take_attack(attack, result)) {
            attack->verdict.names = cli_session_names(&j->session);
            it->known[b] =
                cli_record_settled(j, attack->verdict.kind) && has_file(j, it, attack, b);
            if (!it->known[b]) {
                sp_attack_clear(attack);
            } else if (!it->out[b] && !j->records.merged) {
                free(attack->file_path);
                attack->file_path = NULL;
            }
        }
        sp_json_destroy(line);
        known += it->known[b];
    }
    it->longer = it->record.longer;
    return known == j->options->budgets;
}

static void work(void *context, size_t index) {
    cli_job *j = context;
    const cli_clips *clips = &j->session.clips;
    item *it = item_of(j, index);
    sp_clip clip = {0};
    long label = -1;
    cli_windows windows = {0};
    if (cli_clips_read(&it->err, &clip, &label, clips, index, j->session.files.front) != SP_OK ||
        cli_windows_cut(&it->err, &windows, &j->session, &clip, label,
                        (size_t)((const job *)j)->hop) != SP_OK) {
        sp_clip_clear(&clip);
        for (size_t b = 0; b < j->options->budgets; b++) {
            sp_attack_clear(&it->attack[b]);
            sp_attack_init(&it->attack[b]);
            cli_verdict_fail(&it->attack[b].verdict, &it->err, label,
                             cli_session_names(&j->session));
            keep(j, it, b);
        }
        return;
    }
    it->resampled = clip.resampled;
    it->longer = it->record.longer = windows.count > 0;
    budget_task task = {j, it, &clip, clips->file[index], label, &windows};
    sp_pool_run(j->options->budgets, 0, attack_budget, &task);
    cli_windows_clear(&windows);
    sp_clip_clear(&clip);
}

/* ---- printing, in the order of the clips ---- */

/* How far each part of a suite came. */
static void print_suite(const sp_attack *attack) {
    for (size_t p = 0; p < SP_ATTACK_PART_COUNT && !isnan(attack->part[p]); p++) {
        printf("%s%s %.3f", p == 0 ? "    suite: " : ", ", sp_attack_part_name(p), attack->part[p]);
    }
    if (!isnan(attack->part[0])) {
        puts(sp_attack_is_masked(attack) ? "; broken at random alone: gradients are masked" : "");
    }
}

static void print_attack(cli_job *j, size_t clip, size_t budget) {
    const item *it = item_of(j, clip);
    const cli_clips *clips = &j->session.clips;
    const sp_attack *attack = &it->attack[budget];
    const sp_attack_options options = options_of(j, it, clips->file[clip], budget);
    char *json = sp_report_attack_json(clips->path[clip], attack, &options);
    if (attack->verdict.kind == SP_VERDICT_BROKEN && attack->file_path && !j->records.merged) {
        write_beside(j, clip, attack->file_path, json);
    }
    cli_job_put(
        j, json,
        sp_report_attack_row(clips->names.name[clip], clips->names.width, clips->sequences, attack),
        sp_report_attack_row(clips->names.name[clip], SP_TABLE_LATEX, clips->sequences, attack));
    if (j->options->json) {
        return;
    }
    print_suite(attack);
    const bool broken = attack->verdict.kind == SP_VERDICT_BROKEN;
    const bool told = broken && (!attack->file_own || attack->verdict.outputs > 0);
    if ((j->options->verbose || told) && attack->verdict.reason[0]) {
        printf("    why: %s; %zu gradients\n", attack->verdict.reason, attack->steps);
    }
}

static void emit(void *context, size_t index) {
    job *own = context;
    cli_job *j = &own->base;
    item *it = item_of(j, index);
    const char *last = "";
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_attack *attack = &it->attack[b];
        const sp_verdict *verdict = &attack->verdict;
        sp_tally_add(&own->tally[b], verdict);
        own->real[b] += attack->real_broken && verdict->kind != SP_VERDICT_BROKEN;
        own->vacuous[b] += sp_attack_is_vacuous(attack);
        print_attack(j, index, b);
        if (verdict->kind == SP_VERDICT_ERROR) {
            cli_job_complain(j, index, verdict->reason, &last);
        }
    }
    own->longer += it->longer;
    if (it->resampled && j->options->out) {
        cli_complain("%s: was resampled: breaking clips have the model's sample rate",
                     j->session.clips.path[index]);
    }
}

static void print_head(cli_job *j) {
    const sp_class_names *names = cli_session_names(&j->session);
    const bool sequences = j->session.clips.sequences;
    cli_job_head(j, sp_report_attack_head(j->session.clips.names.width, sequences, names),
                 sp_report_attack_head(SP_TABLE_LATEX, sequences, names));
}

static void print_summary(cli_job *j) {
    const job *own = (const job *)j;
    putchar('\n');
    for (size_t b = 0; b < j->options->budgets; b++) {
        const sp_tally *tally = &own->tally[b];
        printf("%s: broken %zu of %zu by a file", j->options->budget_text[b],
               tally->kind[SP_VERDICT_BROKEN], tally->total);
        if (own->vacuous[b] > 0) {
            printf(" (%zu of the %zu below half a step *)", own->vacuous[b], tally->total);
        }
        if (own->real[b] > 0) {
            printf(", %zu more by real-valued noise only", own->real[b]);
        }
        if (tally->kind[SP_VERDICT_MISCLASSIFIED] > 0) {
            printf(", %zu misclassified without noise", tally->kind[SP_VERDICT_MISCLASSIFIED]);
        }
        putchar('\n');
    }
    if (j->options->out) {
        printf("Breaking clips and what is known of them: %s/\n", j->options->out);
    }
    cli_windows_says(&j->session, own->longer, own->hop);
    cli_asks_says(&j->session);
    cli_norm_says(j->options);
    cli_job_seconds(j);
}

/* ---- the whole run ---- */

static int say_vacuous(cli_job *j) {
    size_t count = 0;
    for (size_t b = 0; b < j->options->budgets; b++) {
        count += ((const job *)j)->vacuous[b];
    }
    if (count > 0) {
        cli_complain("%zu attack%s (*) had less than half a step of the clip's format as budget: "
                     "no other file of the format is among that noise",
                     count, count == 1 ? "" : "s");
    }
    return -1;
}

static int prepare(cli_job *j) {
    job *own = (job *)j;
    const size_t budgets = j->options->budgets;
    own->tally = calloc(budgets, sizeof *own->tally);
    own->real = calloc(budgets, sizeof *own->real);
    own->vacuous = calloc(budgets, sizeof *own->vacuous);
    if (!own->tally || !own->real || !own->vacuous) {
        return cli_clips_out_of_memory(&j->session.clips);
    }
    const int code = cli_windows_hop_read(&own->hop, j->command, j->options->own[HOP]);
    return code >= 0 || j->records.merged ? code : cli_attacker_open(&j->attacker, &j->session);
}

static bool begin(cli_job *j, void *of, size_t clip) {
    const size_t budgets = j->options->budgets;
    item *it = of;
    it->attack = calloc(budgets, sizeof *it->attack);
    it->out = calloc(budgets, sizeof *it->out);
    it->known = calloc(budgets, sizeof *it->known);
    bool taken = it->attack && it->out && it->known;
    for (size_t b = 0; taken && j->options->out && b < budgets; b++) {
        it->out[b] = cli_job_path(j, clip, j->options->budget_text[b]);
        taken = it->out[b] != NULL;
    }
    return taken;
}

static void end(cli_job *j, void *of) {
    item *it = of;
    for (size_t b = 0; it->out && it->attack && b < j->options->budgets; b++) {
        sp_attack_clear(&it->attack[b]);
        free(it->out[b]);
    }
    free(it->out);
    free(it->attack);
    free(it->known);
}

static void clear(cli_job *j) {
    job *own = (job *)j;
    free(own->tally);
    free(own->real);
    free(own->vacuous);
}

static const cli_steps steps = {.item = sizeof(item),
                                .budget = true,
                                .prepare = prepare,
                                .head = print_head,
                                .begin = begin,
                                .recall = recall,
                                .work = work,
                                .emit = emit,
                                .end = end,
                                .finish = say_vacuous,
                                .summary = print_summary,
                                .clear = clear};

static int run(const cli_options *options) {
    job j = {.base = {.command = &cli_attack, .steps = &steps, .options = options}};
    return cli_job_run(&j.base);
}

int cli_attack_merge(cli_job *base) {
    job j = {.base = *base};
    j.base.steps = &steps;
    return cli_job_replay(&j.base);
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
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_LABEL | CLI_MANIFEST |
               CLI_AUDIO | CLI_OUT | CLI_EFFORT | CLI_TIMEOUT | CLI_THREADS | CLI_JSON |
               CLI_VERBOSE | CLI_FRAME,
    .sequences = true,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .corpus = true,
    .programs = true,
    .run = run,
};
