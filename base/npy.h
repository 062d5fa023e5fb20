/* Arrays in NumPy's .npy files: two dimensions of real numbers. */
#ifndef SP_BASE_NPY_H
#define SP_BASE_NPY_H

#include <stddef.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_npy_read - float32 or float64, little-endian, C order, of one dimension (one row) or two.
 *  Numbers that are not finite and more than `limit` numbers are refused. Free *numbers. */
SP_NODISCARD sp_status sp_npy_read(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                                   const char *path, size_t limit);
/** sp_npy_write - float64 [rows, columns]. */
SP_NODISCARD sp_status sp_npy_write(sp_error *err, const char *path, const double *numbers,
                                    size_t rows, size_t columns);
/** sp_npy_pack - the same file in memory, in two parts: a head, and the numbers themselves. */
enum { SP_NPY_HEAD = 128 };
void sp_npy_pack(char head[SP_NPY_HEAD], size_t rows, size_t columns);

#ifdef __cplusplus
}
#endif
#endif
