/* Arrays in NumPy's .npy files: one to three dimensions of real numbers. */
#ifndef SP_BASE_NPY_H
#define SP_BASE_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_npy_read - float32 or float64, little-endian, C order, of one dimension (one row) or two.
 *  Numbers that are not finite and more than `limit` numbers are refused. Free *numbers. */
SP_NODISCARD sp_status sp_npy_read(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                                   const char *path, size_t limit);
/** sp_npy - what a file's header says: numbers [parts, rows, columns]; one part of two dimensions.
 */
typedef struct sp_npy {
    size_t parts, rows, columns;
    bool single;        /* float32 */
    size_t begin, left; /* where the numbers begin; how many there are */
} sp_npy;
/** sp_npy_look - the header, as sp_npy_read reads it, of a file with at most `limit` numbers in a
 *  part. sp_npy_read_part - one of its parts.   O numbers [rows, columns]
 *  Their errors do not name the file. */
SP_NODISCARD sp_status sp_npy_look(sp_error *err, sp_npy *npy, const char *path, size_t limit);
SP_NODISCARD sp_status sp_npy_read_part(sp_error *err, double *numbers, const sp_npy *npy,
                                        const char *path, size_t part);
/** sp_npy_draft - float64 [rows, columns] into a draft. sp_npy_write - the same as a file. */
SP_NODISCARD sp_status sp_npy_draft(sp_error *err, sp_file_draft *draft, const double *numbers,
                                    size_t rows, size_t columns);
SP_NODISCARD sp_status sp_npy_write(sp_error *err, const char *path, const double *numbers,
                                    size_t rows, size_t columns);
/** sp_npy_pack - the same file in memory, in two parts: a head, and the numbers themselves. */
enum { SP_NPY_HEAD = 128 };
void sp_npy_pack(char head[SP_NPY_HEAD], size_t rows, size_t columns);

#ifdef __cplusplus
}
#endif
#endif
