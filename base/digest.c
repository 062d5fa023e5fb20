/* SHA-256 by nettle. */
#include "base/digest.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

struct sp_digest {
    struct sha256_ctx context;
};

sp_digest *sp_digest_create(void) {
    sp_digest *digest = malloc(sizeof *digest);
    if (digest) {
        sha256_init(&digest->context);
    }
    return digest;
}

void sp_digest_add(sp_digest *digest, const void *data, size_t size) {
    if (digest) {
        sha256_update(&digest->context, size, data);
    }
}

void sp_digest_number(sp_digest *digest, uint64_t number) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    sp_digest_add(digest, bytes, sizeof bytes);
}

void sp_digest_real(sp_digest *digest, double number) {
    uint64_t bits = 0;
    memcpy(&bits, &number, sizeof bits);
    sp_digest_number(digest, bits);
}

sp_status sp_digest_finish(sp_digest *digest, char *text) {
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SHA256_DIGEST_SIZE];
    if (!digest) {
        return SP_E_MEMORY;
    }
    sha256_digest(&digest->context, sizeof bytes, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * sizeof bytes] = '\0';
    free(digest);
    return SP_OK;
}
