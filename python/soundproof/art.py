"""A pipeline as an estimator of the Adversarial Robustness Toolbox (ART, on PyPI as
adversarial-robustness-toolbox), and its attack as one of ART's.

    estimator = SoundproofClassifier(soundproof.Pipeline("m.onnx"), clip_length=8000)
    estimator.predict(x), estimator.certify(x, "-60dB", y)
    SoundproofAttack(estimator, "-40dB").generate(x, y)

Arrays x [n, clip_length] are clips, floats of full scale 1. Attacks of ART that need no gradients
take the estimator as well.
"""

from __future__ import annotations

from typing import Any, List, Optional, cast

import numpy as np
from art.attacks import EvasionAttack
from art.estimators.classification import BlackBoxClassifier

from . import Label, Pipeline, SoundproofError, Verdict

__all__ = ["SoundproofClassifier", "SoundproofAttack"]


def _labels(y: Optional[np.ndarray], n: int) -> List[Label]:
    """Numbers, one hot or not; None: the model's own answers."""
    if y is None:
        return [None] * n
    y = np.asarray(y)
    if y.ndim == 2:
        y = y.argmax(axis=1)
    if y.shape != (n,):
        raise SoundproofError(f"{n} clips have labels of shape {y.shape}")
    return [int(label) for label in y]


class SoundproofClassifier(BlackBoxClassifier):
    """The whole pipeline, front end included, from samples to logits.

    pipeline     a soundproof.Pipeline
    clip_length  samples of each clip"""

    def __init__(self, pipeline: Pipeline, clip_length: int):
        self.pipeline = pipeline
        super().__init__(self._logits, input_shape=(clip_length,), nb_classes=pipeline.classes,
                         clip_values=(-1.0, 1.0))

    def _logits(self, x: np.ndarray) -> np.ndarray:
        return np.stack([self.pipeline.logits(clip) for clip in np.asarray(x)])

    def certify(self, x: np.ndarray, budget: str, y: Optional[np.ndarray] = None,
                norm: Any = "inf", timeout: float = 0.0) -> List[Verdict]:
        """A verdict for each clip; y: labels [n] or one hot [n, classes], the model's own answers
        unless given."""
        labels = _labels(y, len(x))
        return cast(List[Verdict],
                    self.pipeline.certify(list(x), budget, norm=norm, label=labels, timeout=timeout))


class SoundproofAttack(EvasionAttack):
    """The attack of `soundproof attack`, by gradients through front end and network."""

    attack_params = EvasionAttack.attack_params + ["budget", "norm", "steps", "starts", "seed"]
    _estimator_requirements = (SoundproofClassifier,)

    def __init__(self, estimator: SoundproofClassifier, budget: str, norm: Any = "inf",
                 steps: int = 0, starts: int = 0, seed: int = 1):
        super().__init__(estimator=estimator)
        self.budget, self.norm = budget, norm
        self.steps, self.starts, self.seed = steps, starts, seed

    def generate(self, x: np.ndarray, y: Optional[np.ndarray] = None, **_: Any) -> np.ndarray:
        """[n, clip_length]: noisy clips with another answer than y (the model's own unless given),
        or those that came closest to one."""
        waves = [
            self.estimator.pipeline.attack(clip, self.budget, norm=self.norm, label=label,
                                           steps=self.steps, starts=self.starts, seed=self.seed)[0]
            for clip, label in zip(np.asarray(x), _labels(y, len(x)))
        ]
        return np.stack(waves)
