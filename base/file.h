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

#ifdef __cplusplus
}
#endif
#endif
