"""Relative space (Wu et al. 2024): a row is what it is like; rows of the target are looked for that are like the same.

A row's relative representation is its cosine with every anchor, a word both backbones know; only its largest values are
kept. Rows of the target are searched by gradient until theirs, of the same anchors, point the same way. The paper picks
the step by the score on validation data; here it is the last one, so that no label is seen.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transferkit.projectors.vocabulary import SharedWords


@dataclass(frozen=True)
class Relative:
    """Rows ↦ rows of the target that are as near to its anchors.

    Attributes:
        anchors: the words.
        mean, std: of all numbers of the target's word embeddings, to which rows are standardised.
        top_k: anchors that count for a row, those it is most like.
        steps, learning_rate: of the search (Adam).
        seed: of the rows the search begins from.
    """

    anchors: SharedWords
    mean: float
    std: float
    top_k: int = 8192
    steps: int = 2000
    learning_rate: float = 5e-3
    seed: int = 0

    def __call__(self, rows: Float[np.ndarray, "P s"]) -> Float[np.ndarray, "P t"]:
        """Return rows of the target."""
        asked, counts = self.represent(rows)
        likeness = Likeness(F.normalize(torch.from_numpy(self.anchors.target), dim=1), asked, counts)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(self.seed)
            found = nn.Parameter(nn.init.xavier_uniform_(torch.empty(len(rows), self.anchors.target.shape[1])))
            optimizer = torch.optim.Adam([found], lr=self.learning_rate)
            for _ in range(self.steps):
                optimizer.zero_grad()
                (1 - likeness(self._standard(found))).mean().backward()
                optimizer.step()
        return self._standard(found.detach()).numpy()

    def represent(self, rows: Float[np.ndarray, "P s"]) -> tuple[Float[Tensor, "P N"], Bool[Tensor, "P N"]]:
        """Return each row's cosine with the anchors it is most like and 0 for the others, and which count."""
        anchors = F.normalize(torch.from_numpy(self.anchors.source), dim=1)
        like = F.normalize(torch.from_numpy(rows).float(), dim=1) @ anchors.T
        best = like.topk(min(self.top_k, like.shape[1]), dim=1)
        counts = torch.zeros_like(like, dtype=torch.bool).scatter(1, best.indices, value=True)
        return like * counts, counts

    def _standard(self, rows: Float[Tensor, "P t"]) -> Float[Tensor, "P t"]:
        return (rows - rows.mean()) / rows.std() * self.std + self.mean


class Likeness:
    """Cosine of each row's relative representation with the one asked for, over the anchors that count for that row.

    Where all anchors A count that is u · (Aᵀ asked) ÷ (√(uᵀ(AᵀA)u) ‖asked‖) of a row u: exact, with d numbers for each
    row instead of one for every anchor.
    """

    def __init__(self, anchors: Float[Tensor, "N t"], asked: Float[Tensor, "P N"], counts: Bool[Tensor, "P N"]) -> None:
        self._anchors, self._asked, self._counts = anchors, asked, counts
        self._all_count = bool(counts.all())
        self._aim = F.normalize(asked, dim=1) @ anchors
        self._products = anchors.T @ anchors

    def __call__(self, rows: Float[Tensor, "P t"]) -> Float[Tensor, "P"]:
        """Return the cosine of each row."""
        unit = F.normalize(rows, dim=1)
        if not self._all_count:
            return F.cosine_similarity((unit @ self._anchors.T) * self._counts, self._asked, dim=1)
        size = ((unit @ self._products) * unit).sum(1)
        return (unit * self._aim).sum(1) / size.clamp_min(torch.finfo(size.dtype).tiny).sqrt()
