/* Sequences of numbers as clips: .npy files of one sequence [rows, width] or of many [sequences,
 * rows, width]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/impl.h"
#include "base/npy.h"

static const size_t most_numbers = (size_t)1 << 28;

size_t sp_clip_sequence_file(const char *path, size_t *number) {
    const size_t all = strlen(path);
    const char *colon = strrchr(path, ':');
    *number = 0;
    if (colon != NULL && colon[1] != '\0' && strspn(colon + 1, "0123456789") < 10 &&
        colon[1 + strspn(colon + 1, "0123456789")] == '\0' && colon - path >= 4 &&
        memcmp(colon - 4, ".npy", 4) == 0) {
        *number = (size_t)strtoul(colon + 1, NULL, 10);
        return (size_t)(colon - path);
    }
    return all;
}

bool sp_clip_sequence_named(const char *path) {
    size_t number = 0;
    const size_t length = sp_clip_sequence_file(path, &number);
    return length > 4 && memcmp(path + length - 4, ".npy", 4) == 0;
}

static sp_status look(sp_error *err, sp_npy *npy, char **file, size_t *number, const char *path) {
    *file = strdup(path);
    if (*file == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    (*file)[sp_clip_sequence_file(path, number)] = '\0';
    const sp_status status = sp_npy_look(err, npy, *file, most_numbers);
    if (status != SP_OK) {
        free(*file);
        *file = NULL;
    }
    return status;
}

sp_status sp_clip_sequence_look(sp_error *err, size_t *count, size_t *width, const char *path) {
    sp_npy npy;
    char *file = NULL;
    size_t number = 0;
    if (look(err, &npy, &file, &number, path) != SP_OK) {
        return sp_error_in(err, path);
    }
    free(file);
    *count = npy.parts;
    *width = npy.columns;
    return SP_OK;
}

static sp_status check_shape(sp_error *err, const sp_npy *npy, const char *path, size_t number,
                             size_t width) {
    if (npy->columns != width) {
        return sp_fail(err, SP_E_MISMATCH,
                       "has rows of %zu numbers, and the model reads %zu at every step",
                       npy->columns, width);
    }
    if (npy->parts > 1 && strrchr(path, ':') == NULL) {
        return sp_fail(err, SP_E_MISMATCH, "holds %zu sequences: name one of them, as %s:0",
                       npy->parts, path);
    }
    if (number >= npy->parts) {
        return sp_fail(err, SP_E_MISMATCH, "there is no sequence %zu in it, it holds %zu", number,
                       npy->parts);
    }
    return SP_OK;
}

sp_status sp_clip_sequence_read(sp_error *err, sp_clip *clip, const char *path, size_t width) {
    sp_npy npy;
    char *file = NULL;
    size_t number = 0;
    memset(clip, 0, sizeof *clip);
    sp_status status = look(err, &npy, &file, &number, path);
    status = status == SP_OK ? check_shape(err, &npy, path, number, width) : status;
    if (status == SP_OK) {
        *clip = (sp_clip){.n = npy.rows * npy.columns, .width = width, .full_scale = 1.0};
        clip->samples = malloc(clip->n * sizeof *clip->samples);
        status = clip->samples != NULL
                     ? sp_npy_read_part(err, clip->samples, &npy, file, number)
                     : sp_fail(err, SP_E_MEMORY, "out of memory for %zu numbers", clip->n);
    }
    status = status == SP_OK ? sp_clip_measure(err, clip) : status;
    free(file);
    if (status != SP_OK) {
        sp_clip_clear(clip);
        return sp_error_in(err, path);
    }
    return SP_OK;
}

sp_status sp_clip_sequence_draft(sp_error *err, sp_file_draft *draft, const sp_clip *clip) {
    return sp_npy_draft(err, draft, clip->samples, clip->n / clip->width, clip->width);
}
