"""Shelf. What stored prompts come from: which tasks went into them, and words that tell those of one task apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from transferkit.specs import (
    ConstantMap,
    Growth,
    ImportedPromptSpec,
    MixtureSpec,
    Placement,
    ProjectedInitial,
    ProjectedSpec,
    ProjectorSpec,
    PromptInitial,
    PromptSpec,
    Recipe,
    Spec,
    key,
)

AnyStored = PromptSpec | MixtureSpec | ProjectedSpec | ImportedPromptSpec
Trained = PromptSpec | MixtureSpec
KINDS = ("prompt", "projector")  # what a store must be asked for
SHOWN_DIGITS = 8  # of a key among words


@dataclass(frozen=True)
class Origins:
    """What went into a prompt.

    Attributes:
        tasks: whose labels it was made with, at whatever remove.
        is_whole: whether all that it was made of is stored; otherwise there may be more tasks.
    """

    tasks: frozenset[str]
    is_whole: bool = True


class Lineage:
    """Stored prompts and projectors, and what they were made of.

    Args:
        specs: those of a store, of the kinds `KINDS`; others are passed over.
    """

    def __init__(self, specs: Iterable[Spec]) -> None:
        self._found: Mapping[str, AnyStored | ProjectorSpec] = {
            key(spec): spec for spec in specs if isinstance(spec, AnyStored | ProjectorSpec)
        }

    def origins(self, spec: AnyStored) -> Origins:
        """Return which tasks went into a prompt: its own, its first rows', and those its projector was fitted on."""
        names, is_whole, known = set[str](), True, {key(spec)}
        left: list[AnyStored | ProjectorSpec] = [spec]
        while left:
            one = left.pop()
            names.update(self._tasks(one))
            for parent in set(self._parents(one)) - known:
                known.add(parent)
                if (found := self._found.get(parent)) is None:
                    is_whole = False
                else:
                    left.append(found)
        return Origins(frozenset(names), is_whole)

    def words(self, specs: Sequence[AnyStored]) -> dict[str, str]:
        """Return by key what tells prompts from others of their backbone, task and seed; "" where nothing need."""
        alike: dict[tuple[object, ...], list[Trained]] = {}
        made_by: dict[tuple[object, ...], set[str]] = {}
        for spec in specs:
            if isinstance(spec, Trained):
                alike.setdefault((spec.backbone, _names(spec), spec.seed), []).append(spec)
            elif isinstance(spec, ProjectedSpec):
                made_by.setdefault(_path(spec), set()).add(spec.projector)
        found: dict[str, str] = {}
        for spec in specs:
            if isinstance(spec, ImportedPromptSpec):
                found[key(spec)] = f"imported from {spec.origin.file}"
            elif isinstance(spec, ProjectedSpec):
                which = f" ({spec.projector[:SHOWN_DIGITS]})" if len(made_by[_path(spec)]) > 1 else ""
                words = [f"{spec.method} from {spec.prompt.backbone}{which}", *_place(spec.placement)]
                found[key(spec)] = ", ".join(words)
            else:
                rivals = alike[spec.backbone, _names(spec), spec.seed]
                found[key(spec)] = ", ".join([*self._made(spec), *_differing(spec, rivals)])
        return found

    def _tasks(self, spec: AnyStored | ProjectorSpec) -> set[str]:
        if isinstance(spec, ProjectorSpec):
            return {lesson.task.name for lesson in spec.lessons}
        if isinstance(spec, ProjectedSpec):
            return set() if self._is_constant(spec) else {spec.prompt.task}
        return set(_names(spec))

    def _parents(self, spec: AnyStored | ProjectorSpec) -> list[str]:
        if isinstance(spec, ImportedPromptSpec):
            return []
        if isinstance(spec, ProjectedSpec):
            return [spec.projector, *([] if self._is_constant(spec) else [spec.prompt.key])]
        found = [] if spec.recipe is None else _begun(spec.recipe)
        if isinstance(spec, ProjectorSpec):
            found += [lesson.target for lesson in spec.lessons if lesson.target is not None]
            found += [] if isinstance(spec.method, ConstantMap) else [lesson.source for lesson in spec.lessons]
        return found

    def _is_constant(self, spec: ProjectedSpec) -> bool:
        """Tell whether a prompt would be the same of any other: then nothing of the one it names is in it."""
        projector = self._found.get(spec.projector)
        return isinstance(projector, ProjectorSpec) and isinstance(projector.method, ConstantMap)

    def _made(self, spec: Trained) -> list[str]:
        """Return from which prompt a prompt was trained on, where it enters, and by what its rows are made."""
        words = []
        for parent in _begun(spec.recipe):
            first = self._found.get(parent)
            name = "a prompt that is gone"
            if isinstance(first, ProjectedSpec):
                name = first.prompt.task
            elif isinstance(first, AnyStored):
                name = "+".join(_names(first))
            how = f", {first.method} from {first.prompt.backbone}" if isinstance(first, ProjectedSpec) else ""
            words.append(f"from {name} ({parent[:SHOWN_DIGITS]}{how})")
        generator, growth = spec.recipe.generator, spec.recipe.growth
        words += [*_place(spec.recipe.placement), *([] if generator is None else [_plain(generator.kind)])]
        return [*words, *([] if growth is None else [_growing(growth)])]


def _begun(recipe: Recipe) -> list[str]:
    return [recipe.initial.key] if isinstance(recipe.initial, (PromptInitial, ProjectedInitial)) else []


def _names(spec: Trained | ImportedPromptSpec) -> tuple[str, ...]:
    return tuple(task.name for task in spec.tasks) if isinstance(spec, MixtureSpec) else (spec.task.name,)


def _path(spec: ProjectedSpec) -> tuple[object, ...]:
    return spec.backbone, spec.method, spec.prompt.key, spec.placement


def _place(placement: Placement) -> list[str]:
    return [] if placement == Placement() else [f"block {placement.insert_after}"]


def _growing(growth: Growth) -> str:
    return f"growing in {growth.name}"


def _differing(spec: Trained, rivals: Sequence[Trained]) -> list[str]:
    """Return in words what not all prompts of one backbone, task and seed share, beside what is always said."""
    others = [_facts(one) for one in rivals]
    return [
        _said(name, value)
        for name, value in _facts(spec).items()
        if any(one[name] != value for one in others if name in one)
    ]


def _facts(spec: Trained) -> dict[str, object]:
    """Return what may differ between prompts of one task: what is said anyway is left out."""
    recipe = {field.name: getattr(spec.recipe, field.name) for field in fields(spec.recipe)}
    task = {} if isinstance(spec, MixtureSpec) else {f.name: getattr(spec.task, f.name) for f in fields(spec.task)}
    begins = "" if _begun(spec.recipe) else recipe.pop("initial").kind
    left_out = {"initial", "placement", "generator", "growth", "name"}
    found = {name: value for name, value in {**recipe, **task}.items() if name not in left_out}
    found |= {"readout": spec.readout.kind} | ({"initial": begins} if begins else {})
    placement, generator, growth = spec.recipe.placement, spec.recipe.generator, spec.recipe.growth
    details: dict[str, object] = {f"block {placement.insert_after}": placement}
    details |= {} if generator is None else {generator.kind: generator}
    details |= {} if growth is None else {_growing(growth): growth}
    for of, value in details.items():  # the block, the kind and the name of a schedule are said anyway
        parts = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
        found |= {f"{of} {name}": part for name, part in parts.items() if name not in {"insert_after", "kind"}}
    return found


def _said(name: str, value: object) -> str:
    if name == "steps":
        return f"{value} steps"
    if value is None or isinstance(value, (str, int, float)):
        return f"{_plain(name)} {value}"
    return f"other {_plain(name)}"


def _plain(name: str) -> str:
    return name.replace("_", " ")
