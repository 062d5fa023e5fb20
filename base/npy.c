/* The .npy format: a magic text, the length of a header, the header (a Python literal), numbers. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* One dimension is one row of one part, two are one part. */
static bool read_shape(const char *text, sp_npy *npy) {
    unsigned long long size[3] = {0, 0, 0};
    char end = 0;
    size_t given = 0;
    if (sscanf(text, "(%llu, %llu, %llu%c", &size[0], &size[1], &size[2], &end) == 4) {
        given = 3;
    } else if (sscanf(text, "(%llu, %llu%c", &size[0], &size[1], &end) == 3) {
        given = 2;
    } else if (sscanf(text, "(%llu,%c", &size[0], &end) == 2) {
        given = 1;
    }
    *npy = (sp_npy){.parts = given > 2 ? (size_t)size[0] : 1,
                    .rows = given > 1 ? (size_t)size[given - 2] : 1,
                    .columns = given > 0 ? (size_t)size[given - 1] : 0};
    return given > 0 && end == ')' && size[0] < SIZE_MAX && size[1] < SIZE_MAX &&
           size[2] < SIZE_MAX;
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

/* What the header says; `size` bytes of the file are at hand, of `whole`. */
static sp_status parse_header(sp_error *err, sp_npy *npy, const char *data, size_t size,
                              size_t whole) {
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
    if (shape == NULL || !read_shape(shape, npy)) {
        return sp_fail(err, SP_E_UNSUPPORTED, "has not one, two or three dimensions");
    }
    npy->single = single;
    npy->begin = begin + length;
    npy->left = (whole - npy->begin) / (single ? sizeof(float) : sizeof(double));
    return SP_OK;
}

/* Whether the file holds as many numbers as its header says, and at most `limit` in a part. */
static sp_status check_size(sp_error *err, const sp_npy *npy, size_t limit) {
    if (npy->parts == 0 || npy->rows == 0 || npy->columns == 0 ||
        npy->rows > limit / npy->columns) {
        return sp_fail(err, SP_E_FORMAT, "has %zu x %zu numbers, the limit is %zu", npy->rows,
                       npy->columns, limit);
    }
    const size_t of_part = npy->rows * npy->columns;
    if (npy->left % of_part != 0 || npy->left / of_part != npy->parts) {
        char parts[32] = "";
        if (npy->parts > 1) {
            snprintf(parts, sizeof parts, "%zu x ", npy->parts);
        }
        return sp_fail(err, SP_E_FORMAT, "has %zu numbers, its header says %s%zu x %zu", npy->left,
                       parts, npy->rows, npy->columns);
    }
    return SP_OK;
}

static sp_status parse(sp_error *err, double **numbers, size_t *rows, size_t *columns,
                       const char *data, size_t size, size_t limit) {
    sp_npy npy;
    SP_TRY(parse_header(err, &npy, data, size, size));
    if (npy.parts != 1) {
        return sp_fail(err, SP_E_UNSUPPORTED, "has not one or two dimensions");
    }
    SP_TRY(check_size(err, &npy, limit));
    *rows = npy.rows;
    *columns = npy.columns;
    *numbers = malloc(npy.left * sizeof **numbers);
    if (*numbers == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu numbers", npy.left);
    }
    const sp_status status = take_numbers(err, *numbers, data + npy.begin, npy.left, npy.single);
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

/* ---- parts of large files ---- */

static sp_status look(sp_error *err, sp_npy *npy, FILE *file, size_t limit) {
    char head[MOST_HEADER + LONG_HEADER];
    const size_t size = fread(head, 1, sizeof head, file);
    if (ferror(file) || fseek(file, 0, SEEK_END) != 0) {
        return sp_fail(err, SP_E_IO, "cannot be read: %s", strerror(errno));
    }
    const long whole = ftell(file);
    SP_TRY(parse_header(err, npy, head, size, whole > 0 ? (size_t)whole : 0));
    return check_size(err, npy, limit);
}

static sp_status read_part(sp_error *err, double *numbers, const sp_npy *npy, FILE *file,
                           size_t part) {
    const size_t width = npy->single ? sizeof(float) : sizeof(double);
    const size_t count = npy->rows * npy->columns;
    char *data = malloc(count * width);
    if (data == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu numbers", count);
    }
    sp_status status = SP_OK;
    if (fseek(file, (long)(npy->begin + part * count * width), SEEK_SET) != 0 ||
        fread(data, width, count, file) != count) {
        status = sp_fail(err, SP_E_IO, "cannot be read completely");
    }
    status = status == SP_OK ? take_numbers(err, numbers, data, count, npy->single) : status;
    free(data);
    return status;
}

static sp_status open_file(sp_error *err, FILE **file, const char *path) {
    struct stat info;
    *file = fopen(path, "rb");
    if (*file == NULL) {
        return errno == ENOENT ? sp_fail(err, SP_E_IO, "no such file")
                               : sp_fail(err, SP_E_IO, "cannot be opened: %s", strerror(errno));
    }
    if (fstat(fileno(*file), &info) != 0 || !S_ISREG(info.st_mode)) {
        fclose(*file);
        return sp_fail(err, SP_E_IO, "is no file of numbers");
    }
    return SP_OK;
}

sp_status sp_npy_look(sp_error *err, sp_npy *npy, const char *path, size_t limit) {
    FILE *file = NULL;
    sp_status status = open_file(err, &file, path);
    if (status == SP_OK) {
        status = look(err, npy, file, limit);
        fclose(file);
    }
    return status;
}

sp_status sp_npy_read_part(sp_error *err, double *numbers, const sp_npy *npy, const char *path,
                           size_t part) {
    FILE *file = NULL;
    sp_status status = open_file(err, &file, path);
    if (status == SP_OK) {
        status = read_part(err, numbers, npy, file, part);
        fclose(file);
    }
    return status;
}

/* ---- writing ---- */

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

sp_status sp_npy_draft(sp_error *err, sp_file_draft *draft, const double *numbers, size_t rows,
                       size_t columns) {
    char head[SP_NPY_HEAD];
    sp_npy_pack(head, rows, columns);
    SP_TRY(sp_file_draft_write(err, draft, head, sizeof head));
    return sp_file_draft_write(err, draft, numbers, rows * columns * sizeof *numbers);
}

sp_status sp_npy_write(sp_error *err, const char *path, const double *numbers, size_t rows,
                       size_t columns) {
    sp_file_draft draft;
    sp_status status = sp_file_draft_open(err, &draft, path);
    status = status == SP_OK ? sp_npy_draft(err, &draft, numbers, rows, columns) : status;
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(err, &draft);
}
