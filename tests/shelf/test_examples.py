"""Which examples a split holds: disjoint, stable, checked."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transferkit import catalogue
from transferkit.errors import InputError
from transferkit.examples import HELD_OUT, Examples, load, text_hash
from transferkit.tasks.base import Answer, CatalogueData, HubData, Label, LocalData, Sizes, Task

LABELS = (
    Label(value="neg", word="bad", description="a bad one"),
    Label(value="pos", word="good", description="a good one"),
)
ROWS = [(f"text number {i}", ("neg", "pos")[i % 2]) for i in range(100)]


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)
    return path


def task_of(train: Path, report: Path | None = None, **fields: object) -> Task:
    source = LocalData(train=str(train), report=None if report is None else str(report), sha256="0")
    return Task(**{"name": "own", "source": source, "labels": LABELS} | fields)


def texts(examples: Examples) -> list[str]:
    return [text for (text,) in examples.texts]


# --- splits ----------------------------------------------------------------------------------------------------------
def test_splits_of_one_file_are_disjoint_and_whole(tmp_path: Path) -> None:
    splits = load(task_of(write(tmp_path / "a.csv", ROWS), sizes=Sizes(selection=None)))
    held = {name: set(texts(split)) for name, split in splits.items()}
    assert {name: len(found) for name, found in held.items()} == {"train": 64, "selection": 16, "report": 20}
    assert held["train"] | held["selection"] | held["report"] == {text for text, _ in ROWS}
    gold = dict(ROWS)
    for split in splits.values():
        assert [LABELS[i].value for i in split.gold] == [gold[text] for text in texts(split)]


def test_the_report_file_is_never_trained_on(tmp_path: Path) -> None:
    report = [(f"held {i}", ("neg", "pos")[i % 2]) for i in range(10)]
    splits = load(task_of(write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", report)))
    assert set(texts(splits["report"])) == {text for text, _ in report}
    assert set(texts(splits["train"])) | set(texts(splits["selection"])) == {text for text, _ in ROWS}


def test_training_texts_of_the_report_are_dropped_and_counted(tmp_path: Path) -> None:
    report = [("Text, number 7!", "pos"), ("TEXT NUMBER 8", "neg"), ("new", "neg")]
    splits = load(task_of(write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", report)))
    used = set(texts(splits["train"])) | set(texts(splits["selection"]))
    assert used == {text for text, _ in ROWS} - {"text number 7", "text number 8"}
    assert [split.notes for split in splits.values()] == [{"dropped_from_training": 2, "unlabelled": 0}] * 3
    assert len(splits["report"].gold) == 3


def test_growing_one_split_changes_no_other(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)

    def sized(**sizes: int | None) -> dict[str, list[str]]:
        return {name: texts(split) for name, split in load(task_of(path, sizes=Sizes(**sizes))).items()}

    small, more = sized(train=8, selection=10, report=10), sized(train=40, selection=10, report=10)
    assert more["train"][:8] == small["train"]
    assert (more["selection"], more["report"]) == (small["selection"], small["report"])
    reported = sized(train=8, selection=10, report=15)
    assert reported["report"][:10] == small["report"]
    assert (reported["train"], reported["selection"]) == (small["train"], small["selection"])


def test_the_cut_follows_its_seed_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    first, second = load(task_of(path)), load(task_of(path, template="{text} all in all {mask}", name="other"))
    assert {name: texts(split) for name, split in first.items()} == {name: texts(s) for name, s in second.items()}
    assert texts(load(task_of(path, split_seed=1))["report"]) != texts(first["report"])


def test_a_selection_split_takes_at_most_its_share(tmp_path: Path) -> None:
    splits = load(task_of(write(tmp_path / "a.csv", ROWS), sizes=Sizes(selection=500)))
    assert len(splits["selection"].gold) == round(80 * HELD_OUT)


def test_no_text_is_trained_and_selected_on(tmp_path: Path) -> None:
    report = write(tmp_path / "b.csv", [("held a", "neg"), ("held b", "pos")])
    splits = load(task_of(write(tmp_path / "a.csv", ROWS * 3), report))
    assert not set(texts(splits["train"])) & set(texts(splits["selection"]))


# --- draws by class --------------------------------------------------------------------------------------------------
def skewed(counts: Sequence[int]) -> list[tuple[str, str]]:
    """Rows of classes c0, c1, …, so many of each, interleaved."""
    rows = [(f"row {i} of {c}", f"c{c}") for c, n in enumerate(counts) for i in range(n)]
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]


def drawn_task(folder: Path, counts: Sequence[int], sizes: Sizes, **fields: object) -> Task:
    report = write(folder / "b.csv", [(f"held {i}", f"c{i % len(counts)}") for i in range(2 * len(counts))])
    labels = tuple(Label(value=f"c{c}", word=f"w{c}", description=f"class {c}") for c in range(len(counts)))
    return task_of(write(folder / "a.csv", skewed(counts)), report, labels=labels, sizes=sizes, **fields)


def classes_of(examples: Examples, n: int) -> list[int]:
    return np.bincount(examples.gold, minlength=n).tolist()


def proportional(counts: Sequence[int], size: int) -> list[int]:
    """The paper's rule as a plain loop."""
    drawn = []
    for n in counts[:-1]:
        drawn.append(int(size * n / sum(counts)))
    return [*drawn, size - sum(drawn)]


@pytest.mark.parametrize(
    ("counts", "train", "selection"),
    [
        ((100, 100), (50, 50), (100, 100)),
        ((30, 60, 110), (15, 30, 55), (13, 27, 50)),
        ((70, 10, 120), (35, 5, 60), (31, 4, 55)),
    ],
)
def test_a_proportional_draw_counts_all_classes_together(
    tmp_path: Path, counts: tuple[int, ...], train: tuple[int, ...], selection: tuple[int, ...]
) -> None:
    sizes = Sizes(train=sum(train), selection=sum(selection), draw="proportional")
    counts = tuple(2 * n for n in counts)
    splits = load(drawn_task(tmp_path, counts, sizes))
    assert classes_of(splits["train"], len(counts)) == list(train) == proportional(counts, sum(train))
    assert classes_of(splits["selection"], len(counts)) == list(selection) == proportional(counts, sum(selection))


def test_a_rare_class_that_a_proportional_draw_passes_over_is_noted(tmp_path: Path) -> None:
    splits = load(drawn_task(tmp_path, (80, 2, 80), Sizes(train=20, selection=20, draw="proportional")))
    assert classes_of(splits["train"], 3) == [9, 0, 11]
    assert splits["train"].notes["classes_not_trained_on"] == 1
    splits = load(drawn_task(tmp_path, (80, 20, 80), Sizes(train=20, selection=20, draw="proportional")))
    assert "classes_not_trained_on" not in splits["train"].notes


def test_a_draw_per_class_counts_each(tmp_path: Path) -> None:
    splits = load(drawn_task(tmp_path, (30, 80, 25), Sizes(train=16, selection=9, report=4, draw="per_class")))
    assert classes_of(splits["train"], 3) == [16, 16, 16]
    assert classes_of(splits["selection"], 3) == [9, 9, 9]
    assert len(splits["report"].gold) == 4


COUNTS = st.lists(st.integers(2, 40), min_size=2, max_size=4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COUNTS, st.integers(1, 30), st.integers(1, 30), st.sampled_from(["proportional", "per_class"]))
def test_draws_are_exact_disjoint_and_of_the_right_class(
    tmp_path: Path, counts: list[int], train: int, selection: int, draw: str
) -> None:
    def rule(size: int) -> list[int]:
        return proportional(counts, size) if draw == "proportional" else [size] * len(counts)

    asked = [rule(train), rule(selection)]
    task = drawn_task(tmp_path, counts, Sizes(train=train, selection=selection, draw=draw))
    if any(sum(both) > n for n, *both in zip(counts, *asked, strict=True)):
        assert "examples of 'c" in refused(task).problem
        return
    if any(np.count_nonzero(quota) < 2 for quota in asked):
        assert "examples of the" in refused(task).problem
        return
    splits = load(task)
    assert [classes_of(splits[name], len(counts)) for name in ("train", "selection")] == asked
    used = texts(splits["train"]) + texts(splits["selection"])
    assert len(set(used)) == len(used)
    gold = dict(skewed(counts))
    for name in ("train", "selection"):
        assert [f"c{label}" for label in splits[name].gold] == [gold[text] for text in texts(splits[name])]


@pytest.mark.parametrize("draw", ["proportional", "per_class"])
def test_a_draw_follows_its_seed_and_not_the_seeds_before_it(tmp_path: Path, draw: str) -> None:
    def drawn(seed: int) -> tuple[list[str], ...]:
        task = drawn_task(tmp_path, (60, 40), Sizes(train=10, selection=8, draw=draw), split_seed=seed)
        return tuple(texts(split) for split in load(task).values())

    seeds = (13, 21, 42, 87, 100)
    forwards = {seed: drawn(seed) for seed in seeds}
    assert {seed: drawn(seed) for seed in reversed(seeds)} == forwards
    assert len({frozenset(train) for train, _, _ in forwards.values()}) == len(seeds)


@pytest.mark.parametrize("draw", ["proportional", "per_class"])
def test_a_draw_leaves_the_report_split_alone_and_grows_at_its_end(tmp_path: Path, draw: str) -> None:
    def drawn(**sizes: object) -> dict[str, list[str]]:
        task = drawn_task(tmp_path, (60, 40), Sizes(**{"selection": 10, "report": 3} | sizes))
        return {name: texts(split) for name, split in load(task).items()}

    few, more = drawn(train=10, draw=draw), drawn(train=20, draw=draw)
    assert few["report"] == more["report"] == drawn()["report"]
    assert few["selection"] == more["selection"]
    assert set(few["train"]) < set(more["train"])


def test_repeated_and_reported_texts_are_not_drawn(tmp_path: Path) -> None:
    rows = skewed((20, 20))
    held = [rows[0], rows[1], ("new", "c0"), ("newer", "c1")]
    labels = tuple(dataclasses.replace(label, value=f"c{i}") for i, label in enumerate(LABELS))
    files = write(tmp_path / "a.csv", rows * 2), write(tmp_path / "b.csv", held)
    left = Counter(label for _, label in rows[2:])
    n = min(left.values())
    splits = load(task_of(*files, labels=labels, sizes=Sizes(train=n - 5, selection=5, draw="per_class")))
    used = texts(splits["train"]) + texts(splits["selection"])
    assert len(used) == len(set(used)) == 2 * n
    assert not set(used) & {text for text, _ in held}
    assert splits["train"].notes["dropped_from_training"] == 42


def test_a_class_with_too_few_examples_is_refused(tmp_path: Path) -> None:
    error = refused(drawn_task(tmp_path, (30, 12), Sizes(train=10, selection=3, draw="per_class")))
    assert error.problem == (
        "task 'own': draw = 'per_class' with train = 10 and selection = 3 needs 13 examples of 'c1', and the training "
        "part has 12"
    )
    assert "smaller sizes.train or sizes.selection" in error.fix
    error = refused(drawn_task(tmp_path, (30, 12), Sizes(train=40, selection=3, draw="proportional")))
    assert "needs 13 examples of 'c1', and the training part has 12" in error.problem


def test_an_empty_training_part_is_refused_before_it_is_drawn_from(tmp_path: Path) -> None:
    rows = write(tmp_path / "a.csv", ROWS)
    error = refused(task_of(rows, rows, sizes=Sizes(train=2, selection=2, draw="proportional")))
    assert error.problem.endswith("needs 4 examples of 'pos', and the training part has 0")


# --- files -----------------------------------------------------------------------------------------------------------
AWKWARD = [
    ('with "quotes", and comma', "pos"),
    ("two\nlines", "neg"),
    ("NA", "pos"),
    ("-", "neg"),
    ("007", "pos"),
    ("1.50", "neg"),
    ("ünï ✓", "pos"),
    (" spaces ", "neg"),
    ("2020-01-01", "pos"),
    ("true", "neg"),
    ("another", "pos"),
    ("more", "neg"),
]


def save_as(path: Path, rows: list[tuple[str, str]]) -> Path:
    table = pd.DataFrame(rows, columns=["text", "label"])
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        path.write_text("".join(json.dumps({"label": label, "text": text}) + "\n" for text, label in rows))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_every_kind_of_file_gives_the_same_texts(tmp_path: Path, suffix: str) -> None:
    report = save_as(tmp_path / f"b{suffix}", AWKWARD)
    split = load(task_of(write(tmp_path / "a.csv", ROWS), report))["report"]
    labels = [LABELS[i].value for i in split.gold]
    assert sorted(zip(texts(split), labels, strict=True)) == sorted(AWKWARD)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_labels_may_be_numbers(tmp_path: Path, suffix: str) -> None:
    labels = tuple(dataclasses.replace(label, value=str(i)) for i, label in enumerate(LABELS))
    path = tmp_path / f"a{suffix}"
    table = pd.DataFrame([(text, int(label == "pos")) for text, label in ROWS], columns=["text", "label"])
    if suffix == ".csv":
        table.to_csv(path, index=False)
    elif suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    splits = load(task_of(path, labels=labels, sizes=Sizes(selection=None)))
    assert sum(int(split.gold.sum()) for split in splits.values()) == 50


@pytest.mark.parametrize("name", ["short.csv", "null.jsonl", "null.parquet"])
def test_a_missing_text_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".csv":
        path.write_text("label,text\n" + "".join(f"{label},{text}\n" for text, label in ROWS) + "pos\n")
    elif path.suffix == ".jsonl":
        save_as(path, ROWS)
        path.write_text(path.read_text() + '{"label": "pos", "text": null}\n')
    else:
        save_as(path, [*ROWS, (None, "pos")])
    with pytest.raises(InputError):
        load(task_of(path))


def test_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame(
        [(f"a {i}", f"b {i}", "neg" if i % 2 else "pos") for i in range(50)], columns=["p", "h", "gold"]
    ).to_csv(path, index=False)
    task = task_of(path, inputs=("p", "h"), label="gold", template="{p} {mask} {h}")
    splits = load(task)
    assert all(first[2:] == second[2:] for split in splits.values() for first, second in split.texts)
    assert sum(len(split.gold) for split in splits.values()) == 50


def test_hub_data_go_through_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def found(dataset: str, config: str | None, *, split: str, revision: str) -> datasets.Dataset:
        asked.append((dataset, config, split, revision))
        rows = ROWS if split == "train" else [(f"held {text}", label) for text, label in ROWS[:20]]
        return datasets.Dataset.from_list([{"text": text, "label": label} for text, label in rows])

    monkeypatch.setattr(datasets, "load_dataset", found)
    source = HubData(dataset="org/set", config="one", revision="r", report="test")
    splits = load(Task(name="hub", source=source, labels=LABELS))
    assert asked == [("org/set", "one", "train", "r"), ("org/set", "one", "test", "r")]
    assert len(splits["report"].gold) == 20
    assert len(splits["train"].gold) + len(splits["selection"].gold) == 100

    def absent(*_args: object, **_kwargs: object) -> None:
        # a message of several lines, as the hub's are
        raise ConnectionError("offline\nand more")

    monkeypatch.setattr(datasets, "load_dataset", absent)
    with pytest.raises(InputError, match=r"'org/set' \(train\) cannot be had \(ConnectionError\).*\n.*local file"):
        load(Task(name="hub", source=source, labels=LABELS))


def test_catalogue_data_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Corpus:
        train: ClassVar[list[dict[str, str]]] = [{"text": text, "label": label} for text, label in ROWS]
        report = None

    def corpus(name: str, cache: Path | None) -> type[Corpus]:
        asked.append((name, cache))
        return Corpus

    monkeypatch.setattr(catalogue, "corpus", corpus)
    source = CatalogueData(corpus="reviews", sha256="0")
    assert len(load(Task(name="c", source=source, labels=LABELS), cache=tmp_path)["report"].gold) == 20
    assert asked == [("reviews", tmp_path)]


def hub_of(monkeypatch: pytest.MonkeyPatch, train: list[tuple[str, int]], report: list[tuple[str, int]]) -> Task:
    def found(_dataset: str, _config: str | None, *, split: str, revision: str) -> datasets.Dataset:
        assert revision == "main"
        rows = {"train": train, "validation": report}[split]
        return datasets.Dataset.from_list([{"text": text, "label": label} for text, label in rows])

    monkeypatch.setattr(datasets, "load_dataset", found)
    labels = tuple(dataclasses.replace(label, value=str(i)) for i, label in enumerate(LABELS))
    return Task(name="hub", source=HubData(dataset="org/set"), labels=labels)


def test_unlabelled_hub_examples_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [(text, i % 2) for i, (text, _) in enumerate(ROWS)]
    splits = load(hub_of(monkeypatch, train, [("held a", 0), ("held b", -1), ("held c", 1)]))
    assert sorted(texts(splits["report"])) == ["held a", "held c"]
    assert splits["report"].notes == {"dropped_from_training": 0, "unlabelled": 1}


def test_unlabelled_training_examples_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [(text, i % 2) for i, (text, _) in enumerate(ROWS)]
    splits = load(hub_of(monkeypatch, [*train, ("odd", -1)], [("held a", 0), ("held c", 1)]))
    assert sum(splits["train"].notes.values()) == 1


# --- what is refused -------------------------------------------------------------------------------------------------
def refused(task: Task) -> InputError:
    with pytest.raises(InputError) as failure:
        load(task)
    return failure.value


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    error = refused(task_of(path, inputs=("body",), template="{body} {mask}"))
    assert error.problem == "task 'own': no column 'body' in its data; there are text, label"
    assert "text =" in error.fix
    assert "'gold'" in refused(task_of(path, label="gold")).problem


def test_an_unknown_label_is_named_with_its_row(tmp_path: Path) -> None:
    error = refused(task_of(write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", [*ROWS[:4], ("x", "neutral")])))
    assert error.problem == "task 'own': row 5 of b.csv has the label 'neutral', which the task does not name"
    assert "neg, pos" in error.fix


@pytest.mark.parametrize("n", range(10))
def test_rows_of_a_single_file_are_counted_as_the_file_does(tmp_path: Path, n: int) -> None:
    rows = [(f"text {i}", "neutral" if i == n else ("pos", "neg")[i % 2]) for i in range(10)]
    error = refused(task_of(write(tmp_path / "a.csv", rows)))
    assert error.problem == f"task 'own': row {n + 1} of a.csv has the label 'neutral', which the task does not name"


def test_one_class_is_refused(tmp_path: Path) -> None:
    error = refused(task_of(write(tmp_path / "a.csv", [(f"t{i}", "pos") for i in range(40)])))
    assert re.search(r"all \d+ examples of the train split are 'pos'", error.problem)
    assert "two classes" in error.fix


@pytest.mark.parametrize("n", range(6))
def test_too_few_examples_are_refused(tmp_path: Path, n: int) -> None:
    error = refused(task_of(write(tmp_path / "a.csv", ROWS[:n])))
    assert re.search(r"task 'own': the \w+ split is empty|all \d examples of the \w+ split", error.problem)
    assert "more examples" in error.fix or "two classes" in error.fix


def test_a_training_part_that_is_all_in_the_report_is_refused(tmp_path: Path) -> None:
    error = refused(task_of(write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", ROWS)))
    assert error.problem == "task 'own': the train split is empty"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.txt", "text,label\n", "unknown kind of file"),
        ("a.csv", "", "cannot be read"),
        ("a.csv", 'text,label\n"open', "cannot be read"),
        ("a.csv", "text,label\na,b\nc,d,e,f\n", "cannot be read"),
        ("a.jsonl", "not json", "cannot be read"),
        ("a.parquet", "not parquet", "cannot be read"),
    ],
)
def test_unreadable_files_are_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text)
    error = refused(task_of(tmp_path / name))
    assert problem in error.problem
    assert str(tmp_path / name) in error.problem


def test_absent_files_are_refused(tmp_path: Path) -> None:
    assert "no data file" in refused(task_of(tmp_path / "absent.csv")).problem


# --- answers that are texts ------------------------------------------------------------------------------------------
ASKED = [{"text": f"question {i}", "answers": [f"answer {i}", f"or {i}"]} for i in range(50)]


def text_task(source: object, **fields: object) -> Task:
    return Task(**{"name": "asks", "source": source, "answer": Answer(), "metric": "f1"} | fields)


def json_lines(path: Path, rows: list[dict[str, object]]) -> LocalData:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return LocalData(train=str(path), sha256="0")


def pairs(splits: dict[str, Examples]) -> dict[str, tuple[str, ...]]:
    return {
        text: answers for split in splits.values() for (text,), answers in zip(split.texts, split.answers, strict=True)
    }


@pytest.mark.parametrize(
    "form",
    [
        lambda texts: texts,
        lambda texts: {"text": texts, "answer_start": [0] * len(texts)},
        lambda texts: [*texts, texts[0], f" {texts[1]}\n"],
    ],
    ids=["list", "record", "repeats"],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_answers_may_be_many(tmp_path: Path, suffix: str, form: object) -> None:
    rows = [{**row, "answers": form(row["answers"])} for row in ASKED]
    if suffix == ".jsonl":
        source = json_lines(tmp_path / "a.jsonl", rows)
    else:
        pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
        source = LocalData(train=str(tmp_path / "a.parquet"), sha256="0")
    splits = load(text_task(source))
    assert pairs(splits) == {row["text"]: tuple(row["answers"]) for row in ASKED}
    assert all(not split.gold.any() and len(split.gold) == len(split.texts) for split in splits.values())


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_an_answer_may_be_one_text(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": row["text"], "reply": i} for i, row in enumerate(ASKED)]
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        json_lines(path, rows)
    task = text_task(LocalData(train=str(path), sha256="0"), answer=Answer(column="reply"))
    assert pairs(load(task)) == {row["text"]: (str(row["reply"]),) for row in rows}


def test_splits_take_their_answers_along(tmp_path: Path) -> None:
    sizes = Sizes(train=10, selection=5, report=7)
    splits = load(text_task(json_lines(tmp_path / "a.jsonl", ASKED), sizes=sizes))
    assert {name: len(split.answers) for name, split in splits.items()} == {"train": 10, "selection": 5, "report": 7}
    assert pairs(splits).items() <= {row["text"]: tuple(row["answers"]) for row in ASKED}.items()


@pytest.mark.parametrize(
    "nothing", [[], "", " ", None, [""], ["one", " "], [None], {"text": [], "answer_start": []}, {}]
)
def test_an_empty_answer_is_refused_with_its_row(tmp_path: Path, nothing: object) -> None:
    rows = [*ASKED[:3], {"text": "no answer", "answers": nothing}, *ASKED[4:]]
    error = refused(text_task(json_lines(tmp_path / "a.jsonl", rows)))
    assert error.problem == "task 'asks': row 4 of a.jsonl has an empty answer in 'answers'"
    assert "right answer" in error.fix


def test_a_missing_column_of_answers_is_named(tmp_path: Path) -> None:
    error = refused(text_task(json_lines(tmp_path / "a.jsonl", ASKED), answer=Answer(column="reply")))
    assert error.problem == "task 'asks': no column 'reply' in its data; there are text, answers"
    assert "answer.column = …" in error.fix


def test_questions_of_the_hub_without_an_answer_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(_dataset: str, _config: str | None, *, split: str, revision: str) -> datasets.Dataset:
        rows = {"train": ASKED, "validation": [{"text": f"held {i}", "answers": ["a"] * (i % 4)} for i in range(8)]}
        return datasets.Dataset.from_list([{**row, "answers": {"text": row["answers"]}} for row in rows[split]])

    monkeypatch.setattr(datasets, "load_dataset", found)
    splits = load(text_task(HubData(dataset="org/squad")))
    assert splits["report"].notes["unlabelled"] == 2
    assert set(splits["report"].answers) == {("a",)}
    assert len(splits["report"].texts) == 6


def test_answers_of_the_catalogue_are_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = catalogue.Corpus([*ASKED[:40]], [*ASKED[40:]])
    monkeypatch.setattr(catalogue, "corpus", lambda _name, _cache: corpus)
    splits = load(text_task(CatalogueData(corpus="squad_nyt", sha256="0")), cache=tmp_path)
    assert pairs(splits) == {row["text"]: tuple(row["answers"]) for row in ASKED}


def test_an_empty_split_of_texts_is_refused(tmp_path: Path) -> None:
    assert "split is empty" in refused(text_task(json_lines(tmp_path / "a.jsonl", ASKED[:1]))).problem


def test_answers_are_not_kept(tmp_path: Path) -> None:
    split = load(text_task(json_lines(tmp_path / "a.jsonl", ASKED)))["report"]
    split.artifact().write(tmp_path)
    kept = (tmp_path / "examples.json").read_text()
    assert "answer" not in kept
    assert "question" not in kept
    assert json.loads(kept)["hashes"] == [text_hash(text) for text in split.texts]


# --- hashes ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.text(), min_size=1, max_size=2))
def test_hashes_see_letters_and_digits_alone(fields: list[str]) -> None:
    loud = [re.sub(r"(\w)", r" \1!", field.lower()) for field in fields]
    assert text_hash(loud) == text_hash(fields)
    assert re.fullmatch("[0-9a-f]{16}", text_hash(fields))


def test_hashes_tell_columns_and_words_apart() -> None:
    assert text_hash(["ab", "c"]) != text_hash(["a", "bc"])
    assert text_hash(["good"]) != text_hash(["goods"])
    assert text_hash(["a.b"]) == text_hash(["A b"])


def test_texts_without_letters_are_told_apart() -> None:
    assert text_hash([":)"]) != text_hash([":("])


def test_artifacts_hold_no_texts(tmp_path: Path) -> None:
    split = load(task_of(write(tmp_path / "a.csv", ROWS)))["report"]
    kept = split.artifact()
    assert kept.hashes == [text_hash([text]) for text in texts(split)]
    assert np.array_equal(kept.gold, split.gold)
