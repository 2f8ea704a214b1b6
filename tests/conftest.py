"""Tiny random backbones of every family, toy tasks and options shared by all tests; no network, no weights."""

import dataclasses
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    MPNetConfig,
    MPNetForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from transferkit.backbones import Backbone
from transferkit.specs import BackboneSpec
from transferkit.tasks.base import Label, LocalData, Sizes, Task

torch.set_num_threads(1)  # tiny models: a second thread only waits

WORDS = (
    "good bad nice awful great terrible film food the a it was very not really sport money vote cell phone . ! ?"
    " negative positive neutral"
).split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SMALL = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reference", type=Path, default=None, help="folder of the papers' published files")
    parser.addoption("--regen", action="store_true", help="rewrite golden files; review the diff")


@pytest.fixture(scope="session")
def reference(request: pytest.FixtureRequest) -> Path:
    folder = request.config.getoption("--reference")
    if folder is None or not folder.is_dir():
        pytest.skip("published files not at hand: pass --reference=DIR (with the equals sign)")
    return folder


@pytest.fixture(scope="session")
def regen(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--regen")


def toy_tokenizer(*, types: bool = True) -> PreTrainedTokenizerFast:
    vocabulary = {token: i for i, token in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if types else [])],
    )


def _config(family: str) -> torch.nn.Module:
    vocabulary = len(SPECIAL) + len(WORDS)
    shared = {"vocab_size": vocabulary, "max_position_embeddings": 66, "pad_token_id": 0}
    if family == "bert":
        return BertForMaskedLM(BertConfig(**SMALL, **shared))
    if family == "roberta":
        return RobertaForMaskedLM(RobertaConfig(**SMALL, **shared | {"pad_token_id": 1}, type_vocab_size=1))
    if family == "mpnet":
        return MPNetForMaskedLM(MPNetConfig(**SMALL, **shared | {"pad_token_id": 1}))
    return DistilBertForMaskedLM(DistilBertConfig(**shared, dim=32, n_layers=4, n_heads=4, hidden_dim=64))


TINY = ("bert", "roberta", "distilbert", "mpnet")


def make_tiny(family: str, *, seed: int = 0, spread: float = 4.0) -> Backbone:
    """A random backbone; weights are spread out so that attention is far from uniform."""
    torch.manual_seed(seed)
    model = _config(family)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(spread)
            elif "bias" in name:
                parameter.normal_(0, 0.1)
    spec = BackboneSpec(name=f"tiny-{family}", revision="0")
    tokenizer = toy_tokenizer(types=family in ("bert", "roberta"))
    return Backbone(model, tokenizer, spec=spec, upstream=f"tiny/{family}")


@pytest.fixture(scope="session", params=TINY)
def tiny(request: pytest.FixtureRequest) -> Backbone:
    return make_tiny(request.param)


@pytest.fixture(scope="session")
def tiny_bert() -> Backbone:
    return make_tiny("bert")


POSITIVE = ["the film was good", "a nice film !", "great food , really great", "it was very nice", "really good food"]
NEGATIVE = ["the film was bad", "an awful film !", "terrible food , really bad", "it was very awful", "really bad food"]


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    extra = ["the", "a", "it was", "very", "film", "food", "really", "not", ". the", "! it"]
    lines = ["text,label"]
    for tail in extra:
        lines += [f'"{text} {tail}",pos' for text in POSITIVE] + [f'"{text} {tail}",neg' for text in NEGATIVE]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def toy_task(toy_file: Path) -> Task:
    return Task(
        name="toy",
        source=LocalData(train=str(toy_file), sha256="0"),
        labels=(
            Label(value="neg", word="bad", description="a bad film"),
            Label(value="pos", word="good", description="a good film"),
        ),
        sizes=Sizes(train=48, selection=16, report=20),
        max_tokens=32,
    )


def with_sizes(task: Task, **sizes: int | None) -> Task:
    return dataclasses.replace(task, sizes=Sizes(**sizes))
