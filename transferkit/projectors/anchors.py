"""Relative space (Wu et al. 2024): a row is what it is like; rows of the target are looked for that are like the same.

A row's relative representation is its cosine with every anchor, a word both backbones know; only its largest values are
kept. Rows of the target are searched by gradient until theirs, of the same anchors, point the same way. The paper picks
the step by the score on validation data; here it is the last one, so that no label is seen.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
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
        asked = self.represent(rows)
        counts = asked != 0
        anchors = F.normalize(torch.from_numpy(self.anchors.target), dim=1)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(self.seed)
            found = nn.Parameter(nn.init.xavier_uniform_(torch.empty(len(rows), anchors.shape[1])))
            optimizer = torch.optim.Adam([found], lr=self.learning_rate)
            for _ in range(self.steps):
                optimizer.zero_grad()
                like = (F.normalize(self._standard(found), dim=1) @ anchors.T) * counts
                (1 - F.cosine_similarity(like, asked, dim=1)).mean().backward()
                optimizer.step()
        return self._standard(found.detach()).numpy()

    def represent(self, rows: Float[np.ndarray, "P s"]) -> Float[Tensor, "P N"]:
        """Return each row's cosine with the anchors it is most like, and 0 for the others."""
        anchors = F.normalize(torch.from_numpy(self.anchors.source), dim=1)
        like = F.normalize(torch.from_numpy(rows).float(), dim=1) @ anchors.T
        best = like.topk(min(self.top_k, like.shape[1]), dim=1)
        return torch.zeros_like(like).scatter(1, best.indices, best.values)

    def _standard(self, rows: Float[Tensor, "P t"]) -> Float[Tensor, "P t"]:
        return (rows - rows.mean()) / rows.std() * self.std + self.mean
