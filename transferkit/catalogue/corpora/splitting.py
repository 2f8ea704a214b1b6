"""How raw rows become a train part and a report part; the same rules for every corpus, the same result on every run.

White space is collapsed. Rows whose letters and digits (lower case, first 400) repeat are dropped. An official split is
kept, minus training rows that also stand in the report part. Otherwise rows are shuffled with seed 0 and the smaller of
20 % and 2000 are set apart: label by label, or passage by passage where rows share one, so that no passage stands on
both sides. Of two corpora made from the same passages, one may take over what the other sets apart.
"""

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]  # texts by column; ``answers`` holds a list of them

RULES = 1  # part of the revision of every built corpus: raise it when a rule changes
REPORT_SHARE = 0.2
REPORT_LIMIT = 2000
KEY_LENGTH = 400
PASSAGE = "passage"
ANSWERS = "answers"
NOT_TEXT = ("label", PASSAGE, ANSWERS)


@dataclass(frozen=True)
class Corpus:
    """A set of rows: ``text`` or ``sentence1`` and ``sentence2`` with ``label``, or ``question`` with ``answers``."""

    train: list[Row]
    report: list[Row]


@dataclass(frozen=True)
class Raw:
    """Rows as read from an archive; a column ``passage`` names the passage a row belongs to.

    Attributes:
        rows: all rows, or the official training part.
        report: the official report part, where there is one.
        limit: rows that are kept after shuffling.
        reported: the passages that make the report part, where another corpus of the same passages has drawn them.
    """

    rows: list[Row]
    report: list[Row] | None = None
    limit: int | None = None
    reported: frozenset[str] | None = None


def split(raw: Raw) -> Corpus:
    """Clean and split the rows of a corpus."""
    generator = random.Random(0)  # noqa: S311 (not for secrets)
    train, report = _parts(raw, generator)
    generator.shuffle(train)
    generator.shuffle(report)
    return Corpus(_without_passage(train), _without_passage(report))


def reported_passages(raw: Raw) -> frozenset[str]:
    """Return the passages whose rows make the report part of a corpus."""
    _, report = _parts(raw, random.Random(0))  # noqa: S311 (not for secrets)
    return frozenset(row[PASSAGE] for row in report)


def _parts(raw: Raw, generator: random.Random) -> tuple[list[Row], list[Row]]:
    rows = clean(raw.rows)
    if raw.report is not None:
        report = clean(raw.report)
        reported = {_identity(row) for row in report}
        return [row for row in rows if _identity(row) not in reported], report
    generator.shuffle(rows)
    rows = rows[: raw.limit]
    if raw.reported is not None:
        return _parted(rows, raw.reported)
    return _split_passages(rows, generator) if PASSAGE in rows[0] else _split_labels(rows)


def clean(rows: Iterable[Row]) -> list[Row]:
    """Collapse white space; drop rows with an empty text and repeats."""
    kept: dict[str, Row] = {}
    for row in rows:
        tidy = {column: text if column in NOT_TEXT else _squeeze(text) for column, text in row.items()}
        if ANSWERS in row:
            tidy[ANSWERS] = list(dict.fromkeys(_squeeze(answer) for answer in row[ANSWERS]))
        texts = [text for column, text in tidy.items() if column not in NOT_TEXT]
        if all(texts) and (identity := _identity(tidy)):
            kept.setdefault(identity, tidy)
    return list(kept.values())


def letters(text: str) -> str:
    """Return the letters and digits of a text in lower case."""
    return re.sub(r"\W+", "", text.lower())


def words(text: str) -> set[str]:
    """Return the set of lower-case words of a text."""
    return set(re.findall(r"\w+", text.lower()))


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _identity(row: Row) -> str:
    return letters("|".join(text for column, text in row.items() if column not in NOT_TEXT))[:KEY_LENGTH]


def _report_share(rows: list[Row]) -> float:
    return min(REPORT_SHARE, REPORT_LIMIT / len(rows))


def _split_labels(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(row)
    train: list[Row] = []
    report: list[Row] = []
    for group in by_label.values():
        n_report = round(len(group) * _report_share(rows))
        report += group[:n_report]
        train += group[n_report:]
    return train, report


def _split_passages(rows: list[Row], generator: random.Random) -> tuple[list[Row], list[Row]]:
    n_rows = Counter(row[PASSAGE] for row in rows)
    passages = sorted(n_rows)
    generator.shuffle(passages)
    reported: set[str] = set()
    n_report = 0
    for passage in passages:
        if n_report >= _report_share(rows) * len(rows):
            break
        reported.add(passage)
        n_report += n_rows[passage]
    return _parted(rows, reported)


def _parted(rows: list[Row], reported: Collection[str]) -> tuple[list[Row], list[Row]]:
    return [row for row in rows if row[PASSAGE] not in reported], [row for row in rows if row[PASSAGE] in reported]


def _without_passage(rows: list[Row]) -> list[Row]:
    return [{column: text for column, text in row.items() if column != PASSAGE} for row in rows]
