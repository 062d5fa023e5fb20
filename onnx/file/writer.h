/* ONNX messages in the making. Private to onnx/. What cannot be made for want of memory sets
 * `failed`, and is NULL. */
#ifndef SP_ONNX_FILE_WRITER_H
#define SP_ONNX_FILE_WRITER_H

#include "onnx/impl.h"

/** sp_onnx_writer - a model in the making. */
typedef struct sp_onnx_writer {
    Onnx__ModelProto model;
    Onnx__GraphProto graph; /* its arrays must have room for what is added */
    const char *prefix;     /* of names that are made; NULL: none */
    sp_region region;       /* what it points to */
    bool failed;            /* out of memory */
} sp_onnx_writer;

/** sp_onnx_write_pack - the bytes of w.model, to be freed with free, and gives the region back. */
SP_NODISCARD sp_status sp_onnx_write_pack(sp_error *err, sp_onnx_writer *w, void **data,
                                          size_t *size);
/** sp_onnx_write_take - zeros. sp_onnx_write_text - a copy. sp_onnx_write_numbered - "name" with a
 *  number behind it. */
void *sp_onnx_write_take(sp_onnx_writer *w, size_t count, size_t size);
char *sp_onnx_write_text(sp_onnx_writer *w, const char *words);
char *sp_onnx_write_numbered(sp_onnx_writer *w, const char *name, size_t number);
/** sp_onnx_write_tensor - a new initialiser. sp_onnx_write_floats - one of numbers, as
 *  little-endian bytes; sp_onnx_write_axis - one of a whole number: the name. */
Onnx__TensorProto *sp_onnx_write_tensor(sp_onnx_writer *w, char *name, const int64_t *dim,
                                        size_t rank, int32_t type);
char *sp_onnx_write_floats(sp_onnx_writer *w, char *name, const int64_t *dim, size_t rank,
                           const float *value);
char *sp_onnx_write_axis(sp_onnx_writer *w, size_t number, int64_t value);
/** sp_onnx_write_node - a new node. sp_onnx_write_step - one with one output of a new name, which
 *  is returned. Attributes: at most five. */
Onnx__NodeProto *sp_onnx_write_node(sp_onnx_writer *w, const char *op, char *const *input,
                                    size_t inputs, char *const *output, size_t outputs);
char *sp_onnx_write_step(sp_onnx_writer *w, const char *op, char *const *input, size_t inputs);
Onnx__AttributeProto *sp_onnx_write_attribute(sp_onnx_writer *w, Onnx__NodeProto *n,
                                              const char *name,
                                              Onnx__AttributeProto__AttributeType type);
void sp_onnx_write_set_int(sp_onnx_writer *w, Onnx__NodeProto *n, const char *name, int64_t value);
void sp_onnx_write_set_floats(sp_onnx_writer *w, Onnx__NodeProto *n, const char *name,
                              const double *values, size_t count);
void sp_onnx_write_set_activations(sp_onnx_writer *w, Onnx__NodeProto *n, const char *const *values,
                                   size_t count);
/** sp_onnx_write_value_info - an input or output of floats; lengths below 0 are called `open`. */
Onnx__ValueInfoProto *sp_onnx_write_value_info(sp_onnx_writer *w, char *name, const int64_t *dim,
                                               size_t rank, const char *open);

#endif
