/* Private to proof/: the arrays of a certificate, and its header. */
#ifndef SP_PROOF_IMPL_H
#define SP_PROOF_IMPL_H

#include "base/json.h"
#include "proof/proof.h"

/** sp_proof_text - a text that grows. */
typedef struct sp_proof_text {
    char *at; /* owned */
    size_t size;
} sp_proof_text;

/** sp_proof_arrays - named arrays of doubles, in their order. */
typedef struct sp_proof_arrays {
    sp_json_line *sizes; /* owned; {name: size}, or NULL */
    double *data;        /* owned; [used] */
    size_t used, room;
} sp_proof_arrays;

/** sp_proof_append - a printf format more. */
SP_NODISCARD sp_status sp_proof_append(sp_error *err, sp_proof_text *text, const char *format, ...)
    SP_PRINTF(3, 4);
/** sp_proof_add - an array. */
SP_NODISCARD sp_status sp_proof_add(sp_error *err, sp_proof_arrays *arrays, const char *name,
                                    const double *from, size_t size);
void sp_proof_arrays_clear(sp_proof_arrays *arrays);

/** sp_proof_linear - whether the cell has no curve: h = W x + R h' + b, or n = W x + R (r o h') + b
 *  of a GRU. sp_proof_nodes - the nodes in words ("affine 40, relu 40, lstm 32, last 32, affine
 *  10"); SP_E_UNSUPPORTED names what certificates do not know. */
bool sp_proof_linear(const sp_cell *cell);
SP_NODISCARD sp_status sp_proof_nodes(sp_error *err, sp_proof_text *nodes, const sp_net *net);
/** sp_proof_front - whether certificates know a front end; the error names what they do not. */
SP_NODISCARD sp_status sp_proof_front(sp_error *err, const char *text);
/** sp_proof_add_slopes - those of all nodes. */
SP_NODISCARD sp_status sp_proof_add_slopes(sp_error *err, sp_proof_arrays *arrays,
                                           const sp_proof_claim *claim);
/** sp_proof_save - the file: header and arrays. */
SP_NODISCARD sp_status sp_proof_save(sp_error *err, const char *path, const sp_proof_claim *claim,
                                     sp_proof_arrays *arrays);

#endif
