/* Private to onnx/: windows, mel matrices and Fourier transforms (op/spectrum_op.c), sums of
 * squares (op/product_op.c). */
#ifndef SP_ONNX_SPECTRUM_H
#define SP_ONNX_SPECTRUM_H

#include "onnx/impl.h"

sp_status sp_onnx_op_window(sp_onnx_reader *r); /* HannWindow, HammingWindow, BlackmanWindow */
sp_status sp_onnx_op_mel_matrix(sp_onnx_reader *r);
sp_status sp_onnx_op_dft(sp_onnx_reader *r);
sp_status sp_onnx_op_stft(sp_onnx_reader *r);
sp_status sp_onnx_op_reduce_squares(sp_onnx_reader *r); /* ReduceSumSquare, ReduceL2 */

#endif
