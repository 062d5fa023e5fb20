/* Files: bytes, checksums, and a certificate taken apart. */
#include <cjson/cJSON.h>
#include <math.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "checker.h"

static const char format[] = "soundproof certificate 2\n";
enum { SUM = 64, LARGEST = 1 << 30 };

ck_bytes ck_read(const char *path) {
    FILE *file = fopen(path, "rb");
    const long size = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    ck_readable(size > 0 && size < LARGEST && fseek(file, 0, SEEK_SET) == 0, path,
                "cannot be opened, or is empty or too large");
    const ck_bytes bytes = {ck_alloc((size_t)size, 1), (size_t)size}; /* with a 0 behind them */
    ck_readable(fread(bytes.at, 1, bytes.size, file) == bytes.size, path, "cannot be read");
    fclose(file);
    return bytes;
}

static void sum_of(char text[SUM + 1], ck_bytes bytes) {
    unsigned char sum[32];
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, bytes.size, bytes.at);
    sha256_digest(&context, sizeof sum, sum);
    for (size_t i = 0; i < sizeof sum; i++) {
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
    }
}

void ck_same(ck_bytes bytes, const char *sha256, const char *what) {
    char text[SUM + 1];
    sum_of(text, bytes);
    ck_require(strcmp(text, sha256) == 0, what,
               "this is another one than the certificate speaks of (SHA-256 %s)", text);
}

/* ---- members ---- */

/* A bit of cJSON's types that cJSON does not use. */
enum { READ = 1 << 16 };

bool ck_has(const ck_object *object, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(object->json, key) != NULL;
}

const void *ck_member(const ck_object *object, const char *key) {
    cJSON *at = cJSON_GetObjectItemCaseSensitive(object->json, key);
    ck_require(at != NULL, object->what, "there is no %s", key);
    at->type |= READ;
    return at;
}

void ck_all_members_read(const ck_object *object) {
    for (const cJSON *at = ((const cJSON *)object->json)->child; at != NULL; at = at->next) {
        ck_require((at->type & READ) != 0, object->what, "this checker does not know the member %s",
                   at->string);
        if (cJSON_IsObject(at)) {
            ck_all_members_read(&(ck_object){at, object->what});
        }
    }
}

const char *ck_text(const ck_object *object, const char *key) {
    const cJSON *at = ck_member(object, key);
    ck_require(cJSON_IsString(at), object->what, "%s is no text", key);
    return at->valuestring;
}

size_t ck_choice(const ck_object *object, const char *key, const char *texts) {
    const char *at = ck_text(object, key);
    for (size_t i = 0, n = strcspn(texts, "|");; i++, texts += n + 1, n = strcspn(texts, "|")) {
        if (strlen(at) == n && memcmp(at, texts, n) == 0) {
            return i;
        }
        ck_require(texts[n] != 0, object->what, "%s is %s, which this checker does not know", key,
                   at);
    }
}

double ck_number(const ck_object *object, const char *key) {
    const cJSON *at = ck_member(object, key);
    ck_require(cJSON_IsNumber(at) && isfinite(at->valuedouble), object->what, "%s is no number",
               key);
    return at->valuedouble;
}

size_t ck_whole(const ck_object *object, const char *key, size_t least, size_t most) {
    const double value = ck_number(object, key);
    ck_require(value >= (double)least && value <= (double)most && value == floor(value),
               object->what, "%s is %g, no whole number from %zu to %zu", key, value, least, most);
    return (size_t)value;
}

void ck_list(double *to, const void *list, const char *what, size_t count) {
    const cJSON *at = cJSON_IsArray((const cJSON *)list) ? ((const cJSON *)list)->child : NULL;
    for (size_t i = 0; i < count; i++, at = at->next) {
        ck_require(cJSON_IsNumber(at) && isfinite(at->valuedouble), what, "%zu numbers are needed",
                   count);
        to[i] = at->valuedouble;
    }
    ck_require(at == NULL, what, "%zu numbers are needed", count);
}

/* ---- the arrays ---- */

/* How many numbers they have together. */
static size_t count_numbers(const ck_object *arrays) {
    double sum = 0.0;
    for (const cJSON *at = ((const cJSON *)arrays->json)->child; at != NULL; at = at->next) {
        ck_require(cJSON_IsNumber(at) && at->valuedouble >= 0.0 &&
                       at->valuedouble == floor(at->valuedouble),
                   arrays->what, "%s has no size", at->string);
        sum += at->valuedouble;
    }
    ck_require(sum <= LARGEST / 8, arrays->what, "there are too many numbers");
    return (size_t)sum;
}

/* Byte b of all numbers follows byte b - 1 of all numbers, least significant first. */
static void take_numbers(ck_proof *proof, const unsigned char *packed, size_t size,
                         size_t numbers) {
    unsigned char *bytes = ck_alloc(8 * numbers, 1);
    uLongf length = (uLongf)(8 * numbers);
    ck_require(uncompress(bytes, &length, packed, (uLong)size) == Z_OK && length == 8 * numbers,
               "arrays", "the zlib stream is damaged, or not %zu numbers long", numbers);
    proof->number = ck_alloc(numbers, sizeof *proof->number);
    for (size_t i = 0; i < numbers; i++) {
        uint64_t bits = 0;
        for (size_t b = 8; b-- > 0;) {
            bits = bits << 8 | bytes[b * numbers + i];
        }
        memcpy(&proof->number[i], &bits, sizeof bits);
    }
}

void ck_proof_read(ck_proof *proof, const char *path) {
    const ck_bytes file = ck_read(path);
    const size_t begin = sizeof format - 1;
    ck_readable(file.size > begin + SUM && memcmp(file.at, format, begin) == 0, path,
                "is no certificate of this format");
    const ck_bytes sealed = {file.at, file.size - SUM - 1};
    char sum[SUM + 1];
    sum_of(sum, sealed);
    ck_require(memcmp(sum, file.at + sealed.size, SUM) == 0 && file.at[file.size - 1] == '\n',
               "file", "it is damaged: its checksum is another one");
    unsigned char *line = memchr(file.at + begin, '\n', sealed.size - begin);
    ck_require(line != NULL, "header", "it has no end");
    const size_t head = (size_t)(line - file.at) + 1;
    proof->header = (ck_object){
        cJSON_ParseWithLength((const char *)file.at + begin, head - 1 - begin), "header"};
    ck_require(proof->header.json != NULL, "header", "it is no JSON");
    proof->arrays = (ck_object){ck_member(&proof->header, "arrays"), "arrays"};
    take_numbers(proof, file.at + head, sealed.size - head, count_numbers(&proof->arrays));
}

const double *ck_array(ck_proof *proof, const char *name, size_t size) {
    const cJSON *wanted = ck_member(&proof->arrays, name);
    const double *number = proof->number;
    ck_require(wanted->valuedouble == (double)size, name, "%zu numbers are needed", size);
    for (const cJSON *at = ((const cJSON *)proof->arrays.json)->child; at != wanted;
         at = at->next) {
        number += (size_t)at->valuedouble;
    }
    for (size_t k = 0; k < size; k++) {
        ck_require(fabs(number[k]) <= 0x1p200, name, "a number is no number");
    }
    return number;
}
