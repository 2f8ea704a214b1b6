"""Shelf. Are an artifact's files what they were when it was kept? Size and SHA-256 of each, but of time and place."""

import hashlib
import json
from pathlib import Path

UNHASHED = frozenset({"meta.json", "manifest.json"})


def check(folder: Path) -> list[str]:
    """Return what is wrong with an artifact's files against its manifest."""
    try:
        recorded = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        return [f"manifest.json cannot be read ({error})"]
    if not isinstance(recorded, dict):
        return ["manifest.json holds no list of files"]
    present = manifest_of(folder)
    return [
        *(f"{name} is missing" for name in sorted({*recorded, "spec.json"} - present.keys())),
        *(f"{name} is not in the manifest" for name in sorted(present.keys() - recorded.keys())),
        *(
            f"{name} was altered"
            for name in sorted(recorded.keys() & present.keys())
            if recorded[name] != present[name]
        ),
    ]


def manifest_of(folder: Path) -> dict[str, dict[str, object]]:
    """Return size and SHA-256 of every file that may not change."""
    return {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name not in UNHASHED
    }
