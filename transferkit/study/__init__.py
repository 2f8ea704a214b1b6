"""Shelf. The question: which backbones, tasks, seeds and recipe; and the specs that answer it."""

from transferkit.specs.growing import RANDOM_SEED
from transferkit.study.crossing import Crossing
from transferkit.study.files import from_json, from_table, from_toml, to_json
from transferkit.study.growing import Growing, Grown, GrowthSpecs, OnPart
from transferkit.study.initialisation import Initialisation, Start
from transferkit.study.projection import METHODS, Projection
from transferkit.study.question import Study
from transferkit.study.retrieval import Retrieval
from transferkit.study.stages import STAGES, Stage, stage_of
from transferkit.study.sweep import Sweep

__all__ = [
    "METHODS",
    "RANDOM_SEED",
    "STAGES",
    "Crossing",
    "Growing",
    "Grown",
    "GrowthSpecs",
    "Initialisation",
    "OnPart",
    "Projection",
    "Retrieval",
    "Stage",
    "Start",
    "Study",
    "Sweep",
    "from_json",
    "from_table",
    "from_toml",
    "stage_of",
    "to_json",
]
