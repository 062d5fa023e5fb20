/* Labels that the names of files carry. */
#include <string.h>

#include "audio/audio.h"

long sp_label_of_name(const char *path, size_t classes) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (name[0] < '0' || name[0] > '9' || name[1] != '_') {
        return -1;
    }
    const long label = name[0] - '0';
    return (size_t)label < classes ? label : -1;
}
