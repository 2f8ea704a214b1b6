"""Beside both halves. What does a checkout of Su et al.'s repository hold? Prompts, scores, and what was left out.

Reads `task_prompt_emb/{TASK}Prompt{BACKBONE}/task_prompt` and `result/{TARGET}Prompt{BACKBONE}/result_*.json` of
`thunlp/Prompt-Transferability` for any backbone. Nothing found there is fatal: what is odd is listed with its reason.

- A folder's name may say more than task and backbone, behind it (`…PromptRobertaLarge_125`), before it
  (`IMDB_base_nliPrompt…`) or by where it lies (`RobertaLarge_from_chimin/…`): a *variant*. The plain folder is read,
  or the only variant when there is no plain one, unless the caller chooses. Only the first kind is ever taken unasked,
  since the others are projected prompts, copies of other tasks' prompts or whole other sets.
- Scores of variants are left out: their cells are not those of the matrix.
- A prompt without scores, or with scores but without a file, is no error; `Checkout.notes` says so.

Reference: Su et al. 2022, On Transferability of Prompt Tuning for Natural Language Processing.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from transferkit.errors import InputError, nearest
from transferkit.interop.arrays import read_array
from transferkit.shapes import BoolArray, FloatArray

GROUPS: dict[str, str] = {
    **dict.fromkeys(("IMDB", "SST2", "laptop", "restaurant", "movierationales", "tweetevalsentiment"), "sentiment"),
    **dict.fromkeys(("MNLI", "QNLI", "snli", "recastner"), "nli"),
    **dict.fromkeys(("ethicsdeontology", "ethicsjustice"), "ethics"),
    **dict.fromkeys(("QQP", "MRPC"), "paraphrase"),
    **dict.fromkeys(("squad", "nq_open"), "qa"),
    **dict.fromkeys(("multi_news", "samsum"), "summarization"),
}
GENERATION = frozenset({"squad", "nq_open", "multi_news", "samsum"})
N_CLASSES: dict[str, int] = {
    **dict.fromkeys(("SST2", "IMDB", "movierationales", "QNLI", "RTE", "WNLI", "QQP", "MRPC"), 2),
    **dict.fromkeys(("tweetevalsentiment", "MNLI", "snli"), 3),
    **dict.fromkeys(("laptop", "restaurant"), 4),
}
BINARY_FAMILIES = ("recast", "ethics", "emobank", "persuasiveness", "squinky")  # beginnings of names
BACKBONES: dict[str, str] = {
    "Bert": "google-bert/bert-base-uncased",
    "Roberta": "FacebookAI/roberta-base",
    "RobertaLarge": "FacebookAI/roberta-large",
    "T5": "google-t5/t5-base",
    "T5Small": "google-t5/t5-small",
}
MASKED = ("Roberta", "Bert")  # families whose mask stands in the prompt's first row
UNMASKED = ("T5",)

PROMPTS, RESULTS = "task_prompt_emb", "result"
PROMPT_FILES = ("task_prompt", "latest.pt")
PROMPT_SUFFIXES = (".pt", ".pth", ".pkl", ".bin", ".npy", ".safetensors")
NAME = re.compile(r"(?P<task>.+?)Prompt(?P<backbone>[A-Z][A-Za-z0-9]*)(?:_(?P<variant>.+))?")
RESULT = re.compile(r"result_(?P<projected>model_transfer_)?(?P<source>.+)\.json")
MAX_NESTED = 3
_T = TypeVar("_T")
Kind = Literal["prompt", "random", "projected"]


@dataclass(frozen=True)
class FoundPrompt:
    """A trained prompt.

    Attributes:
        backbone: suffix of its folder, such as `RobertaLarge`.
        task: what it was trained on.
        variant: what its folder's name says more; None for the plain folder.
        file: path below the root, with `/`.
        sha256: hash of the file.
        vectors: rows [P,d], float32.
        live: rows the backbone reads [P].
    """

    backbone: str
    task: str
    variant: str | None
    file: str
    sha256: str
    vectors: FloatArray
    live: BoolArray


@dataclass(frozen=True)
class FoundScore:
    """How well a prompt served a target.

    Attributes:
        backbone: where it was used.
        target: task it was used on.
        source_task: task it was trained on; None for a random prompt.
        source_backbone: backbone it was trained on, which may differ; None for a random prompt.
        kind: used as it was, a random prompt, or projected from another backbone.
        value: fraction in [0, 1]; see `metric_of`.
        file: path below the root, with `/`.
        sha256: hash of the file.
    """

    backbone: str
    target: str
    source_task: str | None
    source_backbone: str | None
    kind: Kind
    value: float
    file: str
    sha256: str


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was not read, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Checkout:
    """What a checkout holds; prompts and scores are in the order of their names.

    Attributes:
        root: folder that holds `task_prompt_emb` and `result`.
        prompts: at most one per task and backbone.
        scores: at most one per cell and kind.
        skipped: what was not read.
        notes: what was read, or is absent, and should be known.
    """

    root: Path
    prompts: tuple[FoundPrompt, ...]
    scores: tuple[FoundScore, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()

    @property
    def backbones(self) -> tuple[str, ...]:
        """Suffixes of all backbones: those with scores first, then by name."""
        scored = {score.backbone for score in self.scores}
        return tuple(sorted(scored | {prompt.backbone for prompt in self.prompts}, key=lambda b: (b not in scored, b)))

    def targets(self, backbone: str) -> tuple[str, ...]:
        """Return the tasks that have any score on a backbone, by name."""
        return tuple(sorted({score.target for score in self.scores if score.backbone == backbone}))

    def missing_cells(self, backbone: str) -> list[tuple[str, str]]:
        """Return (source, target) of each cell without a score in the square matrix over the targets."""
        present = {
            (score.source_task, score.target)
            for score in self.scores
            if score.kind == "prompt" and score.backbone == score.source_backbone == backbone
        }
        tasks = self.targets(backbone)
        return [(s, t) for s in tasks for t in tasks if (s, t) not in present]


def is_checkout(path: Path) -> bool:
    """Return whether a folder, or one directly in it, holds both `task_prompt_emb` and `result`."""
    return bool(_roots(path))


def read_checkout(path: Path, *, prompts: Sequence[str] = ()) -> Checkout:
    """Read all prompts and scores of a checkout.

    Args:
        path: the folder that holds `task_prompt_emb` and `result`, or its parent.
        prompts: folders below `task_prompt_emb` to take instead of the plain ones of their task and backbone.

    Raises:
        InputError: no checkout, or several; a chosen folder is not there, or two are of one task and backbone.
    """
    roots = _roots(path)
    if len(roots) != 1:
        found = f"several: {', '.join(root.name for root in roots)}" if roots else f"no {PROMPTS} beside a {RESULTS}"
        raise InputError(f"{path}: {found}", fix="name the folder that holds both, such as Prompt-Transferability-1.0")
    known = _known_tasks(roots[0])
    read = [*_read_prompts(roots[0], prompts, known), *_iter_scores(roots[0], known)]
    checkout = Checkout(
        root=roots[0],
        prompts=tuple(sorted((e for e in read if isinstance(e, FoundPrompt)), key=lambda p: (p.backbone, p.task))),
        scores=tuple(sorted((e for e in read if isinstance(e, FoundScore)), key=lambda s: s.file)),
        skipped=tuple(sorted((e for e in read if isinstance(e, Skipped)), key=lambda s: s.file)),
    )
    return replace(checkout, notes=tuple(_iter_notes(checkout)))


def live_rows(backbone: str, n: int) -> BoolArray:
    """Return which of n rows a backbone reads [n]: in masked models the mask's embedding overwrites the first."""
    return np.arange(n) > 0 if backbone.startswith(MASKED) else np.ones(n, dtype=bool)


def group_of(task: str) -> str:
    """Return a task's group in the paper; an unknown task is a group of its own."""
    return _find(task, GROUPS) or task


def metric_of(task: str) -> Literal["accuracy", "bleu_like"]:
    """Return what the number called `acc` is: for generation, BLEU rounded down per batch, over the examples."""
    return "bleu_like" if _find(task, dict.fromkeys(GENERATION, task)) else "accuracy"


def n_classes_of(task: str) -> int | None:
    """Return a task's number of label words; None for generation and for tasks the paper does not describe."""
    return _find(task, N_CLASSES) or (2 if task.lower().startswith(BINARY_FAMILIES) else None)


# --- names ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Name:
    """What the name of a folder or result says: `{task}Prompt{backbone}`, and more words for a variant."""

    task: str
    backbone: str
    variant: str | None
    is_plain_task: bool

    @property
    def is_random(self) -> bool:
        return self.task.lower().startswith("random")


def _roots(path: Path) -> list[Path]:
    def is_root(folder: Path) -> bool:
        return (folder / PROMPTS).is_dir() and (folder / RESULTS).is_dir()

    if is_root(path) or not path.is_dir():
        return [path] if is_root(path) else []
    return [folder for folder in sorted(path.iterdir()) if is_root(folder)]


def _find(task: str, table: Mapping[str, _T]) -> _T | None:
    if task in table:
        return table[task]
    return {name.lower(): value for name, value in table.items()}.get(task.lower())


def _known_tasks(root: Path) -> frozenset[str]:
    """Return the paper's tasks and those with a folder of results: names that need no taking apart."""
    folders = (NAME.fullmatch(folder.name) for folder in (root / RESULTS).iterdir() if folder.is_dir())
    return frozenset(GROUPS) | {match["task"] for match in folders if match}


def _parse(text: str, known: frozenset[str]) -> _Name | None:
    match = NAME.fullmatch(text)
    if not match:
        return None
    task, more = match["task"], ""
    owners = [name for name in known if task.startswith(f"{name}_")]
    if task not in known and owners:
        owner = min(owners, key=len)
        task, more = owner, task[len(owner) + 1 :]
    words = [part for part in (more, match["variant"]) if part]
    return _Name(task, match["backbone"], "_".join(words) or None, is_plain_task=not more)


# --- prompts ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Place:
    """A folder with a prompt in it; `choice` is its path below `task_prompt_emb`."""

    choice: str
    name: _Name
    file: Path
    is_nested: bool

    @property
    def may_stand_in(self) -> bool:
        return self.name.is_plain_task and not self.is_nested


def _read_prompts(root: Path, choices: Sequence[str], known: frozenset[str]) -> list[FoundPrompt | Skipped]:
    found = list(_iter_places(root, known))
    places = [place for place in found if isinstance(place, _Place)]
    names = [place.choice for place in places]
    for choice in choices:
        if choice not in names:
            raise InputError(f"there is no prompt {choice!r} below {root / PROMPTS}", fix=nearest(choice, names))
    read: list[FoundPrompt | Skipped] = [entry for entry in found if isinstance(entry, Skipped)]
    for task, backbone in sorted({(place.name.task, place.name.backbone) for place in places}):
        rivals = [place for place in places if (place.name.task, place.name.backbone) == (task, backbone)]
        taken = _take(rivals, choices)
        read += [
            Skipped(f"{PROMPTS}/{place.choice}", f"another prompt of {task}; to take it: prompts=({place.choice!r},)")
            for place in rivals
            if place is not taken
        ]
        if taken:
            read += [_read_prompt(root, taken), *_iter_unread(root, taken.file)]
    return list(_iter_alike(read))


def _iter_places(root: Path, known: frozenset[str]) -> Iterator[_Place | Skipped]:
    """Yield every folder with a prompt, at any depth, and what is in no such folder."""
    base = root / PROMPTS
    for path in _iter_below(base, MAX_NESTED):
        choice = path.relative_to(base).as_posix()
        name = _parse(path.name, known)
        if path.is_file():
            if not _parse(path.parent.name, known):
                yield Skipped(f"{PROMPTS}/{choice}", "a file outside the folders of prompts")
        elif name is None:
            yield Skipped(f"{PROMPTS}/{choice}", "its name is not {TASK}Prompt{BACKBONE}")
        elif name.is_random:
            yield Skipped(f"{PROMPTS}/{choice}", "a random prompt, not trained on a task")
        else:
            file = _prompt_file(path)
            outer = choice.split("/")[:-1]
            named = replace(name, variant="_".join([*outer, *([name.variant] if name.variant else [])]) or None)
            yield (
                _Place(choice, named, file, is_nested=bool(outer))
                if isinstance(file, Path)
                else Skipped(f"{PROMPTS}/{choice}", file)
            )


def _iter_below(folder: Path, depth: int) -> Iterator[Path]:
    for path in _visible(folder):
        yield path
        if path.is_dir() and depth > 1:
            yield from _iter_below(path, depth - 1)


def _visible(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]


def _prompt_file(folder: Path) -> Path | str:
    """Return the file that holds a folder's prompt, or why there is none."""
    usual = [folder / name for name in PROMPT_FILES if (folder / name).is_file()]
    if usual:
        return usual[0]
    others = [path for path in _visible(folder) if path.is_file() and path.suffix in PROMPT_SUFFIXES]
    if len(others) == 1:
        return others[0]
    names = ", ".join(path.name for path in others)
    return f"no {PROMPT_FILES[0]} in it" + (f", but {names}" if names else "")


def _take(rivals: Sequence[_Place], choices: Sequence[str]) -> _Place | None:
    chosen = [place for place in rivals if place.choice in choices]
    if len(chosen) > 1:
        raise InputError(
            f"{chosen[0].choice!r} and {chosen[1].choice!r} are both prompts of {chosen[0].name.task}",
            fix="choose one of them",
        )
    plain = [place for place in rivals if place.name.variant is None]
    standing_in = [place for place in rivals if place.may_stand_in]
    for places in (chosen, plain, standing_in):
        if len(places) == 1:
            return places[0]
    return None


def _read_prompt(root: Path, place: _Place) -> FoundPrompt | Skipped:
    file = place.file.relative_to(root).as_posix()
    try:
        vectors = read_array(place.file)
    except InputError as error:
        return Skipped(file, error.problem.removeprefix(f"{place.file}: "))
    if not vectors.any():
        return Skipped(file, "all values are zero")
    name = place.name
    live = live_rows(name.backbone, len(vectors))
    return FoundPrompt(name.backbone, name.task, name.variant, file, _sha256(place.file), vectors, live)


def _iter_unread(root: Path, taken: Path) -> Iterator[Skipped]:
    for path in _visible(taken.parent):
        if path.is_file() and path != taken:
            yield Skipped(path.relative_to(root).as_posix(), f"beside {taken.name}, which was read")


def _iter_alike(read: Iterable[FoundPrompt | Skipped]) -> Iterator[FoundPrompt | Skipped]:
    """Yield what was read, leaving out prompts whose shape is not that of most prompts of their backbone."""
    entries = list(read)
    shapes: dict[str, Counter[tuple[int, ...]]] = {}
    for entry in entries:
        if isinstance(entry, FoundPrompt):
            shapes.setdefault(entry.backbone, Counter())[entry.vectors.shape] += 1
    for entry in entries:
        if isinstance(entry, FoundPrompt):
            usual, n = shapes[entry.backbone].most_common(1)[0]
            if entry.vectors.shape != usual:
                of = f"{n} of {shapes[entry.backbone].total()} prompts of {entry.backbone}"
                yield Skipped(entry.file, f"its shape is {list(entry.vectors.shape)}, that of {of} {list(usual)}")
                continue
        yield entry


# --- scores -----------------------------------------------------------------------------------------------------------
def _iter_scores(root: Path, known: frozenset[str]) -> Iterator[FoundScore | Skipped]:
    for folder in _visible(root / RESULTS):
        name, where = _parse(folder.name, known), f"{RESULTS}/{folder.name}"
        if not folder.is_dir():
            yield Skipped(where, "a file outside the folders of results")
        elif name is None:
            yield Skipped(where, "its name is not {TARGET}Prompt{BACKBONE}")
        elif name.is_random:
            yield Skipped(where, "random is not a task")
        elif name.variant:
            yield Skipped(where, f"{len(_visible(folder))} scores of a variant of {name.task}")
        else:
            yield from _iter_scores_on(folder, name, known)


def _iter_scores_on(folder: Path, target: _Name, known: frozenset[str]) -> Iterator[FoundScore | Skipped]:
    cells: dict[tuple[Kind, str | None, str | None], str] = {}
    for path in _visible(folder):
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
        yield FoundScore(target.backbone, target.task, task, backbone, kind, value, file, _sha256(path))


def _cell(path: Path, target: _Name, known: frozenset[str]) -> tuple[Kind, str | None, str | None] | str:
    """Return kind, source task and source backbone a result's name tells, or why it is no cell."""
    match = RESULT.fullmatch(path.name)
    if match and match["source"] == "random" and not match["projected"]:
        return "random", None, None
    source = _parse(match["source"], known) if match else None
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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- what should be known ---------------------------------------------------------------------------------------------
def _iter_notes(checkout: Checkout) -> Iterator[str]:
    for backbone in checkout.backbones:
        prompts = [prompt for prompt in checkout.prompts if prompt.backbone == backbone]
        with_prompt, targets = {prompt.task for prompt in prompts}, set(checkout.targets(backbone))
        if not backbone.startswith((*MASKED, *UNMASKED)):
            yield f"{backbone}: an unknown family; every row of its prompts is taken to be read"
        for prompt in prompts:
            if prompt.variant:
                yield f"{prompt.file}: a variant of {prompt.task}'s prompt ({prompt.variant})"
        if not targets:
            yield f"{backbone}: prompts, but no scores"
        elif alone := sorted(with_prompt - targets):
            yield f"{backbone}: prompts of tasks without scores as a target: {', '.join(alone)}"
        if bare := sorted(targets - with_prompt):
            yield f"{backbone}: targets without a prompt: {', '.join(bare)}"
        if targets and (missing := checkout.missing_cells(backbone)):
            yield f"{backbone}: {len(missing)} of {len(targets) ** 2} cells of the matrix are missing"
