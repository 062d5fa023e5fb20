#!/bin/bash
# Makes the Python environment in which tests/preprocess/test_libraries.c compares front ends with the
# libraries that they are named after.
#   libraries_env.sh [FOLDER]   default build/libraries-env
# Not part of make check but of make check-libraries: PyTorch and TensorFlow are large. Always succeeds, with one line that says what happened:
# without the environment that test is counted as skipped.

tests/support/python_env.sh "${1:-build/libraries-env}" 'libraries of front ends' \
    'import torch, torchaudio, librosa, kaldi_native_fbank, python_speech_features, tensorflow' \
    numpy==2.4.6 torch==2.15.0 torchaudio==2.11.1 librosa==0.11.0 kaldi-native-fbank==1.23.0 \
    python_speech_features==0.6 tensorflow-cpu==2.21.0 || true
