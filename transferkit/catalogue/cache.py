"""Where fetched entries lie and whether they are there; never touches the network."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from transferkit.catalogue.entries import ENTRIES, Entry
from transferkit.catalogue.placing import altered_files, is_placed
from transferkit.errors import InputError, StoreError, nearest


def cache_dir(override: str | Path | None = None) -> Path:
    """Return the folder of fetched entries: `override`, or the user's cache folder of the operating system."""
    if override is not None:
        return Path(override).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("transferkit")


def find(name: str) -> Entry:
    """Return the entry of this name.

    Raises:
        InputError: the catalogue has none.
    """
    if name not in ENTRIES:
        raise InputError(f"the catalogue has no entry {name!r}", fix=nearest(name, list(ENTRIES)))
    return ENTRIES[name]


def is_ready(name: str, cache: str | Path | None = None) -> bool:
    """Tell whether the entry has been fetched completely, at the revision the catalogue pins."""
    entry = find(name)
    return is_placed(cache_dir(cache) / name, entry.revision)


def folder(name: str, cache: str | Path | None = None) -> Path:
    """Return the folder of a fetched entry; for a backbone, the one transformers loads.

    Raises:
        InputError: it is not in the catalogue, or has not been fetched.
    """
    if not is_ready(name, cache):
        requirement = find(name).distributions[0].requirement
        raise InputError(f"{name} ({requirement}) has not been fetched", fix=fetch_command([name], cache))
    return cache_dir(cache) / name


def missing(names: Iterable[str], cache: str | Path | None = None) -> list[str]:
    """Return those of `names` and of the entries these need that have not been fetched, needed ones first."""
    wanted: dict[str, None] = {}
    for name in names:
        if not is_ready(name, cache):
            wanted.update(dict.fromkeys([*find(name).needs, name]))
    return [name for name in wanted if not is_ready(name, cache)]


def require(names: Iterable[str], cache: str | Path | None = None, *, asked: str | None = None) -> None:
    """Make sure that entries have been fetched.

    Args:
        names: entries of the catalogue.
        cache: folder of fetched entries instead of the user's cache.
        asked: what `transferkit fetch` knows all of them by, a study say; the missing ones' own names by default.

    Raises:
        InputError: some have not; the message names all of them and the one command that fetches them.
    """
    if lacking := missing(names, cache):
        reasons = why_needed(lacking)
        raise InputError(
            f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} not been fetched"
            + (f" ({'; '.join(reasons)})" if reasons else ""),
            fix=fetch_command([asked] if asked else lacking, cache),
        )


def why_needed(names: Iterable[str]) -> list[str]:
    """Return a sentence for each entry that cannot be made without another."""
    return [f"{name} takes {what} from {other}" for name in names for other, what in find(name).needs.items()]


def unaccepted(names: Iterable[str], accept: Iterable[str] = ()) -> list[str]:
    """Return those of `names` that come under terms of use which `accept` does not name.

    Raises:
        InputError: `accept` names what the catalogue does not have.
    """
    accepted = {find(name).name for name in accept}
    return [name for name in names if find(name).terms and name not in accepted]


def fetch_command(names: Iterable[str], cache: str | Path | None = None) -> str:
    """Return the command line that fetches what names stand for into the same cache."""
    return shlex.join(["transferkit", "fetch", *names, *(() if cache is None else ("--cache", str(cache)))])


def verify(name: str, cache: str | Path | None = None) -> None:
    """Re-hash every file of a fetched entry.

    Raises:
        InputError: it has not been fetched.
        StoreError: a file is gone or altered.
    """
    path = folder(name, cache)
    if altered := altered_files(path):
        raise StoreError(
            f"{name}: {', '.join(altered)} in {path} changed since it was fetched",
            fix=f"delete {path}, then: transferkit fetch {name}",
        )
