"""Words that two vocabularies share, with their embeddings: what maps between prompt spaces are fitted on.

Tokenizers mark words in their own ways (WordPiece marks continuations, byte-level and sentence pieces mark beginnings).
Only whole words are compared, by their letters; an uncased vocabulary shares the lower-case words of a cased one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from transferkit.backbones import Backbone
from transferkit.backbones.words import frequent_words, word_rows
from transferkit.errors import InputError

LEAST = 2  # words without which nothing can be fitted


@dataclass(frozen=True)
class SharedWords:
    """Embeddings of the same words in two backbones, in the order of the source's vocabulary, frequent ones first.

    Attributes:
        words: the words, by their letters.
        source: embeddings [N,d_s].
        target: embeddings [N,d_t].
    """

    words: tuple[str, ...]
    source: Float[np.ndarray, "N s"]
    target: Float[np.ndarray, "N t"]


def shared_words(source: Backbone, target: Backbone, *, skip: int = 1000, most: int = 4000) -> SharedWords:
    """Return the whole words both vocabularies have as single tokens.

    Args:
        source: the backbone whose order of words is kept.
        target: the other one.
        skip: the most frequent shared words are passed over, so many (Lester et al. 2022 skip 1,000).
        most: and so many at most are taken after them (Lester et al. 2022 take 4,000).

    Raises:
        InputError: too few are left.
    """
    ours, theirs = _ids(source), _ids(target)
    shared = tuple([word for word in ours if word in theirs][skip : skip + most])
    if len(shared) < LEAST:
        raise InputError(
            f"{source.spec.name} and {target.spec.name} share {len(shared)} words behind the first {skip}",
            fix="skip fewer, or take backbones whose vocabularies are of one language",
        )
    rows = [
        word_rows(backbone, [ids[word] for word in shared]).numpy()
        for backbone, ids in ((source, ours), (target, theirs))
    ]
    return SharedWords(shared, rows[0], rows[1])


def _ids(backbone: Backbone) -> dict[str, int]:
    """Return the id of every whole word, in the order of the vocabulary; of equal letters the first."""
    found: dict[str, int] = {}
    for i, word in frequent_words(backbone, len(backbone.tokenizer)).items():
        found.setdefault(word, i)
    return found
