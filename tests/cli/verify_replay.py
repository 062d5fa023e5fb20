"""Replays a witness in onnxruntime: python verify_replay.py MODEL QUERY ANSWER

ANSWER holds what soundproof verify printed. The assertions of the query are read and evaluated here once more, on
the witness's inputs and on what onnxruntime makes of them in single precision. Prints "met" or what is not; the outputs must be those of
the witness.
"""
import re
import sys

import numpy
import onnxruntime


def expressions(text):
    """Nested lists of words; X[0,1] is one word."""
    text = re.sub(r";[^\n]*", "", text)
    text = re.sub(r"\s*\[([^\]]*)\]", lambda m: "[" + re.sub(r"\s", "", m[1]) + "]", text)
    stack = [[]]
    for word in re.findall(r"[()]|[^\s()]+", text):
        if word == "(":
            stack.append([])
        elif word == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(word)
    assert len(stack) == 1, "parentheses"
    return stack[0]


def value(e, names):
    if isinstance(e, str):
        return names[e] if e in names else float(e)
    operator, rest = e[0], [value(x, names) for x in e[1:]]
    if operator == "-" and len(rest) == 1:
        return -rest[0]
    total = rest[0]
    for x in rest[1:]:
        total = total + x if operator == "+" else total - x if operator == "-" else total * x
    return total


def holds(e, names):
    operator = e[0]
    if operator in ("and", "or"):
        return (all if operator == "and" else any)(holds(x, names) for x in e[1:])
    if operator == "not":
        return not holds(e[1], names)
    a, b = (value(x, names) for x in e[1:])
    return {"<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b, "=": a == b, "==": a == b, "!=": a != b}[operator]


def witness(lines):
    """The numbers of the input, and the names of those of input and output, from either form."""
    if lines[0].startswith("("):
        pairs = re.findall(r"\((\w+) ([^)]*)\)", "\n".join(lines))
        inputs = [float(x) for name, x in pairs if name.startswith("X")]
        return inputs, [name for name, _ in pairs if name.startswith("X")], \
            [name for name, _ in pairs if name.startswith("Y")], \
            [float(x) for name, x in pairs if name.startswith("Y")]
    tensors = []
    for line in lines:
        head = re.fullmatch(r"(\w+) \w+ \[([\d,]*)\]", line)
        if head:
            shape = [int(n) for n in head[2].split(",")] if head[2] else []
            places = ["[" + ",".join(map(str, at)) + "]" if shape else "" for at in numpy.ndindex(*shape)]
            tensors.append(([head[1] + place for place in places], []))
        else:
            tensors[-1][1].append(float(line))
    assert all(len(names) == len(numbers) for names, numbers in tensors), "numbers are missing"
    return tensors[0][1], tensors[0][0], tensors[1][0], tensors[1][1]


def main(model, query, answer):
    with open(answer) as file:
        lines = file.read().split("\n")
    assert lines[0] == "sat", lines[0]
    inputs, input_names, output_names, outputs = witness([line for line in lines[1:] if line])
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[-1] if len(session.get_inputs()) == 1 else next(
        x for x in session.get_inputs() if x.name not in {i.name for i in session.get_overridable_initializers()})
    fixed = [d if isinstance(d, int) else 0 for d in given.shape]
    if fixed.count(0) > 1:
        fixed = [1 if d == 0 and i > 0 else d for i, d in enumerate(fixed)]
    shape = [d if d else -1 for d in fixed]
    x = numpy.array(inputs, numpy.float32).reshape(shape)
    y = session.run(None, {given.name: x})[0].reshape(-1)
    apart = max(abs(a - b) for a, b in zip(outputs, map(float, y), strict=True))
    assert apart <= 1e-4 * max(1.0, *map(abs, outputs)), f"outputs differ by {apart}"
    names = dict(zip(input_names, map(float, x.reshape(-1))))
    names.update(zip(output_names, map(float, y)))
    with open(query) as file:
        missed = [e for e in expressions(file.read()) if e[0] == "assert" and not holds(e[1], names)]
    print(f"not met: {missed[0]}" if missed else "met")


main(*sys.argv[1:])
