"""Where fetched entries lie and whether they are there; never touches the network."""

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
        raise InputError(f"{name} ({requirement}) has not been fetched", fix=f"transferkit fetch {name}")
    return cache_dir(cache) / name


def missing(names: Iterable[str], cache: str | Path | None = None) -> list[str]:
    """Return those of `names` and of the entries they need that have not been fetched, needed ones first."""
    wanted: dict[str, None] = {}
    for name in names:
        wanted.update(dict.fromkeys([*find(name).needs, name]))
    return [name for name in wanted if not is_ready(name, cache)]


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
