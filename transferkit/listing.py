"""What a store and the catalogue hold, as rows for people; neither a model nor a table library is loaded."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from transferkit import catalogue, tasks
from transferkit.artifacts import Projector, Score
from transferkit.errors import StoreError
from transferkit.lineage import KINDS, SHOWN_DIGITS, AnyStored, Lineage
from transferkit.places import slug, source_label
from transferkit.specs import (
    AnyScoreSpec,
    ExamplesSpec,
    ImportedPromptSpec,
    InfluenceSpec,
    MixtureSpec,
    NeuronsSpec,
    NormsMap,
    ProjectedPrompt,
    ProjectedSpec,
    ProjectorSpec,
    PromptNet,
    Spec,
    TrainedPrompt,
    WordsSpec,
    key,
    to_json,
)
from transferkit.store import Store
from transferkit.tasks.base import CatalogueData, HubData, Task

Row = dict[str, str | float | None]
NARROW = ("mixture", "projected", "imported_prompt", "imported_score")  # kinds that share a folder with a wider one


def rows(store: Store, kind: str | None = None) -> list[Row]:
    """Return one row per artifact: key, kind, backbone, task, what, score.

    Args:
        store: what is listed.
        kind: of which kind; a "prompt" and a "score" may also be imported, and a prompt projected, or of
            several tasks.
    """
    found = [spec for spec in store.specs(kind) if kind not in NARROW or spec.kind == kind]
    prompts = [spec for spec in found if isinstance(spec, AnyStored)]
    words = _lineage(store).words(prompts) if prompts else {}
    twice = _ambiguous(found)
    return [_row(store, spec, words, twice) for spec in found]


def describe(store: Store, prefix: str) -> str:
    """Return one artifact in full, as text: spec, inputs, numbers, provenance.

    Raises:
        InputError: no key or more than one begins so.
    """
    spec = store.find(prefix)
    parts = [f"{spec.kind} {key(spec)}", str(store.path(spec)), "", to_json(spec).rstrip()]
    words = _lineage_words(store)
    if isinstance(spec, AnyScoreSpec | NeuronsSpec | WordsSpec | InfluenceSpec) and isinstance(
        spec.source, TrainedPrompt | ProjectedPrompt
    ):
        source = spec.source
        how = f", {said}" if (said := words.get(source.key)) else ""
        parts += ["", f"made from prompt {source.key} ({source.task}, seed {source.seed}){how}"]
    if isinstance(spec, AnyStored):
        seed = spec.prompt.seed if isinstance(spec, ProjectedSpec) else spec.seed
        parts.insert(2, _what(seed, words[key(spec)]))
    if isinstance(spec, ProjectedSpec):
        made_from = f"{spec.prompt.key} ({spec.prompt.task}, seed {spec.prompt.seed}) of {spec.prompt.backbone}"
        parts += ["", f"made from prompt {made_from} by projector {spec.projector}"]
    artifact = store.get(spec)
    if isinstance(artifact, Score):
        parts += ["", *(f"{name} = {value:.4f}" for name, value in artifact.metrics.items())]
        parts += [f"n = {artifact.n or 'unknown'}, truncated {artifact.n_truncated}"]
    if isinstance(spec, AnyStored):
        parts += ["", *_scores_of(store, spec)]
    if isinstance(spec, ProjectorSpec):
        assert isinstance(artifact, Projector)
        parts += ["", *_projector_lines(spec, artifact)]
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


def _lineage(store: Store) -> Lineage:
    return Lineage(spec for kind in KINDS for spec in store.specs(kind))


def _lineage_words(store: Store) -> dict[str, str]:
    return _lineage(store).words([spec for spec in store.specs("prompt") if isinstance(spec, AnyStored)])


def _what(seed: int, words: str | None) -> str:
    return f"seed {seed}, {words}" if words else f"seed {seed}"


def _task_of(prompt: AnyStored) -> str:
    if isinstance(prompt, MixtureSpec):
        return prompt.name
    return prompt.prompt.task if isinstance(prompt, ProjectedSpec) else prompt.task.name


def _projector_lines(spec: ProjectorSpec, projector: Projector) -> list[str]:
    """Return what a projector is, what it was fitted on, how large it is, and how its training ended."""
    names = ", ".join(dict.fromkeys(lesson.task.name for lesson in spec.lessons))
    if names:
        used = "labels" if spec.readout is not None else "the prompts of both backbones"
        fitted = f"fitted on {used} of {names}"
    else:
        unfitted = isinstance(spec.method, (NormsMap, PromptNet))
        fitted = "fitted on nothing" if unfitted else "fitted on the words both vocabularies share, and on no task"
    lines = [f"{spec.method.name} from {slug(spec.source_backbone)}, {fitted}"]
    lines.append(f"{projector.n_parameters:,} parameters".replace(",", " "))
    if projector.history:
        last = ", ".join(f"{name} = {_number(value)}" for name, value in projector.history[-1].items())
        lines.append(f"last of {len(projector.history)} looks: {last}")
    return lines


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _ambiguous(specs: Iterable[Spec]) -> set[tuple[str, str]]:
    """Return the names that stand for several prompts before the text of one backbone, with the backbone's."""
    found: dict[tuple[str, str], set[str]] = {}
    for spec in specs:
        if isinstance(spec, AnyScoreSpec | NeuronsSpec | WordsSpec | InfluenceSpec):
            source = spec.source
            if isinstance(source, TrainedPrompt | ProjectedPrompt):
                found.setdefault((slug(spec.backbone), source_label(source, spec.backbone)), set()).add(source.key)
    return {name for name, keys in found.items() if len(keys) > 1}


def _scores_of(store: Store, prompt: AnyStored) -> list[str]:
    """Return a line per score of a prompt, those on its own task and backbone first."""
    found = [
        spec
        for spec in store.specs("score")
        if isinstance(spec, AnyScoreSpec)
        and isinstance(spec.source, TrainedPrompt | ProjectedPrompt)
        and spec.source.key == key(prompt)
    ]
    if not found:
        return ["no scores of this prompt yet: transferkit measure makes them, with the name or file of its study"]
    own = _task_of(prompt)
    found.sort(key=lambda spec: (spec.backbone != prompt.backbone, spec.task.name != own, spec.task.name))
    return ["scores of this prompt:", *(f"  {_score_line(store, spec, prompt)}" for spec in found)]


def _score_line(store: Store, spec: AnyScoreSpec, prompt: AnyStored) -> str:
    place = spec.task.name if spec.backbone == prompt.backbone else f"{spec.task.name} on {slug(spec.backbone)}"
    own = " (its own task)" if spec.task.name == _task_of(prompt) and spec.backbone == prompt.backbone else ""
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


def _row(store: Store, spec: Spec, words: Mapping[str, str], twice: set[tuple[str, str]]) -> Row:
    row: Row = {"key": key(spec), "kind": spec.kind, "backbone": "", "task": "", "what": "", "score": ""}
    if isinstance(spec, ExamplesSpec):
        return {**row, "task": spec.task.name, "what": spec.split}
    row["backbone"] = slug(spec.backbone)
    if isinstance(spec, AnyStored):
        seed = spec.prompt.seed if isinstance(spec, ProjectedSpec) else spec.seed
        what = _what(seed, words[key(spec)])
        what = spec.origin.collection if isinstance(spec, ImportedPromptSpec) else what
        return {**row, "task": _task_of(spec), "what": what}
    if isinstance(spec, ProjectorSpec):
        return {**row, "what": f"{spec.method.name} from {slug(spec.source_backbone)}"}
    label = source_label(spec.source, spec.backbone)
    row["what"] = label
    if isinstance(spec.source, TrainedPrompt | ProjectedPrompt) and (slug(spec.backbone), label) in twice:
        row["what"] = f"{label} ({spec.source.key[:SHOWN_DIGITS]})"
    if isinstance(spec, AnyScoreSpec):
        return {**row, "task": spec.task.name, "score": _score(store, spec)}
    return {**row, "task": getattr(getattr(spec, "task", None), "name", "")}
