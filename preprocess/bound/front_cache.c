/* What the forms of a front end cost is kept in a file between runs: the diagonals, not their
 * proofs, which are made again (sp_band_diagonal). A file that is missing, of another front end or
 * not what was written is as if there was none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "preprocess/bound/impl.h"

#define HEAD "soundproof forms 1\n"
enum { FOLDER = 4096 };

static char folder[FOLDER]; /* "": nothing is kept */

void sp_front_cache_in(const char *path) {
    if (snprintf(folder, sizeof folder, "%s", path ? path : "") >= FOLDER) {
        folder[0] = '\0';
    }
}

/* Of all that the forms depend on. */
static sp_status name_of(char *text, const sp_front_forms *forms) {
    const sp_stage *stage[2] = {forms->spectrum, forms->mel};
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, HEAD, sizeof HEAD);
    for (int i = 0; i < 2; i++) {
        sp_digest_number(digest, stage[i]->in);
        sp_digest_number(digest, stage[i]->out);
        sp_digest_add(digest, stage[i]->matrix,
                      stage[i]->in * stage[i]->out * sizeof *stage[i]->matrix);
    }
    sp_digest_add(digest, forms->spectrum->bias,
                  forms->spectrum->out * sizeof *forms->spectrum->bias);
    return sp_digest_finish(digest, text);
}

/* Behind the numbers stands their checksum. */
static sp_status check_of(char *text, const sp_front_cache *cache) {
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, cache->name, sizeof cache->name);
    sp_digest_add(digest, cache->value, cache->count * sizeof *cache->value);
    return sp_digest_finish(digest, text);
}

static bool take_file(sp_front_cache *cache, const char *data, size_t size) {
    const size_t head = strlen(HEAD), numbers = cache->count * sizeof *cache->value;
    char check[SP_DIGEST_TEXT];
    if (size != head + numbers + strlen(cache->name) || memcmp(data, HEAD, head) != 0) {
        return false;
    }
    memcpy(cache->value, data + head, numbers);
    return check_of(check, cache) == SP_OK &&
           memcmp(check, data + head + numbers, strlen(check)) == 0;
}

void sp_front_cache_open(sp_front_cache *cache, const sp_front_forms *forms) {
    char path[FOLDER + 128], *data = NULL;
    size_t size = 0;
    *cache = (sp_front_cache){.wide = forms->layout->used + SP_BAND_KEPT};
    if (!folder[0] || forms->rule != SP_FRONT_JOINT || name_of(cache->name, forms) != SP_OK) {
        return;
    }
    cache->count = (forms->layout->bands + 1) * cache->wide;
    cache->value = calloc(cache->count, sizeof *cache->value);
    snprintf(path, sizeof path, "%s/%s.forms", folder, cache->name);
    if (cache->value && sp_file_read(NULL, &data, &size, path, (size_t)1 << 28) == SP_OK) {
        cache->found = take_file(cache, data, size);
        if (!cache->found) {
            memset(cache->value, 0, cache->count * sizeof *cache->value);
        }
        free(data);
    }
}

double *sp_front_cache_band(const sp_front_cache *cache, size_t band) {
    return cache->value ? cache->value + band * cache->wide : NULL;
}

static sp_status write_file(const sp_front_cache *cache, const char *path) {
    char check[SP_DIGEST_TEXT];
    sp_file_draft draft;
    SP_TRY(check_of(check, cache));
    SP_TRY(sp_file_draft_open(NULL, &draft, path));
    sp_status status = sp_file_draft_write(NULL, &draft, HEAD, strlen(HEAD));
    if (status == SP_OK) {
        status =
            sp_file_draft_write(NULL, &draft, cache->value, cache->count * sizeof *cache->value);
    }
    if (status == SP_OK) {
        status = sp_file_draft_write(NULL, &draft, check, strlen(check));
    }
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(NULL, &draft);
}

void sp_front_cache_close(sp_front_cache *cache, bool keep) {
    char path[FOLDER + 128];
    if (cache->value && keep && (!cache->found || cache->changed)) {
        snprintf(path, sizeof path, "%s/%s.forms", folder, cache->name);
        if (write_file(cache, path) != SP_OK) {
            remove(path); // nothing is kept
        }
    }
    free(cache->value);
    *cache = (sp_front_cache){0};
}
