"""The loop Su et al. 2022 published (release 1.0, RoBERTa), ported to today's library.

Kept as it was: every input is 100 + 3 + 128 = 231 positions long, eager attention, dropout while training (but for
that of the embeddings), logits of the whole vocabulary at every position, the mask's word vector in place of the first
prompt row and the answer read there, no position embedding at prompt rows, AdamW (eps 1e-6) over the prompt alone. And
nothing freezes the backbone: each backward pass computes the gradients of all its weights. Left out are tokenising on
the fly and logging. Gradients are dropped between steps as today's library does by default, which costs less than
filling them with zeros did then.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.cases import LONGEST, Case, examples, split
from benchmarks.harness import Job, Laps, Stopwatch, Turn
from benchmarks.models import MASK, label_ids, stock
from transferkit.batches import Encoded
from transferkit.shapes import IntArray

N_SPECIAL = 3
EVALUATION_BATCH = 64


class PublishedPrompt(nn.Module):
    """A masked language model with prompt rows in front of texts of one fixed length."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.model = stock(case.model, device=case.device, attention="eager").requires_grad_(True)
        self.prompt = nn.Parameter(0.02 * torch.randn(case.prompt, self.model.config.hidden_size, device=case.device))
        self.length = case.prompt + N_SPECIAL + LONGEST

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the scores of the label words, read at position 0 of the whole vocabulary's logits."""
        base = self.model.roberta
        embeddings = base.embeddings
        words = embeddings.word_embeddings(ids)
        at_mask = embeddings.word_embeddings(torch.tensor([MASK], device=ids.device))
        prompt = torch.cat([at_mask, self.prompt[1:]]).expand(len(ids), -1, -1)
        n_prompt = prompt.shape[1]
        rows = torch.cat([prompt, words], dim=1)
        positions = torch.arange(rows.shape[1], device=ids.device) + self.model.config.pad_token_id + 1
        placed = embeddings.position_embeddings(positions)
        placed = torch.cat([torch.zeros_like(placed[:n_prompt]), placed[n_prompt:]])
        types = embeddings.token_type_embeddings(torch.zeros_like(positions))
        hidden = embeddings.LayerNorm(rows + placed + types)
        seen = torch.cat([mask.new_ones(len(ids), n_prompt), mask], dim=1).bool()[:, None, None, :]
        additive = torch.zeros(seen.shape, dtype=hidden.dtype, device=ids.device).masked_fill(~seen, _least(hidden))
        for layer in base.encoder.layer:
            hidden = layer(hidden, additive)
        logits = self.model.lm_head(hidden)
        return logits[:, 0][:, label_ids()]


def training(case: Case) -> Job:
    """Return a job that times whole steps; its unit is an example."""
    model = PublishedPrompt(case).train()
    encoded = examples(case)
    optimizer = torch.optim.AdamW([model.prompt], lr=1e-3, eps=1e-6, weight_decay=0.0)
    steps = max(1, case.steps // 3)  # every batch is of one length
    batches = np.random.default_rng(0).permutation(len(encoded))[: (steps + 1) * case.batch].reshape(-1, case.batch)

    def turn() -> Turn:
        laps = Laps(steps, case.device)
        for index in batches:
            ids, mask, gold = _fixed(encoded, index, model.length - case.prompt, case.device)
            model.zero_grad()
            loss = F.cross_entropy(model(ids, mask), gold)
            loss.backward()
            optimizer.step()
            loss.item()
            laps.lap()
        return laps.watch.turn(steps * case.batch)

    return turn


def evaluation(case: Case, *, means: tuple[int, ...] = ()) -> Job:
    """Return a job that times the scoring of one batch of 64 per task; its unit is an example."""
    model = PublishedPrompt(case).eval()
    size = min(EVALUATION_BATCH, 4 * case.batch)
    tasks = [split(case, mean, size // case.batch) for mean in means or (case.mean,)]

    @torch.no_grad()
    def turn() -> Turn:
        with Stopwatch(case.device) as watch:
            for encoded in tasks:
                ids, mask, gold = _fixed(encoded, np.arange(size), model.length - case.prompt, case.device)
                scores = model(ids, mask)
                F.cross_entropy(scores, gold).item()
        return watch.turn(size * len(tasks))

    return turn


def _fixed(encoded: Encoded, index: IntArray, length: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    batch = encoded.batch(index)
    more = length - batch.ids.shape[1]
    ids = F.pad(batch.ids, (0, more), value=encoded.pad_id).to(device)
    return ids, F.pad(batch.mask, (0, more)).to(device), batch.gold.to(device)


def _least(rows: Tensor) -> float:
    return torch.finfo(rows.dtype).min
