"""How the vocabulary in a GGUF file becomes a `tokenizer.json`.

The file holds tokens, their kinds and, for a byte-level vocabulary, the merges. How a text is cut before tokens are
looked up is only named (`pre`), or follows from the kind of vocabulary.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from transferkit.catalogue.convert.gguf_file import Gguf
from transferkit.errors import StoreError

CONTROL, USER_DEFINED = 3, 4  # kinds of tokens that are found in a text before anything else
SPACE = "▁"
ROLES = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
# `pre` as llama.cpp names it → what cuts a text. SmolLM2's takes each digit by itself first.
CUTS: Mapping[str, dict[str, Any]] = {
    "smollm": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]},
}


def tokenizer_config(gguf: Gguf) -> dict[str, object]:
    """Return what `tokenizer_config.json` says beside a `tokenizer.json`."""
    tokens = gguf.said["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{role: tokens[gguf.said[f"tokenizer.ggml.{name}_token_id"]] for role, name in ROLES.items()},
        "model_max_length": gguf.size("context_length"),
        "model_input_names": ["input_ids", "attention_mask"],  # the models take no token_type_ids
    }


def byte_level_tokenizer(gguf: Gguf) -> dict[str, object]:
    """Return the `tokenizer.json` of a byte-level vocabulary with merges.

    Raises:
        StoreError: the file names a way to cut texts that is not known.
    """
    if (cut := gguf.said["tokenizer.ggml.pre"]) not in CUTS:
        raise StoreError(f"the file of weights cuts texts by {cut!r}, which is not known", fix="report this")
    merges = [merge.split(" ") for merge in gguf.said["tokenizer.ggml.merges"]]
    return {
        **_frame(gguf, gguf.said["tokenizer.ggml.tokens"]),
        "pre_tokenizer": CUTS[cut],
        "decoder": {**BYTE_LEVEL, "add_prefix_space": True},
        "model": _bpe(gguf.said["tokenizer.ggml.tokens"], merges),
    }


def sentencepiece_tokenizer(gguf: Gguf) -> dict[str, object]:
    """Return the `tokenizer.json` of a sentencepiece vocabulary, whose merges follow from the order of its tokens."""
    stored = gguf.said["tokenizer.ggml.tokens"]
    tokens = [token.replace(" ", SPACE) for token in stored]  # runs of spaces are stored as such
    unknown = tokens[gguf.said["tokenizer.ggml.unknown_token_id"]]
    return {
        **_frame(gguf, stored),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": _bpe(tokens, list(_iter_merges(tokens)), unk_token=unknown, fuse_unk=True, byte_fallback=True),
    }


def _iter_merges(tokens: list[str]) -> Iterator[list[str]]:
    """Every way to put a token together from two others: earlier tokens first, of one token the longest left part."""
    known = set(tokens)
    for token in tokens:
        for cut in range(len(token) - 1, 0, -1):
            if token[:cut] in known and token[cut:] in known:
                yield [token[:cut], token[cut:]]


def _bpe(tokens: list[str], merges: list[list[str]], **options: object) -> dict[str, object]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        **options,
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": merges,
    }


def _frame(gguf: Gguf, tokens: list[str]) -> dict[str, object]:
    """What stands around either kind of vocabulary: tokens that are never cut, and one in front of a text if asked."""
    kinds = gguf.said["tokenizer.ggml.token_type"]
    fixed = [
        {
            "id": number,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == CONTROL,
        }
        for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind == CONTROL or (kind == USER_DEFINED and token.strip(" "))
    ]
    frame: dict[str, object] = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": fixed}
    frame |= {"normalizer": None, "pre_tokenizer": None, "post_processor": None}
    if gguf.said["tokenizer.ggml.add_bos_token"]:
        number = gguf.said["tokenizer.ggml.bos_token_id"]
        frame["post_processor"] = _in_front(tokens[number], number)
    return frame


def _in_front(token: str, number: int) -> dict[str, object]:
    def part(kind: str, name: str, side: int) -> dict[str, object]:
        return {kind: {"id": name, "type_id": side}}

    first = [part("SpecialToken", token, 0), part("Sequence", "A", 0)]
    return {
        "type": "TemplateProcessing",
        "single": first,
        "pair": [*first, part("SpecialToken", token, 1), part("Sequence", "B", 1)],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }
