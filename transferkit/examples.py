"""Making. Which examples a task's splits hold: reads the task's source, cuts it into splits, checks it.

No text stands in two splits: a training text that the report split holds too, or that repeats, is dropped and counted.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from transferkit import artifacts, catalogue
from transferkit.errors import InputError
from transferkit.shapes import IntArray
from transferkit.tasks.base import HubData, LocalData, Split, Task
from transferkit.tasks.sizes import Draw

Row = Mapping[str, object]
UNLABELLED = "-1"  # what hub data sets write where annotators did not agree
HELD_OUT = 0.2  # share of a single file, or of the training part, set apart when no size says otherwise


@dataclass(frozen=True)
class Examples:
    """Examples of one split.

    Attributes:
        texts: the input columns of each example.
        gold: index of the right label [n]; zeros where answers are texts.
        notes: what drawing the split found.
        answers: the right texts of each example, one or more; None where there are classes.
    """

    texts: Sequence[tuple[str, ...]]
    gold: IntArray
    notes: Mapping[str, int]
    answers: Sequence[tuple[str, ...]] | None = None

    def artifact(self) -> artifacts.Examples:
        """Return gold labels and text hashes, which may be kept; texts and answers stay where they are."""
        return artifacts.Examples(self.gold, [text_hash(text) for text in self.texts], self.notes)


def text_hash(texts: Sequence[str]) -> str:
    """Return 16 hex digits, equal for texts of equal letters and digits."""
    letters = "|".join(re.sub(r"\W+", "", text.lower()) or text.strip() for text in texts)
    return hashlib.sha256(letters.encode()).hexdigest()[:16]


def load(task: Task, *, cache: Path | None = None) -> dict[Split, Examples]:
    """Return the three splits of a task.

    Raises:
        InputError: the data are not here, lack a column, a label or an answer, or a split is empty or holds one class.
    """
    train_rows, report_rows = _read(task, cache)
    rng = np.random.default_rng(task.split_seed)
    if report_rows is None:
        order = rng.permutation(len(train_rows))
        n_report = round(len(train_rows) * HELD_OUT)
        parts = order[n_report:], order[:n_report]
    else:
        parts = np.arange(len(train_rows)), np.arange(len(report_rows))
    report = _convert(task, train_rows if report_rows is None else report_rows, parts[1], _told(task, "report"))
    train = _convert(task, train_rows, parts[0], _told(task, "train"))

    reported = {text_hash(text) for text in report.texts}
    first = {text_hash(text): i for i, text in reversed(list(enumerate(train.texts)))}  # of equal texts one is kept
    own = sorted(i for text, i in first.items() if text not in reported)
    pool = rng.permutation(np.array(own, dtype=np.int64))
    drawn, selected = _draw(task, train.gold, pool)
    notes = {
        "dropped_from_training": len(train.texts) - len(own),
        "unlabelled": train.notes["unlabelled"] + report.notes["unlabelled"],
    }
    if task.labels and (unseen := len(task.labels) - len(set(train.gold[drawn].tolist()))):
        notes["classes_not_trained_on"] = unseen  # rare ones, or ones the training part lacks
    splits: dict[Split, Examples] = {
        "train": _take(train, drawn, notes),
        "selection": _take(train, selected, notes),
        "report": _take(report, rng.permutation(len(report.texts))[: task.sizes.report], notes),
    }
    for name, split in splits.items():
        _check(task, name, split)
    return splits


def _read(task: Task, cache: Path | None) -> tuple[Sequence[Row], Sequence[Row] | None]:
    source = task.source
    if isinstance(source, LocalData):
        return _file(source.train), None if source.report is None else _file(source.report)
    if isinstance(source, HubData):
        return _hub(source, source.train), _hub(source, source.report)
    corpus = catalogue.corpus(source.corpus, cache)
    return corpus.train, corpus.report


def _file(name: str) -> Sequence[Row]:
    import pandas as pd

    path = Path(name)
    if not path.is_file():
        raise InputError(f"no data file {path}", fix="put it there, or correct data = … in the study")
    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        elif path.suffix in {".jsonl", ".json"}:
            table = pd.read_json(path, lines=True, dtype=False)
        elif path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            raise InputError(f"{path}: unknown kind of file", fix="use .csv, .jsonl or .parquet")
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: cannot be read ({error})", fix="check the file; CSV needs a header line") from error
    return table.to_dict("records")  # type: ignore[return-value]


def _hub(source: HubData, split: str) -> Sequence[Row]:
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        found = datasets.load_dataset(source.dataset, source.config, split=split, revision=source.revision)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        raise InputError(
            f"data set {source.dataset!r} ({split}) cannot be had ({type(error).__name__})",
            fix="check id and network; offline, use a catalogue task or a local file",
        ) from error
    return [dict(row) for row in found]


def _told(task: Task, part: Literal["train", "report"]) -> str:
    """Return what a reader knows the rows of a part by: their file, where it is the user's own."""
    if not isinstance(task.source, LocalData):
        return f"of the {part} part"
    file = task.source.report if part == "report" and task.source.report else task.source.train
    return f"of {Path(file).name}"


def _convert(task: Task, rows: Sequence[Row], order: IntArray, told: str) -> Examples:
    """Return the rows of an order as examples; complaints count a file's rows as it does, from 1 below any header."""
    column, field = (task.label, "label") if task.answer is None else (task.answer.column, "answer.column")
    index = {label.value: i for i, label in enumerate(task.labels)}
    texts: list[tuple[str, ...]] = []
    gold: list[int] = []
    answers: list[tuple[str, ...]] = []
    for i in order.tolist():
        row, where = rows[i], f"row {i + 1} {told}"
        if lacking := [name for name in (*task.inputs, column) if name not in row]:
            raise InputError(
                f"task {task.name!r}: no column {lacking[0]!r} in its data; there are {', '.join(map(str, row))}",
                fix=f"correct text = … or {field} = … of the task",
            )
        if task.answer is None:
            label, right = _label(row[column], task, index, where), ()
        else:
            label, right = 0, _answers(row[column], task, where)
        if label is None or right is None:
            continue
        texts.append(tuple(_text(row[name], task, where, name) for name in task.inputs))
        gold.append(label)
        answers.append(right)
    notes = {"unlabelled": len(order) - len(texts)}
    return Examples(texts, np.asarray(gold, dtype=np.int64), notes, None if task.answer is None else answers)


def _label(value: object, task: Task, index: Mapping[str, int], where: str) -> int | None:
    """Return which class a label names; None for the label of a hub's row that has none."""
    label = str(value)
    if label in index:
        return index[label]
    if label == UNLABELLED and isinstance(task.source, HubData):
        return None
    raise InputError(
        f"task {task.name!r}: {where} has the label {label!r}, which the task does not name",
        fix=f"add it to labels (there are {', '.join(index)}) or drop the row",
    )


def _answers(value: object, task: Task, where: str) -> tuple[str, ...] | None:
    """Return the right texts of a row, each once; None for a hub's row that has none, as questions of SQuAD 2.0.

    A row holds one text, a list of them, or SQuAD's record `{"text": [...]}`.
    """
    found = value.get("text") if isinstance(value, Mapping) else value
    several = found.tolist() if isinstance(found, np.ndarray) else found
    texts = several if isinstance(several, (list, tuple)) else [several]
    if texts and not any(_is_blank(text) for text in texts):
        return tuple(dict.fromkeys(str(text).strip() for text in texts))
    if isinstance(task.source, HubData):
        return None
    column = task.answer.column if task.answer else task.label
    raise InputError(
        f"task {task.name!r}: {where} has an empty answer in {column!r}",
        fix="fill it in or drop the row: every example needs a right answer",
    )


def _text(value: object, task: Task, where: str, column: str) -> str:
    if _is_blank(value) and (not isinstance(value, str) or isinstance(task.source, LocalData)):
        raise InputError(f"task {task.name!r}: {where} has no text in {column!r}", fix="fill it in or drop the row")
    return str(value)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value != value  # noqa: PLR0124 (NaN)


def _draw(task: Task, gold: IntArray, order: IntArray) -> tuple[IntArray, IntArray]:
    """Return which examples of a random order are trained on, and which are selected on.

    Raises:
        InputError: a class has fewer examples than are drawn of it.
    """
    sizes = task.sizes
    if sizes.draw == "random":
        n_selection = min(round(len(order) * HELD_OUT), sizes.selection or len(order))
        return order[n_selection:][: sizes.train], order[:n_selection]
    classes = gold[order]
    held = np.bincount(classes, minlength=len(task.labels))
    n_train, n_selection = (_quota(held, size or 0, sizes.draw) for size in (sizes.train, sizes.selection))
    for label, has, needs in zip(task.labels, held, n_train + n_selection, strict=True):
        if has < needs:
            raise InputError(
                f"task {task.name!r}: draw = {sizes.draw!r} with train = {sizes.train} and selection = "
                f"{sizes.selection} needs {needs} examples of {label.value!r}, and the training part has {has}",
                fix="choose a smaller sizes.train or sizes.selection, or give more examples",
            )
    rank = np.zeros(len(order), dtype=np.int64)  # place of each example among those of its class
    for label, n in enumerate(held):
        rank[classes == label] = np.arange(n)
    is_selected = rank < n_selection[classes]
    is_drawn = ~is_selected & (rank < (n_selection + n_train)[classes])
    return order[is_drawn], order[is_selected]


def _quota(held: IntArray, size: int, draw: Draw) -> IntArray:
    """Return how many examples of each class a split holds [K]."""
    if draw == "per_class":
        return np.full(len(held), size)
    quota = size * held // max(1, held.sum())
    quota[-1] += size - quota.sum()
    return quota


def _take(examples: Examples, order: IntArray, notes: Mapping[str, int]) -> Examples:
    answers = None if examples.answers is None else [examples.answers[i] for i in order]
    return Examples([examples.texts[i] for i in order], examples.gold[order], notes, answers)


def _check(task: Task, name: str, split: Examples) -> None:
    if not len(split.gold):
        raise InputError(f"task {task.name!r}: the {name} split is empty", fix="give more examples or smaller sizes")
    if task.answer is not None:
        return
    classes = Counter(split.gold.tolist())
    if len(classes) == 1:
        only = task.labels[classes.popitem()[0]].value
        raise InputError(
            f"task {task.name!r}: all {len(split.gold)} examples of the {name} split are {only!r}",
            fix="give examples of at least two classes, or larger sizes",
        )
