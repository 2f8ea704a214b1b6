"""Shelf. The backbones a study names: what their names mean, and whether its tasks can be put to them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from transferkit.errors import InputError
from transferkit.sources import Model
from transferkit.tasks.base import WRITING, ReadoutKind, Task


def places(names: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return names to load backbones by; a folder is looked for beside the study file first."""
    beside = (folder / name for name in names)
    return tuple(
        str(path) if (path / "config.json").is_file() else name for path, name in zip(beside, names, strict=True)
    )


def check_models(models: Sequence[Model], tasks: Sequence[Task], kind_of: Callable[[Model], ReadoutKind]) -> None:
    """Make sure backbones can be told apart and asked a study's tasks.

    Raises:
        InputError: two are called alike, a readout is of another kind of backbone, or cannot show a task or write its
            answers.
    """
    names = [model.spec.name for model in models]
    if len(set(names)) < len(names):
        raise InputError(
            f"two backbones are called alike ({', '.join(names)})",
            fix="rename a folder, or study revisions of one model in studies of their own",
        )
    for model in models:
        kind, name = kind_of(model), model.spec.name
        if kind != model.readout and {kind, model.readout} & set(WRITING):
            raise InputError(
                f"readout = {kind!r}, but {name!r} is a backbone for {model.readout!r}",
                fix='drop readout = …: "auto" follows each model\'s own files',
            )
        for task in tasks:
            try:
                task.shown(kind)
            except InputError as error:
                raise InputError(f"backbone {name!r}: {error.problem}", fix=error.fix) from error
