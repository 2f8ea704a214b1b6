"""Making. What stored prompts answer on a few labelled examples of a task's training split; nothing is kept."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from transferkit import artifacts, catalogue, sources
from transferkit.backbones import Backbone
from transferkit.backbones.loading import Device, check_readout, shape_of, tokenizer_of
from transferkit.batches import encode
from transferkit.candidates import Candidate, Candidates
from transferkit.errors import InputError
from transferkit.examples import Examples, load
from transferkit.passes import Room
from transferkit.predictions import Entrant, Outcome, outcomes
from transferkit.progress import Quiet, Reporter
from transferkit.readouts import label_word_ids, make_readout
from transferkit.shapes import FloatArray, IntArray, NumberArray
from transferkit.specs import EmbeddingReadout, Placement, ReadoutSpec
from transferkit.store import Store
from transferkit.supplies import Supplies, room_of
from transferkit.tasks.base import CatalogueData, Task

LEAST = 8  # fewer examples tell nothing apart
BATCH = 32  # examples per forward pass
STREAM = 6  # this use's stream of a seed


@dataclass(frozen=True)
class Answers:
    """What prompts answered on the same examples.

    Attributes:
        prompts: those that were tried.
        said: predicted label of each prompt and example [k,n]; of answers in words what each example scores.
        losses: mean cross-entropy of each prompt [k].
        gold: right labels [n]; None where answers are texts.
        alone: the same of the backbone without a prompt [n], and its cross-entropy.
        majority: the training split's most frequent class [n]; None where answers are texts.
    """

    prompts: tuple[Candidate, ...]
    said: NumberArray
    losses: FloatArray
    gold: IntArray | None
    alone: tuple[NumberArray, float]
    majority: IntArray | None


def ask(
    task: Task,
    candidates: Candidates,
    store: Store,
    *,
    n_examples: int,
    seed: int,
    device: Device = "auto",
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> Answers:
    """Let every prompt answer some examples of the task's training split, in one pass each.

    Raises:
        InputError: an asset, data or words are missing or do not fit, or there are too few examples; said before the
            backbone is loaded.
    """
    kind = candidates.readout.kind
    folder = _check(task, candidates, cache)
    train = load(task, cache=cache)["train"]
    few = draw(train, task, n_examples, seed)
    prompts = _fitting(candidates.prompts, store, shape_of(folder).width, candidates.spec.name)
    supplies = Supplies(store, device=device, cache=cache)
    backbone = supplies.backbone(candidates.backbone, candidates.spec, kind)
    entrants = [_entrant(prompt, supplies, backbone, task) for prompt in prompts]
    everything = [Entrant(None, Placement()), *entrants]
    with (reporter or Quiet()).phase("answer", len(everything) * n_examples) as advance:
        nothing, *found = _outcomes(
            task, backbone, candidates.readout, few, everything, progress=lambda n: advance(n, task.name)
        )
    majority = None
    if task.answer is None:
        most = int(np.bincount(train.gold, minlength=len(task.labels)).argmax())
        majority = np.full(len(few.gold), most, dtype=np.int64)
    return Answers(
        prompts=tuple(prompts),
        said=np.stack([_said(task, one) for one in found]),
        losses=np.array([one.metrics["loss"] for one in found]),
        gold=few.gold if task.answer is None else None,
        alone=(_said(task, nothing), nothing.metrics["loss"]),
        majority=majority,
    )


def draw(examples: Examples, task: Task, n: int, seed: int) -> Examples:
    """Return some examples, of each class its share of the split as nearly as whole numbers allow.

    Raises:
        InputError: there are not so many, or so few tell nothing apart.
    """
    held, least = len(examples.texts), max(LEAST, len(task.labels))
    if seed < 0:
        raise InputError(f"seed = {seed} is below 0", fix="choose seed = 0 or more")
    if n < least:
        raise InputError(
            f"examples = {n} are too few to tell prompts apart on {task.name!r}", fix=f"choose {least} or more"
        )
    if n > held:
        raise InputError(
            f"examples = {n}, but the training split of {task.name!r} has {held}",
            fix=f"choose {held} or fewer" if held >= least else "give more labelled examples",
        )
    order = np.random.default_rng([seed, STREAM]).permutation(held)
    classes = examples.gold[order]
    share = n * np.bincount(classes) / held
    quota = np.floor(share).astype(np.int64)
    quota[np.argsort(quota - share, kind="stable")[: n - quota.sum()]] += 1
    picked = np.concatenate([order[classes == label][:most] for label, most in enumerate(quota)])
    answers = None if examples.answers is None else [examples.answers[i] for i in picked]
    return dataclasses.replace(
        examples, texts=[examples.texts[i] for i in picked], gold=examples.gold[picked], answers=answers
    )


def _check(task: Task, candidates: Candidates, cache: Path | None) -> Path:
    """Make sure that what is asked is here and fits; return the backbone's folder."""
    corpora = [task.source.corpus] if isinstance(task.source, CatalogueData) else []
    catalogue.require(catalogue.needed((candidates.backbone,), corpora), cache)
    folder = sources.folder(candidates.backbone, candidates.spec, cache)
    check_readout(candidates.readout.kind, shape_of(folder).stack, candidates.spec.name)
    task.shown(candidates.readout.kind)
    if task.answer is None and not isinstance(candidates.readout, EmbeddingReadout):
        label_word_ids(task, tokenizer_of(folder), candidates.readout.kind)
    return folder


def _fitting(prompts: Sequence[Candidate], store: Store, width: int, backbone: str) -> list[Candidate]:
    """Return the prompts as wide as the backbone; an imported one may be of another model of the same name."""
    found = [prompt for prompt in prompts if prompt.source is not None or _rows(prompt, store).shape[1] == width]
    if not found:
        raise InputError(
            f"none of the {len(prompts)} prompts is as wide as {backbone!r} ({width})",
            fix="name the backbone they were trained on",
        )
    return found


def _rows(prompt: Candidate, store: Store) -> FloatArray:
    kept = store.get(prompt.spec)
    assert isinstance(kept, artifacts.Prompt)
    return kept.vectors


def _entrant(prompt: Candidate, supplies: Supplies, backbone: Backbone, task: Task) -> Entrant:
    if prompt.source is not None:
        return supplies.entrant(prompt.source, backbone, task)
    rows = torch.from_numpy(_rows(prompt, supplies.store)).to(backbone.device)
    return Entrant(rows, prompt.placement, prompt.key)


def _outcomes(
    task: Task,
    backbone: Backbone,
    spec: ReadoutSpec,
    examples: Examples,
    entrants: Sequence[Entrant],
    *,
    progress: Callable[[int], None],
) -> list[Outcome]:
    """Return how each prompt did; text is cut for the prompt in front of it alone, as when a study is measured."""
    readout = make_readout(spec, backbone, task)
    alike: dict[int, list[int]] = {}
    for i, entrant in enumerate(entrants):
        room = 0 if entrant.vectors is None else room_of(entrant.placement, len(entrant.vectors))
        alike.setdefault(room, []).append(i)
    found: dict[int, Outcome] = {}
    for room, members in alike.items():
        encoded = encode(examples, task, backbone, spec.kind, room=room)
        some = [entrants[i] for i in members]
        answer = partial(outcomes, task, backbone, readout, encoded, some, progress=progress)
        done = Room().fit(BATCH, lambda size, of=answer: of(batch_size=size))
        found.update(zip(members, done, strict=True))
    return [found[i] for i in range(len(entrants))]


def _said(task: Task, outcome: Outcome) -> NumberArray:
    if outcome.predicted is not None:
        return outcome.predicted
    assert outcome.values is not None
    return outcome.values[task.metric]
