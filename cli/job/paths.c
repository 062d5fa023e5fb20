/* Folders and names of the files that commands write. */
#define _XOPEN_SOURCE 700 // SIGXFSZ
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/impl.h"

static bool make_folder(const char *path) {
    char *copy = strdup(path);
    bool made = copy != NULL;
    for (char *at = copy ? copy + 1 : NULL; made && at && *at; at++) {
        if (*at == '/') {
            *at = '\0';
            made = mkdir(copy, 0777) == 0 || errno == EEXIST;
            *at = '/';
        }
    }
    made = made && (mkdir(path, 0777) == 0 || errno == EEXIST);
    struct stat info;
    made = made && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    free(copy);
    return made;
}

sp_status cli_path_make_folder(sp_error *err, const char *path) {
    if (!make_folder(path)) {
        return sp_fail(err, SP_E_IO, "%s: is no folder and cannot be made", path);
    }
    char *file = cli_path_beside(path, "clip", "check");
    const sp_status status =
        file ? cli_path_check(err, file) : sp_fail(err, SP_E_MEMORY, "%s: out of memory", path);
    free(file);
    return status == SP_E_IO ? sp_fail(err, status, "%s: no file can be made in this folder", path)
                             : status;
}

sp_status cli_path_check(sp_error *err, const char *path) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    sp_file_draft_drop(&draft);
    return SP_OK;
}

/* FOLDER/NAME_TEXT, and behind it `ending` instead of the name's own. */
static char *path_of(const char *folder, const char *name, const char *text, const char *ending) {
    size_t number = 0;
    const size_t file = sp_clip_sequence_file(name, &number);
    const char *dot = strrchr(name, '.'), *more = name + file;
    const char *end = dot && dot != name ? dot : name + strlen(name);
    const int stop = *more ? (int)(more - end) : (int)strlen(end); // of the ending, before a number
    const size_t begin = strlen(folder) + 1;
    const size_t size = begin + strlen(name) + strlen(text) + sizeof "_.proof";
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s/%.*s%s%s_%s%.*s", folder, (int)(end - name), name,
                 *more ? "_" : "", *more ? more + 1 : "", text, ending ? (int)strlen(ending) : stop,
                 ending ? ending : end);
        for (char *at = path + begin; *at; at++) {
            *at = *at == '/' ? '_' : *at;
        }
    }
    return path;
}

char *cli_path_beside(const char *folder, const char *name, const char *text) {
    return path_of(folder, name, text, NULL);
}

char *cli_path_proof(const char *folder, const char *name, const char *budget) {
    return path_of(folder, name, budget, ".proof");
}

char *cli_path_heard(const char *folder, const char *name) {
    return path_of(folder, name, "heard", ".wav");
}

char *cli_path_with(const char *path, const char *text) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    const size_t size = strlen(path) + strlen(text) + 1;
    const size_t head = dot && dot != name ? (size_t)(dot - path) : strlen(path);
    char *made = malloc(size);
    if (made) {
        snprintf(made, size, "%.*s%s%s", (int)head, path, text, path + head);
    }
    return made;
}

const char *cli_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void cli_cache_open(void) {
    const char *own = getenv("SOUNDPROOF_CACHE"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char path[4096] = "";
    signal(SIGXFSZ, SIG_IGN); // a limit on the size of files is an error of write
    if (own) {
        snprintf(path, sizeof path, "%s", own);
    } else if (cache && cache[0] == '/') {
        snprintf(path, sizeof path, "%s/soundproof", cache);
    } else if (home && home[0] == '/') {
        snprintf(path, sizeof path, "%s/.cache/soundproof", home);
    }
    sp_front_cache_in(path[0] && strlen(path) + 1 < sizeof path && make_folder(path) ? path : NULL);
}
