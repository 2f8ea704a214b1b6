"""Examples have the lengths they should, and every variant gets batches that are typical of its kind."""

import numpy as np
import pytest

from benchmarks import ours
from benchmarks.cases import LONGEST, SHORTEST, Case, bucketed, examples, padded, shuffled, split
from benchmarks.harness import Settings
from benchmarks.models import MASK
from transferkit.batches import Encoded
from transferkit.specs import PromptSpec, Recipe


@pytest.mark.parametrize("mean", [30, 60])
def test_lengths_are_lognormal(mean: int) -> None:
    lengths = examples(Case("tiny-roberta", mean=mean)).lengths
    assert abs(lengths.mean() / mean - 1) < 0.05
    assert (lengths.min() >= SHORTEST, lengths.max() == LONGEST) == (True, True)


def test_a_masked_example_answers_at_its_mask_and_a_causal_one_at_its_end() -> None:
    masked, causal = examples(Case("tiny-roberta")), examples(Case("tiny-gpt2"))
    assert all(ids[at] == MASK for ids, at in zip(masked.ids, masked.answer, strict=True))
    assert (causal.answer == causal.lengths - 1).all()


def test_buckets_hardly_pad_and_random_batches_pad_as_usual() -> None:
    encoded = examples(Case("tiny-roberta"))
    assert padded(encoded, bucketed(encoded, 16, 8)) < 1.05 * encoded.lengths.mean()
    rng = np.random.default_rng(3)
    usual = padded(encoded, [rng.permutation(len(encoded))[:16] for _ in range(400)])
    assert abs(padded(encoded, shuffled(encoded, 16, 4)) / usual - 1) < 0.03


def test_examples_to_score_fall_into_the_same_buckets_again() -> None:
    case = Case("tiny-roberta")
    encoded = split(case, 30, 8)
    found = [batch.ids.shape[1] for batch in encoded.in_order(case.batch)]
    whole = examples(case)
    assert found == [whole.lengths[index].max() for index in bucketed(whole, case.batch, 8)]


def test_quick_is_one_batch_of_eight_through_a_tiny_model() -> None:
    case = Case("roberta-large").under(Settings(quick=True))
    assert (case.model, case.batch, case.steps) == ("tiny-roberta", 8, 1)


def test_the_trainer_takes_the_batches_that_were_found_typical(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("tiny-roberta", prompt=4, batch=4, steps=2, pool=64)
    taken, expected = [], []
    draw, choose = Encoded.batch, ours.typical_seed

    def chosen(encoded: Encoded, batches_of: object) -> int:
        seed = choose(encoded, batches_of)
        expected.extend(index.tolist() for index in batches_of(seed))
        return seed

    def drawn(self: Encoded, index: np.ndarray) -> object:
        taken.append(list(index))
        return draw(self, index)

    monkeypatch.setattr(ours, "typical_seed", chosen)
    job = ours.training(case)
    monkeypatch.setattr(Encoded, "batch", drawn)
    turn = job()
    assert turn.units == 8
    assert taken[-2:] == expected


def test_random_order_pads_more_than_buckets() -> None:
    case = Case("tiny-roberta", batch=8, steps=4, pool=512)
    encoded = examples(case)
    drawn = ours.AsDrawn(encoded.ids, None, encoded.answer, encoded.gold, encoded.pad_id, 0)
    recipe = Recipe(prompt_length=4, batch_size=case.batch)
    setting = ours.Setting.of(case)
    spec = PromptSpec(backbone=setting.backbone.spec, readout=setting.spec, task=ours.TASK, seed=0, recipe=recipe)
    buckets, random = (padded(each, ours.timed_batches(each, spec, 0, 60)) for each in (encoded, drawn))
    assert random > 1.3 * buckets
