"""Explaining. From a folder to results: a store that was filled, or a checkout other people published."""

from __future__ import annotations

from pathlib import Path

from transferkit import collection, interop, study
from transferkit.collection import Collection
from transferkit.errors import InputError, nearest
from transferkit.interop import su2022
from transferkit.results import Results
from transferkit.store import Store
from transferkit.study import Study


def open_results(where: str | Path, name: str | None = None, *, store: str | Path = "runs") -> Results:
    """Return the results a folder holds.

    Args:
        where: a store, or a checkout of Su et al.'s repository.
        name: which study or collection of a store; the only one by default.
        store: where a checkout's artifacts are kept.

    Raises:
        InputError: neither store nor checkout, nothing of this name, or several and none was named.
    """
    where = Path(where)
    if su2022.is_checkout(where):
        kept = Store(store)
        return Results(interop.import_checkout(where, kept), kept)
    if not (where / "store.toml").is_file():
        raise InputError(f"{where} is neither a store nor a checkout", fix="fill a store first: transferkit quickstart")
    kept = Store(where)
    known = kept_questions(kept)
    if not known:
        raise InputError(f"{where} holds neither a filled study nor a collection", fix="transferkit train STUDY")
    if name is None and len(known) == 1:
        return Results(next(iter(known.values())), kept)
    if name not in known:
        said = f"{where} holds nothing called {name!r}" if name else f"{where} holds {len(known)} studies"
        fix = (
            nearest(name, list(known))
            if name
            else f"name one: open_results({str(where)!r}, NAME), of {', '.join(known)}"
        )
        raise InputError(said, fix=fix)
    return Results(known[name], kept)


def kept_questions(store: Store) -> dict[str, Study | Collection]:
    """Return the studies a store was filled with and the collections imported into it, by name."""
    found: dict[str, Study | Collection] = {}
    for path in sorted((store.root / "collections").glob("*.json")):
        found[path.stem] = collection.from_json(path.read_text(encoding="utf-8"))
    for path in sorted((store.root / "studies").glob("*.json")):
        found[path.stem] = study.from_json(path.read_text(encoding="utf-8"))
    return found
