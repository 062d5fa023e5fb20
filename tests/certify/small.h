/* A small pipeline for the tests of this folder: four mel bands, frames of 64 samples. */
#ifndef SP_TESTS_CERTIFY_SMALL_H
#define SP_TESTS_CERTIFY_SMALL_H

enum { SMALL_FEATURES = 4, SMALL_RATE = 8000, SMALL_SAMPLES = 264 };

static const char small_front[] =
    "{\"sample_rate\": 8000, \"scale\": \"int16\","
    " \"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the "
    "step\"},"
    " \"frame\": 64, \"step\": 50,"
    " \"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"},"
    " \"window\": \"hamming-periodic\", \"fft\": 64, \"power_norm\": \"1/N\","
    " \"mel\": {\"bands\": 4, \"low_hz\": 0, \"high_hz\": 4000,"
    " \"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    " \"floor\": {\"add\": 1e-10}, \"log\": \"natural\"}";

#endif
