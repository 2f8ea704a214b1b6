"""Explaining. What the store holds of a study, whether it can be trusted, and what made it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from transferkit.artifacts import Examples, Score
from transferkit.results.reading import Reading, answers_of
from transferkit.specs import ImportedPromptSpec, ImportedScoreSpec, ScoreSpec, Spec, key
from transferkit.statistics import scores_of
from transferkit.store import Store
from transferkit.tasks.base import Task

if TYPE_CHECKING:
    import pandas as pd

KINDS = (
    "examples",
    "prompt",
    "mixture",
    "projector",
    "projected",
    "score",
    "neurons",
    "words",
    "influence",
    "activity",
    "imported_prompt",
    "imported_score",
)
MOST_VALUES = 6
TIMES = ("made", "seconds", "_s", "steps", "alarms")  # differ from artifact to artifact
PRIVATE = ("host",)  # stays in the store: a report is made to be passed on


def inventory(specs: Sequence[Spec], store: Store) -> pd.DataFrame:
    """Return per kind of artifact how many are asked for and how many are there."""
    import pandas as pd

    asked = Counter(spec.kind for spec in specs)
    missing = Counter(spec.kind for spec in specs if not store.has(spec))
    rows = [
        {
            "kind": kind.replace("_", " "),
            "asked": asked[kind],
            "there": asked[kind] - missing[kind],
            "missing": missing[kind],
        }
        for kind in KINDS
        if asked[kind]
    ]
    return pd.DataFrame(rows)


def task_table(reading: Reading) -> pd.DataFrame:
    """Return one row per task: group, classes, metric, chance, examples of the report split."""
    import pandas as pd

    rows = []
    for task in reading.tasks:
        examples = reading.gold(task.name)
        counts = np.bincount(examples.gold, minlength=task.n_classes) if examples and task.n_classes else np.zeros(1)
        rows.append(
            {
                "task": task.name,
                "group": task.group,
                "classes": task.n_classes,
                "metric": task.metric,
                "chance": task.chance,
                "n": len(examples.gold) if examples else None,
                "largest_class": float(counts.max() / counts.sum()) if counts.sum() else float("nan"),
                "notes": "; ".join(f"{name} {count}" for name, count in examples.notes.items()) if examples else "",
            }
        )
    return pd.DataFrame(rows)


def leakage(reading: Reading) -> pd.DataFrame:
    """Return the pairs of tasks whose report splits share texts."""
    import pandas as pd

    found = {task.name: reading.gold(task.name) for task in reading.tasks}
    hashes = {name: set(examples.hashes) for name, examples in found.items() if examples}
    rows = [
        {"task": a, "other": b, "shared": len(both), "share_of_task": len(both) / len(hashes[a])}
        for a, b in combinations(hashes, 2)
        if (both := hashes[a] & hashes[b])
    ]
    return pd.DataFrame(rows, columns=["task", "other", "shared", "share_of_task"])


def integrity(reading: Reading, specs: Iterable[Spec]) -> pd.DataFrame:
    """Return the scores whose metric does not follow from their predictions, and splits of another length.

    Where answers are texts, their scores on single examples stand for predictions.
    """
    import pandas as pd

    rows = []
    for spec in specs:
        if not isinstance(spec, ScoreSpec):
            continue
        score, examples = reading.get(spec, Score), reading.gold(spec.task.name)
        if score is None or examples is None:
            continue
        if problem := _problem(spec.task, score, examples):
            rows.append({"key": key(spec), "backbone": spec.backbone.name, "task": spec.task.name, "problem": problem})
    return pd.DataFrame(rows, columns=["key", "backbone", "task", "problem"])


def _problem(task: Task, score: Score, examples: Examples) -> str | None:
    """Return why a score cannot be trusted; None where it can, or nothing is there to compare it with."""
    answers = score.predicted if task.answer is None else answers_of(score, task.metric)
    if answers is None:
        return None
    n = len(examples.gold)
    if len(answers) != n:
        return f"{len(answers)} predictions for {n} examples"
    gold, ones = (None if task.answer else examples.gold), np.ones((1, n), dtype=np.int64)
    again = scores_of(answers[None], gold, ones, metric=task.metric, n_classes=task.n_classes)[0, 0]
    kept = score.metrics[task.metric]
    return f"{task.metric} {kept:.4f} kept, {again:.4f} from predictions" if abs(again - kept) > 1e-6 else None


def provenance(reading: Reading) -> pd.DataFrame:
    """Return what made the artifacts: backbones, arithmetic, and the hosts and versions in their meta files."""
    import pandas as pd

    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for spec in (*reading.prompts, *reading.scores, *reading.neurons):
        if not reading.store.has(spec):
            continue
        if isinstance(spec, (ImportedPromptSpec, ImportedScoreSpec)):
            seen[f"backbone {spec.backbone.name}"][f"{spec.backbone.revision}, imported"] += 1
            seen["origin"][spec.origin.collection] += 1
            continue
        revision = spec.backbone.revision
        shown = revision[:12] if len(revision) >= 40 else revision
        seen[f"backbone {spec.backbone.name}"][
            f"revision {shown}, {spec.backbone.dtype}, {spec.readout.kind} readout"
        ] += 1
        for name, value in _iter_facts(reading.store.meta(spec)):
            seen[name][value] += 1
    rows = []
    for name, values in seen.items():
        if len(values) > MOST_VALUES:
            continue
        rows += [{"fact": name, "value": value, "artifacts": count} for value, count in values.most_common()]
    return pd.DataFrame(rows, columns=["fact", "value", "artifacts"])


def _iter_facts(meta: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the facts of a meta file that do not change from run to run, nested ones with a dotted name."""
    for name, value in meta.items():
        if name in PRIVATE or any(name.endswith(part) or name.startswith(part) for part in TIMES):
            continue
        if isinstance(value, Mapping):
            yield from _iter_facts({str(k): v for k, v in value.items()}, f"{prefix}{name}.")
        elif isinstance(value, str | int | bool) and value != "":
            yield f"{prefix}{name}", str(value)
