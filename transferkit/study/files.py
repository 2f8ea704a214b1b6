"""Shelf. Studies as files: TOML as people write it, JSON as a store keeps it."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from transferkit.complaints import refuse
from transferkit.errors import InputError
from transferkit.study.question import Study

_STUDY: TypeAdapter[Study] = TypeAdapter(Study)


def from_toml(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        InputError: no such file, not TOML, or a field that is unknown or has a bad value; the message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no study file {path}", fix="name a .toml file or one of the built-in analyses")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML ({error})", fix="correct the line it names") from error
    table.setdefault("name", re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem).lstrip("_.-") or "study")
    return from_table(table, folder=path.parent)


def from_table(table: Mapping[str, Any], *, folder: Path | None = None) -> Study:
    """Read a study from plain values, as a file holds them.

    Raises:
        InputError: a field is unknown or has a bad value; the message names it.
    """
    if "folder" in table:
        raise InputError("unknown field 'folder'", fix="paths are relative to the study file")
    table = {**table, "folder": str((folder or Path()).resolve())}
    try:
        asked = _STUDY.validate_json(json.dumps(table))
    except TypeError as error:
        dates = [name for name, value in table.items() if isinstance(value, (date, time))]
        where = f"field {dates[0]!r}" if dates else "a field"
        raise InputError(f"{where} is a date or a time", fix="write it in quotes") from error
    except ValidationError as error:
        raise refuse(error, Study) from error
    asked.resolved_tasks  # noqa: B018  (own tasks are checked now, with the file at hand)
    return asked


def to_json(study: Study) -> str:
    """Return a study as readable JSON, its tasks written out as values."""
    whole = dataclasses.replace(
        study,
        backbones=study.backbone_names,
        tasks=study.resolved_tasks,
        task={},
        projections=[
            dataclasses.replace(asked, target=name)
            for asked, name in zip(study.projections, study.target_names, strict=True)
        ],
        folder=".",
    )
    return json.dumps(_STUDY.dump_python(whole, mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> Study:
    """Read what `to_json` wrote."""
    return _STUDY.validate_json(text)
