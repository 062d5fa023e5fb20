/* Manifests: one "path TAB label", or with "TAB split" or "TAB split TAB speaker" behind it, per
 * line. */
#include "audio/audio.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"

#define MANIFEST_LIMIT ((size_t)256 << 20) /* bytes */

const char *sp_split_name(sp_split split) {
    static const char *const names[] = {[SP_SPLIT_NONE] = "",
                                        [SP_SPLIT_TRAIN] = "train",
                                        [SP_SPLIT_VALIDATION] = "validation",
                                        [SP_SPLIT_TEST] = "test"};
    return names[split];
}

bool sp_split_parse(sp_split *split, const char *text) {
    for (int s = SP_SPLIT_TRAIN; s <= SP_SPLIT_TEST; s++) {
        if (strcmp(text, sp_split_name((sp_split)s)) == 0) {
            *split = (sp_split)s;
            return true;
        }
    }
    return false;
}

/* A label of the form 0..999999999. */
static bool parse_label(const char *text, long *label) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 9) {
        return false;
    }
    *label = strtol(text, &end, 10);
    return *end == '\0';
}

/* The path as the line has it, relative to the manifest's folder; NULL when memory is out. */
static char *beside(const char *manifest, const char *path) {
    const char *slash = strrchr(manifest, '/');
    const size_t folder = slash && path[0] != '/' ? (size_t)(slash - manifest) + 1 : 0;
    char *joined = malloc(folder + strlen(path) + 1);
    if (joined) {
        memcpy(joined, manifest, folder);
        memcpy(joined + folder, path, strlen(path) + 1);
    }
    return joined;
}

/* A path may be that of one sequence of a file. */
static bool stat_file(struct stat *info, size_t *number, const char *path) {
    char *file = strdup(path);
    bool found = false;
    if (file) {
        file[sp_clip_sequence_file(path, number)] = '\0';
        found = stat(file, info) == 0;
    }
    free(file);
    return found;
}

static bool identify(sp_manifest_entry *entry, const char *path) {
    struct stat info;
    if (!stat_file(&info, &entry->number, path)) {
        return false;
    }
    entry->device = (unsigned long long)info.st_dev;
    entry->inode = (unsigned long long)info.st_ino;
    return true;
}

/* Appends `entry`, whose numbers are set; its paths are copied. */
static sp_status append(sp_error *err, sp_manifest *manifest, const char *file,
                        sp_manifest_entry entry, const char *path, const char *speaker) {
    if ((manifest->count & (manifest->count - 1)) == 0) {
        const size_t room = manifest->count ? 2 * manifest->count : 1;
        sp_manifest_entry *grown = realloc(manifest->entry, room * sizeof *grown);
        if (!grown) {
            return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", room);
        }
        manifest->entry = grown;
    }
    sp_manifest_entry *added = &manifest->entry[manifest->count++];
    *added = entry;
    added->given = strdup(path);
    added->resolved = beside(file, path);
    added->speaker = strdup(speaker);
    if (!added->given || !added->resolved || !added->speaker) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the clips");
    }
    if (!identify(added, added->resolved) && identify(added, path)) {
        strcpy(added->resolved, path); // never longer than the joined path
    }
    return SP_OK;
}

enum { PATH, LABEL, SPLIT, SPEAKER, COLUMNS };

/* Cuts the line at its tabs; the number of columns, COLUMNS + 1 when there are more. Columns that
 * the line lacks are "". */
static size_t cut(char *column[COLUMNS], char *text) {
    size_t count = 0;
    for (char *at = text; at; count++) {
        char *tab = strchr(at, '\t');
        if (count == COLUMNS) {
            return COLUMNS + 1;
        }
        column[count] = at;
        at = tab ? tab + 1 : NULL;
        if (tab) {
            *tab = '\0';
        }
    }
    for (size_t i = count; i < COLUMNS; i++) {
        column[i] = column[0] + strlen(column[0]);
    }
    return count;
}

/* One line, its end already cut off; `first` until a line with content was seen. */
static sp_status read_line(sp_error *err, sp_manifest *manifest, const char *file, char *text,
                           size_t line, bool *first) {
    text[strcspn(text, "\r")] = '\0';
    if (strncmp(text, "# names\t", 8) == 0) {
        free(manifest->names);
        manifest->names = strdup(text + 8);
        return manifest->names ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for the names");
    }
    if (text[0] == '\0' || text[0] == '#') {
        return SP_OK;
    }
    const bool header = *first;
    char *column[COLUMNS];
    *first = false;
    const size_t count = cut(column, text);
    if (count < 2 || count > COLUMNS || column[PATH][0] == '\0') {
        return sp_fail(err, SP_E_FORMAT,
                       "line %zu is not of the form: path, one tab, label (and after further tabs "
                       "a split and a speaker)",
                       line);
    }
    sp_manifest_entry entry = {.line = line};
    if (header && strcasecmp(column[LABEL], "label") == 0) {
        return SP_OK;
    }
    if (!parse_label(column[LABEL], &entry.label)) {
        return sp_fail(err, SP_E_FORMAT, "line %zu: the label '%s' is not a whole number from 0",
                       line, column[LABEL]);
    }
    if (count > SPLIT && !sp_split_parse(&entry.split, column[SPLIT])) {
        return sp_fail(err, SP_E_FORMAT,
                       "line %zu: the split '%s' is none of train, validation and test", line,
                       column[SPLIT]);
    }
    return append(err, manifest, file, entry, column[PATH], column[SPEAKER]);
}

static int by_path(const void *a, const void *b) {
    const sp_manifest_entry *const *p = a, *const *q = b;
    const int order = strcmp((*p)->given, (*q)->given);
    return order ? order : ((*p)->line > (*q)->line) - ((*p)->line < (*q)->line);
}

static sp_status refuse_contradictions(sp_error *err, const sp_manifest *manifest) {
    const sp_manifest_entry **sorted = malloc(manifest->count * sizeof *sorted);
    if (!sorted) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", manifest->count);
    }
    for (size_t i = 0; i < manifest->count; i++) {
        sorted[i] = &manifest->entry[i];
    }
    qsort(sorted, manifest->count, sizeof *sorted, by_path);
    sp_status status = SP_OK;
    for (size_t i = 1; status == SP_OK && i < manifest->count; i++) {
        const sp_manifest_entry *p = sorted[i - 1], *q = sorted[i];
        if (p->label != q->label && strcmp(p->given, q->given) == 0) {
            status =
                sp_fail(err, SP_E_FORMAT, "lines %zu and %zu give '%s' two labels, %ld and %ld",
                        p->line, q->line, p->given, p->label, q->label);
        } else if (p->split != q->split && strcmp(p->given, q->given) == 0) {
            status = sp_fail(err, SP_E_FORMAT, "lines %zu and %zu give '%s' two splits", p->line,
                             q->line, p->given);
        }
    }
    free(sorted);
    return status;
}

static sp_status read_text(sp_error *err, sp_manifest *manifest, const char *file, char *text,
                           size_t size) {
    if (memchr(text, '\0', size)) {
        return sp_fail(err, SP_E_FORMAT, "holds zero bytes: it is not a text file");
    }
    bool first = true;
    size_t line = 1;
    char *at = strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text; // byte order mark
    while (at) {
        char *end = strchr(at, '\n');
        if (end) {
            *end++ = '\0';
        }
        SP_TRY(read_line(err, manifest, file, at, line++, &first));
        at = end;
    }
    if (manifest->count == 0) {
        return sp_fail(err, SP_E_FORMAT, "lists no clips: each line is a path, a tab and a label");
    }
    return refuse_contradictions(err, manifest);
}

sp_status sp_manifest_read(sp_error *err, sp_manifest *manifest, const char *path) {
    char *text = NULL;
    size_t size = 0;
    *manifest = (sp_manifest){0};
    SP_TRY(sp_file_read(err, &text, &size, path, MANIFEST_LIMIT));
    sp_status status = read_text(err, manifest, path, text, size);
    free(text);
    if (status != SP_OK) {
        sp_manifest_clear(manifest);
        return err ? sp_error_in(err, path) : status;
    }
    return SP_OK;
}

void sp_manifest_clear(sp_manifest *manifest) {
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->entry[i].given);
        free(manifest->entry[i].resolved);
        free(manifest->entry[i].speaker);
    }
    free(manifest->entry);
    free(manifest->names);
    *manifest = (sp_manifest){0};
}

const sp_manifest_entry *sp_manifest_find(const sp_manifest *manifest, const char *clip) {
    for (size_t i = 0; i < manifest->count; i++) {
        const sp_manifest_entry *entry = &manifest->entry[i];
        if (strcmp(entry->given, clip) == 0 || strcmp(entry->resolved, clip) == 0) {
            return entry;
        }
    }
    struct stat info;
    size_t number = 0;
    if (!stat_file(&info, &number, clip)) {
        return NULL;
    }
    for (size_t i = 0; i < manifest->count; i++) {
        const sp_manifest_entry *entry = &manifest->entry[i];
        if (entry->inode != 0 && entry->number == number &&
            entry->inode == (unsigned long long)info.st_ino &&
            entry->device == (unsigned long long)info.st_dev) {
            return entry;
        }
    }
    return NULL;
}
