#!/bin/bash
# Makes the Python environment in which tests/preprocess/test_libraries.c compares front ends with the
# libraries that they are named after.
#   libraries_env.sh [FOLDER]   default build/libraries-env
# Not part of make check: PyTorch is large. Always succeeds, with one line that says what happened:
# without the environment that test is counted as skipped.
set -uo pipefail

folder=${1:-build/libraries-env}
wanted=(numpy==2.4.6 torch==2.15.0 torchaudio==2.11.1 librosa==0.11.0 kaldi-native-fbank==1.23.0
    python_speech_features==0.6)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

give_up() {
    rm -rf "$folder"
    echo "libraries of front ends: $1: the comparison with them will be skipped"
    exit 0
}

if [ "$(cat "$folder/complete" 2>/dev/null)" = "${wanted[*]}" ]; then
    echo "libraries of front ends: ${wanted[*]} are in $folder"
    exit 0
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder" >"$log" 2>&1 || give_up "python3 -m venv failed (package python3-venv)"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --retries 1 --timeout 15 "${wanted[@]}" >"$log" 2>&1 ||
    give_up "they cannot be installed from PyPI ($(grep -v '^$' "$log" | tail -n 1 | cut -c -160))"
echo "${wanted[*]}" >"$folder/complete"
echo "libraries of front ends: installed ${wanted[*]} from PyPI in $folder"
