"""Whole words of a backbone's vocabulary, by their letters, and their embeddings."""

import torch
from jaxtyping import Float
from torch import Tensor

from transferkit.backbones.base import Backbone

MARKS = ("Ġ", "▁")  # byte-level and sentence-piece vocabularies mark word beginnings; WordPiece marks continuations


def frequent_words(backbone: Backbone, population: int) -> dict[int, str]:
    """Return the letters of the first whole words of a vocabulary, by id; its builder ordered them by frequency.

    Special tokens, placeholders, word pieces and single characters are passed over.
    """
    tokenizer = backbone.tokenizer
    special = set(tokenizer.all_special_ids)
    by_id = sorted((i, token) for token, i in tokenizer.get_vocab().items())
    marked = any(token.startswith(MARKS) for _, token in by_id)
    found: dict[int, str] = {}
    for i, token in by_id:
        if len(found) == population:
            break
        begins = token.startswith(MARKS) if marked else not token.startswith(("##", "["))
        letters = token[1:] if marked else token
        if begins and i not in special and len(letters) > 1 and letters.isalpha():
            found[i] = letters
    return found


@torch.no_grad()
def word_rows(backbone: Backbone, ids: list[int]) -> Float[Tensor, "N d"]:
    """Return the word-level rows of some tokens, float32 on the CPU."""
    return backbone.words(torch.tensor(ids, dtype=torch.long)).float().cpu()
