#!/bin/bash
# Makes the Python environment in which tests/onnx/test_onnxruntime compares logits with onnxruntime.
#   onnxruntime_env.sh [FOLDER]   default build/onnxruntime-env
# Always succeeds, with one line that says what happened: without the environment (no network, no wheel
# for this machine) that test is counted as skipped.

# Nothing else is needed to run a model; its other dependencies serve tools.
tests/support/python_env.sh "${1:-build/onnxruntime-env}" onnxruntime 'import numpy, onnxruntime' \
    onnxruntime==1.20.1 numpy==2.1.3 -- --no-deps --only-binary :all: || true
