#!/bin/bash
# What each kernel needs, out of what the assembler of nvcc said: kernels.sh LOG LIBRARY. One line
# per kernel with the most over all devices, and a warning where registers spill to memory.
set -euo pipefail

log=$1 library=$2
if ! grep -q 'Compiling entry function' "$log"; then
    echo "cuda: $library holds portable code only: nothing to say about registers (CUDA_ARCH=all)"
    exit 0
fi
awk '
    /Compiling entry function/ {
        kernel = $0
        sub(/.*soundproof_/, "", kernel)
        sub(/[0-9]*sp_gpu_.*/, "", kernel)
        sub(/\047.*/, "", kernel)
        device = $0
        sub(/.* for ./, "", device)
        sub(/[^a-z0-9_].*/, "", device)
        devices[device] = 1
    }
    /bytes stack frame/ {
        stack[kernel] = most(stack[kernel], $1)
        spilled[kernel] = most(spilled[kernel], $5)
    }
    /Used [0-9]+ registers/ {
        for (i = 1; i < NF; i++) {
            if ($i == "Used") { registers[kernel] = most(registers[kernel], $(i + 1)) }
            if ($(i + 1) == "bytes" && $(i + 2) ~ /^smem/) {
                shared[kernel] = most(shared[kernel], $i)
            }
        }
    }
    function most(a, b) { return a + 0 > b + 0 ? a + 0 : b + 0 }
    END {
        for (device in devices) { list = list " " device }
        print "0cuda: kernels, the most over" list
        printf "1  %-10s %9s %13s %12s %14s\n", "kernel", "registers", "shared bytes", "stack bytes",
            "spilled bytes"
        for (kernel in registers) {
            printf "2  %-10s %9d %13d %12d %14d%s\n", kernel, registers[kernel], shared[kernel],
                stack[kernel], spilled[kernel], (spilled[kernel] > 0 ? "  warning: it spills" : "")
        }
    }' "$log" | sort | cut -c 2-
