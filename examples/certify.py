#!/usr/bin/env python3
"""Certifies clips with the Python package: certify.py MODEL.onnx CLIP.wav... (pip install ./python)"""

import sys

import soundproof

if len(sys.argv) < 3:
    sys.exit(f"usage: {sys.argv[0]} MODEL.onnx CLIP.wav...")
pipeline = soundproof.Pipeline(sys.argv[1])
for budget in ("-70dB", "-60dB", "-50dB", "-40dB"):
    verdicts = pipeline.certify(sys.argv[2:], budget)
    for verdict in verdicts:
        if verdict.outcome == "error":
            print(verdict.reason, file=sys.stderr)
    proved = [verdict for verdict in verdicts if verdict.certified]
    least = min((verdict.margin for verdict in proved), default=None)
    print(f"{budget}: certified {len(proved)} of {len(verdicts)}"
          + (f", least margin {least:.3f}" if proved else ""))
