"""What a prompt does to rows and answers, block by block (Liu et al. 2022, section 5; the estimators are ours).

The paper published no code for its analysis. Measured is, for every example x and a prompt P in front of block k:

- removed: KL(p(y|x,P) ‖ p(y|x)) over the classes; `removed_vocabulary` over all words, where words answer;
- swapped: KL(p(y|x,P) ‖ p(y|x,P₀)), P₀ the rows (or the generator) training began from;
- turned, changed: 1 − cosine, and ‖r_P − r‖ / ‖r‖, of the row the answer is taken from, behind the last block;
- sensitivity, signal, signal_initial: see `gradients.py`; the last with the rows training began from;
- similarity: mean over text rows of the cosine with and without the prompt, behind each block that sees it;
- attention: share of attention that text rows pay to prompt rows, mean over heads and rows, in each such block;
- information: see `probes.py`; in the row that answers, or, where texts are pooled or encoded for a decoder, in the
  mean text row.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from transferkit.artifacts import Influence
from transferkit.backbones import State
from transferkit.backbones.capture import observe_attention
from transferkit.backbones.state import take_rows
from transferkit.batches import Batch, Encoded
from transferkit.measures.gradients import sensitivity, signal
from transferkit.measures.probes import label_entropy, task_information
from transferkit.predictions import Entrant, ready
from transferkit.readouts import Readout
from transferkit.readouts.embedding import pool_mean
from transferkit.readouts.label_words import LabelWords
from transferkit.shapes import FloatArray, IntArray

MOST_BYTES = 2**30  # of rows behind every block, of all prompts together, kept until probes have read them


@dataclass(frozen=True)
class Subject:
    """A prompt, and what its training began from, None where nobody trained; or no prompt at all."""

    prompt: Entrant
    began: Entrant | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no prompt."""
        return self.prompt.vectors is None and self.prompt.generator is None

    @property
    def start(self) -> int:
        """Blocks that run without the prompt."""
        return self.prompt.placement.insert_after


@dataclass(frozen=True)
class Way:
    """How a batch went through the stack: text rows in front of each block from where the prompt joined, and behind.

    Attributes:
        rows, real: text rows, and which of them are no padding; of a decoder its own.
        attention: share of it paid to the prompt, per block [B]; NaN where a block has no prompt row.
        read: the row the answer is taken from [B,d].
        scores: of the classes [B,K]; `words` of all words [B,V], None where they do not answer.
    """

    rows: Sequence[Float[Tensor, "B T d"]]
    real: Sequence[Bool[Tensor, "B T"]]
    attention: Sequence[Float[Tensor, "B"]]
    read: Float[Tensor, "B d"]
    scores: Float[Tensor, "B K"]
    words: Float[Tensor, "B V"] | None


@dataclass
class Gathered:
    """Numbers of one subject, batch by batch: of examples [B], of blocks [L−k,B], and what probes read [L−k+1][B,d]."""

    by_example: dict[str, list[FloatArray]] = field(default_factory=dict)
    by_block: dict[str, list[FloatArray]] = field(default_factory=dict)
    features: list[list[FloatArray]] = field(default_factory=list)


def measure_influence(
    readout: Readout,
    encoded: Encoded,
    subjects: Sequence[Subject],
    *,
    n_gradients: int,
    n_folds: int,
    batch_size: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> list[Influence]:
    """Return what each prompt does on one split of a task with classes.

    Args:
        readout: of the task, which knows its backbone.
        encoded: the split.
        subjects: prompts; of no prompt the information in unprompted rows is measured alone.
        n_gradients: examples whose gradients are taken, the first ones of the split.
        n_folds: folds of the probes.
        batch_size: examples per forward pass; changes memory, not numbers beyond rounding.
        progress: called with the number of (prompt, example) pairs done.
    """
    found: list[Influence] = []
    a_subject = 4 * len(encoded) * (readout.backbone.n_blocks + 1) * readout.backbone.width
    at_once = max(1, MOST_BYTES // a_subject)
    for begin in range(0, len(subjects), at_once):
        some = subjects[begin : begin + at_once]
        gathered, order = _forward(readout, encoded, some, batch_size, progress)
        for subject, one in zip(some, gathered, strict=True):
            gradients: dict[str, FloatArray] = {}
            if not subject.is_empty:
                gradients["sensitivity"], gradients["signal"] = sensitivity(
                    readout, encoded, subject.prompt, n=n_gradients, batch_size=batch_size
                )
            if subject.began is not None:
                gradients["signal_initial"] = signal(
                    readout, encoded, subject.began, n=n_gradients, batch_size=batch_size
                )
            whole = _finished(subject, one, order, encoded.gold, n_folds)
            found.append(dataclasses.replace(whole, by_example={**whole.by_example, **gradients}))
    return found


@torch.no_grad()
def _forward(
    readout: Readout,
    encoded: Encoded,
    subjects: Sequence[Subject],
    batch_size: int,
    progress: Callable[[int], None],
) -> tuple[list[Gathered], IntArray]:
    """Return what forward passes tell of each subject, and the numbers of the examples in the order of the passes."""
    found, order = [Gathered() for _ in subjects], []
    for batch in encoded.without_rows.in_order(batch_size):
        here = batch.to(readout.backbone.device)
        plain = _walk(readout, here, Entrant(None, subjects[0].prompt.placement), 0)
        order.append(batch.index.numpy())
        for subject, gathered in zip(subjects, found, strict=True):
            if subject.is_empty:
                _keep_features(readout, here, plain, 0, gathered)
            else:
                after = _with_rows(readout, here, plain, subject.start)
                way = _behind(plain, subject, _walk(readout, after, subject.prompt, subject.start))
                _keep_features(readout, here, way, subject.start, gathered)
                _compare(readout, after, subject, (way, plain), gathered)
            progress(len(batch.index))
    return found, np.concatenate(order)


def _with_rows(readout: Readout, batch: Batch, plain: Way, start: int) -> Batch:
    """Return a batch that brings along its rows in front of a block, which no prompt changed; see `Backbone.below`."""
    in_decoder = readout.backbone.kind == "encoder-decoder" and start >= readout.backbone.stack.n_encoder
    if start == 0 or in_decoder:
        return batch
    return dataclasses.replace(batch, stored=plain.rows[start], stored_depth=start)


def _behind(plain: Way, subject: Subject, way: Way) -> Way:
    """Return a way with the unprompted rows in front of the block where the prompt joins.

    They are its own, but for a prompt in front of a decoder's first block, whose State has crossed over already.
    """
    if subject.prompt.placement.entry == "words":  # it moves the positions of the text
        return way
    rows, real = [plain.rows[subject.start], *way.rows[1:]], [plain.real[subject.start], *way.real[1:]]
    return dataclasses.replace(way, rows=rows, real=real)


def _walk(readout: Readout, batch: Batch, entrant: Entrant, start: int) -> Way:
    """Take a batch through the stack block by block, from where a prompt joins; from the words without one."""
    backbone = readout.backbone
    state = backbone.enter(batch, ready([entrant], backbone), entrant.placement)
    has_prompt = state.n_prefix + state.hidden.shape[1] > state.text_rows.shape[1]
    joined_decoder = state.memory is not None
    rows, real, attention = [_text(state)], [_real(state, batch)], []
    with observe_attention(backbone) as seen:
        for depth in range(start, backbone.n_blocks):
            before = state
            state = backbone.run(state, depth, depth + 1)
            rows.append(_text(state))
            real.append(_real(state, batch))
            is_there = has_prompt and (joined_decoder or state.memory is None)
            nothing = rows[-1].new_full((len(batch.ids),), math.nan)
            attention.append(_paid(seen[-1], before, real[-2]) if is_there else nothing)
    hidden = backbone.finish(state, readout.rows(batch))
    words = backbone.head(hidden).squeeze(1) if isinstance(readout, LabelWords) else None
    read = hidden.squeeze(1) if hidden.shape[1] == 1 else pool_mean(hidden, batch.mask)
    return Way(rows, real, attention, read.float(), readout.scores(hidden, batch), words)


def _text(state: State) -> Float[Tensor, "B T d"]:
    return take_rows(state.hidden, state.text_rows)


def _real(state: State, batch: Batch) -> Bool[Tensor, "B T"]:
    return batch.mask if state.memory is None else state.mask.gather(1, state.text_rows)


def _paid(seen: Float[Tensor, "B S K"], state: State, real: Bool[Tensor, "B T"]) -> Float[Tensor, "B"]:
    """Return the share of attention that text rows pay to prompt rows, mean over real text rows."""
    is_text = torch.zeros_like(state.mask).scatter(1, state.text_rows, torch.ones_like(real))
    ahead = state.mask.new_ones(len(is_text), state.n_prefix)
    is_prompt = torch.cat([ahead, state.mask & ~is_text], dim=1)
    share = (seen * is_prompt[:, None, :]).sum(-1, keepdim=True)
    return pool_mean(take_rows(share, state.text_rows), real).squeeze(-1)


def _keep_features(readout: Readout, batch: Batch, way: Way, start: int, gathered: Gathered) -> None:
    """Keep what a probe reads in front of each block and behind the last."""
    two_stacks, n_encoder = readout.backbone.kind == "encoder-decoder", readout.backbone.stack.n_encoder
    gathered.features = gathered.features or [[] for _ in way.rows]
    for depth, (rows, real) in enumerate(zip(way.rows, way.real, strict=True), start):
        at = readout.rows(batch)
        pooled = at.shape[1] > 1 or (two_stacks and depth <= n_encoder)
        found = pool_mean(rows.float(), real) if pooled else take_rows(rows, at).squeeze(1).float()
        gathered.features[depth - start].append(found.cpu().numpy())


def _compare(readout: Readout, batch: Batch, subject: Subject, ways: tuple[Way, Way], gathered: Gathered) -> None:
    """Keep how the rows and answers of a batch differ from those without a prompt."""
    way, plain = ways
    examples = {
        "removed": _divergence(way.scores, plain.scores),
        "turned": 1 - F.cosine_similarity(way.read, plain.read, dim=-1),
        "changed": (way.read - plain.read).norm(dim=-1) / plain.read.norm(dim=-1),
    }
    if way.words is not None and plain.words is not None:
        examples["removed_vocabulary"] = _divergence(way.words, plain.words)
    if subject.began is not None:
        backbone, placement = readout.backbone, subject.prompt.placement
        began = readout.logits(backbone.enter(batch, ready([subject.began], backbone), placement), batch)
        examples["swapped"] = _divergence(way.scores, began)
    behind = zip(way.rows[1:], plain.rows[subject.start + 1 :], way.real[1:], strict=True)
    alike = [
        pool_mean(F.cosine_similarity(a.float(), b.float(), dim=-1)[..., None], real).squeeze(-1)
        for a, b, real in behind
    ]
    for name, values in examples.items():
        gathered.by_example.setdefault(name, []).append(values.float().cpu().numpy())
    for name, of_blocks in (("similarity", alike), ("attention", way.attention)):
        gathered.by_block.setdefault(name, []).append(torch.stack(list(of_blocks)).float().cpu().numpy())


def _divergence(first: Float[Tensor, "B K"], second: Float[Tensor, "B K"]) -> Float[Tensor, "B"]:
    """Return KL(softmax(first) ‖ softmax(second)), in nats."""
    mine, theirs = F.log_softmax(first.double(), -1), F.log_softmax(second.double(), -1)
    return (mine.exp() * (mine - theirs)).sum(-1).clamp(min=0)


def _finished(
    subject: Subject,
    found: Gathered,
    order: IntArray,
    gold: IntArray,
    n_folds: int,
) -> Influence:
    back = np.argsort(order)
    features = (np.concatenate(parts)[back] for parts in found.features)
    return Influence(
        start=0 if subject.is_empty else subject.start,
        by_example={name: np.concatenate(parts)[back] for name, parts in found.by_example.items()},
        by_block={name: np.concatenate(parts, axis=1)[:, back] for name, parts in found.by_block.items()},
        information=np.array([task_information(rows, gold, n_folds=n_folds) for rows in features]),
        entropy=label_entropy(gold),
    )
