"""Shelf. Which prompts of a store can be tried on a task: all of one backbone whose place in it is known."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transferkit import artifacts, sources, study, tasks
from transferkit.errors import InputError, nearest
from transferkit.lineage import KINDS, AnyStored, Lineage
from transferkit.places import slug
from transferkit.specs import (
    BackboneSpec,
    EmbeddingReadout,
    ImportedPromptSpec,
    MixtureSpec,
    Placement,
    ProjectedPrompt,
    ProjectedSpec,
    PromptSpec,
    ReadoutSpec,
    TrainedPrompt,
    key,
)
from transferkit.store import Store
from transferkit.study.question import WITHOUT_FIELDS
from transferkit.tasks.base import Task

LEADS = (PromptSpec, MixtureSpec, ProjectedSpec, ImportedPromptSpec)  # which of the same rows stands for the others
IMPORTED = {"peft": Placement()}  # where imported prompts enter, by collection; of other files it is not known


@dataclass(frozen=True)
class Candidate:
    """A stored prompt, and those that put the same rows in the same place.

    Attributes:
        spec: names it in the store.
        task, seed: what it was trained for; of several tasks their names.
        placement: where it enters.
        how: what else tells it from other prompts of its task, in words.
        saw: the tasks it was made with, at whatever remove: as a projector's lessons, or by the prompt it began as.
        is_whole: whether all that it was made of is stored; otherwise it may have seen more tasks.
        alike: the others of the same rows.
    """

    spec: AnyStored
    task: str
    seed: int
    placement: Placement
    how: str
    saw: frozenset[str] = frozenset()
    is_whole: bool = True
    alike: tuple["Candidate", ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it and those of the same rows were trained for."""
        return tuple(dict.fromkeys(one.task for one in (self, *self.alike)))

    @property
    def key(self) -> str:
        """Its key."""
        return key(self.spec)

    @property
    def source(self) -> TrainedPrompt | ProjectedPrompt | None:
        """The prompt as something to be put before the text; None for one that was imported."""
        return None if isinstance(self.spec, ImportedPromptSpec) else self.spec.source


@dataclass(frozen=True)
class Candidates:
    """The prompts of one backbone.

    Attributes:
        backbone: the name to load it by.
        spec: its identity.
        readout: how it answers: as most of these prompts were trained.
        prompts: by task, seed and key.
        n_unplaced: imported prompts that cannot be tried, because where they enter is not known.
    """

    backbone: str
    spec: BackboneSpec
    readout: ReadoutSpec
    prompts: tuple[Candidate, ...]
    n_unplaced: int = 0

    def of_task(self, name: str) -> Task | None:
        """Return a task as prompts of this name were trained on it; None where none were."""
        found = [prompt.spec.task for prompt in self.prompts if isinstance(prompt.spec, PromptSpec)]
        return next((task for task in found if task.name == name), None)

    @property
    def max_tokens(self) -> int | None:
        """Where texts were cut for most of these prompts; None where that is not known."""
        found = Counter(one.spec.task.max_tokens for one in self.prompts if isinstance(one.spec, PromptSpec))
        return found.most_common(1)[0][0] if found else None


def find_candidates(store: Store, backbone: str | None = None) -> Candidates:
    """Return the prompts of a backbone; those that were trained on a part of it are left out.

    Args:
        store: where they are kept.
        backbone: catalogue name, local folder or hub id; the only one of the store by default.

    Raises:
        InputError: the store has no prompts of it, or of several and none is named; nothing is loaded.
    """
    specs = [spec for kind in KINDS for spec in store.specs(kind)]
    every = [spec for spec in specs if isinstance(spec, AnyStored)]
    stored = [spec for spec in every if spec.backbone.partial is None]
    for part in (spec.backbone for spec in every if spec.backbone.partial is not None and backbone is not None):
        if backbone in (part.name, slug(part)):
            raise InputError(
                f"backbone = {backbone!r} is a part of {part.whole.name!r}, whose prompts are not ranked",
                fix=f"add --backbone {slug(part.whole)}",
            )
    if not stored:
        raise InputError(f"{store.root} holds no prompts", fix="train some: transferkit train STUDY")
    known = list(dict.fromkeys(spec.backbone for spec in stored if not isinstance(spec, ImportedPromptSpec)))
    name, spec = _backbone(store, backbone, known, stored)
    aliases = {name, spec.name, sources.describe(name, spec.dtype).upstream}
    own = [one for one in stored if one.backbone == spec]
    imported = [one for one in stored if isinstance(one, ImportedPromptSpec) and one.backbone.name in aliases]
    tried = list(dict.fromkeys([*own, *imported]))
    lineage = Lineage(specs)
    words = lineage.words(tried)
    found = [made for one in tried if (made := _candidate(one, lineage, words[key(one)])) is not None]
    if not found:
        held = sorted({slug(one.backbone) for one in stored})
        unplaced = f" but {len(imported)} imported ones whose place is not known" if imported else ""
        raise InputError(
            f"backbone = {backbone or name!r}: {store.root} holds no prompts of it{unplaced}",
            fix=f"add --backbone NAME, of {', '.join(held)}; or train some: transferkit train STUDY",
        )
    readouts = Counter(one.readout for one in own if isinstance(one, PromptSpec)).most_common(1)
    return Candidates(
        backbone=name,
        spec=spec,
        readout=readouts[0][0] if readouts else _default_readout(name, spec),
        prompts=tuple(sorted(found, key=lambda one: (one.task, one.seed, one.key))),
        n_unplaced=len(own) + len(imported) - len(found),
    )


def find_task(name: str, candidates: Candidates, file: str | Path | None = None) -> Task:
    """Return a task by name: of a study file, as prompts of the store were trained on it, or of the catalogue.

    Raises:
        InputError: there is none of this name.
    """
    if file is not None:
        there = {task.name: task for task in study.from_toml(file).resolved_tasks}
        if name not in there:
            raise InputError(f"{file} has no task {name!r}", fix=nearest(name, list(there)))
        return there[name]
    trained = candidates.of_task(name)
    if trained is not None:
        return trained
    found = tasks.find(name)
    return dataclasses.replace(found, max_tokens=candidates.max_tokens or found.max_tokens)


def merge(candidates: Candidates, store: Store) -> Candidates:
    """Return the candidates with one for all that put the same rows in the same place, to the bit.

    What one of them has seen, its rows have seen, so all of them have.

    Raises:
        StoreError: a prompt was altered.
    """
    found: dict[tuple[Placement, str], list[Candidate]] = {}
    for one in sorted(candidates.prompts, key=lambda one: LEADS.index(type(one.spec))):
        found.setdefault((one.placement, _content(one, store)), []).append(one)
    prompts = [
        dataclasses.replace(
            first,
            how="; ".join(dict.fromkeys(one.how for one in (first, *rest) if one.how)),
            saw=frozenset[str]().union(*(one.saw for one in (first, *rest))),
            is_whole=all(one.is_whole for one in (first, *rest)),
            alike=tuple(rest),
        )
        for first, *rest in found.values()
    ]
    return dataclasses.replace(
        candidates, prompts=tuple(sorted(prompts, key=lambda one: (one.task, one.seed, one.key)))
    )


def _backbone(
    store: Store, asked: str | None, known: Sequence[BackboneSpec], stored: Sequence[AnyStored]
) -> tuple[str, BackboneSpec]:
    """Return the name to load a backbone by, and its identity."""
    if asked is None:
        if len(known) != 1:
            names = sorted(_called(known) or {slug(one.backbone) for one in stored})
            raise InputError(
                f"{store.root} holds prompts of {len(known) or 'no known'} backbones, and none is named",
                fix=f"add --backbone NAME, of {', '.join(names)}",
            )
        return _loadable(known[0], store), known[0]
    names = dict(zip(_called(known), known, strict=True))
    meant = [spec for spec in known if asked in (spec.name, slug(spec))]
    meant = [spec for spec in meant if asked == slug(spec)] or meant
    if asked in names or len(meant) == 1:
        spec = names.get(asked) or meant[0]
        return _loadable(spec, store), spec
    if meant:
        which = [name for name, spec in names.items() if spec in meant]
        raise InputError(
            f"backbone = {asked!r}: {store.root} holds prompts of {len(meant)} models of this name",
            fix=f"say of which, --backbone {' or --backbone '.join(which)}",
        )
    described = sources.describe(asked).spec
    alike = (spec for spec in known if dataclasses.replace(spec, dtype="float32") == described)
    return asked, next(alike, described)


def _called(known: Sequence[BackboneSpec]) -> list[str]:
    """Return what the backbones of a store are called: with their revision where the name alone is not enough."""
    called = [(slug(s), f"{slug(s)}@{s.revision[:12]}", f"{s.name}@{s.revision[:12]}") for s in known]
    held = Counter(name for names in called for name in dict.fromkeys(names))
    return [next((name for name in names if held[name] == 1), names[-1]) for names in called]


def _loadable(spec: BackboneSpec, store: Store) -> str:
    """Return the name to load a stored prompt's backbone by: a folder is looked for where a study of the store says."""
    names = [f"{spec.name}@{spec.revision}"] if spec.name.count("/") == 1 else [spec.name]
    for path in sorted((store.root / "studies").glob("*.json")):
        asked = study.from_json(path.read_text(encoding="utf-8"))
        names += [name for name in (*asked.backbone_names, *asked.target_names) if Path(name).name == spec.name]
    for name in dict.fromkeys(names):
        try:
            if sources.describe(name, spec.dtype).spec == spec:
                return name
        except InputError:
            continue
    raise InputError(
        f"backbone {spec.name!r} of the stored prompts is not where it was, or has changed",
        fix="add --backbone FOLDER, with the model they were trained on",
    )


def _default_readout(name: str, spec: BackboneSpec) -> ReadoutSpec:
    kind = sources.describe(name, spec.dtype).readout
    return EmbeddingReadout() if kind == "embedding" else WITHOUT_FIELDS[kind]()


def _candidate(spec: AnyStored, lineage: Lineage, how: str) -> Candidate | None:
    if isinstance(spec, ProjectedSpec):
        task, seed, placement = spec.prompt.task, spec.prompt.seed, spec.placement
    elif isinstance(spec, MixtureSpec):
        task, seed, placement = spec.name, spec.seed, spec.recipe.placement
    else:
        task, seed = spec.task.name, spec.seed
        placement = spec.recipe.placement if isinstance(spec, PromptSpec) else IMPORTED.get(spec.origin.collection)
    if placement is None:
        return None
    origins = lineage.origins(spec)
    return Candidate(spec, task, seed, placement, how, origins.tasks, origins.is_whole)


def _content(prompt: Candidate, store: Store) -> str:
    """Return a hash of what a prompt puts before a text."""
    kept = store.get(prompt.spec)
    assert isinstance(kept, artifacts.Prompt)
    digest = hashlib.sha256()
    for name, array in {"": kept.vectors, **dict(sorted((kept.generator or {}).items()))}.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
