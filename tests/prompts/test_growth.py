"""Training while the backbone grows: a literal loop over parts, resumed bit for bit, chosen on the whole alone."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from backbones.test_partial import activity_of
from prompts.test_states import encoder_depth
from prompts.toy_training import TASK, Toy, toy_recipe
from tiny import make_tiny

from transferkit import flops
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.prompts import Job, Stage, runs, train
from transferkit.readouts import losses, make_readout
from transferkit.specs import EmbeddingReadout, Growth, Placement, PromptSpec, Recipe, stages_of
from transferkit.specs import activity_of as asked_activity
from transferkit.states import StatesShelf
from transferkit.store import Store

STEPS = 15
BOTH = Growth(depth=(0.25, 0.5, 0.75), width=(0.25, 0.5, 0.75))  # ends at 3, 6 and 9 of 15 steps


def growing(**fields: object) -> Recipe:
    return toy_recipe(**{"steps": STEPS, "evaluate_every": 2, "growth": BOTH} | fields)


def job_of(toy: Toy, scratch: Path) -> Job:
    activity = activity_of(toy.backbone)
    parts = [(until, toy.backbone.partial(part, activity)) for until, part in stages_of(toy.spec)]
    stages = [Stage(until, part, make_readout(toy.spec.readout, part, TASK)) for until, part in parts]
    return dataclasses.replace(toy.job(scratch), stages=tuple(stages))


def literal(toy: Toy, job: Job, *, reset: bool = False) -> np.ndarray:
    """Every step by hand: the part of its stage, plain autograd, torch's AdamW."""
    rows = torch.nn.Parameter(toy.initial.clone())
    optimizer = torch.optim.AdamW([rows], weight_decay=0.0)
    epochs = itertools.count()
    order = itertools.chain.from_iterable(
        toy.data.train.shuffled(8, np.random.default_rng([toy.spec.seed, runs.STREAM, epoch])) for epoch in epochs
    )
    for step in range(toy.spec.recipe.steps):
        if reset and step in [stage.until for stage in job.stages]:
            optimizer = torch.optim.AdamW([rows], weight_decay=0.0)
        inside = [stage for stage in job.stages if step < stage.until]
        model, readout = (inside[0].backbone, inside[0].readout) if inside else (toy.backbone, toy.readout)
        batch = toy.data.train.batch(next(order))
        state = model.enter(batch, rows, toy.spec.recipe.placement)
        found = readout.scores(model.finish(state, readout.rows(batch)), batch)
        optimizer.zero_grad()
        losses(found, readout.gold(batch)).mean().backward()
        torch.nn.utils.clip_grad_norm_([rows], 1.0)
        optimizer.param_groups[0]["lr"] = 0.05
        optimizer.step()
    return rows.detach().numpy()


@pytest.mark.parametrize("optimizer", ["carried", pytest.param("reset", marks=pytest.mark.slow)])
def test_growing_is_a_literal_loop_over_parts(tiny: Backbone, tmp_path: Path, optimizer: str) -> None:
    growth = dataclasses.replace(BOTH, optimizer=optimizer)
    toy = Toy.of(tiny, growing(growth=growth, select="last"))
    job = job_of(toy, tmp_path)
    prompt, _ = train(job, tiny)
    wanted = literal(toy, job, reset=optimizer == "reset")
    np.testing.assert_allclose(prompt.vectors, wanted, rtol=1e-4, atol=1e-5)


def test_label_vectors_are_those_of_the_part(tmp_path: Path) -> None:
    """Where answers are compared with vectors of the backbone's own, a part compares with its own."""
    tiny = make_tiny("bert")
    toy = Toy.of(tiny, growing(select="last"), kind=EmbeddingReadout())
    job = job_of(toy, tmp_path)
    np.testing.assert_allclose(train(job, tiny)[0].vectors, literal(toy, job), rtol=1e-4, atol=1e-5)


def test_carrying_and_resetting_differ(tiny_bert: Backbone, tmp_path: Path) -> None:
    found = []
    for optimizer in ("carried", "reset"):
        growth = dataclasses.replace(BOTH, optimizer=optimizer)
        toy = Toy.of(tiny_bert, growing(growth=growth, select="last"))
        found.append(train(job_of(toy, tmp_path / optimizer), tiny_bert)[0].vectors)
    assert not np.allclose(*found)


def stopped_at(step: int, toy: Toy, scratch: Path) -> Prompt:
    """Stop behind a step, then go on to the end with parts and readouts made anew, as in another process."""
    done = 0

    class Stopped(Exception):
        pass

    def progress(n: int) -> None:
        nonlocal done
        done += n
        if done >= step:
            raise Stopped

    with pytest.raises(Stopped):
        train(job_of(toy, scratch), toy.backbone, progress=progress)
    torch.randn(3)
    return train(job_of(toy, scratch), toy.backbone)[0]


RESUMED = [
    pytest.param(*case, marks=[] if quick else pytest.mark.slow)
    for case in itertools.product(("bert", "llama", "t5"), ("carried", "reset"), (1, 3))
    for quick in [case in {("bert", "reset", 3), ("t5", "carried", 3)}]
]


@pytest.mark.parametrize(("family", "optimizer", "every"), RESUMED)
def test_resumed_around_every_boundary_is_undisturbed(family: str, optimizer: str, every: int, tmp_path: Path) -> None:
    growth = dataclasses.replace(BOTH, optimizer=optimizer)
    backbone = make_tiny(family)
    toy = Toy.of(backbone, growing(growth=growth, evaluate_every=every, schedule="linear"))
    train(job_of(toy, tmp_path / "whole"), backbone)[0].write(tmp_path / "whole")
    for boundary in growth.ends(STEPS):
        for step in (boundary - 1, boundary, boundary + 1):
            folder = tmp_path / str(step)
            stopped_at(step, toy, folder).write(folder)
            for name in ("adapter_model.safetensors", "history.csv"):
                assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), (step, name)


@pytest.mark.parametrize("family", ["bert", pytest.param("t5", marks=pytest.mark.slow)])
def test_resumed_with_dropout_is_undisturbed(family: str, tmp_path: Path) -> None:
    backbone = make_tiny(family)
    toy = Toy.of(backbone, growing(backbone_dropout=True, select="last"))
    whole = train(job_of(toy, tmp_path / "whole"), backbone)[0].vectors
    plain = toy.changed(backbone_dropout=False)
    assert not np.allclose(train(job_of(plain, tmp_path / "plain"), backbone)[0].vectors, whole)
    assert np.array_equal(stopped_at(5, toy, tmp_path / "stopped").vectors, whole)


def test_only_the_whole_backbone_chooses(tiny_bert: Backbone, tmp_path: Path) -> None:
    toy = Toy.of(tiny_bert, growing(evaluate_every=1))
    prompt, health = train(job_of(toy, tmp_path), tiny_bert)
    allowed = [row for row in prompt.history if row["step"] > 9]
    best = max(allowed, key=lambda row: (row["selection_score"], -row["selection_loss"], -row["step"]))
    assert best["step"] > 9
    assert float(np.linalg.norm(prompt.vectors)) == pytest.approx(best["prompt_norm"], rel=1e-5)
    assert len(health["step_seconds"]) == STEPS
    assert all(seconds > 0 for seconds in health["step_seconds"])


def test_the_history_counts_the_arithmetic_of_each_stage(tiny_bert: Backbone, tmp_path: Path) -> None:
    toy = Toy.of(tiny_bert, growing(evaluate_every=1))
    prompt, _ = train(job_of(toy, tmp_path), tiny_bert)
    config, lengths = tiny_bert.config.to_dict(), toy.data.train.lengths
    kept = [flops.Kept((16,) * 2), flops.Kept((32,) * 2), flops.Kept((48,) * 3), None]  # of 4 blocks of 64

    def step(kept: flops.Kept | None) -> float:
        return 8 * np.mean([flops.prompt_cost(config, int(n), 3, kept=kept).total for n in lengths]) / 1e9

    wanted = np.cumsum([step(kept[min(3, i // 3)]) for i in range(STEPS)])
    np.testing.assert_allclose([row["gflop"] for row in prompt.history], [0, *wanted], atol=1e-6)


def test_a_late_prompt_grows_above_rows_that_are_kept(tiny: Backbone, tmp_path: Path) -> None:
    """Blocks below the prompt are whole in every stage, so one pass over the texts serves all of them."""
    depth = encoder_depth(tiny, 2)
    toy = Toy.of(tiny, growing(placement=Placement(entry="block", insert_after=depth), select="last"))
    assert {part.above for _, part in stages_of(toy.spec)} == {depth}
    anew = train(job_of(toy, tmp_path / "anew"), tiny)[0]
    kept = StatesShelf(Store(tmp_path)).with_states(toy.data.train, tiny, depth)
    assert kept.stored is not None
    stored = dataclasses.replace(toy, data=dataclasses.replace(toy.data, train=kept))
    found = train(job_of(stored, tmp_path / "stored"), tiny)[0]
    np.testing.assert_allclose(found.vectors, anew.vectors, rtol=2e-3, atol=2e-4)
    assert found.history[-1]["gflop"] < anew.history[-1]["gflop"]


def test_all_seeds_and_schedules_of_a_task_share_one_measurement() -> None:
    backbone = make_tiny("bert")
    specs = [
        Toy.of(backbone, growing(growth=growth), seed=seed).spec
        for growth in (BOTH, Growth(width=(0.5, 0.5, 0.5)))
        for seed in (0, 1)
    ]
    assert len({asked_activity(spec) for spec in specs}) == 1
    alone: PromptSpec = Toy.of(backbone, growing(growth=Growth(depth=(0.5, 0.5, 0.5)))).spec
    assert asked_activity(alone) is None
