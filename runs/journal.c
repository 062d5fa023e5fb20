/* Journals: appending, the lock, the index of the results, lines that were cut short. */
#define _DEFAULT_SOURCE // flock
#include "runs/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"

static const char check_key[] = ",\"check\":\"";
static const char id_key[] = "{\"id\":\"";
enum { CHECK = 16, TAIL = sizeof check_key - 1 + CHECK + 2 }; /* digits; with the closing "} */

/* Where a result stands. */
typedef struct journal_entry {
    uint64_t key[2]; /* of the id; 0, 0: an empty place of the table */
    uint64_t offset;
    size_t size;
} journal_entry;

struct sp_journal {
    int file;
    char *path; /* owned */
    bool writes, synced, stuck;
    sp_error why; /* it is stuck */
    uint64_t end; /* where the next line begins */
    sp_journal_about about;
    journal_entry *entry; /* [room] owned; a table with open addresses */
    size_t room;          /* 0, or a power of two */
    pthread_mutex_t lock;
};

const sp_journal_about *sp_journal_tell(const sp_journal *journal) {
    return &journal->about;
}

const char *sp_journal_path(const sp_journal *journal) {
    return journal->path;
}

/* ---- the table of results ---- */

static bool read_key(uint64_t key[2], const char *id) {
    for (int half = 0; half < 2; half++) {
        key[half] = 0;
        for (int i = 0; i < SP_JOURNAL_ID / 2; i++) {
            const char c = *id++;
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                     : -1;
            if (digit < 0) {
                return false;
            }
            key[half] = key[half] << 4 | (uint64_t)digit;
        }
    }
    key[1] |= key[0] == 0 && key[1] == 0; // zeros mark empty places
    return true;
}

static journal_entry *place_of(const sp_journal *journal, const uint64_t key[2]) {
    size_t at = (size_t)(key[0] & (journal->room - 1));
    while (journal->entry[at].key[0] | journal->entry[at].key[1]) {
        if (journal->entry[at].key[0] == key[0] && journal->entry[at].key[1] == key[1]) {
            break;
        }
        at = (at + 1) & (journal->room - 1);
    }
    return &journal->entry[at];
}

static bool grow(sp_journal *journal) {
    sp_journal grown = *journal;
    grown.room = journal->room ? 2 * journal->room : 1024;
    grown.entry = calloc(grown.room, sizeof *grown.entry);
    if (!grown.entry) {
        return false;
    }
    for (size_t i = 0; i < journal->room; i++) {
        if (journal->entry[i].key[0] | journal->entry[i].key[1]) {
            *place_of(&grown, journal->entry[i].key) = journal->entry[i];
        }
    }
    free(journal->entry);
    journal->entry = grown.entry;
    journal->room = grown.room;
    return true;
}

static bool is_result(const char *line, size_t size) {
    return size > sizeof id_key - 1 + SP_JOURNAL_ID && memcmp(line, id_key, sizeof id_key - 1) == 0;
}

/* A result of `size` bytes that stands at the offset; false: no memory. */
static bool index_result(sp_journal *journal, const char *line, uint64_t offset, size_t size) {
    uint64_t key[2];
    if (!read_key(key, line + sizeof id_key - 1)) {
        return true;
    }
    if (2 * (journal->about.results + 1) > journal->room && !grow(journal)) {
        return false;
    }
    journal_entry *place = place_of(journal, key);
    journal->about.results += !(place->key[0] | place->key[1]);
    *place = (journal_entry){{key[0], key[1]}, offset, size};
    return true;
}

/* ---- lines ---- */

static sp_status check_of(char *check, const char *line, size_t size) {
    char digest[SP_DIGEST_TEXT];
    sp_digest *made = sp_digest_create();
    sp_digest_add(made, line, size);
    SP_TRY(sp_digest_finish(made, digest));
    memcpy(check, digest, CHECK);
    check[CHECK] = '\0';
    return SP_OK;
}

/* Whether line[size], without its newline, is one that was written whole and not changed. */
static bool is_whole(const char *line, size_t size) {
    char check[CHECK + 1];
    return size > TAIL && memcmp(line + size - TAIL, check_key, sizeof check_key - 1) == 0 &&
           memcmp(line + size - 2, "\"}", 2) == 0 && check_of(check, line, size - TAIL) == SP_OK &&
           memcmp(line + size - 2 - CHECK, check, CHECK) == 0;
}

static sp_status take_line(sp_error *err, sp_journal *journal, const char *line, size_t size,
                           sp_journal_other *other, void *context) {
    if (!is_whole(line, size)) {
        journal->about.damaged++;
        return SP_OK;
    }
    journal->about.lines++;
    if (!is_result(line, size)) {
        return other ? other(err, context, line, size) : SP_OK;
    }
    return index_result(journal, line, journal->end, size)
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "out of memory for %zu results", journal->about.results);
}

static sp_status take_lines(sp_error *err, sp_journal *journal, sp_journal_other *other,
                            void *context) {
    const int copy = dup(journal->file);
    FILE *in = copy >= 0 ? fdopen(copy, "rb") : NULL;
    if (!in) {
        close(copy);
        return sp_fail(err, SP_E_IO, "%s: cannot be read: %s", journal->path, strerror(errno));
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t got = 0;
    sp_status status = SP_OK;
    while (status == SP_OK && (got = getline(&line, &room, in)) > 0) {
        if (line[got - 1] != '\n') {
            journal->about.torn = true;
            break;
        }
        status = take_line(err, journal, line, (size_t)got - 1, other, context);
        journal->end += (uint64_t)got;
    }
    if (status == SP_OK && ferror(in)) {
        status = sp_fail(err, SP_E_IO, "%s: cannot be read: %s", journal->path, strerror(errno));
    }
    free(line);
    fclose(in);
    journal->about.bytes = journal->end;
    return status;
}

/* ---- opening ---- */

static sp_status lock_file(sp_error *err, const sp_journal *journal) {
    if (flock(journal->file, LOCK_EX | LOCK_NB) == 0) {
        return SP_OK;
    }
    return errno == EWOULDBLOCK
               ? sp_fail(err, SP_E_IO,
                         "%s: another process is writing to this journal: wait until it has ended, "
                         "or name another --journal",
                         journal->path)
               : sp_fail(err, SP_E_IO, "%s: cannot be locked: %s", journal->path, strerror(errno));
}

static sp_status open_file(sp_error *err, sp_journal *journal) {
    struct stat about;
    journal->file = open(
        journal->path,
        journal->writes ? O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0666);
    if (journal->file < 0) {
        return sp_fail(err, SP_E_IO, "%s: cannot be opened: %s", journal->path, strerror(errno));
    }
    if (fstat(journal->file, &about) != 0 || !S_ISREG(about.st_mode)) {
        return sp_fail(err, SP_E_IO, "%s: is no file that a journal can be kept in", journal->path);
    }
    return journal->writes ? lock_file(err, journal) : SP_OK;
}

/* The name of a new file is on the disk too. */
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

/* Whether the file may be a journal: lines of one, nothing, or the first one, cut short. */
static bool may_be_journal(const sp_journal *journal) {
    static const char *const first[] = {"{\"run\":\"", id_key};
    char text[sizeof id_key];
    const ssize_t got = pread(journal->file, text, sizeof id_key - 1, 0);
    bool begun = got == 0;
    for (size_t i = 0; got > 0 && i < sizeof first / sizeof *first; i++) {
        const size_t size = strlen(first[i]) < (size_t)got ? strlen(first[i]) : (size_t)got;
        begun = begun || memcmp(text, first[i], size) == 0;
    }
    return journal->about.lines > 0 || (journal->about.damaged == 0 && begun);
}

static sp_status open_journal(sp_error *err, sp_journal **out, const char *path, bool writes,
                              sp_journal_other *other, void *context) {
    sp_journal *journal = calloc(1, sizeof *journal);
    *out = NULL;
    if (!journal || !(journal->path = strdup(path))) {
        free(journal);
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    journal->writes = writes;
    journal->synced = true;
    pthread_mutex_init(&journal->lock, NULL);
    sp_status status = open_file(err, journal);
    if (status == SP_OK) {
        status = take_lines(err, journal, other, context);
    }
    if (status == SP_OK && !may_be_journal(journal)) {
        status = sp_fail(err, SP_E_FORMAT, "%s: is no journal of soundproof, and stays as it is%s",
                         path, writes ? ": name another file, or one that is not there yet" : "");
    }
    if (status == SP_OK && journal->about.torn && writes &&
        ftruncate(journal->file, (off_t)journal->end) != 0) {
        status = sp_fail(err, SP_E_IO,
                         "%s: its last line, which was cut short, cannot be taken "
                         "away: %s",
                         path, strerror(errno));
    }
    if (status == SP_OK && writes && journal->end == 0) {
        sync_folder(path);
    }
    if (status != SP_OK) {
        sp_journal_close(journal);
        return status;
    }
    *out = journal;
    return SP_OK;
}

sp_status sp_journal_open(sp_error *err, sp_journal **journal, const char *path,
                          sp_journal_other *other, void *context) {
    return open_journal(err, journal, path, true, other, context);
}

sp_status sp_journal_read(sp_error *err, sp_journal **journal, const char *path,
                          sp_journal_other *other, void *context) {
    return open_journal(err, journal, path, false, other, context);
}

void sp_journal_close(sp_journal *journal) {
    if (!journal) {
        return;
    }
    if (journal->file >= 0) {
        close(journal->file); // and with it the lock
    }
    pthread_mutex_destroy(&journal->lock);
    free(journal->entry);
    free(journal->path);
    free(journal);
}

/* ---- appending ---- */

/* "line, check, newline" in one block; NULL: no memory. */
static char *seal(const char *line, size_t size, size_t *sealed) {
    char check[CHECK + 1];
    char *text = malloc(size + TAIL + 2);
    if (text && check_of(check, line, size - 1) == SP_OK) {
        memcpy(text, line, size - 1); // without the closing brace
        *sealed = size - 1 + (size_t)sprintf(text + size - 1, "%s%s\"}\n", check_key, check);
        return text;
    }
    free(text);
    return NULL;
}

static sp_status cannot_append(sp_error *err, sp_journal *journal, int number) {
    journal->stuck = true;
    sp_fail(&journal->why, SP_E_IO,
            "%s: cannot be written: %s. What stands there is whole; the same command goes on from "
            "there when there is room again",
            journal->path, strerror(number));
    if (err) {
        *err = journal->why;
    }
    return SP_E_IO;
}

/* All of it or nothing. */
static sp_status put_bytes(sp_error *err, sp_journal *journal, const char *text, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t put = write(journal->file, text + done, size - done);
        if (put < 0 && errno != EINTR) {
            const int number = errno;
            if (done > 0 && ftruncate(journal->file, (off_t)journal->end) != 0) {
                return cannot_append(err, journal, number); // what is torn is found when it is read
            }
            return cannot_append(err, journal, number);
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return SP_OK;
}

static sp_status append(sp_error *err, sp_journal *journal, const char *line) {
    size_t size = 0;
    if (journal->stuck) {
        if (err) {
            *err = journal->why;
        }
        return SP_E_IO;
    }
    char *text = seal(line, strlen(line), &size);
    if (!text) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a line of the journal");
    }
    sp_status status = put_bytes(err, journal, text, size);
    if (status == SP_OK && is_result(text, size) &&
        !index_result(journal, text, journal->end, size - 1)) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu results", journal->about.results);
    }
    if (status == SP_OK) {
        journal->end += size;
        journal->about.lines++;
        journal->about.bytes = journal->end;
        journal->synced = false;
    }
    free(text);
    return status;
}

sp_status sp_journal_append(sp_error *err, sp_journal *journal, const char *line) {
    pthread_mutex_lock(&journal->lock);
    const sp_status status = append(err, journal, line);
    pthread_mutex_unlock(&journal->lock);
    return status;
}

sp_status sp_journal_sync(sp_error *err, sp_journal *journal) {
    sp_status status = SP_OK;
    pthread_mutex_lock(&journal->lock);
    if (journal->stuck) {
        status = SP_E_IO;
        if (err) {
            *err = journal->why;
        }
    } else if (!journal->synced) {
        status = fsync(journal->file) == 0 ? SP_OK : cannot_append(err, journal, errno);
        journal->synced = status == SP_OK;
    }
    pthread_mutex_unlock(&journal->lock);
    return status;
}

/* ---- looking up ---- */

static char *read_at(const sp_journal *journal, uint64_t offset, size_t size) {
    char *text = malloc(size + 1);
    size_t done = 0;
    while (text && done < size) {
        const ssize_t got = pread(journal->file, text + done, size - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    if (text && done < size) {
        free(text);
        return NULL;
    }
    if (text) {
        text[size] = '\0';
    }
    return text;
}

sp_json *sp_journal_find(sp_journal *journal, const char id[SP_JOURNAL_ID + 1]) {
    static pthread_mutex_t parser = PTHREAD_MUTEX_INITIALIZER; // sp_json_parse asks for one
    uint64_t key[2];
    sp_json *root = NULL;
    pthread_mutex_lock(&journal->lock);
    const journal_entry *place = journal->room && read_key(key, id) ? place_of(journal, key) : NULL;
    char *text = place && place->size ? read_at(journal, place->offset, place->size) : NULL;
    const size_t size = text ? place->size : 0;
    pthread_mutex_unlock(&journal->lock);
    pthread_mutex_lock(&parser);
    if (text && sp_json_parse(NULL, &root, text, size) != SP_OK) {
        root = NULL;
    }
    pthread_mutex_unlock(&parser);
    free(text);
    return root;
}

sp_status sp_journal_name(char *id, const char *setup, const char *clip, long label,
                          const char *part) {
    char digest[SP_DIGEST_TEXT];
    sp_digest *made = sp_digest_create();
    sp_digest_add(made, setup, strlen(setup) + 1);
    sp_digest_add(made, clip, strlen(clip) + 1);
    sp_digest_number(made, (uint64_t)(int64_t)label);
    sp_digest_add(made, part, strlen(part) + 1);
    SP_TRY(sp_digest_finish(made, digest));
    memcpy(id, digest, SP_JOURNAL_ID);
    id[SP_JOURNAL_ID] = '\0';
    return SP_OK;
}
