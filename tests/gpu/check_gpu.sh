#!/bin/bash
# The tests of kernels and engine and the benchmark on a CUDA device; says so and ends well where
# there is none. check_gpu.sh COMMAND PROGRAM...
set -uo pipefail

command=$1
shift
# A device that is there lets the command go on to its next complaint, which ends with 1.
probe=$("$command" bench --backend cuda no-such-argument 2>&1)
if [ $? -ne 1 ]; then
    echo "check-gpu: SKIPPED, nothing was run on a device: ${probe#soundproof: }"
    exit 0
fi
SOUNDPROOF_BACKEND=cuda tests/run "$@" || exit 1
"$command" bench --backend cuda --data "${SOUNDPROOF_DATA:-../shared/data}"
