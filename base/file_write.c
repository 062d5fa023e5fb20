/* Whole files written so that nobody ever sees half of one. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static bool write_all(int file, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t done = write(file, data, size);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        data += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* The rename itself is on the disk once the folder is; not every file system can be asked. */
static void sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    const int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
    free(folder);
}

sp_status sp_file_replace(sp_error *err, const char *path, const void *data, size_t size) {
    const size_t room = strlen(path) + 32;
    char *beside = malloc(room);
    if (!beside) {
        return sp_fail(err, SP_E_MEMORY, "%s: out of memory", path);
    }
    snprintf(beside, room, "%s.%ld.new", path, (long)getpid());
    const int file = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool done = file >= 0 && write_all(file, data, size);
    if (file >= 0) {
        done = done && fsync(file) == 0;
        done = close(file) == 0 && done;
    }
    done = done && rename(beside, path) == 0;
    sp_status status = SP_OK;
    if (!done) {
        char reason[128] = "unknown reason";
        const int number = errno;
        if (strerror_r(number, reason, sizeof reason) != 0) {
            memcpy(reason, "unknown reason", sizeof "unknown reason");
        }
        status = sp_fail(err, SP_E_IO, "%s: cannot be written: %s", path, reason);
        if (file >= 0) {
            (void)unlink(beside);
        }
    } else {
        sync_folder(path);
    }
    free(beside);
    return status;
}
