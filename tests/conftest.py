"""Tiny random backbones of every family, toy tasks and options shared by all tests; no network, no weights."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny import MASKED, TINY, make_tiny

from transferkit.backbones import Backbone
from transferkit.figures.style import SETTINGS
from transferkit.tasks.base import Label, LocalData, Sizes, Task

torch.set_num_threads(1)  # tiny models: a second thread only waits


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reference", type=Path, default=None, help="folder of the papers' published files")
    parser.addoption("--regen", action="store_true", help="rewrite golden files; review the diff")


@pytest.fixture(scope="session")
def reference(request: pytest.FixtureRequest) -> Path:
    folder = request.config.getoption("--reference")
    if folder is None or not folder.is_dir():
        pytest.skip("published files not at hand: pass --reference=DIR (with the equals sign)")
    return folder


@pytest.fixture(scope="session")
def regen(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--regen")


@pytest.fixture(scope="session", autouse=True)
def quick_fonts() -> Iterator[None]:
    """Reports are written twice as fast; the test of equal bytes takes the real fonts again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "pdf.fonttype", 3)
        yield


# Families that share all but details with another: what is asked of every family is asked of these where CI is.
VARIANTS = ("roberta", "deberta-v2", "mistral", "qwen2", "mt5")
EVERY = [pytest.param(name, marks=pytest.mark.slow if name in VARIANTS else ()) for name in TINY]


@pytest.fixture(scope="session", params=EVERY)
def tiny(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


@pytest.fixture(scope="session", params=[one for one in EVERY if one.values[0] in MASKED])
def tiny_masked(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


@pytest.fixture(scope="session")
def tiny_bert() -> Backbone:
    return make_tiny("bert")


POSITIVE = ["the film was good", "a nice film !", "great food , really great", "it was very nice", "really good food"]
NEGATIVE = ["the film was bad", "an awful film !", "terrible food , really bad", "it was very awful", "really bad food"]


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    extra = ["the", "a", "it was", "very", "film", "food", "really", "not", ". the", "! it"]
    lines = ["text,label"]
    for tail in extra:
        lines += [f'"{text} {tail}",pos' for text in POSITIVE] + [f'"{text} {tail}",neg' for text in NEGATIVE]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def toy_task(toy_file: Path) -> Task:
    return Task(
        name="toy",
        source=LocalData(train=str(toy_file), sha256="0"),
        labels=(
            Label(value="neg", word="bad", description="a bad film"),
            Label(value="pos", word="good", description="a good film"),
        ),
        sizes=Sizes(train=48, selection=16, report=20),
        max_tokens=32,
    )


def with_sizes(task: Task, **sizes: int | None) -> Task:
    return dataclasses.replace(task, sizes=Sizes(**sizes))
