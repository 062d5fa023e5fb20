"""Compiles the kernels for a device that this machine's nvcc no longer knows, with CUDA 12's own
compiler (NVRTC) and assembler, and prints what the assembler says of them.

    older_devices.py FOLDER CAPABILITY      FOLDER holds the wheels' nvidia/, CAPABILITY is e.g. 70
"""

import ctypes
import subprocess
import sys

# What the headers of gpu/ and relax/ take from the C library.
STANDARD = b"""#pragma once
typedef unsigned long size_t;
typedef long ptrdiff_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#define NULL 0
#define SIZE_MAX 0xffffffffffffffffUL
#define INFINITY __longlong_as_double(0x7ff0000000000000LL)
#define NAN __longlong_as_double(0x7ff8000000000000LL)
#define DBL_MAX 1.7976931348623157e308
#define DBL_MIN 2.2250738585072014e-308
#define DBL_EPSILON 2.220446049250313e-16
"""
HEADERS = [b"float.h", b"math.h", b"stdarg.h", b"stdbool.h", b"stddef.h", b"stdint.h", b"stdio.h",
           b"stdlib.h", b"string.h"]


def text(of, program, size, get):
    count = ctypes.c_size_t()
    getattr(of, size)(program, ctypes.byref(count))
    buffer = ctypes.create_string_buffer(count.value)
    getattr(of, get)(program, buffer)
    return buffer.value


def main():
    folder, capability = sys.argv[1:]
    nvrtc = ctypes.CDLL(folder + "/nvidia/cuda_nvrtc/lib/libnvrtc.so.12")
    program = ctypes.c_void_p()
    count = len(HEADERS)
    nvrtc.nvrtcCreateProgram(ctypes.byref(program),
                             b'extern "C" {\n#include "gpu/device/cuda_kernels.cuh"\n}\n', b"kernels.cu", count,
                             (ctypes.c_char_p * count)(*[STANDARD] * count),
                             (ctypes.c_char_p * count)(*HEADERS))
    options = [b"-arch=compute_" + capability.encode(), b"--fmad=false", b"-I.", b"-std=c++17",
               b"-default-device", b"-w"]
    if nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options)):
        sys.exit(text(nvrtc, program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog").decode())
    ptx = folder + "/kernels.ptx"
    with open(ptx, "wb") as file:
        file.write(text(nvrtc, program, "nvrtcGetPTXSize", "nvrtcGetPTX"))
    ptxas = subprocess.run([folder + "/nvidia/cuda_nvcc/bin/ptxas", "-v", "-arch=sm_" + capability,
                            ptx, "-o", folder + "/kernels.cubin"], capture_output=True, text=True)
    print(ptxas.stderr, end="")
    sys.exit(ptxas.returncode)


main()
