/* Reading JSON: cJSON does the parsing; what it lets pass and we do not is checked afterwards. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const cJSON *raw(const sp_json *node) {
    return (const cJSON *)(const void *)node;
}

/* fail_at - SP_E_FORMAT with the line and column (in bytes, from 1) of text[offset]. */
static sp_status fail_at(sp_error *err, const char *text, size_t offset, const char *what) {
    size_t line = 1, start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return sp_fail(err, SP_E_FORMAT, "line %zu, column %zu: %s", line, offset - start + 1, what);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* check_names - no member twice: two readers of such a text may see different values. */
static sp_status check_names(sp_error *err, const cJSON *object) {
    const size_t count = (size_t)cJSON_GetArraySize(object);
    if (count < 2) {
        return SP_OK;
    }
    const char **names = malloc(count * sizeof *names);
    if (names == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    size_t used = 0;
    for (const cJSON *item = object->child; item != NULL && used < count; item = item->next) {
        names[used++] = item->string != NULL ? item->string : "";
    }
    qsort(names, used, sizeof *names, compare_names);
    sp_status status = SP_OK;
    for (size_t i = 1; i < used && status == SP_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            status = sp_fail(err, SP_E_FORMAT, "member \"%s\" appears twice: keep one", names[i]);
        }
    }
    free(names);
    return status;
}

/* check_tree - the depth is bounded by cJSON's nesting limit (1000). */
static sp_status check_tree(sp_error *err, const cJSON *node) {
    if (cJSON_IsNumber(node) && !isfinite(node->valuedouble)) {
        return sp_fail(err, SP_E_FORMAT, "%s%s%sa number beyond the range of a double",
                       node->string != NULL ? "member \"" : "",
                       node->string != NULL ? node->string : "",
                       node->string != NULL ? "\": " : "");
    }
    if (cJSON_IsObject(node)) {
        SP_TRY(check_names(err, node));
    }
    for (const cJSON *item = node->child; item != NULL; item = item->next) {
        SP_TRY(check_tree(err, item));
    }
    return SP_OK;
}

/* check_zeros - \u0000 would end a C string early, so that two names could seem equal. A valid text
 * has backslashes in strings only. */
static sp_status check_zeros(sp_error *err, const char *text, size_t size) {
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] != '\\') {
            continue;
        }
        if (size - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0) {
            return fail_at(err, text, i, "\\u0000 is not accepted");
        }
        i++; // the escaped character
    }
    return SP_OK;
}

static sp_status check_rest(sp_error *err, const char *text, size_t size, size_t offset) {
    while (offset < size && strchr(" \t\r\n", text[offset]) != NULL) {
        offset++;
    }
    return offset == size ? SP_OK : fail_at(err, text, offset, "text behind the end of the JSON");
}

sp_status sp_json_parse(sp_error *err, sp_json **root, const char *text, size_t size) {
    *root = NULL;
    const char *zero = size > 0 ? memchr(text, '\0', size) : NULL;
    if (zero != NULL) {
        return fail_at(err, text, (size_t)(zero - text), "a zero byte: this is not JSON");
    }
    const char *end = text;
    cJSON *tree = cJSON_ParseWithLengthOpts(text, size, &end, false);
    size_t offset = end != NULL && end >= text ? (size_t)(end - text) : 0;
    if (offset > size) {
        offset = size;
    }
    if (tree == NULL) {
        return fail_at(err, text, offset, "malformed JSON (or more than 1000 levels deep)");
    }
    sp_status status = check_rest(err, text, size, offset);
    if (status == SP_OK) {
        status = check_zeros(err, text, size);
    }
    if (status == SP_OK) {
        status = check_tree(err, tree);
    }
    if (status != SP_OK) {
        cJSON_Delete(tree);
        return status;
    }
    *root = (sp_json *)(void *)tree;
    return SP_OK;
}

void sp_json_destroy(sp_json *root) {
    cJSON_Delete((cJSON *)(void *)root);
}

const sp_json *sp_json_get(const sp_json *object, const char *key) {
    if (!sp_json_is_object(object)) {
        return NULL;
    }
    return (const sp_json *)(const void *)cJSON_GetObjectItemCaseSensitive(raw(object), key);
}

bool sp_json_is_object(const sp_json *node) {
    return node != NULL && cJSON_IsObject(raw(node));
}

bool sp_json_is_array(const sp_json *node) {
    return node != NULL && cJSON_IsArray(raw(node));
}

const sp_json *sp_json_first(const sp_json *array) {
    const bool holds = sp_json_is_array(array) || sp_json_is_object(array);
    return holds ? (const sp_json *)(const void *)raw(array)->child : NULL;
}

const sp_json *sp_json_next(const sp_json *entry) {
    return (const sp_json *)(const void *)raw(entry)->next;
}

const char *sp_json_name(const sp_json *member) {
    return raw(member)->string != NULL ? raw(member)->string : "";
}

const char *sp_json_string(const sp_json *node) {
    return sp_json_is_string(node) ? raw(node)->valuestring : "";
}

double sp_json_value(const sp_json *node) {
    return sp_json_is_number(node) ? raw(node)->valuedouble : NAN;
}

bool sp_json_is_string(const sp_json *node) {
    return node != NULL && cJSON_IsString(raw(node));
}

bool sp_json_is_bool(const sp_json *node) {
    return node != NULL && cJSON_IsBool(raw(node));
}

bool sp_json_flag(const sp_json *node) {
    return node != NULL && cJSON_IsTrue(raw(node));
}

bool sp_json_is_number(const sp_json *node) {
    return node != NULL && cJSON_IsNumber(raw(node));
}

/* member - the member `key`, or an error that names it. */
static sp_status member(sp_error *err, const sp_json **node, const sp_json *object,
                        const char *key) {
    *node = sp_json_get(object, key);
    if (*node != NULL) {
        return SP_OK;
    }
    if (!sp_json_is_object(object)) {
        return sp_fail(err, SP_E_FORMAT, "an object with \"%s\" is needed here", key);
    }
    return sp_fail(err, SP_E_FORMAT, "member \"%s\" is missing", key);
}

sp_status sp_json_number(sp_error *err, double *value, const sp_json *object, const char *key) {
    const sp_json *node = NULL;
    SP_TRY(member(err, &node, object, key));
    if (!sp_json_is_number(node) || !isfinite(raw(node)->valuedouble)) {
        return sp_fail(err, SP_E_FORMAT, "member \"%s\" must be a finite number", key);
    }
    *value = raw(node)->valuedouble;
    return SP_OK;
}

sp_status sp_json_text(sp_error *err, const char **value, const sp_json *object, const char *key) {
    const sp_json *node = NULL;
    SP_TRY(member(err, &node, object, key));
    if (!sp_json_is_string(node)) {
        return sp_fail(err, SP_E_FORMAT, "member \"%s\" must be a text in quotes", key);
    }
    *value = raw(node)->valuestring;
    return SP_OK;
}

sp_status sp_json_only(sp_error *err, const sp_json *object, const char *const *keys) {
    if (!sp_json_is_object(object)) {
        return sp_fail(err, SP_E_FORMAT, "an object is needed here");
    }
    for (const cJSON *item = raw(object)->child; item != NULL; item = item->next) {
        const char *const *key = keys;
        while (*key != NULL && strcmp(*key, item->string) != 0) {
            key++;
        }
        if (*key == NULL) {
            return sp_fail(err, SP_E_UNSUPPORTED, "member \"%s\" is not known: remove it",
                           item->string);
        }
    }
    return SP_OK;
}
