/* Short names of clips for tables. */
#include "cli/impl.h"

#include <stdlib.h>
#include <string.h>

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return strcmp(path, "-") == 0 ? "stdin" : slash && slash[1] ? slash + 1 : path;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether two clips have one file name; true as well when memory is out. */
static bool names_repeat(char *const *path, size_t count) {
    const char **sorted = malloc((count ? count : 1) * sizeof *sorted);
    bool repeat = sorted == NULL;
    for (size_t i = 0; sorted && i < count; i++) {
        sorted[i] = file_name(path[i]);
    }
    if (sorted) {
        qsort(sorted, count, sizeof *sorted, by_name);
    }
    for (size_t i = 1; sorted && i < count && !repeat; i++) {
        repeat = strcmp(sorted[i - 1], sorted[i]) == 0;
    }
    free(sorted);
    return repeat;
}

bool cli_names_make(cli_names *names, char *const *path, size_t count) {
    const bool whole = names_repeat(path, count);
    *names = (cli_names){calloc(count ? count : 1, sizeof(char *)), count, 4};
    for (size_t i = 0; names->name && i < count; i++) {
        char *name = strdup(whole ? path[i] : file_name(path[i]));
        names->name[i] = name;
        if (!name) {
            cli_names_clear(names);
            return false;
        }
        for (char *c = name; *c; c++) {
            *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
        }
        const size_t width = sp_table_text_width(name);
        names->width = width > names->width ? width : names->width;
    }
    return names->name != NULL;
}

void cli_names_clear(cli_names *names) {
    for (size_t i = 0; names->name && i < names->count; i++) {
        free(names->name[i]);
    }
    free(names->name);
    *names = (cli_names){0};
}
