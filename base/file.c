/* Whole files in memory, with one clear line for every way in which that fails. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sp_status system_error(sp_error *err, const char *path, const char *what) {
    char reason[128] = "unknown reason";
    const int number = errno;
    if (strerror_r(number, reason, sizeof reason) != 0) {
        memcpy(reason, "unknown reason", sizeof "unknown reason");
    }
    return sp_fail(err, SP_E_IO, "%s: cannot be %s: %s", path, what, reason);
}

static sp_status too_large(sp_error *err, const char *path, size_t limit) {
    return sp_fail(err, SP_E_FORMAT, "%s: larger than the %zu bytes that are accepted here", path,
                   limit);
}

/* look - refuses what needs no reading; `expect` is the size of a regular file, else 0. */
static sp_status look(sp_error *err, int file, const char *path, size_t limit, size_t *expect) {
    struct stat about;
    if (fstat(file, &about) != 0) {
        return system_error(err, path, "examined");
    }
    if (S_ISDIR(about.st_mode)) {
        return sp_fail(err, SP_E_IO, "%s: is a directory, a file is needed", path);
    }
    *expect = S_ISREG(about.st_mode) && about.st_size > 0 ? (size_t)about.st_size : 0;
    return *expect > limit ? too_large(err, path, limit) : SP_OK;
}

/* slurp - reads to the end; the caller frees *data in every case. */
static sp_status slurp(sp_error *err, int file, const char *path, size_t limit, size_t expect,
                       char **data, size_t *size) {
    size_t room = expect + 2; // one byte more shows whether the file has grown, one for the zero
    *data = malloc(room);
    *size = 0;
    while (*data != NULL) {
        const ssize_t got = read(file, *data + *size, room - 1 - *size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return system_error(err, path, "read");
        }
        if (got == 0) {
            (*data)[*size] = '\0';
            return SP_OK;
        }
        *size += (size_t)got;
        if (*size > limit) {
            return too_large(err, path, limit);
        }
        if (*size == room - 1) {
            room += room / 2 + 65536;
            char *larger = realloc(*data, room);
            if (larger == NULL) {
                break;
            }
            *data = larger;
        }
    }
    return sp_fail(err, SP_E_MEMORY, "%s: out of memory", path);
}

sp_status sp_file_read(sp_error *err, char **data, size_t *size, const char *path, size_t limit) {
    size_t expect = 0, length = 0;
    char *bytes = NULL;
    *data = NULL;
    *size = 0;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT ? sp_fail(err, SP_E_IO, "%s: no such file", path)
                               : system_error(err, path, "opened");
    }
    sp_status status = look(err, file, path, limit, &expect);
    if (status == SP_OK) {
        status = slurp(err, file, path, limit, expect, &bytes, &length);
    }
    close(file);
    if (status == SP_OK && length == 0) {
        status = sp_fail(err, SP_E_FORMAT, "%s: the file is empty", path);
    }
    if (status != SP_OK) {
        free(bytes);
        return status;
    }
    *data = bytes;
    *size = length;
    return SP_OK;
}
