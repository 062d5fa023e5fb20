/* Writing the input files that tests feed to the readers: wav, text, and ONNX made by hand. */
#ifndef SP_TESTS_SUPPORT_FILES_H
#define SP_TESTS_SUPPORT_FILES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_bytes - a growing block of bytes. */
typedef struct sp_bytes {
    unsigned char *data; /* owned */
    size_t size, room;
} sp_bytes;
void sp_bytes_add(sp_bytes *bytes, const void *data, size_t size);
void sp_bytes_clear(sp_bytes *bytes);

/** sp_file_write - writes a scratch file and returns its path in `path` (size bytes). */
const char *sp_file_write(const char *name, char *path, size_t size, const void *data,
                          size_t length);
const char *sp_file_write_text(const char *name, char *path, size_t size, const char *text);

/** sp_file_text - what stands in a file that must be there, to be freed with free. */
char *sp_file_text(const char *path);

/** sp_wav_bytes - a PCM file of 16-bit samples [frames, channels]. */
sp_bytes sp_wav_bytes(const int16_t *samples, size_t frames, int channels, int rate);

/* ---- a small ONNX graph: features [T, 1, D] -> LSTM(H) -> last state -> Gemm -> logits [1, C]
 * ---- */

/** sp_test_onnx - its sizes, and ways to spoil it. */
typedef struct sp_test_onnx {
    size_t features, hidden, classes;
    size_t steps;          /* that the input has; 0: any number */
    uint64_t seed;         /* of the weights */
    const char *front;     /* description for the metadata, or NULL */
    const char *names;     /* of the answers, likewise */
    const char *readout;   /* of the readout instead of "Gemm", or NULL */
    const char *direction; /* attribute of the LSTM, or NULL */
    int turned;            /* 1: the input is [1, steps, features], and a Transpose turns it */
    const char *head;      /* behind the logits, or NULL */
    int nan_weight;        /* 1: one recurrent weight is NaN */
    int short_weight;      /* 1: the bytes of one tensor are cut */
    int unknown_input;     /* 1: the readout reads a tensor that nothing makes */
} sp_test_onnx;
sp_bytes sp_test_onnx_bytes(const sp_test_onnx *shape);

#ifdef __cplusplus
}
#endif
#endif
