"""Words that two vocabularies share, and the maps that look among them."""

import numpy as np
import pytest
import torch
from tiny import WORDS, make_tiny

from transferkit.errors import InputError
from transferkit.projectors import Nearest, Relative, SharedWords, Vocabulary, shared_words
from transferkit.projectors.anchors import Likeness


def test_shared_words_are_whole_words_of_both_with_their_own_rows() -> None:
    source, target = make_tiny("bert"), make_tiny("gpt2", seed=1)
    found = shared_words(Vocabulary.of(source), Vocabulary.of(target), skip=0)
    assert found.words == tuple(word for word in WORDS if word.isalpha() and len(word) > 1)
    for word, mine, theirs in zip(found.words, found.source, found.target, strict=True):
        for backbone, rows in ((source, mine), (target, theirs)):
            own = backbone.words(torch.tensor([backbone.tokenizer.convert_tokens_to_ids(word)]))
            np.testing.assert_array_equal(rows, own.detach().numpy()[0])


def test_frequent_words_are_passed_over_and_no_more_taken_than_asked() -> None:
    source, target = Vocabulary.of(make_tiny("bert")), Vocabulary.of(make_tiny("t5", seed=1))
    every = shared_words(source, target, skip=0).words
    assert shared_words(source, target, skip=2, most=3).words == every[2:5]


def test_too_few_shared_words_are_refused() -> None:
    source, target = Vocabulary.of(make_tiny("bert")), Vocabulary.of(make_tiny("t5"))
    with pytest.raises(InputError, match=r"share 1 words behind the first .*\n.*skip fewer"):
        shared_words(source, target, skip=len([w for w in WORDS if w.isalpha() and len(w) > 1]) - 1)


def words(n: int = 40, widths: tuple[int, int] = (6, 9), seed: int = 0) -> SharedWords:
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(n, width)).astype(np.float32) for width in widths]
    return SharedWords(tuple(f"w{i}" for i in range(n)), *rows)


def test_each_row_becomes_the_word_it_is_nearest_to() -> None:
    shared = words()
    rows = 3 * shared.source[[4, 0, 17]] + 0.01
    assert Nearest(shared).places(rows).tolist() == [4, 0, 17]
    np.testing.assert_array_equal(Nearest(shared)(rows), shared.target[[4, 0, 17]])


def test_a_relative_representation_is_the_cosine_with_the_nearest_anchors() -> None:
    shared = words()
    rows = np.random.default_rng(1).normal(size=(3, 6))
    found = Relative(shared, 0.0, 1.0, top_k=5).represent(rows)[0].numpy()
    for row, kept in zip(rows, found, strict=True):
        cosines = [row @ a / np.linalg.norm(row) / np.linalg.norm(a) for a in shared.source]
        best = sorted(range(40), key=lambda i, of=cosines: -of[i])[:5]
        assert set(np.flatnonzero(kept)) == set(best)
        np.testing.assert_allclose(kept[best], np.array(cosines)[best], rtol=1e-5)


@pytest.mark.parametrize("top_k", [5, 33, 40])
def test_likeness_is_the_cosine_over_the_anchors_that_count(top_k: int) -> None:
    shared, rng = words(), np.random.default_rng(1)
    asked, counts = Relative(shared, 0.0, 1.0, top_k=top_k).represent(rng.normal(size=(3, 6)))
    anchors = torch.nn.functional.normalize(torch.from_numpy(shared.target), dim=1)
    rows = torch.from_numpy(rng.normal(size=(3, 9)).astype(np.float32))
    like = (torch.nn.functional.normalize(rows, dim=1) @ anchors.T) * counts
    expected = torch.nn.functional.cosine_similarity(like, asked, dim=1)
    torch.testing.assert_close(Likeness(anchors, asked, counts)(rows), expected, rtol=1e-5, atol=1e-6)


def test_between_equal_backbones_rows_keep_their_direction() -> None:
    one = words(60, (6, 6))
    same = SharedWords(one.words, one.source, one.source)
    rows = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    found = Relative(same, 0.0, 1.0, steps=1500, learning_rate=0.02)(rows)
    # Rows are standardised, so what can be found is a direction, up to the shift that makes their mean that of words.
    asked = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = (asked * found).sum(1) / np.linalg.norm(found, axis=1)
    assert (cosine > 0.98).all()


def test_found_rows_have_the_mean_and_the_spread_of_the_target_and_are_found_again() -> None:
    relative = Relative(words(), 0.25, 3.0, steps=20)
    rows = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    found = relative(rows)
    assert found.shape == (4, 9)
    assert (found.mean(), found.std(ddof=1)) == (pytest.approx(0.25, abs=1e-5), pytest.approx(3.0, rel=1e-5))
    np.testing.assert_array_equal(found, relative(rows))
