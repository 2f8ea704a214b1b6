"""Beside both halves. Where does a checkout lie, and which files are in its folders?"""

import hashlib
from pathlib import Path

PROMPTS, RESULTS = "task_prompt_emb", "result"


def is_checkout(path: Path) -> bool:
    """Return whether a folder, or one directly in it, holds both `task_prompt_emb` and `result`."""
    return bool(find_roots(path))


def find_roots(path: Path) -> list[Path]:
    """Return the checkouts a path names: the folder itself, or those directly in it."""

    def is_root(folder: Path) -> bool:
        return (folder / PROMPTS).is_dir() and (folder / RESULTS).is_dir()

    if is_root(path) or not path.is_dir():
        return [path] if is_root(path) else []
    return [folder for folder in sorted(path.iterdir()) if is_root(folder)]


def visible(folder: Path) -> list[Path]:
    """Return what is in a folder by name, without hidden files."""
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
