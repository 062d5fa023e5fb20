#!/bin/bash
# VNN-COMP: run_instance.sh v1 CATEGORY ONNX VNNLIB RESULTS TIMEOUT - writes the answer, and behind sat the witness,
# to RESULTS. ONNX is a file or a list, [('f','f.onnx')]; files may be packed (.gz). A query about float32 whose
# network has no known distance from the real one is answered about real numbers, as the competition scores it.
set -euo pipefail
if [ $# -lt 6 ] || [ "$1" != v1 ]; then
    echo "run_instance.sh: v1 CATEGORY ONNX VNNLIB RESULTS TIMEOUT are needed" >&2
    exit 1
fi
soundproof=${SOUNDPROOF:-$(dirname "$0")/../../build/soundproof}
results=$5
timeout=$6
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# plain FILE NAME - FILE, or what is packed beside it or in it, under NAME.
plain() {
    if [ -r "$1" ] && [[ $1 != *.gz ]]; then
        echo "$1"
    else
        gzip -dc "${1%.gz}.gz" >"$scratch/$2" || return 1
        echo "$scratch/$2"
    fi
}

name=$(sed -nE "s/^\[\('([^']*)', *'[^']*'\)\]$/\1/p" <<<"$3")
onnx=$(plain "$(sed -E "s/^\[\('[^']*', *'([^']*)'\)\]$/\1/" <<<"$3")" network.onnx)
query=$(plain "$4" query.vnnlib)
if [ -z "$name" ]; then
    name=$(sed -nE 's/.*\(declare-network +([A-Za-z0-9_]+).*/\1/p' "$query" | head -n 1)
fi

# ask OPTION... - the answer in $scratch/answer.
ask() {
    "$soundproof" verify "$query" --network "${name:-f}=$onnx" --timeout "$timeout" "$@" >"$scratch/answer"
}
if ! ask && ! ask --arithmetic real; then
    echo error >"$scratch/answer"
fi
cp "$scratch/answer" "$results"
