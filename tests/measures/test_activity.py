"""Activity equals a loop over single texts through the untouched model, whatever the batches."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import toy_writing
from backbones.stock import prompt_of, stock_rows
from prompts.toy_training import READOUTS, TAILS, TASK, toy_examples
from tiny import make_tiny
from torch import Tensor

from transferkit.artifacts import Activity
from transferkit.backbones import Backbone
from transferkit.batches import Encoded, encode
from transferkit.measures import measure_activity
from transferkit.predictions import Entrant
from transferkit.specs import Placement

N = 12


def toy_texts(backbone: Backbone) -> Encoded:
    return encode(toy_examples(TAILS[:3]), TASK, backbone, READOUTS[backbone.kind].kind, room=4)


@contextmanager
def watched(backbone: Backbone) -> Iterator[list[tuple[Tensor, Tensor, Tensor]]]:
    """Collect of every block what goes in, what comes out, and what enters its down-projection."""
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    neurons: list[Tensor] = []
    handles = []
    for block in backbone.blocks:
        down = block.get_submodule(backbone.family.feed_forward(block).down)
        handles.append(down.register_forward_pre_hook(lambda _m, inputs: neurons.append(inputs[0])))

        def after(_module: object, args: tuple, kwargs: dict, out: object) -> None:
            came = args[0] if args else kwargs["hidden_states"]
            seen.append((came, out[0] if isinstance(out, tuple) else out, neurons.pop()))

        handles.append(block.register_forward_hook(after, with_kwargs=True))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def literal(backbone: Backbone, encoded: Encoded, prompt: Tensor, chosen: np.ndarray) -> Activity:
    sums = []
    for i in chosen:
        with watched(backbone) as seen:
            batch = encoded.batch(np.array([i]))
            if backbone.kind == "encoder-decoder":
                start = torch.full((1, 1), backbone.config.decoder_start_token_id)
                batch = dataclasses.replace(batch, decoder_ids=start)
            stock_rows(backbone, batch, prompt)
        rows = [
            (a[0].abs().mean(0), a[0].mean(0), (1 - torch.cosine_similarity(x[0], y[0], dim=-1)).mean())
            for x, y, a in seen
        ]
        sums.append([torch.stack(part) for part in zip(*rows, strict=True)])
    absolute, signed, change = (torch.stack(part).mean(0).numpy() for part in zip(*sums, strict=True))
    return Activity(absolute, signed, change, len(chosen))


@pytest.mark.parametrize("batch_size", [1, 5])
def test_activity_is_a_loop_over_single_texts(tiny: Backbone, batch_size: int) -> None:
    encoded, prompt = toy_texts(tiny), prompt_of(tiny)
    savings = tiny.savings
    found = measure_activity(tiny, encoded, Entrant(prompt, Placement()), n_examples=N, seed=3, batch_size=batch_size)
    chosen = np.random.default_rng([3, 3]).permutation(len(encoded))[:N]
    wanted = literal(tiny, encoded, prompt, chosen)
    assert found.n == N
    assert tiny.savings == savings
    for name in ("absolute", "signed", "change"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=2e-4, atol=2e-5, err_msg=name)


def test_below_a_late_prompt_the_text_is_alone(tiny_bert: Backbone) -> None:
    encoded, prompt = toy_texts(tiny_bert), prompt_of(tiny_bert)
    none = measure_activity(tiny_bert, encoded, Entrant(None, Placement()), n_examples=N, seed=0, batch_size=4)
    late = Entrant(prompt, Placement(entry="block", insert_after=2))
    found = measure_activity(tiny_bert, encoded, late, n_examples=N, seed=0, batch_size=4)
    np.testing.assert_allclose(found.absolute[:2], none.absolute[:2], rtol=1e-5, atol=1e-6)
    assert not np.allclose(found.absolute[2:], none.absolute[2:], rtol=1e-2)


def test_all_texts_are_taken_where_there_are_fewer(tiny_bert: Backbone) -> None:
    encoded = toy_texts(tiny_bert)
    entrant = Entrant(prompt_of(tiny_bert), Placement())
    all_of_them = [
        measure_activity(tiny_bert, encoded, entrant, n_examples=1000, seed=seed, batch_size=8) for seed in (0, 1)
    ]
    assert {found.n for found in all_of_them} == {len(encoded)}
    np.testing.assert_allclose(all_of_them[0].absolute, all_of_them[1].absolute, rtol=1e-5)


def test_written_answers_count_as_far_as_they_go() -> None:
    """Of a decoder that is taught to write, rows behind the end of an answer are no rows of it."""
    backbone = make_tiny("t5")
    encoded = toy_writing.encoded(backbone)
    entrant = Entrant(prompt_of(backbone), Placement())
    one, many = (measure_activity(backbone, encoded, entrant, n_examples=8, seed=0, batch_size=size) for size in (1, 8))
    np.testing.assert_allclose(one.absolute, many.absolute, rtol=1e-4, atol=1e-6)
