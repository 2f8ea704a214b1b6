"""What a prompt does to rows and answers equals literal loops, one whole pass for every example and prompt."""

import numpy as np
import pytest
import torch
from measures.influence_cases import (
    CASES,
    GOLD,
    N_GRADIENTS,
    NOTHING,
    POOLED,
    TEXTS,
    Case,
    P,
    at,
    case,
    measure,
    prepare,
    rows,
)
from prompts.toy_training import TASK, toy_examples
from scipy.special import softmax
from scipy.stats import entropy
from torch.autograd.functional import jacobian
from torch.nn import functional as F

from transferkit.artifacts import Influence
from transferkit.batches import encode
from transferkit.measures import influence
from transferkit.measures.influence import Subject, measure_influence
from transferkit.measures.probes import task_information
from transferkit.predictions import Entrant
from transferkit.specs import Placement

ALL = pytest.mark.parametrize("name", CASES)
NAMES = {"removed", "swapped", "turned", "changed", "sensitivity", "signal", "signal_initial"}


def divergence(first: np.ndarray, second: np.ndarray) -> float:
    return entropy(softmax(first), softmax(second))


# --- answers ---------------------------------------------------------------------------------------------------------
@ALL
def test_answers_differ_as_in_a_loop_over_examples(name: str) -> None:
    of = case(name)
    plain = of.alone(NOTHING)
    for subject, found in of.pairs:
        way, first = of.alone(subject.prompt), of.alone(subject.began) if subject.began else plain
        expected = {"removed": [divergence(a.scores, b.scores) for a, b in zip(way, plain, strict=True)]}
        if name != POOLED:
            expected["removed_vocabulary"] = [divergence(a.words, b.words) for a, b in zip(way, plain, strict=True)]
        if subject.began is not None:
            expected["swapped"] = [divergence(a.scores, b.scores) for a, b in zip(way, first, strict=True)]
        for value, numbers in expected.items():
            np.testing.assert_allclose(found.by_example[value], numbers, rtol=1e-3, atol=1e-6, err_msg=value)
    assert max(found.by_example["removed"].max() for _, found in of.pairs) > 1e-3


@ALL
def test_the_row_that_answers_turns_and_changes_as_in_a_loop_over_examples(name: str) -> None:
    of, norm = case(name), np.linalg.norm
    for subject, found in of.pairs:
        pairs = zip(of.alone(subject.prompt), of.alone(NOTHING), strict=True)
        reads = [(one.read, other.read) for one, other in pairs]
        turned = [1 - a @ b / norm(a) / norm(b) for a, b in reads]
        np.testing.assert_allclose(found.by_example["turned"], turned, rtol=1e-3, atol=1e-6)
        changed = [norm(a - b) / norm(b) for a, b in reads]
        np.testing.assert_allclose(found.by_example["changed"], changed, rtol=1e-4, atol=1e-6)


@ALL
def test_what_is_measured_of_whom(name: str) -> None:
    of, n_blocks = case(name), case(name).tiny.n_blocks
    for subject, found in of.pairs:
        k, names = subject.start, NAMES | (set() if name == POOLED else {"removed_vocabulary"})
        assert set(found.by_example) == (names if subject.began else names - {"swapped", "signal_initial"})
        assert {len(values) for values in found.by_example.values()} == {len(TEXTS), N_GRADIENTS}
        assert {values.shape for values in found.by_block.values()} == {(n_blocks - k, len(TEXTS))}
        assert (found.start, set(found.by_block)) == (k, {"similarity", "attention"})
        assert len(found.information) == n_blocks - k + 1
        assert found.entropy == pytest.approx(entropy([2, 3]))
    none = of.unprompted
    assert (none.start, none.by_example, none.by_block) == (0, {}, {})
    assert len(none.information) == n_blocks + 1


# --- rows ------------------------------------------------------------------------------------------------------------
@ALL
def test_rows_are_alike_as_in_a_loop_over_examples(name: str) -> None:
    of = case(name)
    for subject, found in of.pairs:
        for i, (way, plain) in enumerate(zip(of.alone(subject.prompt), of.alone(NOTHING), strict=True)):
            cosines = []
            for some, others in zip(way.rows[1:], plain.rows[subject.start + 1 :], strict=True):
                each = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(some, others, strict=True)]
                cosines.append(np.mean(each))
            np.testing.assert_allclose(found.by_block["similarity"][:, i], cosines, rtol=1e-4, atol=1e-5)


def read_by_probes(of: Case, rows: list[np.ndarray], start: int, i: int) -> np.ndarray:
    """Return the row that answers, or the mean text row, of one example at every depth."""
    n_encoder = of.tiny.stack.n_encoder
    found = []
    for depth, here in enumerate(rows, start):
        if of.tiny.kind == "encoder-decoder":
            found.append(here.mean(0) if depth <= n_encoder else here[0])
        elif of.readout is case(POOLED).readout:
            found.append(here.mean(0))
        elif of.tiny.kind == "decoder":
            found.append(here[-1])
        else:
            found.append(here[list(of.encoded.ids[i]).index(of.tiny.tokenizer.mask_token_id)])
    return np.stack(found)


@ALL
def test_probes_read_the_row_that_answers_or_the_mean_text_row(name: str) -> None:
    of = case(name)
    in_decoder = of.tiny.stack.n_encoder if of.tiny.kind == "encoder-decoder" else None
    for subject, found in zip(of.subjects, of.found, strict=True):
        for i, (way, plain) in enumerate(zip(of.alone(subject.prompt), of.alone(NOTHING), strict=True)):
            seen = list(way.rows)
            if subject.start == in_decoder:  # what the encoder made of the text stands in front of the decoder
                seen[0] = plain.rows[in_decoder]
            expected = read_by_probes(of, seen, subject.start, i)
            np.testing.assert_allclose(found.information[:, i], expected, rtol=1e-3, atol=1e-4)


@ALL
def test_in_front_of_the_block_where_a_prompt_joins_nothing_is_changed(name: str) -> None:
    of = case(name)
    for subject, found in of.pairs:
        if subject.prompt.placement.entry == "block":
            unprompted = of.unprompted.information[subject.start]
            np.testing.assert_allclose(found.information[0], unprompted, rtol=1e-4, atol=1e-5)
            last = of.unprompted.information[-1]
            assert np.abs(found.information[-1] - last).max() > 1e-3


# --- gradients -------------------------------------------------------------------------------------------------------
def own_rows(of: Case, entrant: Entrant, i: int) -> torch.Tensor:
    """Return the prompt of one example [P,d]."""
    if entrant.generator is None:
        return entrant.vectors.clone()
    batch = of.encoded.batch(np.array([i]))
    return entrant.generator(of.tiny.below(batch, entrant.placement.insert_after), batch)[0].clone()


def scores_of(of: Case, entrant: Entrant, i: int, prompt: torch.Tensor) -> torch.Tensor:
    batch = of.encoded.batch(np.array([i]))
    return of.readout.logits(of.tiny.enter(batch, prompt, entrant.placement), batch)


def signal_of(of: Case, entrant: Entrant, i: int) -> float:
    prompt = own_rows(of, entrant, i).requires_grad_(True)
    F.cross_entropy(scores_of(of, entrant, i, prompt), torch.tensor([GOLD[i]])).backward()
    return prompt.grad.norm().item()


@ALL
def test_signals_are_norms_of_each_examples_own_gradient(name: str) -> None:
    of = case(name)
    for subject, found in of.pairs:
        for value, entrant in (("signal", subject.prompt), ("signal_initial", subject.began)):
            if entrant is not None:
                expected = [signal_of(of, entrant, i) for i in range(N_GRADIENTS)]
                assert max(expected) > 0
                np.testing.assert_allclose(found.by_example[value], expected, rtol=1e-3, atol=1e-7)


@ALL
def test_sensitivity_is_the_squared_norm_of_each_examples_own_jacobian(name: str) -> None:
    of = case(name)
    for subject, found in of.pairs:
        entrant = subject.prompt
        squares = [
            jacobian(lambda prompt, e=entrant, i=i: scores_of(of, e, i, prompt)[0], own_rows(of, entrant, i))
            for i in range(N_GRADIENTS)
        ]
        expected = [square.double().square().sum() for square in squares]
        np.testing.assert_allclose(found.by_example["sensitivity"], expected, rtol=1e-3, atol=1e-9)


def test_gradients_are_those_of_all_examples_where_a_split_is_short() -> None:
    readout, encoded = prepare("bert")
    (found,) = measure(readout, encoded, [Subject(Entrant(rows(0), at(2)))], n_gradients=100)
    assert len(found.by_example["signal"]) == len(found.by_example["sensitivity"]) == len(TEXTS)


# --- what changes nothing --------------------------------------------------------------------------------------------
def same(found: list[Influence], again: list[Influence]) -> None:
    for one, other in zip(found, again, strict=True):
        assert set(one.by_example) == set(other.by_example)
        for name, values in {**one.by_example, **one.by_block}.items():
            np.testing.assert_allclose(
                {**other.by_example, **other.by_block}[name], values, rtol=1e-4, atol=2e-6, err_msg=name
            )
        np.testing.assert_allclose(other.information, one.information, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "batch_size"), [("bert", 1), (POOLED, 100), ("mistral", 100)])
def test_batch_size_and_padding_change_nothing(name: str, batch_size: int) -> None:
    of = case(name)
    same(of.found, measure(of.readout, of.encoded, of.subjects, batch_size=batch_size))


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_rows_brought_along_and_company_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of, begun = case(name), []
    with_rows = influence._with_rows
    monkeypatch.setattr(influence, "MOST_BYTES", 1)
    monkeypatch.setattr(influence, "_with_rows", lambda *args: begun.append(with_rows(*args).stored_depth) or args[1])
    same(of.found[2::2], measure(of.readout, of.encoded, of.subjects[2::2]))
    assert {1, 2} <= set(begun)


def test_every_pair_of_prompt_and_example_is_counted() -> None:
    of, done = case("bert"), []
    measure(of.readout, of.encoded, of.subjects[-3:], n_gradients=1, progress=done.append)
    assert sum(done) == 3 * len(TEXTS)


# --- information -----------------------------------------------------------------------------------------------------
def test_information_is_what_a_probe_finds_of_the_right_labels() -> None:
    """Probes themselves are held to a loop of their own in `test_probes.py`."""
    readout, _ = prepare(POOLED)
    encoded = encode(toy_examples(("the", "a", "film !")), TASK, readout.backbone, "embedding", room=P)
    subject = Subject(Entrant(rows(0), Placement()))
    (found,) = measure_influence(readout, encoded, [subject], n_gradients=1, n_folds=3, batch_size=8)
    (read,) = measure(readout, encoded, [subject], n_gradients=1)
    expected = [task_information(features, encoded.gold, n_folds=3) for features in read.information]
    np.testing.assert_allclose(found.information, expected, rtol=1e-3, atol=1e-6)
    assert 0 < found.information.max() < found.entropy == pytest.approx(np.log(2))
    assert len(set(encoded.lengths)) > 1  # so that batches come in another order than labels
