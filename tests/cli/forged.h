/* Certificates taken apart, changed, and sealed anew. */
#ifndef SP_TESTS_CLI_FORGED_H
#define SP_TESTS_CLI_FORGED_H

#include "tests/cli/proofs.h"

#include <zlib.h>

#include "base/digest.h"

typedef struct parts {
    char *header;   /* owned */
    double *number; /* owned */
    size_t numbers;
} parts;

static inline void take_apart(parts *p, const char *file_data, size_t file_size) {
    const char *header = strchr(file_data, '\n') + 1, *end = strchr(header, '\n');
    const size_t packed = file_size - (size_t)(end + 1 - file_data) - SP_DIGEST_TEXT;
    p->header = calloc((size_t)(end - header) + 256, 1);
    unsigned char *bytes = malloc(1 << 24);
    uLongf size = 1 << 24;
    assert_non_null(p->header);
    assert_non_null(bytes);
    memcpy(p->header, header, (size_t)(end - header));
    assert_int_equal(uncompress(bytes, &size, (const unsigned char *)end + 1, (uLong)packed), Z_OK);
    p->numbers = size / 8;
    p->number = malloc(p->numbers * sizeof *p->number + 8);
    assert_non_null(p->number);
    for (size_t i = 0; i < p->numbers; i++) {
        uint64_t bits = 0;
        for (size_t b = 8; b-- > 0;) {
            bits = bits << 8 | bytes[b * p->numbers + i];
        }
        memcpy(&p->number[i], &bits, sizeof bits);
    }
    free(bytes);
}

static inline void parts_clear(parts *p) {
    free(p->header);
    free(p->number);
}

/* The file of these parts, with a seal that fits. */
static inline void seal(char path[PATH], const parts *p) {
    static const char format[] = "soundproof certificate 2\n";
    const size_t begin = sizeof format - 1 + strlen(p->header) + 1;
    uLongf packed = compressBound((uLong)(8 * p->numbers));
    unsigned char *bytes = malloc(8 * p->numbers + 1);
    char *made = malloc(begin + packed + SP_DIGEST_TEXT), sum[SP_DIGEST_TEXT];
    assert_non_null(bytes);
    assert_non_null(made);
    for (size_t i = 0; i < p->numbers; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &p->number[i], sizeof bits);
        for (size_t b = 0; b < 8; b++) {
            bytes[b * p->numbers + i] = (unsigned char)(bits >> (8 * b));
        }
    }
    memcpy(made, format, sizeof format - 1);
    memcpy(made + sizeof format - 1, p->header, strlen(p->header));
    made[begin - 1] = '\n';
    assert_int_equal(
        compress2((unsigned char *)made + begin, &packed, bytes, (uLong)(8 * p->numbers), 1), Z_OK);
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, made, begin + packed);
    assert_int_equal(sp_digest_finish(digest, sum), SP_OK);
    memcpy(made + begin + packed, sum, SP_DIGEST_TEXT - 1);
    made[begin + packed + SP_DIGEST_TEXT - 1] = '\n';
    write_bytes(path, "forged.proof", made, begin + packed + SP_DIGEST_TEXT);
    free(made);
    free(bytes);
}

/* Puts a text in the place of the value of a member of the header, up to the next comma or the
 * end of its quotes. */
static inline void set_member(parts *p, const char *key, const char *value) {
    char word[96], *end = NULL;
    snprintf(word, sizeof word, "\"%s\":", key);
    char *at = strstr(p->header, word);
    assert_non_null(at);
    at += strlen(word);
    end = *at == '"' ? strchr(at + 1, '"') + 1 : at + strcspn(at, ",}");
    const size_t old = (size_t)(end - at), new = strlen(value);
    assert_true(new <= old + 200);
    memmove(at + new, end, strlen(end) + 1);
    memcpy(at, value, new);
}

static inline void set_number(parts *p, const char *key, double value) {
    char text[64];
    snprintf(text, sizeof text, "%.17g", value);
    set_member(p, key, text);
}

static inline double member(const parts *p, const char *key) {
    char word[64];
    snprintf(word, sizeof word, "\"%s\":", key);
    return number_behind(p->header, word);
}

/* ---- arrays by name ---- */

typedef struct place {
    char name[64];
    size_t first, size;
} place;
enum { MOST_ARRAYS = 64 };

static inline size_t list_arrays(place list[MOST_ARRAYS], const parts *p) {
    const char *at = strstr(p->header, "\"arrays\":{") + strlen("\"arrays\":{");
    size_t count = 0, first = 0;
    while (count < MOST_ARRAYS && *at == '"') {
        const size_t length = strcspn(at + 1, "\"");
        snprintf(list[count].name, sizeof list[count].name, "%.*s", (int)length, at + 1);
        list[count].first = first;
        list[count].size = (size_t)strtod(at + length + 3, NULL);
        first += list[count++].size;
        at += length + 3;
        at += strcspn(at, ",}");
        at += *at == ',' ? 1 : 0;
    }
    assert_int_equal(first, p->numbers);
    return count;
}

#endif
