"""The recipes of CONTRIBUTING.md run as they stand there, and what they build keeps its contract."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from test_readme import write_own_study
from tiny import make_tiny, toy_tokenizer
from torch.nn import functional as F
from transformers import ElectraConfig, ElectraForMaskedLM

from transferkit import named, run, tasks
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone, families
from transferkit.batches import Batch, encode
from transferkit.examples import load
from transferkit.executors import Inline
from transferkit.indicators import BY_NAME, PromptIndicator
from transferkit.progress import Quiet
from transferkit.readouts import losses
from transferkit.report import write
from transferkit.results import Results
from transferkit.specs import BackboneSpec
from transferkit.store import Store
from transferkit.study import Study
from transferkit.tasks.base import Task
from transferkit.work import Workshop

TEXT = (Path(__file__).resolve().parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def recipe(title: str, language: str = "python") -> str:
    """Return the code of one recipe."""
    (section,) = re.findall(rf"^## How to add an? {title}\n(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    return code


@pytest.fixture
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Run a recipe as a module, as a contributor's file would be."""
    module = types.ModuleType(f"recipe_{request.node.name}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their own module up
    exec(compile(recipe(request.param), f"CONTRIBUTING.md: {request.param}", "exec"), module.__dict__)  # noqa: S102
    return module


def of(title: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("made", [title], indirect=True)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Store]:
    """A store filled with the README's own task and a copy of it, on a tiny random backbone."""
    folder = tmp_path_factory.mktemp("filled")
    path = write_own_study(folder)
    own = path.read_text()
    path.write_text(own + own[own.index("[task.my_reviews]") :].replace("my_reviews", "other_reviews"))
    asked, store = named.find_study(str(path)), Store(folder / "runs")
    assert not run.fill(asked, store, device="cpu").failed
    return asked, store


def batch_of(backbone: Backbone, task: Task) -> Batch:
    return next(encode(load(task)["report"], task, backbone, "embedding", room=0).in_order(8))


def test_six_recipes_are_there() -> None:
    titles = re.findall(r"^## How to add an? (.+)$", TEXT, flags=re.MULTILINE)
    assert titles == ["task", "backbone family", "readout", "indicator", "analysis", "executor"]


@of("task")
def test_task(made: types.ModuleType) -> None:
    task = made.SUBJECTIVITY
    assert task.name not in tasks.TASKS
    assert task.shown("embedding") == "{text}"
    assert task.chance == 0.5


@of("backbone family")
def test_family_equals_the_stock_model(made: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.FAMILIES, "electra", made.ELECTRA)
    torch.manual_seed(0)
    tokenizer = toy_tokenizer()
    config = ElectraConfig(
        vocab_size=len(tokenizer),
        embedding_size=32,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=64,
    )
    backbone = Backbone(
        ElectraForMaskedLM(config), tokenizer, spec=BackboneSpec(name="tiny-electra", revision="0"), upstream="tiny"
    )
    ids = torch.randint(5, len(tokenizer), (3, 9))
    mask = torch.arange(9) < torch.tensor([9, 5, 7])[:, None]
    zeros = torch.zeros(3, dtype=torch.long)
    batch = Batch(ids, mask, None, zeros, zeros, torch.arange(3), is_padded=True)
    rows = torch.tensor([[2], [3], [4]])
    with torch.no_grad():
        stock = backbone.model(input_ids=ids, attention_mask=mask.long()).logits
        for k in range(backbone.n_blocks + 1):
            ours = backbone.read(backbone.run(backbone.embed(batch), 0, k), rows)
            torch.testing.assert_close(ours, stock.gather(1, rows[..., None].expand(-1, -1, len(tokenizer))))


@of("readout")
def test_readout_equals_a_loop(made: types.ModuleType, toy_task: Task) -> None:
    backbone = make_tiny("bert")
    batch = batch_of(backbone, toy_task)
    readout = made.InnerProduct.of(backbone, [batch_of(backbone, toy_task)])
    logits = readout.logits(backbone.embed(batch), batch)
    hidden = backbone.run(backbone.embed(batch), 0, backbone.n_blocks).hidden
    for i, anchor in enumerate(readout.anchors):
        for j, row in enumerate(hidden):
            torch.testing.assert_close(logits[j, i], row[batch.mask[j]].mean(0) @ anchor, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(losses(logits, batch.gold).mean(), F.cross_entropy(logits, batch.gold))


@of("indicator")
def test_indicator_keeps_the_contract(made: types.ModuleType) -> None:
    indicator = made.BestMatch()
    rng = np.random.default_rng(0)
    prompts = [Prompt(rng.normal(size=(5, 8)), rng.normal(size=(5, 8)), np.ones(5, dtype=bool)) for _ in range(4)]
    assert isinstance(indicator, PromptIndicator)
    assert indicator.name not in BY_NAME
    values = indicator(prompts, prompts[:3])
    assert values.shape == (4, 3)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(np.diag(values), 1.0)
    assert not indicator.symmetric
    assert not np.allclose(values[:3], values[:3].T)


@of("analysis")
def test_analysis_writes_a_report(made: types.ModuleType, filled: tuple[Study, Store], tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write(made.analyze(Results(*filled)), folder)
    assert "Zero-shot transfer" in (folder / "index.html").read_text()
    assert (folder / "figures" / "transfer.csv").is_file()


def test_study_of_the_analysis_is_right(tmp_path: Path) -> None:
    path = tmp_path / "seeds.toml"
    path.write_text(recipe("analysis", "toml"))
    asked = named.find_study(str(path))
    assert asked.recipe.steps == 150
    assert len(asked.prompts()) == 3 * len(tasks.GROUPS["review-sentiment"])


@of("executor")
def test_executor_fills_the_same_store(
    made: types.ModuleType, filled: tuple[Study, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, expected = filled
    store = Store(tmp_path / "again")
    workshop = Workshop(store, device="cpu")
    make, tried = workshop.make, []

    def fail_once(group: object, advance: object) -> None:
        tried.append(group)
        if tried.count(group) == 1:
            raise torch.OutOfMemoryError("not now")
        make(group, advance)  # type: ignore[arg-type]

    monkeypatch.setattr(workshop, "make", fail_once)
    executor = made.Patient(Inline(workshop))
    todo = run.plan(asked, store)
    for name in ("examples", "prompts", "scores", "neurons", "words"):
        executor.run(name, getattr(todo, name), store, Quiet())
    assert all(store.has(spec) for spec in asked.specs())
    for spec in asked.specs():
        manifests = [(folder.path(spec) / "manifest.json").read_text() for folder in (store, expected)]
        assert manifests[0] == manifests[1]
