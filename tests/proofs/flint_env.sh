#!/bin/bash
# Makes the Python environment in which tests/cli/test_proof_readers runs examples/check_proof.py.
#   flint_env.sh [FOLDER]   default build/flint-env
# Always succeeds, with one line that says what happened: without the environment (no network, no wheel
# for this machine) that test is counted as skipped.
tests/support/python_env.sh "${1:-build/flint-env}" python-flint 'import flint' \
    python-flint==0.8.0 -- --no-deps --only-binary :all: || true
