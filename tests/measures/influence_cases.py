"""Prompts of every kind and place on tiny backbones, measured once, and one example at a time taken through by hand."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import torch
from prompts.toy_training import READOUTS, TASK
from tiny import make_tiny

from transferkit.artifacts import Influence
from transferkit.backbones import Backbone, State
from transferkit.batches import Batch, Encoded, encode
from transferkit.examples import Examples
from transferkit.generators import Generated, make_weights
from transferkit.measures import influence
from transferkit.measures.influence import Subject, measure_influence
from transferkit.predictions import Entrant
from transferkit.readouts import Readout, make_readout
from transferkit.specs import EmbeddingReadout, Generator, Placement

TEXTS = ("the film was good", "awful food", "a nice film ! it was really great", "bad", "not very nice")
GOLD = np.array([1, 0, 1, 0, 1])
EXAMPLES = Examples([(text,) for text in TEXTS], GOLD, {})
P = 3
N_GRADIENTS = 3
POOLED = "bert, pooled"
CASES = ("bert", "gpt2", "mistral", "t5", POOLED)  # of each kind and readout; Mistral's attention is local
NOTHING = Entrant(None, Placement())


def rows(seed: int) -> torch.Tensor:
    return torch.randn(P, 32, generator=torch.Generator().manual_seed(seed))


def at(depth: int) -> Placement:
    return Placement(entry="block", insert_after=depth)


def generating(tiny: Backbone, kind: str, seed: int) -> Entrant:
    spec = Generator(kind=kind, width=7)
    return Entrant(None, at(2), generator=Generated.of(spec, tiny, P, make_weights(spec, P, tiny.width, seed)))


def subjects_of(tiny: Backbone) -> list[Subject]:
    inside = Placement(where="after_first" if tiny.kind == "decoder" else "end")
    placements = [Placement(), at(0), at(2), inside]
    if tiny.kind == "encoder-decoder":
        placements += [at(tiny.stack.n_encoder), at(tiny.stack.n_encoder + 1)]
    plain = [Subject(Entrant(rows(i), place), Entrant(rows(50 + i), place)) for i, place in enumerate(placements)]
    kind = {"encoder": "bottleneck", "decoder": "average_pool", "encoder-decoder": "max_pool"}[tiny.kind]
    made = Subject(generating(tiny, kind, 0), generating(tiny, kind, 1))
    return [*plain, made, Subject(NOTHING), Subject(Entrant(rows(9), at(1)))]  # the last one nobody trained


def prepare(name: str) -> tuple[Readout, Encoded]:
    tiny = make_tiny(name.removesuffix(", pooled"))
    kind = EmbeddingReadout() if name == POOLED else READOUTS[tiny.kind]
    return make_readout(kind, tiny, TASK), encode(EXAMPLES, TASK, tiny, kind.kind, room=P)


def measure(readout: Readout, encoded: Encoded, subjects: list[Subject], **options: int) -> list[Influence]:
    """Measure, with what probes read in place of what they find: [L−k+1,n,d]."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(influence, "task_information", lambda read, _gold, **_: read)
        chosen = {"n_gradients": N_GRADIENTS, "n_folds": 2, "batch_size": 2} | options
        return measure_influence(readout, encoded, subjects, **chosen)


@dataclass(frozen=True)
class Case:
    """A backbone and readout, prompts, and what was measured of them."""

    readout: Readout
    encoded: Encoded
    subjects: list[Subject]
    found: list[Influence]
    seen: dict[int, list["Alone"]] = field(default_factory=dict)

    @property
    def tiny(self) -> Backbone:
        return self.readout.backbone

    @property
    def pairs(self) -> list[tuple[Subject, Influence]]:
        """Every prompt there is, and what was found of it."""
        return [pair for pair in zip(self.subjects, self.found, strict=True) if not pair[0].is_empty]

    @property
    def unprompted(self) -> Influence:
        return next(found for subject, found in zip(self.subjects, self.found, strict=True) if subject.is_empty)

    def enter(self, entrant: Entrant, i: int) -> tuple[Batch, State]:
        """Put one example behind a prompt."""
        batch = self.encoded.batch(np.array([i]))
        return batch, self.tiny.enter(batch, entrant.generator or entrant.vectors, entrant.placement)

    @torch.no_grad()
    def alone(self, entrant: Entrant) -> list["Alone"]:
        """Take every example through alone, whole passes without padding."""
        if id(entrant) not in self.seen:
            self.seen[id(entrant)] = [self._alone(entrant, i) for i in range(len(TEXTS))]
        return self.seen[id(entrant)]

    def _alone(self, entrant: Entrant, i: int) -> "Alone":
        batch, state = self.enter(entrant, i)
        scores = self.readout.logits(state, batch)[0].double().numpy()
        rows = []
        for depth in range(state.depth, self.tiny.n_blocks + 1):
            state = self.tiny.run(state, state.depth, depth)
            n = batch.ids.shape[1] if state.memory is None else 1
            hidden, where = state.hidden[0], entrant.placement.where
            if where == "after_first" and len(hidden) > n:
                hidden = torch.cat([hidden[:1], hidden[-(n - 1) :]])
            rows.append((hidden[:n] if where == "end" else hidden[-n:]).double().numpy())
        finished = self.tiny.finish(state, self.readout.rows(batch))
        words = self.tiny.head(finished)[0, 0].double().numpy()
        return Alone(scores, words, finished[0].double().mean(0).numpy(), rows)


@dataclass(frozen=True)
class Alone:
    """What one example comes to; its text rows are those in front of the block where the prompt joins and behind it."""

    scores: np.ndarray
    words: np.ndarray
    read: np.ndarray
    rows: list[np.ndarray]


@cache
def case(name: str) -> Case:
    readout, encoded = prepare(name)
    subjects = subjects_of(readout.backbone)
    return Case(readout, encoded, subjects, measure(readout, encoded, subjects))
