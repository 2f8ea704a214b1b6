"""Shelf. Small files of an artifact: JSON and CSV, readable without us."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Cell = float | int | str | None


def write_json(path: Path, record: object) -> None:
    """Write a record: sorted, no NaN."""
    path.write_text(json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def write_table(path: Path, rows: Sequence[Mapping[str, Cell]]) -> None:
    """Write records of one form; nothing stands for an absent number."""
    names = list(rows[0]) if rows else []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> list[dict[str, Cell]]:
    """Read what `write_table` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: _number(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def _number(cell: str) -> Cell:
    if cell == "":
        return None
    for parse in (int, float):
        try:
            return parse(cell)
        except ValueError:
            continue
    return cell
