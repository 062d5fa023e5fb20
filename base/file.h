/* Whole files: read into memory, and written so that nobody ever sees half of one. */
#ifndef SP_BASE_FILE_H
#define SP_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_file_read - the bytes of `path`, with a zero byte behind them that `size` does not count.
 *  Directories, empty files and files above `limit` bytes are refused with a line that says so.
 *  Free *data with free. */
SP_NODISCARD sp_status sp_file_read(sp_error *err, char **data, size_t *size, const char *path,
                                    size_t limit);

/** sp_file_draft - a file in the making: it stands under a name of its own in the folder of its
 *  final path, and takes that path when it is kept. Until then, and after any failure or kill, the
 *  path holds what it held before. The draft of a killed run has no lock any more: the next run
 *  that writes into the folder removes it.
 *  A path that exists and is no regular file (a device, a pipe) is written directly. */
typedef struct sp_file_draft {
    int file;     /* the descriptor to write to */
    FILE *stream; /* the same, or NULL; see sp_file_draft_stream */
    char *path;   /* owned: the final path, links followed */
    char *beside; /* owned: where the draft stands, or NULL: written directly */
} sp_file_draft;

/** sp_file_draft_open - SP_E_IO with a line that says why `path` cannot be written, also when what
 *  stands there may not be changed. Afterwards call sp_file_draft_keep or sp_file_draft_drop, once;
 *  either is harmless after a failed open. */
SP_NODISCARD sp_status sp_file_draft_open(sp_error *err, sp_file_draft *draft, const char *path);
/** sp_file_draft_temporary - a draft in TMPDIR, or else /tmp, that is dropped in the end. */
SP_NODISCARD sp_status sp_file_draft_temporary(sp_error *err, sp_file_draft *draft);
/** sp_file_draft_write - `size` bytes more. sp_file_draft_place - where they stand, to be read
 *  again before the draft is kept. */
SP_NODISCARD sp_status sp_file_draft_write(sp_error *err, sp_file_draft *draft, const void *data,
                                           size_t size);
const char *sp_file_draft_place(const sp_file_draft *draft);
/** sp_file_draft_stream - a stream over the descriptor, which the draft closes; NULL: no memory. */
FILE *sp_file_draft_stream(sp_file_draft *draft);
/** sp_file_draft_keep - brings the draft to the disk and gives it its path. Failures, of earlier
 *  writes to the stream too, leave the old file and remove the draft. */
SP_NODISCARD sp_status sp_file_draft_keep(sp_error *err, sp_file_draft *draft);
/** sp_file_draft_drop - removes the draft. */
void sp_file_draft_drop(sp_file_draft *draft);

/** sp_file_replace - makes data[size] the content of `path` by way of a draft. */
SP_NODISCARD sp_status sp_file_replace(sp_error *err, const char *path, const void *data,
                                       size_t size);

#ifdef __cplusplus
}
#endif
#endif
