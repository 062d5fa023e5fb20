#!/bin/bash
# VNN-COMP: prepare_instance.sh v1 CATEGORY ONNX VNNLIB - exit 0: the instance can be run. Nothing is analysed.
# For several networks ONNX is a list, [('f','f.onnx')].
set -euo pipefail
if [ $# -lt 4 ] || [ "$1" != v1 ]; then
    echo "prepare_instance.sh: v1 CATEGORY ONNX VNNLIB are needed" >&2
    exit 1
fi
onnx=$(sed -E "s/^\[\('[^']*', *'([^']*)'\)\]$/\1/" <<<"$3")
for file in "$onnx" "$4"; do
    if [ ! -r "$file" ] && [ ! -r "$file.gz" ]; then
        echo "prepare_instance.sh: $file cannot be read" >&2
        exit 1
    fi
done
