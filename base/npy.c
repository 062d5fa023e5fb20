/* The .npy format: a magic text, the length of a header, the header (a Python literal), numbers. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"

static const char MAGIC[] = "\x93NUMPY";
enum { MAGIC_SIZE = 6, SHORT_HEADER = 10, LONG_HEADER = 12, MOST_HEADER = 4096 };

/* Where the header's text begins, and its length; false: this is no such file. */
static bool find_header(const char *data, size_t size, size_t *begin, size_t *length) {
    const unsigned char *at = (const unsigned char *)data;
    if (size < LONG_HEADER || memcmp(data, MAGIC, MAGIC_SIZE) != 0 || at[6] < 1 || at[6] > 3) {
        return false;
    }
    *begin = at[6] == 1 ? SHORT_HEADER : LONG_HEADER;
    *length = (size_t)at[8] | (size_t)at[9] << 8;
    if (at[6] > 1) {
        *length |= (size_t)at[10] << 16 | (size_t)at[11] << 24;
    }
    return *length < MOST_HEADER && *begin + *length <= size;
}

/* The text behind 'key': in a header, or NULL. */
static const char *value_of(const char *header, const char *key) {
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(header, quoted);
    return at != NULL ? at + strlen(quoted) + strspn(at + strlen(quoted), " ") : NULL;
}

static bool read_shape(const char *text, size_t *rows, size_t *columns) {
    unsigned long long a = 0, b = 0;
    char end = 0;
    if (sscanf(text, "(%llu, %llu%c", &a, &b, &end) == 3 && end == ')') {
        *rows = (size_t)a;
        *columns = (size_t)b;
        return a < SIZE_MAX && b < SIZE_MAX;
    }
    if (sscanf(text, "(%llu,%c", &a, &end) == 2 && end == ')') {
        *rows = 1;
        *columns = (size_t)a;
        return a < SIZE_MAX;
    }
    return false;
}

static sp_status take_numbers(sp_error *err, double *to, const char *from, size_t count,
                              bool single) {
    for (size_t i = 0; i < count; i++) {
        float narrow = 0.0F;
        if (single) {
            memcpy(&narrow, from + i * sizeof narrow, sizeof narrow);
            to[i] = (double)narrow;
        } else {
            memcpy(&to[i], from + i * sizeof *to, sizeof *to);
        }
        if (!isfinite(to[i])) {
            return sp_fail(err, SP_E_NONFINITE, "number %zu is not finite", i);
        }
    }
    return SP_OK;
}

static sp_status parse(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                       const char *data, size_t size, size_t limit) {
    size_t begin = 0, length = 0;
    char header[MOST_HEADER];
    if (!find_header(data, size, &begin, &length)) {
        return sp_fail(err, SP_E_FORMAT, "is no .npy file: numpy.save writes one");
    }
    memcpy(header, data + begin, length);
    header[length] = '\0';
    const char *type = value_of(header, "descr"), *order = value_of(header, "fortran_order");
    const char *shape = value_of(header, "shape");
    const bool single = type != NULL && strncmp(type, "'<f4'", 5) == 0;
    if (!single && (type == NULL || strncmp(type, "'<f8'", 5) != 0)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "is not float32 or float64: save x.astype('<f8')");
    }
    if (order == NULL || strncmp(order, "False", 5) != 0) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "is in Fortran order: save numpy.ascontiguousarray(x)");
    }
    if (shape == NULL || !read_shape(shape, rows, columns)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "has not one or two dimensions");
    }
    const size_t width = single ? sizeof(float) : sizeof(double);
    const size_t left = (size - begin - length) / width;
    if (*rows == 0 || *columns == 0 || *rows > limit / *columns) {
        return sp_fail(err, SP_E_FORMAT, "has %zu x %zu numbers, the limit is %zu", *rows, *columns,
                       limit);
    }
    if (*rows * *columns != left) {
        return sp_fail(err, SP_E_FORMAT, "has %zu numbers, its header says %zu x %zu", left, *rows,
                       *columns);
    }
    *numbers = malloc(left * sizeof **numbers);
    if (*numbers == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu numbers", left);
    }
    const sp_status status = take_numbers(err, *numbers, data + begin + length, left, single);
    if (status != SP_OK) {
        free(*numbers);
        *numbers = NULL;
    }
    return status;
}

sp_status sp_npy_read(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                      const char *path, size_t limit) {
    char *data = NULL;
    size_t size = 0;
    *numbers = NULL;
    SP_TRY(sp_file_read(err, &data, &size, path, limit * sizeof(double) + MOST_HEADER));
    const sp_status status = parse(err, numbers, rows, columns, data, size, limit);
    free(data);
    return status != SP_OK ? sp_error_in(err, path) : SP_OK;
}

void sp_npy_pack(char head[SP_NPY_HEAD], size_t rows, size_t columns) {
    memset(head, ' ', SP_NPY_HEAD);
    memcpy(head, MAGIC, MAGIC_SIZE);
    head[6] = 1;
    head[7] = 0;
    head[8] = (char)(SP_NPY_HEAD - SHORT_HEADER);
    head[9] = 0;
    const int used =
        snprintf(head + SHORT_HEADER, SP_NPY_HEAD - SHORT_HEADER,
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    head[SHORT_HEADER + used] = ' ';
    head[SP_NPY_HEAD - 1] = '\n';
}

sp_status sp_npy_write(sp_error *err, const char *path, const double *numbers, size_t rows,
                       size_t columns) {
    char head[SP_NPY_HEAD];
    sp_file_draft draft;
    sp_npy_pack(head, rows, columns);
    sp_status status = sp_file_draft_open(err, &draft, path);
    status = status == SP_OK ? sp_file_draft_write(err, &draft, head, sizeof head) : status;
    status = status == SP_OK
                 ? sp_file_draft_write(err, &draft, numbers, rows * columns * sizeof *numbers)
                 : status;
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(err, &draft);
}
