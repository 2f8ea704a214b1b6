"""Shelf. What a name on the command line means: a built-in analysis, a study file, and the assets a study needs."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from transferkit import catalogue, study, tasks
from transferkit.complaints import refuse
from transferkit.errors import InputError, nearest
from transferkit.study import Study
from transferkit.tasks.base import CatalogueData, Task


def analyses_folder() -> Path:
    """Return the folder of the built-in analyses: inside the wheel, or beside the package in a clone."""
    inside = Path(__file__).with_name("analyses")
    return inside if inside.is_dir() else Path(__file__).resolve().parents[1] / "analyses"


def builtin() -> dict[str, Path]:
    """Return the built-in studies by name."""
    return {path.stem: path for path in sorted(analyses_folder().glob("*.toml"))}


def find_study(name: str, *, seeds: int | None = None, limit: int | None = None) -> Study:
    """Return the study of a built-in name or of a file.

    Args:
        name: "quickstart", "smoke", a path that ends in .toml, or one in .json: a study as a store keeps it.
        seeds: train this many seeds, 0, 1, …, instead of the study's own.
        limit: score at most this many examples per task, for a trial; it names the study too.

    Raises:
        InputError: there is no such study, or it is not right.
    """
    known = builtin()
    if not _is_study(name):
        if "/" in name or Path(name).exists():
            raise InputError(f"{name} is no study file", fix="name a .toml file, a store, or a checkout that is there")
        raise InputError(f"unknown study {name!r}", fix=nearest(name, list(known)) + "; or name a .toml file")
    asked = _kept(Path(name)) if name.endswith(".json") else study.from_toml(known.get(name, name))
    if seeds is not None:
        asked = dataclasses.replace(asked, seeds=tuple(range(seeds)))
    if limit is not None:
        asked = dataclasses.replace(asked, limit=limit, name=f"{asked.name}-limit{limit}")
    return asked


def assets(names: Iterable[str]) -> list[str]:
    """Return the catalogue entries that names stand for.

    Args:
        names: catalogue entries, tasks, "@groups", built-in studies or study files.

    Raises:
        InputError: a name stands for nothing.
    """
    found: dict[str, None] = {}
    for name in names:
        if name in catalogue.ENTRIES:
            found[name] = None
        elif name in tasks.TASKS or name.startswith("@"):
            found.update(dict.fromkeys(catalogue.needed((), _corpora(tasks.expand([name])))))
        elif _is_study(name):
            found.update(dict.fromkeys(assets_of(find_study(name))))
        else:
            known = [*catalogue.ENTRIES, *tasks.TASKS, *builtin()]
            raise InputError(f"nothing to fetch is called {name!r}", fix=nearest(name, known))
    return list(found)


def assets_of(asked: Study) -> list[str]:
    """Return the catalogue entries that hold a study's backbones and data."""
    return catalogue.needed((*asked.backbone_names, *asked.target_names), _corpora(asked.resolved_tasks))


def _corpora(wanted: Iterable[Task]) -> list[str]:
    return [task.source.corpus for task in wanted if isinstance(task.source, CatalogueData)]


def _is_study(name: str) -> bool:
    return name in builtin() or name.endswith((".toml", ".json"))


def _kept(path: Path) -> Study:
    if not path.is_file():
        raise InputError(f"no study file {path}", fix="name one of the studies/ folder of a store")
    try:
        return study.from_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise refuse(error, Study) from error
