"""Shelf. The question: which backbones, tasks, seeds and recipe; and the specs that answer it."""

from transferkit.study.files import from_json, from_table, from_toml, to_json
from transferkit.study.question import RANDOM_SEED, Study
from transferkit.study.sweep import Sweep

__all__ = ["RANDOM_SEED", "Study", "Sweep", "from_json", "from_table", "from_toml", "to_json"]
