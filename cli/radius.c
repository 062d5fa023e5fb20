/* soundproof radius: the largest certified and the smallest broken budget of every clip. */
#include "cli/job/certificates.h"
#include "cli/job/corpus_page.h"
#include "cli/job/job.h"
#include "cli/job/windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

enum { STARTS = 3 }; /* of the attacks; they start from each other's noise */

/* One clip with a search for the whole of it, or one for every place of the noise. */
typedef struct item {
    cli_record record;
    sp_error err;      /* of reading the clip or its label */
    sp_radius *radius; /* [count] owned */
    size_t count;
    bool longer;       /* than the model's window: the search of the weakest one */
    sp_error unproved; /* why a certificate could not be written */
} item;

enum { PROOF, HOP };
static const cli_own own_options[] = {
    [PROOF] = {"proof",
               "write a certificate of every certified radius, DIR/CLIP_radius.proof "
               "(docs/certificate.md)",
               "DIR"},
    [HOP] = {
        "hop",
        "of recordings that are longer than the model's window: every N-th frame begins one; 1",
        "N"}};

typedef struct job {
    cli_job base;
    double *certified; /* [clips] those known */
    size_t certified_count, verdicts, vacuous;
    long hop;        /* frames from one window of a longer recording to the next */
    size_t longer;   /* such recordings */
    cli_proof proof; /* owned; with --proof */
    cli_page page;
} job;

static item *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

static bool wants_moments(const cli_options *options) {
    return options->frame != CLI_NO_FRAME || options->burst > 0;
}

/* ---- one clip ---- */

typedef struct moment_task {
    const cli_job *job;
    item *item;
    const sp_clip *clip;
    const char *file;
    long label;
    size_t first; /* place of the first search */
    const cli_windows *windows;
} moment_task;

static sp_radius_options options_of(const moment_task *task) {
    const cli_options *options = task->job->options;
    sp_radius_options wanted = {.tolerance = options->tolerance,
                                .set = options->set,
                                .within = options->within,
                                .least = options->least,
                                .most = options->most,
                                .profile = options->profile,
                                .deployed = options->deployed,
                                .timeout = options->timeout,
                                .attack = cli_attack_options(options, task->file)};
    wanted.attack.starts = options->starts ? (size_t)options->starts : STARTS;
    return wanted;
}

static void search_window(void *context, size_t index) {
    const moment_task *task = context;
    sp_radius_options wanted = options_of(task);
    wanted.profile = task->windows->profile ? &task->windows->profile[index] : NULL;
    (void)sp_radius_find(NULL, &task->item->radius[index], &task->job->attacker,
                         &task->windows->part[index], task->windows->label, &wanted);
}

/* What is certified of all windows, and what breaks one of them. */
static void keep_weakest(item *it, const cli_windows *w) {
    const size_t weakest = sp_radius_weakest(it->radius, it->count);
    const sp_radius kept = it->radius[weakest];
    double broken = INFINITY, file = INFINITY, seconds = 0.0;
    for (size_t i = 0; i < it->count; i++) {
        const sp_radius *r = &it->radius[i];
        broken = fmin(broken, isnan(r->broken_db) ? INFINITY : r->broken_db);
        file = fmin(file, isnan(r->broken_file_db) ? INFINITY : r->broken_file_db);
        seconds += r->verdict.seconds;
    }
    it->radius[weakest] = it->radius[0];
    it->radius[0] = kept;
    for (size_t i = 1; i < it->count; i++) {
        sp_radius_clear(&it->radius[i]);
    }
    it->count = 1;
    it->radius->broken_db = isfinite(broken) ? broken : NAN;
    it->radius->broken_file_db = isfinite(file) ? file : NAN;
    it->radius->verdict.seconds = seconds;
    cli_windows_name(&it->radius->verdict, w, weakest);
}

static void search_moment(void *context, size_t index) {
    const moment_task *task = context;
    const cli_options *options = task->job->options;
    sp_radius_options wanted = options_of(task);
    if (wants_moments(options)) {
        wanted.first = task->first + index;
        wanted.frames = options->burst ? (size_t)options->burst : 1;
    }
    (void)sp_radius_find(NULL, &task->item->radius[index], &task->job->attacker, task->clip,
                         task->label, &wanted);
}

/* The certified radius once more, with its certificate. */
static void prove_radius(item *it, const job *own, size_t index, const sp_clip *clip, long label) {
    const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK,
                              .value = it->radius->certified_db,
                              .set = own->base.options->set};
    sp_verdict verdict = {0};
    cli_proof_one one = {.proof = &own->proof,
                         .index = index,
                         .clip = clip,
                         .budget = &budget,
                         .budget_text = "radius",
                         .verdict = &verdict,
                         .proved = true};
    if (isfinite(budget.value)) {
        cli_proof_begin(&one);
        (void)sp_certify_kept(NULL, &verdict, &own->base.session.pipeline, clip, &budget, label,
                              own->base.options->timeout, &one.keep); // the verdict tells
        it->unproved.code = cli_proof_end(&it->unproved, &one);
        sp_verdict_clear(&verdict);
    }
}

/* How many places there are for the noise. */
static size_t count_moments(const cli_job *j, size_t samples) {
    const cli_options *options = j->options;
    const size_t frames = sp_front_frames(j->session.files.front, samples);
    const size_t burst = options->burst ? (size_t)options->burst : 1;
    if (!wants_moments(options) || options->frame >= 0 || frames < burst) {
        return 1; // with too few frames the search says so
    }
    return frames - burst + 1;
}

/* ---- the journal: all searches of a clip are one result ---- */

static void part_of(const cli_job *j, char part[CLI_PART]) {
    cli_record_part(part, "radius", j->options->method, j->options->front_rule, NULL);
}

static void keep(cli_job *j, item *it) {
    char part[CLI_PART], key[32];
    if (!it->record.on || it->count == 0) {
        return;
    }
    part_of(j, part);
    sp_json_line *line = sp_json_line_create();
    sp_json_line_number(line, "searches", (double)it->count);
    for (size_t i = 0; i < it->count; i++) {
        char *object = sp_record_radius(&it->radius[i]);
        snprintf(key, sizeof key, "%zu", i);
        sp_json_line_raw(line, key, object);
        free(object);
    }
    cli_record_keep(j, &it->record, part, sp_json_line_finish(line));
}

static bool take(cli_job *j, item *it, const sp_json *result) {
    double count = 0.0;
    char key[32];
    if (sp_json_number(NULL, &count, result, "searches") != SP_OK ||
        !(count >= 1.0 && count < 1e7)) {
        return false;
    }
    it->radius = calloc((size_t)count, sizeof *it->radius);
    bool whole = it->radius != NULL;
    for (size_t i = 0; whole && i < (size_t)count; i++) {
        snprintf(key, sizeof key, "%zu", i);
        whole = sp_record_take_radius(&it->radius[i], sp_json_get(result, key));
        it->count += whole;
        it->radius[i].verdict.names = cli_session_names(&j->session);
        whole = whole && cli_record_settled(j, it->radius[i].verdict.kind);
    }
    return whole;
}

static void drop(item *it) {
    for (size_t k = 0; k < it->count; k++) {
        sp_radius_clear(&it->radius[k]);
    }
    free(it->radius);
    it->radius = NULL;
    it->count = 0;
}

static bool recall(cli_job *j, size_t clip) {
    item *it = item_of(j, clip);
    char part[CLI_PART];
    const sp_json *result = NULL;
    part_of(j, part);
    cli_record_open(&it->record, j, clip);
    sp_json *line = cli_record_find(&result, j, &it->record, part);
    const bool whole = line && take(j, it, result);
    sp_json_destroy(line);
    it->longer = it->record.longer;
    if (!whole) {
        drop(it);
    }
    return whole;
}

static void work(void *context, size_t index) {
    cli_job *j = context;
    const cli_clips *clips = &j->session.clips;
    const long frame = j->options->frame;
    item *it = item_of(j, index);
    sp_clip clip = {0};
    long label = -1;
    cli_windows windows = {0};
    const bool read =
        cli_clips_read(&it->err, &clip, &label, clips, index, j->session.files.front) == SP_OK &&
        cli_windows_cut(&it->err, &windows, &j->session, &clip, label,
                        (size_t)((const job *)j)->hop) == SP_OK;
    it->longer = it->record.longer = windows.count > 0;
    it->count = !read ? 1 : it->longer ? windows.count : count_moments(j, clip.n);
    it->radius = calloc(it->count, sizeof *it->radius);
    it->count = it->radius ? it->count : 0;
    if (read) {
        moment_task task = {
            j, it, &clip, clips->file[index], label, frame > 0 ? (size_t)frame : 0, &windows};
        sp_pool_run(it->count, 0, it->longer ? search_window : search_moment, &task);
        if (it->longer && it->count > 0) {
            keep_weakest(it, &windows);
        } else if (it->count > 0 && j->options->own[PROOF]) {
            prove_radius(it, (const job *)j, index, &clip, label);
        }
    } else if (it->radius) {
        sp_radius_init(it->radius);
        cli_verdict_fail(&it->radius->verdict, &it->err, label, cli_session_names(&j->session));
    }
    cli_windows_clear(&windows);
    sp_clip_clear(&clip);
    keep(j, it);
}

/* ---- printing, in the order of the clips ---- */

static void print_search(cli_job *j, size_t clip, const sp_radius *radius, bool weakest) {
    const cli_clips *clips = &j->session.clips;
    const bool moments = wants_moments(j->options);
    cli_job_put(j, sp_report_radius_json(clips->path[clip], &j->session.pipeline, radius, weakest),
                sp_report_radius_row(clips->names.name[clip], clips->names.width, clips->sequences,
                                     radius, moments),
                sp_report_radius_row(clips->names.name[clip], SP_TABLE_LATEX, clips->sequences,
                                     radius, moments));
    if (!j->options->json) {
        cli_asks_print(&radius->verdict);
    }
    if (j->options->verbose && !j->options->json) {
        cli_print(sp_report_radius_details(radius));
    }
}

static void complain_errors(cli_job *j, size_t clip, const item *it) {
    const char *last = "";
    for (size_t i = 0; i < it->count; i++) {
        if (it->radius[i].verdict.kind == SP_VERDICT_ERROR) {
            cli_job_complain(j, clip, it->radius[i].verdict.reason, &last);
        }
    }
    if (it->count == 0) {
        cli_job_complain(j, clip, "out of memory", &last);
    }
}

static void emit(void *context, size_t index) {
    job *own = context;
    cli_job *j = &own->base;
    item *it = item_of(j, index);
    const size_t weakest = it->count ? sp_radius_weakest(it->radius, it->count) : 0;
    for (size_t i = 0; i < it->count; i++) {
        print_search(j, index, &it->radius[i], i == weakest);
        j->vacuous += sp_verdict_is_vacuous(&it->radius[i].verdict);
    }
    if (it->count > 1 && !j->options->json) {
        cli_print(sp_report_radius_moment(&j->session.pipeline, &it->radius[weakest]));
    }
    own->longer += it->longer;
    fflush(stdout);
    complain_errors(j, index, it);
    if (it->unproved.text[0]) {
        cli_complain_about(j->session.clips.path[index], it->unproved.text);
        j->failed = true;
    }
    if (it->count) {
        const sp_radius *radius = &it->radius[weakest];
        cli_page_radius(&own->page, j->session.clips.names.name[index],
                        j->session.clips.sequences ? NULL : j->session.clips.file[index], NULL,
                        radius);
        own->verdicts += radius->verdict.kind != SP_VERDICT_ERROR;
        own->vacuous += sp_verdict_is_vacuous(&radius->verdict);
        if (isfinite(radius->certified_db)) {
            own->certified[own->certified_count++] = radius->certified_db;
        }
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_head(cli_job *j) {
    const sp_class_names *names = cli_session_names(&j->session);
    const bool moments = wants_moments(j->options);
    const bool sequences = j->session.clips.sequences;
    cli_job_head(j, sp_report_radius_head(j->session.clips.names.width, sequences, moments, names),
                 sp_report_radius_head(SP_TABLE_LATEX, sequences, moments, names));
}

/* In dB, or how far numbers move. */
static void print_budget(double db, bool numbers) {
    if (numbers) {
        printf("%.5g", pow(10.0, db / 20.0));
    } else {
        printf("%.2f dB", db);
    }
}

static void print_summary(cli_job *j) {
    job *own = (job *)j;
    const size_t count = own->certified_count;
    printf("\nA certified budget was found for %zu of %zu clip%s", count, own->verdicts,
           own->verdicts == 1 ? "" : "s");
    if (own->vacuous > 0) {
        printf(", for %zu of them below half a step *", own->vacuous);
    }
    const bool numbers = j->session.clips.sequences;
    if (count > 0) {
        qsort(own->certified, count, sizeof *own->certified, by_size);
        printf(": ");
        print_budget(own->certified[0], numbers);
    }
    if (count > 1) {
        printf(" to ");
        print_budget(own->certified[count - 1], numbers);
        printf(", median ");
        print_budget(0.5 * (own->certified[(count - 1) / 2] + own->certified[count / 2]), numbers);
    }
    if (numbers) {
        printf(".\nEps is how far %s, in steps of %g dB (factors of %.3g). Certified: proved. "
               "Broken: "
               "noise that\nchanges the answer was found; file: also as a file.\n",
               j->options->set->box ? "every number may move" : "all numbers together may move",
               j->options->tolerance, pow(10.0, j->options->tolerance / 20.0));
    } else {
        printf(".\nBudgets are relative to the clip's %s and multiples of %g dB. Certified: "
               "proved. "
               "Broken: real-valued\nnoise that changes the answer was found; file: also as a "
               "file "
               "in the clip's sample format.\n",
               j->options->set->of_energy ? "energy" : "peak", j->options->tolerance);
    }
    cli_windows_says(&j->session, own->longer, own->hop);
    cli_asks_says(&j->session);
    cli_norm_says(j->options);
    printf("Method %s, ", j->session.pipeline.method->name);
    cli_job_seconds(j);
}

/* ---- the whole run ---- */

static int prepare(cli_job *j) {
    job *own = (job *)j;
    const int code = cli_windows_hop_read(&own->hop, j->command, j->options->own[HOP]);
    if (code >= 0) {
        return code;
    }
    if (j->options->own[PROOF] && j->options->journal) {
        return cli_usage(j->command, "--proof writes certificates while bounds are there, and "
                                     "--journal leaves out what is done: give one of them");
    }
    if (j->options->own[PROOF] && (j->options->own[HOP] || j->options->burst > 0)) {
        return cli_usage(j->command, "--proof is of clips as they are, with noise in all samples: "
                                     "not with --hop and --burst");
    }
    if (j->options->own[PROOF] && (j->options->arithmetic != SP_ARITHMETIC_REAL ||
                                   j->options->deployed != SP_BUDGET_AS_REAL)) {
        return cli_usage(j->command, "--proof speaks of real-valued noise and real numbers, not of "
                                     "--arithmetic float32 and --deployed");
    }
    const int proves =
        j->options->own[PROOF] ? cli_proof_open(&own->proof, j, j->options->own[PROOF]) : -1;
    if (proves >= 0) {
        return proves;
    }
    own->certified = calloc(j->session.clips.count, sizeof *own->certified);
    if (!own->certified) {
        return cli_clips_out_of_memory(&j->session.clips);
    }
    const int opened = j->records.merged ? -1 : cli_attacker_open(&j->attacker, &j->session);
    cli_page_radius_begin(&own->page);
    return opened < 0 ? cli_page_open(&own->page, j->options->html) : opened;
}

static int write_page(cli_job *j) {
    job *own = (job *)j;
    cli_page_radius_end(&own->page, j->options, &j->session.pipeline, j->session.clips.given);
    if (cli_page_close(&own->page) >= 0) {
        j->failed = true;
    }
    return -1;
}

static void end(cli_job *j, void *of) {
    (void)j;
    drop(of);
}

static void clear(cli_job *j) {
    free(((job *)j)->certified);
    cli_proof_close(&((job *)j)->proof);
    cli_page_drop(&((job *)j)->page);
}

static cli_steps steps_of(const cli_options *options) {
    return (cli_steps){.item = sizeof(item),
                       .partial = !wants_moments(options),
                       .prepare = prepare,
                       .head = print_head,
                       .recall = recall,
                       .work = work,
                       .emit = emit,
                       .end = end,
                       .finish = write_page,
                       .summary = print_summary,
                       .clear = clear};
}

static int run(const cli_options *options) {
    const cli_steps steps = steps_of(options);
    job j = {.base = {.command = &cli_radius, .steps = &steps, .options = options}};
    return cli_job_run(&j.base);
}

int cli_radius_merge(cli_job *base) {
    const cli_steps steps = steps_of(base->options);
    job j = {.base = *base};
    j.base.steps = &steps;
    return cli_job_replay(&j.base);
}

const cli_command cli_radius = {
    .name = "radius",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "find the loudest certified and the quietest breaking noise of every clip",
    .examples =
        "  soundproof radius --model M.onnx --front F.json 8_theo_3.wav\n"
        "  soundproof radius --model M.onnx --front F.json --method opt --tol 0.25 -v *.wav\n"
        "  soundproof radius --model M.onnx --front F.json --norm 2 8_theo_3.wav\n"
        "  soundproof radius --model M.onnx --front F.json --frame all 8_theo_3.wav\n"
        "  soundproof radius --model M.onnx --front F.json --burst 3 --json 8_theo_3.wav\n"
        "  soundproof radius --model M.onnx --method exact --proof proofs 8_theo_3.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_NORM | CLI_METHOD | CLI_FRONT_RELAX | CLI_LABEL |
               CLI_MANIFEST | CLI_AUDIO | CLI_TOL | CLI_FRAME | CLI_BURST | CLI_EFFORT |
               CLI_TIMEOUT | CLI_DEVICE | CLI_PRECISION | CLI_THREADS | CLI_JSON | CLI_VERBOSE,
    .sequences = true,
    .each_place = true,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .apart = 1 << PROOF,
    .corpus = true,
    .programs = true,
    .deployed = true,
    .page = true,
    .run = run,
};
