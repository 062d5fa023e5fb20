/* Whole files in memory. */
#ifndef SP_BASE_FILE_H
#define SP_BASE_FILE_H

#include <stddef.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_file_read - the bytes of `path`, with a zero byte behind them that `size` does not count.
 *  Directories, empty files and files above `limit` bytes are refused with a line that says so.
 *  Free *data with free. */
SP_NODISCARD sp_status sp_file_read(sp_error *err, char **data, size_t *size, const char *path,
                                    size_t limit);

/** sp_file_replace - makes data[size] the content of `path`, by way of a file beside it that is
 *  renamed once it is on the disk: after a crash there is the old file or the new one. */
SP_NODISCARD sp_status sp_file_replace(sp_error *err, const char *path, const void *data,
                                       size_t size);

#ifdef __cplusplus
}
#endif
#endif
