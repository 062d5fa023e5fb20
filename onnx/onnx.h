/* ONNX files. Only this folder knows protobuf-c and onnx.proto. */
#ifndef SP_ONNX_ONNX_H
#define SP_ONNX_ONNX_H

#include <stddef.h>

#include "base/status.h"
#include "lstm/lstm.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_model - a network and what its file says about itself. */
typedef struct sp_model {
    sp_net net;
    char *front;    /* owned; metadata_props "soundproof.front" (a front-end description) or NULL */
    char *producer; /* owned; "pytorch 2.1.0" or "" */
    char *input_name;  /* owned */
    char *input_shape; /* owned; "T x 1 x 10" as the file names it */
    long opset;
    size_t parameters; /* number of weights that the net uses */
} sp_model;

/** sp_model_read / sp_model_parse - reads MatMul, Gemm, Add, Relu, LSTM, and the shape plumbing
 *  around them folded as constants at batch 1. Whatever it does not cover is refused with the
 *  node's name, the operator or attribute and its value: SP_E_UNSUPPORTED. Malformed files:
 *  SP_E_FORMAT. NaN or infinite weights: SP_E_NONFINITE. Files up to 1 GiB; what a file makes
 *  the reader allocate is limited too: SP_E_MEMORY. A file whose input has a fixed number of steps
 *  sets net.steps. A failed call leaves an empty model. `name` is used in messages. */
SP_NODISCARD sp_status sp_model_read(sp_error *err, sp_model *model, const char *path);
SP_NODISCARD sp_status sp_model_parse(sp_error *err, sp_model *model, const void *data, size_t size,
                                      const char *name);
void sp_model_clear(sp_model *model);

#ifdef __cplusplus
}
#endif
#endif
