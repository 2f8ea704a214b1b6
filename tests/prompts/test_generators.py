"""Generators: the paper's sizes, pooling as torch pools, prompts that do not depend on their company, and training."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from prompts.toy_training import Toy, toy_recipe
from pydantic import ValidationError
from tiny import make_tiny

from transferkit import presets
from transferkit.artifacts import Prompt
from transferkit.backbones import Backbone
from transferkit.generators import Generated, decays, join_weights, make_weights, pool, split_weights
from transferkit.predictions import Entrant, class_scores
from transferkit.prompts import runs, steps
from transferkit.readouts import losses
from transferkit.specs import Generator, NormalInitial, Placement, RandomPrompt, Recipe

KINDS = ("bottleneck", "average_pool", "max_pool")


def late(depth: int) -> Placement:
    return Placement(insert_after=depth, entry="block")


def learn(backbone: Backbone, generator: Generator, seed: int = 0, **fields: object) -> Toy:
    depth = min(2, backbone.stack.n_encoder - 1) if backbone.kind == "encoder-decoder" else 2
    toy = Toy.of(backbone, toy_recipe(placement=late(depth), generator=generator, **fields), seed=seed)
    length = toy.spec.recipe.prompt_length
    return dataclasses.replace(toy, initial=make_weights(generator, length, backbone.width, seed))


@pytest.mark.parametrize(
    ("kind", "length", "width", "d", "n"),
    [
        ("bottleneck", 5, 128, 1024, 791_680),
        ("average_pool", 5, 128, 1024, 263_296),
        ("max_pool", 5, 128, 1024, 263_296),
        ("bottleneck", 5, 128, 1280, 989_568),
        ("max_pool", 5, 128, 1280, 329_088),
        ("bottleneck", 5, 128, 768, 593_792),
        ("average_pool", 5, 128, 768, 197_504),
        ("bottleneck", 10, 256, 1024, 2_894_080),
    ],
)
def test_sizes_are_those_of_the_paper(kind: str, length: int, width: int, d: int, n: int) -> None:
    generator = Generator(kind=kind, width=width)
    assert generator.n_parameters(length, d) == n
    assert len(make_weights(generator, length, d, seed=0)) == n
    biases = n - int(decays(generator, length, d).sum())
    assert biases == width + (length * d if kind == "bottleneck" else d)


@given(lengths=st.lists(st.integers(1, 23), min_size=1, max_size=5), n_bins=st.integers(1, 9), seed=st.integers(0, 99))
def test_pooling_is_that_of_torch_row_by_row(lengths: list[int], n_bins: int, seed: int) -> None:
    rows = torch.randn(len(lengths), max(lengths), 3, generator=torch.Generator().manual_seed(seed))
    real = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    for by_max, stock in ((False, F.adaptive_avg_pool1d), (True, F.adaptive_max_pool1d)):
        found = pool(rows, real, n_bins, by_max)
        for i, n in enumerate(lengths):
            torch.testing.assert_close(found[i], stock(rows[i, :n].T[None], n_bins)[0].T)


@pytest.mark.parametrize(
    ("n", "windows"),
    [
        (7, [(0, 2), (1, 3), (2, 5), (4, 6), (5, 7)]),
        (3, [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]),
        (12, [(0, 3), (2, 5), (4, 8), (7, 10), (9, 12)]),
    ],
)
def test_bins_are_those_of_the_paper(n: int, windows: list[tuple[int, int]]) -> None:
    rows = torch.arange(n, dtype=torch.float32)[None, :, None]
    real = torch.ones(1, n, dtype=torch.bool)
    assert pool(rows, real, 5, by_max=True).flatten().tolist() == [end - 1 for _, end in windows]
    means = [sum(range(begin, end)) / (end - begin) for begin, end in windows]
    assert pool(rows, real, 5, by_max=False).flatten().tolist() == pytest.approx(means)


def literal(generated: Generated, rows: torch.Tensor) -> torch.Tensor:
    """One example's prompt, by functions of torch."""
    spec, length = generated.spec, generated.length
    parts = split_weights(spec, length, generated.width, generated.weights)
    down, up = ((parts[f"{name}.weight"], parts[f"{name}.bias"]) for name in ("down", "up"))
    if spec.kind == "bottleneck":
        row = rows[0 if generated.sums_up_first else -1]
        return F.linear(F.linear(row, *down).relu(), *up).view(length, -1)
    stock = F.adaptive_avg_pool1d if spec.kind == "average_pool" else F.adaptive_max_pool1d
    return F.linear(stock(F.linear(rows, *down).T[None], length)[0].T.relu(), *up)


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_are_those_of_a_plain_network(tiny: Backbone, kind: str) -> None:
    toy = learn(tiny, Generator(kind=kind, width=7))
    generated = Generated.of(toy.spec.recipe.generator, tiny, 3, toy.initial)
    batch = toy.data.train.batch(np.arange(9))
    state = tiny.below(batch, toy.spec.recipe.placement.insert_after)
    made = generated(state, batch)
    for i, n in enumerate(batch.mask.sum(1).tolist()):
        torch.testing.assert_close(made[i], literal(generated, state.hidden[i, :n]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_do_not_depend_on_company(tiny: Backbone, kind: str) -> None:
    toy = learn(tiny, Generator(kind=kind, width=7))
    generated = Generated.of(toy.spec.recipe.generator, tiny, 3, toy.initial)
    entrant = Entrant(None, toy.spec.recipe.placement, generator=generated)
    plain = Entrant(torch.zeros(3, tiny.width), toy.spec.recipe.placement)
    one, _ = class_scores(tiny, toy.readout, toy.data.selection, [entrant, plain], batch_size=8)
    (other,) = class_scores(tiny, toy.readout, toy.data.selection, [entrant], batch_size=1)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_a_plain_network(tiny: Backbone, kind: str, tmp_path: Path) -> None:
    toy = learn(tiny, Generator(kind=kind, width=5))
    job = toy.job(tmp_path)
    run = runs.Run.begin(job, tiny)
    batch = toy.data.train.batch(np.arange(6))
    (value,) = steps._gradients(tiny, [(job, run, batch)], 6)
    weights = toy.initial.clone().requires_grad_()
    generated = Generated.of(toy.spec.recipe.generator, tiny, 3, weights)
    state = tiny.below(batch, toy.spec.recipe.placement.insert_after)
    made = torch.stack([literal(generated, state.hidden[i, :n]) for i, n in enumerate(batch.mask.sum(1).tolist())])
    entered = tiny.enter(batch, made, toy.spec.recipe.placement)
    hidden = tiny.finish(entered, toy.readout.rows(batch))
    loss = losses(toy.readout.scores(hidden, batch), toy.readout.gold(batch)).mean()
    loss.backward()
    torch.testing.assert_close(value, loss.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(run.vectors.grad, weights.grad, rtol=1e-4, atol=1e-5)
    assert (weights.grad != 0).float().mean() > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["roberta", "gpt2", "t5"])
def test_training_lowers_the_loss_and_is_kept(family: str, kind: str, tmp_path: Path) -> None:
    tiny = make_tiny(family)
    toy = learn(tiny, Generator(kind=kind, width=8, dropout=0.1), steps=40, evaluate_every=20, learning_rate=0.01)
    prompt, health = toy.run(tmp_path)
    assert prompt.history[-1]["train_loss"] < prompt.history[0]["selection_loss"]
    assert health["parameters"] == toy.spec.recipe.generator.n_parameters(3, tiny.width)
    prompt.write(tmp_path)
    again = Prompt.read(tmp_path)
    weights = join_weights(toy.spec.recipe.generator, 3, tiny.width, again.generator)
    generated = Generated.of(toy.spec.recipe.generator, tiny, 3, weights)
    batch = toy.data.selection.batch(np.arange(len(toy.data.selection)))
    made = generated(tiny.below(batch, toy.spec.recipe.placement.insert_after), batch)
    np.testing.assert_allclose(again.vectors, made.mean(0), rtol=1e-4, atol=1e-5)
    assert not np.allclose(again.vectors, again.initial)


def test_a_killed_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    tiny = make_tiny("bert")
    toy = learn(tiny, Generator(kind="max_pool", width=8, dropout=0.2), steps=12, evaluate_every=4)
    whole, _ = toy.run(tmp_path / "whole")

    class Killed(Exception):
        pass

    taken = iter(range(100))

    def kill(_n: int) -> None:
        if next(taken) == 6:
            raise Killed

    with pytest.raises(Killed):
        toy.run(tmp_path / "killed", kill)
    again, _ = toy.run(tmp_path / "killed")
    for name, part in whole.generator.items():
        assert np.array_equal(part, again.generator[name])


def test_weight_decay_is_that_of_adamw_and_spares_biases(tiny_bert: Backbone, tmp_path: Path) -> None:
    spec = Generator(kind="average_pool", width=4)
    toy = learn(tiny_bert, spec, steps=3, weight_decay=0.3)
    job = toy.job(tmp_path)
    run = runs.Run.begin(job, tiny_bert)
    modules = [
        torch.nn.Parameter(part.clone()) for part in split_weights(spec, 3, tiny_bert.width, job.initial).values()
    ]
    rate = toy.spec.recipe.learning_rate
    peer = torch.optim.AdamW(
        [{"params": modules[::2], "weight_decay": 0.3}, {"params": modules[1::2], "weight_decay": 0.0}], lr=rate
    )
    for number in range(3):
        batch = toy.data.train.batch(np.arange(number, number + 8))
        steps._gradients(tiny_bert, [(job, run, batch)], 8)
        grads = split_weights(spec, 3, tiny_bert.width, run.vectors.grad)
        steps._update(job, run)
        for parameter, grad in zip(modules, grads.values(), strict=True):
            parameter.grad = grad.clone()
        peer.step()
        run.step += 1
    for mine, theirs in zip(split_weights(spec, 3, tiny_bert.width, run.vectors).values(), modules, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_a_generator_needs_something_below() -> None:
    with pytest.raises(ValidationError, match="a generator reads rows of the blocks below"):
        Recipe(generator=Generator(kind="bottleneck"))
    with pytest.raises(ValidationError, match="a generator reads rows of the blocks below"):
        Recipe(generator=Generator(kind="bottleneck"), placement=Placement(entry="block"))


def test_answers_are_not_read(tmp_path: Path) -> None:
    """A causal text that learns to write has its answer in its rows; the prompt must not be made of it."""
    tiny = make_tiny("gpt2")
    toy = learn(tiny, Generator(kind="average_pool", width=7))
    generated = Generated.of(toy.spec.recipe.generator, tiny, 3, toy.initial)
    plain = toy.data.train.batch(np.arange(4))
    longer = torch.cat([plain.ids, plain.ids[:, :3]], dim=1)
    lengths = plain.mask.sum(1)
    at = torch.arange(longer.shape[1])
    moved = torch.where(at < lengths[:, None], longer, 7)
    behind = dataclasses.replace(
        plain,
        ids=moved,
        mask=at < lengths[:, None] + 3,
        targets=torch.zeros(4, 3, dtype=torch.long),
        is_padded=True,
    )
    torch.testing.assert_close(
        generated(tiny.below(behind, 2), behind), generated(tiny.below(plain, 2), plain), rtol=1e-4, atol=1e-5
    )


def test_presets_have_the_paper_s_sizes() -> None:
    sizes = {
        name: recipe.generator.n_parameters(recipe.prompt_length, 1024)
        for name, recipe in presets.PRESETS.items()
        if recipe.generator is not None
    }
    assert sizes == {"lpt2022_bottleneck": 791_680, "lpt2022_average_pool": 263_296, "lpt2022_max_pool": 263_296}
    plain = presets.find("lpt2022")
    assert plain.prompt_length * 1024 == 20_480


def test_keys_leave_out_what_generators_do_not_use() -> None:
    made = Generator(kind="max_pool", width=8, dropout=0.3)
    one, other = (Recipe(generator=made, placement=late(1), initial=NormalInitial(std=std)) for std in (0.1, 0.2))
    assert one == other
    plain = Generator(kind="max_pool", width=8)
    assert RandomPrompt(seed=0, length=3, generator=made) == RandomPrompt(seed=0, length=3, generator=plain)
