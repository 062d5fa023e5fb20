/* Declarations: numbers one by one (1.0), or tensors of a network (2.0). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnnlib/impl.h"

#define LARGEST ((size_t)1 << 24) /* numbers of a tensor */

/* "12" as a number below LARGEST; false: not one. */
static bool read_whole(size_t *whole, const char *text, size_t length) {
    size_t value = 0;
    if (length == 0 || length > 8) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = 10 * value + (size_t)(text[i] - '0');
    }
    *whole = value;
    return true;
}

/* "1,5" as lengths or positions; false: something else, or too many. */
static bool read_wholes(size_t whole[SP_VNNLIB_AXES], size_t *count, const char *text) {
    *count = 0;
    while (*text != '\0') {
        const size_t length = strcspn(text, ",");
        if (*count == SP_VNNLIB_AXES || !read_whole(&whole[(*count)++], text, length)) {
            return false;
        }
        text += length;
        if (*text == ',' && *++text == '\0') {
            return false;
        }
    }
    return true;
}

/* ---- version 2 ---- */

static bool read_type(sp_vnnlib_tensor *tensor, const char *name) {
    static const char *const names[] = {"Real", "real", "float32", "float64"};
    static const sp_vnnlib_type types[] = {SP_VNNLIB_REAL, SP_VNNLIB_REAL, SP_VNNLIB_FLOAT32,
                                           SP_VNNLIB_FLOAT64};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            tensor->type = types[i];
            snprintf(tensor->type_name, sizeof tensor->type_name, "%s", name);
            return true;
        }
    }
    return false;
}

static bool is_name(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const size_t length = strlen(text);
    return length > 0 && length < SP_VNNLIB_NAME && strchr(letters, text[0]) != NULL &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               length;
}

static sp_status take_tensor(sp_vnnlib_reader *r, sp_vnnlib_tensor *tensor,
                             const sp_vnnlib_expression *e, const char *kind) {
    const sp_vnnlib_expression *name = e->first->next, *type = name ? name->next : NULL;
    const sp_vnnlib_expression *shape = type ? type->next : NULL;
    if (!shape || name->kind != SP_VNNLIB_WORD || type->kind != SP_VNNLIB_WORD ||
        shape->kind != SP_VNNLIB_INDEX || !is_name(name->text)) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "declare-%s needs a name, a type and a shape, as X float32 [1,5]",
                                  kind);
    }
    if (shape->next != NULL) {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "declare-%s %s has more than a name, a type and a shape", kind,
                                  name->text);
    }
    if (tensor->name[0] != '\0') {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "a second %s, '%s': networks with one input and one output are "
                                  "verified",
                                  kind, name->text);
    }
    if (!read_type(tensor, type->text)) {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "the element type '%.40s' of %s: real, float32 and float64 are "
                                  "known",
                                  type->text, name->text);
    }
    snprintf(tensor->name, sizeof tensor->name, "%s", name->text);
    bool fits = read_wholes(tensor->axis, &tensor->axes, shape->text);
    tensor->size = 1;
    for (size_t i = 0; fits && i < tensor->axes; i++) {
        fits = tensor->axis[i] > 0 && tensor->size <= LARGEST / tensor->axis[i];
        tensor->size *= tensor->axis[i];
    }
    return fits ? SP_OK
                : sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                     "the shape [%.40s] of %s is not up to %d lengths above 0",
                                     shape->text, name->text, SP_VNNLIB_AXES);
}

static sp_status take_part(sp_vnnlib_reader *r, const sp_vnnlib_expression *e) {
    const sp_vnnlib_expression *what = e->kind == SP_VNNLIB_LIST ? e->first : NULL;
    if (sp_vnnlib_is_word(what, "declare-input")) {
        return take_tensor(r, &r->query->input, e, "input");
    }
    if (sp_vnnlib_is_word(what, "declare-output")) {
        return take_tensor(r, &r->query->output, e, "output");
    }
    if (what != NULL && what->kind == SP_VNNLIB_WORD) {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "'%.40s' in a network: only declare-input and declare-output are "
                                  "known",
                                  what->text);
    }
    return sp_vnnlib_complain(r->err, SP_E_FORMAT, e, "a network holds declarations");
}

static sp_status declare_network(sp_vnnlib_reader *r, const sp_vnnlib_expression *e) {
    const sp_vnnlib_expression *name = e->first->next;
    sp_vnnlib *query = r->query;
    if (query->version != 2) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "declare-network without (vnnlib-version <2.0>) before it");
    }
    if (!name || name->kind != SP_VNNLIB_WORD || !is_name(name->text)) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e, "a network needs a name");
    }
    if (query->network[0] != '\0') {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "a second network, '%s': queries about one are verified",
                                  name->text);
    }
    snprintf(query->network, sizeof query->network, "%s", name->text);
    for (const sp_vnnlib_expression *part = name->next; part; part = part->next) {
        SP_TRY(take_part(r, part));
    }
    return SP_OK;
}

static sp_status take_version(sp_vnnlib_reader *r, const sp_vnnlib_expression *e) {
    const sp_vnnlib_expression *version = e->first->next;
    sp_vnnlib *query = r->query;
    if (!version || version->kind != SP_VNNLIB_WORD || version->next || query->version != 0 ||
        query->input.size > 0) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "(vnnlib-version <2.0>) stands once, before everything else");
    }
    if (strncmp(version->text, "<2.", 3) != 0) {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "version %.20s: 2.0, and 1.0 without this line, are known",
                                  version->text);
    }
    query->version = 2;
    return SP_OK;
}

/* ---- version 1 ---- */

/* (declare-const X_0 Real), (declare-fun X_0 () Real) */
static sp_status declare_number(sp_vnnlib_reader *r, const sp_vnnlib_expression *e) {
    const bool function = sp_vnnlib_is_word(e->first, "declare-fun");
    const sp_vnnlib_expression *name = e->first->next, *type = name ? name->next : NULL;
    sp_vnnlib *query = r->query;
    if (query->version == 2) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "declare-const in version 2: numbers belong to declare-network");
    }
    query->version = 1;
    if (function && type && type->kind == SP_VNNLIB_LIST && type->first == NULL) {
        type = type->next;
    }
    if (!type || name->kind != SP_VNNLIB_WORD || type->next || !sp_vnnlib_is_word(type, "Real")) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e,
                                  "a declaration is (declare-const X_0 Real)");
    }
    const char kind = name->text[0];
    size_t index = 0;
    if ((kind != 'X' && kind != 'Y') || name->text[1] != '_' ||
        !read_whole(&index, name->text + 2, strlen(name->text + 2)) || index >= LARGEST) {
        return sp_vnnlib_complain(r->err, SP_E_UNSUPPORTED, e,
                                  "'%.40s' is no input X_0, X_1, ... and no output Y_0, Y_1, ...",
                                  name->text);
    }
    sp_vnnlib_tensor *tensor = kind == 'X' ? &query->input : &query->output;
    tensor->size = index + 1 > tensor->size ? index + 1 : tensor->size;
    return SP_OK;
}

/* ---- both ---- */

sp_status sp_vnnlib_declare(sp_vnnlib_reader *r, const sp_vnnlib_expression *e) {
    if (r->declared) {
        return sp_vnnlib_complain(r->err, SP_E_FORMAT, e, "a declaration behind an assertion");
    }
    if (sp_vnnlib_is_word(e->first, "vnnlib-version")) {
        return take_version(r, e);
    }
    return sp_vnnlib_is_word(e->first, "declare-network") ? declare_network(r, e)
                                                          : declare_number(r, e);
}

static void name_numbers(sp_vnnlib_tensor *tensor, const char *name) {
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    snprintf(tensor->type_name, sizeof tensor->type_name, "Real");
    tensor->axes = 1;
    tensor->axis[0] = tensor->size;
}

sp_status sp_vnnlib_declared(sp_vnnlib_reader *r) {
    sp_vnnlib *query = r->query;
    r->declared = true;
    if (query->version == 1) {
        name_numbers(&query->input, "X");
        name_numbers(&query->output, "Y");
    }
    if (query->input.size == 0 || query->output.size == 0) {
        return sp_fail(r->err, SP_E_FORMAT, "declares no %s",
                       query->input.size == 0 ? "input" : "output");
    }
    if (strcmp(query->input.name, query->output.name) == 0) {
        return sp_fail(r->err, SP_E_FORMAT, "the input and the output are both called %s",
                       query->input.name);
    }
    return SP_OK;
}

static bool place_in(size_t *place, const sp_vnnlib *query, const sp_vnnlib_tensor *tensor,
                     const char *name, const char *index) {
    size_t at[SP_VNNLIB_AXES], count = 0;
    *place = 0;
    if (query->version == 1) {
        return strncmp(name, tensor->name, 1) == 0 && name[1] == '_' && index == NULL &&
               read_whole(place, name + 2, strlen(name + 2)) && *place < tensor->size;
    }
    if (strcmp(name, tensor->name) != 0 || !read_wholes(at, &count, index ? index : "") ||
        count != tensor->axes) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (at[i] >= tensor->axis[i]) {
            return false;
        }
        *place = *place * tensor->axis[i] + at[i];
    }
    return true;
}

sp_status sp_vnnlib_variable_read(sp_vnnlib_reader *r, size_t *variable,
                                  const sp_vnnlib_expression *name,
                                  const sp_vnnlib_expression *index) {
    const char *at = index ? index->text : NULL;
    if (place_in(variable, r->query, &r->query->input, name->text, at)) {
        return SP_OK;
    }
    if (place_in(variable, r->query, &r->query->output, name->text, at)) {
        *variable += r->query->input.size;
        return SP_OK;
    }
    return sp_vnnlib_complain(r->err, SP_E_FORMAT, name,
                              "'%.60s%s%.40s%s' is no number and was not declared", name->text,
                              at ? "[" : "", at ? at : "", at ? "]" : "");
}
