/* The clips that a command works on, and their right answers. */
#include "cli/impl.h"

#include <stdlib.h>

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

static bool name_all(cli_clips *clips, const cli_options *options) {
    const bool listed = options->arguments == 0;
    clips->count = listed ? clips->manifest.count : options->arguments;
    clips->path = calloc(clips->count, sizeof *clips->path);
    clips->file = calloc(clips->count, sizeof *clips->file);
    if (!clips->path || !clips->file) {
        return false;
    }
    for (size_t i = 0; !listed && i < clips->count; i++) {
        clips->path[i] = options->argument[i];
        clips->file[i] = clips->path[i];
    }
    if (listed) {
        list_entries(clips, options);
    }
    return cli_names_make(&clips->names, clips->path, clips->count);
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

int cli_clips_open(cli_clips *clips, const cli_command *command, const cli_options *options,
                   size_t classes) {
    sp_error err = {0};
    *clips = (cli_clips){.options = options, .classes = classes};
    if (options->label >= 0 && (size_t)options->label >= classes) {
        return cli_usage(command, "--label %ld does not exist: the model knows 0 to %zu",
                         options->label, classes - 1);
    }
    if (options->manifest && sp_manifest_read(&err, &clips->manifest, options->manifest) != SP_OK) {
        cli_complain_about(options->manifest, err.text);
        return CLI_INPUT;
    }
    if (!name_all(clips, options)) {
        cli_complain("out of memory for %zu clips", clips->count);
        cli_clips_clear(clips);
        return CLI_INPUT;
    }
    const int code = check_split(clips, options);
    if (code >= 0) {
        cli_clips_clear(clips);
    }
    return code;
}

void cli_clips_clear(cli_clips *clips) {
    free(clips->path);
    free(clips->file);
    cli_names_clear(&clips->names);
    sp_manifest_clear(&clips->manifest);
}

static sp_status find_label(sp_error *err, long *label, const cli_clips *clips, size_t i) {
    const char *path = clips->path[i], *manifest = clips->options->manifest;
    *label = clips->options->label;
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
    SP_TRY(find_label(err, label, clips, i));
    return cli_clip_read(err, clip, clips->file[i], front, clips->options);
}
