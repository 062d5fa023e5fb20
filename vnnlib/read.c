/* A query out of a file or a text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "vnnlib/impl.h"

#define FILE_LIMIT ((size_t)1 << 28) /* bytes */

static bool is_declaration(const sp_vnnlib_expression *word) {
    return sp_vnnlib_is_word(word, "vnnlib-version") || sp_vnnlib_is_word(word, "declare-const") ||
           sp_vnnlib_is_word(word, "declare-fun") || sp_vnnlib_is_word(word, "declare-network");
}

static sp_status read_command(sp_vnnlib_reader *r, const sp_vnnlib_expression *e) {
    const sp_vnnlib_expression *what = e->kind == SP_VNNLIB_LIST ? e->first : NULL;
    if (is_declaration(what)) {
        return sp_vnnlib_declare(r, e);
    }
    if (!sp_vnnlib_is_word(what, "assert") || !what->next || what->next->next) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "a query is declarations, then (assert FORMULA)");
    }
    if (!r->declared) {
        SP_TRY(sp_vnnlib_declared(r));
    }
    return sp_vnnlib_assert(r, what->next);
}

/* Before there are alternatives: one without constraints. */
static sp_status start(sp_vnnlib_reader *r) {
    r->query->cube = sp_region_take(r->memory, 1, sizeof *r->query->cube);
    r->query->cubes = 1;
    if (r->query->cube != NULL) {
        r->query->cube->constraint = sp_region_take(r->memory, 1, sizeof(size_t));
    }
    return r->query->cube != NULL && r->query->cube->constraint != NULL
               ? SP_OK
               : sp_vnnlib_out_of_memory(r->err);
}

static sp_status read_all(sp_vnnlib_reader *r, const char *text, size_t size) {
    sp_vnnlib_expression *e = NULL;
    char *copy = sp_region_take(r->memory, size + 1, 1);
    if (copy == NULL) {
        return sp_vnnlib_out_of_memory(r->err);
    }
    memcpy(copy, text, size);
    SP_TRY(start(r));
    SP_TRY(sp_vnnlib_expressions(r->err, &e, r->memory, copy, size));
    for (; e != NULL; e = e->next) {
        SP_TRY(read_command(r, e));
    }
    if (!r->declared) {
        SP_TRY(sp_vnnlib_declared(r));
    }
    return sp_vnnlib_cases(r);
}

sp_status sp_vnnlib_parse(sp_error *err, sp_vnnlib *query, const char *text, size_t size,
                          const char *name) {
    sp_error local = {0};
    *query = (sp_vnnlib){.memory = {.left = SIZE_MAX}};
    sp_vnnlib_reader r = {.err = &local, .query = query, .memory = &query->memory};
    const sp_status status = read_all(&r, text, size);
    if (status != SP_OK) {
        (void)sp_error_in(&local, name);
        sp_vnnlib_clear(query);
        if (err != NULL) {
            *err = local;
        }
    }
    return status;
}

sp_status sp_vnnlib_read(sp_error *err, sp_vnnlib *query, const char *path) {
    char *text = NULL;
    size_t size = 0;
    *query = (sp_vnnlib){0};
    SP_TRY(sp_file_read(err, &text, &size, path, FILE_LIMIT));
    const sp_status status = sp_vnnlib_parse(err, query, text, size, path);
    free(text);
    return status;
}

void sp_vnnlib_clear(sp_vnnlib *query) {
    sp_region_clear(&query->memory, 0);
    *query = (sp_vnnlib){0};
}
