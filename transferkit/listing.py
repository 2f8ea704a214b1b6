"""What a store and the catalogue hold, as rows for people; neither a model nor a table library is loaded."""

import json
from pathlib import Path

from transferkit import catalogue, tasks
from transferkit.artifacts import Score
from transferkit.errors import StoreError
from transferkit.places import slug, source_label
from transferkit.specs import (
    AnyPromptSpec,
    AnyScoreSpec,
    ExamplesSpec,
    ImportedPromptSpec,
    InfluenceSpec,
    NeuronsSpec,
    ProjectedSpec,
    ProjectorSpec,
    Spec,
    TrainedPrompt,
    WordsSpec,
    key,
    to_json,
)
from transferkit.store import Store
from transferkit.tasks.base import CatalogueData, HubData, Task

Row = dict[str, str | float | None]


def rows(store: Store, kind: str | None = None) -> list[Row]:
    """Return one row per artifact: key, kind, backbone, task, what, score."""
    return [_row(store, spec) for spec in store.specs(kind)]


def describe(store: Store, prefix: str) -> str:
    """Return one artifact in full, as text: spec, inputs, numbers, provenance.

    Raises:
        InputError: no key or more than one begins so.
    """
    spec = store.find(prefix)
    parts = [f"{spec.kind} {key(spec)}", str(store.path(spec)), "", to_json(spec).rstrip()]
    if isinstance(spec, AnyScoreSpec | NeuronsSpec | WordsSpec | InfluenceSpec) and isinstance(
        spec.source, TrainedPrompt
    ):
        parts += ["", f"made from prompt {spec.source.key} ({spec.source.task}, seed {spec.source.seed})"]
    if isinstance(spec, ProjectedSpec):
        made_from = f"{spec.prompt.key} ({spec.prompt.task}, seed {spec.prompt.seed}) of {spec.prompt.backbone}"
        parts += ["", f"made from prompt {made_from} by projector {spec.projector}"]
    artifact = store.get(spec)
    if isinstance(artifact, Score):
        parts += ["", *(f"{name} = {value:.4f}" for name, value in artifact.metrics.items())]
        parts += [f"n = {artifact.n or 'unknown'}, truncated {artifact.n_truncated}"]
    if isinstance(spec, AnyPromptSpec):
        parts += ["", *_scores_of(store, spec)]
    return "\n".join([*parts, "", json.dumps(store.meta(spec), indent=1)])


def entry_rows(cache: Path | None) -> list[tuple[str, ...]]:
    """Return one row per catalogue entry: name, kind, megabytes, is it here, licence."""
    return [
        (entry.name, entry.kind, catalogue.megabytes(entry.size_bytes), _is_here(entry.name, cache), entry.licence)
        for entry in catalogue.ENTRIES.values()
    ]


def task_rows(cache: Path | None) -> list[tuple[str, ...]]:
    """Return one row per task offered by name: name, groups, number of classes, metric, source, is it here."""
    return [
        (
            task.name,
            " ".join(f"@{name}" for name, members in tasks.GROUPS.items() if task in members),
            "texts" if task.answer else str(task.n_classes),
            task.metric,
            *_source(task, cache),
        )
        for task in tasks.TASKS.values()
    ]


def _source(task: Task, cache: Path | None) -> tuple[str, str]:
    if isinstance(task.source, CatalogueData):
        archive = catalogue.CORPORA[task.source.corpus].archive
        return archive, _is_here(archive, cache)
    assert isinstance(task.source, HubData)
    return f"Hugging Face hub: {task.source.dataset}", "unknown"


def _is_here(name: str, cache: Path | None) -> str:
    return "yes" if catalogue.is_ready(name, cache) else "no"


def _scores_of(store: Store, prompt: AnyPromptSpec) -> list[str]:
    """Return a line per score of a prompt, those on its own task and backbone first."""
    found = [
        spec
        for spec in store.specs("score")
        if isinstance(spec, AnyScoreSpec) and isinstance(spec.source, TrainedPrompt) and spec.source.key == key(prompt)
    ]
    if not found:
        return ["no scores of this prompt yet: transferkit measure makes them, with the name or file of its study"]
    found.sort(key=lambda spec: (spec.backbone != prompt.backbone, spec.task.name != prompt.task.name, spec.task.name))
    return ["scores of this prompt:", *(f"  {_score_line(store, spec, prompt)}" for spec in found)]


def _score_line(store: Store, spec: AnyScoreSpec, prompt: AnyPromptSpec) -> str:
    place = spec.task.name if spec.backbone == prompt.backbone else f"{spec.task.name} on {slug(spec.backbone)}"
    own = " (its own task)" if spec.task.name == prompt.task.name and spec.backbone == prompt.backbone else ""
    try:
        score = store.get(spec)
    except StoreError:
        return f"{place}: altered{own}"
    assert isinstance(score, Score)
    return f"{place}: {spec.task.metric} = {score.metrics[spec.task.metric]:.4f}, n = {score.n or 'unknown'}{own}"


def _score(store: Store, spec: AnyScoreSpec) -> float | str:
    try:
        artifact = store.get(spec)
    except StoreError:
        return "altered"
    assert isinstance(artifact, Score)
    return round(artifact.metrics[spec.task.metric], 4)


def _row(store: Store, spec: Spec) -> Row:
    row: Row = {"key": key(spec), "kind": spec.kind, "backbone": "", "task": "", "what": "", "score": ""}
    if isinstance(spec, ExamplesSpec):
        return {**row, "task": spec.task.name, "what": spec.split}
    row["backbone"] = slug(spec.backbone)
    if isinstance(spec, AnyPromptSpec):
        what = spec.origin.collection if isinstance(spec, ImportedPromptSpec) else f"seed {spec.seed}"
        return {**row, "task": spec.task.name, "what": what}
    if isinstance(spec, ProjectorSpec):
        return {**row, "what": f"{spec.method.name} from {slug(spec.source_backbone)}"}
    row["what"] = source_label(spec.source, spec.backbone)
    if isinstance(spec, AnyScoreSpec):
        return {**row, "task": spec.task.name, "score": _score(store, spec)}
    task = spec.prompt.task if isinstance(spec, ProjectedSpec) else getattr(getattr(spec, "task", None), "name", "")
    return {**row, "task": task}
