"""Raw timings on disk: each turn is kept as soon as it is measured, so that a killed run goes on where it stopped."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from benchmarks.harness.clock import Turn
from transferkit import provenance

ROOT = Path(__file__).resolve().parents[2]
FACTS = ("made", "processor", "cores", "versions", "git")


@cache
def sources() -> str:
    """Return a digest of the code that is measured and of the code that measures.

    It takes the place of a commit: rows are written into the tree, and a commit of results changes nothing measured.
    """
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("transferkit/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def machine() -> dict[str, object]:
    """Return when, on what and with which versions a row is made."""
    known = provenance.facts()
    return {name: known[name] for name in FACTS}


class Lines:
    """A file of JSON lines that is only ever added to; with no path, a list in memory."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rows: list[dict] = []
        if path is not None and path.exists():
            self.rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]

    def add(self, row: Mapping[str, object]) -> None:
        """Keep a row at once."""
        self.rows.append(dict(row))
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n")

    def find(self, **known: object) -> dict | None:
        """Return the last row that holds these values."""
        matching = (row for row in reversed(self.rows) if all(row.get(name) == value for name, value in known.items()))
        return next(matching, None)


class Ledger:
    """The turns of one benchmark under one set of conditions.

    Args:
        lines: where they are kept.
        conditions: what must be equal for a turn to count again: code, machine, threads, device.
    """

    def __init__(self, lines: Lines, conditions: Mapping[str, object]) -> None:
        self.lines, self.conditions = lines, dict(conditions)

    def get(self, shape: str, variant: str, number: int) -> Turn | None:
        """Return a turn measured before."""
        row = self.lines.find(shape=shape, variant=variant, round=number, **self.conditions)
        return None if row is None else Turn(row["units"], row["cpu_s"], row["wall_s"], row["more"])

    def put(self, shape: str, variant: str, number: int, turn: Turn) -> None:
        """Keep a turn."""
        measured = {"units": turn.units, "cpu_s": turn.cpu_s, "wall_s": turn.wall_s, "more": dict(turn.more)}
        self.lines.add({"shape": shape, "variant": variant, "round": number, **measured, **self.conditions})
