"""What a projector is fitted to, kind by kind: words of both vocabularies, prompts of both backbones, or nothing.

Those tuned on tasks need the target itself and are in `tuning`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from transferkit.artifacts import Cell, Projector
from transferkit.projectors import distance
from transferkit.projectors.linear import Linear, fit_linear, fit_procrustes
from transferkit.projectors.nets import first_weights
from transferkit.projectors.vocabulary import SharedWords, Vocabulary, shared_words
from transferkit.shapes import FloatArray
from transferkit.specs import (
    ConstantMap,
    LinearMap,
    NearestMap,
    NormsMap,
    ProjectorSpec,
    PromptNet,
    RelativeMap,
    RotationMap,
    WordsNet,
)


@dataclass(frozen=True)
class Material:
    """What projectors between two backbones are fitted to.

    Attributes:
        source, target: words of the two vocabularies.
        prompts: for each lesson the source's and the target's prompt [lesson,P,d_s], [lesson,P,d_t]; None where the
            spec has none of the target.
        device: where networks are fitted.
    """

    source: Vocabulary
    target: Vocabulary
    prompts: tuple[Float[np.ndarray, "n P s"], Float[np.ndarray, "n P t"]] | None = None
    device: torch.device | None = None

    def shared(self, method: LinearMap | RotationMap | NearestMap | RelativeMap | WordsNet) -> SharedWords:
        """Return the words a kind of map is fitted on."""
        return shared_words(self.source, self.target, skip=method.skip, most=method.most)


def fit(spec: ProjectorSpec, material: Material) -> Projector:
    """Return a projector fitted to words or prompts, or untrained.

    Raises:
        InputError: the vocabularies share too few words.
        RunError: the loss of a network is not finite.
    """
    method = spec.method
    if isinstance(method, (LinearMap, RotationMap)):
        words = material.shared(method)
        if isinstance(method, LinearMap):
            found = fit_linear(words.source, words.target, ridge=method.ridge)
        else:
            found = fit_procrustes(words.source, words.target)
        return _linear(found)
    if isinstance(method, (NearestMap, RelativeMap)):
        words = material.shared(method)
        arrays = {"source": words.source, "target": words.target}
        if isinstance(method, RelativeMap):
            numbers = material.target.rows
            arrays |= {"mean": np.array([numbers.mean()]), "std": np.array([numbers.std()])}
        return Projector(arrays, 0)
    if isinstance(method, WordsNet):
        words = material.shared(method)
        start = first_weights(method, 1, words.source.shape[1], words.target, spec.seed)
        return _net(*distance.fit_words(method, start, words.source, words.target, device=material.device))
    if isinstance(method, NormsMap):
        scale = _mean_norm(material.target) / _mean_norm(material.source)
        return Projector({"scale": np.array([scale]), "width": np.array([material.target.rows.shape[1]])}, 0)
    return _of_prompts(spec, method, material)


def start_of(spec: ProjectorSpec, material: Material) -> dict[str, FloatArray]:
    """Return the first weights of a network between prompts."""
    assert spec.recipe is not None
    assert isinstance(spec.method, PromptNet)
    source = material.source.rows.shape[1]
    return first_weights(spec.method, spec.recipe.prompt_length, source, material.target.rows, spec.seed)


def _of_prompts(spec: ProjectorSpec, method: PromptNet | ConstantMap, material: Material) -> Projector:
    if isinstance(method, ConstantMap):
        assert material.prompts is not None
        return Projector({"rows": material.prompts[1].mean(axis=0)}, 0)
    start = start_of(spec, material)
    if method.objective == "none":
        return Projector(start, 0)
    assert material.prompts is not None
    return _net(*distance.fit_prompts(method, start, *material.prompts, device=material.device))


def _linear(found: Linear) -> Projector:
    arrays = {"weight": found.weight, "from_mean": found.from_mean, "to_mean": found.to_mean}
    return Projector(arrays, found.weight.size)


def _net(parts: Mapping[str, FloatArray], history: list[dict[str, Cell]]) -> Projector:
    return Projector(parts, sum(part.size for part in parts.values()), history)


def _mean_norm(words: Vocabulary) -> float:
    return float(np.linalg.norm(words.rows, axis=1).mean())
