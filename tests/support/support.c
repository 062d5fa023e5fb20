/* Seeds, tiers and paths of the tests. */
#include "tests/support/support.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <pmmintrin.h>
#endif

static bool is_on(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static const char *folder(const char *name, const char *standard) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : standard;
}

uint64_t sp_test_seed(void) {
    static bool told = false;
    const char *text = getenv("SOUNDPROOF_SEED");
    uint64_t seed = UINT64_C(20240607);
    if (text != NULL && text[0] != '\0') {
        seed = strtoull(text, NULL, 0);
    }
    if (!told) {
        told = true;
        printf("seed %" PRIu64 " (set SOUNDPROOF_SEED to change it)\n", seed);
        fflush(stdout);
    }
    return seed;
}

bool sp_test_long(void) {
    return is_on("SOUNDPROOF_LONG");
}

bool sp_test_sanitized(void) {
    return is_on("SOUNDPROOF_SANITIZED");
}

const char *sp_test_data(const char *relative, char *buffer, size_t size) {
    const char *root = folder("SOUNDPROOF_DATA", "../shared/data");
    const int length = snprintf(buffer, size, "%s/%s", root, relative);
    if (length < 0 || (size_t)length >= size || access(buffer, R_OK) != 0) {
        return NULL;
    }
    return buffer;
}

/* make_folders - every folder in front of a '/' of `path`. */
static bool make_folders(char *path) {
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/') {
            continue;
        }
        *at = '\0';
        const bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *at = '/';
        if (!made) {
            return false;
        }
    }
    return true;
}

const char *sp_test_scratch(const char *name, char *buffer, size_t size) {
    const char *root = folder("SOUNDPROOF_SCRATCH", "build/scratch");
    const int length = snprintf(buffer, size, "%s/%s", root, name);
    if (length < 0 || (size_t)length >= size || !make_folders(buffer)) {
        fprintf(stderr, "scratch folder %s: %s\n", root, strerror(errno));
        abort();
    }
    return buffer;
}

double sp_rng_double(sp_rng *rng) {
    static const double special[] = {0.0,
                                     0x1p-1074,
                                     0x1p-1022,
                                     0x1.fffffffffffffp-1023,
                                     0x1p-537,
                                     0x1p-52,
                                     0.5,
                                     1.0,
                                     0x1.8p0,
                                     0x1.fffffffffffffp0,
                                     0x1p53,
                                     0x1p511,
                                     0x1.fffffffffffffp1023};
    const size_t count = sizeof special / sizeof special[0];
    const double sign = (sp_rng_next(rng) >> 63) != 0 ? -1.0 : 1.0;
    switch (sp_rng_below(rng, 4)) {
    case 0:
        return sign * special[sp_rng_below(rng, count)];
    case 1:
        return sp_rng_normal(rng);
    case 2:
        return sign * exp(sp_rng_uniform(rng, -40.0, 40.0));
    default:
        break;
    }
    for (;;) {
        const uint64_t bits = sp_rng_next(rng);
        double x;
        memcpy(&x, &bits, sizeof x);
        if (isfinite(x)) {
            return x;
        }
    }
}

bool sp_test_flush_subnormals(bool flush) {
#if defined(__SSE2__)
    _MM_SET_FLUSH_ZERO_MODE(flush ? _MM_FLUSH_ZERO_ON : _MM_FLUSH_ZERO_OFF);
    _MM_SET_DENORMALS_ZERO_MODE(flush ? _MM_DENORMALS_ZERO_ON : _MM_DENORMALS_ZERO_OFF);
    return true;
#else
    (void)flush;
    return false;
#endif
}
