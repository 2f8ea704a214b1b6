"""Making. From a prompt of one backbone to a prompt of another, one file per kind of map."""

from transferkit.projectors.anchors import Relative
from transferkit.projectors.fit import Material, fit, start_of
from transferkit.projectors.linear import Linear, fit_linear, fit_procrustes
from transferkit.projectors.nearest import Nearest
from transferkit.projectors.nets import project, shapes
from transferkit.projectors.tuning import Made, Taught, tune
from transferkit.projectors.use import use
from transferkit.projectors.vocabulary import SharedWords, Vocabulary, shared_words

__all__ = [
    "Linear",
    "Made",
    "Material",
    "Nearest",
    "Relative",
    "SharedWords",
    "Taught",
    "Vocabulary",
    "fit",
    "fit_linear",
    "fit_procrustes",
    "project",
    "shapes",
    "shared_words",
    "start_of",
    "tune",
    "use",
]
