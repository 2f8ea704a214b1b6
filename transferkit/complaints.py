"""Shelf. What validation complains of, said as a field, its value and a fix."""

import dataclasses
import difflib
import typing
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from transferkit.errors import InputError

UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def refuse(error: ValidationError, root: type, *, at: Sequence[str] = ()) -> InputError:
    """Return the error for a reader; an unknown field comes before what else is wrong, for it is often the cause.

    Args:
        error: what pydantic found.
        root: the dataclass that was being made.
        at: where it stands in the study, for the path of the field.
    """
    complaints = error.errors(include_url=False)
    first = next((c for c in complaints if c["type"] in UNKNOWN), complaints[0])
    where = [str(part) for part in first["loc"]]
    if not at and (misplaced := _misplaced(root, where)):
        table, name = misplaced
        return InputError(
            f"unknown field {f'{table}.{name}'!r}",
            fix=f"{name!r} is a field of the study, not of [{table}]: write it above the first [table] of the file",
        )
    owner, shown = _walk(root, where[:-1])
    path = ".".join((*at, *shown, *where[-1:])) or root.__name__
    if first["type"] in UNKNOWN:
        known = [field.name for field in dataclasses.fields(owner)]
        return InputError(f"unknown field {path!r}", fix=suggest(where[-1], known))
    if first["type"] == "missing":
        return InputError(f"field {path!r} is missing", fix=f"add {where[-1]} = …")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "too_short":
        message = _too_few(where[-1], first.get("ctx", {})["min_length"])
    return InputError(f"field {path!r}: {message}; got {first['input']!r}", fix=f"correct {path!r} in the study")


def suggest(name: str, known: Sequence[str]) -> str:
    """Return the nearest known name as a question, or all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(sorted(known))


def _misplaced(root: type, where: Sequence[str]) -> tuple[str, str] | None:
    """Return the table and the name of a field of the root that was written below that table's header.

    The second part of a longer path is a name the user chose, as in [task.NAME], and may be called as a field is.
    """
    fields = {field.name for field in dataclasses.fields(root)}
    for i in range(1 if len(where) == 2 else 2, len(where)):
        owner, shown = _walk(root, where[:i])
        if where[i] in fields and owner is not root and where[i] not in typing.get_type_hints(owner):
            return ".".join(shown), where[i]
    return None


def _too_few(name: str, least: int) -> str:
    what = name if least > 1 else name.removesuffix("s")
    return f"at least {least} {what} {'are' if least > 1 else 'is'} needed"


def _walk(root: type, path: Sequence[str]) -> tuple[type, list[str]]:
    """Return the dataclass a path of fields, keys and union tags leads to, and the path without the tags."""
    owner, candidates = root, [root]
    shown = []
    for part in path:
        hints = typing.get_type_hints(owner)
        if part in hints:
            candidates = list(_dataclasses_in(hints[part])) or [owner]
            owner = candidates[0]
        elif tagged := [c for c in candidates if part in (c.__name__, getattr(c, "kind", None))]:
            owner = tagged[0]
            continue
        shown.append(part)
    return owner, shown


def _dataclasses_in(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from _dataclasses_in(part)
