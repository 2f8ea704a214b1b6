"""A projector tuned on tasks learns through a frozen target: its numbers move, the target's do not, the loss falls."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from prompts.toy_training import Toy, toy_recipe
from tiny import make_tiny

from transferkit import weights
from transferkit.backbones import Backbone
from transferkit.errors import RunError
from transferkit.projectors import Taught, project, shapes, tune
from transferkit.projectors.nets import first_weights
from transferkit.prompts import Job, Run
from transferkit.specs import CausalReadout, EmbeddingReadout, MaskedReadout, PromptNet, Seq2seqReadout

WIDTH = 16  # of the source
READOUTS = {
    "masked": ("bert", MaskedReadout()),
    "causal": ("gpt2", CausalReadout()),
    "seq2seq": ("t5", Seq2seqReadout()),
    "embedding": ("bert", EmbeddingReadout()),
}


class Setting:
    """A tiny target, two tasks with prompts of a source, and a network between them."""

    def __init__(self, kind: str, form: str, folder: Path, **fields: object) -> None:
        family, readout = READOUTS[kind]
        self.backbone: Backbone = make_tiny(family)
        self.method = PromptNet(form=form, objective="tasks", width=8)
        toys = [Toy.of(self.backbone, toy_recipe(**_fields(fields)), seed=seed, kind=readout) for seed in (0, 1)]
        rows = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, WIDTH)).astype(np.float32))
        jobs: list[Job] = [toy.job(folder / str(i)) for i, toy in enumerate(toys)]
        self.taught = [Taught(job, prompt) for job, prompt in zip(jobs, rows, strict=True)]
        self.shapes = shapes(self.method, 3, WIDTH, self.backbone.width)
        words = self.backbone.words(torch.arange(20)).detach().float().numpy()
        self.start = weights.join(first_weights(self.method, 3, WIDTH, words, 0), self.shapes)
        self.folder = folder

    def made(self, flat: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
        return project(self.method, weights.split(flat, self.shapes), prompt[None])[0]

    def run(self, **more: object) -> tuple[torch.Tensor, list[dict]]:
        run = self.whole(**more)
        return run.best, run.history

    def whole(self, **more: object) -> Run:
        return tune(self.made, self.start, self.taught, self.backbone, name="one", scratch=self.folder, **more)


def _fields(fields: dict[str, object]) -> dict[str, object]:
    return {"steps": 30, "evaluate_every": 15, "learning_rate": 0.03, "batch_size": 12} | fields


@pytest.mark.parametrize("form", ["flat", "rows"])
@pytest.mark.parametrize("kind", READOUTS)
def test_numbers_move_and_the_loss_falls(kind: str, form: str, tmp_path: Path) -> None:
    setting = Setting(kind, form, tmp_path)
    frozen = {name: value.clone() for name, value in setting.backbone.model.state_dict().items()}
    found, history = setting.run()
    moved = weights.split((found - setting.start).abs(), setting.shapes)
    assert all(bool((part > 0).any()) for part in moved.values())  # every layer, not the last alone
    assert history[-1]["selection_loss"] < history[0]["selection_loss"] - 0.01  # random bodies leave little to gain
    assert all(torch.equal(value, frozen[name]) for name, value in setting.backbone.model.state_dict().items())


def test_a_gradient_is_that_of_the_plain_graph(tmp_path: Path) -> None:
    """One step of plain descent written out: the prompt's gradient, taken through the network by autograd."""
    setting = Setting("masked", "flat", tmp_path, steps=1, evaluate_every=1, batch_size=200)
    job = setting.taught[0].job
    flat = setting.start.clone().requires_grad_(True)
    batch = job.data.train.batch(np.arange(len(job.data.train)))
    rows = setting.made(flat, setting.taught[0].prompt)
    state = setting.backbone.enter(batch, rows[None], job.spec.recipe.placement)
    scores = job.readout.scores(setting.backbone.finish(state, job.readout.rows(batch)), batch)
    torch.nn.functional.cross_entropy(scores, batch.gold).backward()
    found, _ = setting.run()
    # AdamW's first step has size learning_rate against the sign of each number's gradient.
    clear = flat.grad.abs() > 0.001 * flat.grad.abs().max()
    assert clear.float().mean() > 0.5
    step = (found - setting.start)[clear]
    torch.testing.assert_close(step, -0.03 * flat.grad[clear].sign(), rtol=0.02, atol=1e-5)


def test_the_best_weights_are_kept_by_the_mean_over_tasks(tmp_path: Path) -> None:
    setting = Setting("masked", "rows", tmp_path, steps=30, evaluate_every=5, learning_rate=0.3)
    found, history = setting.run()
    ranks = [(h["selection_score"], -h["selection_loss"]) for h in history[1:]]
    names = [name for name in history[0] if name.startswith("selection_score ")]
    assert names == ["selection_score toy"]  # both toys are of one name; a study's tasks have names of their own
    best = 1 + max(range(len(ranks)), key=ranks.__getitem__)
    again = Setting("masked", "rows", tmp_path / "again", steps=30, evaluate_every=5, learning_rate=0.3)
    assert best * 5 <= 30
    torch.testing.assert_close(again.run()[0], found, rtol=0, atol=0)


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = Setting("masked", "flat", tmp_path / "whole").run()
    setting = Setting("masked", "flat", tmp_path / "killed")
    done: list[int] = []

    def stop(n: int) -> None:
        done.append(n)
        if sum(done) == 22:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setting.run(progress=stop)
    progressed: list[int] = []
    run = Setting("masked", "flat", tmp_path / "killed").whole(progress=progressed.append)
    assert progressed[0] == 15
    assert 0 < run.cpu_seconds_before < run.cpu_seconds  # of the process that was killed, and of both
    torch.testing.assert_close(run.best, whole[0], rtol=0, atol=0)
    assert run.history == whole[1]


def test_a_loss_that_is_not_finite_is_said(tmp_path: Path) -> None:
    setting = Setting("masked", "rows", tmp_path)
    with pytest.raises(RunError, match=r"not finite by step 0.*\n.*learning_rate"):
        tune(
            lambda flat, prompt: setting.made(flat, prompt) * torch.nan,
            setting.start,
            setting.taught,
            setting.backbone,
            name="one",
            scratch=tmp_path,
        )


def test_made_prompts_of_a_task_depend_on_its_own_prompt(tmp_path: Path) -> None:
    setting = Setting("masked", "rows", tmp_path)
    of_both = [partial(setting.made, setting.start)(one.prompt) for one in setting.taught]
    assert not torch.allclose(*of_both)
