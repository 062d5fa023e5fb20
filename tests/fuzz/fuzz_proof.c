/* libFuzzer harness of the checker's reader of certificates. Input: a header of one line of JSON,
 * and behind it the numbers as they are; the harness packs and seals them, so that what is mutated
 * is behind the seal. Input without a line is given to the reader as a file as it is. Whatever is
 * refused must be refused by the checker's own ends. */
#include <cjson/cJSON.h>
#include <nettle/sha2.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "checker.h"

enum { SUM = 64 };
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the ends: back to the harness, with what was taken ---- */

enum { MOST = 4096 };
static jmp_buf ended;
static void *taken[MOST];
static size_t takes;

_Noreturn void ck_end(int code, const char *step, const char *format, ...) {
    if (code < 1 || step == NULL || format == NULL) {
        abort();
    }
    longjmp(ended, 1);
}

void *ck_alloc(size_t count, size_t size) {
    void *memory =
        takes < MOST && count < ((size_t)1 << 26) / (size + 1) ? calloc(count + 1, size) : NULL;
    ck_readable(memory != NULL, "memory", "there is none left");
    taken[takes++] = memory;
    return memory;
}

/* ---- a file ---- */

static void add(unsigned char *file, size_t *at, const void *data, size_t size) {
    memcpy(file + *at, data, size);
    *at += size;
}

/* The certificate of a header of `head` bytes and numbers; its length. */
static size_t make(unsigned char *file, const uint8_t *data, size_t head, size_t size) {
    static const char format[] = "soundproof certificate 2\n";
    size_t at = 0;
    add(file, &at, format, sizeof format - 1);
    add(file, &at, data, head);
    uLongf packed = compressBound((uLong)(size - head));
    if (compress2(file + at, &packed, data + head, (uLong)(size - head), 1) != Z_OK) {
        abort();
    }
    at += packed;
    unsigned char sum[32];
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, at, file);
    sha256_digest(&context, sizeof sum, sum);
    for (size_t i = 0; i < sizeof sum; i++) {
        snprintf((char *)file + at + 2 * i, 3, "%02x", sum[i]);
    }
    at += SUM;
    add(file, &at, "\n", 1);
    return at;
}

/* Everything that the checker asks of a header, and all arrays. */
static ck_proof proof;

static void read_all(const char *path) {
    static const char *const texts[] = {"noise", "model", "recording_sha256", "budget_unit"};
    static const char *const numbers[] = {"radius", "budget_value", "margin"};
    double list[2];
    ck_proof_read(&proof, path);
    for (const cJSON *at = ((const cJSON *)proof.arrays.json)->child; at != NULL; at = at->next) {
        const size_t size = (size_t)at->valuedouble;
        const double *x = ck_array(&proof, at->string, size);
        double sum = 0.0;
        for (size_t k = 0; k < size; k++) {
            sum += x[k];
        }
        if (!(sum <= 0.0 || sum >= 0.0)) {
            abort();
        }
    }
    ck_all_members_read(&proof.arrays);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        (void)strlen(ck_text(&proof.header, texts[i]));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!(ck_number(&proof.header, numbers[i]) - 1.0 < 1e308)) {
            abort();
        }
    }
    if (ck_whole(&proof.header, "label", 0, 9) > 9 ||
        ck_choice(&proof.header, "noise", "box|l2|l1") > 2) {
        abort();
    }
    ck_list(list, ck_member(&proof.header, "list"), "header", 2);
    ck_all_members_read(&proof.header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64];
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "/dev/shm/fuzz_proof.%ld", (long)getpid());
    }
    const uint8_t *line = memchr(data, '\n', size);
    unsigned char *file = malloc(2 * size + 4096);
    size_t length = size;
    if (file == NULL) {
        return 0;
    }
    if (line != NULL) {
        length = make(file, data, (size_t)(line - data) + 1, size);
    } else if (size > 0) {
        memcpy(file, data, size);
    }
    FILE *to = fopen(path, "wb");
    if (to == NULL || fwrite(file, 1, length, to) != length || fclose(to) != 0) {
        abort();
    }
    free(file);
    takes = 0;
    proof = (ck_proof){0};
    if (setjmp(ended) == 0) {
        read_all(path);
    }
    cJSON_Delete((cJSON *)proof.header.json);
    while (takes > 0) {
        free(taken[--takes]);
    }
    remove(path);
    return 0;
}
