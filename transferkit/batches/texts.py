"""How texts are shown: template, special tokens, and cutting until all of it fits.

Only the inputs are cut, never the template or the mask.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from transferkit.errors import InputError
from transferkit.sources import ReadoutKind
from transferkit.tasks.base import Task

WRITING: tuple[ReadoutKind, ...] = ("seq2seq", "causal")
Rows = tuple[list[list[int]], list[list[int]] | None]


@dataclass(frozen=True)
class Frame:
    """What stands around the texts of a task for one kind of readout.

    Attributes:
        task: its columns, and its name in messages.
        tokenizer: of the backbone.
        readout: which of the task's templates is shown.
    """

    task: Task
    tokenizer: PreTrainedTokenizerBase
    readout: ReadoutKind

    @property
    def template(self) -> str:
        """The task's template for the readout."""
        return self.task.shown(self.readout)

    def rows(self, texts: Sequence[tuple[str, ...]]) -> Rows:
        """Return token ids and, where there are two segments and the family has them, token types of each example."""
        rendered = [self._render(columns) for columns in texts]
        first = [segments[0] for segments in rendered]
        second = [segments[1] for segments in rendered] if len(rendered[0]) > 1 else None
        out = self.tokenizer(first, second, truncation=False, verbose=False)
        types = out["token_type_ids"] if "token_type_ids" in out and second is not None else None
        ids = [_open(list(row), self.tokenizer, self.readout) for row in out["input_ids"]]
        return ids, None if types is None else [list(row) for row in types]

    def cut(self, texts: tuple[str, ...], limit: int) -> tuple[Rows, tuple[str, ...]]:
        """Cut the longest input, again and again, until the whole fits; return its rows and the texts as they were cut.

        Raises:
            InputError: the template alone does not fit.
        """
        while True:
            rows = self.rows([texts])
            if (excess := len(rows[0][0]) - limit) <= 0:
                return rows, texts
            spans = [
                self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
                for text in texts
            ]
            longest = max(range(len(texts)), key=lambda i: len(spans[i]))
            kept = len(spans[longest]) - excess
            if (kept < 0 and len(texts) == 1) or not spans[longest]:
                raise InputError(
                    f"task {self.task.name!r}: template {self.template!r} alone is longer than {limit} tokens",
                    fix="shorten the template, the prompt, or raise max_tokens",
                )
            # In front of the first token dropped: a character may be several tokens, and must then go with all of them.
            end = spans[longest][max(0, kept)][0]
            texts = tuple(text[:end] if i == longest else text for i, text in enumerate(texts))

    def _render(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Return the one or two segments of an example."""
        shown = self.template.replace("{mask}", str(self.tokenizer.mask_token or ""))
        segments = [segment.strip() for segment in shown.split("{sep}")]
        # One pass: a text that itself holds "{column}" is left as it is.
        fields = {f"{{{column}}}": text for column, text in zip(self.task.inputs, texts, strict=True)}
        places = re.compile("|".join(map(re.escape, fields)))
        filled = tuple(places.sub(lambda found: fields[found[0]], segment) for segment in segments)
        if self.readout not in WRITING:
            return filled
        return (filled[0].rstrip() + line_end(self.template),)


def line_end(template: str) -> str:
    """Return the line ends and tabs a template closes with: what is written then begins without a space."""
    return re.sub(r"[^\n\t]", "", template[len(template.rstrip()) :])


def escaped(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return the texts with special tokens defused: "[MASK]" written by a user is no second mask."""
    special = [token for token in tokenizer.all_special_tokens if len(token) > 2]
    for token in special:
        texts = [text.replace(token, f"{token[0]} {token[1:-1]} {token[-1]}") for text in texts]
    return tuple(texts)


def empty_row(tokenizer: PreTrainedTokenizerBase, readout: ReadoutKind) -> list[int]:
    """Return the token ids of a text without words: special tokens, and the mask where the readout reads one."""
    text = str(tokenizer.mask_token) if readout == "masked" else ""
    return _open(list(tokenizer(text)["input_ids"]), tokenizer, readout)


def special_id(found: object) -> int:
    """Return a special token's id; 0 where the tokenizer has none (a pad id nobody then reads)."""
    return found if isinstance(found, int) else 0


def _open(row: list[int], tokenizer: PreTrainedTokenizerBase, readout: ReadoutKind) -> list[int]:
    """Return a row as a readout can use it: nothing closes a causal text, and one of the writing kinds is never empty.

    Raises:
        InputError: the text is empty, and the tokenizer has nothing to begin it with.
    """
    begin, end = (_known(token) for token in (tokenizer.bos_token_id, tokenizer.eos_token_id))
    while readout == "causal" and row and row[-1] == end:
        row = row[:-1]
    if row or readout not in WRITING:
        return row
    first = end if begin is None else begin
    if first is None:
        raise InputError(
            "an empty text has no token at all: the tokenizer names neither a token of beginning nor one of end",
            fix="set bos_token or eos_token in tokenizer_config.json",
        )
    return [first]


def _known(found: object) -> int | None:
    return found if isinstance(found, int) else None
