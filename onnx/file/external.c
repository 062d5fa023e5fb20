/* Numbers that a file keeps beside itself. They are read into the messages before anything else
 * looks at them. A location is a path inside of the folder in which the model lies; links that lead
 * out of it are not followed. */
#define _XOPEN_SOURCE 700 // realpath
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx/impl.h"

static const size_t most_bytes = (size_t)1 << 30; // of all tensors together

typedef struct sp_onnx_beside {
    sp_error *err;
    char *folder; /* owned: where the model lies, links resolved; NULL: it came as bytes */
    sp_digest *digest;
    size_t bytes; /* read so far */
} sp_onnx_beside;

typedef struct sp_onnx_place {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} sp_onnx_place;

static bool is_external(const Onnx__TensorProto *tensor) {
    return tensor->has_data_location
               ? tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL
               : tensor->n_external_data > 0;
}

static const char *name_of(const Onnx__TensorProto *tensor) {
    return tensor->name ? tensor->name : "";
}

/* ---- where ---- */

static sp_status read_number(sp_onnx_beside *b, uint64_t *number, const char *text,
                             const Onnx__TensorProto *tensor) {
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0') {
        return sp_fail(b->err, SP_E_FORMAT,
                       "tensor '%.120s' stands in another file at '%.40s', which is no number",
                       name_of(tensor), text);
    }
    *number = strtoull(text, NULL, 10);
    return SP_OK;
}

static sp_status read_place(sp_onnx_beside *b, sp_onnx_place *place,
                            const Onnx__TensorProto *tensor) {
    *place = (sp_onnx_place){0};
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
        const char *key = entry->key ? entry->key : "", *value = entry->value ? entry->value : "";
        if (strcmp(key, "location") == 0) {
            place->location = value;
        } else if (strcmp(key, "offset") == 0) {
            SP_TRY(read_number(b, &place->offset, value, tensor));
        } else if (strcmp(key, "length") == 0) {
            SP_TRY(read_number(b, &place->length, value, tensor));
            place->has_length = true;
        }
    }
    return place->location && place->location[0] != '\0'
               ? SP_OK
               : sp_fail(b->err, SP_E_FORMAT,
                         "tensor '%.120s' keeps its numbers in another file that it does not name",
                         name_of(tensor));
}

/* A relative path that never goes up. */
static bool goes_down(const char *location) {
    if (location[0] == '/' || strchr(location, '\\')) {
        return false;
    }
    for (const char *at = location; *at != '\0';) {
        const size_t length = strcspn(at, "/");
        if (length == 2 && memcmp(at, "..", 2) == 0) {
            return false;
        }
        at += length + (at[length] == '/');
    }
    return true;
}

/* Opens the regular file at the location. */
static sp_status open_place(sp_onnx_beside *b, int *file, const char *location,
                            const Onnx__TensorProto *tensor) {
    if (!goes_down(location)) {
        return sp_fail(b->err, SP_E_UNSUPPORTED,
                       "tensor '%.80s' keeps its numbers in '%.120s': only files in the model's "
                       "own folder are read: put both there and export, or save, the model again",
                       name_of(tensor), location);
    }
    const size_t size = strlen(b->folder) + strlen(location) + 2;
    char *path = malloc(size), *real = NULL;
    if (!path) {
        return sp_fail(b->err, SP_E_MEMORY, "no memory for a path");
    }
    snprintf(path, size, "%s/%s", b->folder, location);
    real = realpath(path, NULL);
    free(path);
    if (!real) {
        return sp_fail(b->err, SP_E_IO,
                       "tensor '%.80s' keeps its numbers in '%.120s', which is not beside the "
                       "model: put both files into one folder",
                       name_of(tensor), location);
    }
    const size_t inside = strcmp(b->folder, "/") == 0 ? 0 : strlen(b->folder);
    const bool within = strncmp(real, b->folder, inside) == 0 && real[inside] == '/';
    struct stat about;
    *file = within ? open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    free(real);
    if (!within) {
        return sp_fail(b->err, SP_E_UNSUPPORTED,
                       "tensor '%.80s' keeps its numbers in '%.120s', a link that leads out of the "
                       "model's folder: copy both files themselves into one folder",
                       name_of(tensor), location);
    }
    if (*file < 0 || fstat(*file, &about) != 0 || !S_ISREG(about.st_mode)) {
        return sp_fail(b->err, SP_E_IO,
                       "tensor '%.80s' keeps its numbers in '%.120s', which cannot be read",
                       name_of(tensor), location);
    }
    return SP_OK;
}

/* ---- reading ---- */

static bool read_bytes(int file, uint8_t *bytes, size_t size, off_t offset) {
    for (size_t done = 0; done < size;) {
        const ssize_t got = pread(file, bytes + done, size - done, offset + (off_t)done);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* The bytes of a place, from an open file. */
static sp_status read_from(sp_onnx_beside *b, Onnx__TensorProto *tensor, const sp_onnx_place *place,
                           int file) {
    struct stat about;
    size_t size = 0;
    if (!sp_onnx_tensor_bytes(&size, tensor) || (place->has_length && place->length != size)) {
        return sp_fail(b->err, SP_E_FORMAT,
                       "tensor '%.120s' does not say how many bytes of '%.120s' it is",
                       name_of(tensor), place->location);
    }
    if (fstat(file, &about) != 0 || about.st_size < 0 || place->offset > (uint64_t)about.st_size ||
        size > (uint64_t)about.st_size - place->offset) {
        return sp_fail(b->err, SP_E_FORMAT,
                       "tensor '%.80s' is bytes %" PRIu64 " to %" PRIu64 " of '%.120s', which ends "
                       "before: is it the file that was written with this model?",
                       name_of(tensor), place->offset, place->offset + size, place->location);
    }
    if (size > most_bytes - b->bytes) {
        return sp_fail(b->err, SP_E_MEMORY, "the numbers beside the model take more than 1 GiB");
    }
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) {
        return sp_fail(b->err, SP_E_MEMORY, "no memory for tensor '%.120s'", name_of(tensor));
    }
    if (!read_bytes(file, bytes, size, (off_t)place->offset)) {
        free(bytes);
        return sp_fail(b->err, SP_E_IO, "tensor '%.80s' cannot be read from '%.120s'",
                       name_of(tensor), place->location);
    }
    free(tensor->raw_data.data);
    tensor->raw_data = (ProtobufCBinaryData){.len = size, .data = bytes};
    tensor->has_raw_data = 1;
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT;
    b->bytes += size;
    sp_digest_add(b->digest, bytes, size);
    return SP_OK;
}

static sp_status load_tensor(sp_onnx_beside *b, Onnx__TensorProto *tensor) {
    sp_onnx_place place;
    int file = -1;
    if (!is_external(tensor)) {
        return SP_OK;
    }
    if (!b->folder) {
        return sp_fail(b->err, SP_E_UNSUPPORTED,
                       "tensor '%.120s' keeps its numbers in another file: open the model by its "
                       "path, with that file beside it",
                       name_of(tensor));
    }
    if (tensor->n_float_data + tensor->n_int32_data + tensor->n_int64_data + tensor->n_double_data >
            0 ||
        tensor->raw_data.len > 0) {
        return sp_fail(b->err, SP_E_FORMAT, "tensor '%.120s' has numbers here and in another file",
                       name_of(tensor));
    }
    SP_TRY(read_place(b, &place, tensor));
    sp_status status = open_place(b, &file, place.location, tensor);
    status = status == SP_OK ? read_from(b, tensor, &place, file) : status;
    if (file >= 0) {
        close(file);
    }
    return status;
}

// Depth of nesting is limited by sp_onnx_decode.
static sp_status load_graph(sp_onnx_beside *b, const Onnx__GraphProto *graph);

static sp_status load_attribute(sp_onnx_beside *b, const Onnx__AttributeProto *attribute) {
    SP_TRY(attribute->t ? load_tensor(b, attribute->t) : SP_OK);
    for (size_t i = 0; i < attribute->n_tensors; i++) {
        SP_TRY(load_tensor(b, attribute->tensors[i]));
    }
    for (size_t i = 0; i < attribute->n_graphs; i++) {
        SP_TRY(load_graph(b, attribute->graphs[i]));
    }
    return attribute->g ? load_graph(b, attribute->g) : SP_OK;
}

static sp_status load_graph(sp_onnx_beside *b, const Onnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        SP_TRY(load_tensor(b, graph->initializer[i]));
    }
    for (size_t n = 0; n < graph->n_node; n++) {
        for (size_t i = 0; i < graph->node[n]->n_attribute; i++) {
            SP_TRY(load_attribute(b, graph->node[n]->attribute[i]));
        }
    }
    return SP_OK;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = slash == path ? strdup("/")
                 : slash       ? strndup(path, (size_t)(slash - path))
                               : strdup(".");
    char *real = name ? realpath(name, NULL) : NULL;
    free(name);
    return real;
}

sp_status sp_onnx_external_load(sp_error *err, size_t *bytes, sp_digest *digest,
                                Onnx__ModelProto *proto, const char *path) {
    sp_onnx_beside b = {.err = err, .folder = path ? folder_of(path) : NULL, .digest = digest};
    *bytes = 0;
    if (path && !b.folder) {
        return sp_fail(err, SP_E_IO, "the folder of the model cannot be found");
    }
    const sp_status status = proto->graph ? load_graph(&b, proto->graph) : SP_OK;
    *bytes = b.bytes;
    free(b.folder);
    return status;
}
