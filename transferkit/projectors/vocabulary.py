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


@dataclass(frozen=True)
class Vocabulary:
    """The whole words of a backbone, in the order of its vocabulary.

    Attributes:
        name: of the backbone.
        words: by their letters; of equal letters the first.
        rows: their embeddings [V,d].
    """

    name: str
    words: tuple[str, ...]
    rows: Float[np.ndarray, "V d"]

    @classmethod
    def of(cls, backbone: Backbone) -> "Vocabulary":
        """Return the words of a backbone."""
        ids: dict[str, int] = {}
        for i, word in frequent_words(backbone, len(backbone.tokenizer)).items():
            ids.setdefault(word, i)
        return cls(backbone.spec.name, tuple(ids), word_rows(backbone, list(ids.values())).numpy())


def shared_words(source: Vocabulary, target: Vocabulary, *, skip: int = 1000, most: int = 4000) -> SharedWords:
    """Return the whole words both vocabularies have as single tokens.

    Args:
        source: the vocabulary whose order of words is kept.
        target: the other one.
        skip: the most frequent shared words are passed over, so many (Lester et al. 2022 skip 1,000).
        most: and so many at most are taken after them (Lester et al. 2022 take 4,000).

    Raises:
        InputError: too few are left.
    """
    ours, theirs = ({word: i for i, word in enumerate(one.words)} for one in (source, target))
    shared = tuple([word for word in ours if word in theirs][skip : skip + most])
    if len(shared) < LEAST:
        raise InputError(
            f"{source.name} and {target.name} share {len(shared)} words behind the first {skip}",
            fix="skip fewer, or take backbones whose vocabularies are of one language",
        )
    places = [[ids[word] for word in shared] for ids in (ours, theirs)]
    return SharedWords(shared, source.rows[places[0]], target.rows[places[1]])
