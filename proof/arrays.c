/* Texts that grow, and named arrays. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proof/impl.h"

sp_status sp_proof_append(sp_error *err, sp_proof_text *text, const char *format, ...) {
    char part[256];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    char *more = length >= 0 && (size_t)length < sizeof part
                     ? realloc(text->at, text->size + (size_t)length + 1)
                     : NULL;
    if (more == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    }
    memcpy(more + text->size, part, (size_t)length + 1);
    text->at = more;
    text->size += (size_t)length;
    return SP_OK;
}

sp_status sp_proof_add(sp_error *err, sp_proof_arrays *a, const char *name, const double *from,
                       size_t size) {
    if (a->used + size > a->room) {
        const size_t room = 2 * (a->used + size);
        double *data = realloc(a->data, room * sizeof *data);
        a->data = data != NULL ? data : a->data;
        a->room = data != NULL ? room : a->room;
    }
    a->sizes = a->sizes != NULL ? a->sizes : sp_json_line_create();
    if (a->sizes == NULL || a->used + size > a->room) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    }
    sp_json_line_number(a->sizes, name, (double)size);
    memcpy(a->data + a->used, from, size * sizeof *from);
    a->used += size;
    return SP_OK;
}

void sp_proof_arrays_clear(sp_proof_arrays *a) {
    free(a->sizes != NULL ? sp_json_line_finish(a->sizes) : NULL);
    free(a->data);
    *a = (sp_proof_arrays){0};
}
