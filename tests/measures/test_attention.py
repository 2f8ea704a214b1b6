"""Attention to prompts is what the stock model's own softmax says, and nobody is watched for longer than asked."""

import math

import numpy as np
import pytest
import torch
from backbones.stock import LOOPS, make_batch, prompt_of
from measures.influence_cases import EXAMPLES, P, at, case, measure, rows
from prompts.toy_training import READOUTS, TASK
from tiny import TINY, make_tiny

from transferkit.artifacts import Influence
from transferkit.backbones import Backbone
from transferkit.backbones.attention import weights
from transferkit.backbones.capture import observe_attention
from transferkit.batches import Encoded, encode
from transferkit.measures.influence import Subject
from transferkit.predictions import Entrant
from transferkit.readouts import make_readout
from transferkit.specs import Placement


def eager(name: str) -> Backbone:
    """A backbone whose stock model forms its attention and hands it out."""
    tiny = make_tiny(name)
    tiny.model.set_attn_implementation("eager")
    return tiny


@torch.enable_grad()
def measured(tiny: Backbone, placement: Placement) -> tuple[Encoded, torch.Tensor, Influence]:
    kind, vectors = READOUTS[tiny.kind], rows(0)
    encoded = encode(EXAMPLES, TASK, tiny, kind.kind, room=P)
    subject = Subject(Entrant(vectors, placement))
    return encoded, vectors, measure(make_readout(kind, tiny, TASK), encoded, [subject], n_gradients=1)[0]


def paid(attention: torch.Tensor) -> float:
    """Return the share that rows behind a prompt pay to it, mean over heads and rows [1,heads,S,S]."""
    return attention[0, :, P:, :P].double().sum(-1).mean().item()


@pytest.mark.parametrize("name", TINY)
@torch.no_grad()
def test_attention_and_likeness_are_those_of_the_stock_model(name: str) -> None:
    tiny = eager(name)
    encoded, vectors, found = measured(tiny, Placement())
    stock = tiny.base.encoder if tiny.kind == "encoder-decoder" else tiny.base
    n_seen = tiny.stack.n_encoder or tiny.n_blocks
    for i in (0, 2, 3):
        words = tiny.words(torch.tensor([encoded.ids[i]]))
        shown = torch.cat([vectors[None], words], dim=1)
        way, plain = (
            stock(
                inputs_embeds=each,
                attention_mask=torch.ones(each.shape[:2], dtype=torch.long),
                output_attentions=True,
                output_hidden_states=True,
            )
            for each in (shown, words)
        )
        shares = [paid(attention) for attention in way.attentions]
        np.testing.assert_allclose(found.by_block["attention"][:n_seen, i], shares, rtol=1e-4, atol=1e-6)
        assert max(shares) > 0.01
        # Some stock models norm the last of these rows already.
        pairs = list(zip(way.hidden_states[1:-1], plain.hidden_states[1:-1], strict=True))
        alike = [torch.cosine_similarity(one[0, P:], other[0], dim=-1).mean().item() for one, other in pairs]
        np.testing.assert_allclose(found.by_block["similarity"][: n_seen - 1, i], alike, rtol=1e-4, atol=1e-5)
    assert np.isnan(found.by_block["attention"][n_seen:]).all()
    assert not np.isnan(found.by_block["similarity"]).any()


@pytest.mark.parametrize(
    ("name", "path"), [("bert", "attention.self"), ("gpt2", "attn"), ("t5", "layer.0.SelfAttention")]
)
@torch.no_grad()
def test_attention_to_a_late_prompt_is_that_of_stock_blocks(name: str, path: str) -> None:
    tiny, seen = eager(name), []
    encoded, vectors, found = measured(tiny, at(2))
    for i in (0, 3):
        state = tiny.below(encoded.batch(np.array([i])), 2)
        joined = torch.cat([vectors[None], state.hidden], dim=1)
        hooks = [
            block.get_submodule(path).register_forward_hook(lambda _m, _i, out: seen.append(out[-1]))
            for block in tiny.blocks[: tiny.stack.n_encoder or None]
        ]
        seen.clear()
        LOOPS[tiny.config.model_type](tiny, joined, torch.ones(joined.shape[:2], dtype=torch.bool), 2)
        for hook in hooks:
            hook.remove()
        shares = [paid(attention) for attention in seen]
        assert len(shares) == 2
        np.testing.assert_allclose(found.by_block["attention"][:2, i], shares, rtol=1e-4)


@torch.no_grad()
def test_attention_to_a_decoder_prompt_is_that_of_the_stock_decoder() -> None:
    tiny = eager("t5")
    encoded, vectors, found = measured(tiny, at(tiny.stack.n_encoder))
    start = tiny.words(torch.tensor([[tiny.config.decoder_start_token_id]]))
    for i in range(len(encoded)):
        memory = tiny.base.encoder(input_ids=torch.tensor([encoded.ids[i]])).last_hidden_state
        out = tiny.base.decoder(
            inputs_embeds=torch.cat([vectors[None], start], dim=1),
            encoder_hidden_states=memory,
            output_attentions=True,
            use_cache=False,
        )
        shares = [paid(attention) for attention in out.attentions]
        assert len(shares) == len(found.by_block["attention"]) == 4
        np.testing.assert_allclose(found.by_block["attention"][:, i], shares, rtol=1e-4)


def test_behind_the_encoder_only_a_decoder_prompt_can_be_attended_to() -> None:
    of = case("t5")
    n_encoder = of.tiny.stack.n_encoder
    for subject, found in of.pairs:
        is_there = ~np.isnan(found.by_block["attention"]).any(axis=1)
        blocks = np.arange(subject.start, of.tiny.n_blocks)
        assert is_there.tolist() == (blocks < n_encoder if subject.start < n_encoder else blocks >= n_encoder).tolist()
        assert np.isnan(found.by_block["attention"])[~is_there].all()


# --- weights ---------------------------------------------------------------------------------------------------------
def test_weights_are_a_softmax_of_scaled_products() -> None:
    random = np.random.default_rng(0)
    query, key = random.normal(size=(2, 4, 3, 5)), random.normal(size=(2, 2, 6, 5))
    mask = np.where(random.random((2, 1, 3, 6)) < 0.3, -np.inf, random.normal(size=(2, 1, 3, 6)))
    mask[..., 0] = 0
    for scale, given in ((None, None), (0.7, mask)):
        found = weights(
            torch.from_numpy(query),
            torch.from_numpy(key),
            mask=None if given is None else torch.from_numpy(given).float(),
            scale=scale,
        )
        for b, h, r in np.ndindex(2, 4, 3):  # two heads of queries share one of keys
            products = [query[b, h, r] @ key[b, h // 2, k] * (scale or 1 / math.sqrt(5)) for k in range(6)]
            powers = np.exp(np.array(products) + (0 if given is None else given[b, 0, r]))
            np.testing.assert_allclose(found[b, h, r], powers / powers.sum(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["deberta-v3", "mistral", "t5"])
@torch.no_grad()
def test_what_each_row_pays_is_one_in_all_and_nothing_to_padding(name: str) -> None:
    tiny = make_tiny(name)
    batch = make_batch(tiny)
    state = tiny.enter(batch, prompt_of(tiny), at(1))
    with observe_attention(tiny) as seen:
        tiny.run(state, 1, tiny.n_blocks)
    assert len(seen) == tiny.n_blocks - 1
    for attention in seen:
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]))
    real = torch.cat([torch.ones(len(batch.ids), 4, dtype=torch.bool), batch.mask], dim=1)
    for i, n in enumerate(real.sum(1).tolist()):
        asking = slice(n - 4 if tiny.kind == "decoder" else n)  # rows of a shared prompt ask nothing
        assert seen[0].shape[2] == real.shape[1]
        assert not seen[0][i, asking, n:].any()


def test_nobody_watches_when_the_block_has_ended() -> None:
    tiny = make_tiny("bert")
    with pytest.raises(KeyError), observe_attention(tiny):
        raise KeyError
    assert tiny.stack.watch is None
    with observe_attention(tiny) as seen:
        pass
    tiny.run(tiny.embed(make_batch(tiny)), 0, 1)
    assert seen == []
