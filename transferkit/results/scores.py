"""Explaining. From scores to matrices and tables: transfer, baselines, and what training a prompt gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Score
from transferkit.matrices import Diagonal, Matrix
from transferkit.results.reading import RIGHT_OR_WRONG, Cell, Reading, TaskFacts, answers_of
from transferkit.shapes import IntArray, NumberArray
from transferkit.specs import (
    AnyScoreSpec,
    ImportedScoreSpec,
    Majority,
    NoPrompt,
    PromptSource,
    RandomPrompt,
    ScoreSpec,
    TrainedPrompt,
    UnseenPrompt,
    key,
)
from transferkit.statistics import compare
from transferkit.tasks.base import TEXT_METRICS

if TYPE_CHECKING:
    import pandas as pd

BASELINES: dict[str, type[PromptSource]] = {  # pyright: ignore[reportInvalidTypeForm]
    "no prompt": NoPrompt,
    "majority": Majority,
    "random prompt": RandomPrompt,
}


def baseline_specs(reading: Reading, backbone: str, task: str, name: str) -> list[AnyScoreSpec]:
    """Return the scores of one baseline; the random prompt has one per draw."""
    return [s for s in reading.measured_on(backbone, task) if isinstance(s.source, BASELINES[name])]


def transfer(
    reading: Reading, backbone: str, *, source_backbone: str | None = None, baselines: Diagonal = "without"
) -> Matrix:
    """Return mean scores of every task's prompts on every task [source,target], by group, then name."""
    origin = reading.check_backbone(source_backbone or backbone)
    tasks = reading.tasks_on(backbone)
    names, groups = [task.name for task in tasks], [task.group for task in tasks]
    rows = [[reading.cell(backbone, t, source=s, source_backbone=origin) for t in names] for s in names]
    labels, row_groups = list(names), list(groups)
    if baselines == "with":
        for name in BASELINES:
            specs = [baseline_specs(reading, backbone, t, name) for t in names]
            if not any(specs):
                continue
            rows.append([reading.mean(found) for found in specs])
            labels.append(name)
            row_groups.append("baseline")
    moved = "" if origin == backbone else f", prompts of {origin}"
    name = f"score on {backbone}{moved}"
    return _matrix(rows, tasks, sources=(labels, row_groups), targets=(names, groups), name=name)


def cross_model(reading: Reading) -> Matrix:
    """Return mean scores over (backbone, task) sources and targets; pairs the study does not ask for are no cells."""
    places = [(backbone, task) for backbone in reading.backbones for task in reading.tasks_on(backbone)]
    rows = [[reading.cell(b, t.name, source=s.name, source_backbone=origin) for b, t in places] for origin, s in places]
    labels = [f"{backbone} · {task.name}" for backbone, task in places], [backbone for backbone, _ in places]
    return _matrix(rows, reading.tasks, sources=labels, targets=labels, name="score within and across backbones")


def _matrix(
    rows: Sequence[Sequence[Cell]],
    tasks: Sequence[TaskFacts],
    *,
    sources: tuple[list[str], list[str]],
    targets: tuple[list[str], list[str]],
    name: str,
) -> Matrix:
    is_graded = {task.metric for task in tasks} & set(TEXT_METRICS) - set(RIGHT_OR_WRONG)
    single = "Wilson, or t where answers are texts, over examples" if is_graded else "Wilson over examples"
    n_seeds = max((len(cell.keys) for row in rows[: len(targets[0])] for cell in row), default=0)
    return Matrix(
        values=np.array([[cell.value for cell in row] for row in rows]),
        state=np.array([[cell.state for cell in row] for row in rows]),
        n=np.array([[cell.n for cell in row] for row in rows]),
        low=np.array([[cell.low for cell in row] for row in rows]),
        high=np.array([[cell.high for cell in row] for row in rows]),
        sources=tuple(sources[0]),
        source_groups=tuple(sources[1]),
        targets=tuple(targets[0]),
        target_groups=tuple(targets[1]),
        name=name,
        interval=f"95 %: t over {n_seeds} seeds or random draws, else {single}"
        if n_seeds > 1
        else f"95 %: {single}; t over random draws",
        keys=tuple(dict.fromkeys(key for row in rows for cell in row for key in cell.keys)),
    )


def baselines(reading: Reading, backbone: str) -> pd.DataFrame:
    """Return what needs no training, one row per task; the random prompt with its spread over draws."""
    import pandas as pd

    rows = []
    for task in reading.tasks_on(backbone):
        row: dict[str, object] = {"backbone": backbone, "task": task.name, "group": task.group, "chance": task.chance}
        for name in BASELINES:
            row[name] = reading.mean(baseline_specs(reading, backbone, task.name, name)).value
        draws = _values(reading, baseline_specs(reading, backbone, task.name, "random prompt"))
        row["random sd"] = float(np.std(draws, ddof=1)) if len(draws) > 1 else float("nan")
        row["random draws"] = len(draws)
        rows.append(row)
    return pd.DataFrame(rows)


def own_scores(reading: Reading, *, seed: int, n_resamples: int) -> pd.DataFrame:
    """Return per backbone and task what its own prompt scores, and whether it beats the best baseline."""
    import pandas as pd

    return pd.DataFrame(
        _own_row(reading, backbone, task, np.random.default_rng([seed, b, t]), n_resamples)
        for b, backbone in enumerate(reading.backbones)
        for t, task in enumerate(reading.tasks_on(backbone))
    )


def _own_row(
    reading: Reading, backbone: str, task: TaskFacts, generator: np.random.Generator, n_resamples: int
) -> dict[str, object]:
    own = reading.prompts_on(backbone, task.name, source=task.name, source_backbone=backbone)
    cell = reading.mean(own)
    values = _values(reading, own)
    row: dict[str, object] = {
        "backbone": backbone,
        "task": task.name,
        "group": task.group,
        "metric": task.metric,
        "n": cell.n,
        "seeds": ", ".join(str(spec.source.seed) for spec in own if isinstance(spec.source, TrainedPrompt)),
        "n_seeds": len(own),
        "score": cell.value,
        "score_low": min(values, default=np.nan) if cell.state == "measured" else np.nan,
        "score_high": max(values, default=np.nan) if cell.state == "measured" else np.nan,
        "chance": task.chance,
        "legal": _legal(reading, own),
    }
    cells = {name: reading.mean(baseline_specs(reading, backbone, task.name, name)) for name in BASELINES}
    row |= {name: found.value for name, found in cells.items()}
    known = {name: found.value for name, found in cells.items() if found.state == "measured"}
    if cells["majority"].state == "not_applicable" and task.metric == "accuracy" and not np.isnan(task.chance):
        known["chance"] = task.chance  # nobody measured the majority; guessing is the least that needs no prompt
    is_whole = all(found.state != "missing" for found in cells.values())  # a missing one might be the best
    best = max(known, key=lambda name: known[name], default=None) if is_whole else None
    row |= {"best_baseline": best, "best_baseline_score": np.nan if best is None else known[best]}
    row |= _gain(reading, own, best=best, generator=generator, n_resamples=n_resamples)
    row["keys"] = " ".join(key(spec) for spec in own)
    return row


def _gain(
    reading: Reading,
    own: Sequence[AnyScoreSpec],
    *,
    best: str | None,
    generator: np.random.Generator,
    n_resamples: int,
) -> dict[str, object]:
    """Return the difference to the best baseline with its intervals; blanks where something is missing."""
    blank = dict.fromkeys(
        ("difference", "low", "high", "examples_low", "examples_high", "seeds_low", "seeds_high"), np.nan
    )
    empty: dict[str, object] = {**blank, "excludes_zero": None, "interval": None}
    if not own or best is None:
        return empty
    spec = own[0]
    baseline = [] if best == "chance" else baseline_specs(reading, spec.backbone.name, spec.task.name, best)
    cells = reading.mean(own), reading.mean(baseline)
    if best == "chance" and cells[0].state == "measured":
        return {**empty, "difference": cells[0].value - spec.task.chance}
    if any(cell.state != "measured" for cell in cells):
        return empty
    sides = paired(reading, own, baseline)
    if not isinstance(spec, ScoreSpec) or sides is None:  # scores came without answers
        return {**empty, "difference": cells[0].value - cells[1].value}
    found = compare(
        sides.first,
        sides.second,
        sides.gold,
        metric=spec.task.metric,
        n_classes=spec.task.n_classes,
        generator=generator,
        n_resamples=n_resamples,
    )
    claim = found.widest_claim
    return {
        "difference": found.difference,
        "low": claim.low,
        "high": claim.high,
        "examples_low": found.examples.low,
        "examples_high": found.examples.high,
        "seeds_low": found.seeds.low if found.seeds else np.nan,
        "seeds_high": found.seeds.high if found.seeds else np.nan,
        "excludes_zero": claim.excludes(0.0),
        "interval": claim.method,
    }


@dataclass(frozen=True)
class Paired:
    """Two sides of a comparison, example by example.

    Attributes:
        first: predicted labels of each prompt [prompt,n]; where answers are texts, what each example scores.
        second: the same of the other side.
        gold: right labels [n]; None where answers are texts.
    """

    first: NumberArray
    second: NumberArray
    gold: IntArray | None


def paired(reading: Reading, first: Sequence[AnyScoreSpec], second: Sequence[AnyScoreSpec]) -> Paired | None:
    """Return two lists of scores on one task as a comparison takes them; None unless all their answers are known."""
    task, examples = first[0].task, reading.gold(first[0].task.name)
    is_text = task.n_classes is None
    sides = answers(reading, first), answers(reading, second)
    if sides[0] is None or sides[1] is None or not (is_text or examples):
        return None
    return Paired(sides[0], sides[1], None if is_text or examples is None else examples.gold)


def answers(reading: Reading, specs: Sequence[AnyScoreSpec]) -> NumberArray | None:
    """Return predicted labels of some scores of one task [k,n], or what each example of a text task scores.

    None unless all their answers are known.
    """
    task = specs[0].task
    scores = [score for spec in specs if (score := reading.get(spec, Score)) is not None]
    each = [answers_of(score, task.metric) if task.n_classes is None else score.predicted for score in scores]
    known = [answer for answer in each if answer is not None]
    return np.array(known) if known and len(known) == len(specs) else None


def prompt_scores(reading: Reading, prompt: AnyPromptSpec) -> pd.DataFrame:
    """Return one prompt's score on every task of its own backbone: target, group, score, own, random, is_own."""
    import pandas as pd

    backbone, rows = prompt.backbone.name, []
    for task in reading.tasks_on(backbone):
        found = [s for s in reading.measured_on(backbone, task.name) if getattr(s.source, "key", None) == key(prompt)]
        cell = reading.mean(found)
        if cell.state == "measured":
            own = reading.cell(backbone, task.name, source=task.name, source_backbone=backbone).value
            random = reading.mean(baseline_specs(reading, backbone, task.name, "random prompt")).value
            row = {"target": task.name, "group": task.group, "score": cell.value, "own": own, "random": random}
            rows.append({**row, "is_own": task.name == prompt.task.name})
    return pd.DataFrame(rows, columns=["target", "group", "score", "own", "random", "is_own"])


def foreign_prompts(reading: Reading, backbone: str) -> pd.DataFrame:
    """Return scores of prompts of other backbones, as they are and through a projector, beside own and random."""
    import pandas as pd

    rows = []
    for task in reading.tasks_on(backbone):
        own = reading.cell(backbone, task.name, source=task.name, source_backbone=backbone).value
        random = reading.mean(baseline_specs(reading, backbone, task.name, "random prompt")).value
        for spec in reading.measured_on(backbone, task.name):
            source = spec.source
            if not isinstance(spec, ImportedScoreSpec) or not isinstance(source, (TrainedPrompt, UnseenPrompt)):
                continue
            if source.backbone != backbone:
                how = "projected" if isinstance(source, UnseenPrompt) and source.projected else "as it is"
                row = {"target": task.name, "group": task.group, "source": source.task, "how": how}
                row |= {"source_backbone": source.backbone, "score": reading.mean([spec]).value}
                rows.append({**row, "own": own, "random": random, "key": key(spec)})
    columns = ["target", "group", "source", "source_backbone", "how", "score", "own", "random", "key"]
    return pd.DataFrame(rows, columns=columns)


def _legal(reading: Reading, specs: Sequence[AnyScoreSpec]) -> float:
    """Return the mean share of answers that are possible ones; NaN unless every score knows it."""
    found = [reading.get(spec, Score) for spec in specs]
    shares = [score.metrics["legal"] for score in found if score is not None and "legal" in score.metrics]
    return float(np.mean(shares)) if shares and len(shares) == len(specs) else float("nan")


def _values(reading: Reading, specs: Sequence[AnyScoreSpec]) -> list[float]:
    found = [reading.get(spec, Score) for spec in specs]
    return [score.metrics[spec.task.metric] for spec, score in zip(specs, found, strict=True) if score is not None]
