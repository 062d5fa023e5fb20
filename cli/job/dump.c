/* --dump-bounds: boxes of the nodes of a network in a file. Only this file knows minizip. */
#include "cli/job/dump.h"

#include <minizip/zip.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/npy.h"
#include "base/utf8.h"

/* ---- boxes of a clip ---- */

typedef struct collector {
    cli_dump_part *part;
    const sp_pipeline *pipeline;
    size_t frames; /* of the source of the net */
    sp_error *err;
} collector;

static cli_dump_node *add_node(cli_dump_part *part) {
    cli_dump_node *grown = realloc(part->node, (part->nodes + 1) * sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    part->node = grown;
    part->node[part->nodes] = (cli_dump_node){0};
    return &part->node[part->nodes++];
}

/* Frames come in order, those of a node one behind the other. */
static int see(void *context, size_t index, const char *kind, size_t frame, size_t width,
               const double *lo, const double *hi) {
    const collector *c = context;
    cli_dump_part *part = c->part;
    cli_dump_node *node = part->nodes > 0 ? &part->node[part->nodes - 1] : NULL;
    if (node == NULL || node->node != index) {
        const size_t frames = sp_net_frames(c->pipeline->net, 0, index, c->frames);
        node = add_node(part);
        if (node != NULL) {
            *node = (cli_dump_node){index, frames, width, kind, NULL, NULL};
            node->lower = calloc(2 * (frames > 0 ? frames : 1) * width, sizeof *node->lower);
        }
        if (node == NULL || node->lower == NULL) {
            return (int)sp_fail(c->err, SP_E_MEMORY, "out of memory for boxes");
        }
        node->upper = node->lower + frames * width;
    }
    memcpy(node->lower + frame * width, lo, width * sizeof *lo);
    memcpy(node->upper + frame * width, hi, width * sizeof *hi);
    return 0;
}

void cli_dump_bounds(cli_dump_part *part, const sp_pipeline *pipeline, const sp_clip *clip,
                     const sp_budget *budget, double timeout) {
    *part = (cli_dump_part){0};
    collector c = {part, pipeline, sp_front_frames(pipeline->front, clip->n), &part->err};
    const int status = sp_certify_boxes(&part->err, pipeline, clip, budget, timeout, see, &c);
    if (status != SP_OK && !part->err.text[0]) {
        sp_fail(&part->err, (sp_status)status, "no boxes: %s", sp_status_text((sp_status)status));
    }
}

void cli_dump_part_clear(cli_dump_part *part) {
    for (size_t i = 0; i < part->nodes; i++) {
        free(part->node[i].lower);
    }
    free(part->node);
    *part = (cli_dump_part){0};
}

/* ---- the file ---- */

struct cli_dump {
    char *path;   /* owned */
    zipFile zip;  /* NULL: JSON */
    char **first; /* [parts] owned, each too: the first array of each part in the archive */
    size_t parts;
    sp_file_draft draft;
    bool drafted, begun;
};

static bool ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), wanted = strlen(ending);
    return length > wanted && strcasecmp(path + length - wanted, ending) == 0;
}

static sp_status open_file(sp_error *err, cli_dump *dump) {
    SP_TRY(cli_path_check(err, dump->path));
    SP_TRY(sp_file_draft_open(err, &dump->draft, dump->path));
    dump->drafted = true;
    if (ends_in(dump->path, ".npz")) {
        dump->zip = zipOpen64(sp_file_draft_place(&dump->draft), APPEND_STATUS_CREATE);
        return dump->zip != NULL ? SP_OK
                                 : sp_fail(err, SP_E_IO, "%s: cannot be written", dump->path);
    }
    return sp_file_draft_write(err, &dump->draft, "[", 1);
}

int cli_dump_open(cli_dump **dump, const cli_command *command, const char *path) {
    sp_error err = {0};
    *dump = NULL;
    if (!ends_in(path, ".npz") && !ends_in(path, ".json")) {
        return cli_usage(command, "--dump-bounds writes FILE.npz or FILE.json, not '%s'", path);
    }
    cli_dump *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->path = strdup(path);
    }
    if (made == NULL || made->path == NULL) {
        sp_fail(&err, SP_E_MEMORY, "out of memory");
    } else if (open_file(&err, made) == SP_OK) {
        *dump = made;
        return -1;
    }
    cli_complain("%s", err.text);
    cli_dump_drop(made);
    return CLI_INPUT;
}

void cli_dump_drop(cli_dump *dump) {
    if (dump == NULL) {
        return;
    }
    if (dump->zip != NULL) {
        zipClose(dump->zip, NULL);
    }
    if (dump->drafted) {
        sp_file_draft_drop(&dump->draft);
    }
    for (size_t i = 0; i < dump->parts; i++) {
        free(dump->first[i]);
    }
    free(dump->first);
    free(dump->path);
    free(dump);
}

/* A slash would be a folder inside the archive. */
static void entry_name(char *text, size_t size, const char *clip, const char *budget,
                       const cli_dump_node *node, const char *end) {
    const int begin = snprintf(text, size, "%s", clip);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '/' ? '_' : *at;
    }
    const size_t used = (size_t)begin < size ? (size_t)begin : size - 1;
    snprintf(text + used, size - used, "|%s|%02zu %s|%s.npy", budget, node->node, node->kind, end);
}

static bool is_utf8(const char *text) {
    size_t length = 1;
    for (; *text != '\0' && length > 0; text += length) {
        length = sp_utf8_length(text);
    }
    return length > 0;
}

/* minizip would write two arrays of one name, and names in no encoding. */
static sp_status remember_part(sp_error *err, cli_dump *dump, const char *name) {
    bool known = false;
    for (size_t i = 0; i < dump->parts && !known; i++) {
        known = strcmp(dump->first[i], name) == 0;
    }
    if (known || !is_utf8(name)) {
        return sp_fail(err, SP_E_ARGUMENT, "%s: '%.200s' %s", dump->path, name,
                       known ? "is in it already" : "is no UTF-8");
    }
    char *kept = strdup(name);
    char **grown = realloc(dump->first, (dump->parts + 1) * sizeof *grown);
    dump->first = grown != NULL ? grown : dump->first;
    if (kept == NULL || grown == NULL) {
        free(kept);
        return sp_fail(err, SP_E_MEMORY, "%s: out of memory", dump->path);
    }
    dump->first[dump->parts++] = kept;
    return SP_OK;
}

/* minizip counts the bytes of a piece in 32 bits. */
static bool write_pieces(zipFile zip, const void *data, size_t size) {
    const size_t most = (size_t)1 << 30;
    bool good = true;
    for (size_t at = 0; at < size && good; at += most) {
        const size_t piece = size - at < most ? size - at : most;
        good = zipWriteInFileInZip(zip, (const char *)data + at, (unsigned)piece) == ZIP_OK;
    }
    return good;
}

static sp_status add_array(sp_error *err, cli_dump *dump, const char *name, const double *numbers,
                           size_t rows, size_t columns) {
    enum { UTF8 = 1 << 11, MADE_BY = 0 }; // of the format: the flag of names in UTF-8
    const zip_fileinfo always = {.tmz_date = {.tm_mday = 1, .tm_year = 1980}};
    const size_t bytes = rows * columns * sizeof *numbers;
    char head[SP_NPY_HEAD];
    sp_npy_pack(head, rows, columns);
    const bool good = zipOpenNewFileInZip4_64(dump->zip, name, &always, NULL, 0, NULL, 0, NULL,
                                              Z_DEFLATED, Z_DEFAULT_COMPRESSION, 0, -MAX_WBITS,
                                              DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY, NULL, 0, MADE_BY,
                                              UTF8, bytes > 0xf0000000u) == ZIP_OK &&
                      write_pieces(dump->zip, head, sizeof head) &&
                      write_pieces(dump->zip, numbers, bytes) &&
                      zipCloseFileInZip(dump->zip) == ZIP_OK;
    return good ? SP_OK : sp_fail(err, SP_E_IO, "%s: cannot be written", dump->path);
}

static sp_status add_arrays(sp_error *err, cli_dump *dump, const cli_dump_part *part,
                            const char *clip, const char *budget) {
    enum { NAME = 4096 };
    char *name = malloc(NAME);
    sp_status status =
        name != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "%s: out of memory", dump->path);
    for (size_t i = 0; status == SP_OK && i < part->nodes; i++) {
        const cli_dump_node *node = &part->node[i];
        entry_name(name, NAME, clip, budget, node, "lower");
        status = i > 0 ? SP_OK : remember_part(err, dump, name);
        if (status == SP_OK) {
            status = add_array(err, dump, name, node->lower, node->frames, node->width);
        }
        if (status == SP_OK) {
            entry_name(name, NAME, clip, budget, node, "upper");
            status = add_array(err, dump, name, node->upper, node->frames, node->width);
        }
    }
    free(name);
    return status;
}

static sp_status add_objects(sp_error *err, cli_dump *dump, const cli_dump_part *part,
                             const char *clip, const char *budget, double eps) {
    for (size_t i = 0; i < part->nodes; i++) {
        const cli_dump_node *node = &part->node[i];
        sp_json_line *line = sp_json_line_create();
        sp_json_line_text(line, "clip", clip);
        sp_json_line_text(line, "budget", budget);
        sp_json_line_number(line, "eps", eps);
        sp_json_line_number(line, "node", (double)node->node);
        sp_json_line_text(line, "kind", node->kind);
        sp_json_line_rows(line, "lower", node->lower, node->frames, node->width);
        sp_json_line_rows(line, "upper", node->upper, node->frames, node->width);
        char *text = sp_json_line_finish(line);
        sp_status status = text != NULL
                               ? sp_file_draft_write(err, &dump->draft, dump->begun ? ",\n" : "\n",
                                                     dump->begun ? 2 : 1)
                               : sp_fail(err, SP_E_MEMORY, "%s: out of memory", dump->path);
        if (status == SP_OK) {
            status = sp_file_draft_write(err, &dump->draft, text, strlen(text));
        }
        free(text);
        SP_TRY(status);
        dump->begun = true;
    }
    return SP_OK;
}

sp_status cli_dump_add(sp_error *err, cli_dump *dump, cli_dump_part *part, const char *clip,
                       const char *budget, double eps) {
    const sp_status status = dump->zip != NULL ? add_arrays(err, dump, part, clip, budget)
                                               : add_objects(err, dump, part, clip, budget, eps);
    cli_dump_part_clear(part);
    return status;
}

sp_status cli_dump_close(sp_error *err, cli_dump **dump) {
    cli_dump *made = *dump;
    sp_status status = SP_OK;
    *dump = NULL;
    if (made->zip != NULL) {
        status = zipClose(made->zip, NULL) == ZIP_OK
                     ? SP_OK
                     : sp_fail(err, SP_E_IO, "%s: cannot be written", made->path);
        made->zip = NULL;
    } else {
        status = sp_file_draft_write(err, &made->draft, "\n]\n", 3);
    }
    if (status == SP_OK) {
        status = sp_file_draft_keep(err, &made->draft);
        made->drafted = false;
    }
    cli_dump_drop(made);
    return status;
}
