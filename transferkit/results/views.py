"""Explaining. Looking at the prompts themselves: a map of them, the norms of their rows, the words they are near to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from transferkit.artifacts import Prompt, Words
from transferkit.indicators.base import flat
from transferkit.results.reading import Reading
from transferkit.results.similarity import members_of
from transferkit.shapes import FloatArray, IntArray
from transferkit.specs import TrainedPrompt, key
from transferkit.statistics import neighbour_map, principal_plane

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["pca", "tsne"]


def prompt_points(reading: Reading, backbone: str, method: Method) -> tuple[pd.DataFrame, FloatArray]:
    """Return prompts, and what they began from, in a plane, and the variance each axis explains [2].

    Raises:
        InputError: fewer than three prompts, or prompts whose live rows do not pair up.
    """
    import pandas as pd

    members = members_of(reading, backbone)
    prompts = [member.artifact for member in members if isinstance(member.artifact, Prompt)]
    vectors = flat(prompts, rows="live", of="vectors")
    starts, where = _starts(prompts, vectors)
    both = np.concatenate([vectors, starts])
    plane = principal_plane(both) if method == "pca" else neighbour_map(both)
    order = [*members, *(members[i] for i in where)]
    table = pd.DataFrame(
        {
            "task": [member.task for member in order],
            "group": [member.group for member in order],
            "seed": [member.seed for member in order],
            "is_initial": np.arange(len(order)) >= len(vectors),
            "x": plane.points[:, 0],
            "y": plane.points[:, 1],
        }
    )
    return table, plane.explained


def _starts(prompts: list[Prompt], vectors: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the different flattened rows the prompts began from, and which prompt each belongs to; none if unknown."""
    if any(prompt.initial is None for prompt in prompts):
        return vectors[:0], np.zeros(0, dtype=np.int64)
    initial = vectors - flat(prompts, rows="live", of="change")
    where = np.sort(np.unique(initial.round(6), axis=0, return_index=True)[1])
    return initial[where], where


def row_norms(reading: Reading, backbone: str) -> pd.DataFrame:
    """Return one row per prompt position: task, group, seed, position, norm, initial_norm, is_live."""
    import pandas as pd

    rows = []
    for spec, prompt in reading.iter_prompts(backbone):
        norms = np.linalg.norm(np.asarray(prompt.vectors, dtype=np.float64), axis=1)
        initial = np.full(len(norms), np.nan)
        if prompt.initial is not None:
            initial = np.linalg.norm(np.asarray(prompt.initial, dtype=np.float64), axis=1)
        about = {"task": spec.task.name, "group": spec.task.group, "seed": spec.seed, "key": key(spec)}
        columns = zip(norms, initial, prompt.live, strict=True)
        rows += [
            {**about, "position": i, "norm": norm, "initial_norm": start, "is_live": bool(live)}
            for i, (norm, start, live) in enumerate(columns)
        ]
    columns = ["task", "group", "seed", "position", "norm", "initial_norm", "is_live", "key"]
    return pd.DataFrame(rows, columns=columns)


def word_table(reading: Reading, backbone: str) -> pd.DataFrame:
    """Return one row per prompt position: its nearest words, their cosine, the word it began as, and the control.

    `control` is the mean cosine of a random direction's nearest word: nearness below it means nothing.
    """
    import pandas as pd

    rows = []
    for spec in reading.words:
        words = reading.get(spec, Words)
        if spec.backbone.name != backbone or words is None or not isinstance(spec.source, TrainedPrompt):
            continue
        about = {"task": spec.source.task, "seed": spec.source.seed, "prompt": spec.source.key}
        for i, (nearest, similarity) in enumerate(zip(words.nearest, words.similarity, strict=True)):
            began = None if words.began is None else words.began[i]
            row = {**about, "position": i, "nearest": nearest[0], "others": " ".join(nearest[1:])}
            row |= {"cosine": float(similarity[0]), "began": began, "is_as_it_began": began == nearest[0]}
            rows.append({**row, "control": float(words.control.mean()), "control_highest": float(words.control.max())})
    columns = ["task", "seed", "prompt", "position", "nearest", "others", "cosine", "began", "is_as_it_began"]
    return pd.DataFrame(rows, columns=[*columns, "control", "control_highest"])
