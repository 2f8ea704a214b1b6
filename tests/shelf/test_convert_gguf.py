"""GGUF files → folders: tiny invented files against what went in and what transformers makes of them; real ones."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from transferkit import catalogue
from transferkit.catalogue.convert import CONVERTERS
from transferkit.catalogue.entries import ENTRIES
from transferkit.catalogue.placing import sha256_of
from transferkit.errors import StoreError

gguf = pytest.importorskip("gguf", reason="gguf is not installed: pip install 'transferkit[quickstart]'")

NORMAL, CONTROL, USER_DEFINED, BYTE = 1, 3, 4, 6
WIDTH, HEADS, KV_HEADS, FEED_FORWARD = 32, 4, 2, 64
HEAD_WIDTH = {"llama": 8, "gemma3": 256}  # transformers takes the second for granted
TEXTS = [
    "The capital of France is",
    " leading",
    "two  and   three    spaces",
    "trailing  ",
    "   ",
    "",
    "1 22 333 4,567.89 and 3rd",
    "don't I'll THEY'RE",
    "naïve Über é 中文 Привет",
    "😀🎉 🇫🇷",
    "line\nbreak\n\nparagraph\r\n\ttab",
    "year 1999\n\n2000,  42",
    "<|im_start|>user\nHi<|im_end|><bos>x<eos><start_of_turn><unused5><pad>",
    "▁▁ literal",
    "\x00\x07 a\u00a0b\u200bc",
    "<table><b>x</b></table>",
]


def byte_letters() -> list[str]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return list(bytes_to_unicode().values())


def write_file(path: Path, architecture: str, tensors: dict[str, np.ndarray], tokens: list[str], kinds: list[int]):
    """Write a file with what both architectures say alike; returns the writer, for what only one says."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    for name, number in (("bos", 0), ("eos", 1), ("unk", 2), ("pad", 1)):
        getattr(writer, f"add_{name}_token_id")(number)
    for name, value in tensors.items():
        writer.add_tensor(name, value)
    return writer


def finish(writer) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def decoder(n_tokens: int, norms: dict[str, str], head_width: int) -> dict[str, np.ndarray]:
    """Return random weights by the names transformers has for them, each a number that 16 bits can hold."""
    from transferkit.catalogue.convert.gguf_file import DENSE

    rng = np.random.default_rng(0)
    inner = {"q_proj": HEADS * head_width, "k_proj": KV_HEADS * head_width, "v_proj": KV_HEADS * head_width}
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens": (n_tokens, WIDTH), "model.norm": (WIDTH,)}
    for block in range(2):
        for part in DENSE.values():
            last = part.split(".")[-1]
            n_out = FEED_FORWARD if last in ("gate_proj", "up_proj") else inner.get(last, WIDTH)
            n_in = FEED_FORWARD if last == "down_proj" else inner["q_proj"] if last == "o_proj" else WIDTH
            shapes[f"model.layers.{block}.{part}"] = (n_out, n_in)
        for part in norms.values():
            shapes[f"model.layers.{block}.{part}"] = (head_width if part.startswith("self_attn") else WIDTH,)
    return {f"{name}.weight": rng.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}


def llama_cpp_names(norms: dict[str, str]) -> dict[str, str]:
    """What llama.cpp calls the tensors, by the names transformers has for them."""
    from transferkit.catalogue.convert.gguf_file import DENSE, TABLES

    names = {f"{ours}.weight": f"{theirs}.weight" for theirs, ours in TABLES.items()}
    for block in range(2):
        for theirs, ours in {**DENSE, **norms}.items():
            names[f"model.layers.{block}.{ours}.weight"] = f"blk.{block}.{theirs}.weight"
    return names


def interleave(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """What llama.cpp does to the rows of a Llama's queries and keys."""
    return weight.reshape(n_heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


@pytest.fixture(scope="module")
def tiny_llama(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """A folder with the GGUF file of a tiny Llama, and its weights."""
    from transferkit.catalogue.convert.llama import NORMS

    merges = ["Ġ t", "h e", "Ġt he", "Ġ Ġ", "ĠĠ ĠĠ", "Ċ Ċ", "i n"]
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    tokens = [*special, *byte_letters(), *(merge.replace(" ", "") for merge in merges)]
    weights = decoder(len(tokens), NORMS, HEAD_WIDTH["llama"])
    tensors = {}
    for ours, theirs in llama_cpp_names(NORMS).items():
        n_heads = HEADS if "q_proj" in ours else KV_HEADS if "k_proj" in ours else None
        value = weights[ours].astype(np.float32)
        tensors[theirs] = value if n_heads is None else interleave(value, n_heads)
    folder = tmp_path_factory.mktemp("llama")
    kinds = [CONTROL] * len(special) + [NORMAL] * (len(tokens) - len(special))
    writer = write_file(folder / "tiny.gguf", "llama", tensors, tokens, kinds)
    writer.add_vocab_size(len(tokens))
    writer.add_rope_dimension_count(HEAD_WIDTH["llama"])
    writer.add_rope_freq_base(100000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_merges(merges)
    writer.add_add_bos_token(False)
    finish(writer)
    return folder, weights


@pytest.fixture(scope="module")
def tiny_gemma(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """A folder with the GGUF file of a tiny Gemma, and its weights."""
    from transferkit.catalogue.convert.gemma3 import NORMS

    special = ["<bos>", "<eos>", "<unk>", "<pad>", "<unused5>"]
    typed = ["\n", "\n\n", "  ", "   ", "<table>"]
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    plain = ["th", "▁th", "▁the", "he", "▁the▁", *"▁abcdefghilmnoprstuvwxyzTF123.,'", "in", "▁in"]
    tokens = [*special, *typed, *octets, *plain]
    kinds = [CONTROL] * len(special) + [USER_DEFINED] * len(typed) + [BYTE] * 256 + [NORMAL] * len(plain)
    weights = decoder(len(tokens), NORMS, HEAD_WIDTH["gemma3"])
    tensors = {theirs: weights[ours].astype(np.float32) for ours, theirs in llama_cpp_names(NORMS).items()}
    tensors = {name: value + 1 if "norm" in name else value for name, value in tensors.items()}
    folder = tmp_path_factory.mktemp("gemma")
    writer = write_file(folder / "tiny.gguf", "gemma3", tensors, tokens, kinds)
    writer.add_key_length(HEAD_WIDTH["gemma3"])
    writer.add_value_length(HEAD_WIDTH["gemma3"])
    writer.add_sliding_window(16)
    writer.add_rope_freq_base(1000000.0)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_scores([-float(number) for number in range(len(tokens))])
    writer.add_add_bos_token(True)
    finish(writer)
    return folder, weights


def converted(name: str, source: Path, target: Path) -> Path:
    target.mkdir()
    CONVERTERS[name](source, target, {})
    return target


@pytest.mark.parametrize(("name", "made"), [("llama", "tiny_llama"), ("gemma3", "tiny_gemma")])
def test_weights_come_out_as_they_went_in_twice_the_same(request, tmp_path, name, made):
    from safetensors.numpy import load_file

    folder, weights = request.getfixturevalue(made)
    one, two = (converted(name, folder, tmp_path / run) for run in ("one", "two"))
    written = load_file(one / "model.safetensors")
    assert written.keys() == weights.keys()
    for tensor, value in weights.items():  # the norms of a Gemma lose a bit where one was added to them
        assert written[tensor].dtype == np.float16
        np.testing.assert_allclose(written[tensor], value, rtol=1e-3, atol=1e-6, err_msg=tensor)
    assert [sha256_of(path) for path in sorted(one.iterdir())] == [sha256_of(path) for path in sorted(two.iterdir())]


@pytest.mark.parametrize(("name", "made"), [("llama", "tiny_llama"), ("gemma3", "tiny_gemma")])
@pytest.mark.filterwarnings("ignore")  # of a library on its way to reading the file
def test_transformers_makes_the_same_of_the_file(request, tmp_path, name, made):
    folder, _ = request.getfixturevalue(made)
    compare(converted(name, folder, tmp_path / "ours"), folder / "tiny.gguf")


def test_tensors_are_restored_from_blocks(tmp_path):
    from transferkit.catalogue.convert.gguf_file import read_gguf

    value = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    writer = gguf.GGUFWriter(tmp_path / "tiny.gguf", "llama")
    errors = {"Q8_0": 0.02, "Q4_1": 0.2, "F16": 0.002}
    for kind in errors:
        stored = gguf.quants.quantize(value, gguf.GGMLQuantizationType[kind])
        writer.add_tensor(kind, stored, raw_dtype=gguf.GGMLQuantizationType[kind])
    finish(writer)
    read = read_gguf(tmp_path, "llama")
    for kind, error in errors.items():
        assert read.restore(kind).shape == value.shape
        assert 0 < np.abs(read.restore(kind) - value).max() < error


def test_a_byte_level_text_is_cut_as_the_file_says(tiny_llama, tmp_path):
    from tokenizers import Tokenizer

    folder = converted("llama", tiny_llama[0], tmp_path / "ours")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def tokens(text: str) -> list[str]:
        return tokenizer.encode(text).tokens

    assert tokens("in the 42") == ["in", "Ġthe", "Ġ", "4", "2"]
    assert tokens("\n\n20  7") == ["ĊĊ", "2", "0", "ĠĠ", "7"]  # white space in front of a digit stays together
    assert tokens("<|im_start|>the") == ["<|im_start|>", "t", "he"]


def test_a_sentencepiece_text_begins_with_its_token_and_falls_back_to_bytes(tiny_gemma, tmp_path):
    from tokenizers import Tokenizer

    folder = converted("gemma3", tiny_gemma[0], tmp_path / "ours")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def tokens(text: str) -> list[str]:
        return tokenizer.encode(text).tokens

    assert tokens("in the end") == ["<bos>", "in", "▁the▁", "e", "n", "d"]
    assert tokens("  é") == ["<bos>", "▁▁", "<0xC3>", "<0xA9>"]
    assert tokens("<table>\n\n") == ["<bos>", "<table>", "\n\n"]
    special = {token["content"]: token["special"] for token in json.loads(tokenizer.to_str())["added_tokens"]}
    assert special["<unused5>"]
    assert not special["<table>"]


def test_what_is_not_known_is_refused(tiny_llama, tmp_path):
    from transferkit.catalogue.convert.gguf_file import read_gguf
    from transferkit.catalogue.convert.gguf_tokenizer import byte_level_tokenizer

    with pytest.raises(StoreError, match="architecture 'llama'"):
        converted("gemma3", tiny_llama[0], tmp_path / "ours")
    read = read_gguf(tiny_llama[0], "llama")
    with pytest.raises(StoreError, match="cuts texts by 'other'"):
        byte_level_tokenizer(type(read)({**read.said, "tokenizer.ggml.pre": "other"}, {}))


@pytest.mark.parametrize("change", ["lacks", "holds"])
def test_another_set_of_tensors_is_refused(tiny_llama, tmp_path, monkeypatch, change):
    from transferkit.catalogue.convert import gguf_file, llama

    def altered(folder: Path, architecture: str) -> gguf_file.Gguf:
        read = gguf_file.read_gguf(folder, architecture)
        tensors = dict(read.tensors)
        last = tensors.pop("output_norm.weight")
        return gguf_file.Gguf(read.said, tensors if change == "lacks" else {**read.tensors, "output.weight": last})

    monkeypatch.setattr(llama, "read_gguf", altered)
    with pytest.raises(StoreError, match=rf"{change} (model\.norm|output)\.weight"):
        converted("llama", tiny_llama[0], tmp_path / "ours")


def compare(ours: Path, file: Path) -> None:
    """Compare a folder with what transformers itself makes of the GGUF file: names, weights, logits, ids, texts.

    One difference is meant: transformers knows no `pre = smollm`, and would not take each digit by itself first.
    """
    import torch
    from tokenizers.pre_tokenizers import Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        reference = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
        theirs = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (ImportError, ValueError) as error:
        pytest.skip(f"transformers cannot read this file here: {error}")
    if reference.config.model_type == "llama":
        backend = theirs.backend_tokenizer
        backend.pre_tokenizer = Sequence([Digits(individual_digits=True), backend.pre_tokenizer])
    tokenizer = AutoTokenizer.from_pretrained(ours)
    assert [tokenizer(text).input_ids for text in TEXTS] == [theirs(text).input_ids for text in TEXTS]
    assert "token_type_ids" not in tokenizer("a")
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (theirs.bos_token_id, theirs.eos_token_id)
    assert tokenizer.pad_token_id == theirs.pad_token_id
    model, report = AutoModelForCausalLM.from_pretrained(ours, dtype=torch.float32, output_loading_info=True)
    assert not any(report.values())
    exact = reference.state_dict()
    rounded = {name: value.half().float() for name, value in exact.items()}
    assert model.state_dict().keys() == rounded.keys()
    assert all(torch.equal(value, rounded[name]) for name, value in model.eval().state_dict().items())
    reference.load_state_dict(rounded)
    reference.tie_weights()
    ids = torch.tensor([theirs("The capital of France is in the").input_ids])
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, reference(ids).logits, rtol=0, atol=1e-5)


def source(name: str) -> tuple[Path, Path]:
    """The folder of a fetched entry, and the GGUF file it was made from, which the cache does not keep."""
    if not catalogue.is_ready(name):
        pytest.skip(f"{ENTRIES[name].distributions[0].requirement} has not been fetched: skipped")
    (wanted,) = ENTRIES[name].files
    folder = os.environ.get("GGUF_FILES")
    if folder is None or not (file := Path(folder) / wanted).is_file():
        pytest.skip(f"set GGUF_FILES to a folder with {wanted}: skipped")
    return catalogue.folder(name), file


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m"])
def test_a_real_file_is_what_transformers_makes_of_it(name):
    compare(*source(name))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "begins"), [("smollm2-135m", " Paris."), ("gemma3-270m", " the")])
def test_a_fetched_model_goes_on_sensibly(name, begins):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not catalogue.is_ready(name):
        pytest.skip(f"{ENTRIES[name].distributions[0].requirement} has not been fetched: skipped")
    folder = catalogue.folder(name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    batch = tokenizer("The capital of France is", return_tensors="pt")
    made = model.generate(**batch, max_new_tokens=5, do_sample=False)[0, batch["input_ids"].shape[1] :]
    assert tokenizer.decode(made).startswith(begins)
