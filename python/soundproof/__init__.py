"""Proves that noise within a budget cannot change what a speech classifier answers.

    import soundproof
    pipeline = soundproof.Pipeline("model.onnx")           # or with front="front.json"
    verdict = pipeline.certify("3_theo_0.wav", "-60dB")
    print(verdict.outcome, verdict.margin)

Clips are paths of mono audio files of the model's rate, or one-dimensional arrays (numpy, torch on
the CPU, lists): floats have full scale 1, integers that of their type (32768 for int16).
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import math
import os
import tempfile
import threading
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _machine
from .fronts import front_of


def _load() -> Any:
    """OpenBLAS reads its environment when it is loaded."""
    ask = _machine.KERNELS and "OPENBLAS_CORETYPE" not in os.environ
    if ask:
        os.environ["OPENBLAS_CORETYPE"] = _machine.KERNELS
    try:
        from . import _binding
    finally:
        if ask:
            del os.environ["OPENBLAS_CORETYPE"]
    return _binding


_binding = _load()
_ffi, _lib = _binding.ffi, _binding.lib

__all__ = ["Pipeline", "Verdict", "Radius", "SoundproofError", "Box", "front_of", "version"]

Clip = Union[str, "os.PathLike[str]", Sequence[float], np.ndarray, Any]
Label = Union[int, str, None]
Threshold = Union[float, str, Sequence[Union[float, str]], None]


class SoundproofError(Exception):
    """What the library says of an input that it cannot use."""


def version() -> str:
    """Version of the library, as "0.1.0"."""
    return _ffi.string(_lib.soundproof_version()).decode()


def _text(pointer: Any) -> str:
    return _ffi.string(pointer).decode("utf-8", "replace")


def _fail() -> "SoundproofError":
    return SoundproofError(_text(_lib.soundproof_last_error()))


def _number(x: float) -> Optional[float]:
    return None if math.isnan(x) else x


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was shown about one clip and one budget.

    Numbers that are not known are None; `margins` and `logits` are arrays [classes], with NaN where
    nothing is known (as at the label itself)."""

    outcome: str  #: "certified", "broken", "unknown", "misclassified", "timeout" or "error"
    label: Optional[int]  #: the label in question
    answer: Optional[int]  #: the model's answer to the clip without noise
    margin: Optional[float]  #: least proved lead (of an attack: attained lead) over another label
    margins: np.ndarray  #: [classes] the same for every other label
    logits: np.ndarray  #: [classes] of the clip without noise
    frames: int
    eps: Optional[float]  #: the budget's radius in the model's sample units
    eps_lsb: Optional[float]  #: the same in steps of the file's format
    budget_db: Optional[float]  #: relative to what budgets in dB are
    snr_db: Optional[float]  #: of the loudest noise of the set
    vacuous: bool  #: below half a step of the file's format: no other file is in the set
    seconds: float
    reason: str  #: why it is not certified, in one line
    clip: Optional[str] = None  #: the path, of clips that have one
    #: scores of a frame, where many decisions are asked about at once; margins and logits are then
    #: those of all frames, `margins.reshape(-1, outputs)`, and label and answer None
    outputs: Optional[int] = None

    @property
    def weakest(self) -> Optional[Tuple[int, int]]:
        """(frame, output) with the least margin, where many decisions are asked about."""
        if not self.outputs or not np.isfinite(self.margins).any():
            return None
        frame, output = divmod(int(np.nanargmin(self.margins)), self.outputs)
        return frame, output

    @property
    def certified(self) -> bool:
        return self.outcome == "certified"

    def as_dict(self) -> Dict[str, Any]:
        """Plain numbers and lists: a row for pandas.DataFrame."""
        row = dataclasses.asdict(self)
        row["margins"] = [float(x) for x in self.margins]
        row["logits"] = [float(x) for x in self.logits]
        return row


@dataclasses.dataclass(frozen=True)
class Radius:
    """The two edges of a clip, in dB as budgets are; None: none was found."""

    certified_db: Optional[float]  #: loudest noise that was certified
    broken_db: Optional[float]  #: quietest noise that was found to change the answer
    verdict: Verdict  #: of the certified budget, or of the quietest that was tried

    def as_dict(self) -> Dict[str, Any]:
        row = self.verdict.as_dict()
        row.update(certified_db=self.certified_db, broken_db=self.broken_db)
        return row


@dataclasses.dataclass(frozen=True)
class Box:
    """What is known of one node of the network under every noise of a budget."""

    node: int  #: in the order in which a clip flows through them; 0: the features
    kind: str  #: "features", "affine", "relu", "lstm", ...
    lower: np.ndarray  #: [frames, width]; NaN in frames of which nothing is kept
    upper: np.ndarray  #: likewise


_LABELS = {None: -1, "predicted": -1, "name": -2}


def _label(label: Label) -> int:
    if label is None or isinstance(label, str) and label in _LABELS:
        return _LABELS[label]
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and label >= 0:
        return int(label)
    raise SoundproofError(
        f"a label is a number from 0, None for the model's own answer or 'name' for the digit in "
        f"the file's name, not {label!r}"
    )


def _threshold(threshold: Threshold) -> Optional[str]:
    """As --threshold is written."""
    if threshold is None or isinstance(threshold, str):
        return threshold
    if isinstance(threshold, (int, float, np.number)):
        return repr(float(threshold))
    return ",".join(x if isinstance(x, str) else repr(float(x)) for x in threshold)


def _verdict(raw: Any, path: Optional[str], outputs: int = 0) -> Verdict:
    """Takes over what the struct points at, and frees what it owns."""

    def array(pointer: Any) -> np.ndarray:
        if pointer == _ffi.NULL:
            return np.full(raw.classes, np.nan)
        return np.frombuffer(_ffi.buffer(pointer, raw.classes * 8), dtype=float).copy()

    try:
        return Verdict(
            outcome=_text(_lib.soundproof_outcome_name(raw.outcome)),
            label=raw.label if raw.label >= 0 else None,
            answer=raw.predicted if raw.predicted >= 0 else None,
            margin=_number(raw.margin),
            margins=array(raw.margins),
            logits=array(raw.logits),
            frames=raw.frames,
            eps=_number(raw.eps),
            eps_lsb=_number(raw.eps_lsb),
            budget_db=_number(raw.budget_db),
            snr_db=_number(raw.snr_db),
            vacuous=bool(raw.vacuous),
            seconds=raw.seconds,
            reason=_text(raw.reason),
            clip=path,
            outputs=outputs or None,
        )
    finally:
        _lib.soundproof_verdict_clear(raw)


def _refused(error: SoundproofError, clip: Any) -> Verdict:
    """Of a clip in a list, which does not keep the others from theirs."""
    nothing = np.full(0, np.nan)
    path = os.fspath(clip) if isinstance(clip, (str, os.PathLike)) else None
    return Verdict("error", None, None, None, nothing, nothing, 0, None, None, None, None, False,
                   0.0, str(error), path)


def _samples(clip: Any) -> Tuple[np.ndarray, float]:
    """[n] doubles, and the full scale of what they were."""
    array = np.asarray(clip.detach().cpu() if hasattr(clip, "detach") else clip)
    if array.ndim != 1:
        raise SoundproofError(
            f"a clip is one channel of samples, an array [n], not one of shape {array.shape}"
        )
    if array.dtype.kind not in "iuf" or array.dtype == np.uint8:
        raise SoundproofError(
            f"samples are floats with full scale 1, or signed integers, not {array.dtype}"
        )
    scale = 1.0 if array.dtype.kind == "f" else -float(np.iinfo(array.dtype).min)
    if not scale > 0.0:
        raise SoundproofError(f"samples are signed integers, not {array.dtype}")
    return np.ascontiguousarray(array, dtype=float), scale


@_ffi.def_extern()
def soundproof_python_box(context, node, kind, frame, width, lo, hi):  # type: ignore
    boxes = _ffi.from_handle(context)
    rows = boxes.setdefault(int(node), (_text(kind), {}))[1]
    rows[int(frame)] = tuple(
        np.frombuffer(_ffi.buffer(x, width * 8), dtype=float).copy() for x in (lo, hi)
    )
    return 0


class _Clip:
    """A clip as the library holds it."""

    def __init__(self, pipeline: "Pipeline", clip: Clip, rate: Optional[int]):
        self.path: Optional[str] = None
        self.scale = 1.0
        if isinstance(clip, (str, os.PathLike)):
            self.path = os.fspath(clip)
            raw = _lib.soundproof_clip_read(pipeline._system, os.fsencode(self.path))
        else:
            samples, self.scale = _samples(clip)
            pointer = _ffi.cast("double *", samples.ctypes.data)
            raw = _lib.soundproof_clip_of(
                pipeline._system, pointer, len(samples), rate or pipeline.rate, self.scale
            )
        if raw == _ffi.NULL:
            raise _fail()
        self.raw = _ffi.gc(raw, _lib.soundproof_clip_free)


def _call(function: Any, *arguments: Any) -> Tuple[int, str]:
    """(status, message), by a thread of its own, so that Ctrl-C reaches the program."""

    def work() -> Tuple[int, str]:
        status = function(*arguments)
        return status, _text(_lib.soundproof_last_error())  # that of this thread

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        future = executor.submit(work)
        try:
            return future.result()
        except BaseException:
            _lib.soundproof_stop(1)
            concurrent.futures.wait([future])
            _lib.soundproof_stop(0)
            raise


def _judge(status: int, raw: Any, held: _Clip, outputs: int) -> Verdict:
    verdict = _verdict(raw, held.path, outputs)
    if status and verdict.outcome == "error":
        raise SoundproofError(verdict.reason)
    return verdict


def _is_list(clip: Any) -> bool:
    """A list of clips, and not one clip as a list of samples."""
    return isinstance(clip, (list, tuple)) and not (len(clip) > 0 and isinstance(clip[0], (int, float)))


def _many(one: Any, refused: Any, clip: Any, label: Any, rest: Tuple[Any, ...]) -> Any:
    """One clip, or a list of them, one per thread; what cannot be used keeps no other from its
    verdict."""
    if not _is_list(clip):
        return one(clip, label, *rest)
    labels = label if isinstance(label, (list, tuple)) else [label] * len(clip)
    if len(labels) != len(clip):
        raise SoundproofError(f"{len(clip)} clips have {len(labels)} labels")

    def each(pair: Tuple[Any, Any]) -> Any:
        try:
            return one(*pair, *rest)
        except SoundproofError as error:
            return refused(error, pair[0])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        return list(executor.map(each, zip(clip, labels)))



class Pipeline:
    """A model behind its front end, and a method.

    model   path of an ONNX file
    front   path of a front-end description, the description itself as a dict, a transform or
            function that `front_of` knows, or None for the front end inside the model
    method  a name of `soundproof methods`
    threads inside each call; lists of clips take one clip per thread instead. 0: all processors.
            The first pipeline of a program decides it
    output  which output of the model is asked about, where its file leaves that open: "NAME",
            "NAME@last", "NAME@all" (an answer at every frame), "NAME[3]"; as --output of the command
    inputs  a dict of what its other inputs are: {"sr": 16000, "input": "1x576"}
    steps_axis
            which axis of its input counts the steps
    """

    _threads: Optional[int] = None

    def __init__(
        self,
        model: Union[str, "os.PathLike[str]"],
        front: Union[str, "os.PathLike[str]", Dict[str, Any], Callable[..., Any], None] = None,
        method: str = "exact",
        threads: int = 0,
        output: Optional[str] = None,
        inputs: Optional[Dict[str, Union[int, float, str]]] = None,
        steps_axis: Optional[int] = None,
    ):
        if Pipeline._threads is None:
            if _lib.soundproof_threads(threads):
                raise _fail()
            Pipeline._threads = threads
        self.model, self.method, self.output = os.fspath(model), method, output
        self._inputs, self._steps_axis, self._front = inputs, steps_axis, front
        self._others: Dict[str, "Pipeline"] = {}
        self._lock = threading.Lock()
        if callable(front):
            front = front_of(front)
        if isinstance(front, dict):
            with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
                json.dump(front, file)
                file.flush()
                self._open(file.name)
        else:
            self._open(os.fspath(front) if front is not None else None)

    def _open(self, front: Optional[str]) -> None:
        choice = _ffi.new("soundproof_choice *")
        _lib.soundproof_choice_start(choice, _ffi.sizeof("soundproof_choice"))
        inputs = [
            _ffi.new("char[]", f"{name}={value}".encode())
            for name, value in (self._inputs or {}).items()
        ]
        listed = _ffi.new("char *[]", inputs + [_ffi.NULL])
        output = _ffi.new("char[]", self.output.encode()) if self.output is not None else _ffi.NULL
        choice.output, choice.inputs = output, listed
        if self._steps_axis is not None:
            choice.steps_axis = self._steps_axis
        raw = _lib.soundproof_open_as(
            os.fsencode(self.model),
            os.fsencode(front) if front is not None else _ffi.NULL,
            self.method.encode(),
            choice,
        )
        if raw == _ffi.NULL:
            raise _fail()
        self._system = _ffi.gc(raw, _lib.soundproof_close)

    def with_output(self, output: Optional[str]) -> "Pipeline":
        """The same pipeline, asked about another output of its model; it is opened once."""
        if output is None or output == self.output:
            return self
        with self._lock:
            if output not in self._others:
                self._others[output] = Pipeline(
                    self.model, self._front, self.method, output=output, inputs=self._inputs,
                    steps_axis=self._steps_axis
                )
            return self._others[output]

    @property
    def rate(self) -> int:
        """Hz that the model hears."""
        return _lib.soundproof_sample_rate(self._system)

    @property
    def classes(self) -> int:
        """Number of labels (two of a model with one logit: silent, and fires)."""
        return _lib.soundproof_classes(self._system)

    def __repr__(self) -> str:
        return f"Pipeline({self.model!r}, method={self.method!r})"

    # ---- without noise ----

    def logits(self, clip: Clip, rate: Optional[int] = None) -> np.ndarray:
        """[classes] of the clip without noise, of an output "NAME@all" those of all frames. rate: Hz
        of an array; the model's unless given."""
        held = _Clip(self, clip, rate)
        values = np.empty(_lib.soundproof_scores(self._system, held.raw))
        if _lib.soundproof_logits(
            self._system, _ffi.cast("double *", values.ctypes.data), held.raw
        ):
            raise _fail()
        return values

    def features(self, clip: Clip, rate: Optional[int] = None) -> np.ndarray:
        """[frames, width], what the front end gives to the network."""
        held = _Clip(self, clip, rate)
        values = _ffi.new("double **")
        frames, width = _ffi.new("size_t *"), _ffi.new("size_t *")
        if _lib.soundproof_features(self._system, values, frames, width, held.raw):
            raise _fail()
        try:
            data = _ffi.buffer(values[0], frames[0] * width[0] * 8)
            return np.frombuffer(data, dtype=float).reshape(frames[0], width[0]).copy()
        finally:
            _lib.soundproof_free(values[0])

    # ---- under noise ----

    def certify(
        self,
        clip: Union[Clip, List[Clip]],
        budget: str,
        norm: Union[str, int] = "inf",
        label: Union[Label, List[Label]] = None,
        timeout: float = 0.0,
        rate: Optional[int] = None,
        deployed: str = "real",
        property: str = "answer",
        threshold: Threshold = None,
        output: Optional[str] = None,
    ) -> Union[Verdict, List[Verdict]]:
        """The verdict for a clip, or those for a list of clips.

        budget  "-60dB" relative to the clip's peak (norm 2: to its energy), "-50dBFS", "3lsb" or
                "45dBsnr"
        norm    "inf", 2 or 1: what the budget holds in
        label   a number, "name" for the digit in front of the file's name, None for the model's
                own answer; of a list of clips also a list
        timeout seconds of each clip; 0: none
        deployed
                what a noisy clip becomes before it is heard: "real"; "file", rounded and clipped to
                the values that its file can hold; "int16", to 16-bit integers
        property
                what must stay as it is: "answer", the largest logit; "outputs", on which side of its
                threshold each output is
        threshold
                of the outputs: a number (a probability where the model ends in a sigmoid), "logit:2",
                or a list with one for each; None: logit 0
        output  which output of the model is asked about, as of Pipeline; None: the pipeline's
        """
        of = self.with_output(output)
        asked = (property, _threshold(threshold))
        return _many(
            of._certify, _refused, clip, label, (budget, norm, timeout, rate, deployed, asked)
        )

    def _certify(
        self,
        clip: Clip,
        label: Label,
        budget: str,
        norm: Any,
        timeout: float,
        rate: Any,
        deployed: str,
        asked: Tuple[str, Optional[str]],
    ) -> Verdict:
        held = _Clip(self, clip, rate)
        query, keep = self._query(budget, norm, label, timeout, asked)
        keep.append(_ffi.new("char[]", str(deployed).encode()))
        query.deployed = keep[-1]
        raw = _ffi.new("soundproof_verdict *")
        status, _ = _call(_lib.soundproof_certify, self._system, raw, held.raw, query)
        return _judge(status, raw, held, self._outputs(query))

    def radius(
        self,
        clip: Union[Clip, List[Clip]],
        norm: Union[str, int] = "inf",
        label: Union[Label, List[Label]] = None,
        tolerance: float = 0.5,
        timeout: float = 0.0,
        rate: Optional[int] = None,
        property: str = "answer",
        threshold: Threshold = None,
        output: Optional[str] = None,
    ) -> Union[Radius, List[Radius]]:
        """The loudest noise that is certified and the quietest that was found to break the answer,
        to `tolerance` dB. property, threshold, output: as of certify."""
        def refused(error: SoundproofError, of: Any) -> Radius:
            return Radius(None, None, _refused(error, of))

        of = self.with_output(output)
        asked = (property, _threshold(threshold))
        return _many(of._radius, refused, clip, label, (norm, tolerance, timeout, rate, asked))

    def _radius(
        self,
        clip: Clip,
        label: Label,
        norm: Any,
        tolerance: float,
        timeout: float,
        rate: Any,
        asked: Tuple[str, Optional[str]],
    ) -> Radius:
        held = _Clip(self, clip, rate)
        query, keep = self._query(None, norm, label, timeout, asked)
        query.tolerance = tolerance
        raw = _ffi.new("soundproof_verdict *")
        edges = _ffi.new("double[2]")
        status, _ = _call(
            _lib.soundproof_radius, self._system, raw, edges, edges + 1, held.raw, query
        )
        verdict = _judge(status, raw, held, self._outputs(query))
        return Radius(_number(edges[0]), _number(edges[1]), verdict)

    def attack(
        self,
        clip: Clip,
        budget: str,
        norm: Union[str, int] = "inf",
        label: Label = None,
        out: Union[str, "os.PathLike[str]", None] = None,
        steps: int = 0,
        starts: int = 0,
        seed: int = 1,
        timeout: float = 0.0,
        rate: Optional[int] = None,
        property: str = "answer",
        threshold: Threshold = None,
        output: Optional[str] = None,
    ) -> Tuple[np.ndarray, Verdict]:
        """(wave, verdict): the noisy clip with another answer, or the one that came closest.

        The wave has the units of the clip: those of the array, floats of full scale 1 for files. Of
        a file, "broken" means that a file in its own format was written, read again, found within
        the budget and answered otherwise; `out` keeps it. Of an array, that the real-valued wave
        [n] is. property, threshold, output: as of certify."""
        of = self.with_output(output)
        asked = (property, _threshold(threshold))
        return of._attack(clip, budget, norm, label, out, (steps, starts, seed), timeout, rate, asked)

    def _attack(
        self,
        clip: Clip,
        budget: str,
        norm: Any,
        label: Label,
        out: Any,
        effort: Tuple[int, int, int],
        timeout: float,
        rate: Any,
        asked: Tuple[str, Optional[str]],
    ) -> Tuple[np.ndarray, Verdict]:
        held = _Clip(self, clip, rate)
        query, keep = self._query(budget, norm, label, timeout, asked)
        query.steps, query.starts, query.seed = effort
        raw = _ffi.new("soundproof_verdict *")
        answer = _ffi.new("int *")
        wave = np.empty(_lib.soundproof_clip_size(held.raw))
        status, _ = _call(
            _lib.soundproof_attack,
            self._system,
            raw,
            answer,
            _ffi.cast("double *", wave.ctypes.data),
            held.raw,
            query,
            os.fsencode(out) if out is not None else _ffi.NULL,
        )
        verdict = _judge(status, raw, held, self._outputs(query))
        return wave * (held.scale / _lib.soundproof_full_scale(self._system)), verdict

    def bounds(
        self,
        clip: Clip,
        budget: str,
        norm: Union[str, int] = "inf",
        timeout: float = 0.0,
        rate: Optional[int] = None,
    ) -> List[Box]:
        """Boxes of the nodes of the network under every noise of the budget, in the order in which
        a clip flows through them; nodes of which the method keeps no box are left out."""
        held = _Clip(self, clip, rate)
        query, keep = self._query(budget, norm, None, timeout)
        boxes: Dict[int, Any] = {}
        handle = _ffi.new_handle(boxes)
        status, message = _call(
            _lib.soundproof_bounds,
            self._system,
            held.raw,
            query,
            _lib.soundproof_python_box,
            handle,
        )
        if status:
            raise SoundproofError(message)
        result = []
        for node, (kind, rows) in boxes.items():
            lower = np.full((max(rows) + 1, len(next(iter(rows.values()))[0])), np.nan)
            upper = lower.copy()
            for frame, (lo, hi) in rows.items():
                lower[frame], upper[frame] = lo, hi
            result.append(Box(node, kind, lower, upper))
        return result

    # ---- within ----

    def _outputs(self, query: Any) -> int:
        return _lib.soundproof_outputs(self._system, query)

    def _query(
        self,
        budget: Optional[str],
        norm: Any,
        label: Label,
        timeout: float,
        asked: Tuple[str, Optional[str]] = ("answer", None),
    ) -> Tuple[Any, List[Any]]:
        """The struct, and what it points at."""
        query = _ffi.new("soundproof_query *")
        _lib.soundproof_query_start(query, _ffi.sizeof("soundproof_query"))
        keep = [_ffi.new("char[]", str(norm).encode())]
        query.norm = keep[0]
        if budget is not None:
            keep.append(_ffi.new("char[]", str(budget).encode()))
            query.budget = keep[1]
        query.label, query.timeout = _label(label), timeout
        keep.append(_ffi.new("char[]", str(asked[0]).encode()))
        query.property = keep[-1]
        if asked[1] is not None:
            keep.append(_ffi.new("char[]", asked[1].encode()))
            query.threshold = keep[-1]
        return query, keep
