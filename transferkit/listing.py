"""What a store holds, as rows for people; `ls` and `show` load neither a model nor a table library."""

import json

from transferkit.artifacts import Score
from transferkit.errors import StoreError
from transferkit.places import slug, source_label
from transferkit.specs import ExamplesSpec, NeuronsSpec, PromptSpec, ScoreSpec, Spec, TrainedPrompt, key, to_json
from transferkit.store import Store

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
    if isinstance(spec, (ScoreSpec, NeuronsSpec)) and isinstance(spec.source, TrainedPrompt):
        parts += ["", f"made from prompt {spec.source.key} ({spec.source.task}, seed {spec.source.seed})"]
    artifact = store.get(spec)
    if isinstance(artifact, Score):
        parts += ["", *(f"{name} = {value:.4f}" for name, value in artifact.metrics.items())]
        parts += [f"n = {len(artifact.predicted)}, truncated {artifact.n_truncated}"]
    return "\n".join([*parts, "", json.dumps(store.meta(spec), indent=1)])


def _score(store: Store, spec: ScoreSpec) -> float | str:
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
    if isinstance(spec, PromptSpec):
        return {**row, "task": spec.task.name, "what": f"seed {spec.seed}"}
    row["what"] = source_label(spec.source, spec.backbone)
    if isinstance(spec, ScoreSpec):
        return {**row, "task": spec.task.name, "score": _score(store, spec)}
    return row
