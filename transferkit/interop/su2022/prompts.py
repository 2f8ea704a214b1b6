"""Beside both halves. Which prompt of a checkout is read for each task and backbone, and what is in it?

The plain folder is read, or the only variant when there is no plain one, unless the caller chooses. Only a variant
named behind its backbone is ever taken unasked, since the others are projected prompts, copies of other tasks' prompts
or whole other sets.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transferkit.errors import InputError, nearest
from transferkit.interop.arrays import read_array
from transferkit.interop.su2022.folders import PROMPTS, sha256, visible
from transferkit.interop.su2022.found import FoundPrompt, Skipped
from transferkit.interop.su2022.names import Name, parse
from transferkit.interop.su2022.tasks import live_rows

PROMPT_FILES = ("task_prompt", "latest.pt")
PROMPT_SUFFIXES = (".pt", ".pth", ".pkl", ".bin", ".npy", ".safetensors")
MAX_NESTED = 3


@dataclass(frozen=True)
class _Place:
    """A folder with a prompt in it; `choice` is its path below `task_prompt_emb`."""

    choice: str
    name: Name
    file: Path
    is_nested: bool

    @property
    def may_stand_in(self) -> bool:
        return self.name.is_plain_task and not self.is_nested


def read_prompts(root: Path, choices: Sequence[str], known: frozenset[str]) -> list[FoundPrompt | Skipped]:
    """Read at most one prompt per task and backbone, what the caller chose before others, and say what was not read."""
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
        name = parse(path.name, known)
        if not path.exists():
            yield Skipped(f"{PROMPTS}/{choice}", "a link to something that is not there")
        elif path.is_file():
            if not parse(path.parent.name, known):
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
    for path in visible(folder):
        yield path
        if path.is_dir() and depth > 1:
            yield from _iter_below(path, depth - 1)


def _prompt_file(folder: Path) -> Path | str:
    """Return the file that holds a folder's prompt, or why there is none."""
    usual = [folder / name for name in PROMPT_FILES if (folder / name).is_file()]
    if usual:
        return usual[0]
    others = [path for path in visible(folder) if path.is_file() and path.suffix in PROMPT_SUFFIXES]
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
    if not live.any():
        return Skipped(file, "its only row is one the backbone never reads")
    return FoundPrompt(name.backbone, name.task, name.variant, file, sha256(place.file), vectors, live)


def _iter_unread(root: Path, taken: Path) -> Iterator[Skipped]:
    for path in visible(taken.parent):
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
