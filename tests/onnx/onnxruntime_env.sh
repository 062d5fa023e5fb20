#!/bin/bash
# Makes the Python environment in which tests/onnx/test_onnxruntime compares logits with onnxruntime.
#   onnxruntime_env.sh [FOLDER]   default build/onnxruntime-env
# Does nothing when the environment is there. Always succeeds, with one line that says what happened:
# without the environment (no network, no wheel for this machine) that test is counted as skipped.
set -uo pipefail

folder=${1:-build/onnxruntime-env}
wanted=(onnxruntime==1.20.1 numpy==2.1.3)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

give_up() {
    rm -rf "$folder"
    echo "onnxruntime: $1: the comparison with it will be skipped"
    exit 0
}

if [ "$(cat "$folder/complete" 2>/dev/null)" = "${wanted[*]}" ]; then
    echo "onnxruntime: ${wanted[*]} are in $folder"
    exit 0
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder" >"$log" 2>&1 || give_up "python3 -m venv failed (package python3-venv)"
# Nothing else is needed to run a model; its other dependencies serve tools.
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
    --only-binary :all: --retries 1 --timeout 15 "${wanted[@]}" >"$log" 2>&1 ||
    give_up "${wanted[*]} cannot be installed from PyPI ($(grep -v '^$' "$log" | tail -n 1 | cut -c -160))"
"$folder/bin/python" -c 'import numpy, onnxruntime' >"$log" 2>&1 ||
    give_up "it does not run here ($(tail -n 1 "$log" | cut -c -160))"
echo "${wanted[*]}" >"$folder/complete"
echo "onnxruntime: installed ${wanted[*]} from PyPI in $folder"
