/* soundproof train: a network from labelled clips. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "cli/train/train_options.h"

static const cli_own own_options[] = {CLI_TRAIN_OPTIONS(CLI_TRAIN_OPTION)};
enum { FRONT_LIMIT = 1 << 20, CHECKPOINT = CLI_TRAIN_PATH };

typedef struct job {
    const cli_options *options;
    sp_recipe *recipe; /* [stages] owned */
    size_t stages, stage;
    char **about;     /* [stages] owned: descriptions of the stages that are over */
    sp_model init;    /* owned; of --init */
    char *front_text; /* owned */
    sp_front *front;
    sp_dataset data;
    sp_training *training;
    double start;
} job;

/* ---- what is said ---- */

static void say_data(const job *j) {
    const size_t *split = j->data.split;
    if (j->options->json) {
        return;
    }
    printf("%zu clips: %zu for training, %zu for validation%s, %zu for testing; SHA-256 %s\n",
           j->data.count, split[SP_SPLIT_TRAIN], split[SP_SPLIT_VALIDATION],
           j->data.drawn ? " (drawn)" : "", split[SP_SPLIT_TEST], j->data.digest);
}

/* What the noise asks of the front end, once; then the head of the table. */
static void say_stage(const job *j) {
    double has = NAN;
    const double floor = sp_training_floor(j->training, &has);
    if (j->options->json) {
        return;
    }
    if (j->stages > 1) {
        printf("stage %zu of %zu\n", j->stage + 1, j->stages);
    }
    if (!(floor >= has / 4.0 && floor <= 4.0 * has) && isfinite(floor)) {
        printf(
            "for this noise a floor of about {\"add\": %.1g} is proposed; the front end has %.1g\n",
            floor, has);
    }
    printf("epoch     loss  validation loss  accuracy  under noise   seconds\n");
}

static void say_epoch(const job *j, const sp_training_point *point) {
    const double seconds = sp_clock_wall() - j->start;
    if (j->options->json) {
        sp_json_line *line = sp_json_line_create();
        if (j->stages > 1) {
            sp_json_line_number(line, "stage", (double)j->stage + 1.0);
        }
        sp_json_line_number(line, "epoch", (double)point->number);
        sp_json_line_number(line, "loss", point->loss);
        sp_json_line_number(line, "validation_loss", point->check_loss);
        sp_json_line_number(line, "accuracy", point->accuracy);
        sp_json_line_number(line, "accuracy_under_noise", point->robust);
        sp_json_line_bool(line, "best", point->best);
        sp_json_line_number(line, "seconds", seconds);
        cli_print(sp_json_line_finish(line));
    } else {
        char robust[32] = "-";
        if (isfinite(point->robust)) {
            snprintf(robust, sizeof robust, "%.2f %%", 100.0 * point->robust);
        }
        printf("%5zu %8.4f %16.4f %7.2f %% %12s %9.1f%s\n", point->number, point->loss,
               point->check_loss, 100.0 * point->accuracy, robust, seconds,
               point->best ? "  best" : "");
    }
    fflush(stdout);
}

/* ---- the model file ---- */

static void note_recipe(sp_json_line *line, const sp_recipe *r) {
    static const char *const defences[] = {"none", "adversarial", "certified"};
    sp_json_line_number(line, "seed", (double)r->seed);
    sp_json_line_number(line, "most_epochs", (double)r->epochs);
    sp_json_line_number(line, "batch", (double)r->batch);
    sp_json_line_number(line, "rate", r->rate);
    sp_json_line_number(line, "decay", r->decay);
    sp_json_line_number(line, "clip", r->clip);
    sp_json_line_number(line, "average", r->average);
    sp_json_line_number(line, "gain_db", r->gain_db);
    sp_json_line_number(line, "noise_db", r->noise_db);
    sp_json_line_number(line, "noise_span_db", r->noise_span_db);
    sp_json_line_number(line, "shift", (double)r->shift);
    sp_json_line_text(line, "defence", defences[r->defence]);
    if (r->defence != SP_DEFENCE_NONE) {
        sp_json_line_number(line, "budget_db", r->budget_db);
        sp_json_line_number(line, "attack_steps", (double)r->attack_steps);
        sp_json_line_number(line, "weight", r->weight);
        sp_json_line_number(line, "warm", (double)r->warm);
        sp_json_line_number(line, "ramp", (double)r->ramp);
    }
    if (r->defence == SP_DEFENCE_CERTIFIED) {
        sp_json_line_number(line, "box", r->box);
        sp_json_line_number(line, "box_weight", r->box_weight);
        if (r->box_ramp > 0) {
            sp_json_line_number(line, "box_ramp", (double)r->box_ramp);
        }
        if (r->certifier != SP_CERTIFIER_INTERVAL) {
            sp_json_line_text(line, "certify_with", cli_train_certifier[r->certifier]);
        }
    }
}

/* The description of the training for the file's metadata. */
static char *describe(const job *j, const double accuracy[4]) {
    size_t epochs = 0;
    const sp_training_point *best = sp_training_best(j->training);
    sp_json_line *line = sp_json_line_create();
    (void)sp_training_curve(j->training, &epochs);
    sp_json_line_text(line, "data_sha256", j->data.digest);
    sp_json_line_number(line, "training_clips", (double)j->data.split[SP_SPLIT_TRAIN]);
    sp_json_line_number(line, "validation_clips", (double)j->data.split[SP_SPLIT_VALIDATION]);
    sp_json_line_number(line, "test_clips", (double)j->data.split[SP_SPLIT_TEST]);
    sp_json_line_number(line, "training_accuracy", accuracy[SP_SPLIT_TRAIN]);
    sp_json_line_number(line, "validation_accuracy", accuracy[SP_SPLIT_VALIDATION]);
    sp_json_line_number(line, "test_accuracy", accuracy[SP_SPLIT_TEST]);
    sp_json_line_number(line, "epochs", (double)epochs);
    sp_json_line_number(line, "best_epoch", (double)best->number);
    note_recipe(line, &j->recipe[j->stage]);
    return sp_json_line_finish(line);
}

static sp_status measure(sp_error *err, const job *j, const sp_net *net, double accuracy[4]) {
    for (int split = SP_SPLIT_TRAIN; split <= SP_SPLIT_TEST; split++) {
        SP_TRY(
            sp_dataset_accuracy(err, &accuracy[split], &j->data, (sp_split)split, net, j->front));
    }
    return SP_OK;
}

static void say_result(const job *j, const char *out, const char *about, const double accuracy[4]) {
    const sp_training_point *best = sp_training_best(j->training);
    if (j->options->json) {
        puts(about);
        return;
    }
    printf("\n%s: epoch %zu, accuracy %.2f %% on training, %.2f %% on validation", out,
           best->number, 100.0 * accuracy[SP_SPLIT_TRAIN], 100.0 * accuracy[SP_SPLIT_VALIDATION]);
    if (isfinite(accuracy[SP_SPLIT_TEST])) {
        printf(", %.2f %% on test clips", 100.0 * accuracy[SP_SPLIT_TEST]);
    }
    printf(" without noise.\n%.1f s on %d thread%s.\n", sp_clock_wall() - j->start,
           sp_pool_threads(), sp_pool_threads() == 1 ? "" : "s");
}

/* The net of the stage and its description, which the caller frees. */
static sp_status finish_stage(sp_error *err, const job *j, sp_net *net, char **about,
                              double accuracy[4]) {
    SP_TRY(sp_training_net(err, j->training, net));
    sp_status status = measure(err, j, net, accuracy);
    *about = status == SP_OK ? describe(j, accuracy) : NULL;
    if (status == SP_OK && !*about) {
        status = sp_fail(err, SP_E_MEMORY, "no memory for the description of the training");
    }
    if (status != SP_OK) {
        sp_net_clear(net);
    }
    return status;
}

/* The description of the last stage is "soundproof.training", those before it have their numbers
 * behind that. */
static sp_status write_file(sp_error *err, const job *j, const sp_net *net, const char *out) {
    sp_model_note *note = calloc(j->stages + 1, sizeof *note);
    char(*key)[48] = calloc(j->stages, sizeof *key);
    sp_status status = SP_E_MEMORY;
    sp_net one = {0};
    if (j->options->own[CLI_TRAIN_logits]) {
        status = cli_train_join_logits(err, &one, net);
        net = &one;
    }
    if (note && key && (status == SP_OK || net != &one)) {
        size_t notes = 0;
        if (j->front_text) {
            note[notes++] = (sp_model_note){"soundproof.front", j->front_text};
        }
        note[notes++] = (sp_model_note){"soundproof.training", j->about[j->stage]};
        for (size_t k = 0; k < j->stage; k++) {
            snprintf(key[k], sizeof key[k], "soundproof.training.%zu", k + 1);
            note[notes++] = (sp_model_note){key[k], j->about[k]};
        }
        status = sp_model_write(err, out, net, note, notes);
    } else if (net != &one) {
        sp_fail(err, status, "no memory for the description of the training");
    }
    sp_net_clear(&one);
    free(note);
    free(key);
    return status;
}

/* ---- the run ---- */

/* The clips of all manifests that --data names. */
static sp_status open_data(sp_error *err, job *j) {
    const cli_options *options = j->options;
    const sp_clip_options clips = {
        .channel = options->channel, .downmix = options->downmix, .resample = options->resample};
    char *list = strdup(options->own[CLI_TRAIN_data]);
    const char **path = calloc(list ? strlen(list) + 1 : 1, sizeof *path);
    size_t count = 0;
    for (char *at = list; at && path; count++) {
        char *comma = strchr(at, ',');
        path[count] = at;
        at = comma ? comma + 1 : NULL;
        if (comma) {
            *comma = '\0';
        }
    }
    const sp_status status =
        list && path ? sp_dataset_read(err, &j->data, path, count, j->front, &clips)
                     : sp_fail(err, SP_E_MEMORY, "no memory for the names of the manifests");
    free(path);
    free(list);
    return status;
}

/* The width of the first clip of the manifests, if that is a sequence; else 0. */
static sp_status width_of_data(sp_error *err, size_t *width, const cli_options *options) {
    char *first = strdup(options->own[CLI_TRAIN_data]);
    sp_manifest manifest = {0};
    size_t count = 0;
    *width = 0;
    if (!first) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the names of the manifests");
    }
    first[strcspn(first, ",")] = '\0';
    sp_status status = sp_manifest_read(err, &manifest, first);
    if (status == SP_OK && sp_clip_sequence_named(manifest.entry[0].given)) {
        status = sp_clip_sequence_look(err, &count, width, manifest.entry[0].resolved);
    }
    sp_manifest_clear(&manifest);
    free(first);
    return status;
}

/* What has no meaning for numbers is not done, and must not have been asked for. */
static sp_status plain_recipes(sp_error *err, job *j) {
    static const int loudness[] = {CLI_TRAIN_gain, CLI_TRAIN_noise, CLI_TRAIN_noise_span,
                                   CLI_TRAIN_shift};
    for (size_t i = 0; i < sizeof loudness / sizeof loudness[0]; i++) {
        if (j->options->own[loudness[i]]) {
            return sp_fail(err, SP_E_ARGUMENT, "--%s is about recordings, the data are sequences",
                           own_options[loudness[i]].name);
        }
    }
    for (size_t k = 0; k < j->stages; k++) {
        j->recipe[k].gain_db = j->recipe[k].noise_span_db = 0.0;
        j->recipe[k].noise_db = NAN;
        j->recipe[k].shift = 0;
    }
    return SP_OK;
}

/* That of --front, or none for sequences. */
static sp_status open_front(sp_error *err, job *j) {
    const cli_options *options = j->options;
    size_t size = 0, width = 0;
    SP_TRY(width_of_data(err, &width, options));
    if (width > 0) {
        SP_TRY(plain_recipes(err, j));
        return options->front ? sp_fail(err, SP_E_ARGUMENT,
                                        "--front does not go with sequences of numbers: the model "
                                        "reads them as they are")
                              : sp_front_sequence(err, &j->front, width);
    }
    SP_TRY(sp_file_read(err, &j->front_text, &size, options->front, FRONT_LIMIT));
    return sp_front_parse(err, &j->front, j->front_text, size, options->front);
}

static sp_status open_all(sp_error *err, job *j) {
    const cli_options *options = j->options;
    SP_TRY(open_front(err, j));
    SP_TRY(open_data(err, j));
    if (options->own[CLI_TRAIN_logits] && j->data.classes != 2) {
        return sp_fail(err, SP_E_MISMATCH,
                       "--logits 1 is for labels 0 and 1, those of the clips are 0 to %zu",
                       j->data.classes - 1);
    }
    return options->own[CLI_TRAIN_init] ? sp_model_read(err, &j->init, options->own[CLI_TRAIN_init])
                                        : SP_OK;
}

/* The training of the stage: from `begin`, the net of the stage before (taken over), or from a file
 * or an architecture (no nodes). */
static sp_status open_stage(sp_error *err, job *j, sp_net *begin) {
    const sp_recipe *recipe = &j->recipe[j->stage];
    const sp_net *from = begin->nodes > 0 ? begin : j->init.net.nodes > 0 ? &j->init.net : NULL;
    sp_net net;
    if (from) {
        SP_TRY(sp_net_copy(err, &net, from));
    } else {
        SP_TRY(sp_arch_read(err, &net, j->options->own[CLI_TRAIN_arch],
                            sp_front_layout_of(j->front)->features, recipe->seed));
    }
    sp_training_destroy(j->training);
    SP_TRY(sp_training_create(err, &j->training, &net, j->front, &j->data, recipe));
    return from ? sp_training_begin(err, j->training, from) : SP_OK;
}

/* FILE, or FILE.1, FILE.2, ... of several stages; "" for none. */
static void checkpoint_of(char *path, size_t size, const job *j) {
    const char *name = j->options->own[CLI_TRAIN_checkpoint];
    if (name && j->stages > 1) {
        snprintf(path, size, "%s.%zu", name, j->stage + 1);
    } else {
        snprintf(path, size, "%s", name ? name : "");
    }
}

/* Takes up the checkpoint if there is one. */
static sp_status resume(sp_error *err, job *j, const char *checkpoint) {
    size_t epochs = 0;
    if (*checkpoint == '\0' || access(checkpoint, F_OK) != 0) {
        return SP_OK;
    }
    SP_TRY(sp_training_resume(err, j->training, checkpoint));
    (void)sp_training_curve(j->training, &epochs);
    if (!j->options->json) {
        printf("%s: goes on behind epoch %zu\n", checkpoint, epochs);
    }
    return SP_OK;
}

/* Before hours are spent: what is written at the end, and after every epoch. */
static sp_status check_places(sp_error *err, const cli_options *options) {
    const char *const place[] = {options->own[CLI_TRAIN_out], options->own[CLI_TRAIN_checkpoint]};
    for (size_t i = 0; i < sizeof place / sizeof place[0]; i++) {
        if (place[i]) {
            SP_TRY(cli_path_check(err, place[i]));
        }
    }
    return SP_OK;
}

/* Epochs until the training is over, or time is: *cut, with the best epoch so far, if there is one.
 */
static sp_status run_epochs(sp_error *err, job *j, const char *checkpoint, bool *cut) {
    *cut = false;
    while (!sp_training_done(j->training)) {
        size_t epochs = 0;
        const sp_status status = sp_training_epoch(err, j->training);
        *cut = status == SP_E_TIMEOUT && sp_training_best(j->training) != NULL;
        if (*cut) {
            return SP_OK;
        }
        SP_TRY(status);
        const sp_training_point *curve = sp_training_curve(j->training, &epochs);
        if (*checkpoint != '\0') {
            SP_TRY(sp_training_save(err, j->training, checkpoint));
        }
        say_epoch(j, &curve[epochs - 1]);
    }
    return SP_OK;
}

/* One stage; *net begins it, and ends it. */
static sp_status run_stage(sp_error *err, job *j, sp_net *net, bool *cut) {
    double accuracy[4] = {NAN, NAN, NAN, NAN};
    char checkpoint[CHECKPOINT];
    checkpoint_of(checkpoint, sizeof checkpoint, j);
    SP_TRY(open_stage(err, j, net));
    SP_TRY(resume(err, j, checkpoint));
    say_stage(j);
    if (j->options->timeout > 0.0) {
        sp_training_until(j->training, j->start + j->options->timeout);
    }
    SP_TRY(run_epochs(err, j, checkpoint, cut));
    sp_net_clear(net);
    SP_TRY(finish_stage(err, j, net, &j->about[j->stage], accuracy));
    const char *out = j->options->own[CLI_TRAIN_out];
    if (*cut || j->stage + 1 == j->stages) {
        SP_TRY(write_file(err, j, net, out));
        say_result(j, out, j->about[j->stage], accuracy);
    }
    return SP_OK;
}

static sp_status train(sp_error *err, job *j) {
    bool cut = false;
    sp_net net = {0};
    sp_status status = SP_OK;
    SP_TRY(check_places(err, j->options));
    SP_TRY(open_all(err, j));
    say_data(j);
    cli_interrupt_watch();
    for (; j->stage < j->stages && status == SP_OK && !cut; j->stage += !cut) {
        status = run_stage(err, j, &net, &cut);
    }
    sp_net_clear(&net);
    if (status == SP_OK && cut) {
        cli_complain("%s: the best epoch so far is written",
                     cli_interrupt_code() >= 0 ? "interrupted" : "time limit reached");
    }
    return status;
}

static int check_usage(const cli_options *options) {
    size_t width = 0;
    if (options->arguments > 0) {
        return cli_usage(&cli_train, "'%s': clips are named in the manifest of --data",
                         options->argument[0]);
    }
    if (!options->own[CLI_TRAIN_arch] == !options->own[CLI_TRAIN_init]) {
        return cli_usage(&cli_train,
                         options->own[CLI_TRAIN_arch]
                             ? "--arch and --init exclude each other: a model has its layers"
                             : "--arch is missing: which layers?");
    }
    if (!options->own[CLI_TRAIN_data]) {
        return cli_usage(&cli_train, "--data is missing: which manifests of clips?");
    }
    if (options->own[CLI_TRAIN_logits] && strcmp(options->own[CLI_TRAIN_logits], "1") != 0) {
        return cli_usage(&cli_train,
                         "--logits needs 1, not '%s': without it there is one for each label",
                         options->own[CLI_TRAIN_logits]);
    }
    if (!options->own[CLI_TRAIN_out]) {
        return cli_usage(&cli_train, "--out is missing: where does the model go?");
    }
    if (!options->front && width_of_data(NULL, &width, options) == SP_OK && width == 0) {
        return cli_usage(&cli_train, "--front is missing: which front end?");
    }
    return -1;
}

static int run(const cli_options *options) {
    job j = {.options = options, .start = sp_clock_wall()};
    sp_error err = {0};
    int code = cli_train_plant(options);
    code = code < 0 ? check_usage(options) : code;
    if (code < 0) {
        code = cli_train_stages_read(&j.recipe, &j.stages, options);
    }
    if (code >= 0) {
        free(j.recipe);
        return code;
    }
    code = CLI_OK;
    j.about = calloc(j.stages, sizeof *j.about);
    if (!j.about) {
        cli_complain("no memory for %zu stages", j.stages);
        code = CLI_INPUT;
    } else if (train(&err, &j) != SP_OK) {
        cli_complain("%s", err.text);
        code = CLI_INPUT;
    }
    code = cli_interrupt_code() >= 0 ? cli_interrupt_code() : code;
    for (size_t k = 0; j.about && k < j.stages; k++) {
        free(j.about[k]);
    }
    free(j.about);
    free(j.recipe);
    sp_model_clear(&j.init);
    sp_training_destroy(j.training);
    sp_dataset_clear(&j.data);
    sp_front_destroy(j.front);
    free(j.front_text);
    return code;
}

const cli_command cli_train = {
    .name = "train",
    .arguments = "[OPTION...]",
    .summary = "train a network, against noise if need be, and write it as ONNX",
    .examples = "  soundproof train --front F.json --arch A.json --data clips.tsv --out M.onnx\n"
                "  soundproof train --arch A.json --data images.tsv --certify 0.02 --out M.onnx\n"
                "  soundproof train --front F.json --arch A.json --data clips.tsv --certify -60dB "
                "--checkpoint M.part --out M.onnx\n"
                "  soundproof train --plant 5 --shape 4x5 --arch A.json,B.json --out DIR\n"
                "  soundproof train --front F.json --init M.onnx --data clips.tsv --certify -50dB "
                "--out N.onnx\n",
    .accepts = CLI_FRONT | CLI_AUDIO | CLI_TIMEOUT | CLI_THREADS | CLI_JSON,
    .own = own_options,
    .owned = sizeof own_options / sizeof own_options[0],
    .run = run,
};
