/* Base64 by nettle. */
#include "base/base64.h"

#include <nettle/base64.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *sp_base64_text(const void *data, size_t size) {
    const size_t length = BASE64_ENCODE_RAW_LENGTH(size);
    char *text = malloc(length + 1);
    if (text) {
        base64_encode_raw(text, size, data);
        text[length] = '\0';
    }
    return text;
}

bool sp_base64_bytes(char **data, size_t *size, const char *text) {
    struct base64_decode_ctx context;
    const size_t length = strlen(text);
    size_t used = BASE64_DECODE_LENGTH(length);
    uint8_t *bytes = malloc(used + 1);
    base64_decode_init(&context);
    if (!bytes || !base64_decode_update(&context, &used, bytes, length, text) ||
        !base64_decode_final(&context)) {
        free(bytes);
        return false;
    }
    *data = (char *)bytes;
    *size = used;
    return true;
}
