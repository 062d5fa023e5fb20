/* What to call the answers of a model. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "certify/certify.h"

enum { LONGEST = 63 }; /* bytes */

void sp_class_names_clear(sp_class_names *names) {
    for (size_t i = 0; names->name && i < names->count; i++) {
        free(names->name[i]);
    }
    free(names->name);
    *names = (sp_class_names){0};
}

static bool is_printable(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F) {
            return false;
        }
    }
    return true;
}

static sp_status add(sp_error *err, sp_class_names *names, size_t count, const char *text,
                     size_t length) {
    if (names->count == count) {
        return sp_fail(err, SP_E_MISMATCH, "names more answers than the model has: %zu", count);
    }
    if (length == 0 || length > LONGEST) {
        return sp_fail(err, SP_E_FORMAT, "the name of answer %zu has %zu bytes instead of 1 to %d",
                       names->count, length, LONGEST);
    }
    char *name = strndup(text, length);
    if (!name) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the names of %zu answers", count);
    }
    names->name[names->count++] = name;
    for (size_t i = 0; i + 1 < names->count; i++) {
        if (strcmp(names->name[i], name) == 0) {
            return sp_fail(err, SP_E_FORMAT, "calls answers %zu and %zu both '%s'", i,
                           names->count - 1, name);
        }
    }
    return is_printable(name)
               ? SP_OK
               : sp_fail(err, SP_E_FORMAT, "the name of answer %zu holds control characters",
                         names->count - 1);
}

static sp_status read_json(sp_error *err, sp_class_names *names, const char *text, size_t count) {
    sp_json *root = NULL;
    SP_TRY(sp_json_parse(err, &root, text, strlen(text)));
    sp_status status = SP_OK;
    for (const sp_json *at = sp_json_first(root); status == SP_OK && at; at = sp_json_next(at)) {
        status = sp_json_is_string(at)
                     ? add(err, names, count, sp_json_string(at), strlen(sp_json_string(at)))
                     : sp_fail(err, SP_E_FORMAT, "the name of answer %zu is no text", names->count);
    }
    sp_json_destroy(root);
    return status;
}

/* The pieces between tabs or ends of lines; the last end of a line may be missing. */
static sp_status read_lines(sp_error *err, sp_class_names *names, const char *text, size_t count) {
    while (*text) {
        const size_t length = strcspn(text, "\t\r\n");
        SP_TRY(add(err, names, count, text, length));
        text += length;
        text += *text == '\r' && text[1] == '\n';
        text += *text != '\0';
    }
    return SP_OK;
}

sp_status sp_class_names_parse(sp_error *err, sp_class_names *names, const char *text,
                               size_t count) {
    *names = (sp_class_names){.name = calloc(count + 1, sizeof *names->name)};
    sp_status status = names->name ? SP_OK
                                   : sp_fail(err, SP_E_MEMORY,
                                             "out of memory for the names of %zu answers", count);
    if (status == SP_OK) {
        status = text[0] == '[' ? read_json(err, names, text, count)
                                : read_lines(err, names, text, count);
    }
    if (status == SP_OK && names->count != count) {
        status = sp_fail(err, SP_E_MISMATCH, "names %zu answers, but the model has %zu",
                         names->count, count);
    }
    if (status != SP_OK) {
        sp_class_names_clear(names);
    }
    return status;
}

const char *sp_class_name(const sp_class_names *names, size_t answer) {
    return names && answer < names->count ? names->name[answer] : NULL;
}

const char *sp_class_text(char text[SP_CLASS_TEXT], const sp_class_names *names, size_t answer) {
    const char *name = sp_class_name(names, answer);
    if (name) {
        snprintf(text, SP_CLASS_TEXT, "%s", name);
    } else if (answer == SP_NO_LABEL) {
        snprintf(text, SP_CLASS_TEXT, "-");
    } else {
        snprintf(text, SP_CLASS_TEXT, "%zu", answer);
    }
    return text;
}
