#!/bin/bash
# Makes a Python environment with packages from PyPI in a folder.
#   python_env.sh FOLDER NAME CHECK PACKAGE==VERSION... [-- PIP_OPTION...]
# Does nothing when these are in it. NAME begins the one line that says what happened, CHECK is Python
# that must run in it. Succeeds only with a complete environment; what is not complete is removed.
set -uo pipefail

folder=$1 name=$2 check=$3
shift 3
wanted=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    wanted+=("$1")
    shift
done
[ $# -eq 0 ] || shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT

give_up() {
    rm -rf "$folder"
    echo "$name: $1: what needs it will be skipped"
    exit 1
}

if [ "$(cat "$folder/complete" 2>/dev/null)" = "${wanted[*]}" ]; then
    echo "$name: ${wanted[*]} are in $folder"
    exit 0
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder" >"$log" 2>&1 || give_up "python3 -m venv failed (package python3-venv)"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --retries 1 --timeout 15 "$@" "${wanted[@]}" >"$log" 2>&1 ||
    give_up "${wanted[*]} cannot be installed from PyPI ($(grep -v '^$' "$log" | tail -n 1 | cut -c -160))"
"$folder/bin/python" -c "$check" >"$log" 2>&1 ||
    give_up "it does not run here ($(tail -n 1 "$log" | cut -c -160))"
echo "${wanted[*]}" >"$folder/complete"
echo "$name: installed ${wanted[*]} from PyPI in $folder"
