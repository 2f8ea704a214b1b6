"""What the README shows is true: its examples run, its tree is the tree, its commands are the commands."""

import json
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from conftest import NEGATIVE, POSITIVE
from safetensors.numpy import load_file
from tiny import make_tiny

from transferkit import catalogue, cli, named, presets, tasks
from transferkit.interop import read_peft
from transferkit.specs import Generator, key
from transferkit.store import Store
from transferkit.study import Study
from transferkit.tasks.base import Label, LocalData, Task

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODEL = "minilm-l3"  # the backbone the examples name; here a tiny random one takes its place
ENDINGS = ("the", "a", "it was", "very", "film", "food", "really", "not", "sport", "money")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def save_backbone(folder: Path) -> None:
    """Save a random sentence encoder: a body without a vocabulary head."""
    backbone = make_tiny("bert")
    backbone.base.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)


def write_reviews(path: Path) -> None:
    rows = [(text, "pos") for text in POSITIVE] + [(text, "neg") for text in NEGATIVE]
    lines = [f'"{text} {ending}",{label}' for ending in ENDINGS for text, label in rows]
    path.write_text("\n".join(["text,label", *lines]) + "\n")


def write_own_study(folder: Path) -> Path:
    """Write the README's own task with its data, shortened, on a tiny random backbone; `.ci/run` uses it too."""
    own, *_rest = blocks("toml")
    save_backbone(folder / "tiny")
    write_reviews(folder / "reviews.csv")
    short = (
        f"backbones = [{json.dumps(str(folder / 'tiny'))}]\n"
        "sizes = { train = 40, selection = 20, report = 20 }\n"
        "recipe = { prompt_length = 4, steps = 8, evaluate_every = 4 }"
    )
    assert own.count(f'backbones = ["{MODEL}"]') == 1
    path = folder / "my_study.toml"
    path.write_text(own.replace(f'backbones = ["{MODEL}"]', short))
    return path


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only get in each other's way where arrays are this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder where the backbone of the examples is a tiny random one."""
    monkeypatch.delitem(catalogue.ENTRIES, MODEL)
    monkeypatch.chdir(tmp_path)
    save_backbone(tmp_path / MODEL)
    write_reviews(tmp_path / "reviews.csv")
    return tmp_path


def run_cli(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["transferkit", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, None)


# --- examples --------------------------------------------------------------------------------------------------------
def test_own_task_runs_from_training_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_own_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    own, _suggest, _convert = blocks("sh")
    commands = [line.split()[1:] for line in own.splitlines()]
    assert [words[0] for words in commands] == ["fetch", "train", "measure", "analyze"]
    for words in commands:
        assert words[1] == path.name
        run_cli(monkeypatch, *words)
    page = (tmp_path / "reports" / "my_study" / "index.html").read_text()
    assert "my_reviews" in page


def test_prompts_are_converted_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    vectors = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    np.save("sst2.npy", vectors)
    _own, _suggest, convert = blocks("sh")
    first, *rest = convert.splitlines()
    run_cli(monkeypatch, *first.split()[1:])
    (spec,) = Store("runs").specs("prompt")
    for line in rest:
        run_cli(monkeypatch, *line.replace("KEY", key(spec)).split()[1:])
    written = load_file("my_prompt.safetensors")["prompt_embeddings"], read_peft(Path("folder_for_peft")).vectors
    assert all(np.array_equal(rows, vectors) for rows in written)


@pytest.mark.usefixtures("tiny_takes_its_place")
def test_late_prompts_are_right_to_the_letter() -> None:
    own, late, sweep, *_others = blocks("toml")
    Path("late.toml").write_text(late + sweep + own)
    recipe = named.find_study("late.toml").recipe
    assert recipe.placement.insert_after == 3
    assert recipe.generator == Generator(kind="bottleneck", width=128)
    swept = [s.recipe for s in named.find_study("late.toml").swept_prompts()]
    assert [(r.placement.insert_after, r.generator and r.generator.kind) for r in swept] == [
        (0, None),
        (1, None),
        (2, None),
        (1, "bottleneck"),
        (2, "bottleneck"),
    ]


@pytest.mark.usefixtures("tiny_takes_its_place")
def test_few_shot_settings_are_right_to_the_letter() -> None:
    _own, _late, _sweep, few, *_others = blocks("toml")
    Path("few.toml").write_text('backbones = ["minilm-l3"]\n' + few)
    asked = named.find_study("few.toml")
    assert len(asked.resolved_tasks) == 10
    assert {(task.split_seed, task.sizes.train, task.sizes.draw) for task in asked.resolved_tasks} == {
        (13, 500, "proportional")
    }
    assert asked.recipe == presets.lpt2022_bottleneck


@pytest.mark.usefixtures("tiny_takes_its_place")
def test_other_starts_and_other_models_are_right_to_the_letter() -> None:
    own, *_rest, initialisation, projection, _words = blocks("toml")
    Path("both.toml").write_text(f'tasks = ["rotten_tomatoes", "bbc_news"]\n{initialisation}{own}\n{projection}')
    asked = named.find_study("both.toml")
    pairs = [(start.source, start.prompt.task.name) for start in asked.starts()]
    assert pairs == [("rotten_tomatoes", "my_reviews"), ("bbc_news", "my_reviews")]
    (found,) = asked.crossings
    assert (found.source, found.target) == (MODEL, "flan-t5-small")
    assert len(found.projectors) == 7
    _fetch, suggest, _convert = blocks("sh")
    assert suggest.split()[:2] == ["transferkit", "suggest"]


@pytest.mark.usefixtures("tiny_takes_its_place")
def test_own_task_is_right_to_the_letter() -> None:
    own, *_rest = blocks("toml")
    Path("my_study.toml").write_text(own)
    (task,) = named.find_study("my_study.toml").resolved_tasks
    assert task.name == "my_reviews"
    assert [(label.value, label.description) for label in task.labels] == [
        ("pos", "a good film"),
        ("neg", "a bad film"),
    ]
    header, *table = own.strip().split("\n\n")[1].splitlines()
    assert header == "[task.my_reviews]"
    assert len(table) < 5


def test_a_task_answered_in_words_is_right_to_the_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"question": "was it good ?", "context": "it was great", "answers": ["great", "it was great"]}
    Path("questions.jsonl").write_text(json.dumps(row) + "\n")
    *_others, words = blocks("toml")
    Path("questions.toml").write_text(words)
    asked = named.find_study("questions.toml")
    (task,) = asked.resolved_tasks
    assert (task.metric, task.max_tokens) == ("f1", 384)
    assert task.shown("seq2seq") == "{question}\n{context}"
    assert asked.readout_of(asked.models[0]).kind == "seq2seq"


def test_python_example_runs(tiny_takes_its_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("python")
    assert len([line for line in example.splitlines() if line]) == 14
    for name in re.findall(r'"(\w+)"', next(line for line in example.splitlines() if line.startswith("tasks"))):
        assert name in tasks.TASKS
        monkeypatch.setitem(tasks.TASKS, name, toy(name, tiny_takes_its_place / "reviews.csv"))
    script = tiny_takes_its_place / "example.py"
    script.write_text(example)
    runpy.run_path(str(script))
    assert (tiny_takes_its_place / "transfer.svg").stat().st_size > 1000


def toy(name: str, path: Path) -> Task:
    labels = (
        Label(value="pos", word="good", description=f"a good film , {name}"),
        Label(value="neg", word="bad", description="a bad film"),
    )
    return Task(name=name, source=LocalData(train=str(path), sha256="0"), labels=labels)


# --- what it says ----------------------------------------------------------------------------------------------------
def test_shell_blocks_are_two_and_stand_alone() -> None:
    first, second = blocks("bash")
    for block, extra in ((first, "quickstart"), (second, "test")):
        lines = block.splitlines()
        assert lines[0].startswith("python3 -m venv .venv")
        assert lines[1].endswith(f"-m pip install -c constraints.txt -e '.[{extra}]'")
    assert first.splitlines()[-1].endswith("transferkit quickstart --yes")
    assert second.splitlines()[-1].endswith("-m pytest -n 2")


def test_sizes_of_the_download_are_right() -> None:
    entries = [catalogue.find(name) for name in named.assets(["quickstart"])]
    for kind, what in (("backbone", "models"), ("corpus_archive", "data")):
        megabytes = sum(entry.size_bytes for entry in entries if entry.kind == kind) / 1e6
        assert f"{megabytes:.0f} MB of {what}" in README


def test_commands_are_all_there() -> None:
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands if command.callback}
    assert set(re.findall(r"^\| `transferkit (\w+)", README, flags=re.MULTILINE)) == known


def test_options_are_those_of_the_verbs() -> None:
    group = typer.main.get_command(cli.app)
    said = dict(
        re.findall(r"^\| `transferkit (\w+)[^|]*(?:\\\|[^|]*)*\|[^|]*\| ([^|]+) \|$", README, flags=re.MULTILINE)
    )
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        options = {option.removeprefix("--") for param in command.params for option in param.opts if option[0] == "-"}
        words = said["train"] if said[name] == "as `train`" else said[name]
        assert set(words.split(", ")) == options, name
        assert all(f"`--{option}" in README for option in options)


def test_named_studies_and_fields_exist() -> None:
    assert set(named.builtin()) >= {"quickstart", "smoke"}
    assert {"backbones", "tasks", "sizes"} <= set(Study.__dataclass_fields__)


def files_named() -> set[str]:
    """Return the paths the tree names; a folder stands for its `__init__.py`."""
    (tree,) = (block for block in blocks("text") if block.startswith("analyses/"))
    found: set[str] = set()
    folders: list[str] = []
    for line in filter(None, tree.splitlines()):
        name = line.split()[0]
        folders = folders[: (len(line) - len(line.lstrip())) // 4]
        path = "/".join([*folders, name.rstrip("/")])
        found.add(path)
        if name.endswith("/"):
            folders.append(name.rstrip("/"))
        assert len(line.split(maxsplit=1)) == 2, f"no phrase: {line}"
    return found


def test_tree_is_the_tree() -> None:
    said = files_named()
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "transferkit").rglob("*.py")}
    there = {path.removesuffix("/__init__.py") for path in sources}
    assert there - said == set(), "files the README does not name"
    assert {path for path in said if not (ROOT / path).exists()} == set(), "files that are not there"


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert "://" in target or (ROOT / target).exists(), target
