"""Shelf. Where things are kept: a directory in which every artifact is named by the hash of its spec.

An artifact is whole or absent: it is written under `scratch/`, flushed, and renamed to its final name. There are no
locks; of several writers of one key the first wins and the others discard an equal copy.
"""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from transferkit import artifacts
from transferkit.artifacts import Artifact
from transferkit.errors import InputError, StoreError
from transferkit.manifests import check, manifest_of
from transferkit.places import FOLDERS, place
from transferkit.specs import Spec, from_json, key, to_json

FORMAT = 1
Overwrite = Literal["only-missing", "always"]


class Store:
    """A content-addressed directory of artifacts.

    Args:
        root: the directory; made on first use.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    # --- names ---------------------------------------------------------------------------------------------------
    def path(self, spec: Spec) -> Path:
        """Return the folder of a spec's artifact, there or not."""
        return self.root / place(spec)

    def scratch(self, name: str) -> Path:
        """Return a folder for unfinished work, safe to delete, made if absent."""
        folder = self.root / "scratch" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_scratch(self, name: str) -> None:
        """Remove finished work's scratch folder."""
        shutil.rmtree(self.root / "scratch" / name, ignore_errors=True)

    # --- put and get ---------------------------------------------------------------------------------------------
    def has(self, spec: Spec) -> bool:
        """Tell whether the artifact is there."""
        return (self.path(spec) / "manifest.json").is_file()

    def put(
        self,
        spec: Spec,
        artifact: Artifact,
        *,
        meta: Mapping[str, object] | None = None,
        overwrite: Overwrite = "only-missing",
    ) -> Path:
        """Keep an artifact, whole or not at all.

        Raises:
            StoreError: the disk is full or the directory cannot be written; nothing is left behind.
        """
        if not isinstance(artifact, artifacts.kind_of(spec)):
            raise TypeError(f"a {spec.kind} spec keeps no {type(artifact).__name__}")
        final = self.path(spec)
        try:
            self._mark()
            with self.temporary() as folder:
                artifact.write(folder)
                (folder / "spec.json").write_text(to_json(spec), encoding="utf-8")
                (folder / "meta.json").write_text(json.dumps(dict(meta or {}), indent=1, sort_keys=True) + "\n")
                (folder / "manifest.json").write_text(json.dumps(manifest_of(folder), indent=1, sort_keys=True) + "\n")
                _flush(folder)
                final.parent.mkdir(parents=True, exist_ok=True)
                _rename(folder, final, replace=overwrite == "always")
        except OSError as error:
            raise StoreError(
                f"{final}: cannot be written ({error})", fix="free disk space or choose another --store"
            ) from error
        return final

    def get(self, spec: Spec) -> Artifact:
        """Return the artifact of a spec after checking its files against their hashes.

        Raises:
            StoreError: it is not there, or a file was altered.
        """
        folder = self.path(spec)
        if not self.has(spec):
            raise StoreError(f"{folder}: not in the store", fix="fill the study first: transferkit train, then measure")
        if problems := check(folder):
            raise StoreError(
                f"{folder}: {'; '.join(problems)}", fix=f"remove the folder and run the same command again: {folder}"
            )
        return artifacts.read(spec, folder)

    def meta(self, spec: Spec) -> dict[str, object]:
        """Return what is known of when, where and by which versions an artifact was made; nothing if it is lost."""
        try:
            found = json.loads((self.path(spec) / "meta.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    # --- the whole directory -------------------------------------------------------------------------------------
    def specs(self, kind: str | None = None) -> Iterator[Spec]:
        """Yield the spec of every artifact, in the order of their paths.

        Raises:
            StoreError: a spec file cannot be read.
        """
        for name in dict.fromkeys(FOLDERS.values()) if kind is None else [FOLDERS[kind]]:
            for manifest in sorted((self.root / name).rglob("manifest.json")):
                path = manifest.with_name("spec.json")
                try:
                    yield from_json(path.read_text(encoding="utf-8"))
                except (OSError, ValidationError) as error:
                    raise StoreError(
                        f"{path}: cannot be read ({str(error).splitlines()[0]})",
                        fix=f"remove the folder and run the same command again: {path.parent}",
                    ) from error

    def find(self, prefix: str) -> Spec:
        """Return the spec whose key begins so.

        Raises:
            InputError: no key or more than one begins so.
        """
        found = {key(spec): spec for spec in self.specs() if key(spec).startswith(prefix)}
        if len(found) == 1:
            return found.popitem()[1]
        what = "no artifact" if not found else f"{len(found)} artifacts"
        raise InputError(f"{what} in {self.root} with a key beginning {prefix!r}", fix="list them: transferkit ls")

    def verify(self) -> dict[Path, list[str]]:
        """Re-hash every file; return the problems by folder, nothing for a sound one."""
        problems: dict[Path, list[str]] = {}
        for name in dict.fromkeys(FOLDERS.values()):
            for manifest in sorted((self.root / name).rglob("manifest.json")):
                if found := check(manifest.parent):
                    problems[manifest.parent] = found
        return problems

    def write_index(self) -> Path:
        """Write `index.csv`, a convenience for readers: one line per artifact."""
        path = self.root / "index.csv"
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("key", "kind", "path"))
        writer.writerows((key(s), s.kind, self.path(s).relative_to(self.root).as_posix()) for s in self.specs())
        self.write_file(path, table.getvalue())
        return path

    def write_file(self, path: Path, text: str) -> None:
        """Replace one text file at once.

        Raises:
            StoreError: the disk is full or the directory cannot be written.
        """
        try:
            self._mark()
            with self.temporary() as folder:
                new = folder / path.name
                new.write_text(text, encoding="utf-8")
                _flush(folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                new.replace(path)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written ({error})", fix="free disk space or choose another --store"
            ) from error

    def fail(self, spec: Spec, problem: str) -> None:
        """Leave a note of why an artifact could not be made."""
        record = {"key": key(spec), "kind": spec.kind, "path": self.path(spec).name, "problem": problem}
        self.write_file(self.root / "failures" / f"{key(spec)}.json", json.dumps(record, indent=1) + "\n")

    def failure(self, spec: Spec) -> str | None:
        """Return why an artifact could not be made the last time; None when it was not tried or is there."""
        try:
            return str(json.loads((self.root / "failures" / f"{key(spec)}.json").read_text())["problem"])
        except (OSError, ValueError, KeyError):
            return None

    def forgive(self, spec: Spec) -> None:
        """Remove the note of a failure, after a success."""
        (self.root / "failures" / f"{key(spec)}.json").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove temporary folders of processes of this host that are gone."""
        ours = re.compile(rf"put-{re.escape(_host())}-(\d+)-.*")
        for folder in (self.root / "scratch").glob("put-*"):
            owner = ours.fullmatch(folder.name)
            if owner is not None and not _is_alive(int(owner[1])):
                shutil.rmtree(folder, ignore_errors=True)

    # --- helpers -------------------------------------------------------------------------------------------------
    def _mark(self) -> None:
        """Say once what this directory is; refuse one of another format."""
        path = self.root / "store.toml"
        if not path.is_file() or not path.read_text().strip():
            with self.temporary() as folder:
                (folder / path.name).write_text(f"format = {FORMAT}\n")
                (folder / path.name).replace(path)
        elif path.read_text().strip() != f"format = {FORMAT}":
            raise StoreError(f"{path}: another format than {FORMAT}", fix="choose another --store")

    @contextlib.contextmanager
    def temporary(self) -> Iterator[Path]:
        """Yield a folder under `scratch/` that is gone when the block ends, or when this process is gone."""
        folder = self.scratch(f"put-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(folder.with_name(folder.name + "-old"), ignore_errors=True)


def _rename(folder: Path, final: Path, *, replace: bool) -> None:
    """Give a finished folder its final name; one already there wins, or goes aside until the new one stands."""
    aside = folder.with_name(folder.name + "-old")
    if replace and final.exists():
        final.rename(aside)
    try:
        folder.rename(final)
    except OSError:
        if aside.exists():
            aside.rename(final)
        if not (final / "manifest.json").is_file():  # not another writer, then: a real failure
            raise
        if replace:
            raise
    _flush_directory(final.parent)


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _flush_directory(folder)


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]+", ".", socket.gethostname())
