/* Private to onnx/: what the inputs of a file's outermost graph are. */
#ifndef SP_ONNX_ROLE_H
#define SP_ONNX_ROLE_H

#include <stddef.h>

#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"

struct sp_onnx_graph;

typedef enum {
    SP_ONNX_ROLE_FEATURES,
    SP_ONNX_ROLE_STATE,  /* what one call hands to the next one */
    SP_ONNX_ROLE_NUMBER, /* the same in every call */
    SP_ONNX_ROLE_LENGTH  /* the number of steps of the features */
} sp_onnx_role_kind;

/** sp_onnx_role - an input that is no initialiser. */
typedef struct sp_onnx_role {
    sp_onnx_role_kind kind;
    const Onnx__ValueInfoProto *proto; /* borrowed */
    const char *name;
    size_t id;    /* its definition */
    size_t after; /* STATE: definition of the output that it is in the next call */
    double value; /* NUMBER: of all its elements; STATE: of all, in the first call */
} sp_onnx_role;

/** sp_onnx_roles_find - the roles of the graph's inputs, by what the choice gives and by names and
 *  shapes; sets graph->features and drops outputs that are states from its results. Lengths that
 *  the choice gives are written into the messages. */
SP_NODISCARD sp_status sp_onnx_roles_find(sp_error *err, struct sp_onnx_graph *graph,
                                          const sp_model_choice *choice);
/** sp_onnx_roles_describe - "h0 -> hn, from 0; sr = 16000", or "". Free it with free. */
SP_NODISCARD sp_status sp_onnx_roles_describe(sp_error *err, char **text,
                                              const struct sp_onnx_graph *graph);
/** sp_onnx_role_shape - the lengths of its axes, those that are not fixed as 1; false: more than
 *  `most` axes. */
bool sp_onnx_role_shape(const sp_onnx_role *role, int64_t *dim, size_t *rank, size_t most);
/** sp_onnx_role_whole - whether it holds whole numbers. */
bool sp_onnx_role_whole(const sp_onnx_role *role);

#endif
