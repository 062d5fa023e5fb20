#!/bin/bash
# Makes the Python environment of tests/cli/test_python: the package of python/, built from this clone
# and installed where nothing else is.
#   environment.sh [FOLDER]   default build/python-env
# The tools are kept, the package is always built anew. Always succeeds, with one line for each that
# says what happened: without the tools (no network) these tests are counted as skipped.
set -uo pipefail

folder=${1:-build/python-env}
rm -f "$folder/ready"
tests/support/python_env.sh "$folder" python 'import cffi, numpy, pytest, scipy' meson-python==0.18.0 \
    meson==1.8.2 ninja==1.11.1.4 cffi==1.17.1 numpy==2.1.3 scipy==1.14.1 pytest==8.3.4 -- --only-binary :all: || exit 0
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
