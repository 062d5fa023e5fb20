/* The clips that a command works on, and their right answers. */
#include "cli/impl.h"

#include <stdlib.h>
#include <string.h>

int cli_clips_check(const cli_command *command, const cli_options *options) {
    if (options->label >= 0 && options->manifest) {
        return cli_usage(command, "--label and --manifest exclude each other");
    }
    if (options->split != SP_SPLIT_NONE && (!options->manifest || options->arguments > 0)) {
        return cli_usage(command, "--split chooses clips of a --manifest: %s",
                         options->manifest ? "name no others" : "none is given");
    }
    if (options->arguments == 0 && !options->manifest) {
        return cli_usage(command, "no clips: name at least one audio file%s",
                         command->accepts & CLI_MANIFEST ? ", or a --manifest" : "");
    }
    return -1;
}

/* The clips of the manifest, all or those of the split. */
static void list_entries(cli_clips *clips, const cli_options *options) {
    const sp_manifest *manifest = &clips->manifest;
    clips->count = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        const sp_manifest_entry *entry = &manifest->entry[i];
        if (options->split == SP_SPLIT_NONE || options->split == entry->split) {
            clips->path[clips->count] = entry->given;
            clips->file[clips->count++] = entry->resolved;
        }
    }
}

/* One clip of the command line, or all sequences of a file. */
static int name_argument(cli_clips *clips, char *path, size_t *room) {
    size_t held = 1, width = 0, number = 0;
    sp_error err = {0};
    const bool many =
        sp_clip_sequence_named(path) && path[sp_clip_sequence_file(path, &number)] == '\0';
    if (many && sp_clip_sequence_look(&err, &held, &width, path) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    if (clips->count + held > *room) {
        const size_t larger = *room + held;
        char **paths = realloc(clips->path, larger * sizeof *paths);
        clips->path = paths ? paths : clips->path;
        char **made = paths ? realloc(clips->made, larger * sizeof *made) : NULL;
        clips->made = made ? made : clips->made;
        if (!made) {
            cli_complain("out of memory for %zu clips", larger);
            return CLI_INPUT;
        }
        *room = larger;
    }
    for (size_t k = 0; k < held; k++) {
        char *name = path;
        if (held > 1) {
            const size_t size = strlen(path) + 24;
            name = malloc(size);
            if (!name) {
                cli_complain("out of memory for %zu clips", held);
                return CLI_INPUT;
            }
            snprintf(name, size, "%s:%zu", path, k);
            clips->made[clips->makes++] = name;
        }
        clips->path[clips->count++] = name;
    }
    return -1;
}

static int name_arguments(cli_clips *clips, const cli_options *options) {
    size_t room = 0;
    int code = -1;
    for (size_t i = 0; i < options->arguments && code < 0; i++) {
        code = name_argument(clips, options->argument[i], &room);
    }
    clips->file = calloc(clips->count + 1, sizeof *clips->file);
    if (code < 0 && !clips->file) {
        cli_complain("out of memory for %zu clips", clips->count);
        return CLI_INPUT;
    }
    for (size_t i = 0; code < 0 && i < clips->count; i++) {
        clips->file[i] = clips->path[i];
    }
    return code;
}

static int name_all(cli_clips *clips, const cli_options *options) {
    int code = -1;
    if (options->arguments > 0) {
        code = name_arguments(clips, options);
    } else {
        clips->path = calloc(clips->manifest.count, sizeof *clips->path);
        clips->file = calloc(clips->manifest.count, sizeof *clips->file);
        if (clips->path && clips->file) {
            list_entries(clips, options);
        } else {
            code = CLI_INPUT;
            cli_complain("out of memory for %zu clips", clips->manifest.count);
        }
    }
    clips->given = clips->count;
    if (code < 0 && !cli_names_make(&clips->names, clips->path, clips->count)) {
        code = cli_clips_out_of_memory(clips);
    }
    return code;
}

/* Recordings or sequences, and not both: they have other budgets. */
static int check_kind(cli_clips *clips, const cli_command *command, const cli_options *options) {
    size_t sequences = 0;
    for (size_t i = 0; i < clips->count; i++) {
        sequences += sp_clip_sequence_named(clips->path[i]);
    }
    clips->sequences = sequences > 0;
    if (sequences > 0 && !command->sequences) {
        return cli_usage(command, "sequences of numbers (.npy) have no sound, and this command is "
                                  "about recordings");
    }
    if (sequences > 0 && sequences < clips->count) {
        return cli_usage(command, "recordings and sequences of numbers (.npy) do not go together: "
                                  "their budgets mean other things");
    }
    if (sequences == 0 && options->within) {
        return cli_usage(command, "--clip-to is about sequences of numbers (.npy)");
    }
    for (size_t b = 0; b < options->budgets; b++) {
        const bool absolute = options->budget[b].unit == SP_BUDGET_ABSOLUTE;
        if (absolute != clips->sequences) {
            return cli_usage(command, absolute
                                          ? "--eps is about sequences of numbers (.npy): noise "
                                            "in recordings is given by --budget"
                                          : "--budget is about recordings: how far numbers may "
                                            "move is given by --eps");
        }
    }
    bool fronts = options->front_rule_given || strchr(options->method->name, '@');
    for (size_t m = 0; m < options->method_count; m++) {
        fronts = fronts || strchr(options->methods[m]->name, '@');
    }
    if (sequences > 0 && fronts) {
        return cli_usage(command, "sequences of numbers have no front end: --front-relax and "
                                  "NAME@FRONT mean nothing there");
    }
    return -1;
}

/* Clips that a model was trained on show more than others: all of them together say little. */
static int check_split(const cli_clips *clips, const cli_options *options) {
    size_t of_split[SP_SPLIT_TEST + 1] = {0};
    for (size_t i = 0; i < clips->manifest.count; i++) {
        of_split[clips->manifest.entry[i].split]++;
    }
    if (clips->count == 0) {
        cli_complain("%s: has no clips of the split %s: %zu are for train, %zu for validation, %zu "
                     "for test, %zu for none",
                     options->manifest, sp_split_name(options->split), of_split[SP_SPLIT_TRAIN],
                     of_split[SP_SPLIT_VALIDATION], of_split[SP_SPLIT_TEST],
                     of_split[SP_SPLIT_NONE]);
        return CLI_INPUT;
    }
    if (options->manifest && options->arguments == 0 && options->split == SP_SPLIT_NONE &&
        of_split[SP_SPLIT_NONE] < clips->manifest.count) {
        cli_complain("%s: has splits, and all its clips are taken: %zu for train, %zu for "
                     "validation, %zu for test; --split test takes those for test",
                     options->manifest, of_split[SP_SPLIT_TRAIN], of_split[SP_SPLIT_VALIDATION],
                     of_split[SP_SPLIT_TEST]);
    }
    return -1;
}

int cli_clips_open(cli_clips *clips, const cli_command *command, const cli_options *options) {
    sp_error err = {0};
    *clips = (cli_clips){.options = options};
    if (options->manifest && sp_manifest_read(&err, &clips->manifest, options->manifest) != SP_OK) {
        cli_complain_about(options->manifest, err.text);
        return CLI_INPUT;
    }
    int code = name_all(clips, options);
    code = code < 0 ? check_split(clips, options) : code;
    code = code < 0 ? check_kind(clips, command, options) : code;
    if (code >= 0) {
        cli_clips_clear(clips);
    }
    return code;
}

int cli_clips_answers(cli_clips *clips, const cli_command *command, size_t classes) {
    const long label = clips->options->label;
    clips->classes = classes;
    return label < 0 || (size_t)label < classes
               ? -1
               : cli_usage(command, "--label %ld does not exist: the model knows 0 to %zu", label,
                           classes - 1);
}

void cli_clips_clear(cli_clips *clips) {
    for (size_t i = 0; i < clips->makes; i++) {
        free(clips->made[i]);
    }
    free(clips->made);
    free(clips->path);
    free(clips->file);
    free(clips->index);
    free(clips->cost);
    cli_names_clear(&clips->names);
    sp_manifest_clear(&clips->manifest);
}

sp_status cli_clips_label(sp_error *err, long *label, const cli_clips *clips, size_t i) {
    const char *path = clips->path[i], *manifest = clips->options->manifest;
    *label = clips->options->label;
    if (clips->unlabelled) {
        return SP_OK;
    }
    if (manifest) {
        const sp_manifest_entry *entry = sp_manifest_find(&clips->manifest, path);
        if (!entry) {
            return sp_fail(err, SP_E_MISMATCH, "the manifest %s has no line for this clip",
                           manifest);
        }
        *label = entry->label;
        if ((size_t)entry->label >= clips->classes) {
            return sp_fail(err, SP_E_MISMATCH,
                           "%s line %zu: label %ld does not exist, the model knows 0 to %zu",
                           manifest, entry->line, entry->label, clips->classes - 1);
        }
    } else if (*label < 0) {
        *label = sp_label_of_name(path, clips->classes);
    }
    return SP_OK;
}

sp_status cli_clips_read(sp_error *err, sp_clip *clip, long *label, const cli_clips *clips,
                         size_t i, const sp_front *front) {
    SP_TRY(cli_clips_label(err, label, clips, i));
    return cli_clip_read(err, clip, clips->file[i], front, clips->options);
}

int cli_clips_out_of_memory(const cli_clips *clips) {
    cli_complain("out of memory for %zu clips", clips->count);
    return CLI_INPUT;
}
