"""Runs models in onnxruntime: python onnxruntime_logits.py JOBS

A line of JOBS holds, separated by tabs: model, features, logits, shape and, if need be, the other inputs.
Features are float32 behind an int32 count of clips, each clip being an int32 number of steps T and its T rows.
The shape is that of the model's input for one clip, such as T,1,10. Without T each row is a call. Other inputs
are sr=16000, a number, or h0>hn, a state that starts at zero and is an output in the next call. The first
output of the last call is written as float64, clip after clip.
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


def others(session, text):
    """Values of the other inputs, and which of them outputs hand on."""
    values, pairs = {}, {}
    for part in text.split(",") if text else []:
        name = part.split(">" if ">" in part else "=")[0]
        given = next(x for x in session.get_inputs() if x.name == name)
        kind = numpy.int64 if "int64" in given.type else numpy.int32 if "int32" in given.type else numpy.float32
        dims = [d if isinstance(d, int) else 1 for d in given.shape]
        values[name] = numpy.zeros(dims, kind)
        if ">" in part:
            pairs[name] = part.split(">")[1]
        else:
            values[name][...] = float(part.split("=")[1])
    return values, pairs


def run(model, features, logits, shape, extra=""):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # which in 1.20 gives two nodes one name where slices of two Splits are joined
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"],
                                           disabled_optimizers=["GatherSliceToSplitFusion"])
    name, axes = session.get_inputs()[0].name, shape.split(",")
    number = numpy.float64 if session.get_inputs()[0].type == "tensor(double)" else numpy.float32
    with open(features, "rb") as file:
        data = file.read()
    with open(logits, "wb") as file:
        width = int(numpy.prod([int(axis) for axis in axes if axis != "T"]))
        for steps, rows in clips(data, width):
            if axes[-1] == "T":
                rows = rows.reshape(steps, width).T
            rows = rows.astype(number)
            calls = [rows] if "T" in axes else numpy.split(rows, steps)
            values, pairs = others(session, extra)
            for call in calls:
                x = call.reshape([int(steps) if axis == "T" else int(axis) for axis in axes])
                y = session.run(None, {name: x, **values})
                for before, after in pairs.items():
                    values[before] = y[[o.name for o in session.get_outputs()].index(after)]
            file.write(y[0].astype(numpy.float64).tobytes())


if __name__ == "__main__":
    with open(sys.argv[1]) as jobs:
        for job in jobs:
            run(*job.rstrip("\n").split("\t"))
