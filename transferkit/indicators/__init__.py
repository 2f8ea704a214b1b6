"""Explaining. Guesses at transferability, one file per idea; `find` looks one up by name."""

from transferkit.errors import InputError, nearest
from transferkit.indicators.assignment import OptimalAssignment
from transferkit.indicators.base import Indicator, NeuronIndicator, PromptIndicator
from transferkit.indicators.cka import LinearCKA
from transferkit.indicators.cosine import CosineAverage, CosineConcat
from transferkit.indicators.euclidean import EuclideanAverage, EuclideanConcat
from transferkit.indicators.neuron_overlap import NeuronOverlap
from transferkit.indicators.norm_proxy import NormProxy
from transferkit.indicators.null import norm_matched
from transferkit.indicators.subspace import SubspaceAngle, SubspaceCoverage
from transferkit.indicators.task_embedding import TaskEmbedding

__all__ = [
    "BASELINES",
    "BY_NAME",
    "EMBEDDING",
    "GEOMETRY",
    "INDICATORS",
    "NEURON",
    "VARIANTS",
    "CosineAverage",
    "CosineConcat",
    "EuclideanAverage",
    "EuclideanConcat",
    "Indicator",
    "LinearCKA",
    "NeuronIndicator",
    "NeuronOverlap",
    "NormProxy",
    "OptimalAssignment",
    "PromptIndicator",
    "SubspaceAngle",
    "SubspaceCoverage",
    "TaskEmbedding",
    "find",
    "norm_matched",
]

EMBEDDING: tuple[PromptIndicator, ...] = (EuclideanConcat(), EuclideanAverage(), CosineConcat(), CosineAverage())
VARIANTS: tuple[PromptIndicator, ...] = (
    EuclideanConcat(rows="all"),
    EuclideanAverage(rows="all"),
    CosineConcat(rows="all"),
    CosineAverage(rows="all"),
    EuclideanConcat(of="change"),
    EuclideanAverage(of="change"),
    CosineConcat(of="change"),
    CosineAverage(of="change"),
    EuclideanConcat(of="centred"),
    EuclideanAverage(of="centred"),
    CosineConcat(of="centred"),
    CosineAverage(of="centred"),
)
GEOMETRY: tuple[PromptIndicator, ...] = (
    LinearCKA(),
    OptimalAssignment(),
    SubspaceAngle(),
    SubspaceCoverage(),
    TaskEmbedding(at="final"),
    TaskEmbedding(),
)
NEURON: tuple[NeuronOverlap, ...] = (
    NeuronOverlap(),
    NeuronOverlap(blocks="bottom"),
    NeuronOverlap(blocks="top"),
    NeuronOverlap(kind="jaccard"),
    NeuronOverlap(kind="excess"),
    NeuronOverlap(kind="containment"),
)
BASELINES: tuple[PromptIndicator, ...] = (NormProxy(), NormProxy(rows="all"))
INDICATORS: tuple[Indicator, ...] = (*EMBEDDING, *NEURON, *VARIANTS, *GEOMETRY, *BASELINES)
BY_NAME: dict[str, Indicator] = {indicator.name: indicator for indicator in INDICATORS}
if len(BY_NAME) < len(INDICATORS):
    raise ImportError("two indicators share a name")


def find(name: str) -> Indicator:
    """Return an indicator by name.

    Raises:
        InputError: no indicator is called so.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        raise InputError(f"no indicator {name!r}", fix=nearest(name, list(BY_NAME))) from None
