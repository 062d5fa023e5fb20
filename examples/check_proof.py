#!/usr/bin/env python3
"""A second checker of soundproof's certificates, written after docs/certificate.md.

    pip install python-flint
    check_proof.py M.onnx CLIP.wav FILE.proof

Everything is a ball of Arb, real numbers enclosed at 128 bits, so that no error term is written
here. It knows dense layers, ReLU and LSTM, descriptions that the model carries, 16-bit WAV and
budgets in dB, and is slow. Exit code 0: accepted, 1: refused."""
import hashlib
import json
import pathlib
import struct
import sys
import wave
import zlib

from flint import arb, ctx, fmpq

ctx.prec = 128
ZERO, ONE = arb(0), arb(1)

def need(holds, what):
    if not holds:
        sys.exit(f"refused: {what}")

def most(*values):  # an exact number that is at least all of these
    return max((v.upper() for v in values), key=float)

def least(*values):
    return min((v.lower() for v in values), key=float)

def dot(a, b, start=ZERO):
    return sum((x * y for x, y in zip(a, b)), start)

def rows(values, width):
    return [values[i:i + width] for i in range(0, len(values), width)]

def digest(data):
    return hashlib.sha256(data).hexdigest()

# ---- the files ----

def read_proof(data):
    need(data.startswith(b"soundproof certificate 2\n"), "no certificate")
    need(digest(data[:-65]).encode() + b"\n" == data[-65:], "file: damaged")
    _, head, packed = data[:-65].split(b"\n", 2)
    header, raw = json.loads(head), zlib.decompress(packed)
    n = len(raw) // 8
    numbers = iter([struct.unpack("<d", raw[i::n])[0] for i in range(n)])
    arrays = {name: [arb(next(numbers)) for _ in range(int(size))]
              for name, size in header["arrays"].items()}
    need(next(numbers, None) is None, "sizes of the arrays")
    need(all(x.is_finite() for a in arrays.values() for x in a), "a number that is none")
    return header, arrays

def fields(data):
    """A protobuf message as {number: [values]}."""
    found, at = {}, 0
    def varint(at):
        value = shift = 0
        while data[at] > 127:
            value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        return value | data[at] << shift, at + 1
    while at < len(data):
        key, at = varint(at)
        size, at = varint(at) if key & 7 in (0, 2) else ({1: 8, 5: 4}[key & 7], at)
        value, at = (size, at) if key & 7 == 0 else (data[at:at + size], at + size)
        found.setdefault(key >> 3, []).append(value)
    return found

def tensor(t):
    data = t[9][0] if 9 in t else b"".join(t.get(4, []))
    need(t[2] == [1], "a tensor of other numbers than float32")
    return t[1], [arb(x) for x in struct.unpack(f"<{len(data) // 4}f", data)]

def read_model(data):
    """The layers, each (kind, weights...), and the description."""
    graph, layers, ends = fields(fields(data)[7][0]), [], set()  # names of last states
    weights = {fields(t)[8][0]: fields(t) for t in graph[5]}
    for node in map(fields, graph[1]):
        op, ins = node[4][0].decode(), node.get(1, [])
        if ins[0] in ends and layers[-1][0] == "lstm":
            layers.append(["last"])
        options = {fields(a)[1][0].decode(): fields(a).get(3) for a in node.get(5, [])}
        if op in ("MatMul", "Gemm"):
            need(set(options) <= {"transB"}, "a Gemm with factors")
            (_, width), values = tensor(weights[ins[1]])
            matrix = rows(values, width)
            matrix = matrix if options.get("transB") == [1] else [list(c) for c in zip(*matrix)]
            bias = tensor(weights[ins[2]])[1] if len(ins) > 2 else [ZERO] * len(matrix)
            layers.append(["dense", matrix, bias])
        elif op == "Add":
            need(layers[-1][0] == "dense", "an Add behind something else")
            layers[-1][2] = [x + y for x, y in zip(layers[-1][2], tensor(weights[ins[1]])[1])]
        elif op == "Relu":
            layers.append(["relu"])
        elif op == "LSTM":
            need(set(options) == {"hidden_size"} and len(ins) == 4, "an LSTM with options")
            ((_, _, d), w), ((_, _, h), u), (_, b) = (tensor(weights[i]) for i in ins[1:])
            b = [x + y for x, y in zip(b, b[4 * h:])]
            part = [slice(k * h, (k + 1) * h) for k in (0, 2, 3, 1)]  # i f g o of i o f g
            layers.append(["lstm"] + [[x[p] for p in part] for x in (rows(w, d), rows(u, h), b)])
            ends.add(node[2][-1])
        else:  # both drop axes of one number
            need(op == "Squeeze" or (op == "Gather" and ins[0] in ends), f"model: {op}")
    notes = {fields(m)[1][0]: fields(m)[2][0] for m in fields(data)[14]}
    return layers, notes[b"soundproof.front"]

# ---- the front end: E_m = sum_k weight[m][k] (f[k] . x)^2 + floor ----

class Bank:
    def __init__(self, text):
        d = json.loads(text)
        need(d["log"] == "natural" and not set(d) & {"gain", "dct"} and set(d["floor"]) == {"add"},
             "front end: not known here")
        n, self.frame, self.step, self.rate = d["fft"], d["frame"], d["step"], d["sample_rate"]
        self.scale, self.floor = {"int16": 32768, "unit": 1}[d["scale"]], arb(d["floor"]["add"])
        self.pad = d.get("pad", {"rule": "none"})["rule"] != "none"
        scale = {"1/N": ONE / arb(n).sqrt(), "none": ONE}[d["power_norm"]]
        pre = arb(d["preemphasis"]["coefficient"]) if "preemphasis" in d else ZERO
        half = {"hamming": arb(54) / 100, "hann": ONE / 2, "none": ONE}[d["window"].split("-")[0]]
        turns = self.frame - (not d["window"].endswith("-periodic"))
        window = [half - (1 - half) * arb.cos_pi_fmpq(fmpq(2 * j, turns)) for j in range(turns + 1)]
        window, self.f = window[:self.frame] + [ZERO], []
        for of, sign in ((arb.cos_pi_fmpq, scale), (arb.sin_pi_fmpq, -scale)):
            table = [of(fmpq(2 * q, n)) * sign for q in range(n)]
            for k in range(n // 2 + 1):
                w = [window[j] * table[j * k % n] for j in range(self.frame + 1)]
                self.f.append([w[j] - pre * w[j + 1] for j in range(self.frame)])
        self.weight = self.mel(d["mel"], n)

    def mel(self, d, n):
        low, high, bands, weight = arb(d["low_hz"]), arb(d["high_hz"]), d["bands"], []
        a, b = (1 + low / 700).log(), (1 + high / 700).log()
        hz = [700 * ((a + (b - a) * j / (bands + 1)).exp() - 1) for j in range(1, bands + 1)]
        factor = {"floor((N+1)*hz/rate)": n + 1, "floor(N*hz/rate)": n}[d["rounding"]]
        corner = [int((h * factor / self.rate).floor().unique_fmpz()) for h in [low, *hz, high]]
        for m in range(bands):
            c, row = corner[m:m + 3], [ZERO] * (n // 2 + 1)
            for i in range(c[0] + 1, c[2]):
                up, down = arb(i - c[0]), arb(c[2] - i)
                row[i] = up / (c[1] - c[0]) if i < c[1] else down / (c[2] - c[1])
            row[c[0]] = ONE if c[0] == c[1] else row[c[0]]
            weight.append(row + row)
        return weight

def prove(bank, diagonal, weight):
    """diagonal - sum_j weight_j f_j f_j' is positive: the pivots of Cholesky are."""
    n, used = bank.frame, [(w, f) for w, f in zip(weight, bank.f) if not w == 0]
    m = [[(diagonal[i] if i == j else ZERO) - sum((w * f[i] * f[j] for w, f in used), ZERO)
          for j in range(i + 1)] for i in range(n)]
    for i in range(n):
        for j in range(i + 1):
            x = m[i][j] - dot(m[i][:j], m[j][:j])
            need(i > j or x > 0, "front end: a diagonal is not above its form")
            m[i][j] = x / m[j][j] if i > j else x.sqrt()

def bound_band(bank, weight, x, r, diagonal, z, low, up):
    """Lines of log E over g . d, the part of the squares in the upper one, and the box."""
    used = [(w, f) for w, f in zip(weight, bank.f) if not w == 0]
    w, y = [w for w, _ in used], [dot(f, x) for _, f in used]
    move = [dot([abs(a) for a in f], r) for _, f in used]
    clean = dot(w, [v * v for v in y], bank.floor)
    g = [sum((2 * v * q * f[i] for (v, f), q in zip(used, y)), ZERO) for i in range(bank.frame)]
    reach = dot([abs(a) for a in g], r)
    square = least(dot(diagonal, [a * a for a in r]).upper(), dot(w, [v * v for v in move]).upper())
    high = dot(w, [(abs(v) + q) ** 2 for v, q in zip(y, move)], bank.floor)
    along = [sum((a * f[i] for a, (_, f) in zip(z, used)), ZERO) for i in range(bank.frame)]
    top = dot(z, y, bank.floor) - dot([abs(a) for a in along], r)
    size = (sum((a * a / v for a, v in zip(z, w)), ZERO) + bank.floor).sqrt()
    root, start = clean.sqrt(), most(bank.floor.sqrt().lower(), (top / size).lower())
    need(low >= 0 and up > 0, "front end: a slope has the wrong sign")
    begin = least(start, root)
    left = 2 * begin.log() + 2 * low * root * (root - begin)
    right = 2 * (root + reach / (2 * root)).log() - low * reach
    ceiling = least((clean + square + reach).upper(), high.upper())
    return {"form": g, "square": square, "slope": (low, up),
            "offset": (least(left, right), most(up * (clean + square) - 1 - up.log())),
            "box": (2 * start.log(), ceiling.log())}

# ---- the network: vectors in the order of the computation ----

class Walk:
    def __init__(self, bank, radius):
        self.bank, self.radius, self.vectors, self.tight = bank, radius, [], set()

    def add(self, kind, lo, hi, **more):
        self.vectors.append(dict(more, kind=kind, lo=[*map(least, lo)], hi=[*map(most, hi)]))
        return len(self.vectors) - 1

    def image(self, terms, bias):
        lo, hi = list(bias), list(bias)
        for matrix, v in terms:
            box = list(zip(self.vectors[v]["lo"], self.vectors[v]["hi"]))
            lo = [dot(m, [b[m[j] < 0] for j, b in enumerate(box)], x) for x, m in zip(lo, matrix)]
            hi = [dot(m, [b[m[j] >= 0] for j, b in enumerate(box)], x) for x, m in zip(hi, matrix)]
        return self.add("image", lo, hi, terms=terms, bias=bias)

    def lower(self, top, row):
        """An exact number that is at most row . vector `top`: the row is carried back."""
        on, total, samples = {top: row}, ZERO, [ZERO] * len(self.radius)
        def give(v, c):
            on[v] = [a + b for a, b in zip(on[v], c)] if v in on else c
        for i in range(top, -1, -1):
            v, c = self.vectors[i], on.pop(i, None)
            if c is None:
                continue
            if v["kind"] == "image":
                total += dot(c, v["bias"])
                for m, x in v["terms"]:
                    give(x, [dot(c, column) for column in zip(*m)])
                continue
            total -= dot([a.rad() for a in c], [most(-a, b) for a, b in zip(v["lo"], v["hi"])])
            c = [a.mid() for a in c]  # coefficients become exact
            side = [0 if a >= 0 else 1 for a in c]
            if v["kind"] == "features":
                total += self.features(v, c, side, samples)
            for x, slope in v["slopes"]:
                give(x, [a * s[k] for a, s, k in zip(c, slope, side)])
            total += dot(c, [o[k] for o, k in zip(v["offsets"], side)])
        return least(total - dot([abs(a) for a in samples], self.radius))

    def features(self, v, c, side, samples):
        total, spent, apart = ZERO, [ZERO] * len(self.bank.f), ZERO
        for a, k, line, peak in zip(c, side, v["lines"], v["peak"]):
            w = a * line["slope"][k]
            for i, f in enumerate(line["form"]):
                samples[v["at"] + i] += w * f
            if k == 1:  # all bands share the squares of the noise
                apart -= w * line["square"]
                spent = [s - w * p for s, p in zip(spent, peak)]
        saved = apart - most(*spent) * v["energy"]
        return total + saved if saved > 0 else total

    def tighten(self, v):
        n, at = len(self.vectors[v]["lo"]), self.vectors[v]
        for j in range(n if v not in self.tight else 0):
            unit = [arb(i == j) for i in range(n)]
            at["lo"][j] = most(at["lo"][j], self.lower(v, unit))
            at["hi"][j] = least(at["hi"][j], -self.lower(v, [-u for u in unit]))
        self.tight.add(v)
        return list(zip(at["lo"], at["hi"]))

    def relu(self, x, slopes):
        box, offsets = self.tighten(x), []
        s = rows(slopes, len(box))
        for (lo, hi), a, b in zip(box, *s):
            ends = [lo, hi, min(max(lo, ZERO), hi)]
            offsets.append((least(*(most(p, ZERO) - a * p for p in ends)),
                            most(*(most(p, ZERO) - b * p for p in ends))))
        return self.add("relaxed", [most(a, ZERO) for a, _ in box], [most(b, ZERO) for _, b in box],
                        slopes=[(x, list(zip(*s)))], offsets=offsets)

    def product(self, x, y, q, slopes):
        """sigma(x) q(y): planes a x + b y + offset below and above."""
        boxes = [a + b for a, b in zip(self.tighten(x), self.tighten(y))]
        s = rows(slopes, len(boxes))
        offsets = [(bottom(q, b, s[0][j], s[1][j]), -bottom(q, (b[0], b[1], -b[3], -b[2]), -s[2][j],
                                                            s[3][j])) for j, b in enumerate(boxes)]
        ends = [[sigma(b[i]) * q(b[k]) for i in (0, 1) for k in (2, 3)] for b in boxes]
        return self.add("relaxed", [least(*e) for e in ends], [most(*e) for e in ends],
                        slopes=[(x, list(zip(s[0], s[2]))), (y, list(zip(s[1], s[3])))],
                        offsets=offsets)

def sigma(x):
    return 1 / (1 + (-x).exp())

def bottom(q, box, a, b):
    """At most sigma(x) q(y) - a x - b y on the box: cells, and what a bilinear function misses."""
    cells, best, result = [box], None, None
    while cells:
        x0, x1, y0, y1 = cells.pop()
        now = least(*(sigma(x) * q(y) - a * x - b * y for x in (x0, x1) for y in (y0, y1)))
        in_x = arb("0.09623") * most(abs(q(y0)), abs(q(y1))) * (x1 - x0) ** 2 / 8
        in_y = arb("0.76981") * (y1 - y0) ** 2 / 8 if q is arb.tanh else ZERO
        low, best = least(now - in_x - in_y), now if best is None else least(now, best)
        if low > best - arb("1e-5"):
            result = low if result is None else least(low, result)
        else:
            x, y = ((x0 + x1) / 2).mid(), ((y0 + y1) / 2).mid()
            cells += ([(x0, x, y0, y1), (x, x1, y0, y1)] if in_x > in_y else
                      [(x0, x1, y0, y), (x0, x1, y, y1)])
    return result

def run_layers(walk, arrays, layers, at):
    k = 0  # of the layers with slopes
    for layer in layers:
        k += layer[0] in ("relu", "lstm")
        part = {name.split("/")[1]: rows(a, len(a) // len(at)) for name, a in arrays.items()
                if name.split("/")[0] == str(k)}
        if layer[0] == "last":
            at = at[-1:]
        elif layer[0] == "dense":
            at = [walk.image([(layer[1], v)], layer[2]) for v in at]
        elif layer[0] == "relu":
            at = [walk.relu(v, s) for v, s in zip(at, part["h"])]
        else:
            n = len(layer[3][0])
            unit = [[arb(i == j) for j in range(n)] for i in range(n)]
            for t, v in enumerate(at):
                gate = [walk.image([(w, v)] + ([(u, h)] if t > 0 else []), b)
                        for w, u, b in zip(*layer[1:])]
                ig = walk.product(gate[0], gate[2], arb.tanh, part["ig"][t])
                fc = [walk.product(gate[1], c, lambda y: y, part["fc"][t])] if t > 0 else []
                c = walk.image([(unit, v) for v in [ig] + fc], [ZERO] * n) if t > 0 else ig
                at[t] = h = walk.product(gate[3], c, arb.tanh, part["h"][t])
    return at[0]

def main():
    model, clip, proof = (pathlib.Path(path).read_bytes() for path in sys.argv[1:])
    header, arrays = read_proof(proof)
    layers, text = read_model(model)
    for data, key in ((model, "model"), (clip, "recording"), (text, "front")):
        need(digest(data) == header[key + "_sha256"], f"{key}: another one")
    need([header[k] for k in ("noise", "property", "arithmetic", "budget_unit", "begin")] ==
         ["box", "argmax", "real", "dB", 0], "header: not known here")
    bank = Bank(text)
    with wave.open(sys.argv[2]) as file:
        n = file.getnframes()
        need((1, 2, bank.rate, header["samples"]) == file.getparams()[:4], "recording")
        x = [arb(v) * bank.scale / 32768 for v in struct.unpack(f"<{n}h", file.readframes(n))]
    eps, step, label = arb(header["radius"]), bank.step, header["label"]
    need(eps >= most(*map(abs, x)) * arb(10) ** (arb(header["budget_value"]) / 20), "budget")
    zeros = [ZERO] * (step if bank.pad and n % step else 0)
    x, radius, at, bands = x + zeros, [eps] * n + zeros, [], len(bank.weight)
    share, witness = arrays["front/share"], iter(arrays["front/witness"])
    diagonal = rows(arrays["front/diagonal"], bank.frame)
    for d, w in zip(diagonal + [arrays["front/energy"]], bank.weight + [share]):
        prove(bank, d, w)
    need(all(s > 0 or all(w[k] == 0 for w in bank.weight) for k, s in enumerate(share)), "share")
    peaks = [[w / s if s > 0 else ZERO for w, s in zip(line, share)] for line in bank.weight]
    walk = Walk(bank, radius)
    for t in range((len(x) - bank.frame) // step + 1):
        part, lines = slice(t * step, t * step + bank.frame), []
        for m, weight in enumerate(bank.weight):
            z = [next(witness) for w in weight if not w == 0]
            slopes = (arrays[f"front/{end}"][t * bands + m] for end in ("lower", "upper"))
            lines.append(bound_band(bank, weight, x[part], radius[part], diagonal[m], z, *slopes))
        energy = dot(arrays["front/energy"], [r * r for r in radius[part]])
        offsets, boxes = [v["offset"] for v in lines], zip(*(v["box"] for v in lines))
        at.append(walk.add("features", *boxes, lines=lines, at=t * step, peak=peaks, energy=energy,
                           slopes=[], offsets=offsets))
    out = run_layers(walk, arrays, layers, at)
    lo, hi = walk.vectors[out]["lo"], walk.vectors[out]["hi"]
    margin = float(least(*(most(walk.lower(out, [arb((i == label) - (i == k))
                                                 for i in range(len(lo))]), lo[label] - hi[k])
                           for k in range(len(lo)) if k != label)))
    need(margin > 0, f"margin: {margin:.6g} is proved")
    print(f"accepted: label {label} under every noise of at most {header['radius']}; "
          f"margin {margin:.6g} (claimed {header['margin']:.6g})")

main()
