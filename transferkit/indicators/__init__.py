"""Explaining. Guesses at transferability, one file per idea; `find` looks one up by name."""

from transferkit.errors import InputError, nearest
from transferkit.indicators.base import Indicator, NeuronIndicator, PromptIndicator
from transferkit.indicators.cosine import CosineAverage, CosineConcat
from transferkit.indicators.euclidean import EuclideanAverage, EuclideanConcat
from transferkit.indicators.neuron_overlap import NeuronOverlap
from transferkit.indicators.norm_proxy import NormProxy

__all__ = [
    "BY_NAME",
    "EMBEDDING",
    "INDICATORS",
    "NEURON",
    "CosineAverage",
    "CosineConcat",
    "EuclideanAverage",
    "EuclideanConcat",
    "Indicator",
    "NeuronIndicator",
    "NeuronOverlap",
    "NormProxy",
    "PromptIndicator",
    "find",
]

EMBEDDING: tuple[PromptIndicator, ...] = (EuclideanConcat(), EuclideanAverage(), CosineConcat(), CosineAverage())
NEURON: tuple[NeuronOverlap, ...] = (NeuronOverlap(), NeuronOverlap(blocks="bottom"), NeuronOverlap(blocks="top"))
VARIANTS: tuple[PromptIndicator, ...] = (
    EuclideanConcat(rows="all"),
    EuclideanAverage(rows="all"),
    CosineConcat(rows="all"),
    CosineAverage(rows="all"),
    EuclideanConcat(of="change"),
    EuclideanAverage(of="change"),
    CosineConcat(of="change"),
    CosineAverage(of="change"),
)
BASELINES: tuple[PromptIndicator, ...] = (NormProxy(),)
INDICATORS: tuple[Indicator, ...] = (*EMBEDDING, *NEURON, *VARIANTS, *BASELINES)
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
