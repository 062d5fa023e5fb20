#!/bin/bash
# Makes the Python environment in which tests/preprocess/test_libraries.c and tests/python compare front
# ends with the libraries that they are named after, and installs the package of python/ there.
#   libraries_env.sh [FOLDER]   default build/libraries-env
# Not part of make check but of make check-libraries: PyTorch and TensorFlow are large. Always succeeds,
# with one line that says what happened: without the environment that test is counted as skipped.

folder=${1:-build/libraries-env}
tests/support/python_env.sh "$folder" 'libraries of front ends' \
    'import torch, torchaudio, librosa, kaldi_native_fbank, python_speech_features, tensorflow, art, cffi' \
    numpy==2.4.6 torch==2.15.0 torchaudio==2.11.1 librosa==0.11.0 kaldi-native-fbank==1.23.0 \
    python_speech_features==0.6 tensorflow-cpu==2.21.0 \
    adversarial-robustness-toolbox==1.20.1 meson-python==0.18.0 ninja==1.11.1.4 cffi==1.17.1 pytest==8.3.4 || exit 0
PATH="$(cd "$folder/bin" && pwd):$PATH" "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-input --no-build-isolation --no-deps --force-reinstall ./python >"$folder/build.log" 2>&1 ||
    echo "libraries of front ends: the package could not be built: $folder/build.log"
