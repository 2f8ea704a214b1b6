"""A sweep asks for prompts at several depths, for their scores, and for what they do to rows and answers."""

import dataclasses
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from transferkit.own_task import OwnTask
from transferkit.specs import Generator, InfluenceSpec, NoPrompt, PromptSpec, Recipe, TrainedPrompt, key
from transferkit.study import Study, from_json, to_json
from transferkit.study.sweep import Sweep
from transferkit.tasks.base import Answer

RECIPE = Recipe(learning_rate=0.3)
GENERATORS = (Generator(kind="max_pool", width=8), Generator(kind="bottleneck", width=8))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that say they are models; nothing here reads their weights."""
    monkeypatch.chdir(tmp_path)
    for name, architecture in (("masks", "BertForMaskedLM"), ("writes", "GPT2LMHeadModel")):
        Path(name).mkdir()
        Path(name, "config.json").write_text(json.dumps({"architectures": [architecture]}))
        Path(name, "model.safetensors").write_text(architecture)
    Path("asked.jsonl").write_text('{"q": "who", "answers": ["Ann"]}\n')


def asking(backbone: str = "masks", *, sweep: dict[str, object] | None = None, **fields: object) -> Study:
    chosen = {"tasks": ["bbc_news", "rotten_tomatoes"], "seeds": [0, 1], "recipe": RECIPE} | fields
    return Study(backbones=[backbone], sweep=Sweep(**{"insert_after": (0, 2)} | (sweep or {})), **chosen)


def test_influence_is_asked_of_every_swept_prompt_and_of_no_prompt() -> None:
    asked = asking(sweep={"generators": GENERATORS[:1]})
    found = asked.influences()
    assert len(asked.swept_prompts()) == 2 * 3 * 2  # tasks; plain at two depths and made at one; seeds
    assert len(found) == 2 * (1 + 3 * 2)
    assert len({key(spec) for spec in found}) == len(found)
    for task, specs in ((task, [spec for spec in found if spec.task.name == task]) for task in asked.tasks):
        assert isinstance(specs[0].source, NoPrompt)
        swept = [key(spec) for spec in asked.swept_prompts() if spec.task.name == task]
        assert [spec.source.key for spec in specs[1:]] == swept
    assert all(spec.split == "report" and spec.source.task == spec.task.name for spec in found if is_trained(spec))
    asked_for = [spec for spec in asked.specs() if isinstance(spec, InfluenceSpec)]
    assert [key(spec) for spec in asked_for] == [key(spec) for spec in found]


def is_trained(spec: InfluenceSpec) -> bool:
    return isinstance(spec.source, TrainedPrompt)


def test_influence_is_measured_on_the_examples_that_are_scored() -> None:
    asked = asking(tasks=["bbc_news"], limit=5)
    scored = {key(spec.source): spec.task for spec in asked.swept_scores()}
    assert {key(spec.source): spec.task for spec in asked.influences() if is_trained(spec)} == scored


def test_influence_is_asked_only_where_a_sweep_wants_it() -> None:
    wanted, without = asking(tasks=["bbc_news"]), asking(tasks=["bbc_news"], sweep={"influence": False})
    assert without.influences() == []
    assert dataclasses.replace(wanted, sweep=None).influences() == []
    assert {key(spec) for spec in wanted.specs()} - {key(spec) for spec in without.specs()} == {
        key(spec) for spec in wanted.influences()
    }


def test_of_tasks_whose_answers_are_texts_none_is_asked() -> None:
    own = {"mine": OwnTask(data="asked.jsonl", text="q", answer=Answer(max_new_tokens=4))}
    asked = asking("writes", tasks=["bbc_news"], task=own)
    assert {spec.task.name for spec in asked.swept_prompts()} == {"bbc_news", "mine"}
    assert {spec.task.name for spec in asked.influences()} == {"bbc_news"}
    assert asking("writes", tasks=[], task=own).influences() == []


def points(swept: list[PromptSpec]) -> list[tuple[Generator | None, int, float]]:
    return [(spec.recipe.generator, spec.recipe.placement.insert_after, spec.recipe.learning_rate) for spec in swept]


def test_a_rate_for_generators_reaches_their_points_alone() -> None:
    expected = [(None, 0), (None, 2), (GENERATORS[0], 2), (GENERATORS[1], 2)]
    plain = []
    for rate, of_generators in ((0.001, 0.001), (None, RECIPE.learning_rate)):
        asked = asking(tasks=["bbc_news"], seeds=[0], sweep={"generators": GENERATORS, "generator_rate": rate})
        rates = [of_generators if made else RECIPE.learning_rate for made, _ in expected]
        assert points(asked.swept_prompts()) == [(*point, rate) for point, rate in zip(expected, rates, strict=True)]
        assert {spec.recipe.learning_rate for spec in asked.prompts()} == {RECIPE.learning_rate}
        plain.append([key(spec) for spec in asked.swept_prompts()[:2]])
    assert plain[0] == plain[1]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValidationError, match="generator_rate"):
        Sweep(insert_after=(1,), generator_rate=rate)


def test_a_sweep_round_trips() -> None:
    asked = asking(sweep={"generators": GENERATORS, "generator_rate": 0.001, "influence": False})
    again = from_json(to_json(asked))
    assert again.sweep == asked.sweep
    assert [key(spec) for spec in again.specs()] == [key(spec) for spec in asked.specs()]
