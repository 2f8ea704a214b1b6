"""What training a prompt costs: numbers that learn, and arithmetic by formula."""

from dataclasses import dataclass

import numpy as np

from transferkit import flops
from transferkit.backbones import Backbone
from transferkit.backbones.partial import ffn_widths
from transferkit.batches import Encoded
from transferkit.prompts.runs import Job


def training_cost(job: Job, backbone: Backbone) -> dict[str, float]:
    """Return the numbers that learn, and the operations of an example of a step, in units of 10⁹.

    Counted are the blocks, forward and backward, by `transferkit.flops`: neither head nor generator, and of an
    encoder-decoder the encoder alone. Rows below a late prompt count once for all visits where they are kept. On parts
    of the backbone it is the mean over steps: the share of the whole's arithmetic that `Meter` counts.
    """
    recipe, texts = job.spec.recipe, job.data.train
    of = flops.Dimensions.from_config(backbone.config.to_dict())
    depth = recipe.placement.insert_after
    visits = _visits(job)
    rows, counts = np.unique(texts.lengths, return_counts=True)
    if depth >= of.n_blocks:  # a decoder's prompt lies behind all that is counted, which is never differentiated
        each = [of.n_blocks * flops.forward(of, int(n)) for n in rows]
    else:
        head = 2 * flops.head(of)
        length = recipe.prompt_length
        each = [flops.prompt_tuning(of, int(n), length, insert_after=depth, visits=visits) - head for n in rows]
    blocks = float(np.average(each, weights=counts))
    if job.stages or backbone.is_partial:
        whole = _gflop_of_step(job, backbone, flops.whole(backbone.config.to_dict()))
        blocks *= Meter.of(job, backbone).at(recipe.steps) / (recipe.steps * whole)
    return {"parameters": job.initial.numel(), "gflop_per_example": round(blocks / 1e9, 6)}


@dataclass(frozen=True)
class Meter:
    """What the steps of a prompt's training take, by `flops.prompt_cost`: decoder and head included, no saving counted.

    Attributes:
        ends: step behind which each stage ends, the last one's included.
        each: operations of a step in each stage, forward and backward, in units of 10⁹.
    """

    ends: tuple[int, ...]
    each: tuple[float, ...]

    @classmethod
    def of(cls, job: Job, backbone: Backbone) -> "Meter":
        """Return what the steps of a job take, at the mean over its training texts."""
        steps = job.spec.recipe.steps
        parts = [(stage.until, stage.backbone) for stage in job.stages]
        ends, models = zip(*parts, (steps, backbone), strict=True)
        return cls(ends, tuple(_gflop_of_step(job, model, _kept(model)) for model in models))

    def at(self, step: int) -> float:
        """Return what all steps up to one took, in units of 10⁹ operations."""
        begins = (0, *self.ends[:-1])
        taken = (max(0, min(step, end) - begin) for begin, end in zip(begins, self.ends, strict=True))
        return sum(n * gflop for n, gflop in zip(taken, self.each, strict=True))


def _kept(model: Backbone) -> flops.Kept:
    widths, n_encoder = ffn_widths(model.blocks, model.family), model.stack.n_encoder
    if model.kind != "encoder-decoder":
        return flops.Kept(widths)
    return flops.Kept(widths[:n_encoder], widths[n_encoder:])


def _gflop_of_step(job: Job, model: Backbone, kept: flops.Kept) -> float:
    recipe, texts = job.spec.recipe, job.data.train
    answers = _answer_rows(texts)
    read = 0 if job.spec.readout.kind == "embedding" else answers
    config, visits = model.config.to_dict(), _visits(job)
    rows, counts = np.unique(texts.lengths, return_counts=True)
    each = [
        flops.prompt_cost(
            config,
            int(n),
            recipe.prompt_length,
            answer=answers,
            read=read,
            kept=kept,
            insert_after=recipe.placement.insert_after,
            visits=visits,
        ).total
        for n in rows
    ]
    return recipe.batch_size * float(np.average(each, weights=counts)) / 1e9


def _answer_rows(texts: Encoded) -> int:
    """Return how many rows are read: one for a class, else the mean length of what should be written."""
    if texts.written is None:
        return 1
    return max(1, round(float(np.mean([len(said) for said in texts.written.tokens]))))


def _visits(job: Job) -> float:
    """Return how often an example comes for each time it goes through the blocks below the prompt."""
    recipe, texts = job.spec.recipe, job.data.train
    return 1.0 if texts.stored is None else max(1.0, recipe.steps * recipe.batch_size / len(texts))
