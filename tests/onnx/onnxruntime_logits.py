"""Runs models in onnxruntime: python onnxruntime_logits.py JOBS

A line of JOBS holds, separated by tabs: model, features, logits, shape. Features are float32 behind an
int32 count of clips, each clip being an int32 number of steps T and its T rows. The shape is that of the
model's input for one clip, such as T,1,10. The
first output is written as float64, clip after clip.
"""
import sys

import numpy
import onnxruntime


def clips(data, width):
    count, at = numpy.frombuffer(data, numpy.int32, 1)[0], 4
    for _ in range(count):
        steps = numpy.frombuffer(data, numpy.int32, 1, at)[0]
        yield steps, numpy.frombuffer(data, numpy.float32, steps * width, at + 4)
        at += 4 + 4 * steps * width


def run(model, features, logits, shape):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name, axes = session.get_inputs()[0].name, shape.split(",")
    number = numpy.float64 if session.get_inputs()[0].type == "tensor(double)" else numpy.float32
    with open(features, "rb") as file:
        data = file.read()
    with open(logits, "wb") as file:
        for steps, rows in clips(data, int(axes[-1])):
            x = rows.reshape([int(steps) if axis == "T" else int(axis) for axis in axes]).astype(number)
            y = session.run(None, {name: x})[0]
            file.write(y.astype(numpy.float64).tobytes())


if __name__ == "__main__":
    with open(sys.argv[1]) as jobs:
        for job in jobs:
            run(*job.rstrip("\n").split("\t"))
