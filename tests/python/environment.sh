#!/bin/bash
# Makes the Python environment of tests/cli/test_python: the package of python/, built from this clone
# and installed where nothing else is.
#   environment.sh [FOLDER]   default build/python-env
# The tools are kept, the package is always built anew. Always succeeds, with one line that says what
# happened: without the environment (no network) these tests are counted as skipped.
set -uo pipefail

folder=${1:-build/python-env}
wanted=(meson-python==0.18.0 meson==1.8.2 ninja==1.11.1.4 cffi==1.17.1 numpy==2.1.3 pytest==8.3.4)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

give_up() {
    rm -f "$folder/ready"
    echo "python: $1: the tests of the package will be skipped"
    exit 0
}

rm -f "$folder/ready"
if [ "$(cat "$folder/complete" 2>/dev/null)" != "${wanted[*]}" ]; then
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    python3 -m venv "$folder" >"$log" 2>&1 || give_up "python3 -m venv failed (package python3-venv)"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --only-binary :all: --retries 1 --timeout 15 "${wanted[@]}" >"$log" 2>&1 ||
        give_up "${wanted[*]} cannot be installed from PyPI ($(grep -v '^$' "$log" | tail -n 1 | cut -c -160))"
    echo "${wanted[*]}" >"$folder/complete"
fi
# Everything that the build needs is there: a package that cannot be built is an error of the clone,
# which the tests show.
if PATH="$(cd "$folder/bin" && pwd):$PATH" "$folder/bin/python" -m pip install --quiet \
    --disable-pip-version-check --no-input --no-build-isolation --no-deps --force-reinstall \
    ./python >"$folder/build.log" 2>&1; then
    echo "python: the package is installed in $folder"
else
    echo "python: the package could not be built: $folder/build.log"
fi
touch "$folder/ready"
