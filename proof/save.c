/* The file of a certificate: one line that names the format, a header of one line of JSON, the
 * arrays as one zlib stream of doubles, and a checksum of all before it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "proof/impl.h"

#define FORMAT "soundproof certificate 2\n"
#define LARGEST_FILE ((size_t)1 << 30)

static sp_status sum_of(sp_error *err, char *sum, const void *data, size_t size) {
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, data, size);
    return sp_digest_finish(digest, sum) == SP_OK
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "out of memory for a checksum");
}

static sp_status sum_of_file(sp_error *err, char *sum, const char *path) {
    char *data = NULL;
    size_t size = 0;
    SP_TRY(sp_file_read(err, &data, &size, path, LARGEST_FILE));
    const sp_status status = sum_of(err, sum, data, size);
    free(data);
    return status;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static const char *unit_of(sp_budget_unit unit) {
    switch (unit) {
    case SP_BUDGET_DB_PEAK:
        return "dB";
    case SP_BUDGET_DBFS:
        return "dBFS";
    case SP_BUDGET_LSB:
        return "lsb";
    case SP_BUDGET_DB_SNR:
        return "dBsnr";
    case SP_BUDGET_ABSOLUTE:
        break; // of sequences, of which there are no certificates
    }
    return "";
}

/* O header, without a newline; free it with free. */
static sp_status make_header(sp_error *err, char **header, const sp_proof_claim *claim,
                             sp_proof_arrays *arrays, const char *nodes) {
    char recording[SP_DIGEST_TEXT], description[SP_DIGEST_TEXT];
    SP_TRY(sum_of_file(err, recording, claim->recording));
    SP_TRY(sum_of(err, description, claim->front_text, strlen(claim->front_text)));
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "model", base_name(claim->model));
    sp_json_line_text(line, "model_sha256", claim->model_sha256);
    sp_json_line_text(line, "front",
                      claim->front != NULL ? base_name(claim->front) : "of the model");
    sp_json_line_text(line, "front_sha256", description);
    sp_json_line_text(line, "recording", base_name(claim->recording));
    sp_json_line_text(line, "recording_sha256", recording);
    sp_json_line_number(line, "begin", (double)claim->begin);
    sp_json_line_number(line, "samples", (double)claim->n);
    sp_json_line_number(line, "sample_rate", (double)claim->rate);
    sp_json_line_number(line, "frames", (double)claim->front_bound->frames);
    sp_json_line_text(line, "noise", claim->noise->set->name);
    sp_json_line_text(line, "budget", claim->budget_text);
    sp_json_line_number(line, "budget_value", claim->budget->value);
    sp_json_line_text(line, "budget_unit", unit_of(claim->budget->unit));
    sp_json_line_number(line, "radius", claim->noise->radius[0]);
    sp_json_line_text(line, "property", claim->net->classes == 1 ? "threshold" : "argmax");
    if (claim->net->classes == 1) {
        sp_json_line_number(line, "threshold", claim->threshold);
    }
    sp_json_line_number(line, "label", (double)claim->label);
    sp_json_line_number(line, "classes", (double)claim->net->classes);
    sp_json_line_text(line, "arithmetic", "real");
    sp_json_line_text(line, "method", "exact");
    sp_json_line_number(line, "margin", claim->margin);
    sp_json_line_text(line, "nodes", nodes);
    char *sizes = sp_json_line_finish(arrays->sizes);
    arrays->sizes = NULL;
    sp_json_line_raw(line, "arrays", sizes);
    free(sizes);
    *header = sp_json_line_finish(line);
    return *header != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
}

/* Least significant byte first, whatever the machine; the bytes of equal place together, which is
 * what zlib packs best. */
static unsigned char *bytes_of(const double *data, size_t count) {
    unsigned char *bytes = malloc(8 * count + 1);
    for (size_t i = 0; bytes != NULL && i < count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &data[i], sizeof bits);
        for (size_t b = 0; b < 8; b++) {
            bytes[b * count + i] = (unsigned char)(bits >> (8 * b));
        }
    }
    return bytes;
}

static sp_status write_file(sp_error *err, const char *path, const char *header,
                            const unsigned char *bytes, size_t size) {
    const size_t begin = strlen(FORMAT) + strlen(header) + 1;
    uLongf packed = compressBound((uLong)size);
    char sum[SP_DIGEST_TEXT];
    unsigned char *file = malloc(begin + packed + SP_DIGEST_TEXT + 1);
    if (file == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    }
    memcpy(file, FORMAT, strlen(FORMAT));
    memcpy(file + strlen(FORMAT), header, strlen(header));
    file[begin - 1] = '\n';
    sp_status status = compress2(file + begin, &packed, bytes, (uLong)size, 9) == Z_OK
                           ? SP_OK
                           : sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    if (status == SP_OK) {
        status = sum_of(err, sum, file, begin + packed);
    }
    if (status == SP_OK) {
        memcpy(file + begin + packed, sum, SP_DIGEST_TEXT - 1);
        file[begin + packed + SP_DIGEST_TEXT - 1] = '\n';
        status = sp_file_replace(err, path, file, begin + packed + SP_DIGEST_TEXT);
    }
    free(file);
    return status;
}

sp_status sp_proof_save(sp_error *err, const char *path, const sp_proof_claim *claim,
                        sp_proof_arrays *arrays) {
    sp_proof_text nodes = {0};
    char *header = NULL;
    unsigned char *bytes = NULL;
    sp_status status = sp_proof_nodes(err, &nodes, claim->net);
    if (status == SP_OK) {
        status = make_header(err, &header, claim, arrays, nodes.at);
    }
    if (status == SP_OK) {
        bytes = bytes_of(arrays->data, arrays->used);
        status = bytes != NULL ? write_file(err, path, header, bytes, 8 * arrays->used)
                               : sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    }
    free(bytes);
    free(header);
    free(nodes.at);
    return status;
}
