"""Parts of backbones: equal to smaller Hugging Face models built by themselves, and views of what is there."""

import copy
import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from backbones.stock import LENGTHS, make_batch, prompt_of, stock_rows
from backbones.test_parity import CLOSE, ours, real
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_tiny, untied
from torch import nn
from transformers.pytorch_utils import Conv1D

from transferkit.artifacts import Activity
from transferkit.backbones import Backbone
from transferkit.backbones.partial import even, kept_blocks, spread_out
from transferkit.errors import InputError
from transferkit.specs import Partial, Placement

N_NEURONS = 64


def activity_of(backbone: Backbone, seed: int = 0) -> Activity:
    rng = np.random.default_rng(seed)
    shape = (backbone.n_blocks, N_NEURONS)
    return Activity(rng.random(shape), rng.normal(size=shape), rng.random(backbone.n_blocks), 10)


def smaller(backbone: Backbone, numbers: tuple[int, ...], kept: np.ndarray) -> nn.Module:
    """A Hugging Face model of fewer layers and neurons, built by itself, weights copied by their names."""
    model, config = backbone.model, copy.deepcopy(backbone.config)
    n_encoder = sum(number < backbone.stack.n_encoder for number in numbers)
    if backbone.kind == "encoder-decoder":
        config.num_layers, config.num_decoder_layers = n_encoder, len(numbers) - n_encoder
    else:
        config.num_hidden_layers = len(numbers)
    if (types := getattr(config, "layer_types", None)) is not None:
        config.layer_types = [types[number] for number in numbers]
    if (ropes := getattr(config, "no_rope_layers", None)) is not None:
        config.no_rope_layers = [ropes[number] for number in numbers]
    for field in ("intermediate_size", "d_ff", "n_inner", "hidden_dim"):
        if getattr(config, field, None) == N_NEURONS:
            setattr(config, field, kept.shape[1])
    small = type(model)(config).eval()
    if backbone.kind == "encoder-decoder" and model.lm_head.weight is not model.shared.weight:
        untied(small)
    wanted, given = small.state_dict(), model.state_dict()
    blocks = {id(block): number for number, block in enumerate(backbone.blocks)}
    own = [(name, blocks[id(module)]) for name, module in model.named_modules() if id(module) in blocks]
    theirs = [name for name, module in small.named_modules() if module in set(backbone.family.blocks(small.base_model))]
    state = {name: value for name, value in given.items() if name in wanted and value.shape == wanted[name].shape}
    for new, number in zip(theirs, numbers, strict=True):
        (old,) = [name for name, found in own if found == number]
        for name in wanted:
            if name.startswith(f"{new}."):
                at = name.removeprefix(new)
                # Only the first layer of a T5 stack holds the table of distances.
                value = given.get(old + at, given.get(name))
                state[name] = _cut(value, wanted[name].shape, kept[number])
    small.load_state_dict(state)
    return small


def _cut(value: torch.Tensor, shape: torch.Size, kept: np.ndarray) -> torch.Tensor:
    at = torch.from_numpy(kept)
    for axis, (have, want) in enumerate(zip(value.shape, shape, strict=True)):
        if have == 2 * N_NEURONS and want == 2 * len(kept):
            value = value.index_select(axis, torch.cat([at, at + N_NEURONS]))
        elif have != want:
            assert (have, want) == (N_NEURONS, len(kept))
            value = value.index_select(axis, at)
    return value


PARTS = (
    Partial(depth=0.5),
    Partial(depth=0.5, blocks="first"),
    Partial(depth=0.75, blocks="changing"),
    Partial(width=0.25),
    Partial(width=0.5, neurons="random"),
    Partial(depth=0.75, blocks="nested", width=0.75, neurons="signed"),
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_is_a_smaller_model(tiny: Backbone, part: Partial) -> None:
    activity = activity_of(tiny)
    view = tiny.partial(part, activity)
    n_kept = round(part.width * N_NEURONS)
    by = {"active": activity.absolute, "signed": activity.signed}.get(part.neurons)
    order = (
        np.argsort(-by, axis=1)
        if by is not None
        else np.stack([np.random.default_rng([i]).permutation(N_NEURONS) for i in range(tiny.n_blocks)])
    )
    whole = np.tile(np.arange(N_NEURONS), (tiny.n_blocks, 1))
    model = smaller(tiny, view.numbers, whole if part.width == 1 else order[:, :n_kept])
    stock = Backbone(model, tiny.tokenizer, spec=tiny.spec, upstream="x")
    batch, prompt = make_batch(tiny, LENGTHS), prompt_of(tiny)
    for rows in (None, prompt):
        found, wanted = ours(view, batch, rows), stock_rows(stock, batch, rows, ids=rows is None)
        torch.testing.assert_close(real(found, tiny, batch), real(wanted, tiny, batch), **CLOSE)


@pytest.mark.parametrize("part", [Partial(), Partial(depth=1.0, width=1.0, decoder=False)])
def test_everything_kept_is_the_untouched_model(tiny: Backbone, part: Partial) -> None:
    view, batch = tiny.partial(part), make_batch(tiny)
    assert [id(block) for block in view.blocks] == [id(block) for block in tiny.blocks]
    assert torch.equal(ours(view, batch, prompt_of(tiny)), ours(tiny, batch, prompt_of(tiny)))


def test_every_width_is_a_view_of_one_sorted_copy(tiny: Backbone) -> None:
    """At most one copy of the feed-forward weights, whatever the number of stages, and none where nothing is sorted."""
    activity = activity_of(tiny)
    views = [tiny.partial(Partial(width=width), activity) for width in (0.25, 0.5, 0.75)]
    own = storages(tiny)
    first, *others = [storages(view) - own for view in views]
    paths = [tiny.family.feed_forward(block) for block in tiny.blocks]
    n_maps = sum(2 + (found.gate_first or found.beside is not None) for found in paths)
    n_biases = sum(
        tiny.blocks[i].get_submodule(found.up).bias is not None for i, found in enumerate(paths) for _ in found.entering
    )
    assert len(first) <= n_maps + n_biases
    assert all(found == first for found in others)
    assert sum(first.values()) <= sum(ffn_bytes(tiny))
    assert not storages(tiny.partial(Partial(width=0.5, neurons="first"))) - own
    assert not storages(tiny.partial(Partial(depth=0.5))) - own


def storages(backbone: Backbone) -> Counter[int]:
    """Memory of a backbone's blocks: bytes by where it begins, each once."""
    found = {}
    for block in backbone.blocks:
        for parameter in block.parameters():
            memory = parameter.untyped_storage()
            found[memory.data_ptr()] = memory.nbytes()
    return Counter(found)


def ffn_bytes(backbone: Backbone) -> list[int]:
    return [
        parameter.nbytes
        for block in backbone.blocks
        for path in (*backbone.family.feed_forward(block).entering, backbone.family.feed_forward(block).down)
        for parameter in block.get_submodule(path).parameters()
    ]


def test_the_prefix_of_the_sorted_neurons_is_the_gathered_ones(tiny: Backbone) -> None:
    """Whatever the width, what is kept is what the ranking says, and nothing of the whole is touched."""
    before = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    activity = activity_of(tiny, seed=3)
    batch, prompt = make_batch(tiny), prompt_of(tiny)
    whole = ours(tiny, batch, prompt)
    for width in (0.25, 0.5, 0.75):
        view = tiny.partial(Partial(depth=0.75, width=width), activity)
        kept = np.argsort(-activity.absolute, axis=1)[:, : int(width * N_NEURONS)]
        assert len(view.blocks) < tiny.n_blocks
        for number, block in zip(view.numbers, view.blocks, strict=True):
            found, given = feed_forward(tiny, block), feed_forward(tiny, tiny.blocks[number])
            assert found.keys() == given.keys()
            assert any(found[name].shape != given[name].shape for name in found)
            for name, value in found.items():
                assert torch.equal(value, _cut(given[name], value.shape, kept[number])), (number, name)
        ours(view, batch, prompt)
    assert all(torch.equal(value, before[name]) for name, value in tiny.model.state_dict().items())
    assert torch.equal(ours(tiny, batch, prompt), whole)


def feed_forward(backbone: Backbone, block: nn.Module) -> dict[str, torch.Tensor]:
    """Weights [out,in] and biases of a block's feed-forward maps; branches of one map stand one after the other."""
    paths, found = backbone.family.feed_forward(block), {}
    for path in (*paths.entering, paths.down):
        module = block.get_submodule(path)
        branches = list(module.children()) or [module]
        weights = [one.weight.T if isinstance(one, Conv1D) else one.weight for one in branches]
        found[f"{path}.weight"] = torch.cat(weights)
        if branches[0].bias is not None:
            found[f"{path}.bias"] = torch.cat([one.bias for one in branches])
    return found


def test_what_lies_below_the_prompt_is_left_whole(tiny: Backbone) -> None:
    part = Partial(depth=0.5, width=0.5, above=2)
    view, batch = tiny.partial(part, activity_of(tiny)), make_batch(tiny)
    assert view.numbers[:2] == (0, 1)
    placement = Placement(entry="block", insert_after=2)
    below, whole = view.below(batch, 2), tiny.below(batch, 2)
    assert torch.equal(below.hidden, whole.hidden)
    kept = dataclasses.replace(batch, stored=whole.hidden, stored_depth=2)
    found, wanted = ours(view, kept, prompt_of(tiny), placement), ours(view, batch, prompt_of(tiny), placement)
    torch.testing.assert_close(real(found, tiny, batch), real(wanted, tiny, batch), **CLOSE)


def test_a_decoder_may_stay_whole() -> None:
    backbone = make_tiny("t5")
    view = backbone.partial(Partial(depth=0.5, width=0.5, decoder=False), activity_of(backbone))
    assert view.numbers == (0, 3, 4, 5, 6, 7)
    assert [id(block) for block in view.blocks[2:]] == [id(block) for block in backbone.blocks[4:]]
    assert view.stack.n_encoder == 2


def test_prompt_gradients_of_a_part_equal_those_of_the_smaller_model(tiny: Backbone) -> None:
    activity = activity_of(tiny)
    view = tiny.partial(Partial(depth=0.5, width=0.5), activity)
    order = np.argsort(-activity.absolute, axis=1)[:, : N_NEURONS // 2]
    stock = Backbone(smaller(tiny, view.numbers, order), tiny.tokenizer, spec=tiny.spec, upstream="x")
    batch, gradients = make_batch(tiny), []
    for backbone in (view, stock):
        prompt = prompt_of(tiny).requires_grad_()
        torch.manual_seed(0)
        found = real(ours(backbone, batch, prompt), tiny, batch)
        (found * torch.randn_like(found)).sum().backward()
        gradients.append(prompt.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_dropout_acts_on_a_part_as_on_the_smaller_model(tiny: Backbone) -> None:
    activity = activity_of(tiny)
    view = tiny.partial(Partial(depth=0.5, width=0.5), activity)
    order = np.argsort(-activity.absolute, axis=1)[:, : N_NEURONS // 2]
    stock = Backbone(smaller(tiny, view.numbers, order), tiny.tokenizer, spec=tiny.spec, upstream="x")
    batch, prompt, found = make_batch(tiny), prompt_of(tiny), []
    for backbone in (view, stock):
        with backbone.dropout(True):
            torch.manual_seed(0)
            found.append(real(ours(backbone, batch, prompt), tiny, batch))
    torch.testing.assert_close(*found, **CLOSE)
    assert not torch.allclose(found[0], real(ours(view, batch, prompt), tiny, batch), **CLOSE)


@pytest.mark.parametrize(
    ("n_kept", "blocks"),
    [
        (6, [0, 4, 8, 13, 18, 23]),
        (12, [*range(0, 20, 2), 20, 23]),
        (18, [*range(12), 13, 15, 17, 19, 21, 23]),
    ],
)
def test_even_choices_are_the_papers(n_kept: int, blocks: list[int]) -> None:
    assert even(24, n_kept) == blocks


@given(st.integers(2, 60), st.data())
def test_even_choices_keep_both_ends_and_nested_ones_are_nested(n: int, data: st.DataObject) -> None:
    n_kept = data.draw(st.integers(2, n))
    chosen = even(n, n_kept)
    gaps = np.diff(chosen)
    assert (chosen[0], chosen[-1], len(chosen)) == (0, n - 1, n_kept)
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1
    order = spread_out(n)
    assert sorted(order) == list(range(n))
    assert order[:2] == [0, n - 1]
    nested = np.diff(sorted(order[:n_kept]))
    assert nested.max() <= 2 * nested.min() + 1


@given(
    st.floats(0.01, 1), st.integers(0, 12), st.integers(0, 12), st.sampled_from(["even", "nested", "first", "changing"])
)
def test_blocks_are_kept_by_halves_with_the_first_of_each(depth: float, n_encoder: int, n_decoder: int, rule) -> None:
    n = n_encoder + n_decoder
    shape = (n, 4)
    activity = Activity(np.zeros(shape), np.zeros(shape), np.random.default_rng(0).random(n), 1)
    kept = kept_blocks(Partial(depth=depth, blocks=rule), n_encoder, n, activity)
    assert list(kept) == sorted(set(kept))
    for start, stop in ((0, n_encoder), (n_encoder, n)):
        half = [block for block in kept if start <= block < stop]
        if stop > start:
            assert half[0] == start
            assert len(half) == min(stop - start, max(2, int(depth * (stop - start) + 0.5)))


def test_one_evenly_spaced_block_is_refused() -> None:
    with pytest.raises(ValueError, match="no first and last one"):
        even(24, 1)


def test_a_part_of_a_part_is_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match="is a part of a backbone"):
        tiny_bert.partial(Partial(depth=0.5)).partial(Partial(depth=0.5))


def test_a_ranked_part_without_its_activity_is_refused(tiny_bert: Backbone) -> None:
    with pytest.raises(InputError, match="takes the activity"):
        tiny_bert.partial(Partial(width=0.5))
