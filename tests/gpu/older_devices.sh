#!/bin/bash
# Compiles every kernel for devices of capability 7.0, which nvcc 13 no longer knows, with CUDA 12's
# compiler and assembler from PyPI, and lists what each needs.
#   older_devices.sh [FOLDER]   default build/cuda-12
# One line says so where they cannot be had; kernels that do not compile are a failure.
set -uo pipefail

folder=${1:-build/cuda-12}
wanted=(nvidia-cuda-nvrtc-cu12==12.9.86 nvidia-cuda-nvcc-cu12==12.9.86)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ "$(cat "$folder/complete" 2>/dev/null)" != "${wanted[*]}" ]; then
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    if ! { python3 -m venv "$folder" && "$folder/bin/python" -m pip install --quiet \
        --disable-pip-version-check --no-input --no-deps --only-binary :all: --retries 1 \
        --timeout 15 --target "$folder" "${wanted[@]}"; } >"$log" 2>&1; then
        rm -rf "$folder"
        echo "CUDA: SKIPPED, not compiled for sm_70: ${wanted[*]} cannot be installed from PyPI" \
            "($(grep -v '^$' "$log" | tail -n 1 | cut -c -120))"
        exit 0
    fi
    echo "${wanted[*]}" >"$folder/complete"
fi
if ! python3 tests/gpu/older_devices.py "$folder" 70 >"$log" 2>&1; then
    cat "$log" >&2
    echo "CUDA: the kernels do not compile for sm_70" >&2
    exit 1
fi
tests/gpu/kernels.sh "$log" "$folder/kernels.cubin"
