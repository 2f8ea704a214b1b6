"""Shelf. The tasks a study names: by name, by group, as values, and the user's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from transferkit import tasks
from transferkit.errors import InputError
from transferkit.own_task import OwnTask
from transferkit.tasks.base import Task


def gathered(named: Sequence[str | Task], own: Mapping[str, OwnTask], folder: Path) -> tuple[Task, ...]:
    """Return the tasks a study names, each once, in the order of first mention, own ones last.

    Args:
        named: task names, "@group" names, or values.
        own: the user's own tasks by name.
        folder: where their files lie.

    Raises:
        InputError: an unknown task, two tasks of one name, or no task at all.
    """
    listed = [t for item in named for t in (tasks.expand([item]) if isinstance(item, str) else (item,))]
    found: dict[str, Task] = {}
    for task in listed:
        if found.setdefault(task.name, task) != task:
            raise InputError(f"two tasks are called {task.name!r}", fix="rename one of them")
    for name, mine in own.items():
        if name in found:
            raise InputError(f"[task.{name}] hides the task {name!r} of tasks = …", fix="give your own another name")
        found[name] = mine.task(name, folder)
    if not found:
        raise InputError("the study names no task", fix='add tasks = ["rotten_tomatoes", …] or a [task.NAME] table')
    return tuple(found.values())
