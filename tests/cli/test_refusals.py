"""What the command line refuses, and the words it does so with."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "messages.txt"


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


REFUSED: dict[str, tuple[tuple[str, str], ...]] = {
    "unknown field": (("max_tokens", "max_token"),),
    "unknown recipe field": (("learning_rate", "lerning_rate"),),
    "a number as text": (("learning_rate = 0.05", 'learning_rate = "1e-3"'),),
    "unknown preset": (("recipe = {", 'recipe = { preset = "su202",'),),
    "unknown backbone": (('"tiny"', '"minilm-l7"'),),
    "not fetched": (('"tiny"', '"minilm-l3"'),),
    "unknown task": (("max_tokens = 32", 'max_tokens = 32\ntasks = ["rotten_tomatos"]'),),
    "unknown group": (("max_tokens = 32", 'max_tokens = 32\ntasks = ["@sentimen"]'),),
    "no data file": (("reviews.csv", "absent.csv"),),
    "unknown kind of file": (("reviews.csv", "study.toml"),),
    "wrong column": (("[task.toy]", '[task.toy]\ntext = "body"'),),
    "a field of the study in a table": (("[task.toy]", '[task.toy]\ntasks = ["@sentiment"]'),),
    "a field of the study among labels": (("neg = {", 'tasks = ["@sentiment"]\nneg = {'),),
    "one label": (('neg = { word = "bad", description = "a bad film" }', ""),),
    "unnamed label": (("neg = {", "minus = {"),),
    "no mask": (("[task.toy]", '[task.toy]\ntemplate = "{text}"'),),
    "no toml": (("backbones = [", "backbones = [["),),
}


def masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER").replace(str(folder.resolve()), "FOLDER").strip()
    return re.sub(r"not TOML \([^\n]*\)", "not TOML (…)", text)  # Python's own words


@pytest.mark.usefixtures("no_model")
def test_every_wrong_question_is_refused_before_a_model_is_loaded(
    here: Path, tool: Callable[..., Any], regen: bool
) -> None:
    right = Path("study.toml").read_text()
    said = {}
    for name, changes in REFUSED.items():
        Path("study.toml").write_text(changed(right, *changes))
        done = tool("train", "study.toml", "--cache", here / "cache")
        assert (done.code, done.out) == (2, ""), name
        assert "→" in done.err, name
        said[name] = masked(done.err, here)
    Path("study.toml").write_text(right)
    arguments = {
        "no such study": ("train", "quikstart"),
        "no such file": ("measure", "absent.toml"),
        "measured before trained": ("measure", "study.toml"),
        "analysed before made": ("analyze", "study.toml"),
        "no store": ("ls",),
        "no store to show": ("show", "abc"),
        "no store to verify": ("verify", "--store", "nowhere"),
        "nothing to fetch": ("fetch", "bbc_new"),
        "unasked download": ("fetch", "minilm-l3", "--cache", here / "cache"),
    }
    for name, line in arguments.items():
        done = tool(*line)
        assert (done.code, done.out) == (2, ""), name
        said[name] = masked(done.err, here).partition("error: ")[2]
    assert not (here / "runs").exists()
    text = "".join(f"# {name}\n{message}\n\n" for name, message in said.items())
    if regen:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize(
    "line",
    [
        ("train",),
        ("trian", "study.toml"),
        ("train", "study.toml", "--seeds", 0),
        ("train", "study.toml", "--device", "tpu"),
        ("ls", "--kind", "other"),
        ("train", "study.toml", "--limit", "x"),
    ],
)
def test_wrong_options_end_with_2(here: Path, tool: Callable[..., Any], line: tuple[object, ...]) -> None:
    assert tool(*line).code == 2


def test_unknown_keys_are_refused(here: Path, tool: Callable[..., Any]) -> None:
    tool("train", "study.toml")
    done = tool("show", "zz")
    assert done.code == 2
    assert "no artifact in runs with a key beginning 'zz'" in done.err


def test_a_damaged_store_ends_with_1(here: Path, tool: Callable[..., Any]) -> None:
    tool("train", "study.toml")
    Path("runs/store.toml").write_text("format = 99\n")
    done = tool("train", "study.toml", "--seeds", 2)
    assert done.code == 1
    assert "another format than 1" in done.err
