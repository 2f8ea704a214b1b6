"""Making. From a prompt of one backbone to a prompt of another, one file per kind of map; nothing here is trained."""

from transferkit.projectors.anchors import Relative
from transferkit.projectors.linear import Linear, fit_linear, fit_procrustes
from transferkit.projectors.nearest import Nearest
from transferkit.projectors.vocabulary import SharedWords, shared_words

__all__ = [
    "Linear",
    "Nearest",
    "Relative",
    "SharedWords",
    "fit_linear",
    "fit_procrustes",
    "shared_words",
]
