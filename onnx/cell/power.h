/* Private to onnx/: powers, roots and logarithms (op/power_op.c). */
#ifndef SP_ONNX_POWER_H
#define SP_ONNX_POWER_H

#include "onnx/impl.h"

sp_status sp_onnx_op_pow(sp_onnx_reader *r);
sp_status sp_onnx_op_root(sp_onnx_reader *r); /* Sqrt, Log */
/** sp_onnx_square - the node at hand, a number times itself. */
sp_status sp_onnx_square(sp_onnx_reader *r);

#endif
