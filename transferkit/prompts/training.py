"""The training loop of prompt tuning (Lester et al. 2021; Su et al. 2022), resumable bit for bit on the CPU.

Only the prompt learns. Nothing is computed that is not read: length-bucketed batches, class scores at the answer row,
no gradient of frozen weights, no graph below the prompt. Checkpoints are chosen on the selection split alone.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from transferkit.artifacts import Cell, Prompt
from transferkit.backbones import Backbone
from transferkit.batches import Batch, Encoded
from transferkit.errors import RunError
from transferkit.predictions import Entrant, class_scores, metrics_of
from transferkit.prompts import checkpoint
from transferkit.prompts.alarms import find_alarms
from transferkit.prompts.optimizers import make_optimizer, rate_factor
from transferkit.readouts import Readout, loss
from transferkit.specs import PromptSpec

STREAM = 2  # this use's stream of a seed; initial rows have their own
EVALUATION_BATCH = 32

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Data:
    """The two splits training may see."""

    train: Encoded
    selection: Encoded


@dataclass
class Run:
    """All that changes while a prompt is trained, and so all that a resumed run needs."""

    vectors: nn.Parameter
    initial: Float[Tensor, "P d"]
    optimizer: torch.optim.Optimizer
    best: Float[Tensor, "P d"]
    best_rank: tuple[float, float] = (-math.inf, -math.inf)
    best_classes: int = 0
    early: Float[Tensor, "P d"] | None = None
    step: int = 0
    stale: int = 0
    history: list[dict[str, Cell]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def prompt(self) -> Float[Tensor, "P d"]:
        """Return the flat parameter as rows."""
        return self.vectors.view_as(self.best)


def train(
    spec: PromptSpec,
    backbone: Backbone,
    readout: Readout,
    data: Data,
    *,
    initial: Float[Tensor, "P d"],
    scratch: Path,
    progress: Progress = lambda _steps: None,
) -> tuple[Prompt, dict[str, object]]:
    """Train a prompt and return it with its health report.

    Args:
        spec: what is asked.
        backbone: the frozen model.
        readout: how its answers are read for the spec's task.
        data: training and selection split, encoded.
        initial: rows to begin from, float32 [P,d].
        scratch: folder for the state of the unfinished run; a state found there is resumed.
        progress: called with the number of steps done, after each.

    Raises:
        RunError: the loss is not finite.
    """
    recipe = spec.recipe
    run = _begin(spec, backbone, initial)
    with torch.random.fork_rng(devices=[backbone.device] if backbone.device.type == "cuda" else []):
        torch.manual_seed(spec.seed)
        if checkpoint.load(scratch, run):
            progress(run.step)
        else:
            _evaluate(spec, backbone, readout, data, run, losses=[], gradient=None)
        losses: list[float] = []
        started = time.perf_counter()
        batches = _batches(data.train, spec, run.step)
        while run.step < recipe.steps and (recipe.patience is None or run.stale < recipe.patience):
            value, gradient = _step(spec, backbone, readout, next(batches).to(backbone.device), run)
            losses.append(value)
            run.step += 1
            if run.step == recipe.early_step:
                run.early = run.prompt().detach().clone()
            if run.step % recipe.evaluate_every == 0 or run.step == recipe.steps:
                _evaluate(spec, backbone, readout, data, run, losses=losses, gradient=gradient)
                run.seconds.append(time.perf_counter() - started)
                checkpoint.save(scratch, run)
                losses, started = [], time.perf_counter()
            progress(1)
    return _finished(spec, backbone, run)


def _begin(spec: PromptSpec, backbone: Backbone, initial: Float[Tensor, "P d"]) -> Run:
    start = initial.to(backbone.device, torch.float32)
    vectors = nn.Parameter(start.flatten().clone())
    return Run(vectors, start, make_optimizer(vectors, spec.recipe), start.clone())


def _batches(train: Encoded, spec: PromptSpec, step: int) -> Iterator[Batch]:
    """Yield the batches from a step on; a function of the step alone, so a resumed run sees the same ones."""
    size = spec.recipe.batch_size
    epoch, done = divmod(step, math.ceil(len(train) / size))
    while True:
        for index in train.shuffled(size, np.random.default_rng([spec.seed, STREAM, epoch]))[done:]:
            yield train.batch(index)
        epoch, done = epoch + 1, 0


def _step(spec: PromptSpec, backbone: Backbone, readout: Readout, batch: Batch, run: Run) -> tuple[float, float]:
    recipe = spec.recipe
    with backbone.dropout(recipe.backbone_dropout):
        state = backbone.enter(batch, run.prompt(), recipe.placement)
        value = loss(readout.logits(state, batch), batch.gold)
    if not torch.isfinite(value):
        raise _diverged(spec, f"the loss is {value.item()} at step {run.step + 1}")
    run.optimizer.zero_grad(set_to_none=True)
    value.backward()
    gradient = nn.utils.clip_grad_norm_([run.vectors], recipe.clip_norm or math.inf)
    for group in run.optimizer.param_groups:
        group["lr"] = recipe.learning_rate * rate_factor(run.step, recipe)
    run.optimizer.step()
    return value.item(), gradient.item()


@torch.no_grad()
def _evaluate(
    spec: PromptSpec,
    backbone: Backbone,
    readout: Readout,
    data: Data,
    run: Run,
    *,
    losses: list[float],
    gradient: float | None,
) -> None:
    """Score the prompt on the selection split; keep it if it is the best so far (score, then loss, then earliest)."""
    vectors = run.prompt().detach()
    entrant = Entrant(vectors, spec.recipe.placement)
    (logits,) = class_scores(backbone, readout, data.selection, [entrant], batch_size=EVALUATION_BATCH)
    if not np.isfinite(logits).all():
        raise _diverged(spec, f"the class scores are not finite at step {run.step}")
    metrics = metrics_of(spec.task, data.selection.gold, logits)
    rank = (metrics[spec.task.metric], -metrics["loss"])
    run.history.append(
        {
            "step": run.step,
            "train_loss": float(np.mean(losses)) if losses else None,
            "selection_score": rank[0],
            "selection_loss": metrics["loss"],
            "prompt_norm": vectors.norm().item(),
            "gradient_norm": gradient,
        }
    )
    if run.step == 0:  # the untrained start is shown, never chosen
        return
    is_better = rank > run.best_rank
    run.stale = 0 if is_better else run.stale + 1
    run.best_rank = max(rank, run.best_rank)
    if is_better or spec.recipe.select == "last":
        run.best = vectors.clone()
        run.best_classes = len(np.unique(logits.argmax(1)))


def _diverged(spec: PromptSpec, what: str) -> RunError:
    return RunError(
        f"{spec.task.name}, seed {spec.seed}: {what}",
        fix=f"lower learning_rate (now {spec.recipe.learning_rate}) or set clip_norm",
    )


def _finished(spec: PromptSpec, backbone: Backbone, run: Run) -> tuple[Prompt, dict[str, object]]:
    # PEFT knows prompts in front of the text at the word level and no others.
    words = spec.recipe.placement.entry == "words" and spec.recipe.placement.where == "front"
    prompt = Prompt(
        vectors=run.best.cpu().numpy(),
        initial=run.initial.cpu().numpy(),
        live=np.ones(len(run.best), dtype=bool),
        history=run.history,
        peft=_peft(backbone) if words else None,
        early=None if run.early is None else run.early.cpu().numpy(),
    )
    health: Mapping[str, object] = {
        "alarms": find_alarms(run.history, n_classes=len(spec.task.labels), predicted_classes=run.best_classes),
        "seconds": [round(s, 3) for s in run.seconds],
        "steps": run.step,
    }
    return prompt, dict(health)


def _peft(backbone: Backbone) -> dict[str, str | int]:
    return {
        "base_model_name_or_path": backbone.upstream,
        "num_attention_heads": backbone.config.num_attention_heads,
        "num_layers": backbone.n_blocks,
    }
