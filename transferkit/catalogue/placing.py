"""How a folder enters the cache: built aside, sealed with a manifest, renamed into place; whole or not at all.

`manifest.json` is written last and lists every other file with size and sha256. One lock per name keeps two processes
from building the same folder; while it is held, whatever lies in the name's working folder was left by a killed run.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from transferkit.errors import StoreError

MANIFEST = "manifest.json"
PARTIAL = "partial"


def place(target: Path, *, revision: str, working: Path, build: Callable[[Path], Path]) -> None:
    """Build `target`, unless it is already there at this revision.

    Args:
        target: final folder.
        revision: digest of what the content follows from.
        working: folder for unfinished work, on the same disk as `target`.
        build: fills the given empty folder and returns the subfolder that becomes `target`.

    Raises:
        StoreError: the disk is full or cannot be written.
    """
    from filelock import FileLock

    try:
        working.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{working}.lock"):
            if is_placed(target, revision):
                return
            shutil.rmtree(working, ignore_errors=True)
            working.mkdir()
            try:
                built = build(working)
                _seal(built, revision)
                if target.exists():  # of another revision, or without a manifest
                    target.rename(working / "outdated")
                target.parent.mkdir(parents=True, exist_ok=True)
                built.rename(target)
            finally:
                shutil.rmtree(working, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"{target.name} cannot be written to {target.parent}: {error.strerror or error}",
            fix="free some disk space, or name another folder with --cache, and try again",
        ) from error


def is_placed(target: Path, revision: str) -> bool:
    """Tell whether `target` is complete and of this revision (by its manifest; nothing is re-hashed)."""
    manifest = _read_manifest(target)
    return manifest is not None and manifest.get("revision") == revision


def altered_files(target: Path) -> list[str]:
    """Return the files of a placed folder that are gone or no longer have their recorded bytes."""
    manifest = _read_manifest(target)
    if manifest is None:
        return [MANIFEST]
    files: dict[str, dict[str, str]] = manifest["files"]
    return [name for name, record in files.items() if not _is_intact(target / name, record["sha256"])]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _seal(folder: Path, revision: str) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "size": path.stat().st_size} for path in paths
    }
    text = json.dumps({"revision": revision, "files": files}, indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _read_manifest(target: Path) -> dict | None:
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return manifest if isinstance(manifest, dict) and "files" in manifest else None
