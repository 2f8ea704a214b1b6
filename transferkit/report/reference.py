"""Explaining. Reference numbers beside ours: only where they come from the very same prompts and scores."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transferkit.results import Results
from transferkit.specs import ImportedPromptSpec

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 12


def fingerprint(results: Results, backbone: str) -> str:
    """Return a digest of a backbone's imported prompts, its matrix and its random scores; they decide every number."""
    prompts = sorted(
        f"{spec.task.name} {spec.origin.sha256}"
        for spec in results.prompt_specs()
        if isinstance(spec, ImportedPromptSpec) and spec.backbone.name == backbone
    )
    matrix = results.transfer(backbone)
    scores = [f"{value:.6f}" for value in (*matrix.values.ravel(), *results.random(backbone))]
    text = "\n".join([*prompts, *matrix.sources, *scores])
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def read_reference(path: Path, results: Results) -> pd.DataFrame:
    """Return the rows of a reference file that are about prompts and scores we have; none for others of that name.

    The file's columns `backbone` and `files` say what its numbers were computed from.
    """
    import pandas as pd

    table = pd.read_csv(path, dtype={"files": str})
    here = {backbone: fingerprint(results, backbone) for backbone in results.backbones}
    pairs = zip(table["backbone"], table["files"], strict=True)
    is_ours = np.array([here.get(str(backbone)) == files for backbone, files in pairs], dtype=bool)
    return table[is_ours].drop(columns="files").reset_index(drop=True)
