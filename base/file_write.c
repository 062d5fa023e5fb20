/* Files that are written beside their path and renamed. A draft is locked (flock) while its run
 * lives, on whichever machine that is: what can be locked is a leftover. */
#define _XOPEN_SOURCE 700 // realpath
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static const char draft_name[] = ".soundproof-draft-"; // process and number follow

static sp_status cannot(sp_error *err, const char *path, const char *what, int number) {
    char reason[128] = "unknown reason";
    if (strerror_r(number, reason, sizeof reason) != 0) {
        memcpy(reason, "unknown reason", sizeof "unknown reason");
    }
    return sp_fail(err, SP_E_IO, "%s: cannot be written: %s%s", path, what, reason);
}

static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The folder of `path`, or -1. */
static int open_folder(const char *path) {
    const size_t length = folder_length(path);
    char *folder = length > 0 ? strndup(path, length) : strdup(".");
    const int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    return file;
}

/* ---- leftovers ---- */

static void remove_if_left(int folder, const char *name) {
    const int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    if (flock(file, LOCK_EX | LOCK_NB) == 0) {
        (void)unlinkat(folder, name, 0);
    }
    close(file);
}

/* Whether this is another folder than the last one: each is looked through once in a row. */
static bool another_folder(int folder) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static dev_t device;
    static ino_t number;
    struct stat about;
    if (fstat(folder, &about) != 0) {
        return false;
    }
    pthread_mutex_lock(&lock);
    const bool another = about.st_dev != device || about.st_ino != number;
    device = about.st_dev;
    number = about.st_ino;
    pthread_mutex_unlock(&lock);
    return another;
}

static void remove_leftovers(const char *path) {
    const int folder = open_folder(path);
    DIR *entries = folder >= 0 && another_folder(folder) ? fdopendir(folder) : NULL;
    if (!entries) {
        if (folder >= 0) {
            close(folder);
        }
        return;
    }
    for (struct dirent *e = readdir(entries); e; e = readdir(entries)) {
        if (strncmp(e->d_name, draft_name, sizeof draft_name - 1) == 0) {
            remove_if_left(folder, e->d_name);
        }
    }
    closedir(entries);
}

/* ---- drafts ---- */

/* The new file, locked; EEXIST: this name is not to be had. Another run may take the file for a
 * leftover before it is locked, and remove it. Without locks on this file system leftovers stay. */
static int make_draft(const char *beside) {
    struct stat here, there;
    const int file = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) {
        return -1;
    }
    const bool taken = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!taken && fstat(file, &here) == 0 && stat(beside, &there) == 0 &&
        here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
        return file;
    }
    close(file);
    errno = EEXIST;
    return -1;
}

static sp_status open_beside(sp_error *err, sp_file_draft *draft, const char *path) {
    static atomic_uint last;
    const size_t folder = folder_length(draft->path), room = folder + sizeof draft_name + 64;
    draft->beside = malloc(room);
    if (!draft->beside) {
        return sp_fail(err, SP_E_MEMORY, "%s: out of memory", path);
    }
    remove_leftovers(draft->path);
    for (int tries = 0; tries < 1000; tries++) {
        const unsigned number = atomic_fetch_add(&last, 1);
        snprintf(draft->beside, room, "%.*s%s%ld-%u", (int)folder, draft->path, draft_name,
                 (long)getpid(), number);
        draft->file = make_draft(draft->beside);
        if (draft->file >= 0 || errno != EEXIST) {
            break;
        }
    }
    return draft->file >= 0 ? SP_OK
                            : cannot(err, path, "no file can be made in its folder: ", errno);
}

static sp_status open_draft(sp_error *err, sp_file_draft *draft, const char *path) {
    struct stat old;
    const bool there = stat(path, &old) == 0;
    if (!there && errno != ENOENT) {
        return cannot(err, path, "", errno);
    }
    if (there && S_ISDIR(old.st_mode)) {
        return cannot(err, path, "", EISDIR);
    }
    draft->path = there ? realpath(path, NULL) : strdup(path);
    if (!draft->path) {
        return sp_fail(err, SP_E_MEMORY, "%s: out of memory", path);
    }
    if (there && !S_ISREG(old.st_mode)) {
        draft->file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return draft->file >= 0 ? SP_OK : cannot(err, path, "", errno);
    }
    if (there && access(path, W_OK) != 0) {
        return cannot(err, path, "", errno);
    }
    SP_TRY(open_beside(err, draft, path));
    if (there) {
        (void)fchmod(draft->file, old.st_mode & 0777); // readers of the old file read the new one
    }
    return SP_OK;
}

sp_status sp_file_draft_open(sp_error *err, sp_file_draft *draft, const char *path) {
    *draft = (sp_file_draft){.file = -1};
    const sp_status status = open_draft(err, draft, path);
    if (status != SP_OK) {
        sp_file_draft_drop(draft);
    }
    return status;
}

sp_status sp_file_draft_temporary(sp_error *err, sp_file_draft *draft) {
    const char *folder = getenv("TMPDIR");
    folder = folder && folder[0] ? folder : "/tmp";
    const size_t room = strlen(folder) + sizeof "/temporary";
    *draft = (sp_file_draft){.file = -1, .path = malloc(room)};
    if (!draft->path) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    snprintf(draft->path, room, "%s/temporary", folder);
    const sp_status status = open_beside(err, draft, folder);
    if (status != SP_OK) {
        sp_file_draft_drop(draft);
    }
    return status;
}

const char *sp_file_draft_place(const sp_file_draft *draft) {
    return draft->beside ? draft->beside : draft->path;
}

FILE *sp_file_draft_stream(sp_file_draft *draft) {
    if (!draft->stream && draft->file >= 0) {
        draft->stream = fdopen(draft->file, "w");
    }
    return draft->stream;
}

/* Whether all of it is on the disk; else errno says why. Devices and pipes know no disk. */
static bool synchronise(sp_file_draft *draft) {
    errno = 0;
    if (draft->stream && (ferror(draft->stream) || fflush(draft->stream) != 0)) {
        errno = errno ? errno : EIO;
        return false;
    }
    return !draft->beside || fsync(draft->file) == 0;
}

static void synchronise_folder(const char *path) {
    const int folder = open_folder(path);
    if (folder >= 0) {
        (void)fsync(folder); // not every file system can be asked
        close(folder);
    }
}

/* Closing gives up the lock: the draft has got its path by then, or is removed. */
static void close_draft(sp_file_draft *draft) {
    if (draft->stream) {
        (void)fclose(draft->stream);
    } else if (draft->file >= 0) {
        close(draft->file);
    }
    free(draft->path);
    free(draft->beside);
    *draft = (sp_file_draft){.file = -1};
}

void sp_file_draft_drop(sp_file_draft *draft) {
    if (draft->file >= 0 && draft->beside) {
        (void)unlink(draft->beside);
    }
    close_draft(draft);
}

sp_status sp_file_draft_keep(sp_error *err, sp_file_draft *draft) {
    if (draft->file < 0) {
        return sp_fail(err, SP_E_ARGUMENT, "there is no file to keep");
    }
    if (!synchronise(draft) || (draft->beside && rename(draft->beside, draft->path) != 0)) {
        const sp_status status = cannot(err, draft->path, "", errno);
        sp_file_draft_drop(draft);
        return status;
    }
    if (draft->beside) {
        synchronise_folder(draft->path);
    }
    close_draft(draft);
    return SP_OK;
}

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

sp_status sp_file_draft_write(sp_error *err, sp_file_draft *draft, const void *data, size_t size) {
    return write_all(draft->file, data, size) ? SP_OK : cannot(err, draft->path, "", errno);
}

sp_status sp_file_replace(sp_error *err, const char *path, const void *data, size_t size) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    const sp_status status = sp_file_draft_write(err, &draft, data, size);
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(err, &draft);
}
