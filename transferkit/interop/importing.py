"""Beside both halves. From other people's files to artifacts of a store, and from a prompt to their files."""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from transferkit import provenance, tasks
from transferkit.artifacts import Prompt, Score
from transferkit.collection import Collection, Skipped, from_json, to_json
from transferkit.errors import InputError
from transferkit.interop.arrays import WRITABLE, read_array, write_array
from transferkit.interop.peft import CONFIG, read_peft, write_peft
from transferkit.interop.su2022 import (
    BACKBONES,
    Checkout,
    FoundPrompt,
    FoundScore,
    group_of,
    metric_of,
    n_classes_of,
    read_checkout,
)
from transferkit.specs import (
    BackboneSpec,
    ImportedPromptSpec,
    ImportedScoreSpec,
    ImportedSource,
    ImportedTask,
    Origin,
    RandomPrompt,
    TrainedPrompt,
    UniformInitial,
    UnseenPrompt,
    key,
)
from transferkit.store import Store

LOG = logging.getLogger("transferkit")
SU2022 = "su2022"
SINGLE = "imported"  # the collection single files are put into
ARRAYS = WRITABLE


# --- a checkout of Su et al. ------------------------------------------------------------------------------------------
def import_checkout(path: str | Path, store: Store, *, prompts: Sequence[str] = ()) -> Collection:
    """Put a checkout's prompts and scores into a store and return what was found, as a question for `Results`.

    Args:
        path: the folder that holds `task_prompt_emb` and `result`, or its parent.
        store: what is there already is left alone.
        prompts: folders below `task_prompt_emb` to take instead of the plain ones of their task and backbone.

    Raises:
        InputError: no checkout, nothing in it that can be read, or no such folder in it.
        StoreError: the store cannot be written.
    """
    checkout, facts = read_checkout(Path(path), prompts=prompts), provenance.facts()
    if not checkout.backbones:
        why = [f"{one.file}: {one.reason}" for one in checkout.skipped[:1]]
        raise InputError("; ".join([f"{checkout.root} holds neither a prompt nor a score", *why]), fix="copy it again")
    place = {backbone: i for i, backbone in enumerate(checkout.backbones)}  # those with scores first
    ordered = sorted(checkout.prompts, key=lambda prompt: place[prompt.backbone])
    found = {(prompt.backbone, prompt.task): (_prompt_spec(prompt), prompt) for prompt in ordered}
    for spec, prompt in found.values():
        _put(store, spec, Prompt(prompt.vectors, None, prompt.live), facts)
    keys = {place: key(spec) for place, (spec, _) in found.items()}
    lengths = {prompt.backbone: len(prompt.vectors) for prompt in checkout.prompts}
    scores: list[ImportedScoreSpec] = []
    for score in checkout.scores:
        scores.append(_score_spec(score, keys, lengths))
        _put(store, scores[-1], Score({metric_of(score.target): score.value}, None), facts)
    collection = Collection(
        name=SU2022,
        title="Su et al. 2022, published prompts and scores",
        imported_prompts=tuple(spec for spec, _ in found.values()),
        imported_scores=(*scores, *_absent(checkout, keys)),
        skipped=tuple(Skipped(file=one.file, reason=one.reason) for one in checkout.skipped),
        notes=checkout.notes,
    )
    keep(collection, store)
    return collection


def _backbone(suffix: str) -> BackboneSpec:
    return BackboneSpec(name=suffix, revision=BACKBONES.get(suffix, "of unknown origin"))


def _task(name: str) -> ImportedTask:
    return ImportedTask(name=name, group=group_of(name), metric=metric_of(name), n_classes=n_classes_of(name))


def _prompt_spec(prompt: FoundPrompt) -> ImportedPromptSpec:
    origin = Origin(collection=SU2022, file=prompt.file, sha256=prompt.sha256)
    return ImportedPromptSpec(origin=origin, backbone=_backbone(prompt.backbone), task=_task(prompt.task))


def _score_spec(score: FoundScore, keys: dict[tuple[str, str], str], lengths: dict[str, int]) -> ImportedScoreSpec:
    origin = Origin(collection=SU2022, file=score.file, sha256=score.sha256)
    return ImportedScoreSpec(
        origin=origin,
        source=_source(score, keys, lengths),
        backbone=_backbone(score.backbone),
        task=_task(score.target),
    )


def _source(score: FoundScore, keys: dict[tuple[str, str], str], lengths: dict[str, int]) -> ImportedSource:
    if score.source_task is None or score.source_backbone is None:  # drawn anew for every score; the seed was not kept
        return RandomPrompt(seed=0, length=lengths.get(score.backbone, 100), initial=UniformInitial(low=0.0, high=1.0))
    place = score.source_backbone, score.source_task
    if score.kind == "projected" or place not in keys:
        return UnseenPrompt(task=place[1], backbone=place[0], projected=score.kind == "projected")
    return TrainedPrompt(key=keys[place], task=place[1], seed=0, backbone=place[0])


def _absent(checkout: Checkout, keys: dict[tuple[str, str], str]) -> list[ImportedScoreSpec]:
    """Return the cells a square matrix has and the checkout does not: named, so that they show as missing."""
    specs = []
    for backbone in checkout.backbones:
        for source, target in checkout.missing_cells(backbone):
            file = f"result/{target}Prompt{backbone}/result_{source}Prompt{backbone}.json"
            absent = FoundScore(backbone, target, source, backbone, "prompt", 0.0, file, "")
            specs.append(_score_spec(absent, keys, {}))
    return specs


# --- one prompt -------------------------------------------------------------------------------------------------------
def import_prompt(path: str | Path, store: Store, *, task: str, backbone: str | None = None) -> ImportedPromptSpec:
    """Put one prompt into a store: an array file, or a folder of PEFT.

    Args:
        path: `.npy`, `.npz`, `.safetensors`, `.pt`, or a PEFT folder.
        store: where it goes; it also joins the collection "imported" there.
        task: what it was trained on.
        backbone: which model for; a PEFT folder says so itself.

    Raises:
        InputError: the file holds no prompt, would have to be unpickled, the backbone is not known, or the task's or
            backbone's name cannot be one.
    """
    path = Path(path)
    vectors, said, digest = read_prompt(path)
    name = (backbone or said or "").rstrip("/")  # PEFT may name a folder
    if not name:
        raise InputError(f"{path} does not say which backbone it is for", fix="add --backbone NAME")
    if not re.search(r"[^./]", name):
        raise InputError(f"{name!r} names no backbone", fix="add --backbone NAME")
    before = find_collection(SINGLE, store) or Collection(name=SINGLE, title="Imported prompts")
    alike = [one for one in before.imported_prompts if (one.task.name, one.backbone.name) == (task, name)]
    spec = ImportedPromptSpec(
        origin=Origin(collection="peft" if path.is_dir() else "array", file=path.name, sha256=digest),
        backbone=BackboneSpec(name=name, revision="of unknown origin"),
        task=_named_task(task),
        seed=len(alike),
    )
    spec = next((one for one in alike if one.origin.sha256 == digest), spec)
    _put(store, spec, Prompt(vectors, None, np.ones(len(vectors), dtype=bool)), provenance.facts())
    if spec not in alike:
        keep(replace(before, imported_prompts=(*before.imported_prompts, spec)), store)
    return spec


def _named_task(name: str) -> ImportedTask:
    known = tasks.TASKS.get(name)
    try:
        if known is None:
            return ImportedTask(name=name, group=name)  # of unknown kind, so like no other
        return ImportedTask(name=name, group=known.group, n_classes=known.n_classes)
    except ValidationError as error:
        raise InputError(
            f"{name!r} cannot name a task", fix="use letters, digits, '_', '.' and '-', a letter or digit first"
        ) from error


def read_prompt(path: Path) -> tuple[np.ndarray, str | None, str]:
    """Return a prompt file's rows [P,d], the backbone it names if it names one, and the SHA-256 of the rows.

    The rows and not the file: the same prompt as `.npy` and as a folder of PEFT is one prompt, not two seeds.

    Raises:
        InputError: the file holds no prompt, or would have to be unpickled.
    """
    if path.is_dir():
        found = read_peft(path)
        if found.dropped_rows:
            LOG.info("%s: %d rows are left out, stored for the decoder and read by none", path, found.dropped_rows)
        vectors, backbone = found.vectors, found.backbone
    elif path.is_file():
        vectors, backbone = read_array(path), None
    else:
        raise InputError(f"no file or folder {path}", fix=f"name an array file or a folder with {CONFIG}")
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    return vectors, backbone, hashlib.sha256(f"{rows.shape}".encode() + rows.tobytes()).hexdigest()


def export_prompt(prompt: Prompt, path: str | Path, *, backbone: str, task_type: str | None = None) -> None:
    """Write a prompt as an array file, or, for a path without the ending of a file, as a folder PEFT loads.

    Args:
        prompt: what to write; rows the backbone never reads are written too.
        path: ends in `.npy`, `.npz` or `.safetensors`, or names a new folder.
        backbone: hub id or folder, which PEFT wants to know.
        task_type: PEFT's word for the head; by default what the prompt was trained with, or FEATURE_EXTRACTION.

    Raises:
        InputError: the path cannot be written to, or ends as another kind of file does.
    """
    path = Path(path)
    if re.fullmatch(r"\.[A-Za-z]+", path.suffix):
        write_array(path, prompt.vectors)
        return
    facts = prompt.peft or {}
    layers, heads = facts.get("num_layers"), facts.get("num_attention_heads")
    write_peft(
        path,
        prompt.vectors,
        backbone=str(facts.get("base_model_name_or_path", backbone)),
        task_type=task_type or str(facts.get("task_type", "FEATURE_EXTRACTION")),
        n_layers=None if layers is None else int(layers),
        n_heads=None if heads is None else int(heads),
    )


# --- both -------------------------------------------------------------------------------------------------------------
def find_collection(name: str, store: Store) -> Collection | None:
    """Return a collection of a store by name; None where there is none."""
    file = store.root / "collections" / f"{name}.json"
    return from_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def keep(collection: Collection, store: Store) -> None:
    """Write down in a store what a collection is, so that it can be analysed again without the files."""
    store.write_file(store.root / "collections" / f"{collection.name}.json", to_json(collection))
    store.write_index()


def _put(
    store: Store,
    spec: ImportedPromptSpec | ImportedScoreSpec,
    artifact: Prompt | Score,
    facts: Mapping[str, object],
) -> None:
    if not store.has(spec):
        store.put(spec, artifact, meta={**facts, "origin": spec.origin.collection, "file": spec.origin.file})
