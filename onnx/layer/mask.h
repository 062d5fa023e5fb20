/* Private to onnx/: masks of padding, and what must hold for them to leave out nothing. */
#ifndef SP_ONNX_MASK_H
#define SP_ONNX_MASK_H

#include "onnx/impl.h"

/** sp_onnx_guard - a number that is 0 where the file's graph is what is read of it, else infinite.
 */
typedef struct sp_onnx_guard {
    sp_onnx_sequence sequence;
    const struct sp_onnx_guard *before; /* or NULL */
} sp_onnx_guard;

/** sp_onnx_mask_compare - the node at hand, Equal or Greater with a constant, as a mask of padding;
 *  sp_onnx_mask_not - Not of one. */
SP_NODISCARD sp_status sp_onnx_mask_compare(sp_onnx_reader *r);
SP_NODISCARD sp_status sp_onnx_mask_not(sp_onnx_reader *r);
/** sp_onnx_guards_add - adds the guards to the logits. */
SP_NODISCARD sp_status sp_onnx_guards_add(sp_onnx_reader *r, sp_onnx_sequence *logits);

#endif
