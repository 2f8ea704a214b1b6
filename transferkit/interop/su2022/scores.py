"""Beside both halves. The scores of a checkout: which cell each result's name tells, and its number.

Scores of variants are left out: their cells are not those of the matrix.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from transferkit.interop.su2022.folders import RESULTS, sha256, visible
from transferkit.interop.su2022.found import FoundScore, Kind, Skipped
from transferkit.interop.su2022.names import Name, parse

RESULT = re.compile(r"result_(?P<projected>model_transfer_)?(?P<source>.+)\.json")


def iter_scores(root: Path, known: frozenset[str]) -> Iterator[FoundScore | Skipped]:
    """Yield at most one score per cell and kind, and what was not read."""
    for folder in visible(root / RESULTS):
        name, where = parse(folder.name, known), f"{RESULTS}/{folder.name}"
        if not folder.is_dir():
            yield Skipped(where, "a file outside the folders of results")
        elif name is None:
            yield Skipped(where, "its name is not {TARGET}Prompt{BACKBONE}")
        elif name.is_random:
            yield Skipped(where, "random is not a task")
        elif name.variant:
            yield Skipped(where, f"{len(visible(folder))} scores of a variant of {name.task}")
        else:
            yield from _iter_scores_on(folder, name, known)


def _iter_scores_on(folder: Path, target: Name, known: frozenset[str]) -> Iterator[FoundScore | Skipped]:
    cells: dict[tuple[Kind, str | None, str | None], str] = {}
    for path in visible(folder):
        file = f"{RESULTS}/{folder.name}/{path.name}"
        cell = _cell(path, target, known)
        if isinstance(cell, str):
            yield Skipped(file, cell)
            continue
        if cell in cells:
            yield Skipped(file, f"the same cell as {cells[cell]}")
            continue
        try:
            value = _accuracy(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            yield Skipped(file, f"holds no score: {error}")
            continue
        cells[cell] = path.name
        kind, task, backbone = cell
        yield FoundScore(target.backbone, target.task, task, backbone, kind, value, file, sha256(path))


def _cell(path: Path, target: Name, known: frozenset[str]) -> tuple[Kind, str | None, str | None] | str:
    """Return kind, source task and source backbone a result's name tells, or why it is no cell."""
    match = RESULT.fullmatch(path.name)
    if match and match["source"] == "random" and not match["projected"]:
        return "random", None, None
    source = parse(match["source"], known) if match else None
    if match is None or source is None:
        return "its name is not result_{SOURCE}Prompt{BACKBONE}.json, with model_transfer_ before it, or result_random"
    if source.is_random:
        is_own = match["source"] == f"randomPrompt{target.backbone}" and not match["projected"]
        return ("random", None, None) if is_own else "a random prompt of another kind"
    if source.variant:
        return f"the score of a variant of {source.task}'s prompt"
    if match["projected"] and source.task not in known:
        return f"a projection of another kind: there is no task {source.task!r}"
    return ("projected" if match["projected"] else "prompt"), source.task, source.backbone


def _accuracy(text: str) -> float:
    record = json.loads(text)
    if isinstance(record, str):  # upstream writes JSON into JSON
        record = json.loads(record)
    if not isinstance(record, dict) or "acc" not in record:
        raise ValueError("no 'acc' in it")
    value = record["acc"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"'acc' is {value!r}, not a fraction from 0 to 1")
    return float(value)
