"""What is written is the argmax of our own stack, token by token, however texts are batched and prompts placed."""

import copy

import numpy as np
import pytest
import torch
from tiny import CAUSAL, SEQ2SEQ, make_tiny
from torch import Tensor
from toy_writing import encoded, rows, stock_logits
from transformers import GenerationConfig

from transferkit import generation
from transferkit.backbones import Backbone
from transferkit.backbones.loading import Shape
from transferkit.errors import InputError
from transferkit.generation import check_beams, write, write_tokens
from transferkit.specs import Placement
from transferkit.tasks.base import Answer

ANSWER = Answer(max_new_tokens=4)
FRONT = (Placement(), Placement(where="after_first"), Placement(where="end"))
BLOCKS = (
    Placement(entry="block"),
    Placement(entry="block", insert_after=1),
    Placement(entry="block", insert_after=3, where="after_first"),
)


VARIANTS = ("mistral", "qwen2", "mt5")  # share all but details with another family
WRITERS = [pytest.param(n, marks=pytest.mark.slow if n in VARIANTS else ()) for n in (*CAUSAL, *SEQ2SEQ)]


@pytest.fixture(scope="module", params=WRITERS)
def writer(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


@pytest.fixture(params=["gpt2", "llama", "t5-v1.1"])
def some(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


def texts(backbone: Backbone) -> list[list[int]]:
    return [list(ids) for ids in encoded(backbone).ids]


def batch_of(backbone: Backbone, *index: int):
    return encoded(backbone).unanswered.batch(np.array(index or range(5)))


def literal(backbone: Backbone, prompt: Tensor | None, where: str) -> list[list[int]]:
    """The likeliest token of the stock model's whole vocabulary, again and again, over one text at a time."""
    found = []
    for text in texts(backbone):
        said: list[int] = []
        while len(said) < ANSWER.max_new_tokens:
            token = stock_logits(backbone, text, said, prompt, where)[-1].argmax().item()
            if token == backbone.tokenizer.eos_token_id:
                break
            said.append(token)
        found.append(said)
    return found


@pytest.mark.parametrize("placement", [None, *FRONT], ids=lambda placement: placement and placement.where)
def test_writing_is_the_argmax_of_the_stock_model(writer: Backbone, placement: Placement | None) -> None:
    prompt = None if placement is None else rows(3, 0)
    placement = placement or Placement()
    groups = None if prompt is None else prompt.unsqueeze(0)
    found = write_tokens(writer, batch_of(writer), groups, placement, ANSWER)
    assert found == literal(writer, prompt, placement.where)
    assert [write_tokens(writer, batch_of(writer, i), groups, placement, ANSWER)[0] for i in (0, 1)] == found[:2]
    said = [writer.tokenizer.decode(tokens, skip_special_tokens=True).strip() for tokens in found]
    assert write(writer, batch_of(writer), groups, placement, ANSWER) == said


def test_a_prompt_changes_what_is_written(writer: Backbone) -> None:
    found = {tuple(write(writer, batch_of(writer), rows(3, seed)[None], Placement(), ANSWER)) for seed in range(6)}
    assert len(found) > 1


def own_loop(backbone: Backbone, prompt: Tensor, placement: Placement) -> list[list[int]]:
    """Teacher forcing upside down: the tokens written so far are the targets, and the last row predicts the next."""
    found = []
    for i in range(5):
        said: list[int] = []
        while len(said) < ANSWER.max_new_tokens:
            kept = encoded(backbone)
            kept.written.tokens[i][:] = [*said, 0]
            batch = kept.batch(np.array([i]))
            state = backbone.enter(batch, prompt, placement)
            token = backbone.read(state, batch.target_rows[:, -1:])[0, 0].argmax().item()
            if token == backbone.tokenizer.eos_token_id:
                break
            said.append(token)
        found.append(said)
    return found


@pytest.mark.parametrize("placement", BLOCKS)
def test_writing_behind_a_prompt_above_the_words_is_the_argmax_of_our_stack(
    writer: Backbone, placement: Placement
) -> None:
    if placement.insert_after >= writer.n_blocks:
        pytest.skip("no such block")
    prompt = rows(3, 0)
    with torch.no_grad():
        expected = own_loop(writer, prompt, placement)
    found = write_tokens(writer, batch_of(writer), prompt[None], placement, ANSWER)
    assert found == expected
    assert [write_tokens(writer, batch_of(writer, i), prompt[None], placement, ANSWER)[0] for i in (0, 1)] == found[:2]


@pytest.mark.parametrize("insert_after", [4, 5, 6])
@pytest.mark.parametrize("where", ["front", "after_first"])
def test_writing_behind_a_prompt_in_the_decoder(insert_after: int, where: str) -> None:
    t5, prompt = make_tiny("t5-v1.1"), rows(3, 0) * 3
    placement = Placement(entry="block", insert_after=insert_after, where=where)
    with torch.no_grad():
        expected = own_loop(t5, prompt, placement)
    assert write_tokens(t5, batch_of(t5), prompt[None], placement, ANSWER) == expected


def test_where_both_ways_lead_they_lead_to_the_same(some: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token by token, also where the library would do."""
    prompt = rows(3, 0)[None]
    library = [write_tokens(some, batch_of(some), prompt, placement, ANSWER) for placement in FRONT[:2]]
    if some.kind == "encoder-decoder":
        pytest.skip("the encoder's rows are the same for both")
    monkeypatch.setattr(generation, "continues", lambda _backbone, _placement: False)
    assert [write_tokens(some, batch_of(some), prompt, placement, ANSWER) for placement in FRONT[:2]] == library


@pytest.mark.parametrize("placement", [Placement(), Placement(entry="block", insert_after=1)])
def test_groups_of_examples_have_their_own_prompts(some: Backbone, placement: Placement) -> None:
    prompts = torch.stack([rows(3, seed) for seed in range(3)])
    together = write_tokens(some, batch_of(some).tile(3), prompts, placement, ANSWER)
    alone = [text for one in prompts for text in write_tokens(some, batch_of(some), one[None], placement, ANSWER)]
    assert together == alone
    assert len(set(map(tuple, together))) > 1


def test_everywhere_is_everywhere_in_what_is_written() -> None:
    gemma, prompt = make_tiny("gemma3"), rows(3, 0)
    near, far = (Placement(visibility=seen) for seen in ("window", "everywhere"))
    with torch.no_grad():
        expected = [own_loop(gemma, prompt, placement) for placement in (near, far)]
    assert [
        write_tokens(gemma, batch_of(gemma), prompt[None], placement, ANSWER) for placement in (near, far)
    ] == expected
    assert expected[0] != expected[1]


# --- ends ------------------------------------------------------------------------------------------------------------
def talkative(backbone: Backbone, *ends: int) -> Backbone:
    """The same backbone with ends of text that its files name, and settings nobody here asked for."""
    found = copy.copy(backbone)
    found.model = copy.deepcopy(backbone.model)
    found.model.generation_config = GenerationConfig(
        eos_token_id=list(ends), do_sample=True, temperature=9.0, repetition_penalty=5.0, min_length=5, num_beams=3
    )
    return found


def test_settings_of_a_models_files_have_no_say_but_its_ends_do(some: Backbone) -> None:
    prompt = rows(3, 0)[None]
    plain = write(some, batch_of(some), prompt, Placement(), ANSWER)
    chatty = talkative(some, 3)
    assert write(chatty, batch_of(some), prompt, Placement(), ANSWER) == plain
    assert chatty.model.generation_config.num_beams == 3
    longest = max(plain, key=lambda text: len(text.split())).split()
    assert longest
    end = some.tokenizer.convert_tokens_to_ids(longest[-1])
    for placement in (Placement(), Placement(entry="block")):
        for text in write(talkative(some, 3, end), batch_of(some), prompt, placement, ANSWER):
            assert longest[-1] not in text.split()


@pytest.mark.parametrize("most", [1, 2, 4])
@pytest.mark.parametrize("placement", [Placement(), Placement(entry="block")])
def test_no_more_is_written_than_asked_for(some: Backbone, most: int, placement: Placement) -> None:
    prompt = rows(3, 1)[None]
    whole = write(some, batch_of(some), prompt, placement, ANSWER)
    for text, full in zip(
        write(some, batch_of(some), prompt, placement, Answer(max_new_tokens=most)), whole, strict=True
    ):
        assert full.startswith(text)
        assert len(text.split()) <= most


# --- beams -----------------------------------------------------------------------------------------------------------
def test_beams_find_likelier_texts(some: Backbone) -> None:
    def chance(said: list[int], i: int, prompt: Tensor) -> float:
        tokens = [*said, 3] if len(said) < 3 else said
        logits = stock_logits(some, texts(some)[i], tokens[:-1], prompt)
        return logits.log_softmax(-1)[range(len(tokens)), tokens].sum().item() / len(tokens)

    one, many = (Answer(max_new_tokens=3, beams=n) for n in (1, 4))
    gains = []
    for seed in range(3):
        prompt = rows(3, seed)
        greedy, wide = (write_tokens(some, batch_of(some), prompt[None], Placement(), beams) for beams in (one, many))
        gains += [chance(wide[i], i, prompt) - chance(greedy[i], i, prompt) for i in range(5)]
        alone = [write_tokens(some, batch_of(some, i), prompt[None], Placement(), many)[0] for i in range(5)]
        assert alone == wide
    assert min(gains) > -1e-5
    assert max(gains) > 1e-3


@pytest.mark.parametrize(
    ("name", "placement", "fix"),
    [
        ("t5", Placement(entry="block", insert_after=4), "insert_after below 4, in its encoder"),
        ("gpt2", Placement(entry="block"), 'entry = "words"'),
        ("gemma3", Placement(visibility="everywhere"), 'visibility = "window"'),
    ],
)
def test_beams_are_refused_where_they_cannot_be_had(name: str, placement: Placement, fix: str) -> None:
    backbone, wide = make_tiny(name), Answer(beams=2)
    with pytest.raises(InputError, match=rf"beams = 2 cannot be had on 'tiny-{name}'.*\n.*beams = 1.*{fix}"):
        write(backbone, batch_of(backbone), rows(3, 0)[None], placement, wide)
    check_beams(Answer(), placement, Shape.of(backbone.config), name)
    check_beams(wide, Placement(), Shape.of(backbone.config), name)
    write(backbone, batch_of(backbone, 0), None, placement, Answer(max_new_tokens=2, beams=2))
